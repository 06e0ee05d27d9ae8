"""Reads what came over the wire, normalized or concise, into the inner form; everything not allowed is named.

A fragment is what a request says about one entity: types, scopes, and attributes as lists of instances under their
names. An instance that carries the NGSI-LD null becomes `{"null": True}` where the operation allows one.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from linli.base import checked_point, from_wire_time
from linli.base.errors import BadRequestData

from ._plain import VALUE_MEMBER, Instance
from ._terms import Terms

NULL = "urn:ngsi-ld:null"
ATTRIBUTES_MAX = 500
ID_LETTERS_MAX = 2048
NAME_LETTERS_MAX = 512
POSITIONS_MAX = 10_000

_ENTITY_MEMBERS = frozenset({"id", "@id", "type", "@type", "scope", "@context", "createdAt", "modifiedAt", "deletedAt"})
_IGNORED = frozenset({"type", "@type", "datasetId", "createdAt", "modifiedAt", "deletedAt", "instanceId"})
_NOT_ATTRIBUTES = frozenset({"datasetId", "instanceId", "observedAt", "unitCode", "value", "object", "languageMap"})
_REFUSED = frozenset({"@context", "entity", "entityList", "entityIdSealed", "entityTypeSealed", "expiresAt"})
_VALUE_MEMBERS = ("value", "object", "languageMap", "vocab", "json", "valueList", "objectList")
_TYPE_OF_MEMBER = {
    "value": "Property",
    "object": "Relationship",
    "languageMap": "LanguageProperty",
    "vocab": "VocabProperty",
    "json": "JsonProperty",
    "valueList": "ListProperty",
    "objectList": "ListRelationship",
}
_WITH_UNIT = frozenset({"Property", "ListProperty"})
_GEO_DEPTH = {"Point": 0, "MultiPoint": 1, "LineString": 1, "MultiLineString": 2, "Polygon": 2, "MultiPolygon": 3}
#: letters that nobody sees although Unicode calls them letters or marks
_UNSEEN = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u3164\uffa0\u2800") | {
    chr(0xFE00 + n) for n in range(16)
}
_NOT_IN_URI = frozenset(' <>"{}|\\^`')
_NOT_IN_NAME = frozenset(" <>\"'=;(){}[]|\\^`,&")


@dataclass(frozen=True, slots=True)
class Fragment:
    """What a request says about one entity; `scopes` None = nothing."""

    id: str
    types: list[str]
    scopes: list[str] | None
    attrs: dict[str, list[Instance]] = field(default_factory=dict)


def read_fragment(body: Any, terms: Terms, *, whole: bool, nulls: bool = False) -> Fragment:
    """Return what an entity (`whole`) or a part of one says. `nulls`: the NGSI-LD null may stand for an instance.

    Raises: BadRequestData: with the place of what is wrong.
    """
    if not isinstance(body, dict):
        raise BadRequestData("An entity must be a JSON object.")
    if len(body) > ATTRIBUTES_MAX:
        raise BadRequestData(f"An entity may have at most {ATTRIBUTES_MAX} attributes.")
    entity_id = body.get("id", body.get("@id"))
    types = _types(body.get("type", body.get("@type")), terms)
    if whole:
        entity_id = checked_id(entity_id)
        if not types:
            raise BadRequestData("type: is required.")
    attrs: dict[str, list[Instance]] = {}
    for said, value in body.items():
        if said in _ENTITY_MEMBERS:
            continue
        if said in _NOT_ATTRIBUTES or said in _REFUSED:
            raise BadRequestData(f"{said}: cannot stand as an attribute here.")
        name = terms.known(said) or terms.name(checked_name(said))
        if name in attrs:
            raise BadRequestData(f"{said}: stands twice under different spellings.")
        attrs[name] = _instances(said, value, terms, nulls=nulls)
    scopes = read_scopes(body["scope"]) if "scope" in body else None
    return Fragment(entity_id or "", types, scopes, attrs)


def checked_id(said: Any, where: str = "id") -> str:
    """Return an id that is a URI without anything invisible in it.

    Raises: BadRequestData.
    """
    if not isinstance(said, str) or not 3 <= len(said) <= ID_LETTERS_MAX:
        raise BadRequestData(f"{where}: must be a URI of at most {ID_LETTERS_MAX} letters.")
    scheme, colon, rest = said.partition(":")
    if not colon or not rest or not scheme.isascii() or not scheme[:1].isalpha():
        raise BadRequestData(f"{where}: must be a URI, like urn:ngsi-ld:Gate:370102001001:1.")
    if not scheme.replace("+", "").replace("-", "").replace(".", "").isalnum() or not _visible(said, _NOT_IN_URI):
        raise BadRequestData(f"{where}: holds letters that a URI cannot hold, or that nobody can see.")
    return said


def checked_name(said: str) -> str:
    """Return an attribute or type name that can be said in queries and seen by people.

    Raises: BadRequestData.
    """
    if not 0 < len(said) <= NAME_LETTERS_MAX or not _visible(said, _NOT_IN_NAME) or said[0] in "@.-0123456789":
        raise BadRequestData("A name must begin with a letter and hold letters, digits and _, or be an IRI.")
    return said


def read_scopes(said: Any) -> list[str]:
    """Return the scopes of an entity: /cn/r37/r3701, each level a letter first.

    Raises: BadRequestData.
    """
    scopes = said if isinstance(said, list) else [said]
    if not scopes or len(scopes) > 20:
        raise BadRequestData("scope: 1 to 20 scopes are needed.")
    for scope in scopes:
        if not isinstance(scope, str) or not _is_scope(scope):
            raise BadRequestData(
                "scope: write it like /cn/r37/r3701: each level a letter first, then letters, digits, _."
            )
    return list(dict.fromkeys(scope if scope.startswith("/") else "/" + scope for scope in scopes))


def is_scope_level(level: str) -> bool:
    """Tell whether one level of a scope is well formed: a letter first, then letters, digits, underscores."""
    return bool(level) and level[0].isalpha() and level.replace("_", "a").isalnum() and _visible(level, frozenset())


def check_positions(shape: str, coordinates: Any) -> None:
    """Check the coordinates of a GeoJSON geometry: degrees, closed rings, not too many.

    Raises: BadRequestData.
    """
    depth = _GEO_DEPTH.get(shape)
    if depth is None:
        raise BadRequestData(f"geometry: must be one of {', '.join(_GEO_DEPTH)}.")
    if _check_positions(shape, coordinates, depth) > POSITIONS_MAX:
        raise BadRequestData(f"geometry: at most {POSITIONS_MAX} positions.")


def _is_scope(scope: str) -> bool:
    return len(scope) <= 1000 and all(map(is_scope_level, scope.removeprefix("/").split("/")))


def _types(said: Any, terms: Terms) -> list[str]:
    if said is None:
        return []
    types = said if isinstance(said, list) else [said]
    if not types or not all(isinstance(one, str) for one in types) or len(types) > 50:
        raise BadRequestData("type: must be a name or a list of names.")
    return list(dict.fromkeys(terms.known(one) or terms.name(checked_name(one)) for one in types))


def _visible(text: str, refused: frozenset[str]) -> bool:
    if text.isascii():
        return text.isprintable() and refused.isdisjoint(text)
    seen = frozenset(text)
    return (
        text.isprintable()
        and refused.isdisjoint(seen)
        and _UNSEEN.isdisjoint(seen)
        and unicodedata.is_normalized("NFC", text)
    )


def _instances(path: str, said: Any, terms: Terms, *, nulls: bool) -> list[Instance]:
    if not (isinstance(said, list) and said and all(isinstance(one, dict) for one in said)):
        return [_instance(path, said, terms, nulls=nulls)]
    instances = [_instance(f"{path}[{at}]", one, terms, nulls=nulls) for at, one in enumerate(said)]
    if len({one.get("datasetId") for one in instances}) < len(instances):
        raise BadRequestData(f"{path}: two instances with the same datasetId.")
    return instances


def _instance(path: str, said: Any, terms: Terms, *, nulls: bool) -> Instance:
    if not isinstance(said, dict):
        said = {"value": said}
    elif _is_geometry(said):
        said = {"type": "GeoProperty", "value": said}
    kind = _kind(path, said)
    member = VALUE_MEMBER[kind]
    instance: Instance = {"type": kind}
    if "datasetId" in said and said["datasetId"] != "@none":
        instance["datasetId"] = checked_id(said["datasetId"], f"{path}.datasetId")
    if _is_null(said[member]):
        if not nulls:
            raise BadRequestData(f"{path}: the NGSI-LD null has no meaning here.")
        return {**instance, "null": True}
    instance[member] = _value(path, kind, said[member], terms)
    for key, value in said.items():
        if key != member and key not in _IGNORED:
            _add_member(f"{path}.{key}", key, value, instance, terms, nulls=nulls)
    return instance


def _add_member(path: str, key: str, value: Any, instance: Instance, terms: Terms, *, nulls: bool) -> None:
    """Take one further member of an instance: what is said about it, or a sub-attribute."""
    kind = instance["type"]
    if key == "observedAt":
        instance["observedAt"] = _time(path, value)
    elif key == "unitCode":
        if kind not in _WITH_UNIT or not isinstance(value, str) or not 0 < len(value) <= 100:
            raise BadRequestData(f"{path}: must be text, and only a Property has one.")
        instance["unitCode"] = value
    elif key == "objectType" and kind in ("Relationship", "ListRelationship"):
        instance["objectType"] = _types(value, terms)
    elif key in _REFUSED or key in _VALUE_MEMBERS or key.startswith("previous"):
        raise BadRequestData(f"{path}: cannot stand here.")
    else:
        kept = [one for one in _instances(path, value, terms, nulls=nulls) if "null" not in one]
        if kept:
            name = terms.known(key) or terms.name(checked_name(key))
            instance.setdefault("subs", {})[name] = kept


def _kind(path: str, said: Mapping[str, Any]) -> str:
    kind = said.get("type", said.get("@type"))
    members = [member for member in _VALUE_MEMBERS if member in said]
    if kind is None and len(members) == 1:
        kind = _TYPE_OF_MEMBER[members[0]]
        value = said[members[0]]
        if kind == "Property" and _is_geometry(value):
            kind = "GeoProperty"
    if not isinstance(kind, str) or kind not in VALUE_MEMBER:
        raise BadRequestData(f"{path}: type must be one of {', '.join(VALUE_MEMBER)}.")
    if members != [VALUE_MEMBER[kind]]:
        raise BadRequestData(f"{path}: a {kind} has the member {VALUE_MEMBER[kind]} and no other value.")
    if kind == "Property" and path in ("location", "observationSpace", "operationSpace"):
        raise BadRequestData(f"{path}: must be a GeoProperty.")
    return kind


def _is_geometry(value: Any) -> bool:
    if not isinstance(value, dict) or "coordinates" not in value:
        return False
    shape = value.get("type")
    return isinstance(shape, str) and shape in _GEO_DEPTH


def _is_null(value: Any) -> bool:
    if isinstance(value, str):
        return value == NULL
    return value in ({"@none": NULL}, [NULL])


def _time(path: str, value: Any) -> str:
    if not isinstance(value, str):
        raise BadRequestData(f"{path}: must be a time, like 2026-11-23T02:15:07Z.")
    try:
        from_wire_time(value)
    except BadRequestData as error:
        raise BadRequestData(f"{path}: {error.message}") from error
    return value


def _value(path: str, kind: str, value: Any, terms: Terms) -> Any:
    if kind == "Property":
        _check_plain(path, value)
        if isinstance(value, dict) and value.get("@type") == "DateTime":
            _time(f"{path}.value", value.get("@value"))
        return value
    if kind == "JsonProperty":
        if not isinstance(value, dict | list):
            raise BadRequestData(f"{path}.json: must be an object or a list.")
        return value
    return _READERS[kind](path, value, terms)


def _check_plain(path: str, value: Any) -> None:
    """Refuse null, the NGSI-LD null and NUL anywhere inside a value; without recursion, so that depth cannot hurt."""
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
            waiting.extend(one.values())
        elif isinstance(one, list):
            waiting.extend(one)


def _relationship(path: str, value: Any, _: Terms) -> Any:
    if isinstance(value, list):
        if not value:
            raise BadRequestData(f"{path}.object: must be a URI or a list of URIs.")
        return [checked_id(one, f"{path}.object[{at}]") for at, one in enumerate(value)]
    return checked_id(value, f"{path}.object")


def _object_list(path: str, value: Any, _: Terms) -> Any:
    if not isinstance(value, list):
        raise BadRequestData(f"{path}.objectList: must be a list of URIs.")
    uris = [one.get("object") if isinstance(one, dict) else one for one in value]
    return [checked_id(one, f"{path}.objectList[{at}]") for at, one in enumerate(uris)]


def _language_map(path: str, value: Any, _: Terms) -> Any:
    if not isinstance(value, dict) or not value:
        raise BadRequestData(f"{path}.languageMap: must be texts by language.")
    for language, said in value.items():
        texts = said if isinstance(said, list) else [said]
        if not _visible(language, _NOT_IN_URI) or not all(isinstance(text, str) for text in texts):
            raise BadRequestData(f"{path}.languageMap: must be texts by language.")
        _check_plain(f"{path}.languageMap", texts)
    return value


def _vocab(path: str, value: Any, terms: Terms) -> Any:
    values = value if isinstance(value, list) else [value]
    if not values or not all(isinstance(one, str) for one in values):
        raise BadRequestData(f"{path}.vocab: must be a term or a list of terms.")
    names = [terms.vocab_value(checked_name(one)) for one in values]
    return names if isinstance(value, list) else names[0]


def _value_list(path: str, value: Any, _: Terms) -> Any:
    if not isinstance(value, list):
        raise BadRequestData(f"{path}.valueList: must be a list.")
    _check_plain(path, value)
    return value


def _geometry(path: str, value: Any, _: Terms) -> Any:
    if isinstance(value, str):
        value = _geometry_text(path, value)
    if not isinstance(value, dict) or not isinstance(value.get("type"), str):
        raise BadRequestData(f"{path}.value: must be a GeoJSON geometry.")
    try:
        check_positions(value["type"], value.get("coordinates"))
    except BadRequestData as error:
        raise BadRequestData(f"{path}.value: {error.message}") from error
    return {"type": value["type"], "coordinates": value["coordinates"]}


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
    "LanguageProperty": _language_map,
    "VocabProperty": _vocab,
    "ListProperty": _value_list,
    "GeoProperty": _geometry,
}
