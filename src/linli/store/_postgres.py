"""PostgresStore: a schema of PostgreSQL, shared by as many processes as like; reads from a pool, one writer each."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from linli.base import setting
from linli.base.errors import StartError, StoreFailed

from ._address import PostgresAddress
from ._change import Chain, Change, Committed, LogRow, Stored
from ._checks import checked
from ._dump import dump
from ._ear import Ear, Notice
from ._finding import Finder
from ._heads import Heads
from ._link import bring_up, driver, faults, options
from ._past import arrays_of_bytes
from ._postgres_writer import PostgresWriter
from ._queries import numbered, queries
from ._reads import SqlReads
from ._rows import stored_of
from ._shelf import Key, Shelf
from ._tasks import Batch, Claim

if TYPE_CHECKING:
    import asyncpg

READERS = setting(
    "store.readers", 8, "PostgreSQL only: how many connections one process may read through at the same time."
)

_SQL = queries("read", "postgres")
#: How this engine finds; it takes a list as an array.
FINDER = Finder(_SQL, list)
_MB = 1_000_000


class PostgresStore(SqlReads):
    """A store in one schema of PostgreSQL. Made by `open`; used from one event loop."""

    def __init__(
        self,
        address: PostgresAddress,
        pool: asyncpg.Pool,
        sync: str,
        chain: Chain | None,
        *,
        pending_max: int,
        shelf: Shelf,
    ) -> None:
        """Take what `open` prepared."""
        super().__init__(_SQL, FINDER, arrays_of_bytes)
        self._address = address
        self._pool = pool
        self._shelf = shelf
        self._heads = Heads(lambda _tenant: 0)
        self._ear = Ear(address, self._hear, self._catch_up)
        self._writer = PostgresWriter(address, sync, chain, pending_max, self)
        self._closed = False
        # Entities of transactions that stand or are about to stand in the database, but not yet on the shelf.
        self._unpublished: tuple[Batch, ...] = ()
        # How often the shelf was refreshed: what was read meanwhile may be older than that, and is not kept.
        self._turn = 0
        # The position up to which notices were heard: of log rows after it, the shelf knows nothing.
        self._heard = 0

    @classmethod
    async def open(
        cls,
        address: PostgresAddress,
        *,
        sync: str = "full",
        chain: Chain | None = None,
        pending_max: int = 10_000,
        bytes_cache_mb: int = 64,
        readers: int = 8,
    ) -> Self:
        """Open the schema; make it, or bring it up to date, where needed.

        Raises: StartError: no driver, no connection, or something else stands in the schema. StoreTooNew.
        """
        await bring_up(address)
        try:
            pool = await driver().create_pool(min_size=0, max_size=readers, **options(address))
            store = cls(address, pool, sync, chain, pending_max=pending_max, shelf=Shelf(bytes_cache_mb * _MB))
            await store._ear.open()
        except faults() as error:
            raise StartError(f"store.url: PostgreSQL cannot be used: {error or type(error).__name__}.") from error
        return store

    @property
    def trouble(self) -> str | None:
        """Why the database refused the last commit. See Store."""
        return self._writer.trouble

    async def commit(self, change: Change) -> Committed:
        """Write it all or nothing; return only when it is durable. See Store."""
        committed: Committed = await self._writer.submit(checked(change))
        return committed

    async def get(self, tenant: str, entity_id: str) -> Stored | None:
        """Return the entity as last committed. See Store.

        What another process wrote is known here as soon as its notice is heard.
        """
        key = (tenant, entity_id)
        fresh = self._ear.listens and not any(key in batch.touched for batch in self._unpublished)
        if fresh and (kept := self._shelf.get(key)) is not None:
            return kept
        turn = self._turn
        rows = await self._read(_SQL["entity"], key)
        stored = stored_of(rows[0]) if rows else None
        if stored is not None and fresh and turn == self._turn:
            self._shelf.put(key, stored)
        return stored

    async def log_since(self, tenant: str, seq: int, *, limit: int = 1000) -> list[LogRow]:
        """Return the log rows after `seq`. See Store."""
        rows: list[LogRow] = await super().log_since(tenant, seq, limit=limit)
        unheard = [(tenant, row.entity_id) for row in rows if row.seq > self._heard]
        if unheard:
            self._forget(unheard)
        return rows

    async def head(self, tenant: str) -> int:
        """Return the position of the newest row. See Store."""
        known = self._heads.head(tenant) if self._ear.listens else 0
        if not known:
            known = await self._one(_SQL["head"], (tenant,)) or 0
            if known:
                self._heads.raise_to({tenant: known})
        return known

    async def wait_log(self, tenant: str, after: int) -> int:
        """Return the head as soon as it lies past `after`. See Store."""
        await self.head(tenant)
        return await self._heads.wait(tenant, after)

    async def lead(self, name: str) -> bool:
        """Return whether this process leads. See Store."""
        return await self._ear.lead(name)

    async def backup(self, target: str) -> None:
        """Write a consistent copy of the schema to a new file, by pg_dump. See Store."""
        await asyncio.to_thread(dump, self._address, Path(target))

    async def close(self) -> None:
        """Finish what was accepted and close. See Store."""
        if self._closed:
            return
        self._closed = True
        self._heads.close()
        await self._writer.close()
        await self._ear.close()
        await self._pool.close()

    def announce(self, batch: Batch) -> None:
        """Hear that `batch` is about to be committed."""
        self._unpublished = (*self._unpublished, batch)

    def retract(self, batch: Batch) -> None:
        """Hear that it was not."""
        self._unpublished = tuple(other for other in self._unpublished if other is not batch)

    def publish(self, batch: Batch) -> None:
        """Hear that it was: from now on all reads know it. What was refused may have been so by another's write."""
        self._turn += 1
        for key, stored in batch.touched.items():
            self._shelf.refresh(key, stored)
        for task, outcome in batch.outcomes:
            if isinstance(outcome, Exception) and isinstance(task.work, Change):
                change = task.work
                ids = [*(put.entity_id for put in change.puts), *(delete.entity_id for delete in change.deletes)]
                self._forget((change.tenant, entity_id) for entity_id in ids)
        self.retract(batch)
        if not self._closed:
            self._heads.raise_to(batch.heads)

    def _hear(self, notice: Notice) -> None:
        if notice.process != self._writer.process:
            if notice.touched is None:
                self._shelf.clear()
            self._forget(notice.touched or ())
            self._heads.raise_to(notice.heads)
        self._heard = max(self._heard, *notice.heads.values())

    async def _catch_up(self) -> None:
        """Look up again what may have changed while nothing was heard."""
        self._turn += 1
        self._shelf.clear()
        for tenant in self._heads.known():
            self._heads.raise_to({tenant: await self._one(_SQL["head"], (tenant,)) or 0})

    def _forget(self, keys: Iterable[Key]) -> None:
        self._turn += 1
        for key in keys:
            self._shelf.drop(key)

    async def _submit(self, claim: Claim) -> int:
        claimed: int = await self._writer.submit(claim)
        return claimed

    async def _read(self, sql: str, values: tuple[Any, ...]) -> list[Any]:
        if self._closed:
            raise StoreFailed("The store is closed.")
        try:
            rows: list[Any] = await self._pool.fetch(numbered(sql), *values)
        except faults() as error:
            raise StoreFailed("The database cannot be read.", reason=str(error)) from error
        return rows
