"""What PostgreSQL promises beyond the Protocol: several processes on one schema, lost connections, its schema, its copies."""

from __future__ import annotations

import asyncio
import re
import shutil
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

import asyncpg
import pytest
from postgres_server import Server, a_server

from linli.base.errors import AlreadyExists, BadSetting, Conflict, StartError, StoreFailed, StoreTooNew
from linli.store import (
    Change,
    Delete,
    Find,
    PostgresStore,
    Put,
    Store,
    check_store,
    copy_store,
    open_store,
    restore_store,
    upgrade_store,
)
from linli.store._address import PostgresAddress, read_address
from linli.store._link import SCHEMA, bring_up, connect
from linli.store._queries import migrations, queries, sql_text

pytestmark = [pytest.mark.anyio, pytest.mark.slow]
ONE = "urn:x:1"


def a_put(entity_id: str = ONE, **parts: Any) -> Put:
    given: dict[str, Any] = {"types": ("Thing",), "scopes": (), "doc": b"{}"} | parts
    return Put(entity_id, **given)


def a_change(*puts: Put, **parts: Any) -> Change:
    return Change(tenant="default", actor="", purpose="", at_us=1, puts=puts, **parts)


def address_of(url: str) -> PostgresAddress:
    address = read_address(url)
    assert isinstance(address, PostgresAddress)
    return address


async def opened(url: str, sync: Any = "off") -> PostgresStore:
    store = await open_store(url, sync=sync)
    assert isinstance(store, PostgresStore)
    return store


