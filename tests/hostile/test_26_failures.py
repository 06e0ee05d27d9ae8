"""Hostile test 26, the part about traces: whoever fails to sign in is written down, and fills no disk by it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
from town import START_US, WEST, area_id

from linli.app import BrokerNode, BrokerPlan, Node, Plan, build, build_broker
from linli.base import SECOND_US, Settings, SteppedClock
from linli.broker import Draft
from linli.store import Store
from linli.trust import AuditEntry, Somebody, read_row, trace_of
from linli.web._people import LOOKING

PERSON = "urn:ngsi-ld:Resident:990101000000:00000000000000000000000ANN"
OUTSIDE, INSIDE = "81.2.69.142", "10.0.0.8"


def browser(node: Node | BrokerNode, address: str = OUTSIDE) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(node.web, client=(address, 40_000))
    return httpx.AsyncClient(transport=transport, base_url="http://localhost")


async def failures(store: Store) -> list[AuditEntry]:
    """Return the rows about sign-ins that did not come about."""
    rows = [read_row(one.row) for one in await store.audit_since("default", 0, limit=1000)]
    return [one for one in rows if one and one.action == "sign-in" and not one.ok]


@asynccontextmanager
async def a_node(folder: Path) -> AsyncIterator[Node]:
    wall = SteppedClock(START_US)
    node = await build(
        Plan(folder, Settings(), lambda _: SteppedClock(START_US), wall, sign_in="accounts", sync="off", seed=7)
    )
    await node.start()
    try:
        values = {"fullName": "安娜", "telephone": "+8613800001111", "ageBand": "a80up", "homeArea": area_id(WEST)}
        await node.broker.write(LOOKING, [Draft(PERSON, "Resident", values, ("/cn/r99",))])
        yield node
    finally:
        await node.stop()


@pytest.fixture
def told(tmp_path: Path) -> Callable[[Callable[[Node], Awaitable[None]]], None]:
    """Tell a story on a node on which people have accounts."""

    def tell(story: Callable[[Node], Awaitable[None]]) -> None:
        async def run() -> None:
            async with a_node(tmp_path) as node:
                await story(node)

        asyncio.run(run())

    return tell


async def by_code(http: httpx.AsyncClient, _: Node) -> None:
    await http.post("/sign-in/code/check", data={"handle": "made up", "code": "000000"})


async def by_card(http: httpx.AsyncClient, _: Node) -> None:
    await http.post("/sign-in/card", data={"number": "CCCCCC", "digits": "00000000"})


async def by_passkey(http: httpx.AsyncClient, _: Node) -> None:
    await http.post("/api/sign-in/passkey", json={"id": "none", "response": {"clientDataJSON": "e30"}})


async def by_invitation(http: httpx.AsyncClient, _: Node) -> None:
    await http.post("/api/invitation", json={"invitation": "made up"})


async def as_program(http: httpx.AsyncClient, _: Node) -> None:
    await http.post("/oauth/token", data={"grant_type": "client_credentials", "client_id": "nobody"})


@pytest.mark.parametrize(
    ("attempt", "reason"),
    [
        (by_code, "code.wrong"),
        (by_card, "card.wrong"),
        (by_passkey, "passkey.wrong"),
        (by_invitation, "invitation.wrong"),
        (as_program, "program.wrong"),
    ],
)
def test_26_each_way_of_failing_to_sign_in_leaves_a_row(told, attempt, reason) -> None:
    async def story(node: Node) -> None:
        for address in (OUTSIDE, INSIDE, "127.0.0.1"):
            async with browser(node, address) as http:
                await attempt(http, node)
        await node.settle()
        rows = await failures(node.store)
        assert [(row.reason, row.whence, row.actor) for row in rows] == [
            (reason, "outside", "nobody"),
            (reason, "inside", "nobody"),
            (reason, "machine", "nobody"),
        ]
        assert not any(OUTSIDE in one.row.decode() for one in await node.store.audit_since("default", 0, limit=1000))

    told(story)


def test_26_whoever_tries_without_end_leaves_two_rows_a_minute_that_say_how_often(told) -> None:
    async def story(node: Node) -> None:
        async with browser(node) as http:
            for _ in range(50):
                await by_code(http, node)
            await node.settle()
            assert [row.times for row in await failures(node.store)] == [1, 49]
            node.doors.asking.identity._wall.advance_to(START_US + 60 * SECOND_US)
            for _ in range(3):
                await by_code(http, node)
            await node.settle()
            assert [row.times for row in await failures(node.store)] == [1, 49, 1, 2]

    told(story)


def test_26_a_crowd_of_addresses_is_counted_together_beyond_sixty(told) -> None:
    async def story(node: Node) -> None:
        for number in range(100):
            async with browser(node, f"81.2.69.{number}") as http:
                await by_code(http, node)
        await node.settle()
        assert len(await failures(node.store)) == 60
        rows = [read_row(one.row) for one in await node.store.audit_since("default", 0, limit=1000)]
        assert [row.times for row in rows if row and row.action == "refused"] == [1, 39]

    told(story)


def test_26_whoever_is_slowed_down_is_written_down_as_such(told) -> None:
    async def story(node: Node) -> None:
        async with browser(node) as http:
            for _ in range(6):
                await by_card(http, node)
        await node.settle()
        assert {row.reason: row.times for row in await failures(node.store)} == {"card.wrong": 2, "card.slowed": 2}

    told(story)


def test_26_the_row_finds_the_person_as_whom_it_was_tried_and_names_nobody(told) -> None:
    async def story(node: Node) -> None:
        account, made = await node.doors.codes.account_of(Somebody(PERSON, "resident", ("/cn",)))
        card = await node.doors.asking.identity.cards.give(account, made, "worker")
        async with browser(node) as http:
            await http.post("/sign-in/card", data={"number": card.number, "digits": "00000000"})
            handle = (await http.post("/sign-in/code", data={"phone": "13800001111"})).text.split('value="')
            handle = next(one for one in (part.split('"')[0] for part in handle) if len(one) == 43)
            await http.post("/sign-in/code/check", data={"handle": handle, "code": "wrong"})
        await node.doors.codes.settled()
        await node.settle()
        found = {row.reason: row.of for row in await failures(node.store)}
        assert found == {"card.wrong": (trace_of(PERSON),), "code.wrong": (trace_of(PERSON),)}
        rows = [one.row for one in await node.store.audit_since("default", 0, limit=1000)]
        assert not any(word in row for row in rows for word in (PERSON.encode(), b"138000", card.number.encode()))

    told(story)


def test_26_a_broker_alone_writes_down_programs_that_fail(tmp_path: Path) -> None:
    async def run() -> None:
        clock = SteppedClock(START_US)
        node = await build_broker(BrokerPlan(tmp_path, Settings(), clock, sign_in="accounts"))
        await node.start()
        async with browser(node) as http:
            await as_program(http, node)  # type: ignore[arg-type]
        await node.doors.asking.identity.settled()
        assert [row.reason for row in await failures(node.store)] == ["program.wrong"]
        await node.stop()

    asyncio.run(run())
