"""The door for the wire: NGSI-LD bodies in and out, in the requester's @context, each operation one commit."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from heapq import merge
from typing import Any

from linli.base import write_json
from linli.base.errors import (
    BadRequestData,
    LinliError,
    NotAllowed,
    ResourceNotFound,
)
from linli.store import Change, Delete, Put, Stored
from linli.trust import Act, Decision, Thing, Verb
from linli.vocab import EntityType

from ._evaluate import wanted
from ._form import Fragment, checked_id, read_fragment
from ._ground import Ground
from ._names import DEFAULT
from ._narrow import Narrowing, type_names
from ._plain import Attrs, Doc, decoded
from ._query import Node, Query
from ._render import Projection, checked, rendered
from ._sight import OWNER_ATTRS
from ._terms import Terms
from ._writing import Outcome, appended, created, replaced, updated

BATCH_MAX = 1000

Left = list[tuple[str, str]]
Rule = Callable[[Doc], Outcome]


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a query. `more`: there are further entities; `total`: how many in all, when that was asked."""

    entities: list[dict[str, Any]]
    more: bool
    total: int | None = None


@dataclass(slots=True)
class Batch:
    """What became of a batch: ids, and (id, error) of those that were refused; the others are written."""

    created: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    errors: list[tuple[str, LinliError]] = field(default_factory=list)


@dataclass(slots=True)
class _Standing:
    """An entity while a write is being put together. `before`: the attributes that stand in the store."""

    stored: Stored | None
    before: Attrs
    doc: Doc
    changed: dict[str, None]
    decision: Decision


