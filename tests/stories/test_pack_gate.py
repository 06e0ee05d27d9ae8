"""Who is observed at home is visited each day while the order lasts, and by somebody from next door if need be."""

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


def test_who_is_observed_is_visited_each_day_until_the_order_ends(tmp_path: Path) -> None:
    async def story(town: Town) -> None:
        await town.load(a_helper(1, WEST, *AT_HOME, skills=("grid_worker",)), a_shift(1, WEST))
        await town.admin.upsert_batch([an_order("2026-03-02"), at_home(PERSON, *AT_HOME)], purpose="registry")
        await town.admin.upsert_batch([a_declaration(PERSON)], purpose="epidemic")
        await town.pass_minutes(11)
        await town.settle()
        grid_worker = await town.helper(1)
        offer = (await grid_worker.helper_me())["offer"]
        assert offer["kind"] == "gate.home_obs"
        call = await grid_worker.accept(offer["id"])
        for step in (grid_worker.depart, grid_worker.arrive, grid_worker.finish):
            await step(call["id"])
        await town.pass_minutes(16 * 60)  # the order ends at midnight
        await town.node.broker.expire_due()
        await town.pass_minutes(DAY_MIN)
        await town.settle()
        (visit,) = await calls_of(town, "gate.home_obs")
        assert (visit["forWhom"], visit["mouth"]["vocab"], visit["state"]["vocab"]) == (PERSON, "plan", "closed")

    told(story, tmp_path, now_us=START_US - 10 * MINUTE_US, settings={"packs.plans": True})


def test_the_next_day_brings_the_next_visit_until_the_last_day_of_the_observation(tmp_path: Path) -> None:
    async def story(town: Town) -> None:
        await town.admin.upsert_batch([an_order("2026-03-31"), at_home(PERSON, *AT_HOME)], purpose="registry")
        await town.admin.upsert_batch([a_declaration(PERSON, "2026-03-03")], purpose="epidemic")
        worker = await town.worker(WEST)
        for minutes, visited in ((11, 1), (DAY_MIN, 2), (DAY_MIN, 2)):
            await town.pass_minutes(minutes)
            await town.settle()
            visits = await calls_of(town, "gate.home_obs")
            assert len(visits) == visited
            for visit in visits:
                if visit["state"]["vocab"] == "noProvider":
                    await worker.cancel(visit["id"], "rang: no fever")

    told(story, tmp_path, now_us=START_US - 10 * MINUTE_US, settings={"packs.plans": True})


def test_a_visit_that_nobody_can_make_is_told_upwards_and_goes_to_the_first_neighbour_who_can(tmp_path: Path) -> None:
    async def story(town: Town) -> None:
        worker = await town.worker(WEST)
        placed = await worker.place_call("gate.home_obs", *AT_HOME, key="day 3", mouth="seat")
        await town.pass_minutes(121)
        assert await rungs(town, placed.id) == ["community_worker", "officer"]
        await town.load(a_helper(2, EAST, *NEXT_DOOR, skills=("grid_worker",)), a_shift(2, EAST))
        await town.pass_minutes(0.3)
        offer = (await (await town.helper(2)).helper_me())["offer"]
        assert (offer["kind"], offer["crossing"]) == ("gate.home_obs", True)

    told(story, tmp_path)


def test_a_pass_cannot_be_asked_for_yet_and_the_way_out_is_said(tmp_path: Path) -> None:
    async def story(town: Town) -> None:
        with pytest.raises(ClientProblem, match=r"waits for the engine gate.*Ask the seat on duty"):
            await town.stranger.calling_as("her telephone").place_call("gate.visitor", *AT_HOME, key="press")

    told(story, tmp_path)
