"""How good and how fast is dispatch by itself: one tick over 1,000 x 1,000, press to offer in process, policies rehearsed.

Prints JSON lines; milliseconds beside a probe loop of the same run. `python -m bench.dispatch [--map FILE.osm.pbf]
[--seeds 11-14] [--calls 400]`. Seeds 1 to 10 chose the weights; here others are used. The figures that are quoted for
the policies come from whole runs of the platform, not from here.
Exit status 1 only when an answer is wrong: times never fail a run.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from bench._probe import loop_ms
from bench._stats import report, spread
from linli.base import MINUTE_US, FastClock, Ids, Point, scope_of_code, seeded, to_wire_time
from linli.broker import Broker, Draft
from linli.dispatch import POLICIES, CallRequest, Dispatch, Load, Machine, Tuning, rehearse
from linli.dispatch._entities import FOREVER_US, Call, Helper, Shift
from linli.dispatch._machine import MakeOffer
from linli.dispatch._rehearsal import LoadKinds
from linli.packs import Packs
from linli.store import SqliteStore
from linli.travel import Network
from linli.trust import Act, NodeSecret, Policies, Principal
from linli.vocab import vocabulary

FRAME_RUNS = 1
ROOT = Path(__file__).resolve().parents[1]
CENTRE, HALF = (117.02, 36.66), 0.06
ENGINE = Act(Principal("engine:bench", "engine", ("/",)), "operation")
SCOPE = scope_of_code("990101")
HELPERS = 500
PER_SECOND = 20
Line = dict[str, Any]


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure everything; return 0 when all answers were right."""
    parser = argparse.ArgumentParser(description=__doc__)
    shared = ROOT / os.environ.get("LINLI_SHARED", "../shared")
    parser.add_argument("--map", type=Path, default=shared / "data/jinan/jinan.osm.pbf")
    parser.add_argument("--seeds", default="11-14")
    parser.add_argument("--calls", type=int, default=400)
    options = parser.parse_args(arguments)
    first, _, last = options.seeds.partition("-")
    right = True
    with tempfile.TemporaryDirectory() as folder:
        network = Network.cached(options.map, Path(folder))
        places = _places(network)
        for figures in chain(
            _ticks(network, places),
            _presses(network, places, options.calls, Path(folder)),
            _policies(network, places, range(int(first), int(last or first) + 1)),
        ):
            report("dispatch", **figures)
            right &= bool(figures["ok"])
    return 0 if right else 1


def _places(network: Network) -> np.ndarray:
    xy = np.asarray(network.roads.xy, dtype=float)[network.main_junctions("ebike")]
    return xy[(np.abs(xy - CENTRE) <= HALF).all(axis=1)]


def _ticks(network: Network, places: np.ndarray, rounds: int = 5) -> Iterator[Line]:
    """1,000 who wait and 1,000 who are idle: the choice, a tick with all its reasons, and one step as it is bounded."""
    probe = loop_ms()
    choices, ticks, steps, offers = [], [], [], 0
    for n in range(rounds):
        for decisions_max, measured in ((2000, ticks), (Tuning().decisions_max, steps)):
            machine = _full_machine(network, places, n, decisions_max)
            while machine.ways.search(machine.idle(0), 64):
                pass
            begun = time.perf_counter()
            actions = machine.step(0)
            measured.append((time.perf_counter() - begun) * 1000)
            offers = max(offers, sum(isinstance(one, MakeOffer) for one in actions))
        calls = [machine.calls[one] for one in sorted(machine.calls)]
        begun = time.perf_counter()
        POLICIES["open"](machine.field(calls, machine.roster.order(), 0), machine.tuning)
        choices.append((time.perf_counter() - begun) * 1000)
    for case, measured in (("choice", choices), ("tick", ticks), ("bounded step", steps)):
        facts = {"probe_ms": probe, "offers": offers, "ok": offers > 900}
        yield {"case": f"{case} 1000 x 1000", "unit": "ms", **spread(measured), **facts}


def _full_machine(network: Network, places: np.ndarray, seed: int, decisions_max: int) -> Machine:
    draw = np.random.default_rng(seed)
    load = Load()
    machine = Machine(LoadKinds.of(load), network, tuning=Tuning(decisions_max=decisions_max))
    for n in range(1000):
        place = Point(*places[draw.integers(len(places))].tolist())
        skills = {f"s{draw.choice(4, p=load.shares)}": FOREVER_US}
        machine.take(0, Helper(f"h{n:04}", 1, "ready", place, "ebike", skills, 0.0, "a", 0))
        machine.take(0, Shift(f"x{n:04}", 1, f"h{n:04}", ("a",), 0, FOREVER_US))
    for n in range(1000):
        place = Point(*places[draw.integers(len(places))].tolist())
        kind = f"s{draw.choice(4, p=load.shares)}"
        machine.take(0, Call(f"c{n:04}", 1, kind, "triaged", 1, 0, FOREVER_US, place, "a", ()))
    return machine


