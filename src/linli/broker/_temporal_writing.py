"""The temporal door: writes evolutions of entities, instance by instance (5.6.11 to 5.6.16).

What is written here never changes what stands in an entity now. An instance with the attribute, dataset and observedAt
of one that is there already is the same observation: it takes its place and its id, so that an import can be repeated.
A first value that still stands (see `_facts`) is filed in history before it is changed or removed there.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import orjson

from linli.base import from_wire_time
from linli.base.errors import BadRequestData, NotAllowed, ResourceNotFound
from linli.store import AddPast, DropPast, DropRecord, EditPast, Fact, Put, PutRecord
from linli.store import Change as StoreChange
from linli.trust import Act, Decision, Verb

from ._caps import CAPS, Caps
from ._changing import ChangingDoor, merge_how
from ._facts import PAST, SCOPE, fact_of, is_first, scope_fact
from ._form import attribute_name, read_attribute, read_fragment
from ._history import Subject, Trace
from ._plain import Attrs, Doc, Instance
from ._spelling import checked_id, read_scopes
from ._temporal import TimeReadingDoor
from ._temporal_query import Span
from ._terms import Terms
from ._writing import attribute_patched

INSTANCES_MAX = 100_000

_HEAD = frozenset({"id", "@id", "type", "@type", "expiresAt"})
_NO_ATTRIBUTES = _HEAD | {"@context", "scope", "createdAt", "modifiedAt", "deletedAt"}


@dataclass(frozen=True, slots=True)
class Told:
    """What a request says about an evolution. `scopes`: instances of the scope, the newest last."""

    id: str
    types: list[str]
    scopes: list[Fact] = field(default_factory=list)
    attrs: dict[str, list[Instance]] = field(default_factory=dict)


def read_evolution(body: Any, terms: Terms, *, whole: bool, caps: Caps = CAPS) -> Told:
    """Return what an evolution (`whole`) or attributes of one say: each attribute as one instance or a list of them.

    Raises: BadRequestData: with the place of what is wrong.
    """
    if not isinstance(body, dict):
        raise BadRequestData("An entity must be a JSON object.")
    head = read_fragment({key: body[key] for key in body.keys() & _HEAD}, terms, whole=whole, caps=caps)
    if len(body) > caps.attributes:
        raise BadRequestData(f"An entity may have at most {caps.attributes} attributes.")
    attrs: dict[str, list[Instance]] = {}
    for said, value in body.items():
        if said in _NO_ATTRIBUTES:
            continue
        name = attribute_name(said, terms)
        if name in attrs:
            raise BadRequestData(f"{said}: stands twice under different spellings.")
        attrs[name] = [_read_instance(said, one, terms, caps) for one in _listed(value)]
    if sum(map(len, attrs.values())) > INSTANCES_MAX:
        raise BadRequestData(f"At most {INSTANCES_MAX} instances at once.")
    return Told(head.id, head.types, _read_scope(body["scope"]) if "scope" in body else [], attrs)


def _listed(value: Any) -> list[Any]:
    """Return the instances of an attribute; a list of anything but objects is one plain value."""
    return value if isinstance(value, list) and all(isinstance(one, dict) for one in value) else [value]


def _read_instance(said: str, body: Any, terms: Terms, caps: Caps) -> Instance:
    """Return one instance; a deleted one keeps when that was seen."""
    if not isinstance(body, dict):
        body = {"value": body}
    _, instance = read_attribute(said, body, terms, nulls="instance", caps=caps)
    if "null" in instance:
        instance.setdefault("type", "Property")
        times = {key: body[key] for key in ("observedAt", "deletedAt") if key in body}
        for key, at in times.items():
            at_us = _time(f"{said}.{key}", at)
            instance[key] = at if key == "observedAt" else at_us
            instance.setdefault("deletedAt", at_us)
    return instance


def _read_scope(said: Any) -> list[Fact]:
    """Return the scope: plain, or as instances of a Property with the time at which it held."""
    facts = []
    for one in _listed(said):
        value, at_us = one, None
        if isinstance(one, dict):
            value, at = one.get("value"), one.get("observedAt")
            at_us = None if at is None else _time("scope.observedAt", at)
        facts.append(scope_fact(read_scopes(value))._replace(observed_us=at_us))
    return sorted(facts, key=lambda fact: (fact.observed_us is None, fact.observed_us))


def _time(path: str, said: Any) -> int:
    try:
        return from_wire_time(said if isinstance(said, str) else "")
    except BadRequestData as error:
        raise BadRequestData(f"{path}: {error.message}") from error


class TimeDoor(TimeReadingDoor, ChangingDoor):
    """Writes evolutions."""

    async def add_evolution(self, act: Act, body: Any, terms: Terms) -> tuple[str, bool]:
        """Write an evolution, or add to the one that is there; return its id, and whether it is new.

        Raises: BadRequestData, NotAllowed, PurposeMissing.
        """
        self._sight.check_purpose(act)
        told = read_evolution(body, terms, whole=True, caps=self.caps)

        async def attempt() -> bool:
            subject = await self._history.subject(act.tenant, told.id)
            await self._add_told(act, subject, told)
            return subject is None

        async with self._in_line(act.tenant, [told.id]):
            return told.id, await self._tried(attempt)

    async def add_instances(self, act: Act, entity_id: str, body: Any, terms: Terms) -> None:
        """Add instances of attributes to an evolution. Raises: ResourceNotFound, BadRequestData, NotAllowed."""
        told = read_evolution(body, terms, whole=False, caps=self.caps)
        if told.id and told.id != entity_id:
            raise BadRequestData("id: is not the id of this entity.")
        if not told.attrs and not told.scopes:
            raise BadRequestData("The body names no attribute.")

        async def attempt() -> None:
            subject, _ = await self._subject(act, checked_id(entity_id), "read")
            await self._add_told(act, subject, replace(told, id=entity_id))

        async with self._in_line(act.tenant, [entity_id]):
            await self._tried(attempt)

    async def edit_instance(
        self, act: Act, entity_id: str, attr: str, instance_id: str, body: Any, *, terms: Terms
    ) -> None:
        """Write over members of one instance. Raises: ResourceNotFound, BadRequestData, NotAllowed."""
        checked_id(entity_id)
        name, said = read_attribute(attr, body, terms, nulls="member", caps=self.caps)
        if "null" in said:
            raise BadRequestData("The NGSI-LD null has no meaning here; DELETE removes an instance.")
        how = merge_how(terms, caps=self.caps)

        async def attempt() -> None:
            subject, trace = await self._trace_of(act, entity_id, name, instance_id)
            if trace.is_deleted:
                raise BadRequestData("This instance says that the attribute was deleted; it has no members to change.")
            at_us = self._clock.now_us()
            part = {key: value for key, value in said.items() if key != "datasetId"}
            if trace.dataset_id:
                part["datasetId"] = trace.dataset_id
            before: Doc = {**subject.doc, "attrs": {name: [trace.instance]}}
            fresh: Instance = attribute_patched(before, name, part, at_us, how).doc["attrs"][name][0]
            fresh.setdefault("createdAt", trace.time_us("createdAt"))
            decision = self._may_write(act, subject, {name: [fresh]})
            await self._commit(self._edited(act, decision, subject, [(trace, fact_of(name, fresh))]))

        async with self._in_line(act.tenant, [entity_id]):
            await self._tried(attempt)

    async def drop_instance(self, act: Act, entity_id: str, attr: str, instance_id: str, terms: Terms) -> None:
        """Remove one instance. Raises: ResourceNotFound, BadRequestData, NotAllowed."""
        checked_id(entity_id)
        name = attribute_name(attr, terms)

        async def attempt() -> None:
            subject, trace = await self._trace_of(act, entity_id, name, instance_id)
            decision = self._may_write(act, subject, {name: []})
            await self._commit(self._edited(act, decision, subject, [(trace, None)]))

        async with self._in_line(act.tenant, [entity_id]):
            await self._tried(attempt)

    async def drop_attribute(
        self, act: Act, entity_id: str, attr: str, terms: Terms, *, dataset_id: str | None, every: bool
    ) -> None:
        """Remove the evolution of one dataset of an attribute (None = the default one), or of `every` one.

        Raises: ResourceNotFound: there is none. NotAllowed.
        """
        if every and dataset_id is not None:
            raise BadRequestData("deleteAll, datasetId: one of them says too much.")
        checked_id(entity_id)
        name = SCOPE if attr == SCOPE else attribute_name(attr, terms)
        dataset = "" if dataset_id in (None, "@none") else checked_id(dataset_id, "datasetId")

        async def attempt() -> None:
            subject, _ = await self._subject(act, entity_id, "read")
            known = await self._history.datasets(act.tenant, subject, name)
            if not known or not (every or dataset in known):
                raise ResourceNotFound("The evolution has no such attribute, or none with this datasetId.")
            decision = self._may_write(act, subject, {name: []})
            drop = DropPast(entity_id, name, None if every else dataset)
            puts = self._filed(subject, [(name, one) for one in (known if every else [dataset])])
            await self._commit(self._change(act, decision, puts=puts, past=(drop,)))

        async with self._in_line(act.tenant, [entity_id]):
            await self._tried(attempt)

    async def drop_evolution(self, act: Act, entity_id: str) -> None:
        """Remove the whole evolution of an entity; what stands now goes on standing.

        Raises: ResourceNotFound, NotAllowed.
        """
        checked_id(entity_id)

        async def attempt() -> None:
            subject, _ = await self._subject(act, entity_id, "read")
            decision = self._allowed(act, "delete", self._sight.thing(subject.doc))
            puts = self._filed(
                subject,
                [(name, one.get("datasetId", "")) for name in subject.standing for one in subject.standing[name]],
            )
            record = subject.record
            records = (DropRecord(PAST, entity_id, record.version),) if record else ()
            await self._commit(self._change(act, decision, puts=puts, records=records, past=(DropPast(entity_id),)))

        async with self._in_line(act.tenant, [entity_id]):
            await self._tried(attempt)

    # inside

    async def _trace_of(self, act: Act, entity_id: str, name: str, instance_id: str) -> tuple[Subject, Trace]:
        checked_id(instance_id, "instanceId")
        subject, _ = await self._subject(act, entity_id, "read")
        trace = await self._history.trace(act.tenant, subject, name, instance_id)
        if trace is None:
            raise ResourceNotFound("The evolution has no such attribute, or no such instance of it.")
        await self._history.tell_kinds(act.tenant, [trace])
        return subject, trace

    def _may_write(self, act: Act, subject: Subject, attrs: Attrs) -> Decision:
        """Hold what shall be written against trust and, when the type is ours, against the vocabulary."""
        shorts = tuple(map(self._names.short, attrs))
        verb: Verb = "create" if subject.stored is None and subject.record is None else "change"
        decision = self._allowed(act, verb, self._sight.thing(subject.doc, shorts))
        entity_type = self._own_type(subject.doc)
        if entity_type is None:
            return decision
        if entity_type.append_only and subject.stored is not None:
            raise NotAllowed(f"A {entity_type.name} is never changed; write a further one that corrects it.")
        self._sight.check_write_purpose(act, entity_type, list(attrs), subject.doc["scope"])
        said = {self._said(entity_type, name): instances for name, instances in attrs.items()}
        alive = {name: [one for one in instances if "null" not in one] for name, instances in said.items()}
        for name, instances in alive.items():
            for one in instances:
                faults = self._vocab.check(entity_type.name, {name: one}, whole=False)
                if faults:
                    raise BadRequestData(f"{entity_type.name}.{faults[0].path}: {faults[0].message}")
        return decision

    async def _add_told(self, act: Act, subject: Subject | None, told: Told) -> None:
        """Write what was told: new instances beside, or in the place of, those that are there."""
        at_us = self._clock.now_us()
        there = subject or Subject(
            {"id": told.id, "type": told.types, "scope": [], "attrs": {}}, at_us, at_us, created_seq=0, row=0
        )
        decision = self._may_write(act, there, told.attrs)
        edits: list[tuple[Trace, Fact | None]] = []
        facts: list[Fact] = list(told.scopes)
        for name, instances in told.attrs.items():
            same = await self._same_observations(act.tenant, there, name, instances) if subject else {}
            for instance in _of_each_time(instances):
                fact = fact_of(name, {**instance, "createdAt": at_us})
                old = same.get((fact.dataset_id, fact.observed_us))
                if old is None:
                    facts.append(fact)
                elif _bare(old.instance) != instance:
                    stamps = {"createdAt": old.time_us("createdAt") or at_us, "modifiedAt": at_us}
                    edits.append((old, fact_of(name, {**instance, **stamps})))
        records = self._record_of(there, told)
        if not (facts or edits or records):
            return
        change = self._edited(act, decision, there, edits, records=records)
        if facts:
            change = replace(change, past=(AddPast(told.id, tuple(facts)), *change.past))
        await self._commit(change)

    async def _same_observations(
        self, tenant: str, subject: Subject, name: str, instances: Sequence[Instance]
    ) -> Mapping[tuple[str, int | None], Trace]:
        """Return the instances that are there of the times at which these were observed, by dataset and time."""
        times = [from_wire_time(one["observedAt"]) for one in instances if "observedAt" in one]
        if not times:
            return {}
        span = Span(relation="between", since_us=min(times), until_us=max(times) + 1)
        traces = await self._history.traces(tenant, subject, name, span, most=None)
        return {(trace.dataset_id, trace.past.fact.observed_us): trace for trace in traces}

    def _record_of(self, subject: Subject, told: Told) -> tuple[PutRecord, ...]:
        """Return the record of a past if there must be one, or if it says more than before."""
        before = orjson.loads(subject.record.doc) if subject.record else None
        types = list(dict.fromkeys([*subject.doc["type"], *told.types]))
        doc = {"scope": [], **(before or {}), "type": types}
        if told.scopes and subject.stored is None:
            value = orjson.loads(told.scopes[-1].doc or b"{}")["value"]
            doc |= {"scope": value if isinstance(value, list) else [value], "scopeAt": True}
        needed = subject.stored is None or types != subject.doc["type"]
        if doc == before or not needed:
            return ()
        return (
            PutRecord(PAST, told.id, orjson.dumps(doc), subject.record.version if subject.record else 0, quiet=True),
        )

    def _edited(
        self, act: Act, decision: Decision, subject: Subject, edits: Iterable[tuple[Trace, Fact | None]], **parts: Any
    ) -> StoreChange:
        """Return a change that puts facts in the place of instances, or removes those (None)."""
        filed: dict[tuple[str, str], Fact | None] = {}
        past = []
        for trace, fact in edits:
            if trace.past.nth < 0:
                filed[trace.name, trace.dataset_id] = fact
            else:
                past.append(EditPast(subject.entity_id, trace.name, trace.past.seq, trace.past.nth, fact))
        firsts = tuple(fact._replace(first=True) for fact in filed.values() if fact is not None)
        return self._change(act, decision, puts=self._filed(subject, filed, firsts), past=tuple(past), **parts)

    def _filed(
        self, subject: Subject, gone: Iterable[tuple[str, str]], firsts: tuple[Fact, ...] = ()
    ) -> tuple[Put, ...]:
        """Return the entity as it stands, but with these first values no longer a part of its evolution.

        `firsts`: what is filed in history in their place.
        """
        named = set(gone)
        attrs: Attrs = {
            name: [
                {**one, "createdAt": subject.created_us}
                if is_first(one) and (name, one.get("datasetId", "")) in named
                else one
                for one in instances
            ]
            for name, instances in subject.standing.items()
        }
        if subject.stored is None or attrs == subject.standing:
            return ()
        doc = {**orjson.loads(subject.stored.doc), "attrs": attrs}
        return (self._put(doc, firsts, (), subject.stored.version),)


def _of_each_time(instances: Sequence[Instance]) -> list[Instance]:
    """Return the instances, of several of the same dataset and time only the last."""
    kept: dict[Any, Instance] = {}
    for at, one in enumerate(instances):
        kept[(one.get("datasetId"), one["observedAt"]) if "observedAt" in one else at] = one
    return list(kept.values())


def _bare(instance: Instance) -> Instance:
    """Return an instance as it was said, without what the broker added."""
    return {key: value for key, value in instance.items() if key not in ("createdAt", "modifiedAt")}
