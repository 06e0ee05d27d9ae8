"""An older database is sealed in place, keys are exchanged, and nobody notices."""

from __future__ import annotations

from pathlib import Path

import orjson
import pytest
from sealed_house import ANNA, BO, CALL, FOUND_BY, NAME, PHONE, House, a_call, a_doc, a_resident, put_of, read, words

from linli.base.errors import StartError, StoreFailed
from linli.store import Change, Committed, Delete, Fact, Find, PutRecord
from linli.trust import Sealed
from linli.trust._passing import Passing
from linli.trust._resealing import WALK, Resealing, Walked
from linli.trust._sealing import seal_of
from linli.vocab import vocabulary

pytestmark = pytest.mark.anyio
FACT = Fact("fullName", "", orjson.dumps({"type": "Property", "value": NAME}))


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


async def an_older_database(house: House) -> None:
    """Write as linli did before anything was sealed: people, a call, history, one who is gone, a question."""
    await house.put(
        a_resident(), a_call(), a_doc("urn:g:1", "Gate", ruleVersion="north"), store=house.below, facts=(FACT,)
    )
    await house.put(a_resident(BO), store=house.below, facts=(FACT,))
    past = PutRecord("past", BO, orjson.dumps({"type": ["Resident"], "scope": []}))
    question = PutRecord("subscription", "urn:s", b'{"q":"' + NAME.encode() + b'"}')
    change = Change(
        "default", "urn:test:tester", "", 1, deletes=(Delete(BO, keep_past=True),), records=(past, question)
    )
    await house.below.commit(change)


async def everything_seen(house: House) -> list[object]:
    """Return what whoever stands above the sealed store is told."""
    entities = [read(stored.doc) for stored in await house.store.find("default", Find())]
    pasts = [await house.store.past("default", entity_id) for entity_id in (ANNA, BO, CALL)]
    record = await house.store.record("default", "subscription", "urn:s")
    by_phone = await house.store.find("default", Find(types=("Resident",), keys=(("telephone", (PHONE,)),)))
    return [entities, pasts, record and record.doc, [stored.entity_id for stored in by_phone]]


async def test_an_older_database_is_refused_until_it_is_sealed(house: House) -> None:
    await an_older_database(house)
    with pytest.raises(StartError, match="linli db seal"):
        await house.store.check()
    walked = await house.resealing.seal("default")
    assert walked == Walked(entities=2, facts=2, records=1)
    await house.store.check()
    below = await house.everything()
    for word in words():
        assert word not in below, word
    entities, pasts, question, by_phone = await everything_seen(house)
    assert entities == [a_resident(), a_call(), a_doc("urn:g:1", "Gate", ruleVersion="north")]
    assert [[row.fact for row in rows] for rows in pasts] == [[FACT], [FACT], []]  # type: ignore[attr-defined]
    assert question == b'{"q":"' + NAME.encode() + b'"}'
    assert by_phone == [ANNA]


async def test_sealing_is_no_change_to_anybody(house: House) -> None:
    await an_older_database(house)
    log = await house.below.log_since("default", 0)
    versions = [(stored.version, stored.modified_us) for stored in await house.below.find("default", Find())]
    await house.resealing.seal("default")
    assert await house.below.log_since("default", 0) == log
    assert [(one.version, one.modified_us) for one in await house.below.find("default", Find())] == versions


async def test_what_is_sealed_is_not_sealed_again(house: House) -> None:
    await an_older_database(house)
    await house.resealing.seal("default")
    before = await house.everything()
    assert (await house.resealing.seal("default")).all == 0
    assert await house.everything() == before


async def test_sealing_goes_on_where_it_was_broken_off(house: House) -> None:
    await house.put(*(a_resident(f"urn:ngsi-ld:Resident:{n}") for n in range(250)), store=house.below)

    class Breaking(Passing):
        commits = 0

        async def commit(self, change: Change) -> Committed:
            self.commits += 1
            if self.commits == 2:
                raise StoreFailed
            return await super().commit(change)

    broken = Resealing(Sealed(Breaking(house.below), house.keys, vocabulary()), FOUND_BY)
    with pytest.raises(StoreFailed):
        await broken.seal("default")
    assert await house.below.cursor("default", WALK) > 0
    again = House(house.folder, house.below)
    assert (await again.resealing.seal("default")).entities == 150
    assert NAME.encode() not in await house.everything()


async def test_after_a_rotation_everything_is_sealed_with_new_keys_and_the_old_ones_are_gone(house: House) -> None:
    await house.put(a_resident(), a_call(), facts=(FACT,))
    await house.store.commit(
        Change("default", "urn:test:tester", "", 1, records=(PutRecord("subscription", "urn:s", b"{}"),))
    )
    (before, names), seen = seal_of((await below(house)).doc), await everything_seen(house)
    await house.keys.rotate("default")
    assert await everything_seen(house) == seen
    old = house.keys.retired("default")
    assert before in old
    assert (await house.resealing.seal("default")) == Walked(entities=2, facts=1, records=1)
    after, same = seal_of((await below(house)).doc)
    assert same == names
    assert after not in old
    assert house.keys.retired("default") == frozenset()
    for kid in old:
        with pytest.raises(StoreFailed, match="lacks the key"):
            house.keys.row(kid)
    assert await everything_seen(House(house.folder, house.below)) == seen


async def test_what_was_sealed_for_one_person_stays_hers_when_the_entity_goes_over_to_another(house: House) -> None:
    text = Fact("text", "", orjson.dumps({"type": "Property", "value": NAME}))
    await house.put(a_call(), facts=(text,))
    await house.put(a_call(caller=[{"type": "Relationship", "object": BO}]))
    await house.keys.rotate("default")
    await house.resealing.seal("default")
    await house.keys.destroy("default", ANNA)
    assert [row.fact.doc for row in await house.store.past("default", CALL)] == [None]
    stored = await house.store.get("default", CALL)
    assert stored is not None
    assert "text" in read(stored.doc)["attrs"]


async def test_a_rotation_clears_away_what_nobody_can_open(house: House) -> None:
    await house.put(a_resident(), facts=(FACT,))
    await house.keys.destroy("default", ANNA)
    await house.keys.rotate("default")
    await house.resealing.seal("default")
    assert (await below(house)).doc == put_of(a_doc(ANNA, "Resident", elderMode=True)).doc
    assert [row.fact.doc for row in await house.below.past("default", ANNA)] == [None]


async def below(house: House) -> object:
    return await house.below.get("default", ANNA)
