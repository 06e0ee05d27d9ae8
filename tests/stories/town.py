"""A small made-up town for the stories: two communities side by side on a street grid, loaded through the public doors."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from linli.app import Node, Plan, build
from linli.base import MINUTE_US, Settings, SteppedClock, WallClock, from_wire_time, to_wire_time
from linli.client import Client
from linli.travel import Network, Street

DISTRICT = "/cn/r99/r9901/r990101"
WEST, EAST = "990101001001", "990101001002"
START_US = from_wire_time("2026-03-02T01:00:00Z")
LON, LAT, STEP, SIDE = 117.0, 36.6, 0.002, 21
"""South-west corner; one street each 0.002 degrees (about 200 m); 21 streets each way."""


def streets() -> list[Street]:
    """Return a square grid of residential streets, about 3.6 x 4.4 km."""
    marks = [i * STEP for i in range(SIDE)]
    rows = [[(round(LON + x, 6), round(LAT + y, 6)) for x in marks] for y in marks]
    columns = [[(round(LON + x, 6), round(LAT + y, 6)) for y in marks] for x in marks]
    return [Street(points) for points in (*rows, *columns)]


def area_id(code: str) -> str:
    return f"urn:ngsi-ld:Area:{code}"


def scope_of(code: str) -> str:
    return f"{DISTRICT}/r{code[:9]}/r{code}"


def prop(value: Any) -> dict[str, Any]:
    return {"type": "Property", "value": value}


def word(value: Any) -> dict[str, Any]:
    return {"type": "VocabProperty", "vocab": value}


def link(value: Any) -> dict[str, Any]:
    return {"type": "Relationship", "object": value}


def point(lon: float, lat: float) -> dict[str, Any]:
    return {"type": "GeoProperty", "value": {"type": "Point", "coordinates": [lon, lat]}}


def a_community(code: str, zh: str, en: str, west: float, east: float) -> dict[str, Any]:
    south, north = LAT - 0.001, LAT + SIDE * STEP
    ring = [[west, south], [east, south], [east, north], [west, north], [west, south]]
    return {
        "id": area_id(code),
        "type": "Area",
        "scope": scope_of(code),
        "name": {"type": "LanguageProperty", "languageMap": {"zh": zh, "en": en}},
        "areaLevel": word("community"),
        "code": prop(code),
        "boundary": {"type": "GeoProperty", "value": {"type": "Polygon", "coordinates": [ring]}},
    }


def a_provider(name: str = "示例照护站") -> dict[str, Any]:
    return {
        "id": "urn:ngsi-ld:Provider:990101000000:01JTESTPR0V1DER00000000001",
        "type": "Provider",
        "scope": DISTRICT,
        "name": {"type": "LanguageProperty", "languageMap": {"zh": name, "en": "Example care station"}},
        "legalName": prop(name),
        "uscc": prop("91990101MA0000000U"),
        "kinds": link(["urn:ngsi-ld:ServiceKind:elder.care_visit"]),
    }


def helper_id(number: int) -> str:
    return f"urn:ngsi-ld:Helper:990101000000:01JTESTHE1PER{number:013d}"


def a_helper(
    number: int, code: str, lon: float, lat: float, *, skills: Sequence[str] = ("carer",), duty: str = "ready"
) -> dict[str, Any]:
    return {
        "id": helper_id(number),
        "type": "Helper",
        "scope": scope_of(code),
        "inArea": link(area_id(code)),
        "fullName": prop(f"示例{number:03d}"),
        "role": word("carer"),
        "organization": link(a_provider()["id"]),
        "hasSkill": word(list(skills)),
        "dutyState": word(duty),
        "profile": word("ebike"),
        "position": point(lon, lat),
    }


def a_shift(number: int, code: str, hours: float = 12) -> dict[str, Any]:
    return {
        "id": f"urn:ngsi-ld:Shift:990101000000:01JTESTSH1FT0{number:013d}",
        "type": "Shift",
        "scope": scope_of(code),
        "helper": link(helper_id(number)),
        "covers": link([area_id(code)]),
        "from": prop(to_wire_time(START_US - 60 * MINUTE_US)),
        "to": prop(to_wire_time(START_US + int(hours * 60) * MINUTE_US)),
    }


class Town:
    """One running node with its clients; time stands still until `pass_minutes`."""

    def __init__(self, node: Node) -> None:
        self.node = node
        self.stranger = Client(app=node.web)
        self.admin = self.stranger

    async def load(self, *entities: dict[str, Any]) -> None:
        await self.admin.upsert_batch(list(entities), purpose="staff")
        await self.node.settle()

    async def helper(self, number: int) -> Client:
        return await self.stranger.sign_in(helper_id(number))

    async def worker(self, code: str) -> Client:
        return await self.stranger.sign_in(f"worker:{area_id(code)}")

    async def official(self) -> Client:
        return await self.stranger.sign_in("official:" + area_id("990101"))

    async def pass_minutes(self, minutes: float) -> None:
        """Move the city clock, stopping at everything that falls due on the way."""
        end = self.node.now_us() + int(minutes * MINUTE_US)
        while (due := await self.node.next_due_us()) is not None and due < end:
            await self.node.advance_to(max(due, self.node.now_us()))
        await self.node.advance_to(end)

    async def settle(self) -> None:
        await self.node.settle()


def a_district() -> list[dict[str, Any]]:
    """Return the two communities and their district: west of the middle line, east of it."""
    middle, edge = LON + 0.0201, LON + SIDE * STEP
    return [
        {
            "id": area_id("990101"),
            "type": "Area",
            "scope": DISTRICT,
            "name": {"type": "LanguageProperty", "languageMap": {"zh": "示例区", "en": "Example District"}},
            "areaLevel": word("district"),
            "code": prop("990101000000"),
        },
        a_community(WEST, "西示例社区", "Example West", LON - 0.001, middle),
        a_community(EAST, "东示例社区", "Example East", middle, edge),
        a_provider(),
    ]


@asynccontextmanager
async def a_town(
    folder: Path, *, policy: str | None = None, now_us: int = START_US, settings: Mapping[str, Any] | None = None
) -> AsyncIterator[Town]:
    """Build, start and load a town in `folder`; opening the same folder again goes on where it stopped."""
    plan = Plan(
        data=folder,
        settings=Settings({"node.phone": "0000-12345", **(settings or {})}),
        city_clock=lambda _: SteppedClock(now_us),
        wall_clock=WallClock(),
        network=Network.from_streets(streets()),
        sign_in="demo",
        sync="off",
        policy=policy,
        seed=7,
    )
    node = await build(plan)
    await node.start()
    town = Town(node)
    town.admin = await town.stranger.sign_in("operator")
    await town.load(*a_district())
    try:
        yield town
    finally:
        await node.stop()


def told(story: Callable[[Town], Awaitable[None]], folder: Path, **how: Any) -> None:
    """Run a story in a town of its own, built `how` `a_town` says."""

    async def run() -> None:
        async with a_town(folder, **how) as town:
            await story(town)

    asyncio.run(run())


async def calls_of(town: Town, kind: str) -> list[dict[str, Any]]:
    """Return every call of a kind, ended ones too."""
    calls = await town.admin.entities("ServiceCall", purpose="service")
    return [one for one in calls if one["serviceKind"].endswith(f":{kind}")]


async def rungs(town: Town, call_id: str) -> list[str]:
    """Return who was told of a call, one after another."""
    entity = await town.admin.entity(call_id, purpose="service")
    return [row["to"] for row in entity["timeline"]["json"] if row["what"] == "escalated"]
