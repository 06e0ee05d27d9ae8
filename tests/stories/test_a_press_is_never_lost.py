"""The same press twice is one call; what was acknowledged is there after a restart and goes on by itself."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from town import LAT, LON, WEST, a_helper, a_shift, a_town

from linli.client import ClientProblem

HOME = (LON + 0.010, LAT + 0.020)


def test_the_same_press_twice_within_seconds_is_one_call(tmp_path: Path) -> None:
    async def story() -> None:
        async with a_town(tmp_path) as town:
            browser = town.stranger.calling_as("one browser")
            first = await browser.place_call("shop.hour", *HOME, key="k-1")
            again = await browser.place_call("shop.hour", *HOME, key="k-1")
            assert (again.id, again.number, again.watch) == (first.id, first.number, first.watch)
            pressed_again = await browser.place_call("shop.hour", *HOME, key="k-2")
            assert pressed_again.id == first.id
            seen = await town.stranger.watching(first.watch).call(first.id)
            assert seen["presses"] == 2
            other = await town.stranger.calling_as("another browser").place_call("shop.hour", *HOME, key="k-1")
            assert other.id != first.id

    asyncio.run(story())


def test_ten_presses_at_the_same_moment_are_one_call(tmp_path: Path) -> None:
    async def story() -> None:
        async with a_town(tmp_path) as town:
            browser = town.stranger.calling_as("one browser")
            placed = await asyncio.gather(*(browser.place_call("shop.hour", *HOME, key=f"k-{i}") for i in range(10)))
            assert len({one.id for one in placed}) == 1

    asyncio.run(story())


def test_after_a_restart_the_call_is_there_and_finds_somebody(tmp_path: Path) -> None:
    async def story() -> None:
        async with a_town(tmp_path) as town:
            placed = await town.stranger.calling_as("b").place_call("elder.care_visit", *HOME, key="k")
            later_us = town.node.now_us()
        async with a_town(tmp_path, now_us=later_us) as town:
            await town.load(a_helper(1, WEST, *HOME), a_shift(1, WEST))
            await town.pass_minutes(1)
            assert (await (await town.helper(1)).helper_me())["offer"] is not None
            again = await town.stranger.calling_as("b").place_call("elder.care_visit", *HOME, key="k")
            assert again.id == placed.id

    asyncio.run(story())


@pytest.mark.parametrize(
    ("kind", "lon", "lat", "code", "says"),
    [
        ("no.such", *HOME, "UnknownKind", "no.such"),
        ("shop.hour", 10.0, 10.0, "OffMap", "street"),
        ("shop.hour", 500.0, 10.0, "BadRequestData", "lon"),
        ("shop.hour", "east", 10.0, "BadRequestData", "lon"),
    ],
)
def test_a_bad_press_gets_a_clear_answer_and_leaves_nothing(
    tmp_path: Path, kind: str, lon: float, lat: float, code: str, says: str
) -> None:
    async def story() -> None:
        async with a_town(tmp_path) as town:
            with pytest.raises(ClientProblem) as refused:
                await town.stranger.calling_as("b").place_call(kind, lon, lat, key="k")
            assert refused.value.code == code
            assert says in refused.value.detail
            assert (await town.admin.calls("all"))["total"] == 0

    asyncio.run(story())
