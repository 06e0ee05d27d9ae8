"""The outline of what lies within reach, for drawing: a wash around the reached streets.

A place lies inside when somebody can walk to it from a reached point of a street, at most `OFF_STREET_M` straight
across, and still be in time. The reached streets are sampled, each sample lowers a field of metres over a square grid,
and one contour at zero is the outline, holes kept. The set of reached junctions answers questions; this only draws.
"""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import shapely
from contourpy import FillType, contour_generator
from numpy.typing import NDArray

from linli.base import DEGREE_M

from ._profiles import MODES, Mode
from ._roads import Roads
from ._snap import Snap
from ._ways import E7

OFF_STREET_M = 150.0
WALK_M_S = 5.1 / 3.6
CELLS_MAX = 220
CELL_M_MIN = 20.0
_DECIMALS = 5

FloatArray = NDArray[np.float64]
Field = NDArray[np.float32]


class Samples:
    """Gives points along the streets of a network; keeps the run of all shapes, 8 bytes a shape point."""

    def __init__(self, roads: Roads) -> None:
        """Measure how far along all streets, laid end to end, each shape point lies."""
        self._roads = roads
        south, north = roads.xy[:, 1].min(), roads.xy[:, 1].max()
        self.origin = roads.xy.min(axis=0)
        self.scale = np.array([DEGREE_M * math.cos(math.radians(float(south + north) / 2)), DEGREE_M])
        shape = (roads.edge_geom_e7 / E7 - self.origin) * self.scale
        steps = np.hypot(*np.diff(shape, axis=0).T)
        steps[roads.edge_geom_ptr[1:-1] - 1] = 0.0
        self._run = np.concatenate([[0.0], np.cumsum(steps)])
        self._first = self._run[roads.edge_geom_ptr[:-1]]
        self._length = self._run[roads.edge_geom_ptr[1:] - 1] - self._first

    def along(self, edges: NDArray[np.int64], every_m: float) -> tuple[FloatArray, NDArray[np.int64], FloatArray]:
        """Return points on `edges` at most `every_m` apart, both ends included.

        Shapes: metres east and north (k, 2), which of `edges` (k,), share of that edge (k,).
        """
        parts = np.ceil(self._length[edges] / every_m).astype(np.int64).clip(1)
        which = np.repeat(np.arange(len(edges)), parts + 1)
        nth = np.arange(len(which)) - np.repeat(np.cumsum(parts + 1) - (parts + 1), parts + 1)
        share = nth / parts[which]
        points = self._roads.edge_geom_e7
        left, rest = self._at(edges[which], share)
        step = points[left + 1] - points[left]
        lonlat = (points[left] + step * rest[:, None]) / E7
        return (lonlat - self.origin) * self.scale, which, share

    def _at(self, edges: NDArray[np.int64], share: FloatArray) -> tuple[NDArray[np.int64], FloatArray]:
        """Return the shape point before each place on an edge, and how far the place lies towards the next."""
        run = self._first[edges] + share * self._length[edges]
        first, last = self._roads.edge_geom_ptr[edges], self._roads.edge_geom_ptr[edges + 1] - 2
        left = (np.searchsorted(self._run, run, side="right") - 1).clip(first, last)
        step = self._run[left + 1] - self._run[left]
        rest = (run - self._run[left]) / np.where(step > 0, step, 1.0)
        return left, rest.clip(0.0, 1.0)


class Reached(NamedTuple):
    """What one search found: seconds (n,) between `place` and each junction, inf beyond `limit_s`; `to` the place or
    from it."""

    place: int | Snap
    seconds: FloatArray
    limit_s: float
    mode: Mode
    to: bool


def outline(roads: Roads, samples: Samples, reached: Reached) -> dict[str, Any]:
    """Return the outline as a GeoJSON MultiPolygon, outer rings counter-clockwise, holes kept."""
    edges = _touched(roads, reached)
    cell_m = _cell_m(roads, samples, edges)
    xy, which, share = samples.along(edges, cell_m)
    times = _times(roads, reached, edges[which], share)
    inside = times <= reached.limit_s
    at = reached.place.point if isinstance(reached.place, Snap) else roads.xy[reached.place]
    xy = np.vstack([(at - samples.origin) * samples.scale, xy[inside]])
    spare_m = np.append(reached.limit_s, reached.limit_s - times[inside]) * WALK_M_S
    return _geojson(_area(xy, np.minimum(spare_m, OFF_STREET_M), cell_m), cell_m, samples)


def _touched(roads: Roads, reached: Reached) -> NDArray[np.int64]:
    """Return the edges with a reached end that the mode may use, and the edge of the place itself."""
    touched = np.isfinite(reached.seconds)[roads.edge_ends].any(axis=1)
    touched &= np.isfinite(roads.edge_seconds[MODES.index(reached.mode)]).any(axis=0)
    if isinstance(reached.place, Snap):
        touched[reached.place.edge] = True
    return np.flatnonzero(touched)


