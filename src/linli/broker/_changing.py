"""Writing for the wire: one entity in the requester's @context; each operation is one commit."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from linli.base import from_wire_time
from linli.base.errors import BadRequestData, NotAllowed, ResourceNotFound
from linli.store import Delete, DropRecord, Put, Stored, Timer
from linli.trust import Act, Decision, Verb
from linli.vocab import EntityType

from ._caps import CAPS, Caps
from ._expiring import EXPIRE, ExpiringDoor
from ._facts import PAST, SCOPE, facts_of, scope_facts
from ._form import Fragment, read_fragment
from ._ground import Lost
from ._names import DEFAULT
from ._plain import Attrs, Doc, decoded, may_expire
from ._query import Node, Query
from ._reading import ReadingDoor, fits
from ._terms import Terms
from ._values import Nulls, read_value
from ._writing import Left, MergeHow, Outcome, appended, created, merged, replaced, updated

Rule = Callable[[Doc], Outcome]


@dataclass(slots=True)
class Standing:
    """An entity while a write is being put together. `before`: the attributes that stand in the store."""

    stored: Stored | None
    before: Attrs
    doc: Doc
    changed: dict[str, None]
    decision: Decision


@dataclass(slots=True)
class Sheet:
    """What one commit shall write, entity by entity as they were put together; their documents are only bytes here."""

    puts: list[Put] = field(default_factory=list)
    decisions: list[Decision] = field(default_factory=list)
    set_timers: list[Timer] = field(default_factory=list)
    drop_timers: list[tuple[str, str]] = field(default_factory=list)


class ChangingDoor(ExpiringDoor, ReadingDoor):
    """Writes one entity."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Stand on the same ground."""
        super().__init__(*args, **kwargs)
        self._required = {
            entity.name: tuple(
                (self._names.inner(one.name), one.name) for one in entity.attributes.values() if one.required
            )
            for entity in self._vocab.types.values()
        }

    async def create(self, act: Act, body: Any, terms: Terms) -> str:
        """Write a new entity and return its id. Raises: AlreadyExists, BadRequestData, NotAllowed, PurposeMissing."""
        self._sight.check_purpose(act)
        fragment = read_fragment(body, terms, whole=True, caps=self.caps)
        one = self._ruled(act, None, created(fragment), "create")
        try:
            await self._write(act, [one])
        except Lost as lost:
            stored = await self._store.get(act.tenant, fragment.id)
            if stored is None or self._doc(stored) is not None:
                raise lost.error from lost
            await self.expire(act.tenant, fragment.id)
            await self._tried(lambda: self._write(act, [one]), 1)
        return fragment.id

    async def replace(self, act: Act, entity_id: str, body: Any, terms: Terms, types: Node | None = None) -> None:
        """PUT: write an entity in place of the one that stands there."""
        fragment = self._part(entity_id, body, terms, nulls="none")
        await self._rewrite(act, entity_id, lambda doc: replaced(doc, fragment, self._clock.now_us()), types)

    async def merge(
        self,
        act: Act,
        entity_id: str,
        body: Any,
        terms: Terms,
        *,
        simplified: bool = False,
        observed_at: str | None = None,
        language: str | None = None,
        types: Node | None = None,
    ) -> None:
        """PATCH: merge what is said into what stands there; see MergeHow for the rest."""
        how = merge_how(terms, observed_at, language, self.caps)
        fragment = self._part(entity_id, body, terms, nulls="inside", simplified=simplified)
        await self._rewrite(act, entity_id, lambda doc: merged(doc, fragment, self._clock.now_us(), how), types)

    async def update_attrs(self, act: Act, entity_id: str, body: Any, terms: Terms, types: Node | None = None) -> Left:
        """PATCH attrs: write over what is said; return (attribute, reason) of what was left alone."""
        fragment = self._part(entity_id, body, terms, nulls="instance")
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
        fragment = self._part(entity_id, body, terms, nulls="none")

        def rule(doc: Doc) -> Outcome:
            return appended(doc, fragment, self._clock.now_us(), overwrite=overwrite)

        return await self._rewrite(act, entity_id, rule, types)

    async def delete(self, act: Act, entity_id: str, types: Node | None = None) -> None:
        """Remove an entity. Raises: ResourceNotFound, NotAllowed."""

        async def attempt() -> None:
            delete, decision = await self._deleted(act, entity_id, types)
            records = await self._pasts_of(act.tenant, [delete])
            await self._commit(self._change(act, decision, deletes=(delete,), records=records))

        async with self._in_line(act.tenant, [entity_id]):
            await self._tried(attempt)

    # inside

    def _part(self, entity_id: str, body: Any, terms: Terms, *, nulls: Nulls, simplified: bool = False) -> Fragment:
        fragment = read_fragment(body, terms, whole=False, nulls=nulls, simplified=simplified, caps=self.caps)
        if fragment.id and fragment.id != entity_id:
            raise BadRequestData("id: is not the id of this entity.")
        if fragment.empty:
            raise BadRequestData("The body says nothing about the entity.")
        return fragment

    async def _rewrite(self, act: Act, entity_id: str, rule: Rule, types: Node | None) -> Left:
        """Apply a rule to a stored entity, again if an engine that did not stand in line was faster."""

        async def attempt() -> Left:
            stored, doc = await self._met(act, entity_id, types)
            outcome = rule(doc)
            one = self._ruled(act, (stored, doc), outcome, "change")
            if outcome.changed or outcome.doc != doc:
                await self._write(act, [one])
            return outcome.left

        async with self._in_line(act.tenant, [entity_id]):
            return await self._tried(attempt)

    async def _met(self, act: Act, entity_id: str, types: Node | None) -> tuple[Stored, Doc]:
        """Return an entity that shall be changed, after what has expired of it is gone.

        Raises: ResourceNotFound: it is not there, `act` may not know of it, or it is of no such type.
        """
        stored, doc = await self._visible(act, entity_id)
        if may_expire(stored) and decoded(stored) != doc:
            await self.expire(act.tenant, entity_id)
            stored, doc = await self._visible(act, entity_id)
        if types is not None and not fits(Query(types=types), doc, stored):
            raise ResourceNotFound
        return stored, doc

    async def _deleted(self, act: Act, entity_id: str, types: Node | None) -> tuple[Delete, Decision]:
        stored, doc = await self._met(act, entity_id, types)
        decision = self._allowed(act, "delete", self._sight.thing(doc))
        return Delete(entity_id, stored.version), decision

    async def _pasts_of(self, tenant: str, deletes: Iterable[Delete]) -> tuple[DropRecord, ...]:
        """Return what takes away the records of a past of entities that are deleted."""
        found = [await self._store.record(tenant, PAST, one.entity_id) for one in deletes]
        return tuple(DropRecord(PAST, one.record_id, one.version) for one in found if one is not None)

    def _ruled(self, act: Act, before: tuple[Stored | None, Doc] | None, outcome: Outcome, verb: Verb) -> Standing:
        """Hold what shall be written against trust and, when its type is ours, against the vocabulary."""
        doc, changed = outcome.doc, outcome.changed
        entity_type = self._own_type(doc)
        if entity_type is not None and not doc["scope"]:
            doc["scope"] = [self._home_scope]
        decision = self._allow.always(act, verb) or self._judged(act, before and before[1], outcome, verb)
        if entity_type is not None:
            self._check_ours(act, entity_type, before, outcome)
        if before is not None and "scopeAt" in before[1]:
            doc["scopeAt"] = before[1]["scopeAt"]
        if before is not None and before[1]["scope"] != doc["scope"]:
            changed = [*changed, SCOPE]
        stored, attrs_before = (before[0], before[1]["attrs"]) if before else (None, {})
        return Standing(stored, attrs_before, doc, dict.fromkeys(changed), decision)

    def _judged(self, act: Act, before: Doc | None, outcome: Outcome, verb: Verb) -> Decision:
        """Return trust's answer to a write. Raises: NotAllowed."""
        moved = () if before is None else tuple(name for name in ("type", "scope") if before[name] != outcome.doc[name])
        attrs = (*self._names.shorts(outcome.changed), *moved)
        after = self._sight.thing(outcome.doc, attrs)
        standing = after if before is None else self._sight.thing(before, attrs)
        return self._allowed_change(act, verb, standing, after)

    def _own_type(self, doc: Doc) -> EntityType | None:
        own = [one for name in doc["type"] if (one := self._names.own_type(name)) is not None]
        if len(own) > 1:
            raise BadRequestData("type: an entity can have one type of the vocabulary.")
        return own[0] if own else None

    def _check_ours(
        self, act: Act, entity_type: EntityType, before: tuple[Stored | None, Doc] | None, outcome: Outcome
    ) -> None:
        if before is not None and before[0] is not None and entity_type.append_only:
            raise NotAllowed(f"A {entity_type.name} is never changed; write a further one that corrects it.")
        self._sight.check_write_purpose(act, entity_type, outcome.changed, outcome.doc["scope"])
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

    async def _write(self, act: Act, standing: Iterable[Standing]) -> None:
        """Commit entities as they shall stand. Raises: Lost."""
        sheet = Sheet()
        for one in standing:
            self._enter(sheet, one)
        await self._commit_sheet(act, sheet)

    def _enter(self, sheet: Sheet, one: Standing) -> None:
        """Write an entity down as it shall stand, with the timer of what may expire: then its document can go."""
        put = self._written(one)
        sheet.puts.append(put)
        sheet.decisions.append(one.decision)
        if may_expire(put):
            sheet.set_timers += self._expiry_timers([one.doc])
        if one.stored is not None and may_expire(one.stored):
            sheet.drop_timers.append((put.entity_id, EXPIRE))

    async def _commit_sheet(self, act: Act, sheet: Sheet) -> None:
        """Commit what was written down. Raises: Lost."""
        change = self._change(
            act,
            *sheet.decisions,
            puts=tuple(sheet.puts),
            set_timers=tuple(sheet.set_timers),
            drop_timers=tuple(sheet.drop_timers),
        )
        await self._commit(change)

    def _written(self, one: Standing) -> Put:
        attrs = self._names.shorts(one.changed)
        facts = facts_of(one.before, one.doc["attrs"], one.changed)
        if one.stored is not None and SCOPE in one.changed:
            facts += scope_facts(decoded(one.stored), one.doc, self._clock.now_us())
        return self._put(one.doc, facts, attrs, one.stored.version if one.stored else 0)


def merge_how(terms: Terms, observed_at: str | None = None, language: str | None = None, caps: Caps = CAPS) -> MergeHow:
    """Return how a merge reads bare values in a context. Raises: BadRequestData: `observed_at` is no time."""
    if observed_at is not None:
        from_wire_time(observed_at)

    def read(kind: str, value: Any) -> Any:
        return read_value("value", kind, value, terms, nulls="inside", caps=caps)

    return MergeHow(read, observed_at, language)
