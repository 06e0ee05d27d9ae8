"""The writing process is killed at any moment: every acknowledged Change is there, whole, and all goes on."""

from __future__ import annotations

import asyncio
import os
import random
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from postgres_server import Server, a_server

from linli.base.errors import StartError
from linli.store import Find, SqliteStore, check_file, check_store, open_store

ROUNDS = int(os.environ.get("LINLI_KILLS", "10"))
WRITER = str(Path(__file__).with_name("store_writer.py"))


def a_writer(url: str, start: int) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, WRITER, url, str(start)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )


def kill_after(writer: subprocess.Popen[bytes], answers: int, kill: Callable[[], None] | None = None) -> list[int]:
    """Kill the writer after so many answers, or what it writes to; return all that it acknowledged."""
    assert writer.stdout
    with writer.stdout as lines:
        told = [next(lines) for _ in range(answers)]
        (kill or writer.kill)()
        if kill is not None:
            writer.kill()
        told += [line for line in lines if line.endswith(b"\n")]
    writer.wait()
    return [int(line) for line in told if not line.startswith(b"-")]  # those with a minus were refused


def missing_after_kills(url: str, rounds: int, crash: Callable[[], None] | None = None) -> tuple[int, int]:
    """Kill a writer again and again, every third time the server instead; return (acknowledged, missing or torn)."""
    rng = random.Random(rounds)
    told: set[int] = set()
    for turn in range(rounds):
        kill = crash if turn % 3 == 2 else None
        told.update(kill_after(a_writer(url, turn * 1_000_000), rng.randrange(1, 150), kill))
    check_store(url)
    return len(told), asyncio.run(count_missing(url, told))


async def count_missing(url: str, told: set[int]) -> int:
    store = await open_store(url)
    try:
        entities = {stored.entity_id for stored in await store.find("default", Find(), limit=10**7)}
        log = await store.log_since("default", 0, limit=10**7)
        logged = {row.entity_id for row in log if row.kind == "create"}
        torn = len(entities ^ logged) + abs(len(logged) - len(await store.audit_since("default", 0, limit=10**7)))
        for entity_id in random.Random(1).sample(sorted(entities), 20):
            torn += len(await store.history("default", entity_id, "n")) != 1
        assert [row.seq for row in log] == list(range(1, len(log) + 1))
        return len({f"urn:x:{number}" for number in told} - entities) + torn
    finally:
        await store.close()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with a_server(tmp_path) as made:
        yield made


def crashing(server: Server) -> Callable[[], None]:
    """Return how to end the server as a crash does, and start it again."""

    def crash() -> None:
        server.stop("immediate")
        server.start()

    return crash


def test_after_kills_in_mid_writing_nothing_acknowledged_is_missing(tmp_path: Path) -> None:
    acknowledged, missing = missing_after_kills(f"sqlite:///{tmp_path / 'linli.db'}", ROUNDS)
    assert acknowledged >= ROUNDS
    assert missing == 0


@pytest.mark.slow
def test_after_kills_of_writer_and_server_nothing_acknowledged_is_missing_on_postgres(server: Server) -> None:
    acknowledged, missing = missing_after_kills(server.url, ROUNDS, crashing(server))
    assert acknowledged >= ROUNDS
    assert missing == 0


@pytest.mark.proof
@pytest.mark.parametrize("engine", ["sqlite", "postgres"])
def test_the_full_number_of_kills_loses_nothing(tmp_path: Path, server: Server, prove: Any, engine: str) -> None:
    rounds = max(ROUNDS, 100)
    where = {"sqlite": (f"sqlite:///{tmp_path / 'linli.db'}", None), "postgres": (server.url, crashing(server))}
    acknowledged, missing = missing_after_kills(where[engine][0], rounds, where[engine][1])
    prove(
        f"store: acknowledged writes lost in {rounds} kills, {engine}",
        wanted=0,
        measured=f"{missing} of {acknowledged}",
        kept=missing == 0 and acknowledged >= rounds,
    )


def test_while_one_process_has_the_file_no_other_may_write_it(tmp_path: Path) -> None:
    path = tmp_path / "linli.db"
    writer = a_writer(f"sqlite:///{path}", 0)
    assert writer.stdout
    assert writer.stdout.readline()
    with pytest.raises(StartError, match="another linli has this database open"):
        SqliteStore.open(path)
    check_file(path)
    kill_after(writer, 1)
    asyncio.run(SqliteStore.open(path).close())
