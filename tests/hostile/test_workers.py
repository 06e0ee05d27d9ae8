"""Several workers on one PostgreSQL: any of them answers, one of them tells subscribers, and none is missed when killed."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

import pytest
from postgres_server import a_server
from real_node import RealNode
from receiver import Receiver

from linli.base import read_json
from linli.client import AsyncNgsiLdClient, NodeUnreachable, NotFound, Query

WORKERS = 3
PATIENCE_S = 30


def lamp(number: int, count: int = 0) -> dict:
    return {"id": f"urn:ngsi-ld:Lamp:{number}", "type": "Lamp", "count": {"type": "Property", "value": count}}


def workers_of(crew: int) -> list[int]:
    return [int(one) for one in Path(f"/proc/{crew}/task/{crew}/children").read_text().split()]


async def until(holds) -> None:
    """Return when `holds` does; what one worker wrote another knows a moment later."""
    async with asyncio.timeout(PATIENCE_S):
        while not await holds():  # noqa: ASYNC110 - nothing here tells when another process knows
            await asyncio.sleep(0.02)


async def on_all(url: str, asked) -> list:
    """Ask over so many new connections that every worker is among those who answer."""
    seen = []
    for _ in range(4 * WORKERS):
        async with AsyncNgsiLdClient(url) as client:
            try:
                seen.append(await asked(client))
            except (NotFound, NodeUnreachable) as error:
                seen.append(type(error))
    return seen


@pytest.fixture
def store_url(tmp_path: Path):
    with a_server(tmp_path) as server:
        yield server.url


@pytest.mark.slow
def test_any_worker_answers_and_one_of_them_tells_subscribers(tmp_path: Path, store_url: str) -> None:
    async def story() -> None:
        node = RealNode(
            tmp_path / "node", "--only", "broker", "--open", "--workers", str(WORKERS),
            "--set", f"store.url={store_url}", "--set", 'egress.allow=["127.0.0.1"]',
        )  # fmt: skip
        receiver = await Receiver().start()
        await node.start()
        try:
            await tell_of_all(node, receiver)
        finally:
            code = await node.stop()
            await receiver.stop()
        assert code == 0

    asyncio.run(story())


async def tell_of_all(node: RealNode, receiver: Receiver) -> None:
    crew = workers_of(node.pid)
    assert len(crew) == WORKERS
    async with AsyncNgsiLdClient(node.url) as client:
        await client.subscribe(
            {
                "entities": [{"type": "Lamp"}],
                "notificationTrigger": ["entityCreated"],
                "notification": {"endpoint": {"uri": receiver.url()}},
            }
        )
    told = 0
    for killed in (None, *crew):
        if killed is not None:
            os.kill(killed, signal.SIGKILL)
            await until(lambda killed=killed: replaced(node.pid, killed))
        for number in range(told, told + 12):
            async with AsyncNgsiLdClient(node.url) as client:  # a new connection each time: any worker may take it
                await client.create(lamp(number))
        told += 12
        await until(lambda told=told: heard(receiver, told))
        await until(lambda told=told: counted_everywhere(node.url, told))
    async with AsyncNgsiLdClient(node.url) as client:
        await client.update(lamp(0)["id"], {"count": {"type": "Property", "value": 7}})
    await until(lambda: changed_everywhere(node.url))


async def replaced(crew: int, killed: int) -> bool:
    there = workers_of(crew)
    return killed not in there and len(there) == WORKERS


async def heard(receiver: Receiver, count: int) -> bool:
    told = {entity["id"] for got in receiver.got for entity in read_json(got.body)["data"]}
    return told == {lamp(number)["id"] for number in range(count)}


async def counted_everywhere(url: str, count: int) -> bool:
    return set(await on_all(url, lambda client: client.count(Query(type="Lamp")))) == {count}


async def changed_everywhere(url: str) -> bool:
    seen = await on_all(url, lambda client: client.read(lamp(0)["id"], form="simplified"))
    return all(isinstance(one, dict) and one["count"] == 7 for one in seen)