def _cell_m(roads: Roads, samples: Samples, edges: NDArray[np.int64]) -> float:
    """Return the size of a cell: fine for a walk round the block, coarse for an hour by car."""
    if not len(edges):
        return CELL_M_MIN
    ends = roads.xy[roads.edge_ends[edges].reshape(-1)]
    extent_m = float(((ends.max(axis=0) - ends.min(axis=0)) * samples.scale).max())
    return max(CELL_M_MIN, (extent_m + 2 * OFF_STREET_M) / CELLS_MAX)


def _times(roads: Roads, reached: Reached, edges: NDArray[np.int64], share: FloatArray) -> FloatArray:
    """Return the seconds between the place and points on edges, by the better end; edges, share, result (k,)."""
    along, against = roads.edge_seconds[MODES.index(reached.mode)]
    by_first, by_last = (against, along) if reached.to else (along, against)
    ends = roads.edge_ends[edges]
    times = np.minimum(
        reached.seconds[ends[:, 0]] + _parts(by_first[edges], share),
        reached.seconds[ends[:, 1]] + _parts(by_last[edges], 1 - share),
    )
    if isinstance(reached.place, Snap):
        here = np.flatnonzero(edges == reached.place.edge)
        ahead = (reached.place.share - share[here]) if reached.to else (share[here] - reached.place.share)
        edge = reached.place.edge
        straight = np.where(
            ahead > 0, _parts(along[[edge]], ahead.clip(0)), _parts(against[[edge]], -ahead.clip(max=0))
        )
        times[here] = np.minimum(times[here], straight)
    return np.asarray(times, np.float64)


def _parts(seconds: NDArray[np.float32], share: FloatArray) -> FloatArray:
    """Return the seconds of parts of edges; no part of a closed street takes no time."""
    return np.where(share > 0, np.where(share > 0, share, 1.0) * seconds, 0.0)


def _area(xy: FloatArray, radius_m: FloatArray, cell_m: float) -> tuple[Field, FloatArray]:
    """Return how far each node of a grid lies outside the discs around all samples, negative inside; and its corner.

    Shapes: xy (k, 2) metres, radius_m (k,); field (rows, columns) metres, corner (2,) metres.
    """
    margin = math.ceil(OFF_STREET_M / cell_m) + 2
    corner = (np.floor(xy.min(axis=0) / cell_m) - margin) * cell_m
    columns, rows = (np.floor((xy.max(axis=0) - corner) / cell_m) + margin + 2).astype(int).tolist()
    field = np.full((rows, columns), OFF_STREET_M + cell_m, np.float32)
    near = (xy - corner) / cell_m
    left = np.floor(near).astype(np.int64)
    for offset in ((0, 0), (1, 0), (0, 1), (1, 1)):
        node = left + offset
        away_m = np.hypot(*((node - near) * cell_m).T) - radius_m
        np.minimum.at(field, (node[:, 1], node[:, 0]), away_m.astype(np.float32))
    return _spread(field, cell_m, margin), corner


def _spread(field: Field, cell_m: float, radius: int) -> Field:
    """Lower every node to the least of its neighbours' value plus their distance, within `radius` cells."""
    rows, columns = field.shape
    wide = np.full((rows + 2 * radius, columns + 2 * radius), np.float32(np.inf), np.float32)
    wide[radius : radius + rows, radius : radius + columns] = field
    lowered, shifted = field.copy(), np.empty_like(field)
    for dy in range(-radius, radius + 1):
        for dx in range(-radius, radius + 1):
            steps = math.hypot(dx, dy)
            if 0 < steps <= radius:
                y, x = radius + dy, radius + dx
                np.add(wide[y : y + rows, x : x + columns], np.float32(steps * cell_m), out=shifted)
                np.minimum(lowered, shifted, out=lowered)
    return lowered


def _geojson(area: tuple[Field, FloatArray], cell_m: float, samples: Samples) -> dict[str, Any]:
    """Return the parts of a field below zero; specks and holes smaller than a cell are left out."""
    field, corner = area
    contours: Any = contour_generator(z=field, fill_type=FillType.OuterOffset)
    points, offsets = contours.filled(float(field.min()) - 1.0, 0.0)
    polygons = [_polygon(*part) for part in zip(points, offsets, strict=True)]
    placed = shapely.transform(
        shapely.MultiPolygon([part for part in polygons if part.geom_type == "Polygon"]),
        lambda xy: (xy * cell_m + corner) / samples.scale + samples.origin,
    )
    # Snapping to the grid of the decimals, not mere rounding: rounding can make rings cross.
    parts = shapely.get_parts(shapely.orient_polygons(shapely.set_precision(placed, 10.0**-_DECIMALS)))
    return {"type": "MultiPolygon", "coordinates": [_rings(part) for part in parts]}


def _polygon(points: FloatArray, offsets: NDArray[np.uint32]) -> Any:
    rings = [points[a:b] for a, b in pairwise(offsets.tolist())]
    holes = [ring for ring in rings[1:] if shapely.Polygon(ring).area > 1.0]
    return shapely.Polygon(rings[0], holes).simplify(0.2)


def _rings(polygon: Any) -> list[list[list[float]]]:
    return [np.round(ring.coords, _DECIMALS).tolist() for ring in (polygon.exterior, *polygon.interiors)]
