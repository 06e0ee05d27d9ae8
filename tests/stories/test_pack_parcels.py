"""Nothing stays where its receiver did not want it, and whoever cannot carry a parcel has it brought and fetched."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from persons import PERSON, at_home
from town import EAST, LAT, LON, WEST, Town, a_helper, a_shift, calls_of, link, prop, rungs, scope_of, told, word

from linli.client import ClientProblem

AT_HOME = (LON + 0.010, LAT + 0.020)
NEXT_DOOR = (LON + 0.024, LAT + 0.020)
DAY_MIN = 24 * 60
TO_TEN_MIN = 60
"""From the start of the stories, nine o'clock."""


def a_parcel(number: int, receiver: str, *, state: str = "stored", consent: str = "no") -> dict[str, Any]:
    return {
        "id": f"urn:ngsi-ld:Parcel:990101000000:01JTESTPARCE1{number:013d}",
        "type": "Parcel",
        "scope": scope_of(WEST),
        "receiver": link(receiver),
        "carrier": prop("Example express"),
        "state": word(state),
        "consentToStore": word(consent),
    }


def test_what_was_stored_without_a_yes_is_brought_to_the_door_in_one_go(tmp_path: Path) -> None:
    async def story(town: Town) -> None:
        others = [PERSON[:-1] + str(number) for number in (2, 3)]
        await town.load(a_helper(2, EAST, *NEXT_DOOR, skills=("courier",)), a_shift(2, EAST))
        await town.admin.upsert_batch([at_home(one, *AT_HOME) for one in (PERSON, *others)], purpose="registry")
        parcels = [
            a_parcel(1, PERSON),
            a_parcel(2, PERSON, consent="asked"),
            a_parcel(3, others[0], consent="standing"),
            a_parcel(4, others[1], state="collected"),
        ]
        await town.admin.upsert_batch(parcels, purpose="delivery")
        await town.pass_minutes(TO_TEN_MIN + 1)
        (call,) = await calls_of(town, "parcel.assist")
        assert (call["forWhom"], call["mouth"]["vocab"]) == (PERSON, "plan")
        courier = await town.helper(2)
        offer = (await courier.helper_me())["offer"]
        assert (offer["kind"], offer["crossing"]) == ("parcel.assist", True)
        await courier.accept(offer["id"])
        for step in (courier.depart, courier.arrive, courier.finish):
            await step(call["id"])
        await town.settle()
        assert [one["state"]["vocab"] for one in await calls_of(town, "parcel.assist")] == ["done"]

    told(story, tmp_path, settings={"packs.plans": True})


def test_when_nobody_can_bring_an_overdue_parcel_its_receiver_hears_first_and_on_the_third_day_the_seat(
    tmp_path: Path,
) -> None:
    async def story(town: Town) -> None:
        await town.admin.upsert_batch([at_home(PERSON, *AT_HOME)], purpose="registry")
        await town.admin.upsert_batch([a_parcel(1, PERSON, state="overdue", consent="yes")], purpose="delivery")
        await town.pass_minutes(2 * TO_TEN_MIN + 1)
        (call,) = await calls_of(town, "parcel.drop")
        assert await rungs(town, call["id"]) == ["caller"]
        await town.pass_minutes(DAY_MIN)
        assert await rungs(town, call["id"]) == ["caller", "community_worker"]
        await town.pass_minutes(DAY_MIN)
        assert await rungs(town, call["id"]) == ["caller", "community_worker", "seat"]
        assert len(await calls_of(town, "parcel.drop")) == 1

    told(story, tmp_path, settings={"packs.plans": True})


def test_a_parcel_is_fetched_from_somebody_who_cannot_go_out(tmp_path: Path) -> None:
    async def story(town: Town) -> None:
        placed = await town.stranger.calling_as("her telephone").place_call(
            "parcel.send", *AT_HOME, key="press", text="给孙子寄东西"
        )
        await town.settle()
        assert await rungs(town, placed.id) == ["community_worker"]
        await town.load(a_helper(2, EAST, *NEXT_DOOR, skills=("courier",)), a_shift(2, EAST))
        await town.pass_minutes(0.3)
        courier = await town.helper(2)
        offer = (await courier.helper_me())["offer"]
        assert (offer["kind"], offer["crossing"]) == ("parcel.send", True)
        await courier.accept(offer["id"])
        for step in (courier.depart, courier.arrive, courier.finish):
            await step(placed.id)
        caller = town.stranger.watching(placed.watch)
        await caller.confirm(placed.id)
        await town.settle()
        assert (await caller.call(placed.id))["state"] == "confirmed"

    told(story, tmp_path)


@pytest.mark.parametrize(("kind", "engine"), [("parcel.pass", "gate"), ("parcel.wrong", "cases")])
def test_what_waits_for_its_engine_says_so_and_what_to_do(tmp_path: Path, kind: str, engine: str) -> None:
    async def story(town: Town) -> None:
        with pytest.raises(ClientProblem, match=rf"waits for the engine {engine}.*Ask the seat on duty"):
            await town.stranger.calling_as("his telephone").place_call(kind, *AT_HOME, key="press")

    told(story, tmp_path)
