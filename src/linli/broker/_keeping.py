"""Takes away what has been kept for long enough: attributes, their history, at last whole entities.

Every write sets a timer for the first part of an entity whose days run out; when it fires, everything is looked at anew and
taken away in one commit, with a timer for the next. So nothing is scanned for, a kill repeats nothing, and what was
reopened or prolonged meanwhile stays. Only the end of an order is looked for, in its areas, once.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

import orjson

from linli.base import SECOND_US, to_wire_time
from linli.store import Change, Delete, DropPast, DropRecord, EditPast, Find, Put, PutRecord, Stored, Timer
from linli.trust import (
    ENDS_WITH,
    EPIDEMIC,
    Act,
    Life,
    Principal,
    Retention,
    Said,
    Steady,
    age_band,
    begin_us,
    next_band_day,
)
from linli.vocab import Attribute, EntityType

from ._expiring import ExpiringDoor
from ._facts import PAST
from ._ground import Lost
from ._held import HeldGround
from ._plain import Doc, Instance, decoded, stamped

KEEP, AGE, ORDER_END = "keep", "age", "orderEnd"
CLOCK, CLOCK_ID = "keeping", "clock"
#: the type that says from when to when somebody lives here
RELATION = "ResidencyRelation"
HOUR_US = 3600 * SECOND_US
#: how often it is noted up to when the clock was seen
NOTE_US = HOUR_US // 6
#: how many rows of history one commit takes away
ROWS_AT_ONCE = 1000

KEEPER = Principal("engine:keeping", "engine", ("/",))


@dataclass(frozen=True, slots=True)
class _Look:
    """At what is looked, and the moment up to which days are counted."""

    tenant: str
    entity_type: EntityType
    entity_id: str
    life: Life
    now_us: int


@dataclass(slots=True)
class _Due:
    """What of an entity has to go now, and when the next part has to."""

    instances: dict[str, list[Instance]]
    past: list[DropPast | EditPast]
    next_us: int | None = None

    def later(self, due_us: int | None) -> None:
        """Note when something else has to go."""
        if due_us is not None:
            self.next_us = due_us if self.next_us is None else min(self.next_us, due_us)


class KeepingDoor(HeldGround, ExpiringDoor):
    """Keeps nothing for longer than the vocabulary says."""

    def __init__(self, *args: Any, shorter: Iterable[str] = (), **kwargs: Any) -> None:
        """Stand on the same ground. `shorter`: local rules, see the setting retention.shorter."""
        super().__init__(*args, **kwargs)
        self.retention = Retention(self._vocab, self.persons.zone, shorter)
        #: type -> name in documents -> attribute, of those that may have to go one day, as far as they were met
        self._limits: dict[str, dict[str, Attribute]] = {}
        self._steady: dict[str, Steady] = {}
        self._noted_us: dict[str, int] = {}
        self._expirers |= {KEEP: self.keep, AGE: self.grow_older, ORDER_END: self.end_order}
        limited = {name for name in self._vocab.types if self.retention.limits(name)}
        self._reminded = frozenset({*limited, "HealthOrder"})
        self._collecting = tuple(
            one.name for one in self._vocab.types.values() if any(map(is_collected, one.attributes.values()))
        )

    async def expire_due(self) -> int:
        """Take away everything whose time has come, after a look at the clock."""
        for tenant in list(self._tenants):
            await self._believed_us(tenant)
        return await super().expire_due()

    async def keep(self, tenant: str, entity_id: str) -> None:
        """Take away what of an entity has been kept for long enough; nothing happens when nothing has."""
        act = Act(KEEPER, "operation", tenant)

        async def attempt() -> None:
            stored = await self._store.get(tenant, entity_id)
            now_us = await self._believed_us(tenant)
            if stored is None:
                await self._keep_past(act, entity_id, now_us)
                return
            doc = decoded(stored)
            entity_type = self._names.type_of(doc["type"])
            if entity_type is None:
                return
            if entity_type.name == RELATION:  # while it still says when he moved away
                for person in self.persons.subjects(entity_type, doc):
                    await self.keep(tenant, person)
            if entity_type.name == "Resident":
                await self._end_with(act, entity_id)
            elif await self._ended(act, entity_type, stored, doc):
                return  # what was written set a timer of its own
            due = await self._due(tenant, entity_type, stored, doc, now_us)
            change = self._taken_away(act, entity_type, stored, doc, due)
            if change is not None:
                await self._commit(change)

        await self._tried(attempt)

    async def grow_older(self, tenant: str, entity_id: str) -> None:
        """Write down that a person has entered another age band."""
        act = Act(KEEPER, "operation", tenant)

        async def attempt() -> None:
            stored = await self._store.get(tenant, entity_id)
            doc = None if stored is None else decoded(stored)
            born = None if doc is None else self._born(doc)
            if stored is None or doc is None or born is None:
                return
            name, band = self._names.inner("ageBand"), age_band(born, self.persons.today())
            before = doc["attrs"].get(name, [None])[0]
            if before is None or before.get("vocab") == band:
                return
            doc["attrs"][name] = [stamped({"type": "VocabProperty", "vocab": band}, before, self._clock.now_us())]
            put = self._put(doc, (), ("ageBand",), stored.version)
            await self._commit(self._change(act, puts=(put,)))

        await self._tried(attempt)

    async def end_order(self, tenant: str, order_id: str) -> None:
        """Take away what was collected under an order that is over, unless another one still allows it."""
        order = self.persons.orders.get(tenant, order_id)
        scopes = () if order is None else tuple((one, True) for one in order.scopes)
        ids: list[str] = []
        for type_name in self._collecting if scopes else ():
            find = Find(types=(type_name,), scopes=scopes)
            ids += [stored.entity_id async for stored in self._candidates(tenant, find)]
        for entity_id in ids:
            await self.keep(tenant, entity_id)

    # when a write is made

    def _reminders(self, change: Change) -> tuple[Timer, ...]:
        timers: list[Timer] = []
        for put in change.puts:
            if not self._reminded.isdisjoint(put.types):
                timers += self._timers_of(put, change)
        if not change.records:
            return tuple(timers)
        timers += [
            timer
            for record in change.records
            if isinstance(record, PutRecord) and record.kind == PAST
            for timer in self._past_timers(record, change.at_us)
        ]
        return tuple(timers)

    def _past_timers(self, record: PutRecord, at_us: int) -> Iterator[Timer]:
        """Yield the timer by which the past of an entity is looked at that is no more."""
        said = orjson.loads(record.doc)
        entity_type = self._names.type_of(said["type"])
        if entity_type is not None and self.retention.limits(entity_type.name):
            yield keep_timer(record.record_id, entity_type.name, at_us, next(iter(said["scope"]), ""))

    def _timers_of(self, put: Put, change: Change) -> Iterator[Timer]:
        entity_type = next((one for name in put.types if (one := self._vocab.types.get(name)) is not None), None)
        if entity_type is None:
            return
        doc: Doc = orjson.loads(put.doc)
        scope = next(iter(put.scopes), "")
        if entity_type.name == "HealthOrder":
            self.persons.take_put(change.tenant, put)
            order = self.persons.orders.get(change.tenant, put.entity_id)
            if order is not None:
                yield Timer(put.entity_id, entity_type.name, ORDER_END, order.end_us, scope)
        if entity_type.name == "Resident" and (born := self._born(doc)) is not None:
            day = next_band_day(born, self.persons.today())
            if day is not None:
                yield Timer(put.entity_id, entity_type.name, AGE, begin_us(day, self.persons.zone), scope)
        if entity_type.name == RELATION:
            yield from self._person_timers(doc)
        if entity_type.name == "Household" and not self._related(doc, "members"):
            yield keep_timer(put.entity_id, entity_type.name, change.at_us, scope)
        is_new = put.expect_version == 0
        look = _Look(change.tenant, entity_type, put.entity_id, self._life(doc, change.at_us), change.at_us)
        due_us = self._first_due_us(look, doc, is_new=is_new)
        if due_us is not None:
            yield keep_timer(put.entity_id, entity_type.name, max(due_us, change.at_us), scope)

    def _first_due_us(self, look: _Look, doc: Doc, *, is_new: bool) -> int | None:
        """Return when the first part of an entity has to go; of one that is not new, as far as a write may have moved it.

        Most attributes of a type are kept for the same days from the same moment, which is worked out once.
        """
        found: dict[Hashable, int | None] = {}
        entity_type, created_us = look.entity_type, look.life.created_us
        for attribute, one in self._limited(entity_type, doc):
            if is_new or attribute.keep_from not in ("created", "observed") or _is_written(one):
                rule = attribute.name if is_collected(attribute) else self.retention.keep_days(entity_type, attribute)
                same = (attribute.keep_from, rule, _written_us(one, created_us), one.get("observedAt"))
                if same not in found:
                    found[same] = self._due_us(look, attribute, one)
        return min((due_us for due_us in found.values() if due_us is not None), default=None)

    def _person_timers(self, relation: Doc) -> Iterator[Timer]:
        """Yield the timer by which a resident is looked at when he has lived elsewhere for long enough."""
        until = self._life(relation, 0).said.get("until")
        ended_us = None if until is None else self.persons.end_us(until.value)
        if ended_us is None:
            return
        resident, life = self._vocab.types["Resident"], Life(0, ended_us=ended_us)
        days = (one for one in resident.attributes.values() if one.keep_from == "ended")
        dues = [self.retention.due_us(resident, one, life, written_us=0) for one in days]
        # On the day itself what ends with his stay is told so; his own days count from then on.
        for person in self.persons.subjects(self._vocab.types[RELATION], relation):
            for due_us in filter(None, {ended_us, *dues}):
                yield keep_timer(person, "Resident", due_us, next(iter(relation["scope"]), ""))

    # what has to go

    async def _due(self, tenant: str, entity_type: EntityType, stored: Stored, doc: Doc, now_us: int) -> _Due:
        """Return what of an entity has to go at `now_us`, and when the next part has to."""
        life = self._life(doc, stored.created_us)
        if entity_type.name in ENDS_WITH:
            life = replace(life, ended_us=await self._stay_ended_us(tenant, entity_type, stored, doc))
        if entity_type.name == "Household" and life.ended_us is None:  # somebody lives here again
            life = replace(life, said={name: one for name, one in life.said.items() if name != "endedAt"})
        held = await self._held_until_us(tenant, {stored.entity_id, *self.persons.subjects(entity_type, doc)})
        life = replace(life, held_until_us=held)
        due, look = _Due({}, []), _Look(tenant, entity_type, stored.entity_id, life, now_us)
        for attribute, one in self._limited(entity_type, doc):
            due_us = self._due_us(look, attribute, one)
            if due_us is not None and due_us <= now_us:
                due.instances.setdefault(self._names.inner(attribute.name), []).append(one)
            else:
                due.later(due_us)
        await self._due_history(look, due)
        return due

    async def _due_history(self, look: _Look, due: _Due) -> bool:
        """Add the history that has to go; return whether any stays."""
        stays, entity_id = False, look.entity_id
        for name in await self._store.past_names(look.tenant, entity_id):
            attribute = self._names.attribute(look.entity_type, name)
            if attribute is None or not self._is_limited(look.entity_type, attribute):
                stays = True
                continue
            rows = await self._store.past(look.tenant, entity_id, name, newest_first=False, limit=ROWS_AT_ONCE)
            gone: list[EditPast] = []
            for row in rows:
                due_us = self._moment_us(look, attribute, row.at_us, row.fact.observed_us)
                if due_us is not None and due_us <= look.now_us:
                    gone.append(EditPast(entity_id, name, row.seq, row.nth, None))
                else:
                    stays = True
                    due.later(due_us)
            if len(gone) == len(rows) < ROWS_AT_ONCE:
                due.past.append(DropPast(entity_id, name))
                continue
            due.past += gone
            if gone and len(rows) == ROWS_AT_ONCE:
                due.later(look.now_us)  # there may be more of it
        return stays

    def _taken_away(self, act: Act, entity_type: EntityType, stored: Stored, doc: Doc, due: _Due) -> Change | None:
        """Return the change that takes away what has to go; None when nothing has and no timer is needed."""
        attrs = doc["attrs"]
        left = {
            name: kept
            for name, instances in attrs.items()
            if (kept := [one for one in instances if one not in due.instances.get(name, ())])
        }
        needed = {self._names.inner(one.name) for one in entity_type.attributes.values() if one.required}
        if any(name in needed and name not in left for name in due.instances):
            # What the type cannot be without has to go, so all of it goes; the record of its past, too.
            return self._change(act, deletes=(Delete(stored.entity_id, stored.version),))
        timers = () if due.next_us is None else (self._next_timer(stored, entity_type.name, due.next_us),)
        if not due.instances and not due.past:
            return self._change(act, set_timers=timers) if timers else None
        whole = [DropPast(stored.entity_id, name) for name in due.instances if name not in left]
        dropped = {one.attr for one in whole}
        past = (*whole, *(one for one in due.past if one.attr not in dropped))
        changed = tuple(map(self._names.short, due.instances))
        puts = (self._put({**doc, "attrs": left}, (), changed, stored.version),) if due.instances else ()
        return self._change(act, puts=puts, past=past, set_timers=timers)

    async def _keep_past(self, act: Act, entity_id: str, now_us: int) -> None:
        """Take away what has to go of the past of an entity that is no more."""
        record = await self._store.record(act.tenant, PAST, entity_id)
        said = None if record is None else orjson.loads(record.doc)
        entity_type = None if said is None else self._names.type_of(said["type"])
        if record is None or said is None or entity_type is None:
            return
        due = _Due({}, [])
        # Whatever its days were to count from, it is over since it was taken away.
        held = await self._held_until_us(act.tenant, (entity_id,))
        life = Life(said["createdAt"], tuple(said["scope"]), ended_us=record.modified_us, held_until_us=held)
        stays = await self._due_history(_Look(act.tenant, entity_type, entity_id, life, now_us), due)
        if not stays:
            drop = DropRecord(PAST, entity_id, record.version)
            await self._commit(self._change(act, past=(DropPast(entity_id),), records=(drop,)))
            return
        timers = () if due.next_us is None else (keep_timer(entity_id, entity_type.name, due.next_us, ""),)
        if due.past or timers:
            await self._commit(self._change(act, past=tuple(due.past), set_timers=timers))

    # moments

    def _limited(self, entity_type: EntityType, doc: Doc) -> Iterator[tuple[Attribute, Instance]]:
        """Yield the instances that may have to go one day."""
        limited = self._limits.setdefault(entity_type.name, {})
        for name, instances in doc["attrs"].items():
            attribute = limited.get(name)
            if attribute is None:
                attribute = self._names.attribute(entity_type, name)
                if attribute is None or not self._is_limited(entity_type, attribute):
                    continue
                limited[name] = attribute
            for one in instances:
                yield attribute, one

    def _is_limited(self, entity_type: EntityType, attribute: Attribute) -> bool:
        return self.retention.keep_days(entity_type, attribute) >= 0 or is_collected(attribute)

    def _due_us(self, look: _Look, attribute: Attribute, one: Instance) -> int | None:
        return self._moment_us(look, attribute, _written_us(one, look.life.created_us), self._observed_us(one))

    def _moment_us(self, look: _Look, attribute: Attribute, written_us: int, observed_us: int | None) -> int | None:
        """Return when an instance has to go: what an order alone allows, with the order; else by the vocabulary."""
        if is_collected(attribute):
            said_us = written_us if observed_us is None else observed_us
            orders, scopes = self.persons.orders, look.life.scopes
            due_us = orders.keeps_until_us(look.tenant, scopes, attribute.name, said_us, look.now_us)
            return None if due_us is None else max(due_us, look.life.held_until_us)
        return self.retention.due_us(
            look.entity_type, attribute, look.life, written_us=written_us, observed_us=observed_us
        )

    async def _end_with(self, act: Act, person: str) -> None:
        """Look at everything that ends with the stay of a person here."""
        for type_name, name in ENDS_WITH.items():
            find = Find(types=(type_name,), keys=((name, (person,)),))
            for entity_id in [one.entity_id async for one in self._candidates(act.tenant, find)] if name else ():
                await self.keep(act.tenant, entity_id)

    async def _ended(self, act: Act, entity_type: EntityType, stored: Stored, doc: Doc) -> bool:
        """Write down that something ended with the stay of a person, for later nobody knows of that stay any more."""
        name = self._names.inner("endedAt")
        if entity_type.name not in ENDS_WITH or "endedAt" not in entity_type.attributes or name in doc["attrs"]:
            return False
        ended_us = await self._stay_ended_us(act.tenant, entity_type, stored, doc)
        if ended_us is None or ended_us > self._clock.now_us():
            return False
        one = stamped({"type": "Property", "value": to_wire_time(ended_us)}, None, self._clock.now_us())
        put = self._put({**doc, "attrs": {**doc["attrs"], name: [one]}}, (), ("endedAt",), stored.version)
        await self._commit(self._change(act, puts=(put,)))
        return True

    async def _stay_ended_us(self, tenant: str, entity_type: EntityType, stored: Stored, doc: Doc) -> int | None:
        """Return when the last of those moved away with whose stay an entity ends; a home that all have left ended when
        that was written. None: somebody lives here, or nobody can tell."""
        name = ENDS_WITH[entity_type.name]
        if not name:
            return await self._moved_away_us(tenant, stored.entity_id)
        persons = self._related(doc, name)
        if not persons:
            return stored.modified_us if entity_type.name == "Household" else None
        there = [one for one in persons if await self._store.get(tenant, one) is not None]
        ends = [await self._moved_away_us(tenant, one) for one in there]
        return None if None in ends else max((one for one in ends if one is not None), default=None)

    def _related(self, doc: Doc, short: str) -> list[str]:
        """Return to whom a relationship of an entity leads."""
        found = [one.get("object") for one in doc["attrs"].get(self._names.inner(short), ())]
        return [person for one in found for person in (one if isinstance(one, list) else [one]) if person]

    async def _moved_away_us(self, tenant: str, person: str) -> int | None:
        """Return when the last home of a person here ended; None while he has one, or nobody wrote any down."""
        ends: list[int] = []
        relations = Find(types=(RELATION,), keys=(("person", (person,)),))
        async for stored in self._candidates(tenant, relations):
            doc = decoded(stored)
            if person not in self.persons.subjects(self._vocab.types[RELATION], doc):
                continue
            until = self._life(doc, 0).said.get("until")
            end_us = None if until is None else self.persons.end_us(until.value)
            if end_us is None:
                return None
            ends.append(end_us)
        return max(ends, default=None)

    def _life(self, doc: Doc, created_us: int) -> Life:
        """Return the moments and the state that an entity says itself."""
        said: dict[str, Said] = {}
        for name, instances in doc["attrs"].items():
            short, one = self._names.short(name), instances[0]
            if short not in _MOMENTS:
                continue
            value = one.get("value", one.get("vocab"))
            if isinstance(value, dict):
                value = value.get("@value")
            if isinstance(value, str):
                said[short] = Said(value, _written_us(one, created_us))
        return Life(created_us, tuple(doc["scope"]), said)

    def _observed_us(self, one: Instance) -> int | None:
        return self.persons.moment_us(one["observedAt"]) if "observedAt" in one else None

    def _born(self, doc: Doc) -> date | None:
        instances = doc["attrs"].get(self._names.inner("birthDate"))
        value = instances[0].get("value") if instances else None
        try:
            return date.fromisoformat(value) if isinstance(value, str) else None
        except ValueError:
            return None

    def _next_timer(self, stored: Stored, type_name: str, due_us: int) -> Timer:
        return keep_timer(stored.entity_id, type_name, max(due_us, self._clock.now_us()), next(iter(stored.scopes), ""))

    # the clock

    async def _believed_us(self, tenant: str) -> int:
        """Return the moment that may be believed; now and then it is noted, so that a start knows it."""
        now_us = self._clock.now_us()
        steady = self._steady.get(tenant)
        slack_us = max(HOUR_US, 10 * SECOND_US * self._clock.speed)
        if steady is None:
            record = await self._store.record(tenant, CLOCK, CLOCK_ID)
            steady = self._steady[tenant] = Steady(None if record is None else orjson.loads(record.doc)["seenUs"])
            slack_us = HOUR_US
        believed_us = steady.look(now_us, slack_us)
        if abs(now_us - self._noted_us.get(tenant, -NOTE_US)) >= NOTE_US:
            self._noted_us[tenant] = now_us
            noted = PutRecord(CLOCK, CLOCK_ID, orjson.dumps({"seenUs": now_us}), quiet=True)
            try:
                await self._commit(self._change(Act(KEEPER, "operation", tenant), records=(noted,)))
            except Lost:
                self._noted_us.pop(tenant)
        return believed_us


#: attributes in which an entity says when it began, was observed or ended, or in what state it is
_MOMENTS = frozenset(
    [
        "state",
        "stateAt",
        "closedAt",
        "collectedAt",
        "answeredAt",
        "checkOutAt",
        "endedAt",
        "revokedAt",
        "until",
        "to",
        "validTo",
        "withdrawnAt",
        "at",
        "dateObserved",
        "checkInAt",
        "dateObservedTo",
        "date",
    ]
)


def is_collected(attribute: Attribute) -> bool:
    """Tell whether an attribute is collected under an order alone."""
    return attribute.purpose == (EPIDEMIC,) and attribute.pii != "none"


def _is_written(one: Instance) -> bool:
    """Tell whether an instance was written after its entity was created."""
    return "createdAt" in one or "modifiedAt" in one


def _written_us(one: Instance, created_us: int) -> int:
    """Return when an instance was written last."""
    written_us: int = one["modifiedAt"] if "modifiedAt" in one else one.get("createdAt", created_us)
    return written_us


def keep_timer(entity_id: str, type_name: str, due_us: int, scope: str) -> Timer:
    """Return a timer for the full hour after a moment: each hour has its own, so a later write moves no earlier one."""
    hour = -(-due_us // HOUR_US)
    return Timer(entity_id, type_name, f"{KEEP}.{hour}", hour * HOUR_US, scope)
