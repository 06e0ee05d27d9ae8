"""Notifications: follows the log of every tenant that has subscriptions, and fills the mailboxes of those concerned.

A write is never touched by it: the log is read afterwards, in order, from a durable position. A row finds the few
subscriptions that it may concern by an index; they are judged on the entity exactly as that write left it, within what
the subscriber may see. What was told is counted and kept with the position, several times a second: who is killed
tells a little again, and loses nothing. Of several processes on one database one does this work.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import orjson
import structlog

from linli.base.errors import LinliError
from linli.store import Change, DropRecord, LogRow, PutRecord, Stored
from linli.trust import Act

from . import _counts
from ._counts import Counts
from ._evaluate import Judged, wanted
from ._facts import is_first
from ._identity import IdentityDoor
from ._joining import joined, reached
from ._matching import Event, Index, fires
from ._noticing import changed_entity, deleted_entity, letter
from ._plain import Doc, alive, decoded
from ._query import paths
from ._recent import FAREWELL, Image, Key, earlier_farewells, farewell_image
from ._render import rendered
from ._sight import Seen
from ._subscription import JSON, KIND, Subscription, View
from ._subscriptions import SubscriptionDoor
from ._telling import Job, Mailbox, Post

READER = "notifications"
ROWS_MAX = 1000
#: pause before new rows are read, so that under load they come many at a time
LINGER_S = 0.005
SAVE_S = 0.1
LOOK_S = 1.0
#: how long a start waits for what was written before
CATCH_UP_S = 1.0
#: subscriptions judged before others get their turn on the loop
JUDGED_AT_ONCE = 50
ROW_TYPE = f"record:{KIND}"

log = structlog.get_logger("broker")


class NotifyingDoor(SubscriptionDoor, IdentityDoor):
    """Tells subscribers."""

    def __init__(self, *args: Any, keep_s: float = 3600.0, **kwargs: Any) -> None:
        """Stand on the same ground. `keep_s`: how long a notification that does not arrive is tried again."""
        super().__init__(*args, **kwargs)
        self._followers: dict[str, _Follower] = {}
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

    async def settled(self) -> None:
        """Return when every row is read and everything is told that can be told at this moment of the clock."""
        for follower in list(self._followers.values()):
            await follower.settled()

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
        follower = self._followers[tenant] = _Follower(self, tenant, self._post)
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

    async def new_rows(self, tenant: str, seq: int) -> list[LogRow]:
        """Return rows after a position, waiting until there are any; only such whose writers know that they stand."""
        await self.wait(tenant, seq)
        head = await self._store.head(tenant)
        await asyncio.sleep(0)
        return await self.old_rows(tenant, seq, head)

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

    async def image(self, row: LogRow) -> Image | None:
        """Return the entity before and after a write, while that is remembered or, of a deleted one, kept."""
        image = self.changes.image(Key.of(row))
        return await self._farewell(row) if image is None and row.kind == "delete" else image

    async def _farewell(self, row: LogRow) -> Image | None:
        kept = await self._store.record(row.tenant, FAREWELL, Key.of(row).record_id)
        return None if kept is None else farewell_image(kept)

    async def row_types(self, row: LogRow, image: Image | None) -> tuple[str, ...]:
        """Return the types of the entity that a row is about, by short name."""
        if image is not None:
            return image.types
        stored = None if row.kind == "delete" else await self._store.get(row.tenant, row.entity_id)
        return (row.type,) if stored is None else stored.types

    async def event(self, row: LogRow, image: Image | None) -> Event | None:
        """Return a write with the entity before and after it; None when nobody can know it any more."""
        attrs = frozenset(self._names.inner(name) for name in row.attrs if name != "scope")
        if image is None:
            return await self._rebuilt(row, attrs)
        before: Doc | None = orjson.loads(image.before) if image.before else None
        after: Doc | None = orjson.loads(image.after) if image.after else None
        return self._living(Event(row, before, after, image.created_us, image.modified_before_us, attrs, image.way))

    async def concerns(self, subscription: Subscription, event: Event) -> bool:
        """Tell whether a subscriber is to be told of a write: trigger pulled, filters fit, and it is his to see."""
        if not subscription.works(event.row.at_us) or not fires(subscription, event):
            return False
        seen = self._seen_by(subscription.view, event, event.doc)
        if seen is None:
            return False
        as_seen = self._as_seen(subscription.view, event)
        if as_seen is not event and not fires(subscription, as_seen):
            return False
        query = subscription.query
        judged = Judged(seen.judged, event.created_us, event.modified_us)
        through = [path for path in paths(query.q) if path.beyond is not None]
        linked = await reached(judged, through, self._fetching(subscription)) if through else {}
        return wanted(query, *judged, linked)

    async def written(self, subscription: Subscription, jobs: list[Job]) -> dict[str, Any] | None:
        """Write the notification about some writes; without any, about all entities that the subscription means."""
        now_us = self._clock.now_us()
        if not jobs:
            data = await self._all_meant(subscription)
            mark = f"t{now_us}"
        else:
            events = {entity_id: event for job in jobs for entity_id, event in job.news.items()}
            data = await self._told(subscription, list(events.values()))
            mark = str(jobs[-1].seq)
        return letter(subscription, mark, now_us, data) if data else None

    # inside

    async def _rebuilt(self, row: LogRow, attrs: frozenset[str]) -> Event | None:
        """Return a write whose images are gone from memory, from what stands and from history.

        Types and scopes are those of today: history does not keep them. Of an entity that was deleted since, its
        farewell is left.
        """
        stored = await self._store.get(row.tenant, row.entity_id)
        if row.kind == "delete":
            scopes = [row.scope] if row.scope else []
            doc = {"id": row.entity_id, "type": [self._names.inner(row.type)], "scope": scopes, "attrs": {}}
            return Event(row, doc, None, row.at_us, row.at_us, attrs)
        if stored is None or stored.created_seq > row.seq:
            farewell = await self._farewell(row)
            return None if farewell is None else await self.event(row, farewell)
        stands = stored.version == row.version
        after = decoded(stored) if stands else await self._as_of(row.tenant, stored, row.seq)
        before = None if row.kind == "create" else await self._as_of(row.tenant, stored, row.seq - 1)
        kept = None if before is None else orjson.dumps(before)
        image = Image(kept, orjson.dumps(after), stored.types, stored.created_us, row.at_us)
        self.changes.keep({Key.of(row): image})  # if the entity is deleted before this is told, its farewell holds it
        return self._living(Event(row, before, after, stored.created_us, row.at_us, attrs))

    async def _as_of(self, tenant: str, stored: Stored, seq: int) -> Doc:
        """Return an entity as a position of the log left it: what never changed, and history for the rest."""
        doc = decoded(stored)
        attrs: dict[str, list[Any]] = {
            name: kept
            for name, instances in doc["attrs"].items()
            if (kept := [one for one in instances if is_first(one)])
        }
        for past in await self._store.as_of(tenant, stored.entity_id, seq):
            if past.fact.doc is not None:
                attrs.setdefault(past.fact.attr, []).append(orjson.loads(past.fact.doc))
        return {**doc, "attrs": attrs}

    def _living(self, event: Event) -> Event | None:
        """Return an event without what has expired; None when the entity itself has."""
        if event.after is None:
            return event
        after = alive(event.after, self._clock.now_us())
        if after is None:
            return None
        event.after = after
        return event

    def _seen_by(self, view: View, event: Event, doc: Doc) -> Seen | None:
        """Return what a subscriber may see of an entity before or after a write; None when it is nothing."""
        key = (view, "after" if doc is event.after else "before")
        if key not in event.known:
            act = view.act
            decision = self._allow.always(act, "read") or self._allow.allows(act, "read", self._sight.thing(doc))
            event.known[key] = self._sight.seen(doc, decision, act, "apply") if decision.ok else None
        seen: Seen | None = event.known[key]
        return seen

    def _as_seen(self, view: View, event: Event) -> Event:
        """Return a write as far as a subscriber may see it: what is hidden pulls no trigger and is not told."""
        key = (view, "event")
        if key not in event.known:
            seen = [None if doc is None else self._seen_by(view, event, doc) for doc in (event.before, event.after)]
            before, after = (None if one is None else one.shown for one in seen)
            whole = before is event.before and after is event.after
            event.known[key] = event if whole else replace(event, before=before, after=after, known={})
        as_seen: Event = event.known[key]
        return as_seen

    def _fetching(self, subscription: Subscription) -> Any:
        async def fetch(ids: list[str]) -> Mapping[str, Judged]:
            act = subscription.act
            return {
                hit.stored.entity_id: Judged(self._seen(act, hit).shown, hit.stored.created_us, hit.stored.modified_us)
                for hit in await self._looked_up(act, ids)
            }

        return fetch

    async def _told(self, subscription: Subscription, events: list[Event]) -> list[Any]:
        """Return the entities of some writes as the subscriber gets them."""
        data: list[Any] = []
        roots: list[Judged] = []
        for event in events:
            seen = self._as_seen(subscription.view, event)
            if event.after is None:
                gone = None if seen.before is None else deleted_entity(subscription, seen, seen.before)
                data += [] if gone is None else [gone]
            elif seen.after is not None:
                doc = changed_entity(subscription, seen, seen.before, seen.after)
                root = Judged(doc, event.created_us, event.modified_us)
                if not subscription.projection.fits(doc):
                    continue
                if doc is seen.after and subscription.join is None and subscription.endpoint.accept == JSON:
                    data.append(_written_out(subscription, seen, root))
                else:
                    roots.append(root)
        return data + await self._rendered_all(subscription, roots)

    async def _all_meant(self, subscription: Subscription) -> list[dict[str, Any]]:
        """Return every entity that a subscription means, up to a page."""
        act, roots = subscription.act, []
        async for hit in self._wanted(act, subscription.query, subscription.terms, subscription.projection):
            stored = hit.stored
            roots.append(Judged(self._seen(act, hit).shown, stored.created_us, stored.modified_us))
            if len(roots) >= self.caps.page_entities:
                break
        return await self._rendered_all(subscription, roots)

    async def _rendered_all(self, subscription: Subscription, roots: list[Judged]) -> list[dict[str, Any]]:
        terms, projection = subscription.terms, subscription.projection
        if subscription.join is None or not roots:
            return [rendered(*root, terms, projection) for root in roots]
        return await joined(roots, projection, subscription.join, terms, self._fetching(subscription))


def _written_out(subscription: Subscription, event: Event, root: Judged) -> orjson.Fragment:
    """Return an entity as JSON, the same for all who want it in the same form."""
    view = subscription.view
    if view not in event.known:
        event.known[view] = orjson.Fragment(orjson.dumps(rendered(*root, view.terms, view.projection)))
    written: orjson.Fragment = event.known[view]
    return written


class _Follower:
    """Follows the log of one tenant."""

    def __init__(self, door: NotifyingDoor, tenant: str, post: Post) -> None:
        self.mailboxes: dict[str, Mailbox] = {}
        self._door = door
        self._tenant = tenant
        self._post = post
        self.index = door.index()
        self._seq = 0
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
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Take in all subscriptions and begin to read."""
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
        self._tasks = [asyncio.create_task(self._follow()), asyncio.create_task(self._keep())]

    async def stop(self) -> None:
        """End, and keep what was counted."""
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)
        for mailbox in self.mailboxes.values():
            await mailbox.end()
        with contextlib.suppress(LinliError):
            await self._save()

    async def settled(self) -> None:
        """Return when all rows are read and every mailbox is empty or waits for a later moment."""
        for mailbox in self.mailboxes.values():
            if mailbox.resting:
                mailbox.wake()
        head = await self._door.head(self._tenant)
        while self._seq < head or not all(one.idle or one.resting for one in self._busy.values()):  # noqa: ASYNC110 - only tests and headless runs wait here
            await asyncio.sleep(0.001)

    # reading

    async def _catch_up(self, head: int) -> None:
        """Read what was written before this process began: of what is deleted now, only that is known."""
        while self._seq < head and (rows := await self._door.old_rows(self._tenant, self._seq, head)):
            await self._take(rows)

    async def _follow(self) -> None:
        failures = 0
        while True:
            try:
                await self._door.wait(self._tenant, self._seq)
                await self._read_on()
                failures = 0
            except Exception:
                failures += 1
                log.exception("broker.notifications.failed", tenant=self._tenant, seq=self._seq)
                await asyncio.sleep(min(60.0, 0.05 * 2 ** min(failures, 12)))

    async def _read_on(self) -> None:
        """Read what is new, as far as its writers know already that it stands."""
        head = await self._door.head(self._tenant)
        await asyncio.sleep(0)
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

    async def _keep(self) -> None:
        while True:
            await asyncio.sleep(SAVE_S)
            cursor = self._cursor()
            while self._farewells and self._farewells[0][0] <= cursor:
                self._gone.add((FAREWELL, self._farewells.popleft()[1]))
            if self._changed or self._gone or cursor - self._saved >= ROWS_MAX:
                try:
                    await self._save()
                except LinliError as error:
                    log.warning("broker.notifications.save_failed", tenant=self._tenant, error=error.message)

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
