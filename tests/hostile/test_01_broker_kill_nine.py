"""Hostile test 01 for the broker alone: killed at any moment under writes, it keeps all that it acknowledged."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from postgres_server import a_server
from real_node import RealNode

from linli.client import AlreadyThere, AsyncNgsiLdClient, ClientProblem, NodeUnreachable, NotFound, Query

KILLS = int(os.environ.get("LINLI_KILLS", "10"))
WRITERS = 6
BATCH = 20


async def no_pause(_: float) -> None:
    """Repeat at once: who meets a killed broker looks for the new one himself."""


def lamp(entity_id: str, count: int) -> dict:
    return {"id": entity_id, "type": "Lamp", "count": {"type": "Property", "value": count}}


class Writing:
    """Writers who create, change, batch and delete their own entities, and note down what was acknowledged."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.url = ""
        self.up = asyncio.Event()
        self.over = False
        self.news = asyncio.Event()
        self.counts: dict[str, int] = {}
        self.sent: dict[str, int] = {}
        self.gone: set[str] = set()
        self.acknowledged = 0

    async def some_more(self) -> None:
        """Return at a random moment after a few more acknowledgements, however slow the machine is."""
        for _ in range(1 + self.random.randrange(40)):
            self.news.clear()
            await asyncio.wait_for(self.news.wait(), 60)
        await asyncio.sleep(self.random.random() * 0.02)

    async def writer(self, name: str) -> None:
        """Write on and on; a write that was broken off is written again until its fate is known."""
        number = 0
        while not self.over:
            await self.up.wait()
            async with AsyncNgsiLdClient(self.url, pause=no_pause) as client:
                try:
                    while not self.over:
                        await self.one_write(client, f"urn:ngsi-ld:Lamp:{name}-{number}")
                        number += 1
                except (NodeUnreachable, ClientProblem):
                    await asyncio.sleep(0.02)

    async def one_write(self, client: AsyncNgsiLdClient, entity_id: str) -> None:
        """Create, change twice, have a batch beside it, delete every third."""
        with contextlib.suppress(AlreadyThere):  # the answer to an earlier try was lost on the way
            await client.create(lamp(entity_id, 1))
        self.acknowledge(entity_id, 1)
        for count in (2, 3):
            self.sent[entity_id] = count
            await client.update(entity_id, {"count": {"type": "Property", "value": count}})
            self.acknowledge(entity_id, count)
        batch = [lamp(f"{entity_id}:{place}", place) for place in range(BATCH)]
        outcome = await client.upsert_batch(batch)
        assert outcome.refused == []
        for place in range(BATCH):
            self.acknowledge(f"{entity_id}:{place}", place)
        if self.random.random() < 1 / 3:
            self.sent[f"{entity_id}:0"] = -1
            await client.delete(f"{entity_id}:0")
            self.gone.add(f"{entity_id}:0")

    def acknowledge(self, entity_id: str, count: int) -> None:
        self.counts[entity_id] = max(count, self.counts.get(entity_id, 0))
        self.acknowledged += 1
        self.news.set()


async def look_back(url: str, writing: Writing) -> dict[str, int]:
    """Count what must be zero: acknowledged entities and values that are gone, deleted ones that are back, doubles."""
    lost = older = back = 0
    async with AsyncNgsiLdClient(url) as client:
        standing = [one async for one in client.query(Query(type="Lamp"), form="simplified", page=1000)]
        values = {one["id"]: one["count"] for one in standing}
        for entity_id, count in writing.counts.items():
            if entity_id in writing.gone:
                back += entity_id in values
            elif entity_id not in values:
                lost += writing.sent.get(entity_id) != -1
            else:
                older += not count <= values[entity_id] <= max(count, writing.sent.get(entity_id, 0))
        some = writing.random.sample(sorted(writing.counts), min(50, len(writing.counts)))
        for entity_id in some:
            try:
                differs = (await client.read(entity_id, form="simplified"))["count"] != values.get(entity_id)
            except NotFound:
                differs = entity_id in values
            older += differs
    return {"lost": lost, "older": older, "back": back, "doubled": len(standing) - len(values)}


async def rounds(folder: Path, kills: int, seed: int, *more: str) -> dict[str, int | float]:
    node, writing = RealNode(folder, "--only", "broker", "--open", *more), Writing(seed)
    try:
        await node.start()
        writing.url = node.url
        writing.up.set()
        crowd = [asyncio.create_task(writing.writer(f"w{number}")) for number in range(WRITERS)]
        for _ in range(kills):
            await writing.some_more()
            writing.up.clear()
            await node.kill()
            await node.start()
            writing.url = node.url
            writing.up.set()
        await writing.some_more()
        writing.over = True
        await asyncio.gather(*crowd)
        sums = await look_back(node.url, writing)
    finally:
        code = await node.stop()
    assert code == 0
    slowest = round(max(node.starts_s), 2)
    return {**sums, "acknowledged": writing.acknowledged, "entities": len(writing.counts), "slowestStartS": slowest}


ZERO = ("lost", "older", "back", "doubled")


ENGINES = ("sqlite", "postgresql")


@pytest.fixture
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[str, ...]]:
    """Give the words of the command line that choose an engine."""
    if request.param == "sqlite":
        yield ()
        return
    with a_server(tmp_path) as server:
        yield "--set", f"store.url={server.url}"


@pytest.mark.slow
@pytest.mark.parametrize("engine", ENGINES, indirect=True)
def test_nothing_acknowledged_is_lost_by_the_broker(engine: tuple[str, ...], tmp_path: Path) -> None:
    sums = asyncio.run(rounds(tmp_path / "node", KILLS, 1, *engine))
    assert sums["acknowledged"] > 0
    assert {name: sums[name] for name in ZERO} == dict.fromkeys(ZERO, 0)


@pytest.mark.proof
@pytest.mark.parametrize("engine", ENGINES, indirect=True)
def test_a_hundred_kills_of_the_broker(
    engine: tuple[str, ...], tmp_path: Path, prove, request: pytest.FixtureRequest
) -> None:
    sums = asyncio.run(rounds(tmp_path / "node", 100, 1, *engine))
    what = f"100 x kill -9 of the broker under writes, {request.node.callspec.params['engine']}"
    some = sums["acknowledged"]
    prove(f"{what}: {sums['entities']} entities", wanted="some", measured=some, kept=some > 0)
    for name in ZERO:
        prove(f"{what}: {name}", wanted=0, measured=sums[name], kept=sums[name] == 0)
    slowest = sums["slowestStartS"]
    prove(f"{what}: slowest restart, s", wanted="<= 3", measured=slowest, kept=slowest <= 3)
