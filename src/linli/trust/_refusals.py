"""Refusals in the audit: one row at once, and one more a minute that says how often it was tried again and about whom.

They are written after the answer has left: if a refusal took the time of a write, it could be told from "there is no such
thing", which is what the asker is answered. Nothing was shown, so nothing is lost when the machine fails in between. What
is alike is counted together, so whoever tries a thousand times a second fills no disk.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Hashable, Iterable
from dataclasses import dataclass, field
from functools import partial

import structlog

from linli.base import MINUTE_US, SECOND_US, Clock
from linli.base.errors import LinliError

from ._asked import Act, Principal
from ._audit import audit_row

#: so many persons stand in one row; the next one is written early
PERSONS_MAX = 100
_TOGETHER = 100
#: what is written when too many are refused too many things at once to tell them apart
_OTHERS = partial(audit_row, act=Act(Principal("many", "caller")), action="refused", ok=False)

_log = structlog.get_logger("trust")

#: writes rows of the audit into a tenant
Write = Callable[[str, tuple[bytes, ...]], Awaitable[None]]
#: a row that lacks only when it was, about whom, and how often
Row = partial[bytes]


@dataclass(slots=True)
class _Minute:
    """What is alike within one minute, as far as it is not written yet."""

    since_us: int
    tenant: str
    row: Row
    times: int = 0
    persons: dict[str, None] = field(default_factory=dict)


class Refusals:
    """Gathers what was refused, and writes it in the background."""

    def __init__(self, write: Write, clock: Clock, kinds_max: int) -> None:
        """Tell apart at most `kinds_max` kinds of refusal a minute; what comes beyond them is counted together."""
        self._write = write
        self._clock = clock
        self._kinds_max = kinds_max
        self._minutes: dict[Hashable, _Minute] = {}
        self._waiting: deque[tuple[str, bytes]] = deque()
        self._timer: asyncio.TimerHandle | None = None
        self._task: asyncio.Task[None] | None = None

    def note(self, tenant: str, kind: Hashable, row: Row, persons: Iterable[str] = ()) -> None:
        """Take in a refusal. `kind`: what is counted together; `persons`: ids of those whom it is about."""
        now = self._clock.now_us()
        minute = self._minutes.get((tenant, kind))
        if minute is None and len(self._minutes) >= self._kinds_max:
            kind, row = None, _OTHERS
            minute = self._minutes.get((tenant, None))
        if minute is None or not minute.since_us <= now < minute.since_us + MINUTE_US:
            if minute is not None:
                self._gather(minute)
            minute = self._minutes[tenant, kind] = _Minute(now, tenant, row, 1, dict.fromkeys(persons))
            self._gather(minute)
        else:
            minute.times += 1
            minute.persons |= dict.fromkeys(persons)
            if len(minute.persons) >= PERSONS_MAX:
                self._gather(minute)
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(MINUTE_US / SECOND_US, self._end_minutes)

    async def settled(self) -> None:
        """Return when all that was taken in is written."""
        for minute in self._minutes.values():
            self._gather(minute)
        if self._task is not None:
            await self._task

    def _end_minutes(self) -> None:
        """Have written what was counted, and forget the minutes that are over."""
        self._timer, now = None, self._clock.now_us()
        for minute in self._minutes.values():
            self._gather(minute)
        self._minutes = {kind: one for kind, one in self._minutes.items() if now < one.since_us + MINUTE_US}

    def _gather(self, minute: _Minute) -> None:
        """Put what a minute counted in line to be written."""
        if not minute.times:
            return
        row = minute.row(at_us=self._clock.now_us(), resource=tuple(minute.persons), times=minute.times)
        minute.times, minute.persons = 0, {}
        self._waiting.append((minute.tenant, row))
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._write_all(), name="refusals")

    async def _write_all(self) -> None:
        while self._waiting:
            tenant = self._waiting[0][0]
            rows: list[bytes] = []
            while self._waiting and self._waiting[0][0] == tenant and len(rows) < _TOGETHER:
                rows.append(self._waiting.popleft()[1])
            try:
                await self._write(tenant, tuple(rows))
            except LinliError as error:
                _log.error("trust.refusals.unwritten", rows=len(rows), reason=error.message)
