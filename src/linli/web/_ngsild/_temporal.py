"""Evolutions of entities: write them instance by instance, read one or many, summed up by periods if wanted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from linli.base import write_json
from linli.base.errors import BadRequestData, InvalidRequest
from linli.broker import Evolutions, MapWish, Paging, Query, Span, TemporalForm, Terms, checked_id, read_span

from ._asking import FILTERING, PAGING, SHOWING, Wish, paging_of, projection_of, types_of, wish_of, wish_of_body
from ._desk import Desk, Route, Routes, with_context, with_contexts
from ._entities import IN_PATH
from ._http import ROOT, Answer, Asked, WrongForm, page_links, truth_of
from ._maps import MAPPING, by_map, created, map_wish, new_map_wish, without_map

_SPAN = frozenset({"timerel", "timeAt", "endTimeAt", "timeproperty", "lastN"})
_SUMS = frozenset({"aggrMethods", "aggrPeriodDuration"})
_SHOWING = SHOWING - {"geometryProperty"}
_UNBUILT = frozenset({"splitEntities"})
_FORMS: Mapping[str, TemporalForm] = {
    "normalized": "normalized",
    "temporalValues": "values",
    "aggregatedValues": "aggregated",
}


async def create(desk: Desk, asked: Asked) -> Answer:
    """Write an evolution (201), or add to the one that is there (204)."""
    body = await desk.body(asked)
    terms = await desk.terms_of(asked, body)
    entity_id, is_new = await desk.broker.add_evolution(desk.act(asked, creates=True), body, terms)
    if not is_new:
        return Answer(204)
    return Answer(201, headers=[(b"location", f"{ROOT}/temporal/entities/{quote(entity_id, safe=IN_PATH)}".encode())])


async def query(desk: Desk, asked: Asked) -> Answer:
    """Read evolutions by `type`, `id`, `q`, `georel`, `scopeQ`, judged on what lies inside the interval."""
    terms = await desk.linked(asked)
    wish, span = _wish(desk, asked, terms)
    return await _page(desk, asked, terms, wish, span, mapping=map_wish(asked, terms))


async def query_by_post(desk: Desk, asked: Asked) -> Answer:
    """Read evolutions by a query in the body."""
    body = await desk.body(asked)
    terms = await desk.terms_of(asked, body)
    wish, span = _wish_of_body(desk, asked, terms, body)
    return await _page(desk, asked, terms, wish, span, mapping=map_wish(asked, terms, body))


async def create_map(desk: Desk, asked: Asked) -> Answer:
    """Keep as an entity map of which entities a temporal query finds anything."""
    terms = await desk.linked(asked)
    wish, span = _wish(desk, asked, terms)
    return await _created_map(desk, asked, terms, wish, span, mapping=new_map_wish(asked, terms))


async def create_map_by_post(desk: Desk, asked: Asked) -> Answer:
    """Keep as an entity map of which entities a temporal query in the body finds anything."""
    body = await desk.body(asked)
    terms = await desk.terms_of(asked, body)
    wish, span = _wish_of_body(desk, asked, terms, body)
    return await _created_map(desk, asked, terms, wish, span, mapping=new_map_wish(asked, terms, body))


async def get(desk: Desk, asked: Asked) -> Answer:
    """Read the evolution of one entity."""
    entity_id = checked_id(asked.segments[2])
    terms = await desk.linked(asked)
    said, form = _form(asked.parameters)
    wish = Wish(Query(types=types_of(said, terms)), projection_of(said, terms, asked))
    _check_alone(wish)
    act = desk.act(asked)
    found = await desk.broker.evolution(
        act,
        entity_id,
        terms=terms,
        span=read_span(said, form),
        projection=wish.projection,
        types=wish.query.types,
    )
    answer, mapping = _ranged(with_context(asked, terms, write_json(found.entities[0])), found), map_wish(asked, terms)
    return answer if mapping is None else by_map(answer, await desk.broker.map_of(act, mapping, entity_id))


async def delete(desk: Desk, asked: Asked) -> Answer:
    """Delete the evolution of an entity; what stands now goes on standing."""
    await desk.broker.drop_evolution(desk.act(asked), asked.segments[2])
    return Answer(204)


async def add_attrs(desk: Desk, asked: Asked) -> Answer:
    """Add instances of attributes to an evolution."""
    entity_id = checked_id(asked.segments[2])
    body = await desk.body(asked)
    terms = await desk.terms_of(asked, body)
    await desk.broker.add_instances(desk.act(asked), entity_id, body, terms)
    return Answer(204)


async def delete_attr(desk: Desk, asked: Asked) -> Answer:
    """Delete the evolution of an attribute: one dataset of it, or all with `deleteAll=true`."""
    said = asked.parameters
    await desk.broker.drop_attribute(
        desk.act(asked),
        asked.segments[2],
        asked.segments[4],
        await desk.linked(asked),
        dataset_id=said.get("datasetId") or None,
        every=truth_of(said, "deleteAll"),
    )
    return Answer(204)


async def edit_instance(desk: Desk, asked: Asked) -> Answer:
    """Change members of one instance; its id stays."""
    entity_id, attr, instance_id = (asked.segments[at] for at in (2, 4, 5))
    if not attr:
        raise WrongForm(405, "This method is not for this path.", [(b"allow", b"DELETE")])
    body = await desk.body(asked)
    terms = await desk.terms_of(asked, body)
    await desk.broker.edit_instance(desk.act(asked), entity_id, attr, instance_id, body, terms=terms)
    return Answer(204)


async def delete_instance(desk: Desk, asked: Asked) -> Answer:
    """Delete one instance."""
    entity_id, attr, instance_id = (asked.segments[at] for at in (2, 4, 5))
    await desk.broker.drop_instance(desk.act(asked), entity_id, attr, instance_id, await desk.linked(asked))
    return Answer(204)


async def _page(desk: Desk, asked: Asked, terms: Terms, wish: Wish, span: Span, *, mapping: MapWish | None) -> Answer:
    said = asked.parameters
    paging = paging_of(said, desk.broker.caps, descending=_descending(said))
    act, broker, projection = desk.act(asked), desk.broker, wish.projection
    if mapping is None:
        found = await broker.evolutions(act, wish.query, terms=terms, span=span, projection=projection, paging=paging)
        return _paged(asked, terms, found, paging)
    mapped = await broker.evolutions_by_map(
        act, mapping, wish.query, terms=terms, span=span, projection=projection, paging=paging
    )
    return by_map(_paged(asked, terms, mapped.page, paging), mapped.map_id, is_new=mapped.is_new)


async def _created_map(desk: Desk, asked: Asked, terms: Terms, wish: Wish, span: Span, *, mapping: MapWish) -> Answer:
    one = await desk.broker.create_evolution_map(
        desk.act(asked),
        mapping,
        wish.query,
        span=span,
        projection=wish.projection,
        descending=_descending(asked.parameters),
    )
    return created(asked, terms, one)


def _wish(desk: Desk, asked: Asked, terms: Terms) -> tuple[Wish, Span]:
    """Return what the parameters of a temporal query ask for. Raises: BadRequestData, InvalidRequest."""
    said, form = _form(asked.parameters)
    return _checked(wish_of(said, terms, asked, desk.broker.caps), read_span(said, form))


def _wish_of_body(desk: Desk, asked: Asked, terms: Terms, body: Any) -> tuple[Wish, Span]:
    """Return what the body of a POSTed temporal query asks for. Raises: BadRequestData, InvalidRequest."""
    said, form = _form(asked.parameters)
    span = read_span({**_object(body, "temporalQ"), **_object(body, "aggrParams")}, form)
    rest = {name: value for name, value in without_map(body).items() if name not in ("temporalQ", "aggrParams")}
    return _checked(wish_of_body(rest, said, terms, asked, desk.broker.caps), span)


def _checked(wish: Wish, span: Span) -> tuple[Wish, Span]:
    if span.relation is None:
        raise BadRequestData("timerel, timeAt: are needed to query evolutions.")
    _check_alone(wish)
    return wish, span


def _paged(asked: Asked, terms: Terms, found: Evolutions, paging: Paging) -> Answer:
    answer = _ranged(with_contexts(asked, terms, found.entities), found)
    answer.headers.extend(page_links(asked, paging.limit, paging.offset, more=found.more))
    if found.total is not None:
        answer.headers.append((b"ngsild-results-count", b"%d" % found.total))
    return answer


def _ranged(answer: Answer, found: Evolutions) -> Answer:
    """Return an answer that says up to where it is complete, when it does not hold everything."""
    if found.content_range is not None:
        answer.status = 206
        answer.headers.append((b"content-range", found.content_range.encode()))
    return answer


def _form(said: Mapping[str, str]) -> tuple[dict[str, str], TemporalForm | None]:
    """Return the parameters without the form of the answer, and the form; `format` goes before `options`.

    Raises: InvalidRequest: a form that there is not.
    """
    options = [one for one in said.get("options", "").split(",") if one]
    forms = [*([said["format"]] if said.get("format") else []), *(one for one in options if one != "sysAttrs")]
    unknown = [form for form in forms if form not in _FORMS]
    if unknown:
        raise InvalidRequest(f"options, format: there is no {unknown[0][:100]} here.")
    rest = {name: value for name, value in said.items() if name not in ("options", "format", "orderBy")}
    if "sysAttrs" in options:
        rest["options"] = "sysAttrs"
    return rest, _FORMS[forms[0]] if forms else None


def _check_alone(wish: Wish) -> None:
    """Refuse what would follow relationships. Raises: BadRequestData."""
    if wish.projection.linked or wish.query.hops:
        raise BadRequestData("q, pick, omit: evolutions are read without the entities that they are linked to.")


def _descending(said: Mapping[str, str]) -> bool | None:
    """Return whether the greatest ids come first; None = as the entities were made."""
    order = said.get("orderBy")
    if order is None:
        return None
    if order not in ("id", "id;asc", "id;desc"):
        raise BadRequestData("orderBy: evolutions are ordered by id only.")
    return order == "id;desc"


def _object(body: Mapping[str, Any], name: str) -> dict[str, Any]:
    said = body.get(name, {})
    if not isinstance(said, dict):
        raise BadRequestData(f"{name}: must be an object.")
    return said


_READING = _SPAN | _SUMS | _SHOWING

ROUTES: Routes = {
    ("temporal", "entities"): {
        "POST": Route(create, frozenset({"local"})),
        "GET": Route(query, _READING | FILTERING | PAGING | MAPPING | {"orderBy"}, _UNBUILT),
    },
    ("temporal", "entities", "{}"): {
        "GET": Route(get, _READING | MAPPING | {"local", "type"}, _UNBUILT),
        "DELETE": Route(delete, frozenset({"local"})),
    },
    ("temporal", "entities", "{}", "attrs"): {"POST": Route(add_attrs, frozenset({"local"}))},
    ("temporal", "entities", "{}", "attrs", "{}"): {
        "DELETE": Route(delete_attr, frozenset({"datasetId", "deleteAll", "local"})),
    },
    ("temporal", "entities", "{}", "attrs", "{}", "{}"): {
        "PATCH": Route(edit_instance, frozenset({"local"})),
        "DELETE": Route(delete_instance, frozenset({"local"})),
    },
    ("temporal", "entityOperations", "query"): {
        "POST": Route(query_by_post, PAGING | MAPPING | {"options", "format", "local", "orderBy"}, _UNBUILT),
    },
    ("temporal", "entityMaps"): {
        "GET": Route(create_map, _READING | FILTERING | {"orderBy", "entityMapLifetime"}, _UNBUILT),
        "POST": Route(create_map_by_post, frozenset({"options", "format", "local", "orderBy", "entityMapLifetime"})),
    },
}
