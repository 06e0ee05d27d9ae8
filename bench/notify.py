"""What subscribers cost: 5,000 of them beside none, notifications a second, and bad subscribers beside good ones.

Prints JSON lines. `python -m bench.notify [--pairs 15] [--writes 1500] [--subscriptions 5000] [--rounds 4]`. Writes and
notifications come from one broker in this process on SQLite; they are delivered over HTTP to a bare receiver in a process
of its own, which keeps a table of what came: what is lost is counted there. Exit status 1 when anything was lost.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import gc
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import uvloop

from bench._stats import ratio_of, report, spread
from linli.base import Ids, WallClock, read_json
from linli.broker import Broker
from linli.egress import Egress, Request
from linli.store import SqliteStore
from linli.trust import Act, Policies, Principal
from linli.vocab import vocabulary

FRAME_RUNS = 1
RUNS = Path(__file__).parent / "runs"
ADMIN = Act(Principal("operator", "operator", ("/",)), "service")
AT_ONCE = 64
ENTITIES = 500
#: turns of each side within one pair
SLICES = 10
TARGET_SLOWED, TARGET_RATE, TARGET_P99 = 1.10, 5000.0, 1.05

#: a receiver that does nothing but count: python -c RECEIVER HOW, where HOW is "" (answers), "hang" or "fail"
RECEIVER = """
import asyncio, json, sys, time, uvloop
HOW, IDS, AT = sys.argv[1], {}, []
class Line(asyncio.Protocol):
    def connection_made(self, transport): self.transport, self.data = transport, b""
    def data_received(self, data):
        self.data += data
        while (end := self.data.find(b"\\r\\n\\r\\n")) >= 0:
            head = self.data[:end].lower()
            at = head.find(b"content-length:")
            length = int(head[at + 15:].split(b"\\r", 1)[0]) if at >= 0 else 0
            if len(self.data) < end + 4 + length: return
            body, self.data = self.data[end + 4:end + 4 + length], self.data[end + 4 + length:]
            if head.startswith(b"get"):
                said = json.dumps({"requests": len(AT), "distinct": len(IDS), "ids": list(IDS) if b"/ids" in head[:20] else [],
                                   "at": AT if b"/at" in head[:20] else []}).encode()
                self.transport.write(b"HTTP/1.1 200 OK\\r\\ncontent-length: %d\\r\\n\\r\\n" % len(said) + said)
            else:
                IDS[body[7:body.index(b'"', 8)].decode()] = None
                AT.append(time.time())
                if HOW == "hang": return
                self.transport.write(b"HTTP/1.1 %s\\r\\ncontent-length: 0\\r\\n\\r\\n" % (b"500 No" if HOW else b"200 OK"))
