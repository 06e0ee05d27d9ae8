"""The streets for drawing: GeoJSON lines by class, joined where a street only goes on, and simplified."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from ._roads import Roads
from ._ways import E7

_TOLERANCE_DEG = 2e-5
_DECIMALS = 5
_SMALLEST_FIRST = ("service", "residential", "tertiary", "secondary", "primary", "trunk", "motorway")


def drawn_streets(
    roads: Roads, box: tuple[float, float, float, float] | None, classes: Sequence[str] | None
) -> dict[str, Any]:
    """Return a GeoJSON FeatureCollection of LineStrings with the property `class`, the largest streets last.

    `box` is (west, south, east, north) in degrees; a street is taken when its box touches it. Coordinates are exact
    to about two metres.
    """
    chosen = np.ones(len(roads.edge_ends), bool) if box is None else touching(roads, box)
    numbers = [n for n, kind in enumerate(roads.kinds) if classes is None or kind in classes]
    numbers.sort(key=lambda n: (_rank(roads.kinds[n]), roads.kinds[n]))
    features: list[dict[str, Any]] = []
    for number in numbers:
        edges = np.flatnonzero(chosen & (roads.edge_kind == number))
        if len(edges):
            features.extend(_feature(roads.kinds[number], line) for line in _lines(roads, edges))
    return {"type": "FeatureCollection", "features": features}


def _lines(roads: Roads, edges: NDArray[np.int64]) -> list[list[list[float]]]:
    counts = roads.edge_geom_ptr[edges + 1] - roads.edge_geom_ptr[edges]
    which = np.repeat(np.arange(len(edges)), counts)
    nth = np.arange(len(which)) - np.repeat(np.cumsum(counts) - counts, counts)
    points = roads.edge_geom_e7[roads.edge_geom_ptr[edges][which] + nth] / E7
    merged = shapely.line_merge(shapely.multilinestrings(shapely.linestrings(points, indices=which)))
    simple = shapely.simplify(shapely.get_parts(merged), _TOLERANCE_DEG)
    xy, line = shapely.get_coordinates(simple, return_index=True)
    cuts = np.flatnonzero(np.diff(line)) + 1
    return [part.tolist() for part in np.split(np.round(xy, _DECIMALS), cuts)]


def touching(roads: Roads, box: tuple[float, float, float, float]) -> NDArray[np.bool_]:
    starts = roads.edge_geom_ptr[:-1]
    low = np.minimum.reduceat(roads.edge_geom_e7, starts) / E7
    high = np.maximum.reduceat(roads.edge_geom_e7, starts) / E7
    west, south, east, north = box
    return np.asarray((low <= (east, north)).all(axis=1) & (high >= (west, south)).all(axis=1))


def _feature(kind: str, line: list[list[float]]) -> dict[str, Any]:
    geometry = {"type": "LineString", "coordinates": line}
    return {"type": "Feature", "geometry": geometry, "properties": {"class": kind}}


def _rank(kind: str) -> int:
    name = kind.removesuffix("_link")
    return _SMALLEST_FIRST.index(name) + 1 if name in _SMALLEST_FIRST else 0
