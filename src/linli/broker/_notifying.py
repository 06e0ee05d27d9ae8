"""Notifications: who follows the log, from where, and what is kept of it.

A write is never touched by it: the log is read afterwards, in order, from a durable position. A row finds the few
subscriptions that it may concern by an index (`_matching`); they are judged exactly (`_judging`), told through mailboxes
(`_telling`) and counted. Counts and position are kept together, several times a second: who is killed tells a little
again, and loses nothing. Of several processes on one database one does this work.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any

from linli.base.errors import LinliError
from linli.store import Change, DropRecord, LogRow, PutRecord
from linli.trust import Act

from . import _counts
from ._counts import Counts
from ._following import READER, ROWS_MAX, Follower
from ._judging import JudgingDoor
from ._log_reader import log
from ._matching import Index
from ._recent import FAREWELL, earlier_farewells
from ._subscription import KIND, Subscription
from ._telling import Mailbox, Post

#: pause before new rows are read, so that under load they come many at a time
LINGER_S = 0.005
LOOK_S = 1.0


class NotifyingDoor(JudgingDoor):
    """Tells subscribers."""

    def __init__(self, *args: Any, keep_s: float = 3600.0, **kwargs: Any) -> None:
        """Stand on the same ground. `keep_s`: how long a notification that does not arrive is tried again."""
        super().__init__(*args, **kwargs)
        self._followers: dict[str, Follower] = {}
        self._post: Post | None = None
        if self._egress is not None:
            self._post = Post(self._egress, self._clock, self.alias, keep_s)
        self._leading: asyncio.Task[None] | None = None
        self._leads = False

    async def start(self) -> None:
        """Begin to tell subscribers, if this process is the one to do it and there is a way out."""
        if self._post is not None and self._leading is None:
            if await self._store.lead(READER):
                self._leads = True
                await self._look()
            self._leading = asyncio.create_task(self._lead())

    async def stop(self) -> None:
        """End, with everything counted that was told."""
        if self._leading is not None:
            self._leading.cancel()
            await asyncio.wait([self._leading])
            self._leading = None
        for follower in self._followers.values():
            await follower.stop()
        self._followers.clear()
        self.changes.told_us.clear()
        self.changes.concerns.clear()
        self._leads = False
        await super().stop()

    async def settled(self) -> None:
        """Return when every row is read and everything is told that can be told at this moment of the clock."""
        for follower in list(self._followers.values()):
            await follower.settled()
        await super().settled()

    async def create_subscription(self, act: Act, *args: Any, **kwargs: Any) -> str:
        """Keep a new subscription and see to it that its tenant is followed; see SubscriptionDoor."""
        if self._leads:
            await self._follow(act.tenant)
        return await super().create_subscription(act, *args, **kwargs)

    def _live_counts(self, tenant: str, subscription_id: str) -> Counts | None:
        follower = self._followers.get(tenant)
        mailbox = follower.mailboxes.get(subscription_id) if follower else None
        return mailbox.counts if mailbox else None

    async def _lead(self) -> None:
        """Take over when nobody else does the work, and follow tenants that others made."""
        while True:
            await asyncio.sleep(LOOK_S)
            try:
                if not self._leads:
                    self._leads = await self._store.lead(READER)
                if self._leads:
                    await self._look()
            except LinliError as error:
                log.warning("broker.notifications.look_failed", error=error.message)

    async def _look(self) -> None:
        for tenant in await self._store.tenants():
            if tenant not in self._followers and await self._store.records(tenant, KIND, limit=1):
                await self._follow(tenant)

    async def _follow(self, tenant: str) -> None:
        if tenant in self._followers or self._post is None:
            return
        follower = self._followers[tenant] = Follower(self, tenant, self._post)
        self.changes.told_us[tenant] = 0
        self.changes.concerns[tenant] = follower.index
        await follower.start()

    # what a follower asks

    async def beginning(self, tenant: str) -> int:
        """Return the position from which a tenant's log is to be read; the first time that is its end."""
        seq = await self._store.cursor(tenant, READER)
        if seq or await self._store.records(tenant, KIND, limit=1):
            return seq
        return await self._store.head(tenant)

    async def kept_counts(self, tenant: str) -> dict[str, Counts]:
        """Return what was counted, by subscription."""
        counts: dict[str, Counts] = {}
        after = 0
        while page := await self._store.records(tenant, _counts.KIND, after=after, limit=ROWS_MAX):
            counts.update((record.record_id, Counts.of(record.doc)) for record in page)
            after = page[-1].row
        return counts

    async def wait(self, tenant: str, seq: int) -> None:
        """Return soon after there is a row after a position."""
        if await self._store.head(tenant) <= seq:
            await self._store.wait_log(tenant, seq)
            await asyncio.sleep(LINGER_S)

    def index(self) -> Index:
        """Return an index for subscriptions."""
        return Index(self._names.short)

    async def old_rows(self, tenant: str, seq: int, head: int) -> list[LogRow]:
        """Return up to ROWS_MAX rows after a position, up to another."""
        return [row for row in await self._store.log_since(tenant, seq, limit=ROWS_MAX) if row.seq <= head]

    async def save(self, tenant: str, cursor: int, changed: Iterable[Mailbox], gone: Iterable[tuple[str, str]]) -> None:
        """Keep what was counted, and up to where the log needs not be read again; drop records (kind, id) if there.

        Raises: LinliError.
        """
        records: list[PutRecord | DropRecord] = [
            PutRecord(_counts.KIND, one.subscription.id, one.counts.kept(), quiet=True) for one in changed
        ]
        dropped: dict[tuple[str, str], None] = {}
        for kind, one in gone:
            record = await self._store.record(tenant, kind, one)
            if record is not None:
                dropped[kind, one] = None
                dropped.update(((kind, each), None) for each in (earlier_farewells(record) if kind == FAREWELL else ()))
        records += [
            DropRecord(kind, one, quiet=True)
            for kind, one in dropped
            if await self._store.record(tenant, kind, one) is not None
        ]
        now_us = self._clock.now_us()
        await self._store.commit(
            Change(tenant, "engine:broker", "operation", now_us, records=tuple(records), cursor=(READER, cursor))
        )

    async def farewells(self, tenant: str) -> list[str]:
        """Return the ids of all farewells of a tenant that belong to deletions."""
        found: dict[str, None] = {}
        earlier: set[str] = set()
        after = 0
        while page := await self._store.records(tenant, FAREWELL, after=after, limit=ROWS_MAX):
            for record in page:
                found[record.record_id] = None
                earlier.update(earlier_farewells(record))
            after = page[-1].row
        return [one for one in found if one not in earlier]

    async def now_subscribed(self, tenant: str, subscription_id: str) -> Subscription | None:
        """Return a subscription as it stands now; None when it is gone."""
        record = await self._store.record(tenant, KIND, subscription_id)
        return None if record is None else await self.compiled_subscription(tenant, record)
