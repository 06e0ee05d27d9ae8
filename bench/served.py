"""What a served broker costs: reads, writes and searches over real connections, and its memory when it is full.

A broker of ours runs in a process of its own; units are microseconds of that process's CPU time for one request.
Prints JSON lines. `python -m bench.served [--pairs 7] [--users 64] [--entities 100000]`. Writes are durable on one side
and not synced on the other, in pairs; their ratio is that of the rates. A search (type, q: one vehicle in five, near 1 km,
each time around another place) stands beside a GET by id of the same broker. At the end the memory (PSS) of the broker
with its vehicles, 3 a square kilometre, is read. Exit status 1 only when an answer is wrong.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import random
import statistics
import sys
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any
from urllib.parse import quote

import orjson

from bench._load import Ask, Run, Target, a_broker
from bench._probe import fsync_ms, loop_ms
from bench._processes import pss_mb
from bench._stats import ratio_of, report
from bench.broker import a_car
from bench.queries import KM_DEG, PER_KM2
from linli.base import Point, distance_m

FRAME_RUNS = 1
#: requests in one half of a pair
REQUESTS = 1500
BATCH = 1000
NEAR = f"/entities?type=Vehicle&q=speed%3E%3D80&georel={quote('near;maxDistance==1000')}&geometry=Point"


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure everything; return 0 when all answers were right."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=7)
    parser.add_argument("--users", type=int, default=64)
    parser.add_argument("--entities", type=int, default=100_000)
    options = parser.parse_args(arguments)
    right = [
        asyncio.run(writes(options.pairs, options.users)),
        asyncio.run(full(options.entities, options.pairs)),
    ]
    return 0 if all(right) else 1


class Writing:
    """One broker that is written to. Its entities have numbers of their own."""

    def __init__(self, target: Target) -> None:
        self.target = target
        self._numbers = itertools.count(1)

    def post(self, _: int) -> Ask:
        """Return the request for a new entity."""
        number = next(self._numbers)
        return Ask("POST", "/entities", a_car(number, number % 100))

    def patch(self, at: int) -> Ask:
        """Return the request for another value of an attribute of an entity that was made at first."""
        speed = {"type": "Property", "value": next(self._numbers)}
        return Ask("PATCH", f"/entities/urn:ngsi-ld:Vehicle:{1 + at % (REQUESTS // 2)}/attrs", {"speed": speed})


async def writes(pairs: int, users: int) -> bool:
    """A new entity, and one attribute of one that stands: durable beside not synced."""
    async with a_broker() as (root, pid), a_broker("--set", "store.sync=off") as (other_root, other_pid):
        durable = Writing(Target(root, users, {}, pid))
        loose = Writing(Target(other_root, users, {}, other_pid))
        right = []
        for case, ask in (("new entity", Writing.post), ("one attribute", Writing.patch)):
            for one in (durable, loose):
                await one.target.run(partial(ask, one), REQUESTS)
            right.append(await beside(f"{case}, {users} users", durable, loose, ask, pairs))
        return all(right)


async def beside(case: str, durable: Writing, loose: Writing, ask: Callable[[Writing, int], Ask], pairs: int) -> bool:
    """Run both in pairs and report the ratio of their rates, and what each costs."""
    runs: list[tuple[Run, Run]] = []
    for number in range(pairs):
        sides = (loose, durable) if number % 2 else (durable, loose)
        both = [await one.target.run(partial(ask, one), REQUESTS) for one in sides]
        runs.append((both[1], both[0]) if number % 2 else (both[0], both[1]))
    ok = not any(run.errors for both in runs for run in both)
    facts = ratio_of([(loose.seconds, durable.seconds) for durable, loose in runs]).facts()
    cpu = {
        "cpu_durable": round(statistics.median(durable.cpu_us or 0 for durable, _ in runs)),
        "cpu_not_synced": round(statistics.median(loose.cpu_us or 0 for _, loose in runs)),
    }
    p50, p99 = fsync_ms()
    report(
        "served", f"{case}: durable / not synced", "s", ok=ok, a="not synced", b="durable", **facts, **cpu,
        fsync_p50_ms=p50, fsync_p99_ms=p99, loop_ms=loop_ms(),
    )  # fmt: skip
    return ok


async def full(entities: int, pairs: int) -> bool:
    """A search beside a GET by id, and the memory of the broker that holds so many entities."""
    side_deg = (entities / PER_KM2) ** 0.5 * KM_DEG
    draw = random.Random(7)
    places: list[tuple[float, float]] = []

    def a_load(at: int) -> Ask:
        return Ask("POST", "/entityOperations/upsert", [a_placed_car(at * BATCH + n) for n in range(BATCH)])

    def a_placed_car(number: int) -> dict[str, Any]:
        lon, lat = places[number]
        return {**a_car(number, number % 100), "location": {"type": "GeoProperty", "value": {"type": "Point", "coordinates": [lon, lat]}}}  # fmt: skip

    def a_search(_: int) -> Ask:
        lon, lat = (round(draw.uniform(0.01, side_deg - 0.01), 6) for _ in range(2))
        return Ask("GET", f"{NEAR}&coordinates=%5B{lon},{lat}%5D")

    def a_get(_: int) -> Ask:
        return Ask("GET", f"/entities/urn:ngsi-ld:Vehicle:{draw.randrange(1000)}")

    places += [(round(draw.random() * side_deg, 6), round(draw.random() * side_deg, 6)) for _ in range(entities)]
    async with a_broker() as (root, pid):
        target = Target(root, 8, {"accept": "application/json"}, pid)
        loaded = await target.run(a_load, entities // BATCH)
        facts = {"per_s": round(entities / loaded.seconds), "cpu_us": round((loaded.cpu_us or 0) / BATCH, 1)}
        report("served", f"{entities} entities by batches of {BATCH}", "us_cpu", ok=not loaded.errors, **facts)
        await target.run(a_get, REQUESTS)
        await target.run(a_search, REQUESTS)
        costs, errors = [], loaded.errors
        for _ in range(pairs):
            search, get = await target.run(a_search, REQUESTS), await target.run(a_get, REQUESTS)
            costs.append((search.cpu_us or 0.0, get.cpu_us or 1.0))
            errors += search.errors + get.errors
        ok = not errors and await _right(target, places, side_deg)
        ratio = ratio_of(costs).facts()
        report("served", f"near 1 km of {entities}: search / get", "us_cpu", ok=ok, a="search", b="get", **ratio, loop_ms=loop_ms())  # fmt: skip
        report("served", f"memory with {entities} entities", "MB", ok=ok, pss=round(pss_mb(pid), 1))
        return ok


async def _right(target: Target, places: Sequence[tuple[float, float]], side_deg: float) -> bool:
    """Tell whether a search finds what a look at every vehicle finds."""
    middle = Point(side_deg / 2, side_deg / 2)
    body = await target.one(Ask("GET", f"{NEAR}&coordinates=%5B{middle.lon},{middle.lat}%5D&limit=1000"))
    expected = {
        f"urn:ngsi-ld:Vehicle:{number}"
        for number, place in enumerate(places)
        if number % 100 >= 80 and distance_m(middle, Point(*place)) <= 1000
    }
    return {one["id"] for one in orjson.loads(body)} == expected


if __name__ == "__main__":
    sys.exit(main())
