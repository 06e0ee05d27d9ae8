"""Charts of SQLite: a search by place finds what is there, whatever is written before, while and after they are made."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import apsw
import pytest

from linli.base import read_json, write_json
from linli.store import Box, Change, Delete, Find, Look, MemoryStore, Put, Rewrite, SqliteStore, Stored
from linli.store import _charts as charts

pytestmark = pytest.mark.anyio
LOW, HIGH = 2.0, 9.0
FAST = Find(types=("Car",), looks=(Look(("attrs", "speed"), "value", LOW, HIGH),))
SPEEDS: list[Any] = [None, 0, 1, 2.5, 3, 5, 7, "fast", True, [3], 2**60]


class Town:
    """One history on SQLite and on plain dicts."""

    def __init__(self, store: SqliteStore) -> None:
        self.random = random.Random(11)
        self.store, self.model = store, MemoryStore()
        #: where each entity lies by (tenant, id)
        self.boxes: dict[tuple[str, str], Box | None] = {}

    def a_put(self) -> Put:
        speed = self.random.choice(SPEEDS)
        attrs = {} if speed is None else {"speed": [{"type": "Property", "value": speed}]}
        lon, lat = self.random.uniform(-0.03, 0.03), self.random.uniform(-0.03, 0.03)
        wide = self.random.choice([0.0, 0.0, 0.0, 0.01])
        box = (lon, lat, lon + wide, lat) if self.random.random() < 0.9 else None
        types = self.random.choice([("Car",), ("Car",), ("Car", "Van"), ("Van",)])
        return Put(f"urn:x:{self.random.randrange(40)}", types, (), write_json({"attrs": attrs}), box=box)

    async def write(self) -> None:
        """Write, move, take away and write anew some at once, the same in both."""
        tenant = self.random.choice(["default", "default", "other"])
        puts = {one.entity_id: one for one in [self.a_put() for _ in range(self.random.randrange(1, 5))]}
        gone = [name for name in puts if (tenant, name) in self.boxes and self.random.random() < 0.4]
        kept = [one for name, one in puts.items() if name not in gone or self.random.random() < 0.5]
        deletes = tuple(Delete(name) for name in gone)
        change = Change(tenant=tenant, actor="", purpose="", at_us=1, puts=tuple(kept), deletes=deletes)
        await asyncio.gather(self.store.commit(change), self.model.commit(change))
        for name in gone:
            del self.boxes[tenant, name]
        self.boxes |= {(tenant, one.entity_id): one.box for one in kept}

    async def rewrite(self) -> None:
        """Keep one in another form: elsewhere, with another speed."""
        name = self.random.choice([name for tenant, name in self.boxes if tenant == "default"])
        stands = await self.store.get("default", name)
        assert stands is not None
        put = self.a_put()
        rewrite = Rewrite(stands._replace(doc=put.doc), box=put.box)
        change = Change(tenant="default", actor="", purpose="", at_us=1, rewrites=(rewrite,))
        await asyncio.gather(self.store.commit(change), self.model.commit(change))
        self.boxes["default", name] = put.box

    def somewhere(self) -> Find:
        lon, lat = self.random.uniform(-0.03, 0.03), self.random.uniform(-0.03, 0.03)
        side = self.random.choice([0.004, 0.02])
        ellipse = self.random.choice([None, (lon, lat, side, side)])
        return FAST._replace(box=(lon - side, lat - side, lon + side, lat + side), ellipse=ellipse)

    async def compare(self) -> None:
        """Search somewhere: all that is wanted must be found, as it stands, and nothing that lies elsewhere."""
        find = self.somewhere()
        meeting = await self.model.find("default", find)
        found = await self.store.find("default", find)
        said = {one.entity_id: (one.version, one.doc) for one in found}
        assert (
            said.items() >= {one.entity_id: (one.version, one.doc) for one in meeting if self.wants(one, find)}.items()
        )
        assert said.keys() <= {one.entity_id for one in meeting}
        assert [one.row for one in found] == sorted({one.row for one in found})
        first = await self.store.find("default", find, limit=2)
        assert [*first, *(await self.store.find("default", find, after=first[-1].row if first else 0))] == found

    def wants(self, stored: Stored, find: Find) -> bool:
        """Say by the words of Find whether an entity whose box meets the box must be found."""
        speed = read_json(stored.doc, bytes_max=1000)["attrs"].get("speed")
        value = speed[0]["value"] if speed else []
        if isinstance(value, str | bool) or (isinstance(value, int | float) and not LOW <= value <= HIGH):
            return False
        box = self.boxes["default", stored.entity_id]
        if find.ellipse is None or box is None:
            return True
        lon, lat, wide, high = find.ellipse
        east, north = max(box[0] - lon, lon - box[2], 0.0), max(box[1] - lat, lat - box[3], 0.0)
        return (east / wide) ** 2 + (north / high) ** 2 < 1 - 1e-9

    async def ask(self) -> None:
        """Search until a chart is begun."""
        for _ in range(charts._ASKED):
            await self.store.find("default", self.somewhere())

    async def filled(self) -> None:
        """Wait for the thread that reads."""
        filling = self.store._charts._filling
        if filling is not None:
            await asyncio.to_thread(filling.join)
        await asyncio.sleep(0)

    @property
    def charted(self) -> bool:
        """Whether searches are answered by a chart."""
        return self.store._charts.rows("default", self.somewhere()) is not None


@pytest.fixture
async def town(tmp_path: Path) -> AsyncIterator[Town]:
    store = SqliteStore.open(tmp_path / "linli.db", sync="off")
    yield Town(store)
    await store.close()


async def test_a_chart_hears_everything_from_the_moment_that_it_is_begun(town: Town) -> None:
    for _ in range(60):
        await town.write()
    await town.ask()
    assert not town.charted
    for _ in range(20):  # the thread reads meanwhile
        await town.write()
        await town.compare()
    await town.filled()
    assert town.charted
    for _ in range(300):
        await (town.rewrite() if town.random.random() < 0.2 else town.write())
        await town.compare()
    assert town.charted


def a_car(entity_id: str, at: tuple[float, float]) -> Change:
    speed = write_json({"attrs": {"speed": [{"type": "Property", "value": 3}]}})
    put = Put(entity_id, ("Car",), (), speed, box=(*at, *at))
    return Change(tenant="default", actor="", purpose="", at_us=1, puts=(put,))


def around(lon: float, lat: float) -> Find:
    return FAST._replace(box=(lon - 1e-3, lat - 1e-3, lon + 1e-3, lat + 1e-3))


async def test_what_is_committed_is_found_before_anybody_was_told_of_it(town: Town, tmp_path: Path) -> None:
    await town.store.commit(a_car("urn:x:car", (0.0, 0.0)))
    await town.ask()
    await town.filled()
    reader = apsw.Connection(str(tmp_path / "linli.db"), flags=apsw.SQLITE_OPEN_READONLY)
    writing = asyncio.create_task(town.store.commit(a_car("urn:x:car", (0.02, 0.02))))
    await asyncio.sleep(0)
    while reader.execute("SELECT version FROM entity").get == 1:
        pass  # the loop stands still meanwhile, so that the store cannot be told
    (found,) = await town.store.find("default", around(0.02, 0.02))
    assert not writing.done()
    assert found.version == 2
    reader.close()
    await writing
    assert [one.version for one in await town.store.find("default", around(0.02, 0.02))] == [2]
    assert await town.store.find("default", around(0.0, 0.0)) == []


async def test_what_was_heard_counts_more_than_what_the_thread_read(town: Town) -> None:
    await town.store.commit(a_car("urn:x:car", (0.0, 0.0)))
    await town.ask()
    (chart,) = town.store._charts._charts.values()
    filling = town.store._charts._filling
    assert filling is not None
    filling.join()  # it has read; the loop stands still, and takes in nothing yet
    stood = (await town.store.get("default", "urn:x:car")).row  # type: ignore[union-attr]
    chart.heard = {stood}
    chart.put((stood, (0.02, 0.02, 0.02, 0.02), (3.0,)))
    await town.filled()
    assert town.store._charts.rows("default", around(0.02, 0.02)) == [stood]
    assert town.store._charts.rows("default", around(0.0, 0.0)) == []


async def test_there_is_no_chart_without_room_for_it(tmp_path: Path) -> None:
    store = SqliteStore.open(tmp_path / "linli.db", sync="off", charts_mb=0)
    town = Town(store)
    for _ in range(20):
        await town.write()
    await town.ask()
    await town.compare()
    assert store._charts._filling is None
    await store.close()


async def test_a_type_of_areas_has_no_chart(town: Town) -> None:
    puts = tuple(Put(f"urn:z:{n}", ("Car",), (), b'{"attrs":{}}', box=(0.0, 0.0, 0.01, 0.01)) for n in range(300))
    await town.store.commit(Change(tenant="default", actor="", purpose="", at_us=1, puts=puts))
    await town.ask()
    await town.filled()
    assert not town.charted
    assert len(await town.store.find("default", FAST._replace(box=(0.0, 0.0, 0.001, 0.001)))) == 300


async def test_a_chart_that_outgrows_its_room_is_let_go(tmp_path: Path) -> None:
    town = Town(store := SqliteStore.open(tmp_path / "linli.db", sync="off", charts_mb=1))
    await town.ask()
    await town.filled()
    assert town.charted
    where = [(lon / 100, lat / 100) for lon in range(100) for lat in range(100)]
    puts = [Put(f"urn:z:{n}", ("Car",), (), b'{"attrs":{}}', box=(*at, *at)) for n, at in enumerate(where)]
    await store.commit(Change(tenant="default", actor="", purpose="", at_us=1, puts=tuple(puts[:2000])))
    assert town.charted
    await store.commit(Change(tenant="default", actor="", purpose="", at_us=1, puts=tuple(puts[2000:])))
    assert not town.charted
    assert len(await store.find("default", FAST._replace(box=(0.0, 0.0, 0.015, 0.015)))) == 4
    await store.close()
