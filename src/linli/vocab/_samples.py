"""Samples: entities that are right, made from the type files, for reference pages, tests and vendors to begin with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ._model import MEMBER, Attribute, EntityType
from ._publish import CONTEXT_URL, CORE_CONTEXT_URL

#: a community of a province that does not exist
NODE = "990101001001"
SCOPE = "/cn/r99/r9901/r990101/r990101001/r990101001001"
ULID = "01JDSAMP1E0000000000000001"
TIME, DAY = "2026-11-23T02:15:07Z", "2026-11-23"
_POINT = [117.02, 36.66]
_RING = [[117.0, 36.6], [117.1, 36.6], [117.1, 36.7], [117.0, 36.6]]
_SHAPES: Mapping[str, Any] = {
    "Point": _POINT,
    "MultiPoint": [_POINT],
    "LineString": [_POINT, [117.03, 36.67]],
    "MultiLineString": [[_POINT, [117.03, 36.67]]],
    "Polygon": [_RING],
    "MultiPolygon": [[_RING]],
}
_FORMS: Mapping[str, str] = {
    "citizen_id": "990101194801010014",
    "gb28181": "99010100001320000001",
    "opening_hours": "Mo-Fr 08:30-17:30; PH off",
    "phone": "00012345678",
    "region_code": NODE,
    "scope": SCOPE,
    "uscc": "91990101EXAMPL001D",
}
_VALUES: Mapping[str, Any] = {
    "boolean": True,
    "date": DAY,
    "datetime": TIME,
    "duration": "P1D",
    "uri": "https://example.org/sample",
    "object": {"sample": "样例"},
}


def sample_id(entity: EntityType) -> str:
    """Return an id of the form that the type demands."""
    return entity.id_form.replace("{node}", NODE).replace("{ulid}", ULID).replace("{code}", _code_of(entity))


def sample_entity(entity: EntityType, types: Mapping[str, EntityType], *, whole: bool) -> dict[str, Any]:
    """Return a normalized entity with its required attributes, or with all of them."""
    left_out = {name for rule in entity.rules for name in rule.get("one_of", ())[1:]}
    first = {rule["one_of"][0] for rule in entity.rules if "one_of" in rule}
    attributes = [
        one
        for one in entity.attributes.values()
        if one.name not in left_out and (whole or one.required or one.name in first)
    ]
    return {
        "id": sample_id(entity),
        "type": entity.name,
        "scope": SCOPE,
        **{one.name: sample_instance(one, types) for one in attributes},
        "@context": [CONTEXT_URL, CORE_CONTEXT_URL],
    }


def sample_instance(one: Attribute, types: Mapping[str, EntityType]) -> dict[str, Any]:
    """Return an attribute as it is written, normalized."""
    value = _value(one, types)
    if one.many and one.required:
        value = [value]
    instance = {"type": one.kind, MEMBER[one.kind]: value}
    return {**instance, "unitCode": one.unit} if one.unit else instance


def _value(one: Attribute, types: Mapping[str, EntityType]) -> Any:
    match one.kind:
        case "Relationship":
            target = types.get(one.target[0]) if one.target else None
            return sample_id(target) if target else "urn:ngsi-ld:Sample:1"
        case "GeoProperty":
            shape = one.shapes[0] if one.shapes else "Point"
            return {"type": shape, "coordinates": _SHAPES[shape]}
        case "LanguageProperty":
            return {"zh": one.title["zh"], "en": one.title["en"]}
        case "JsonProperty":
            return one.sample or {"sample": "样例"}
        case _:
            return _plain(one)


def _plain(one: Attribute) -> Any:
    if one.sample is not None:
        return one.sample
    if one.choices:
        return one.choices[0]
    if one.form:
        return _FORMS[one.form]
    if one.value in ("integer", "number"):
        return _number(one)
    return _VALUES.get(one.value, one.title["zh"])


def _number(one: Attribute) -> float:
    low, high = one.min, one.max
    if low is None and high is None:
        return 1
    middle = (low + high) / 2 if low is not None and high is not None else low if low is not None else high
    return int(middle or 0) if one.value == "integer" or middle is None else middle


def _code_of(entity: EntityType) -> str:
    code = entity.attributes.get("code")
    return str(code.sample) if code is not None and code.sample is not None else NODE
