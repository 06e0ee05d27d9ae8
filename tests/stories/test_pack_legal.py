"""Somebody has a question about the law: a voice answers it or calls back, and nobody is sent on the way."""

from __future__ import annotations

from pathlib import Path

import pytest
from town import LAT, LON, WEST, Town, a_helper, a_shift, rungs, told

from linli.client import ClientProblem

AT_HOME = (LON + 0.010, LAT + 0.020)


def test_a_question_that_nobody_takes_up_reaches_the_seat_and_is_answered_the_same_day(tmp_path: Path) -> None:
    async def story(town: Town) -> None:
        await town.load(a_helper(1, WEST, *AT_HOME, skills=("lawyer",)), a_shift(1, WEST))
        placed = await town.stranger.calling_as("a telephone").place_call(
            "law.advice", *AT_HOME, key="press", mouth="num", text="房东不退押金"
        )
        await town.pass_minutes(4)
        assert await rungs(town, placed.id) == ["clerk"]
        await town.pass_minutes(12)
        assert await rungs(town, placed.id) == ["clerk", "clerk", "seat"]
        assert (await (await town.helper(1)).helper_me())["offer"] is None, "a question sends no lawyer on the way"
        entity = await town.admin.entity(placed.id, purpose="service")
        assert entity["dueDone"] == "2026-03-03T09:30:00Z", "when the offices close on the next working day"
        worker = await town.worker(WEST)
        await worker.take(placed.id)
        await worker.finish(placed.id)
        await town.settle()
        assert (await worker.call(placed.id))["state"] == "confirmed"

    told(story, tmp_path)


def test_a_case_for_a_lawyer_cannot_be_opened_yet_and_the_way_out_is_said(tmp_path: Path) -> None:
    async def story(town: Town) -> None:
        with pytest.raises(ClientProblem, match=r"waits for the engine cases.*Ask the seat on duty"):
            await town.stranger.calling_as("his telephone").place_call("law.aid", *AT_HOME, key="press")

    told(story, tmp_path)
