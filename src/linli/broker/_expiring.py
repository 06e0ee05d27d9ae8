"""Takes away what has expired: entities, and instances of attributes that carry an `expiresAt`.

From that moment on nobody is shown it any more (`Ground._doc`). A timer of the store named "expire" has it taken away soon
after; a write that meets something expired takes it away first. The history of an expired entity
stays, as a record of kind "past" and its rows; the history of an expired instance goes with it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

import orjson
import structlog

from linli.base.errors import LinliError
from linli.store import Change, Delete, DropPast, PutRecord, Stored, Timer
from linli.trust import Act, Principal

from ._facts import PAST, first_facts, past_of
from ._ground import Ground
from ._plain import Attrs, Doc, alive, decoded, expiry_us, may_expire

EXPIRE = "expire"
READER = "expiry"
LOOK_S = 1.0
ROWS_AT_ONCE = 1000
#: how many rows may lie behind the durable cursor when nothing expires
CURSOR_EVERY = 10_000

#: takes away what has expired under an id of a tenant; there is one for each name of a timer (up to its first dot)
Expirer = Callable[[str, str], Awaitable[None]]

_REAPER = Principal("engine:expiry", "engine", ("/",))


class ExpiringDoor(Ground):
    """Takes expired parts of entities away, by itself once it was started.

    Several processes may do so on one store: what is gone already is passed over.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Stand on the same ground."""
        super().__init__(*args, **kwargs)
        self._expirers: dict[str, Expirer] = {EXPIRE: self.expire}
        self._expiry_seqs: dict[str, int] = {}
        self._expiry: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin to look once a second for what has expired."""
        self._tenants.update(await self._store.tenants())
        self._expiry = asyncio.create_task(self._expire_always())
        await super().start()

    async def stop(self) -> None:
        """End looking."""
        if self._expiry is not None:
            self._expiry.cancel()
            await asyncio.wait([self._expiry])
        await super().stop()

    async def expire_due(self) -> int:
        """Take away everything that has expired by now; return how many timers said so."""
        return sum([await self._expire_due(tenant) for tenant in list(self._tenants)])

    async def expire(self, tenant: str, entity_id: str) -> None:
        """Take away what has expired of an entity, or the whole; nothing happens when nothing has."""
        act = Act(_REAPER, "operation", tenant)

        async def attempt() -> None:
            stored = await self._store.get(tenant, entity_id)
            if stored is None or not may_expire(stored):
                return
            doc = decoded(stored)
            kept = alive(doc, self._clock.now_us())
            if kept is None:
                await self._entity_away(act, stored, doc)
            elif kept is not doc:
                await self._commit(self._parts_away(act, stored, doc, kept))

        await self._tried(attempt)

    async def _entity_away(self, act: Act, stored: Stored, doc: Doc) -> None:
        """Remove an entity and leave its history, first of all the values that history does not hold yet."""
        version = stored.version
        put = self._put(doc, first_facts(doc["attrs"]), (), version)
        if put.facts:
            committed = await self._commit(self._change(act, puts=(put,)))
            version = committed.versions[stored.entity_id]
        past = PutRecord(PAST, stored.entity_id, orjson.dumps(past_of(stored, doc)))
        delete = Delete(stored.entity_id, version, keep_past=True)
        await self._commit(self._change(act, deletes=(delete,), records=(past,)))

    def _parts_away(self, act: Act, stored: Stored, doc: Doc, kept: Doc) -> Change:
        gone = [name for name, instances in doc["attrs"].items() if kept["attrs"].get(name) != instances]
        put = self._put(kept, (), tuple(map(self._names.short, gone)), stored.version)
        past = tuple(
            DropPast(stored.entity_id, name, dataset_id)
            for name in gone
            for dataset_id in _datasets(doc["attrs"], name) - _datasets(kept["attrs"], name)
        )
        return self._change(act, puts=(put,), past=past, set_timers=self._expiry_timers([kept]))

    async def _expire_always(self) -> None:
        while True:
            try:
                await self.expire_due()
            except LinliError as error:
                _log.warning("broker.expiry.failed", error=error.message)
            await asyncio.sleep(LOOK_S)

    async def _expire_due(self, tenant: str) -> int:
        due_us = await self._store.next_due(tenant)
        while due_us is not None and due_us <= self._clock.now_us():
            await self._store.claim_due(tenant, self._clock.now_us())
            due_us = await self._store.next_due(tenant)
        start = self._expiry_seqs.get(tenant)
        seq = start = await self._store.cursor(tenant, READER) if start is None else start
        expired = 0
        while rows := await self._store.log_since(tenant, seq, limit=ROWS_AT_ONCE):
            for row in rows:
                expirer = self._expirers.get(row.attrs[0].partition(".")[0]) if row.kind == "timer" else None
                if expirer is not None:
                    await expirer(tenant, row.entity_id)
                    expired += 1
            seq = rows[-1].seq
            await asyncio.sleep(0)
        if expired or seq - start > CURSOR_EVERY:
            await self._store.commit(self._change(Act(_REAPER, "operation", tenant), cursor=(READER, seq)))
        self._expiry_seqs[tenant] = seq
        return expired

    def _expiry_timers(self, docs: Iterable[Doc]) -> tuple[Timer, ...]:
        """Return the timers that wake the reader when the next part of each document expires."""
        return tuple(
            Timer(doc["id"], self._names.short(doc["type"][0]), EXPIRE, due_us)
            for doc in docs
            if (due_us := expiry_us(doc)) is not None
        )


def _datasets(attrs: Attrs, name: str) -> set[str]:
    return {one.get("datasetId", "") for one in attrs.get(name, ())}


_log = structlog.get_logger("broker")
