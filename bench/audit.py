"""What the audit costs: a write that is chained, a read that is written down, and finding out that all of it holds.

Asked: at most 15 % more for a single durable write and 35 % for grouped ones; reading personal data at no less than 0.6 of
the rate of a durable PATCH. `python -m bench.audit [--pairs 15] [--rows 1000] [--entities 5000]`. Both sides of a pair sync
to the same disk in the same run, and nothing differs between them but the chain.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path

from bench._probe import fsync_ms
from bench._stats import in_pairs, report
from bench.store import RUNS, Ours, cost
from linli.base import Ids, WallClock
from linli.broker import Broker, Draft, Projection
from linli.store import SqliteStore, snapshot
from linli.trust import Act, HashChain, NodeSecret, Notary, Policies, Principal, prove, verify
from linli.vocab import vocabulary

SINGLE_MAX, GROUPED_MAX, READ_MIN = 1.15, 1.35, 0.6
#: case of bench.store -> how much more it may cost
WRITES = {"alone": SINGLE_MAX, "64 at once": GROUPED_MAX}
WHO = Act(Principal("operator", "operator", ("/",)), "service")
ENGINE = replace(WHO, who=Principal("engine:bench", "engine", ("/",)))
SCOPE = "/cn/r37/r3701/r370102/r370102001"


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; return 1 when a case costs more than is asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=15)
    parser.add_argument("--rows", type=int, default=1000)
    parser.add_argument("--entities", type=int, default=5000)
    options = parser.parse_args(arguments)
    RUNS.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=RUNS) as folder:
        fine = writes(Path(folder), options.entities, options.rows, options.pairs)
        fine &= reads(Path(folder), options.rows, options.pairs)
        fine &= verified(Path(folder), options.rows * 20)
    return 0 if fine else 1


def writes(folder: Path, entities: int, rows: int, pairs: int) -> bool:
    """Measure the same Changes over a store that chains and over one that does not."""
    fine = True
    with ExitStack() as ends:
        sides = []
        for name, chain in (("chained", HashChain()), ("bare", None)):
            (folder / name).mkdir()
            side = Ours(folder / name, entities, chain)
            ends.callback(side.loop.close)
            ends.callback(lambda side=side: side.loop.run(side.store.close()))
            sides.append(side)
        for case, most in WRITES.items():
            number = rows // 4 if case == "alone" else rows
            for unit, clock in (("us_wall_a_row", time.perf_counter), ("us_cpu_a_row", time.process_time)):
                ratio = in_pairs(*(cost(clock, side.write, number, case) for side in sides), pairs=pairs)
                ok = ratio.ratio_median <= most
                fine &= ok
                p50, _ = fsync_ms(0.2)
                facts = {**ratio.facts(), "asked": most, "fsync_p50_ms": p50}
                report("audit.write", case, unit, ok=ok, a="chained", b="bare", **facts)
    return fine


def reads(folder: Path, rows: int, pairs: int) -> bool:
    """Measure reading personal data, which is written down, beside a durable PATCH, alone and many at once."""
    fine = True
    with asyncio.Runner() as runner:
        store = SqliteStore.open(folder / "read.db", chain=HashChain())
        clock = WallClock()
        broker = Broker(store, vocabulary(), Policies(clock), clock, ids=Ids("370102"), home_scope=SCOPE)
        terms, whole = broker.contexts.default, Projection()
        runner.run(broker.write(ENGINE, [_a_call(number) for number in range(256)]))

        async def read(number: int) -> None:
            await broker.get_bytes(WHO, _a_call(number % 256).id, terms, whole)

        async def patch(number: int) -> None:
            body = {"urgency": {"type": "Property", "value": number % 3}}
            await broker.merge(WHO, _a_call(number % 256).id, body, terms)

        for case, at_once in (("alone", 1), ("64 at once", 64)):
            number = rows // 4 if at_once == 1 else rows
            patching, reading = (partial(_measured, runner, what, number, at_once) for what in (patch, read))
            ratio = in_pairs(patching, reading, pairs=pairs)
            ok = ratio.ratio_median >= READ_MIN
            fine &= ok
            facts = {**ratio.facts(), "asked": READ_MIN}
            report("audit.read", f"{case}: patch / read", "us_wall", ok=ok, a="patch", b="read", **facts)
        rows_written = len(runner.run(store.audit_since("default", 0, limit=10**7)))
        report("audit.read", "rows of the audit", "", ok=rows_written > rows, rows=rows_written)
        runner.run(store.close())
    return fine


def verified(folder: Path, rows: int) -> bool:
    """Measure how fast rows are signed and verified, and what one proof takes."""

    async def story() -> bool:
        store = SqliteStore.open(folder / "verify.db", sync="off", chain=HashChain())
        clock = WallClock()
        broker = Broker(store, vocabulary(), Policies(clock), clock, ids=Ids("370102"), home_scope=SCOPE)
        for _ in range(rows // 500):
            await asyncio.gather(*(broker.witnessed(WHO, b'{"action":"read","of":["%d"]}' % n) for n in range(500)))
        secret = NodeSecret(None)
        began = time.perf_counter()
        await Notary(store, secret, clock, node="990101").attest("default")
        report("audit.sign", f"{rows} rows", "us_a_row", ok=True, took=_each(began, rows))
        began = time.perf_counter()
        for seq in range(1, rows, rows // 50):
            await prove(store, "default", seq)
        report("audit.prove", f"one of {rows} rows", "us", ok=True, took=_each(began, 50))
        await store.close()
        began = time.perf_counter()
        async with snapshot(f"sqlite:///{folder / 'verify.db'}") as trail:
            verdict = await verify(trail, "default", frozenset((secret.public_key,)))
        fine = verdict.fault is None and verdict.rows == rows
        report("audit.verify", f"{rows} rows", "us_a_row", ok=fine, took=_each(began, rows))
        return fine

    return asyncio.run(story())


def _measured(runner: asyncio.Runner, what: Callable[[int], Awaitable[None]], rows: int, at_once: int) -> float:
    return runner.run(_took(what, rows, at_once))


async def _took(what: Callable[[int], Awaitable[None]], rows: int, at_once: int) -> float:
    """Return what one of `rows` takes, so many under way at once, in microseconds."""
    waiting = iter(range(rows))

    async def one_after_the_other() -> None:
        for number in waiting:
            await what(number)

    began = time.perf_counter()
    await asyncio.gather(*(one_after_the_other() for _ in range(at_once)))
    return _each(began, rows)


def _each(began: float, times: int) -> float:
    return round((time.perf_counter() - began) / times * 1e6, 2)


def _a_call(number: int) -> Draft:
    values = {
        "number": "K7Q-24M",
        "serviceKind": "urn:ngsi-ld:ServiceKind:elder.care_visit",
        "urgency": 1,
        "mouth": "key",
        "receivedAt": "2026-11-23T02:15:07Z",
        "homeNode": "urn:ngsi-ld:Area:370102000000",
        "state": "received",
        "stateAt": "2026-11-23T02:15:07Z",
        "seq": 1,
        "caller": f"urn:ngsi-ld:Resident:370102001001:{number}",
        "place": {"type": "Point", "coordinates": [117.0213, 36.6601]},
        "text": "made-up words",
    }
    return Draft(f"urn:ngsi-ld:ServiceCall:370102001001:{number:026d}", "ServiceCall", values, (SCOPE,), 0)


if __name__ == "__main__":
    sys.exit(main())