async def until(is_so: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not is_so():  # noqa: ASYNC110 - what is waited for lies inside the store
            await asyncio.sleep(0.01)


async def doc_of(store: Store, entity_id: str = ONE) -> bytes | None:
    stored = await store.get("default", entity_id)
    return stored.doc if stored else None


@pytest.fixture
async def two(postgres_url: str) -> AsyncIterator[tuple[PostgresStore, PostgresStore]]:
    """Give two stores on one schema, as two processes have them, opened at the same moment."""
    stores = await asyncio.gather(opened(postgres_url), opened(postgres_url))
    yield stores
    for store in stores:
        await store.close()


@asynccontextmanager
async def admin(url: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await connect(address_of(url))
    try:
        yield connection
    finally:
        await connection.close()


async def test_what_one_process_writes_the_other_reads_though_it_had_read_before(
    two: tuple[PostgresStore, PostgresStore],
) -> None:
    here, there = two
    await here.commit(a_change(a_put(doc=b"1")))
    await there.wait_log("default", 0)
    for n, (writer, reader) in enumerate([(here, there), (there, here), (here, there)], start=1):
        before = await reader.get("default", ONE)
        assert before is not None
        await writer.commit(a_change(a_put(doc=b"%d" % n)))
        await reader.wait_log("default", n)
        assert await doc_of(reader) == b"%d" % n
    await there.commit(a_change(deletes=(Delete(ONE),)))
    await here.wait_log("default", 4)
    assert await doc_of(here) is None


async def test_a_change_too_large_for_a_notice_is_heard_of_all_the_same(
    two: tuple[PostgresStore, PostgresStore],
) -> None:
    here, there = two
    many = [f"urn:x:{n:0100d}" for n in range(200)]
    await here.commit(a_change(*(a_put(name, doc=b"1") for name in many)))
    await there.wait_log("default", 0)
    assert await doc_of(there, many[0]) == b"1"
    await here.commit(a_change(*(a_put(name, doc=b"2") for name in many)))
    await there.wait_log("default", 200)
    assert {await doc_of(there, name) for name in many} == {b"2"}


async def test_who_reads_a_log_row_of_another_process_reads_at_least_that_version(
    two: tuple[PostgresStore, PostgresStore],
) -> None:
    here, there = two
    await here.commit(a_change(a_put()))
    writing = asyncio.gather(*(here.commit(a_change(a_put(doc=b"%d" % n))) for n in range(100)))
    while not writing.done():
        rows = await there.log_since("default", 0)
        stored = await there.get("default", ONE)
        assert stored is not None
        assert stored.version >= rows[-1].version
    await writing


async def test_readers_of_the_log_never_step_over_a_row_that_another_process_is_writing(
    two: tuple[PostgresStore, PostgresStore],
) -> None:
    async def write(store: PostgresStore, name: str) -> None:
        await asyncio.gather(*(store.commit(a_change(a_put(f"urn:{name}:{n}"))) for n in range(150)))

    seen: list[int] = []

    async def read_on() -> None:
        while len(seen) < 300:
            await two[1].wait_log("default", len(seen))
            seen.extend(row.seq for row in await two[1].log_since("default", len(seen)))

    await asyncio.gather(write(two[0], "a"), write(two[1], "b"), read_on())
    assert seen == list(range(1, 301))


async def test_of_two_processes_that_expect_the_same_version_one_wins_and_the_other_learns(
    two: tuple[PostgresStore, PostgresStore],
) -> None:
    await two[0].commit(a_change(a_put()))
    for n in range(1, 20):
        both = (store.commit(a_change(a_put(expect_version=n))) for store in two)
        done = await asyncio.gather(*both, return_exceptions=True)
        assert sorted(isinstance(one, Conflict) for one in done) == [False, True]
        for store in two:
            stored = await store.get("default", ONE)
            assert stored is not None
            if isinstance(done[two.index(store)], Conflict):
                assert stored.version == n + 1
        await asyncio.gather(*(store.wait_log("default", n) for store in two))


async def test_one_process_leads_and_another_takes_over_when_it_ends(postgres_url: str) -> None:
    first, second = await opened(postgres_url), await opened(postgres_url)
    assert [await first.lead("a"), await second.lead("a"), await first.lead("a")] == [True, False, True]
    assert await second.lead("b")
    await first.close()
    assert not await first.lead("a")
    assert [await second.lead("a"), await second.lead("b")] == [True, True]
    await second.close()


async def test_a_lost_line_is_taken_up_again_and_nothing_old_is_read_meanwhile(
    postgres_url: str, two: tuple[PostgresStore, PostgresStore]
) -> None:
    here, there = two
    await here.commit(a_change(a_put(doc=b"1")))
    assert await doc_of(there) == b"1"
    assert await there.lead("a")
    waiting = asyncio.create_task(there.wait_log("default", 1))
    ear = there._ear._connection
    assert ear is not None
    async with admin(postgres_url) as connection:
        await connection.fetchval("SELECT pg_terminate_backend($1)", ear.get_server_pid())
    await until(lambda: not there._ear.listens or there._ear._connection is not ear)
    await here.commit(a_change(a_put(doc=b"2")))
    assert await waiting == 2
    assert await doc_of(there) == b"2"
    await until(lambda: there._ear.listens)
    assert await there.lead("a")


async def test_when_the_server_is_gone_everybody_is_told_and_all_goes_on_when_it_is_back(
    server_alone: Server,
) -> None:
    store = await opened(server_alone.url, sync="full")
    await store.commit(a_change(a_put(doc=b"1")))
    assert await doc_of(store) == b"1"
    server_alone.stop("immediate")
    refused = await asyncio.gather(*(store.commit(a_change(a_put())) for _ in range(5)), return_exceptions=True)
    assert all(isinstance(one, StoreFailed) for one in refused)
    assert store.trouble is not None
    with pytest.raises(StoreFailed):
        await store.find("default", Find())
    server_alone.start()
    done = await store.commit(a_change(a_put(doc=b"2")))
    assert (done.seq, store.trouble, await doc_of(store)) == (2, None, b"2")
    await until(lambda: store._ear.listens)
    await store.close()


@pytest.fixture
def server_alone(tmp_path: Path) -> Any:
    with a_server(tmp_path) as server:
        yield server


class DeafAfterCommit:
    """A line to the server that goes dead once a COMMIT was passed on and took effect: its answer is never heard."""

    def __init__(self, real: Path, folder: Path) -> None:
        self.real, self.folder, self.is_armed = real / ".s.PGSQL.5432", folder, False

    async def __aenter__(self) -> Self:
        self.listening = await asyncio.start_unix_server(self._carry, self.folder / ".s.PGSQL.5432")
        return self

    async def __aexit__(self, *_: object) -> None:
        self.listening.close()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        server_reader, server_writer = await asyncio.open_unix_connection(self.real)
        is_cut = False

        async def back() -> None:
            while said := await server_reader.read(65536):
                if is_cut:
                    break
                writer.write(said)
            writer.close()

        answering = asyncio.create_task(back())
        while asked := await reader.read(65536):
            is_cut = self.is_armed and b"COMMIT" in asked
            self.is_armed = self.is_armed and not is_cut
            server_writer.write(asked)
        server_writer.close()
        await answering


@pytest.fixture
def short(postgres_server: str) -> Iterator[Path]:
    """Give a folder whose path is short enough for a socket."""
    folder = Path(parse_qs(urlsplit(postgres_server).query)["host"][0] + "-deaf")
    folder.mkdir()
    yield folder
    shutil.rmtree(folder)


async def test_a_commit_whose_answer_was_lost_counts_as_done_when_it_took_effect(
    postgres_url: str, short: Path
) -> None:
    real = str(short).removesuffix("-deaf")
    async with DeafAfterCommit(Path(real), short) as line:
        store = await opened(postgres_url.replace(f"host={real}", f"host={short}"))
        await store.commit(a_change(a_put()))
        line.is_armed = True
        done = await asyncio.gather(*(store.commit(a_change(a_put(f"urn:y:{n}"))) for n in range(5)))
        assert not line.is_armed
        assert [committed.seq for committed in done] == [2, 3, 4, 5, 6]
        assert (await store.count("default", Find()), len(await store.log_since("default", 0))) == (6, 6)
        await store.close()


async def test_a_commit_that_the_database_refuses_fails_the_guilty_alone(postgres_url: str) -> None:
    store = await opened(postgres_url)
    async with admin(postgres_url) as connection:
        await connection.execute("""
            CREATE FUNCTION refuse () RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN
                IF new.id = 'urn:y:3' THEN RAISE 'refused for a test'; END IF;
                RETURN new;
            END $$;
            CREATE CONSTRAINT TRIGGER late AFTER INSERT ON entity DEFERRABLE INITIALLY DEFERRED
            FOR EACH ROW EXECUTE FUNCTION refuse ();
        """)
    done = await asyncio.gather(
        *(store.commit(a_change(a_put(f"urn:y:{n}"))) for n in range(6)), return_exceptions=True
    )
    assert [isinstance(one, StoreFailed) for one in done] == [False, False, False, True, False, False]
    assert store.trouble is None
    assert [row.seq for row in await store.log_since("default", 0)] == [1, 2, 3, 4, 5]
    await store.close()


async def shape(connection: asyncpg.Connection, schema: str) -> list[tuple[Any, ...]]:
    """Return columns, indexes and functions of a schema, and its row about itself, without its name."""
    asked = (
        """SELECT table_name, column_name, udt_name, collation_name, is_nullable, ordinal_position AS place
        FROM information_schema.columns WHERE table_schema = $1 ORDER BY table_name, place""",
        "SELECT tablename, indexdef FROM pg_indexes WHERE schemaname = $1 ORDER BY 2",
        "SELECT proname, prosrc FROM pg_proc WHERE pronamespace = to_regnamespace($1) ORDER BY 1",
        "SELECT relname, reloptions FROM pg_class WHERE relnamespace = to_regnamespace($1) ORDER BY 1",
    )
    rows = [tuple(row) for query in asked for row in await connection.fetch(query, schema)]
    about = [tuple(row) for row in await connection.fetch(f"SELECT * FROM {schema}.about")]
    return [tuple(str(one).replace(f"{schema}.", "") for one in row) for row in [*rows, *about]]


async def test_all_migrations_together_give_the_schema(postgres_url: str) -> None:
    address = address_of(postgres_url)
    await bring_up(address)
    stepwise = f"{address.schema}_stepwise"
    async with admin(postgres_url) as connection:
        await connection.execute(f"CREATE SCHEMA {stepwise}; SET search_path = {stepwise}, public")
        for _number, text in migrations("postgres"):
            await connection.execute(text)
        assert await shape(connection, stepwise) == await shape(connection, address.schema)
    assert [number for number, _ in migrations("postgres")] == list(range(2, SCHEMA + 1))


async def test_an_older_schema_takes_each_later_step_once(postgres_url: str) -> None:
    address = address_of(postgres_url)
    await bring_up(address)
    steps = [*migrations("postgres"), (9, "CREATE TABLE extra (word text); UPDATE about SET schema = 9;")]
    assert await bring_up(address, steps) == (SCHEMA, 9)
    assert await bring_up(address, steps) == (9, 9)
    assert await asyncio.to_thread(upgrade_store, postgres_url) == (9, 9)


async def test_what_is_too_new_not_ours_or_not_there_is_refused(postgres_url: str) -> None:
    with pytest.raises(StartError, match="holds no database of linli"):
        await asyncio.to_thread(upgrade_store, postgres_url)
    store = await opened(postgres_url)
    await store.close()
    address = address_of(postgres_url)
    async with admin(postgres_url) as connection:
        await connection.execute("UPDATE about SET schema = 9, lowest = 9")
        with pytest.raises(StoreTooNew, match=f"schema 9, this program knows {SCHEMA}"):
            await opened(postgres_url)
        await connection.execute("ALTER TABLE about RENAME COLUMN lowest TO other")
        for refused in (opened(postgres_url), asyncio.to_thread(check_store, postgres_url)):
            with pytest.raises(StartError, match=f"{address.schema} holds no database of linli"):
                await refused


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("mysql://x", r"sqlite:///FOLDER/linli.db or postgresql://"),
        ("sqlite:///", "name of a file"),
        ("postgresql://h/d?schema=Robert%22;", "schema="),
    ],
)
async def test_an_address_that_nobody_knows_is_refused(url: str, said: str) -> None:
    with pytest.raises(BadSetting, match=said):
        await open_store(url)


