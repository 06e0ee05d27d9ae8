"""A search by place finds what a look at everything finds, whatever was written, moved, deleted or has expired before."""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any

import apsw
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from linli.base import Ids, Point, SteppedClock, distance_m, read_json, to_wire_time
from linli.broker import Broker, Contexts, Projection, Query, Terms, read_geo, read_q, read_types
from linli.store import Box, Change, Delete, Find, Put, SqliteStore, Store
from linli.trust import Act, Policies, Principal
from linli.vocab import vocabulary

START_US = 1_795_400_107_000_000
MINUTE_US = 60_000_000
TERMS = Contexts(vocabulary(), {}, default="linli").default
TENANTS = ("default", "other")

SIDES = st.floats(-0.02, 0.02)
SPANS = st.sampled_from([0.0, 0.0, 0.0, 0.001, 0.01])
BOXES = st.builds(lambda west, south, wide, high: (west, south, west + wide, south + high), SIDES, SIDES, SPANS, SPANS)
ELLIPSES = st.tuples(SIDES, SIDES, st.floats(1e-5, 0.03), st.floats(1e-5, 0.03))


def meets(box: Box, ellipse: Box) -> bool:
    """Say by the words of Find whether a box meets an ellipse, by more than a rounding error."""
    lon, lat, wide, high = ellipse
    east, north = max(box[0] - lon, lon - box[2], 0.0), max(box[1] - lat, lat - box[3], 0.0)
    return (east / wide) ** 2 + (north / high) ** 2 < 1 - 1e-9


def a_change(tenant: str, *puts: Put, deletes: tuple[Delete, ...] = ()) -> Change:
    return Change(tenant=tenant, actor="", purpose="", at_us=1, puts=puts, deletes=deletes)


@pytest.mark.anyio
@given(boxes=st.lists(BOXES, min_size=1, max_size=12), ellipse=ELLIPSES, number=st.integers())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25, deadline=None)
async def test_an_ellipse_never_leaves_out_what_meets_it(
    store: Store, boxes: list[Box], ellipse: Box, number: int
) -> None:
    tenant = f"t{number}"
    await store.commit(
        a_change(tenant, *(Put(f"urn:x:{n}", ("T",), (), b"{}", box=box) for n, box in enumerate(boxes)))
    )
    lon, lat, wide, high = ellipse
    around = Find(types=("T",), box=(lon - wide, lat - high, lon + wide, lat + high))
    found = {one.entity_id for one in await store.find(tenant, around._replace(ellipse=ellipse))}
    assert {f"urn:x:{n}" for n, box in enumerate(boxes) if meets(box, ellipse)} <= found
    assert found <= {one.entity_id for one in await store.find(tenant, around)}
    assert await store.count(tenant, around._replace(ellipse=ellipse)) == await store.count(tenant, around)
    await store.commit(a_change(tenant, deletes=tuple(Delete(f"urn:x:{n}") for n in range(len(boxes)))))


@pytest.mark.anyio
async def test_sqlite_leaves_out_what_lies_in_the_corners(tmp_path: Any) -> None:
    store = SqliteStore.open(tmp_path / "linli.db", sync="off")
    places = {"urn:x:middle": (0.0, 0.0), "urn:x:edge": (0.0, 0.99), "urn:x:corner": (0.9, 0.9)}
    await store.commit(
        a_change("default", *(Put(name, ("T",), (), b"{}", box=(*at, *at)) for name, at in places.items()))
    )
    around = Find(types=("T",), box=(-1.0, -1.0, 1.0, 1.0))
    assert len(await store.find("default", around)) == 3
    found = await store.find("default", around._replace(ellipse=(0.0, 0.0, 1.0, 1.0)))
    assert [one.entity_id for one in found] == ["urn:x:middle", "urn:x:edge"]
    await store.close()


