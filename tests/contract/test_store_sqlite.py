"""What the SQLite engine promises beyond the Protocol: ways in, freshness, queue, health."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import apsw
import pytest
from hypothesis import given
from hypothesis import strategies as st

from linli.base.errors import Busy, Conflict, StoreFailed
from linli.store import Change, Delete, Find, Put, SqliteStore, Stored
from linli.store._files import open_writer
from linli.store._finding import _answered
from linli.store._past import numbers_query
from linli.store._queries import queries
from linli.store._shelf import Shelf
from linli.store._sqlite import FINDER

pytestmark = pytest.mark.anyio
BROAD, NARROW = 10**6, 3
TYPE = ("Call",)


def a_put(entity_id: str, **parts: Any) -> Put:
    given: dict[str, Any] = {"types": ("Thing",), "scopes": (), "doc": b"{}"} | parts
    return Put(entity_id, **given)


def a_change(*puts: Put, **parts: Any) -> Change:
    return Change(tenant="default", actor="", purpose="", at_us=1, puts=puts, **parts)


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    made = SqliteStore.open(tmp_path / "linli.db", sync="off", pending_max=3)
    yield made
    await made.close()


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> apsw.Connection:
    return open_writer(tmp_path_factory.mktemp("plans") / "linli.db", "off", None)


def steps(connection: apsw.Connection, query: tuple[str, tuple[Any, ...]]) -> list[str]:
    return [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {query[0]}", query[1])]


def probing(number: int) -> Callable[..., int]:
    return lambda *_: number


def test_a_box_is_looked_up_first_and_the_type_is_checked_on_what_it_yields(empty: apsw.Connection) -> None:
    way = steps(empty, FINDER.plan("t", Find(types=TYPE, box=(1, 1, 2, 2)), 0, probing(NARROW)).select(9))
    assert way[0] == "SEARCH e USING INTEGER PRIMARY KEY (rowid=?)"
    assert way[1].startswith("LIST SUBQUERY")
    assert way[2].startswith("SCAN place VIRTUAL TABLE INDEX 2:")
    assert len(way) == 3  # a single type is seen on the row itself
    two = Find(types=(*TYPE, "U"), box=(1, 1, 2, 2))
    way = steps(empty, FINDER.plan("t", two, 0, probing(NARROW)).select(9))
    assert "SEARCH t EXISTS USING PRIMARY KEY (tenant=? AND type=? AND row=?)" in way


def test_numbers_are_read_from_the_index_of_what_is_filed_whatever_waits_beside_it(empty: apsw.Connection) -> None:
    which = ("t", "urn:x:1", "p")
    sql = queries("read")["numbers"]
    way = steps(empty, numbers_query(sql, *which, since_us=None, until_us=None, by="observed"))
    assert any("COVERING INDEX filed_by_observed (tenant=? AND entity_id=? AND attr=?" in one for one in way)
    way = steps(empty, (queries("read")["history"], (*which, 5)))
    assert "MERGE (UNION ALL)" in way[0]
    assert any("filed USING PRIMARY KEY (tenant=? AND entity_id=? AND attr=?)" in one for one in way)


@pytest.mark.parametrize(
    "find",
    [
        Find(types=TYPE),
        Find(keys=(("state", ("open",)),)),
        Find(scopes=(("/cn", False),)),
        Find(types=TYPE, scopes=(("/cn", True),), box=(1, 1, 2, 2)),
        Find(types=("A", "B"), keys=(("state", ("open",)),)),
    ],
)
def test_a_broad_question_is_walked_in_order_without_sorting(empty: apsw.Connection, find: Find) -> None:
    way = steps(empty, FINDER.plan("t", find, 0, probing(BROAD)).select(9))
    assert way[0].startswith("SEARCH d USING PRIMARY KEY (tenant=? AND ")
    assert way[0].endswith("AND row>?)")
    assert way[1] == "SEARCH e USING INTEGER PRIMARY KEY (rowid=?)"
    assert not any("ORDER BY" in step for step in way)


@pytest.mark.parametrize(
    "find", [Find(types=TYPE, keys=(("state", ("open", "done")),)), Find(types=("A", "B"), keys=(("a", ("b",)),))]
)
@pytest.mark.parametrize("number", [BROAD, NARROW])
def test_counting_by_types_and_keys_reads_no_entity(empty: apsw.Connection, find: Find, number: int) -> None:
    way = steps(empty, _answered(FINDER.planning_count("t", find), probing(number)).count())
    assert not any(step.startswith(("SEARCH e USING INTEGER", "SCAN entity")) for step in way)


@pytest.mark.parametrize("number", [BROAD, NARROW])
@pytest.mark.parametrize(
    "find",
    [
        Find(ids=("a", "b"), types=TYPE, box=(1, 1, 2, 2)),
        Find(types=TYPE, keys=(("state", ("open",)), ("kind", ("x", "y"))), scopes=(("/cn", True), ("/us", False))),
        Find(types=("A", "B"), scopes=(("/cn", True),)),
        Find(box=(1, 1, 2, 2), scopes=(("/cn", True),)),
    ],
)
def test_no_question_scans_a_whole_table(empty: apsw.Connection, find: Find, number: int) -> None:
    for query in (
        FINDER.plan("t", find, 0, probing(number)).select(9),
        _answered(FINDER.planning_count("t", find), probing(number)).count(),
    ):
        way = steps(empty, query)
        inner = {step.split()[1] for step in way if step.startswith(("CO-ROUTINE", "MATERIALIZE"))}
        scans = [step.split()[1] for step in way if step.startswith("SCAN") and "VIRTUAL" not in step]
        assert set(scans) <= inner, way


coordinates = st.tuples(st.floats(-180, 180), st.floats(-90, 90), st.floats(0, 1e-5), st.floats(0, 1e-5))


@given(places=st.lists(coordinates, min_size=1, max_size=8), asked=coordinates)
def test_a_box_query_never_drops_what_lies_in_the_box(
    tmp_path_factory: pytest.TempPathFactory,
    places: list[tuple[float, float, float, float]],
    asked: tuple[float, float, float, float],
) -> None:
    boxes = [(x, y, x + width, y + height) for x, y, width, height in places]
    x, y, width, height = asked
    questions = [*boxes, (x, y, x + width, y + height)]

    async def answers() -> list[list[Stored]]:
        store = SqliteStore.open(tmp_path_factory.mktemp("box") / "linli.db", sync="off")
        try:
            await store.commit(a_change(*(a_put(str(n), box=box) for n, box in enumerate(boxes))))
            return [await store.find("default", Find(box=box)) for box in questions]
        finally:
            await store.close()

    for box, found in zip(questions, asyncio.run(answers()), strict=True):
        wanted = {
            str(n)
            for n, b in enumerate(boxes)
            if b[0] <= box[2] and box[0] <= b[2] and b[1] <= box[3] and box[1] <= b[3]
        }
        assert wanted <= {stored.entity_id for stored in found}


async def test_a_full_queue_answers_busy_and_loses_nothing_that_it_took(store: SqliteStore, tmp_path: Path) -> None:
    stranger = apsw.Connection(str(tmp_path / "linli.db"))
    stranger.execute("BEGIN IMMEDIATE")
    waiting = [asyncio.create_task(store.commit(a_change(a_put(f"urn:x:{n}")))) for n in range(6)]
    await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    stranger.execute("ROLLBACK")
    stranger.close()
    done = await asyncio.gather(*waiting, return_exceptions=True)
    refused = [n for n, outcome in enumerate(done) if isinstance(outcome, Busy)]
    assert 2 <= len(refused) <= 3  # the thread may have taken one out of the queue of three before it filled up
    kept = {stored.entity_id for stored in await store.find("default", Find())}
    assert kept == {f"urn:x:{n}" for n in range(6) if n not in refused}


async def test_a_caller_who_gives_up_does_not_take_his_change_back(store: SqliteStore) -> None:
    given_up = asyncio.create_task(store.commit(a_change(a_put("urn:x:1"))))
    await asyncio.sleep(0)
    given_up.cancel()
    await store.commit(a_change(a_put("urn:x:2")))
    assert given_up.cancelled()
    assert await store.count("default", Find()) == 2


async def test_closing_finishes_what_was_accepted(tmp_path: Path) -> None:
    store = SqliteStore.open(tmp_path / "other.db", sync="off")
    writing = [asyncio.create_task(store.commit(a_change(a_put(f"urn:x:{n}")))) for n in range(50)]
    await asyncio.sleep(0)
    await store.close()
    assert len(await asyncio.gather(*writing)) == 50
    again = SqliteStore.open(tmp_path / "other.db", sync="off")
    assert await again.count("default", Find()) == 50
    await again.close()
    await again.close()


async def test_a_full_disk_refuses_the_large_change_and_goes_on(store: SqliteStore) -> None:
    await store.commit(a_change(a_put("urn:x:small")))
    pages = store._writing.pragma("page_count")
    store._writing.pragma("max_page_count", pages + 4)
    too_much = store.commit(a_change(a_put("urn:x:large", doc=bytes(200_000))))
    little = store.commit(a_change(a_put("urn:x:small", doc=b"2")))
    first, second = await asyncio.gather(too_much, little, return_exceptions=True)
    assert isinstance(first, StoreFailed)
    assert not isinstance(second, BaseException)
    assert await store.get("default", "urn:x:large") is None
    store._writing.pragma("max_page_count", pages + 400)
    await store.commit(a_change(a_put("urn:x:large", doc=bytes(200_000))))
    assert store.trouble is None


async def test_what_was_lost_with_its_transaction_is_not_built_upon(store: SqliteStore) -> None:
    await store.commit(a_change(a_put("urn:x:1", keys=(("state", "first"),))))
    pages = store._writing.pragma("page_count")
    store._writing.pragma("max_page_count", pages + 4)
    with pytest.raises(StoreFailed):
        await store.commit(a_change(a_put("urn:x:1", doc=bytes(200_000), keys=(("state", "lost"),))))
    store._writing.pragma("max_page_count", pages + 400)
    committed = await store.commit(a_change(a_put("urn:x:1", keys=(("state", "second"),), expect_version=1)))
    assert committed.versions == {"urn:x:1": 2}
    counts = [await store.count("default", Find(keys=(("state", (one,)),))) for one in ("first", "lost", "second")]
    assert counts == [0, 0, 1]


async def test_of_very_many_entities_each_goes_on_from_its_own_version(store: SqliteStore) -> None:
    many = [f"urn:x:{number}" for number in range(9000)]
    for first in range(0, len(many), 3000):
        await store.commit(a_change(*map(a_put, many[first : first + 3000])))
    committed = await store.commit(a_change(*(a_put(one, expect_version=1) for one in (many[0], many[4000], many[-1]))))
    assert set(committed.versions.values()) == {2}
    await store.commit(a_change(deletes=(Delete(many[-1], expect_version=2),)))
    assert (await store.commit(a_change(a_put(many[-1], expect_version=0)))).versions == {many[-1]: 1}


async def test_what_is_read_stays_fresh_when_it_is_written_refused_or_deleted(store: SqliteStore) -> None:
    await store.commit(a_change(a_put("urn:x:1", doc=b"1")))

    async def read() -> bytes | None:
        stored = await store.get("default", "urn:x:1")
        return stored.doc if stored else None

    assert (await read(), await read()) == (b"1", b"1")
    await store.commit(a_change(a_put("urn:x:1", doc=b"2")))
    assert await read() == b"2"
    with pytest.raises(Conflict):
        await store.commit(a_change(a_put("urn:x:1", doc=b"3", expect_version=1)))
    assert await read() == b"2"
    await store.commit(a_change(deletes=(Delete("urn:x:1"),)))
    assert await read() is None
    await store.commit(a_change(a_put("urn:x:1", doc=b"4")))
    assert await read() == b"4"


def test_the_shelf_keeps_what_was_read_last_within_its_bytes() -> None:
    shelf = Shelf(3_000)
    things = [Stored(str(n), (), (), 1, 0, 0, bytes(600)) for n in range(3)]
    for thing in things[:2]:
        shelf.put(("t", thing.entity_id), thing)
    assert shelf.get(("t", "0")) is things[0]
    shelf.put(("t", "2"), things[2])
    assert [shelf.get(("t", str(n))) for n in range(3)] == [things[0], None, things[2]]
    shelf.refresh(("t", "1"), things[1])
    shelf.refresh(("t", "2"), None)
    assert (len(shelf), shelf.bytes) == (1, 1_300)
    shelf.put(("t", "1"), Stored("1", (), (), 1, 0, 0, bytes(9_000)))
    assert (len(shelf), shelf.bytes) == (0, 0)
