"""Hostile 03: the disk is full. Writes are refused and say so, reads go on, and nobody needs to be called afterwards."""

from __future__ import annotations

import asyncio
import os
import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from power import Power

from linli.base.errors import StoreFailed
from linli.store import Change, Delete, Fact, Find, Put, SqliteStore, check_file

pytestmark = pytest.mark.anyio
ROOM_MB = 3


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def a_change(number: int, size: int = 4_000) -> Change:
    put = Put(f"urn:x:{number}", ("Thing",), (), bytes(size), facts=(Fact("n", "", bytes(size)),))
    return Change(tenant="default", actor="", purpose="", at_us=number, puts=(put,), audit=(b"x",))


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Give a real file system of a few MB; only root may make one."""
    if os.geteuid() != 0:
        pytest.skip("only root can mount a small file system; the layer below shows the same")
    disk = tmp_path / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={ROOM_MB}m", "tmpfs", disk], check=True)
    yield disk
    # Lazily: a test that failed half-way may still hold a file open, and must leave no mount behind.
    subprocess.run(["umount", "--lazy", disk], check=True)


async def fill(store: SqliteStore) -> list[int]:
    """Write until the disk takes no more; return what was acknowledged."""
    acknowledged: list[int] = []
    for number in range(100_000):
        try:
            await store.commit(a_change(number))
        except StoreFailed:
            return acknowledged
        acknowledged.append(number)
    raise AssertionError("the disk never filled up")


async def test_on_a_full_disk_writes_are_refused_reads_go_on_and_it_recovers_alone(small_disk: Path) -> None:
    path = small_disk / "linli.db"
    store = SqliteStore.open(path, checkpoint_pages=50, unfiled_max=20)
    ballast = small_disk / "ballast"
    ballast.write_bytes(bytes(ROOM_MB * 300_000))
    acknowledged = await fill(store)
    assert len(acknowledged) > 10
    refused = await asyncio.gather(
        *(store.commit(a_change(n)) for n in range(900_000, 900_020)), return_exceptions=True
    )
    assert {getattr(one, "status", 200) for one in refused} == {503}
    assert store.trouble is not None
    assert await everything(store) == acknowledged
    ballast.unlink()
    done = await store.commit(a_change(900_000))
    assert (done.versions, store.trouble) == ({"urn:x:900000": 1}, None)
    # What is deleted is written over, so a deletion needs as much room as it frees: all at once may be refused, and then
    # nothing of it is done; piece by piece, as retention does it, it goes.
    try:
        await store.commit(Change("default", "", "", 1, deletes=tuple(Delete(f"urn:x:{n}") for n in acknowledged)))
    except StoreFailed:
        assert len(await store.find("default", Find(), limit=100_000)) == len(acknowledged) + 1
        for number in acknowledged:
            await store.commit(Change("default", "", "", 1, deletes=(Delete(f"urn:x:{number}"),)))
    assert store.trouble is None
    await store.close()
    assert check_file(path).entities == 1


async def everything(store: SqliteStore) -> list[int]:
    """Read all that there is, in every way, and return which entities stand whole."""
    stands = await store.find("default", Find(), limit=100_000)
    for stored in stands[:: max(1, len(stands) // 20)]:
        assert [seq for seq, _ in await store.history("default", stored.entity_id, "n")] == [stored.created_seq]
        assert await store.get("default", stored.entity_id) == stored
    assert len(await store.audit_since("default", 0, limit=100_000)) == len(stands)
    assert len(await store.log_since("default", 0, limit=100_000)) == 2 * len(stands)
    return [int(stored.entity_id.rpartition(":")[2]) for stored in stands]


@pytest.fixture
async def crowded(tmp_path: Path) -> AsyncIterator[tuple[Power, SqliteStore]]:
    power = Power()
    store = SqliteStore.open(tmp_path / "linli.db", checkpoint_pages=50, unfiled_max=5, vfs=power.name)
    await store.commit(a_change(0))
    yield power, store
    power.room = None
    await store.close()
    check_file(tmp_path / "linli.db")


async def test_a_file_that_may_not_grow_refuses_what_is_large_and_takes_what_is_small(
    crowded: tuple[Power, SqliteStore],
) -> None:
    power, store = crowded
    for number in range(1, 40):
        await store.commit(a_change(number))
    power.room = 0
    large = await asyncio.gather(*(store.commit(a_change(n, 100_000)) for n in range(100, 110)), return_exceptions=True)
    assert any(isinstance(one, StoreFailed) for one in large)
    power.room = None
    kept = [100 + n for n, one in enumerate(large) if not isinstance(one, StoreFailed)]
    assert await everything(store) == [*range(40), *kept]
    await store.commit(a_change(1_000))
    assert store.trouble is None
