"""What a long past costs: sums over a hundred thousand instances, a page of an evolution, a write on top of it.

Prints JSON lines. `python -m bench.history [--instances 100000] [--times 15]`. Everything goes through the broker's own
door over a SQLite file, in one process without HTTP, beside the plain loop of `_probe`. Units are milliseconds of CPU for
reading, of wall time for writing. An answer is checked against numbers that are known beforehand. Exit status 1 when an
answer is wrong, or when a sum over everything takes 100 ms of CPU or more in the middle.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
import time
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any

from bench._probe import loop_ms
from bench._stats import report, spread
from linli.base import SECOND_US, Ids, SteppedClock, to_wire_time
from linli.broker import Broker, Evolutions, Projection, read_span
from linli.store import SqliteStore
from linli.trust import Act, Policies, Principal
from linli.vocab import vocabulary

FRAME_RUNS = 1
RUNS = Path(__file__).parent / "runs"  # not the folder for temporary files, which may lie in memory
ADMIN = Act(Principal("operator", "operator", ("/",)), "service")
START_US = 1_795_400_107_000_000
LIMIT_MS = 100.0
CHUNK = 10_000


def station(size: int) -> str:
    return f"urn:ngsi-ld:Station:{size}"


def measured(number: int) -> dict[str, Any]:
    """The n-th value of a station, one a second."""
    at = to_wire_time(START_US + number * SECOND_US)
    return {"type": "Property", "value": number % 1000 / 10, "unitCode": "CEL", "observedAt": at}


async def filled(broker: Broker, size: int) -> None:
    """Write a station with so many instances."""
    for first in range(0, size, CHUNK):
        values = [measured(number) for number in range(first, min(first + CHUNK, size))]
        body = {"id": station(size), "type": "Station", "temperature": values}
        await broker.add_evolution(ADMIN, body, broker.contexts.default)


async def told(broker: Broker, size: int, **said: str) -> Evolutions:
    span = read_span(said, None if "aggrMethods" in said else "normalized")
    terms = broker.contexts.default
    return await broker.evolution(ADMIN, station(size), terms=terms, span=span, projection=Projection())


def took(
    runner: asyncio.Runner, times: int, work: Callable[[], Coroutine[Any, Any, None]], clock: Callable[[], float]
) -> list[float]:
    """Return the milliseconds of each of so many turns by a clock, after one that is not counted."""
    costs = []
    for turn in range(times + 1):
        begin = clock()
        runner.run(work())
        if turn:
            costs.append((clock() - begin) * 1000)
    return costs


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure everything; return 0 when all answers were right and fast enough."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--instances", type=int, default=100_000)
    parser.add_argument("--times", type=int, default=15)
    options = parser.parse_args(arguments)
    RUNS.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=RUNS) as folder, asyncio.Runner() as runner:
        store = SqliteStore.open(Path(folder) / "linli.db")
        clock = SteppedClock(START_US)
        broker = Broker(store, vocabulary(), Policies(clock), clock, ids=Ids("370102"), home_scope="/cn/r37")
        sizes = [size for size in (100, 1_000, 10_000, 100_000) if size < options.instances] + [options.instances]
        for size in sizes:
            runner.run(filled(broker, size))
        right = [
            *(sums(runner, broker, options.instances, options.times, period) for period in ("PT0S", "PT1H", "PT1S")),
            *(page(runner, broker, size, options.times) for size in sizes),
            *(writes(runner, broker, size, options.times) for size in (sizes[0], sizes[-1])),
        ]
        runner.run(store.close())
    return 0 if all(right) else 1


def sums(runner: asyncio.Runner, broker: Broker, size: int, times: int, period: str) -> bool:
    """The average of every period; of the whole it must be that of the numbers that were written."""

    async def work() -> None:
        found.append(await told(broker, size, aggrMethods="avg", aggrPeriodDuration=period))

    found: list[Evolutions] = []
    costs = took(runner, times, work, time.thread_time)
    rows = found[-1].entities[0]["temperature"]["avg"]
    numbers = [number % 1000 / 10 for number in range(size)]
    seconds = {"PT0S": size, "PT1H": 3600, "PT1S": 1}[period]
    right = (
        len(rows) == -(-size // seconds) and abs(rows[0][0] - sum(numbers[:seconds]) / len(numbers[:seconds])) < 1e-6
    )
    ok = right and (period == "PT1S" or spread(costs)["p50"] < LIMIT_MS)
    report("history", f"average of {size} instances by {period}", "ms_cpu", ok=ok, **spread(costs), loop_ms=loop_ms())
    return ok


def page(runner: asyncio.Runner, broker: Broker, size: int, times: int) -> bool:
    """The first page from the middle of an evolution, as a chart scrolls through it."""
    middle = to_wire_time(START_US + size // 2 * SECOND_US)

    async def work() -> None:
        found.append(await told(broker, size, timerel="after", timeAt=middle))

    found: list[Evolutions] = []
    costs = took(runner, times, work, time.thread_time)
    first = found[-1].entities[0]["temperature"][0]
    ok = first["observedAt"] == middle and first["value"] == size // 2 % 1000 / 10
    report("history", f"page of 30 out of {size}", "ms_cpu", ok=ok, **spread(costs), loop_ms=loop_ms())
    return ok


def writes(runner: asyncio.Runner, broker: Broker, size: int, times: int) -> bool:
    """One more instance for an evolution of that length, durable."""
    number = size

    async def work() -> None:
        nonlocal number
        number += 1
        body = {"temperature": [measured(number)]}
        await broker.add_instances(ADMIN, station(size), body, broker.contexts.default)

    costs = took(runner, times, work, time.perf_counter)
    last = runner.run(told(broker, size, lastN="1")).entities[0]["temperature"][0]
    ok = last["value"] == number % 1000 / 10
    report("history", f"one more after {size} instances", "ms", ok=ok, **spread(costs), loop_ms=loop_ms())
    return ok


if __name__ == "__main__":
    sys.exit(main())
