"""What the broker costs: a GET by id beside a bare application, a batch beside plain SQLite, an engine's write.

Prints JSON lines. `python -m bench.broker [--pairs 15] [--gets 2000] [--entities 5000]`. The GET goes through the real
HTTP server's protocol without a socket, on both sides; units are CPU microseconds of that thread for one request. The
batch is durable on both sides, in wall time. Exit status 1 only when an answer is wrong.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import apsw
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from bench._probe import loop_ms, saying
from bench._stats import in_pairs, report, spread
from linli.base import Ids, SteppedClock, WallClock, write_json
from linli.broker import Broker, Draft
from linli.store import MemoryStore, SqliteStore
from linli.trust import Act, Identity, NodeSecret, Policies, Principal
from linli.vocab import vocabulary
from linli.web import Asking, BrokerApp, BrokerDoors, Health
from linli.web._ngsild import NgsiLd

FRAME_RUNS = 1
RUNS = Path(__file__).parent / "runs"  # not the folder for temporary files, which may lie in memory
ENGINE = Act(Principal("engine:bench", "engine", ("/",)), "service")
ADMIN = Act(Principal("operator", "operator", ("/",)), "service")
BATCH = 100
_turn = itertools.count(1)


class Wire(asyncio.Transport):
    """The far end of a connection that is no socket: remembers the last answer and says when it is whole."""

    def __init__(self) -> None:
        super().__init__({"peername": ("127.0.0.1", 1), "sockname": ("127.0.0.1", 2)})
        self.answer = b""
        self.closed = False

    def write(self, data: bytes) -> None:
        self.answer += data

    def is_closing(self) -> bool:
        return self.closed

    def close(self) -> None:
        self.closed = True

    def pause_reading(self) -> None:
        return

    def resume_reading(self) -> None:
        return

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        return


class Server:
    """One application behind the real protocol of the HTTP server."""

    def __init__(self, runner: asyncio.Runner, app: Any) -> None:
        self.runner = runner
        self.wire = Wire()
        config = Config(app, http="httptools", ws="none", lifespan="off", access_log=False, log_config=None)
        config.load()
        self.state = ServerState()
        self.protocol = runner.run(self._protocol(config))

    async def _protocol(self, config: Config) -> HttpToolsProtocol:
        protocol = HttpToolsProtocol(config, self.state, {}, asyncio.get_running_loop())
        protocol.connection_made(self.wire)
        return protocol

    def cost(self, request: bytes, times: int) -> float:
        """Return CPU microseconds for one request."""
        return self.cost_of([request] * times)

    def cost_of(self, requests: Sequence[bytes]) -> float:
        """Return CPU microseconds for one of these requests, in the mean."""
        return float(self.runner.run(self._cost(requests)))

    async def _cost(self, requests: Sequence[bytes]) -> float:
        begin = time.thread_time()
        for request in requests:
            self.wire.answer = b""
            self.protocol.data_received(request)
            await asyncio.gather(*self.state.tasks)
        return (time.thread_time() - begin) / len(requests) * 1e6


def a_broker(store: SqliteStore) -> Broker:
    clock = SteppedClock(1_795_400_107_000_000)
    return Broker(store, vocabulary(), Policies(clock), clock, ids=Ids("370102"), home_scope="/cn/r37/r3701/r370102")


def a_call(name: int) -> Draft:
    at = "2026-11-23T02:15:07Z"
    values = {
        "number": "K7Q-24M",
        "serviceKind": "urn:ngsi-ld:ServiceKind:elder.care_visit",
        "urgency": 1,
        "mouth": "key",
        "caller": "caller:0123456789abcdef",
        "receivedAt": at,
        "dueArrive": at,
        "homeNode": "urn:ngsi-ld:Area:370102000000",
        "homeArea": "urn:ngsi-ld:Area:370102001001",
        "state": "received",
        "stateAt": at,
        "place": {"type": "Point", "coordinates": [117.02, 36.66]},
        "presses": 1,
        "seq": 1,
        "timeline": [{"at": at, "what": "received"}],
    }
    return Draft(f"urn:ngsi-ld:ServiceCall:370102001001:{name:026d}", "ServiceCall", values, None, 0)


def a_car(name: int, speed: int) -> dict[str, Any]:
    return {
        "id": f"urn:ngsi-ld:Vehicle:{name}",
        "type": "Vehicle",
        "brandName": {"type": "Property", "value": f"Example-{name}"},
        "speed": {"type": "Property", "value": speed},
        "colour": {"type": "Property", "value": "red"},
        "owner": {"type": "Relationship", "object": f"urn:ngsi-ld:Person:{name}"},
        "location": {"type": "GeoProperty", "value": {"type": "Point", "coordinates": [name % 90, name % 45]}},
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure everything; return 0 when all answers were right."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=15)
    parser.add_argument("--gets", type=int, default=2_000, help="requests in one half of a pair")
    parser.add_argument("--entities", type=int, default=5_000)
    options = parser.parse_args(arguments)
    RUNS.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=RUNS) as folder, asyncio.Runner() as runner:
        store = SqliteStore.open(Path(folder) / "linli.db")
        broker = a_broker(store)
        for first in range(0, options.entities, 1000):
            drafts = [a_call(n) for n in range(first, min(first + 1000, options.entities))]
            runner.run(broker.write(ENGINE, drafts))
        right = [
            gets(runner, broker, options.gets, options.pairs),
            writes(runner, broker, options.entities),
            batches(runner, broker, Path(folder), options.pairs),
        ]
        runner.run(store.close())
    return 0 if all(right) else 1


def gets(runner: asyncio.Runner, broker: Broker, times: int, pairs: int) -> bool:
    """A hot entity of a whole node, nothing in it personal, beside an application that says the same bytes.

    What reading personal data costs, which is written down before it is answered, `bench.audit` measures.
    """
    runner.run(broker.create(ADMIN, a_car(1, 50), broker.contexts.default))
    asking = Asking(Identity(MemoryStore(), WallClock(), WallClock(), NodeSecret(None)), sign_in="open")
    health = Health(broker, lambda: None, {})
    ours = Server(runner, BrokerApp(BrokerDoors(broker, asking, health)))
    request = (
        f"GET /ngsi-ld/v1/entities/{a_car(1, 50)['id']} HTTP/1.1\r\nhost: localhost\r\naccept: application/json\r\n\r\n"
    ).encode()
    ours.cost(request, times)
    bare = Server(runner, saying(ours.wire.answer.partition(b"\r\n\r\n")[2]))
    bare.cost(request, times)
    ratio = in_pairs(lambda: bare.cost(request, times), lambda: ours.cost(request, times), pairs)
    ok = ours.wire.answer.startswith(b"HTTP/1.1 200") and b'"speed":{"type":"Property","value":50}' in ours.wire.answer
    facts = ratio.facts()
    report("broker", "get by id: bare / ours", "us_cpu", ok=ok, a="bare", b="ours", **facts, loop_ms=loop_ms())
    return ok


def writes(runner: asyncio.Runner, broker: Broker, entities: int) -> bool:
    """An engine's write: what the loop's thread spends on a new call, and on three attributes of one that stands."""

    async def story() -> tuple[list[float], list[float]]:
        new, changed = [], []
        for number in range(entities, entities + 400):
            draft = a_call(number)
            begin = time.thread_time()
            made = await broker.write(ENGINE, [draft])
            new.append((time.thread_time() - begin) * 1e6)
            values = {"state": "triaged", "stateAt": "2026-11-23T02:15:08Z", "urgency": 2}
            version = made[draft.id].version
            begin = time.thread_time()
            await broker.write(ENGINE, [Draft(draft.id, "ServiceCall", values, expect_version=version)])
            changed.append((time.thread_time() - begin) * 1e6)
        return new, changed

    new, changed = runner.run(story())
    plain = runner.run(broker.read(ENGINE, a_call(entities).id))
    ok = plain is not None and plain.values["state"] == "triaged" and plain.version == 2
    report("broker", "engine writes a new call", "us_cpu", ok=ok, **spread(new), loop_ms=loop_ms())
    report("broker", "engine changes a call", "us_cpu", ok=ok, **spread(changed), loop_ms=loop_ms())
    return ok


def batches(runner: asyncio.Runner, broker: Broker, folder: Path, pairs: int) -> bool:
    """A batch of a hundred over the NGSI-LD door, durable, beside a hundred rows in one commit of plain SQLite."""
    server = Server(runner, NgsiLd(broker, lambda _: ADMIN))
    with closing(apsw.Connection(str(folder / "plain.db"))) as plain:
        for statement in ("PRAGMA journal_mode=WAL", "PRAGMA synchronous=FULL", "CREATE TABLE e(id PRIMARY KEY, doc)"):
            list(plain.execute(statement))

        def ours() -> float:
            turn = next(_turn)
            body = write_json([a_car(n, turn) for n in range(BATCH)])
            head = (
                "POST /ngsi-ld/v1/entityOperations/upsert HTTP/1.1\r\nhost: localhost\r\n"
                f"content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
            )
            return wall(lambda: server.cost(head.encode() + body, 1))

        def raw() -> float:
            turn = next(_turn)
            rows = [(f"urn:ngsi-ld:Vehicle:{n}", write_json(a_car(n, turn))) for n in range(BATCH)]
            return wall(lambda: _upsert(plain, rows))

        ours(), raw()
        ratio = in_pairs(raw, ours, pairs)
        turn = next(_turn)
        ours()
        ok = server.wire.answer.startswith((b"HTTP/1.1 201", b"HTTP/1.1 204"))
    read = runner.run(broker.get(ADMIN, "urn:ngsi-ld:Vehicle:7", simplified=True))
    ok = ok and read["speed"] > turn
    report("broker", "upsert 100: plain / ours", "ms", ok=ok, a="plain", b="ours", **ratio.facts(), loop_ms=loop_ms())
    return ok


def _upsert(plain: apsw.Connection, rows: list[tuple[str, bytes]]) -> None:
    with plain:
        plain.executemany("INSERT INTO e VALUES(?,?) ON CONFLICT(id) DO UPDATE SET doc=excluded.doc", rows)


def wall(work: Callable[[], object]) -> float:
    begin = time.perf_counter()
    work()
    return (time.perf_counter() - begin) * 1000


if __name__ == "__main__":
    sys.exit(main())
