"""Subscriptions as others see them: create, read, list, change, delete.

Who is told of what is the business of `_notifying`, which follows the log rows that are written here.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import orjson
import structlog

from linli.base import from_wire_time, to_wire_time
from linli.base.errors import BadRequestData, LinliError, NotAllowed, ResourceNotFound, TooManyResults
from linli.egress import Egress
from linli.store import DropRecord, PutRecord, Record
from linli.trust import Act, Thing, Verb

from . import _counts
from ._contexts import PATH
from ._counts import Counts
from ._ground import Lost
from ._reading import ReadingDoor
from ._recent import MOURNED, MOURNED_ID
from ._spelling import checked_id
from ._subscription import (
    DELETION_TRIGGERS,
    KIND,
    Body,
    Subscription,
    check_whole,
    compiled,
    kept_act,
    read_body,
    shown_body,
)
from ._terms import Terms

PAGE = 500

_log = structlog.get_logger("broker")


class SubscriptionDoor(ReadingDoor):
    """Keeps subscriptions."""

    def __init__(self, *args: Any, egress: Egress | None = None, **kwargs: Any) -> None:
        """Stand on the same ground. `egress`: the way out; without it subscriptions are kept, but nobody is told."""
        super().__init__(*args, **kwargs)
        self._egress = egress
        self._subscription_ids: dict[str, set[str]] = {}

    async def create_subscription(self, act: Act, said: Any, terms: Terms, base: str) -> str:
        """Keep a new subscription and return its id. `base`: scheme and host under which this node was called.

        Raises: BadRequestData, AlreadyExists, NotAllowed, TooManyResults, LdContextNotAvailable.
        """
        self._sight.check_purpose(act)
        body = {name: value for name, value in read_body(said, terms, self._egress).items() if value is not None}
        check_whole(body)
        self._check_until(body)
        given = said.get("id")
        subscription_id = self.ids.new("Subscription", self._clock.now_us()) if given is None else checked_id(given)
        self._may(act, "create", act.who.id)
        await self._check_room(act.tenant)
        link = await self.contexts.link(terms.source, act.tenant, base, act.who.id)
        kept = {**kept_act(act), "context": terms.source, "link": link, "body": body}
        await self._compiled_now(subscription_id, act.tenant, kept)
        await self._put_subscription(act, subscription_id, kept, 0)
        self._subscription_ids[act.tenant].add(subscription_id)
        return subscription_id

    async def get_subscription(
        self, act: Act, subscription_id: str, terms: Terms, *, sys_attrs: bool = False
    ) -> dict[str, Any]:
        """Return a subscription with what was counted of it. Raises: ResourceNotFound, BadRequestData."""
        record, kept = await self._subscription(act, subscription_id, "read")
        return await self._shown_subscription(act.tenant, record, kept, terms, sys_attrs=sys_attrs)

    async def list_subscriptions(
        self, act: Act, terms: Terms, *, limit: int, offset: int, sys_attrs: bool = False
    ) -> tuple[list[dict[str, Any]], int]:
        """Return a page of the subscriptions that `act` may see, in the order of creation, and how many there are."""
        page: list[dict[str, Any]] = []
        met = 0
        async for record in self.subscription_records(act.tenant):
            kept = orjson.loads(record.doc)
            if not self._allow.allows(act, "list", _thing(kept["by"]["id"])).ok:
                continue
            if offset <= met < offset + limit:
                page.append(await self._shown_subscription(act.tenant, record, kept, terms, sys_attrs=sys_attrs))
            met += 1
        return page, met

    async def update_subscription(self, act: Act, subscription_id: str, said: Any, terms: Terms) -> None:
        """Put the members that are said in the place of those that stand; null takes one away.

        Raises: BadRequestData, ResourceNotFound, NotAllowed, LdContextNotAvailable.
        """
        changes = read_body(said, terms, self._egress)
        self._check_until(changes)

        async def attempt() -> None:
            record, kept = await self._subscription(act, subscription_id, "change")
            body = {**kept["body"], **changes}
            body = {name: value for name, value in body.items() if value is not None}
            check_whole(body)
            kept["body"] = body
            if "q" in changes or "csf" in changes:
                kept["q_context"] = terms.source
            await self._compiled_now(subscription_id, act.tenant, kept)
            await self._put_subscription(act, subscription_id, kept, record.version)

        await self._tried(attempt)

    async def delete_subscription(self, act: Act, subscription_id: str) -> None:
        """Forget a subscription. Raises: ResourceNotFound, NotAllowed, BadRequestData."""
        await self._subscription(act, subscription_id, "delete")
        try:
            await self._commit(self._change(act, records=(DropRecord(KIND, subscription_id),)))
        except Lost as lost:
            raise lost.error from lost
        self._subscription_ids.get(act.tenant, set()).discard(subscription_id)

    async def subscription_records(self, tenant: str) -> AsyncIterator[Record]:
        """Yield all subscriptions of a tenant as they are kept, in the order of creation."""
        after = 0
        while True:
            page = await self._store.records(tenant, KIND, after=after, limit=PAGE)
            for record in page:
                yield record
            if len(page) < PAGE:
                return
            after = page[-1].row

    async def compiled_subscription(self, tenant: str, record: Record) -> Subscription | None:
        """Return a subscription as it is matched; None when it cannot be read any more, which is logged.

        A context of its own that is not here any more is replaced by the node's default: names are kept as IRIs.
        """
        kept = orjson.loads(record.doc)
        default = self.contexts.default
        body = kept["body"]
        terms = await self._context_or(body.get("jsonldContext", kept["context"]), tenant, default)
        said_in = await self._context_or(kept.get("q_context", kept["context"]), tenant, default)
        try:
            return compiled(record.record_id, kept, record.created_us, terms=terms, said_in=said_in, plain=default)
        except LinliError as error:
            _log.error("broker.subscription.unreadable", id=record.record_id, error=error.message)
            return None

    # inside

    def _live_counts(self, tenant: str, subscription_id: str) -> Counts | None:
        """Return what is counted in this process; None when another one tells the subscribers."""
        del tenant, subscription_id
        return None

    async def _compiled_now(self, subscription_id: str, tenant: str, kept: Body) -> None:
        """Compile once before anything is kept. Raises: BadRequestData, LdContextNotAvailable."""
        default = self.contexts.default
        contexts = [kept["body"].get("jsonldContext", kept["context"]), kept.get("q_context", kept["context"])]
        for said in contexts:
            await self.contexts.ready(said, tenant)
        terms, said_in = (self.contexts.of(said, tenant) for said in contexts)
        compiled(subscription_id, kept, 0, terms=terms, said_in=said_in, plain=default)

    async def _context_or(self, said: Any, tenant: str, default: Terms) -> Terms:
        try:
            await self.contexts.ready(said, tenant)
            return self.contexts.of(said, tenant)
        except LinliError as error:
            _log.warning("broker.subscription.context_gone", error=error.message)
            return default

    async def _subscription(self, act: Act, subscription_id: str, verb: Verb) -> tuple[Record, Body]:
        """Return a subscription that `act` may see. Raises: ResourceNotFound, NotAllowed, BadRequestData."""
        record = await self._store.record(act.tenant, KIND, checked_id(subscription_id))
        if record is None:
            raise ResourceNotFound
        kept: Body = orjson.loads(record.doc)
        if not self._allow.allows(act, "read", _thing(kept["by"]["id"])).ok:
            raise ResourceNotFound
        self._may(act, verb, kept["by"]["id"])
        return record, kept

    def _may(self, act: Act, verb: Verb, owner: str) -> None:
        if not self._allow.allows(act, verb, _thing(owner)).ok:
            raise NotAllowed

    async def _put_subscription(self, act: Act, subscription_id: str, kept: Body, version: int) -> None:
        records = [PutRecord(KIND, subscription_id, orjson.dumps(kept), expect_version=version)]
        if not DELETION_TRIGGERS.isdisjoint(kept["body"].get("notificationTrigger", ())):
            records.append(PutRecord(MOURNED, MOURNED_ID, b"{}", quiet=True))
        try:
            await self._commit(self._change(act, records=tuple(records)))
        except Lost as lost:
            if version:
                raise
            raise lost.error from lost

    async def _check_room(self, tenant: str) -> None:
        known = self._subscription_ids.get(tenant)
        if known is None:
            known = {record.record_id async for record in self.subscription_records(tenant)}
            self._subscription_ids[tenant] = known
        if len(known) >= self.caps.subscriptions:
            raise TooManyResults(f"A tenant may have {self.caps.subscriptions} subscriptions; delete one first.")

    def _check_until(self, body: Body) -> None:
        until = body.get("expiresAt")
        if until is not None and from_wire_time(until) <= self._clock.now_us():
            raise BadRequestData("expiresAt: lies in the past.")

    async def _shown_subscription(
        self, tenant: str, record: Record, kept: Body, terms: Terms, *, sys_attrs: bool
    ) -> dict[str, Any]:
        counts = self._live_counts(tenant, record.record_id)
        if counts is None:
            state = await self._store.record(tenant, _counts.KIND, record.record_id)
            counts = Counts() if state is None else Counts.of(state.doc)
        shown = shown_body(kept["body"], terms)
        if PATH in kept["link"]:  # a context was made for it here: this is its URL
            shown.setdefault("jsonldContext", kept["link"])
        shown["notification"] = {**shown["notification"], **counts.shown()}
        shown["status"] = self._status(kept["body"])
        if sys_attrs:
            shown["createdAt"] = to_wire_time(record.created_us)
            shown["modifiedAt"] = to_wire_time(record.modified_us)
        return {"id": record.record_id, "type": "Subscription", **shown}

    def _status(self, body: Body) -> str:
        until = body.get("expiresAt")
        if until is not None and from_wire_time(until) <= self._clock.now_us():
            return "expired"
        return "active" if body.get("isActive", True) else "paused"


def _thing(owner: str) -> Thing:
    return Thing("Subscription", (), (owner,))
