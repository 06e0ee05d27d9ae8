"""Writing many entities at once for the wire: one commit, and an answer entity by entity."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

from linli.base.errors import AlreadyExists, BadRequestData, LinliError, ResourceNotFound
from linli.store import Delete, Stored
from linli.trust import Act, Decision

from ._attributes import AttributeDoor
from ._caps import Caps
from ._changing import Sheet, Standing, merge_how
from ._form import Fragment, read_fragment
from ._names import full_name
from ._plain import Doc, decoded, may_expire
from ._spelling import checked_id
from ._terms import Terms, core_terms
from ._writing import Left, Outcome, appended, created, merged, replaced

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


class _Said(NamedTuple):
    """One entity of a batch as it came. `error`: why its @context cannot be had."""

    id: str
    body: Mapping[str, Any]
    terms: Terms
    error: LinliError | None = None


@dataclass(slots=True)
class _Work:
    """A batch while it is put together, entity by entity, so that what was decoded for one is gone before the next.

    `times`: how often each id is named. `open`: entities of which more may be said, as they shall stand so far.
    """

    deed: Deed
    simplified: bool
    at_us: int
    times: Mapping[str, int]
    batch: Batch = field(default_factory=Batch)
    sheet: Sheet = field(default_factory=Sheet)
    open: dict[str, Standing] = field(default_factory=dict)


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
        said = [await _said(body, context_of) for body in bodies]
        times = Counter(one.id for one in said)

        async def attempt() -> Batch:
            work = _Work(deed, simplified, self._clock.now_us(), times)
            for at, one in enumerate(said):
                if at % 50 == 49:
                    await asyncio.sleep(0)
                try:
                    await self._take(act, work, one)
                except LinliError as error:
                    work.batch.errors.append((one.id, error))
            for standing in work.open.values():
                self._enter(work.sheet, standing)
            if work.sheet.puts:
                await self._commit_sheet(act, work.sheet)
            return work.batch

        async with self._in_line(act.tenant, times):
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

    async def _take(self, act: Act, work: _Work, said: _Said) -> None:
        """Put one entity of a batch together, on what those before it made. Raises: LinliError: it is refused."""
        if said.error is not None:
            raise said.error
        fragment, batch = _read(work, said, self.caps), work.batch
        entity_id = fragment.id
        one = work.open.get(entity_id)
        stored, before, taken = (one.stored, one.doc, False) if one else await self._there(act, entity_id)
        outcome = _outcome(work, before, fragment, said.terms)
        ground = None if before is None else (stored, before)
        fresh = self._ruled(act, ground, outcome, "change" if stored else "create")
        if taken:
            raise AlreadyExists
        if one is not None:
            fresh.before, fresh.changed = one.before, {**one.changed, **fresh.changed}
        if work.times[entity_id] == 1:
            self._enter(work.sheet, fresh)
        else:
            work.open[entity_id] = fresh
        if outcome.left:
            batch.errors.append((entity_id, AlreadyExists(_words(outcome.left))))
        elif one is None:
            (batch.changed if stored else batch.created).append(entity_id)

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


def _outcome(work: _Work, before: Doc | None, fragment: Fragment, terms: Terms) -> Outcome:
    """Return what a deed makes of one entity. Raises: AlreadyExists, ResourceNotFound, BadRequestData."""
    deed = work.deed
    if before is None:
        if deed not in _NEEDS_TYPE:
            raise ResourceNotFound
        return created(fragment)
    if deed == "create":
        raise AlreadyExists
    if deed == "replace":
        return replaced(before, fragment, work.at_us)
    if deed == "merge":
        return merged(before, fragment, work.at_us, merge_how(terms))
    return appended(before, fragment, work.at_us, overwrite=deed != "add")


def _read(work: _Work, said: _Said, caps: Caps) -> Fragment:
    """Return what an entity of a batch says. Raises: BadRequestData."""
    return read_fragment(
        said.body,
        said.terms,
        whole=True,
        nulls="inside" if work.deed == "merge" else "none",
        simplified=work.simplified,
        typed=work.deed in _NEEDS_TYPE,
        caps=caps,
    )


async def _said(body: Mapping[str, Any], context_of: ContextOf) -> _Said:
    try:
        terms = await context_of(body)
    except LinliError as error:
        return _Said(_id_in(body), body, core_terms(), error)
    return _Said(_id_in(terms.plain(body)), body, terms)


def _id_in(body: Mapping[str, Any]) -> str:
    """Return the id that a body says, whatever it is worth; "" when it says none."""
    said = body.get("id", body.get("@id"))
    return said if isinstance(said, str) else ""
