"""id_never_key: an identity number is no id, no part of an address and no key in clear; it stands sealed, found by a blind
index, and no id that is made here holds anything of a person."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from linli.base import Ids
from linli.vocab import vocabulary

sys.path.append(str(Path(__file__).parents[1] / "hostile"))
from sealed_house import ANNA, NUMBER, House, a_resident

from linli.store import Find

VOCAB = vocabulary()
SEALED = ("idNumber", "telephone", "fullName")


def test_nothing_below_the_seal_holds_the_number_and_it_is_found_all_the_same(tmp_path: Path) -> None:
    async def run() -> None:
        house = House(tmp_path)
        await house.put(a_resident())
        assert NUMBER.encode() not in await house.everything()
        found = await house.store.find("default", Find(keys=(("idNumber", (NUMBER.lower(),)),)))
        assert [one.entity_id for one in found] == [ANNA]
        assert await house.below.find("default", Find(keys=(("idNumber", (NUMBER,)),))) == []

    asyncio.run(run())


def test_no_type_makes_its_id_of_what_is_personal() -> None:
    for entity in VOCAB.types.values():
        said = getattr(entity, "id", "") or ""
        for name, attribute in entity.attributes.items():
            assert attribute.pii == "none" or "{" + name + "}" not in said, entity.name


def test_an_identity_number_is_sensitive_and_masked_wherever_it_stands() -> None:
    held = [one.attributes["idNumber"] for one in VOCAB.types.values() if "idNumber" in one.attributes]
    assert held
    assert all((one.pii, one.mask) == ("sensitive", "idno") for one in held)


def test_ids_that_are_made_here_hold_a_place_a_time_and_chance() -> None:
    made = Ids("990101000000").new("Resident", 1_800_000_000_000_000)
    assert made.startswith("urn:ngsi-ld:Resident:990101000000:")
    assert len(made.rpartition(":")[2]) == 26
