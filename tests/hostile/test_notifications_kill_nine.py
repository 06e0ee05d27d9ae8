"""The broker is killed at any moment under writes with live subscribers: every acknowledged write is there afterwards,
and every one of them was told, in order, to everybody whom it concerned."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import httpx
import pytest
from postgres_server import a_server
from real_node import RealNode
from receiver import Receiver

KILLS = int(os.environ.get("LINLI_KILLS", "10"))
WRITERS = 4
ENTITIES = 5
SUBSCRIBERS: dict[str, dict[str, Any]] = {
    "all": {},
    "even": {"q": "parity==0"},
    "gone": {"notificationTrigger": ["entityDeleted"], "q": "parity>=0"},
}


class Load:
    """Writers that count up in entities of their own, delete one now and then, and note what was acknowledged."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.url = ""
        self.up = asyncio.Event()
        self.over = False
        self.news = asyncio.Event()
        self.counts: Counter[str] = Counter()
        self.written: set[tuple[str, int]] = set()
        self.deleted: set[tuple[str, int]] = set()
        self.stands: dict[str, int] = {}

    async def some_more(self) -> None:
        """Return at a random moment after a few more writes, however slow the machine is."""
        for _ in range(1 + self.random.randrange(20)):
            self.news.clear()
            await asyncio.wait_for(self.news.wait(), 60)
        await asyncio.sleep(self.random.random() * 0.3)

    async def writer(self, number: int) -> None:
        """Write until it is over; a write that nobody acknowledged is looked up, for it may stand all the same."""
        while not self.over:
            await self.up.wait()
            async with httpx.AsyncClient(base_url=self.url, timeout=10, trust_env=False) as http:
                with contextlib.suppress(httpx.TransportError):
                    while not self.over:
                        await self.step(http, f"urn:x:{number}:{self.random.randrange(ENTITIES)}")
                        self.news.set()

    async def step(self, http: httpx.AsyncClient, entity_id: str) -> None:
        if self.counts[entity_id] < 0:  # the last write was not acknowledged
            found = await http.get(f"/ngsi-ld/v1/entities/{entity_id}?options=keyValues")
            assert found.status_code in (200, 404), found.text
            self.counts[entity_id] = -self.counts[entity_id]
            if found.status_code == 200:
                self.stands[entity_id] = found.json()["count"]
            else:
                self.stands.pop(entity_id, None)
        count = self.counts[entity_id] = self.counts[entity_id] + 1
        self.counts[entity_id] = -count
        if entity_id not in self.stands:
            answer = await http.post("/ngsi-ld/v1/entities", json={"id": entity_id, "type": "Counter", **said(count)})
        elif self.random.random() < 0.1:
            answer = await http.delete(f"/ngsi-ld/v1/entities/{entity_id}")
            assert answer.status_code == 204, answer.text
            self.deleted.add((entity_id, self.stands.pop(entity_id)))
            self.counts[entity_id] = count
            return
        else:
            answer = await http.patch(f"/ngsi-ld/v1/entities/{entity_id}/attrs", json=said(count))
        assert answer.status_code in (201, 204), answer.text
        self.counts[entity_id] = self.stands[entity_id] = count
        self.written.add((entity_id, count))


def said(count: int) -> dict[str, Any]:
    return {
        "count": {"type": "Property", "value": count},
        "parity": {"type": "Property", "value": count % 2},
    }


async def subscribe(url: str, receiver: Receiver) -> None:
    async with httpx.AsyncClient(base_url=url, trust_env=False) as http:
        for name, members in SUBSCRIBERS.items():
            notification = {"format": "keyValues", "endpoint": {"uri": receiver.url(f"/{name}")}}
            body = {"type": "Subscription", "entities": [{"type": "Counter"}], "notification": notification, **members}
            answer = await http.post("/ngsi-ld/v1/subscriptions", json=body)
            assert answer.status_code == 201, answer.text


async def all_told(url: str) -> None:
    """Return when nothing more comes: the last write's own subscription is served last."""
    async with httpx.AsyncClient(base_url=url, trust_env=False) as http:
        last = {"id": "urn:x:last", "type": "Counter", **said(1_000_000)}
        assert (await http.post("/ngsi-ld/v1/entities", json=last)).status_code == 201
        assert (await http.delete("/ngsi-ld/v1/entities/urn:x:last")).status_code == 204


async def stands_still(receiver: Receiver) -> None:
    async with asyncio.timeout(60):
        while True:
            told = {(one.target, entity["id"]) for one in receiver.got for entity in one.json["data"]}
            if {("/all", "urn:x:last"), ("/even", "urn:x:last"), ("/gone", "urn:x:last")} <= told:
                return
            await receiver.count(len(receiver.got) + 1)


