"""Reads what came over the wire, normalized, concise or simplified, into the inner form; what is not allowed is named.

A fragment is what a request says about one entity: types, scopes, and attributes as lists of instances under their
names. How far the NGSI-LD null may reach depends on the operation (`Nulls`). Where a part of an attribute may be said
(merge, partial update) an instance may lack "type" or value; `_writing` lays it over the stored one.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import orjson

from linli.base import checked_point, from_wire_time
from linli.base.errors import BadRequestData, InvalidRequest

from ._caps import CAPS, Caps
from ._plain import VALUE_MEMBER, Instance
from ._terms import Terms

NULL = "urn:ngsi-ld:null"
ID_LETTERS_MAX = 2048
NAME_LETTERS_MAX = 512

Nulls = Literal["none", "instance", "member", "inside"]
"""What the NGSI-LD null may take away: nothing; an instance; also a member or sub-attribute of it (then an instance may
be said in part); also keys inside a value, as a merge does."""


@dataclass(frozen=True, slots=True)
class _How:
    """How a body is read: in which context, how far a null reaches, whether instances may be said in part."""

    terms: Terms
    nulls: Nulls
    caps: Caps = CAPS

    @property
    def partly(self) -> bool:
        return self.nulls in ("member", "inside")


_ENTITY_MEMBERS = frozenset(
    {"id", "@id", "type", "@type", "scope", "@context", "createdAt", "modifiedAt", "deletedAt", "expiresAt"}
)
_IGNORED = frozenset({"type", "@type", "datasetId", "createdAt", "modifiedAt", "deletedAt", "instanceId"})
_NOT_ATTRIBUTES = frozenset({"datasetId", "instanceId", "observedAt", "unitCode", "value", "object", "languageMap"})
_REFUSED = frozenset({"@context", "entity", "entityList"})
_TYPE = frozenset({"type", "@type"})
_TYPE_OF_MEMBER = {
    "value": "Property",
    "object": "Relationship",
    "languageMap": "LanguageProperty",
    "vocab": "VocabProperty",
    "json": "JsonProperty",
    "valueList": "ListProperty",
    "objectList": "ListRelationship",
}
_VALUE_MEMBERS = _TYPE_OF_MEMBER.keys()
_WITH_UNIT = frozenset({"Property", "ListProperty"})
_GEO_DEPTH = {"Point": 0, "MultiPoint": 1, "LineString": 1, "MultiLineString": 2, "Polygon": 2, "MultiPolygon": 3}
_ETSI = "https://uri.etsi.org/ngsi-ld/"
_PLACES = frozenset({_ETSI + "location", _ETSI + "observationSpace", _ETSI + "operationSpace"})
#: the attribute that seals an entity, and the members that only it may have
PROOF = "ngsildproof"
#: letters that nobody sees although Unicode calls them letters or marks
_UNSEEN = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u3164\uffa0\u2800") | {
    chr(first + n) for first, count in ((0xFE00, 16), (0xE0100, 240)) for n in range(count)
}
_NOT_IN_URI = frozenset(' <>"{}|\\^`')
_NOT_IN_NAME = frozenset(" <>\"'=;(){}[]|\\^`,&")


@dataclass(frozen=True, slots=True)
class Fragment:
    """What a request says about one entity.

    `scopes`: None = nothing is said, [] = it shall have none. `expires_us`: None = nothing, 0 = it shall not expire.
    """

    id: str
    types: list[str]
    scopes: list[str] | None
    attrs: dict[str, list[Instance]] = field(default_factory=dict)
    expires_us: int | None = None

    @property
    def empty(self) -> bool:
        """Whether nothing at all is said."""
        return not self.attrs and not self.types and self.scopes is None and self.expires_us is None


def read_fragment(
    body: Any,
    terms: Terms,
    *,
    whole: bool,
    nulls: Nulls = "none",
    simplified: bool = False,
    typed: bool = True,
    caps: Caps = CAPS,
) -> Fragment:
    """Return what an entity (`whole`) or a part of one says. `typed`: a whole one needs a type.

    `simplified`: attributes are bare values; which kind they are the stored ones decide: {"bare": value}.
    Raises: BadRequestData: with the place of what is wrong.
    """
    if not isinstance(body, dict):
        raise InvalidRequest("An entity must be a JSON object.")
    body = terms.plain(body)
    if len(body) > caps.attributes:
        raise BadRequestData(f"An entity may have at most {caps.attributes} attributes.")
    entity_id = body.get("id", body.get("@id"))
    types = _types(body.get("type", body.get("@type")), terms)
    if whole or entity_id is not None:
        entity_id = checked_id(entity_id)
    if whole and typed and not types:
        raise BadRequestData("type: is required.")
    attrs: dict[str, list[Instance]] = {}
    how, read = _How(terms, nulls, caps), _bare_instances if simplified else _instances
    for said, value in body.items():
        if said in _ENTITY_MEMBERS:
            continue
        name = attribute_name(said, terms)
        if name in attrs:
            raise BadRequestData(f"{said}: stands twice under different spellings.")
        attrs[name] = read(said, value, how)
        if name in _PLACES:
            _check_place(said, attrs[name])
    scopes = _scopes(body["scope"], nulls) if "scope" in body else None
    expires_us = _expiry("expiresAt", body["expiresAt"], nulls) if "expiresAt" in body else None
    return Fragment(entity_id or "", types, scopes, attrs, expires_us)


def read_attribute(said_name: str, body: Any, terms: Terms, *, nulls: Nulls, caps: Caps = CAPS) -> tuple[str, Instance]:
    """Return the name and the one instance that a request to a single attribute says.

    Raises: BadRequestData: with the place of what is wrong.
    """
    name = attribute_name(said_name, terms)
    if not isinstance(body, dict):
        raise InvalidRequest("The body must be an attribute: a JSON object.")
    said = {key: value for key, value in body.items() if key != "@context"}
    if not said:
        raise BadRequestData("The body says nothing about the attribute.")
    instance = _instance(said_name, said, _How(terms, nulls, caps))
    if name in _PLACES:
        _check_place(said_name, [instance])
    return name, instance


def attribute_name(said: str, terms: Terms) -> str:
    """Return the name in documents of an attribute. Raises: BadRequestData: it cannot be the name of one."""
    if said in _NOT_ATTRIBUTES or said in _REFUSED or said in _ENTITY_MEMBERS or said in _MEMBERS:
        raise BadRequestData(f"{said}: cannot stand as an attribute here.")
    return terms.known(said) or terms.name(checked_name(said))


def checked_id(said: Any, where: str = "id") -> str:
    """Return an id that is a URI without anything invisible in it.

    Raises: BadRequestData.
    """
    if not isinstance(said, str) or not 3 <= len(said) <= ID_LETTERS_MAX:
        raise BadRequestData(f"{where}: must be a URI of at most {ID_LETTERS_MAX} letters.")
    if said == NULL:
        raise BadRequestData(f"{where}: the NGSI-LD null has no meaning here.")
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
    if not 0 < len(said) <= NAME_LETTERS_MAX or not _visible(said, _NOT_IN_NAME) or said[0] in "@%.-0123456789":
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


def check_positions(shape: str, coordinates: Any, positions_max: int = CAPS.positions) -> None:
    """Check the coordinates of a GeoJSON geometry: degrees, closed rings, not too many.

    Raises: BadRequestData.
    """
    depth = _GEO_DEPTH.get(shape)
    if depth is None:
        raise BadRequestData(f"geometry: must be one of {', '.join(_GEO_DEPTH)}.")
    if _check_positions(shape, coordinates, depth) > positions_max:
        raise BadRequestData(f"geometry: at most {positions_max} positions.")


def _is_scope(scope: str) -> bool:
    return len(scope) <= 1000 and all(map(is_scope_level, scope.removeprefix("/").split("/")))


def _types(said: Any, terms: Terms) -> list[str]:
    if said is None:
        return []
    types = said if isinstance(said, list) else [said]
    if not types or not all(isinstance(one, str) for one in types) or len(types) > 50:
        raise BadRequestData("type: must be a name or a list of names.")
    if not terms.aliases.keys().isdisjoint(types):
        raise BadRequestData("type: this name has a meaning of its own in every @context.")
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


def _scopes(said: Any, nulls: Nulls) -> list[str]:
    return [] if said == NULL and nulls != "none" else read_scopes(said)


def _expiry(path: str, said: Any, nulls: Nulls) -> int:
    """Return when something expires, in microseconds; 0 = never again, said by the NGSI-LD null."""
    return 0 if said == NULL and nulls in ("member", "inside") else max(1, from_wire_time(_time(path, said)))


def _check_place(path: str, instances: list[Instance]) -> None:
    if any(one.get("type", "GeoProperty") != "GeoProperty" for one in instances if "null" not in one):
        raise BadRequestData(f"{path}: must be a GeoProperty.")


def _instances(path: str, said: Any, how: _How) -> list[Instance]:
    if not isinstance(said, list) or not (said and all(isinstance(one, dict) for one in said)):
        return [_instance(path, said, how)]
    instances = [_instance(f"{path}[{at}]", one, how) for at, one in enumerate(said)]
    if len({one.get("datasetId") for one in instances}) < len(instances):
        raise BadRequestData(f"{path}: two instances with the same datasetId.")
    return instances


def _instance(path: str, said: Any, how: _How) -> Instance:
    return (_simplest(path, said, how) if isinstance(said, dict) else None) or _any_instance(path, said, how)


def _simplest(path: str, said: Mapping[str, Any], how: _How) -> Instance | None:
    """Return what most instances are: a type and the value of that type; None when there is anything else to it."""
    kind = said.get("type")
    member = VALUE_MEMBER.get(kind) if isinstance(kind, str) else None
    if len(said) > 2 or member is None or member not in said or path == PROOF or _is_null(said[member]):
        return None
    return {"type": kind, member: _value(path, str(kind), said[member], how)}


def _any_instance(path: str, said: Any, how: _How) -> Instance:
    if not isinstance(said, dict):
        said = {"value": said}
    elif _is_geometry(said):
        said = {"type": "GeoProperty", "value": said}
    kind = _kind(path, said, partly=how.partly)
    member = VALUE_MEMBER[kind] if kind else ""
    # of a part, "value" alone does not tell whether the stored attribute is a Property or a GeoProperty
    tells = kind and not (how.partly and member == "value" and said.keys().isdisjoint(_TYPE))
    instance: Instance = {"type": kind} if tells else {}
    if "datasetId" in said and said["datasetId"] != "@none":
        instance["datasetId"] = checked_id(said["datasetId"], f"{path}.datasetId")
    if member in said:
        if _is_null(said[member]):
            if how.nulls == "none":
                raise BadRequestData(f"{path}: the NGSI-LD null has no meaning here.")
            return {**instance, "null": True}
        instance[member] = _value(path, kind, said[member], how)
    for key, value in said.items():
        if key != member and key not in _IGNORED:
            _add_member(path, key, value, instance, how)
    return instance


def _add_member(path: str, key: str, value: Any, instance: Instance, how: _How) -> None:
    """Take one further member of an instance: what is said about it, or a sub-attribute."""
    reader = _MEMBERS.get(key)
    if reader is not None:
        instance[key] = reader(path, value, instance, how)
    elif key in _REFUSED or key in _VALUE_MEMBERS or key.startswith("previous"):
        raise BadRequestData(f"{path}.{key}: cannot stand here.")
    else:
        _add_sub(f"{path}.{key}", key, value, instance, how)


def _add_sub(path: str, key: str, value: Any, instance: Instance, how: _How) -> None:
    subs = _instances(path, value, how)
    if not how.partly:
        subs = [one for one in subs if "null" not in one]
    if subs:
        instance.setdefault("subs", {})[how.terms.known(key) or how.terms.name(checked_name(key))] = subs


def _observed_at(path: str, value: Any, _: Instance, how: _How) -> str | None:
    return None if value == NULL and how.partly else _time(f"{path}.observedAt", value)


def _unit_code(path: str, value: Any, instance: Instance, how: _How) -> str | None:
    if value == NULL and how.partly:
        return None
    if instance.get("type", "Property") not in _WITH_UNIT or not isinstance(value, str) or not 0 < len(value) <= 100:
        raise BadRequestData(f"{path}.unitCode: must be text, and only a Property has one.")
    return value


def _expires_at(path: str, value: Any, _: Instance, how: _How) -> int:
    return _expiry(f"{path}.expiresAt", value, how.nulls)


def _value_type(path: str, value: Any, instance: Instance, how: _How) -> str | None:
    if value == NULL and how.partly:
        return None
    if not isinstance(value, str) or not value:
        raise BadRequestData(f"{path}.valueType: must be the name of a data type.")
    if instance.get("type") == "LanguageProperty" and value != "langString":
        raise BadRequestData(f"{path}.valueType: of a LanguageProperty is langString.")
    return value


def _object_type(path: str, value: Any, instance: Instance, how: _How) -> list[str] | None:
    if value == NULL and how.partly:
        return None
    if instance.get("type", "Relationship") not in ("Relationship", "ListRelationship"):
        raise BadRequestData(f"{path}.objectType: only a Relationship has one.")
    return _types(value, how.terms)


def _sealed_id(path: str, value: Any, _: Instance, __: _How) -> str:
    if path != PROOF:
        raise BadRequestData(f"{path}.entityIdSealed: stands in {PROOF} only.")
    return checked_id(value, f"{path}.entityIdSealed")


def _sealed_type(path: str, value: Any, _: Instance, how: _How) -> list[str]:
    if path != PROOF or value is None:
        raise BadRequestData(f"{path}.entityTypeSealed: stands in {PROOF} only, and is the type of the sealed entity.")
    return _types(value, how.terms)


def _kind(path: str, said: Mapping[str, Any], *, partly: bool) -> str:
    """Return the attribute type that is said or can be told from the members; "" where a part does not tell."""
    kind = said.get("type", said.get("@type"))
    members = said.keys() & _VALUE_MEMBERS
    if kind is None and len(members) == 1:
        (member,) = members
        kind = _TYPE_OF_MEMBER[member]
        if kind == "Property" and _is_geometry(said[member]):
            kind = "GeoProperty"
    if kind is None and partly and not members:
        return ""
    if not isinstance(kind, str) or kind not in VALUE_MEMBER:
        raise BadRequestData(f"{path}: type must be one of {', '.join(VALUE_MEMBER)}.")
    if (len(members) != 1 or VALUE_MEMBER[kind] not in members) and not (partly and not members):
        raise BadRequestData(f"{path}: a {kind} has the member {VALUE_MEMBER[kind]} and no other value.")
    if path == PROOF and (kind != "Property" or not isinstance(said.get("value", {}), dict)):
        raise BadRequestData(f"{path}: must be a Property whose value is the proof, an object.")
    return kind


def _bare_instances(path: str, said: Any, how: _How) -> list[Instance]:
    """Return the instances of a simplified attribute; a value whose kind is not written out stays {"bare": value}."""
    if isinstance(said, dict) and said.keys() == {"dataset"} and isinstance(said["dataset"], dict) and said["dataset"]:
        return [
            one if key == "@none" else {**one, "datasetId": checked_id(key, f"{path}.dataset")}
            for key, value in said["dataset"].items()
            for one in _bare_instances(path, value, how)
        ]
    if _is_null(said) and how.nulls != "none":
        return [{"null": True}]
    if isinstance(said, dict) and len(said) == 1 and said.keys() <= {"languageMap", "json", "vocab"}:
        return [_instance(path, said, how)]
    _check_plain(path, said, deep_null=how.nulls == "inside")
    return [{"bare": said}]


def read_value(path: str, kind: str, value: Any, terms: Terms, *, nulls: Nulls = "none", caps: Caps = CAPS) -> Any:
    """Return the value of an attribute of a known kind. Raises: BadRequestData: it cannot be one."""
    return _value(path, kind, value, _How(terms, nulls, caps))


def _is_geometry(value: Any) -> bool:
    if not isinstance(value, dict) or "coordinates" not in value:
        return False
    shape = value.get("type")
    return isinstance(shape, str) and shape in _GEO_DEPTH


def _is_null(value: Any) -> bool:
    if isinstance(value, str):
        return value == NULL
    return isinstance(value, dict | list) and len(value) == 1 and value in ({"@none": NULL}, [NULL])


def _time(path: str, value: Any) -> str:
    if not isinstance(value, str):
        raise BadRequestData(f"{path}: must be a time, like 2026-11-23T02:15:07Z.")
    try:
        from_wire_time(value)
    except BadRequestData as error:
        raise BadRequestData(f"{path}: {error.message}") from error
    return value


def _value(path: str, kind: str, value: Any, how: _How) -> Any:
    if kind == "Property":
        _check_plain(path, value, deep_null=how.nulls == "inside")
        if isinstance(value, dict) and value.get("@type") == "DateTime":
            _time(f"{path}.value", value.get("@value"))
        return value
    if kind == "JsonProperty":
        if not isinstance(value, dict | list):
            raise BadRequestData(f"{path}.json: must be an object or a list.")
        return value
    if kind == "LanguageProperty":
        return _language_map(path, value, deep_null=how.nulls == "inside")
    return _READERS[kind](path, value, how)


def _check_plain(path: str, value: Any, *, deep_null: bool = False) -> None:
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
                _check_plain(path, one)
            else:
                waiting.extend(one)


def _relationship(path: str, value: Any, _: _How) -> Any:
    if isinstance(value, list):
        if not value:
            raise BadRequestData(f"{path}.object: must be a URI or a list of URIs.")
        return [checked_id(one, f"{path}.object[{at}]") for at, one in enumerate(value)]
    return checked_id(value, f"{path}.object")


def _object_list(path: str, value: Any, _: _How) -> Any:
    if not isinstance(value, list):
        raise BadRequestData(f"{path}.objectList: must be a list of URIs.")
    uris = [one.get("object") if isinstance(one, dict) else one for one in value]
    return [checked_id(one, f"{path}.objectList[{at}]") for at, one in enumerate(uris)]


def _language_map(path: str, value: Any, *, deep_null: bool) -> Any:
    if not isinstance(value, dict) or not value:
        raise BadRequestData(f"{path}.languageMap: must be texts by language.")
    for language, said in value.items():
        texts = said if isinstance(said, list) else [said]
        if not language or not _visible(language, _NOT_IN_URI) or not all(isinstance(text, str) for text in texts):
            raise BadRequestData(f"{path}.languageMap: must be texts by language.")
        if not deep_null:
            _check_plain(f"{path}.languageMap", texts)
    return value


def _vocab(path: str, value: Any, how: _How) -> Any:
    values = value if isinstance(value, list) else [value]
    if not values or not all(isinstance(one, str) for one in values):
        raise BadRequestData(f"{path}.vocab: must be a term or a list of terms.")
    names = [how.terms.vocab_value(checked_name(one)) for one in values]
    return names if isinstance(value, list) else names[0]


def _value_list(path: str, value: Any, _: _How) -> Any:
    if not isinstance(value, list):
        raise BadRequestData(f"{path}.valueList: must be a list.")
    _check_plain(path, value)
    return value


def _geometry(path: str, value: Any, how: _How) -> Any:
    if isinstance(value, str):
        value = _geometry_text(path, value)
    if not isinstance(value, dict) or not isinstance(value.get("type"), str):
        raise BadRequestData(f"{path}.value: must be a GeoJSON geometry.")
    try:
        check_positions(value["type"], value.get("coordinates"), how.caps.positions)
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
    "VocabProperty": _vocab,
    "ListProperty": _value_list,
    "GeoProperty": _geometry,
}

_MEMBERS: Mapping[str, Callable[[str, Any, Instance, _How], Any]] = {
    "observedAt": _observed_at,
    "unitCode": _unit_code,
    "expiresAt": _expires_at,
    "objectType": _object_type,
    "valueType": _value_type,
    "entityIdSealed": _sealed_id,
    "entityTypeSealed": _sealed_type,
}
