"""Writing one entity: create, delete, and change its attributes."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from linli.base import write_json
from linli.broker import Terms, checked_id

from ._desk import Desk, Route, Routes
from ._http import ROOT, Answer, Asked, options_of
from ._queries import SYSTEM, types_of

_IN_PATH = ":!$&'()*+,;=-._~@"
_WRITING = frozenset({"type", "local"})


async def create(desk: Desk, asked: Asked) -> Answer:
    """Create an entity; 201, or 409 when its id is taken."""
    body = await desk.body(asked)
    terms = await desk.terms_of(asked, body)
    entity_id = await desk.broker.create(desk.act(asked, creates=True), body, terms)
    return Answer(201, headers=[(b"location", f"{ROOT}/entities/{quote(entity_id, safe=_IN_PATH)}".encode())])


async def delete(desk: Desk, asked: Asked) -> Answer:
    """Delete an entity."""
    entity_id = checked_id(asked.segments[1])
    types = types_of(asked.parameters, await desk.linked(asked))
    await desk.broker.delete(desk.act(asked), entity_id, types)
    return Answer(204)


async def update_attrs(desk: Desk, asked: Asked) -> Answer:
    """Change attributes that are there."""
    entity_id = checked_id(asked.segments[1])
    body = await desk.body(asked)
    terms = await desk.terms_of(asked, body)
    types = types_of(asked.parameters, terms)
    left = await desk.broker.update_attrs(desk.act(asked), entity_id, body, terms, types=types)
    return _changed(body, terms, left)


async def append_attrs(desk: Desk, asked: Asked) -> Answer:
    """Add attributes, or replace them (`options=noOverwrite` leaves those that are there)."""
    entity_id = checked_id(asked.segments[1])
    overwrite = "noOverwrite" not in options_of(asked.parameters, frozenset({"noOverwrite"}))
    body = await desk.body(asked)
    terms = await desk.terms_of(asked, body)
    types = types_of(asked.parameters, terms)
    act = desk.act(asked)
    left = await desk.broker.append_attrs(act, entity_id, body, terms, overwrite=overwrite, types=types)
    return _changed(body, terms, left)


def _changed(body: Any, terms: Terms, left: list[tuple[str, str]]) -> Answer:
    """Return 204, or 207 with what was left alone."""
    if not left:
        return Answer(204)
    untouched = {name for name, _ in left}
    said = {"scope": "scope", **{name: terms.name(name) for name in body if name not in SYSTEM}}
    updated = [name for name in body if name in said and said[name] not in untouched and name != "@context"]
    not_updated = [
        {"attributeName": name if name == "scope" else terms.term(name), "reason": why} for name, why in left
    ]
    return Answer(207, write_json({"updated": updated, "notUpdated": not_updated}))


ROUTES: Routes = {
    ("entities",): {"POST": Route(create, frozenset({"local"}))},
    ("entities", "{}"): {"DELETE": Route(delete, _WRITING)},
    ("entities", "{}", "attrs"): {
        "PATCH": Route(update_attrs, _WRITING),
        "POST": Route(append_attrs, _WRITING | {"options"}),
    },
}
