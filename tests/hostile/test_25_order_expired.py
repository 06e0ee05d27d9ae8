"""Hostile test 25: an order is over; what was collected under it is gone within a day, what was counted stays."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from linli.base import Ids, SteppedClock, from_wire_time, to_wire_time
from linli.base.errors import BadRequestData
from linli.broker import Broker, Draft
from linli.store import Store, open_store
from linli.trust import Act, Policies, Principal
from linli.vocab import vocabulary

START_US = from_wire_time("2026-11-23T02:15:07Z")
HOUR_US = 3600 * 1_000_000
DAY_US = 24 * HOUR_US
HOME = "/cn/r37/r3701/r370102"
WEST, EAST = f"{HOME}/r370102001/r370102001001", f"{HOME}/r370102001/r370102001002"
ENGINE = Act(Principal("engine:test", "engine", ("/",)), "epidemic")


def urn(entity_type: str, name: object) -> str:
    return f"urn:ngsi-ld:{entity_type}:370102001001:{name}"


def a_broker(store: Store, at_us: int = START_US) -> tuple[Broker, SteppedClock]:
    clock = SteppedClock(at_us)
    return Broker(store, vocabulary(), Policies(clock), clock, ids=Ids("370102"), home_scope=HOME), clock


def an_order(name: object = 1, **values: Any) -> Draft:
    said = {
        "number": "2026-1",
        "issuer": "Example office",
        "legalBasis": "Example law",
        "since": "2026-11-01",
        "until": "2026-11-30",
        "appliesTo": ["urn:ngsi-ld:Area:370102001001"],
        "measures": ["temperature"],
        "allows": ["bodyTemperature", "symptoms", "subject", "at"],
        "keepDays": 14,
        **values,
    }
    return Draft(urn("HealthOrder", name), "HealthOrder", said, (WEST,), 0 if "endedAt" not in values else None)


def collected(name: int, scope: str = WEST) -> list[Draft]:
    at = to_wire_time(START_US)
    declared = {"subject": urn("Resident", name), "order": urn("HealthOrder", 1), "at": at, "bodyTemperature": 36.617}
    entered = {
        "gate": urn("Gate", 1),
        "at": at,
        "receivedAt": at,
        "passDirection": "in",
        "method": "card",
        "result": "granted",
        "deviceSeq": name,
        "bodyTemperature": 36.617,
        "order": urn("HealthOrder", 1),
    }
    return [
        Draft(urn("HealthDeclaration", name), "HealthDeclaration", declared, (scope,), 0),
        Draft(urn("EntryExitRecord", name), "EntryExitRecord", entered, (scope,), 0),
    ]


def a_count() -> Draft:
    said = {
        "code": "fever.share",
        "kpiValue": 0.1,
        "numerator": 12,
        "denominator": 120,
        "minN": 30,
        "k": 5,
        "calculationPeriod": {"from": "2026-11-22T00:00:00Z", "to": "2026-11-23T00:00:00Z"},
        "inArea": "urn:ngsi-ld:Area:370102001001",
        "fresh": to_wire_time(START_US),
        "complete": 1,
    }
    return Draft(urn("Kpi", 1), "Kpi", said, (WEST,), 0)


def test_what_an_order_let_be_collected_goes_with_it_and_counts_stay(tmp_path: Path) -> None:
    async def story() -> None:
        store = await open_store(f"sqlite:///{tmp_path / 'linli.db'}", sync="off")
        broker, clock = a_broker(store)
        drafts = [draft for name in range(30) for draft in collected(name)]
        await broker.write(ENGINE, [an_order(), a_count()])
        await broker.write(ENGINE, drafts)
        warmer = Draft(urn("HealthDeclaration", 1), "HealthDeclaration", {"bodyTemperature": 36.617 + 1})
        await broker.write(ENGINE, [warmer])
        end_us = from_wire_time("2026-11-30T16:00:00Z")
        clock.advance_to(end_us - HOUR_US)
        await broker.expire_due()
        assert len(await broker.read_all(ENGINE, "HealthDeclaration")) == 30
        clock.advance_to(end_us + HOUR_US)
        await broker.expire_due()
        assert await broker.read_all(ENGINE, "HealthDeclaration") == []
        records = await broker.read_all(ENGINE, "EntryExitRecord")
        assert len(records) == 30, "that somebody passed is kept for its own 30 days"
        assert not any("bodyTemperature" in one.values for one in records)
        assert await store.past_names("default", urn("HealthDeclaration", 1)) == []
        assert (await broker.read(ENGINE, urn("Kpi", 1))) is not None
        await store.close()

    asyncio.run(story())


def test_another_order_that_stands_keeps_it_and_an_order_elsewhere_does_not(tmp_path: Path) -> None:
    async def story() -> None:
        store = await open_store(f"sqlite:///{tmp_path / 'linli.db'}", sync="off")
        broker, clock = a_broker(store)
        both = ["urn:ngsi-ld:Area:370102001001", "urn:ngsi-ld:Area:370102001002"]
        await broker.write(ENGINE, [an_order(1, appliesTo=both)])
        await broker.write(ENGINE, [an_order(2, until="2026-12-31", appliesTo=both[1:], keepDays=14)])
        await broker.write(ENGINE, [*collected(1, WEST), *collected(2, EAST)])
        clock.advance_to(START_US + DAY_US)
        await broker.write(ENGINE, [an_order(1, appliesTo=both, endedAt=to_wire_time(START_US + 2 * DAY_US))])
        clock.advance_to(START_US + 2 * DAY_US + HOUR_US)
        await broker.expire_due()
        assert [one.scopes for one in await broker.read_all(ENGINE, "HealthDeclaration")] == [(EAST,)]
        clock.advance_to(START_US + 15 * DAY_US)
        await broker.expire_due()
        assert await broker.read_all(ENGINE, "HealthDeclaration") == [], "no longer than the order's own days"
        await store.close()

    asyncio.run(story())


def test_a_node_that_slept_through_the_end_of_an_order_lets_go_within_a_day(tmp_path: Path) -> None:
    async def story() -> None:
        address = f"sqlite:///{tmp_path / 'linli.db'}"
        store = await open_store(address, sync="off")
        broker, _ = a_broker(store)
        await broker.write(ENGINE, [an_order()])
        await broker.write(ENGINE, collected(1))
        await broker.expire_due()
        await store.close()
        store = await open_store(address, sync="off")
        broker, clock = a_broker(store, from_wire_time("2026-12-24T00:00:00Z"))
        await broker.watch()
        await broker.expire_due()
        assert len(await broker.read_all(ENGINE, "HealthDeclaration")) == 1, "perhaps only the clock is wrong"
        clock.advance_to(clock.now_us() + DAY_US)
        await broker.expire_due()
        clock.advance_to(clock.now_us() + HOUR_US)
        await broker.expire_due()
        assert await broker.read_all(ENGINE, "HealthDeclaration") == []
        await store.close()

    asyncio.run(story())


@pytest.mark.parametrize("left_out", ["until", "number", "issuer", "legalBasis"])
def test_an_order_without_an_end_a_number_or_an_issuer_is_not_taken(left_out: str, tmp_path: Path) -> None:
    async def story() -> None:
        store = await open_store(f"sqlite:///{tmp_path / 'linli.db'}", sync="off")
        broker, _ = a_broker(store)
        order = an_order()
        values = {name: value for name, value in order.values.items() if name != left_out}
        with pytest.raises(BadRequestData, match=left_out):
            await broker.write(ENGINE, [Draft(order.id, order.type, values, order.scopes, 0)])
        assert broker.persons.orders.get("default", order.id) is None
        await store.close()

    asyncio.run(story())


def test_when_an_order_is_over_its_purpose_opens_nothing_any_more(tmp_path: Path) -> None:
    async def story() -> None:
        store = await open_store(f"sqlite:///{tmp_path / 'linli.db'}", sync="off")
        broker, clock = a_broker(store)
        await broker.write(ENGINE, [an_order()])
        await broker.write(ENGINE, collected(1))
        person = Act(Principal(urn("Resident", 1), "resident", (WEST,)), "epidemic")
        declaration = urn("HealthDeclaration", 1)
        assert "bodyTemperature" in await broker.get(person, declaration, simplified=True)
        clock.advance_to(from_wire_time("2026-11-30T16:00:00Z"))
        assert "bodyTemperature" not in await broker.get(person, declaration, simplified=True)
        await store.close()

    asyncio.run(story())
