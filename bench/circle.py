"""The circle of 10,000 buildings for 12 kinds of service: made whole, and after one provider came or moved.

Prints JSON lines; streets are Jinan's, buildings and services are synthetic and drawn from a seed. CPU time is that of
this process; the searches of the whole run in its worker and show in the wall time only. `python -m bench.circle [--buildings 10000]`. Exit status 1 only when an answer is wrong.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from bench._stats import report
from linli.insight._spots import Spot, Spots, seconds_between
from linli.insight._table import Table
from linli.travel import MODES, Network

FRAME_RUNS = 1
ROOT = Path(__file__).resolve().parents[1]
KINDS, PLACES_A_KIND, NEAREST = 12, 40, 3
CENTRE, SIDE = (117.02, 36.66), 0.12


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure; return 0 when the table that was changed equals one made anew."""
    parser = argparse.ArgumentParser(description=__doc__)
    shared = ROOT / os.environ.get("LINLI_SHARED", "../shared")
    parser.add_argument("--map", type=Path, default=shared / "data/jinan/jinan.osm.pbf")
    parser.add_argument("--buildings", type=int, default=10_000)
    options = parser.parse_args(arguments)
    return asyncio.run(measured(Network.from_pbf(options.map), options.buildings))


async def measured(network: Network, buildings: int) -> int:
    """Measure on one network."""
    draw = np.random.default_rng(6)
    homes = spots(draw, network, "home", buildings)
    services = spots(draw, network, "service", KINDS * PLACES_A_KIND)
    case = f"{buildings} buildings, {KINDS} kinds, {len(services)} places, {len(MODES)} ways of travelling"
    try:
        began, cpu = time.perf_counter(), cpu_s()
        at_home, at_service, table = Spots(), Spots(), Table(len(MODES), NEAREST)
        await at_home.add(network, homes)
        table.add_homes([one.id for one in homes], {})
        await put(network, at_home, at_service, table, services)
        report(
            "circle.whole",
            case,
            "s",
            ok=True,
            wall_s=round(time.perf_counter() - began, 2),
            cpu_s=round(cpu_s() - cpu, 2),
        )
        took, changed = [], []
        for at in range(15):
            moved = Spot(services[at].id, services[-at - 1].place, ("/",), {}, services[at].kinds)
            cpu = cpu_s()
            at_service.drop([moved.id])
            changed.append(await put(network, at_home, at_service, table, [moved]))
            took.append(cpu_s() - cpu)
        again = Table(len(MODES), NEAREST)
        again.add_homes([one.id for one in homes], {})
        await put(network, at_home, Spots(), again, list(at_service.by_id.values()))
        asked = [(home.id, mode) for home in homes[::50] for mode in range(len(MODES))]
        ok = all(table.reached(*one) == again.reached(*one) for one in asked)
        figures = {"cpu_s_median": round(float(np.median(took)), 3), "cpu_s_max": round(max(took), 3)}
        report("circle.one_moved", case, "s", ok=ok, **figures, circles_changed_median=int(np.median(changed)))
    finally:
        await network.close()
    return 0 if ok else 1


async def put(network: Network, homes: Spots, services: Spots, table: Table, fresh: Sequence[Spot]) -> int:
    """Put services into a table; return how many circles that changed."""
    places = await services.add(network, fresh)
    seconds = await seconds_between(network, homes.places, places)
    put = {one.id: (one.kinds, row) for one, row in zip(fresh, seconds, strict=True)}
    return int(table.change(put).sum())


def spots(draw: np.random.Generator, network: Network, what: str, count: int) -> list[Spot]:
    """Return places near junctions within the box of the load that dispatch is judged on."""
    near = np.flatnonzero((np.abs(network.xy - CENTRE) < SIDE / 2).all(axis=1))
    xy = network.xy[draw.choice(near, count)] + draw.uniform(-0.001, 0.001, (count, 2))
    return [
        Spot(f"{what}{at:05d}", (lon, lat), ("/",), {}, frozenset({f"kind{at % KINDS}"}))
        for at, (lon, lat) in enumerate(xy.tolist())
    ]


def cpu_s() -> float:
    """Return the CPU time of this process, without its worker."""
    return time.process_time()


if __name__ == "__main__":
    sys.exit(main())
