"""Forgets a person: all that is kept of him, the keys under which it was sealed, and what he has open.

Whoever asks may think again until the waiting time is over; then a timer carries it out, a kill in the middle goes on where
it stopped, and a signed receipt stays that names nobody. What others keep of the same event loses only what was his: a
household goes on without him, a case keeps its number. Rows of the log and of the audit stay: they hold ids alone.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import orjson

from linli.base import SECOND_US, setting, to_wire_time
from linli.base.errors import NotNow, ResourceNotFound
from linli.store import Change, Delete, DropPast, DropRecord, Put, PutRecord, Timer
from linli.trust import Act, NodeSecret, Principal, erasure_receipt, trace_of

from ._belongings import Belonging, BelongingsDoor
from ._changing import ChangingDoor
from ._held import HeldGround
from ._recent import FAREWELL
from ._subscription import KIND as SUBSCRIPTION

WAIT_H = setting(
    "person.erase_wait_h", 72, "How many hours somebody may take back his wish to be erased before it is carried out."
)
ERASE = "erase"
#: kinds of record: a wish to be erased, and what is given in hand afterwards
WISH, RECEIPT = "erasure", "erasure-receipt"
AT_ONCE = 100
HOUR_US = 3600 * SECOND_US
#: when an erasure that was cut off is gone on with
AGAIN_US = 60 * SECOND_US
ERASER = Principal("engine:erasing", "engine", ("/",))

#: lets go of what somebody has elsewhere (tenant, person): accounts, sign-ins, open pages; returns how many of each went
Letting = Callable[[str, str], Awaitable[Mapping[str, int]]]
#: destroys the keys of a person; returns what its keeper says of it
Destroying = Callable[[str, str], Awaitable[Mapping[str, Any]]]


@dataclass(frozen=True, slots=True)
class Erasing:
    """Who signs a receipt, and who else has something of a person. `keys` None: nothing is sealed here."""

    secret: NodeSecret
    node: str
    lets: tuple[Letting, ...] = ()
    keys: Destroying | None = None
    wait_h: float = 72


@dataclass(frozen=True, slots=True)
class Wish:
    """Somebody wants to be erased, and when that will be done. `number`: under which the receipt is found."""

    person: str
    asked_us: int
    due_us: int
    number: str


class ForgettingDoor(HeldGround, BelongingsDoor, ChangingDoor):
    """Forgets persons."""

    def __init__(self, *args: Any, erasing: Erasing | None = None, **kwargs: Any) -> None:
        """Stand on the same ground. `erasing`: None = nobody can be erased here."""
        super().__init__(*args, **kwargs)
        self.erasing = erasing
        self._expirers[ERASE] = self._erase_due

    async def ask_erasure(self, act: Act, person: str) -> Wish:
        """Take the wish of a person to be erased; it is carried out when the waiting time is over.

        Asking again changes nothing. Raises: NotAllowed. ResourceNotFound: nothing is kept of anybody with this id.
        """
        self._allowed(act, "erase", await self.person_thing(act.tenant, person))
        standing = await self.erasure_wish(act.tenant, person)
        if standing is not None:
            return standing
        if await self._store.get(act.tenant, person) is None:
            raise ResourceNotFound
        now_us, wait_h = self._clock.now_us(), self._eraser().wait_h
        return await self._wished(act, Wish(person, now_us, now_us + int(wait_h * HOUR_US), trace_of(person)))

    async def erasure_wish(self, tenant: str, person: str) -> Wish | None:
        """Return the wish of a person to be erased that is not yet carried out."""
        record = await self._store.record(tenant, WISH, trace_of(person))
        if record is None:
            return None
        said = orjson.loads(record.doc)
        return Wish(person, said["askedUs"], said["dueUs"], record.record_id)

    async def stay(self, act: Act, person: str) -> None:
        """Take back the wish to be erased. Raises: NotAllowed. NotNow: there is none, or it is being carried out."""
        self._allowed(act, "erase", await self.person_thing(act.tenant, person))
        record = await self._store.record(act.tenant, WISH, trace_of(person))
        if record is None or await self._erasable_us(act.tenant, person, record.doc) <= self._clock.now_us():
            raise NotNow("There is no wish to be erased that can still be taken back.")
        row = self._person_row(act, "erase.taken-back", person)
        drop = DropRecord(WISH, record.record_id, record.version)
        await self._commit(self._change(act, records=(drop,), drop_timers=((person, ERASE),), audit=(row,)))

    async def erase(self, act: Act, person: str) -> dict[str, Any]:
        """Erase a person now, and return the signed receipt.

        Raises: NotAllowed. ResourceNotFound: nothing is kept of anybody with this id. NotNow: something of him is held.
        """
        self._allowed(act, "erase", await self.person_thing(act.tenant, person))
        if holds := await self.holds_of(act.tenant, person):
            until = to_wire_time(max(one.until_us for one in holds))
            raise NotNow(f"By law something of this person is kept until {until}; then he can be erased.")
        if await self.erasure_wish(act.tenant, person) is None:
            if await self._store.get(act.tenant, person) is None:
                raise ResourceNotFound
            now_us = self._clock.now_us()
            await self._wished(act, Wish(person, now_us, now_us, trace_of(person)))
        await self._erase(act.tenant, person)
        return await self.receipt(act.tenant, trace_of(person))

    async def receipt(self, tenant: str, number: str) -> dict[str, Any]:
        """Return a receipt by its number; it names nobody. Raises: ResourceNotFound: there is none (yet)."""
        record = await self._store.record(tenant, RECEIPT, number)
        if record is None:
            raise ResourceNotFound("There is no receipt of this number, or it is not yet carried out.")
        receipt: dict[str, Any] = orjson.loads(record.doc)
        return receipt

    # inside

    def _eraser(self) -> Erasing:
        if self.erasing is None:
            raise NotNow("Nobody can be erased here: this broker was started without a key to sign a receipt.")
        return self.erasing

    async def _wished(self, act: Act, wish: Wish) -> Wish:
        self._eraser()
        doc = orjson.dumps({"askedUs": wish.asked_us, "dueUs": wish.due_us, "deleted": {}})
        timer = Timer(wish.person, "Resident", ERASE, wish.due_us)
        row = self._person_row(act, "erase.asked", wish.person)
        records = (PutRecord(WISH, wish.number, doc, 0),)
        await self._tried(lambda: self._commit(self._change(act, records=records, set_timers=(timer,), audit=(row,))))
        return wish

    async def _erase_due(self, tenant: str, person: str) -> None:
        """Carry out a wish whose waiting time is over."""
        wish = await self.erasure_wish(tenant, person)
        if wish is None or wish.due_us > self._clock.now_us():
            return
        if holds := await self.holds_of(tenant, person):
            again = Timer(person, "Resident", ERASE, max(one.until_us for one in holds))
            await self._commit(self._change(Act(ERASER, "operation", tenant), set_timers=(again,)))
        else:
            await self._erase(tenant, person)

    async def _erasable_us(self, tenant: str, person: str, wish: bytes) -> int:
        """Return when a wish is carried out: when its waiting time is over, and nothing of the person is held."""
        ends = [one.until_us for one in await self.holds_of(tenant, person)]
        return max([int(orjson.loads(wish)["dueUs"]), *ends])

    async def _erase(self, tenant: str, person: str) -> None:
        """Take everything away, piece by piece, then the keys; each piece is one commit that says what went."""
        act, erasing = Act(ERASER, "operation", tenant), self._eraser()
        async with self._in_line(tenant, [f"{ERASE} {person}"]):
            while await self._erase_some(act, person):
                pass
            await self._drop_subscriptions(act, person)
            counts: Counter[str] = Counter()
            for let in erasing.lets:
                counts.update(await let(tenant, person))
            keys = {} if erasing.keys is None else await erasing.keys(tenant, person)
            self.persons.forget(tenant, person)
            self._answers.clear()
            await self._receipted(act, person, counts, keys)

    async def _erase_some(self, act: Act, person: str) -> bool:
        """Take away some of what is kept of a person; return whether there was any."""

        async def attempt() -> bool:
            some: list[Belonging] = []
            async for one in self.belongings(act.tenant, person):
                some.append(one)
                if len(some) == AT_ONCE:
                    break
            if not some:
                return False
            record = await self._store.record(act.tenant, WISH, trace_of(person))
            counts = Counter(orjson.loads(record.doc)["deleted"]) if record else Counter()
            counts.update(one.entity_type.name for one in some)
            change = replace(await self._without(act, some, person), set_timers=(self._again(person),))
            if record is not None:
                doc = orjson.dumps({**orjson.loads(record.doc), "deleted": dict(counts)})
                progress = PutRecord(WISH, record.record_id, doc, record.version, quiet=True)
                change = replace(change, records=(*change.records, progress))
            await self._commit(change)
            await self._drop_farewells(act, {one.stored.entity_id for one in some})
            return True

        return await self._tried(attempt)

    def _again(self, person: str) -> Timer:
        """Return the timer by which an erasure goes on that was cut off: with the person his other timers go."""
        return Timer(person, "Resident", ERASE, self._clock.now_us() + AGAIN_US)

    async def _without(self, act: Act, some: list[Belonging], person: str) -> Change:
        """Return the change by which some entities go, or lose what is a person's."""
        deletes = [Delete(one.stored.entity_id, one.stored.version) for one in some if one.fate == "goes"]
        puts: list[Put] = []
        past: list[DropPast] = []
        for one in some:
            if one.fate == "goes":
                continue
            names = self._his_names(one, person)
            puts.append(self._put_without(one, names, person))
            past += [DropPast(one.stored.entity_id, name) for name in names]
        records = await self._pasts_of(act.tenant, deletes)
        return self._change(act, deletes=tuple(deletes), puts=tuple(puts), past=tuple(past), records=records)

    def _his_names(self, one: Belonging, person: str) -> list[str]:
        """Return the attributes of an entity that are a person's: the relation to him alone, or all that is personal."""
        if one.fate == "leaves":
            links = [self._names.inner(name) for name in self._person_links if name in one.entity_type.attributes]
            return [name for name in links if person in str(one.doc["attrs"].get(name))]
        attrs = ((name, self._names.attribute(one.entity_type, name)) for name in one.doc["attrs"])
        return [name for name, attribute in attrs if attribute is None or attribute.pii != "none"]

    def _put_without(self, one: Belonging, names: list[str], person: str) -> Put:
        attrs = dict(one.doc["attrs"])
        for name in names:
            instances = attrs.pop(name)
            if one.fate == "leaves" and (kept := [left for each in instances if (left := _left(each, person))]):
                attrs[name] = kept
        shorts = tuple(map(self._names.short, names))
        return self._put({**one.doc, "attrs": attrs}, (), shorts, one.stored.version)

    async def _drop_farewells(self, act: Act, ids: set[str]) -> None:
        """Forget what subscribers would still have been told of entities that are gone."""
        gone: list[DropRecord] = []
        after = 0
        while page := await self._store.records(act.tenant, FAREWELL, after=after):
            after = page[-1].row
            gone += [
                DropRecord(FAREWELL, one.record_id, quiet=True) for one in page if one.record_id.split()[-1] in ids
            ]
        for entity_id in ids:
            self.changes.forget(act.tenant, entity_id)
        if gone:
            await self._commit(self._change(act, records=tuple(gone)))

    async def _drop_subscriptions(self, act: Act, person: str) -> None:
        after = 0
        while page := await self._store.records(act.tenant, SUBSCRIPTION, after=after):
            after = page[-1].row
            his = [one for one in page if orjson.loads(one.doc)["by"]["id"] == person]
            if his:
                drops = tuple(DropRecord(SUBSCRIPTION, one.record_id) for one in his)
                await self._commit(self._change(act, records=drops))

    async def _receipted(self, act: Act, person: str, counts: Counter[str], keys: Mapping[str, Any]) -> None:
        """Write the receipt in the place of the wish."""
        erasing, number = self._eraser(), trace_of(person)
        record = await self._store.record(act.tenant, WISH, number)
        if record is None:
            return  # another process was faster
        receipt = erasure_receipt(
            erasing.secret,
            node=erasing.node,
            subject=person,
            at_us=self._clock.now_us(),
            deleted=counts + Counter(orjson.loads(record.doc)["deleted"]),
            keys=keys,
        )
        records = (PutRecord(RECEIPT, number, orjson.dumps(receipt)), DropRecord(WISH, number, record.version))
        row = self._person_row(act, "erase", person)
        await self._commit(self._change(act, records=records, drop_timers=((person, ERASE),), audit=(row,), scrub=True))


def _left(instance: dict[str, Any], person: str) -> dict[str, Any] | None:
    """Return a relationship without a person; None when nobody else is left in it."""
    target = instance.get("object")
    others = [one for one in target if one != person] if isinstance(target, list) else []
    return {**instance, "object": others[0] if len(others) == 1 else others} if others else None
