"""Hostile test 11: two brokers that notify each other into each other's entities stop, and both stay healthy.

A notification is itself a valid entity, so an endpoint that is the other broker's /entities takes it in, notifies of
it, and so on: the deepest way in which two careless subscriptions can feed each other.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from real_node import RealNode

from linli.client import AsyncNgsiLdClient, Query

QUIET_S = 2.0
PATIENCE_S = 60.0


def spark(number: int) -> dict:
    return {
        "id": f"urn:ngsi-ld:Notification:spark{number}",
        "type": "Notification",
        "n": {"type": "Property", "value": 1},
    }


async def settled(clients: list[AsyncNgsiLdClient]) -> list[int]:
    """Return how many notifications each took in, once that stays the same for a while."""
    before: list[int] = []
    async with asyncio.timeout(PATIENCE_S):
        while (now := [await client.count(Query(type="Notification")) for client in clients]) != before:
            before = now
            await asyncio.sleep(QUIET_S)
    return before


@pytest.mark.parametrize("brokers", [1, 2, 3])
def test_11_brokers_that_notify_each_other_in_a_circle_stop(tmp_path: Path, brokers: int) -> None:
    async def story() -> None:
        options = ("--only", "broker", "--open", "--set", 'egress.allow=["127.0.0.1"]')
        nodes = [RealNode(tmp_path / str(number), *options) for number in range(brokers)]
        clients: list[AsyncNgsiLdClient] = []
        try:
            for node in nodes:
                await node.start()
            clients += [AsyncNgsiLdClient(node.url) for node in nodes]
            for number, client in enumerate(clients):
                following = nodes[(number + 1) % brokers].url
                endpoint = {"uri": f"{following}/ngsi-ld/v1/entities", "accept": "application/json"}
                subscription = {
                    "type": "Subscription",
                    "entities": [{"type": "Notification"}],
                    "notification": {"endpoint": endpoint},
                }
                await client.subscribe(subscription)
            for number in range(5):
                await clients[0].create(spark(number))
            taken = await settled(clients)
            # each spark goes once around and is refused where it came from
            assert taken[0] == 5
            assert all(1 <= number <= 5 for number in taken)
            for number, client in enumerate(clients):
                await client.create({"id": f"urn:x:after{number}", "type": "Lamp"})
                assert (await client.read(f"urn:x:after{number}"))["type"] == "Lamp"
        finally:
            for client in clients:
                await client.close()
            for node in nodes:
                await node.stop()

    asyncio.run(story())
