"""Power goes away, the disk breaks: what was acknowledged stands, and nobody hangs."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from power import Power

from linli.base.errors import StoreFailed
from linli.store import Change, Fact, Find, Put, SqliteStore, Timer, check_file

pytestmark = pytest.mark.anyio
CUTS = 240
CHANGES = 160


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def a_change(number: int, *, size: int = 300) -> Change:
    """Build one press: an entity of its own, one that all share, a timer, a cursor, an audit row."""
    doc = b"%d:" % number + bytes(size)
    one = Put(f"urn:x:{number}", ("Call",), ("/cn",), doc, keys=(("n", str(number)),), box=(1.0, 1.0, 1.0, 1.0))
    shared = Put("urn:x:shared", ("Call",), (), doc, facts=(Fact("n", "", b"%d" % number),))
    return Change(
        tenant="default",
        actor="",
        purpose="",
        at_us=number,
        puts=(one, shared),
        set_timers=(Timer(one.entity_id, "Call", "late", number),),
        cursor=("reader", number),
        audit=(b"%d" % number,),
    )


async def write_under(power: Power, path: Path, *, sync: Any = "full", checkpoint_pages: int = 20) -> None:
    """Write CHANGES, four side by side, each marked when it was answered."""
    store = SqliteStore.open(path, sync=sync, checkpoint_pages=checkpoint_pages, unfiled_max=7, vfs=power.name)

    async def press(number: int) -> None:
        await store.commit(a_change(number))
        power.mark(number)

    for start in range(0, CHANGES, 4):
        await asyncio.gather(*(press(number) for number in range(start, start + 4)))
    await store.close()


async def missing_after(power: Power, at: int, folder: Path, rng: random.Random | None) -> int:
    """Cut the power, open what is left, and return how many acknowledged presses are not wholly there."""
    acknowledged = power.cut(at, folder, rng)
    path = folder / "linli.db"
    store = SqliteStore.open(path, sync="off")
    try:
        kept = {stored.entity_id for stored in await store.find("default", Find())}
        log, audit = await store.log_since("default", 0), await store.audit_since("default", 0)
        history = await store.history("default", "urn:x:shared", "n")
        presses = len(kept - {"urn:x:shared"})
        # Whole or not at all: every table tells of the same presses.
        assert len(log) == 3 * presses
        assert len(audit) == len(history) == presses
        assert await store.cursor("default", "reader") == max((row.at_us for row in log), default=0)
        return len({f"urn:x:{number}" for number in acknowledged} - kept)
    finally:
        await store.close()
        check_file(path)


async def lost_in_cuts(folder: Path, number: int, seed: int) -> int:
    """Cut the power at `number` points, at every other one leaving torn pieces of what was not synced."""
    power = Power()
    await write_under(power, folder / "linli.db")
    rng = random.Random(seed)
    events = len(power.journal)
    cuts = [events, *rng.sample(range(events), number - 1)]
    lost = [await missing_after(power, at, folder / str(n), rng if n % 2 else None) for n, at in enumerate(cuts)]
    return sum(lost)


async def test_after_power_loss_at_any_point_every_acknowledged_change_is_there_whole(tmp_path: Path) -> None:
    assert await lost_in_cuts(tmp_path, CUTS, seed=7) == 0


@pytest.mark.proof
async def test_after_power_loss_at_very_many_points_nothing_acknowledged_is_missing(tmp_path: Path, prove: Any) -> None:
    lost = await lost_in_cuts(tmp_path, 5 * CUTS, seed=8)
    prove(f"store: acknowledged writes lost in {5 * CUTS} power cuts", wanted=0, measured=lost, kept=lost == 0)


async def test_this_test_sees_the_loss_that_a_weaker_sync_brings(tmp_path: Path) -> None:
    power = Power()
    await write_under(power, tmp_path / "linli.db", sync="normal", checkpoint_pages=200)
    events = len(power.journal)
    lost = [
        await missing_after(power, at, tmp_path / str(n), None)
        for n, at in enumerate(range(events // 4, events, events // 12))
    ]
    assert sum(lost) > 0


@pytest.fixture
async def broken(tmp_path: Path) -> AsyncIterator[tuple[Power, SqliteStore]]:
    """Give a store with one press in it, on a disk that can be broken."""
    power = Power()
    store = SqliteStore.open(tmp_path / "linli.db", vfs=power.name)
    await store.commit(a_change(0))
    await store.get("default", "urn:x:shared")
    yield power, store
    power.arm(None)
    await store.close()
    check_file(tmp_path / "linli.db")


async def test_a_commit_that_the_disk_refuses_is_answered_so_and_leaves_nothing(
    broken: tuple[Power, SqliteStore],
) -> None:
    power, store = broken
    power.arm(lambda what, number: what == "sync" and number == 1)
    with pytest.raises(StoreFailed):
        await store.commit(a_change(1))
    assert store.trouble is not None
    shared = await store.get("default", "urn:x:shared")
    assert shared is not None
    assert (shared.version, await store.get("default", "urn:x:1"), await store.head("default")) == (1, None, 3)
    done = await store.commit(a_change(2))
    assert (done.seq, done.versions["urn:x:shared"], store.trouble) == (6, 2, None)


async def test_many_who_share_a_failed_commit_are_tried_again_one_by_one(broken: tuple[Power, SqliteStore]) -> None:
    power, store = broken
    for nth in range(1, 6):
        power.arm(lambda what, number, nth=nth: what == "sync" and number == nth)
        start = 100 * nth
        presses = (store.commit(a_change(start + n)) for n in range(30))
        done = await asyncio.gather(*presses, return_exceptions=True)
        refused = {f"urn:x:{start + n}" for n, outcome in enumerate(done) if isinstance(outcome, StoreFailed)}
        assert len(refused) <= 1
        there = {
            s.entity_id for s in await store.find("default", Find(ids=tuple(f"urn:x:{start + n}" for n in range(30))))
        }
        assert there == {f"urn:x:{start + n}" for n in range(30)} - refused


@pytest.mark.parametrize("what", ["sync", "write"])
async def test_on_a_disk_that_stays_broken_everybody_is_told_and_nobody_hangs(
    broken: tuple[Power, SqliteStore], what: str
) -> None:
    power, store = broken
    power.arm(lambda kind, _number: kind == what)
    done = await asyncio.gather(*(store.commit(a_change(n)) for n in range(1, 20)), return_exceptions=True)
    assert all(isinstance(outcome, StoreFailed) for outcome in done)
    assert store.trouble is not None
    assert await store.head("default") == 3
    power.arm(None)
    await store.commit(a_change(1))
    assert (store.trouble, await store.count("default", Find())) == (None, 3)


async def test_a_commit_that_complains_after_it_took_effect_counts_as_done(broken: tuple[Power, SqliteStore]) -> None:
    power, store = broken
    store._writing.wal_autocheckpoint(1)  # the pages move inside COMMIT, so that a fault there comes out of it
    power.arm(lambda what, number: what == "move" and number == 1)
    done = await asyncio.gather(*(store.commit(a_change(n)) for n in range(1, 8)))
    assert store.trouble is not None
    assert [committed.seq for committed in done] == list(range(6, 27, 3))
    assert len(await store.log_since("default", 0)) == 24
    await store.commit(a_change(9))
    assert (store.trouble, await store.head("default")) == (None, 27)


async def test_pages_that_cannot_be_moved_out_of_the_wal_refuse_no_write(tmp_path: Path) -> None:
    power = Power()
    path = tmp_path / "linli.db"
    store = SqliteStore.open(path, checkpoint_pages=1, vfs=power.name)
    power.arm(lambda what, _number: what == "move")
    for number in range(5):
        await store.commit(a_change(number))
    power.arm(None)
    await store.close()
    assert check_file(path).entities == 6


@pytest.mark.parametrize("what", ["sync", "write", "move"])
async def test_the_nth_operation_fails_and_all_that_was_answered_stands(tmp_path: Path, what: str) -> None:
    failures = 0
    for nth in range(1, 26):
        power = Power()
        path = tmp_path / f"{nth}.db"
        store = SqliteStore.open(path, checkpoint_pages=10, unfiled_max=2, vfs=power.name)
        power.arm(_only(what, nth))
        acknowledged = []
        for number in range(8):
            try:
                await store.commit(a_change(number))
                acknowledged.append(f"urn:x:{number}")
            except StoreFailed:
                failures += 1
        await store.close()
        check_file(path)
        again = SqliteStore.open(path, sync="off")
        kept = {stored.entity_id for stored in await again.find("default", Find())}
        await again.close()
        assert kept - {"urn:x:shared"} == set(acknowledged)
    assert failures > 10 or what == "move"


def _only(what: str, nth: int) -> Callable[[str, int], bool]:
    return lambda kind, number: kind == what and number == nth
