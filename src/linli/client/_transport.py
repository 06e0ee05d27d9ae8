"""How a request gets there: over HTTP, or straight into an ASGI callable of the same process."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, MutableMapping
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import unquote

import httpx

from ._trouble import ClientProblem, NodeUnreachable

TIMEOUT_S = 30.0
STREAM_CHUNKS_MAX = 1000
_LOCAL_HOST = "localhost"

Message = MutableMapping[str, Any]
AsgiApp = Callable[
    [MutableMapping[str, Any], Callable[[], Awaitable[Message]], Callable[[Message], Awaitable[None]]], Awaitable[None]
]


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back. Header names are lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Transport(Protocol):
    """Carries one request to the node. `target` is the path with its query, already percent-encoded."""

    async def ask(self, method: str, target: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """Return the whole answer.

        Raises: NodeUnreachable.
        """
        ...

    def stream(self, target: str, headers: Mapping[str, str]) -> AsyncGenerator[bytes, None]:
        """Yield the body of a GET as it comes.

        Raises: NodeUnreachable: also when the stream breaks off. ClientProblem: the answer is not 200.
        """
        ...

    async def close(self) -> None:
        """Let go of connections."""
        ...


class HttpTransport:
    """Over the network, with one pool of connections."""

    def __init__(self, base_url: str) -> None:
        """Talk to the node at `base_url`, like http://127.0.0.1:8800."""
        limits = httpx.Limits(max_connections=100, max_keepalive_connections=40)
        self._http = httpx.AsyncClient(base_url=base_url, timeout=TIMEOUT_S, limits=limits, trust_env=False)

    async def ask(self, method: str, target: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """Return the whole answer."""
        try:
            response = await self._http.request(method, target, headers=dict(headers), content=body)
        except httpx.TransportError as error:
            raise NodeUnreachable(f"{method} {target}: {error or type(error).__name__}") from error
        return Answer(response.status_code, response.headers, response.content)

    async def stream(self, target: str, headers: Mapping[str, str]) -> AsyncGenerator[bytes, None]:
        """Yield the body of a GET as it comes."""
        patient = httpx.Timeout(TIMEOUT_S, pool=None)
        try:
            async with self._http.stream("GET", target, headers=dict(headers), timeout=patient) as response:
                if response.status_code != 200:
                    raise ClientProblem.of(response.status_code, await response.aread())
                async for chunk in response.aiter_raw():
                    yield chunk
        except httpx.TransportError as error:
            raise NodeUnreachable(f"GET {target}: {error or type(error).__name__}") from error

    async def close(self) -> None:
        """Close the pool."""
        await self._http.aclose()


class SyncTransport(Protocol):
    """As Transport, for those who have no event loop."""

    def ask(self, method: str, target: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """Return the whole answer.

        Raises: NodeUnreachable.
        """
        ...

    def close(self) -> None:
        """Let go of connections."""
        ...


class SyncHttpTransport:
    """Over the network, without an event loop; several threads may share it."""

    def __init__(self, base_url: str) -> None:
        """Talk to the node at `base_url`, like http://127.0.0.1:8800."""
        self._http = httpx.Client(base_url=base_url, timeout=TIMEOUT_S, trust_env=False)

    def ask(self, method: str, target: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """Return the whole answer."""
        try:
            response = self._http.request(method, target, headers=dict(headers), content=body)
        except httpx.TransportError as error:
            raise NodeUnreachable(f"{method} {target}: {error or type(error).__name__}") from error
        return Answer(response.status_code, response.headers, response.content)

    def close(self) -> None:
        """Close the pool."""
        self._http.close()


class DirectTransport:
    """Into an ASGI callable of the same process: no socket, no copy, no task of its own for a plain request.

    Starting and ending the application (its lifespan) is the business of whoever owns it.
    """

    def __init__(self, app: AsgiApp) -> None:
        """Call this application."""
        self._app = app

    async def ask(self, method: str, target: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """Return the whole answer."""
        exchange = _Exchange(body)
        told = headers if method == "GET" else {**headers, "content-length": str(len(body))}
        await self._app(_scope(method, target, told), exchange.receive, exchange.send)
        if exchange.status == 0:
            raise NodeUnreachable(f"{method} {target}: the application gave no answer.")
        return Answer(exchange.status, exchange.headers, b"".join(exchange.chunks))

    async def stream(self, target: str, headers: Mapping[str, str]) -> AsyncGenerator[bytes, None]:
        """Yield the body of a GET as it comes; leaving the loop tells the application that the reader is gone."""
        exchange = _Exchange(b"", pipe=asyncio.Queue(STREAM_CHUNKS_MAX))
        running = asyncio.create_task(exchange.run(self._app, _scope("GET", target, headers)))
        try:
            while (chunk := await exchange.next_chunk()) is not None:
                if exchange.status != 200:
                    raise ClientProblem.of(exchange.status, chunk)
                yield chunk
            await running
        finally:
            running.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await running

    async def close(self) -> None:
        """Nothing is held."""


class _Exchange:
    """The two ends that an ASGI application sees, for one request."""

    def __init__(self, body: bytes, pipe: asyncio.Queue[bytes | None] | None = None) -> None:
        self.status = 0
        self.headers: dict[str, str] = {}
        self.chunks: list[bytes] = []
        self._body: bytes | None = body
        self._pipe = pipe
        self._gone = asyncio.Event()

    async def receive(self) -> Message:
        if self._body is None:
            await self._gone.wait()
            return {"type": "http.disconnect"}
        body, self._body = self._body, None
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in message["headers"]}
        elif message["type"] == "http.response.body":
            await self._take(message.get("body", b""))
            if not message.get("more_body", False):
                self._gone.set()

    async def run(self, app: AsgiApp, scope: MutableMapping[str, Any]) -> None:
        """Run the application to its end and close the pipe behind it."""
        assert self._pipe is not None  # noqa: S101 - only streams run beside their reader
        try:
            await app(scope, self.receive, self.send)
        finally:
            with contextlib.suppress(asyncio.QueueFull):
                self._pipe.put_nowait(None)

    async def next_chunk(self) -> bytes | None:
        assert self._pipe is not None  # noqa: S101 - as above
        return await self._pipe.get()

    async def _take(self, chunk: bytes) -> None:
        if self._pipe is None:
            self.chunks.append(chunk)
        elif chunk:
            await self._pipe.put(chunk)


def _scope(method: str, target: str, headers: Mapping[str, str]) -> MutableMapping[str, Any]:
    path, _, query = target.partition("?")
    pairs = [(b"host", _LOCAL_HOST.encode())]
    pairs += [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": unquote(path),
        "raw_path": path.encode("ascii"),
        "query_string": query.encode("ascii"),
        "root_path": "",
        "headers": pairs,
        "client": ("127.0.0.1", 0),
        "server": (_LOCAL_HOST, 80),
    }
