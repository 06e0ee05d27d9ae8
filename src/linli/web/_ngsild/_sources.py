"""Context source registrations: which other brokers and sources hold what."""

from __future__ import annotations

from urllib.parse import quote

from linli.base import write_json
from linli.base.errors import BadRequestData
from linli.broker import checked_id, read_source_query

from ._desk import Desk, Route, Routes, with_context, with_contexts
from ._http import ROOT, Answer, Asked, number_of, options_of, page_links, truth_of

LIMIT_DEFAULT, OFFSET_MAX = 20, 10_000_000

_PAGING = frozenset({"limit", "offset", "count"})
_SHOWING = frozenset({"options"})
_ENTITIES = frozenset({"type", "id", "idPattern", "attrs", "q", "csf", "scopeQ"})
_WHERE = frozenset({"georel", "geometry", "coordinates", "geoproperty", "geometryProperty"})
_WHEN = frozenset({"timerel", "timeAt", "endTimeAt", "timeproperty"})


async def register(desk: Desk, asked: Asked) -> Answer:
    """Register a context source; 201, or 409 when the id is taken or another has what it wants for itself."""
    body = await desk.body(asked)
    terms = await desk.terms_of(asked, body)
    source_id = await desk.broker.register_source(desk.act(asked, creates=True), body, terms)
    return Answer(201, headers=[(b"location", f"{ROOT}/csourceRegistrations/{quote(source_id, safe=':')}".encode())])


async def find(desk: Desk, asked: Asked) -> Answer:
    """Find the registrations of sources that may hold what is asked for, page by page."""
    said = asked.parameters
    limit = number_of(said, "limit", LIMIT_DEFAULT, desk.broker.caps.page_entities)
    offset, count = number_of(said, "offset", 0, OFFSET_MAX), truth_of(said, "count")
    if limit == 0 and not count:
        raise BadRequestData("limit: 0 is allowed together with count=true only.")
    terms = await desk.linked(asked)
    query = read_source_query({name: value for name, value in said.items() if value}, terms)
    page = await desk.broker.find_sources(
        desk.act(asked), query, terms, limit=limit, offset=offset, count=count, sys_attrs=_sys_attrs(asked)
    )
    answer = with_contexts(asked, terms, page.sources)
    answer.headers.extend(page_links(asked, limit, offset, more=page.more, documents=True))
    if page.total is not None:
        answer.headers.append((b"ngsild-results-count", b"%d" % page.total))
    return answer


async def get(desk: Desk, asked: Asked) -> Answer:
    """Read one registration."""
    source_id = checked_id(asked.segments[1])
    terms = await desk.linked(asked)
    source = await desk.broker.get_source(desk.act(asked), source_id, terms, sys_attrs=_sys_attrs(asked))
    return with_context(asked, terms, write_json(source))


async def change(desk: Desk, asked: Asked) -> Answer:
    """Change a registration: each member that is named is replaced, or goes when it is null."""
    source_id = checked_id(asked.segments[1])
    body = await desk.body(asked)
    terms = await desk.terms_of(asked, body)
    await desk.broker.change_source(desk.act(asked), source_id, body, terms)
    return Answer(204)


async def remove(desk: Desk, asked: Asked) -> Answer:
    """Remove a registration."""
    await desk.broker.remove_source(desk.act(asked), checked_id(asked.segments[1]))
    return Answer(204)


def _sys_attrs(asked: Asked) -> bool:
    return "sysAttrs" in options_of(asked.parameters, frozenset({"sysAttrs"}))


ROUTES: Routes = {
    ("csourceRegistrations",): {
        "POST": Route(register),
        "GET": Route(find, _PAGING | _SHOWING | _ENTITIES | _WHERE | _WHEN),
    },
    ("csourceRegistrations", "{}"): {
        "GET": Route(get, _SHOWING),
        "PATCH": Route(change),
        "DELETE": Route(remove),
    },
}
