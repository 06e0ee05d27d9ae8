"""Decides whether an entity is wanted. The store only narrows; this is the one place that says yes.

Values of unlike kinds never match, except that != then holds; an attribute that is not there matches nothing but
its own absence. Of several instances, and of several values in a list, any one may match. A text in a language is
compared by [language] or [*]; `[*] !=` wants all languages to differ. Texts are ordered by code unit.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Iterator, Mapping
from itertools import pairwise
from typing import Any

from linli.base import DEGREE_M, Point, distance_m, from_wire_time
from linli.base.errors import BadRequestData

from ._names import DEFAULT
from ._plain import VALUE_MEMBER, Doc, Instance
from ._query import And, Compare, Exists, Near, Node, Or, Path, Query, ScopeIs, TypeIs, Value

#: members of an instance that a path may end in
_MEMBERS = frozenset({"observedAt", "unitCode", "datasetId"})
_ORDER: Mapping[str, Callable[[Any, Any], bool]] = {
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
}


def wanted(query: Query, doc: Doc, created_us: int, modified_us: int) -> bool:
    """Tell whether the entity fits every part of the query."""
    if query.ids and doc["id"] not in query.ids:
        return False
    times = {"createdAt": created_us, "modifiedAt": modified_us}
    parts = (query.types, query.scopes, query.q)
    return all(part is None or _holds(part, doc, times) for part in parts) and (
        query.near is None or _is_near(query.near, doc)
    )


def _holds(node: Node, doc: Doc, times: Mapping[str, int]) -> bool:
    match node:
        case And(parts):
            return all(_holds(part, doc, times) for part in parts)
        case Or(parts):
            return any(_holds(part, doc, times) for part in parts)
        case TypeIs(name):
            return name == "*" or name in doc["type"]
        case ScopeIs(levels):
            return any(_fits(levels, scope) for scope in doc["scope"])
        case Exists(path, absent):
            return absent != any(True for _ in _targets(path, doc, times))
        case Compare():
            return any(_compares(node, target) for target in _targets(node.path, doc, times))


def _fits(levels: tuple[str, ...], scope: str) -> bool:
    there = scope.removeprefix("/").split("/")
    if levels[-1] == "#":
        levels = levels[:-1]
        there = there[: len(levels)]
    return len(there) == len(levels) and all(said in ("+", level) for said, level in zip(levels, there, strict=True))


def _targets(path: Path, doc: Doc, times: Mapping[str, int]) -> Iterator[Any]:
    """Yield what stands at a path: one target an instance, a list of them where any element may match."""
    if path.said in times and not path.subs:
        yield _Moment(times[path.said])
        return
    instances: list[Instance] = doc["attrs"].get(path.name, [])
    for at, (said, name) in enumerate(path.subs):
        if at == len(path.subs) - 1 and said in _MEMBERS:
            yield from (one[said] for one in instances if said in one)
            return
        instances = [sub for one in instances for sub in one.get("subs", {}).get(name, ())]
    for instance in instances:
        target = _target(instance, path.keys)
        if target is not None:
            yield target


class _Moment(int):
    """A time of the store, in microseconds."""


class _Link(str):
    """The id at the end of a Relationship: it can be equal or not, but not greater."""

    __slots__ = ()


def _target(instance: Instance, keys: tuple[str, ...]) -> Any:
    kind = instance["type"]
    value = instance[VALUE_MEMBER[kind]]
    if kind in ("Relationship", "ListRelationship"):
        return None if keys else [_Link(uri) for uri in (value if isinstance(value, list) else [value])]
    if kind == "LanguageProperty":
        return _texts(value, keys)
    for key in keys:
        if not isinstance(value, dict) or key not in value:
            return None
        value = value[key]
    if isinstance(value, dict) and "@value" in value:
        return value["@value"]
    return value


def _texts(languages: Mapping[str, Any], keys: tuple[str, ...]) -> Any:
    if not keys:
        return {}
    if keys == ("*",):
        return [text for said in languages.values() for text in (said if isinstance(said, list) else [said])]
    return languages.get(keys[0]) if len(keys) == 1 else None


def _compares(node: Compare, target: Any) -> bool:
    elements = target if isinstance(target, list) else [target]
    if node.op == "==":
        return any(_equal(element, value) for element in elements for value in node.values)
    if node.op == "!=":
        return not any(_equal(element, value) for element in elements for value in node.values) and target != {}
    compare = _ORDER[node.op]
    value = node.values[0]
    return any((it := _comparable(element, value)) is not None and compare(it, value.plain) for element in elements)


def _equal(element: Any, value: Value) -> bool:
    it = _comparable(element, value, links=True)
    if it is None:
        return False
    if value.to is not None:
        return bool(value.plain <= it <= value.to.plain)
    return bool(it == value.plain or (isinstance(it, str) and ":" not in it and DEFAULT + it == value.plain))


def _comparable(element: Any, value: Value, *, links: bool = False) -> Any:
    """Return what stands there in the kind of the value said, or None when they are of unlike kinds."""
    match value.shape:
        case "truth":
            return element if isinstance(element, bool) else None
        case "number":
            number = isinstance(element, int | float) and not isinstance(element, bool | _Moment)
            return element if number else None
        case "text":
            return element if isinstance(element, str) and (links or not isinstance(element, _Link)) else None
        case "time":
            return int(element) if isinstance(element, _Moment) else _moment(element)


def _moment(element: Any) -> int | None:
    if not isinstance(element, str):
        return None
    try:
        return from_wire_time(element)
    except BadRequestData:
        return None


def _is_near(near: Near, doc: Doc) -> bool:
    for instance in doc["attrs"].get(near.name, ()):
        if instance["type"] != "GeoProperty":
            continue
        away_m = metres_to(near.center, instance["value"])
        if near.max_m is not None and away_m <= near.max_m:
            return True
        if near.min_m is not None and away_m >= near.min_m:
            return True
    return False


def metres_to(center: Point, geometry: Mapping[str, Any]) -> float:
    """Return how far a GeoJSON geometry is from `center` at its nearest point; 0 inside a polygon.

    Units: metres. Points exactly on the sphere; lines and areas in an azimuthal equidistant projection around `center`,
    which keeps distances from it, so that it is right at any latitude. Holes count, the date line does not matter.
    """
    shape, coordinates = geometry["type"], geometry["coordinates"]
    match shape:
        case "Point":
            return distance_m(center, Point(coordinates[0], coordinates[1]))
        case "MultiPoint":
            return min(distance_m(center, Point(one[0], one[1])) for one in coordinates)
        case "LineString":
            return _to_line(center, coordinates)
        case "MultiLineString":
            return min(_to_line(center, line) for line in coordinates)
        case "Polygon":
            return _to_polygon(center, coordinates)
        case _:
            return min(_to_polygon(center, polygon) for polygon in coordinates)


def _to_polygon(center: Point, rings: list[Any]) -> float:
    flat = [[_flat(center, position) for position in ring] for ring in rings]
    inside = [_surrounds(ring) for ring in flat]
    if inside[0] and not any(inside[1:]):
        return 0.0
    return min(_to_flat_line(ring) for ring in flat)


def _to_line(center: Point, line: list[Any]) -> float:
    return _to_flat_line([_flat(center, position) for position in line])


def _flat(center: Point, position: list[float]) -> tuple[float, float]:
    """Return x east, y north of `center` in metres, keeping distance and direction."""
    away_m = distance_m(center, Point(position[0], position[1]))
    if away_m == 0.0:
        return 0.0, 0.0
    lat, lat_there = math.radians(center.lat), math.radians(position[1])
    d_lon = math.radians(position[0] - center.lon)
    east = math.sin(d_lon) * math.cos(lat_there)
    north = math.cos(lat) * math.sin(lat_there) - math.sin(lat) * math.cos(lat_there) * math.cos(d_lon)
    length = math.hypot(east, north)
    if length == 0.0:
        return 0.0, 180.0 * DEGREE_M
    return away_m * east / length, away_m * north / length


def _to_flat_line(line: list[tuple[float, float]]) -> float:
    if len(line) == 1:
        return math.hypot(*line[0])
    return min(_to_segment(a, b) for a, b in pairwise(line))


def _to_segment(a: tuple[float, float], b: tuple[float, float]) -> float:
    dx, dy = b[0] - a[0], b[1] - a[1]
    square = dx * dx + dy * dy
    share = 0.0 if square == 0.0 else max(0.0, min(1.0, -(a[0] * dx + a[1] * dy) / square))
    return math.hypot(a[0] + share * dx, a[1] + share * dy)


def _surrounds(ring: list[tuple[float, float]]) -> bool:
    """Tell whether a ring goes around the origin (a ray to the east crosses it an odd number of times)."""
    odd = False
    for (x1, y1), (x2, y2) in pairwise(ring):
        if (y1 > 0) != (y2 > 0) and x1 - y1 * (x2 - x1) / (y2 - y1) > 0:
            odd = not odd
    return odd
