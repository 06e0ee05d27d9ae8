"""Somebody in despair rings: the desk keeps the line, and nobody is sent to a door until a counsellor asks for it."""

from __future__ import annotations

from pathlib import Path

from town import LAT, LON, WEST, Town, a_helper, a_shift, rungs, told

AT_HOME = (LON + 0.010, LAT + 0.020)


def test_a_voice_that_wants_to_die_is_raised_to_life_and_heard_and_nobody_comes_unasked(tmp_path: Path) -> None:
    async def story(town: Town) -> None:
        await town.load(a_helper(1, WEST, *AT_HOME, skills=("crisis_team", "first_aid")), a_shift(1, WEST))
        placed = await town.stranger.calling_as("a telephone").place_call(
            "psy.hotline", *AT_HOME, key="press", mouth="num", text="我不想活了"
        )
        await town.pass_minutes(1.5)
        worker = await town.worker(WEST)
        seen = await worker.call(placed.id)
        assert (seen["state"], seen["urgency"]) == ("triaged", 3)
        assert (await rungs(town, placed.id))[:2] == ["counsellor", "counsellor"]
        assert (await (await town.helper(1)).helper_me())["offer"] is None
        await worker.take(placed.id)
        await worker.finish(placed.id)
        await town.settle()
        assert (await worker.call(placed.id))["state"] in ("done", "confirmed")

    told(story, tmp_path)


def test_in_a_crisis_the_team_is_asked_at_once(tmp_path: Path) -> None:
    async def story(town: Town) -> None:
        await town.load(
            a_helper(1, WEST, *AT_HOME, skills=("crisis_team",)), a_shift(1, WEST),
            a_helper(2, WEST, *AT_HOME, skills=("carer",)), a_shift(2, WEST),
        )  # fmt: skip
        worker = await town.worker(WEST)
        await worker.place_call("psy.crisis", *AT_HOME, key="grade 4", mouth="seat")
        await town.settle()
        assert (await (await town.helper(1)).helper_me())["offer"]["kind"] == "psy.crisis"
        assert (await (await town.helper(2)).helper_me())["offer"] is None

    told(story, tmp_path)
