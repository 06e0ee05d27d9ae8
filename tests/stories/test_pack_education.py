"""A child is hurt, and whoever has first aid comes; a child does not come, and the desk asks the parents first."""

from __future__ import annotations

from pathlib import Path

from town import EAST, LAT, LON, WEST, Town, a_helper, a_shift, rungs, told

THE_CLASS = (LON + 0.010, LAT + 0.020)
NEXT_DOOR = (LON + 0.024, LAT + 0.020)


def test_when_a_child_is_hurt_first_aid_comes_from_next_door_and_the_guardian_is_told(tmp_path: Path) -> None:
    async def story(town: Town) -> None:
        await town.load(
            a_helper(1, WEST, *THE_CLASS, skills=("child_carer",)), a_shift(1, WEST),
            a_helper(2, EAST, *NEXT_DOOR, skills=("first_aid",)), a_shift(2, EAST),
        )  # fmt: skip
        placed = await town.stranger.calling_as("the carer's telephone").place_call(
            "edu.injury", *THE_CLASS, key="press", text="孩子磕破了额头"
        )
        await town.settle()
        neighbour = await town.helper(2)
        offer = (await neighbour.helper_me())["offer"]
        assert (offer["kind"], offer["crossing"]) == ("edu.injury", True)
        assert (await (await town.helper(1)).helper_me())["offer"] is None
        await town.pass_minutes(0.8)
        assert (await rungs(town, placed.id))[:2] == ["seat", "guardian"]
        await neighbour.accept(offer["id"])
        await neighbour.depart(placed.id)
        await neighbour.arrive(placed.id)
        assert (await town.stranger.watching(placed.watch).call(placed.id))["state"] == "onSite"

    told(story, tmp_path)


def test_when_a_child_does_not_come_guardian_school_and_grid_worker_are_told_in_this_order(tmp_path: Path) -> None:
    async def story(town: Town) -> None:
        worker = await town.worker(WEST)
        placed = await worker.place_call("edu.attend", *THE_CLASS, key="half past four", mouth="seat")
        await town.pass_minutes(16)
        in_order = list(dict.fromkeys(await rungs(town, placed.id)))
        assert in_order == ["guardian", "clerk", "grid_worker"]
        await worker.take(placed.id)
        await worker.finish(placed.id, "at her grandmother's")
        await town.settle()
        assert (await worker.call(placed.id))["state"] == "confirmed"

    told(story, tmp_path)
