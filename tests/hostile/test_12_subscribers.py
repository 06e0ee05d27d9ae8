"""Hostile test 12: subscribers that are slow, dead, faulty or hanging; nobody else notices, and nothing is lost."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import uvloop
from receiver import Got, Receiver, answer, free_port, receiving

from linli.base import Ids, WallClock
from linli.broker import Broker
from linli.egress import Egress
from linli.store import MemoryStore
from linli.trust import Act, Policies, Principal
from linli.vocab import vocabulary

ADMIN = Act(Principal("operator", "operator", ("/",)))
WRITES = 300


class Node:
    """A broker in this process, with a clock that runs."""

    def __init__(self, **options: Any) -> None:
        self.egress = Egress(["127.0.0.1"], connect_s=1.0, total_s=1.0)
        self.broker = Broker(
            MemoryStore(), vocabulary(), Policies(WallClock()), WallClock(), ids=Ids("370102"), home_scope="/cn/r37",
            default_context="core", egress=self.egress, **options,
        )  # fmt: skip
        self.terms = self.broker.contexts.default

    async def subscribe(self, uri: str, **members: Any) -> str:
        notification = {"format": "simplified", "endpoint": {"uri": uri}}
        said = {"type": "Subscription", "entities": [{"type": "Counter"}], "notification": notification, **members}
        return await self.broker.create_subscription(ADMIN, said, self.terms, "http://node.example")

    async def create(self) -> None:
        await self.broker.create(ADMIN, {"id": "urn:x:1", "type": "Counter", **count(0)}, self.terms)

    async def write(self, times: int, first: int = 1) -> None:
        for number in range(first, first + times):
            await self.broker.update_attrs(ADMIN, "urn:x:1", count(number), self.terms)

    async def counted(self, subscription_id: str) -> dict[str, Any]:
        shown = await self.broker.get_subscription(ADMIN, subscription_id, self.terms)
        return dict(shown["notification"])


def count(number: int) -> dict[str, Any]:
    return {"n": {"type": "Property", "value": number}}


def told(receiver: Receiver) -> list[int]:
    return [one.json["data"][0]["n"] for one in receiver.got]


@asynccontextmanager
async def a_node(**options: Any) -> AsyncIterator[Node]:
    node = Node(**options)
    await node.broker.start()
    try:
        yield node
    finally:
        await node.broker.stop()
        await node.egress.close()


def run(story: Any) -> None:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(story)


async def never(_: Got) -> None:
    """Take the request and say nothing."""


async def faulty(_: Got) -> bytes:
    return answer(500)


async def slow(_: Got) -> bytes:
    await asyncio.sleep(0.5)
    return answer()


def test_12_a_good_subscriber_is_told_everything_while_others_hang_fail_or_are_gone() -> None:
    async def story() -> None:
        async with contextlib.AsyncExitStack() as open_ones, a_node() as node:
            good, *bad = [await open_ones.enter_async_context(receiving(how)) for how in (None, never, faulty, slow)]
            uris = [*(one.url() for one in bad), f"http://127.0.0.1:{free_port()}/", "http://absent.invalid/"]
            uris += [f"mqtt://127.0.0.1:{free_port()}/a", bad[0].url().replace("http", "mqtt")]
            bad_ids = [await node.subscribe(uri) for uri in uris]
            good_id = await node.subscribe(good.url())
            await node.create()
            await node.write(WRITES)
            await good.count(WRITES + 1)
            assert told(good) == list(range(WRITES + 1))
            assert len(told(bad[2])) < WRITES  # the slow one is still at it
            counted = await node.counted(good_id)
            assert (counted["timesSent"], counted.get("timesFailed", 0)) == (WRITES + 1, 0)
            for one in bad_ids:
                shown = await node.counted(one)
                assert shown["timesSent"] <= 10, shown
                assert shown.get("status") in (None, "failed", "ok")

    run(story())


def test_12_a_target_that_fails_is_asked_seldom_however_many_subscriptions_lead_to_it() -> None:
    async def story() -> None:
        async with receiving(faulty) as bad, a_node() as node:
            for number in range(50):
                await node.subscribe(bad.url(f"/{number}"))
            await node.create()
            await node.write(10)
            await bad.count(8)
            await asyncio.sleep(1.0)
            assert len(bad.got) <= 12

    run(story())


def test_12_what_did_not_fit_into_a_mailbox_is_read_from_the_log_again_and_told_in_order() -> None:
    """More writes than a mailbox holds, while the receiver has a fault; afterwards nothing is missing."""
    whole = 1200
    healed = False

    async def answers(_: Got) -> bytes:
        return answer(204 if healed else 503)

    async def story() -> None:
        nonlocal healed
        async with receiving(answers) as receiver, a_node() as node:
            subscription_id = await node.subscribe(receiver.url())
            await node.create()
            await receiver.count(1)
            await node.write(whole)
            healed = True
            refused = len(receiver.got)
            async with asyncio.timeout(60):
                while True:
                    got = await receiver.count(len(receiver.got) + 1)
                    if got[-1].json["data"][0]["n"] == whole:
                        break
            numbers = told(receiver)[refused:]
            assert sorted(set(numbers)) == list(range(numbers[0], whole + 1))
            assert numbers[0] == 0
            assert numbers == sorted(numbers)
            await node.broker.settled()
            counted = await node.counted(subscription_id)
            assert counted["status"] == "ok"
            assert counted["timesSent"] - counted["timesFailed"] == whole + 1

    run(story())


def test_12_what_is_too_old_is_given_up_and_what_comes_after_is_told() -> None:
    healed = False

    async def answers(_: Got) -> bytes:
        return answer(204 if healed else 503)

    async def story() -> None:
        nonlocal healed
        async with receiving(answers) as receiver, a_node(keep_s=0.2) as node:
            await node.subscribe(receiver.url())
            await node.create()
            await receiver.count(1)
            await asyncio.sleep(0.4)
            healed = True
            await node.write(1)
            got = await receiver.count(len(receiver.got) + 1)
            while got[-1].json["data"][0]["n"] != 1:
                got = await receiver.count(len(got) + 1)
            assert 0 not in [one.json["data"][0]["n"] for one in got[2:]]

    run(story())


def test_12_a_cooldown_is_kept() -> None:
    async def story() -> None:
        async with receiving(faulty) as bad, a_node() as node:
            endpoint = {"uri": bad.url(), "cooldown": 60_000}
            await node.subscribe(bad.url(), notification={"endpoint": endpoint})
            await node.create()
            await bad.count(1)
            await node.write(5)
            await asyncio.sleep(1.0)
            assert len(bad.got) == 1

    run(story())


def test_12_stopping_does_not_wait_for_those_who_hang() -> None:
    async def story() -> None:
        async with receiving(never) as hanging, a_node() as node:
            await node.subscribe(hanging.url())
            await node.create()
            await hanging.count(1)

    run(story())