class WireDoor(Ground):
    """Reads and writes for the wire."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Stand on the same ground."""
        super().__init__(*args, **kwargs)
        self._narrowing = Narrowing(self._vocab, self._names, self._keys)
        self._required = {
            entity.name: tuple(
                (self._names.inner(one.name), one.name) for one in entity.attributes.values() if one.required
            )
            for entity in self._vocab.types.values()
        }

    # reading

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
        if types is not None and not _fits(Query(types=types), doc, stored):
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
        if types is not None and not _fits(Query(types=types), doc, stored):
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

    # writing

    async def create(self, act: Act, body: Any, terms: Terms) -> str:
        """Write a new entity and return its id. Raises: AlreadyExists, BadRequestData, NotAllowed, PurposeMissing."""
        self._sight.check_purpose(act)
        fragment = read_fragment(body, terms, whole=True)
        one = self._ruled(act, None, created(fragment), "create")
        await self._store.commit(self._change(act, [self._written(one)], one.decision))
        return fragment.id

    async def update_attrs(self, act: Act, entity_id: str, body: Any, terms: Terms, types: Node | None = None) -> Left:
        """PATCH attrs: write over what is said; return (attribute, reason) of what was left alone."""
        fragment = _part(entity_id, body, terms, nulls=True)
        return await self._rewrite(act, entity_id, lambda doc: updated(doc, fragment, self._clock.now_us()), types)

    async def append_attrs(
        self,
        act: Act,
        entity_id: str,
        body: Any,
        terms: Terms,
        *,
        overwrite: bool = True,
        types: Node | None = None,
    ) -> Left:
        """POST attrs: add what is said; return (attribute, reason) of what was left alone."""
        fragment = _part(entity_id, body, terms, nulls=False)

        def rule(doc: Doc) -> Outcome:
            return appended(doc, fragment, self._clock.now_us(), overwrite=overwrite)

        return await self._rewrite(act, entity_id, rule, types)

    async def delete(self, act: Act, entity_id: str, types: Node | None = None) -> None:
        """Remove an entity. Raises: ResourceNotFound, NotAllowed."""

        async def attempt() -> None:
            delete, decision = await self._deleted(act, entity_id, types)
            await self._commit(replace(self._change(act, [], decision), deletes=(delete,)))

        async with self._in_line(act.tenant, [entity_id]):
            await self._tried(attempt)

    async def upsert_batch(
        self, act: Act, bodies: Sequence[Any], context_of: Callable[[Mapping[str, Any]], Terms], *, update: bool = False
    ) -> Batch:
        """Create or replace (`update`: append to) many entities in one commit; equal ids in order, the later winning.

        Raises: BadRequestData: the list is empty, too long, or holds something that is no object: nothing is written.
        """
        if not bodies or not all(isinstance(body, dict) for body in bodies):
            raise BadRequestData("The body must be a list of at least one entity.")
        if len(bodies) > BATCH_MAX:
            raise BadRequestData(f"At most {BATCH_MAX} entities at once.")
        self._sight.check_purpose(act)
        read, errors = await _read_batch(bodies, context_of)

        async def attempt() -> Batch:
            batch = Batch(errors=list(errors))
            standing = await self._stand(act, read, batch, update=update)
            if standing:
                puts = [self._written(one) for one in standing.values()]
                audit = tuple(row for one in standing.values() for row in one.decision.audit)
                await self._commit(replace(self._change(act, puts), audit=audit))
            return batch

        async with self._in_line(act.tenant, [fragment.id for fragment in read]):
            return await self._tried(attempt)

    async def delete_batch(self, act: Act, ids: Sequence[Any]) -> Batch:
        """Remove many entities in one commit; what cannot be removed is named, the others go.

        Raises: BadRequestData: the list is empty or too long.
        """
        if not ids or len(ids) > BATCH_MAX:
            raise BadRequestData(f"The body must be a list of 1 to {BATCH_MAX} ids.")

        async def attempt() -> Batch:
            batch = Batch()
            deletes: dict[str, Delete] = {}
            audit: list[bytes] = []
            for said in ids:
                try:
                    if checked_id(said) in deletes:
                        raise ResourceNotFound
                    deletes[said], decision = await self._deleted(act, said, None)
                    audit.extend(decision.audit)
                except LinliError as error:
                    batch.errors.append((said if isinstance(said, str) else "", error))
            if deletes:
                change = replace(self._change(act, []), deletes=tuple(deletes.values()), audit=tuple(audit))
                await self._commit(change)
            batch.changed.extend(deletes)
            return batch

        async with self._in_line(act.tenant, [said for said in ids if isinstance(said, str)]):
            return await self._tried(attempt)

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
            if _fits(query, seen.judged, stored) and projection.fits(seen.shown):
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

    async def _rewrite(self, act: Act, entity_id: str, rule: Rule, types: Node | None) -> Left:
        """Apply a rule to a stored entity, again if an engine that did not stand in line was faster."""

        async def attempt() -> Left:
            stored, doc, _ = await self._visible(act, entity_id, "read")
            if types is not None and not _fits(Query(types=types), doc, stored):
                raise ResourceNotFound
            outcome = rule(doc)
            one = self._ruled(act, (stored, doc), outcome, "change")
            if outcome.changed or outcome.doc != doc:
                await self._commit(self._change(act, [self._written(one)], one.decision))
            return outcome.left

        async with self._in_line(act.tenant, [entity_id]):
            return await self._tried(attempt)

    async def _deleted(self, act: Act, entity_id: str, types: Node | None) -> tuple[Delete, Decision]:
        stored, doc, _ = await self._visible(act, entity_id, "read")
        if types is not None and not _fits(Query(types=types), doc, stored):
            raise ResourceNotFound
        decision = self._allowed(act, "delete", self._sight.thing(doc))
        return Delete(entity_id, stored.version), decision

    async def _stand(self, act: Act, read: Sequence[Fragment], batch: Batch, *, update: bool) -> dict[str, _Standing]:
        """Put the entities of a batch together, in order; what is refused goes to the batch's errors."""
        standing: dict[str, _Standing] = {}
        at_us = self._clock.now_us()
        for at, fragment in enumerate(read):
            if at % 100 == 99:
                await asyncio.sleep(0)
            one = standing.get(fragment.id)
            stored = one.stored if one else await self._store.get(act.tenant, fragment.id)
            before = one.doc if one else (decoded(stored) if stored else None)
            try:
                if before is None:
                    fresh = self._ruled(act, None, created(fragment), "create")
                else:
                    outcome = (
                        appended(before, fragment, at_us, overwrite=True)
                        if update
                        else replaced(before, fragment, at_us)
                    )
                    fresh = self._ruled(act, (stored, before), outcome, "change" if stored else "create")
            except LinliError as error:
                batch.errors.append((fragment.id, error))
                continue
            if one is None:
                (batch.changed if stored else batch.created).append(fragment.id)
            else:
                fresh.before, fresh.changed = one.before, {**one.changed, **fresh.changed}
            standing[fragment.id] = fresh
        return standing

    def _ruled(self, act: Act, before: tuple[Stored | None, Doc] | None, outcome: Outcome, verb: Verb) -> _Standing:
        """Hold what shall be written against trust and, when its type is ours, against the vocabulary."""
        doc, changed = outcome.doc, outcome.changed
        entity_type = self._own_type(doc)
        if entity_type is not None and not doc["scope"]:
            doc["scope"] = [self._home_scope]
        attrs = tuple(self._names.short(name) for name in changed)
        after = self._sight.thing(doc, attrs)
        standing = after if before is None else self._sight.thing(before[1], attrs)
        decision = self._allow.allows(act, verb, standing)
        if not decision.ok:
            raise NotAllowed
        if (after.type, after.scopes) != (standing.type, standing.scopes):
            self._allowed(act, verb, after)
        if entity_type is not None:
            self._check_ours(act, entity_type, before, outcome)
        if before is not None and before[1]["scope"] != doc["scope"]:
            changed = [*changed, "scope"]
        stored, attrs_before = (before[0], before[1]["attrs"]) if before else (None, {})
        return _Standing(stored, attrs_before, doc, dict.fromkeys(changed), decision)

    def _own_type(self, doc: Doc) -> EntityType | None:
        own = [one for name in doc["type"] if (one := self._names.type_of([name])) is not None]
        if len(own) > 1:
            raise BadRequestData("type: an entity can have one type of the vocabulary.")
        return own[0] if own else None

    def _check_ours(
        self, act: Act, entity_type: EntityType, before: tuple[Stored | None, Doc] | None, outcome: Outcome
    ) -> None:
        if before is not None and before[0] is not None and entity_type.append_only:
            raise NotAllowed(f"A {entity_type.name} is never changed; write a further one that corrects it.")
        self._sight.check_write_purpose(act, entity_type, outcome.changed)
        attrs = outcome.doc["attrs"]
        said: dict[str, Any] = {}
        for name in outcome.changed:
            if name in attrs:
                instances = attrs[name]
                said[self._said(entity_type, name)] = instances[0] if len(instances) == 1 else instances
        faults = self._vocab.check(entity_type.name, said, whole=False)
        missing = [short for name, short in self._required[entity_type.name] if name not in attrs]
        if faults:
            raise BadRequestData(f"{entity_type.name}.{faults[0].path}: {faults[0].message}")
        if missing:
            raise BadRequestData(f"{entity_type.name}.{missing[0]}: is required.")

    def _said(self, entity_type: EntityType, name: str) -> str:
        """Return an attribute's name for the vocabulary's check, which knows short names only."""
        if self._names.attribute(entity_type, name) is not None:
            return self._names.short(name)
        said = name.removeprefix(DEFAULT)
        if said in entity_type.attributes:
            raise BadRequestData(f"{said}: under this @context the name is not that of {entity_type.name}.")
        return said

    def _written(self, one: _Standing) -> Put:
        attrs = tuple(map(self._names.short, one.changed))
        return self._put(one.doc, one.before, tuple(one.changed), attrs, one.stored.version if one.stored else 0)

    def _change(self, act: Act, puts: Sequence[Put], decision: Decision | None = None) -> Change:
        return Change(
            tenant=act.tenant,
            actor=act.who.id,
            purpose=act.purpose or "",
            at_us=self._clock.now_us(),
            puts=tuple(puts),
            audit=decision.audit if decision else (),
        )


async def _read_batch(
    bodies: Sequence[Any], context_of: Callable[[Mapping[str, Any]], Terms]
) -> tuple[list[Fragment], list[tuple[str, LinliError]]]:
    read: list[Fragment] = []
    errors: list[tuple[str, LinliError]] = []
    for at, body in enumerate(bodies):
        if at % 100 == 99:
            await asyncio.sleep(0)
        try:
            read.append(read_fragment(body, context_of(body), whole=True))
        except LinliError as error:
            said = body.get("id", body.get("@id"))
            errors.append((said if isinstance(said, str) else "", error))
    return read, errors


def _part(entity_id: str, body: Any, terms: Terms, *, nulls: bool) -> Fragment:
    fragment = read_fragment(body, terms, whole=False, nulls=nulls)
    if fragment.id and fragment.id != entity_id:
        raise BadRequestData("id: is not the id of this entity.")
    if not fragment.attrs and not fragment.types and fragment.scopes is None:
        raise BadRequestData("The body says nothing about the entity.")
    return fragment


def _fits(query: Query, doc: Doc, stored: Stored) -> bool:
    return wanted(query, doc, stored.created_us, stored.modified_us)
