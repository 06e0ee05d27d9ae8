"""Hostile test 24: a consent is withdrawn while subscribers and live pages are being told: within a second they hear nothing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from receiver import Got, Receiver, answer

from linli.base import Ids, SteppedClock, from_wire_time, to_wire_time
from linli.broker import Broker, Draft
from linli.egress import Egress
from linli.store import MemoryStore
from linli.trust import Act, Policies, Principal
from linli.vocab import vocabulary

START_US = from_wire_time("2026-11-23T02:15:07Z")
HOME = "/cn/r37/r3701/r370102"
WEST = f"{HOME}/r370102001/r370102001001"
ENGINE = Act(Principal("engine:test", "engine", ("/",)), "service")
DESK = Act(Principal("worker:west", "community_worker", (WEST,)), "service")


def urn(entity_type: str, name: object) -> str:
    return f"urn:ngsi-ld:{entity_type}:370102001001:{name}"


PERSON, CALL = urn("Resident", 1), urn("ServiceCall", 1)


@dataclass
class Scene:
    broker: Broker
    receiver: Receiver

    async def says(self, text: str) -> None:
        await self.broker.write(ENGINE, [Draft(CALL, "ServiceCall", {"text": text})])

    async def settled(self) -> None:
        async with asyncio.timeout(20):
            await self.broker.settled()

    def heard(self) -> list[str]:
        return [one["text"]["value"] for got in self.receiver.got for one in got.json["data"] if "text" in one]


@asynccontextmanager
async def a_scene(receiver: Receiver, **notification: Any) -> AsyncIterator[Scene]:
    """Run a broker whose desk subscribes to what one person says in his call."""
    clock, egress = SteppedClock(START_US), Egress(["127.0.0.1"])
    broker = Broker(
        MemoryStore(), vocabulary(), Policies(clock), clock, ids=Ids("370102"), home_scope=HOME, egress=egress
    )
    await receiver.start()
    await broker.start()
    at = to_wire_time(START_US)
    said = {
        "number": "K7Q-24M",
        "serviceKind": urn("ServiceKind", 1),
        "urgency": 1,
        "mouth": "key",
        "receivedAt": at,
        "homeNode": "urn:ngsi-ld:Area:370102000000",
        "state": "received",
        "stateAt": at,
        "seq": 1,
        "caller": PERSON,
        "text": "first words",
    }
    await broker.write(ENGINE, [Draft(CALL, "ServiceCall", said, (WEST,), 0)])
    told = {
        "entities": [{"type": "ServiceCall"}],
        "watchedAttributes": ["text"],
        "notification": {**notification, "endpoint": {"uri": receiver.url()}},
    }
    await broker.create_subscription(DESK, told, broker.contexts.default, "http://localhost")
    try:
        yield Scene(broker, receiver)
    finally:
        await broker.stop()
        await egress.close()
        await receiver.stop()


def a_consent(name: object, *, at_us: int = START_US, withdrawn: bool = False) -> Draft:
    said = {
        "subject": PERSON,
        "purpose": "service",
        "textVersion": "1",
        "textHash": "0" * 64,
        "at": to_wire_time(at_us),
        "channel": "app",
        "separate": True,
        **({"withdrawnAt": to_wire_time(at_us)} if withdrawn else {}),
    }
    return Draft(urn("Consent", name), "Consent", said, (WEST,), 0)


def test_what_is_said_after_a_withdrawal_is_told_to_nobody() -> None:
    async def story() -> None:
        async with a_scene(Receiver()) as scene:
            await scene.says("before")
            await scene.receiver.count(1)
            await scene.broker.write(ENGINE, [a_consent(1, withdrawn=True)])
            await scene.says("after")
            await scene.settled()
            assert scene.heard() == ["before"]
            await scene.broker.write(ENGINE, [a_consent(2, at_us=START_US + 1)])
            await scene.says("again")
            await scene.receiver.count(2)
            await scene.settled()
            assert scene.heard() == ["before", "again"]

    asyncio.run(story())


def test_what_waits_to_be_told_again_is_not_told_after_a_withdrawal() -> None:
    refused: list[Got] = []

    async def later(got: Got) -> bytes:
        refused.append(got)
        return answer(503)

    async def story() -> None:
        receiver = Receiver(later)
        async with a_scene(receiver) as scene:
            await scene.says("in the queue")
            await scene.says("behind it")
            await receiver.count(1)
            await scene.broker.write(ENGINE, [a_consent(1, withdrawn=True)])
            receiver.answers = None
            seen = len(receiver.got)
            async with asyncio.timeout(20):
                while not all(one.idle for one in scene.broker._followers["default"].mailboxes.values()):
                    await scene.settled()
                    await asyncio.sleep(0.01)
            assert len(refused) == seen
            assert len(receiver.got) == seen, "neither what was tried before nor what stood behind it"

    asyncio.run(story())


def test_a_page_that_looks_on_sees_nothing_of_it_any_more() -> None:
    async def story() -> None:
        async with a_scene(Receiver()) as scene:
            assert "text" in await scene.broker.get(DESK, CALL, simplified=True)
            await scene.broker.write(ENGINE, [a_consent(1, withdrawn=True)])
            assert "text" not in await scene.broker.get(DESK, CALL, simplified=True)
            await scene.settled()

    asyncio.run(story())
