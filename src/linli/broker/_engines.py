"""The door for engines of this process: entities as `Plain` and `Draft`, without @context and without HTTP."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from linli.base import within_scope
from linli.base.errors import BadRequestData, Conflict, NotAllowed, ResourceNotFound
from linli.store import Committed, Find, Put, Stored, Timer
from linli.trust import Act, Decision, Explanation, Verb
from linli.vocab import EntityType, Fault

from ._facts import facts_of, scope_facts
from ._ground import Ground
from ._keys import key_text
from ._names import inner_name
from ._plain import Doc, Draft, Instance, Plain, decoded, drafted, plain_of
from ._thing import thing_of_plain


@dataclass(frozen=True, slots=True)
class _Drawn:
    """A draft turned into what the store takes, with what trust said to it."""

    put: Put
    doc: Doc
    decision: Decision
    created_us: int


class EngineDoor(Ground):
    """Reads and writes for engines."""

    async def read(self, act: Act, entity_id: str) -> Plain | None:
        """Return an entity, or None when there is none that `act` may see."""
        stored = await self._store.get(act.tenant, entity_id)
        return None if stored is None else self._plain(act, stored, "read")

    async def read_all(
        self,
        act: Act,
        entity_type: str,
        *,
        keys: Mapping[str, Sequence[str]] | None = None,
        scope: str | None = None,
        ids: Sequence[str] = (),
    ) -> list[Plain]:
        """Return all entities of a type that `act` may see, in the order of creation.

        `keys`: attribute -> values, any of which must stand there. `scope`: there or below. `ids`: any of these.
        """
        wanted = {short: {text for one in values if (text := key_text(one))} for short, values in (keys or {}).items()}
        indexed = {short for _, short in self._keys.of_type(entity_type)}
        find = Find(
            types=(entity_type,),
            ids=tuple(ids),
            keys=tuple((short, tuple(texts)) for short, texts in wanted.items() if short in indexed),
            scopes=((scope, True),) if scope else (),
        )
        found: list[Plain] = []
        async for stored in self._candidates(act.tenant, find):
            if scope and not any(within_scope(one, scope) for one in stored.scopes):
                continue
            plain = self._plain(act, stored, "list")
            if plain is not None and plain.type == entity_type and _has_keys(plain, wanted):
                found.append(plain)
        return found

    async def write(
        self,
        act: Act,
        drafts: Sequence[Draft],
        *,
        set_timers: Sequence[Timer] = (),
        drop_timers: Sequence[tuple[str, str]] = (),
        cursor: tuple[str, int] | None = None,
        at_us: int | None = None,
        verb: Verb | None = None,
    ) -> dict[str, Plain]:
        """Write all drafts, timers and the reader's cursor in one commit; return the entities as they now stand.

        `verb`: what trust is asked about; by default create for what is new and change for what stands there.
        Raises: BadRequestData, NotAllowed, ResourceNotFound, AlreadyExists, Conflict: and nothing was written.
        """
        if len({draft.id for draft in drafts}) < len(drafts):
            raise BadRequestData("One commit may hold one draft of each entity.")
        moment = self._clock.now_us() if at_us is None else at_us

        async def attempt() -> dict[str, Plain]:
            drawn = [await self._drawn(act, draft, moment, verb) for draft in drafts]
            change = self._change(
                act,
                *[one.decision for one in drawn],
                at_us=moment,
                puts=tuple(one.put for one in drawn),
                set_timers=tuple(set_timers),
                drop_timers=tuple(drop_timers),
                cursor=cursor,
            )
            committed = await self._commit(change)
            return {one.put.entity_id: self._as_it_stands(one, committed, moment) for one in drawn}

        unpinned = [draft.id for draft in drafts if draft.expect_version is None]
        if not unpinned:
            return await self._tried(attempt, 1)
        async with self._in_line(act.tenant, unpinned):
            return await self._tried(attempt)

    async def explain(self, act: Act, verb: Verb, entity_id: str, touched: tuple[str, ...] = ()) -> Explanation:
        """Return trust's answer about an entity with the rules that bore on it. Raises: ResourceNotFound."""
        stored = await self._store.get(act.tenant, entity_id)
        if stored is None:
            raise ResourceNotFound
        return self._allow.explain(act, verb, self._sight.thing(decoded(stored), touched))

    def decide(self, act: Act, verb: Verb, plain: Plain) -> Decision:
        """Ask trust whether `act` may do `verb` to an entity that was read."""
        return self._allow.allows(act, verb, thing_of_plain(plain))

    def _plain(self, act: Act, stored: Stored, verb: Verb) -> Plain | None:
        doc = decoded(stored)
        decision = self._allow.allows(act, verb, self._sight.thing(doc))
        if not decision.ok:
            return None
        return plain_of(self._sight.seen(doc, decision, act, "ignore").shown, stored, self._names)

    async def _drawn(self, act: Act, draft: Draft, at_us: int, verb: Verb | None) -> _Drawn:
        entity_type = self._vocab.types.get(draft.type)
        if entity_type is None:
            raise BadRequestData(f"{draft.type[:100]}: the vocabulary has no such type.")
        stored = None if draft.expect_version == 0 else await self._store.get(act.tenant, draft.id)
        if stored is None:
            if draft.expect_version:
                raise ResourceNotFound
            return self._drawn_new(act, draft, entity_type, at_us, verb or "create")
        if draft.expect_version not in (None, stored.version):
            raise Conflict
        if entity_type.name not in stored.types:
            raise BadRequestData(f"{draft.type}: the entity is of another type.")
        if entity_type.append_only:
            raise NotAllowed(f"A {draft.type} is never changed; write a further one that corrects it.")
        doc = decoded(stored)
        before, attrs_before = self._sight.thing(doc), dict(doc["attrs"])
        changed, written = drafted(doc, draft, entity_type, self._names, at_us, new=False)
        if draft.scopes is not None:
            doc["scope"] = list(draft.scopes)
        attrs = tuple(map(self._names.short, changed))
        touched = attrs if tuple(doc["scope"]) == before.scopes else (*attrs, "scope")
        standing, after = replace(before, attrs=touched), self._sight.thing(doc, touched)
        decision = self._allowed_change(act, verb or "change", standing, after)
        self._check(draft, entity_type, written, new=False)
        facts = [*facts_of(attrs_before, doc["attrs"], changed)]
        if tuple(doc["scope"]) != before.scopes:
            facts += scope_facts({**doc, "scope": list(before.scopes)}, doc, at_us)
        return _Drawn(self._put(doc, facts, attrs, stored.version), doc, decision, stored.created_us)

    def _drawn_new(self, act: Act, draft: Draft, entity_type: EntityType, at_us: int, verb: Verb) -> _Drawn:
        scopes = list(draft.scopes) if draft.scopes else [self._home_scope]
        doc: Doc = {"id": draft.id, "type": [inner_name(entity_type.iri)], "scope": scopes, "attrs": {}}
        changed, written = drafted(doc, draft, entity_type, self._names, at_us, new=True)
        attrs = tuple(map(self._names.short, changed))
        decision = self._allowed(act, verb, self._sight.thing(doc, attrs))
        self._check(draft, entity_type, written, new=True)
        return _Drawn(self._put(doc, (), attrs, 0), doc, decision, at_us)

    def _check(self, draft: Draft, entity_type: EntityType, written: Mapping[str, Instance], *, new: bool) -> None:
        faults = self._vocab.check(entity_type.name, written, whole=new)
        faults += [
            Fault(short, "required")
            for short, value in draft.values.items()
            if value is None and not new and (one := entity_type.attributes.get(short)) is not None and one.required
        ]
        if faults:
            raise BadRequestData(f"{entity_type.name}.{faults[0].path}: {faults[0].message}")

    def _as_it_stands(self, one: _Drawn, committed: Committed, at_us: int) -> Plain:
        put = one.put
        version = committed.versions[put.entity_id]
        stored = Stored(put.entity_id, put.types, put.scopes, version, one.created_us, at_us, put.doc)
        return plain_of(one.doc, stored, self._names)


def _has_keys(plain: Plain, wanted: Mapping[str, set[str]]) -> bool:
    for short, texts in wanted.items():
        value = plain.values.get(short)
        if not any(key_text(one) in texts for one in (value if isinstance(value, list) else (value,))):
            return False
    return True
