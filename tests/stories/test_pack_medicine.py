"""A prescription comes to the door from the next community, and a nurse is not sent in the place of a courier."""

from __future__ import annotations

from pathlib import Path

import pytest
from town import EAST, LAT, LON, WEST, Town, a_helper, a_shift, told

from linli.client import ClientProblem

AT_HOME = (LON + 0.010, LAT + 0.020)
NEXT_DOOR = (LON + 0.024, LAT + 0.020)


def test_a_prescription_is_brought_by_a_courier_of_the_next_community(tmp_path: Path) -> None:
    async def story(town: Town) -> None:
        await town.load(
            a_helper(1, WEST, *AT_HOME, skills=("nurse",)), a_shift(1, WEST),
            a_helper(2, EAST, *NEXT_DOOR, skills=("courier",)), a_shift(2, EAST),
        )  # fmt: skip
        placed = await town.stranger.calling_as("her telephone").place_call(
            "med.drug", *AT_HOME, key="press", text="处方药快吃完了"
        )
        await town.settle()
        caller = town.stranger.watching(placed.watch)
        assert (await (await town.helper(1)).helper_me())["offer"] is None
        courier = await town.helper(2)
        offer = (await courier.helper_me())["offer"]
        assert (offer["kind"], offer["crossing"]) == ("med.drug", True)
        await courier.accept(offer["id"])
        for step in (courier.depart, courier.arrive, courier.finish):
            await step(placed.id)
        await caller.confirm(placed.id)
        await town.settle()
        assert (await caller.call(placed.id))["state"] == "confirmed"

    told(story, tmp_path)


def test_whoever_asks_for_what_cannot_run_yet_is_told_what_to_do(tmp_path: Path) -> None:
    async def story(town: Town) -> None:
        with pytest.raises(ClientProblem, match=r"waits for the engine cases.*Ask the seat on duty"):
            await town.stranger.calling_as("his telephone").place_call("med.contract", *AT_HOME, key="press")

    told(story, tmp_path)
