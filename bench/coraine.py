"""The load that coraine and Antares measure themselves with: a page of a list, one entity, one attribute changed.

Prints JSON lines. `python -m bench.coraine [--url ROOT] [--users 50] [--requests 5000]`. Without `--url` a broker of ours runs in
a process of its own and its CPU time is told too; with it any broker can be measured beside ours. Latitudes are half of
the longitudes, since a hundred of them would not fit on earth otherwise. Exit status 1 only when an answer was an error.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Sequence
from contextlib import AsyncExitStack
from typing import Any

import orjson

from bench._load import Ask, Target, a_broker

FRAME_RUNS = 1
CARS = 100


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure everything; return 0 when all answers were right."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", help="root of another broker's API, like http://127.0.0.1:8080/ngsi-ld/v1")
    parser.add_argument("--users", type=int, default=50)
    parser.add_argument("--requests", type=int, default=5_000)
    return asyncio.run(measured(parser.parse_args(arguments)))


async def measured(options: argparse.Namespace) -> int:
    async with AsyncExitStack() as held:
        root, pid = (options.url, None) if options.url else await held.enter_async_context(a_broker())
        target = Target(root, options.users, {"accept": "application/json"}, pid)
        case, number = f"{options.users} users", options.requests
        await target.run(lambda at: Ask("POST", "/entities", car(at)), CARS)
        asks = {
            "list": lambda _: Ask("GET", "/entities?type=Vehicle&limit=20"),
            "get": lambda at: Ask("GET", f"/entities/urn:ngsi-ld:Vehicle:{at % CARS}"),
            "change one attribute": lambda at: Ask(
                "PATCH", f"/entities/urn:ngsi-ld:Vehicle:{at % CARS}/attrs/speed", {"type": "Property", "value": at}
            ),
        }
        right = []
        for what, ask in asks.items():
            await target.run(ask, number // 10)
            run = await target.run(ask, number)
            sound = what != "list" or len(orjson.loads(run.last)) == 20
            right.append(run.say("coraine", f"{what}, {case}", ok=sound))
    return 0 if all(right) else 1


def car(at: int) -> dict[str, Any]:
    return {
        "id": f"urn:ngsi-ld:Vehicle:{at}",
        "type": "Vehicle",
        "brandName": {"type": "Property", "value": f"Example-{at}"},
        "speed": {"type": "Property", "value": at},
        "colour": {"type": "Property", "value": "red"},
        "owner": {"type": "Relationship", "object": f"urn:ngsi-ld:Person:{at}"},
        "location": {"type": "GeoProperty", "value": {"type": "Point", "coordinates": [at, at / 2]}},
    }


if __name__ == "__main__":
    sys.exit(main())
