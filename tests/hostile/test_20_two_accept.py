"""Hostile test 20: two helpers accept one call; exactly one wins, the other is told at once."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest
from town import LAT, LON, WEST, a_helper, a_shift, a_town, helper_id

from linli.client import ClientProblem

HOME = (LON + 0.010, LAT + 0.020)
RACES = int(os.environ.get("LINLI_RACES", "20"))


async def races(folder: Path, number: int) -> int:
    """Race `number` times for two open offers of one call (the second made by hand); return how many were decided."""
    async with a_town(folder) as town:
        await town.load(
            a_helper(1, WEST, *HOME), a_helper(2, WEST, LON + 0.02, LAT + 0.02), a_shift(1, WEST), a_shift(2, WEST)
        )
        worker = await town.worker(WEST)
        helpers = {helper_id(i): await town.helper(i) for i in (1, 2)}
        for race in range(number):
            placed = await town.stranger.calling_as(f"b{race}").place_call("elder.care_visit", *HOME, key="k")
            await town.settle()
            pages = {i: await one.helper_me() for i, one in helpers.items()}
            other = next(i for i, page in pages.items() if not page["offer"])
            racing = {i: page["offer"]["id"] for i, page in pages.items() if page["offer"]}
            await worker.offer(placed.id, other, "both are near")
            racing[other] = (await helpers[other].helper_me())["offer"]["id"]
            assert len(set(racing.values())) == 2
            answers = await asyncio.gather(
                *(helpers[i].accept(offer) for i, offer in racing.items()), return_exceptions=True
            )
            won = [answer for answer in answers if isinstance(answer, dict)]
            gone = [answer for answer in answers if isinstance(answer, ClientProblem)]
            assert len(won) == 1
            assert len(won) + len(gone) == len(racing)
            assert all((problem.status, problem.code) == (409, "OfferGone") for problem in gone)
            await town.settle()
            pages = {i: await one.helper_me() for i, one in helpers.items()}
            winner = helpers[next(i for i, page in pages.items() if page["call"])]
            assert [page["offer"] for page in pages.values()] == [None, None]
            assert sum(page["call"] is not None for page in pages.values()) == 1
            for step in (winner.depart, winner.arrive, winner.finish):
                await step(placed.id)
            await town.settle()
    return race + 1


@pytest.mark.slow
def test_exactly_one_of_two_wins(tmp_path: Path) -> None:
    assert asyncio.run(races(tmp_path, RACES)) == RACES


@pytest.mark.proof
def test_exactly_one_of_two_wins_a_thousand_times(tmp_path: Path, prove) -> None:
    decided = asyncio.run(races(tmp_path, 1000))
    prove("two helpers accept one call: exactly one wins", wanted=1000, measured=decided, kept=decided == 1000)
