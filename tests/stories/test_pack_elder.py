"""An old woman presses, and is never left alone with it: somebody comes, or one level after the other is told."""

from __future__ import annotations

from pathlib import Path

from town import EAST, LAT, LON, WEST, Town, a_helper, a_shift, rungs, told

AT_HOME = (LON + 0.010, LAT + 0.020)
NEXT_DOOR = (LON + 0.024, LAT + 0.020)


def test_a_press_for_life_climbs_to_the_leader_in_three_minutes_and_goes_to_the_first_who_can_help(
    tmp_path: Path,
) -> None:
    async def story(town: Town) -> None:
        await town.load(a_helper(1, WEST, *AT_HOME), a_shift(1, WEST))  # a carer, who has no first aid
        placed = await town.stranger.calling_as("her telephone").place_call(
            "elder.sos", *AT_HOME, key="press", mouth="key", text="我摔倒了"
        )
        await town.settle()
        caller = town.stranger.watching(placed.watch)
        assert (await caller.call(placed.id))["state"] == "noProvider"
        await town.pass_minutes(3.5)
        assert (await rungs(town, placed.id))[:5] == ["seat", "guardian", "helper", "node:parent", "officer"]
        assert (await (await town.helper(1)).helper_me())["offer"] is None

        await town.load(a_helper(2, EAST, *NEXT_DOOR, skills=("first_aid",)), a_shift(2, EAST))
        await town.pass_minutes(0.3)
        neighbour = await town.helper(2)
        offer = (await neighbour.helper_me())["offer"]
        assert (offer["kind"], offer["crossing"]) == ("elder.sos", True)
        await neighbour.accept(offer["id"])
        for step in (neighbour.depart, neighbour.arrive, neighbour.finish):
            await step(placed.id)
        await town.settle()
        assert (await caller.call(placed.id))["state"] == "done"

    told(story, tmp_path)


def test_when_the_daily_word_is_missing_the_desk_asks_and_nobody_is_sent_on_the_way(tmp_path: Path) -> None:
    async def story(town: Town) -> None:
        await town.load(a_helper(1, WEST, *AT_HOME, skills=("visitor",)), a_shift(1, WEST))
        worker = await town.worker(WEST)
        placed = await worker.place_call("elder.daily_ok", *AT_HOME, key="nine o'clock", mouth="seat")
        await town.pass_minutes(31)
        assert (await worker.call(placed.id))["state"] == "triaged"
        assert {"caller", "guardian", "grid_worker"} <= set(await rungs(town, placed.id))
        assert (await (await town.helper(1)).helper_me())["offer"] is None
        await worker.take(placed.id)
        await worker.finish(placed.id, "rang: she is at her daughter's")
        await town.settle()
        assert (await worker.call(placed.id))["state"] == "confirmed"

    told(story, tmp_path)


def test_what_old_people_ask_for_most_stands_first_on_the_page(tmp_path: Path) -> None:
    async def story(town: Town) -> None:
        kinds = await town.stranger.kinds()
        shorts = [kind["short"] for kind in kinds]
        digits = [short for short in shorts if short]
        assert [kind["key"] for kind in kinds][:2] == ["elder.sos", "elder.care_visit"]
        assert shorts[: len(digits)] == sorted(digits)

    told(story, tmp_path)
