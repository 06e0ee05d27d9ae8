"""What persons agreed to decides what is shown of them: consents, orders, children; in answers, lists and history."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from broker_desk import ENGINE, HOME, START_US, WEST, Desk, a_call, a_desk, urn

from linli.base import to_wire_time
from linli.base.errors import NotAllowed
from linli.broker import Draft, Projection, Query, read_q, read_span, read_types
from linli.store import MemoryStore
from linli.trust import Act, Principal

DAY_US = 86_400 * 1_000_000
PERSON = urn("Resident", 1)
DOCTOR = Act(Principal(urn("Helper", "doctor"), "doctor", (HOME,)), "medical")
DESK = Act(Principal("worker:west", "community_worker", (WEST,)), "service")
SELF = Act(Principal(PERSON, "resident", (WEST,)), "medical")
FAMILY = Act(Principal(urn("Resident", 2), "guardian", (WEST,)), "medical", for_whom=PERSON)
SIGNS = urn("VitalObserved", 1)

Story = Callable[[Desk], Coroutine[Any, Any, None]]


def a_resident(name: object = 1, scope: str = WEST, **values: Any) -> Draft:
    said = {
        "fullName": "王示例",
        "telephone": "13800001234",
        "ageBand": "a60to79",
        "homeArea": "urn:ngsi-ld:Area:370102001001",
        "careLevel": "partly",
        "idType": "residentId",
        "idNumber": "990101194801010014",
        "livesAlone": True,
        "elderMode": True,
    }
    return Draft(urn("Resident", name), "Resident", {**said, **values}, (scope,), 0)


def a_consent(name: object = 1, *, at_us: int = START_US, **values: Any) -> Draft:
    said = {
        "subject": PERSON,
        "purpose": "medical",
        "textVersion": "1",
        "textHash": "0" * 64,
        "at": to_wire_time(at_us),
        "channel": "app",
        "separate": True,
    }
    return Draft(urn("Consent", name), "Consent", {**said, **values}, (WEST,), 0)


def the_signs(version: int | None = 0, **values: Any) -> Draft:
    return Draft(SIGNS, "VitalObserved", {"subject": PERSON, "pulse": 71, **values}, (WEST,), version)


def an_order(name: object = 1, **values: Any) -> Draft:
    said = {
        "number": "2026-1",
        "issuer": "Example office",
        "legalBasis": "Example law",
        "since": "2026-11-01",
        "until": "2026-11-30",
        "appliesTo": ["urn:ngsi-ld:Area:370102001001"],
        "measures": ["temperature"],
        "allows": ["bodyTemperature", "symptoms"],
        "keepDays": 14,
    }
    return Draft(urn("HealthOrder", name), "HealthOrder", {**said, **values}, (WEST,), 0)


async def pulse(desk: Desk, act: Act) -> object:
    entity = await desk.broker.get(act, SIGNS, simplified=True)
    answer = await desk.broker.get_bytes(act, SIGNS, desk.broker.contexts.default, Projection(simplified=True))
    assert (b'"pulse"' in answer) is ("pulse" in entity)
    return entity.get("pulse")


def told(story: Story) -> None:
    asyncio.run(story(a_desk()))


def test_sensitive_data_is_shown_only_while_the_person_agrees() -> None:
    async def story(desk: Desk) -> None:
        await desk.broker.write(ENGINE, [a_resident(), the_signs()])
        assert await pulse(desk, DOCTOR) is None
        await desk.broker.write(ENGINE, [a_consent(1)])
        assert await pulse(desk, DOCTOR) == 71
        await desk.broker.write(ENGINE, [a_consent(2, at_us=START_US, withdrawnAt=to_wire_time(START_US + 1))])
        assert await pulse(desk, DOCTOR) is None
        await desk.broker.write(ENGINE, [a_consent(3, at_us=START_US + 2)])
        assert await pulse(desk, DOCTOR) == 71

    told(story)


def test_an_earlier_word_that_comes_late_changes_nothing() -> None:
    async def story(desk: Desk) -> None:
        await desk.broker.write(ENGINE, [a_resident(), the_signs()])
        await desk.broker.write(ENGINE, [a_consent(2, withdrawnAt=to_wire_time(START_US + 5))])
        await desk.broker.write(ENGINE, [a_consent(1, at_us=START_US + 4)])
        assert await pulse(desk, DOCTOR) is None

    told(story)


def test_a_consent_for_one_purpose_opens_no_other_and_one_that_is_not_separate_nothing_sensitive() -> None:
    async def story(desk: Desk) -> None:
        await desk.broker.write(ENGINE, [a_resident(), the_signs(), a_consent(1, purpose="care")])
        assert await pulse(desk, DOCTOR) is None
        await desk.broker.write(ENGINE, [a_consent(2, separate=False)])
        assert await pulse(desk, DOCTOR) is None
        await desk.broker.write(ENGINE, [a_consent(3, allows=["oxygen"])])
        assert await pulse(desk, DOCTOR) is None
        await desk.broker.write(ENGINE, [a_consent(4, allows=["pulse", "subject"], at_us=START_US + 1)])
        assert await pulse(desk, DOCTOR) == 71

    told(story)


def test_what_is_ones_own_is_never_closed_to_oneself_nor_to_whom_one_lets_act() -> None:
    async def story(desk: Desk) -> None:
        await desk.broker.write(ENGINE, [a_resident(), the_signs()])
        assert await pulse(desk, DOCTOR) is None
        assert await pulse(desk, SELF) == 71
        assert await pulse(desk, FAMILY) == 71
        assert await pulse(desk, DOCTOR) is None

    told(story)


def test_what_somebody_says_in_a_call_may_be_used_for_it_until_he_says_no() -> None:
    async def story(desk: Desk) -> None:
        await desk.broker.write(ENGINE, [a_call(1, caller=PERSON)])
        call = urn("ServiceCall", 1)
        assert "text" in await desk.broker.get(DESK, call, simplified=True)
        withdrawn = a_consent(1, purpose="service", withdrawnAt=to_wire_time(START_US + 1))
        await desk.broker.write(ENGINE, [withdrawn])
        shown = await desk.broker.get(DESK, call, simplified=True)
        assert "text" not in shown
        assert "state" in shown
        emergency = Act(DESK.who, "emergency")
        assert "text" in await desk.broker.get(emergency, call, simplified=True)

    told(story)


def test_consents_close_lists_filters_and_history_as_well() -> None:
    async def story(desk: Desk) -> None:
        broker, terms = desk.broker, desk.broker.contexts.default
        await broker.write(ENGINE, [a_call(1, caller=PERSON), a_call(2, caller=urn("Resident", 2))])
        await broker.write(ENGINE, [Draft(urn("ServiceCall", 1), "ServiceCall", {"text": "made-up words"})])
        withdrawn = a_consent(1, purpose="service", withdrawnAt=to_wire_time(START_US + 1))
        await broker.write(ENGINE, [withdrawn])

        async def found(q: str | None) -> list[bytes]:
            query = Query(types=read_types("ServiceCall", terms), q=read_q(q, terms) if q else None)
            return (await broker.query(DESK, query, terms=terms, projection=Projection(simplified=True))).entities

        texts = [b'"text"' in one for one in await found(None)]
        assert texts == [False, True]
        assert len(await found('text=="made-up words"')) == 1
        span = read_span({})
        past = await broker.evolution(DESK, urn("ServiceCall", 1), terms=terms, span=span, projection=Projection())
        assert "text" not in str(past.entities)
        other = await broker.evolution(DESK, urn("ServiceCall", 2), terms=terms, span=span, projection=Projection())
        assert "made-up words" in str(other.entities)

    told(story)


def test_a_node_that_starts_again_knows_who_agreed() -> None:
    async def story() -> None:
        store = MemoryStore()
        first = a_desk(store)
        await first.broker.write(ENGINE, [a_resident(), the_signs(), a_consent(1)])
        again = a_desk(store)
        assert await pulse(again, DOCTOR) is None
        await again.broker.start()
        assert await pulse(again, DOCTOR) == 71
        await first.broker.write(ENGINE, [a_consent(2, withdrawnAt=to_wire_time(START_US + 1))])
        await again.broker.watch()
        assert await pulse(again, DOCTOR) is None
        await again.broker.stop()

    asyncio.run(story())


@pytest.mark.parametrize(("born", "child"), [("2012-11-24", True), ("2012-11-23", False), ("2012-11-22", False)])
def test_a_child_is_one_until_the_day_before_its_fourteenth_birthday(born: str, child: bool) -> None:
    async def story(desk: Desk) -> None:
        await desk.broker.write(ENGINE, [a_resident(birthDate=born, ageBand="u14"), the_signs(), a_consent(1)])
        assert (await pulse(desk, DOCTOR) is None) is child
        guardian = a_consent(2, guardian=urn("Resident", 2), at_us=START_US + 1)
        await desk.broker.write(ENGINE, [guardian])
        assert await pulse(desk, DOCTOR) == 71

    told(story)


def test_a_child_is_never_found_or_ranked_by_what_is_known_of_it() -> None:
    async def story(desk: Desk) -> None:
        broker, terms = desk.broker, desk.broker.contexts.default
        child = a_resident(birthDate="2020-01-01", ageBand="u14")
        said = [a_consent(1, purpose="service", guardian=urn("Resident", 2))]
        await broker.write(ENGINE, [child, a_call(1, forWhom=PERSON), a_call(2, forWhom=urn("Resident", 3)), *said])
        query = Query(types=read_types("ServiceCall", terms), q=read_q('text=="made-up words"', terms))
        found = await broker.query(DESK, query, terms=terms, projection=Projection(simplified=True))
        assert [b'ServiceCall:370102001001:2"' in one for one in found.entities] == [True]
        assert "text" in await broker.get(DESK, urn("ServiceCall", 1), simplified=True)

    told(story)


def test_children_grow_up_while_the_node_runs() -> None:
    async def story(desk: Desk) -> None:
        await desk.broker.write(ENGINE, [a_resident(birthDate="2012-11-24", ageBand="u14"), the_signs(), a_consent(1)])
        assert await pulse(desk, DOCTOR) is None
        desk.clock.advance_to(START_US + DAY_US)
        assert await pulse(desk, DOCTOR) == 71
        await desk.broker.expire_due()
        grown = await desk.broker.read(ENGINE, PERSON)
        assert grown is not None
        assert grown.values["ageBand"] == "a14to17"

    told(story)


def a_declaration(version: int | None = 0, scope: str = WEST, **values: Any) -> Draft:
    said = {
        "subject": PERSON,
        "order": urn("HealthOrder", 1),
        "at": to_wire_time(START_US),
        "bodyTemperature": 36.6,
        "symptoms": ["none"],
    }
    return Draft(urn("HealthDeclaration", 1), "HealthDeclaration", {**said, **values}, (scope,), version)


def test_only_an_order_that_stands_here_lets_anything_be_collected() -> None:
    async def story(desk: Desk) -> None:
        broker, terms = desk.broker, desk.broker.contexts.default
        body = {
            "id": urn("EntryExitRecord", 1),
            "type": "EntryExitRecord",
            "scope": WEST,
            "gate": {"type": "Relationship", "object": urn("Gate", 1)},
            "at": {"type": "Property", "value": to_wire_time(START_US)},
            "receivedAt": {"type": "Property", "value": to_wire_time(START_US)},
            "passDirection": {"type": "VocabProperty", "vocab": "in"},
            "method": {"type": "VocabProperty", "vocab": "card"},
            "result": {"type": "VocabProperty", "vocab": "granted"},
            "deviceSeq": {"type": "Property", "value": 1},
            "bodyTemperature": {"type": "Property", "value": 36.6, "unitCode": "CEL"},
        }
        names = frozenset(body) - {"id", "type", "scope"}
        device = Act(Principal(urn("Device", 1), "device", (WEST,), attrs=names), "epidemic")
        with pytest.raises(NotAllowed, match="bodyTemperature: no order"):
            await broker.create(device, body, terms)
        await broker.write(ENGINE, [an_order(appliesTo=["urn:ngsi-ld:Area:370102001002"])])
        with pytest.raises(NotAllowed, match="bodyTemperature: no order"):
            await broker.create(device, body, terms)
        await broker.write(ENGINE, [an_order(2, allows=["symptoms"])])
        with pytest.raises(NotAllowed, match="bodyTemperature: no order"):
            await broker.create(device, body, terms)
        await broker.write(ENGINE, [an_order(3)])
        await broker.create(device, body, terms)

    told(story)
