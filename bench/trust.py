"""What trust costs: a decision, a list that is filtered beside one that is not, a signed-in GET beside a bare application.

Asked: a decision at most 200 us uncached (p50); a filtered list at most 1.3 times the unfiltered one; a signed-in GET of an
entity in which nothing is personal at no less than 0.6 of a bare application. Costs are thread CPU time, ratios in pairs.
`python -m bench.trust [--pairs 15] [--gets 2000] [--entities 5000]`.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from bench._probe import loop_ms, saying
from bench._stats import in_pairs, report, spread
from bench.broker import RUNS, Server
from linli.base import Ids, SteppedClock, WallClock
from linli.broker import Broker, Page, Projection, Query, read_scope_q, read_types
from linli.store import MemoryStore, SqliteStore, Store
from linli.trust import AT_WORK, Act, Identity, NodeSecret, Policies, Principal, Thing
from linli.trust._authz import FOLDER
from linli.trust._rules import Rules
from linli.vocab import vocabulary
from linli.web import Asking, BrokerApp, BrokerDoors, Health

UNCACHED_US_MAX, LIST_MAX, GET_MIN = 200.0, 1.3, 0.6
CITY = "/cn/r37/r3701/r370102"
COMMUNITIES = 50
CLOCK = SteppedClock(1_795_400_107_000_000)
OPERATOR = Act(Principal("operator", "operator", ("/",)), "operation")


def community(number: int) -> str:
    return f"{CITY}/r370102{number % COMMUNITIES:03d}"


def worker(*scopes: str) -> Act:
    return Act(Principal("worker:bench", "community_worker", scopes), "operation")


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure everything; return 0 when all answers were right. Each line says whether it is cheap enough."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=15)
    parser.add_argument("--gets", type=int, default=2_000, help="requests in one half of a pair")
    parser.add_argument("--entities", type=int, default=5_000)
    options = parser.parse_args(arguments)
    RUNS.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=RUNS) as folder, asyncio.Runner() as runner:
        decisions()
        store = SqliteStore.open(Path(folder) / "linli.db")
        broker = a_broker(store)
        runner.run(fill(broker, options.entities))
        right = [lists(runner, broker, options.pairs), gets(runner, broker, options.gets, options.pairs)]
        runner.run(store.close())
    return 0 if all(right) else 1


def a_broker(store: Store) -> Broker:
    return Broker(store, vocabulary(), Policies(CLOCK), CLOCK, ids=Ids("370102"), home_scope=CITY)


async def fill(broker: Broker, count: int) -> None:
    """Write lockers, evenly over the communities: things of a unit in which nothing is personal."""
    for number in range(count):
        await broker.create(OPERATOR, a_locker(number), broker.contexts.default)


def a_locker(number: int) -> dict[str, Any]:
    return {
        "id": f"urn:ngsi-ld:Locker:370102001001:{number:026d}",
        "type": "Locker",
        "scope": community(number),
        "slotsTotal": {"type": "Property", "value": 40},
        "slotsFree": {"type": "Property", "value": number % 40},
        "state": {"type": "VocabProperty", "vocab": "ok"},
        "openingHours": {"type": "Property", "value": ["Mo-Su 06:00-23:00"]},
    }


# decisions


def decisions() -> None:
    """A decision of which nothing is kept but the loaded policies, one whose rules were worked out, and a kept one."""
    policies, act = Policies(CLOCK), worker(community(1))
    things = {
        "a call of the own area": Thing(
            "ServiceCall", (community(1) + "/g01",), ("urn:ngsi-ld:ServiceCall:1", "caller:1")
        ),
        "a call of another area": Thing(
            "ServiceCall", (community(2) + "/g01",), ("urn:ngsi-ld:ServiceCall:1", "caller:1")
        ),
        "a locker": Thing("Locker", (community(1),), ("urn:ngsi-ld:Locker:1",)),
        "a resident": Thing("Resident", (community(1) + "/g01",), ("urn:ngsi-ld:Resident:1",)),
    }
    for name, thing in things.items():
        residue = policies._rules.residue("community_worker", "read", thing.type)  # noqa: SLF001 - it is to forget here

        def uncached(thing: Thing = thing, residue: Any = residue) -> None:
            residue.decided.clear()
            policies.allows(act, "read", thing)

        def cached(thing: Thing = thing) -> None:
            policies.allows(act, "read", thing)

        cost = spread(each_us(uncached, 2_000))
        ok = cost["p50"] <= UNCACHED_US_MAX
        report(
            "trust", f"decision, uncached: {name}", "us_cpu", ok=ok, asked=UNCACHED_US_MAX, **cost, loop_ms=loop_ms()
        )
        report(
            "trust",
            f"decision, cached: {name}",
            "us_cpu",
            ok=True,
            **spread(many_us(cached, 20_000)),
            loop_ms=loop_ms(),
        )
    rules = Rules(FOLDER)
    first = [
        each_us(lambda role=role: rules.residue(role, "read", "ServiceCall"), 1)[0]
        for role in vocabulary().lists["role"].codes
    ]
    report(
        "trust", "the rules of a role and verb, worked out once", "us_cpu", ok=True, **spread(first), loop_ms=loop_ms()
    )


def each_us(work: Callable[[], Any], times: int) -> list[float]:
    """Return what each of some pieces of work costs this thread, in microseconds."""
    costs = []
    for _ in range(times):
        begin = time.thread_time_ns()
        work()
        costs.append((time.thread_time_ns() - begin) / 1000)
    return costs


def many_us(work: Callable[[], Any], times: int, rounds: int = 15) -> list[float]:
    """Return what one of many pieces of work costs this thread, in microseconds, in some rounds."""
    return [each_us(lambda: [work() for _ in range(times)], 1)[0] / times for _ in range(rounds)]


# lists


def lists(runner: asyncio.Runner, broker: Broker, pairs: int) -> bool:
    """The same page for who may see everything, and for who is let see just this: both ask in the same words."""
    everywhere, own = worker(CITY), worker(community(7))
    right = []
    for limit, rounds in ((20, 100), (100, 40), (1000, 8)):
        whole = Query(types=read_types("Locker", broker.contexts.default))
        cases = [(f"a page of {limit}, all of it his", everywhere, whole)]
        if limit <= 100:
            cases.append((f"a page of {limit}, his is a fiftieth of all", own, whole))
        for name, act, query in cases:
            scoped = query if act is everywhere else Query(types=query.types, scopes=read_scope_q(f"{community(7)}/#"))
            mine = paged(runner, broker, act, query, limit, rounds)
            all_of_it = paged(runner, broker, OPERATOR, scoped, limit, rounds)
            same = (
                runner.run(a_page(broker, act, query, limit)).entities
                == runner.run(a_page(broker, OPERATOR, scoped, limit)).entities
            )
            ratio = in_pairs(mine, all_of_it, pairs)
            ok = same and ratio.ratio_median <= LIST_MAX
            report(
                "trust",
                f"{name}: filtered / unfiltered",
                "us_cpu",
                ok=ok,
                asked=LIST_MAX,
                **ratio.facts(),
                loop_ms=loop_ms(),
            )
            right.append(same)
    return all(right)


async def a_page(broker: Broker, act: Act, query: Query, limit: int) -> Page:
    return await broker.query(act, query, terms=broker.contexts.default, projection=Projection(), limit=limit)


def paged(
    runner: asyncio.Runner, broker: Broker, act: Act, query: Query, limit: int, rounds: int
) -> Callable[[], float]:
    async def some() -> None:
        for _ in range(rounds):
            await a_page(broker, act, query, limit)

    def measure() -> float:
        begin = time.thread_time_ns()
        runner.run(some())
        return (time.thread_time_ns() - begin) / 1000 / rounds

    return measure


# a signed-in GET


def gets(runner: asyncio.Runner, broker: Broker, times: int, pairs: int) -> bool:
    """A hot entity in which nothing is personal, read by a worker who is signed in, beside an application that says its bytes."""
    identity = Identity(MemoryStore(), CLOCK, WallClock(), NodeSecret(None))
    credential = runner.run(identity.logins.open(worker(CITY).who, "passkey", AT_WORK))
    health = Health(broker, lambda: None, {})
    ours = Server(runner, BrokerApp(BrokerDoors(broker, Asking(identity, sign_in="accounts"), health)))
    entity_id = a_locker(3)["id"]
    request = (
        f"GET /ngsi-ld/v1/entities/{entity_id} HTTP/1.1\r\nhost: localhost\r\naccept: application/json\r\n"
        f"authorization: Bearer {credential}\r\n\r\n"
    ).encode()
    ours.cost(request, times)
    bare = Server(runner, saying(ours.wire.answer.partition(b"\r\n\r\n")[2]))
    bare.cost(request, times)
    ratio = in_pairs(lambda: bare.cost(request, times), lambda: ours.cost(request, times), pairs)
    right = (
        ours.wire.answer.startswith(b"HTTP/1.1 200")
        and b'"slotsTotal":{"type":"Property","value":40}' in ours.wire.answer
    )
    ok = right and ratio.ratio_median >= GET_MIN
    facts = ratio.facts()
    report(
        "trust",
        "signed-in get by id: bare / ours",
        "us_cpu",
        ok=ok,
        asked=GET_MIN,
        a="bare",
        b="ours",
        **facts,
        loop_ms=loop_ms(),
    )
    return right


if __name__ == "__main__":
    sys.exit(main())
