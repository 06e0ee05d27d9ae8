"""Entity maps: how a request says which one it goes by, and the maps themselves: read, keep longer, delete.

Where a map is made of a query stands beside that query, in `_queries` and `_temporal`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

from linli.base import write_json
from linli.base.errors import BadRequestData
from linli.broker import EntityMap, MapWish, Terms, read_keep_us, read_map_id

from ._asking import FORMS
from ._desk import Desk, Route, Routes, with_context
from ._http import ROOT, Answer, Asked, truth_of

MAPPING = frozenset({"entityMap", "entityMapLifetime"})

MAP_HEADER = b"ngsild-entitymap"
#: which page of an answer is wanted, and how it is shown: the question is the same without them
_BESIDE = MAPPING | FORMS | {"limit", "offset", "count"}


async def get(desk: Desk, asked: Asked) -> Answer:
    """Read an entity map: which entities it holds, who has them, and until when it is kept."""
    terms = await desk.linked(asked)
    one = await desk.broker.get_map(desk.act(asked), asked.segments[1])
    return with_context(asked, terms, write_json(one.shown()))


async def change(desk: Desk, asked: Asked) -> Answer:
    """Keep an entity map until another time."""
    body = await desk.body(asked)
    await desk.terms_of(asked, body)
    await desk.broker.change_map(desk.act(asked), asked.segments[1], body)
    return Answer(204)


async def delete(desk: Desk, asked: Asked) -> Answer:
    """Forget an entity map."""
    await desk.broker.delete_map(desk.act(asked), asked.segments[1])
    return Answer(204)


def map_wish(asked: Asked, terms: Terms, body: Mapping[str, Any] | None = None) -> MapWish | None:
    """Return what a request says of maps; None when it has nothing to do with one.

    Raises: BadRequestData, InvalidRequest.
    """
    named, said = named_map(asked), asked.parameters
    wanted = ("entityMap" in said and truth_of(said, "entityMap")) or (body is not None and _flag(body))
    if named is None and not wanted:
        return None
    return new_map_wish(asked, terms, body, named)


def new_map_wish(
    asked: Asked, terms: Terms, body: Mapping[str, Any] | None = None, named: str | None = None
) -> MapWish:
    """Return the wish for a map of what a request asks. Raises: BadRequestData."""
    said = {**asked.parameters, **(body or {})}
    question = [
        "temporal" in asked.segments,
        sorted((name, text) for name, text in asked.parameters.items() if name not in _BESIDE),
        None if body is None else without_map(body),
        terms.source,
    ]
    lifetime = said.get("entityMapLifetime")
    return MapWish(write_json(question), named, None if lifetime is None else read_keep_us(lifetime))


def without_map(body: Mapping[str, Any]) -> dict[str, Any]:
    """Return the body of a POSTed query without what it says of maps."""
    return {name: one for name, one in body.items() if name not in MAPPING}


def named_map(asked: Asked) -> str | None:
    """Return the id of the map by which a request wants to go. Raises: BadRequestData."""
    said = asked.headers.get(MAP_HEADER)
    return None if said is None else read_map_id(unquote(said.decode("latin-1").strip()))


def by_map(answer: Answer, map_id: str, *, is_new: bool = False) -> Answer:
    """Return an answer that says by which map it was found; a new one makes it a 201."""
    answer.headers.append((MAP_HEADER, f"{ROOT}/entityMaps/{map_id}".encode()))
    if is_new and answer.status == 200:
        answer.status = 201
    return answer


def created(asked: Asked, terms: Terms, one: EntityMap) -> Answer:
    """Return a map that was just made."""
    return by_map(with_context(asked, terms, write_json(one.shown())), one.id, is_new=True)


def _flag(body: Mapping[str, Any]) -> bool:
    said = body.get("entityMap", False)
    if not isinstance(said, bool):
        raise BadRequestData("entityMap: must be true or false.")
    return said


ROUTES: Routes = {
    ("entityMaps", "{}"): {"GET": Route(get), "PATCH": Route(change), "DELETE": Route(delete)},
}
