"""HTTP/1.1 as an asker: one question at a time on a connection, connections kept for the next one."""

from __future__ import annotations

import asyncio
import re
from collections import OrderedDict, deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import cast

import httptools

from linli.base.errors import BadRequestData, Unreachable

from ._dialling import Dialler
from ._targets import Target

ANSWER_BYTES_MAX = 64 << 10
HEADERS_MAX = 100
HEADERS_BYTES_MAX = 32 << 10

#: connections to one target, and the idle ones of all
PER_TARGET = 8
IDLE_MAX = 256
IDLE_S = 15.0

_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}")
_VALUE = re.compile(r"[\x20-\x7e\x80-\xff\t]{0,4096}")

#: what the connection itself says, never a caller
_OWN = frozenset(
    {"host", "content-length", "transfer-encoding", "connection", "keep-alive", "te", "trailer", "upgrade", "expect"}
)


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked. `timeout_s`: for everything from the first byte of the connection, at most the node's own limit.

    `bytes_max`: how much of the answer's body is read.
    """

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    timeout_s: float | None = None
    bytes_max: int = ANSWER_BYTES_MAX


@dataclass(frozen=True, slots=True)
class Response:
    """What came back. Header names are lower case. `cut`: the body was longer than what was read of it."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    cut: bool = False


@lru_cache(4096)
def check_header(name: str, value: str) -> None:
    """Refuse a header that would break out of its line, or that belongs to the connection. Raises: BadRequestData."""
    if not _NAME.fullmatch(name) or name.lower() in _OWN:
        raise BadRequestData(f"{name[:100]!r}: a header of this name cannot be sent.")
    if not _VALUE.fullmatch(value):
        raise BadRequestData(f"{name}: the header's value must be one line of at most 4096 letters.")


