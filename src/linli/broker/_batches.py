"""Writing many entities at once for the wire: one commit, and an answer entity by entity."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

from linli.base.errors import AlreadyExists, BadRequestData, LinliError, ResourceNotFound
from linli.store import Delete, Stored
from linli.trust import Act, Decision

from ._attributes import AttributeDoor
from ._caps import Caps
from ._changing import Standing, merge_how
from ._form import Fragment, read_fragment
from ._names import full_name
from ._plain import Doc, decoded, may_expire
from ._spelling import checked_id
from ._terms import Terms
from ._writing import Left, MergeHow, Outcome, appended, created, merged, replaced

Deed = Literal["create", "replace", "append", "update", "add", "merge"]
"""What a batch does to each entity: make it; make or replace it; make it or append to it; append to it; append only
what is not there; merge into it."""

_NEEDS_TYPE = frozenset({"create", "replace", "append"})
ContextOf = Callable[[Mapping[str, Any]], Awaitable[Terms]]


@dataclass(slots=True)
class Batch:
    """What became of a batch: ids that were written, and (id, error) of those that were refused, whole or in part."""

    created: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    errors: list[tuple[str, LinliError]] = field(default_factory=list)


class _Read(NamedTuple):
    """One entity of a batch as it was read; `how` it is merged, if it is."""

    fragment: Fragment
    how: MergeHow | None


class BatchDoor(AttributeDoor):
    """Writes many entities at once."""

    async def write_batch(
        self, act: Act, deed: Deed, bodies: Sequence[Any], context_of: ContextOf, *, simplified: bool = False
    ) -> Batch:
        """Write many entities in one commit; equal ids in order, each on what the one before made.

        Raises: BadRequestData: the list is empty, too long, or holds something that is no object: nothing is written.
        """
        if not bodies or not all(isinstance(body, dict) for body in bodies):
            raise BadRequestData("The body must be a list of at least one entity.")
        if len(bodies) > self.caps.batch_entities:
            raise BadRequestData(f"At most {self.caps.batch_entities} entities at once.")
        self._sight.check_purpose(act)
        read, errors = await _read_batch(deed, bodies, context_of, simplified=simplified, caps=self.caps)

        async def attempt() -> Batch:
            batch = Batch(errors=list(errors))
            standing = await self._stand(act, deed, read, batch)
            if standing:
                await self._write(act, standing.values())
            return batch

        async with self._in_line(act.tenant, [one.fragment.id for one in read]):
            return await self._tried(attempt)

    async def delete_batch(self, act: Act, ids: Sequence[Any]) -> Batch:
        """Remove many entities in one commit; what cannot be removed is named, the others go.

        Raises: BadRequestData: the list is empty or too long.
        """
        if not ids or len(ids) > self.caps.batch_entities:
            raise BadRequestData(f"The body must be a list of 1 to {self.caps.batch_entities} ids.")

        async def attempt() -> Batch:
            batch = Batch()
            deletes: dict[str, Delete] = {}
            decisions: list[Decision] = []
            for said in ids:
                try:
                    if checked_id(said) in deletes:
                        raise ResourceNotFound
                    deletes[said], decision = await self._deleted(act, said, None)
                    decisions.append(decision)
                except LinliError as error:
                    batch.errors.append((said if isinstance(said, str) else "", error))
            if deletes:
                records = await self._pasts_of(act.tenant, deletes.values())
                gone = tuple(deletes.values())
                await self._commit(self._change(act, *decisions, deletes=gone, records=records))
            batch.changed.extend(deletes)
            return batch

        async with self._in_line(act.tenant, [said for said in ids if isinstance(said, str)]):
            return await self._tried(attempt)

    # inside

    async def _stand(self, act: Act, deed: Deed, read: Sequence[_Read], batch: Batch) -> dict[str, Standing]:
        """Put the entities of a batch together, in order; what is refused goes to the batch's errors."""
        standing: dict[str, Standing] = {}
        at_us = self._clock.now_us()
        for at, said in enumerate(read):
            if at % 100 == 99:
                await asyncio.sleep(0)
            entity_id = said.fragment.id
            one = standing.get(entity_id)
            try:
                stored, before, taken = (one.stored, one.doc, False) if one else await self._there(act, entity_id)
                outcome = _outcome(deed, before, said, at_us)
                ground = None if before is None else (stored, before)
                fresh = self._ruled(act, ground, outcome, "change" if stored else "create")
                if taken:
                    raise AlreadyExists
            except LinliError as error:
                batch.errors.append((entity_id, error))
                continue
            if one is None:
                if not outcome.left:
                    (batch.changed if stored else batch.created).append(entity_id)
            else:
                fresh.before, fresh.changed = one.before, {**one.changed, **fresh.changed}
            if outcome.left:
                batch.errors.append((entity_id, AlreadyExists(_words(outcome.left))))
            standing[entity_id] = fresh
        return standing

    async def _there(self, act: Act, entity_id: str) -> tuple[Stored | None, Doc | None, bool]:
        """Return what stands under an id, after what has expired of it is gone, and whether the id is taken by something
        of which `act` may not know: then it is as if nothing stood there, but nothing can be made there either."""
        stored = await self._store.get(act.tenant, entity_id)
        if stored is None:
            return None, None, False
        if not may_expire(stored):
            doc = decoded(stored)
            return (stored, doc, False) if self._may_know(act, doc) else (None, None, True)
        try:
            return *(await self._met(act, entity_id, None)), False
        except ResourceNotFound:
            pass  # it is not for `act` to know of, or it has expired
        await self.expire(act.tenant, entity_id)
        return None, None, await self._store.get(act.tenant, entity_id) is not None


def _words(left: Left) -> str:
    return "; ".join(f"{full_name(name)}: {why}" for name, why in left)


def _outcome(deed: Deed, before: Doc | None, said: _Read, at_us: int) -> Outcome:
    """Return what a deed makes of one entity. Raises: AlreadyExists, ResourceNotFound, BadRequestData."""
    fragment = said.fragment
    if before is None:
        if deed not in _NEEDS_TYPE:
            raise ResourceNotFound
        return created(fragment)
    if deed == "create":
        raise AlreadyExists
    if deed == "replace":
        return replaced(before, fragment, at_us)
    if said.how is not None:
        return merged(before, fragment, at_us, said.how)
    return appended(before, fragment, at_us, overwrite=deed != "add")


async def _read_batch(
    deed: Deed, bodies: Sequence[Any], context_of: ContextOf, *, simplified: bool, caps: Caps
) -> tuple[list[_Read], list[tuple[str, LinliError]]]:
    read: list[_Read] = []
    errors: list[tuple[str, LinliError]] = []
    for at, body in enumerate(bodies):
        if at % 100 == 99:
            await asyncio.sleep(0)
        try:
            terms = await context_of(body)
            fragment = read_fragment(
                body,
                terms,
                whole=True,
                nulls="inside" if deed == "merge" else "none",
                simplified=simplified,
                typed=deed in _NEEDS_TYPE,
                caps=caps,
            )
            read.append(_Read(fragment, merge_how(terms) if deed == "merge" else None))
        except LinliError as error:
            said = body.get("id", body.get("@id"))
            errors.append((said if isinstance(said, str) else "", error))
    return read, errors
