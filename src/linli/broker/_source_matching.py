"""Decides which registrations a query of sources means, and which two registrations stand in each other's way (5.10, 5.9).

A registration says what its source may hold, so it fits wherever it cannot be ruled out: what it leaves open (no
entities, no id, no attributes) fits everything, and two patterns of ids may always have an id in common.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from linli.base import from_wire_time

from ._evaluate import wanted
from ._geo import Geo
from ._patterns import Pattern, read_pattern
from ._plain import Doc
from ._query import Node, Query
from ._source_form import Piece, Source, attributes_of
from ._spelling import read_scopes
from ._temporal_query import Span
from ._terms import core_terms

_PLACES = ("location", "observationSpace", "operationSpace")


@dataclass(frozen=True, slots=True)
class Selector:
    """Entities of any of these types (None = of any) with any of these ids, or ids that fit the pattern."""

    types: frozenset[str] | None = None
    ids: tuple[str, ...] = ()
    pattern: Pattern | None = None


@dataclass(frozen=True, slots=True)
class SourceQuery:
    """Which sources are wanted: those for any of these entities and any of these attributes, and all the rest holds."""

    selectors: tuple[Selector, ...] = ()
    attrs: frozenset[str] = frozenset()
    filters: tuple[Node, ...] = ()
    scopes: Node | None = None
    geo: Geo | None = None
    span: Span | None = None

    @property
    def is_empty(self) -> bool:
        """Whether nothing at all is said of what is wanted."""
        return self == SourceQuery(span=self.span)


def pieces_wanted(source: Source, query: SourceQuery, created_us: int, modified_us: int) -> list[Piece]:
    """Return the pieces of a registration's information that a query means; none = it does not mean the source."""
    if not _in_time(source, query.span):
        return []
    doc = _as_entity(source)
    for filter_ in (*query.filters, None):
        if not wanted(Query(q=filter_, scopes=query.scopes, geo=query.geo), doc, created_us, modified_us):
            return []
    return [
        piece
        for piece in source["information"]
        if _any_meets(query.selectors, piece) and _shares(query.attrs, attributes_of(piece))
    ]


def in_the_way(one: Source, other: Source) -> bool:
    """Tell whether two registrations mean the same attribute of the same entity."""
    return any(
        _any_meets(tuple(map(selector_of, piece.get("entities", ()))), other_piece)
        and _shares(attributes_of(piece), attributes_of(other_piece))
        for piece in one["information"]
        for other_piece in other["information"]
    )


def selector_of(said: Mapping[str, Any]) -> Selector:
    """Return the selector that a registration's entity information is."""
    pattern = read_pattern(said["idPattern"], "idPattern") if "idPattern" in said else None
    return Selector(frozenset(said["type"]), (said["id"],) if "id" in said else (), pattern)


def holds_entity(piece: Piece, doc: Doc) -> bool:
    """Tell whether an entity, or an attribute of it, is what a piece of information registers."""
    attributes = attributes_of(piece)
    selectors = [selector_of(one) for one in piece.get("entities", ())]
    return (not attributes or not attributes.isdisjoint(doc["attrs"])) and (
        not selectors
        or any(
            (one.types is None or not one.types.isdisjoint(doc["type"])) and _has_id(one, doc["id"])
            for one in selectors
        )
    )


def _has_id(selector: Selector, entity_id: str) -> bool:
    if selector.ids:
        return entity_id in selector.ids
    return selector.pattern is None or selector.pattern.search(entity_id) is not None


def _any_meets(selectors: tuple[Selector, ...], piece: Piece) -> bool:
    there = [selector_of(one) for one in piece.get("entities", ())]
    return not selectors or not there or any(_meets(one, other) for one in selectors for other in there)


def _meets(one: Selector, other: Selector) -> bool:
    if one.types is not None and other.types is not None and one.types.isdisjoint(other.types):
        return False
    if one.ids:
        return any(_has_id(other, entity_id) for entity_id in one.ids)
    return not other.ids or any(_has_id(one, entity_id) for entity_id in other.ids)


def _shares(some: frozenset[str], others: frozenset[str]) -> bool:
    return not some or not others or not some.isdisjoint(others)


def _in_time(source: Source, span: Span | None) -> bool:
    """Tell whether a source has something of that time; without a time, whether it has the latest."""
    if span is None or span.relation is None:
        return "observationInterval" not in source and "managementInterval" not in source
    said = source.get("observationInterval" if span.time == "observedAt" else "managementInterval")
    if said is None:
        return False
    start_us = from_wire_time(said["startAt"])
    end_us = from_wire_time(said["endAt"]) if "endAt" in said else None
    return (span.until_us is None or start_us < span.until_us) and (
        span.since_us is None or end_us is None or end_us >= span.since_us
    )


def _as_entity(source: Source) -> Doc:
    """Return a registration as if its members were attributes of an entity, so that filters can be judged."""
    core = core_terms()
    attrs: dict[str, Any] = {name: [_as_instance(value)] for name, value in source["own"].items()}
    for member, value in source.items():
        if member in _PLACES:
            attrs[core.name(member)] = [{"type": "GeoProperty", "value": value}]
        elif member not in ("id", "own", "scope", "information"):
            attrs[core.name(member)] = [{"type": "Property", "value": value}]
    scopes = read_scopes(source["scope"]) if "scope" in source else []
    return {"id": source["id"], "type": [], "scope": scopes, "attrs": attrs}


def _as_instance(value: Any) -> dict[str, Any]:
    """Return a property of a source as an attribute: bare, or as it stands when it was said as an NGSI-LD Property."""
    if isinstance(value, dict) and value.get("type") == "Property" and "value" in value:
        return {"type": "Property", "value": value["value"]}
    return {"type": "Property", "value": value}
