"""Tells those who subscribed to registrations: at first of every source that fits, then of each that comes, changes or
goes.

The log is followed as `_notifying` does, and the same mailboxes carry the notifications out. What a subscriber was told
last decides the reason: newlyMatching for a source it did not hear of, noLongerMatching for one that it did.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, replace
from typing import Any, NamedTuple

import orjson

from linli.base.errors import ResourceNotFound
from linli.store import Change, DropRecord, LogRow, PutRecord
from linli.trust import Act, Principal, Thing

from ._counts import Counts
from ._log_reader import LogReader
from ._noticing import letter
from ._source_form import TYPE, rendered_source
from ._source_matching import SourceQuery, pieces_wanted
from ._source_query import subscribed_sources
from ._source_subscriptions import KIND, STATE, Kept, SourceSubscriptionDoor
from ._sources import SOURCE, Registered
from ._subscription import Subscription
from ._telling import Job, Mailbox, Post

READER = "source-notifications"
_ENGINE = Principal("engine:broker", "engine", ("/",))
#: instead of the id of a source: every source that fits
_ALL = "*"

#: id of a source -> the form of it that a subscriber was told of
Told = dict[str, str]


class _Subscribed(NamedTuple):
    """A subscription as it is told, and which sources it means."""

    subscription: Subscription
    query: SourceQuery


class _State(NamedTuple):
    """What is kept of a subscription: what was counted, and which form of which source it was told of last."""

    counts: Counts
    told: Told


class SourceNotifyingDoor(SourceSubscriptionDoor):
    """Tells those who subscribed to registrations."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Stand on the same ground."""
        super().__init__(*args, **kwargs)
        self._source_followers: dict[str, _SourceFollower] = {}

    async def stop(self) -> None:
        """End, with everything counted that was told."""
        await super().stop()
        for follower in self._source_followers.values():
            await follower.stop()
        self._source_followers.clear()

    async def settled(self) -> None:
        """Return when every row is read and everything is told that can be told at this moment of the clock."""
        await super().settled()
        for follower in list(self._source_followers.values()):
            await follower.settled()

    async def create_source_subscription(self, act: Act, *args: Any, **kwargs: Any) -> str:
        """Keep a new subscription and see to it that its tenant is followed; see SourceSubscriptionDoor."""
        if self._leads:
            await self._follow_sources(act.tenant)
        return await super().create_source_subscription(act, *args, **kwargs)

    def _live_source_counts(self, tenant: str, subscription_id: str) -> Counts | None:
        follower = self._source_followers.get(tenant)
        mailbox = follower.mailboxes.get(subscription_id) if follower else None
        return mailbox.counts if mailbox else None

    async def _look(self) -> None:
        await super()._look()
        for tenant in await self._store.tenants():
            if await self._store.records(tenant, KIND, limit=1):
                await self._follow_sources(tenant)

    async def _follow_sources(self, tenant: str) -> None:
        if tenant in self._source_followers or self._post is None:
            return
        follower = self._source_followers[tenant] = _SourceFollower(self, tenant, self._post)
        await follower.start()

    # what a follower asks

    async def source_beginning(self, tenant: str) -> int:
        """Return the position from which a tenant's log is to be read; the first time that is its end."""
        seq = await self._store.cursor(tenant, READER)
        if seq or await self._store.records(tenant, KIND, limit=1):
            return seq
        return await self._store.head(tenant)

    async def source_state(self, tenant: str, subscription_id: str) -> _State | None:
        """Return what is kept of a subscription."""
        record = await self._store.record(tenant, STATE, subscription_id)
        if record is None:
            return None
        said = orjson.loads(record.doc)
        return _State(Counts(**said["counts"]), said["told"])

    async def subscribed(self, kept: Kept) -> _Subscribed | None:
        """Return a subscription as it is told; None when it cannot be read any more, which is logged."""
        subscription = await self.compiled_subscription(kept.act.tenant, kept.record)
        if subscription is None:
            return None
        said = orjson.loads(kept.record.doc)
        context = said.get("q_context", said["context"])
        said_in = await self._context_or(context, kept.act.tenant, self.contexts.default)
        # The first notification of those that come at intervals is due at once.
        begun_us = subscription.created_us - (subscription.interval_us or 0)
        return _Subscribed(
            replace(subscription, created_us=begun_us), subscribed_sources(kept.body, self.contexts.default, said_in)
        )

    async def now_source_subscribed(self, tenant: str, subscription_id: str) -> _Subscribed | None:
        """Return a subscription as it stands now; None when it is gone."""
        try:
            kept = await self._source_subscription(Act(_ENGINE, tenant=tenant), subscription_id, "read")
        except ResourceNotFound:
            return None
        return await self.subscribed(kept)

    async def sources_meant(self, subscribed: _Subscribed, source_id: str | None = None) -> list[Registered]:
        """Return the registrations that a subscription means and that its subscriber may see, or the one of this id."""
        act = subscribed.subscription.act
        if not self._allow.allows(act, "list", Thing(TYPE)).ok:
            return []
        if source_id is None:
            return [one async for one in self.sources_wanted(act.tenant, subscribed.query)]
        try:
            source, record, _ = await self._registered(act.tenant, source_id)
        except ResourceNotFound:
            return []
        pieces = pieces_wanted(source, subscribed.query, record.created_us, record.modified_us)
        return [Registered(source, record, pieces)] if pieces else []

    async def registered_now(self, tenant: str, source_id: str) -> Registered | None:
        """Return a registration as it stands; None when it is gone."""
        try:
            return await self._registered(tenant, source_id)
        except ResourceNotFound:
            return None

    def now_us(self) -> int:
        """Return the time."""
        return self._clock.now_us()

    async def save_sources(self, tenant: str, cursor: int, states: dict[str, _State], gone: Iterable[str]) -> None:
        """Keep what was counted and told, and up to where the log needs not be read again. Raises: LinliError."""
        records: list[PutRecord | DropRecord] = [
            PutRecord(STATE, one, orjson.dumps({"counts": asdict(state.counts), "told": state.told}), quiet=True)
            for one, state in states.items()
        ]
        records += [DropRecord(STATE, one) for one in gone if await self._store.record(tenant, STATE, one) is not None]
        await self._store.commit(
            Change(tenant, _ENGINE.id, "operation", self.now_us(), records=tuple(records), cursor=(READER, cursor))
        )


