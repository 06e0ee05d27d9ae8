"""The one writing connection of a process to PostgreSQL: whatever arrived while the last commit ran is the next one.

It does what the writer thread of SQLite does, in the event loop: a bounded queue, one transaction for all that wait, each
Change played in a ledger, each kind of row written by one statement. The row `about` is locked for the whole transaction,
so of all processes one appends at a time, and positions in the log become visible in their order, without a gap.

When a COMMIT is lost with its connection, the database is asked what became of the transaction: what took effect counts.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import orjson
import structlog

from linli.base.errors import Busy, LinliError, StoreFailed

from ._address import PostgresAddress
from ._change import Chain, Change
from ._ledger import Counters, Ledger, RecordStanding, Row, Standing, Told, wanted
from ._link import connect, faults
from ._queries import numbered, queries
from ._tasks import Audience, Batch, Claim, Outcome, Task, TransactionLost, answer, take

if TYPE_CHECKING:
    import asyncpg

_SQL = {name: numbered(sql) for name, sql in queries("write", "postgres").items()}
#: how often, and how long apart, the database is asked what became of a COMMIT that was lost
_ASKED, _APART_S = 20, 0.5
#: the server takes no longer notice than 8,000 bytes
_NOTICE_BYTES = 7_900

_log = structlog.get_logger("linli.store")


class PostgresWriter:
    """Owns the writing connection; belongs to one event loop."""

    def __init__(
        self, address: PostgresAddress, sync: str, chain: Chain | None, pending_max: int, audience: Audience
    ) -> None:
        """Begin to write; the connection is opened with the first piece of work."""
        self.trouble: str | None = None
        self.process = 0
        self._address = address
        self._sync = sync
        self._chain = chain
        self._pending_max = pending_max
        self._audience = audience
        self._connection: asyncpg.Connection | None = None
        # The last hash of each tenant as of this position of the log, which another process may have left behind.
        self._linked_at, self._hashes = -1, dict[str, bytes]()
        self._pending: deque[Task] = deque()
        self._closing = False
        self._wake = asyncio.Event()
        self._running = asyncio.get_running_loop().create_task(self._run())

    async def submit(self, work: Change | Claim) -> Any:
        """Do `work` in a transaction and return its answer once that is durable.

        Raises: Busy: the queue is full. StoreFailed: closed, or the database did not take it.
        """
        if self._closing:
            raise StoreFailed("The store is closed.")
        if len(self._pending) >= self._pending_max:
            raise Busy
        task = Task(work, asyncio.get_running_loop().create_future())
        self._pending.append(task)
        self._wake.set()
        return await task.future

    async def close(self) -> None:
        """Finish what was accepted, then close the connection."""
        self._closing = True
        self._wake.set()
        await self._running
        if self._connection is not None:
            await self._connection.close()

    async def _run(self) -> None:
        while True:
            while self._pending:
                await self._settle(take(self._pending))
            if self._closing:
                return
            self._wake.clear()
            await self._wake.wait()

    async def _settle(self, tasks: Sequence[Task]) -> None:
        try:
            batch = await self._transact(tasks)
        except TransactionLost as lost:
            if lost.began and len(tasks) > 1:
                for task in tasks:
                    await self._settle([task])
                return
            batch = Batch([(task, self._failure(lost.__cause__)) for task in tasks])
        self._audience.publish(batch)
        answer(batch)

    async def _transact(self, tasks: Sequence[Task]) -> Batch:
        batch = Batch()
        ledger: Ledger | None = None
        transaction = ""
        try:
            connection = await self._connected()
            await connection.execute("BEGIN")
            ledger, transaction = await self._open(connection, [task.work for task in tasks])
            for task in tasks:
                batch.add(task, await self._played(connection, ledger, task.work))
            if ledger.is_empty:
                await connection.execute("ROLLBACK")
                return batch
            await self._write(connection, ledger)
            self._linked_at, self._hashes = ledger.counters.seq, ledger.hashes
            await connection.execute(_SQL["notify"], self._address.channel, _notice(batch))
            self._audience.announce(batch)
            await connection.execute("COMMIT")
        except Exception as error:
            self._note(error)
            self._linked_at = -1
            if ledger and await self._stands_after_all(transaction):
                return batch
            self._audience.retract(batch)
            raise TransactionLost(began=ledger is not None) from error
        self.trouble = None
        return batch

    async def _connected(self) -> asyncpg.Connection:
        if self._connection is None or self._connection.is_closed():
            self._connection = await connect(self._address, self._sync)
            self.process = self._connection.get_server_pid()
        return self._connection

    async def _open(self, connection: asyncpg.Connection, works: Sequence[Change | Claim]) -> tuple[Ledger, str]:
        """Return a ledger that knows what these pieces of work will ask for, and the server's number of the transaction."""
        row, seq, tx, transaction = await connection.fetchrow(_SQL["counters"])
        ledger = Ledger(Counters(row, seq, tx), self._chain)
        want = wanted(work for work in works if isinstance(work, Change))
        keys = [(tenant, entity_id) for tenant, ids in want.entities.items() for entity_id in ids]
        for found in await _fetched(connection, "entities_before", keys):
            ledger.entities[found[0], found[1]] = Standing(*found[2:])
        for found in await _fetched(connection, "records_before", want.records):
            ledger.records[found[0], found[1], found[2]] = RecordStanding(*found[3:])
        ledger.facts.update(map(tuple, await _fetched(connection, "facts_before", want.facts)))
        if self._chain is not None:
            await self._load_hashes(connection, ledger, {work.tenant for work in works})
        for tenant in want.heads:
            ledger.heads[tenant] = await connection.fetchval(_SQL["head"], tenant) or 0
        return ledger, transaction

    async def _load_hashes(self, connection: asyncpg.Connection, ledger: Ledger, tenants: set[str]) -> None:
        """Give a ledger the last hash of each tenant; those that are known hold as long as nobody else wrote."""
        if self._linked_at == ledger.began.seq:
            ledger.hashes |= self._hashes
        for tenant in tenants - ledger.hashes.keys():
            ledger.hashes[tenant] = await connection.fetchval(_SQL["audit_last_hash"], tenant) or b""

    @staticmethod
    async def _played(connection: asyncpg.Connection, ledger: Ledger, work: Change | Claim) -> Outcome:
        try:
            if isinstance(work, Claim):
                due = await connection.fetch(_SQL["timers_due"], work.tenant, work.now_us, work.limit)
                return ledger.fire(work.tenant, work.now_us, due)
            return ledger.write(work)
        except LinliError as refused:
            return refused

    @staticmethod
    async def _write(connection: asyncpg.Connection, ledger: Ledger) -> None:
        for statement, rows in ledger.rows(_by_fact):
            if rows:
                await connection.execute(_SQL[statement], *_columns(rows))
        at = ledger.counters
        await connection.execute(_SQL["counters_put"], at.row, at.seq, at.tx)

    async def _stands_after_all(self, transaction: str) -> bool:
        """End what is still open, and tell whether the database holds the transaction all the same."""
        for _ in range(_ASKED):
            try:
                connection = await self._connected()
                if connection.is_in_transaction():
                    await connection.execute("ROLLBACK")
                outcome = await connection.fetchval(_SQL["outcome"], transaction)
            except faults():
                outcome = "unknown"
                if self._connection is not None:
                    self._connection.terminate()
            if outcome in ("committed", "aborted"):
                return bool(outcome == "committed")
            await asyncio.sleep(_APART_S)
        return False

    def _failure(self, cause: BaseException | None) -> StoreFailed:
        failed = StoreFailed(reason=self.trouble)
        failed.__cause__ = cause
        return failed

    def _note(self, error: Exception) -> None:
        self.trouble = f"{type(error).__name__}: {error}"
        _log.error("store.transaction.failed", reason=self.trouble)


async def _fetched(connection: asyncpg.Connection, query: str, keys: Iterable[Row]) -> Sequence[Any]:
    rows = list(keys)
    return await connection.fetch(_SQL[query], *_columns(rows)) if rows else ()


def _columns(rows: Sequence[Row]) -> list[list[Any]]:
    return [list(column) for column in zip(*rows, strict=True)]


def _by_fact(told: Told) -> Iterator[Row]:
    """Yield what a write tells history, a row for each fact."""
    seq, tenant, entity_id, at_us, facts = told
    for nth, (attr, dataset_id, doc, observed_us, number, _) in facts:
        yield tenant, entity_id, attr, seq, nth, dataset_id, observed_us, number, doc, at_us


def _notice(batch: Batch) -> str:
    """Return what other processes hear: where the log ends, and which entities changed (None = too many to tell)."""
    notice = orjson.dumps({"heads": batch.heads, "touched": list(batch.touched)})
    if len(notice) > _NOTICE_BYTES:
        notice = orjson.dumps({"heads": batch.heads, "touched": None})
    return notice.decode()
