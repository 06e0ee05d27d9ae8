"""Reads the values of attributes, kind by kind; what cannot be the value of its kind is named."""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

import orjson

from linli.base import checked_point, from_wire_time
from linli.base.errors import BadRequestData

from ._caps import CAPS, Caps
from ._spelling import NOT_IN_URI, NULL, checked_id, checked_name, visible
from ._terms import Terms

Nulls = Literal["none", "instance", "member", "inside"]
"""What the NGSI-LD null may take away: nothing; an instance; also a member or sub-attribute of it (then an instance may
be said in part); also keys inside a value, as a merge does."""

_NUMBERS = frozenset((int, float))
_GEO_DEPTH = {"Point": 0, "MultiPoint": 1, "LineString": 1, "MultiLineString": 2, "Polygon": 2, "MultiPolygon": 3}


class How(NamedTuple):
    """How a body is read: in which context, how far a null reaches, whether instances may be said in part."""

    terms: Terms
    nulls: Nulls
    caps: Caps = CAPS

    @property
    def partly(self) -> bool:
        """Whether an instance may be said in part."""
        return self.nulls in ("member", "inside")


def read_value(path: str, kind: str, value: Any, terms: Terms, *, nulls: Nulls = "none", caps: Caps = CAPS) -> Any:
    """Return the value of an attribute of a known kind. Raises: BadRequestData: it cannot be one."""
    return value_of(path, kind, value, How(terms, nulls, caps))


def value_of(path: str, kind: str, value: Any, how: How) -> Any:
    if kind == "Property":
        check_plain(path, value, deep_null=how.nulls == "inside")
        if isinstance(value, dict) and value.get("@type") == "DateTime":
            checked_time(f"{path}.value", value.get("@value"))
        return value
    if kind == "JsonProperty":
        if not isinstance(value, dict | list):
            raise BadRequestData(f"{path}.json: must be an object or a list.")
        return value
    if kind == "LanguageProperty":
        return _language_map(path, value, deep_null=how.nulls == "inside")
    return _READERS[kind](path, value, how)


def is_geometry(value: Any) -> bool:
    if not isinstance(value, dict) or "coordinates" not in value:
        return False
    shape = value.get("type")
    return isinstance(shape, str) and shape in _GEO_DEPTH


def is_null(value: Any) -> bool:
    if isinstance(value, str):
        return value == NULL
    return isinstance(value, dict | list) and len(value) == 1 and value in ({"@none": NULL}, [NULL])


def checked_time(path: str, value: Any) -> str:
    if not isinstance(value, str):
        raise BadRequestData(f"{path}: must be a time, like 2026-11-23T02:15:07Z.")
    try:
        from_wire_time(value)
    except BadRequestData as error:
        raise BadRequestData(f"{path}: {error.message}") from error
    return value


def is_plain(value: Any) -> bool:
    """Tell at one look that a value is a number, a truth value or a text that may stand as the value of a Property."""
    kind = type(value)
    if kind is str:
        return value != NULL and "\0" not in value
    return kind is int or kind is float or kind is bool


def check_positions(shape: str, coordinates: Any, positions_max: int = CAPS.positions) -> None:
    """Check the coordinates of a GeoJSON geometry: degrees, closed rings, not too many.

    Raises: BadRequestData.
    """
    depth = _GEO_DEPTH.get(shape)
    if depth is None:
        raise BadRequestData(f"geometry: must be one of {', '.join(_GEO_DEPTH)}.")
    if _check_positions(shape, coordinates, depth) > positions_max:
        raise BadRequestData(f"geometry: at most {positions_max} positions.")


def check_plain(path: str, value: Any, *, deep_null: bool = False) -> None:
    """Refuse null, the NGSI-LD null and NUL anywhere inside a value; without recursion, so that depth cannot hurt.

    `deep_null`: the NGSI-LD null may stand for the value of a key, but nowhere below a list.
    """
    if isinstance(value, int | float):
        return
    waiting = [value]
    while waiting:
        one = waiting.pop()
        if one is None:
            raise BadRequestData(
                f"{path}: JSON null is not allowed; leave the attribute out, or send {NULL} to delete it."
            )
        if isinstance(one, str):
            if one == NULL or "\0" in one:
                raise BadRequestData(f"{path}: holds a text that is not allowed inside a value.")
        elif isinstance(one, dict):
            waiting.extend([part for part in one.values() if part != NULL] if deep_null else one.values())
        elif isinstance(one, list):
            if deep_null:
                check_plain(path, one)
            else:
                waiting.extend(one)


