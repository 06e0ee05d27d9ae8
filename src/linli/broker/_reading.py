"""Reading for the wire: one entity, or a page of many, in the requester's @context."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from heapq import heapify, heappop, heapreplace, nsmallest
from typing import Any

from linli.base import write_json
from linli.base.errors import BadRequestData, ResourceNotFound, TooManyResults
from linli.store import Find, Stored
from linli.trust import Act, Decision, Verb

from ._answers import Known, Last
from ._auditing import AuditingDoor, Looks
from ._evaluate import ALONE, Judged, Linked, wanted
from ._ground import PAGE
from ._joining import Join, joined, reached
from ._narrow import Narrowing, types_of
from ._order import Order
from ._plain import Doc, decoded, expiry_us, may_expire
from ._projection import Projection, checked
from ._query import Node, Query
from ._reaches import Reaches
from ._render import rendered
from ._sight import NO_CLASS, Seen
from ._terms import Terms

#: how far into an order somebody may look: so many entities are held until the order of all is known
ORDERED_MAX = 10_000
_ORDERED_SPARE = 1000
#: how many ways of asking one query are remembered as allowed
PASSED_MAX = 64


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a query, each entity as JSON. `more`: there are further ones; `total`: how many in all, when that was
    asked; `lasts`: it stays the same until something is written, for nothing that was looked at expires; `gone`: those
    of the ids among which it looked that do not fit, as far as it came."""

    entities: list[bytes]
    more: bool
    total: int | None = None
    lasts: bool = True
    gone: tuple[str, ...] = ()


@dataclass(slots=True)
class _Hit:
    """A stored entity that `act` may see; its document is decoded, and what is known of it looked up, when somebody needs
    it. `expires`: a part of it will expire. `opened`: the classes of what its answer shows in clear."""

    stored: Stored
    decision: Decision
    expires: bool
    doc: Doc | None = None
    known: Known | None = None
    seen: Seen | None = None
    opened: frozenset[str] = NO_CLASS


@dataclass(slots=True)
class Watch:
    """How many candidates are fetched at once at first, and their ids when they are named; how many that fit are enough;
    whether something that was looked at will expire; which of those that are named were found not to fit."""

    first: int = PAGE
    among: Sequence[str] | None = None
    enough: int | None = None
    expires: bool = False
    gone: list[str] = field(default_factory=list)


