"""Whoever cannot order for himself rings; what is sold out is asked for first; nobody kept at home goes without bread."""

from __future__ import annotations

from pathlib import Path

import pytest
from persons import PERSON, a_declaration, an_order, at_home
from town import EAST, LAT, LON, START_US, WEST, Town, a_helper, a_shift, calls_of, rungs, told

from linli.base import MINUTE_US
from linli.client import ClientProblem

AT_HOME = (LON + 0.010, LAT + 0.020)
NEXT_DOOR = (LON + 0.024, LAT + 0.020)
DAY_MIN = 24 * 60
TO_EIGHT_MIN = 60


def test_whoever_has_no_smartphone_rings_and_a_courier_of_the_next_community_brings_it(tmp_path: Path) -> None:
    async def story(town: Town) -> None:
        await town.load(
            a_helper(1, WEST, *AT_HOME, skills=("pharmacist",)), a_shift(1, WEST),
            a_helper(2, EAST, *NEXT_DOOR, skills=("courier",)), a_shift(2, EAST),
        )  # fmt: skip
        rung = await town.stranger.calling_as("her telephone").place_call(
            "shop.phone", *AT_HOME, key="ring", mouth="num", text="米和油"
        )
        await town.settle()
        assert [(await (await town.helper(number)).helper_me())["offer"] for number in (1, 2)] == [None, None]
        worker = await town.worker(WEST)
        await worker.take(rung.id)
        bought = await worker.place_call("shop.hour", *AT_HOME, key="her list", mouth="seat", text="米和油")
        await worker.finish(rung.id, "rice and oil, at most 100, read back")
        await town.settle()
        assert (await town.stranger.watching(rung.watch).call(rung.id))["state"] == "done"
        courier = await town.helper(2)
        offer = (await courier.helper_me())["offer"]
        assert (offer["kind"], offer["crossing"]) == ("shop.hour", True)
        await courier.accept(offer["id"])
        for step in (courier.depart, courier.arrive, courier.finish):
            await step(bought.id)
        await town.settle()
        assert (await worker.call(bought.id))["state"] == "done"

    told(story, tmp_path)


def test_nobody_is_promised_a_visit_where_the_desk_does_it(tmp_path: Path) -> None:
    async def story(town: Town) -> None:
        aims = {one["key"]: one["arriveWithinMin"] for one in await town.stranger.kinds()}
        assert (aims["shop.phone"], aims["shop.hour"]) == (None, 60)
        kinds = {one["code"]: one for one in await town.admin.entities("ServiceKind", purpose="service")}
        assert "arriveWithin" not in kinds["shop.phone"]
        assert kinds["shop.hour"]["arriveWithin"] == 60

    told(story, tmp_path)


def test_a_ring_that_nobody_takes_within_a_minute_is_somebody_elses(tmp_path: Path) -> None:
    async def story(town: Town) -> None:
        rung = await town.stranger.calling_as("his telephone").place_call("shop.phone", *AT_HOME, key="ring")
        await town.pass_minutes(0.9)
        assert await rungs(town, rung.id) == []
        await town.pass_minutes(0.2)
        assert await rungs(town, rung.id) == ["community_worker"]

    told(story, tmp_path)


def test_before_anything_is_replaced_the_customer_is_asked_twice_and_then_rung(tmp_path: Path) -> None:
    async def story(town: Town) -> None:
        worker = await town.worker(WEST)
        asked = await worker.place_call("shop.subst", *AT_HOME, key="the milk", mouth="seat")
        await town.pass_minutes(6)
        assert await rungs(town, asked.id) == ["caller", "caller", "seat"]
        await worker.take(asked.id)
        await worker.finish(asked.id, "no answer: the milk is left out")
        await town.settle()
        assert (await worker.call(asked.id))["state"] == "confirmed"

    told(story, tmp_path)


def test_whom_an_order_keeps_at_home_is_supplied_each_morning_by_a_captain_from_next_door(tmp_path: Path) -> None:
    async def story(town: Town) -> None:
        await town.load(a_helper(2, EAST, *NEXT_DOOR, skills=("captain",)), a_shift(2, EAST))
        await town.admin.upsert_batch([an_order("2026-03-31"), at_home(PERSON, *AT_HOME)], purpose="registry")
        await town.admin.upsert_batch([a_declaration(PERSON, "2026-03-03")], purpose="epidemic")
        await town.pass_minutes(TO_EIGHT_MIN + 1)
        captain = await town.helper(2)
        offer = (await captain.helper_me())["offer"]
        assert (offer["kind"], offer["crossing"]) == ("shop.lockdown", True)
        await captain.accept(offer["id"])
        (bags,) = await calls_of(town, "shop.lockdown")
        for step in (captain.depart, captain.arrive, captain.finish):
            await step(bags["id"])
        await town.pass_minutes(DAY_MIN)
        second = (await calls_of(town, "shop.lockdown"))[-1]
        await (await town.worker(WEST)).cancel(second["id"], "enough at home")
        await town.pass_minutes(DAY_MIN)
        assert [one["forWhom"] for one in await calls_of(town, "shop.lockdown")] == [PERSON, PERSON]

    told(story, tmp_path, now_us=START_US - 2 * TO_EIGHT_MIN * MINUTE_US, settings={"packs.plans": True})


def test_a_group_order_is_offered_to_a_captain_of_the_next_community_or_the_community_hears_of_it(
    tmp_path: Path,
) -> None:
    async def story(town: Town) -> None:
        await town.load(a_helper(2, EAST, *NEXT_DOOR, skills=("captain",)), a_shift(2, EAST))
        begun = await town.stranger.calling_as("his telephone").place_call(
            "shop.group", *AT_HOME, key="press", text="一起买鸡蛋"
        )
        await town.settle()
        captain = await town.helper(2)
        offer = (await captain.helper_me())["offer"]
        assert (offer["kind"], offer["crossing"]) == ("shop.group", True)
        await captain.decline(offer["id"])
        await town.pass_minutes(4 * 60)
        assert await rungs(town, begun.id) == ["community_worker"]

    told(story, tmp_path)


def test_a_refund_cannot_be_asked_for_yet_and_the_way_out_is_said(tmp_path: Path) -> None:
    async def story(town: Town) -> None:
        with pytest.raises(ClientProblem, match=r"waits for the engine cases.*Ask the seat on duty"):
            await town.stranger.calling_as("his telephone").place_call("shop.refund", *AT_HOME, key="press")

    told(story, tmp_path)
