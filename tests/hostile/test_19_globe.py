"""Hostile test 19: questions about the whole globe come in pages, monsters of geometry are refused, memory is bounded."""

from __future__ import annotations

import asyncio
import math
import tracemalloc
from typing import Any

import pytest
from broker_here import a_broker

from linli.base import write_json
from linli.client import AsyncNgsiLdClient, ClientProblem, Near, Query

LAMPS = 5000
#: what one page of a question about everything may take beside the entities themselves
MEMORY_BYTES_MAX = 8 << 20
GLOBE = "[[[-180,-90],[-60,-90],[60,-90],[180,-90],[180,90],[60,90],[-60,90],[-180,90],[-180,-90]]]"


def circle(vertices: int) -> list[list[list[float]]]:
    """Return a ring of so many positions."""
    ring = [[90 * math.cos(6.283 * i / vertices), 45 * math.sin(6.283 * i / vertices)] for i in range(vertices)]
    return [[*ring, ring[0]]]


async def with_lamps() -> AsyncNgsiLdClient:
    client = a_broker()
    for first in range(0, LAMPS, 1000):
        await client.upsert_batch(
            {
                "id": f"urn:ngsi-ld:Lamp:{number}",
                "type": "Lamp",
                "location": {
                    "type": "GeoProperty",
                    "value": {"type": "Point", "coordinates": [number % 360 - 179.5, number % 170 - 84.5]},
                },
            }
            for number in range(first, first + 1000)
        )
    return client


async def one_page(client: AsyncNgsiLdClient, query: Query) -> list[dict[str, Any]]:
    found = []
    async for entity in client.query(query, page=20):
        found.append(entity)
        if len(found) == 20:
            break
    return found


WIDE = {
    "near everything": Query(type="Lamp", near=Near(0, 0, max_m=25_000_000)),
    "beyond nothing": Query(type="Lamp", near=Near(0, 0, min_m=0.001)),
    "within the globe": Query(type="Lamp", georel="within", geometry="Polygon", coordinates=GLOBE),
    "meeting the globe": Query(type="Lamp", georel="intersects", geometry="Polygon", coordinates=GLOBE),
    "without a type": Query(near=Near(0, 0, max_m=25_000_000)),
}


@pytest.mark.slow
def test_a_question_about_the_globe_comes_in_pages() -> None:
    async def story() -> dict[str, tuple[int, int, int]]:
        client, seen = await with_lamps(), {}
        for name, query in WIDE.items():
            count = await client.count(query)
            tracemalloc.start()
            page = await one_page(client, query)
            seen[name] = (count, len(page), tracemalloc.get_traced_memory()[1])
            tracemalloc.stop()
        return seen

    for name, (count, page, memory_bytes) in asyncio.run(story()).items():
        assert (name, count, page) == (name, LAMPS, 20)
        assert memory_bytes < MEMORY_BYTES_MAX, name


def test_a_polygon_of_a_million_positions_is_refused_wherever_it_stands() -> None:
    monster = circle(1_000_000)
    place = {"type": "GeoProperty", "value": {"type": "Polygon", "coordinates": monster}}
    entity = {"id": "urn:ngsi-ld:Lamp:1", "type": "Lamp", "location": place}
    query = {
        "geoQ": {"georel": "within", "geometry": "Polygon", "coordinates": monster},
        "entities": [{"type": "Lamp"}],
    }

    async def story() -> list[int]:
        client = a_broker()
        return [
            await refusal(client.create(entity)),
            await refusal(client.query_by_body(query)),
            (await client.upsert_batch([{**entity, "location": {**place, "value": {"type": "Polygon", "coordinates": circle(20_000)}}}])).refused[0].status,
            await refusal(one_page(client, Query(type="Lamp", georel="within", geometry="Polygon", coordinates=write_json(monster).decode()))),
        ]  # fmt: skip

    assert asyncio.run(story()) == [413, 413, 400, 413]


@pytest.mark.parametrize(
    "coordinates",
    [
        "[[[0,0],[1e308,0],[0,1e308],[0,0]]]",
        "[[[0,0],[181,0],[0,91],[0,0]]]",
        "[" * 500,
        "[[[0,0],[0,0],[0,0],[0,0]]]x",
    ],
)
def test_coordinates_off_the_globe_are_refused(coordinates: str) -> None:
    async def story() -> int:
        query = Query(type="Lamp", georel="within", geometry="Polygon", coordinates=coordinates)
        return await refusal(one_page(a_broker(), query))

    assert asyncio.run(story()) == 400


async def refusal(asked: Any) -> int:
    """Return the status with which something was refused; 0 when it was not."""
    try:
        await asked
    except ClientProblem as problem:
        return problem.status
    return 0
