"""Checks of geometries, compiled once an attribute."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ._faults import Wrong
from ._model import Attribute

_GEO_DEPTH = {"Point": 0, "MultiPoint": 1, "LineString": 1, "MultiLineString": 2, "Polygon": 2, "MultiPolygon": 3}


def geometry(one: Attribute) -> Callable[[Any], Wrong | None]:
    """Return the checker of a GeoJSON geometry: its shape, its nesting, degrees of WGS-84."""
    depths = {shape: _GEO_DEPTH[shape] for shape in (one.shapes or _GEO_DEPTH)}
    misshapen = Wrong("geojson", {"shapes": {"zh": " 或 ".join(depths), "en": " or ".join(depths)}})

    def checker(said: Any) -> Wrong | None:
        shape = said.get("type") if type(said) is dict else None
        if type(shape) is not str or (depth := depths.get(shape)) is None:
            return misshapen
        coordinates = said.get("coordinates")
        if depth == 0:
            return None if _position(coordinates) else Wrong("position")
        if not _positions(coordinates, depth, shape):
            return Wrong("positions")
        return None

    return checker


def _position(said: Any) -> bool:
    if type(said) is not list or not 2 <= len(said) <= 3:
        return False
    lon, lat = said[0], said[1]
    return (
        type(lon) in (float, int)
        and type(lat) in (float, int)
        and -180.0 <= lon <= 180.0
        and -90.0 <= lat <= 90.0
        and (len(said) == 2 or type(said[2]) in (float, int))
    )


def _positions(said: Any, depth: int, shape: str) -> bool:
    if type(said) is not list or not said:
        return False
    if depth > 1:
        return all(_positions(part, depth - 1, shape) for part in said)
    if not all(map(_position, said)):
        return False
    if shape.endswith("Polygon"):
        return len(said) >= 4 and said[0] == said[-1]
    return len(said) >= 2 or shape == "MultiPoint"
