"""Entity maps: what a query found, kept under an id, so that its pages come from one set while entities come and go.

A map holds the ids that fitted when it was made, in the order of that query, and beside each who has the entity: "@none"
is this node, other names are those of registrations. It decides who is a candidate and nothing else: what is shown, and
to whom, is judged anew for every page (5.5.9.3). A request that asks the same question as the one that made the map goes
through the list by `offset`, and what does not fit any more leaves the list; only what lies on the page or behind it is
looked at, so no entity is passed over or comes twice because an earlier one left. Any other question only looks among
the ids of the map and leaves it as it is.

A map is two records of the store, so that every process on it knows the map: a small one that says whose it is and how
long it is kept, and the list. Neither makes a log row. It belongs to who made it; to all others it is not there.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, Generic, TypeVar

import orjson
import structlog

from linli.base import SECOND_US, from_wire_time, to_wire_time
from linli.base.errors import BadRequestData, LinliError, NotAllowed, ResourceNotFound
from linli.store import DropRecord, PutRecord, Record, Timer
from linli.trust import Act, Principal, Thing, Verb

from ._ground import Lost
from ._joining import Join
from ._order import Order
from ._projection import Projection
from ._query import Query
from ._reading import Page
from ._spelling import checked_id
from ._temporal import Evolutions, Paging
from ._temporal_query import Span, read_period
from ._temporal_writing import TimeDoor
from ._terms import Terms

TYPE = "EntityMap"
#: kinds of the two records: whose the map is and until when, and the list
HEAD, LIST = "entity-map", "entity-map-list"
#: who has an entity: this node
HERE = "@none"
#: how long a map is kept when nobody asks for a time, in seconds
KEEP_S = 3600

_FORGET = "forget-map"
_MONTH_US = 30 * 86_400 * SECOND_US
_FORGETTER = Principal("engine:maps", "engine", ("/",))
_NONE = "There is no such entity map here."
_MEMBERS = frozenset({"@context", "id", "type", "expiresAt", "entityMap", "linkedMaps"})

P = TypeVar("P", Page, Evolutions)
#: answers a question about some candidates, as far as one page holds
Ask = Callable[["Among", Paging], Coroutine[Any, Any, P]]

_log = structlog.get_logger("broker")


@dataclass(frozen=True, slots=True)
class Among:
    """The only candidates of a query. `in_order`: they stand in the order that it asks for."""

    ids: Sequence[str]
    in_order: bool = False


@dataclass(frozen=True, slots=True)
class MapWish:
    """What a request says of entity maps. `question`: the same for all pages of one query; `named`: the map to go by;
    `keep_us`: how long a new one shall be kept."""

    question: bytes
    named: str | None = None
    keep_us: int | None = None


@dataclass(frozen=True, slots=True)
class EntityMap:
    """A map as it stands. `sources`: id of an entity -> who has it; `question`: a digest of what it was made for."""

    id: str
    until_us: int
    question: str
    sources: Mapping[str, list[str]]

    def shown(self) -> dict[str, Any]:
        """Return the map as the wire wants it."""
        return {
            "id": self.id,
            "type": TYPE,
            "expiresAt": to_wire_time(self.until_us),
            "entityMap": self.sources,
        }


@dataclass(frozen=True, slots=True)
class Mapped(Generic[P]):
    """A page, the map that it comes from, and whether that was made for it."""

    page: P
    map_id: str
    is_new: bool


def read_map_id(said: str) -> str:
    """Return the id of a map that is named by it, or by a path or URL that ends in it. Raises: BadRequestData."""
    return checked_id(said.rpartition("/")[2], "NGSILD-EntityMap")


def read_keep_us(said: Any) -> int:
    """Return for how long a map shall be kept, in microseconds. Raises: BadRequestData."""
    try:
        period = read_period(said)
    except BadRequestData as error:
        raise BadRequestData("entityMapLifetime: must be a duration like PT1H or P1D.") from error
    keep_us = period.months * _MONTH_US + period.us
    if not keep_us:
        raise BadRequestData("entityMapLifetime: must be longer than nothing.")
    return keep_us


class MapDoor(TimeDoor):
    """Keeps entity maps and answers by them."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Stand on the same ground, and let maps expire with everything else."""
        super().__init__(*args, **kwargs)
        self._expirers[_FORGET] = self._expire_map

    # the resource

    async def get_map(self, act: Act, map_id: str) -> EntityMap:
        """Return a map. Raises: ResourceNotFound, BadRequestData."""
        record = await self._map_head(act, checked_id(map_id), "read")
        listed = await self._store.record(act.tenant, LIST, map_id)
        if listed is None:
            raise ResourceNotFound(_NONE)
        head = orjson.loads(record.doc)
        return EntityMap(map_id, head["until_us"], head["question"], orjson.loads(listed.doc))

    async def change_map(self, act: Act, map_id: str, body: Any) -> None:
        """Keep a map until another time, at most as long as one is ever kept; what this node decides is passed over.

        Raises: ResourceNotFound, NotAllowed, BadRequestData.
        """
        said = _read_change(body)

        async def attempt() -> None:
            record = await self._map_head(act, checked_id(map_id), "change")
            if said is None:
                return
            until_us = min(said, self._clock.now_us() + self.caps.map_keep_s * SECOND_US)
            if until_us <= self._clock.now_us():
                await self._forget_map(act, map_id)
                return
            head = orjson.dumps({**orjson.loads(record.doc), "until_us": until_us})
            put = PutRecord(HEAD, map_id, head, expect_version=record.version, quiet=True)
            await self._commit(self._change(act, records=(put,), set_timers=(_timer(map_id, until_us),)))

        await self._tried(attempt)

    async def delete_map(self, act: Act, map_id: str) -> None:
        """Forget a map. Raises: ResourceNotFound, NotAllowed, BadRequestData."""
        await self._map_head(act, checked_id(map_id), "delete")
        try:
            await self._forget_map(act, map_id)
        except Lost as lost:
            raise lost.error from lost

    async def create_query_map(
        self,
        act: Act,
        wish: MapWish,
        query: Query,
        *,
        terms: Terms,
        projection: Projection,
        order: Order | None = None,
        join: Join | None = None,
    ) -> EntityMap:
        """Make a map of all entities that a query finds.

        Raises: NotAllowed; as `query`; TooManyResults: more than a map holds.
        """
        self._may_map(act)
        most = self.caps.map_entities
        ids = await self.query_ids(act, query, terms=terms, projection=projection, order=order, join=join, most=most)
        return await self._made(act, wish, ids)

    async def create_evolution_map(
        self, act: Act, wish: MapWish, query: Query, *, span: Span, projection: Projection, descending: bool | None
    ) -> EntityMap:
        """Make a map of all entities whose evolutions a query finds.

        Raises: NotAllowed; as `evolutions`; TooManyResults: more than a map holds.
        """
        self._may_map(act)
        most = self.caps.map_entities
        ids = await self.evolution_ids(act, query, span=span, projection=projection, descending=descending, most=most)
        return await self._made(act, wish, ids)

    # answers by a map

    async def query_by_map(
        self,
        act: Act,
        wish: MapWish,
        query: Query,
        *,
        terms: Terms,
        projection: Projection,
        paging: Paging,
        order: Order | None = None,
        join: Join | None = None,
    ) -> Mapped[Page]:
        """Return a page by the map that is named, else by a new one. Raises: as `create_query_map`."""

        async def ask(among: Among, part: Paging) -> Page:
            return await self.query(
                act,
                query,
                terms=terms,
                projection=projection,
                limit=part.limit,
                offset=part.offset,
                count=part.count,
                order=None if among.in_order else order,
                join=join,
                among=among.ids,
            )

        one = await self._named_map(act, wish)
        made = one or await self.create_query_map(
            act, wish, query, terms=terms, projection=projection, order=order, join=join
        )
        return Mapped(await self._page_by(act, made, wish, paging, ask), made.id, one is None)

    async def evolutions_by_map(
        self,
        act: Act,
        wish: MapWish,
        query: Query,
        *,
        terms: Terms,
        span: Span,
        projection: Projection,
        paging: Paging,
    ) -> Mapped[Evolutions]:
        """Return a page of evolutions by the map that is named, else by a new one. Raises: as `create_evolution_map`."""

        async def ask(among: Among, part: Paging) -> Evolutions:
            part = replace(part, descending=None) if among.in_order else part
            return await self.evolutions(
                act, query, terms=terms, span=span, projection=projection, paging=part, among=among.ids
            )

        one = await self._named_map(act, wish)
        made = one or await self.create_evolution_map(
            act, wish, query, span=span, projection=projection, descending=paging.descending
        )
        return Mapped(await self._page_by(act, made, wish, paging, ask), made.id, one is None)

    async def map_of(self, act: Act, wish: MapWish, entity_id: str) -> str:
        """Return the id of the map by which one entity was read: that which is named if it has it, else a new one.

        Raises: NotAllowed.
        """
        one = await self._named_map(act, wish)
        if one is None or entity_id not in one.sources:
            one = await self._made(act, wish, [entity_id])
        return one.id

    # inside

    def _may_map(self, act: Act, verb: Verb = "create", owner: str | None = None) -> None:
        if not self._allow.allows(act, verb, _thing(owner or act.who.id)).ok:
            raise NotAllowed

    async def _map_head(self, act: Act, map_id: str, verb: Verb) -> Record:
        """Return who has a map and until when. Raises: ResourceNotFound: also when it is not for `act` to know of."""
        record = await self._store.record(act.tenant, HEAD, map_id)
        head = {} if record is None else orjson.loads(record.doc)
        if record is None or head["until_us"] <= self._clock.now_us():
            raise ResourceNotFound(_NONE)
        if not self._allow.allows(act, "read", _thing(head["owner"])).ok:
            raise ResourceNotFound(_NONE)
        self._may_map(act, verb, head["owner"])
        return record

    async def _named_map(self, act: Act, wish: MapWish) -> EntityMap | None:
        """Return the map that a request names; None when it names none that is there."""
        if wish.named is None:
            return None
        try:
            return await self.get_map(act, wish.named)
        except ResourceNotFound:
            return None

    async def _made(self, act: Act, wish: MapWish, ids: Sequence[str]) -> EntityMap:
        """Keep a new map. Raises: NotAllowed."""
        self._may_map(act)
        now_us = self._clock.now_us()
        keep_us = KEEP_S * SECOND_US if wish.keep_us is None else wish.keep_us
        until_us = now_us + min(keep_us, self.caps.map_keep_s * SECOND_US)
        sources = {entity_id: [HERE] for entity_id in ids}
        made = EntityMap(self.ids.new(TYPE, now_us), until_us, _digest(act, wish), sources)
        head = {"owner": act.who.id, "until_us": until_us, "question": made.question}
        puts = (
            PutRecord(HEAD, made.id, orjson.dumps(head), expect_version=0, quiet=True),
            PutRecord(LIST, made.id, orjson.dumps(sources), expect_version=0, quiet=True),
        )

        async with self._in_line(act.tenant, [HEAD]):
            for map_id in await self._crowded_out(act):
                with suppress(Lost):  # another process was faster to forget it
                    await self._forget_map(act, map_id)
            await self._commit(self._change(act, records=puts, set_timers=(_timer(made.id, until_us),)))
        return made

    async def _crowded_out(self, act: Act) -> list[str]:
        """Return the maps that must go for a new one: the oldest of whoever has most, so that nobody crowds out others."""
        records = await self._store.records(act.tenant, HEAD, limit=2 * self.caps.maps)
        held: dict[str, list[str]] = {act.who.id: []}
        for record in records:
            held.setdefault(orjson.loads(record.doc)["owner"], []).append(record.record_id)
        gone = []
        for _ in range(len(records) + 1 - self.caps.maps):
            most = max(held, key=lambda owner: len(held[owner]) + (owner == act.who.id))
            if held[most]:
                gone.append(held[most].pop(0))
        return gone

    async def _page_by(self, act: Act, one: EntityMap, wish: MapWish, paging: Paging, ask: Ask[P]) -> P:
        ids = list(one.sources)
        if one.question != _digest(act, wish):
            return await ask(Among(ids), paging)
        page = await ask(Among(ids[paging.offset :], in_order=True), replace(paging, offset=0))
        if page.total is not None and paging.offset:
            before = await ask(Among(ids[: paging.offset], in_order=True), Paging(0, 0, count=True))
            page = replace(page, total=page.total + (before.total or 0))
        if page.gone:
            await self._leave_out(act, one.id, page.gone)
        return page

    async def _leave_out(self, act: Act, map_id: str, gone: Sequence[str]) -> None:
        """Take entities out of the list of a map; what others may have as well is not for this node to judge."""

        async def attempt() -> None:
            record = await self._store.record(act.tenant, LIST, map_id)
            if record is None:
                return
            left = orjson.loads(record.doc)
            for entity_id in gone:
                if left.get(entity_id) == [HERE]:
                    del left[entity_id]
            put = PutRecord(LIST, map_id, orjson.dumps(left), expect_version=record.version, quiet=True)
            await self._commit(self._change(act, records=(put,)))

        try:
            await self._tried(attempt)
        except LinliError as error:
            # What stays in the list is judged again on every page, so that the page at hand is right without this.
            _log.warning("broker.map.not_pruned", error=error.message)

    async def _expire_map(self, tenant: str, map_id: str) -> None:
        """Forget a map whose time is over; nothing happens when it was given more in the meantime."""

        async def attempt() -> None:
            record = await self._store.record(tenant, HEAD, map_id)
            if record is not None and orjson.loads(record.doc)["until_us"] <= self._clock.now_us():
                await self._forget_map(Act(_FORGETTER, "operation", tenant), map_id)

        await self._tried(attempt)

    async def _forget_map(self, act: Act, map_id: str) -> None:
        await self._commit(self._change(act, records=_drops(map_id), drop_timers=((map_id, _FORGET),)))


