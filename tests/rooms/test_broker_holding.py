"""What a law or a court holds outlives its days and a wish to be erased, until the hold ends; and then it goes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from broker_desk import START_US, WEST, a_call, urn
from test_broker_forgetting import ENGINE, HOUR_US, PERSON, SELF, House, a_house, a_resident

from linli.base import to_wire_time
from linli.base.errors import BadRequestData, NotAllowed, NotNow, ResourceNotFound
from linli.trust import Act, Principal, is_receipt, read_row, trace_of

DAY_US = 24 * HOUR_US
CALL, OTHER_CALL = urn("ServiceCall", 1), urn("ServiceCall", 2)
NUMBER = "court/2026-17"
OFFICER = Act(Principal("account:privacy", "privacy_officer", (WEST,)), "registry", reason=NUMBER, strong=True)
Story = Callable[[House], Coroutine[Any, Any, None]]


def told(folder: Path, story: Story) -> None:
    async def run() -> None:
        house = await a_house(folder)
        over = {"state": "closed", "stateAt": to_wire_time(START_US)}
        calls = [a_call(name, caller=PERSON, **over) for name in (1, 2)]
        await house.broker.write(ENGINE, [a_resident(PERSON, "王示例甲", "13800001234"), *calls])
        await story(house)
        await house.store.close()

    asyncio.run(run())


def day(after: int) -> str:
    return to_wire_time(START_US + after * DAY_US)


async def to(house: House, days: float) -> None:
    house.clock.advance_to(START_US + int(days * DAY_US) + HOUR_US)
    await house.broker.expire_due()


async def has(house: House, entity_id: str, name: str) -> bool:
    found = await house.broker.read(ENGINE, entity_id)
    return found is not None and name in found.values


def test_what_is_held_outlives_its_days_and_goes_when_the_hold_ends(tmp_path: Path) -> None:
    async def story(house: House) -> None:
        await house.broker.hold(OFFICER, CALL, day(200))
        await to(house, 199)
        assert await has(house, CALL, "text")
        assert await has(house, CALL, "place")
        assert not await has(house, OTHER_CALL, "text"), "what nobody holds goes on its day"
        await to(house, 201)
        assert not await has(house, CALL, "text")
        assert await house.broker.hold_on("default", CALL) is None

    told(tmp_path, story)


def test_a_hold_on_a_person_holds_all_that_is_about_him(tmp_path: Path) -> None:
    async def story(house: House) -> None:
        await house.broker.hold(OFFICER, PERSON, day(200))
        await to(house, 199)
        assert await has(house, CALL, "text")
        assert await has(house, OTHER_CALL, "text")
        await to(house, 201)
        assert not await has(house, CALL, "text")

    told(tmp_path, story)


def test_a_hold_that_is_released_lets_go_at_once_what_it_alone_kept(tmp_path: Path) -> None:
    async def story(house: House) -> None:
        await house.broker.hold(OFFICER, PERSON, day(200))
        await to(house, 120)
        await house.broker.release(OFFICER, PERSON)
        await to(house, 120.1)
        assert not await has(house, CALL, "text")
        with pytest.raises(NotNow):
            await house.broker.release(OFFICER, PERSON)

    told(tmp_path, story)


@pytest.mark.parametrize("held", [PERSON, CALL])
def test_an_erasure_waits_until_nothing_of_the_person_is_held(tmp_path: Path, held: str) -> None:
    async def story(house: House) -> None:
        await house.broker.hold(OFFICER, held, day(20))
        wish = await house.broker.ask_erasure(SELF, PERSON)
        with pytest.raises(NotNow, match="kept until"):
            await house.broker.erase(SELF, PERSON)
        await to(house, 19)
        assert await has(house, PERSON, "fullName")
        assert await has(house, CALL, "caller")
        await to(house, 20.2)
        assert not await has(house, PERSON, "fullName")
        assert await house.broker.read(ENGINE, CALL) is None
        assert is_receipt(await house.broker.receipt("default", wish.number), house.secret.public_key)

    told(tmp_path, story)


def test_a_wish_that_waits_for_a_hold_is_taken_back_or_carried_out_when_the_hold_is_released(tmp_path: Path) -> None:
    async def story(house: House) -> None:
        await house.broker.hold(OFFICER, PERSON, day(20))
        await house.broker.ask_erasure(SELF, PERSON)
        await to(house, 5)
        await house.broker.stay(SELF, PERSON)
        await to(house, 6)
        await house.broker.ask_erasure(SELF, PERSON)
        await to(house, 12)
        await house.broker.release(OFFICER, PERSON)
        await to(house, 12.1)
        assert await house.broker.read(ENGINE, PERSON) is None

    told(tmp_path, story)


def test_a_hold_that_is_said_again_moves_its_end(tmp_path: Path) -> None:
    async def story(house: House) -> None:
        await house.broker.hold(OFFICER, CALL, day(100))
        await house.broker.hold(OFFICER, CALL, day(150))
        await to(house, 149)
        assert await has(house, CALL, "text")
        assert [one.until_us for one in await house.broker.holds(OFFICER)] == [START_US + 150 * DAY_US]
        await to(house, 151)
        assert await house.broker.holds(OFFICER) == []

    told(tmp_path, story)


@pytest.mark.parametrize(
    ("act", "until", "error"),
    [
        (replace(OFFICER, reason=""), day(9), ResourceNotFound),
        (replace(OFFICER, strong=False), day(9), ResourceNotFound),
        (replace(OFFICER, who=Principal("p", "privacy_officer", ("/cn/r99",))), day(9), ResourceNotFound),
        (replace(OFFICER, who=Principal("c", "clerk", (WEST,))), day(9), NotAllowed),
        (SELF, day(9), NotAllowed),
        (replace(OFFICER, reason="because he asked his neighbour"), day(9), BadRequestData),
        (OFFICER, day(-1), BadRequestData),
        (OFFICER, "9999-01-01", BadRequestData),
        (OFFICER, "one day", BadRequestData),
    ],
)
def test_who_may_not_hold_or_says_no_end_holds_nothing(tmp_path: Path, act: Act, until: str, error: type) -> None:
    async def story(house: House) -> None:
        with pytest.raises(error):
            await house.broker.hold(act, PERSON, until)
        assert await house.broker.hold_on("default", PERSON) is None

    told(tmp_path, story)


def test_each_step_stands_in_the_audit_and_the_person_finds_it(tmp_path: Path) -> None:
    async def story(house: House) -> None:
        await house.broker.hold(OFFICER, CALL, day(10))
        await house.broker.release(OFFICER, CALL)
        await house.broker.hold(OFFICER, CALL, day(10))
        await to(house, 11)
        rows = [read_row(one.row) for one in await house.store.audit_of("default", trace_of(PERSON))]
        told_of = [(one.action, one.reason) for one in rows if one is not None and one.action.startswith("hold")]
        kept = ("hold.ended", NUMBER), ("hold", NUMBER), ("hold.released", NUMBER), ("hold", NUMBER)
        assert told_of == list(kept)

    told(tmp_path, story)
