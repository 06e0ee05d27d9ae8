"""Snapping: from a place on earth to the nearest usable street, by a grid of square cells over all street pieces."""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from linli.base import DEGREE_M, Point, checked_point
from linli.base.errors import OffMap

from ._profiles import MODES, Mode
from ._roads import Roads
from ._ways import E7

CELL_M = 300.0
Ends = tuple[tuple[int, float], tuple[int, float]]


@dataclass(frozen=True, slots=True)
class Snap:
    """A place joined to the network.

    `point` lies on the street, `distance_m` from the place asked for; `share` is how far along `edge` it lies, 0 to 1.
    `ends` are the edge's junctions with the seconds from here to them, `arrivals` with the seconds from them to here;
    inf where the street may not be used in that direction.
    """

    point: Point
    distance_m: float
    edge: int
    share: float
    ends: Ends
    arrivals: Ends

    @property
    def junction(self) -> int:
        """The nearer junction of the street."""
        return self.ends[0][0] if self.share <= 0.5 else self.ends[1][0]


class SnapGrid:
    """Finds the nearest street; keeps only cell numbers and piece numbers, 8 bytes a piece and cell."""

    def __init__(self, roads: Roads) -> None:
        """Sort all pieces (from one shape point to the next) into cells of `CELL_M`."""
        self._roads = roads
        e7 = roads.edge_geom_e7
        west, south = (e7.min(axis=0) / E7).tolist()
        north = float(e7[:, 1].max()) / E7
        self._origin = (west, south)
        self._scale = (DEGREE_M * math.cos(math.radians((south + north) / 2)), DEGREE_M)
        inner = np.ones(len(e7), bool)
        inner[roads.edge_geom_ptr[1:] - 1] = False
        pieces = np.flatnonzero(inner)
        cell = np.floor(self._metres(e7 / E7) / CELL_M).astype(np.int64)
        low = np.minimum(cell[pieces], cell[pieces + 1])
        size = np.maximum(cell[pieces], cell[pieces + 1]) - low + 1
        self._width = int(cell[:, 0].max()) + 2
        counts = size[:, 0] * size[:, 1]
        which = np.repeat(np.arange(len(pieces)), counts)
        nth = np.arange(len(which)) - np.repeat(np.cumsum(counts) - counts, counts)
        keys = (low[which, 1] + nth // size[which, 0]) * self._width + low[which, 0] + nth % size[which, 0]
        order = np.argsort(keys, kind="stable")
        self._keys = keys[order].astype(np.int64)
        self._pieces = pieces[which[order]].astype(np.int32)
        self._usable = {mode: _usable(roads, mode) for mode in MODES}

    def over(self, roads: Roads) -> SnapGrid:
        """Return the grid over the same streets with other times; a place stays joined to a street that is closed."""
        grid = copy.copy(self)
        grid._roads = roads  # noqa: SLF001 - one of our own kind
        return grid

    def snap(self, lon: float, lat: float, mode: Mode, within_m: float) -> Snap:
        """Return the nearest place on a street that `mode` may use and that leads on to the whole network.

        Units: degrees WGS-84, metres. Raises: OffMap: none within `within_m`.
        """
        place = checked_point(lon, lat)
        here = self._metres(np.array([place]))[0]
        pieces = self._near(here, within_m)
        edges = np.searchsorted(self._roads.edge_geom_ptr, pieces, side="right") - 1
        usable = self._usable[mode][edges]
        pieces, edges = pieces[usable], edges[usable]
        if not len(pieces):
            raise self._off_map(within_m)
        a, b = self._shape(pieces), self._shape(pieces + 1)
        along = b - a
        length2 = np.einsum("ij,ij->i", along, along)
        share = np.einsum("ij,ij->i", here - a, along) / np.where(length2 > 0, length2, 1.0)
        foot = a + np.clip(share, 0.0, 1.0)[:, None] * along
        distance_m = np.hypot(*(foot - here).T)
        best = int(distance_m.argmin())
        if distance_m[best] > within_m:
            raise self._off_map(within_m)
        return self._snap(foot[best], float(distance_m[best]), int(edges[best]), int(pieces[best]), mode)

    def _snap(self, foot: NDArray[np.float64], distance_m: float, edge: int, piece: int, mode: Mode) -> Snap:
        roads = self._roads
        start, stop = int(roads.edge_geom_ptr[edge]), int(roads.edge_geom_ptr[edge + 1])
        shape = self._metres(roads.edge_geom_e7[start:stop] / E7)
        steps = np.hypot(*np.diff(shape, axis=0).T)
        before = float(steps[: piece - start].sum()) + float(np.hypot(*(foot - shape[piece - start])))
        share = min(1.0, before / float(steps.sum())) if steps.sum() > 0 else 0.0
        u, v = roads.edge_ends[edge].tolist()
        along_s, against_s = roads.edge_seconds[MODES.index(mode), :, edge].tolist()
        return Snap(
            point=Point(*(self._origin + foot / self._scale).tolist()),
            distance_m=distance_m,
            edge=edge,
            share=share,
            ends=((u, _part(against_s, share)), (v, _part(along_s, 1 - share))),
            arrivals=((u, _part(along_s, share)), (v, _part(against_s, 1 - share))),
        )

    def _near(self, here: NDArray[np.float64], within_m: float) -> NDArray[np.int64]:
        ring = math.ceil(within_m / CELL_M)
        x, y = np.floor(here / CELL_M).astype(int).tolist()
        west, east = max(0, x - ring), min(self._width - 1, x + ring)
        rows = np.arange(max(0, y - ring), y + ring + 1) * self._width
        if east < west or not len(rows):
            return np.empty(0, np.int64)
        starts = np.searchsorted(self._keys, rows + west, side="left").tolist()
        stops = np.searchsorted(self._keys, rows + east, side="right").tolist()
        found = [self._pieces[start:stop] for start, stop in zip(starts, stops, strict=True)]
        return np.unique(np.concatenate(found)).astype(np.int64)

    def _shape(self, points: NDArray[np.int64]) -> NDArray[np.float64]:
        return self._metres(self._roads.edge_geom_e7[points] / E7)

    def _metres(self, lonlat: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray((lonlat - self._origin) * self._scale, np.float64)

    @staticmethod
    def _off_map(within_m: float) -> OffMap:
        return OffMap(f"lon, lat: no street that can be used lies within {within_m:.0f} m of this place.")


class NearestJunction:
    """Finds the nearest junction as the crow flies; one tree for each mode that is asked for."""

    def __init__(self, roads: Roads) -> None:
        """Measure in metres around the middle of the network."""
        self._roads = roads
        middle = (roads.xy[:, 1].min() + roads.xy[:, 1].max()) / 2
        self._scale = np.array([math.cos(math.radians(float(middle))), 1.0])
        self._trees: dict[Mode | None, tuple[Any, NDArray[np.int64]]] = {}

    def junction(self, lon: float, lat: float, mode: Mode | None) -> int:
        """Return the nearest junction, of those that `mode` may use and come back from if one is given."""
        if mode not in self._trees:
            main = np.ones(len(self._roads.xy), bool) if mode is None else self._roads.graphs[mode].main
            numbers = np.flatnonzero(main)
            if not len(numbers):
                raise OffMap("There is no street on the map that can be used in this way.")
            from scipy.spatial import KDTree  # only where there is a map: scipy takes half a second to load

            self._trees[mode] = (KDTree(self._roads.xy[numbers] * self._scale), numbers)
        tree, numbers = self._trees[mode]
        _, found = tree.query(checked_point(lon, lat) * self._scale)
        return int(numbers[found])


def _usable(roads: Roads, mode: Mode) -> NDArray[np.bool_]:
    main = roads.graphs[mode].main[roads.edge_ends].all(axis=1)
    return np.asarray(main & np.isfinite(roads.edge_seconds[MODES.index(mode)]).any(axis=0))


def _part(seconds: float, share: float) -> float:
    """Return the seconds for a part of an edge; nothing of a street that is not open is still nothing to go."""
    return seconds * share if share > 0 else 0.0
