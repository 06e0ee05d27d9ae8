"""The writing process is killed at any moment: every acknowledged Change is there, whole, and the file opens again."""

from __future__ import annotations

import asyncio
import os
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from linli.base.errors import StartError
from linli.store import Find, SqliteStore, check_file

ROUNDS = int(os.environ.get("LINLI_KILLS", "3"))
WRITER = str(Path(__file__).with_name("store_writer.py"))


def a_writer(path: Path, start: int) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, WRITER, str(path), str(start)], stdout=subprocess.PIPE)


def kill_after(writer: subprocess.Popen[bytes], answers: int) -> list[int]:
    """Kill the writer after so many answers; return all that it gave."""
    assert writer.stdout
    with writer.stdout as lines:
        told = [next(lines) for _ in range(answers)]
        writer.kill()
        told += [line for line in lines if line.endswith(b"\n")]
    writer.wait()
    return [int(line) for line in told]


def missing_after_kills(path: Path, rounds: int) -> tuple[int, int]:
    """Kill a writer again and again; return (acknowledged, missing or torn)."""
    rng = random.Random(rounds)
    told: set[int] = set()
    for turn in range(rounds):
        told.update(kill_after(a_writer(path, turn * 1_000_000), rng.randrange(1, 150)))
    check_file(path)
    return len(told), asyncio.run(count_missing(path, told))


async def count_missing(path: Path, told: set[int]) -> int:
    store = SqliteStore.open(path)
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


def test_after_kills_in_mid_writing_nothing_acknowledged_is_missing(tmp_path: Path) -> None:
    acknowledged, missing = missing_after_kills(tmp_path / "linli.db", ROUNDS)
    assert acknowledged >= ROUNDS
    assert missing == 0


@pytest.mark.proof
def test_the_full_number_of_kills_loses_nothing(tmp_path: Path, prove: Any) -> None:
    rounds = max(ROUNDS, 100)
    acknowledged, missing = missing_after_kills(tmp_path / "linli.db", rounds)
    prove(
        f"store: acknowledged writes lost in {rounds} kills",
        wanted=0,
        measured=f"{missing} of {acknowledged}",
        kept=missing == 0 and acknowledged >= rounds,
    )


def test_while_one_process_has_the_file_no_other_may_write_it(tmp_path: Path) -> None:
    path = tmp_path / "linli.db"
    writer = a_writer(path, 0)
    assert writer.stdout
    assert writer.stdout.readline()
    with pytest.raises(StartError, match="another linli has this database open"):
        SqliteStore.open(path)
    check_file(path)
    kill_after(writer, 1)
    asyncio.run(SqliteStore.open(path).close())
