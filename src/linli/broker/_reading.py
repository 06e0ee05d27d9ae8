"""Reading for the wire: one entity, a page of many, which types there are; in the requester's @context."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from heapq import merge
from typing import Any

from linli.base import write_json
from linli.base.errors import (
    ResourceNotFound,
)
from linli.store import Stored
from linli.trust import Act, Decision, Thing, Verb

from ._evaluate import wanted
from ._ground import Ground
from ._narrow import Narrowing, type_names
from ._plain import Doc, decoded
from ._query import Node, Query
from ._render import Projection, checked, rendered
from ._sight import OWNER_ATTRS
from ._terms import Terms


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a query. `more`: there are further entities; `total`: how many in all, when that was asked."""

    entities: list[dict[str, Any]]
    more: bool
    total: int | None = None


class ReadingDoor(Ground):
    """Reads for the wire."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Stand on the same ground."""
        super().__init__(*args, **kwargs)
        self._narrowing = Narrowing(self._vocab, self._names, self._keys)

    async def get(
        self,
        act: Act,
        entity_id: str,
        *,
        terms: Terms | None = None,
        projection: Projection | None = None,
        types: Node | None = None,
        simplified: bool = False,
    ) -> dict[str, Any]:
        """Return an entity as the wire wants it; what the purpose does not open is left out, not refused.

        Raises: ResourceNotFound: it is not there, or `act` may not know of it.
        """
        projection = projection or Projection(simplified=simplified)
        stored, doc, decision = await self._visible(act, entity_id, "read")
        if types is not None and not fits(Query(types=types), doc, stored):
            raise ResourceNotFound
        shown = self._sight.seen(doc, decision, act, "apply").shown
        terms = terms or self.contexts.default
        return rendered(shown, stored.created_us, stored.modified_us, terms, checked(projection))

    async def get_bytes(
        self, act: Act, entity_id: str, terms: Terms, projection: Projection, types: Node | None = None
    ) -> bytes:
        """Return an entity as JSON, from what was rendered before where that is possible.

        Raises: ResourceNotFound, PurposeMissing, NotAllowed.
        """
        stored = await self._store.get(act.tenant, entity_id)
        if stored is None:
            raise ResourceNotFound
        known = self._answers.known(act.tenant, stored)
        if known is None:
            known = self._answers.learn(act.tenant, stored, self._sight.thing(decoded(stored)))
        decision = self._allow.allows(act, "read", known.thing)
        if not decision.ok:
            raise ResourceNotFound
        self._sight.check_purpose(act)
        view = (terms.key, projection.simplified, projection.sys_attrs, decision.shown, act.purpose)
        keeps = projection.whole and types is None
        answer = known.views.get(view) if keeps else None
        if answer is not None:
            return answer
        doc = decoded(stored)
        if types is not None and not fits(Query(types=types), doc, stored):
            raise ResourceNotFound
        seen = self._sight.seen(doc, decision, act, "apply")
        self._sight.check_asked(act, seen, projection.asked(), projection.omit)
        answer = write_json(rendered(seen.shown, stored.created_us, stored.modified_us, terms, checked(projection)))
        if keeps:
            self._answers.keep(known, view, answer)
        return answer

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
    ) -> Page:
        """Return a page of what is wanted and may be seen, in the order of creation.

        Raises: PurposeMissing, NotAllowed: personal attributes are asked for that the purpose does not open.
        """
        checked(projection)
        self._sight.check_purpose(act)
        self._sight.check_filter(act, query.names(), type_names(query.types))
        entities: list[dict[str, Any]] = []
        met = 0
        async for stored, doc in self._wanted(act, query, projection):
            if offset <= met < offset + limit:
                entities.append(rendered(doc, stored.created_us, stored.modified_us, terms, projection))
            met += 1
            if met > offset + limit and not count:
                break
        return Page(entities, met > offset + limit, met if count else None)

    async def types(self, act: Act, terms: Terms) -> list[str]:
        """Return the types that exist and of which `act` may see any, in the requester's words, sorted."""
        there = await self._store.types(act.tenant)
        own = (act.who.id,)
        return sorted(
            terms.term(self._names.inner(name))
            for name in there
            if self._allow.allows(act, "list", Thing(name, act.who.scopes, own)).ok
        )

    # inside

    async def _visible(self, act: Act, entity_id: str, verb: Verb) -> tuple[Stored, Doc, Decision]:
        self._sight.check_purpose(act)
        stored = await self._store.get(act.tenant, entity_id)
        if stored is None:
            raise ResourceNotFound
        doc = decoded(stored)
        decision = self._allow.allows(act, verb, self._sight.thing(doc))
        if not decision.ok:
            raise ResourceNotFound
        return stored, doc, decision

    async def _wanted(self, act: Act, query: Query, projection: Projection) -> AsyncIterator[tuple[Stored, Doc]]:
        """Yield the entities that `act` may list and that fit, as he may see them."""
        async for stored in self._narrowed(act, query):
            doc = decoded(stored)
            decision = self._allow.allows(act, "list", self._sight.thing(doc))
            if not decision.ok:
                continue
            seen = self._sight.seen(doc, decision, act, "apply")
            if fits(query, seen.judged, stored) and projection.fits(seen.shown):
                self._sight.check_asked(act, seen, projection.asked(), projection.omit)
                yield stored, seen.shown

    async def _narrowed(self, act: Act, query: Query) -> AsyncIterator[Stored]:
        """Yield candidates; who can only reach his own things gets candidates by the keys of ownership."""
        find = self._narrowing.find(query)
        if len(find.types) != 1 or find.ids or not self._allow.own_only(act, "list", find.types[0]):
            async for stored in self._candidates(act.tenant, find):
                yield stored
            return
        own = {short for _, short in self._keys.of_type(find.types[0]) if short in OWNER_ATTRS}
        finds = [replace(find, keys=(*find.keys, (short, (act.who.id,)))) for short in sorted(own)]
        finds.append(replace(find, ids=(act.who.id,)))
        found = [[stored async for stored in self._candidates(act.tenant, one)] for one in finds]
        last = None
        for stored in merge(*found, key=lambda one: one.row):
            if stored.row != last:
                last = stored.row
                yield stored


def fits(query: Query, doc: Doc, stored: Stored) -> bool:
    """Tell whether a stored entity fits every part of a query."""
    return wanted(query, doc, stored.created_us, stored.modified_us)
