"""What an older program wrote is found by the keys of today: filed once, page by page, in the form that is noted."""

from __future__ import annotations

import asyncio
from pathlib import Path

import apsw
import orjson
import pytest
from sealed_house import ANNA, AT_US, CALL, FOUND_BY, House, a_call, a_doc, a_resident, link, put_of

from linli.broker import filing_form
from linli.cli import main
from linli.store import Change, Find, open_store
from linli.store._queries import migrations
from linli.trust import Refiling, Sealed
from linli.vocab import vocabulary

PLACE, PROVIDER = "urn:ngsi-ld:Place:1", "urn:ngsi-ld:Provider:1"
FORM = filing_form(vocabulary())
OF_ANNA = Find(types=("ServiceCall",), keys=(("caller", (ANNA,)),))
OPERATED = Find(keys=(("operatedBy", (PROVIDER,)),))


class Interrupted(Exception):
    """Something stops the walk."""


async def older(house: House, calls: int) -> None:
    """Write calls as a program did that knew of no key."""
    puts = [put_of(a_resident())]
    puts += [put_of({**a_call(), "id": f"{CALL}{number:04d}"}) for number in range(calls)]
    bare = tuple(put._replace(keys=(), box=None) for put in puts)
    await house.store.commit(Change("default", "urn:old", "service", AT_US, puts=bare))


def refiling(house: House, **how: object) -> Refiling:
    """Return what files under a store of today."""
    today = Sealed(house.below, house.keys, vocabulary(), form=FORM)
    return Refiling(today, FOUND_BY, house.clock, **how)  # type: ignore[arg-type]


def test_what_lacks_keys_is_found_by_them_and_says_what_it_said(tmp_path: Path) -> None:
    async def run() -> None:
        house = House(tmp_path)
        await older(house, 3)
        assert await house.store.find("default", OF_ANNA) == []
        before = await house.store.find("default", Find())
        head = await house.below.head("default")
        told: list[str] = []
        assert await refiling(house, tell=told.append).bring_up() == 4
        assert told == ["Tenant default: all entities are filed, 4 of them anew."]
        assert [one.entity_id for one in await house.store.find("default", OF_ANNA)] == [
            f"{CALL}{n:04d}" for n in range(3)
        ]
        assert await house.store.find("default", Find()) == before
        assert await house.below.head("default") == head
        near = Find(types=("Resident",), box=(117.0, 36.6, 117.1, 36.7))
        assert [one.entity_id for one in await house.store.find("default", near)] == [ANNA]
        assert ANNA.encode() not in b"".join(
            repr(one.keys).encode() for one in house.below._tenants["default"].entities.values()
        )
        assert await refiling(house).bring_up() == 0

    asyncio.run(run())


def test_a_walk_that_was_cut_short_goes_on_where_it_stopped(tmp_path: Path) -> None:
    async def run() -> None:
        house = House(tmp_path)
        await older(house, 700)
        commits = 0

        class Failing(Refiling):
            async def _commit(self, *said: object) -> None:
                nonlocal commits
                commits += 1
                if commits == 5:
                    raise Interrupted
                await super()._commit(*said)  # type: ignore[arg-type]

        today = Sealed(house.below, house.keys, vocabulary(), form=FORM)
        with pytest.raises(Interrupted):
            await Failing(today, FOUND_BY, house.clock).bring_up()
        assert 0 < len(await house.store.find("default", OF_ANNA)) < 700
        assert await refiling(house).bring_up() == 701 - 400
        assert len(await house.store.find("default", OF_ANNA)) == 700

    asyncio.run(run())


def test_a_new_tenant_is_noted_as_filed_and_never_walked(tmp_path: Path) -> None:
    async def run() -> None:
        house = House(tmp_path)
        house.store = Sealed(house.below, house.keys, vocabulary(), form=FORM)
        await house.put(a_resident(), a_call())
        assert await refiling(house).bring_up() == 0
        assert await house.store.find("default", OF_ANNA) != []

    asyncio.run(run())


def test_another_set_of_keys_is_another_form() -> None:
    vocab = vocabulary()
    assert 0 < FORM < 1 << 63
    fewer = type(vocab)({name: one for name, one in vocab.types.items() if name != "Parcel"}, vocab.lists, {})
    assert filing_form(fewer) != FORM


def test_a_database_of_the_first_schema_is_brought_up_by_the_command(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = a_doc(PLACE, "Place", operatedBy=link(PROVIDER))
    connection = apsw.Connection(str(tmp_path / "linli.db"))
    connection.execute(f"PRAGMA application_id={0x6C696E6C}")
    connection.execute(migrations()[0][1]).fetchall()
    row = (PLACE, orjson.dumps(place))
    connection.execute(
        """INSERT INTO entity VALUES (1, 'default', ?, '["Place"]', '["/cn/r99"]', '[]', '', 1, 10, 10, ?)""", row
    )
    connection.execute("""
        INSERT INTO entity_type VALUES ('default', 'Place', 1);
        INSERT INTO entity_scope VALUES ('default', '/cn/r99', 1);
        INSERT INTO type_count VALUES ('default', 'Place', 1);
        INSERT INTO log VALUES ('default', 1, 10, 1, 'create', 'urn:ngsi-ld:Place:1', 'Place', '/cn/r99', 1, '[]', '', '');
        INSERT INTO cursor VALUES ('default', 'sealer', 1);
        UPDATE about SET last_row = 1, last_seq = 1, last_tx = 1;
    """).fetchall()
    connection.close()
    assert main(["db", "upgrade", "--data", str(tmp_path)]) == 0
    said = capsys.readouterr().out
    assert "The database went from schema 1 to" in said
    assert "all entities are filed, 1 of them anew" in said

    async def found() -> list[str]:
        store = await open_store(f"sqlite:///{tmp_path / 'linli.db'}")
        try:
            return [one.entity_id for one in await store.find("default", OPERATED)]
        finally:
            await store.close()

    assert asyncio.run(found()) == [PLACE]
    assert main(["db", "upgrade", "--data", str(tmp_path)]) == 0
    assert "anew" not in capsys.readouterr().out
