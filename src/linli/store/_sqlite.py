"""SqliteStore: one file, one writer thread, reads that answer without suspending."""

from __future__ import annotations

import asyncio
import os
import threading
from pathlib import Path
from typing import Any, Literal, Self

import apsw
import orjson

from linli.base import setting
from linli.base.errors import StoreFailed

from ._change import Chain, Change, Committed, Find, Stored
from ._charts import Charts
from ._checks import checked
from ._files import copy_file, lock_file, open_reader, open_writer
from ._finding import Finder, Query
from ._heads import Heads
from ._past import as_arrays
from ._pen import Pen
from ._queries import queries
from ._reads import SqlReads
from ._rows import stored_of
from ._shelf import Shelf
from ._tasks import Batch, Claim
from ._writer import Limits, Writer

URL = setting(
    "store.url",
    "",
    "Where the data lies: sqlite:///DIR/linli.db, or postgresql://USER@HOST/DATABASE with ?schema=linli; empty means linli.db in --data.",
)
SYNC = setting(
    "store.sync",
    "full",
    "What an answered write survives: full = power loss; normal = a crash of the program; off = nothing, for headless runs.",
    ["full", "normal", "off"],
)
BYTES_CACHE_MB = setting("store.bytes_cache_mb", 64, "Memory for the entities read last, in MB.")
CHARTS_MB = setting(
    "store.charts_mb",
    128,
    "SQLite only: memory for charts, by which searches by place find without reading; 0 for none, in MB.",
)
PENDING_MAX = setting("store.pending_max", 10_000, "How many writes may wait; further ones are answered Busy (503).")

_SQL = queries("read")
#: How this engine finds; it takes a list as JSON.
FINDER = Finder(_SQL, lambda texts: orjson.dumps(texts).decode())
_MB = 1_000_000
#: how often a search begins again because something was committed meanwhile
_TURNS = 3
#: of so many forms of questions it is remembered how they are asked
_FORMS_MAX = 1024

Sync = Literal["full", "normal", "off"]


