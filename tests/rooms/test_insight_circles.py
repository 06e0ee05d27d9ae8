"""Circles on a small grid of streets: every number can be reckoned by hand, and every change must show in the entities."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pytest
from broker_desk import ENGINE, HOME, WEST, Desk, a_desk, urn
from stdnum.cn import uscc

from linli.base import MINUTE_US, to_wire_time
from linli.base.errors import ResourceNotFound
from linli.broker import Draft
from linli.insight import Circles
from linli.insight._spots import circle_id
from linli.insight._table import NONE_S, Table, whole_seconds
from linli.travel import MODES, Network, Street

LON, LAT, STEP = 117.0, 36.6, 0.002
SIDE = 12
pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def corner(x: float, y: float) -> tuple[float, float]:
    return round(LON + x * STEP, 7), round(LAT + y * STEP, 7)


def grid() -> Network:
    rows = [[corner(x, y) for x in range(SIDE)] for y in range(SIDE)]
    columns = [[corner(x, y) for y in range(SIDE)] for x in range(SIDE)]
    return Network.from_streets([Street(points) for points in (*rows, *columns)])


def point(x: float, y: float) -> dict[str, Any]:
    return {"type": "Point", "coordinates": list(corner(x, y))}


def building(name: str, x: float, y: float, **more: Any) -> Draft:
    values = {"category": ["apartments"], "address": {"addressLocality": "例区"}, "location": point(x, y), **more}
    return Draft(urn("Building", name), "Building", values, (WEST,))


def place(name: str, category: str, x: float, y: float) -> Draft:
    values = {"name": {"zh": f"例{name}", "en": name}, "category": [category], "location": point(x, y)}
    return Draft(urn("Place", name), "Place", values, (WEST,))


class Town:
    """A desk with a grid of streets and the engine, which is asked to settle after every write."""

    def __init__(self, desk: Desk | None = None) -> None:
        self.desk = desk or a_desk()
        self.network = grid()
        self.circles = self.another()

    def another(self) -> Circles:
        return Circles(self.desk.broker, self.network, self.desk.clock, nearest=2, left_out=["residentialCompound"])

    async def write(self, *drafts: Draft) -> None:
        await self.desk.broker.write(ENGINE, drafts)
        await self.circles.settled()

    async def reached(self, name: str, mode: str = "walk") -> dict[str, list[str]]:
        """Return kind -> names of services, as the Circle entity says."""
        circle = await self.desk.broker.read(ENGINE, circle_id(urn("Building", name), mode))
        if circle is None:
            return {}
        return {kind: [one.rsplit(":", 1)[-1] for one, _ in near] for kind, near in circle.values["reached"].items()}

    async def close(self) -> None:
        await self.circles.stop()
        await self.network.close()


@pytest.fixture
async def town():
    made = Town()
    yield made
    await made.close()


async def test_a_building_has_a_circle_for_each_way_of_travelling_with_the_nearest_first(town: Town) -> None:
    await town.write(building("B1", 0, 0), place("far", "pharmacy", 9, 0), place("near", "pharmacy", 2, 0))
    await town.write(place("mid", "pharmacy", 5, 0), place("food", "grocery", 0, 3))
    found = await town.desk.broker.read_all(ENGINE, "Circle")
    assert [(one.values["mode"], one.values["minutes"]) for one in found] == [(mode, 60) for mode in MODES]
    assert {one.values["ofBuilding"] for one in found} == {urn("Building", "B1")}
    assert found[0].scopes == (WEST,)
    assert found[0].values["networkHash"] == town.network.digest
    assert await town.reached("B1") == {"grocery": ["food"], "pharmacy": ["near", "mid"]}
    (_, near_s), (_, mid_s) = found[0].values["reached"]["pharmacy"]
    assert mid_s == pytest.approx(2.5 * near_s, abs=2)


async def test_times_are_those_of_the_network(town: Town) -> None:
    await town.write(building("B1", 1.3, 0.0), building("B2", 7.0, 4.6), place("P", "clinic", 4.4, 8.0))
    for name, x, y in (("B1", 1.3, 0.0), ("B2", 7.0, 4.6)):
        circle = await town.desk.broker.read(ENGINE, circle_id(urn("Building", name), "walk"))
        assert circle is not None
        start, goal = town.network.snap(*corner(x, y), "walk"), town.network.snap(*corner(4.4, 8.0), "walk")
        best = min(
            out_s + 60 * float(town.network.minutes(into, [out], 60, "walk")[0]) + in_s
            for out, out_s in start.ends
            for into, in_s in goal.arrivals
        )
        assert circle.values["reached"]["clinic"][0][1] == pytest.approx(best, abs=1)


async def test_one_service_more_changes_only_the_circles_it_enters(town: Town) -> None:
    homes = [building(f"B{n}", n, 0) for n in range(10)]
    await town.write(*homes, place("w1", "canteen", 0, 1), place("w2", "canteen", 1, 1), place("e1", "canteen", 9, 1))
    before = {one.id: one.version for one in await town.desk.broker.read_all(ENGINE, "Circle")}
    await town.write(place("e2", "canteen", 8, 1))
    after = {one.id: one.version for one in await town.desk.broker.read_all(ENGINE, "Circle")}
    changed = {one for one in after if after[one] != before[one]}
    assert circle_id(urn("Building", "B9"), "walk") in changed
    assert circle_id(urn("Building", "B0"), "walk") not in changed
    assert await town.reached("B9") == {"canteen": ["e1", "e2"]}


async def test_what_is_gone_or_moved_leaves_the_circles(town: Town) -> None:
    await town.write(building("B1", 0, 0), place("P1", "clinic", 1, 0), place("P2", "clinic", 2, 0))
    await town.desk.broker.delete(ENGINE, urn("Place", "P1"))
    await town.circles.settled()
    assert await town.reached("B1") == {"clinic": ["P2"]}
    await town.write(place("P3", "clinic", 9, 0), place("P2", "clinic", 10, 0))
    assert await town.reached("B1") == {"clinic": ["P3", "P2"]}
    await town.write(building("B1", 11, 0))
    assert await town.reached("B1") == {"clinic": ["P2", "P3"]}
    for name in ("P2", "P3"):
        await town.desk.broker.delete(ENGINE, urn("Place", name))
    await town.circles.settled()
    assert await town.reached("B1") == {}
    await town.desk.broker.delete(ENGINE, urn("Building", "B1"))
    await town.circles.settled()
    assert await town.desk.broker.read_all(ENGINE, "Circle") == []


async def test_a_provider_with_a_place_of_its_own_counts_by_its_kinds_and_homes_do_not(town: Town) -> None:
    await town.write(building("B1", 0, 0), place("compound", "residentialCompound", 1, 0))
    assert await town.desk.broker.read_all(ENGINE, "Circle") == []
    number = "91370102MA3C00000"
    values = {
        "legalName": "例公司(虚构)",
        "uscc": number + uscc.calc_check_digit(number),
        "kinds": ["urn:ngsi-ld:ServiceKind:elder.meal"],
        "location": point(3, 0),
    }
    await town.write(Draft(urn("Provider", "V1"), "Provider", values, (HOME,)))
    assert await town.reached("B1") == {"elder.meal": ["V1"]}


async def test_a_sealed_compound_empties_its_circles_from_its_beginning_to_its_end(town: Town) -> None:
    await town.write(building("B1", 2, 2), building("B2", 9, 9), place("P", "clinic", 8, 2))
    before = await town.reached("B1")
    now = town.desk.clock.now_us()
    ring = [list(corner(*one)) for one in ((1.5, 1.5), (2.5, 1.5), (2.5, 2.5), (1.5, 2.5), (1.5, 1.5))]
    values = {
        "closureKind": "sealed",
        "closedArea": {"type": "Polygon", "coordinates": [ring]},
        "validFrom": to_wire_time(now + 10 * MINUTE_US),
        "validTo": to_wire_time(now + 60 * MINUTE_US),
    }
    await town.write(Draft(urn("Closure", "C1"), "Closure", values, (WEST,)))
    assert await town.reached("B1") == before == {"clinic": ["P"]}
    others = await town.reached("B2")
    for minutes, expected in ((11, {}), (61, before)):
        town.desk.clock.advance_to(now + minutes * MINUTE_US)
        await town.desk.broker.log.claim_due(town.desk.clock.now_us())
        await town.circles.settled()
        assert await town.reached("B1") == expected
        assert await town.reached("B2") == others
    assert town.network.digest == grid().digest


async def test_a_closure_that_is_taken_back_opens_the_streets(town: Town) -> None:
    await town.write(building("B1", 0, 0), place("P", "clinic", 8, 0))
    now = town.desk.clock.now_us()
    ways = sorted(set(town.network.roads.edge_way.tolist()))
    values = {
        "closureKind": "roadWorks",
        "closedWays": ways,
        "closedModes": ["drive"],
        "validFrom": to_wire_time(now - MINUTE_US),
        "validTo": to_wire_time(now + 600 * MINUTE_US),
    }
    await town.write(Draft(urn("Closure", "C1"), "Closure", values, (WEST,)))
    assert (await town.reached("B1", "drive"), await town.reached("B1")) == ({}, {"clinic": ["P"]})
    assert await town.circles.around(corner(0, 0), "drive", 60) == {}
    await town.desk.broker.delete(ENGINE, urn("Closure", "C1"))
    await town.circles.settled()
    assert await town.reached("B1", "drive") == {"clinic": ["P"]}


async def test_a_start_after_changes_that_nobody_followed_mends_every_circle(town: Town) -> None:
    await town.write(building("B1", 0, 0), building("B2", 5, 5), place("P1", "clinic", 1, 0), place("P2", "park", 2, 0))
    await town.desk.broker.delete(ENGINE, urn("Place", "P1"))
    await town.desk.broker.delete(ENGINE, urn("Building", "B2"))
    await town.desk.broker.write(ENGINE, [building("B3", 1, 1)])
    versions = {one.id: one.version for one in await town.desk.broker.read_all(ENGINE, "Circle")}
    town.circles = town.another()
    await town.circles.settled()
    assert await town.reached("B1") == await town.reached("B3") == {"park": ["P2"]}
    assert await town.reached("B2") == {}
    town.circles = town.another()
    await town.circles.settled()
    again = {one.id: one.version for one in await town.desk.broker.read_all(ENGINE, "Circle")}
    assert again == {
        **{one: n + 1 for one, n in versions.items() if "B1" in one},
        **{one: 1 for one in again if "B3" in one},
    }


async def test_any_place_is_answered_as_a_building_there_would_be(town: Town) -> None:
    await town.write(building("B1", 3.4, 2.0), *[place(f"P{n}", "clinic", n, n) for n in range(5)])
    known = town.circles.of_building(urn("Building", "B1"), "walk", 15)
    asked = await town.circles.around(corner(3.4, 2.0), "walk", 15)
    assert [one for one, _ in known["clinic"]] == [one for one, _ in asked["clinic"]]
    assert [s for _, s in known["clinic"]] == pytest.approx([s for _, s in asked["clinic"]], abs=1)
    assert max(s for _, s in known["clinic"]) <= 900
    with pytest.raises(ResourceNotFound, match="building"):
        town.circles.of_building(urn("Building", "none"), "walk", 15)


class PlainTable:
    """What a table should answer, in the plainest way: a dict for each home."""

    def __init__(self) -> None:
        self.homes: list[str] = []
        self.services: dict[str, tuple[frozenset[str], np.ndarray]] = {}

    def reached(self, home: str, mode: int) -> dict[str, list[tuple[str, int]]]:
        found: dict[str, list[tuple[int, str]]] = {}
        for name, (kinds, seconds) in self.services.items():
            own_s = int(seconds[mode, self.homes.index(home)])
            for kind in kinds if own_s != NONE_S else ():
                found.setdefault(kind, []).append((own_s, name))
        return {kind: [(one, s) for s, one in sorted(near)] for kind, near in found.items()}

    def add(self, fresh: list[str], columns: dict[str, np.ndarray]) -> None:
        self.homes += fresh
        joined = {one: np.concatenate([row, columns[one]], axis=1) for one, (_, row) in self.services.items()}
        self.services = {one: (kinds, joined[one]) for one, (kinds, _) in self.services.items()}

    def drop(self, home: str) -> None:
        at = self.homes.index(home)
        self.homes.remove(home)
        self.services = {one: (kinds, np.delete(row, at, axis=1)) for one, (kinds, row) in self.services.items()}


def test_the_table_ranks_as_a_plain_sort_does_through_random_changes() -> None:
    draw = np.random.default_rng(8)
    table, plain = Table(2, 3), PlainTable()
    for step in range(120):
        what = draw.integers(0, 4)
        if what == 0 and len(plain.homes) < 30:
            fresh = [f"h{step}-{n}" for n in range(draw.integers(1, 4))]
            columns = {one: draw.integers(0, 9, (2, len(fresh))).astype(np.uint16) for one in plain.services}
            table.add_homes(fresh, columns)
            plain.add(fresh, columns)
        elif what == 1 and plain.homes:
            home = str(draw.choice(plain.homes))
            table.drop_homes([home])
            plain.drop(home)
        else:
            changed_as_said(table, plain, draw, drop=what == 2)
        assert table.homes == plain.homes
        for home, mode in product(plain.homes, range(2)):
            expected = plain.reached(home, mode)
            assert table.all_reached(home, mode, 3600) == expected
            assert table.reached(home, mode) == {kind: near[:3] for kind, near in expected.items()}


def changed_as_said(table: Table, plain: PlainTable, draw: np.random.Generator, *, drop: bool) -> None:
    """Put or drop one service in both; whose circle changed must have been said, and nobody else's."""
    name = f"s{draw.integers(0, 9)}"
    before = {(home, mode): table.reached(home, mode) for home, mode in product(plain.homes, range(2))}
    if drop and name in plain.services:
        changed = table.change({}, [name])
        del plain.services[name]
    else:
        seconds = draw.integers(0, 9, (2, len(plain.homes))).astype(np.uint16)
        seconds[seconds == 8] = NONE_S
        kinds = frozenset(draw.choice(["a", "b", "c"], draw.integers(1, 3)).tolist())
        changed = table.change({name: (kinds, seconds)})
        plain.services[name] = (kinds, seconds)
    for (home, mode), was in before.items():
        assert (table.reached(home, mode) != was) == bool(changed[mode, plain.homes.index(home)])


def test_seconds_are_kept_whole_and_what_is_out_of_reach_stays_so() -> None:
    found = np.array([[0.4, 3599.6, np.nan]], np.float32)
    assert whole_seconds(found).tolist() == [[0, 3600, int(NONE_S)]]
