"""`linli demo`: a node with a made-up district and simulated people, live in the browser or headless to its end.

The demo itself speaks to the node only as a client does; what stands here builds the node, hands it a line, and moves
the city's clock in headless runs.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import re
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from linli.app import Node, Plan, build
from linli.base import FastClock, Settings, SteppedClock, WallClock, from_wire_time, write_json
from linli.base.errors import BadSetting
from linli.client import Client
from linli.demo import District, Scenario, aggregate, load, made_up_network, run_headless, run_live
from linli.travel import Network
from linli.web import Person

from ._serve import run_loop, running
from ._start import load_settings, open_map
from ._words import made_folder, writable_file

#: headless runs begin on a Monday at 08:00 in Beijing, so that two runs are equal
HEADLESS_START_US = from_wire_time("2026-03-02T00:00:00Z")
RESIDENTS_LIVE = 20_000
RESIDENTS_HEADLESS = 2_000
MARK = ".linli-demo"


def run(options: argparse.Namespace) -> int:
    """Run the demo, live or headless."""
    settings = load_settings(options)
    if options.calls is not None or options.seeds is not None:
        if options.out is not None:
            writable_file(options.out)
        return run_loop(_headless(options, settings))
    if options.json or options.out is not None or options.hours is not None:
        raise BadSetting("--json, --out, --hours: belong to headless runs; say how many calls with --calls N.")
    return run_loop(_live(options, settings))


# live


async def _live(options: argparse.Namespace, settings: Settings) -> int:
    data = _own_folder(options.data or Path("demo-data"), fresh=options.fresh)
    network = _network(options, data, settings)
    scenario = Scenario.load(options.load).changed(helpers=options.helpers)
    district = District(scenario, network, options.seed, options.residents or RESIDENTS_LIVE)
    wall = WallClock()
    plan = _plan(options, settings, data, network, district)
    plan.city_clock = lambda last_us: FastClock(max(last_us, wall.now_us()), options.speed)
    node = await build(plan)
    async with running(node, settings, options.port, sign_in="demo", ready=False) as server:
        serving = asyncio.create_task(server.serve_on(), name="server")
        people = asyncio.create_task(_people(options, node, district, server.address), name="people")
        try:
            await asyncio.wait({serving, people}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            people.cancel()
            server.should_exit = True
            ended = await asyncio.gather(serving, people, return_exceptions=True)
        for one in ended:
            if isinstance(one, Exception):
                raise one
    return 0


async def _people(options: argparse.Namespace, node: Node, district: District, address: str) -> None:
    """Load the district where it is not there yet, and let its people live."""
    door = Client(app=node.web)
    loaded = await load(door, district, node.now_us(), _counting("entities loaded"))
    if loaded.fresh:
        print(f"  {loaded.entities} entities of a made-up district were loaded.", flush=True)
    _say_addresses(address, options.speed)
    await run_live(door, district, start_us=loaded.start_us, pressing=not options.quiet)


def _say_addresses(address: str, speed: float) -> None:
    print(f"ready {address}", flush=True)
    for path, text in (
        ("/", "居民 resident: press the one-key call"),
        ("/helper", "服务者 helper: take an offer and go"),
        ("/worker", "社区工作台 worker: the list of open calls"),
        ("/city", "城市地图 city: the map, live"),
    ):
        print(f"  {address}{path:<8} {text}", flush=True)
    print(f"  The city's clock runs {speed:g} times as fast as yours. Ctrl-C ends the demo; its data stay.", flush=True)


def _own_folder(data: Path, *, fresh: bool) -> Path:
    """Return the demo's folder, with `fresh` an empty one; what is not the demo's is neither used nor deleted.

    Raises: BadSetting: something else lies there. StartError: it cannot be made.
    """
    made_folder(data)
    ours = (data / MARK).exists()
    if not ours and any(data.iterdir()):
        raise BadSetting(f"--data {data}: was not made by the demo and is left alone; name another or an empty folder.")
    if fresh and ours:
        shutil.rmtree(data)
        made_folder(data)
    (data / MARK).touch()
    return data


# headless


async def _headless(options: argparse.Namespace, settings: Settings) -> int:
    seeds = _seeds(options)
    with _folder(options.data, fresh=options.fresh) as data:
        network = _network(options, data, settings)
        runs = [await _one_run(options, settings, data / f"seed-{seed}", network, seed) for seed in seeds]
    result = runs[0] if len(runs) == 1 and options.seeds is None else aggregate(runs)
    text = write_json(result, pretty=True).decode()
    if options.out:
        options.out.write_text(text + "\n", "utf-8")
    print(text if options.json else "\n".join(_table(runs)))
    return 0


async def _one_run(
    options: argparse.Namespace, settings: Settings, data: Path, network: Network, seed: int
) -> dict[str, Any]:
    scenario = Scenario.load(options.load).changed(calls=options.calls, hours=options.hours, helpers=options.helpers)
    district = District(scenario, network, seed, options.residents or RESIDENTS_HEADLESS)
    plan = _plan(options, settings, data, network, district)
    plan.city_clock = lambda last_us: SteppedClock(max(last_us, HEADLESS_START_US))
    plan.seed = seed
    # Nobody's data lie here: an ended process loses nothing without syncs either, only a power cut would.
    plan.sync = "off" if options.data is None else None
    node = await build(plan)
    try:
        await node.start()
        door = Client(app=node.web)
        loaded = await load(door, district, node.now_us())
        await node.settle()
        return await run_headless(
            door, district, node, start_us=loaded.start_us, progress=_pressing(seed, len(district.presses))
        )
    finally:
        await node.stop()


def _plan(options: argparse.Namespace, settings: Settings, data: Path, network: Network, district: District) -> Plan:
    return Plan(
        data=data,
        settings=settings,
        city_clock=SteppedClock,
        wall_clock=WallClock(),
        network=network,
        sign_in="demo",
        people=[Person(one.id, one.role, one.name, one.area, one.text) for one in district.people()],
        policy=options.policy,
        name={"zh": "例市样本区", "en": "Sample District"},
        phone=settings["node.phone"] or "0000-12345",
    )


def _network(options: argparse.Namespace, data: Path, settings: Settings) -> Network:
    if options.city:
        return open_map(options.city, data, settings)
    return made_up_network(options.seed)


def _seeds(options: argparse.Namespace) -> Sequence[int]:
    if options.seeds is None:
        return [options.seed]
    match = re.fullmatch(r"(\d+)(?:-(\d+))?", options.seeds)
    if match is None:
        raise BadSetting("--seeds: write one number, or from-to like 101-110.")
    first, last = int(match.group(1)), int(match.group(2) or match.group(1))
    if last < first:
        raise BadSetting("--seeds: the first seed may not be larger than the last.")
    return range(first, last + 1)


@contextlib.contextmanager
def _folder(data: Path | None, *, fresh: bool) -> Iterator[Path]:
    """Give the folder of headless runs: the one that was named (a broken-off run goes on there), else one that goes."""
    if data is not None:
        yield _own_folder(data, fresh=fresh)
        return
    with tempfile.TemporaryDirectory(prefix="linli-demo-") as made:
        yield Path(made)


def _counting(what: str) -> Callable[[int], None]:
    """Tell on one line of a terminal, in a file every ten thousand."""
    on_screen, told = sys.stdout.isatty(), 0

    def tell(count: int) -> None:
        nonlocal told
        if on_screen or count // 10_000 > told // 10_000:
            print(f"  {count} {what}", end="\r" if on_screen else "\n", flush=True)
        told = count

    return tell


def _pressing(seed: int, total: int) -> Callable[[int, int], None]:
    def tell(pressed: int, _: int) -> None:
        if pressed == total or pressed % max(1, total // 10) == 0:
            print(f"seed {seed}: {pressed} of {total} calls pressed", file=sys.stderr, flush=True)

    return tell


def _table(runs: Sequence[dict[str, Any]]) -> Iterator[str]:
    yield f"{'seed':>6} {'policy':<8} {'load':<8} {'calls':>6} {'in 60 min':>10} {'crossing':>9} {'unserved':>9} {'lost':>5}"
    for one in runs:
        share = one["servedWithin60"]["share"] or 0.0
        yield (
            f"{one['seed']:>6} {one['policy']:<8} {one['load'][:8]:<8} {one['calls']:>6} {share:>10.1%} "
            f"{one['served']['crossing']:>9} {one['unserved']['n']:>9} {one['lost']:>5}"
        )