@pytest.mark.anyio
async def test_a_page_is_read_without_compiling_its_query_anew(tmp_path: Any) -> None:
    store = SqliteStore.open(tmp_path / "linli.db", sync="off")
    await store.commit(a_change("default", Put("urn:x:1", ("T",), (), b"{}", box=(0.0, 0.0, 0.0, 0.0))))
    compiled: list[int] = []

    def note(event: dict[str, Any]) -> None:
        compiled.append(event["stmt_status"]["SQLITE_STMTSTATUS_REPREPARE"])

    store._reader.trace_v2(apsw.SQLITE_TRACE_PROFILE, note)
    for limit in range(1, 20):
        await store.find("default", Find(types=("T",), box=(-1.0, -1.0, 1.0, 1.0)), limit=limit)
    assert len(compiled) >= 19
    assert set(compiled) == {0}
    await store.close()


async def terms_of(_: Mapping[str, Any]) -> Terms:
    return TERMS


class Streets:
    """Cars in two tenants that come, move, go and expire, and what a look at all of them says."""

    def __init__(self, store: Store, seed: int) -> None:
        self.clock = SteppedClock(START_US)
        self.broker = Broker(
            store, vocabulary(), Policies(self.clock), self.clock, ids=Ids("370102"), home_scope="/cn/r37"
        )
        self.random = random.Random(seed)
        #: by tenant and id: where it is, how fast, until when it stands
        self.cars: dict[tuple[str, str], tuple[Point, int, int]] = {}

    def act(self, tenant: str) -> Act:
        return Act(Principal("operator", "operator", ("/",)), "service", tenant)

    def somewhere(self) -> Point:
        return Point(round(self.random.gauss(117.0, 0.02), 6), round(self.random.gauss(36.6, 0.02), 6))

    async def turn(self) -> None:
        """Let one thing happen."""
        tenant, name = self.random.choice(TENANTS), f"urn:x:car{self.random.randrange(40)}"
        key, act = (tenant, name), self.act(tenant)
        deed = self.random.random()
        if deed < 0.2 and key in self.cars:
            del self.cars[key]
            await self.broker.delete(act, name)
        elif deed < 0.3:
            self.clock.advance_to(self.clock.now_us() + MINUTE_US)
        else:
            at, speed = self.somewhere(), self.random.randrange(100)
            until_us = self.clock.now_us() + self.random.choice([2, 500]) * MINUTE_US
            self.cars[key] = at, speed, until_us
            body = {
                "id": name,
                "type": "Car",
                "expiresAt": to_wire_time(until_us),
                "speed": {"type": "Property", "value": speed},
                "location": {"type": "GeoProperty", "value": {"type": "Point", "coordinates": list(at)}},
            }
            batch = await self.broker.write_batch(act, "replace", [body], terms_of)
            assert not batch.errors
        self.cars = {key: car for key, car in self.cars.items() if car[2] > self.clock.now_us()}

    async def look(self) -> None:
        """Search around a place, and compare."""
        tenant, here = self.random.choice(TENANTS), self.somewhere()
        metres, least = self.random.choice([300, 1000, 4000]), self.random.choice([0, 50, 80])
        geo = read_geo(f"near;maxDistance=={metres}", "Point", list(here), "location", TERMS)
        query = Query(types=read_types("Car", TERMS), q=read_q(f"speed>={least}", TERMS), geo=geo)
        page = await self.broker.query(self.act(tenant), query, terms=TERMS, projection=Projection(), limit=100)
        expected = {
            name
            for (where, name), (at, speed, _) in self.cars.items()
            if where == tenant and speed >= least and distance_m(here, at) <= metres
        }
        assert {read_json(one)["id"] for one in page.entities} == expected


@pytest.mark.anyio
@pytest.mark.parametrize("seed", range(3))
async def test_a_search_by_place_follows_what_moves_goes_and_expires(store: Store, seed: int) -> None:
    streets = Streets(store, seed)
    for _ in range(120):
        await streets.turn()
        await streets.look()
    assert len(streets.cars) > 10
