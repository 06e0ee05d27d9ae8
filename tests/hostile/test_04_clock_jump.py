"""Hostile test 04: clocks jump a day forward and an hour back; nothing is deleted early, no token revives."""

from __future__ import annotations

import asyncio
from pathlib import Path

from town import LAT, LON, WEST, a_helper, a_shift, a_town

from linli.base import SteppedClock
from linli.client import ClientProblem
from linli.store import MemoryStore
from linli.trust import AT_HOME, AT_WORK, Identity, NodeSecret, Principal
from linli.trust._logins import Logins
from linli.trust._records import digest

HOUR_US = 3600 * 1_000_000
HOME = (LON + 0.010, LAT + 0.020)


class JumpingClock(SteppedClock):
    """A wall clock that somebody sets, also backwards."""

    def jump(self, by_us: int) -> None:
        self._now_us += by_us


def logins_by(clock: JumpingClock) -> Logins:
    return Identity(MemoryStore(), clock, clock, NodeSecret(None)).logins


def test_a_sign_in_that_ended_does_not_come_back_when_the_clock_does() -> None:
    async def story() -> None:
        clock = JumpingClock(100 * HOUR_US)
        logins = logins_by(clock)
        login_id = digest(await logins.open(Principal("somebody", "clerk"), "passkey", AT_WORK))
        assert logins.held(login_id)
        clock.jump(24 * HOUR_US)
        assert logins.held(login_id) is None
        clock.jump(-24 * HOUR_US)
        assert logins.held(login_id) is None
        assert await logins.refresh(login_id) is None
        assert logins.held(login_id) is None

    asyncio.run(story())


def test_who_signed_out_stays_out_whatever_the_clock_says() -> None:
    async def story() -> None:
        clock = JumpingClock(100 * HOUR_US)
        logins = logins_by(clock)
        login_id = digest(await logins.open(Principal("somebody", "resident"), "code", AT_HOME))
        await logins.close(login_id)
        clock.jump(-HOUR_US)
        assert logins.held(login_id) is None
        assert await logins.refresh(login_id) is None

    asyncio.run(story())


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
