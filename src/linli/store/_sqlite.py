"""SqliteStore: one file, one writer thread, reads that answer without suspending."""

from __future__ import annotations

import asyncio
import os
import threading
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal, Self

import apsw
import orjson

from linli.base import setting
from linli.base.errors import StoreFailed

from ._change import AuditRow, By, Chain, Change, Committed, Fact, Find, LogRow, Numbers, Past, Record, Stored
from ._checks import checked
from ._files import copy_file, lock_file, open_reader, open_writer
from ._finding import Finder
from ._heads import Heads
from ._past import as_arrays, numbers_query, past_query
from ._pen import Pen
from ._queries import queries
from ._shelf import Shelf
from ._tasks import Batch, Claim
from ._writer import Writer

URL = setting("store.url", "", "Where the data lies: sqlite:///DIR/linli.db; empty means linli.db in --data.")
SYNC = setting(
    "store.sync",
    "full",
    "What an answered write survives: full = power loss; normal = a crash of the program; off = nothing, for headless runs.",
    ["full", "normal", "off"],
)
BYTES_CACHE_MB = setting("store.bytes_cache_mb", 64, "Memory for the entities read last, in MB.")
PENDING_MAX = setting("store.pending_max", 10_000, "How many writes may wait; further ones are answered Busy (503).")

_SQL = queries("read")
#: How this engine finds; it takes a list as JSON.
FINDER = Finder(_SQL, lambda texts: orjson.dumps(texts).decode())
_MB = 1_000_000

Sync = Literal["full", "normal", "off"]


