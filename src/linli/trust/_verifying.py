"""Finds the first row that is wrong: recomputes chain, log, tree and signatures from what the database holds.

What it needs is the database as it stands at one moment, the public key of the node and, to know of rows that were
rewritten to the end or cut off, the witness: what stands in the database alone can always be made up anew as a whole.
"""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from linli.store import AuditRow, Record

from ._chain import Algorithm, chain_of, rows_of
from ._checkpoints import CHECKPOINT, Checkpoint, read_checkpoint
from ._tree import Tree

#: rows read at once
_PAGE = 1000

LogLine = tuple[Any, ...]


class Trail(Protocol):
    """The audit and the log of a database as they stand at one moment, each row as it was written."""

    async def audit_since(self, tenant: str, seq: int, *, limit: int) -> list[AuditRow]:
        """Return the audit rows after a position, oldest first."""
        ...

    async def log_lines(self, tenant: str, seq: int, *, limit: int) -> list[LogLine]:
        """Return the rows of the log after a position as they stand in their table: seq first, attrs as text."""
        ...

    async def traces(self, tenant: str, after: tuple[str, int], *, limit: int) -> list[tuple[str, int]]:
        """Return (trace, position) of the index by which rows are found, in its order."""
        ...

    async def records(self, tenant: str, kind: str, *, after: int, limit: int) -> list[Record]:
        """Return the records of a kind."""
        ...


@dataclass(frozen=True, slots=True)
class Fault:
    """The first thing that is wrong. `seq`: at which position of the log, as far as that is known."""

    seq: int
    text: str


@dataclass(slots=True)
class Verdict:
    """What was found in a tenant. `fault` None: all that was looked at holds.

    `unchained`: rows from before the audit was chained. `covered`: up to which position a checkpoint of the database
    stands. `witnessed`: up to which one of the witness does; None without a witness.
    """

    tenant: str
    rows: int = 0
    log_rows: int = 0
    unchained: int = 0
    last: int = 0
    covered: int = 0
    witnessed: int | None = None
    fault: Fault | None = None
    notes: list[str] = field(default_factory=list)


class _Wrong(Exception):
    def __init__(self, seq: int, text: str) -> None:
        self.fault = Fault(seq, text)
        super().__init__(text)


async def verify(
    trail: Trail,
    tenant: str,
    keys: frozenset[bytes],
    witness: Sequence[Checkpoint] | None = None,
    *,
    since: int = 0,
    until: int | None = None,
) -> Verdict:
    """Return what is wrong first in the audit and the log of a tenant.

    `keys`: the public keys by which checkpoints may be signed. `witness`: what was kept outside. `since`, `until`: only
    positions from one to the other; then roots are not recomputed, for they stand over all rows from the first.
    """
    verdict = Verdict(tenant)
    outside = [one for one in witness or () if one.tenant == tenant]
    if witness is not None:
        verdict.witnessed = max((one.seq for one in outside), default=0)
    try:
        signed = [one async for one in _checkpoints(trail, tenant)]
        _check_signatures(signed, keys, "database")
        _check_signatures(outside, keys, "witness")
        walk = _Walk(trail, verdict, since, until, [] if since or until else [*signed, *outside])
        await walk.run()
        if not since and until is None:
            await _check_index(trail, verdict, walk.traces)
    except _Wrong as wrong:
        verdict.fault = wrong.fault
    return verdict


class _Walk:
    """One pass over the rows in their order, the log beside them, and the trees of all roots that were signed."""

    def __init__(
        self, trail: Trail, verdict: Verdict, since: int, until: int | None, roots: Sequence[Checkpoint]
    ) -> None:
        self._trail = trail
        self._verdict = verdict
        self._since = since
        self._until = until
        self._prev: bytes | None = None
        self._trees: dict[Algorithm, Tree] = {one.algorithm: Tree(one.algorithm) for one in roots}
        self._roots: dict[int, list[Checkpoint]] = {}
        for one in roots:
            self._roots.setdefault(one.size, []).append(one)
        self._largest = max(self._roots, default=0)
        #: the sum over all (trace, position) that the index must hold, whatever its order
        self.traces = _Sum()

    async def run(self) -> None:
        """Raise _Wrong at the first row that is wrong."""
        verdict, tenant = self._verdict, self._verdict.tenant
        if self._since:
            before = await self._row_before(self._since)
            self._prev, verdict.last = (before.hash, before.seq) if before else (None, 0)
        log = _Log(self._trail, tenant, verdict.last)
        async for row in self._rows(verdict.last):
            await self._check(row, log)
            verdict.rows += 1
            verdict.last = row.seq
            self._check_roots(row)
        if self._until is None:
            await log.check_ended(verdict.last, chained=self._prev is not None)
            if verdict.rows < self._largest:
                raise _Wrong(
                    verdict.last,
                    f"the audit ends after {verdict.rows} rows, but {self._largest} were signed: its tail was cut off",
                )

    async def _row_before(self, since: int) -> AuditRow | None:
        """Return the last row before a position: there are never many rows of other kinds in between."""
        reach = 1
        while True:
            rows = await self._trail.audit_since(self._verdict.tenant, max(0, since - reach - 1), limit=reach + 1)
            earlier = [row for row in rows if row.seq < since]
            if earlier or reach >= since:
                return earlier[-1] if earlier else None
            reach *= 2

    async def _rows(self, after: int) -> AsyncIterator[AuditRow]:
        while rows := await self._trail.audit_since(self._verdict.tenant, after, limit=_PAGE):
            for row in rows:
                if self._until is not None and row.seq > self._until:
                    return
                yield row
            after = rows[-1].seq

    async def _check(self, row: AuditRow, log: _Log) -> None:
        """Check one row and the rows of the log for which it stands."""
        verdict = self._verdict
        chain = chain_of(row.hash)
        if chain is None:
            if row.hash or self._prev is not None:
                raise _Wrong(row.seq, "the hash of this row is none")
            verdict.unchained += 1
            return
        count = _rows_of(row)
        lines = await log.take(row.seq, count, first=self._prev is None)
        if chain.link(self._prev or b"", lines, row.row) != row.hash:
            raise _Wrong(row.seq, "this row, the one before it, or a row of the log for which it stands was changed")
        self._prev = row.hash
        verdict.log_rows += count
        for trace in chain.about(row.row):
            self.traces.add(trace, row.seq)

    def _check_roots(self, row: AuditRow) -> None:
        """Check what was signed of the rows up to this one."""
        verdict = self._verdict
        for tree in self._trees.values():
            if tree.size < self._largest:
                tree.append(row.hash)
        for one in self._roots.pop(verdict.rows, ()):
            if one.seq != row.seq or one.root != self._trees[one.algorithm].root:
                raise _Wrong(
                    row.seq,
                    f"the first {one.size} rows are not those that were signed at {one.at_us} microseconds: "
                    "one of them was changed, left out or slipped in",
                )
            verdict.covered = max(verdict.covered, one.seq)


