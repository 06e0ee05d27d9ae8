"""The one writer thread: whatever arrived while the last commit ran becomes the next transaction.

A piece of work waits in a bounded queue. The thread takes all that wait, opens one transaction, does each behind its own
savepoint (if there are several), commits (which syncs), and only then answers all of them by one call into the event loop. There is no timer:
alone, a Change is committed at once; under load, many share one sync.

Pages that pile up in the WAL are moved into the database after the answers have gone out, never inside a COMMIT.

What fails inside its savepoint fails alone. When the transaction itself is lost (the disk is full, a sync fails), it is
rolled back and each piece is tried again by itself, so that only the guilty ones fail; `trouble` says why until a commit
goes through again.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Protocol

import apsw
import structlog

from linli.base.errors import Busy, LinliError, StoreFailed

from ._pen import Pen, Written

_WEIGHT_MAX = 4_000  # rows in one transaction: bounds how long one commit holds up those who come after

_log = structlog.get_logger("linli.store")

Work = Callable[[Pen], Written]
Outcome = Written | LinliError


@dataclass(slots=True)
class Task:
    """One piece of work and who waits for it."""

    work: Work
    future: asyncio.Future[Any]
    weight: int


@dataclass(slots=True)
class Batch:
    """What one transaction did, on its way to the readers; `touched` = entities as they now stand."""

    outcomes: list[tuple[Task, Outcome]] = field(default_factory=list)
    touched: dict[tuple[str, str], Any] = field(default_factory=dict)
    heads: dict[str, int] = field(default_factory=dict)


class Audience(Protocol):
    """Who must know what is written."""

    def announce(self, batch: Batch) -> None:
        """Hear, in the writer thread, that `batch` is about to be committed."""
        ...

    def retract(self, batch: Batch) -> None:
        """Hear, in the writer thread, that the commit failed."""
        ...

    def publish(self, batch: Batch) -> None:
        """Hear, in the event loop, that it was committed, before those who waited for it."""
        ...


class _TransactionLost(Exception):
    """Nothing of the transaction stands. `began`: it was open already, so one of its pieces may be the guilty one."""

    def __init__(self, *, began: bool) -> None:
        self.began = began


class Writer:
    """Owns the writing connection and its thread."""

    def __init__(
        self, connection: apsw.Connection, pen: Pen, pending_max: int, audience: Audience, checkpoint_pages: int
    ) -> None:
        """Start the thread; `checkpoint_pages` may pile up in the WAL before they are moved."""
        self.trouble: str | None = None
        self._connection = connection
        self._pen = pen
        self._pending_max = pending_max
        self._audience = audience
        self._checkpoint_pages = checkpoint_pages
        self._wal_pages = 0
        connection.set_wal_hook(self._count_pages)
        self._pending: deque[Task] = deque()
        self._closing = False
        self._wake = threading.Condition()
        self._thread = threading.Thread(target=self._run, name="linli-store-writer", daemon=True)
        self._thread.start()

    async def submit(self, work: Work, weight: int) -> Any:
        """Do `work` in a transaction and return its answer once that is durable.

        Raises: Busy: the queue is full. StoreFailed: closed, or the disk did not take it.
        """
        task = Task(work, asyncio.get_running_loop().create_future(), weight)
        with self._wake:
            if self._closing:
                raise StoreFailed("The store is closed.")
            if len(self._pending) >= self._pending_max:
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
        while tasks := self._take():
            self._settle(tasks)
            if self._wal_pages >= self._checkpoint_pages:
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

    def _take(self) -> list[Task]:
        """Return what waits, up to a bound; [] when closed and empty."""
        with self._wake:
            self._wake.wait_for(lambda: self._pending or self._closing)
            tasks: list[Task] = []
            weight = 0
            while self._pending and (not tasks or weight + self._pending[0].weight <= _WEIGHT_MAX):
                task = self._pending.popleft()
                weight += task.weight
                tasks.append(task)
            return tasks

    def _settle(self, tasks: Sequence[Task]) -> None:
        try:
            batch = self._transact(tasks)
        except _TransactionLost as lost:
            if lost.began and len(tasks) > 1:
                for task in tasks:
                    self._settle([task])
                return
            batch = Batch([(task, self._failure(lost.__cause__)) for task in tasks])
        # A loop that is closed has nobody left who waits.
        with suppress(RuntimeError):
            tasks[0].future.get_loop().call_soon_threadsafe(self._answer, batch)

    def _answer(self, batch: Batch) -> None:
        """Tell the readers, then those who waited; runs in the event loop."""
        self._audience.publish(batch)
        for task, outcome in batch.outcomes:
            if task.future.done():
                continue
            if isinstance(outcome, LinliError):
                task.future.set_exception(outcome)
            else:
                task.future.set_result(outcome.answer)

    def _transact(self, tasks: Sequence[Task]) -> Batch:
        batch = Batch()
        began = False
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            began = True
            self._pen.begin()
            for task in tasks:
                self._add(batch, task, self._guarded(task.work, alone=len(tasks) == 1))
            self._pen.save_counters()
            self._audience.announce(batch)
            self._connection.execute("COMMIT")
        except Exception as error:
            self._trouble(error, "store.transaction.failed")
            if began and self._stands_after_all():
                return batch
            self._audience.retract(batch)
            raise _TransactionLost(began=began) from error
        if any(isinstance(outcome, Written) for _, outcome in batch.outcomes):
            self.trouble = None
        return batch

    @staticmethod
    def _add(batch: Batch, task: Task, outcome: Outcome) -> None:
        batch.outcomes.append((task, outcome))
        if isinstance(outcome, Written):
            batch.touched |= outcome.touched
            batch.heads |= outcome.heads

    def _guarded(self, work: Work, *, alone: bool) -> Outcome:
        """Do one piece behind a savepoint, or, where it is the only one, behind the transaction itself.

        A savepoint copies each page before its first change; a Change of many entities should not pay for that.
        """
        mark = self._pen.mark()
        if not alone:
            self._connection.execute("SAVEPOINT one")
        try:
            outcome: Outcome = work(self._pen)
        except Exception as error:
            # Some faults of the disk end the whole transaction: then it is not this piece alone that failed.
            if not self._connection.in_transaction:
                raise
            self._connection.execute("ROLLBACK" if alone else "ROLLBACK TO one")
            if alone:
                self._connection.execute("BEGIN IMMEDIATE")
            self._pen.back_to(mark)
            outcome = self._refusal(error)
        if not alone:
            self._connection.execute("RELEASE one")
        return outcome

    def _refusal(self, error: Exception) -> LinliError:
        if isinstance(error, LinliError):
            return error
        self._trouble(error, "store.change.failed")
        return self._failure(error)

    def _failure(self, cause: BaseException | None) -> StoreFailed:
        failed = StoreFailed(reason=self.trouble)
        failed.__cause__ = cause
        return failed

    def _stands_after_all(self) -> bool:
        """End what is still open, and tell whether the file holds the transaction all the same.

        A COMMIT may complain after it took effect: only the file itself knows.
        """
        try:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            return self._pen.is_saved()
        except apsw.Error:
            return False

    def _trouble(self, error: Exception, event: str) -> None:
        self.trouble = f"{type(error).__name__}: {error}"
        _log.error(event, reason=self.trouble)
