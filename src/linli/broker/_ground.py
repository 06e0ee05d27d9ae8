"""What both doors of the broker stand on: candidates from the store, trust's answer, and the form that is written."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

import orjson

from linli.base import Clock, Ids
from linli.base.errors import AlreadyExists, Conflict, LinliError, NotAllowed, ResourceNotFound
from linli.store import Change, Committed, Fact, Find, Put, Store, Stored, Timer
from linli.trust import Act, Decision, Policies, Thing, Verb
from linli.vocab import Vocab

from ._answers import Answers
from ._caps import Caps
from ._contexts import Contexts, Fetching
from ._denials import Denials
from ._keys import Keys
from ._lines import Lines, Turn
from ._log import Log
from ._person import Persons
from ._plain import Doc, alive, decoded, may_expire
from ._recent import Recent
from ._sight import Sight

TENANT = "default"

#: entities judged before others get their turn on the loop
PAGE = 250

#: how often a write that nobody pinned to a version is tried when others are faster
TRIES = 8

DEFAULT_ANSWERS_BYTES = 16 << 20

T = TypeVar("T")


class Lost(Exception):
    """Others were faster: what was read no longer stands. `error` is what the store said to it."""

    def __init__(self, error: LinliError) -> None:
        """Keep the store's own error for the case that nobody tries again."""
        super().__init__(error.message)
        self.error = error


