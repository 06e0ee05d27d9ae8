"""Travel times without a map: the straight line, made longer as streets make it. A node still answers calls so."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from linli.base import DEGREE_M

Mode = Literal["walk", "ebike", "drive"]

#: How much longer the way along streets is than the straight line: the ratio of a square grid, 4 / pi.
DETOUR = 4 / math.pi
SPEED_KMH: dict[Mode, float] = {"walk": 5.1, "ebike": 15.0, "drive": 20.0}
_CELLS_PER_DEGREE = 10_000
_COLUMNS = 360 * _CELLS_PER_DEGREE


class AsTheCrowFlies:
    """Stands in for a Network where no map is loaded. A node is a cell of 0.0001 degrees (about 11 m), numbered
    from the south-west corner of the world; there is no place off this map."""

    def node_at(self, lon: float, lat: float, mode: Mode) -> int:  # noqa: ARG002 - every mode stands on the same grid
        """Return the cell of a place; degrees, WGS-84."""
        column = min(_COLUMNS - 1, int((lon + 180) * _CELLS_PER_DEGREE))
        return int((lat + 90) * _CELLS_PER_DEGREE) * _COLUMNS + column

    def minutes(
        self, to: int, from_nodes: Sequence[int] | NDArray[np.int64], limit_min: float, mode: Mode
    ) -> NDArray[np.float64]:
        """Return the minutes from each of `from_nodes` to `to`: straight line x DETOUR at the mode's speed.

        Shapes: from_nodes (n,); result (n,), nan beyond `limit_min` and for negative nodes.
        """
        nodes = np.asarray(from_nodes, np.int64)
        rows, columns = np.divmod(nodes, _COLUMNS)
        row, column = divmod(to, _COLUMNS)
        narrowing = math.cos(math.radians(row / _CELLS_PER_DEGREE - 90))
        metres = np.hypot(rows - row, (columns - column) * narrowing) * (DEGREE_M / _CELLS_PER_DEGREE)
        found = metres * DETOUR / (SPEED_KMH[mode] * 1000 / 60)
        return np.where((found > limit_min) | (nodes < 0), np.nan, found)

    def minutes_from(
        self, start: int, to_nodes: Sequence[int] | NDArray[np.int64], limit_min: float, mode: Mode
    ) -> NDArray[np.float64]:
        """Return the minutes from `start` to each of `to_nodes`: the same both ways."""
        return self.minutes(start, to_nodes, limit_min, mode)
