"""Reads the instances of one attribute, normalized, concise or simplified, into the form of documents.

Where a part of an attribute may be said (merge, partial update) an instance may lack "type" or value; `_writing` lays it
over the stored one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from linli.base import from_wire_time
from linli.base.errors import BadRequestData

from ._plain import VALUE_MEMBER, Instance
from ._spelling import NULL, checked_id, checked_name, is_plain_uri
from ._terms import Terms
from ._values import How, Nulls, check_plain, checked_time, is_geometry, is_null, is_plain, is_point, value_of

#: the attribute that seals an entity, and the members that only it may have
PROOF = "ngsildproof"
#: what never is a member of an instance, nor a sub-attribute
REFUSED = frozenset({"@context", "entity", "entityList"})
_IGNORED = frozenset({"type", "@type", "datasetId", "createdAt", "modifiedAt", "deletedAt", "instanceId"})
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
#: where the types that are met most keep their value, and what tells at one look that it may stand as it is
_PLAIN: Mapping[str, tuple[str, Callable[[Any], bool]]] = {
    "Property": ("value", is_plain),
    "Relationship": ("object", is_plain_uri),
    "GeoProperty": ("value", is_point),
}


def instances_of(path: str, said: Any, how: How) -> list[Instance]:
    """Return the instances of an attribute, or sub-attribute, as a body says them. Raises: BadRequestData."""
    if type(said) is dict:
        kind = said.get("type")
        if len(said) == 2 and type(kind) is str and kind in _PLAIN and path != PROOF:
            # what most instances are: a type and a plain value of that type
            member, fits = _PLAIN[kind]
            if fits(said.get(member)):
                return [said]
        return [instance_of(path, said, how)]
    if not isinstance(said, list) or not (said and all(isinstance(one, dict) for one in said)):
        return [instance_of(path, said, how)]
    instances = [instance_of(f"{path}[{at}]", one, how) for at, one in enumerate(said)]
    if len({one.get("datasetId") for one in instances}) < len(instances):
        raise BadRequestData(f"{path}: two instances with the same datasetId.")
    return instances


def instance_of(path: str, said: Any, how: How) -> Instance:
    """Return one instance. Raises: BadRequestData."""
    if not isinstance(said, dict):
        said = {"value": said}
    elif is_geometry(said):
        said = {"type": "GeoProperty", "value": said}
    kind = _kind(path, said, partly=how.partly)
    member = VALUE_MEMBER[kind] if kind else ""
    # of a part, "value" alone does not tell whether the stored attribute is a Property or a GeoProperty
    tells = kind and not (how.partly and member == "value" and said.keys().isdisjoint(_TYPE))
    instance: Instance = {"type": kind} if tells else {}
    if "datasetId" in said and said["datasetId"] != "@none":
        instance["datasetId"] = checked_id(said["datasetId"], f"{path}.datasetId")
    if member in said:
        if is_null(said[member]):
            if how.nulls == "none":
                raise BadRequestData(f"{path}: the NGSI-LD null has no meaning here.")
            return {**instance, "null": True}
        instance[member] = value_of(path, kind, said[member], how)
    for key, value in said.items():
        if key != member and key not in _IGNORED:
            _add_member(path, key, value, instance, how)
    return instance


def bare_instances(path: str, said: Any, how: How) -> list[Instance]:
    """Return the instances of a simplified attribute; a value whose kind is not written out stays {"bare": value}."""
    if isinstance(said, dict) and said.keys() == {"dataset"} and isinstance(said["dataset"], dict) and said["dataset"]:
        return [
            one if key == "@none" else {**one, "datasetId": checked_id(key, f"{path}.dataset")}
            for key, value in said["dataset"].items()
            for one in bare_instances(path, value, how)
        ]
    if is_null(said) and how.nulls != "none":
        return [{"null": True}]
    if isinstance(said, dict) and len(said) == 1 and said.keys() <= {"languageMap", "json", "vocab"}:
        return [instance_of(path, said, how)]
    check_plain(path, said, deep_null=how.nulls == "inside")
    return [{"bare": said}]


def types_of(said: Any, terms: Terms) -> list[str]:
    """Return the types that are said, by name; [] when none is. Raises: BadRequestData."""
    if said is None:
        return []
    if type(said) is str and said not in terms.aliases and (known := terms.known(said)) is not None:
        return [known]
    types = said if isinstance(said, list) else [said]
    if not types or not all(isinstance(one, str) for one in types) or len(types) > 50:
        raise BadRequestData("type: must be a name or a list of names.")
    if not terms.aliases.keys().isdisjoint(types):
        raise BadRequestData("type: this name has a meaning of its own in every @context.")
    return list(dict.fromkeys(terms.known(one) or terms.name(checked_name(one)) for one in types))


def expiry_of(path: str, said: Any, nulls: Nulls) -> int:
    """Return when something expires, in microseconds; 0 = never again, said by the NGSI-LD null."""
    return 0 if said == NULL and nulls in ("member", "inside") else max(1, from_wire_time(checked_time(path, said)))


def _kind(path: str, said: Mapping[str, Any], *, partly: bool) -> str:
    """Return the attribute type that is said or can be told from the members; "" where a part does not tell."""
    kind = said.get("type", said.get("@type"))
    members = said.keys() & _VALUE_MEMBERS
    if kind is None and len(members) == 1:
        (member,) = members
        kind = _TYPE_OF_MEMBER[member]
        if kind == "Property" and is_geometry(said[member]):
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


def _add_member(path: str, key: str, value: Any, instance: Instance, how: How) -> None:
    """Take one further member of an instance: what is said about it, or a sub-attribute."""
    reader = MEMBERS.get(key)
    if reader is not None:
        instance[key] = reader(path, value, instance, how)
    elif key in REFUSED or key in _VALUE_MEMBERS or key.startswith("previous"):
        raise BadRequestData(f"{path}.{key}: cannot stand here.")
    else:
        _add_sub(f"{path}.{key}", key, value, instance, how)


def _add_sub(path: str, key: str, value: Any, instance: Instance, how: How) -> None:
    subs = instances_of(path, value, how)
    if not how.partly:
        subs = [one for one in subs if "null" not in one]
    if subs:
        instance.setdefault("subs", {})[how.terms.known(key) or how.terms.name(checked_name(key))] = subs


def _observed_at(path: str, value: Any, _: Instance, how: How) -> str | None:
    return None if value == NULL and how.partly else checked_time(f"{path}.observedAt", value)


def _unit_code(path: str, value: Any, instance: Instance, how: How) -> str | None:
    if value == NULL and how.partly:
        return None
    if instance.get("type", "Property") not in _WITH_UNIT or not isinstance(value, str) or not 0 < len(value) <= 100:
        raise BadRequestData(f"{path}.unitCode: must be text, and only a Property has one.")
    return value


def _expires_at(path: str, value: Any, _: Instance, how: How) -> int:
    return expiry_of(f"{path}.expiresAt", value, how.nulls)


def _value_type(path: str, value: Any, instance: Instance, how: How) -> str | None:
    if value == NULL and how.partly:
        return None
    if not isinstance(value, str) or not value:
        raise BadRequestData(f"{path}.valueType: must be the name of a data type.")
    if instance.get("type") == "LanguageProperty" and value != "langString":
        raise BadRequestData(f"{path}.valueType: of a LanguageProperty is langString.")
    return value


def _object_type(path: str, value: Any, instance: Instance, how: How) -> list[str] | None:
    if value == NULL and how.partly:
        return None
    if instance.get("type", "Relationship") not in ("Relationship", "ListRelationship"):
        raise BadRequestData(f"{path}.objectType: only a Relationship has one.")
    return types_of(value, how.terms)


def _sealed_id(path: str, value: Any, _: Instance, __: How) -> str:
    if path != PROOF:
        raise BadRequestData(f"{path}.entityIdSealed: stands in {PROOF} only.")
    return checked_id(value, f"{path}.entityIdSealed")


def _sealed_type(path: str, value: Any, _: Instance, how: How) -> list[str]:
    if path != PROOF or value is None:
        raise BadRequestData(f"{path}.entityTypeSealed: stands in {PROOF} only, and is the type of the sealed entity.")
    return types_of(value, how.terms)


MEMBERS: Mapping[str, Callable[[str, Any, Instance, How], Any]] = {
    "observedAt": _observed_at,
    "unitCode": _unit_code,
    "expiresAt": _expires_at,
    "objectType": _object_type,
    "valueType": _value_type,
    "entityIdSealed": _sealed_id,
    "entityTypeSealed": _sealed_type,
}
