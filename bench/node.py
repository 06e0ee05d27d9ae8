"""What one node does with a district of 100,000 residents: load, start, press to offer, memory.

A real process on a real file serves Jinan's streets with 500 idle helpers; everything goes through its HTTP doors.
Prints JSON lines. `python -m bench.node [--map FILE.osm.pbf] [--residents 100000] [--helpers 500]`.
Exit status 1 only when an answer is wrong: times never fail a run.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from bench._probe import fsync_ms, loop_ms
from bench._processes import pss_mb
from bench._stats import report
from linli.base import MINUTE_US, WallClock
from linli.client import Client
from linli.demo import District, Scenario, load
from linli.travel import Network

ROOT = Path(__file__).resolve().parents[1]
RATE_PER_S = 20
PRESSES = 400
RUNS = 3
LOAD_S = 120.0
STARTS = 5


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure everything; return 0 when all answers were right."""
    parser = argparse.ArgumentParser(description=__doc__)
    shared = ROOT / os.environ.get("LINLI_SHARED", "../shared")
    parser.add_argument("--map", type=Path, default=shared / "data/jinan/jinan.osm.pbf")
    parser.add_argument("--residents", type=int, default=100_000)
    parser.add_argument("--helpers", type=int, default=500)
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="linli-bench-", dir=ROOT) as folder:
        return asyncio.run(measured(options, Path(folder)))


async def measured(options: argparse.Namespace, folder: Path) -> int:
    network = Network.cached(options.map, folder)
    scenario = Scenario.load("normal").changed(helpers=options.helpers, calls=PRESSES)
    district = District(scenario, network, 1, options.residents)
    case = f"{options.residents} residents, {options.helpers} helpers"
    async with a_node(folder, options.map) as (_, url, _start_s):
        began = time.perf_counter()
        client = Client(url)
        loaded = await load(client, district, WallClock().now_us() - 60 * MINUTE_US)
        took = time.perf_counter() - began
        await client.close()
    size_mb = (folder / "linli.db").stat().st_size / 1e6
    report(
        "node.load", case, "entities/s", ok=loaded.entities > options.residents,
        entities=loaded.entities, per_s=round(loaded.entities / took), seconds=round(took, 1), db_mb=round(size_mb, 1),
    )  # fmt: skip
    starts = []
    for _ in range(STARTS):
        async with a_node(folder, options.map) as (_, _url, start_s):
            starts.append(start_s)
    report("node.start", case, "s", ok=True, p50=round(sorted(starts)[STARTS // 2], 2), max=round(max(starts), 2))
    async with a_node(folder, options.map) as (pid, url, _start_s):
        return await under_load(district, case, pid, url)


async def under_load(district: District, case: str, pid: int, url: str) -> int:
    client = Client(url)
    began = time.monotonic()
    idle_mb = pss_mb(pid)
    pressed = 0
    for run in range(RUNS):
        pressed += await burst(client, district, run)
    figures = (await client.node())["pressToOffer_wall_ms"]
    right = figures["n"] == pressed == RUNS * PRESSES
    fsync_p50, fsync_p99 = fsync_ms()
    report(
        "node.press_to_offer", f"{case}, {RATE_PER_S} calls/s", "ms", ok=right,
        n=figures["n"], p50=figures["p50"], p95=figures["p95"], max=figures["max"],
        fsync_p50_ms=fsync_p50, fsync_p99_ms=fsync_p99, probe_loop_ms=loop_ms(),
    )  # fmt: skip
    run = RUNS
    while time.monotonic() - began < LOAD_S:
        await burst(client, district, run)
        run += 1
    report(
        "node.memory",
        f"{case}, after {LOAD_S:.0f} s of load",
        "MB",
        ok=True,
        pss=round(pss_mb(pid), 1),
        idle=round(idle_mb, 1),
    )
    await client.close()
    return 0 if right else 1


async def burst(client: Client, district: District, run: int) -> int:
    """Press 400 times in 20 seconds, wait for all offers, then cancel everything; return how many were offered."""
    began = time.monotonic()
    tasks = []
    for number, press in enumerate(district.presses[:PRESSES]):
        await asyncio.sleep(max(0.0, began + number / RATE_PER_S - time.monotonic()))
        caller = client.calling_as(f"bench-{run}-{number}")
        tasks.append(
            asyncio.create_task(
                caller.place_call(press.kind, press.place.lon, press.place.lat, key=f"{run}-{number}", text="bench")
            )
        )
    placed = await asyncio.gather(*tasks)
    offered = 0
    for one in placed:
        watching = client.watching(one.watch)
        for _ in range(100):
            seen = await watching.call(one.id)
            if seen["state"] != "received":
                break
            await asyncio.sleep(0.02)
        offered += seen["state"] == "offered"
        await watching.cancel(one.id, "the bench is over")
    return offered


@asynccontextmanager
async def a_node(folder: Path, city: Path):
    """Give (pid, address, seconds until the first answer) of a node in a process of its own."""
    began = time.perf_counter()
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "linli", "serve", "--data", str(folder), "--city", str(city), "--port", "0",
        "--set", "trust.sign_in=demo",
        stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        assert process.stdout
        line = await asyncio.wait_for(process.stdout.readline(), 60)
        url = line.split()[1].decode()
        client = Client(url)
        await client.node()
        start_s = time.perf_counter() - began
        await client.close()
        yield process.pid, url, start_s
    finally:
        process.send_signal(signal.SIGINT)
        await process.wait()


if __name__ == "__main__":
    sys.exit(main())
