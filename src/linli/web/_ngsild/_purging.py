"""Purging: DELETE on many entities at once."""

from __future__ import annotations

from linli.base.errors import BadRequestData
from linli.broker import Projection, Terms, attribute_name

from ._asking import FILTERING, projection_of, query_of
from ._batches import partly
from ._desk import Desk, Route, Routes
from ._http import Answer, Asked
from ._maps import by_map, named_map


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
    act, named = desk.act(asked), named_map(asked)
    # A map that is not there any more is not made anew here: that would delete what nobody has looked at.
    one = None if named is None else await desk.broker.get_map(act, named)
    among = None if one is None else list(one.sources)
    batch = await desk.broker.purge(act, query, terms, projection, drop=drop, keep=keep, among=among)
    answer = partly(batch) if batch.errors else Answer(204)
    return answer if one is None else by_map(answer, one.id)


def _names(said: str, terms: Terms) -> frozenset[str]:
    names = said.split(",")
    if not all(names):
        raise BadRequestData("keep, drop: hold an empty name.")
    return frozenset(attribute_name(name, terms) for name in names)


ROUTES: Routes = {
    ("entities",): {"DELETE": Route(purge, FILTERING | {"attrs", "keep", "drop"})},
}