class _SourceFollower(LogReader):
    """Follows the registrations of one tenant."""

    name = READER

    def __init__(self, door: SourceNotifyingDoor, tenant: str, post: Post) -> None:
        super().__init__(door, tenant)
        self._door = door
        self._post = post
        self._subscribed: dict[str, _Subscribed] = {}
        self._told: dict[str, Told] = {}
        #: what a subscriber will have been told as soon as everything up to a position was
        self._telling: dict[str, tuple[int, Told]] = {}
        self._changed: set[str] = set()
        self._gone: set[str] = set()

    async def _begin(self) -> None:
        self._seq = await self._door.source_beginning(self._tenant)
        async for kept in self._door.source_subscriptions(self._tenant):
            subscribed = await self._door.subscribed(kept)
            if subscribed is not None:
                self._take_in(subscribed, await self._door.source_state(self._tenant, kept.record.record_id))

    # reading

    async def _read_to(self, head: int) -> None:
        for row in await self._door.old_rows(self._tenant, self._seq, head):
            await self._take(row)
            self._seq = row.seq

    async def _take(self, row: LogRow) -> None:
        if row.type == f"record:{KIND}":
            await self._subscription_changed(row)
        for subscription_id, mailbox in self.mailboxes.items():
            job = _job(row, subscription_id)
            if job is not None and mailbox.subscription.interval_us is None:
                mailbox.push(job)

    async def _refill(self, subscription: Subscription, seq: int) -> tuple[list[Job], int, bool]:
        """Read the log again for one subscription; return its jobs, up to where that was, and whether it is the end."""
        rows = await self._door.old_rows(self._tenant, seq, self._seq)
        jobs = [job for row in rows if (job := _job(row, subscription.id)) is not None]
        seq = rows[-1].seq if rows else self._seq
        return jobs, seq, seq >= self._seq

    async def _subscription_changed(self, row: LogRow) -> None:
        subscribed = await self._door.now_source_subscribed(self._tenant, row.entity_id)
        if subscribed is None:
            await self._forget(row.entity_id)
        elif row.entity_id in self.mailboxes:
            self._subscribed[row.entity_id] = subscribed
            self.mailboxes[row.entity_id].replace(subscribed.subscription)
        else:
            self._take_in(subscribed, _State(Counts(row.seq - 1), {}))

    def _take_in(self, subscribed: _Subscribed, state: _State | None) -> None:
        subscription = subscribed.subscription
        state = state or _State(Counts(self._seq), {})
        self._subscribed[subscription.id] = subscribed
        self._told[subscription.id] = state.told
        self._changed.add(subscription.id)
        self.mailboxes[subscription.id] = Mailbox(
            subscription, state.counts, self._post, write=self._write, refill=self._refill, changed=self._note
        )

    async def _forget(self, subscription_id: str) -> None:
        mailbox = self.mailboxes.pop(subscription_id, None)
        if mailbox is not None:
            self._gone.add(subscription_id)
            await mailbox.end()
        for known in (self._subscribed, self._told, self._telling):
            known.pop(subscription_id, None)

    # telling

    async def _write(self, subscription: Subscription, jobs: list[Job]) -> dict[str, Any] | None:
        """Write the notification about a job; without any, about all sources that the subscription means."""
        subscribed = self._subscribed[subscription.id]
        now_us = self._door.now_us()
        if not jobs:
            return _letter(subscription, f"t{now_us}", now_us, "updated", await self._door.sources_meant(subscribed))
        job = jobs[0]
        source_id = next(iter(job.news))
        if source_id == _ALL:
            meant = await self._door.sources_meant(subscribed)
            self._telling[subscription.id] = (job.seq, {one.source["id"]: _form(one) for one in meant})
            return _letter(subscription, str(job.seq), now_us, "newlyMatching", meant)
        return await self._write_one(subscribed, source_id, job.seq)

    async def _write_one(self, subscribed: _Subscribed, source_id: str, seq: int) -> dict[str, Any] | None:
        """Write what became of one source since the subscriber heard of it last; None when he knows it all."""
        subscription, now_us = subscribed.subscription, self._door.now_us()
        told = self._told[subscription.id]
        known = told.get(source_id)
        meant = await self._door.sources_meant(subscribed, source_id)
        if meant and _form(meant[0]) != known:
            self._telling[subscription.id] = (seq, {**told, source_id: _form(meant[0])})
            return _letter(subscription, str(seq), now_us, "newlyMatching" if known is None else "updated", meant)
        if meant or known is None:
            return None
        self._telling[subscription.id] = (seq, {one: form for one, form in told.items() if one != source_id})
        there = await self._door.registered_now(self._tenant, source_id)
        if there is not None:
            return _letter(subscription, str(seq), now_us, "noLongerMatching", [there])
        return _letter_of(subscription, str(seq), now_us, "noLongerMatching", [{"id": source_id, "type": TYPE}])

    def _note(self, mailbox: Mailbox) -> None:
        subscription_id = mailbox.subscription.id
        if subscription_id not in self.mailboxes:
            return
        telling = self._telling.get(subscription_id)
        if telling is not None and mailbox.counts.seq >= telling[0]:
            self._told[subscription_id] = telling[1]
            del self._telling[subscription_id]
        self._changed.add(subscription_id)

    # keeping

    def _must_save(self) -> bool:
        return bool(self._changed or self._gone)

    async def _save(self) -> None:
        changed, self._changed = self._changed & self.mailboxes.keys(), set()
        gone, self._gone = self._gone, set()
        cursor = min((one.done_seq for one in self.mailboxes.values() if not one.idle), default=self._seq)
        states = {one: _State(self.mailboxes[one].counts, self._told[one]) for one in changed}
        try:
            await self._door.save_sources(self._tenant, min(cursor, self._seq), states, gone)
        except BaseException:
            self._changed |= changed
            self._gone |= gone
            raise


