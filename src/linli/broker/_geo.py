"""Geo queries: how a place of an entity must lie to the one that is asked for.

Distances are metres on the sphere, to the nearest point of either geometry, right at any latitude. An edge runs
straight in longitude and latitude, as GeoJSON has it; one that spans more than half the world crosses the date line.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, Literal, NamedTuple, cast

import numpy as np
import orjson
import shapely
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from linli.base import DEGREE_M, EARTH_M, Point, distance_m
from linli.base.errors import BadRequestData
from linli.store import Box

from ._plain import Doc
from ._spelling import checked_name
from ._terms import Terms
from ._values import check_positions

Relation = Literal["near", "within", "contains", "intersects", "equals", "disjoint", "overlaps"]
Degrees = NDArray[np.float64]

_DISTANCE = re.compile(r"(maxDistance|minDistance)==(\d+(?:\.\d+)?(?:[eE]\+?\d+)?)")

#: relation -> whether it holds, given what is asked for and what is there; the first of them is prepared
_HOLDS: Mapping[str, Callable[[BaseGeometry, BaseGeometry], Any]] = {
    "within": lambda shape, there: shape.contains(there),
    "contains": lambda shape, there: there.contains(shape),
    "equals": lambda shape, there: there.equals(shape),
    "intersects": lambda shape, there: shape.intersects(there),
    "disjoint": lambda shape, there: shape.disjoint(there),
    "overlaps": lambda shape, there: shape.overlaps(there),
}

#: edges are cut so short (degrees) that the flat map bends them by metres only, but into at most so many pieces
_EDGE_DEG = 0.25
_PIECES = 4000
#: an ellipse in a box is used up to this half width or height, degrees
_ELLIPSE_DEG = 2.0
_ROUNDS = 3


class Geo(NamedTuple):
    """A place under `name` has this relation to the one that is asked for; near: at most `max_m` or at least `min_m`
    away, metres.

    `asked`: a checked GeoJSON geometry, as text. `box`: west, south, east, north in degrees, which every place asked
    for meets; None where there is no such box. `ellipse`: the same of lon, lat, half the width and half the height of an
    ellipse. `point`: the place asked for, where it is a Point.
    """

    relation: Relation
    name: str
    asked: bytes
    max_m: float | None = None
    min_m: float | None = None
    box: Box | None = None
    point: Point | None = None
    ellipse: Box | None = None

    @property
    def shape(self) -> BaseGeometry:
        """What is asked for, prepared for many comparisons."""
        return _shape_of(self.asked)


@lru_cache(256)
def _shape_of(asked: bytes) -> BaseGeometry:
    shape = on_earth(asked)
    shapely.prepare(shape)
    return shape


def read_geo(georel: str, geometry: str, coordinates: Any, geoproperty: str, terms: Terms) -> Geo:
    """Read a geo query; `coordinates` as JSON text or as the list itself. Raises: BadRequestData."""
    relation, max_m, min_m = _read_relation(georel)
    name = _name_of(geoproperty, terms)
    place = read_place(geometry, coordinates)
    asked = orjson.dumps(place)
    point = Point(*place["coordinates"][:2]) if geometry == "Point" else None
    if relation != "near":
        return Geo(relation, name, asked, box=None if relation == "disjoint" else _bounds(place, asked))
    if max_m is None:
        return Geo(relation, name, asked, min_m=min_m, point=point)
    box = _box_around(_bounds(place, asked), max_m)
    ellipse = None if point is None or box is None else _ellipse_in(box, point)
    return Geo(relation, name, asked, max_m=max_m, box=box, ellipse=ellipse, point=point)


@lru_cache(256)
def _read_relation(georel: str) -> tuple[Relation, float | None, float | None]:
    """Return the relation with the greatest and the least distance in metres. Raises: BadRequestData."""
    relation, _, rest = georel.partition(";")
    if relation in _HOLDS and not rest:
        return cast("Relation", relation), None, None
    found = _DISTANCE.fullmatch(rest)
    if relation != "near" or found is None:
        raise BadRequestData(
            "georel: write near;maxDistance==metres, near;minDistance==metres, or one of "
            + ", ".join(sorted(_HOLDS))
            + "."
        )
    metres = float(found.group(2))
    if not math.isfinite(metres) or metres <= 0:
        raise BadRequestData("georel: the distance must be a finite number of metres above 0.")
    return ("near", metres, None) if found.group(1) == "maxDistance" else ("near", None, metres)


@lru_cache(256)
def _name_of(geoproperty: str, terms: Terms) -> str:
    return terms.name(checked_name(geoproperty))


def read_place(geometry: str, coordinates: Any) -> dict[str, Any]:
    """Return a checked GeoJSON geometry; `coordinates` as JSON text or as the list itself. Raises: BadRequestData."""
    if isinstance(coordinates, str):
        try:
            coordinates = orjson.loads(coordinates)
        except orjson.JSONDecodeError as error:
            raise BadRequestData("coordinates: must be [lon, lat] in degrees, or lists of these.") from error
    check_positions(geometry, coordinates)
    return {"type": geometry, "coordinates": coordinates}


def _bounds(place: dict[str, Any], asked: bytes) -> Box | None:
    """Return the box around a place; None for an area of which its holes leave nothing."""
    if place["type"] == "Point":
        lon, lat = place["coordinates"][:2]
        return lon, lat, lon, lat
    shape = _shape_of(asked)
    return None if shape.is_empty else cast("Box", shape.bounds)


def is_there(geo: Geo, doc: Doc) -> bool:
    """Tell whether any place of the entity lies as it is asked for; an entity without one never does."""
    for instance in doc["attrs"].get(geo.name, ()):
        if instance["type"] == "GeoProperty" and _lies(geo, instance["value"]):
            return True
    return False


def _lies(geo: Geo, value: dict[str, Any]) -> bool:
    if geo.point is not None and value["type"] == "Point":
        lon, lat = value["coordinates"][:2]
        return _is_near(geo, distance_m(geo.point, Point(lon, lat)))
    there = on_earth(orjson.dumps(value))
    if geo.box is not None and not _meet(geo.box, there.bounds):
        return False
    if geo.relation == "near":
        return _is_near(geo, _metres_between(geo.shape, there))
    return bool(_HOLDS[geo.relation](geo.shape, there))


def _is_near(geo: Geo, away_m: float) -> bool:
    return away_m <= geo.max_m if geo.max_m is not None else (geo.min_m or 0.0) <= away_m < math.inf


def _meet(one: Box, other: Box) -> bool:
    return one[0] <= other[2] and other[0] <= one[2] and one[1] <= other[3] and other[1] <= one[3]


def metres_to(place: dict[str, Any], value: dict[str, Any]) -> float:
    """Return how far two GeoJSON geometries are from each other at their nearest points; 0 where they meet. Metres."""
    if place["type"] == value["type"] == "Point":
        return distance_m(Point(*place["coordinates"][:2]), Point(*value["coordinates"][:2]))
    return _metres_between(_shape_of(orjson.dumps(place)), on_earth(orjson.dumps(value)))


def metres_outside(area: bytes, place: dict[str, Any]) -> float:
    """Return how far a GeoJSON geometry reaches out of an area (GeoJSON as text); 0 when none of it does. Metres."""
    shape, there = _shape_of(area), on_earth(orjson.dumps(place))
    if shape.covers(there):
        return 0.0
    return max(_metres_between(shape, shapely.Point(position)) for position in shapely.get_coordinates(there))


def _metres_between(one: BaseGeometry, other: BaseGeometry) -> float:
    """Return the distance between two geometries in metres; inf where one is nowhere.

    Both are drawn on a flat map around a point of the first (azimuthal equidistant: true along every ray from there);
    the nearest point found on it is the centre of the next map, so that the last one is true where it matters.
    """
    if one.is_empty or other.is_empty:
        return math.inf
    one, other = _cut(one), _cut(other)
    center = tuple(shapely.get_coordinates(shapely.shortest_line(one, other))[0])
    away_m = math.inf
    for _ in range(_ROUNDS):
        to_map, to_earth = _map_around(center[0], center[1])
        line = shapely.shortest_line(shapely.transform(one, to_map), shapely.transform(other, to_map))
        away_m = min(away_m, float(line.length))
        center = tuple(to_earth(shapely.get_coordinates(line))[0])
    return away_m


def _cut(shape: BaseGeometry) -> BaseGeometry:
    """Return a geometry whose edges are short."""
    if shape.geom_type in ("Point", "MultiPoint"):
        return shape
    return shapely.segmentize(shape, max(_EDGE_DEG, shape.length / _PIECES))


def _map_around(lon: float, lat: float) -> tuple[Callable[[Degrees], Degrees], Callable[[Degrees], Degrees]]:
    """Return how degrees become metres east and north of a centre, and back.

    Shapes: (n, 2) both ways. Source: Snyder, Map Projections, USGS 1395, azimuthal equidistant on the sphere.
    """
    sin_0, cos_0 = math.sin(math.radians(lat)), math.cos(math.radians(lat))

    def to_map(degrees: Degrees) -> Degrees:
        d_lon, lats = np.radians(degrees[:, 0] - lon), np.radians(degrees[:, 1])
        east = np.cos(lats) * np.sin(d_lon)
        north = cos_0 * np.sin(lats) - sin_0 * np.cos(lats) * np.cos(d_lon)
        up = sin_0 * np.sin(lats) + cos_0 * np.cos(lats) * np.cos(d_lon)
        length = np.hypot(east, north)
        scale = EARTH_M * np.arctan2(length, up) / np.where(length == 0.0, 1.0, length)
        return np.column_stack((scale * east, scale * north))

    def to_earth(metres: Degrees) -> Degrees:
        length = np.hypot(metres[:, 0], metres[:, 1])
        angle = length / EARTH_M
        safe = np.where(length == 0.0, 1.0, length)
        sine = np.cos(angle) * sin_0 + metres[:, 1] * np.sin(angle) * cos_0 / safe
        lons = np.arctan2(
            metres[:, 0] * np.sin(angle), safe * cos_0 * np.cos(angle) - metres[:, 1] * sin_0 * np.sin(angle)
        )
        return np.column_stack((lon + np.degrees(lons), np.degrees(np.arcsin(np.clip(sine, -1.0, 1.0)))))

    return to_map, to_earth


def on_earth(value: bytes) -> BaseGeometry:
    """Return a checked GeoJSON geometry (as text) as a shape: cut at the date line, mended where an area crosses
    itself; a line or an area that is only one place is that place."""
    shape = shapely.force_2d(shapely.from_geojson(value))
    west, _, east, _ = shape.bounds
    if east - west > 180.0 and shape.geom_type not in ("Point", "MultiPoint"):
        shape = shapely.union_all([_around(part) for part in shapely.get_parts(shape)])
    return shape if shape.is_valid else _mended(shape)


def _mended(shape: BaseGeometry) -> BaseGeometry:
    """Return a shape part by part as it can be drawn: what is in any part is in the shape."""
    parts = shapely.get_parts(shape)
    return shapely.union_all(shapely.make_valid(parts, method="structure", keep_collapsed=True))


def _around(part: BaseGeometry) -> BaseGeometry:
    """Return a line or an area whose longitudes run on past 180 degrees, folded back into the world."""
    if part.geom_type == "Polygon":
        rings = [_running_on(shapely.get_coordinates(ring)) for ring in (part.exterior, *part.interiors)]
        west = rings[0][:, 0].min()
        holes = [np.add(ring, (360.0 * np.round((west - ring[:, 0].min()) / 360.0 + 0.25), 0.0)) for ring in rings[1:]]
        whole = _mended(shapely.Polygon(rings[0], holes))
    else:
        whole = _mended(shapely.LineString(_running_on(shapely.get_coordinates(part))))
    worlds = [shapely.clip_by_rect(whole, at - 180.0, -90.0, at + 180.0, 90.0) for at in (-360.0, 0.0, 360.0)]
    folded = [
        shapely.transform(world, lambda xy, at=at: xy - [at, 0.0])
        for world, at in zip(worlds, (-360.0, 0.0, 360.0), strict=True)
    ]
    return shapely.union_all([world for world in folded if not world.is_empty])


def _running_on(degrees: Degrees) -> Degrees:
    """Return positions of which no two neighbours are more than half the world apart.

    An edge once around the world (-180 to 180) is meant as it is drawn: so the whole world is said.
    """
    steps = np.diff(degrees[:, 0], prepend=degrees[0, 0])
    turns = np.where(np.abs(steps) < 360.0, np.round(steps / 360.0), 0.0)
    return np.column_stack((degrees[:, 0] - 360.0 * np.cumsum(turns), degrees[:, 1]))


def _box_around(bounds: Box | None, metres: float) -> Box | None:
    """Return a box that holds all that is so near; None where it would reach a pole or the date line."""
    if bounds is None:
        return None
    west, south, east, north = bounds
    more = metres / DEGREE_M * 1.001
    south, north = south - more, north + more
    if south <= -89.0 or north >= 89.0:
        return None
    wider = more / math.cos(math.radians(max(abs(south), abs(north))))
    west, east = west - wider, east + wider
    return None if west < -180.0 or east > 180.0 else (west, south, east, north)


def _ellipse_in(box: Box, center: Point) -> Box | None:
    """Return the ellipse that just fits into the box around all that is near a centre; None where the box is too large.

    Of two places the distance on the sphere is at least that on a flat map on which a degree of longitude is as short as
    where the box is farthest from the equator, but for the square of their angle: in boxes that are no larger than this,
    that is a tenth of the thousandth part by which the box is wider than it must be.
    """
    west, south, east, north = box
    wide, high = (east - west) / 2, (north - south) / 2
    return None if max(wide, high) > _ELLIPSE_DEG else (*center, wide, high)
