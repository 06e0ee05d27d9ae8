"""Denials: who asked for personal data, or tried to change them, and was refused.

They are written after the answer has left: if a refusal took the time of a write, it could be told from "there is no such
entity", which is what the asker is answered. Nothing was shown, so nothing is lost when the machine fails in between.
"""

from __future__ import annotations

import asyncio
from collections import deque

import structlog

from linli.base import Clock
from linli.base.errors import LinliError
from linli.store import Change, Store
from linli.trust import Act, Decision, Thing, Verb, audit_row
from linli.vocab import Vocab

#: so many may wait; a flood of more is counted, and the limits on asking end it
WAITING_MAX = 1000
_TOGETHER = 100

_log = structlog.get_logger("broker")


class Denials:
    """Writes rows of the audit about refusals, in the background."""

    def __init__(self, store: Store, vocab: Vocab, clock: Clock) -> None:
        """Write to this store about types that hold personal data."""
        self._store = store
        self._clock = clock
        self._personal = frozenset(
            one.name for one in vocab.types.values() if any(attr.pii != "none" for attr in one.attributes.values())
        )
        self._waiting: deque[tuple[str, bytes]] = deque()
        self._lost = 0
        self._task: asyncio.Task[None] | None = None

    def note(self, act: Act, verb: Verb, thing: Thing, decision: Decision) -> None:
        """Take in that something was refused; what engines ask for themselves is not."""
        if thing.type not in self._personal or act.who.role == "engine":
            return
        if len(self._waiting) >= WAITING_MAX:
            self._lost += 1
            return
        row = audit_row(
            at_us=self._clock.now_us(),
            act=act,
            action=verb,
            resource=thing.owners,
            type=thing.type,
            scope=next(iter(thing.scopes), ""),
            policy=decision.policy,
            ok=False,
        )
        self._waiting.append((act.tenant, row))
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._write())

    async def settled(self) -> None:
        """Return when all that was taken in is written."""
        if self._task is not None:
            await self._task

    async def _write(self) -> None:
        while self._waiting:
            tenant = self._waiting[0][0]
            rows: list[bytes] = []
            while self._waiting and self._waiting[0][0] == tenant and len(rows) < _TOGETHER:
                rows.append(self._waiting.popleft()[1])
            try:
                change = Change(tenant, "engine:audit", "audit", self._clock.now_us(), audit=tuple(rows))
                await self._store.commit(change)
            except LinliError as error:
                _log.error("broker.denials.unwritten", rows=len(rows), reason=error.message)
        if self._lost:
            _log.error("broker.denials.too_many", lost=self._lost)
            self._lost = 0
