"""The load that Stellio measures itself with: create, change one attribute, change three, query, read the past.

Prints JSON lines. `python -m bench.stellio [--url ROOT] [--users 10] [--iterations 2000]`. Without `--url` a broker of ours
runs in a process of its own, durable, and its CPU time is told too; with it any broker can be measured beside ours. Units
are milliseconds of one request in a closed loop. Exit status 1 only when an answer was an error or a written value is
not read back; times never fail a run.
Source: the shape of the public k6 scripts of stellio-hub/ngsild-load-tests, written anew.
"""

from __future__ import annotations

import argparse
import asyncio
import datetime as dt
import random
import sys
from collections.abc import Sequence
from contextlib import AsyncExitStack
from typing import Any
from urllib.parse import quote

import orjson

from bench._load import Ask, Target, a_broker

FRAME_RUNS = 1
START = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
MEASURES = ("ammonium", "waterTemperature", "dissolvedOxygen")
LINK = (
    '<https://uri.etsi.org/ngsi-ld/v1/ngsi-ld-core-context-v1.7.jsonld>; rel="http://www.w3.org/ns/json-ld#context"; '
    'type="application/ld+json"'
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure everything; return 0 when all answers were right."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", help="root of another broker's API, like http://127.0.0.1:8080/ngsi-ld/v1")
    parser.add_argument("--users", type=int, default=10)
    parser.add_argument("--iterations", type=int, default=2_000)
    parser.add_argument("--types", type=int, default=5, help="how many types the entities are spread over")
    parser.add_argument("--instances", type=int, default=10_000, help="length of the longest past")
    return asyncio.run(measured(parser.parse_args(arguments)))


async def measured(options: argparse.Namespace) -> int:
    async with AsyncExitStack() as held:
        root, pid = (options.url, None) if options.url else await held.enter_async_context(a_broker())
        target = Target(root, options.users, {"link": LINK, "accept": "application/json"}, pid)
        case = f"{options.users} users"
        right = [
            await writes(target, options, case),
            await queries(target, options, case),
            await pasts(target, options, case),
        ]
    return 0 if all(right) else 1


async def writes(target: Target, options: argparse.Namespace, case: str) -> bool:
    """Create entities, then change one attribute of each, then three."""
    number = options.iterations
    created = await target.run(lambda at: Ask("POST", "/entities", station(at, options.types)), number)
    one = await target.run(lambda at: Ask("PATCH", f"/entities/{name(at)}/attrs/dissolvedOxygen", oxygen(at)), number)
    three = await target.run(lambda at: Ask("PATCH", f"/entities/{name(at)}/attrs", observed(at)), number)
    read = orjson.loads(await target.one(Ask("GET", f"/entities/{name(number - 1)}")))
    right = read["dissolvedOxygen"]["value"] == observed(number - 1)["dissolvedOxygen"]["value"]
    return all(
        [
            created.say("stellio", f"create, {case}"),
            one.say("stellio", f"change one attribute, {case}", ok=right),
            three.say("stellio", f"change three attributes, {case}", ok=right),
        ]
    )


async def queries(target: Target, options: argparse.Namespace, case: str) -> bool:
    """Ask for one of the types by a measure and by name."""
    draw = random.Random(7)

    def ask(_: int) -> Ask:
        q = f'{draw.choice(MEASURES)}>{draw.randrange(100)};name=="Name of my entity"'
        return Ask("GET", f"/entities?type=Station{draw.randrange(options.types)}&q={quote(q)}")

    run = await target.run(ask, options.iterations // 4)
    whole = f"/entities?type=Station0&q={quote('ammonium>-1')}&count=true&limit=1"
    right = len(orjson.loads(await target.one(Ask("GET", whole)))) == 1
    return run.say("stellio", f"query {options.iterations} entities of {options.types} types, {case}", ok=right)


async def pasts(target: Target, options: argparse.Namespace, case: str) -> bool:
    """Read the past of one entity, longer and longer: normalized, as pairs, and the average by second."""
    right, size = [], 100
    while size <= options.instances:
        await target.run(lambda at, size=size: Ask("POST", "/temporal/entities", past(size, at)), -(-size // 1000))
        path = f"/temporal/entities/{past_name(size)}?timerel=after&timeAt={moment(0)}"
        for form, said in (
            ("normalized", ""),
            ("pairs", "&options=temporalValues"),
            ("average by second", "&options=aggregatedValues&aggrMethods=avg&aggrPeriodDuration=PT1S"),
        ):
            ask = Ask("GET", path + said)
            run = await target.run(lambda _, ask=ask: ask, 40)
            found = orjson.loads(run.last).get("waterTemperature")
            right.append(run.say("stellio", f"past of {size} instances, {form}, {case}", ok=bool(found)))
        size *= 10
    return all(right)


def name(at: int) -> str:
    return f"urn:ngsi-ld:Station:bench:{at}"


def past_name(size: int) -> str:
    return f"urn:ngsi-ld:Station:past:{size}"


def moment(second: int) -> str:
    return (START + dt.timedelta(seconds=second)).strftime("%Y-%m-%dT%H:%M:%SZ")


def station(at: int, types: int) -> dict[str, Any]:
    """A made-up station with five measured values, one of them with something said about it."""
    layer = {"unitCode": "M1", "observedAt": moment(at)}
    oxygen_code = {"type": "Property", "value": "1311"}
    return {
        "id": name(at),
        "type": f"Station{at % types}",
        "name": {"type": "Property", "value": "Name of my entity"},
        "description": {"type": "Property", "value": "A made-up station for measuring"},
        "stationCode": {"type": "Property", "value": f"S{at:06d}"},
        "ammonium": [
            {"type": "Property", "value": 0.34, "datasetId": "urn:ngsi-ld:Dataset:Bottom", **layer},
            {"type": "Property", "value": 0.41, "datasetId": "urn:ngsi-ld:Dataset:Surface", **layer},
        ],
        "waterTemperature": [
            {"type": "Property", "value": 10.9, "datasetId": "urn:ngsi-ld:Dataset:Bottom", **layer, "unitCode": "CEL"},
            {"type": "Property", "value": 12.9, "datasetId": "urn:ngsi-ld:Dataset:Surface", **layer, "unitCode": "CEL"},
        ],
        "dissolvedOxygen": {"type": "Property", "value": 8.9, "observedAt": moment(at), "code": oxygen_code},
        "servesDataset": {"type": "Relationship", "object": "urn:ngsi-ld:Dataset:bench"},
        "location": {"type": "GeoProperty", "value": {"type": "Point", "coordinates": [117.0, 36.0 + at % 100 / 100]}},
    }


def oxygen(at: int) -> dict[str, Any]:
    return {"value": at % 100 / 10, "observedAt": moment(at + 1)}


def observed(at: int) -> dict[str, Any]:
    """New values of the three measures."""
    return {
        measure: {"type": "Property", "value": (at + turn) % 100, "observedAt": moment(at + 2)}
        for turn, measure in enumerate(MEASURES)
    }


def past(size: int, part: int) -> dict[str, Any]:
    """The n-th thousand of a past of that length."""
    values = [
        {"type": "Property", "value": second % 100, "observedAt": moment(second)}
        for second in range(1000 * part, min(size, 1000 * part + 1000))
    ]
    return {"id": past_name(size), "type": "StationPast", "waterTemperature": values}


if __name__ == "__main__":
    sys.exit(main())