def _presses(network: Network, places: np.ndarray, count: int, folder: Path) -> Iterator[Line]:
    """Press 20 times a second while 500 helpers are idle; time from the press to the commit of its offer."""
    waits, lags = asyncio.run(_pressed(network, places, count, folder))
    facts = {"calls": count, "a_second": PER_SECOND, "helpers": HELPERS}
    yield {"case": "press to offer, in process", "unit": "ms", **spread(waits), **facts, "ok": len(waits) == count}
    yield {"case": "loop held up", "unit": "ms", **spread(lags), "ok": True}


async def _pressed(network: Network, places: np.ndarray, count: int, folder: Path) -> tuple[list[float], list[float]]:
    clock = FastClock(time.time_ns() // 1000)
    store = SqliteStore.open(folder / "bench.db")
    ids, allow = Ids("990101000000", seeded(1)), Policies(clock)
    broker = Broker(store, vocabulary(), allow, clock, ids=ids, home_scope=SCOPE)
    dispatch = Dispatch(
        broker, allow, network, Packs.load(), clock, ids, NodeSecret(None), policy="open", home_scope=SCOPE
    )
    draw = np.random.default_rng(1)
    await broker.write(ENGINE, [one for n in range(HELPERS) for one in _on_duty(n, places, draw, clock.now_us())])
    await dispatch.start()
    pressed: dict[str, float] = {}
    waits: dict[str, float] = {}
    held_up: list[float] = []
    beside = [
        asyncio.create_task(_watch(broker, pressed, waits, await broker.log.head())),
        asyncio.create_task(_feel(held_up)),
    ]
    begun = time.perf_counter()
    for n in range(count):
        await asyncio.sleep(max(0.0, begun + n / PER_SECOND - time.perf_counter()))
        lon, lat = places[draw.integers(len(places))].tolist()
        who = Act(Principal(f"caller:{n}", "caller"), "service")
        at = time.perf_counter()
        body = {"kind": "elder.care_visit", "lon": lon, "lat": lat, "mouth": "app"}
        placed = await dispatch.place_call(who, CallRequest.from_body(body, str(n)))
        pressed[placed.id] = at
    await asyncio.sleep(0.5)
    for task in beside:
        task.cancel()
    await dispatch.stop()
    await store.close()
    return [wait * 1000 for wait in waits.values()], held_up


async def _feel(held_up: list[float]) -> None:
    """Note how much longer than a millisecond each millisecond was."""
    while True:
        begun = time.perf_counter()
        await asyncio.sleep(0.001)
        held_up.append((time.perf_counter() - begun) * 1000 - 1)


async def _watch(broker: Broker, pressed: dict[str, float], waits: dict[str, float], seq: int) -> None:
    """Note when the first offer of each press was committed."""
    while True:
        await broker.log.wait(seq)
        for row in await broker.log.rows_since(seq):
            seq = row.seq
            if row.type == "Offer" and row.kind == "create":
                offer = await broker.read(ENGINE, row.entity_id)
                call = offer.values["call"] if offer else ""
                if call in pressed:
                    waits.setdefault(call, time.perf_counter() - pressed[call])


def _on_duty(n: int, places: np.ndarray, draw: np.random.Generator, now_us: int) -> list[Draft]:
    helper, area = f"urn:ngsi-ld:Helper:990101000000:{n}", "urn:ngsi-ld:Area:990101001001"
    position = {"type": "Point", "coordinates": places[draw.integers(len(places))].tolist()}
    values = {
        "fullName": f"例{n}", "role": "carer", "organization": area, "hasSkill": ["carer"], "dutyState": "ready",
        "position": position, "profile": "ebike", "inArea": area,
    }  # fmt: skip
    span = {"from": to_wire_time(now_us - MINUTE_US), "to": to_wire_time(now_us + 480 * MINUTE_US)}
    shift = {"helper": helper, "covers": [area], "inArea": area, **span}
    return [
        Draft(helper, "Helper", values, expect_version=0),
        Draft(f"urn:ngsi-ld:Shift:990101000000:{n}", "Shift", shift, expect_version=0),
    ]


def _policies(network: Network, places: np.ndarray, seeds: Sequence[int]) -> Iterator[Line]:
    """The agreed load at a normal hour and at the peak, for the three policies, by the pure machine alone."""
    for name, load in (("normal", Load()), ("peak", Load(helpers=170))):
        for policy in ("open", "closed", "nearest"):
            figures = [rehearse(load, network, places, policy=policy, seed=seed) for seed in seeds]
            means = {key: round(float(np.mean([one[key] for one in figures])), 4) for key in figures[0]}
            within = [one["within60"] for one in figures]
            span = {"within60Min": round(min(within), 4), "within60Max": round(max(within), 4)}
            case = f"rehearsed, {name}, {policy}"
            yield {"case": case, "unit": "share", "seeds": list(seeds), **means, **span, "ok": True}


if __name__ == "__main__":
    sys.exit(main())
