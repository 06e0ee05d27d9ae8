"""Writing one attribute of an entity, and its bare value."""

from __future__ import annotations

from linli.base import write_json
from linli.broker import checked_id

from ._asking import types_of
from ._desk import Desk, Route, Routes
from ._entities import WRITING
from ._http import Answer, Asked, truth_of


async def patch_attr(desk: Desk, asked: Asked) -> Answer:
    """Write over members of one instance of an attribute; the others stay."""
    entity_id = checked_id(asked.segments[1])
    body = await desk.body(asked)
    terms = await desk.terms_of(asked, body)
    types = types_of(asked.parameters, terms)
    await desk.broker.patch_attr(desk.act(asked), entity_id, asked.segments[3], body, terms=terms, types=types)
    return Answer(204)


async def put_attr(desk: Desk, asked: Asked) -> Answer:
    """Put one instance of an attribute in place of the one that stands there."""
    entity_id = checked_id(asked.segments[1])
    body = await desk.body(asked)
    terms = await desk.terms_of(asked, body)
    types = types_of(asked.parameters, terms)
    await desk.broker.put_attr(desk.act(asked), entity_id, asked.segments[3], body, terms=terms, types=types)
    return Answer(204)


async def delete_attr(desk: Desk, asked: Asked) -> Answer:
    """Delete one instance of an attribute (`datasetId`), or all of them (`deleteAll=true`)."""
    entity_id = checked_id(asked.segments[1])
    terms = await desk.linked(asked)
    await desk.broker.delete_attr(
        desk.act(asked),
        entity_id,
        asked.segments[3],
        terms,
        dataset_id=asked.parameters.get("datasetId"),
        every=truth_of(asked.parameters, "deleteAll"),
        types=types_of(asked.parameters, terms),
    )
    return Answer(204)


async def get_value(desk: Desk, asked: Asked) -> Answer:
    """Read the bare value of one instance of an attribute."""
    entity_id = checked_id(asked.segments[1])
    terms = await desk.linked(asked)
    dataset_id = asked.parameters.get("datasetId")
    value = await desk.broker.value(desk.act(asked), entity_id, asked.segments[3], terms, dataset_id=dataset_id)
    return Answer(200, write_json(value))


async def put_value(desk: Desk, asked: Asked) -> Answer:
    """Give one instance of an attribute another value of its type."""
    entity_id = checked_id(asked.segments[1])
    value = await desk.body(asked)
    await desk.broker.put_value(
        desk.act(asked),
        entity_id,
        asked.segments[3],
        value,
        await desk.linked(asked),
        dataset_id=asked.parameters.get("datasetId"),
        observed_at=asked.parameters.get("observedAt"),
        language=asked.parameters.get("lang"),
    )
    return Answer(204)


ROUTES: Routes = {
    ("entities", "{}", "attrs", "{}"): {
        "DELETE": Route(delete_attr, WRITING | {"datasetId", "deleteAll"}),
        "PATCH": Route(patch_attr, WRITING),
        "PUT": Route(put_attr, WRITING),
    },
    ("entities", "{}", "attrs", "{}", "value"): {
        "GET": Route(get_value, frozenset({"datasetId", "local"})),
        "PUT": Route(put_value, frozenset({"datasetId", "local", "observedAt", "lang"})),
    },
}
