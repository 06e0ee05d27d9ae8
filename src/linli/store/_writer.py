"""The one writer thread: whatever arrived while the last commit ran becomes the next transaction.

A piece of work waits in a bounded queue. The thread takes all that wait, opens one transaction, plays each in a ledger,
writes what the ledger gathered, commits (which syncs), and only then answers all of them by one call into the event loop.
There is no timer: alone, a Change is committed at once; under load, many share one sync.

Pages that pile up in the WAL are moved into the database after the answers have gone out, never inside a COMMIT; and so
is history filed under its attributes.

A Change that is refused is refused before anything of it is written. When the transaction itself is lost (the disk is
full, a sync fails), it is rolled back and each piece is tried again by itself, so that only the guilty ones fail;
`trouble` says why until a commit goes through again.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, NamedTuple

import apsw
import structlog

from linli.base.errors import Busy, LinliError, StoreFailed

from ._change import Change
from ._ledger import Ledger
from ._pen import Pen
from ._tasks import Audience, Batch, Claim, Outcome, Task, TransactionLost, answer, take

#: how long the writer waits for others, as its file is opened with; and for readers, while others wait for it
_WAIT_MS, _SCRUB_WAIT_MS = 10_000, 200
#: how soon scrubbing is tried again where nothing is written meanwhile
_SCRUB_AGAIN_S = 30

_log = structlog.get_logger("linli.store")


class Limits(NamedTuple):
    """How much may pile up: pieces of work that wait, pages in the WAL, facts that are not filed in history."""

    pending: int
    wal_pages: int
    unfiled: int


class Writer:
    """Owns the writing connection and its thread."""

    def __init__(self, connection: apsw.Connection, pen: Pen, audience: Audience, limits: Limits) -> None:
        """Start the thread."""
        self.trouble: str | None = None
        self._connection = connection
        self._pen = pen
        self._limits = limits
        self._audience = audience
        self._wal_pages = 0
        self._unscrubbed = True  # nobody knows what a process before this one left in the WAL
        connection.set_wal_hook(self._count_pages)
        self._pending: deque[Task] = deque()
        self._closing = False
        self._wake = threading.Condition()
        self._thread = threading.Thread(target=self._run, name="linli-store-writer", daemon=True)
        self._thread.start()

    async def submit(self, work: Change | Claim) -> Any:
        """Do `work` in a transaction and return its answer once that is durable.

        Raises: Busy: the queue is full. StoreFailed: closed, or the disk did not take it.
        """
        task = Task(work, asyncio.get_running_loop().create_future())
        with self._wake:
            if self._closing:
                raise StoreFailed("The store is closed.")
            if len(self._pending) >= self._limits.pending:
                raise Busy
            self._pending.append(task)
            self._wake.notify()
        return await task.future

    def close(self) -> None:
        """Finish what was accepted, then close the connection; blocks until done."""
        with self._wake:
            self._closing = True
            self._wake.notify()
        self._thread.join()
        self._connection.close()

    def _run(self) -> None:
        self._scrub()
        while (tasks := self._take()) is not None:
            if tasks:
                self._settle(tasks)
            else:
                self._scrub()
            if self._pen.unfiled >= self._limits.unfiled:
                self._file()
            if self._wal_pages >= self._limits.wal_pages:
                self._checkpoint()

    def _count_pages(self, _connection: apsw.Connection, _name: str, pages: int) -> int:
        self._wal_pages = pages
        return apsw.SQLITE_OK

    def _checkpoint(self) -> None:
        """Move what piled up; a failure costs nothing but room, for all of it is synced in the WAL already."""
        try:
            self._connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)
        except apsw.Error as error:
            self._trouble(error, "store.checkpoint.failed")

    def _scrub(self) -> None:
        """Move all of the WAL and empty its file: deleted rows stand in it still, while the database has zeros for them.

        Who reads an old state, as a backup does, stands in the way; then it is tried again after the next commit, or soon,
        or by the next process that opens the file.
        """
        self._connection.set_busy_timeout(_SCRUB_WAIT_MS)
        try:
            self._connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
            self._unscrubbed = False
        except apsw.Error as error:
            self._unscrubbed = True
            _log.warning("store.scrub.waits", reason=str(error))
        finally:
            self._connection.set_busy_timeout(_WAIT_MS)

    def _file(self) -> None:
        """File history; a failure costs only time, for what is not filed can be read all the same."""
        try:
            with self._connection:
                self._pen.file()
        except apsw.Error as error:
            self._pen.doubt()
            self._trouble(error, "store.filing.failed")

    def _take(self) -> list[Task] | None:
        """Return what waits, up to a bound; None when closed and empty, [] when it is time to scrub again."""
        with self._wake:
            self._wake.wait_for(lambda: self._pending or self._closing, _SCRUB_AGAIN_S if self._unscrubbed else None)
            return None if self._closing and not self._pending else take(self._pending)

    def _settle(self, tasks: Sequence[Task]) -> None:
        try:
            batch = self._transact(tasks)
        except TransactionLost as lost:
            if lost.began and len(tasks) > 1:
                for task in tasks:
                    self._settle([task])
                return
            batch = Batch([(task, self._failure(lost.__cause__)) for task in tasks])
        if self._unscrubbed or any(isinstance(task.work, Change) and task.work.scrub for task in tasks):
            self._scrub()
        # A loop that is closed has nobody left who waits.
        with suppress(RuntimeError):
            tasks[0].future.get_loop().call_soon_threadsafe(self._answer, batch)

    def _answer(self, batch: Batch) -> None:
        """Tell the readers, then those who waited; runs in the event loop."""
        self._audience.publish(batch)
        answer(batch)

    def _transact(self, tasks: Sequence[Task]) -> Batch:
        batch = Batch()
        ledger: Ledger | None = None
        began = False
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            began = True
            ledger = self._pen.open([task.work for task in tasks])
            for task in tasks:
                batch.add(task, self._played(ledger, task.work))
            if ledger.is_empty:
                self._connection.execute("ROLLBACK")
                return batch
            self._pen.write(ledger)
            batch.standing, batch.before = dict(ledger.standing_now()), ledger.entities
            self._audience.announce(batch)
            self._connection.execute("COMMIT")
        except Exception as error:
            self._trouble(error, "store.transaction.failed")
            if ledger and self._stands_after_all(ledger):
                return batch
            self._audience.retract(batch)
            self._pen.doubt()
            raise TransactionLost(began=began) from error
        self.trouble = None
        return batch

    def _played(self, ledger: Ledger, work: Change | Claim) -> Outcome:
        try:
            if isinstance(work, Claim):
                return ledger.fire(work.tenant, work.now_us, self._pen.due(work.tenant, work.now_us, work.limit))
            return ledger.write(work)
        except LinliError as refused:
            return refused

    def _failure(self, cause: BaseException | None) -> StoreFailed:
        failed = StoreFailed(reason=self.trouble)
        failed.__cause__ = cause
        return failed

    def _stands_after_all(self, ledger: Ledger) -> bool:
        """End what is still open, and tell whether the file holds the transaction all the same.

        A COMMIT may complain after it took effect: only the file itself knows.
        """
        try:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            return not ledger.is_empty and self._pen.holds(ledger)
        except apsw.Error:
            return False

    def _trouble(self, error: Exception, event: str) -> None:
        self.trouble = f"{type(error).__name__}: {error}"
        _log.error(event, reason=self.trouble)
