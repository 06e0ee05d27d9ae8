"""Files that are not what they should be, and copies: each a clear answer, nothing overwritten."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import Any

import apsw
import pytest

from linli.base import from_wire_time
from linli.base.errors import AlreadyExists, StartError, StoreFailed, StoreTooNew
from linli.store import (
    Change,
    Delete,
    Fact,
    FileState,
    Find,
    Past,
    Put,
    SqliteStore,
    Stored,
    check_file,
    copy_file,
    restore_file,
    upgrade_file,
)
from linli.store._files import SCHEMA, bring_up, open_reader, open_writer
from linli.store._queries import migrations, queries, sql_text

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "linli.db"


async def fill(path: Path, first: int = 0, number: int = 3) -> None:
    store = SqliteStore.open(path, sync="off")
    await store.commit(a_change(*range(first, first + number)))
    await store.close()


def a_change(*numbers: int) -> Change:
    puts = tuple(Put(f"urn:x:{n}", ("Thing",), (), bytes(100)) for n in numbers)
    return Change(tenant="default", actor="", purpose="", at_us=1, puts=puts)


async def ids(path: Path) -> list[str]:
    store = SqliteStore.open(path, sync="off")
    try:
        return [stored.entity_id for stored in await store.find("default", Find())]
    finally:
        await store.close()


def names_in(folder: Path) -> set[str]:
    return {file.name for file in folder.iterdir()}


def pragmas(connection: apsw.Connection) -> dict[str, Any]:
    return {name: connection.pragma(name) for name in ("journal_mode", "synchronous", "cache_size", "page_size")}


@pytest.mark.parametrize(("sync", "level"), [("full", 2), ("normal", 1), ("off", 0)])
def test_both_connections_run_with_the_settings_that_were_agreed(path: Path, sync: str, level: int) -> None:
    writer = open_writer(path, sync, None)
    assert pragmas(writer) == {"journal_mode": "wal", "synchronous": level, "cache_size": -16000, "page_size": 4096}
    assert pragmas(open_reader(path, None))["cache_size"] == -16000


def test_a_file_of_something_else_is_refused_and_left_alone(path: Path) -> None:
    path.write_bytes(b"Not a database at all, but quite long enough to look at. " * 40)
    before = path.read_bytes()
    for opening in (SqliteStore.open, check_file):
        with pytest.raises(StartError, match=r"linli.db: (cannot be opened|is damaged)"):
            opening(path)
    assert path.read_bytes() == before


def test_a_database_of_another_program_is_refused_and_left_alone(path: Path) -> None:
    with apsw.Connection(str(path)) as other:
        other.execute("CREATE TABLE entity (id)")
    other.close()
    before = path.read_bytes()
    for opening in (SqliteStore.open, check_file):
        with pytest.raises(StartError, match="not one of linli"):
            opening(path)
    assert path.read_bytes() == before
    assert names_in(path.parent) <= {"linli.db", "linli.db.lock"}


@pytest.mark.parametrize(("schema", "lowest", "opens"), [(9, 9, False), (9, SCHEMA, True)])
async def test_a_newer_file_opens_only_when_it_says_that_this_program_may(
    path: Path, schema: int, lowest: int, *, opens: bool
) -> None:
    await fill(path)
    connection = apsw.Connection(str(path))
    connection.execute("UPDATE about SET schema = ?, lowest = ?", (schema, lowest))
    connection.close()
    if opens:
        assert await ids(path) == ["urn:x:0", "urn:x:1", "urn:x:2"]
        assert check_file(path).schema == schema
        return
    for opening in (SqliteStore.open, check_file):
        with pytest.raises(StoreTooNew, match=f"schema 9, this program knows {SCHEMA}"):
            opening(path)


def shape(connection: apsw.Connection) -> list[tuple[Any, ...]]:
    """Return the schema as SQLite keeps it, without spaces and remarks, and the row about it."""
    rows = connection.execute("SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY name").fetchall()
    tidy = [(kind, name, table, re.sub(r"\s+", " ", sql or "")) for kind, name, table, sql in rows]
    return [*tidy, *connection.execute("SELECT * FROM about").fetchall()]


def test_all_migrations_together_give_the_schema(path: Path) -> None:
    stepwise, at_once = apsw.Connection(":memory:"), apsw.Connection(":memory:")
    steps = migrations()
    for _number, text in steps:
        stepwise.execute(text).fetchall()
    at_once.execute(sql_text("schema.sql")).fetchall()
    assert shape(stepwise) == shape(at_once)
    assert [number for number, _ in steps] == list(range(1, SCHEMA + 1))


async def test_an_older_file_takes_each_later_step_once(path: Path) -> None:
    await fill(path)
    steps = [
        *migrations(),
        (8, "CREATE TABLE extra (word TEXT) STRICT; UPDATE about SET schema = 8;"),
        (9, "INSERT INTO extra VALUES ('third'); UPDATE about SET schema = 9;"),
    ]
    connection = apsw.Connection(str(path))
    for _ in range(2):
        bring_up(connection, path, steps)
    assert connection.execute("SELECT word FROM extra").fetchall() == [("third",)]
    assert connection.execute("SELECT schema FROM about").get == 9
    assert connection.execute("SELECT count(*) FROM entity").get == 3


def an_old_file(path: Path) -> None:
    """Make a file as the first form of the program left it: one attribute written twice, another observed."""
    connection = apsw.Connection(str(path))
    connection.execute(f"PRAGMA application_id={0x6C696E6C}")
    connection.execute(migrations()[0][1]).fetchall()
    connection.execute("""
        INSERT INTO entity VALUES (1, 'default', 'urn:x:1', '["Thing"]', '["/cn"]', '[]', '', 2, 10, 20, x'7B7D');
        INSERT INTO entity_type VALUES ('default', 'Thing', 1);
        INSERT INTO type_count VALUES ('default', 'Thing', 1);
        INSERT INTO log VALUES
            ('default', 1, 5, 1, 'create', 'urn:x:1', 'Thing', '/cn', 1, '[]', '', ''),
            ('default', 2, 6, 2, 'delete', 'urn:x:1', 'Thing', '/cn', 1, '[]', '', ''),
            ('default', 3, 10, 3, 'create', 'urn:x:1', 'Thing', '/cn', 1, '["n","t"]', '', ''),
            ('default', 4, 20, 4, 'update', 'urn:x:1', 'Thing', '/cn', 2, '["n"]', '', '');
        INSERT INTO history VALUES
            ('default', 'urn:x:1', 'n', 3, 0, '', CAST('{"value":1}' AS BLOB)),
            ('default', 'urn:x:1', 't', 3, 1, 'urn:d',
             CAST('{"value":21.5,"observedAt":"2026-11-23T02:15:07.25Z"}' AS BLOB)),
            ('default', 'urn:x:1', 'n', 4, 0, '', NULL);
        UPDATE about SET last_row = 1, last_seq = 4, last_tx = 4;
    """).fetchall()
    connection.close()


async def test_a_file_of_the_first_schema_is_upgraded_and_keeps_what_it_holds(path: Path) -> None:
    an_old_file(path)
    assert upgrade_file(path) == (1, SCHEMA)
    assert upgrade_file(path) == (SCHEMA, SCHEMA)
    assert check_file(path) == FileState(SCHEMA, SCHEMA, 1, 4)
    store = SqliteStore.open(path, sync="off")
    stands = Stored("urn:x:1", ("Thing",), ("/cn",), 2, 10, 20, b"{}", 1, 3)
    assert await store.find("default", Find(types=("Thing",))) == [stands]
    observed_us = from_wire_time("2026-11-23T02:15:07.25Z")
    warm = Fact("t", "urn:d", b'{"value":21.5,"observedAt":"2026-11-23T02:15:07.25Z"}', observed_us, 21.5)
    assert await store.past("default", "urn:x:1", newest_first=False) == [
        Past(3, 0, 10, Fact("n", "", b'{"value":1}', None, 1.0)),
        Past(3, 1, 10, warm),
        Past(4, 0, 20, Fact("n", "", None)),
    ]
    again = Put("urn:x:1", ("Thing",), ("/cn",), b"{}", facts=(warm._replace(first=True), Fact("t", "", b"2")))
    await store.commit(Change(tenant="default", actor="", purpose="", at_us=30, puts=(again,)))
    assert [seq for seq, _ in await store.history("default", "urn:x:1", "t")] == [5, 3]
    await store.close()


async def test_opening_an_older_file_upgrades_it_by_itself(path: Path) -> None:
    an_old_file(path)
    assert await ids(path) == ["urn:x:1"]
    assert check_file(path).schema == SCHEMA


def test_there_is_nothing_to_upgrade_where_no_file_is(path: Path) -> None:
    with pytest.raises(StartError, match="no such file"):
        upgrade_file(path)


async def test_a_step_that_fails_leaves_the_file_as_it_was(path: Path) -> None:
    await fill(path)
    connection = apsw.Connection(str(path))
    before = shape(connection)
    with pytest.raises(apsw.SQLError):
        bring_up(connection, path, [(9, "CREATE TABLE extra (word TEXT) STRICT; UPDATE nothing SET schema = 9;")])
    assert shape(connection) == before


def test_every_query_stands_once_under_its_name_and_is_whole() -> None:
    for file in ("read", "write"):
        names = re.findall(r"^-- ([a-z_]+)$", sql_text(f"{file}.sql"), re.MULTILINE)
        assert len(names) == len(set(names))
        assert all(queries(file).values())


async def test_a_backup_taken_while_writing_is_whole_and_restores(path: Path, tmp_path: Path) -> None:
    store = SqliteStore.open(path, sync="off")
    await store.commit(a_change(0))
    copy = tmp_path / "copy.db"

    async def go_on() -> None:
        for number in range(1, 300):
            await store.commit(a_change(number))

    writing = asyncio.create_task(go_on())
    await store.wait_log("default", 50)
    await store.backup(str(copy))
    await writing
    await store.close()

    state = check_file(copy)
    assert 50 <= state.entities == state.head < 300
    assert names_in(tmp_path) == {"linli.db", "linli.db.lock", "copy.db"}
    restored = tmp_path / "restored.db"
    assert restore_file(copy, restored) == state
    assert await ids(restored) == [f"urn:x:{n}" for n in range(state.entities)]


async def test_a_backup_never_overwrites_and_says_where_it_cannot_write(path: Path, tmp_path: Path) -> None:
    store = SqliteStore.open(path, sync="off")
    (tmp_path / "there").write_text("mine")
    with pytest.raises(AlreadyExists, match="name a new one"):
        await store.backup(str(tmp_path / "there"))
    with pytest.raises(StoreFailed, match="cannot be written"):
        await store.backup(str(tmp_path / "no" / "such" / "folder"))
    await store.close()
    with pytest.raises(StartError, match="no such file"):
        copy_file(tmp_path / "nowhere.db", tmp_path / "copy.db")
    assert (tmp_path / "there").read_text() == "mine"
    assert names_in(tmp_path) == {"linli.db", "linli.db.lock", "there"}


async def test_restoring_keeps_the_database_that_stood_there(path: Path, tmp_path: Path) -> None:
    await fill(path)
    copy = tmp_path / "copy.db"
    restore_file(path, copy)
    await fill(path, 10, 2)
    with pytest.raises(AlreadyExists):
        restore_file(copy, path)
    assert len(await ids(path)) == 5
    assert restore_file(copy, path, replace=True) == FileState(SCHEMA, SCHEMA, 3, 3)
    assert await ids(path) == ["urn:x:0", "urn:x:1", "urn:x:2"]
    assert len(await ids(tmp_path / "linli.db.before")) == 5


async def test_restoring_after_a_crash_keeps_what_stood_in_the_wal(path: Path, tmp_path: Path) -> None:
    await fill(path)
    copy = tmp_path / "copy.db"
    restore_file(path, copy)
    store = SqliteStore.open(path, sync="off")
    await store.commit(a_change(7))
    crashed = tmp_path / "crashed"
    crashed.mkdir()
    for file in ("linli.db", "linli.db-wal"):
        (crashed / file).write_bytes((tmp_path / file).read_bytes())
    await store.close()
    restore_file(copy, crashed / "linli.db", replace=True)
    assert len(await ids(crashed / "linli.db")) == 3
    assert len(await ids(crashed / "linli.db.before")) == 4


async def test_a_damaged_backup_is_not_restored(path: Path, tmp_path: Path) -> None:
    await fill(path, number=200)
    copy = tmp_path / "copy.db"
    restore_file(path, copy)
    content = bytearray(copy.read_bytes())
    content[8192:20480] = bytes(12288)
    copy.write_bytes(content)
    with pytest.raises(StartError, match=r"copy.db: is damaged"):
        restore_file(copy, path, replace=True)
    assert len(await ids(path)) == 200
    with pytest.raises(StartError, match="no such file"):
        check_file(tmp_path / "nowhere.db")


async def test_a_database_in_use_is_neither_opened_twice_nor_restored_over(path: Path, tmp_path: Path) -> None:
    await fill(path)
    copy = tmp_path / "copy.db"
    restore_file(path, copy)
    store = SqliteStore.open(path, sync="off")
    with pytest.raises(StartError, match="another linli"):
        SqliteStore.open(path)
    with pytest.raises(StartError, match="another linli"):
        restore_file(copy, path, replace=True)
    assert check_file(path).entities == 3
    await store.close()
    assert await ids(path) == ["urn:x:0", "urn:x:1", "urn:x:2"]


async def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(StartError, match=r"linli\.db\.lock: cannot be written: No such file.*--data"):
        SqliteStore.open(tmp_path / "none" / "linli.db")


async def test_what_waited_to_be_filed_by_the_second_schema_is_filed(path: Path) -> None:
    an_old_file(path)
    connection = apsw.Connection(str(path))
    connection.execute(migrations()[1][1]).fetchall()
    connection.execute("""
        INSERT INTO unfiled VALUES
            ('default', 'urn:x:1', 'n', 4, 1, 'urn:d', 21, 7, 2.5, CAST('{"value":2.5}' AS BLOB)),
            ('default', 'urn:x:1', 'n', 4, 2, 'urn:e', 21, NULL, NULL, NULL);
    """).fetchall()
    connection.close()
    store = SqliteStore.open(path, sync="off")
    assert (await store.past("default", "urn:x:1", "n"))[:2] == [
        Past(4, 2, 21, Fact("n", "urn:e", None)),
        Past(4, 1, 21, Fact("n", "urn:d", b'{"value":2.5}', 7, 2.5)),
    ]
    await store.close()


async def test_what_a_process_deleted_before_it_was_killed_is_gone_when_the_file_is_opened(tmp_path: Path) -> None:
    killed, opened = tmp_path / "killed.db", tmp_path / "opened.db"
    store = SqliteStore.open(killed, sync="off")
    mark = b"made-up secret of nobody"
    await store.commit(
        Change(tenant="default", actor="", purpose="", at_us=1, puts=(Put("urn:x:1", ("Thing",), (), mark),))
    )
    await store.commit(Change(tenant="default", actor="", purpose="", at_us=2, deletes=(Delete("urn:x:1"),)))
    for end in ("", "-wal"):
        opened.with_name(f"opened.db{end}").write_bytes(killed.with_name(f"killed.db{end}").read_bytes())
    assert mark in opened.with_name("opened.db-wal").read_bytes()
    await store.close()
    again = SqliteStore.open(opened, sync="off")
    await again.commit(a_change(2))
    assert mark not in opened.with_name("opened.db-wal").read_bytes()
    await again.close()
