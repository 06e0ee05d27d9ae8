"""In which order entities stand: by members and attributes, up or down, or by their distance from a place (4.23).

Numbers come before texts, texts before objects, lists and truth values; what is not there comes last, up and down alike.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from linli.base.errors import BadRequestData

from ._collation import Collate, read_collation
from ._evaluate import Judged, Moment, targets
from ._geo import metres_to, read_place
from ._grammar import read_path
from ._query import Path
from ._terms import Terms

ORDERS_MAX = 8
_SHAPES = ("Point", "LineString", "Polygon", "MultiPolygon")
_WAYS = frozenset({"asc", "desc", "dist-asc", "dist-desc"})


@dataclass(frozen=True, slots=True)
class By:
    """One thing to order by: what stands at a path, or how far it lies from `origin`."""

    path: Path
    down: bool = False
    origin: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Order:
    """What decides first stands first; texts are compared by code point unless they are collated."""

    by: tuple[By, ...]
    collate: Collate | None = None

    def names(self) -> frozenset[str]:
        """Return the attributes on which the order depends."""
        return frozenset(one.path.name for one in self.by)

    def key(self, judged: Judged) -> tuple[Any, ...]:
        """Return what places an entity among others."""
        return tuple(self._key(one, judged) for one in self.by)

    def _key(self, by: By, judged: Judged) -> tuple[Any, ...]:
        key = _distance(by, judged) if by.origin is not None else self._value(by.path, judged)
        if key is None:
            return (1,)
        return (0, _Down(key) if by.down else key)

    def _value(self, path: Path, judged: Judged) -> tuple[int, Any] | None:
        doc = judged.doc
        match path.said:
            case "id":
                return 1, doc["id"]
            case "type":
                return 1, doc["type"][0]
            case "scope":
                return (1, doc["scope"][0]) if doc["scope"] else None
        return next((self._ranked(one) for one in targets(path, judged)), None)

    def _ranked(self, target: Any) -> tuple[int, Any]:
        if isinstance(target, bool):
            return 4, target
        if isinstance(target, int | float | Moment):
            return 0, target
        if isinstance(target, str):
            return 1, self.collate(target) if self.collate else target
        return 2 if isinstance(target, dict) else 3, orjson.dumps(target, option=orjson.OPT_SORT_KEYS)


@dataclass(frozen=True, slots=True)
class _Down:
    key: Any

    def __lt__(self, other: _Down) -> bool:
        return bool(other.key < self.key)


def _distance(by: By, judged: Judged) -> float | None:
    if by.origin is None:
        return None
    places = [one["value"] for one in judged.doc["attrs"].get(by.path.name, ()) if one["type"] == "GeoProperty"]
    return min((metres_to(by.origin, place) for place in places), default=None)


def read_order(
    items: Sequence[str], terms: Terms, *, origin: Any = None, geometry: str | None = None, collation: str | None = None
) -> Order:
    """Read what to order by: name, name;desc, a.b, a[key], location;dist-asc. `origin`: coordinates of the place from
    which distances count; its kind is seen from their form where `geometry` does not say it.

    Raises: BadRequestData.
    """
    if not 0 < len(items) <= ORDERS_MAX:
        raise BadRequestData(f"orderBy: 1 to {ORDERS_MAX} members.")
    place = None if origin is None else read_place(*_shaped(origin, geometry))
    return Order(
        tuple(_read_by(item, terms, place) for item in items),
        None if collation is None else read_collation(collation),
    )


def _shaped(origin: Any, geometry: str | None) -> tuple[str, Any]:
    try:
        coordinates = orjson.loads(origin) if isinstance(origin, str) else origin
    except orjson.JSONDecodeError as error:
        raise BadRequestData("orderFrom: must be coordinates like [117.02,36.66].") from error
    depth, inner = 0, coordinates
    while isinstance(inner, list) and inner and isinstance(inner[0], list):
        depth, inner = depth + 1, inner[0]
    if not isinstance(coordinates, list) or depth >= len(_SHAPES):
        raise BadRequestData("orderFrom: must be coordinates like [117.02,36.66].")
    return geometry or _SHAPES[depth], coordinates


def _read_by(item: str, terms: Terms, origin: dict[str, Any] | None) -> By:
    said, _, way = item.partition(";")
    if way not in _WAYS | {""} or (not way and ";" in item):
        raise BadRequestData("orderBy: after ; stands asc, desc, dist-asc or dist-desc.")
    path = read_path(said, "orderBy", terms)
    if path.beyond is not None:
        raise BadRequestData("orderBy: linked entities cannot be ordered by.")
    by_distance = way.startswith("dist-")
    if by_distance and origin is None:
        raise BadRequestData("orderFrom: ordering by distance needs the coordinates of a place.")
    return By(path, way.endswith("desc"), origin if by_distance else None)