def _relationship(path: str, value: Any, _: How) -> Any:
    if isinstance(value, list):
        if not value:
            raise BadRequestData(f"{path}.object: must be a URI or a list of URIs.")
        return [checked_id(one, f"{path}.object[{at}]") for at, one in enumerate(value)]
    return checked_id(value, f"{path}.object")


def _object_list(path: str, value: Any, _: How) -> Any:
    if not isinstance(value, list):
        raise BadRequestData(f"{path}.objectList: must be a list of URIs.")
    uris = [one.get("object") if isinstance(one, dict) else one for one in value]
    return [checked_id(one, f"{path}.objectList[{at}]") for at, one in enumerate(uris)]


def _language_map(path: str, value: Any, *, deep_null: bool) -> Any:
    if not isinstance(value, dict) or not value:
        raise BadRequestData(f"{path}.languageMap: must be texts by language.")
    for language, said in value.items():
        texts = said if isinstance(said, list) else [said]
        if not language or not visible(language, NOT_IN_URI) or not all(isinstance(text, str) for text in texts):
            raise BadRequestData(f"{path}.languageMap: must be texts by language.")
        if not deep_null:
            check_plain(f"{path}.languageMap", texts)
    return value


def _vocab(path: str, value: Any, how: How) -> Any:
    values = value if isinstance(value, list) else [value]
    if not values or not all(isinstance(one, str) for one in values):
        raise BadRequestData(f"{path}.vocab: must be a term or a list of terms.")
    names = [how.terms.vocab_value(checked_name(one)) for one in values]
    return names if isinstance(value, list) else names[0]


def _value_list(path: str, value: Any, _: How) -> Any:
    if not isinstance(value, list):
        raise BadRequestData(f"{path}.valueList: must be a list.")
    check_plain(path, value)
    return value


def _geometry(path: str, value: Any, how: How) -> Any:
    if is_point(value):
        return value
    if isinstance(value, str):
        value = _geometry_text(path, value)
    if not isinstance(value, dict) or not isinstance(value.get("type"), str):
        raise BadRequestData(f"{path}.value: must be a GeoJSON geometry.")
    try:
        check_positions(value["type"], value.get("coordinates"), how.caps.positions)
    except BadRequestData as error:
        raise BadRequestData(f"{path}.value: {error.message}") from error
    return {"type": value["type"], "coordinates": value["coordinates"]}


def is_point(value: Any) -> bool:
    """Tell at one look that a value is a place of two coordinates, as most geometries are."""
    if type(value) is not dict or len(value) != 2 or value.get("type") != "Point":
        return False
    said = value.get("coordinates")
    if type(said) is not list or len(said) != 2:
        return False
    lon, lat = said
    return type(lon) in _NUMBERS and type(lat) in _NUMBERS and -180 <= lon <= 180 and -90 <= lat <= 90


def _geometry_text(path: str, value: str) -> Any:
    try:
        return orjson.loads(value)
    except orjson.JSONDecodeError as error:
        raise BadRequestData(f"{path}.value: must be a GeoJSON geometry.") from error


def _check_positions(shape: str, said: Any, depth: int) -> int:
    """Return how many positions there are."""
    if not isinstance(said, list) or not said:
        raise BadRequestData("coordinates: must be [lon, lat] in degrees, or lists of these.")
    if depth == 0:
        if len(said) not in (2, 3) or (len(said) == 3 and not isinstance(said[2], int | float)):
            raise BadRequestData("coordinates: a position is [lon, lat] in degrees (WGS-84).")
        checked_point(said[0], said[1])
        return 1
    positions = sum(_check_positions(shape, part, depth - 1) for part in said)
    if depth == 1:
        if shape.endswith("Polygon") and (len(said) < 4 or said[0] != said[-1]):
            raise BadRequestData("coordinates: a ring has at least 4 positions and ends where it begins.")
        if shape.endswith("LineString") and len(said) < 2:
            raise BadRequestData("coordinates: a line has at least 2 positions.")
    return positions


_READERS = {
    "Relationship": _relationship,
    "ListRelationship": _object_list,
    "VocabProperty": _vocab,
    "ListProperty": _value_list,
    "GeoProperty": _geometry,
}
