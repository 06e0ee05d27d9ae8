"""The NGSI-LD client and a served broker: sources, who is told of them, and maps of what was found, on both faces."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest
from real_node import RealNode

from linli.client import AsyncNgsiLdClient, NgsiLdClient, NotFound, Query, TemporalQuery

pytestmark = pytest.mark.slow

LAMPS = [
    {
        "id": f"urn:ngsi-ld:Lamp:{n}",
        "type": "Lamp",
        "watt": {"type": "Property", "value": n, "observedAt": "2026-01-01T00:00:00Z"},
    }
    for n in range(5)
]
SOURCE = {
    "id": "urn:ngsi-ld:ContextSourceRegistration:north",
    "information": [{"entities": [{"type": "Lamp"}]}],
    "endpoint": "http://127.0.0.1:9/ngsi-ld/v1",
}
TOLD = {
    "id": "urn:ngsi-ld:Subscription:sources",
    "entities": [{"type": "Lamp"}],
    "notification": {"endpoint": {"uri": "http://127.0.0.1:9/told"}},
    "isActive": False,
}
DAY = TemporalQuery(after="2025-12-31T00:00:00Z", before="2026-01-02T00:00:00Z")


def served(folder: Path, story: Callable[[str], Coroutine[Any, Any, None]]) -> None:
    """Run a story against a node in a process of its own."""

    async def run() -> None:
        node = RealNode(folder, "--only", "broker", "--open", "--set", 'egress.allow=["127.0.0.1"]')
        await node.start()
        try:
            await asyncio.wait_for(story(node.url), 60)
        finally:
            await node.stop()

    asyncio.run(run())


def test_sources_and_maps_without_an_event_loop(tmp_path: Path) -> None:
    def talk(url: str) -> None:
        with NgsiLdClient(url) as broker:
            assert broker.register(SOURCE) == SOURCE["id"]
            assert broker.registration(SOURCE["id"])["endpoint"] == SOURCE["endpoint"]
            broker.change_registration(SOURCE["id"], {"registrationName": "North"})
            assert [one["registrationName"] for one in broker.registrations(Query(type="Lamp"))] == ["North"]
            assert list(broker.registrations(Query(type="Bench"))) == []

            assert broker.subscribe_sources(TOLD) == TOLD["id"]
            broker.change_source_subscription(TOLD["id"], {"description": "Lamps elsewhere."})
            assert broker.source_subscription(TOLD["id"])["description"] == "Lamps elsewhere."
            assert [one["id"] for one in broker.source_subscriptions()] == [TOLD["id"]]
            broker.unsubscribe_sources(TOLD["id"])
            broker.unregister(SOURCE["id"])
            with pytest.raises(NotFound):
                broker.registration(SOURCE["id"])

            broker.create_batch(LAMPS)
            kept = broker.map_entities(Query(type="Lamp"), keep="PT1H")
            assert list(kept["entityMap"]) == [one["id"] for one in LAMPS]
            pages = broker.query(Query(type="Lamp"), page=2, by_map=kept["id"])
            first = next(pages)
            broker.delete(LAMPS[0]["id"])
            broker.create({**LAMPS[0], "id": "urn:ngsi-ld:Lamp:9"})
            assert [one["id"] for one in (first, *pages)] == [one["id"] for one in LAMPS]
            broker.keep_map(kept["id"], "2099-01-01T00:00:00Z")
            broker.forget_map(kept["id"])
            with pytest.raises(NotFound):
                broker.entity_map(kept["id"])

    async def story(url: str) -> None:
        await asyncio.to_thread(talk, url)

    served(tmp_path / "node", story)


def test_sources_and_maps_with_an_event_loop(tmp_path: Path) -> None:
    async def story(url: str) -> None:
        async with AsyncNgsiLdClient(url) as broker:
            assert await broker.register(SOURCE) == SOURCE["id"]
            assert [one["id"] async for one in broker.registrations(Query(type="Lamp"))] == [SOURCE["id"]]
            assert await broker.subscribe_sources(TOLD) == TOLD["id"]
            assert [one["id"] async for one in broker.source_subscriptions()] == [TOLD["id"]]
            await broker.create_batch(LAMPS)
            kept = await broker.map_history(Query(type="Lamp"), DAY)
            assert (await broker.entity_map(kept["id"]))["entityMap"] == kept["entityMap"]
            evolutions = broker.query_history(Query(type="Lamp"), DAY, page=2, by_map=kept["id"])
            assert [one["id"] async for one in evolutions] == [one["id"] for one in LAMPS]

    served(tmp_path / "node", story)
