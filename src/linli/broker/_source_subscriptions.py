"""Subscriptions to registrations of sources, as others see them: create, read, list, change, delete (5.11).

They have the members of any subscription, and temporalQ; who is told of what is the business of `_source_notifying`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, NamedTuple

import orjson

from linli.base import from_wire_time, to_wire_time
from linli.base.errors import BadRequestData, NotAllowed, OperationNotSupported, ResourceNotFound, TooManyResults
from linli.store import DropRecord, PutRecord, Record
from linli.trust import Act, Thing, Verb

from ._counts import Counts
from ._notifying import NotifyingDoor
from ._source_query import read_source_span, subscribed_sources
from ._sources import SourceDoor
from ._spelling import checked_id
from ._subscription import Body, act_of, check_whole, compiled, kept_act, read_body, shown_body
from ._terms import Terms

KIND = "source-subscription"
STATE = "source-subscription-state"
PAGE = 500


class Kept(NamedTuple):
    """A subscription as it is kept."""

    record: Record
    body: Body
    act: Act


class SourceSubscriptionDoor(SourceDoor, NotifyingDoor):
    """Keeps subscriptions to registrations."""

    async def create_source_subscription(self, act: Act, said: Any, terms: Terms, base: str) -> str:
        """Keep a new subscription and return its id. `base`: scheme and host under which this node was called.

        Raises: BadRequestData, AlreadyExists, NotAllowed, TooManyResults, LdContextNotAvailable, OperationNotSupported.
        """
        self._check_source(act, "list")
        body = _whole(self._read_source_subscription(said, terms))
        given = said.get("id")
        subscription_id = self.ids.new("Subscription", self._clock.now_us()) if given is None else checked_id(given)
        self._check_subscriber(act, "create", act.who.id)
        if len([one async for one in self.source_subscriptions(act.tenant)]) >= self.caps.subscriptions:
            raise TooManyResults(f"A tenant may have {self.caps.subscriptions} subscriptions; delete one first.")
        link = await self.contexts.link(terms.source, act.tenant, base, act.who.id)
        kept = {**kept_act(act), "context": terms.source, "link": link, "body": body}
        self._compile_source_subscription(subscription_id, kept, terms)
        put = PutRecord(KIND, subscription_id, orjson.dumps(kept), expect_version=0)
        await self._store.commit(self._change(act, records=(put,)))
        return subscription_id

    async def get_source_subscription(
        self, act: Act, subscription_id: str, terms: Terms, *, sys_attrs: bool = False
    ) -> dict[str, Any]:
        """Return a subscription with what was counted of it. Raises: ResourceNotFound, BadRequestData."""
        kept = await self._source_subscription(act, subscription_id, "read")
        return await self._shown_source_subscription(kept, terms, sys_attrs=sys_attrs)

    async def list_source_subscriptions(
        self, act: Act, terms: Terms, *, limit: int, offset: int, sys_attrs: bool = False
    ) -> tuple[list[dict[str, Any]], int]:
        """Return a page of the subscriptions that `act` may see, in the order of creation, and how many there are."""
        page: list[dict[str, Any]] = []
        met = 0
        async for kept in self.source_subscriptions(act.tenant):
            if not self._allow.allows(act, "list", _thing(kept.act.who.id)).ok:
                continue
            if offset <= met < offset + limit:
                page.append(await self._shown_source_subscription(kept, terms, sys_attrs=sys_attrs))
            met += 1
        return page, met

    async def update_source_subscription(self, act: Act, subscription_id: str, said: Any, terms: Terms) -> None:
        """Put the members that are said in the place of those that stand; null takes one away.

        Raises: BadRequestData, ResourceNotFound, NotAllowed, OperationNotSupported.
        """
        changes = self._read_source_subscription(said, terms)

        async def attempt() -> None:
            record, body, _ = await self._source_subscription(act, subscription_id, "change")
            kept = {**orjson.loads(record.doc), "body": _whole({**body, **changes})}
            if "q" in changes or "csf" in changes:
                kept["q_context"] = terms.source
            self._compile_source_subscription(subscription_id, kept, terms)
            put = PutRecord(KIND, subscription_id, orjson.dumps(kept), expect_version=record.version)
            await self._commit(self._change(act, records=(put,)))

        await self._tried(attempt)

    async def delete_source_subscription(self, act: Act, subscription_id: str) -> None:
        """Forget a subscription. Raises: ResourceNotFound, NotAllowed, BadRequestData."""
        await self._source_subscription(act, subscription_id, "delete")
        await self._store.commit(self._change(act, records=(DropRecord(KIND, subscription_id),)))

    async def source_subscriptions(self, tenant: str) -> AsyncIterator[Kept]:
        """Yield all subscriptions to the registrations of a tenant, in the order of creation."""
        after = 0
        while True:
            page = await self._store.records(tenant, KIND, after=after, limit=PAGE)
            for record in page:
                yield _kept(record)
            if len(page) < PAGE:
                return
            after = page[-1].row

    # inside

    def _live_source_counts(self, tenant: str, subscription_id: str) -> Counts | None:
        """Return what is counted in this process; None when another one tells the subscribers."""
        del tenant, subscription_id
        return None

    def _read_source_subscription(self, said: Any, terms: Terms) -> Body:
        """Return the members of a subscription, or of a change of one, checked; what shall go is None."""
        body = read_body(said, terms, self._egress)
        if "type" in said and said["type"] is None:
            raise BadRequestData("type: cannot go.")
        if body.get("throttling") is not None:
            raise OperationNotSupported("throttling: is not offered for subscriptions to registrations.")
        if "temporalQ" in said:
            body["temporalQ"] = said["temporalQ"]
            if said["temporalQ"] is not None:
                read_source_span(said["temporalQ"])
        until = body.get("expiresAt")
        if until is not None and from_wire_time(until) <= self._clock.now_us():
            raise BadRequestData("expiresAt: lies in the past.")
        return body

    def _compile_source_subscription(self, subscription_id: str, kept: Body, terms: Terms) -> None:
        """Compile once before anything is kept. Raises: BadRequestData."""
        default = self.contexts.default
        compiled(subscription_id, kept, 0, terms=terms, said_in=terms, plain=default)
        subscribed_sources(kept["body"], default, terms)

    async def _source_subscription(self, act: Act, subscription_id: str, verb: Verb) -> Kept:
        """Return a subscription that `act` may see. Raises: ResourceNotFound, NotAllowed, BadRequestData."""
        record = await self._store.record(act.tenant, KIND, checked_id(subscription_id))
        if record is None:
            raise ResourceNotFound("There is no such subscription here.")
        kept = _kept(record)
        if not self._allow.allows(act, "read", _thing(kept.act.who.id)).ok:
            raise ResourceNotFound("There is no such subscription here.")
        self._check_subscriber(act, verb, kept.act.who.id)
        return kept

    def _check_subscriber(self, act: Act, verb: Verb, owner: str) -> None:
        if not self._allow.allows(act, verb, _thing(owner)).ok:
            raise NotAllowed

    async def _shown_source_subscription(self, kept: Kept, terms: Terms, *, sys_attrs: bool) -> dict[str, Any]:
        record, body, act = kept
        counts = self._live_source_counts(act.tenant, record.record_id)
        if counts is None:
            state = await self._store.record(act.tenant, STATE, record.record_id)
            counts = Counts() if state is None else Counts(**orjson.loads(state.doc)["counts"])
        shown = shown_body(body, terms)
        if "notificationTrigger" not in body:
            del shown["notificationTrigger"]  # which triggers there are by default concerns entities only
        shown["notification"] = {**shown["notification"], **counts.shown()}
        until = body.get("expiresAt")
        expired = until is not None and from_wire_time(until) <= self._clock.now_us()
        shown["status"] = "expired" if expired else "active" if body.get("isActive", True) else "paused"
        if sys_attrs:
            shown["createdAt"] = to_wire_time(record.created_us)
            shown["modifiedAt"] = to_wire_time(record.modified_us)
        return {"id": record.record_id, "type": "Subscription", **shown}


def _kept(record: Record) -> Kept:
    said = orjson.loads(record.doc)
    return Kept(record, said["body"], act_of(said))


def _whole(members: Body) -> Body:
    body = {name: value for name, value in members.items() if value is not None}
    check_whole(body)
    return body


def _thing(owner: str) -> Thing:
    return Thing("Subscription", (), (owner,))