async def test_a_server_that_does_not_answer_is_named_without_the_password(tmp_path: Path) -> None:
    with pytest.raises(StartError, match="PostgreSQL cannot be used") as refused:
        await open_store(f"postgresql://linli:very-secret@/d?host={tmp_path}")
    assert "very-secret" not in str(refused.value)


async def test_with_postgis_places_are_geometries_and_without_it_boxes(postgres_server: str, postgres_url: str) -> None:
    with_it = await opened(postgres_url)
    async with admin(postgres_url) as connection:
        await connection.execute("CREATE ROLE plain LOGIN")
        await connection.execute("CREATE DATABASE bare OWNER plain")
        kind = "SELECT udt_name FROM information_schema.columns WHERE table_name = 'place' AND column_name = 'area'"
        assert await connection.fetchval(f"{kind} AND table_schema = $1", address_of(postgres_url).schema) == "geometry"
    bare_url = postgres_server.replace("linli@/postgres", "plain@/bare")
    without = await opened(bare_url)
    async with admin(bare_url) as connection:
        assert await connection.fetchval(kind) == "box"
    for store in (with_it, without):
        await store.commit(a_change(a_put(box=(117.0, 36.0, 117.1, 36.1)), a_put("urn:x:2", box=(5.0, 5.0, 5.0, 5.0))))
        for box, number in (((117.05, 36.05, 118.0, 37.0), 1), ((5.0, 5.0, 5.0, 5.0), 1), ((0.0, 0.0, 1.0, 1.0), 0)):
            assert len(await store.find("default", Find(box=box))) == number
        await store.close()


