"""The forms in which engines of this process read and write entities, and the document that the store keeps.

A document is `{"id", "type": [names], "scope": [...], "attrs": {name: [instance, ...]}}`. An instance is normalized
NGSI-LD with sub-attributes apart under "subs"; `createdAt` and `modifiedAt` are microseconds and left out where they
equal the entity's creation (`createdAt`) or the instance's (`modifiedAt`). A document and an instance may have an
`expiresAt`, in microseconds; what has expired is as good as gone, even before it is taken away.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from linli.base.errors import BadRequestData
from linli.store import Put, Stored
from linli.vocab import MEMBER, EntityType

from ._names import DEFAULT, Names

Doc = dict[str, Any]
Instance = dict[str, Any]
Attrs = dict[str, list[Instance]]

#: where each attribute type keeps its value; ListRelationship is not in our vocabulary, but others may send it
VALUE_MEMBER: Mapping[str, str] = {**MEMBER, "ListRelationship": "objectList"}


@dataclass(frozen=True, slots=True)
class Plain:
    """An entity as engines read it: short names, bare values.

    `values`: Property -> value, Relationship -> id (or a list of ids), GeoProperty -> geometry, LanguageProperty ->
    {"zh", "en"}, VocabProperty -> code, JsonProperty -> json; times are wire strings.
    """

    id: str
    type: str
    scopes: tuple[str, ...]
    version: int
    created_us: int
    modified_us: int
    values: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Draft:
    """What an engine wants written: attributes by short name, None takes one away, those not named stay.

    `scopes` None leaves them (a new entity gets the node's own). `expect_version`: 0 = it must be new, n = it must
    stand at n, None = whatever stands there now.
    """

    id: str
    type: str
    values: Mapping[str, Any] = field(default_factory=dict)
    scopes: tuple[str, ...] | None = None
    expect_version: int | None = None


def decoded(stored: Stored) -> Doc:
    """Return the document of a stored entity, fresh: the caller may change it."""
    doc: Doc = orjson.loads(stored.doc)
    return doc


def alive(doc: Doc, now_us: int) -> Doc | None:
    """Return a document without the instances that have expired by now; None when the entity itself has."""
    if doc.get("expiresAt", now_us + 1) <= now_us:
        return None
    attrs = _alive_attrs(doc["attrs"], now_us)
    return {**doc, "attrs": attrs} if attrs != doc["attrs"] else doc


def may_expire(stored: Stored | Put) -> bool:
    """Tell, without decoding it, whether anything of an entity may ever expire."""
    return b'"expiresAt":' in stored.doc


def expiry_us(doc: Doc) -> int | None:
    """Return when the next part of a document expires, in microseconds; None when none ever does."""
    moments = [*_expiries(doc["attrs"])]
    if "expiresAt" in doc:
        moments.append(doc["expiresAt"])
    return min(moments, default=None)


def _alive_attrs(attrs: Attrs, now_us: int) -> Attrs:
    there: Attrs = {}
    for name, instances in attrs.items():
        kept = [
            {**one, "subs": _alive_attrs(one["subs"], now_us)} if "subs" in one else one
            for one in instances
            if one.get("expiresAt", now_us + 1) > now_us
        ]
        if kept:
            there[name] = kept
    return there


def _expiries(attrs: Attrs) -> Iterator[int]:
    for instances in attrs.values():
        for one in instances:
            if "expiresAt" in one:
                yield one["expiresAt"]
            if "subs" in one:
                yield from _expiries(one["subs"])


def plain_of(doc: Doc, stored: Stored, names: Names) -> Plain:
    """Return a document as engines read it; of several instances the default one counts, else the first."""
    entity_type = names.type_of(doc["type"])
    return Plain(
        id=stored.entity_id,
        type=entity_type.name if entity_type else names.short(doc["type"][0]),
        scopes=stored.scopes,
        version=stored.version,
        created_us=stored.created_us,
        modified_us=stored.modified_us,
        values=_plain_values(doc["attrs"], names),
    )


def _plain_values(attrs: Attrs, names: Names) -> dict[str, Any]:
    values: dict[str, Any] = {}
    known = names.known
    for name, instances in attrs.items():
        instance = instances[0]
        if len(instances) > 1:
            instance = next((one for one in instances if "datasetId" not in one), instance)
        value = instance[VALUE_MEMBER[instance["type"]]]
        if type(value) is dict and "@value" in value:
            value = value["@value"]
        values[known.get(name) or names.short(name)] = value
    return values


def drafted(
    doc: Doc, draft: Draft, entity_type: EntityType, names: Names, at_us: int, *, new: bool
) -> tuple[list[str], dict[str, Instance]]:
    """Put a draft's values into `doc`; return the names that changed and the new instances by short name.

    Raises: BadRequestData: a name that the type does not have.
    """
    attrs = doc["attrs"]
    changed: list[str] = []
    written: dict[str, Instance] = {}
    for short, value in draft.values.items():
        attribute = entity_type.attributes.get(short)
        name = names.inner(short) if attribute is not None else extra_name(short, entity_type)
        if value is None:
            if attrs.pop(name, None) is not None:
                changed.append(name)
            continue
        kind = "Property" if attribute is None else attribute.kind
        instance: Instance = {"type": kind, MEMBER[kind]: value}
        written[short] = instance
        if not new:
            before = attrs.get(name)
            instance = stamped(instance, before[0] if before else None, at_us)
        attrs[name] = [instance]
        changed.append(name)
    return changed, written


def extra_name(short: str, entity_type: EntityType) -> str:
    """Return the stored name of an own addition x_….

    Raises: BadRequestData: the type has no such attribute and it is no own addition.
    """
    if short.startswith("x_"):
        return DEFAULT + short
    raise BadRequestData(f"{short[:100]}: {entity_type.name} has no such attribute; own additions are named x_….")


def stamped(instance: Instance, before: Instance | None, at_us: int) -> Instance:
    """Return an instance with the stamps of one written over `before` in an entity that already stood there."""
    if before is None:
        return {**instance, "createdAt": at_us}
    created_us = before.get("createdAt")
    if created_us is None:
        return {**instance, "modifiedAt": at_us}
    return {**instance, "createdAt": created_us, "modifiedAt": at_us}
