"""Purging: DELETE on many entities at once."""

from __future__ import annotations

from linli.base.errors import BadRequestData
from linli.broker import Projection, Terms, attribute_name

from ._asking import FILTERING, projection_of, query_of
from ._batches import partly
from ._desk import Desk, Route, Routes
from ._http import Answer, Asked


async def purge(desk: Desk, asked: Asked) -> Answer:
    """Delete all entities that fit, or of them the attributes `drop`, or all but the attributes `keep`."""
    said = asked.parameters
    if {"keep", "drop"} <= said.keys():
        raise BadRequestData("keep, drop: one of them says too much.")
    terms = await desk.linked(asked)
    query = query_of(said, terms, desk.broker.caps)
    attrs = {name: said[name] for name in ("attrs",) if name in said}
    projection = Projection(attrs=projection_of(attrs, terms, asked).attrs)
    drop = _names(said["drop"], terms) if "drop" in said else frozenset()
    keep = _names(said["keep"], terms) if "keep" in said else None
    batch = await desk.broker.purge(desk.act(asked), query, terms, projection, drop=drop, keep=keep)
    return partly(batch) if batch.errors else Answer(204)


def _names(said: str, terms: Terms) -> frozenset[str]:
    names = said.split(",")
    if not all(names):
        raise BadRequestData("keep, drop: hold an empty name.")
    return frozenset(attribute_name(name, terms) for name in names)


ROUTES: Routes = {
    ("entities",): {"DELETE": Route(purge, FILTERING | {"attrs", "keep", "drop"})},
}
