"""The engine behind the calls: it goes on after a restart, loses no race, repeats nothing and never falls silent."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from dispatch_town import CARE, ENGINE, HOME_SCOPE, START_US, Town, name_of, resident

from linli.base import MINUTE_US, FastClock
from linli.base.errors import StoreFailed
from linli.broker import Draft
from linli.dispatch import CallRequest
from linli.store import Change, Committed, MemoryStore, SqliteStore


def run(coroutine: Any) -> Any:
    return asyncio.run(coroutine)


async def a_town(**options: Any) -> Town:
    town = Town(**options)
    await town.areas()
    return town


def test_a_press_that_nobody_looked_at_before_the_restart_goes_on_by_itself() -> None:
    async def story() -> None:
        town = await a_town()
        await town.helper("H", 0)
        silent = town.dispatch
        town.dispatch = town.another_dispatch()  # the one that took the press never gets to decide
        placed = await silent.place_call(
            resident("A"), CallRequest.from_body({"kind": CARE, "lon": 117.01, "lat": 36.01})
        )
        assert (await town.call(placed.id))["state"] == "received"
        await town.dispatch.settled()
        assert (await town.call(placed.id))["state"] == "offered"

    run(story())


def test_timers_overdue_at_the_restart_fire_once_and_in_order() -> None:
    async def story() -> None:
        town = await a_town()
        call_id = await town.press(0)
        town.clock.advance_to(START_US + 3 * 60 * MINUTE_US)
        town.dispatch = town.another_dispatch()
        await town.dispatch.run_due()
        await town.later(60)
        rows = (await town.call(call_id))["timeline"]
        told = [row["rung"] for row in rows if row["what"] == "escalated"]
        assert told == [1, 2, 3]
        assert [row["what"] for row in rows].count("late") == 1

    run(story())


def test_a_restart_in_the_middle_of_an_offer_asks_nobody_twice() -> None:
    async def story() -> None:
        town = await a_town()
        await town.helper("near", 0, 0.6)
        await town.helper("far", 0, 0.1)
        call_id = await town.press(0, 0.5)
        town.dispatch = town.another_dispatch()
        await town.dispatch.settled()
        assert len(await town.offers(call_id)) == 1
        await town.later(2.1)
        town.dispatch = town.another_dispatch()
        await town.dispatch.settled()
        asked = [name_of(one.values["helper"]) for one in await town.offers(call_id)]
        assert asked == ["near", "far"]

    run(story())


def test_a_restarted_engine_knows_who_is_busy() -> None:
    async def story() -> None:
        town = await a_town()
        await town.helper("H", 0)
        await town.accepted(await town.press(0, 0.4))
        town.dispatch = town.another_dispatch()
        call_id = await town.press(0, 0.5)
        assert (await town.call(call_id))["shortage"]["bindingStep"] == "idle"

    run(story())


class SlowStore(MemoryStore):
    """A store in which somebody else gets in between a decision and its commit, each time it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.first: list[Any] = []

    async def commit(self, change: Change) -> Committed:
        if change.cursor is not None and self.first:
            await self.first.pop(0)()
        return await super().commit(change)


def test_a_step_that_loses_a_race_is_decided_again_on_what_stands_then() -> None:
    async def story() -> None:
        store = SlowStore()
        town = await a_town(store=store)
        await town.helper("H", 0)
        who = resident("A")
        lost = []

        async def cancel_first() -> None:
            (call,) = await town.broker.read_all(ENGINE, "ServiceCall")
            await town.dispatch.take_step(who, call.id, "cancel", {})
            lost.append(call.id)

        store.first = [cancel_first]
        call_id = await town.press(0, who=who)
        assert lost == [call_id]
        assert (await town.call(call_id))["state"] == "cancelled"
        assert await town.offers(call_id) == []

    run(story())


class FailingStore(MemoryStore):
    """A store whose disk refuses some of the engine's commits."""

    def __init__(self) -> None:
        super().__init__()
        self.refusals = 0

    async def commit(self, change: Change) -> Committed:
        if change.cursor is not None and self.refusals:
            self.refusals -= 1
            raise StoreFailed
        return await super().commit(change)


def test_a_disk_that_refuses_for_a_while_loses_no_call(caplog: pytest.LogCaptureFixture) -> None:
    async def story() -> None:
        store = FailingStore()
        town = await a_town(store=store, clock=FastClock(START_US))
        await town.helper("H", 0)
        await town.dispatch.start()
        store.refusals = 3
        body = {"kind": CARE, "lon": 117.01, "lat": 36.01}
        placed = await town.dispatch.place_call(resident("A"), CallRequest.from_body(body))
        head = 0
        async with asyncio.timeout(30):
            while (await town.call(placed.id))["state"] != "offered":
                head = await store.wait_log("default", head)
        await town.dispatch.stop()
        assert store.refusals == 0

    run(story())


def test_a_started_engine_offers_without_being_asked(tmp_path: Path) -> None:
    async def story() -> None:
        store = SqliteStore.open(tmp_path / "town.db")
        town = await a_town(store=store, clock=FastClock(START_US))
        await town.helper("H", 0)
        await town.dispatch.start()
        body = {"kind": CARE, "lon": 117.01, "lat": 36.01}
        placed = await town.dispatch.place_call(resident("A"), CallRequest.from_body(body))
        head = 0
        async with asyncio.timeout(30):
            while (await town.call(placed.id))["state"] != "offered":
                head = await store.wait_log("default", head)
        await town.dispatch.stop()
        await store.close()

    run(story())


def test_the_durable_cursor_follows_even_when_there_is_nothing_to_decide() -> None:
    async def story() -> None:
        town = await a_town()
        await town.dispatch.settled()
        for n in range(50):
            drafts = [_a_far_community(n * 50 + k) for k in range(50)]
            await town.broker.write(ENGINE, drafts)
        await town.dispatch.settled()
        assert await town.broker.log.cursor("dispatch") >= 2000

    run(story())


def _a_far_community(n: int) -> Draft:
    code = f"990101{101 + n // 900:03}{1 + n % 900:03}"
    values = {"areaLevel": "community", "code": code, "inArea": "urn:ngsi-ld:Area:990101000000"}
    return Draft(f"urn:ngsi-ld:Area:{code}", "Area", values, scopes=(HOME_SCOPE,), expect_version=0)


async def _story_of(policy: str, order: Sequence[int]) -> list[tuple[str, str]]:
    town = await a_town(policy=policy)
    for name, community in (("a", 0), ("b", 1), ("c", 2)):
        await town.helper(name, community)
    calls = [await town.press(community, 0.3, who=resident(f"R{community}{n}")) for n, community in enumerate(order)]
    asked = []
    for call_id in calls:
        offers = await town.offers(call_id)
        asked.append(
            ("", "") if not offers else (name_of(offers[0].values["helper"]), (await town.call(call_id))["state"])
        )
    return asked


def test_the_closed_control_never_crosses_a_border() -> None:
    assert run(_story_of("closed", [3, 0])) == [("", ""), ("a", "offered")]


def test_the_nearest_control_crosses_and_serves_in_order_of_arrival() -> None:
    assert run(_story_of("nearest", [3, 0])) == [("c", "offered"), ("a", "offered")]


def test_two_runs_of_the_same_story_make_the_same_choices() -> None:
    order = [0, 3, 1, 0, 2]
    assert run(_story_of("open", order)) == run(_story_of("open", order))
