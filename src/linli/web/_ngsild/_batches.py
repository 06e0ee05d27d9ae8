"""Writing many entities at once: one body, one transaction, an answer entity by entity."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from linli.base import write_json
from linli.broker import Batch, Deed, Terms

from ._desk import Desk, Route, Routes
from ._entities import FORMS, SIMPLIFIED
from ._http import Answer, Asked, options_of


async def create_batch(desk: Desk, asked: Asked) -> Answer:
    """Create up to 1,000 entities; those whose id is taken are named."""
    options_of(asked.parameters, FORMS)
    batch = await _written(desk, asked, "create", creates=True)
    return partly(batch) if batch.errors else Answer(201, write_json(batch.created))


async def upsert_batch(desk: Desk, asked: Asked) -> Answer:
    """Create or replace up to 1,000 entities; `options=update` keeps what is not named."""
    options = options_of(asked.parameters, FORMS | {"replace", "update"})
    batch = await _written(desk, asked, "append" if "update" in options else "replace", creates=True)
    if batch.errors:
        return partly(batch)
    return Answer(201, write_json(batch.created)) if batch.created else Answer(204)


async def update_batch(desk: Desk, asked: Asked) -> Answer:
    """Append to up to 1,000 entities; `options=noOverwrite` leaves attributes that are there."""
    options = options_of(asked.parameters, FORMS | {"noOverwrite", "replace"})
    batch = await _written(desk, asked, "add" if "noOverwrite" in options else "update")
    return partly(batch) if batch.errors else Answer(204)


async def merge_batch(desk: Desk, asked: Asked) -> Answer:
    """Merge into up to 1,000 entities."""
    options = options_of(asked.parameters, FORMS | SIMPLIFIED)
    batch = await _written(desk, asked, "merge", simplified=bool(options & SIMPLIFIED))
    return partly(batch) if batch.errors else Answer(204)


async def delete_batch(desk: Desk, asked: Asked) -> Answer:
    """Delete up to 1,000 entities by their ids."""
    ids = await desk.listed(asked)
    batch = await desk.broker.delete_batch(desk.act(asked), ids)
    return partly(batch) if batch.errors else Answer(204)


async def _written(desk: Desk, asked: Asked, deed: Deed, *, creates: bool = False, simplified: bool = False) -> Batch:
    bodies = await desk.listed(asked)
    linked: list[Terms] = []

    async def context_of(body: Mapping[str, Any]) -> Terms:
        if "@context" in body:
            return await desk.terms_of(asked, body)
        if not linked:
            linked.append(await desk.terms_of(asked, body))
        return linked[0]

    act = desk.act(asked, creates=creates)
    return await desk.broker.write_batch(act, deed, bodies, context_of, simplified=simplified)


def partly(batch: Batch) -> Answer:
    """Return 207: what was written, and why the rest was not."""
    errors = [{"entityId": entity_id, "error": error.problem()} for entity_id, error in batch.errors]
    return Answer(207, write_json({"success": [*batch.created, *batch.changed], "errors": errors}))


_PARAMETERS = frozenset({"options", "format", "local"})

ROUTES: Routes = {
    ("entityOperations", "create"): {"POST": Route(create_batch, _PARAMETERS)},
    ("entityOperations", "upsert"): {"POST": Route(upsert_batch, _PARAMETERS)},
    ("entityOperations", "update"): {"POST": Route(update_batch, _PARAMETERS)},
    ("entityOperations", "merge"): {"POST": Route(merge_batch, _PARAMETERS)},
    ("entityOperations", "delete"): {"POST": Route(delete_batch, frozenset({"local"}))},
}
