"""Where somebody passed: asked by one, approved by another, seen for a day, then forgotten. Nobody sees it alone.

Who asks names the person, a span, and the number of the order. Until another approves, there is nothing to see; what is not
approved within a day is dropped, and so is what was approved a day ago. Each step stands in the audit, where the person finds
it. The query itself finds nothing that the entry records do not hold any more.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import msgspec
import orjson

from linli.base import SECOND_US, from_wire_time, type_of_urn
from linli.base.errors import BadRequestData, NotAllowed, NotNow, ResourceNotFound
from linli.store import DropRecord, Find, PutRecord, Timer
from linli.trust import Act, Principal, Thing, Verb, audit_row

from ._holding import HoldingDoor, checked_number
from ._plain import decoded, plain_of

#: kind of record, name of its timer, and type by which the policies speak of it
MOVEMENT, TYPE = "movement", "MovementQuery"
DAY_US = 24 * 3600 * SECOND_US
#: how long a query waits for its approval, and for how long it is open after it
WAITS_US = OPEN_US = DAY_US
SPAN_MAX_US = 31 * DAY_US
#: what is shown of each passage
SHOWN = ("at", "gate", "passDirection", "result")

_ENDER = Principal("engine:movements", "engine", ("/",))


@dataclass(frozen=True, slots=True)
class Movement:
    """A query. `until_us`: when it goes; `approver`: who approved it, "" = nobody yet; `units`: those of who asks."""

    id: str
    person: str
    scopes: tuple[str, ...]
    from_us: int
    to_us: int
    number: str
    asker: str
    role: str
    units: tuple[str, ...]
    asked_us: int
    until_us: int
    approver: str = ""


class MovementsDoor(HoldingDoor):
    """Takes such queries, has them approved, and answers them."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Stand on the same ground."""
        super().__init__(*args, **kwargs)
        self._expirers[MOVEMENT] = self._movement_over

    async def ask_movement(self, act: Act, person: str, begins: str, ends: str) -> Movement:
        """Ask where a person passed from one moment to another; `act.reason` is the number of the order.

        Raises: NotAllowed. ResourceNotFound: nobody here has this id. BadRequestData: the span or the number is wrong.
        """
        stored = await self._store.get(act.tenant, person) if type_of_urn(person) == "Resident" else None
        scopes = () if stored is None else stored.scopes
        decision = self._movement_allowed(act, "create", act.who.id, scopes)
        if stored is None:
            raise ResourceNotFound
        from_us, to_us, now_us = from_wire_time(begins), from_wire_time(ends), self._clock.now_us()
        if not 0 < to_us - from_us <= SPAN_MAX_US:
            raise BadRequestData("from, to: a span of at most 31 days.")
        asked = Movement(
            self.ids.new(TYPE, now_us).rpartition(":")[2],
            person,
            tuple(scopes),
            from_us,
            to_us,
            checked_number(act.reason),
            act.who.id,
            act.who.role,
            act.who.scopes,
            now_us,
            now_us + WAITS_US,
        )
        await self._keep_movement(act, asked, "movement.asked", decision)
        return asked

    async def approve_movement(self, act: Act, query_id: str) -> Movement:
        """Approve what another asked; from now on he may look for a day.

        Raises: ResourceNotFound: there is no such query any more. NotAllowed: not by him who asked, nor by an officer of
        the very same units. NotNow: it was approved before.
        """
        asked = await self._movement(act, query_id)
        decision = self._movement_allowed(act, "act", asked.asker, asked.scopes)
        if act.who.role == "officer" and set(act.who.scopes) == set(asked.units):
            raise NotAllowed("An officer of other units, or a privacy officer, has to approve this.")
        if asked.approver:
            raise NotNow("This was approved already.")
        approved = replace(asked, approver=act.who.id, until_us=self._clock.now_us() + OPEN_US)
        await self._keep_movement(act, approved, "movement.approved", decision)
        return approved

    async def movement(self, act: Act, query_id: str) -> tuple[Movement, list[dict[str, Any]]]:
        """Return what an approved query finds, the oldest first; only who asked sees it, and each look is written down.

        Raises: ResourceNotFound: there is no such query any more. NotAllowed: it is another's, or not yet approved.
        """
        asked = await self._movement(act, query_id)
        decision = self._movement_allowed(act, "read", asked.asker, asked.scopes)
        if act.who.id != asked.asker:
            raise NotAllowed("Only who asked sees what was found.")
        if not asked.approver:
            raise NotAllowed("Nobody else has approved this yet.")
        found: list[tuple[int, dict[str, Any]]] = []
        async for stored in self._candidates(
            act.tenant, Find(types=("EntryExitRecord",), keys=(("subject", (asked.person,)),))
        ):
            plain = plain_of(decoded(stored), stored, self._names)
            at_us = from_wire_time(plain.values["at"])
            if plain.values.get("subject") == asked.person and asked.from_us <= at_us < asked.to_us:
                found.append((at_us, {name: plain.values[name] for name in SHOWN if name in plain.values}))
        await self.witnessed(act, self._movement_row(act, asked, "movement", decision))
        return asked, [passage for _, passage in sorted(found, key=lambda one: one[0])]

    async def movements(self, act: Act) -> list[Movement]:
        """Return the queries that stand and of which `act` may know, the oldest first."""
        found: list[Movement] = []
        after = 0
        while page := await self._store.records(act.tenant, MOVEMENT, after=after):
            after = page[-1].row
            found += [msgspec.json.decode(one.doc, type=Movement) for one in page]
        now_us = self._clock.now_us()
        return [
            one
            for one in found
            if now_us < one.until_us and self._allow.allows(act, "list", _thing(one.asker, one.scopes)).ok
        ]

    # inside

    async def _movement(self, act: Act, query_id: str) -> Movement:
        record = await self._store.record(act.tenant, MOVEMENT, query_id)
        asked = None if record is None else msgspec.json.decode(record.doc, type=Movement)
        if (
            asked is None
            or asked.until_us <= self._clock.now_us()
            or not self._allow.allows(act, "read", _thing(asked.asker, asked.scopes)).ok
        ):
            raise ResourceNotFound
        return asked

    def _movement_allowed(self, act: Act, verb: Verb, asker: str, scopes: tuple[str, ...]) -> str:
        """Return the rule that lets `act`. Raises: NotAllowed."""
        return self._allowed(act, verb, _thing(asker, scopes)).policy

    async def _keep_movement(self, act: Act, query: Movement, action: str, policy: str) -> None:
        change = self._change(
            act,
            records=(PutRecord(MOVEMENT, query.id, orjson.dumps(query)),),
            set_timers=(Timer(query.id, TYPE, MOVEMENT, query.until_us),),
            audit=(self._movement_row(act, query, action, policy),),
        )
        await self._commit(change)

    async def _movement_over(self, tenant: str, query_id: str) -> None:
        """Drop a query whose day is over."""
        record = await self._store.record(tenant, MOVEMENT, query_id)
        query = None if record is None else msgspec.json.decode(record.doc, type=Movement)
        if query is None or query.until_us > self._clock.now_us():
            return
        act = Act(_ENDER, "operation", tenant)
        row = self._movement_row(act, query, "movement.over", "")
        await self._commit(self._change(act, records=(DropRecord(MOVEMENT, query_id),), audit=(row,)))

    def _movement_row(self, act: Act, query: Movement, action: str, policy: str) -> bytes:
        return audit_row(
            at_us=self._clock.now_us(),
            act=act,
            action=action,
            resource=query.person,
            type="EntryExitRecord",
            scope=next(iter(query.scopes), ""),
            policy=policy,
            classes=("sensitive",) if action == "movement" else (),
            reason=query.number,
        )


def _thing(asker: str, scopes: tuple[str, ...]) -> Thing:
    return Thing(TYPE, tuple(scopes), (asker,))