class ReadingDoor(AuditingDoor):
    """Reads for the wire."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Stand on the same ground."""
        super().__init__(*args, **kwargs)
        self._narrowing = Narrowing(self._names, self._keys)
        self._reaches = Reaches(self._keys, frozenset(self._vocab.types), self._home_scope)

    async def get(
        self,
        act: Act,
        entity_id: str,
        *,
        terms: Terms | None = None,
        projection: Projection | None = None,
        types: Node | None = None,
        simplified: bool = False,
        looks: Looks | None = None,
    ) -> dict[str, Any]:
        """Return an entity as the wire wants it; what the purpose does not open is left out, not refused.

        `looks`: takes in what it shows of persons, and whoever answers with it writes that down.
        Raises: ResourceNotFound: it is not there, or `act` may not know of it.
        """
        hit = self._found(act, await self._store.get(act.tenant, entity_id), types)
        shown = self._seen(act, hit).shown
        how = checked(projection or Projection(simplified=simplified))
        if looks is not None and (opened := self._seen(act, hit).classes(how.tells)):
            self._take_look(looks, hit, opened)
        return rendered(shown, hit.stored.created_us, hit.stored.modified_us, terms or self.contexts.default, how)

    async def get_news(
        self, act: Act, entity_id: str, changed: Sequence[str], *, looks: Looks
    ) -> tuple[dict[str, Any], list[str]]:
        """Return an entity as `get` does, and of the attributes that changed those of which `act` may know.

        Raises: ResourceNotFound: it is not there, or `act` may not know of it.
        """
        hit = self._found(act, await self._store.get(act.tenant, entity_id), None)
        shown = await self.get(act, entity_id, simplified=True, looks=looks)
        return shown, self._sight.shows(hit.doc or decoded(hit.stored), changed, hit.decision, act)

    async def get_bytes(
        self, act: Act, entity_id: str, terms: Terms, projection: Projection, *, types: Node | None = None
    ) -> bytes:
        """Return an entity as JSON, from what was rendered before where that is possible.

        Raises: ResourceNotFound, PurposeMissing, NotAllowed. BadRequestData: pick or omit look beyond the entity.
        """
        stored = await self._store.get(act.tenant, entity_id)
        if stored is not None and types is None:
            known = self._answers.known(act.tenant, stored)
            last = None if known is None else known.last
            if (
                last is not None
                and last.act is act
                and last.terms is terms
                and last.projection is projection
                and last.edition == self._allow.edition
            ):
                return last.answer
        _check_hops(checked(projection).hops, None)
        hit = self._found(act, stored, types)
        answer = self._body(act, hit, terms, projection)
        if not answer:
            self._check_asked(act, hit, projection)
            raise ResourceNotFound("The entity has none of the members that were asked for.")
        if hit.opened:
            await self.shown(self._looks(act, [hit]), "read")
        elif hit.decision.lasts and self._bound(act, hit) is None:
            self._known(act, hit).last = Last(act, terms, projection, self._allow.edition, answer)
        return answer

    async def get_joined(
        self, act: Act, entity_id: str, terms: Terms, projection: Projection, *, join: Join, types: Node | None = None
    ) -> list[dict[str, Any]]:
        """Return an entity with those that it is linked to: inside it, or after it.

        Raises: as get_bytes; TooManyResults.
        """
        _check_hops(projection.hops, join)
        hit = self._found(act, await self._store.get(act.tenant, entity_id), types)
        self._check_asked(act, hit, checked(projection))
        looks = Looks(act)
        found = await self._joined(looks, [hit], terms, projection, join)
        await self.shown(looks, "read")
        return found

    async def query(
        self,
        act: Act,
        query: Query,
        *,
        terms: Terms,
        projection: Projection,
        limit: int = 20,
        offset: int = 0,
        count: bool = False,
        order: Order | None = None,
        join: Join | None = None,
        among: Sequence[str] | None = None,
    ) -> Page:
        """Return a page of what is wanted and may be seen, in the order of creation unless another is asked for.

        `among`: ids of the only candidates; then their order is that of the answer, unless another is asked for.
        Raises: PurposeMissing, NotAllowed: personal attributes are asked for that the purpose does not open.
        BadRequestData: q, pick or omit follow relationships further than `join` does. TooManyResults.
        """
        self._check_query(act, query, projection, order, join)
        to_the_end = count or order is not None
        enough = offset + limit + 1
        watch = Watch(PAGE, among) if to_the_end else Watch(enough, among, enough)
        if order is None:
            hits, met = await _page(self._wanted_pages(act, query, terms, projection, watch), offset, limit)
        else:
            hits, met = await self._ordered(
                act, self._wanted(act, query, terms, projection, watch), order, offset, limit
            )
        if join is None:
            bodies = [self._body(act, hit, terms, projection) for hit in hits]
            looks = self._looks(act, hits)
        else:
            looks = Looks(act)
            bodies = [write_json(one) for one in await self._joined(looks, hits, terms, projection, join)]
        await self.shown(looks, "list")
        lasts = join is None and not watch.expires and not looks.entities
        return Page(bodies, met > offset + limit, met if count else None, lasts, tuple(watch.gone))

    async def query_ids(
        self,
        act: Act,
        query: Query,
        *,
        terms: Terms,
        projection: Projection,
        order: Order | None = None,
        join: Join | None = None,
        most: int,
    ) -> list[str]:
        """Return the id of everything that `query` would return on all its pages, in the same order.

        Raises: as `query`; TooManyResults: more than `most`.
        """
        self._check_query(act, query, projection, order, join)
        held: list[tuple[tuple[Any, ...], int, str]] = []
        async for hit in self._wanted(act, query, terms, projection):
            if len(held) == most:
                raise TooManyResults(f"An entity map holds at most {most} entities; narrow the query.")
            key = order.key(self._to_judge(act, hit)) if order else ()
            held.append((key, hit.stored.row, hit.stored.entity_id))
        return [entity_id for _, _, entity_id in sorted(held, key=lambda one: one[:2])]

    async def head(self, tenant: str) -> int:
        """Return where the log of a tenant stands: it moves with every write."""
        return await self._store.head(tenant)

    # inside

    def _check_query(
        self, act: Act, query: Query, projection: Projection, order: Order | None, join: Join | None
    ) -> None:
        """Refuse what cannot be asked. Raises: as `query`."""
        _check_hops(max(query.hops, checked(projection).hops), join)
        passed = query.worked_out.passed
        question = (self._sight, act.purpose, query.geo.name if query.geo else None)
        if order is None and question in passed:
            return
        names = query.names() | (order.names() if order else frozenset())
        self._sight.check_purpose(act)
        self._sight.check_filter(act, names, types_of(query))
        if order is None and len(passed) < PASSED_MAX:
            passed.add(question)

    async def _visible(self, act: Act, entity_id: str) -> tuple[Stored, Doc]:
        """Return an entity whole, for one who will change it. Raises: ResourceNotFound, NotAllowed."""
        self._sight.check_purpose(act)
        stored = await self._store.get(act.tenant, entity_id)
        doc = None if stored is None else self._doc(stored)
        if stored is None or doc is None:
            raise ResourceNotFound
        if not self._may_know(act, doc):
            self._refused(act, "read", doc)
            raise ResourceNotFound
        return stored, doc

    def _found(self, act: Act, stored: Stored | None, types: Node | None) -> _Hit:
        """Return what `act` may see of an entity that was looked up. Raises: ResourceNotFound, NotAllowed."""
        if act.purpose is not None:
            self._sight.check_purpose(act)
        if stored is None:
            raise ResourceNotFound
        hit = self._hit(act, stored, "read", self._allow.always(act, "read"))
        if hit is None:
            self._refused(act, "read", decoded(stored))
            raise ResourceNotFound
        if types is not None and not self._fits_alone(act, Query(types=types), hit):
            raise ResourceNotFound
        return hit

    def _hit(
        self, act: Act, stored: Stored, verb: Verb, always: Decision | None = None, *, inside: bool = False
    ) -> _Hit | None:
        """Return what `act` may see of a stored entity; None when it is none of his, or has expired.

        `always`: trust's answer, where it is the same for every entity. `inside`: its document will be looked at anyhow.
        """
        if inside and always is not None:
            expires = may_expire(stored)
            doc = self._doc(stored) if expires else decoded(stored)
            return None if doc is None else _Hit(stored, always, expires, doc)
        known, doc = self._answers.known(act.tenant, stored), None
        if known is None:
            doc = self._doc(stored)
            if doc is None:
                return None
            known = _new_known(stored, doc)
        decision = always
        if decision is None:
            if known.thing is None:
                known.thing = self._sight.thing(doc or decoded(stored))
            decision = self._allow.allows(act, verb, known.thing)
            if not decision.ok:
                return None
        return _Hit(stored, decision, known.until_us is not None, doc, known)

    def _known(self, act: Act, hit: _Hit) -> Known:
        """Look up what is known of an entity, whose answers are kept there."""
        known = self._answers.known(act.tenant, hit.stored)
        hit.known = known or _new_known(hit.stored, hit.doc or decoded(hit.stored))
        return hit.known

    def _seen(self, act: Act, hit: _Hit) -> Seen:
        if hit.seen is None:
            doc = hit.doc or self._doc(hit.stored)
            if doc is None:
                raise ResourceNotFound
            hit.seen = self._sight.seen(doc, hit.decision, act, "apply")
        return hit.seen

    def _to_judge(self, act: Act, hit: _Hit) -> Judged:
        return Judged(self._seen(act, hit).judged, hit.stored.created_us, hit.stored.modified_us)

    def _check_asked(self, act: Act, hit: _Hit, projection: Projection) -> Doc:
        """Return the document as it is shown. Raises: PurposeMissing, NotAllowed."""
        seen = self._seen(act, hit)
        if seen.withheld:
            self._sight.check_asked(act, seen, projection.asked(), projection.omit)
        return seen.shown

    def _body(self, act: Act, hit: _Hit, terms: Terms, projection: Projection) -> bytes:
        """Return an entity as JSON; nothing when nothing is left of it. Raises: PurposeMissing, NotAllowed."""
        known = hit.known or self._known(act, hit)
        way = self._answers.way((terms, projection, hit.decision.shown, act.purpose, self._bound(act, hit)))
        answer = known.views.get(way)
        if answer is None:
            answer = b""
            if projection.fits(self._seen(act, hit).shown):
                shown, stored = self._check_asked(act, hit, projection), hit.stored
                answer = write_json(rendered(shown, stored.created_us, stored.modified_us, terms, projection))
                hit.opened = self._seen(act, hit).classes(projection.tells)
            self._answers.keep(act.tenant, hit.stored, known, way=way, answer=answer, opened=hit.opened)
        elif known.opened:
            hit.opened = known.opened.get(way, NO_CLASS)
        return answer

    def _bound(self, act: Act, hit: _Hit) -> Hashable:
        """Return what an answer hangs on beside the entity: what persons agreed to, and whether they ask themselves."""
        if act.purpose is None:
            return None
        known = hit.known or self._known(act, hit)
        if known.whose is None:
            known.whose = self.persons.whose(hit.doc or decoded(hit.stored))
        return self.persons.bound(act, known.whose)

    def _looks(self, act: Act, hits: Iterable[_Hit]) -> Looks:
        """Return what the answers of some hits show of persons."""
        looks = Looks(act)
        for hit in hits:
            if hit.opened:
                self._take_look(looks, hit, hit.opened)
        return looks

    def _take_look(self, looks: Looks, hit: _Hit, opened: frozenset[str]) -> None:
        known, stored = hit.known or self._known(looks.act, hit), hit.stored
        if known.whose is None:
            known.whose = self.persons.whose(hit.doc or decoded(stored))
        looks.add(
            stored.entity_id,
            stored.types,
            stored.scopes,
            persons=known.whose.subjects,
            classes=opened,
            policy=hit.decision.policy,
        )

    async def _joined(
        self, looks: Looks, hits: list[_Hit], terms: Terms, projection: Projection, join: Join
    ) -> list[dict[str, Any]]:
        """Return some entities with those that they are linked to, and take in what they show."""
        act = looks.act
        roots = [
            Judged(self._check_asked(act, hit, projection), hit.stored.created_us, hit.stored.modified_us)
            for hit in hits
        ]
        for hit in hits:
            if opened := self._seen(act, hit).classes(projection.tells):
                self._take_look(looks, hit, opened)

        async def fetch(ids: list[str]) -> Mapping[str, Judged]:
            found = await self._looked_up(act, ids)
            for hit in found:
                if opened := frozenset(self._seen(act, hit).opened.values()):
                    self._take_look(looks, hit, opened)
            return {
                hit.stored.entity_id: Judged(self._seen(act, hit).shown, hit.stored.created_us, hit.stored.modified_us)
                for hit in found
            }

        return await joined(roots, projection, join, terms, fetch)

    async def _looked_up(self, act: Act, ids: list[str]) -> list[_Hit]:
        """Return those of some entities that `act` may see."""
        found = [await self._store.get(act.tenant, entity_id) for entity_id in ids]
        hits = [self._hit(act, stored, "read") for stored in found if stored is not None]
        return [hit for hit in hits if hit is not None]

    async def _wanted(
        self,
        act: Act,
        query: Query,
        terms: Terms,
        projection: Projection,
        watch: Watch | None = None,
    ) -> AsyncIterator[_Hit]:
        """Yield the entities that `act` may list, that fit, and of which something is left."""
        async for hits in self._wanted_pages(act, query, terms, projection, watch or Watch()):
            for hit in hits:
                yield hit

    async def _wanted_pages(
        self, act: Act, query: Query, terms: Terms, projection: Projection, watch: Watch
    ) -> AsyncIterator[list[_Hit]]:
        """Yield the same, those of each page of candidates together; nothing is looked at when there are enough."""
        through = [path for path in query.paths if path.beyond is not None] if query.hops else []

        async def fetch(ids: list[str]) -> Mapping[str, Judged]:
            watch.expires = True  # what is linked is not watched
            return {hit.stored.entity_id: self._to_judge(act, hit) for hit in await self._looked_up(act, ids)}

        always, inside, whole = self._allow.always(act, "list"), query.asks_inside, projection.whole
        among, left = watch.among, watch.enough
        pages = self._narrowed(act, query, watch.first) if among is None else self._named(act.tenant, among, watch)
        async for page in pages:
            hits: list[_Hit] = []
            for stored in page:
                hit, fits = self._hit(act, stored, "list", always, inside=inside), False
                if hit is not None:
                    watch.expires = watch.expires or hit.expires
                    linked = await reached(self._to_judge(act, hit), through, fetch) if through else ALONE
                    fits = self._fits(act, query, hit, linked)
                if hit is not None and fits and (whole or self._body(act, hit, terms, projection)):
                    hits.append(hit)
                    if len(hits) == left:
                        break
                elif among is not None:
                    watch.gone.append(stored.entity_id)
            yield hits
            left = left and left - len(hits)
            if left == 0:
                await pages.aclose()
                return

    def _fits(self, act: Act, query: Query, hit: _Hit, linked: Linked) -> bool:
        """Tell whether an entity fits a query."""
        if query.asks_inside:
            return wanted(query, *self._to_judge(act, hit), linked)
        return self._fits_alone(act, query, hit)

    def _fits_alone(self, act: Act, query: Query, hit: _Hit) -> bool:
        """Tell whether an entity fits a query that asks for no attribute, without decoding it."""
        stored = hit.stored
        types = (hit.known or self._known(act, hit)).types
        doc = {"id": stored.entity_id, "type": types, "scope": stored.scopes, "attrs": {}}
        return wanted(query, doc, stored.created_us, stored.modified_us)

    async def _ordered(
        self, act: Act, find: AsyncIterator[_Hit], order: Order, offset: int, limit: int
    ) -> tuple[list[_Hit], int]:
        """Return a page in an order, and how many there are in all; no more of them are held than the page needs."""
        wanted_first = offset + limit
        if wanted_first > ORDERED_MAX:
            raise TooManyResults(f"orderBy: only the first {ORDERED_MAX} entities of an order can be seen.")
        held: list[tuple[tuple[Any, ...], int, _Hit]] = []
        met = 0
        async for hit in find:
            held.append((order.key(self._to_judge(act, hit)), hit.stored.row, hit))
            hit.doc = hit.seen = None
            met += 1
            if len(held) > wanted_first + _ORDERED_SPARE:
                held = nsmallest(wanted_first, held, key=_place)
        held = sorted(held, key=_place)
        return [hit for _, _, hit in held[offset:wanted_first]], met

    def _narrowed(self, act: Act, query: Query, first: int = PAGE) -> AsyncGenerator[list[Stored]]:
        """Return pages of candidates, `first` of them at once; trust says where to look, as far as it knows beforehand."""
        find = self._narrowing.find(query)
        if not self._reaches.knows(find):
            return self._pages(act.tenant, find, first)
        finds = self._reaches.finds(find, self._allow.filter(act, "list", find.types[0]).reaches)
        return self._pages(act.tenant, finds[0], first) if len(finds) == 1 else self._merged(act.tenant, finds, first)

    async def _merged(self, tenant: str, finds: Sequence[Find], first: int) -> AsyncGenerator[list[Stored]]:
        """Yield pages of what any of some searches finds, in the order of creation, each once."""
        streams = [self._candidates(tenant, find, first) for find in finds]
        heads = [(stored.row, at, stored) for at, one in enumerate(streams) if (stored := await anext(one, None))]
        heapify(heads)
        page: list[Stored] = []
        size, last = min(first, PAGE), 0
        while heads:
            row, at, stored = heads[0]
            if row != last:
                last = row
                page.append(stored)
            following = await anext(streams[at], None)
            if following is None:
                heappop(heads)
            else:
                heapreplace(heads, (following.row, at, following))
            if len(page) == size:
                yield page
                page, size = [], PAGE
        yield page

    async def _named(self, tenant: str, ids: Sequence[str], watch: Watch) -> AsyncGenerator[list[Stored]]:
        """Yield pages of the entities of some ids in the order of these, and note the ids under which there is none."""
        at, size = 0, min(watch.first, PAGE)
        while at < len(ids):
            some = tuple(ids[at : at + size])
            found = {one.entity_id: one for one in await self._store.find(tenant, Find(ids=some), limit=len(some))}
            watch.gone += [entity_id for entity_id in some if entity_id not in found]
            yield [found[entity_id] for entity_id in some if entity_id in found]
            at, size = at + size, PAGE
            await asyncio.sleep(0)


def _new_known(stored: Stored, doc: Doc) -> Known:
    until_us = expiry_us(decoded(stored)) if may_expire(stored) else None
    return Known(stored.row, stored.version, tuple(doc["type"]), until_us)


async def _page(pages: AsyncIterator[list[_Hit]], offset: int, limit: int) -> tuple[list[_Hit], int]:
    """Return a page, and how many were met in all."""
    hits: list[_Hit] = []
    met = 0
    async for found in pages:
        hits += found[max(0, offset - met) : max(0, offset + limit - met)]
        met += len(found)
    return hits, met


def _place(held: tuple[tuple[Any, ...], int, _Hit]) -> tuple[tuple[Any, ...], int]:
    return held[0], held[1]


def _check_hops(hops: int, join: Join | None) -> None:
    if hops > (join.level if join else 0):
        raise BadRequestData(
            "q, pick, omit: to look beyond relationships, say join and a joinLevel that reaches so far."
        )


def fits(query: Query, doc: Doc, stored: Stored) -> bool:
    """Tell whether a stored entity fits every part of a query that follows no relationship."""
    return wanted(query, doc, stored.created_us, stored.modified_us)
