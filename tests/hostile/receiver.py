"""Who gets notifications: a small HTTP server that keeps what came and answers as it is told; and a real Mosquitto."""

from __future__ import annotations

import asyncio
import contextlib
import getpass
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from linli.base import read_json

MOSQUITTO = "/usr/sbin/mosquitto"
PATIENCE_S = 20.0


@dataclass(frozen=True)
class Got:
    """One request as it came."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return read_json(self.body, bytes_max=1 << 24)


Answering = Callable[[Got], Awaitable[bytes | None]]


def answer(status: int = 204, body: bytes = b"", *headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status} Said", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


class Receiver:
    """Listens on a free loopback port; `answers` makes the raw answer to each request, None = never."""

    def __init__(self, answers: Answering | None = None) -> None:
        self.got: list[Got] = []
        self.connections = 0
        self.answers = answers
        self.port = 0
        self._news = asyncio.Condition()
        self._server: asyncio.Server
        self._open: dict[asyncio.Task[None], asyncio.StreamWriter] = {}

    async def start(self, port: int = 0, tls: ssl.SSLContext | None = None) -> Receiver:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", port, ssl=tls, limit=1 << 24)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def stop(self) -> None:
        self._server.close()
        for writer in self._open.values():
            writer.transport.abort()
        if self._open:
            await asyncio.wait(list(self._open))
        await self._server.wait_closed()

    def url(self, path: str = "/notify") -> str:
        return f"http://127.0.0.1:{self.port}{path}"

    async def count(self, least: int) -> list[Got]:
        """Return what came as soon as it is at least so many."""
        async with asyncio.timeout(PATIENCE_S), self._news:
            await self._news.wait_for(lambda: len(self.got) >= least)
        return list(self.got)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        serving = asyncio.current_task()
        assert serving
        self._open[serving] = writer
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            await self._talk(reader, writer)
        del self._open[serving]
        writer.close()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            got = await _read(reader)
            async with self._news:
                self.got.append(got)
                self._news.notify_all()
            said = answer() if self.answers is None else await self.answers(got)
            if said is None:
                await reader.read()
                return
            writer.write(said)
            await writer.drain()


class Babbler(Receiver):
    """Answers the first bytes of any connection with the same bytes, and then only listens."""

    def __init__(self, said: bytes) -> None:
        super().__init__()
        self._said = said

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(self._said)
        await writer.drain()
        await reader.read()


async def _read(reader: asyncio.StreamReader) -> Got:
    head = await reader.readuntil(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")[:-2]
    method, target, _ = first.split(" ", 2)
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return Got(method, target, headers, body)


@contextlib.asynccontextmanager
async def receiving(answers: Answering | None = None) -> AsyncIterator[Receiver]:
    receiver = await Receiver(answers).start()
    try:
        yield receiver
    finally:
        await receiver.stop()


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@contextlib.asynccontextmanager
async def mosquitto(folder: Path, *, user: str = "", password: str = "") -> AsyncIterator[int]:
    """Run a Mosquitto of its own and yield its port."""
    port = free_port()
    lines = [f"listener {port} 127.0.0.1", "persistence false", "log_type none"]
    lines += [f"user {getpass.getuser()}"]  # it would give up its rights and could not read the folder any more
    if user:
        secrets = folder / "passwords"
        secrets.touch(mode=0o600)
        making = await asyncio.create_subprocess_exec("mosquitto_passwd", "-b", str(secrets), user, password)
        assert await making.wait() == 0
        lines += ["allow_anonymous false", f"password_file {secrets}"]
    else:
        lines.append("allow_anonymous true")
    config = folder / "mosquitto.conf"
    config.write_text("\n".join(lines) + "\n")
    running = await asyncio.create_subprocess_exec(
        MOSQUITTO, "-c", str(config), stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL
    )
    try:
        await _listening(port)
        yield port
    finally:
        running.terminate()
        await running.wait()


async def _listening(port: int) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while True:
            with contextlib.suppress(OSError):
                _, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.close()
                return
            await asyncio.sleep(0.02)