class _Log:
    """The rows of the log in their order; each must be asked for by exactly one row of the audit."""

    def __init__(self, trail: Trail, tenant: str, after: int) -> None:
        self._trail = trail
        self._tenant = tenant
        self._after = after
        self._held: list[LogLine] = []

    async def take(self, last: int, count: int, *, first: bool) -> list[LogLine]:
        """Return the `count` rows that end at `last`. `first`: what comes before was written before the chain began."""
        if first:
            self._after = max(self._after, last - count)
        elif last - count < self._after:
            raise _Wrong(
                last, "this row stands for rows for which another one stands already: one of the two was changed"
            )
        lines: list[LogLine] = []
        while len(lines) < count:
            line = await self._next()
            wanted = last - count + 1 + len(lines)
            if line is None or line[0] > wanted:
                raise _Wrong(wanted, "this row of the log is missing")
            if line[0] < wanted:
                raise _Wrong(line[0], "this row of the log was slipped in: no row of the audit stands for it")
            lines.append(line)
        return lines

    async def check_ended(self, last: int, *, chained: bool) -> None:
        """Raise _Wrong where the log goes on after the last row of the audit."""
        line = await self._next() if chained else None
        if line is not None:
            raise _Wrong(line[0], f"the log goes on after the last row of the audit, which stands at {last}")

    async def _next(self) -> LogLine | None:
        if not self._held:
            self._held = (await self._trail.log_lines(self._tenant, self._after, limit=_PAGE))[::-1]
        if not self._held:
            return None
        line = self._held.pop()
        self._after = line[0]
        return line


class _Sum:
    """A sum over pairs that does not depend on their order, and that nobody can reach with other pairs."""

    def __init__(self) -> None:
        self.count = 0
        self._sum = 0

    def add(self, trace: str, seq: int) -> None:
        self.count += 1
        self._sum += int.from_bytes(hashlib.sha256(f"{seq} {trace}".encode()).digest())

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Sum) and (self.count, self._sum) == (other.count, other._sum)

    __hash__ = None  # type: ignore[assignment]  # it changes


async def _check_index(trail: Trail, verdict: Verdict, wanted: _Sum) -> None:
    """Compare the index with the rows: whoever takes a line out of it hides who looked."""
    found, after = _Sum(), ("", 0)
    while pairs := await trail.traces(verdict.tenant, after, limit=_PAGE):
        for trace, seq in pairs:
            found.add(trace, seq)
        after = pairs[-1]
    if found != wanted:
        raise _Wrong(
            0,
            f"the index by which people find who looked at them was changed: it has {found.count} lines, "
            f"the rows ask for {wanted.count}",
        )


async def _checkpoints(trail: Trail, tenant: str) -> AsyncIterator[Checkpoint]:
    """Yield the checkpoints of a database. Raises: _Wrong: a record is none."""
    after = 0
    while records := await trail.records(tenant, CHECKPOINT, after=after, limit=_PAGE):
        for record in records:
            checkpoint = read_checkpoint(record.doc)
            if checkpoint is None or checkpoint.tenant != tenant:
                raise _Wrong(0, f"the checkpoint {record.record_id} of the database was changed")
            yield checkpoint
        after = records[-1].row


def _check_signatures(checkpoints: Sequence[Checkpoint], keys: frozenset[bytes], where: str) -> None:
    for one in checkpoints:
        if not one.is_signed:
            raise _Wrong(one.seq, f"the checkpoint over {one.size} rows in the {where} does not carry its signature")
        if one.key not in keys:
            raise _Wrong(
                one.seq,
                f"the checkpoint over {one.size} rows in the {where} is signed by another key than the node's; if the "
                "node had another secret then, name its public key by --key",
            )


def _rows_of(row: AuditRow) -> int:
    try:
        return rows_of(row.row)
    except (ValueError, KeyError, TypeError) as error:
        raise _Wrong(row.seq, "this row was changed: it no longer says for how much it stands") from error
