"""Nothing personal stands in clear below the sealed store, and above it nobody notices."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sealed_house import (
    ANNA,
    AT_US,
    BO,
    CALL,
    EXTRA,
    LOCATION,
    NAME,
    NUMBER,
    PHONE,
    SDM,
    House,
    a_call,
    a_doc,
    a_resident,
    link,
    put_of,
    read,
    words,
)

from linli.base.errors import StoreFailed
from linli.store import AddPast, Change, DropPast, EditPast, Fact, Find, KeyBook, Look, MemoryStore, PutRecord
from linli.trust import Keys, Sealed
from linli.trust._classes import Classes
from linli.trust._sealing import Sealing
from linli.trust._suites import SUITES, Broken
from linli.vocab import vocabulary

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(params=sorted(SUITES))
def house(request: pytest.FixtureRequest, tmp_path: Path) -> House:
    return House(tmp_path, suite=request.param)


async def test_what_was_written_is_read_and_stands_nowhere_in_clear(house: House) -> None:
    await house.put(
        a_resident(), a_call(), facts=(Fact("fullName", "", orjson.dumps({"type": "Property", "value": NAME})),)
    )
    for doc in (a_resident(), a_call()):
        stored = await house.store.get("default", doc["id"])
        assert stored is not None
        assert read(stored.doc) == doc
        assert list(read(stored.doc)["attrs"]) == list(doc["attrs"])
    below = await house.everything()
    assert b'"elderMode":[{' in below
    for word in words():
        assert word not in below, word


async def test_a_document_of_a_type_that_is_not_ours_stays_byte_by_byte(house: House) -> None:
    doc = a_doc("urn:x:1", "https://example.org/Car", **{SDM + "telephone": PHONE, EXTRA: "42"})
    await house.put(doc)
    stored = await house.below.get("default", "urn:x:1")
    assert stored is not None
    assert stored.doc == put_of(doc).doc


async def test_an_own_addition_to_a_type_of_ours_is_sealed(house: House) -> None:
    await house.put(a_doc("urn:g:1", "Gate", **{EXTRA: "size 42", "ruleVersion": "north"}))
    stored = await house.below.get("default", "urn:g:1")
    assert stored is not None
    assert b"size 42" not in stored.doc
    assert b"north" in stored.doc


async def test_a_telephone_is_found_however_it_is_spelled_and_by_its_last_digits(house: House) -> None:
    await house.put(a_resident(), a_resident(BO, **{SDM + "telephone": "+8613900001234"}))

    async def found(name: str, value: str) -> list[str]:
        page = await house.store.find("default", Find(types=("Resident",), keys=((name, (value,)),)))
        return [stored.entity_id for stored in page]

    assert await found("telephone", "138 1234 1234") == [ANNA]
    assert await found("telephone.tail", "1234") == [ANNA, BO]
    assert await found("idNumber", NUMBER) == [ANNA, BO]
    assert await found("telephone", "+8613812341235") == []
    assert await house.store.count("default", Find(keys=(("telephone", (PHONE,)),))) == 1


async def test_the_same_value_has_another_index_in_another_tenant_kind_and_node(house: House, tmp_path: Path) -> None:
    other = Keys(KeyBook.open(tmp_path / "other.db", sync="off"), bytes(32))
    indexes = {
        house.keys.blind("default", "phone", PHONE),
        house.keys.blind("west", "phone", PHONE),
        house.keys.blind("default", "ref", PHONE),
        other.blind("default", "phone", PHONE),
    }
    assert len(indexes) == 4
    assert all(len(index) == 16 for index in indexes)


async def test_a_reference_to_a_person_is_found_by_its_blind_index(house: House) -> None:
    await house.put(a_call())
    find = Find(types=("ServiceCall",), keys=(("caller", (BO, ANNA)), ("number", ("17",))))
    assert [stored.entity_id for stored in await house.store.find("default", find)] == [CALL]
    assert await house.below.find("default", Find(keys=(("caller", (ANNA,)),))) == []
    assert len(await house.below.find("default", Find(keys=(("number", ("17",)),)))) == 1


@given(st.floats(-180, 180), st.floats(-90, 90))
def test_the_place_index_knows_the_cell_of_a_person_and_no_more(lon: float, lat: float) -> None:
    box = _box_below(a_resident(**{LOCATION: [_point(lon, lat)]}))
    west, south, east, north = box
    assert west <= lon <= east
    assert south <= lat <= north
    for edge in box:
        assert abs(edge / 0.005 - round(edge / 0.005)) < 1e-6
    assert east - west < 0.0101
    assert north - south < 0.0101


async def test_the_place_of_what_is_no_person_stays_exact(house: House) -> None:
    await house.put(a_doc("urn:g:1", "Gate", **{LOCATION: [_point(117.0213, 36.6604)]}))
    exact = (117.0213, 36.6604, 117.0213, 36.6604)
    assert len(await house.below.find("default", Find(box=exact))) == 1
    assert await house.below.find("default", Find(box=(117.0211, 36.6602, 117.0212, 36.6603))) == []


async def test_the_store_is_not_asked_to_look_at_what_is_sealed(house: House) -> None:
    asked: list[Find] = []

    class Listening(MemoryStore):
        async def find(self, tenant: str, find: Find, *, after: int = 0, limit: int = 1000) -> Any:
            asked.append(find)
            return await super().find(tenant, find, after=after, limit=limit)

    sealed = Sealed(Listening(), house.keys, vocabulary())
    name, urgency = Look(("attrs", "text"), "value", texts=("x",)), Look(("attrs", "urgency"), "value", 1.0, 2.0)
    await sealed.find("default", Find(types=("ServiceCall",), looks=(name, urgency)))
    await sealed.find("default", Find(looks=(name, urgency)))
    await sealed.find("default", Find(types=("https://example.org/Car",), looks=(name, urgency)))
    assert [find.looks for find in asked] == [(urgency,), (urgency,), (name, urgency)]


async def test_history_and_its_numbers_are_sealed_and_come_back(house: House) -> None:
    heart = [_fact("pulse", at, at_us) for at, at_us in ((61.5, 10), (60.0, 20), (77.0, None))]
    await house.put(a_doc("urn:v:1", "VitalObserved", subject=link(ANNA), pulse=77), facts=tuple(heart))
    assert [row.fact for row in await house.store.past("default", "urn:v:1", newest_first=False)] == heart
    assert [fact for _, fact in await house.store.history("default", "urn:v:1", "pulse")] == heart[::-1]
    assert [row.fact for row in await house.store.as_of("default", "urn:v:1", 99)] == heart[-1:]
    for by, times, numbers in (("observed", [10, 20], [61.5, 60.0]), ("unobserved", [AT_US], [77.0])):
        found = (await house.store.numbers("default", "urn:v:1", "pulse", by=by))[""]  # type: ignore[arg-type]
        assert [part.tolist() for part in found] == [times, numbers]
    assert await house.below.numbers("default", "urn:v:1", "pulse") == {}
    assert b"61.5" not in await house.everything()


async def test_what_is_told_of_the_past_is_sealed_too(house: House) -> None:
    await house.put(a_resident())
    fact = Fact("fullName", "", orjson.dumps({"type": "Property", "value": NAME}))
    gone = PutRecord("past", BO, orjson.dumps({"type": ["Resident"], "scope": []}))
    await _commit(house, past=(AddPast(ANNA, (fact,)), AddPast(BO, (fact,))), records=(gone,))
    await _commit(house, past=(AddPast(BO, (fact,)), AddPast("urn:nobody:knows", (fact,)), DropPast(BO, "sex")))
    row = (await house.store.past("default", ANNA))[0]
    await _commit(house, past=(EditPast(ANNA, "fullName", row.seq, row.nth, fact._replace(observed_us=5)),))
    for entity_id, rows in ((ANNA, 1), (BO, 2), ("urn:nobody:knows", 1)):
        assert [row.fact.doc for row in await house.store.past("default", entity_id)] == [fact.doc] * rows
    assert NAME.encode() not in await house.everything()


async def test_records_that_repeat_what_people_said_are_sealed(house: House) -> None:
    question = b'{"q":"fullName==' + NAME.encode() + b'"}'
    farewell = orjson.dumps({"before": a_resident(), "after": None, "earlier": []})
    await _commit(house, records=(PutRecord("subscription", "urn:s", question), PutRecord("farewell", ANNA, farewell)))
    for kind, record_id, doc in (("subscription", "urn:s", question), ("farewell", ANNA, farewell)):
        record = await house.store.record("default", kind, record_id)
        assert record is not None
        assert record.doc == doc
        assert await house.store.records("default", kind) == [record]
    assert NAME.encode() not in await house.everything()
    await house.keys.destroy("default", ANNA)
    assert await house.store.record("default", "farewell", ANNA) is None
    assert await house.store.records("default", "farewell") == []
    assert await house.store.record("default", "subscription", "urn:s") is not None


async def test_when_the_key_of_a_person_is_destroyed_nobody_reads_her_again(house: House) -> None:
    fact = Fact("fullName", "", b'{"type":"Property","value":"x"}')
    await house.put(a_resident(), a_call(), a_resident(BO), facts=(fact,))
    assert await house.store.get("default", ANNA) is not None
    destroyed = await house.keys.destroy("default", ANNA)
    assert destroyed.keys == 1
    for entity_id, left in ((ANNA, ["elderMode"]), (CALL, ["number"]), (BO, list(a_resident()["attrs"]))):
        stored = await house.store.get("default", entity_id)
        assert stored is not None
        assert list(read(stored.doc)["attrs"]) == left
    assert [row.fact.doc for row in await house.store.past("default", ANNA)] == [None]
    again = House(house.folder, house.below)
    stored = await again.store.get("default", ANNA)
    assert stored is not None
    assert list(read(stored.doc)["attrs"]) == ["elderMode"]


async def test_a_call_is_sealed_for_whom_it_is_made_else_for_who_calls_else_for_itself(house: House) -> None:
    subject = house.store.subject_of
    assert subject(a_call(forWhom=link(BO))) == BO
    assert subject(a_call()) == ANNA
    assert subject(a_doc(CALL, "ServiceCall", number="1")) == CALL
    assert subject(a_resident()) == ANNA
    assert subject(a_doc("urn:x:1", "https://example.org/Car", caller=link(BO))) == "urn:x:1"


async def test_what_is_moved_to_another_entity_or_attribute_or_left_out_does_not_open(house: House) -> None:
    await house.put(a_resident(), a_resident(BO))
    anna, bo = [read((await _below(house, entity_id)).doc) for entity_id in (ANNA, BO)]
    less = {name: value for name, value in anna["attrs"].items() if name != "idNumber"}
    renamed = {"email" if name == "fullName" else name: value for name, value in anna["attrs"].items()}
    swapped = {name: anna["attrs"][name] for name in reversed(anna["attrs"])}
    for wrong in (
        {**bo, "sealed": anna["sealed"]},
        {**anna, "attrs": less},
        {**anna, "attrs": renamed},
        {**anna, "attrs": swapped},
        {**anna, "attrs": {**anna["attrs"], "email": None}},
        {**anna, "sealed": "~aes|"},
    ):
        stored = (await _below(house, wrong["id"]))._replace(doc=orjson.dumps(wrong))
        with pytest.raises(StoreFailed):
            house.store.opened(stored)


async def test_a_sealed_text_that_somebody_says_as_a_value_is_a_value(house: House) -> None:
    await house.put(a_resident())
    sealed = read((await _below(house, ANNA)).doc)["sealed"]
    gate = a_doc("urn:g:1", "Gate", ruleVersion=sealed, sealed=sealed, externalId={"sealed": sealed, "fullName": None})
    await house.put(gate)
    stored = await house.store.get("default", "urn:g:1")
    assert stored is not None
    assert read(stored.doc) == gate


async def test_a_key_that_the_book_does_not_know_is_an_error_and_no_gap(house: House, tmp_path: Path) -> None:
    await house.put(a_resident())
    (tmp_path / "other").mkdir()
    other = House(tmp_path / "other", house.below)
    with pytest.raises(StoreFailed, match=r"keys\.db lacks the key"):
        await other.store.get("default", ANNA)


async def test_a_database_from_before_is_not_written_over(house: House) -> None:
    await house.put(a_resident(), store=house.below)
    with pytest.raises(StoreFailed, match="linli db seal"):
        await house.put(a_resident(BO))


async def test_many_who_come_for_the_first_time_are_sealed_at_once(house: House) -> None:
    people = [a_resident(f"urn:ngsi-ld:Resident:{n}") for n in range(60)]
    await asyncio.gather(*(house.put(one) for one in people))
    page = await house.store.find("default", Find(types=("Resident",)))
    assert sorted(stored.entity_id for stored in page) == sorted(one["id"] for one in people)
    kids = {read((await _below(house, one["id"])).doc)["sealed"].split("|")[1] for one in people}
    assert len(kids) == 60


@settings(max_examples=150)
@given(st.binary(max_size=60), st.text(max_size=20), st.data())
@pytest.mark.parametrize("suite", sorted(SUITES))
def test_what_is_sealed_opens_as_it_was_and_no_byte_of_it_may_change(
    suite: str, plain: bytes, bound: str, data: st.DataObject
) -> None:
    sealer = SUITES[suite].sealer(bytes(range(SUITES[suite].key_bytes)))
    sealed = sealer.seal(plain, bound.encode())
    assert sealer.open(sealed, bound.encode()) == plain
    at, bit = data.draw(st.integers(0, len(sealed) - 1)), data.draw(st.integers(0, 7))
    flipped = sealed[:at] + bytes([sealed[at] ^ (1 << bit)]) + sealed[at + 1 :]
    for wrong, where in ((flipped, bound), (sealed, bound + "x"), (sealed[:-1], bound), (b"", bound)):
        with pytest.raises(Broken):
            sealer.open(wrong, where.encode())


@settings(max_examples=100)
@given(data=st.data())
def test_no_letter_of_a_sealed_text_may_change(data: st.DataObject, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("keys")
    keys = Keys(KeyBook.open(folder / "keys.db", sync="off"), bytes(32))
    sealing = Sealing(keys, Classes(vocabulary()))
    fact = Fact("fullName", "", b'{"value":"x"}', number=1.5)
    sealed = sealing.fact(keys.subject_key("default", ANNA), ANNA, fact)
    assert sealed.doc is not None
    assert sealing.opened_fact(ANNA, sealed) == fact
    at = data.draw(st.integers(1, len(sealed.doc) - 1))
    letter = data.draw(st.integers(33, 126).filter(lambda one: one != sealed.doc[at]))  # type: ignore[index]
    changed = sealed.doc[:at] + bytes([letter]) + sealed.doc[at + 1 :]
    with pytest.raises(StoreFailed):
        sealing.opened_fact(ANNA, sealed._replace(doc=changed))
    keys.close()


def _point(lon: float, lat: float) -> dict[str, Any]:
    return {"type": "GeoProperty", "value": {"type": "Point", "coordinates": [lon, lat]}}


def _fact(name: str, number: float, observed_us: int | None) -> Fact:
    doc = orjson.dumps({"type": "Property", "value": number})
    return Fact(name, "", doc, observed_us, number)


async def _commit(house: House, **parts: Any) -> None:
    await house.store.commit(Change("default", "urn:test:tester", "", AT_US, **parts))


async def _below(house: House, entity_id: str) -> Any:
    return await house.below.get("default", entity_id)


def _box_below(doc: dict[str, Any]) -> tuple[float, float, float, float]:
    from linli.trust._sealed import _in_cells

    box = put_of(doc).box
    assert box is not None
    return _in_cells(box)
