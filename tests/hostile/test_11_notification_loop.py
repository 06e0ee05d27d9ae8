"""Hostile test 11: brokers whose notifications are written into each other, round and round, stop and stay healthy."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path

import httpx
import pytest
from real_node import RealNode
from receiver import Got, answer, receiving

from linli.client import AsyncNgsiLdClient

QUIET_S = 2.0
PATIENCE_S = 60.0
SPARK = "urn:ngsi-ld:Spark:1"


async def settled(clients: list[AsyncNgsiLdClient]) -> list[int]:
    """Return the value that each broker holds, once all stay the same for a while."""
    before: list[int] = []
    async with asyncio.timeout(PATIENCE_S):
        while (now := [int((await client.read(SPARK))["n"]["value"]) for client in clients]) != before:
            before = now
            await asyncio.sleep(QUIET_S)
    return before


@pytest.mark.parametrize("brokers", [1, 2, 3])
def test_11_brokers_that_tell_each_other_the_same_in_a_circle_stop(tmp_path: Path, brokers: int) -> None:
    """Relays write each notification into the next broker, one higher, so that every lap is a change of its own."""

    async def story() -> None:
        options = ("--only", "broker", "--open", "--set", 'egress.allow=["127.0.0.1"]')
        nodes = [RealNode(tmp_path / str(number), *options) for number in range(brokers)]
        async with contextlib.AsyncExitStack() as stack:
            for node in nodes:
                await node.start()
                stack.push_async_callback(node.stop)
            bare = await stack.enter_async_context(httpx.AsyncClient())
            clients = [await stack.enter_async_context(AsyncNgsiLdClient(node.url)) for node in nodes]
            for number, client in enumerate(clients):
                following = nodes[(number + 1) % brokers].url

                async def relay(got: Got, target: str = following) -> bytes:
                    value = got.json["data"][0]["n"]["value"]
                    change = {"n": {"type": "Property", "value": value + 1}}
                    url = f"{target}/ngsi-ld/v1/entities/{SPARK}/attrs"
                    reply = await bare.patch(url, json=change, headers={"via": got.headers["via"]})
                    return answer(reply.status_code)

                endpoint = {"uri": (await stack.enter_async_context(receiving(relay))).url()}
                await client.create({"id": SPARK, "type": "Spark", "n": {"type": "Property", "value": 0}})
                subscription = {"type": "Subscription", "entities": [{"type": "Spark"}]}
                await client.subscribe({**subscription, "notification": {"endpoint": endpoint}})
            await clients[0].update(SPARK, {"n": {"type": "Property", "value": 1}})
            # one lap, and refused where it began
            assert await settled(clients) == list(range(1, brokers + 1))
            for client in clients:
                await client.create({"id": "urn:ngsi-ld:Lamp:after", "type": "Lamp"})

    asyncio.run(story())
