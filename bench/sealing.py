"""What sealing costs: a field, a read, a list, and a document in which nothing is sealed.

Asked: at most 20 us a field; a list at most 1.3 times one that stands in clear; at most 1 us a GET where nothing is sealed.
Ratios are thread CPU time of the same work over a store that seals and over the same store in clear, in pairs.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Any

from bench._stats import in_pairs, report
from linli.base import Ids, WallClock, read_json, write_json
from linli.broker import Broker, Contexts, Projection, Query, read_q, read_types
from linli.store import KeyBook, MemoryStore, Store
from linli.trust import Act, Keys, Policies, Principal, Sealed
from linli.trust._classes import Classes
from linli.trust._sealing import Sealing
from linli.vocab import vocabulary

WHO = Act(Principal("bench", "operator", ("/",)), "registry")
NODE, HOME = "990101000000", "/cn/r99"
FIELD_US_MAX, LIST_MAX, CLEAR_US_MAX = 20.0, 1.3, 1.0
PEOPLE = 500


def main() -> int:
    """Measure and print; return 1 when a case costs more than is asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--operations", type=int, default=20_000, help="operations a measurement")
    parser.add_argument("--pairs", type=int, default=15, help="pairs a ratio")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        fine = [fields(Path(folder), suite, options.operations) for suite in ("aes-256-gcm", "sm4-gcm")] + asyncio.run(
            ratios(Path(folder), options.operations, options.pairs)
        )
    return 0 if all(fine) else 1


def fields(folder: Path, suite: str, operations: int) -> bool:
    """Seal and open one field over and over: whole, with the JSON around it."""
    keys = Keys(KeyBook.open(folder / f"{suite}.db", sync="off"), bytes(32), suite=suite)
    classes = Classes(vocabulary())
    sealing, of = Sealing(keys, classes), classes.of_types(("Resident",))
    if of is None:
        raise SystemExit("bench: the vocabulary has no Resident")
    doc = {
        "id": "urn:x:1",
        "type": ["Resident"],
        "scope": [],
        "attrs": {"fullName": [{"type": "Property", "value": "安娜"}]},
    }
    key = keys.subject_key("default", "urn:x:1")
    sealed = sealing.doc(key, of, doc) or b""
    costs = {
        "seal": _each_us(lambda: sealing.doc(key, of, doc), operations),
        "open": _each_us(lambda: sealing.opened_doc("urn:x:1", sealed), operations),
        "blind_ref": _each_us(lambda: keys.blind("default", "ref", "urn:x:1"), operations),
        "blind_phone": _each_us(lambda: keys.blind("default", "phone", "+8613812341234"), operations),
    }
    keys.close()
    ok = costs["seal"] <= FIELD_US_MAX and costs["open"] <= FIELD_US_MAX
    report("sealing", f"a field, {suite}", "us", ok=ok, **{name: round(cost, 2) for name, cost in costs.items()})
    return ok


