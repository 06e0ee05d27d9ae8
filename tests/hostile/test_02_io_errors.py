"""Hostile 02: the n-th operation on the disk fails, in a real process. Each write is done or cleanly refused."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

from linli.store import Find, SqliteStore, check_file

WRITER = str(Path(__file__).with_name("store_writer.py"))
CHANGES = 60
#: opening a file takes seven syncs and some forty writes
FIRST = {"fsync,fdatasync:error=EIO": 6, "pwrite64:error=EIO": 40, "pwrite64:error=ENOSPC": 60}


def run_with_fault(path: Path, fault: str, nth: int) -> tuple[set[int], set[int]]:
    """Write CHANGES while the n-th call of a kind and the four after it fail; return (done, refused)."""
    command = ["strace", "-f", "-qq", "-o", "/dev/null", "-e", f"inject={fault}:when={nth}..{nth + 4}"]
    command += [sys.executable, WRITER, f"sqlite:///{path}", "1", str(CHANGES)]
    ran = subprocess.run(command, capture_output=True, check=False, timeout=120, stdin=subprocess.DEVNULL)
    told = [int(line) for line in ran.stdout.split()]
    return {n for n in told if n > 0}, {-n for n in told if n < 0}


async def standing(path: Path) -> set[int]:
    """Return which Changes stand, after a look at every table."""
    check_file(path)
    store = SqliteStore.open(path, sync="off")
    try:
        stands = {int(stored.entity_id[6:]) for stored in await store.find("default", Find())}
        log = await store.log_since("default", 0)
        assert [row.seq for row in log] == list(range(1, 2 * len(stands) + 1))
        assert len(await store.audit_since("default", 0)) == len(stands)
        for number in stands:
            assert [fact.doc for _, fact in await store.history("default", f"urn:x:{number}", "n")] == [b"%d" % number]
        return stands
    finally:
        await store.close()


def wrong_after_faults(folder: Path, calls: Callable[[str], Iterable[int]]) -> tuple[int, int]:
    """Let each of these calls of each kind fail; return (writes that were refused, writes that stand though they were refused, or
    the other way round)."""
    refusals = wrong = 0
    for kind, fault in enumerate(FIRST):
        for nth in calls(fault):
            path = folder / f"{kind}-{nth}.db"
            done, refused = run_with_fault(path, fault, nth)
            refusals += len(refused)
            if done or refused:
                assert done | refused == set(range(1, CHANGES + 1)), "somebody was never answered"
                wrong += len(asyncio.run(standing(path)) ^ done)
    return refusals, wrong


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("strace") is None, reason="strace makes the faults")
def test_when_the_nth_operation_fails_every_write_is_done_or_cleanly_refused(tmp_path: Path) -> None:
    refusals, wrong = wrong_after_faults(tmp_path, lambda fault: range(FIRST[fault], FIRST[fault] + 40, 8))
    assert refusals > 0
    assert wrong == 0


@pytest.mark.proof
def test_of_two_hundred_operations_any_may_fail(tmp_path: Path, prove: Any) -> None:
    refusals, wrong = wrong_after_faults(tmp_path, lambda _: range(1, 201))
    prove(
        "store: wrong answers after the n-th fault of the disk",
        wanted=0,
        measured=f"{wrong}",
        kept=wrong == 0 < refusals,
    )
