"""A node that tells a subscriber over HTTP: the in-process door, a real receiver on loopback, one clock moved by hand."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import uvloop
from ngsild_door import Door, Reply
from receiver import Got, Receiver

from linli.base import write_json
from linli.egress import Egress

VEHICLES = [{"type": "Vehicle"}]


class Scene:
    """One node, one receiver."""

    def __init__(self, door: Door, receiver: Receiver) -> None:
        self.door = door
        self.broker = door.broker
        self.receiver = receiver

    async def ask(
        self, method: str, path: str, body: Any = None, *, tenant: str = "", via: str = "", **query: str
    ) -> Reply:
        content = b"" if body is None else write_json(body)
        headers = {name: said for name, said in (("ngsild-tenant", tenant), ("via", via)) if said}
        if content:
            ld = isinstance(body, dict) and "@context" in body
            headers["content-type"] = "application/ld+json" if ld else "application/json"
        if method in ("POST", "PATCH", "PUT"):
            headers["content-length"] = str(len(content))
        return await self.door._ask(method, path, content, headers, query)

    async def done(self, method: str, path: str, body: Any = None, **more: Any) -> Reply:
        """Ask for what must work."""
        reply = await self.ask(method, path, body, **more)
        assert reply.status in (200, 201, 204), reply.body
        return reply

    def subscription(self, notification: dict[str, Any] | None = None, **members: Any) -> dict[str, Any]:
        endpoint = {"uri": self.receiver.url(), **(notification or {}).get("endpoint", {})}
        said = {"type": "Subscription", "entities": VEHICLES, **members}
        said["notification"] = {**(notification or {}), "endpoint": endpoint}
        return {name: value for name, value in said.items() if value is not None}

    async def subscribe(self, notification: dict[str, Any] | None = None, *, tenant: str = "", **members: Any) -> str:
        """Subscribe to vehicles, unless told otherwise, and return the subscription's path."""
        reply = await self.done("POST", "/subscriptions", self.subscription(notification, **members), tenant=tenant)
        location = reply.header("location")
        assert location
        return location.removeprefix("/ngsi-ld/v1")

    async def shown(self, path: str, **more: str) -> Any:
        return (await self.done("GET", path, **more)).json

    async def told(self, count: int) -> list[Got]:
        """Return what came, which must be exactly so many once everything is told that can be told now."""
        await self.broker.settled()
        got = await self.receiver.count(count)
        await self.broker.settled()
        assert len(self.receiver.got) == count, [one.json for one in self.receiver.got]
        return got

    async def data(self, count: int) -> list[Any]:
        """Return the data of what came."""
        return [one.json["data"] for one in await self.told(count)]

    def pass_s(self, seconds: float) -> None:
        self.door.clock.advance_to(self.door.clock.now_us() + int(seconds * 1_000_000))


@asynccontextmanager
async def scene(answers: Any = None, **options: Any) -> AsyncIterator[Scene]:
    receiver = await Receiver(answers).start()
    egress = Egress(["127.0.0.1"], total_s=2.0)
    door = Door(egress=egress, **{"default_context": "core", **options})
    await door.broker.start()
    try:
        yield Scene(door, receiver)
    finally:
        await door.broker.stop()
        await egress.close()
        await receiver.stop()


def play(story: Callable[[Scene], Awaitable[None]], answers: Any = None, **options: Any) -> None:
    """Play a story on the loop that a node runs on."""

    async def played() -> None:
        async with scene(answers, **options) as one:
            await story(one)

    run(played())


def run(coroutine: Coroutine[Any, Any, None]) -> None:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(coroutine)
