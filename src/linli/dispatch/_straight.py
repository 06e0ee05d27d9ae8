"""Reach without a map: straight lines with a detour factor, so that a node with no network still sends somebody."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from linli.base import DEGREE_M

from ._asks import Mode

SPEED_KM_H: dict[Mode, float] = {"walk": 5.1, "ebike": 15.0, "drive": 25.0}
DETOUR = 1.35  # ways are about a third longer than straight lines
_STEPS = 100_000  # nodes lie 1e-5 degrees apart, about one metre
_COLUMNS = 360 * _STEPS


class StraightReach:
    """Satisfies `Reach` by great distances instead of streets. A node is a place rounded to 1e-5 degrees."""

    def node_at(self, lon: float, lat: float, mode: Mode) -> int:  # noqa: ARG002 - every mode may stand anywhere
        """Return the number of a place; degrees, WGS-84; nothing is off this map."""
        return round((lat + 90) * _STEPS) * _COLUMNS + min(round((lon + 180) * _STEPS), _COLUMNS - 1)

    def minutes(
        self, to: int, from_nodes: Sequence[int] | NDArray[np.int64], limit_min: float, mode: Mode
    ) -> NDArray[np.float64]:
        """Return the minutes from each of `from_nodes` (n,) to `to`: (n,), nan beyond `limit_min`."""
        lats, lons = np.divmod(np.asarray(from_nodes, dtype=np.int64), _COLUMNS)
        lat, lon = divmod(to, _COLUMNS)
        north = (lats - lat) / _STEPS * DEGREE_M
        east = (lons - lon) / _STEPS * DEGREE_M * np.cos(np.radians(lat / _STEPS - 90))
        minutes: NDArray[np.float64] = np.hypot(north, east) * DETOUR / (SPEED_KM_H[mode] * 1000 / 60)
        minutes[minutes > limit_min] = np.nan
        return minutes

    def minutes_from(
        self, start: int, to_nodes: Sequence[int] | NDArray[np.int64], limit_min: float, mode: Mode
    ) -> NDArray[np.float64]:
        """Return the minutes from `start` to each of `to_nodes`; the way back is as long as the way there."""
        return self.minutes(start, to_nodes, limit_min, mode)
