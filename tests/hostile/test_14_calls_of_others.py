"""Hostile test 14 at the doors of calls: a call, an offer, a helper of others answers as one that does not exist."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from town import EAST, LAT, LON, WEST, Town, a_helper, a_shift, a_town, helper_id

from linli.base import write_json
from linli.client import Client

FAR = (a_helper(2, EAST, LON + 0.03, LAT + 0.03), a_shift(2, EAST))
STEPS = ("acknowledge", "arrive", "cancel", "confirm", "depart", "false-alarm", "finish", "rate", "reopen")


def of_a_call(call_id: str) -> list[tuple[str, str, Any]]:
    """Return every question about one call."""
    steps = [("POST", f"/api/calls/{call_id}/{step}", {"stars": 5}) for step in STEPS]
    return [
        ("GET", f"/api/calls/{call_id}", None),
        ("GET", f"/api/calls/{call_id}/candidates", None),
        ("GET", f"/api/path?call={call_id}", None),
        ("POST", f"/api/calls/{call_id}/offer", {"helper": helper_id(2), "reason": "because"}),
        *steps,
    ]


def of_a_helper(one: str) -> list[tuple[str, str, Any]]:
    return [
        ("GET", f"/api/helpers/{one}", None),
        ("POST", f"/api/helpers/{one}/duty", {"state": "off"}),
        ("POST", f"/api/helpers/{one}/position", {"lon": LON, "lat": LAT}),
    ]


def of_an_offer(one: str) -> list[tuple[str, str, Any]]:
    return [("POST", f"/api/offers/{one}/{step}", {}) for step in ("accept", "decline")]


async def answer(client: Client, asked: tuple[str, str, Any], there: str) -> tuple[int, bytes]:
    """Return an answer without the id that was asked for."""
    method, path, body = asked
    headers = {**client._headers, **({"content-type": "application/json"} if body is not None else {})}
    said = await client._transport.ask(method, path, headers, b"" if body is None else write_json(body))
    return said.status, said.body.replace(there.encode(), b"")


async def hold_alike(
    who: Client, of: Callable[[str], list[tuple[str, str, Any]]], theirs: str, nobodys: str, *, refused: tuple[int, ...]
) -> None:
    for one, other in zip(of(theirs), of(nobodys), strict=True):
        first, second = await answer(who, one, theirs), await answer(who, other, nobodys)
        assert first == second, one
        assert first[0] in refused, one


def in_a_town(folder: Path, story: Callable[[Town], Awaitable[None]]) -> None:
    async def run() -> None:
        async with a_town(folder) as town:
            await town.load(a_helper(1, WEST, LON + 0.004, LAT + 0.004), a_shift(1, WEST), *FAR)
            await story(town)

    asyncio.run(run())


def test_what_is_not_his_is_not_there_for_a_stranger_another_helper_or_another_area(tmp_path: Path) -> None:
    async def story(town: Town) -> None:
        caller = town.stranger.calling_as("mine")
        placed = await caller.place_call("elder.care_visit", LON + 0.003, LAT + 0.003, key="1")
        await town.settle()
        call_id = placed.id
        offer = (await (await town.helper(1)).helper_me())["offer"]["id"]
        nobodys = call_id[:-4] + "0000"
        others = [town.stranger.calling_as("other"), await town.helper(2), await town.worker(EAST)]
        for who in others:
            await hold_alike(who, of_a_call, call_id, nobodys, refused=(404,))
            await hold_alike(who, of_an_offer, offer, offer[:-4] + "0000", refused=(404,))
        for who in (others[0], others[2]):
            await hold_alike(who, of_a_helper, helper_id(1), helper_id(1)[:-2] + "99", refused=(404,))
        await hold_alike(others[1], of_a_helper, helper_id(1), helper_id(1)[:-2] + "99", refused=(404,))
        for who in others:
            assert (await who.calls())["total"] == 0
        assert (await caller.call(call_id))["state"] == "offered"

    in_a_town(tmp_path, story)
