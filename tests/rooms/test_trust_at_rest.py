"""What lies on the disk: nothing personal in clear in any file of either engine, and `linli db` says what is so."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from postgres_server import a_server
from sealed_house import ANNA, NAME, PHONE, House, a_call, a_resident, put_of, words

from linli.cli import main
from linli.store import Change, Delete, Fact, KeyBook, Store, open_store

FACT = Fact("fullName", "", b'{"type":"Property","value":"' + NAME.encode() + b'"}')


def in_clear(folder: Path) -> list[str]:
    """Return the files below a folder in which something personal stands in clear."""
    files = [file for file in folder.rglob("*") if file.is_file()]
    return [f"{file.name}: {word.decode()}" for file in files for word in words() if word in file.read_bytes()]


async def lived_in(url: str, folder: Path) -> None:
    """Write people, a call, history and one who goes, as a node would; then leave everything as a crash would."""
    house = House(folder, await open_store(url))
    await house.put(a_resident(), a_call(), facts=(FACT, FACT._replace(dataset_id="urn:d:1")))
    await house.put(a_resident(elderMode=False), facts=(FACT._replace(first=True),))
    await house.put(a_resident("urn:ngsi-ld:Resident:9"))
    await house.store.commit(Change("default", "x", "", 1, deletes=(Delete("urn:ngsi-ld:Resident:9"),)))
    assert in_clear(folder) == []
    await house.store.close()


def test_no_file_of_a_node_on_sqlite_holds_anything_personal(tmp_path: Path) -> None:
    asyncio.run(lived_in(f"sqlite:///{tmp_path / 'linli.db'}", tmp_path))
    assert in_clear(tmp_path) == []


@pytest.mark.slow
def test_no_file_of_a_server_of_postgresql_holds_anything_personal(tmp_path: Path) -> None:
    with a_server(tmp_path) as server:
        asyncio.run(lived_in(f"{server.url}&schema=sealed", tmp_path))
        server.stop()
        assert b"elderMode" in b"".join(
            file.read_bytes() for file in (server.folder / "data").rglob("*") if file.is_file()
        )
        assert in_clear(server.folder) == []
        server.start()
    assert in_clear(tmp_path) == []


def test_an_older_database_is_sealed_by_a_command_and_nothing_is_left_in_its_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = ["--data", str(tmp_path)]
    asyncio.run(_older(tmp_path))
    assert len(in_clear(tmp_path)) >= 4
    assert main(["db", "check", *data]) == 1
    assert f"{ANNA} fullName: stands in clear." in capsys.readouterr().out
    assert main(["db", "seal", *data]) == 0
    assert "2 entities, 1 values of the past" in capsys.readouterr().out
    assert in_clear(tmp_path) == []
    assert main(["db", "check", *data]) == 0
    assert "8 personal values are sealed." in capsys.readouterr().out


def test_a_backup_says_that_the_keys_are_not_in_it_and_nobody_reads_it_without_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = ["--data", str(tmp_path / "data")]
    (tmp_path / "data").mkdir()
    asyncio.run(lived_in(f"sqlite:///{tmp_path / 'data' / 'linli.db'}", tmp_path / "data"))
    assert main(["db", "backup", str(tmp_path / "copy.db"), *data]) == 0
    assert "The keys are not in it" in capsys.readouterr().out
    assert main(["db", "restore", str(tmp_path / "copy.db"), "--data", str(tmp_path / "elsewhere")]) == 0
    assert main(["db", "check", "--data", str(tmp_path / "elsewhere")]) == 1
    assert "lacks the key" in capsys.readouterr().out


def test_yesterdays_backup_does_not_bring_back_whom_somebody_had_erased(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "data").mkdir()
    data = ["--data", str(tmp_path / "data")]
    url = f"sqlite:///{tmp_path / 'data' / 'linli.db'}"
    (tmp_path / "data" / "node.kek").write_text("00" * 32)
    asyncio.run(lived_in(url, tmp_path / "data"))
    assert main(["db", "backup", str(tmp_path / "copy.db"), *data]) == 0
    book = KeyBook.open(tmp_path / "data" / "keys.db")
    assert book.destroy("default", ANNA, 1) == 1
    book.close()
    assert main(["db", "restore", str(tmp_path / "copy.db"), *data]) == 0
    capsys.readouterr()
    assert main(["db", "check", *data]) == 0
    assert "of them with keys that were destroyed" in capsys.readouterr().out
    asyncio.run(_is_gone(url, tmp_path / "data"))


async def _older(folder: Path) -> None:
    store = await open_store(f"sqlite:///{folder / 'linli.db'}")
    puts = (put_of(a_resident())._replace(facts=(FACT,)), put_of(a_call()))
    await store.commit(Change("default", "x", "", 1, puts=puts))
    await store.close()


async def _is_gone(url: str, folder: Path) -> None:
    below: Store = await open_store(url)
    house = House(folder, below)
    stored = await house.store.get("default", ANNA)
    assert stored is not None
    assert PHONE.encode() not in stored.doc
    assert NAME.encode() not in stored.doc
    assert {row.fact.doc for row in await house.store.past("default", ANNA, "fullName")} == {None}
    await house.store.close()
