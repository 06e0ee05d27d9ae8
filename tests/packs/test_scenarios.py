"""The scenarios of every pack, played against the real engine: dispatch over a broker over a store in memory."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from linli.base import Ids, SteppedClock, from_wire_time, seeded, snake_key, to_wire_time
from linli.broker import Broker, Draft
from linli.dispatch import CallRequest, Dispatch
from linli.packs import Packs
from linli.packs._scenario import ActForm, ScenarioForm
from linli.store import MemoryStore
from linli.trust import Act, NodeSecret, Policies, Principal
from linli.vocab import vocabulary

START_US = from_wire_time("2026-03-02T01:00:00Z")
DAY_US = 24 * 3600 * 1_000_000
SCOPE = "/cn/r99/r9901/r990101"
AREA = "urn:ngsi-ld:Area:990101"
LON, LAT = 117.0, 0.0
#: Degrees of longitude on the equator that an e-bike needs a minute for, with the engine's own speed and detour.
DEGREES_A_MINUTE = 15_000 / 60 / 1.35 / 111_195
PACKS = Packs.load()
STORIES = [
    pytest.param(one.call, story, id=f"{one.call}-{story.proves}-{at}")
    for pack in PACKS.packs.values()
    for one in pack.scenarios
    for at, story in enumerate(one.scenario)
]
ENGINE = Act(Principal("engine", "engine", ("/",)))
CALLER = Act(Principal("caller:example", "caller"))
WORKER = Act(Principal("urn:ngsi-ld:Helper:990101000000:worker", "community_worker", ("/",)))


def helper_id(name: str) -> str:
    return f"urn:ngsi-ld:Helper:990101000000:{name}"


@dataclass
class Stage:
    """A node in memory with the helpers of one scenario."""

    broker: Broker
    dispatch: Dispatch
    clock: SteppedClock
    call_id: str = ""

    @classmethod
    async def set_up(cls, skills: tuple[str, ...], story: ScenarioForm) -> Stage:
        clock = SteppedClock(START_US)
        ids = Ids("990101", seeded(7))
        broker = Broker(MemoryStore(), vocabulary(), Policies(clock), clock, ids=ids, home_scope=SCOPE)
        drafts = [draft for one in story.helper for draft in _helper(one.name, one.minutes, skills)]
        if drafts:
            await broker.write(ENGINE, drafts)
        dispatch = Dispatch(broker, Policies(clock), None, PACKS, clock, ids, NodeSecret(None), home_scope=SCOPE)
        await dispatch.run_due()
        return cls(broker, dispatch, clock)

    async def go_to(self, at_us: int) -> None:
        """Let time pass, doing on the way whatever falls due."""
        while (due := await self.dispatch.next_due_us()) is not None and due <= at_us:
            self.clock.advance_to(due)
            await self.dispatch.run_due()
        self.clock.advance_to(at_us)
        await self.dispatch.run_due()

    async def act(self, kind: str, act: ActForm) -> None:
        who = Act(Principal(helper_id(act.by), "helper")) if act.by else CALLER
        if act.do == "press":
            placed = await self.dispatch.place_call(CALLER, CallRequest(kind, LON, LAT, "key", key="press"))
            self.call_id = placed.id
        elif act.do in ("accept", "decline"):
            (offer,) = await self.open_offers()
            assert offer["helper"] == helper_id(act.by)
            step = self.dispatch.accept if act.do == "accept" else self.dispatch.decline
            await step(who, offer["id"])
        elif act.do == "false_alarm":
            await self.dispatch.take_step(WORKER, self.call_id, "falseAlarm", {})
        elif act.do not in ("timeout", "rung", "confirm_timeout", "offer"):
            await self.dispatch.take_step(who, self.call_id, act.do, {})
        await self.dispatch.settled()

    async def open_offers(self) -> list[dict[str, Any]]:
        keys = {"call": [self.call_id], "answer": ["open"]}
        return [{"id": one.id, **one.values} for one in await self.broker.read_all(ENGINE, "Offer", keys=keys)]

    async def call(self) -> dict[str, Any]:
        plain = await self.broker.read(ENGINE, self.call_id)
        assert plain is not None
        return plain.values


def _helper(name: str, minutes: float, skills: tuple[str, ...]) -> list[Draft]:
    place = [LON + minutes * DEGREES_A_MINUTE, LAT]
    return [
        Draft(
            helper_id(name),
            "Helper",
            {
                "fullName": f"例{name}",
                "role": "carer",
                "organization": AREA,
                "hasSkill": list(skills),
                "dutyState": "ready",
                "profile": "ebike",
                "position": {"type": "Point", "coordinates": place},
            },
            scopes=(SCOPE,),
        ),
        Draft(
            f"urn:ngsi-ld:Shift:990101000000:{name}",
            "Shift",
            {
                "helper": helper_id(name),
                "covers": [AREA],
                "from": to_wire_time(START_US - DAY_US // 2),
                "to": to_wire_time(START_US + 3 * DAY_US),
            },
            scopes=(SCOPE,),
        ),
    ]


@pytest.mark.parametrize(("kind", "story"), STORIES)
def test_a_scenario_goes_as_the_pack_says(kind: str, story: ScenarioForm) -> None:
    import asyncio

    asyncio.run(_play(kind, story))


async def _play(kind: str, story: ScenarioForm) -> None:
    stage = await Stage.set_up(PACKS.kinds[kind].skills, story)
    targets = _targets(kind)
    for at, act in enumerate(story.step):
        await stage.go_to(START_US + act.at_s * 1_000_000)
        await stage.act(kind, act)
        call = await stage.call()
        assert snake_key(call["state"]) == act.state, f"step {at}: {act.do}"
        asked = [one["helper"] for one in await stage.open_offers()]
        if act.asked:
            assert asked == [helper_id(act.asked)], f"step {at}: {act.do}"
        elif act.state != "offered":
            assert asked == [], f"step {at}: {act.do}"
        if act.told:
            told = [row["to"] for row in call["timeline"] if row["what"] == "escalated"]
            assert targets[act.told] in told, f"step {at}: {act.do}"


def _targets(kind: str) -> dict[str, str]:
    """Return the pack's targets of a ladder with the roles they stand for."""
    form = next(pack.form for pack in PACKS.packs.values() if kind in pack.kinds)
    key = next(call.ladder for call in form.call if call.key == kind)
    steps = next(ladder.step for ladder in form.ladder if ladder.key == key)
    return {step.to: rung.to for step, rung in zip(steps, PACKS.kinds[kind].ladder, strict=True)}
