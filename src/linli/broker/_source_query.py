"""Reads which sources are wanted: from the parameters of a request, or from a subscription to registrations."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from linli.base.errors import BadRequestData

from ._geo import Geo, read_geo
from ._grammar import read_q, read_scope_q, read_types
from ._patterns import read_pattern
from ._query import And, Node, Or, TypeIs
from ._source_matching import Selector, SourceQuery
from ._spelling import checked_id, checked_name
from ._temporal_query import Span, read_span
from ._terms import Terms

_GEO = ("georel", "geometry", "coordinates")
_FILTERS = ("q", "csf")


def read_source_query(said: Mapping[str, str], terms: Terms) -> SourceQuery:
    """Read a query of sources from parameters. Raises: BadRequestData: wrong, or it asks for everything."""
    types = _names(read_types(said["type"], terms)) if "type" in said else frozenset("*")
    ids = tuple(checked_id(one) for one in said["id"].split(",")) if "id" in said else ()
    pattern = read_pattern(said["idPattern"], "idPattern") if "idPattern" in said else None
    selector = Selector(None if "*" in types else types, ids, None if ids else pattern)
    query = SourceQuery(
        selectors=() if selector == Selector() else (selector,),
        attrs=frozenset(terms.name(checked_name(one)) for one in said.get("attrs", "").split(",") if one),
        filters=tuple(read_q(said[one], terms) for one in _FILTERS if one in said),
        scopes=read_scope_q(said["scopeQ"]) if "scopeQ" in said else None,
        geo=_geo(said, terms),
        span=read_span(said) if {"timerel", "timeAt", "endTimeAt"} & said.keys() else None,
    )
    if query.is_empty and "type" not in said:
        raise BadRequestData("The query is too wide: say type, attrs, id, idPattern, q, csf, scopeQ or georel.")
    return query


def subscribed_sources(body: Mapping[str, Any], plain: Terms, said_in: Terms) -> SourceQuery:
    """Compile which sources a subscription means from its members, whose names are IRIs.

    `plain`: any context in which an IRI means itself; `said_in`: that of q and csf. Raises: BadRequestData.
    """
    return SourceQuery(
        selectors=tuple(_selector(one, plain) for one in body.get("entities", ())),
        attrs=frozenset(map(plain.name, body.get("watchedAttributes", ()))),
        filters=tuple(read_q(body[one], said_in) for one in _FILTERS if one in body),
        scopes=read_scope_q(body["scopeQ"]) if "scopeQ" in body else None,
        geo=_geo(body["geoQ"], plain) if "geoQ" in body else None,
        span=read_source_span(body["temporalQ"]) if "temporalQ" in body else None,
    )


def read_source_span(said: Any) -> Span:
    """Read the temporalQ of a subscription. Raises: BadRequestData."""
    if not isinstance(said, dict) or "timerel" not in said:
        raise BadRequestData("temporalQ: must be an object with timerel and timeAt.")
    return read_span(said)


def _selector(said: Mapping[str, Any], terms: Terms) -> Selector:
    types = _names(read_types(said["type"], terms))
    ids = said.get("id", [])
    return Selector(
        None if "*" in types else types,
        tuple(ids) if isinstance(ids, list) else (ids,),
        read_pattern(said["idPattern"], "idPattern") if "idPattern" in said else None,
    )


def _geo(said: Any, terms: Terms) -> Geo | None:
    if not isinstance(said, Mapping):
        raise BadRequestData("geoQ: must be an object with georel, geometry and coordinates.")
    if said.keys().isdisjoint((*_GEO, "geoproperty")):
        return None
    if not said.keys() >= set(_GEO):
        raise BadRequestData("georel, geometry, coordinates: all three are needed.")
    place = said.get("geoproperty") or "location"
    if not all(isinstance(one, str) for one in (said["georel"], said["geometry"], place)):
        raise BadRequestData("georel, geometry, geoproperty: must be text.")
    return read_geo(said["georel"], said["geometry"], said["coordinates"], place, terms)


def _names(node: Node) -> frozenset[str]:
    """Return every type that a selection names: a source of one of them may hold what is wanted."""
    if isinstance(node, And | Or):
        return frozenset[str]().union(*map(_names, node.parts))
    return frozenset({node.name}) if isinstance(node, TypeIs) else frozenset()