class SqliteStore(SqlReads):
    """A store in one SQLite file. Made by `open`; used from one event loop."""

    def __init__(
        self,
        path: Path,
        lock: int,
        writing: apsw.Connection,
        reader: apsw.Connection,
        *,
        shelf: Shelf,
        charts: Charts,
    ) -> None:
        """Take what `open` prepared."""
        super().__init__(_SQL, FINDER, as_arrays)
        self._path = path
        self._lock = lock
        self._reader = reader
        self._shelf = shelf
        self._charts = charts
        self._among: dict[tuple[Any, ...], Query] = {}
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
        charts_mb: int = 128,
        checkpoint_pages: int = 4000,
        unfiled_max: int = 4000,
        vfs: str | None = None,
    ) -> Self:
        """Open or create the database; nothing is read beyond its schema.

        `checkpoint_pages`: how many pages of 4 KB may pile up in the WAL. `unfiled_max`: how many facts may wait to be filed
        in history: few enough to be looked through by every question about the past. `vfs`: another file layer of SQLite, which the
        tests of power loss put underneath.
        Raises: StartError: in use by another process, or not a database of linli. StoreTooNew.
        """
        lock = lock_file(path)
        try:
            writing = open_writer(path, sync, vfs)
            charts = Charts(lambda: open_reader(path, vfs), _SQL["documents_of_type"], charts_mb * _MB)
            reader = open_reader(path, vfs)
            store = cls(path, lock, writing, reader, shelf=Shelf(bytes_cache_mb * _MB), charts=charts)
            pen = Pen(writing, chain)
            pen.count_unfiled()
            limits = Limits(pending_max, checkpoint_pages, unfiled_max)
            store._writer = Writer(writing, pen, store, limits)
        except BaseException:
            os.close(lock)
            raise
        return store

    @property
    def trouble(self) -> str | None:
        """Why the disk refused the last commit. See Store."""
        return self._writer.trouble

    @property
    def is_charting(self) -> bool:
        """Whether a chart is being made: searches by place are slower until it is whole."""
        return self._charts.is_filling

    async def commit(self, change: Change) -> Committed:
        """Write it all or nothing; return only when it is durable. See Store."""
        checked(change)
        committed: Committed = await self._writer.submit(change)
        return committed

    async def get(self, tenant: str, entity_id: str) -> Stored | None:
        """Return the entity as last committed. See Store."""
        key = (tenant, entity_id)
        fresh = not self._unpublished or not any(key in batch.touched for batch in self._unpublished)
        if fresh and (kept := self._shelf.get(key)) is not None:
            return kept
        rows = self._rows(_SQL["entity"], key)
        stored = stored_of(rows[0]) if rows else None
        if stored is not None and fresh:
            self._shelf.put(key, stored)
        return stored

    async def find(self, tenant: str, find: Find, *, after: int = 0, limit: int = 1000) -> list[Stored]:
        """Return what is wanted, in the order of creation. See Store."""
        found = self._find_charted(tenant, find, after, limit)
        return await super().find(tenant, find, after=after, limit=limit) if found is None else found

    async def lead(self, name: str) -> bool:  # noqa: ARG002 - the Protocol's parameter
        """Return True: who has the file open is alone on it."""
        return True

    async def head(self, tenant: str) -> int:
        """Return the position of the newest row. See Store."""
        return self._heads.head(tenant)

    async def wait_log(self, tenant: str, after: int) -> int:
        """Return the head as soon as it lies past `after`. See Store."""
        return await self._heads.wait(tenant, after)

    async def backup(self, target: str) -> None:
        """Write a consistent copy to a new file, in a thread of its own. See Store."""
        await asyncio.to_thread(copy_file, self._path, Path(target))

    async def close(self) -> None:
        """Finish what was accepted and close. See Store."""
        if self._closed:
            return
        self._closed = True
        self._heads.close()
        self._charts.close()
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
        self._charts.hear(batch)
        self.retract(batch)
        if not self._closed:
            self._heads.raise_to(batch.heads)

    def _find_charted(self, tenant: str, find: Find, after: int, limit: int) -> list[Stored] | None:
        """Return what is wanted among the rows that a chart names; None where there is no chart.

        Whatever is being committed may be wanted too. If anything further was about to be committed meanwhile, what was
        read may be newer than what the chart knew: then it is asked again.
        """
        for _ in range(_TURNS):
            unpublished = self._unpublished
            rows = self._charts.rows(tenant, find)
            if rows is None:
                return None
            for batch in unpublished:
                rows += [one.row for (of, _), one in batch.touched.items() if one is not None and of == tenant]
            found = self._listed(tenant, find, sorted({row for row in rows if row > after}), limit)
            if unpublished is self._unpublished:
                return found
        return None

    def _listed(self, tenant: str, find: Find, rows: list[int], limit: int) -> list[Stored]:
        """Return the first that are wanted of some rows, whose numbers and places were looked at."""
        texts = tuple([look for look in find.looks if look.texts])
        form = (tenant, find.types, find.scopes, texts)
        query = self._among.get(form)
        if query is None:
            if len(self._among) >= _FORMS_MAX:
                self._among.clear()
            query = self._among[form] = self._finder.among(tenant, Find(find.types, scopes=find.scopes, looks=texts))
        sql, values = query
        found: list[Stored] = []
        for at in range(0, len(rows), max(limit, 1)):
            some = orjson.dumps(rows[at : at + limit]).decode()
            found += [stored_of(row) for row in self._rows(sql, (some, *values))]
            if len(found) >= limit:
                break
        return found[:limit]

    async def _submit(self, claim: Claim) -> int:
        claimed: int = await self._writer.submit(claim)
        return claimed

    async def _read(self, sql: str, values: tuple[Any, ...]) -> list[Any]:
        return self._rows(sql, values)

    def _load_head(self, tenant: str) -> int:
        return self._rows(_SQL["head"], (tenant,))[0][0] or 0

    def _rows(self, sql: str, values: tuple[Any, ...]) -> list[Any]:
        try:
            return self._reader.execute(sql, values).fetchall()
        except apsw.ConnectionClosedError as error:
            raise StoreFailed("The store is closed.") from error
        except apsw.Error as error:
            raise StoreFailed("The database cannot be read.", reason=str(error)) from error