async def ratios(folder: Path, operations: int, pairs: int) -> list[bool]:
    """Compare a broker over a sealed store with one over the same in clear."""
    keys = Keys(KeyBook.open(folder / "keys.db", sync="off"), bytes(32))
    below, bare = MemoryStore(), MemoryStore()
    sealed, clear = _broker(Sealed(below, keys, vocabulary())), _broker(bare)
    for broker in (sealed, clear):
        for n in range(PEOPLE):
            await broker.create(WHO, _person(n), TERMS)
            await broker.create(WHO, _gate(n), TERMS)
    fresh = _broker(Sealed(below, keys, vocabulary(), opened_bytes=0))
    pages = max(1, operations // PEOPLE)
    searches = max(1, pages // 10)
    people, search = partial(_page, query=Query(types=PEOPLE_ALONE)), partial(_page, query=SEARCH)
    fine = [
        _beside("a page of 20 people", _timed(people, sealed, pages), _timed(people, clear, pages), pairs),
        _beside(
            "a search through 500 people", _timed(search, sealed, searches), _timed(search, clear, searches), pairs
        ),
        _beside(
            "the same, all opened anew",
            _timed(search, fresh, searches),
            _timed(search, clear, searches),
            pairs,
            LIST_MAX,
        ),
        _beside("a person", *(_timed(_person_of, broker, operations) for broker in (sealed, clear)), pairs),
    ]
    gate = [_timed(_gate_of, broker, operations) for broker in (sealed, clear)]
    fine.append(_more("a gate", *gate, pairs))
    return fine


def _beside(
    name: str, sealed: Callable[[], float], clear: Callable[[], float], pairs: int, most: float = LIST_MAX
) -> bool:
    """Say how much longer something takes where it is sealed."""
    ratio = in_pairs(sealed, clear, pairs)
    ok = ratio.ratio_median <= most
    report("sealing", f"{name}, sealed beside clear", "ratio", ok=ok, asked=most, **ratio.facts())
    return ok


def _more(name: str, sealed: Callable[[], float], clear: Callable[[], float], pairs: int) -> bool:
    """Say how many microseconds longer something takes in which nothing is sealed."""
    ratio = in_pairs(sealed, clear, pairs)
    more_us = round(ratio.a_median - ratio.b_median, 2)
    ok = more_us <= CLEAR_US_MAX
    report(
        "sealing", f"{name}, nothing sealed in it", "us", ok=ok, more_us=more_us, asked=CLEAR_US_MAX, **ratio.facts()
    )
    return ok


TERMS = Contexts(vocabulary(), {}, default="linli").default
PEOPLE_ALONE = read_types("Resident", TERMS)
SEARCH = Query(types=PEOPLE_ALONE, q=read_q('fullName=="nobody"', TERMS))


def _timed(work: Callable[[Broker], Awaitable[Any]], broker: Broker, times: int) -> Callable[[], float]:
    """Return how long `times` pieces of work take this thread, in microseconds each; nothing in them ever waits."""

    def measure() -> float:
        began = time.thread_time_ns()
        for _ in range(times):
            _finished(work(broker))
        return (time.thread_time_ns() - began) / 1000 / times

    return measure


def _finished(work: Awaitable[Any]) -> Any:
    """Run what never suspends to its end, without a loop."""
    steps = work.__await__()
    while True:
        try:
            next(steps)
        except StopIteration as done:
            return done.value


async def _page(broker: Broker, query: Query) -> None:
    await broker.query(WHO, query, terms=TERMS, projection=Projection(), limit=20)


async def _person_of(broker: Broker) -> None:
    await broker.get_bytes(WHO, f"urn:ngsi-ld:Resident:{NODE}:{7:026d}", TERMS, Projection())


async def _gate_of(broker: Broker) -> None:
    await broker.get_bytes(WHO, f"urn:ngsi-ld:Gate:{NODE}:{7:026d}", TERMS, Projection())


def _broker(store: Store) -> Broker:
    clock = WallClock()
    return Broker(store, vocabulary(), Policies(clock), clock, ids=Ids(NODE), home_scope=HOME)


def _person(number: int) -> dict[str, Any]:
    """Return a person with all that is kept for the registry: 16 fields that are sealed."""
    attributes, sample = vocabulary().types["Resident"].attributes, vocabulary().sample("Resident", whole=True)
    kept = {
        name: said
        for name, said in sample.items()
        if name not in attributes or attributes[name].pii == "none" or "registry" in attributes[name].purpose
    }
    return read_json(write_json({**kept, "id": f"urn:ngsi-ld:Resident:{NODE}:{number:026d}"}))


def _gate(number: int) -> dict[str, Any]:
    sample = vocabulary().sample("Gate", whole=True)
    return read_json(write_json({**sample, "id": f"urn:ngsi-ld:Gate:{NODE}:{number:026d}"}))


def _each_us(work: Callable[[], Any], times: int) -> float:
    began = time.thread_time_ns()
    for _ in range(times):
        work()
    return (time.thread_time_ns() - began) / 1000 / times


if __name__ == "__main__":
    sys.exit(main())
