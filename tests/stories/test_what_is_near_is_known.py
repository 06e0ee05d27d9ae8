"""What can be reached from a building is known and stays true, and planners see where the next place helps most."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from town import EAST, LAT, LON, START_US, STEP, WEST, Town, a_town, area_id, point, prop, scope_of, word

from linli.base import MINUTE_US, read_json, to_wire_time, write_json
from linli.client import Answer, DirectTransport
from linli.dispatch import Dispatch


class Desk:
    """Somebody's browser."""

    def __init__(self, town: Town) -> None:
        self._line = DirectTransport(town.node.web)
        self._headers = {"content-type": "application/json"}

    async def sign_in(self, person: str) -> Desk:
        signed = await self._line.ask("POST", "/api/sign-in", self._headers, write_json({"person": person}))
        self._headers["authorization"] = f"Bearer {read_json(signed.body)['token']}"
        return self

    async def ask(self, path: str, body: Any = None) -> Answer:
        method, said = ("GET", b"") if body is None else ("POST", write_json(body))
        return await self._line.ask(method, path, self._headers, said)

    async def json(self, path: str, body: Any = None) -> Any:
        return read_json((await self.ask(path, body)).body)


def told(story, folder: Path) -> None:
    async def run() -> None:
        async with a_town(folder) as town:
            await story(town)

    asyncio.run(run())


def building_id(name: str) -> str:
    return f"urn:ngsi-ld:Building:990101000000:{name}"


def a_building(name: str, x: float, y: float, code: str = WEST, households: int = 20) -> dict[str, Any]:
    return {
        "id": building_id(name),
        "type": "Building",
        "scope": scope_of(code),
        "category": prop(["apartments"]),
        "address": prop({"addressLocality": "示例区"}),
        "location": point(LON + x * STEP, LAT + y * STEP),
        "households": prop(households),
    }


def a_place(name: str, category: str, x: float, y: float) -> dict[str, Any]:
    return {
        "id": f"urn:ngsi-ld:Place:990101000000:{name}",
        "type": "Place",
        "scope": scope_of(WEST),
        "name": {"type": "LanguageProperty", "languageMap": {"zh": f"示例{name}", "en": f"Example {name}"}},
        "category": prop([category]),
        "location": point(LON + x * STEP, LAT + y * STEP),
    }


async def circle(desk: Desk, query: str) -> dict[str, Any]:
    found: dict[str, Any] = await desk.json(f"/api/circle?{query}")
    return found


def names(found: dict[str, Any], kind: str) -> list[str]:
    return [one["id"].rsplit(":", 1)[-1] for one in found["services"].get(kind, {"nearest": []})["nearest"]]


def test_anybody_sees_what_is_within_reach_of_a_building_and_of_any_place(tmp_path: Path) -> None:
    async def story(town: Town) -> None:
        await town.load(a_building("B1", 2, 2), a_place("near", "pharmacy", 4, 2), a_place("far", "pharmacy", 12, 12))
        desk = Desk(town)
        found = await circle(desk, f"building={building_id('B1')}&minutes=15&mode=walk")
        assert names(found, "pharmacy") == ["near"]
        assert found["services"]["pharmacy"]["title"] == {"zh": "药店", "en": "Pharmacy"}
        near = found["services"]["pharmacy"]["nearest"][0]
        assert near["name"]["en"] == "Example near"
        assert 200 < near["seconds"] < 300
        same = await circle(desk, f"lon={LON + 2 * STEP}&lat={LAT + 2 * STEP}&minutes=15&mode=walk")
        assert same["services"] == found["services"]
        whole = await circle(desk, f"building={building_id('B1')}&minutes=60&mode=walk")
        assert names(whole, "pharmacy") == ["near", "far"]
        kept = await desk.json("/ngsi-ld/v1/entities/urn:ngsi-ld:Circle:990101000000.B1.walk?options=keyValues")
        assert [one for one, _ in kept["reached"]["json"]["pharmacy"]] == [
            one["id"] for one in whole["services"]["pharmacy"]["nearest"]
        ]
        assert kept["networkHash"] == whole["networkHash"]
        await town.load(a_place("new", "pharmacy", 3, 2))
        assert names(await circle(desk, f"building={building_id('B1')}&minutes=15"), "pharmacy") == ["new", "near"]
        assert (await desk.ask("/api/circle?building=urn:ngsi-ld:Building:1:no")).status == 404

    told(story, tmp_path)