def _thing(owner: str) -> Thing:
    return Thing(TYPE, (), (owner,))


def _timer(map_id: str, until_us: int) -> Timer:
    return Timer(map_id, TYPE, _FORGET, until_us)


def _drops(map_id: str) -> tuple[DropRecord, DropRecord]:
    return DropRecord(HEAD, map_id, quiet=True), DropRecord(LIST, map_id, quiet=True)


def _digest(act: Act, wish: MapWish) -> str:
    """Return what a question of one asker is recognised by: what he may see depends on his purpose too."""
    asker = orjson.dumps([act.who.id, act.purpose])
    return hashlib.blake2b(asker + wish.question, digest_size=16).hexdigest()


def _read_change(body: Any) -> int | None:
    """Return until when a map shall be kept; None when that is not said. Raises: BadRequestData."""
    if not isinstance(body, dict) or body.get("type", TYPE) != TYPE:
        raise BadRequestData(f"The body must be a JSON object, and its type {TYPE}.")
    unknown = body.keys() - _MEMBERS
    if unknown:
        raise BadRequestData(f"{min(unknown)[:100]}: cannot stand in an entity map.")
    if "expiresAt" not in body:
        return None
    said = body["expiresAt"]
    try:
        return from_wire_time(said if isinstance(said, str) else "")
    except BadRequestData as error:
        raise BadRequestData(f"expiresAt: {error.message}") from error
