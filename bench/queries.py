"""What a query costs: a page of a list beside a bare application, and a search by place beside a GET by id.

Prints JSON lines. `python -m bench.queries [--pairs 15] [--entities 100000] [--large 0]`. Requests go through the real
HTTP server's protocol without a socket, on both sides; units are CPU microseconds of that thread for one request.

The list: 100 five-attribute entities, 20 on a page; after every 50 reads one of those on the page is changed, and the
next read must show it (the change itself is not counted, what it costs the next read is). The search: type, q (one vehicle
in five) and near 1 km, each time around another place, among `--entities` vehicles at 3 a square kilometre; with `--large` also among so
many at the same density. Exit status 1 only when an answer is wrong.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from bench._probe import loop_ms, saying
from bench._stats import in_pairs, report
from bench.broker import ADMIN, RUNS, Server, a_broker, a_car
from linli.base import Point, distance_m, read_json, write_json
from linli.store import SqliteStore
from linli.web._ngsild import NgsiLd

FRAME_RUNS = 1
READS = 50
PER_KM2 = 3.0
KM_DEG = 1 / 111.2
LIST = "/ngsi-ld/v1/entities?type=Vehicle&limit=20"


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure everything; return 0 when all answers were right."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=15)
    parser.add_argument("--rounds", type=int, default=20, help="times 50 reads in one half of a pair")
    parser.add_argument("--entities", type=int, default=100_000)
    parser.add_argument("--large", type=int, default=0)
    options = parser.parse_args(arguments)
    RUNS.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=RUNS) as folder, asyncio.Runner() as runner:
        right = [lists(runner, Path(folder), options.rounds, options.pairs)]
        sizes = [size for size in (options.entities, options.large) if size]
        towns = [Town(runner, Path(folder), size) for size in sizes]
        right += [town.beside_get(options.rounds * 10, options.pairs) for town in towns]
        if len(towns) == 2:
            right.append(large_beside_small(towns[1], towns[0], options.rounds * 10, options.pairs))
        for town in towns:
            runner.run(town.store.close())
    return 0 if all(right) else 1


def get(target: str) -> bytes:
    """Return the bytes of a GET."""
    return f"GET {target} HTTP/1.1\r\nhost: localhost\r\naccept: application/json\r\n\r\n".encode()


def body_of(server: Server) -> Any:
    """Return the JSON of the last answer."""
    body = server.wire.answer.partition(b"\r\n\r\n")[2]
    return read_json(body, bytes_max=len(body))


def lists(runner: asyncio.Runner, folder: Path, rounds: int, pairs: int) -> bool:
    """A page of 20 of 100, changed after every 50 reads, beside an application that says the same bytes."""
    store = SqliteStore.open(folder / "list.db", sync="off")
    broker = a_broker(store)
    ours = Server(runner, NgsiLd(broker, lambda _: ADMIN))
    send(ours, "POST", "/entityOperations/upsert", [a_car(n, n) for n in range(100)])
    request = get(LIST)
    ours.cost(request, 1)
    page = body_of(ours)
    bare = Server(runner, saying(write_json(page)))
    turns = iter(range(1, 1_000_000))
    fresh = True

    def read() -> float:
        nonlocal fresh
        spent = 0.0
        for _ in range(rounds):
            turn = next(turns)
            car = page[turn % len(page)]["id"]
            change = {"speed": {"type": "Property", "value": turn}}
            send(ours, "PATCH", f"/entities/{car}/attrs", change)
            spent += ours.cost(request, 1)
            fresh = fresh and next(one for one in body_of(ours) if one["id"] == car)["speed"]["value"] == turn
            spent += ours.cost(request, READS - 1) * (READS - 1)
        return spent / (rounds * READS)

    read(), bare.cost(request, rounds * READS)
    ratio = in_pairs(lambda: bare.cost(request, rounds * READS), read, pairs)
    facts = ratio.facts()
    report("queries", "list of 20: bare / ours", "us_cpu", ok=fresh, a="bare", b="ours", **facts, loop_ms=loop_ms())
    runner.run(store.close())
    return fresh


class Town:
    """So many vehicles on a square, at one density."""

    def __init__(self, runner: asyncio.Runner, folder: Path, size: int) -> None:
        self.runner, self.size = runner, size
        self.store = SqliteStore.open(folder / f"town{size}.db", sync="off")
        self.side_deg = (size / PER_KM2) ** 0.5 * KM_DEG
        self.random = random.Random(7)
        self.server = Server(runner, NgsiLd(a_broker(self.store), lambda _: ADMIN))
        self.speeds: list[tuple[float, float, int]] = []
        for first in range(0, size, 1000):
            cars = [self.a_car(n) for n in range(first, min(first + 1000, size))]
            send(self.server, "POST", "/entityOperations/upsert", cars)

    def a_car(self, name: int) -> dict[str, Any]:
        lon, lat = (round(self.random.random() * self.side_deg, 6) for _ in range(2))
        speed = name % 100
        self.speeds.append((lon, lat, speed))
        place = {"type": "GeoProperty", "value": {"type": "Point", "coordinates": [lon, lat]}}
        return {**a_car(name, speed), "location": place}

    def search(self) -> bytes:
        """Return a search around a place where none was searched before."""
        lon, lat = (round(self.random.uniform(0.01, self.side_deg - 0.01), 6) for _ in range(2))
        near = quote("near;maxDistance==1000")
        return get(
            f"/ngsi-ld/v1/entities?type=Vehicle&q=speed%3E%3D80&georel={near}&geometry=Point&coordinates=%5B{lon},{lat}%5D"
        )

    def cost(self, times: int) -> float:
        """Return what one search costs, in the mean of many places."""
        return self.server.cost_of([self.search() for _ in range(times)])

    def right(self) -> bool:
        """Tell whether a search finds what a look at every vehicle finds."""
        lon, lat = self.side_deg / 2, self.side_deg / 2
        near = quote("near;maxDistance==1000")
        target = f"/ngsi-ld/v1/entities?type=Vehicle&q=speed%3E%3D80&georel={near}&geometry=Point"
        self.server.cost(get(f"{target}&coordinates=%5B{lon},{lat}%5D&limit=1000"), 1)
        expected = {
            f"urn:ngsi-ld:Vehicle:{n}"
            for n, (there_lon, there_lat, speed) in enumerate(self.speeds)
            if speed >= 80 and distance_m(Point(lon, lat), Point(there_lon, there_lat)) <= 1000
        }
        return {one["id"] for one in body_of(self.server)} == expected

    def beside_get(self, times: int, pairs: int) -> bool:
        """A search beside a GET by id of the same node."""
        request = get("/ngsi-ld/v1/entities/urn:ngsi-ld:Vehicle:1")
        self.server.cost(request, times), self.cost(times)
        while self.store.is_charting:
            self.cost(READS)
        ratio = in_pairs(lambda: self.cost(times), lambda: self.server.cost(request, times), pairs)
        ok = self.right()
        name = f"near 1 km of {self.size}: search / get"
        report("queries", name, "us_cpu", ok=ok, a="search", b="get", **ratio.facts(), loop_ms=loop_ms())
        return ok


def large_beside_small(large: Town, small: Town, times: int, pairs: int) -> bool:
    """The same search where there is ten times as much of everything."""
    ratio = in_pairs(lambda: large.cost(times), lambda: small.cost(times), pairs)
    name = f"near 1 km: {large.size} / {small.size}"
    report("queries", name, "us_cpu", ok=True, a="large", b="small", **ratio.facts(), loop_ms=loop_ms())
    return True


def send(server: Server, method: str, target: str, body: Any) -> None:
    """Write something; it must be taken."""
    content = write_json(body)
    head = f"{method} /ngsi-ld/v1{target} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
    server.cost(f"{head}content-length: {len(content)}\r\n\r\n".encode() + content, 1)
    assert server.wire.answer.startswith((b"HTTP/1.1 201", b"HTTP/1.1 204")), server.wire.answer[:500]


if __name__ == "__main__":
    sys.exit(main())
