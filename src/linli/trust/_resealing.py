"""Goes through a whole database and seals what stands in clear, or under keys that are no longer in use.

Entity by entity, each with its history, then the records: every page is one commit with the place reached, so that it goes
on after a crash where it stopped. Nothing gets a new version or a row in the log, for nothing says anything new. When a
whole walk finds nothing left to do, the keys that were in use before are taken away.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from dataclasses import dataclass

import orjson
import structlog

from linli.base import Clock, WallClock
from linli.base.errors import LinliError
from linli.store import (
    Box,
    Change,
    Fact,
    Find,
    Put,
    Rewrite,
    RewritePast,
    RewriteRecord,
    Rewriting,
    Stored,
)

from ._sealed import PAST, SEALED_RECORDS, SEALER, Drawn, Sealed
from ._sealing import MARK, Doc, kid_of, seal_of

#: how an entity is found: its keys and its box, in clear; the broker knows
FoundBy = Callable[[Doc], tuple[tuple[tuple[str, str], ...], Box | None]]

#: the reader whose position says how far a walk has come
WALK = "sealer walk"
_ACTOR = "engine:sealer"
_PAGE = 100
_ALL = 2**62
#: how often the keys are looked after
_EACH_S = 3600.0

_log = structlog.get_logger("linli.trust")


@dataclass(slots=True)
class Walked:
    """What a walk did: how many entities, facts and records it sealed."""

    entities: int = 0
    facts: int = 0
    records: int = 0

    @property
    def all(self) -> int:
        """How much that is altogether."""
        return self.entities + self.facts + self.records


class Resealing:
    """Seals what a store holds, below the store that seals."""

    def __init__(self, sealed: Sealed, found_by: FoundBy, wall: Clock | None = None) -> None:
        """Work on the store over which `sealed` stands."""
        self._store = sealed.below
        self._sealed = sealed
        self._keys = sealed.keys
        self._found_by = found_by
        self._wall = wall or WallClock()
        self._running: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin to look after the keys: their copies, and what a rotation left behind."""
        self._running = asyncio.get_running_loop().create_task(self._run())

    async def stop(self) -> None:
        """End; what was not finished goes on the next time."""
        if self._running is not None:
            self._running.cancel()
            with suppress(asyncio.CancelledError):
                await self._running
            self._running = None

    async def seal(self, tenant: str) -> Walked:
        """Seal everything in a tenant, and take away the keys that are no longer in use. Raises: StoreFailed."""
        retired = self._keys.retired(tenant)
        done = Walked()
        resumed = await self._store.cursor(tenant, WALK) > 0
        while (walked := await self._walk(tenant)).all or resumed:
            resumed = False
            done.entities += walked.entities
            done.facts += walked.facts
            done.records += walked.records
        await self._commit(tenant, [], (SEALER, 1))
        if retired:
            await self._keys.drop(retired)
        return done

    async def _run(self) -> None:
        while True:
            try:
                await self._tend()
            except LinliError as error:
                _log.error("trust.keys.untended", why=error.message, **error.facts)
            await asyncio.sleep(_EACH_S)

    async def _tend(self) -> None:
        await self._keys.tend_copies()
        if await self._store.lead(SEALER):
            for tenant in await self._store.tenants():
                if self._keys.retired(tenant):
                    walked = await self.seal(tenant)
                    _log.info("trust.keys.rotated", tenant=tenant, entities=walked.entities, facts=walked.facts)

    async def _walk(self, tenant: str) -> Walked:
        """Go through a tenant once."""
        walked = Walked()
        after = await self._store.cursor(tenant, WALK)
        while page := await self._store.find(tenant, Find(), after=after, limit=_PAGE):
            rewrites = [one for stored in page for one in await self._of_entity(tenant, stored, walked)]
            after = page[-1].row
            await self._commit(tenant, rewrites, (WALK, after))
            await asyncio.sleep(0)
        async for rewrites in self._of_gone(tenant, walked):
            await self._commit(tenant, rewrites)
        for kind in sorted(SEALED_RECORDS):
            await self._commit(tenant, await self._of_records(tenant, kind, walked))
        await self._commit(tenant, [], (WALK, 0))
        return walked

    async def _of_entity(self, tenant: str, stored: Stored, walked: Walked) -> list[Rewriting]:
        """Return what must be written anew of an entity and its history."""
        opened = self._sealed.opened(stored)
        doc = orjson.loads(opened.doc)
        of = self._sealed.class_of(doc)
        if of is None:
            return []
        keys, box = self._found_by(doc)
        put = Put(stored.entity_id, stored.types, stored.scopes, opened.doc, keys=keys, box=box)
        drawn = Drawn(of, self._sealed.subject_of(doc), doc)
        await self._keys.ready(tenant, [drawn.subject])
        sealed = self._sealed.sealed_put(tenant, put, drawn)
        rewrites = await self._of_past(tenant, stored.entity_id, drawn, walked)
        if seal_of(sealed.doc) != seal_of(stored.doc):
            rewrites.append(Rewrite(stored._replace(doc=sealed.doc), sealed.keys, sealed.box))
            walked.entities += 1
        return rewrites

    async def _of_past(self, tenant: str, entity_id: str, drawn: Drawn, walked: Walked) -> list[Rewriting]:
        """Return what must be written anew of a history; what is sealed already stays with the subject it was sealed for."""
        rewrites: list[Rewriting] = []
        for row in await self._store.past(tenant, entity_id, newest_first=False, limit=_ALL):
            subject = self._subject_of_fact(row.fact, drawn)
            if subject is not None:
                await self._keys.ready(tenant, [subject])
                opened = self._sealed.opened_fact(entity_id, row.fact)
                fact = self._sealed.sealed_fact(tenant, entity_id, drawn._replace(subject=subject), opened)
                rewrites.append(RewritePast(entity_id, row.seq, row.nth, fact))
        walked.facts += len(rewrites)
        return rewrites

    def _subject_of_fact(self, fact: Fact, drawn: Drawn) -> str | None:
        """Return for whom a fact must be sealed (anew); None where it stands as it should."""
        if fact.doc is None:
            return None
        if not fact.doc.startswith(MARK):
            return drawn.subject if self._sealed.is_personal(drawn.of, fact.attr) else None
        row = self._keys.row(kid_of(fact.doc.decode()))
        if row is None:
            return drawn.subject
        return None if row.current else row.subject

    async def _of_gone(self, tenant: str, walked: Walked) -> AsyncIterator[list[Rewriting]]:
        """Yield what must be written anew of entities of which only the past is left."""
        after = 0
        while records := await self._store.records(tenant, PAST, after=after, limit=_PAGE):
            for record in records:
                of = self._sealed.class_of(orjson.loads(record.doc))
                if of is not None and await self._store.get(tenant, record.record_id) is None:
                    drawn = Drawn(of, record.record_id, {})
                    yield await self._of_past(tenant, record.record_id, drawn, walked)
            after = records[-1].row

    async def _of_records(self, tenant: str, kind: str, walked: Walked) -> list[Rewriting]:
        """Return what must be written anew of the records of a kind."""
        rewrites: list[Rewriting] = []
        after = 0
        while records := await self._store.records(tenant, kind, after=after, limit=_PAGE):
            for record in records:
                sealed = await self._sealed.resealed_record(tenant, record)
                if sealed is not None:
                    rewrites.append(RewriteRecord(sealed))
            after = records[-1].row
        walked.records += len(rewrites)
        return rewrites

    async def _commit(self, tenant: str, rewrites: list[Rewriting], cursor: tuple[str, int] | None = None) -> None:
        if rewrites or cursor:
            change = Change(tenant, _ACTOR, "", self._wall.now_us(), rewrites=tuple(rewrites), cursor=cursor)
            await self._store.commit(change)
