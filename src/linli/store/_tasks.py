"""What waits to be written, what shares one transaction, and what became of it; the writers of all engines speak so."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass, field
from typing import Any, Protocol

from linli.base.errors import LinliError

from ._change import AddPast, Change
from ._ledger import Standing, Written

_WEIGHT_MAX = 4_000  # rows in one transaction: bounds how long one commit holds up those who come after

Outcome = Written | LinliError


@dataclass(frozen=True, slots=True)
class Claim:
    """Turn the timers due at `now_us` into log rows."""

    tenant: str
    now_us: int
    limit: int


@dataclass(slots=True)
class Task:
    """One piece of work and who waits for it."""

    work: Change | Claim
    future: asyncio.Future[Any]

    @property
    def weight(self) -> int:
        """About how many rows it writes."""
        if isinstance(self.work, Claim):
            return self.work.limit
        work = self.work
        return 1 + sum(map(len, (work.puts, work.deletes, work.records, work.set_timers, work.rewrites)))

    @property
    def stands_alone(self) -> bool:
        """Whether it must see in the database what was done before it: then it has a transaction of its own."""
        if isinstance(self.work, Claim) or self.work.rewrites:
            return True
        return any(not isinstance(past, AddPast) for past in self.work.past)


@dataclass(slots=True)
class Batch:
    """What one transaction did, on its way to the readers; `touched` = entities as they now stand.

    `standing`: of the same what the database knows beside the document; `before`: what it knew of them, and of others.
    """

    outcomes: list[tuple[Task, Outcome]] = field(default_factory=list)
    touched: dict[tuple[str, str], Any] = field(default_factory=dict)
    standing: dict[tuple[str, str], Standing] = field(default_factory=dict)
    before: dict[tuple[str, str], Standing] = field(default_factory=dict)
    heads: dict[str, int] = field(default_factory=dict)

    def add(self, task: Task, outcome: Outcome) -> None:
        """Take what became of one piece."""
        self.outcomes.append((task, outcome))
        if isinstance(outcome, Written):
            self.touched |= outcome.touched
            self.heads |= outcome.heads


def take(pending: deque[Task]) -> list[Task]:
    """Take from the queue what shall share one transaction."""
    tasks: list[Task] = []
    weight = 0
    while pending:
        task = pending[0]
        weight += task.weight
        if tasks and (weight > _WEIGHT_MAX or task.stands_alone):
            break
        tasks.append(pending.popleft())
        if task.stands_alone:
            break
    return tasks


def answer(batch: Batch) -> None:
    """Tell those who waited."""
    for task, outcome in batch.outcomes:
        if task.future.done():
            continue
        if isinstance(outcome, LinliError):
            task.future.set_exception(outcome)
        else:
            task.future.set_result(outcome.answer)


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


class TransactionLost(Exception):
    """Nothing of the transaction stands. `began`: it was open already, so one of its pieces may be the guilty one."""

    def __init__(self, *, began: bool) -> None:
        self.began = began
