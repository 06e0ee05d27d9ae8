"""Everybody sees his own and nothing else: callers, helpers, workers, the city; strangers' tricks are turned away."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from town import EAST, LAT, LON, WEST, Town, a_helper, a_shift, a_town

from linli.client import Answer, ClientProblem, DirectTransport

HOME = (LON + 0.0103, LAT + 0.0203)
NEXT_DOOR = (LON + 0.030, LAT + 0.020)


def told(story, folder: Path) -> None:
    async def run() -> None:
        async with a_town(folder) as town:
            await town.load(a_helper(1, EAST, *NEXT_DOOR), a_shift(1, EAST))
            await story(town)

    asyncio.run(run())


async def press(town: Town):
    placed = await town.stranger.calling_as("me").place_call("elder.care_visit", *HOME, key="k", text="third floor")
    await town.settle()
    return placed


async def refused(question) -> int:
    with pytest.raises(ClientProblem) as problem:
        await question
    return problem.value.status


def test_a_call_is_seen_by_its_caller_and_by_nobody_else_without_account(tmp_path: Path) -> None:
    async def story(town: Town) -> None:
        placed = await press(town)
        assert (await town.stranger.watching(placed.watch).call(placed.id))["place"]["lon"] == HOME[0]
        assert await refused(town.stranger.call(placed.id)) in (403, 404)
        assert await refused(town.stranger.calling_as("another").call(placed.id)) in (403, 404)
        assert await refused(town.stranger.watching("0" * 32).call(placed.id)) == 403
        assert await refused(town.stranger.calling_as("another").cancel(placed.id)) in (403, 404)
        assert await refused(town.stranger.entity(placed.id, purpose="service")) == 404

    told(story, tmp_path)


def test_a_helper_learns_the_place_only_by_accepting(tmp_path: Path) -> None:
    async def story(town: Town) -> None:
        placed = await press(town)
        helper = await town.helper(1)
        page = await helper.helper_me()
        assert str(HOME[0]) not in str(page)
        assert "third floor" not in str(page)
        before = await helper.call(placed.id)
        assert "place" not in before
        assert "text" not in before or before["text"] is None
        await helper.accept(page["offer"]["id"])
        after = (await helper.helper_me())["call"]
        assert after["place"] == {"lon": HOME[0], "lat": HOME[1]}
        assert after["text"] == "third floor"

    told(story, tmp_path)


def test_a_worker_sees_her_own_community_and_not_the_next(tmp_path: Path) -> None:
    async def story(town: Town) -> None:
        placed = await press(town)
        own, other = await town.worker(WEST), await town.worker(EAST)
        assert [one["id"] for one in (await own.calls())["calls"]] == [placed.id]
        assert (await own.me())["area"]["name"]["en"] == "Example West"
        assert (await other.calls())["calls"] == []
        assert await refused(other.call(placed.id)) in (403, 404)
        assert await refused(other.candidates(placed.id)) in (403, 404)

    told(story, tmp_path)


def test_the_city_sees_dots_and_grid_centres_and_no_person(tmp_path: Path) -> None:
    async def story(town: Town) -> None:
        placed = await press(town)
        helper = await town.helper(1)
        await helper.accept((await helper.helper_me())["offer"]["id"])
        await town.settle()
        seen = await (await town.official()).city()
        assert [call["id"] for call in seen["calls"]] == [placed.id]
        assert seen["calls"][0]["grid"] != list(HOME)
        assert seen["calls"][0]["crossing"] is True
        assert seen["calls"][0]["from"] is not None
        assert len(seen["helpers"]) == 1
        assert len(seen["communities"]["features"]) == 2
        text = str(seen)
        assert "示例001" not in text
        assert "third floor" not in text
        assert str(HOME[0]) not in text
        assert await refused(town.stranger.city()) == 403
        assert await refused(helper.city()) == 403

    told(story, tmp_path)


def test_the_live_stream_tells_everybody_his_own(tmp_path: Path) -> None:
    async def story(town: Town) -> None:
        placed = await press(town)
        start = await town.node.broker.log.head()
        helper = await town.helper(1)
        watcher = town.stranger.watching(placed.watch)
        other = await town.worker(EAST)
        heard: dict[str, list[str]] = {"caller": [], "other": [], "helper": []}
        news = asyncio.Event()

        async def listen(name: str, client, **wish) -> None:
            async for event in client.live(after=start, **wish):
                heard[name].append(event.content["type"])
                news.set()

        listening = [
            asyncio.create_task(listen("caller", watcher, call=placed.id)),
            asyncio.create_task(listen("other", other, types=("ServiceCall",))),
            asyncio.create_task(listen("helper", helper)),
        ]
        await helper.accept((await helper.helper_me())["offer"]["id"])
        await town.settle()
        async with asyncio.timeout(10):
            while not (heard["caller"] and "Offer" in heard["helper"]):
                news.clear()
                await news.wait()
        for one in listening:
            one.cancel()
        await asyncio.gather(*listening, return_exceptions=True)
        assert set(heard["caller"]) == {"ServiceCall"}
        assert heard["other"] == []
        with pytest.raises(ClientProblem):
            await anext(aiter(town.stranger.live()))

    told(story, tmp_path)


def test_a_foreign_host_and_a_foreign_page_are_turned_away(tmp_path: Path) -> None:
    async def story(town: Town) -> None:
        line = DirectTransport(town.node.web)

        async def ask(method: str, **headers: str) -> Answer:
            return await line.ask(method, "/api/node" if method == "GET" else "/api/sign-out", headers, b"")

        assert (await ask("GET")).status == 200
        assert (await ask("GET", host="evil.example")).status == 403
        assert (await ask("POST", origin="http://evil.example")).status == 403
        assert (await ask("POST", origin="http://localhost")).status == 204

    told(story, tmp_path)


def test_a_caller_cannot_write_a_call_into_the_database_himself(tmp_path: Path) -> None:
    async def story(town: Town) -> None:
        body = b'{"id":"urn:ngsi-ld:ServiceCall:990101000000:01JTESTCA11000000000000001","type":"ServiceCall"}'
        line = DirectTransport(town.node.web)
        answer = await line.ask(
            "POST", "/ngsi-ld/v1/entities", {"content-type": "application/json", "linli-purpose": "service"}, body
        )
        assert answer.status in (400, 403)
        assert (await town.admin.calls("all"))["total"] == 0

    told(story, tmp_path)
