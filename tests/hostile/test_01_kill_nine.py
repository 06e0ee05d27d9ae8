"""Hostile test 01: the process is killed at any moment under load; nothing acknowledged is lost, nobody served twice."""

from __future__ import annotations

import asyncio
import os
import random
from collections import Counter
from pathlib import Path

import pytest
from real_node import RealNode
from town import EAST, LAT, LON, WEST, a_district, a_helper, a_shift, helper_id, prop

from linli.base import MINUTE_US, WallClock, to_wire_time
from linli.cli import main
from linli.client import Client, ClientProblem, NodeUnreachable

KILLS = int(os.environ.get("LINLI_KILLS", "10"))
HELPERS = 12
CALLERS = 6


async def no_pause(_: float) -> None:
    """Repeat at once: who meets a killed node looks for the new one himself."""


class Load:
    """Callers who press and helpers who serve, both through the public doors, across kills."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.url = ""
        self.up = asyncio.Event()
        self.over = False
        self.news = asyncio.Event()
        self.finished = asyncio.Event()
        self.acknowledged: dict[str, tuple[str, str]] = {}
        self.pressed = 0

    async def some_more(self) -> None:
        """Return at a random moment after a few more presses and steps, however slow the machine is."""
        for _ in range(1 + self.random.randrange(30)):
            self.news.clear()
            await asyncio.wait_for(self.news.wait(), 60)
        await asyncio.sleep(self.random.random() * 0.05)

    async def caller(self, name: str) -> None:
        """Press again and again with a key made once a press; repeat each press until it is acknowledged."""
        while not self.over:
            self.pressed += 1
            key, mark = f"{name}-{self.pressed}", f"{name}-{self.pressed}"
            place = LON + 0.002 + self.random.random() * 0.036, LAT + 0.002 + self.random.random() * 0.036
            placed = None
            while placed is None and not self.over:
                await self.up.wait()
                client = Client(self.url, pause=no_pause)
                try:
                    placed = await client.calling_as(mark).place_call("elder.care_visit", *place, key=key)
                except (NodeUnreachable, ClientProblem):
                    await asyncio.sleep(0.05)
                finally:
                    await client.close()
            if placed is None:
                return
            known = self.acknowledged.setdefault(key, (placed.id, placed.watch))
            assert known == (placed.id, placed.watch)
            self.news.set()
            await asyncio.sleep(0.02)

    async def helper(self, number: int) -> None:
        """Take what is offered, go, arrive, finish; after a kill ask the node where one stands."""
        while not self.over:
            await self.up.wait()
            client = Client(self.url, pause=no_pause)
            try:
                me = await client.sign_in(helper_id(number))
                while not self.over:
                    await self._next_step(me)
                    await asyncio.sleep(0.02)
            except (NodeUnreachable, ClientProblem):
                await asyncio.sleep(0.05)
            finally:
                await client.close()

    async def _next_step(self, me: Client) -> None:
        page = await me.helper_me()
        if page["call"] is not None:
            state = page["call"]["state"]
            await {"accepted": me.depart, "enRoute": me.arrive, "onSite": me.finish}[state](page["call"]["id"])
            if state == "onSite":
                self.finished.set()
        elif page["offer"] is not None:
            await me.accept(page["offer"]["id"])
        else:
            return
        self.news.set()


async def load_people(url: str) -> None:
    client = Client(url)
    admin = await client.sign_in("operator")
    people = []
    for number in range(HELPERS):
        code = WEST if number % 2 else EAST
        shift = a_shift(number, code)
        now_us = WallClock().now_us()
        shift["from"], shift["to"] = (prop(to_wire_time(now_us + hours * 60 * MINUTE_US)) for hours in (-1, 12))
        people += [a_helper(number, code, LON + 0.003 * number, LAT + 0.02), shift]
    await admin.upsert_batch([*a_district(), *people], purpose="staff")
    await client.close()


async def look_back(url: str, load: Load) -> dict[str, int]:
    """Count what must be zero: acknowledged presses that are gone, calls accepted twice, helpers on two calls."""
    client = Client(url)
    admin = await client.sign_in("operator")
    lost = 0
    for call_id, watch in load.acknowledged.values():
        try:
            seen = await client.watching(watch).call(call_id)
            lost += seen["id"] != call_id
        except ClientProblem:
            lost += 1
    calls, offers = await everything(admin, "ServiceCall"), await everything(admin, "Offer")
    states = [call["state"]["vocab"] for call in calls]
    accepted = Counter(offer["call"] for offer in offers if offer["answer"]["vocab"] == "accepted")
    at_work = ("accepted", "enRoute", "onSite")
    working = Counter(call["assigned"] for call, state in zip(calls, states, strict=True) if state in at_work)
    keys = Counter(call.get("pressKey") for call in calls)
    await client.close()
    return {
        "acknowledged": len(load.acknowledged),
        "accepted": len(accepted),
        "done": sum(state in ("done", "confirmed", "closed") for state in states),
        "lost": lost,
        "servedTwice": sum(count > 1 for count in accepted.values()),
        "doubled": sum(count > 1 for key, count in keys.items() if key),
        "onTwoCalls": sum(count > 1 for count in working.values()),
    }


async def everything(admin: Client, type_name: str) -> list[dict]:
    found: list[dict] = []
    while True:
        page = await admin.entities(type_name, purpose="service", limit=1000, offset=len(found))
        found += page
        if len(page) < 1000:
            return found


async def rounds(folder: Path, kills: int, seed: int) -> dict[str, int | float]:
    node, load = RealNode(folder), Load(seed)
    try:
        await node.start()
        load.url = node.url
        await load_people(node.url)
        load.up.set()
        crowd = [asyncio.create_task(load.caller(f"c{i}")) for i in range(CALLERS)]
        crowd += [asyncio.create_task(load.helper(i)) for i in range(HELPERS)]
        for _ in range(kills):
            await load.some_more()
            load.up.clear()
            await node.kill()
            await node.start()
            load.url = node.url
            load.up.set()
        load.finished.clear()
        await asyncio.wait_for(load.finished.wait(), 60)
        load.over = True
        await asyncio.gather(*crowd)
        sums = await look_back(node.url, load)
    finally:
        code = await node.stop()
    assert code == 0
    broken = await asyncio.to_thread(main, ["audit", "verify", "--data", str(folder)])
    return {**sums, "brokenAudit": broken, "kills": kills, "slowestStartS": round(max(node.starts_s), 2)}


ZERO = ("lost", "servedTwice", "doubled", "onTwoCalls", "brokenAudit")


@pytest.mark.slow
def test_nothing_acknowledged_is_lost_and_nobody_is_served_twice(tmp_path: Path) -> None:
    sums = asyncio.run(rounds(tmp_path, KILLS, 1))
    assert sums["acknowledged"] > 0
    assert sums["accepted"] >= sums["done"] > 0
    assert {name: sums[name] for name in ZERO} == dict.fromkeys(ZERO, 0)


@pytest.mark.proof
def test_a_hundred_kills(tmp_path: Path, prove) -> None:
    sums = asyncio.run(rounds(tmp_path, 100, 1))
    prove(
        f"100 x kill -9 under load: {sums['acknowledged']} presses acknowledged, {sums['done']} served",
        wanted="some", measured=min(sums["acknowledged"], sums["done"]), kept=min(sums["acknowledged"], sums["done"]) > 0,
    )  # fmt: skip
    for name in ZERO:
        prove(f"100 x kill -9 under load: {name}", wanted=0, measured=sums[name], kept=sums[name] == 0)
    slowest = sums["slowestStartS"]
    prove("restart after kill -9, slowest, s", wanted="<= 3", measured=slowest, kept=slowest <= 3)