def _job(row: LogRow, subscription_id: str) -> Job | None:
    """Return what a row of the log has to tell a subscriber, if anything."""
    if row.type == f"record:{KIND}" and row.entity_id == subscription_id and row.kind != "delete":
        return Job(row.seq, row.at_us, {_ALL: None})
    return Job(row.seq, row.at_us, {row.entity_id: None}) if row.type == f"record:{SOURCE}" else None


def _form(one: Registered) -> str:
    """Return what tells this form of a registration from every other, also from one made anew under the same id."""
    return f"{one.record.row}.{one.record.version}"


def _letter(
    subscription: Subscription, mark: str, at_us: int, reason: str, meant: list[Registered]
) -> dict[str, Any] | None:
    """Return the notification about some registrations, each with the pieces that are meant; None without any."""
    data = [
        rendered_source(
            {**source, "information": pieces},
            subscription.terms,
            record.created_us,
            record.modified_us,
            sys_attrs=subscription.projection.sys_attrs,
        )
        for source, record, pieces in meant
    ]
    return _letter_of(subscription, mark, at_us, reason, data) if data else None


def _letter_of(
    subscription: Subscription, mark: str, at_us: int, reason: str, data: list[dict[str, Any]]
) -> dict[str, Any]:
    written = letter(subscription, mark, at_us, data)
    return {**written, "type": "ContextSourceNotification", "triggerReason": reason}
