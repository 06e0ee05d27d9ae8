"""Writing many entities at once for the wire: one commit, and an answer entity by entity."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from linli.base.errors import (
    BadRequestData,
    LinliError,
    ResourceNotFound,
)
from linli.store import Delete
from linli.trust import Act

from ._changing import ChangingDoor, Standing
from ._form import Fragment, checked_id, read_fragment
from ._plain import decoded
from ._terms import Terms
from ._writing import appended, created, replaced

BATCH_MAX = 1000


@dataclass(slots=True)
class Batch:
    """What became of a batch: ids, and (id, error) of those that were refused; the others are written."""

    created: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    errors: list[tuple[str, LinliError]] = field(default_factory=list)


class BatchDoor(ChangingDoor):
    """Writes many entities at once."""

    async def upsert_batch(
        self,
        act: Act,
        bodies: Sequence[Any],
        context_of: Callable[[Mapping[str, Any]], Awaitable[Terms]],
        *,
        update: bool = False,
    ) -> Batch:
        """Create or replace (`update`: append to) many entities in one commit; equal ids in order, the later winning.

        Raises: BadRequestData: the list is empty, too long, or holds something that is no object: nothing is written.
        """
        if not bodies or not all(isinstance(body, dict) for body in bodies):
            raise BadRequestData("The body must be a list of at least one entity.")
        if len(bodies) > BATCH_MAX:
            raise BadRequestData(f"At most {BATCH_MAX} entities at once.")
        self._sight.check_purpose(act)
        read, errors = await _read_batch(bodies, context_of)

        async def attempt() -> Batch:
            batch = Batch(errors=list(errors))
            standing = await self._stand(act, read, batch, update=update)
            if standing:
                puts = [self._written(one) for one in standing.values()]
                audit = tuple(row for one in standing.values() for row in one.decision.audit)
                await self._commit(replace(self._change(act, puts), audit=audit))
            return batch

        async with self._in_line(act.tenant, [fragment.id for fragment in read]):
            return await self._tried(attempt)

    async def delete_batch(self, act: Act, ids: Sequence[Any]) -> Batch:
        """Remove many entities in one commit; what cannot be removed is named, the others go.

        Raises: BadRequestData: the list is empty or too long.
        """
        if not ids or len(ids) > BATCH_MAX:
            raise BadRequestData(f"The body must be a list of 1 to {BATCH_MAX} ids.")

        async def attempt() -> Batch:
            batch = Batch()
            deletes: dict[str, Delete] = {}
            audit: list[bytes] = []
            for said in ids:
                try:
                    if checked_id(said) in deletes:
                        raise ResourceNotFound
                    deletes[said], decision = await self._deleted(act, said, None)
                    audit.extend(decision.audit)
                except LinliError as error:
                    batch.errors.append((said if isinstance(said, str) else "", error))
            if deletes:
                change = replace(self._change(act, []), deletes=tuple(deletes.values()), audit=tuple(audit))
                await self._commit(change)
            batch.changed.extend(deletes)
            return batch

        async with self._in_line(act.tenant, [said for said in ids if isinstance(said, str)]):
            return await self._tried(attempt)

    # inside

    async def _stand(self, act: Act, read: Sequence[Fragment], batch: Batch, *, update: bool) -> dict[str, Standing]:
        """Put the entities of a batch together, in order; what is refused goes to the batch's errors."""
        standing: dict[str, Standing] = {}
        at_us = self._clock.now_us()
        for at, fragment in enumerate(read):
            if at % 100 == 99:
                await asyncio.sleep(0)
            one = standing.get(fragment.id)
            stored = one.stored if one else await self._store.get(act.tenant, fragment.id)
            before = one.doc if one else (decoded(stored) if stored else None)
            try:
                if before is None:
                    fresh = self._ruled(act, None, created(fragment), "create")
                else:
                    outcome = (
                        appended(before, fragment, at_us, overwrite=True)
                        if update
                        else replaced(before, fragment, at_us)
                    )
                    fresh = self._ruled(act, (stored, before), outcome, "change" if stored else "create")
            except LinliError as error:
                batch.errors.append((fragment.id, error))
                continue
            if one is None:
                (batch.changed if stored else batch.created).append(fragment.id)
            else:
                fresh.before, fresh.changed = one.before, {**one.changed, **fresh.changed}
            standing[fragment.id] = fresh
        return standing


async def _read_batch(
    bodies: Sequence[Any], context_of: Callable[[Mapping[str, Any]], Awaitable[Terms]]
) -> tuple[list[Fragment], list[tuple[str, LinliError]]]:
    read: list[Fragment] = []
    errors: list[tuple[str, LinliError]] = []
    for at, body in enumerate(bodies):
        if at % 100 == 99:
            await asyncio.sleep(0)
        try:
            read.append(read_fragment(body, await context_of(body), whole=True))
        except LinliError as error:
            said = body.get("id", body.get("@id"))
            errors.append((said if isinstance(said, str) else "", error))
    return read, errors