def look_back(load: Load, receiver: Receiver, there: dict[str, int]) -> dict[str, int]:
    """Count what must be zero: acknowledged writes that are gone, or told to nobody, or told out of order."""
    told: dict[str, Counter[tuple[str, int]]] = {name: Counter() for name in SUBSCRIBERS}
    first: dict[str, dict[str, list[int]]] = {name: defaultdict(list) for name in SUBSCRIBERS}
    ids: dict[str, Counter[str]] = {name: Counter() for name in SUBSCRIBERS}
    for one in receiver.got:
        name = one.target[1:]
        ids[name][one.json["id"]] += 1
        for entity in one.json["data"]:
            key = (entity["id"], entity.get("count", -1))
            if not told[name][key] and name != "gone":
                first[name][entity["id"]].append(entity["count"])
            told[name][key] += 1
    deletions = Counter(entity_id for entity_id, _ in load.deleted)
    gone = Counter({entity_id: len({one.json["id"] for one in receiver.got if one.target == "/gone"
                    and one.json["data"][0]["id"] == entity_id}) for entity_id in deletions})  # fmt: skip
    return {
        "written": len(load.written),
        "deleted": len(load.deleted),
        "lost": sum(
            there.get(entity_id, -1) != count
            for entity_id, count in load.stands.items()
            if load.counts[entity_id] > 0  # of what was not acknowledged nobody knows whether it stands
        ),
        "untold": sum(not told["all"][one] for one in load.written),
        "untoldEven": sum(not told["even"][one] for one in load.written if one[1] % 2 == 0),
        "toldOdd": sum(one[1] % 2 for one in told["even"]),
        "untoldGone": sum(gone[entity_id] < times for entity_id, times in deletions.items()),
        "outOfOrder": sum(counts != sorted(counts) for by_id in first.values() for counts in by_id.values()),
        "duplicates": sum(times - 1 for by_id in ids.values() for times in by_id.values()),
    }


async def rounds(folder: Path, kills: int, seed: int, *more: str) -> dict[str, int | float]:
    receiver = await Receiver().start()
    node = RealNode(folder, "--only", "broker", "--open", "--set", 'egress.allow=["127.0.0.1"]', *more)
    load = Load(seed)
    try:
        await node.start()
        load.url = node.url
        await subscribe(node.url, receiver)
        load.up.set()
        writers = [asyncio.create_task(load.writer(number)) for number in range(WRITERS)]
        for _ in range(kills):
            await load.some_more()
            load.up.clear()
            await node.kill()
            await node.start()
            load.url = node.url
            load.up.set()
        await load.some_more()
        load.over = True
        await asyncio.gather(*writers)
        there = await everything(node.url)
        await all_told(node.url)
        await stands_still(receiver)
    finally:
        code = await node.stop()
        await receiver.stop()
    assert code == 0
    sums = look_back(load, receiver, there)
    return {**sums, "kills": kills, "slowestStartS": round(max(node.starts_s), 2)}


async def everything(url: str) -> dict[str, int]:
    async with httpx.AsyncClient(base_url=url, trust_env=False) as http:
        answer = await http.get("/ngsi-ld/v1/entities?type=Counter&options=keyValues&limit=1000")
        return {one["id"]: one["count"] for one in answer.json()}


ZERO = ("lost", "untold", "untoldEven", "toldOdd", "untoldGone", "outOfOrder")


def hold(sums: dict[str, int | float]) -> None:
    assert sums["written"] > sums["deleted"] > 0
    assert {name: sums[name] for name in ZERO} == dict.fromkeys(ZERO, 0), sums


@pytest.mark.slow
def test_what_was_acknowledged_is_told_however_often_the_broker_is_killed(tmp_path: Path) -> None:
    hold(asyncio.run(rounds(tmp_path, KILLS, 1)))


def _proof(prove: Any, engine: str, sums: dict[str, int | float]) -> None:
    what = f"100 x kill -9 with live subscribers on {engine}"
    written, duplicates = sums["written"], sums["duplicates"]
    prove(
        f"{what}: {written} writes acknowledged, {duplicates} told twice",
        wanted="some",
        measured=written,
        kept=written > 0,
    )
    for name in ZERO:
        prove(f"{what}: {name}", wanted=0, measured=sums[name], kept=sums[name] == 0)


@pytest.mark.proof
def test_a_hundred_kills_with_subscribers(tmp_path: Path, prove: Any) -> None:
    _proof(prove, "SQLite", asyncio.run(rounds(tmp_path, 100, 1)))


@pytest.mark.proof
def test_a_hundred_kills_with_subscribers_on_postgres(tmp_path: Path, prove: Any) -> None:
    with a_server(tmp_path) as server:
        _proof(prove, "PostgreSQL", asyncio.run(rounds(tmp_path, 100, 1, "--set", f"store.url={server.url}")))
