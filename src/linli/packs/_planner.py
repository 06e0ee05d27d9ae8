"""Places the calls that recur: a timer on each kind of service fires at an occurrence, and everybody meant gets his call.

    timer on urn:ngsi-ld:ServiceKind:elder.visit_plan  -> row of the log -> a press for each entity meant -> next timer
                                                                                                  and cursor, one commit
A press bears a key of its own for each occurrence and entity, so whatever is placed again after a crash is the same call.
After a long stop the newest occurrence that was missed is made up for, the others are not.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import structlog

from linli.base import SECOND_US, Clock, from_wire_time
from linli.base.errors import LinliError
from linli.broker import Broker, Plain
from linli.dispatch import CallRequest, Dispatch
from linli.store import Timer
from linli.trust import Act, Principal
from linli.vocab import vocabulary

from ._filter import Filter
from ._form import PlanForm
from ._packs import Packs
from ._publish import PREFIX
from ._recurring import next_due_us

READER = "plans"
ACT = Act(Principal("engine:plans", "engine", ("/",)), "service")
ROWS_MAX = 500
SAVE_EVERY = 2000
PAUSE_S = 5.0
#: attributes that name the last day on which an entity holds, as a label and an observation have one
LAST_DAYS = ("until", "observeUntil")

_DURATION = re.compile(r"P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?)?", re.ASCII)
log = structlog.get_logger(__name__)


class Planner:
    """Reads the timers of plans behind a durable cursor and places what falls due."""

    def __init__(self, packs: Packs, broker: Broker, dispatch: Dispatch, clock: Clock, zone: str) -> None:
        """Place the plans of `packs`, by the clock of the people here."""
        self._packs, self._broker, self._dispatch, self._clock, self._zone = packs, broker, dispatch, clock, zone
        self._seq = self._saved = 0
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Do what fell due while nothing ran, then arm all plans and go on."""
        self._seq = await self._broker.log.cursor(READER) or await self._broker.log.head()
        await self.turn()
        await self.arm()
        self._task = asyncio.create_task(self._run(), name="plans")

    async def stop(self) -> None:
        """Stop between two commits."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
            self._task = None

    async def arm(self) -> None:
        """Set the next timer of every plan, as after a start or when the packs changed."""
        now = self._clock.now_us()
        timers = [timer for plan in self.plans() if (timer := self._timer(*plan, now))]
        await self._broker.write(ACT, [], set_timers=timers, cursor=(READER, self._seq))

    async def settled(self) -> None:
        """Return when every row of the log is read."""
        while self._seq < await self._broker.log.head():
            await self.turn()

    async def turn(self) -> None:
        """Place the calls of all plans whose timers have fired."""
        while rows := await self._broker.log.rows_since(self._seq, limit=ROWS_MAX):
            for row in rows:
                if row.kind == "timer" and row.type == "ServiceKind":
                    await self._fired(row.entity_id.removeprefix(PREFIX), row.attrs[0], row.seq)
                self._seq = row.seq
            if self._seq - self._saved >= SAVE_EVERY:
                await self._broker.write(ACT, [], cursor=(READER, self._seq))
                self._saved = self._seq

    def plans(self) -> Iterator[tuple[str, PlanForm]]:
        """Yield each plan of a call that can run, with the name of its timer."""
        for pack in self._packs.packs.values():
            for at, plan in enumerate(pack.form.plan):
                if plan.makes in pack.kinds:
                    yield f"plan-{at}", plan

    def _timer(self, name: str, plan: PlanForm, after_us: int) -> Timer | None:
        grace = grace_us(plan.grace)
        work = self._packs.sources.work if plan.calendar == "work" else None
        due = next_due_us(plan.every, after_us - grace, zone=self._zone, work=work)
        return None if due is None else Timer(PREFIX + plan.makes, "ServiceKind", name, due + grace)

    async def _fired(self, kind: str, name: str, seq: int) -> None:
        """Place a plan's calls, then commit its next timer and the cursor; a plan that is gone is let go."""
        plan = next((plan for timer, plan in self.plans() if (timer, plan.makes) == (name, kind)), None)
        if plan is None:
            return
        now = self._clock.now_us()
        placed = await self._place(plan, now)
        log.info("packs.plan.placed", call=plan.makes, calls=placed)
        timer = self._timer(name, plan, now)
        await self._broker.write(ACT, [], set_timers=[timer] if timer else [], cursor=(READER, seq))

    async def _place(self, plan: PlanForm, now_us: int) -> int:
        wanted = Filter.read(plan.for_.q) or Filter(())
        day = now_us // (3600 * SECOND_US)  # a plan falls due at most hourly
        today = datetime.fromtimestamp(now_us / SECOND_US, ZoneInfo(self._zone)).date().isoformat()
        placed = 0
        for one in await self._broker.read_all(ACT, plan.for_.type):
            whose = await self._whose(one) if wanted.holds(one.values) and not _ended(one, now_us, today) else None
            if whose is None or await self._has_open(whose, plan.makes):
                continue
            place = await self._place_of(whose)
            if place is None:
                log.warning("packs.plan.placeless", call=plan.makes, id=whose.id)
                continue
            whom = whose.id if whose.type == "Resident" else ""
            key = f"{plan.makes}|{day}|{whose.id}"
            request = CallRequest(plan.makes, *place, "plan", for_whom=whom, key=key)
            try:
                await self._dispatch.place_call(Act(Principal(whose.id, "engine", ("/",)), "service"), request)
                placed += 1
            except LinliError as error:
                log.warning("packs.plan.refused", call=plan.makes, id=whose.id, reason=error.message)
            await asyncio.sleep(0)  # people's presses come in between
        return placed

    async def _whose(self, one: Plain) -> Plain | None:
        """Return the person whom an entity is about by the vocabulary, as a label or a parcel is, or else itself."""
        known = vocabulary().types.get(one.type)
        named = (one.values.get(name) for name in known.subject) if known else ()
        about = next((str(value) for value in named if value), "")
        return await self._broker.read(ACT, about) if about else one

    async def _has_open(self, one: Plain, kind: str) -> bool:
        """Tell whether a call of this kind for this one has not ended yet: nobody is asked twice for the same."""
        ended = {"confirmed", "closed", "cancelled", "falseAlarm", "done"}
        calls = await self._broker.read_all(
            ACT, "ServiceCall", keys={"caller": [one.id], "serviceKind": [PREFIX + kind]}
        )
        return any(call.values["state"] not in ended for call in calls)

    async def _place_of(self, one: Plain) -> tuple[float, float] | None:
        """Return where an entity is, or where somebody lives: his household's dwelling's building."""
        if found := _point(one.values):
            return found
        dwellings = [str(one.values.get("dwelling") or "")]
        if one.type == "Resident":
            households = await self._broker.read_all(ACT, "Household", keys={"members": [one.id]})
            dwellings += [str(household.values.get("dwelling") or "") for household in households]
        for dwelling_id in filter(None, dwellings):
            dwelling = await self._broker.read(ACT, dwelling_id)
            building_id = str(dwelling.values.get("partOf") or "") if dwelling else ""
            building = await self._broker.read(ACT, building_id) if building_id else None
            if building and (found := _point(building.values)):
                return found
        return None

    async def _run(self) -> None:
        while True:
            try:
                await self._broker.log.wait(self._seq)
                await self.turn()
            except Exception:
                log.exception("packs.plan.failed", seq=self._seq)
                await asyncio.sleep(PAUSE_S)


def grace_us(text: str) -> int:
    """Return a duration of ISO 8601, days to seconds, in microseconds."""
    match = _DURATION.fullmatch(text)
    days, hours, minutes, seconds = (int(part or 0) for part in match.groups()) if match else (0, 0, 0, 0)
    return (((days * 24 + hours) * 60 + minutes) * 60 + seconds) * SECOND_US


def _ended(one: Plain, now_us: int, today: str) -> bool:
    """Tell whether an entity has ended, as a care plan does: it is kept for a while and asks for nothing any more."""
    ended_at = one.values.get("endedAt")
    if ended_at and from_wire_time(str(ended_at)) <= now_us:
        return True
    return any(str(one.values[name]) < today for name in LAST_DAYS if name in one.values)


def _point(values: Mapping[str, Any]) -> tuple[float, float] | None:
    where = values.get("location")
    if not isinstance(where, Mapping) or where.get("type") != "Point":
        return None
    lon, lat = where["coordinates"][:2]
    return float(lon), float(lat)
