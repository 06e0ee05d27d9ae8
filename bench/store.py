"""What a durable write costs beside plain SQLite: alone, many at once, and a hundred in one Change; and what reads cost.

Prints JSON lines. `python -m bench.store [--pairs 15] [--rows 1000] [--entities 20000]`. Both sides sync each commit to
the same disk in the same run; the plain side writes only id and document into one table, ours also the ways to find an
entity, its log row and its history. Exit status 1 only when something acknowledged cannot be read back.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path

import apsw

from bench._probe import fsync_ms
from bench._stats import in_pairs, report
from linli.store import Chain, Change, Fact, Find, Put, SqliteStore

FRAME_RUNS = 1
RUNS = Path(__file__).parent / "runs"  # not the folder for temporary files, which may lie in memory
TYPE = "https://w3id.org/linli#ServiceCall"
_turn = itertools.count()
#: case -> (Changes under way at once, entities in one Change)
CASES = {"alone": (1, 1), "64 at once": (64, 1), "100 in one": (1, 100), "1000 in one": (1, 1000)}


class Ours:
    """Our store with so many calls in it."""

    def __init__(self, folder: Path, entities: int, chain: Chain | None = None) -> None:
        self.loop = asyncio.Runner()
        self.store = SqliteStore.open(folder / "linli.db", chain=chain)
        self.entities = entities
        self.written = 0
        self.rng = random.Random(1)
        for first in range(0, entities, 1000):
            self.loop.run(self.store.commit(a_change(range(first, min(first + 1000, entities)), 0)))

    def write(self, rows: int, at_once: int, together: int) -> None:
        self.loop.run(self._write(rows, at_once, together))
        self.written += rows

    async def _write(self, rows: int, at_once: int, together: int) -> None:
        changes = [a_change(self._some(together), n % 7) for n in range(rows // together)]
        waiting = iter(changes)

        async def one_after_the_other() -> None:
            for change in waiting:
                await self.store.commit(change)

        await asyncio.gather(*(one_after_the_other() for _ in range(at_once)))

    def _some(self, number: int) -> list[int]:
        return self.rng.sample(range(self.entities), number)


class Plain:
    """One table of ids and documents, by apsw alone with the same settings."""

    def __init__(self, folder: Path, entities: int) -> None:
        self.connection = apsw.Connection(str(folder / "plain.db"))
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "wal_autocheckpoint=4000", "cache_size=-16000"):
            self.connection.execute(f"PRAGMA {pragma}").fetchall()
        self.connection.execute("CREATE TABLE e (id TEXT PRIMARY KEY, doc BLOB)")
        self.entities = entities
        self.rng = random.Random(1)
        self._upsert(range(entities))

    def write(self, rows: int, at_once: int, together: int) -> None:
        """Write as many rows in a commit as ours can have under way."""
        for _ in range(rows // (at_once * together)):
            self._upsert(self.rng.sample(range(self.entities), at_once * together))

    def _upsert(self, numbers: Sequence[int]) -> None:
        sql = "INSERT INTO e VALUES (?, ?) ON CONFLICT (id) DO UPDATE SET doc = excluded.doc"
        with self.connection:
            self.connection.executemany(sql, ((entity_id(number), a_doc()) for number in numbers))


def entity_id(number: int) -> str:
    return f"urn:ngsi-ld:ServiceCall:370102001001:{number:026d}"


def a_doc() -> bytes:
    """Build 560 bytes that were never written before: SQLite writes no page for what stands there already."""
    return b'{"turn":%012d,"text":"%s"}' % (next(_turn), b"x" * 527)


def a_change(numbers: Sequence[int], turn: int) -> Change:
    """Build Changes of calls that take another state, as a step of dispatch does."""
    puts = tuple(
        Put(
            entity_id(number),
            (TYPE,),
            ("/cn/r37/r3701/r370102/r370102001",),
            a_doc(),
            attrs=("state",),
            keys=(("state", f"state{turn}"), ("homeArea", f"urn:ngsi-ld:Area:{number % 160}")),
            box=(117.0 + number * 1e-5, 36.0, 117.0 + number * 1e-5, 36.0),
            facts=(Fact("state", "", b'"state"'),),
        )
        for number in numbers
    )
    return Change(tenant="default", actor="urn:test:bench", purpose="service", at_us=1, puts=puts)


def cost(
    clock: Callable[[], float], write: Callable[[int, int, int], None], rows: int, case: str
) -> Callable[[], float]:
    """Return a measurement of microseconds a row."""

    def measure() -> float:
        begin = clock()
        write(rows, *CASES[case])
        return (clock() - begin) / rows * 1e6

    return measure


def writes(ours: Ours, plain: Plain, rows: int, pairs: int) -> None:
    for case, (at_once, together) in CASES.items():
        number = max(rows // (4 if case == "alone" else 1), at_once * together)
        for unit, clock in (("us_cpu_a_row", time.process_time), ("us_wall_a_row", time.perf_counter)):
            measured = [cost(clock, side.write, number, case) for side in (ours, plain)]
            facts = in_pairs(*measured, pairs=pairs).facts()
            p50, p99 = fsync_ms(0.2)
            report(
                "store.write", case, unit, ok=True, a="store", b="plain", **facts, fsync_p50_ms=p50, fsync_p99_ms=p99
            )


def reads(ours: Ours, pairs: int) -> None:
    questions = {
        "20 of a type": Find(types=(TYPE,)),
        "type and two keys": Find(
            types=(TYPE,), keys=(("homeArea", ("urn:ngsi-ld:Area:7",)), ("state", ("state1", "state0")))
        ),
        "type and 1 km": Find(types=(TYPE,), box=(117.05, 35.99, 117.06, 36.01)),
        "type and scope": Find(types=(TYPE,), scopes=(("/cn/r37/r3701", True),)),
    }
    for case, find in questions.items():
        took = []
        for _ in range(pairs):
            begin = time.thread_time()
            found = ours.loop.run(ours.store.find("default", find, limit=20))
            took.append((time.thread_time() - begin) * 1e6)
        median = round(statistics.median(took), 1)
        report("store.find", case, "us_cpu", ok=bool(found), median=median, entities=ours.entities, rows=len(found))


def all_there(ours: Ours) -> bool:
    """Read back: each row written is one more version, one more log row."""
    stands = ours.loop.run(ours.store.find("default", Find(), limit=ours.entities + 1))
    head = ours.loop.run(ours.store.head("default"))
    return sum(stored.version for stored in stands) == head == ours.entities + ours.written


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=15)
    parser.add_argument("--rows", type=int, default=1000)
    parser.add_argument("--entities", type=int, default=20_000)
    options = parser.parse_args(arguments)
    RUNS.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=RUNS) as folder:
        ours, plain = (side(Path(folder), options.entities) for side in (Ours, Plain))
        with closing(plain.connection):
            writes(ours, plain, options.rows, options.pairs)
            reads(ours, options.pairs)
        sound = all_there(ours)
        ours.loop.run(ours.store.close())
        ours.loop.close()
    report("store.read_back", "all acknowledged", "", ok=sound, written=ours.written)
    return 0 if sound else 1


if __name__ == "__main__":
    sys.exit(main())