class Line(asyncio.Protocol):
    """One connection: a question goes out, its answer is parsed as it comes."""

    def __init__(self) -> None:
        """Wait for the connection. `heard`: something of the answer came; `origin`: where a resting one leads."""
        self.open = False
        self.keep = True
        self.heard = False
        self.origin = ("", "", 0)
        self._transport: asyncio.Transport
        self._answer: asyncio.Future[Response] | None = None
        self._parser: httptools.HttpResponseParser
        self._headers: dict[str, str] = {}
        self._head_bytes = 0
        self._chunks: list[bytes] = []
        self._size = 0
        self._bytes_max = 0
        self._headed = False

    def ask(self, head: bytes, body: bytes, bytes_max: int) -> asyncio.Future[Response]:
        """Send a question; the future holds its answer. Raises (in the future): Unreachable."""
        self._answer = asyncio.get_running_loop().create_future()
        self._bytes_max = bytes_max
        self.heard = False
        self._parser = httptools.HttpResponseParser(self)
        self._begin()
        self._transport.write(head + body)
        return self._answer

    def close(self) -> None:
        """Drop the connection."""
        self.keep = self.open = False
        self._transport.abort()

    # what the loop calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the way out."""
        self._transport = cast("asyncio.Transport", transport)
        self.open = True

    def data_received(self, data: bytes) -> None:
        """Parse what came; anything that nobody asked for ends the connection."""
        if self._answer is None or self._answer.done():
            self.close()
            return
        self.heard = True
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            self._fail("The answer is not HTTP.")
        except httptools.HttpParserUpgrade:
            self._fail("The other side wants another protocol.")

    def connection_lost(self, exc: Exception | None) -> None:
        """End: an answer without a length ends here as it should, every other one failed."""
        self.open = self.keep = False
        lengthless = not self._headers.keys() & {"content-length", "transfer-encoding"}
        if exc is None and self._headed and lengthless:
            self._done(cut=False)
        else:
            self._fail("The connection ended before the answer did.")

    # what the parser calls

    def on_message_begin(self) -> None:
        """Distrust a connection on which a second answer follows the first."""
        if self._answer is not None and self._answer.done():
            self.keep = False

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header."""
        self._head_bytes += len(name) + len(value)
        if len(self._headers) >= HEADERS_MAX or self._head_bytes > HEADERS_BYTES_MAX:
            self._fail("The answer has too many headers.")
            return
        self._headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        """Know that only the body is still to come."""
        self._headed = self._parser.get_status_code() >= 200

    def on_body(self, chunk: bytes) -> None:
        """Take a piece of the body, up to the cap."""
        self._chunks.append(chunk[: self._bytes_max - self._size])
        self._size += len(chunk)
        if self._size > self._bytes_max:
            self.keep = False
            self._done(cut=True)

    def on_message_complete(self) -> None:
        """Hand over the answer; one that only says "go on" is no answer."""
        if not self._headed:
            self._begin()
            return
        self.keep = self.keep and self._parser.should_keep_alive()
        self._done(cut=False)

    def _begin(self) -> None:
        self._headers, self._chunks = {}, []
        self._head_bytes = self._size = 0
        self._headed = False

    def _done(self, *, cut: bool) -> None:
        if self._answer is not None and not self._answer.done():
            status = self._parser.get_status_code()
            self._answer.set_result(Response(status, self._headers, b"".join(self._chunks), cut))

    def _fail(self, why: str) -> None:
        self.keep = False
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(Unreachable(why))


class Pool:
    """The connections of one node. Those to one target are few, so that no target takes everything."""

    def __init__(self, dialler: Dialler) -> None:
        """Open connections with this dialler."""
        self._dialler = dialler
        self._gates: dict[tuple[str, str, int], asyncio.Semaphore] = {}
        self._waiting: dict[tuple[str, str, int], int] = {}
        self._idle: dict[tuple[str, str, int], deque[Line]] = {}
        self._resting: OrderedDict[Line, asyncio.TimerHandle] = OrderedDict()

    async def ask(self, target: Target, request: Request, total_s: float) -> Response:
        """Return the answer. Raises: Unreachable."""
        head = _head(target, request)
        origin = target.origin
        gate = self._gates.setdefault(origin, asyncio.Semaphore(PER_TARGET))
        self._waiting[origin] = self._waiting.get(origin, 0) + 1
        try:
            async with gate:
                return await self._asked(target, head, request, total_s)
        finally:
            self._waiting[origin] -= 1
            if not self._waiting[origin]:
                del self._waiting[origin], self._gates[origin]

    def close(self) -> None:
        """Drop the idle connections."""
        for line in list(self._resting):
            self._take(line)
            line.close()

    async def _asked(self, target: Target, head: bytes, request: Request, total_s: float) -> Response:
        try:
            async with asyncio.timeout(total_s):
                line = self._rested(target)
                if line is not None:
                    try:
                        return await self._exchange(target, line, head, request)
                    except Unreachable:
                        if line.heard:
                            raise
                line = await self._dialler.dial(target, Line)
                return await self._exchange(target, line, head, request)
        except TimeoutError as error:
            raise Unreachable("The answer took too long.") from error

    async def _exchange(self, target: Target, line: Line, head: bytes, request: Request) -> Response:
        answered = False
        try:
            response = await line.ask(head, request.body, request.bytes_max)
            answered = line.keep and line.open
        finally:
            if answered:
                self._rest(target, line)
            else:
                line.close()
        return response

    def _rest(self, target: Target, line: Line) -> None:
        """Keep a connection for a while; of too many the one that rested longest is dropped."""
        loop = asyncio.get_running_loop()
        line.origin = target.origin
        self._idle.setdefault(target.origin, deque()).append(line)
        self._resting[line] = loop.call_later(IDLE_S, self._expire, line)
        if len(self._resting) > IDLE_MAX:
            self._expire(next(iter(self._resting)))

    def _rested(self, target: Target) -> Line | None:
        while idle := self._idle.get(target.origin):
            line = idle[-1]
            self._take(line)
            if line.open:
                return line
        return None

    def _take(self, line: Line) -> None:
        self._resting.pop(line).cancel()
        idle = self._idle[line.origin]
        idle.remove(line)
        if not idle:
            del self._idle[line.origin]

    def _expire(self, line: Line) -> None:
        self._take(line)
        line.close()


def _head(target: Target, request: Request) -> bytes:
    lines = [f"{request.method} {target.path} HTTP/1.1", f"host: {target.authority}"]
    for name, value in request.headers.items():
        check_header(name, value)
        lines.append(f"{name}: {value}")
    if request.body or request.method in ("POST", "PUT", "PATCH"):
        lines.append(f"content-length: {len(request.body)}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")
