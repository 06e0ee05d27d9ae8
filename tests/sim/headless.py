"""Headless runs as somebody at a terminal starts them, and what the database says about them afterwards."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from linli.base import Ids, Settings, SteppedClock, read_json
from linli.broker import TENANT, Broker
from linli.store import LogRow, SqliteStore
from linli.trust import Act, Keys, Policies, Principal, Sealed
from linli.vocab import vocabulary

RUN_S_MAX = 300.0
SMALL = ("--residents", "400", "--helpers", "60", "--hours", "0.4", "--json")
READING = Act(Principal("engine:proof", "engine", ("/",)), "service")
ENDED = frozenset({"done", "confirmed", "closed", "cancelled", "falseAlarm"})


def run(*words: object, seconds_max: float = RUN_S_MAX, **environment: str) -> dict[str, Any]:
    """Return the summary of `linli demo` with these words."""
    ended = subprocess.run(
        _command(words),
        env={**os.environ, **environment},
        capture_output=True,
        timeout=seconds_max,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr.decode()[-2000:]
    summary = read_json(ended.stdout, bytes_max=1 << 24)
    assert isinstance(summary, dict)
    return summary


def run_until_pressed(pressed: int, *words: object) -> int:
    """Start `linli demo` with these words and kill it (-9) when it says that so many calls were pressed."""
    with _running(words) as process:
        assert process.stderr
        for line in process.stderr:
            if f": {pressed} of ".encode() in line:
                process.kill()
                break
        return process.wait(30)


def without_wall(content: Any) -> Any:
    """Return a summary without the fields that tell of the machine."""
    if isinstance(content, dict):
        return {name: without_wall(value) for name, value in content.items() if not name.endswith("_wall_ms")}
    return [without_wall(one) for one in content] if isinstance(content, list) else content


@dataclass(frozen=True)
class Book:
    """What stands in the database of a run, read without asking the node or the demo."""

    rows: list[LogRow]
    states: Counter[str]
    accepted: Counter[str]
    press_keys: Counter[str]

    def made(self, type_name: str) -> list[LogRow]:
        return [row for row in self.rows if row.kind == "create" and row.type == type_name]

    def wrote(self, type_name: str, attr: str) -> list[LogRow]:
        """Return the changes of an attribute by others than who created the entity."""
        return [row for row in self.rows if row.kind == "update" and row.type == type_name and attr in row.attrs]


def book_of(folder: Path) -> Book:
    """Read the database in a folder of which no process is alive."""
    return asyncio.run(_read(folder))


async def _read(folder: Path) -> Book:
    keys = Keys.open(folder, Settings(), sync="off")
    store = Sealed(SqliteStore.open(folder / "linli.db"), keys, vocabulary())
    try:
        rows: list[LogRow] = []
        while page := await store.log_since(TENANT, rows[-1].seq if rows else 0):
            rows += page
        clock = SteppedClock(0)
        broker = Broker(store, vocabulary(), Policies(clock), clock, ids=Ids("990101000000"), home_scope="/cn")
        calls = [one.values for one in await broker.read_all(READING, "ServiceCall")]
        offers = [one.values for one in await broker.read_all(READING, "Offer")]
    finally:
        await store.close()
    return Book(
        rows,
        Counter(one["state"] for one in calls),
        Counter(one["call"] for one in offers if one["answer"] == "accepted"),
        Counter(one["pressKey"] for one in calls),
    )


def _command(words: tuple[object, ...]) -> list[str]:
    return [sys.executable, "-m", "linli", "demo", *map(str, words)]


@contextmanager
def _running(words: tuple[object, ...]) -> Iterator[subprocess.Popen[bytes]]:
    """Give the running process, whose complaints are read and whose summary is not; it ends with the block."""
    with subprocess.Popen(_command(words), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as process:
        guard = threading.Timer(RUN_S_MAX, process.kill)
        guard.start()
        try:
            yield process
        finally:
            guard.cancel()
            process.kill()