class Ground:
    """The store, the vocabulary and trust, joined."""

    def __init__(
        self,
        store: Store,
        vocab: Vocab,
        allow: Policies,
        clock: Clock,
        *,
        ids: Ids,
        home_scope: str,
        contexts: Mapping[str, Path] | None = None,
        default_context: str = "linli",
        fetching: Fetching | None = None,
        caps: Caps | None = None,
        zone: str = "Asia/Shanghai",
    ) -> None:
        """Stand on a store. `home_scope`: where entities of ours belong that come without a scope.

        `contexts`: further @context documents by URL. `fetching`: how others may be fetched; without it none is.
        `caps`: how large what comes in may be. `zone`: time zone of the people here, by which their days begin and end.
        `default_context`: which context holds for requests that name none, "linli" (ours) or "core" (the bare standard).
        """
        self.ids = ids
        self.caps = caps or Caps()
        self.contexts = Contexts(
            vocab, contexts or {}, default=default_context, store=store, clock=clock, fetching=fetching, caps=self.caps
        )
        self.log = Log(store, TENANT)
        self.changes = Recent()
        self._store = store
        self._vocab = vocab
        self._allow = allow
        self._clock = clock
        self._home_scope = home_scope
        self.persons = Persons(vocab, clock, ZoneInfo(zone))
        self._denials = Denials(store, vocab, clock)
        self._sight = Sight(vocab, self.persons, self._denials.note)
        self._names = self._sight.names
        self._keys = Keys(vocab, self._names)
        self._answers = Answers(DEFAULT_ANSWERS_BYTES, clock.now_us)
        self._tenants = {TENANT}
        self._lines = Lines()

    async def start(self) -> None:
        """Begin what works by itself."""

    async def stop(self) -> None:
        """End what works by itself."""
        await self._denials.settled()

    async def settled(self) -> None:
        """Return when nothing is left to do at this moment of the clock."""
        await self._denials.settled()

    def _in_line(self, tenant: str, ids: Iterable[str]) -> Turn:
        """Stand in line behind all who read, change and write the same entities; else the slower would lose for ever."""
        return self._lines.turn(tenant, ids)

    async def knows_tenant(self, tenant: str) -> bool:
        """Tell whether a tenant exists: the default one does, any other since its first write."""
        if tenant not in self._tenants:
            self._tenants.update(await self._store.tenants())
        return tenant in self._tenants

    def _reminders(self, _: Change) -> tuple[Timer, ...]:
        """Return the timers that a change needs so that nothing is kept for too long."""
        return ()

    async def _commit(self, change: Change) -> Committed:
        if reminders := self._reminders(change):
            change = replace(change, set_timers=(*change.set_timers, *reminders))
        dull = self.changes.dull(change)
        images = {} if dull is not None else await self.changes.drawn(self._store, change)
        try:
            if change.deletes:
                change = await self.changes.with_farewells(self._store, change)
            committed = await self._store.commit(change)
            self._tenants.add(change.tenant)
        except (Conflict, AlreadyExists, ResourceNotFound) as error:
            raise Lost(error) from error
        self.changes.keep(images)
        for put in change.puts:
            self.persons.take_put(change.tenant, put)
        if dull is not None:
            self.changes.note_dull(change, committed.seq, dull)
        return committed

    @staticmethod
    async def _tried(attempt: Callable[[], Awaitable[T]], tries: int = TRIES) -> T:
        """Return what `attempt` returns; when others were faster it begins again, at most `tries` times.

        Raises: Conflict, AlreadyExists, ResourceNotFound: others were faster each time.
        """
        while True:
            tries -= 1
            try:
                return await attempt()
            except Lost as lost:
                if tries <= 0:
                    raise lost.error from lost

    async def _candidates(self, tenant: str, find: Find, first: int = PAGE) -> AsyncIterator[Stored]:
        """Yield what the store finds, letting others have the loop after each page; `first`: size of the first one."""
        async for page in self._pages(tenant, find, first):
            for stored in page:
                yield stored

    async def _pages(self, tenant: str, find: Find, first: int = PAGE) -> AsyncGenerator[list[Stored]]:
        """Yield what the store finds, page by page, letting others have the loop after each."""
        after, size = 0, min(first, PAGE)
        while True:
            page = await self._store.find(tenant, find, after=after, limit=size)
            yield page
            if len(page) < size:
                return
            after, size = page[-1].row, PAGE
            await asyncio.sleep(0)

    def refused(self, act: Act, verb: Verb, thing: Thing) -> None:
        """Take in that somebody is refused something, or told that it is not there: by trust, or by a room that looks closer."""
        decision = self._allow.allows(act, verb, thing)
        self._denials.note(act, verb, thing, "" if decision.ok else decision.policy)

    def _refused(self, act: Act, verb: Verb, doc: Doc) -> None:
        """Take in that somebody asked for what is not his; what is his, and is gone, was not refused."""
        thing = self._sight.thing(doc)
        if not self._allow.allows(act, verb, thing).ok:
            self.refused(act, verb, thing)

    def _decided(self, act: Act, verb: Verb, doc: Doc) -> Decision:
        """Return trust's answer about a document, which need not be looked at where the answer is always the same."""
        return self._allow.always(act, verb) or self._allow.allows(act, verb, self._sight.thing(doc))

    def _may_know(self, act: Act, doc: Doc) -> bool:
        """Tell whether `act` may know that an entity is there: who may read it, and who may only write it."""
        return self._decided(act, "read", doc).ok or self._decided(act, "change", doc).ok

    def _allowed(self, act: Act, verb: Verb, thing: Thing) -> Decision:
        decision = self._allow.allows(act, verb, thing)
        if not decision.ok:
            self._denials.note(act, verb, thing, decision.policy)
            raise NotAllowed
        return decision

    def _allowed_change(self, act: Act, verb: Verb, standing: Thing, after: Thing) -> Decision:
        """Return trust's answer to a change: about what stands there, and where it becomes another's, or moves, also
        about what shall stand, in every scope that is new.

        Raises: NotAllowed.
        """
        decision = self._allowed(act, verb, standing)
        if after != standing:
            self._allowed(act, verb, after)
            for scope in after.scopes:
                if scope not in standing.scopes:
                    self._allowed(act, verb, after.within(scope))
        return decision

    def _doc(self, stored: Stored) -> Doc | None:
        """Return the document of an entity as it stands at this moment, fresh; None when it has expired."""
        doc = decoded(stored)
        return alive(doc, self._clock.now_us()) if may_expire(stored) else doc

    def _change(self, act: Act, *decisions: Decision, **parts: Any) -> Change:
        """Return a change of the store by who acts, at this moment unless another is said. `decisions`: who allowed it."""
        if decisions:
            parts["policy"] = " ".join(sorted({one.policy for one in decisions}))
            parts["audit"] = tuple([row for one in decisions for row in one.audit])
        at_us = parts.pop("at_us", None)
        return Change(
            tenant=act.tenant,
            actor=act.who.id,
            purpose=act.purpose or "",
            at_us=self._clock.now_us() if at_us is None else at_us,
            **parts,
        )

    def _put(self, doc: Doc, facts: Iterable[Fact], attrs: tuple[str, ...], version: int) -> Put:
        """Return what the store takes. `attrs`: short names of what changed; `version` 0 = nothing stood there."""
        return Put(
            doc["id"],
            self._names.shorts(doc["type"]),
            tuple(doc["scope"]),
            orjson.dumps(doc),
            attrs,
            self._keys.keys(doc),
            self._keys.box(doc),
            tuple(facts),
            version,
        )
