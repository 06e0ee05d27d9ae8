"""What trust needs to know of an entity: whose it is, who comes, at which gate, from when to when. No personal value."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from linli.base import from_wire_time
from linli.base.errors import BadRequestData
from linli.trust import FOREVER_US, Thing

from ._names import Names
from ._plain import VALUE_MEMBER, Doc, Plain

#: attribute -> as what its persons, providers or gates stand to the entity
_RELATIONS: Mapping[str, str] = {
    **dict.fromkeys(("caller", "forWhom", "subject", "members", "person", "receiver", "host", "reporter"), "owners"),
    "offeredTo": "offered",
    **dict.fromkeys(("assigned", "helper", "keyHolders", "principal", "guardian"), "workers"),
    **dict.fromkeys(("organization", "operatedBy"), "organisations"),
    **dict.fromkeys(("gate", "gates"), "gates"),
}
#: relationships by which the store finds what is somebody's
RELATED = tuple(_RELATIONS)
#: where a type means something else by an attribute: who stands on an Offer is asked, and has not come yet
_OTHERWISE: Mapping[tuple[str, str], str] = {("Offer", "helper"): "offered"}


class _Span(NamedTuple):
    """Attributes that say from when and until when an entity of a type stands; the first one that is there counts."""

    since: str = ""
    until: tuple[str, ...] = ()


_SPANS: Mapping[str, _Span] = {
    "EntryExitRecord": _Span("at", ("at",)),
    "Pass": _Span("from", ("to",)),
    "Patrol": _Span("", ("to",)),
    "ServiceCall": _Span("", ("doneAt", "closedAt")),
    "Visit": _Span("", ("checkOutAt",)),
}


def relation(type_name: str, name: str) -> str:
    """Return as what those whom an attribute names stand to an entity; "" when it is no such attribute."""
    return _OTHERWISE.get((type_name, name)) or _RELATIONS.get(name, "")


def thing_of(doc: Doc, names: Names, touched: tuple[str, ...] = ()) -> Thing:
    """Return what trust needs to know of a document. `touched`: the attributes that a write says, by short name."""
    scopes, entity_type = tuple(doc["scope"]), names.type_of(doc["type"])
    if entity_type is None:
        return Thing(names.short(doc["type"][0]), scopes, (doc["id"],), touched)
    said = (
        (names.known.get(name, ""), instance[VALUE_MEMBER[instance["type"]]])
        for name, instances in doc["attrs"].items()
        for instance in instances
    )
    return _thing(doc["id"], entity_type.name, scopes, said, touched)


def thing_of_plain(plain: Plain) -> Thing:
    """Return what trust needs to know of an entity that was read in full."""
    return _thing(plain.id, plain.type, plain.scopes, plain.values.items())


def _thing(
    entity_id: str,
    type_name: str,
    scopes: tuple[str, ...],
    said: Iterable[tuple[str, Any]],
    touched: tuple[str, ...] = (),
) -> Thing:
    span = _SPANS.get(type_name)
    related: dict[str, list[str]] = {"owners": [entity_id]}
    times: dict[str, Any] = {}
    for name, value in said:
        stands = relation(type_name, name)
        if stands:
            found = value if isinstance(value, list) else (value,)
            related.setdefault(stands, []).extend(one for one in found if isinstance(one, str) and one)
        elif span is not None and (name == span.since or name in span.until):
            times[name] = value
    parts: dict[str, Any] = {stands: tuple(ids) for stands, ids in related.items()}
    if span is not None:
        since_us = _moment_us(times.get(span.since), FOREVER_US) if span.since else 0
        ends = [_moment_us(times[name], 0) for name in span.until if name in times]
        return Thing(
            type_name, scopes, attrs=touched, since_us=since_us, until_us=ends[0] if ends else FOREVER_US, **parts
        )
    return Thing(type_name, scopes, attrs=touched, **parts)


def _moment_us(value: Any, otherwise: int) -> int:
    """Return a moment that an attribute says; `otherwise` when it says none."""
    said = value.get("@value") if isinstance(value, dict) else value
    try:
        return from_wire_time(said) if isinstance(said, str) else otherwise
    except BadRequestData:
        return otherwise
