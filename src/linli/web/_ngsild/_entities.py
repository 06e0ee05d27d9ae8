"""Writing one entity: create, replace, merge, delete, and change its attributes together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

from linli.base import write_json
from linli.broker import Terms, checked_id, full_name

from ._asking import SYSTEM, types_of
from ._desk import Desk, Route, Routes
from ._http import ROOT, Answer, Asked, options_of

IN_PATH = ":!$&'()*+,;=-._~@"
WRITING = frozenset({"type", "local"})
SIMPLIFIED = frozenset({"simplified", "keyValues"})
#: how a body may be said to be written; normalized and concise are told apart by themselves
FORMS = frozenset({"normalized", "concise"})
_FORM = frozenset({"options", "format"})
_NOT_NAMED = SYSTEM - {"scope"} | {"@context", "@id", "@type", "deletedAt", "expiresAt"}


async def create(desk: Desk, asked: Asked) -> Answer:
    """Create an entity; 201, or 409 when its id is taken."""
    options_of(asked.parameters, FORMS)
    body = await desk.body(asked)
    terms = await desk.terms_of(asked, body)
    entity_id = await desk.broker.create(desk.act(asked, creates=True), body, terms)
    return Answer(201, headers=[(b"location", f"{ROOT}/entities/{quote(entity_id, safe=IN_PATH)}".encode())])


async def replace(desk: Desk, asked: Asked) -> Answer:
    """Put an entity in place of the one that stands there."""
    entity_id = checked_id(asked.segments[1])
    options_of(asked.parameters, FORMS)
    body = await desk.body(asked)
    terms = await desk.terms_of(asked, body)
    await desk.broker.replace(desk.act(asked), entity_id, body, terms, types_of(asked.parameters, terms))
    return Answer(204)


async def merge(desk: Desk, asked: Asked) -> Answer:
    """Merge what is said into an entity; the NGSI-LD null takes attributes, members and keys away."""
    entity_id = checked_id(asked.segments[1])
    simplified = bool(options_of(asked.parameters, FORMS | SIMPLIFIED) & SIMPLIFIED)
    body = await desk.body(asked)
    terms = await desk.terms_of(asked, body)
    await desk.broker.merge(
        desk.act(asked),
        entity_id,
        body,
        terms,
        simplified=simplified,
        observed_at=asked.parameters.get("observedAt"),
        language=asked.parameters.get("lang"),
        types=types_of(asked.parameters, terms),
    )
    return Answer(204)


async def delete(desk: Desk, asked: Asked) -> Answer:
    """Delete an entity."""
    entity_id = checked_id(asked.segments[1])
    types = types_of(asked.parameters, await desk.linked(asked))
    await desk.broker.delete(desk.act(asked), entity_id, types)
    return Answer(204)


async def update_attrs(desk: Desk, asked: Asked) -> Answer:
    """Write over attributes; those that are not there yet are added."""
    entity_id = checked_id(asked.segments[1])
    options_of(asked.parameters, FORMS)
    body = await desk.body(asked)
    terms = await desk.terms_of(asked, body)
    types = types_of(asked.parameters, terms)
    left = await desk.broker.update_attrs(desk.act(asked), entity_id, body, terms, types=types)
    return _changed(body, terms, left)


async def append_attrs(desk: Desk, asked: Asked) -> Answer:
    """Add attributes, or replace them (`options=noOverwrite` leaves those that are there)."""
    entity_id = checked_id(asked.segments[1])
    overwrite = "noOverwrite" not in options_of(asked.parameters, FORMS | {"noOverwrite"})
    body = await desk.body(asked)
    terms = await desk.terms_of(asked, body)
    types = types_of(asked.parameters, terms)
    act = desk.act(asked)
    left = await desk.broker.append_attrs(act, entity_id, body, terms, overwrite=overwrite, types=types)
    return _changed(body, terms, left)


def _changed(body: Any, terms: Terms, left: Sequence[tuple[str, str]]) -> Answer:
    """Return 204, or 207 with what was left alone; attributes by their full names, which mean the same everywhere."""
    if not left:
        return Answer(204)
    reasons = {name if name == "scope" else full_name(name): why for name, why in left}
    names = [name for name in body if name not in _NOT_NAMED]
    updated = [name for name in (one if one == "scope" else terms.iri(one) for one in names) if name not in reasons]
    not_updated = [{"attributeName": name, "reason": why} for name, why in reasons.items()]
    return Answer(207, write_json({"updated": updated, "notUpdated": not_updated}))


ROUTES: Routes = {
    ("entities",): {"POST": Route(create, _FORM | {"local"})},
    ("entities", "{}"): {
        "DELETE": Route(delete, WRITING),
        "PATCH": Route(merge, WRITING | _FORM | {"observedAt", "lang"}),
        "PUT": Route(replace, WRITING | _FORM),
    },
    ("entities", "{}", "attrs"): {
        "PATCH": Route(update_attrs, WRITING | _FORM),
        "POST": Route(append_attrs, WRITING | _FORM),
    },
}
