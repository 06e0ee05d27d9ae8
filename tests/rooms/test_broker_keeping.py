"""Nothing is kept for longer than the vocabulary says, nor taken away before: attributes, history, whole entities."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from broker_desk import ENGINE, START_US, WEST, Desk, a_call, a_desk, a_helper, urn

from linli.base import SteppedClock, to_wire_time
from linli.base.errors import BadSetting
from linli.broker import Draft
from linli.store import MemoryStore, Store

HOUR_US = 3600 * 1_000_000
DAY_US = 24 * HOUR_US
CALL, HELPER, PERSON = urn("ServiceCall", 1), urn("Helper", 1), urn("Resident", 1)

SPOUSE, HOME, PLAN, WORN = urn("Resident", 2), urn("Household", 1), urn("CarePlan", 1), urn("Device", 1)

Story = Callable[[Desk], Coroutine[Any, Any, None]]


class CityClock(SteppedClock):
    """A clock that runs as fast as ours, and that somebody can set wrong."""

    speed = 1.0

    def jump(self, by_us: int) -> None:
        self._now_us += by_us


def told(story: Story, **options: Any) -> None:
    asyncio.run(story(a_desk(**options)))


async def after(desk: Desk, days: float) -> None:
    """Move the clock on from the start, and let go what has to go."""
    desk.clock.advance_to(START_US + int(days * DAY_US) + HOUR_US)
    await desk.broker.expire_due()


async def there(desk: Desk, entity_id: str) -> set[str] | None:
    found = await desk.broker.read(ENGINE, entity_id)
    return None if found is None else set(found.values)


async def history(desk: Desk, entity_id: str, attr: str) -> int:
    return len(await desk.store.history("default", entity_id, attr))


def test_each_attribute_of_a_call_goes_when_its_days_are_over_and_at_last_the_call() -> None:
    async def story(desk: Desk) -> None:
        await desk.broker.write(ENGINE, [a_call(callback="13800001234")])
        await desk.broker.write(ENGINE, [Draft(CALL, "ServiceCall", {"text": "other words"})])
        await after(desk, 400)
        assert {"callback", "place", "text"} <= (await there(desk, CALL) or set())
        closed = {"state": "closed", "stateAt": to_wire_time(START_US + 400 * DAY_US)}
        await desk.broker.write(ENGINE, [Draft(CALL, "ServiceCall", closed)])
        await after(desk, 429)
        assert {"callback", "place", "text"} <= (await there(desk, CALL) or set())
        await after(desk, 430)
        assert {"callback", "place", "text"} & (await there(desk, CALL) or set()) == {"text"}
        assert await history(desk, CALL, "place") == 0
        assert await history(desk, CALL, "text") == 2
        await after(desk, 490)
        assert "text" not in (await there(desk, CALL) or set())
        assert await history(desk, CALL, "text") == 0
        await after(desk, 764)
        assert await there(desk, CALL) is not None
        await after(desk, 765)
        assert await there(desk, CALL) is None
        assert await desk.store.past_names("default", CALL) == []

    told(story)


def test_a_call_that_is_reopened_is_kept_until_it_is_closed_again() -> None:
    async def story(desk: Desk) -> None:
        await desk.broker.write(ENGINE, [a_call(state="closed", stateAt=to_wire_time(START_US))])
        desk.clock.advance_to(START_US + 20 * DAY_US)
        await desk.broker.write(ENGINE, [Draft(CALL, "ServiceCall", {"state": "reopened"})])
        await after(desk, 80)
        assert "place" in (await there(desk, CALL) or set())
        closed = {"state": "closed", "stateAt": to_wire_time(START_US + 80 * DAY_US)}
        await desk.broker.write(ENGINE, [Draft(CALL, "ServiceCall", closed)])
        await after(desk, 110)
        assert "place" not in (await there(desk, CALL) or set())

    told(story)


def test_where_a_helper_was_is_forgotten_after_a_day_position_by_position() -> None:
    async def story(desk: Desk) -> None:
        await desk.broker.write(ENGINE, [a_helper()])
        for hour in (2, 4, 20, 30):
            desk.clock.advance_to(START_US + hour * HOUR_US)
            place = {"type": "Point", "coordinates": [117.0 + hour / 1000, 36.66]}
            await desk.broker.write(ENGINE, [Draft(HELPER, "Helper", {"position": place})])
            await desk.broker.expire_due()
        left = await desk.store.history("default", HELPER, await inner(desk))
        assert len(left) == 2, "those of hour 20 and 30; the first, of hour 2 and of hour 4 are older than a day"
        assert "position" in (await there(desk, HELPER) or set())
        await after(desk, 3)
        assert "position" not in (await there(desk, HELPER) or set())
        assert await history(desk, HELPER, await inner(desk)) == 0
        assert "fullName" in (await there(desk, HELPER) or set())

    told(story)


async def inner(desk: Desk) -> str:
    return next(one for one in await desk.store.past_names("default", HELPER) or ["position"] if "osition" in one)


def test_an_entry_record_goes_thirty_days_after_it_was_observed_with_all_it_says() -> None:
    async def story(desk: Desk) -> None:
        record = urn("EntryExitRecord", 1)
        said = {
            "gate": urn("Gate", 1),
            "at": to_wire_time(START_US - 3 * DAY_US),
            "receivedAt": to_wire_time(START_US),
            "passDirection": "in",
            "method": "card",
            "result": "granted",
            "deviceSeq": 1,
            "subject": PERSON,
        }
        await desk.broker.write(ENGINE, [Draft(record, "EntryExitRecord", said, (WEST,), 0)])
        await after(desk, 26)
        assert await there(desk, record) is not None
        await after(desk, 27)
        assert await there(desk, record) is None

    told(story)


def test_a_local_rule_may_shorten_and_never_lengthen() -> None:
    async def story(desk: Desk) -> None:
        await desk.broker.write(ENGINE, [a_call(state="closed", stateAt=to_wire_time(START_US))])
        await after(desk, 10)
        assert "place" not in (await there(desk, CALL) or set())
        assert "text" in (await there(desk, CALL) or set())

    told(story, shorter=["ServiceCall.place=10"])
    for rule in ("ServiceCall.place=31", "ServiceCall.nothing=1", "NoType=1", "ServiceCall", "ServiceCall.place=-1"):
        with pytest.raises(BadSetting, match=r"retention\.shorter"):
            a_desk(shorter=[rule])


def test_a_resident_is_kept_while_he_lives_here_and_half_a_year_longer() -> None:
    async def story(desk: Desk) -> None:
        said = {"ageBand": "a18to59", "homeArea": "urn:ngsi-ld:Area:370102001001", "fullName": "王示例"}
        homes = [a_relation(1, since="2020-01-01"), a_relation(2, since="2020-01-01")]
        await desk.broker.write(ENGINE, [Draft(PERSON, "Resident", said, (WEST,), 0), *homes])
        await after(desk, 1000)
        ended = {"until": to_wire_time(START_US + 1000 * DAY_US)[:10]}
        await desk.broker.write(ENGINE, [Draft(urn("ResidencyRelation", 1), "ResidencyRelation", ended)])
        await after(desk, 1300)
        assert await there(desk, PERSON) is not None, "he has another home here"
        ended = {"until": to_wire_time(START_US + 1300 * DAY_US)[:10]}
        await desk.broker.write(ENGINE, [Draft(urn("ResidencyRelation", 2), "ResidencyRelation", ended)])
        await after(desk, 1479)
        assert await there(desk, PERSON) is not None
        await after(desk, 1482)
        assert await there(desk, PERSON) is None

    told(story)


def a_home(*members: str) -> list[Draft]:
    """Return a home with its people, and the care and the device of the first of them."""
    said = {"ageBand": "a60to79", "homeArea": "urn:ngsi-ld:Area:370102001001", "fullName": "王示例"}
    plan = {"subject": PERSON, "risk": "high", "reviewAt": "2027-01-01", "consent": urn("Consent", 1)}
    return [
        *(Draft(one, "Resident", said, (WEST,), 0) for one in members),
        Draft(HOME, "Household", {"dwelling": urn("Dwelling", 1), "members": list(members), "size": 2}, (WEST,), 0),
        Draft(PLAN, "CarePlan", plan, (WEST,), 0),
        Draft(WORN, "Device", {"category": ["sensor"], "controlledProperty": ["fall"], "wearer": PERSON}, (WEST,), 0),
    ]


def test_what_hangs_on_a_persons_stay_ends_with_it_each_after_its_own_days() -> None:
    async def story(desk: Desk) -> None:
        await desk.broker.write(ENGINE, [*a_home(PERSON), a_relation(1, since="2020-01-01")])
        await after(desk, 800)
        assert {"wearer"} <= (await there(desk, WORN) or set())
        await desk.broker.write(ENGINE, [moved_out(1, 800)])
        await after(desk, 802)
        assert "wearer" not in (await there(desk, WORN) or set())
        assert "endedAt" in (await there(desk, PLAN) or set())
        await after(desk, 889)
        assert "members" in (await there(desk, HOME) or set())
        await after(desk, 892)
        assert await there(desk, HOME) is None
        assert "risk" in (await there(desk, PLAN) or set()), "care is kept for a year"
        await after(desk, 983)
        assert await there(desk, PERSON) is None
        await after(desk, 1164)
        assert "risk" in (await there(desk, PLAN) or set())
        await after(desk, 1167)
        assert await there(desk, PLAN) is None

    told(story)


def test_a_home_stays_while_one_of_its_people_does_and_goes_after_the_last() -> None:
    async def story(desk: Desk) -> None:
        others = {"person": SPOUSE, "since": "2020-01-01"}
        stays = [a_relation(1, since="2020-01-01"), a_relation(2, **others)]
        await desk.broker.write(ENGINE, [*a_home(PERSON, SPOUSE), *stays])
        await after(desk, 10)
        await desk.broker.write(ENGINE, [moved_out(1, 10)])
        await after(desk, 400)
        assert await there(desk, PERSON) is None
        assert "members" in (await there(desk, HOME) or set())
        await desk.broker.write(ENGINE, [moved_out(2, 400)])
        await after(desk, 489)
        assert "members" in (await there(desk, HOME) or set())
        await after(desk, 492)
        assert await there(desk, HOME) is None

    told(story)


def test_a_home_that_all_have_left_goes_and_one_into_which_somebody_moved_again_stays() -> None:
    async def story(desk: Desk) -> None:
        await desk.broker.write(ENGINE, [*a_home(PERSON, SPOUSE), a_relation(1, since="2020-01-01")])
        await desk.broker.write(ENGINE, [Draft(HOME, "Household", {"members": None})])
        await after(desk, 1)
        assert "endedAt" in (await there(desk, HOME) or set())
        await desk.broker.write(ENGINE, [Draft(HOME, "Household", {"members": [PERSON]})])
        await after(desk, 200)
        assert "members" in (await there(desk, HOME) or set())
        await desk.broker.write(ENGINE, [Draft(HOME, "Household", {"members": None})])
        await after(desk, 202)
        assert await there(desk, HOME) is None, "its days are over since it was left first"

    told(story)


def moved_out(name: object, day: int) -> Draft:
    ended = {"until": to_wire_time(START_US + day * DAY_US)[:10]}
    return Draft(urn("ResidencyRelation", name), "ResidencyRelation", ended)


def a_relation(name: object, **values: Any) -> Draft:
    said = {"person": PERSON, "dwelling": urn("Dwelling", name), "kind": "owner", **values}
    return Draft(urn("ResidencyRelation", name), "ResidencyRelation", said, (WEST,), 0)


def test_the_history_of_what_expired_is_not_kept_for_ever() -> None:
    async def story(desk: Desk) -> None:
        broker, terms = desk.broker, desk.broker.contexts.default
        await broker.write(ENGINE, [a_helper()])
        place = {"type": "Point", "coordinates": [117.1, 36.66]}
        await broker.write(ENGINE, [Draft(HELPER, "Helper", {"position": place})])
        body = {"expiresAt": to_wire_time(START_US + HOUR_US)}
        await broker.merge(ENGINE, HELPER, body, terms)
        await after(desk, 0.1)
        assert await there(desk, HELPER) is None
        assert await desk.store.past_names("default", HELPER) != []
        await after(desk, 2)
        assert "position" not in await desk.store.past_names("default", HELPER)
        await after(desk, 400)
        assert await desk.store.past_names("default", HELPER) == []
        assert await desk.store.record("default", "past", HELPER) is None

    told(story)


def test_a_keeper_who_was_killed_in_the_middle_goes_on() -> None:
    async def story() -> None:
        store: Store = MemoryStore()
        first = a_desk(store)
        await first.broker.write(
            ENGINE, [a_call(name, state="closed", stateAt=to_wire_time(START_US)) for name in range(20)]
        )
        await store.claim_due("default", START_US + 31 * DAY_US)  # the rows are there; nobody has acted on them
        again = a_desk(store)
        await again.broker.watch()
        again.clock.advance_to(START_US + 31 * DAY_US)
        await again.broker.expire_due()
        left = [await there(again, urn("ServiceCall", name)) for name in range(20)]
        assert all(one is not None and "place" not in one and "text" in one for one in left)

    asyncio.run(story())


# clocks that are wrong


def wrong(store: Store, at_us: int) -> tuple[Desk, CityClock]:
    desk = a_desk(store)
    clock = CityClock(at_us)
    broker = type(desk.broker)(
        store, desk.broker._vocab, desk.broker._allow, clock, ids=desk.broker.ids, home_scope=desk.broker._home_scope
    )
    return Desk(broker, store, clock), clock


def test_a_clock_that_leaps_a_day_deletes_nothing_early() -> None:
    async def story() -> None:
        store = MemoryStore()
        desk, clock = wrong(store, START_US)
        await desk.broker.write(
            ENGINE, [a_call(state="closed", stateAt=to_wire_time(START_US - 29 * DAY_US - HOUR_US))]
        )
        await desk.broker.expire_due()
        clock.jump(DAY_US)
        for _ in range(20):
            await desk.broker.expire_due()
            assert "place" in (await there(desk, CALL) or set())
            clock.jump(HOUR_US // 2)
        clock.jump(-DAY_US - 10 * HOUR_US)
        await desk.broker.expire_due()
        assert "place" in (await there(desk, CALL) or set())
        clock.jump(-HOUR_US)
        await desk.broker.expire_due()
        assert "place" in (await there(desk, CALL) or set())
        for _ in range(80):
            clock.jump(HOUR_US // 2)
            await desk.broker.expire_due()
        assert "place" not in (await there(desk, CALL) or set()), "it went when the day had really passed"

    asyncio.run(story())


def test_a_node_that_starts_with_a_clock_a_day_ahead_deletes_nothing_for_a_day() -> None:
    async def story() -> None:
        store = MemoryStore()
        desk, _ = wrong(store, START_US)
        await desk.broker.write(ENGINE, [a_call(state="closed", stateAt=to_wire_time(START_US - 29 * DAY_US))])
        await desk.broker.expire_due()
        again, clock = wrong(store, START_US + DAY_US + HOUR_US)
        for _ in range(24):
            await again.broker.expire_due()
            assert "place" in (await there(again, CALL) or set())
            clock.jump(HOUR_US)
        clock.jump(HOUR_US)
        await again.broker.expire_due()
        clock.jump(HOUR_US)
        await again.broker.expire_due()
        assert "place" not in (await there(again, CALL) or set()), "nobody put the clock right: so it was"

    asyncio.run(story())
