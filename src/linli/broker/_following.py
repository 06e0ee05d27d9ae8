"""Follows the log of one tenant: hands each write to those whom it concerns, and keeps how far everybody has come."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Iterable
from typing import TYPE_CHECKING

from linli.store import LogRow

from . import _counts
from ._counts import Counts
from ._log_reader import LogReader
from ._matching import Index
from ._recent import FAREWELL, Key
from ._subscription import KIND, Subscription
from ._telling import Job, Mailbox, Post

if TYPE_CHECKING:
    from ._notifying import NotifyingDoor

ROWS_MAX = 1000
#: how long a start waits for what was written before
CATCH_UP_S = 1.0
#: subscriptions judged before others get their turn on the loop
JUDGED_AT_ONCE = 50
ROW_TYPE = f"record:{KIND}"
READER = "notifications"


class Follower(LogReader):
    """Follows the log of one tenant."""

    name = READER

    def __init__(self, door: NotifyingDoor, tenant: str, post: Post) -> None:
        super().__init__(door, tenant)
        self._door = door
        self._post = post
        self.index = door.index()
        #: the last position of the write that is being worked on: nobody may believe to be past it
        self._at = 0
        self._saved = 0
        self._last_us = 0
        self._changed: dict[str, Mailbox] = {}
        #: mailboxes that are not empty
        self._busy: dict[str, Mailbox] = {}
        #: records (kind, id) that have no use any more
        self._gone: set[tuple[str, str]] = set()
        #: farewells by the position of their deletion: they go when everybody is told
        self._farewells: deque[tuple[int, str]] = deque()

    async def _begin(self) -> None:
        self._seq = self._at = self._saved = await self._door.beginning(self._tenant)
        counts = await self._door.kept_counts(self._tenant)
        async for record in self._door.subscription_records(self._tenant):
            subscription = await self._door.compiled_subscription(self._tenant, record)
            if subscription is not None:
                self._take_in(subscription, counts.pop(record.record_id, None))
        self._gone.update((_counts.KIND, one) for one in counts)
        head = await self._door.head(self._tenant)
        self._farewells.extend((head, one) for one in await self._door.farewells(self._tenant))
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(CATCH_UP_S):
                await self._catch_up(head)

    def _telling_now(self) -> Iterable[Mailbox]:
        return self._busy.values()

    # reading

    async def _catch_up(self, head: int) -> None:
        """Read what was written before this process began: of what is deleted now, only that is known."""
        while self._seq < head and (rows := await self._door.old_rows(self._tenant, self._seq, head)):
            await self._take(rows)

    async def _read_to(self, head: int) -> None:
        self._seq = self._at = self._door.changes.passed(self._tenant, self._seq)
        if self._seq < head:
            await self._take(await self._door.old_rows(self._tenant, self._seq, head))

    async def _take(self, rows: list[LogRow]) -> None:
        """Take in rows, those of one write together."""
        start = 0
        for end in range(1, len(rows) + 1):
            if end == len(rows) or rows[end].tx != rows[start].tx:
                write = rows[start:end]
                self._at = write[-1].seq
                for subscription_id, job in (await self._jobs(write, self.index)).items():
                    mailbox = self.mailboxes.get(subscription_id)
                    if mailbox is not None:
                        mailbox.push(job)
                        self._busy[subscription_id] = mailbox
                self._farewells.extend((row.seq, Key.of(row).record_id) for row in write if row.kind == "delete")
                self._last_us = write[-1].at_us
                self._seq = self._at
                start = end

    async def _jobs(self, write: list[LogRow], index: Index) -> dict[str, Job]:
        """Return what one write has to tell, by subscription."""
        jobs: dict[str, Job] = {}
        judged = 0
        for row in write:
            if row.type == ROW_TYPE and index is self.index:
                await self._subscription_changed(row)
            if row.type.startswith("record:") or not row.version or row.kind in ("timer", "audit"):
                continue
            image = await self._door.image(row)
            types = await self._door.row_types(row, image)
            concerned = index.concerned(row.entity_id, types, row.attrs, deleted=row.kind == "delete")
            event = await self._door.event(row, image) if concerned else None
            if event is None:
                continue
            for subscription in concerned.values():
                judged += 1
                if judged % JUDGED_AT_ONCE == 0:
                    await asyncio.sleep(0)
                if await self._door.concerns(subscription, event):
                    job = jobs.setdefault(subscription.id, Job(row.seq, row.at_us, {}))
                    job.seq, job.way = row.seq, event.way
                    job.news[row.entity_id] = event
        return jobs

    async def _refill(self, subscription: Subscription, seq: int) -> tuple[list[Job], int, bool]:
        """Read the log again for one subscription; return its jobs, up to where that was, and whether it is the end."""
        index = self._door.index()
        index.put(subscription)
        rows = await self._door.old_rows(self._tenant, seq, self._at)
        jobs: list[Job] = []
        for row in rows:
            jobs += (await self._jobs([row], index)).values()
        seq = rows[-1].seq if rows else self._at
        return jobs, seq, seq >= self._at

    async def _subscription_changed(self, row: LogRow) -> None:
        subscription_id = row.entity_id
        subscription = await self._door.now_subscribed(self._tenant, subscription_id)
        if subscription is None:
            await self._forget(subscription_id)
        elif subscription_id in self.mailboxes:
            self.mailboxes[subscription_id].replace(subscription)
            self.index.put(subscription)
        else:
            self._take_in(subscription, Counts(row.seq))
            self._changed[subscription_id] = self.mailboxes[subscription_id]

    def _take_in(self, subscription: Subscription, counts: Counts | None) -> None:
        counts = counts or Counts(self._seq)
        self.mailboxes[subscription.id] = Mailbox(
            subscription, counts, self._post, write=self._door.written, refill=self._refill, changed=self._note
        )
        if subscription.interval_us is None:
            self.index.put(subscription)

    async def _forget(self, subscription_id: str) -> None:
        mailbox = self.mailboxes.pop(subscription_id, None)
        self.index.drop(subscription_id)
        self._changed.pop(subscription_id, None)
        self._busy.pop(subscription_id, None)
        if mailbox is not None:
            self._gone.add((_counts.KIND, subscription_id))
            await mailbox.end()

    # keeping

    def _note(self, mailbox: Mailbox) -> None:
        if mailbox.subscription.id in self.mailboxes:
            self._changed[mailbox.subscription.id] = mailbox

    def _must_save(self) -> bool:
        cursor = self._cursor()
        while self._farewells and self._farewells[0][0] <= cursor:
            self._gone.add((FAREWELL, self._farewells.popleft()[1]))
        return bool(self._changed or self._gone or cursor - self._saved >= ROWS_MAX)

    def _cursor(self) -> int:
        """Return up to where nobody needs the log again."""
        self._busy = {one: mailbox for one, mailbox in self._busy.items() if not mailbox.idle}
        return min((one.done_seq for one in self._busy.values()), default=self._seq)

    async def _save(self) -> None:
        cursor = min(self._cursor(), self._seq)
        open_us = (one.oldest_us for one in self._busy.values())
        told_us = min((at_us - 1 for at_us in open_us), default=self._last_us)
        changed, self._changed = self._changed, {}
        gone, self._gone = self._gone, set()
        try:
            await self._door.save(self._tenant, cursor, changed.values(), gone)
            self._saved = cursor
            self._door.changes.told_us[self._tenant] = told_us
        except BaseException:
            self._changed = {**changed, **self._changed}
            self._gone |= gone
            raise
