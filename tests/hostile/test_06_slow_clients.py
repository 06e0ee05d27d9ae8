"""Hostile test 06: connections that send nothing, or next to nothing, are ended; everybody else is answered meanwhile."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from real_node import RealNode

HALF_OPEN = 300
#: the node's own limits are 5 s; whoever is still open after this was forgotten
ENDED_S_MAX = 20.0

Stream = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@contextlib.asynccontextmanager
async def a_node(folder: Path, *more: str) -> AsyncIterator[RealNode]:
    node = RealNode(folder, *more)
    await node.start()
    try:
        yield node
    finally:
        await node.stop()


async def opened(node: RealNode, first: bytes) -> Stream:
    url = httpx.URL(node.url)
    reader, writer = await asyncio.open_connection(url.host, url.port)
    writer.write(first)
    await writer.drain()
    return reader, writer


async def ended(stream: Stream) -> None:
    """Return when the other side has closed; bytes that come before are passed over."""
    reader, writer = stream
    with contextlib.suppress(ConnectionError):
        while await reader.read(4096):
            pass
    writer.close()


async def trickle(stream: Stream, piece: bytes) -> None:
    """Send a byte now and then until the other side has had enough."""
    _, writer = stream
    with contextlib.suppress(ConnectionError):
        while not writer.is_closing():
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(0.2)


async def all_are_ended(streams: list[Stream], *, piece: bytes = b"") -> None:
    senders = [asyncio.ensure_future(trickle(stream, piece)) for stream in streams] if piece else []
    try:
        await asyncio.wait_for(asyncio.gather(*map(ended, streams)), ENDED_S_MAX)
    finally:
        for sender in senders:
            sender.cancel()
        await asyncio.gather(*senders, return_exceptions=True)


def test_06_half_open_slow_and_trickling_connections_end_while_others_are_answered(tmp_path: Path) -> None:
    async def attack() -> None:
        async with a_node(tmp_path) as node, httpx.AsyncClient(base_url=node.url) as honest:
            head = b"GET /health HTTP/1.1\r\nhost: localhost\r\n"
            post = b"POST /api/calls HTTP/1.1\r\nhost: localhost\r\ncontent-length: 100000\r\n\r\n{"
            silent = [await opened(node, b"") for _ in range(HALF_OPEN)]
            half = [await opened(node, head + b"x-slow: ") for _ in range(HALF_OPEN)]
            no_body = [await opened(node, post) for _ in range(50)]
            slow_head = [await opened(node, head + b"x-slow: ") for _ in range(50)]
            slow_body = [await opened(node, post) for _ in range(50)]
            ending = asyncio.gather(
                all_are_ended(silent),
                all_are_ended(half),
                all_are_ended(no_body),
                all_are_ended(slow_head, piece=b"x"),
                all_are_ended(slow_body, piece=b" "),
            )
            answered = 0
            while not ending.done():
                assert (await honest.get("/health", timeout=5)).status_code == 200
                answered += 1
                await asyncio.sleep(0.1)
            await ending
            assert answered > 10

    asyncio.run(attack())


def test_06_a_body_that_comes_slowly_but_honestly_is_read(tmp_path: Path) -> None:
    async def send() -> None:
        async with a_node(tmp_path) as node:
            body = b"x" * 12_000
            head = b"POST /api/calls HTTP/1.1\r\nhost: localhost\r\ncontent-length: %d\r\n\r\n" % len(body)
            reader, writer = await opened(node, head)
            for at in range(0, len(body), 1500):
                writer.write(body[at : at + 1500])
                await writer.drain()
                await asyncio.sleep(1)
            assert (await reader.readline()).split()[1] == b"400"
            writer.close()

    asyncio.run(send())


@pytest.mark.parametrize("limit", ["web.connections_max", "web.address_connections_max"])
def test_06_too_many_connections_are_told_to_come_back(tmp_path: Path, limit: str) -> None:
    async def crowd() -> None:
        async with a_node(tmp_path, "--set", f"{limit}=20") as node:
            streams = [await opened(node, b"") for _ in range(20)]
            reader, writer = await opened(node, b"")
            assert (await reader.readline()).split()[1] == b"503"
            writer.close()
            await all_are_ended(streams)
            async with httpx.AsyncClient(base_url=node.url) as honest:
                assert (await honest.get("/health")).status_code == 200

    asyncio.run(crowd())
