"""Places on streets, many at a time: where each lies on the network, and the seconds from many to many of them.

What is kept of a place is its street and how far along it lies. Both stay true while streets are closed, so only times
are reckoned anew.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ._profiles import MODES, Mode
from ._roads import Roads

GOALS_A_BLOCK = 64

Matrix = Callable[[NDArray[np.int64], NDArray[np.int64], float, Mode], Awaitable[NDArray[np.float32]]]


class Places(NamedTuple):
    """Places joined to the streets of one mode: edge (n,), -1 = off the map, and the share along it (n,), 0 to 1."""

    edge: NDArray[np.int32]
    share: NDArray[np.float32]

    def some(self, which: Any) -> Places:
        """Return some of the places, by numbers or by a mask."""
        return Places(self.edge[which], self.share[which])

    def and_those(self, others: Places) -> Places:
        """Return these places and then the others."""
        return Places(np.concatenate([self.edge, others.edge]), np.concatenate([self.share, others.share]))


async def seconds_between(
    roads: Roads, matrix: Matrix, homes: Places, goals: Places, *, limit_min: float, mode: Mode
) -> NDArray[np.float32]:
    """Return the seconds from each home to each goal, by whichever ends of their streets are best.

    Shapes: homes (k,), goals (l,), result (l, k), nan beyond `limit_min`, off the map or where there is no way.
    """
    found = np.full((len(goals.edge), len(homes.edge)), np.nan, np.float32)
    k, on_map = np.flatnonzero(homes.edge >= 0), np.flatnonzero(goals.edge >= 0)
    if not len(k):
        return found
    out, (out_s, _) = _ends(roads, homes.some(k), mode)
    doors, door = np.unique(out, return_inverse=True)
    door = door.reshape(out.shape)
    for start in range(0, len(on_map), GOALS_A_BLOCK):
        rows = on_map[start : start + GOALS_A_BLOCK]
        block = goals.some(rows)
        into, (_, into_s) = _ends(roads, block, mode)
        # Each goal is reached over both ends of its street; (doors, 2 goals) in seconds, nan where there is no way.
        legs = (await matrix(doors, into.reshape(-1), limit_min, mode)) * np.float32(60)
        by_end = legs.reshape(len(doors), len(rows), 2) + into_s.astype(np.float32)
        best = np.fmin(by_end[..., 0], by_end[..., 1])
        times = np.fmin(best[door[:, 0]] + out_s[:, [0]], best[door[:, 1]] + out_s[:, [1]]).T
        found[np.ix_(rows, k)] = _straight(roads, homes.some(k), block, mode, times)
    found[~(found <= limit_min * 60)] = np.nan
    return found


def _ends(
    roads: Roads, places: Places, mode: Mode
) -> tuple[NDArray[np.int64], tuple[NDArray[np.float64], NDArray[np.float64]]]:
    """Return the junctions at both ends of each place's street, and the seconds to them and from them; each (n, 2)."""
    along, against = roads.edge_seconds[MODES.index(mode)][:, places.edge].astype(np.float64)
    before = places.share.astype(np.float64)
    after = 1.0 - before
    to_ends = np.column_stack([_part(against, before), _part(along, after)])
    from_ends = np.column_stack([_part(along, before), _part(against, after)])
    return roads.edge_ends[places.edge].astype(np.int64), (to_ends, from_ends)


def _part(seconds: NDArray[Any], share: NDArray[Any]) -> NDArray[np.float64]:
    """Return the seconds for parts of streets; nothing of a closed street is still nothing to go, inf becomes nan."""
    parts = np.where(share > 0, np.where(share > 0, share, 1.0) * seconds, 0.0)
    return np.where(np.isfinite(parts), parts, np.nan)


def _straight(
    roads: Roads, homes: Places, goals: Places, mode: Mode, times: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Lower the times (l, k) of homes that stand on the same street as a goal to the way along it."""
    along, against = roads.edge_seconds[MODES.index(mode)]
    order = np.argsort(homes.edge, kind="stable")
    low = np.searchsorted(homes.edge[order], goals.edge, side="left")
    high = np.searchsorted(homes.edge[order], goals.edge, side="right")
    for row in np.flatnonzero(high > low).tolist():
        same = order[low[row] : high[row]]
        edge = goals.edge[row]
        ahead = goals.share[row].astype(np.float64) - homes.share[same]
        way = np.where(
            ahead >= 0,
            _part(np.full(len(same), along[edge], float), ahead.clip(0)),
            _part(np.full(len(same), against[edge], float), -ahead.clip(max=0)),
        )
        times[row, same] = np.fmin(times[row, same], way)
    return times
