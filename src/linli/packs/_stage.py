"""A node in memory on which packs are tried: dispatch over a broker over a store, with a clock that moves when told.

Everything is the real engine; only the helpers and the place are made up: a street along the equator, on which an e-bike
needs a minute for `DEGREES_A_MINUTE`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from linli.base import SECOND_US, Ids, SteppedClock, from_wire_time, seeded, snake_key, to_wire_time
from linli.broker import Broker, Draft
from linli.dispatch import CallRequest, Dispatch, Kinds
from linli.store import MemoryStore
from linli.trust import Act, NodeSecret, Policies, Principal
from linli.vocab import vocabulary

from ._packs import Pack
from ._scenario import ActForm, ScenarioForm

#: a Monday, nine o'clock in China
START_US = from_wire_time("2026-03-02T01:00:00Z")
DAY_US = 24 * 3600 * SECOND_US
NODE = "990101000000"
SCOPE = "/cn/r99/r9901/r990101"
AREA = "urn:ngsi-ld:Area:990101"
LON, LAT = 117.0, 0.0
#: with the engine's own speed and detour
DEGREES_A_MINUTE = 15_000 / 60 / 1.35 / 111_195
ENGINE = Act(Principal("engine", "engine", ("/",)))
CALLER = Act(Principal("caller:example", "caller"))
WORKER = Act(Principal(f"urn:ngsi-ld:Helper:{NODE}:worker", "community_worker", ("/",)))
#: what `WORKER` does of the steps of a scenario, and by which step of the door
BY_WORKER = {"false_alarm": "falseAlarm", "take": "take"}
#: steps that only let time pass
BY_TIME = frozenset({"timeout", "rung", "confirm_timeout", "close", "offer"})


@dataclass(frozen=True, slots=True)
class MadeUp:
    """A made-up helper. Units: `minutes` from the place of the calls; the shift in microseconds from `START_US`."""

    name: str
    minutes: float
    skills: tuple[str, ...]
    from_us: int = -DAY_US // 2
    to_us: int = 30 * DAY_US


def helper_id(name: str) -> str:
    """Return the id of a made-up helper."""
    return f"urn:ngsi-ld:Helper:{NODE}:{name}"


@dataclass
class Stage:
    """A node in memory with some helpers."""

    broker: Broker
    dispatch: Dispatch
    clock: SteppedClock

    @classmethod
    async def set_up(cls, kinds: Kinds, helpers: Iterable[MadeUp], seed: int = 7) -> Stage:
        """Build the node; its helpers are on duty in their shifts."""
        clock = SteppedClock(START_US)
        ids = Ids(NODE[:6], seeded(seed))
        broker = Broker(MemoryStore(), vocabulary(), Policies(clock), clock, ids=ids, home_scope=SCOPE)
        drafts = [draft for one in helpers for draft in _drafts(one)]
        if drafts:
            await broker.write(ENGINE, drafts)
        dispatch = Dispatch(broker, Policies(clock), None, kinds, clock, ids, NodeSecret(None), home_scope=SCOPE)
        await dispatch.run_due()
        return cls(broker, dispatch, clock)

    async def go_to(self, at_us: int) -> None:
        """Let time pass, doing on the way whatever falls due."""
        while (due := await self.dispatch.next_due_us()) is not None and due <= at_us:
            self.clock.advance_to(due)
            await self.dispatch.run_due()
        self.clock.advance_to(at_us)
        await self.dispatch.run_due()

    async def press(self, kind: str, minutes: float = 0.0, key: str = "press") -> str:
        """Place a call, `minutes` along the street, and return its id."""
        caller = Act(Principal(f"caller:{key}", "caller")) if key != "press" else CALLER
        request = CallRequest(kind, LON + minutes * DEGREES_A_MINUTE, LAT, "key", key=key)
        placed = await self.dispatch.place_call(caller, request)
        await self.dispatch.settled()
        return placed.id

    async def step(self, act: Act, call_id: str, step: str, body: Mapping[str, Any] | None = None) -> None:
        """Take a step of a call."""
        await self.dispatch.take_step(act, call_id, step, body or {})
        await self.dispatch.settled()

    async def answer(self, call_id: str, helper: str, answer: str) -> bool:
        """Let a helper accept or decline; False when nobody asks him."""
        offers = [one for one in await self.open_offers(call_id) if one["helper"] == helper_id(helper)]
        for offer in offers:
            step = self.dispatch.accept if answer == "accept" else self.dispatch.decline
            await step(Act(Principal(helper_id(helper), "helper")), offer["id"])
        await self.dispatch.settled()
        return bool(offers)

    async def open_offers(self, call_id: str) -> list[dict[str, Any]]:
        """Return the open offers of a call."""
        keys = {"call": [call_id], "answer": ["open"]}
        return [{"id": one.id, **one.values} for one in await self.broker.read_all(ENGINE, "Offer", keys=keys)]

    async def call(self, call_id: str) -> Mapping[str, Any]:
        """Return the values of a call."""
        plain = await self.broker.read(ENGINE, call_id)
        return plain.values if plain else {}


async def play(kinds: Kinds, pack: Pack, call: str, story: ScenarioForm) -> list[str]:
    """Play one scenario of a pack on the real engine and return where it went otherwise than it says."""
    kind = pack.kinds[call]
    stage = await Stage.set_up(kinds, [MadeUp(one.name, one.minutes, kind.skills) for one in story.helper])
    targets = _targets(pack, call)
    call_id = ""
    for at, act in enumerate(story.step):
        await stage.go_to(START_US + act.at_s * SECOND_US)
        if act.do == "press":
            call_id = await stage.press(call)
        else:
            await _act(stage, call_id, act)
        faults = await _seen_otherwise(stage, call_id, act, targets)
        if faults:
            return [f"step {at} ({act.do} at {act.at_s} s): {fault}" for fault in faults]
    return []


async def _act(stage: Stage, call_id: str, act: ActForm) -> None:
    if act.do in ("accept", "decline"):
        await stage.answer(call_id, act.by, act.do)
    elif act.do in BY_WORKER:
        await stage.step(WORKER, call_id, BY_WORKER[act.do])
    elif act.do not in BY_TIME:
        by_desk = act.do == "finish" and not act.by
        who = Act(Principal(helper_id(act.by), "helper")) if act.by else (WORKER if by_desk else CALLER)
        await stage.step(who, call_id, act.do)


async def _seen_otherwise(stage: Stage, call_id: str, act: ActForm, targets: Mapping[str, str]) -> list[str]:
    call = await stage.call(call_id)
    asked = [one["helper"].rpartition(":")[2] for one in await stage.open_offers(call_id)]
    faults = []
    if snake_key(call["state"]) != act.state:
        faults.append(f"the call is {snake_key(call['state'])}, not {act.state}.")
    if act.asked and asked != [act.asked]:
        faults.append(f"{', '.join(asked) or 'nobody'} is asked, not {act.asked}.")
    if act.state != "offered" and asked:
        faults.append(f"{', '.join(asked)} is still asked.")
    told = [row["to"] for row in call["timeline"] if row["what"] == "escalated"]
    if act.told and targets[act.told] not in told:
        faults.append(f"{act.told} was not told, but {', '.join(told) or 'nobody'}.")
    return faults


def _targets(pack: Pack, call: str) -> dict[str, str]:
    """Return the pack's targets of a ladder with the roles they stand for."""
    key = next(one.ladder for one in pack.form.call if one.key == call)
    steps: Sequence[Any] = next(ladder.step for ladder in pack.form.ladder if ladder.key == key)
    return {step.to: rung.to for step, rung in zip(steps, pack.kinds[call].ladder, strict=True)}


def _drafts(helper: MadeUp) -> list[Draft]:
    place = [LON + helper.minutes * DEGREES_A_MINUTE, LAT]
    values = {
        "fullName": f"例{helper.name}",
        "role": "carer",
        "organization": AREA,
        "hasSkill": list(helper.skills) or ["visitor"],
        "dutyState": "ready",
        "profile": "ebike",
        "position": {"type": "Point", "coordinates": place},
    }
    shift = {
        "helper": helper_id(helper.name),
        "covers": [AREA],
        "from": to_wire_time(START_US + helper.from_us),
        "to": to_wire_time(START_US + helper.to_us),
    }
    return [
        Draft(helper_id(helper.name), "Helper", values, scopes=(SCOPE,)),
        Draft(f"urn:ngsi-ld:Shift:{NODE}:{helper.name}", "Shift", shift, scopes=(SCOPE,)),
    ]
