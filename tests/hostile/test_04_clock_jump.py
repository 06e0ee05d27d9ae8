"""Hostile test 04: clocks jump a day forward and an hour back; nothing is deleted early, no token revives."""

from __future__ import annotations

import asyncio
from pathlib import Path

from town import LAT, LON, WEST, a_helper, a_shift, a_town

from linli.base import SteppedClock
from linli.client import ClientProblem
from linli.trust import Principal, Sessions

HOUR_US = 3600 * 1_000_000
HOME = (LON + 0.010, LAT + 0.020)


class JumpingClock(SteppedClock):
    """A wall clock that somebody sets, also backwards."""

    def jump(self, by_us: int) -> None:
        self._now_us += by_us


def test_a_session_that_ended_does_not_come_back_when_the_clock_does() -> None:
    clock = JumpingClock(100 * HOUR_US)
    sessions = Sessions(clock)
    token = sessions.open(Principal("somebody", "resident"))
    clock.jump(24 * HOUR_US)
    assert sessions.who(token) is None
    clock.jump(-24 * HOUR_US)
    assert sessions.who(token) is None


def test_a_signed_out_session_stays_out_whatever_the_clock_says() -> None:
    clock = JumpingClock(100 * HOUR_US)
    sessions = Sessions(clock)
    token = sessions.open(Principal("somebody", "resident"))
    sessions.close(token)
    clock.jump(-HOUR_US)
    assert sessions.who(token) is None


def test_a_city_clock_a_day_ahead_after_a_restart_deletes_no_open_call(tmp_path: Path) -> None:
    async def story() -> None:
        async with a_town(tmp_path) as town:
            placed = await town.stranger.calling_as("b").place_call("elder.care_visit", *HOME, key="k")
            later = town.node.now_us() + 24 * HOUR_US
        async with a_town(tmp_path, now_us=later) as town:
            await town.pass_minutes(1)
            seen = await town.stranger.watching(placed.watch).call(placed.id)
            assert seen["state"] in ("noProvider", "triaged", "offered")
            count = (await town.admin.calls("all"))["total"]
        async with a_town(tmp_path, now_us=later - 25 * HOUR_US) as town:
            await town.load(a_helper(1, WEST, *HOME), a_shift(1, WEST, hours=48))
            await town.pass_minutes(1)
            assert (await town.admin.calls("all"))["total"] == count
            try:
                seen = await town.stranger.watching(placed.watch).call(placed.id)
            except ClientProblem as problem:
                raise AssertionError("the call was lost by a clock that went back") from problem
            assert seen["state"] in ("noProvider", "triaged", "offered")

    asyncio.run(story())
