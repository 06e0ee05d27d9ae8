"""The live demo against a tiny node whose clock runs by itself: woken by the stream, going on after every break."""

from __future__ import annotations

import asyncio
import contextlib

import pytest
from demo_tiny_node import LiveTinyNode
from test_demo_people import NETWORK, SKILLS

from linli.base import MINUTE_US
from linli.client import Client, NodeUnreachable
from linli.demo import District, Scenario, load, run_live
from linli.demo._live import CityTime

START_US = 1_772_409_600_000_000
SPEED = 1000.0


def a_district(calls=6, hours=0.1) -> District:
    scenario = Scenario.load("normal").changed(calls=calls, hours=hours, helpers=40)
    return District(scenario, NETWORK, seed=5, residents=400)


def confirmed(node: LiveTinyNode) -> int:
    return sum(call["state"] == "confirmed" for call in node.calls.values())


@contextlib.asynccontextmanager
async def living(app, district, **wishes):
    living_on = asyncio.create_task(run_live(Client(app=app), district, start_us=START_US, **wishes))
    try:
        yield living_on
    finally:
        living_on.cancel()
        await asyncio.gather(living_on, return_exceptions=True)


async def a_node(district, *, began_us=START_US) -> LiveTinyNode:
    node = LiveTinyNode(began_us, speed=SPEED, skills=SKILLS)
    await load(Client(app=node), district, START_US)
    return node


@pytest.mark.slow
def test_calls_are_served_in_real_time_and_the_hours_begin_again():
    async def story():
        district = a_district()
        node = await a_node(district)
        async with living(node, district):
            await node.until(lambda: confirmed(node) >= 8)

    asyncio.run(story())


@pytest.mark.slow
def test_a_stream_that_breaks_off_goes_on_where_it_stood():
    async def story():
        district = a_district()
        node = await a_node(district)
        node.breaks = 2
        async with living(node, district):
            await node.until(lambda: confirmed(node) >= 4 and len(node.streams) >= 3)
        assert node.streams[0] is None
        assert all(position is not None for position in node.streams[1:])

    asyncio.run(story())


@pytest.mark.slow
def test_after_a_restart_open_calls_are_taken_over_by_their_callers_and_helpers():
    async def story():
        district = a_district(calls=6, hours=0.1)
        node = await a_node(district)
        async with living(node, district):
            await node.until(lambda: sum(call["state"] in ("enRoute", "onSite") for call in node.calls.values()) >= 2)
        placed = set(node.calls)
        async with living(node, district, pressing=False):
            await node.until(lambda: {call["state"] for call in node.calls.values()} <= {"confirmed", "cancelled"})
        assert confirmed(node) >= 2
        assert set(node.calls) == placed

    asyncio.run(story())


def test_what_a_step_plans_is_done_although_nothing_else_happens():
    async def story():
        district = a_district(calls=0)
        node = LiveTinyNode(START_US, speed=100.0, skills=SKILLS, way_seconds=60.0)
        door = Client(app=node)
        await load(door, district, START_US)
        caller = await door.sign_in(next(iter(district.by_hand)))
        place = district.helpers[0].place
        await caller.place_call("elder.care_visit", place.lon, place.lat, key="by hand")
        async with living(node, district, pressing=False):
            await node.until(lambda: [call["state"] for call in node.calls.values()] == ["onSite"])
        assert node.streams == [None]

    asyncio.run(story())


def test_shifts_are_renewed_while_the_demo_goes_on():
    async def story():
        district = a_district(calls=0)
        node = await a_node(district, began_us=START_US + 11 * 60 * MINUTE_US)
        begun = len(node.trail)
        async with living(node, district):
            await node.until(lambda: len(node.trail) > begun)
        assert node.trail[begun][1:] == ("staff", "Shift")
        ends = [one["to"]["value"] for one in node.entities.values() if one["type"] == "Shift"]
        assert max(ends) >= "2026-03-02T22:00:00Z"

    asyncio.run(story())


@pytest.mark.slow
def test_a_node_that_is_away_for_a_moment_is_asked_again():
    async def story():
        district = a_district(calls=3, hours=0.05)
        node = await a_node(district)
        away = {"POST /api/calls": 1}

        async def line(scope, receive, send):
            if away.get(f"{scope['method']} {scope['path']}", 0) > 0:
                away["POST /api/calls"] -= 1
                raise NodeUnreachable("away")
            await node(scope, receive, send)

        async with living(line, district):
            await node.until(lambda: confirmed(node) >= 3)
        assert away == {"POST /api/calls": 0}

    asyncio.run(story())


def test_the_citys_time_never_goes_back():
    clock = CityTime(START_US, 10.0, 0.0)
    before = clock.now_us()
    clock.correct(CityTime(START_US - 5 * MINUTE_US, 10.0, clock.asked))
    assert clock.now_us() >= before
