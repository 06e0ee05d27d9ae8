"""Reading: one entity, or a page of many, by URL or by a POSTed query."""

from __future__ import annotations

from linli.base import read_json, write_json
from linli.base.errors import ResourceNotFound
from linli.broker import MapWish, Page, Paging, Projection, Terms, checked_id
from linli.trust import Act

from ._asking import (
    FILTERING,
    FORMS,
    JOINING,
    ORDERING,
    PAGING,
    SHOWING,
    SYSTEM,
    Wish,
    join_of,
    paging_of,
    projection_of,
    types_of,
    wish_of,
    wish_of_body,
)
from ._desk import Desk, Route, Routes, source_of, with_context
from ._http import GEO_JSON, Answer, Asked, context_link, page_links, preferred_version
from ._maps import MAP_HEADER, MAPPING, by_map, created, map_wish, new_map_wish, without_map
from ._older import made_older, version_of

__all__ = ["ROUTES", "SYSTEM", "types_of"]

_WHOLE = Projection()
_GEO_JSON = b"application/geo+json"


async def query(desk: Desk, asked: Asked) -> Answer:
    """Read entities by `type`, `id`, `q`, `georel`, `scopeQ`, page by page."""
    terms = await desk.linked(asked)
    act = desk.act(asked)
    mapping = map_wish(asked, terms)
    if mapping is not None:
        wish = wish_of(asked.parameters, terms, asked, desk.broker.caps)
        return await _page_by_map(desk, asked, act, terms, wish, mapping=mapping)
    head = await desk.broker.head(act.tenant)
    headers = asked.headers
    question = (act, asked.scope["query_string"], terms, headers.get(b"accept"), headers.get(b"prefer"))
    kept = desk.pages.get(question, head)
    if kept is not None:
        return kept
    wish = wish_of(asked.parameters, terms, asked, desk.broker.caps)
    answer, lasts = await _page(desk, asked, act, terms, wish)
    if lasts:
        desk.pages.keep(question, head, answer)
    return answer


async def query_by_post(desk: Desk, asked: Asked) -> Answer:
    """Read entities by a query in the body."""
    body = await desk.body(asked)
    terms = await desk.terms_of(asked, body)
    wish = wish_of_body(without_map(body), asked.parameters, terms, asked, desk.broker.caps)
    act, mapping = desk.act(asked), map_wish(asked, terms, body)
    if mapping is not None:
        return await _page_by_map(desk, asked, act, terms, wish, mapping=mapping)
    answer, _ = await _page(desk, asked, act, terms, wish)
    return answer


async def create_map(desk: Desk, asked: Asked) -> Answer:
    """Keep as an entity map which entities a query finds."""
    terms = await desk.linked(asked)
    wish = wish_of(asked.parameters, terms, asked, desk.broker.caps)
    return await _created_map(desk, asked, terms, wish, new_map_wish(asked, terms))


async def create_map_by_post(desk: Desk, asked: Asked) -> Answer:
    """Keep as an entity map which entities a query in the body finds."""
    body = await desk.body(asked)
    terms = await desk.terms_of(asked, body)
    wish = wish_of_body(without_map(body), asked.parameters, terms, asked, desk.broker.caps)
    return await _created_map(desk, asked, terms, wish, new_map_wish(asked, terms, body))


async def get(desk: Desk, asked: Asked) -> Answer:
    """Read one entity, as the asker may see it."""
    headers, entity_id = asked.headers, asked.segments[1]
    terms = await desk.linked(asked) if b"link" in headers else desk.broker.contexts.default
    act = desk.act(asked)
    try:
        if asked.parameters or asked.media == GEO_JSON or b"prefer" in headers or MAP_HEADER in headers:
            return await _get_so(desk, asked, act, terms, entity_id)
        return with_context(asked, terms, await desk.broker.get_bytes(act, entity_id, terms, _WHOLE))
    except ResourceNotFound:
        checked_id(entity_id)  # what is there has a good id; only a miss needs to know whether it could be one
        raise


async def _get_so(desk: Desk, asked: Asked, act: Act, terms: Terms, entity_id: str) -> Answer:
    """Read one entity in a form, or with what it is linked to, that was asked for."""
    said = asked.parameters
    projection, types, join = projection_of(said, terms, asked), types_of(said, terms), join_of(said)
    if join is None:
        bodies = [await desk.broker.get_bytes(act, entity_id, terms, projection, types=types)]
    else:
        linked = await desk.broker.get_joined(act, entity_id, terms, projection, join=join, types=types)
        bodies = [write_json(one) for one in linked]
    mapping = map_wish(asked, terms)
    answer = _one(asked, terms, bodies)
    return answer if mapping is None else by_map(answer, await desk.broker.map_of(act, mapping, entity_id))


