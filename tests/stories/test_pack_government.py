"""Whoever cannot go to the office lets a clerk come; whatever waits for its engine says so, and where to turn."""

from __future__ import annotations

from pathlib import Path

import pytest
from town import EAST, LAT, LON, WEST, Town, a_helper, a_shift, rungs, told

from linli.client import ClientProblem

AT_HOME = (LON + 0.010, LAT + 0.020)
NEXT_DOOR = (LON + 0.024, LAT + 0.020)


def test_a_clerk_comes_for_the_papers_of_somebody_who_cannot_go_out_within_three_working_days(tmp_path: Path) -> None:
    async def story(town: Town) -> None:
        await town.load(a_helper(1, WEST, *AT_HOME, skills=("visitor",)), a_shift(1, WEST))
        placed = await town.stranger.calling_as("his telephone").place_call(
            "gov.home_proxy", *AT_HOME, key="press", mouth="num", text="我爸瘫痪在床，养老认证能不能上门办理"
        )
        await town.settle()
        assert await rungs(town, placed.id) == ["clerk"], "nobody can come now: the window is told at once"
        entity = await town.admin.entity(placed.id, purpose="service")
        assert entity["dueDone"] == "2026-03-05T09:30:00Z", "when the offices close on the third working day"
        assert (await (await town.helper(1)).helper_me())["offer"] is None

        await town.load(a_helper(2, EAST, *NEXT_DOOR, skills=("clerk",)), a_shift(2, EAST))
        await town.pass_minutes(1)
        clerk = await town.helper(2)
        offer = (await clerk.helper_me())["offer"]
        assert (offer["kind"], offer["crossing"]) == ("gov.home_proxy", True)
        await clerk.accept(offer["id"])
        for step in (clerk.depart, clerk.arrive, clerk.finish):
            await step(placed.id)
        caller = town.stranger.watching(placed.watch)
        await caller.confirm(placed.id)
        await town.settle()
        assert (await caller.call(placed.id))["state"] == "confirmed"

    told(story, tmp_path)


def test_whatever_only_a_case_can_do_is_answered_with_the_way_out_and_is_no_call(tmp_path: Path) -> None:
    async def story(town: Town) -> None:
        for kind in ("gov.case", "gov.benefit", "gov.queue"):
            with pytest.raises(ClientProblem, match=r"waits for the engine cases.*Ask the seat on duty"):
                await town.stranger.calling_as("her telephone").place_call(kind, *AT_HOME, key=kind)
        assert await town.admin.entities("ServiceCall", purpose="service") == []
        assert [one["key"] for one in await town.stranger.kinds() if one["key"].startswith("gov.")] == [
            "gov.home_proxy"
        ]

    told(story, tmp_path)
