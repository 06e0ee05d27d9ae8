"""Holds what must not go, and lets it go again: a person with all that is about him, or one entity.

While anything of a person is held his erasure waits, for with his keys the rest would go too; when the last hold ends it is
carried out by itself. Whoever places a hold says why and until when; a hold without an end there is not.
"""

from __future__ import annotations

import re
from typing import Any

from linli.base import SECOND_US
from linli.base.errors import BadRequestData, NotAllowed, NotNow, ResourceNotFound
from linli.store import Change, DropRecord, PutRecord, Stored, Timer
from linli.trust import Act, Thing, audit_row

from ._forgetting import ERASE, ForgettingDoor
from ._held import HOLD, Hold, read_hold, written
from ._keeping import KEEPER, KeepingDoor, keep_timer
from ._plain import decoded

#: nothing is held for longer at once; who needs it longer says so again by then
HELD_MAX_US = 10 * 366 * 24 * 3600 * SECOND_US
#: how the number of a paper is written, which is all that a hold keeps of its reason
_NUMBER = re.compile(r"\w[\w:.〔〕()/-]{0,79}")


class HoldingDoor(KeepingDoor, ForgettingDoor):
    """Places holds and ends them."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Stand on the same ground."""
        super().__init__(*args, **kwargs)
        self._expirers[HOLD] = self._hold_over

    async def hold(self, act: Act, entity_id: str, until: str) -> Hold:
        """Hold an entity, and with a resident all that is about him, until a day (inclusive) or a moment.

        Saying it again moves the end. Raises: NotAllowed. ResourceNotFound: there is none, or none that `act` may hold.
        BadRequestData: the end is past, too far away, or cannot be read; the reason is no number of a paper.
        """
        stored, thing, policy = await self._to_hold(act, entity_id)
        number = checked_number(act.reason)
        now_us, until_us = self._clock.now_us(), self.persons.end_us(until)
        if until_us is None or not now_us < until_us <= now_us + HELD_MAX_US:
            raise BadRequestData("until: a day or a moment to come, at most ten years away.")
        scope = next(iter(thing.scopes), "")
        persons = self._persons_of(stored)
        hold = Hold(entity_id, thing.type, scope, persons, number, act.who.id, now_us, until_us)
        await self._commit(
            self._change(
                act,
                records=(PutRecord(HOLD, entity_id, written(hold)),),
                set_timers=(Timer(entity_id, thing.type, HOLD, until_us, scope),),
                audit=(self._hold_row(act, "hold", hold, policy),),
            )
        )
        return hold

    async def release(self, act: Act, entity_id: str) -> None:
        """End a hold before its time; what only it kept goes now.

        Raises: NotAllowed. ResourceNotFound: there is no such entity, or none that `act` may hold. NotNow: it is not held.
        """
        _, _, policy = await self._to_hold(act, entity_id)
        hold = await self.hold_on(act.tenant, entity_id)
        if hold is None:
            raise NotNow("Nothing holds this.")
        await self._let_go(act, hold, "hold.released", policy)

    async def holds(self, act: Act) -> list[Hold]:
        """Return the holds that `act` may end, the oldest first."""
        return [
            one
            async for one in self._holds(act.tenant)
            if self._allow.allows(act, "hold", Thing(one.type, (one.scope,), (one.entity_id,))).ok
        ]

    # inside

    async def _to_hold(self, act: Act, entity_id: str) -> tuple[Stored, Thing, str]:
        stored = await self._store.get(act.tenant, entity_id)
        if stored is None:
            raise ResourceNotFound
        doc = decoded(stored)
        thing = self._sight.thing(doc)
        decision = self._allow.allows(act, "hold", thing)
        if decision.ok:
            return stored, thing, decision.policy
        self._denials.note(act, "hold", thing, decision.policy)
        if self._may_know(act, doc):
            raise NotAllowed("This may not be held here.")
        raise ResourceNotFound

    def _persons_of(self, stored: Stored) -> tuple[str, ...]:
        doc = decoded(stored)
        entity_type = self._names.type_of(doc["type"])
        return () if entity_type is None else tuple(filter(None, self.persons.subjects(entity_type, doc)))

    async def _hold_over(self, tenant: str, entity_id: str) -> None:
        """Let go what was held until now; a hold that was prolonged meanwhile stays."""
        record = await self._store.record(tenant, HOLD, entity_id)
        if record is not None and self._in_force(record) is None:
            act = Act(KEEPER, "operation", tenant)
            await self._let_go(act, read_hold(record), "hold.ended", "")

    async def _let_go(self, act: Act, hold: Hold, action: str, policy: str) -> None:
        now_us = self._clock.now_us()
        timers = [keep_timer(hold.entity_id, hold.type, now_us, hold.scope)]
        if hold.type == "Resident":
            async for one in self.belongings(act.tenant, hold.entity_id):
                scope = next(iter(one.stored.scopes), "")
                timers.append(keep_timer(one.stored.entity_id, one.entity_type.name, now_us, scope))
        for person in hold.persons:
            wish = await self.erasure_wish(act.tenant, person)
            if wish is not None:
                timers.append(Timer(person, "Resident", ERASE, max(now_us, wish.due_us)))
        change: Change = self._change(
            act,
            records=(DropRecord(HOLD, hold.entity_id),),
            drop_timers=((hold.entity_id, HOLD),),
            set_timers=tuple({(one.entity_id, one.name): one for one in timers}.values()),
            audit=(self._hold_row(act, action, hold, policy),),
        )
        await self._commit(change)

    def _hold_row(self, act: Act, action: str, hold: Hold, policy: str) -> bytes:
        return audit_row(
            at_us=self._clock.now_us(),
            act=act,
            action=action,
            resource=hold.persons or (hold.entity_id,),
            entity=hold.entity_id,
            type=hold.type,
            scope=hold.scope,
            policy=policy,
            reason=act.reason or hold.reason,
        )


def checked_number(reason: str) -> str:
    """Return a reason that is the number of a paper. Raises: BadRequestData: it is none, or more than that."""
    if not _NUMBER.fullmatch(reason):
        raise BadRequestData("reason: the number of the paper on which it was ordered, and nothing else.")
    return reason