async def test_a_copy_taken_while_writing_is_whole_and_restores(postgres_url: str, tmp_path: Path) -> None:
    store = await opened(postgres_url)
    copy = tmp_path / "copy.dump"
    writing = [asyncio.create_task(store.commit(a_change(a_put(f"urn:x:{n}")))) for n in range(200)]
    await store.wait_log("default", 20)
    await store.backup(str(copy))
    await asyncio.gather(*writing)
    with pytest.raises(AlreadyExists, match="name a new one"):
        await store.backup(str(copy))
    await store.close()
    with pytest.raises(AlreadyExists, match="is there already"):
        await asyncio.to_thread(restore_store, copy, postgres_url)
    state = await asyncio.to_thread(restore_store, copy, postgres_url, replace=True)
    assert 20 <= state.entities == state.head <= 200
    assert await asyncio.to_thread(check_store, postgres_url) == state
    again = await opened(postgres_url)
    await again.commit(a_change(a_put("urn:z:1")))
    assert await again.count("default", Find(types=("Thing",))) == state.entities + 1
    await again.close()


async def test_a_damaged_copy_changes_nothing(postgres_url: str, tmp_path: Path) -> None:
    store = await opened(postgres_url)
    await store.commit(a_change(a_put()))
    await store.close()
    copy, damaged = tmp_path / "copy.dump", tmp_path / "damaged.dump"
    await asyncio.to_thread(copy_store, postgres_url, copy)
    damaged.write_bytes(copy.read_bytes()[: copy.stat().st_size * 2 // 3])
    for source, error in ((damaged, StoreFailed), (tmp_path / "none", StartError)):
        with pytest.raises(error):
            await asyncio.to_thread(restore_store, source, postgres_url, replace=True)
    assert (await asyncio.to_thread(check_store, postgres_url)).entities == 1


def test_every_query_of_postgres_stands_once_and_is_whole() -> None:
    for file in ("read", "write"):
        names = re.findall(r"^-- ([a-z_]+)$", sql_text(f"postgres/{file}.sql"), re.MULTILINE)
        assert len(names) == len(set(names))
        assert all(queries(file, "postgres").values())
