"""Reading: one entity, a page of many, and which types there are."""

from __future__ import annotations

from collections.abc import Mapping

from linli.base import write_json
from linli.base.errors import BadRequestData, OperationNotSupported, ResourceNotFound
from linli.broker import (
    Node,
    Projection,
    Query,
    Terms,
    checked_id,
    checked_name,
    read_near,
    read_q,
    read_scope_q,
    read_types,
)

from ._desk import NONE, Desk, Route, Routes, with_context, with_contexts
from ._http import Answer, Asked, number_of, options_of, page_links, truth_of

LIMIT_DEFAULT, LIMIT_MAX, OFFSET_MAX = 20, 1000, 10_000_000

_WHOLE = Projection()
_READING = frozenset({"type", "local"}) | {"attrs", "pick", "omit", "options", "format"}
_READING_UNBUILT = frozenset({"lang", "join", "joinLevel", "containedBy", "datasetId", "geometryProperty", "entityMap"})
_GEO = frozenset({"georel", "geometry", "coordinates", "geoproperty"})
_QUERYING = _READING | _GEO | {"id", "q", "scopeQ", "limit", "offset", "count"}
_QUERYING_UNBUILT = _READING_UNBUILT | {"idPattern", "orderBy", "orderFrom", "expandValues", "csf"}
SYSTEM = frozenset({"id", "type", "scope", "createdAt", "modifiedAt"})


async def query(desk: Desk, asked: Asked) -> Answer:
    """Read entities by `type`, `id`, `q`, `georel`, `scopeQ`, page by page."""
    said = asked.parameters
    limit, offset = number_of(said, "limit", LIMIT_DEFAULT, LIMIT_MAX), number_of(said, "offset", 0, OFFSET_MAX)
    count = truth_of(said, "count")
    if limit == 0 and not count:
        raise BadRequestData("limit: 0 is allowed together with count=true only.")
    terms = await desk.linked(asked)
    wanted, projection = _query(said, terms), _projection(said, terms)
    page = await desk.broker.query(
        desk.act(asked), wanted, terms=terms, projection=projection, limit=limit, offset=offset, count=count
    )
    answer = with_contexts(asked, terms, page.entities)
    answer.headers.extend(page_links(asked, limit, offset, more=page.more))
    if page.total is not None:
        answer.headers.append((b"ngsild-results-count", b"%d" % page.total))
    return answer


async def get(desk: Desk, asked: Asked) -> Answer:
    """Read one entity, as the asker may see it."""
    entity_id = asked.segments[1]
    terms = await desk.linked(asked)
    projection, types = _WHOLE, None
    if asked.parameters:
        projection, types = _projection(asked.parameters, terms), types_of(asked.parameters, terms)
    try:
        body = await desk.broker.get_bytes(desk.act(asked), entity_id, terms, projection, types)
    except ResourceNotFound:
        checked_id(entity_id)  # what is there has a good id; only a miss needs to know whether it could be one
        raise
    return with_context(asked, terms, body)


async def types(desk: Desk, asked: Asked) -> Answer:
    """List the types that there are."""
    if truth_of(asked.parameters, "details"):
        raise OperationNotSupported("details=true is not offered yet.")
    terms = await desk.linked(asked)
    names = await desk.broker.types(desk.act(asked), terms)
    body = {"id": "urn:ngsi-ld:EntityTypeList:here", "type": "EntityTypeList", "typeList": names}
    return with_context(asked, terms, write_json(body))


def _query(said: Mapping[str, str], terms: Terms) -> Query:
    """Return what is wanted. Raises: BadRequestData: wrong, or so wide that it would mean everything."""
    geo = _GEO & said.keys()
    if geo and not {"georel", "geometry", "coordinates"} <= geo:
        raise BadRequestData("georel, geometry, coordinates: all three are needed.")
    near = None
    if geo:
        place = said.get("geoproperty", "location")
        near = read_near(said["georel"], said["geometry"], said["coordinates"], place, terms)
    query = Query(
        types=types_of(said, terms),
        ids=tuple(checked_id(one) for one in said["id"].split(",")) if "id" in said else (),
        q=read_q(said["q"], terms) if "q" in said else None,
        scopes=read_scope_q(said["scopeQ"]) if "scopeQ" in said else None,
        near=near,
    )
    attrs = set(said.get("attrs", "").split(",")) - {""} - SYSTEM
    if not (query.types or query.near or attrs or query.asks_attributes() or truth_of(said, "local")):
        raise BadRequestData("The query is too wide: say type, attrs, q, georel, or local=true.")
    return query


def types_of(said: Mapping[str, str], terms: Terms) -> Node | None:
    """Return the type selection of a request, or None when it names none."""
    return read_types(said["type"], terms) if "type" in said else None


def _projection(said: Mapping[str, str], terms: Terms) -> Projection:
    options = options_of(
        said,
        frozenset({"keyValues", "simplified", "normalized", "sysAttrs"}),
        frozenset({"concise", "temporalValues", "aggregatedValues", "splitEntities"}),
    )
    return Projection(
        simplified=bool(options & {"keyValues", "simplified"}),
        sys_attrs="sysAttrs" in options,
        attrs=_names(said, "attrs", terms),
        pick=_names(said, "pick", terms),
        omit=_names(said, "omit", terms),
    )


def _names(said: Mapping[str, str], parameter: str, terms: Terms) -> frozenset[str]:
    """Return the members that a parameter lists, by the names in documents."""
    if parameter not in said:
        return NONE
    members = said[parameter].replace("|", ",").split(",")
    if "{" in said[parameter]:
        raise OperationNotSupported(f"{parameter}: linked entities are not offered yet.")
    if not all(members):
        raise BadRequestData(f"{parameter}: holds an empty member.")
    return frozenset(one if one in SYSTEM else terms.name(checked_name(one)) for one in members)


ROUTES: Routes = {
    ("entities",): {"GET": Route(query, _QUERYING, _QUERYING_UNBUILT)},
    ("entities", "{}"): {"GET": Route(get, _READING, _READING_UNBUILT)},
    ("types",): {"GET": Route(types, frozenset({"details", "local"}))},
}