class SqliteStore:
    """A store in one SQLite file. Made by `open`; used from one event loop."""

    def __init__(self, path: Path, lock: int, writing: apsw.Connection, reader: apsw.Connection, shelf: Shelf) -> None:
        """Take what `open` prepared."""
        self._path = path
        self._lock = lock
        self._reader = reader
        self._shelf = shelf
        self._heads = Heads(self._load_head)
        self._writing = writing
        self._writer: Writer
        self._closed = False
        # Entities of transactions that stand or are about to stand in the file, but not yet on the shelf: they are read
        # from the file. Otherwise who reads a new log row could still be given the old entity.
        self._unpublished: tuple[Batch, ...] = ()
        self._unpublished_lock = threading.Lock()

    @classmethod
    def open(
        cls,
        path: Path,
        *,
        sync: Sync = "full",
        chain: Chain | None = None,
        pending_max: int = 10_000,
        bytes_cache_mb: int = 64,
        checkpoint_pages: int = 4000,
        vfs: str | None = None,
    ) -> Self:
        """Open or create the database; nothing is read beyond its schema.

        `checkpoint_pages`: how many pages of 4 KB may pile up in the WAL. `vfs`: another file layer of SQLite, which the
        tests of power loss put underneath.
        Raises: StartError: in use by another process, or not a database of linli. StoreTooNew.
        """
        lock = lock_file(path)
        try:
            writing = open_writer(path, sync, vfs)
            store = cls(path, lock, writing, open_reader(path, vfs), Shelf(bytes_cache_mb * _MB))
            store._writer = Writer(writing, Pen(writing, chain), pending_max, store, checkpoint_pages)
        except BaseException:
            os.close(lock)
            raise
        return store

    @property
    def trouble(self) -> str | None:
        """Why the disk refused the last commit. See Store."""
        return self._writer.trouble

    async def commit(self, change: Change) -> Committed:
        """Write it all or nothing; return only when it is durable. See Store."""
        checked(change)
        committed: Committed = await self._writer.submit(change)
        return committed

    async def get(self, tenant: str, entity_id: str) -> Stored | None:
        """Return the entity as last committed. See Store."""
        key = (tenant, entity_id)
        fresh = not any(key in batch.touched for batch in self._unpublished)
        if fresh and (kept := self._shelf.get(key)) is not None:
            return kept
        rows = self._read(_SQL["entity"], key)
        stored = _stored(rows[0]) if rows else None
        if stored is not None and fresh:
            self._shelf.put(key, stored)
        return stored

    async def find(self, tenant: str, find: Find, *, after: int = 0, limit: int = 1000) -> list[Stored]:
        """Return what is wanted, in the order of creation. See Store."""
        return [_stored(row) for row in self._read(*FINDER.plan(tenant, find, after, self._one).select(limit))]

    async def count(self, tenant: str, find: Find) -> int:
        """Return how many are wanted. See Store."""
        if find == Find(types=find.types) and len(find.types) == 1:
            return self._one(_SQL["type_count"], (tenant, find.types[0])) or 0
        return self._one(*FINDER.plan_count(tenant, find, self._one).count()) or 0

    async def history(self, tenant: str, entity_id: str, attr: str, *, limit: int = 1000) -> list[tuple[int, Fact]]:
        """Return the facts of one attribute, newest first. See Store."""
        rows = self._read(_SQL["history"], (tenant, entity_id, attr, limit))
        return [(row[0], Fact(*row[3:])) for row in rows]

    async def past(
        self,
        tenant: str,
        entity_id: str,
        attr: str | None = None,
        *,
        since_us: int | None = None,
        until_us: int | None = None,
        by: By = "written",
        newest_first: bool = True,
        limit: int = 1000,
    ) -> list[Past]:
        """Return history in the order of time. See Store."""
        times = {"since_us": since_us, "until_us": until_us}
        query = past_query(tenant, entity_id, attr, **times, by=by, newest_first=newest_first, limit=limit)
        return [_past(row) for row in self._read(*query)]

    async def numbers(
        self,
        tenant: str,
        entity_id: str,
        attr: str,
        dataset_id: str,
        *,
        since_us: int | None = None,
        until_us: int | None = None,
        by: By = "observed",
    ) -> Numbers:
        """Return times and numbers, oldest first. See Store."""
        query = numbers_query(tenant, entity_id, attr, dataset_id, since_us=since_us, until_us=until_us, by=by)
        return as_arrays(self._read(*query))

    async def past_names(self, tenant: str, entity_id: str) -> list[tuple[str, str]]:
        """Return what has any history. See Store."""
        return [(attr, dataset_id) for attr, dataset_id in self._read(_SQL["past_names"], (tenant, entity_id))]

    async def as_of(self, tenant: str, entity_id: str, seq: int) -> list[Past]:
        """Return what stood at a position of the log. See Store."""
        return [_past(row) for row in self._read(_SQL["as_of"], (tenant, entity_id, seq))]

    async def record(self, tenant: str, kind: str, record_id: str) -> Record | None:
        """Return a record. See Store."""
        rows = self._read(_SQL["record"], (tenant, kind, record_id))
        return Record(*rows[0]) if rows else None

    async def records(self, tenant: str, kind: str, *, after: int = 0, limit: int = 1000) -> list[Record]:
        """Return the records of a kind. See Store."""
        return [Record(*row) for row in self._read(_SQL["records"], (tenant, kind, after, limit))]

    async def tenants(self) -> list[str]:
        """Return every tenant in the log. See Store."""
        return [name for (name,) in self._read(_SQL["tenants"], ())]

    async def lead(self, name: str) -> bool:  # noqa: ARG002 - the Protocol's parameter
        """Return True: who has the file open is alone on it."""
        return True

    async def log_since(self, tenant: str, seq: int, *, limit: int = 1000) -> list[LogRow]:
        """Return the log rows after `seq`. See Store."""
        rows = self._read(_SQL["log_since"], (tenant, seq, limit))
        return [LogRow(*row)._replace(attrs=_words(row[9])) for row in rows]

    async def head(self, tenant: str) -> int:
        """Return the position of the newest row. See Store."""
        return self._heads.head(tenant)

    async def wait_log(self, tenant: str, after: int) -> int:
        """Return the head as soon as it lies past `after`. See Store."""
        return await self._heads.wait(tenant, after)

    async def cursor(self, tenant: str, reader: str) -> int:
        """Return how far a reader has come. See Store."""
        return self._one(_SQL["cursor"], (tenant, reader)) or 0

    async def claim_due(self, tenant: str, now_us: int, *, limit: int = 1000) -> int:
        """Turn due timers into log rows. See Store."""
        due = await self.next_due(tenant)
        if due is None or due > now_us:
            return 0
        claimed: int = await self._writer.submit(Claim(tenant, now_us, limit))
        return claimed

    async def next_due(self, tenant: str) -> int | None:
        """Return when the next timer is due. See Store."""
        due: int | None = self._one(_SQL["next_due"], (tenant,))
        return due

    async def types(self, tenant: str) -> dict[str, int]:
        """Return the types that exist, with their number. See Store."""
        return dict(self._read(_SQL["types"], (tenant,)))

    async def audit_since(self, tenant: str, seq: int, *, limit: int = 1000) -> list[AuditRow]:
        """Return the audit rows after `seq`. See Store."""
        return [AuditRow(*row) for row in self._read(_SQL["audit_since"], (tenant, seq, limit))]

    async def backup(self, target: str) -> None:
        """Write a consistent copy to a new file, in a thread of its own. See Store."""
        await asyncio.to_thread(copy_file, self._path, Path(target))

    async def close(self) -> None:
        """Finish what was accepted and close. See Store."""
        if self._closed:
            return
        self._closed = True
        self._heads.close()
        self._reader.close()
        await asyncio.to_thread(self._writer.close)
        os.close(self._lock)

    def announce(self, batch: Batch) -> None:
        """Hear from the writer thread that `batch` is about to be committed."""
        with self._unpublished_lock:
            self._unpublished = (*self._unpublished, batch)

    def retract(self, batch: Batch) -> None:
        """Hear that it was not."""
        with self._unpublished_lock:
            self._unpublished = tuple(other for other in self._unpublished if other is not batch)

    def publish(self, batch: Batch) -> None:
        """Hear in the event loop that it was: from now on all reads know it."""
        for key, stored in batch.touched.items():
            self._shelf.refresh(key, stored)
        self.retract(batch)
        if not self._closed:
            self._heads.raise_to(batch.heads)

    def _load_head(self, tenant: str) -> int:
        return self._one(_SQL["head"], (tenant,)) or 0

    def _one(self, sql: str, values: tuple[Any, ...]) -> Any:
        rows = self._read(sql, values)
        return rows[0][0] if rows else None

    def _read(self, sql: str, values: tuple[Any, ...]) -> list[Any]:
        try:
            return self._reader.execute(sql, values).fetchall()
        except apsw.ConnectionClosedError as error:
            raise StoreFailed("The store is closed.") from error
        except apsw.Error as error:
            raise StoreFailed("The database cannot be read.", reason=str(error)) from error


def _stored(row: tuple[Any, ...]) -> Stored:
    entity_id, types, scopes, *rest = row
    return Stored(entity_id, _words(types), _words(scopes), *rest)


def _past(row: tuple[Any, ...]) -> Past:
    seq, nth, at_us, *fact = row
    return Past(seq, nth, at_us, Fact(*fact))


@lru_cache(4096)
def _words(text: str) -> tuple[str, ...]:
    """Return a list of words; the same few stand in very many rows, and are kept once."""
    return tuple(orjson.loads(text))
