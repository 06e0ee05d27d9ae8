"""Writing many entities at once: one body, one transaction, an answer entity by entity."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from linli.base import write_json
from linli.broker import Batch, Terms

from ._desk import Desk, Route, Routes
from ._http import Answer, Asked, options_of


async def upsert(desk: Desk, asked: Asked) -> Answer:
    """Create or replace up to 1,000 entities; `options=update` keeps what is not named."""
    options = options_of(asked.parameters, frozenset({"replace", "update"}))
    bodies = await desk.listed(asked)

    async def context_of(body: Mapping[str, Any]) -> Terms:
        return await desk.terms_of(asked, body)

    batch = await desk.broker.upsert_batch(
        desk.act(asked, creates=True), bodies, context_of, update="update" in options
    )
    if batch.errors:
        return _partly(batch)
    return Answer(201, write_json(batch.created)) if batch.created else Answer(204)


async def delete_batch(desk: Desk, asked: Asked) -> Answer:
    """Delete up to 1,000 entities by their ids."""
    ids = await desk.listed(asked)
    batch = await desk.broker.delete_batch(desk.act(asked), ids)
    return _partly(batch) if batch.errors else Answer(204)


def _partly(batch: Batch) -> Answer:
    """Return 207: what was written, and why the rest was not."""
    errors = [{"entityId": entity_id, "error": error.problem()} for entity_id, error in batch.errors]
    return Answer(207, write_json({"success": [*batch.created, *batch.changed], "errors": errors}))


ROUTES: Routes = {
    ("entityOperations", "upsert"): {"POST": Route(upsert, frozenset({"options", "local"}))},
    ("entityOperations", "delete"): {"POST": Route(delete_batch, frozenset({"local"}))},
}
