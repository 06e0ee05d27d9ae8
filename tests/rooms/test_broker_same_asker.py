"""What somebody was answered is answered to him again; it ends with the entity, its place, its time, and with the rules."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from broker_desk import ADMIN, EAST, HOME, START_US, WEST, WORKER

from linli.base import SECOND_US, Ids, SteppedClock, read_json, to_wire_time
from linli.base.errors import ResourceNotFound
from linli.broker import Broker, Projection
from linli.store import MemoryStore
from linli.trust import Act, Policies
from linli.trust._authz import FOLDER
from linli.vocab import vocabulary

LOCKER = "urn:ngsi-ld:Locker:370102001001:00000000000000000000000001"
ALL_BY_THE_OPERATOR = (
    '@id("operator") @says("Why.") @personal("full") @sensitive("full") @minor("full") '
    'permit (principal in Role::"operator", action, resource);'
)
WHOLE = Projection()


def a_worker_may(folder: Path, when: str) -> Path:
    """Return a folder of policies by which a community worker reads lockers under one condition."""
    (folder / "linli.cedarschema").write_text((FOLDER / "linli.cedarschema").read_text("utf-8"), "utf-8")
    permit = (
        '@id("one") @says("Why.") @personal("full") '
        'permit (principal in Role::"community_worker", action == Action::"read", resource is Locker) '
        f"when {{ {when} }};"
    )
    (folder / "one.cedar").write_text(f"{ALL_BY_THE_OPERATOR}\n{permit}", "utf-8")
    return folder


class House:
    """A broker under rules of its own, and one locker."""

    def __init__(self, folder: Path, when: str = "resource in principal.area") -> None:
        self.folder = a_worker_may(folder, when)
        self.clock = SteppedClock(START_US)
        self.allow = Policies(self.clock, folder=self.folder)
        self.broker = Broker(MemoryStore(), vocabulary(), self.allow, self.clock, ids=Ids("370102"), home_scope=HOME)
        self.terms = self.broker.contexts.default

    async def put(self, scope: str = WEST, free: int = 1, **more: Any) -> None:
        locker = {"id": LOCKER, "type": "Locker", "scope": scope, "slotsTotal": 40, "slotsFree": free, **more}
        if await self.broker.read(ADMIN, LOCKER) is None:
            await self.broker.create(ADMIN, locker, self.terms)
        else:
            await self.broker.replace(ADMIN, LOCKER, locker, self.terms, None)

    async def read(self, act: Act = WORKER) -> bytes:
        return await self.broker.get_bytes(act, LOCKER, self.terms, WHOLE)


def test_the_same_asker_gets_the_same_answer_until_the_entity_changes(tmp_path: Path) -> None:
    async def story() -> None:
        house = House(tmp_path)
        await house.put(free=1)
        first = await house.read()
        assert await house.read() is first
        await house.put(free=2)
        assert read_json(await house.read())["slotsFree"]["value"] == 2

    asyncio.run(story())


def test_it_ends_when_the_entity_leaves_his_area(tmp_path: Path) -> None:
    async def story() -> None:
        house = House(tmp_path)
        await house.put()
        await house.read()
        await house.put(scope=EAST)
        with pytest.raises(ResourceNotFound):
            await house.read()

    asyncio.run(story())


def test_it_ends_when_the_rules_change(tmp_path: Path) -> None:
    async def story() -> None:
        house = House(tmp_path)
        await house.put()
        await house.read()
        a_worker_may(tmp_path, "context.strong")
        await house.read()
        house.allow.changed()
        with pytest.raises(ResourceNotFound):
            await house.read()

    asyncio.run(story())


def test_it_ends_when_the_entity_expires(tmp_path: Path) -> None:
    async def story() -> None:
        house = House(tmp_path)
        await house.put(expiresAt=to_wire_time(START_US + SECOND_US))
        await house.read()
        house.clock.advance_to(START_US + SECOND_US)
        with pytest.raises(ResourceNotFound):
            await house.read()

    asyncio.run(story())


def test_what_hangs_on_the_moment_is_asked_anew(tmp_path: Path) -> None:
    async def story() -> None:
        house = House(tmp_path, f"context.today <= {START_US}")
        await house.put()
        await house.read()
        house.clock.advance_to(START_US + 3 * 86_400 * SECOND_US)
        with pytest.raises(ResourceNotFound):
            await house.read()

    asyncio.run(story())


def test_another_asker_is_judged_by_himself(tmp_path: Path) -> None:
    async def story() -> None:
        house = House(tmp_path)
        await house.put()
        await house.read()
        elsewhere = Act(replace(WORKER.who, scopes=(EAST,)), WORKER.purpose)
        with pytest.raises(ResourceNotFound):
            await house.read(elsewhere)

    asyncio.run(story())