def _one(asked: Asked, terms: Terms, bodies: list[bytes]) -> Answer:
    """Return one entity, or a list when others come after it."""
    if len(bodies) > 1:
        return _listed(asked, terms, bodies)
    status, bodies = _for_version(asked, bodies)
    answer = _geo_json(asked, terms, bodies[0]) if asked.geo_json else with_context(asked, terms, bodies[0])
    answer.status = status
    return answer


async def _page(desk: Desk, asked: Asked, act: Act, terms: Terms, wish: Wish) -> tuple[Answer, bool]:
    """Return a page, and whether it stays the same until something is written."""
    paging = paging_of(asked.parameters, desk.broker.caps)
    page = await desk.broker.query(
        act,
        wish.query,
        terms=terms,
        projection=wish.projection,
        limit=paging.limit,
        offset=paging.offset,
        count=paging.count,
        order=wish.order,
        join=wish.join,
    )
    return _paged(asked, terms, page, paging), page.lasts


async def _page_by_map(desk: Desk, asked: Asked, act: Act, terms: Terms, wish: Wish, *, mapping: MapWish) -> Answer:
    paging = paging_of(asked.parameters, desk.broker.caps)
    mapped = await desk.broker.query_by_map(
        act,
        mapping,
        wish.query,
        terms=terms,
        projection=wish.projection,
        paging=paging,
        order=wish.order,
        join=wish.join,
    )
    return by_map(_paged(asked, terms, mapped.page, paging), mapped.map_id, is_new=mapped.is_new)


async def _created_map(desk: Desk, asked: Asked, terms: Terms, wish: Wish, mapping: MapWish) -> Answer:
    one = await desk.broker.create_query_map(
        desk.act(asked),
        mapping,
        wish.query,
        terms=terms,
        projection=wish.projection,
        order=wish.order,
        join=wish.join,
    )
    return created(asked, terms, one)


def _paged(asked: Asked, terms: Terms, page: Page, paging: Paging) -> Answer:
    answer = _listed(asked, terms, page.entities)
    answer.headers.extend(page_links(asked, paging.limit, paging.offset, more=page.more))
    if page.total is not None:
        answer.headers.append((b"ngsild-results-count", b"%d" % page.total))
    return answer


def _listed(asked: Asked, terms: Terms, bodies: list[bytes]) -> Answer:
    """Return a list of entities, with the context in each for ld+json, else in a Link; or a FeatureCollection."""
    status, bodies = _for_version(asked, bodies)
    if asked.geo_json:
        answer = _geo_json(asked, terms, b'{"type":"FeatureCollection","features":[' + b",".join(bodies) + b"]}")
        answer.status = status
        return answer
    if asked.ld_json:
        context = b'{"@context":' + write_json(source_of(terms))
        inside = [context + (b"," + body[1:] if body != b"{}" else b"}") for body in bodies]
        return Answer(status, b"[" + b",".join(inside) + b"]", media=b"application/ld+json")
    return Answer(status, b"[" + b",".join(bodies) + b"]", [context_link(terms.link)] if terms.link else [])


def _geo_json(asked: Asked, terms: Terms, body: bytes) -> Answer:
    """Return GeoJSON with the context in the body, or in a Link when the asker prefers a plain body."""
    if b"body=json" in asked.headers.get(b"prefer", b"").replace(b" ", b""):
        return Answer(200, body, [context_link(terms.link)] if terms.link else [], _GEO_JSON)
    return Answer(200, body[:-1] + b',"@context":' + write_json(source_of(terms)) + b"}", media=_GEO_JSON)


def _for_version(asked: Asked, bodies: list[bytes]) -> tuple[int, list[bytes]]:
    """Return 203 and entities that a program of the preferred version can read, or 200 and the entities as they are."""
    said = preferred_version(asked.headers) if b"prefer" in asked.headers else None
    if said is None:
        return 200, bodies
    version = version_of(said)
    entities = [read_json(body, bytes_max=len(body)) for body in bodies]
    changed = [made_older(one["properties"] if asked.geo_json else one, version) for one in entities]
    return (203, [write_json(one) for one in entities]) if any(changed) else (200, bodies)


_ASKING = FILTERING | SHOWING | JOINING | ORDERING

ROUTES: Routes = {
    ("entities",): {"GET": Route(query, _ASKING | PAGING | MAPPING, geo=True)},
    ("entities", "{}"): {"GET": Route(get, SHOWING | JOINING | MAPPING | {"type", "local"}, geo=True)},
    ("entityOperations", "query"): {"POST": Route(query_by_post, FORMS | PAGING | MAPPING | {"local"}, geo=True)},
    ("entityMaps",): {
        "GET": Route(create_map, _ASKING | {"entityMapLifetime"}),
        "POST": Route(create_map_by_post, FORMS | {"local", "entityMapLifetime"}),
    },
}