async def main():
    server = await asyncio.get_running_loop().create_server(Line, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()
uvloop.run(main())
"""


class Receiver:
    """A bare receiver in a process of its own."""

    def __init__(self, how: str = "") -> None:
        self.process = subprocess.Popen([sys.executable, "-c", RECEIVER, how], stdout=subprocess.PIPE)
        assert self.process.stdout
        self.url = f"http://127.0.0.1:{int(self.process.stdout.readline())}"

    async def asked(self, egress: Egress, what: str = "") -> dict[str, Any]:
        response = await egress.send(Request("GET", f"{self.url}/{what}", bytes_max=1 << 26))
        return dict(read_json(response.body, bytes_max=1 << 26))

    async def count(self, egress: Egress, least: int, patience_s: float = 120.0) -> dict[str, Any]:
        until = time.monotonic() + patience_s
        while True:
            said = await self.asked(egress)
            if said["distinct"] >= least or time.monotonic() > until:
                return said
            await asyncio.sleep(0.01)

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait()


class Node:
    """A broker that tells subscribers, on a durable SQLite store."""

    def __init__(self, folder: Path, name: str) -> None:
        self.store = SqliteStore.open(folder / f"{name}.db")
        self.egress = Egress(["127.0.0.1"])
        self.broker = Broker(
            self.store, vocabulary(), Policies(WallClock()), WallClock(), ids=Ids("370102"), home_scope="/cn/r37",
            default_context="core", egress=self.egress,
        )  # fmt: skip
        self.terms = self.broker.contexts.default
        self.turn = 0

    async def subscribe(self, uri: str, **members: Any) -> None:
        said = {
            "type": "Subscription",
            "entities": [{"type": "Vehicle"}],
            "notification": {"endpoint": {"uri": uri}},
            **members,
        }
        await self.broker.create_subscription(ADMIN, said, self.terms, "http://node.example")

    async def fill(self) -> None:
        bodies = [{"id": f"urn:x:{number}", "type": "Vehicle", **speed(0)} for number in range(ENTITIES)]
        for body in bodies:
            await self.broker.create(ADMIN, body, self.terms)

    async def write(self, times: int) -> None:
        """Change entities, AT_ONCE at a time."""
        todo = iter(range(times))

        async def one_after_the_other() -> None:
            for number in todo:
                self.turn += 1
                await self.broker.update_attrs(ADMIN, f"urn:x:{number % ENTITIES}", speed(self.turn), self.terms)

        await asyncio.gather(*(one_after_the_other() for _ in range(AT_ONCE)))


def speed(value: int) -> dict[str, Any]:
    return {"speed": {"type": "Property", "value": value}}


@contextlib.asynccontextmanager
async def a_node(folder: Path, name: str) -> AsyncIterator[Node]:
    node = Node(folder, name)
    await node.broker.start()
    try:
        await node.fill()
        yield node
    finally:
        await node.broker.stop()
        await node.egress.close()
        await node.store.close()


def others(number: int) -> dict[str, Any]:
    """Return what one of many subscriptions wants that none of the writes is: an entity, an attribute, a value, a type."""
    match number % 4:
        case 0:
            return {"entities": [{"type": "Vehicle", "id": f"urn:other:{number}"}]}
        case 1:
            return {"watchedAttributes": [f"attribute{number}"]}
        case 2:
            return {"entities": [{"type": f"Type{number}"}], "q": f"speed>{number}"}
        case _:
            return {"entities": [{"type": "Bus", "idPattern": f".*{number}$"}], "watchedAttributes": ["speed"]}


async def slowed(folder: Path, pairs: int, writes: int, subscriptions: int) -> bool:
    """Compare the CPU time of a write with so many subscriptions and with none."""
    async with a_node(folder, "many") as many, a_node(folder, "none") as none:
        for number in range(subscriptions):
            await many.subscribe("http://127.0.0.1:9/none", **others(number))
        for node in (many, none):
            await node.write(writes)
        # both stand in one process, whose garbage is collected now and then at the cost of whoever is about to write
        gc.collect()
        gc.freeze()

        async def cost(node: Node) -> float:
            begin = time.thread_time()
            await node.write(writes // SLICES)
            await asyncio.sleep(0.02)  # the log is read soon after
            return (time.thread_time() - begin) / writes * 1e6

        costs = []
        for _ in range(pairs):
            # many short turns in either order: a machine that others use changes its speed within one long one
            spent = {many: 0.0, none: 0.0}
            for turn in range(SLICES):
                for node in (many, none) if turn % 2 else (none, many):
                    spent[node] += await cost(node)
            costs.append((spent[many], spent[none]))
        gc.unfreeze()
    ratio = ratio_of(costs)
    report(
        "notify.write_slowed", f"{subscriptions} subscriptions beside none", "us_cpu", ok=True, a="many", b="none",
        **ratio.facts(), target=f"<= {TARGET_SLOWED}",
    )  # fmt: skip
    return True


async def delivered(folder: Path, rounds: int, subscriptions: int, writes: int) -> bool:
    """Tell so many subscribers of each of some writes; count at the receiver's table."""
    receiver = Receiver()
    rates: list[float] = []
    cpu_us: list[float] = []
    lost = 0
    try:
        async with a_node(folder, f"told{subscriptions}") as node:
            for number in range(subscriptions):
                await node.subscribe(f"{receiver.url}/{number}")
            expected = 0
            for _ in range(rounds):
                expected += subscriptions * writes
                begin, cpu_s = time.perf_counter(), time.thread_time()
                await node.write(writes)
                said = await receiver.count(node.egress, expected)
                cpu_us.append((time.thread_time() - cpu_s) / (subscriptions * writes) * 1e6)
                rates.append(subscriptions * writes / (time.perf_counter() - begin))
                lost += expected - said["distinct"]
            duplicates = said["requests"] - said["distinct"]
    finally:
        receiver.stop()
    report(
        "notify.delivered", f"{subscriptions} subscriptions, {writes} writes at once", "1/s", ok=lost == 0,
        **spread(rates), cpu_us=round(float(np.median(cpu_us))), lost=lost, duplicates=duplicates, target=f">= {TARGET_RATE:g}, 0 lost",
    )  # fmt: skip
    return lost == 0


async def beside_bad(folder: Path, pairs: int, writes: int) -> bool:
    """Compare how late good subscribers are told, with and without bad ones beside them."""
    receivers = {how: Receiver(how) for how in ("", "hang", "fail")}
    good = receivers[""]
    try:
        async with a_node(folder, "good") as alone, a_node(folder, "bad") as beside:
            for node in (alone, beside):
                for number in range(5):
                    await node.subscribe(f"{good.url}/{number}")
            for number in range(30):
                how = ("hang", "fail", "gone")[number % 3]
                await beside.subscribe(f"{receivers[how].url}/{number}" if how != "gone" else "http://127.0.0.1:9/")
            costs = [(await late_ms(beside, good, writes), await late_ms(alone, good, writes)) for _ in range(pairs)]
    finally:
        for one in receivers.values():
            one.stop()
    ratio = ratio_of(costs)
    report(
        "notify.beside_bad", "p99 from write to receipt, 30 bad subscribers beside 5 good", "ms", ok=True, a="beside",
        b="alone", **ratio.facts(), target=f"<= {TARGET_P99}",
    )  # fmt: skip
    return True


async def late_ms(node: Node, good: Receiver, writes: int) -> float:
    """Return the 99th percentile of milliseconds from a write to its receipt, one write after the other."""
    before = (await good.asked(node.egress))["requests"]
    begins = []
    for number in range(writes):
        begins.append(time.time())
        node.turn += 1
        await node.broker.update_attrs(ADMIN, f"urn:x:{number % ENTITIES}", speed(node.turn), node.terms)
        await asyncio.sleep(0.01)
    await good.count(node.egress, before + 5 * writes)
    at = (await good.asked(node.egress, "at"))["at"][before:]
    lates = [1000 * (when - begins[min(index // 5, writes - 1)]) for index, when in enumerate(sorted(at))]
    return float(np.percentile(lates, 99))


async def measured(options: argparse.Namespace) -> bool:
    RUNS.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=RUNS) as made:
        folder = Path(made)
        sound = await slowed(folder, options.pairs, options.writes, options.subscriptions)
        sound &= await delivered(folder, options.rounds, options.subscriptions, 1)
        sound &= await delivered(folder, options.rounds, 100, options.subscriptions // 100)
        sound &= await delivered(folder, options.rounds, 1, options.subscriptions)
        return sound and await beside_bad(folder, min(7, options.pairs), 200)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; return 1 when something was lost."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=15)
    parser.add_argument("--writes", type=int, default=1500)
    parser.add_argument("--subscriptions", type=int, default=5000)
    parser.add_argument("--rounds", type=int, default=4)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return 0 if runner.run(measured(parser.parse_args(arguments))) else 1


if __name__ == "__main__":
    sys.exit(main())