def test_a_sealed_compound_is_left_out_at_once_and_comes_back_by_the_clock(tmp_path: Path) -> None:
    async def story(town: Town) -> None:
        await town.load(a_building("B1", 2, 2), a_place("near", "clinic", 6, 2))
        desk, asked = Desk(town), f"building={building_id('B1')}&minutes=30"
        before = await circle(desk, asked)
        assert names(before, "clinic") == ["near"]
        corners = ((1.5, 1.5), (3.5, 1.5), (3.5, 3.5), (1.5, 3.5), (1.5, 1.5))
        ring = [[LON + x * STEP, LAT + y * STEP] for x, y in corners]
        area = {"type": "GeoProperty", "value": {"type": "Polygon", "coordinates": [ring]}}
        closure = {
            "id": "urn:ngsi-ld:Closure:990101000000:01JTESTC10SVRE000000000001",
            "type": "Closure",
            "scope": scope_of(WEST),
            "closureKind": word("sealed"),
            "closedArea": area,
            "validFrom": prop(to_wire_time(START_US)),
            "validTo": prop(to_wire_time(START_US + 30 * MINUTE_US)),
        }
        await town.load(closure)
        sealed = await circle(desk, asked)
        assert names(sealed, "clinic") == []
        assert sealed["junctions"] < before["junctions"]
        assert sealed["networkHash"] != before["networkHash"]
        assert isinstance(town.node.dispatch, Dispatch)
        await town.pass_minutes(31)
        assert await circle(desk, asked) == before

    told(story, tmp_path)


def test_planners_see_who_is_left_out_and_where_the_next_place_helps_most(tmp_path: Path) -> None:
    async def story(town: Town) -> None:
        homes = [a_building(f"W{n}", 1 + n % 3, 1 + n // 3) for n in range(9)]
        homes += [a_building(f"E{n}", 17 + n % 3, 17 + n // 3, EAST, households=40) for n in range(9)]
        await town.load(*homes, a_place("there", "clinic", 2, 2))
        official = await Desk(town).sign_in("official:" + area_id("990101"))
        gap = (await official.json("/api/plan/gaps?minutes=15"))["kinds"]["clinic"]
        assert 0.3 < gap["share"] < 0.4
        assert min(cell["people"] for cell in gap["outside"]) >= 10
        began = await official.ask("/api/plan/coverage", {"kind": "clinic", "minutes": 15, "count": 1})
        assert began.status == 202
        plan = read_json(began.body)
        path = f"/api/plan/coverage/{plan['id']}"
        while plan["state"] in ("waiting", "solving"):
            await asyncio.sleep(0.02)
            plan = await official.json(path)
        assert (plan["state"], plan["optimal"], plan["there"]) == ("done", True, 1)
        assert plan["before"]["share"] == gap["share"]
        assert plan["after"]["share"] >= plan["greedy"]["share"] > 0.9
        (site,) = plan["sites"]
        assert abs(site["lon"] - (LON + 18 * STEP)) < 0.003
        drawn = await official.json(path + "/geojson")
        assert {one["properties"]["what"] for one in drawn["features"]} >= {"site", "there", "before", "gained"}
        picture = (await official.ask(path + "/svg?lang=en")).body.decode()
        assert picture.startswith("<svg")
        assert "New site" in picture
        assert (await Desk(town).ask("/api/plan/gaps")).status == 403
        other = await Desk(town).sign_in(f"worker:{area_id(WEST)}")
        assert (await other.ask(path)).status == 404
        assert (await official.ask("/api/plan/coverage", {"kind": ""})).status == 400

    told(story, tmp_path)
