"""Plain load over real connections, for any broker: so many users, each asking again as soon as it was answered."""

from __future__ import annotations

import asyncio
import itertools
import signal
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import orjson

from bench._processes import cpu_s
from bench._stats import report, spread

RUNS = Path(__file__).parent / "runs"  # not the folder for temporary files, which may lie in memory
TIMEOUT_S = 30.0


@dataclass(frozen=True, slots=True)
class Ask:
    """One request below the root of the API, and the statuses that mean that it went well."""

    method: str
    target: str
    body: Any = None
    good: frozenset[int] = frozenset({200, 201, 204, 206})


@dataclass(slots=True)
class Run:
    """What a load came to. Units: milliseconds each; seconds in all; microseconds of the server's CPU, if it is ours."""

    took_ms: list[float] = field(default_factory=list)
    errors: int = 0
    seconds: float = 0.0
    cpu_us: float | None = None
    last: bytes = b""

    def say(self, bench: str, case: str, *, ok: bool = True) -> bool:
        """Print the figures; an answer that was an error makes them worthless."""
        sound = ok and not self.errors and bool(self.took_ms)
        cpu = {} if self.cpu_us is None else {"cpu_us": round(self.cpu_us)}
        mean = sum(self.took_ms) / max(1, len(self.took_ms))
        facts = {"per_s": round(len(self.took_ms) / self.seconds), "mean": round(mean, 2), "errors": self.errors}
        report(bench, case, "ms", ok=sound, **facts, **cpu, **spread(self.took_ms or [0.0]))
        return sound


class Target:
    """A broker under load. `root`: the URL of its API, like http://127.0.0.1:8800/ngsi-ld/v1; `pid`: when it is ours."""

    def __init__(self, root: str, users: int, headers: Mapping[str, str], pid: int | None = None) -> None:
        """Load with so many users, who all send these headers."""
        said = urlsplit(root)
        self._host, self._port, self._path = said.hostname or "127.0.0.1", said.port or 80, said.path.rstrip("/")
        self._users = users
        self._headers = {"host": f"{self._host}:{self._port}", **headers}
        self._pid = pid

    async def run(self, asks: Callable[[int], Ask], number: int) -> Run:
        """Ask so many times, by all users at once; `asks` makes the n-th request."""
        run, numbers = Run(), itertools.count()
        cpu_before, began = cpu_s(self._pid) if self._pid else 0.0, time.perf_counter()
        async with asyncio.TaskGroup() as users:
            for _ in range(min(self._users, number)):
                users.create_task(self._user(asks, numbers, number, run))
        run.seconds = time.perf_counter() - began
        if self._pid:
            run.cpu_us = (cpu_s(self._pid) - cpu_before) * 1e6 / number
        return run

    async def one(self, ask: Ask) -> bytes:
        """Ask once and return the body. Raises: RuntimeError: it did not go well."""
        run = await self.run(lambda _: ask, 1)
        if run.errors:
            raise RuntimeError(f"{ask.method} {ask.target}: {run.last[:300]!r}")
        return run.last

    async def _user(self, asks: Callable[[int], Ask], numbers: itertools.count[int], number: int, run: Run) -> None:
        reader, writer = await asyncio.open_connection(self._host, self._port)
        try:
            while (at := next(numbers)) < number:
                ask = asks(at)
                request = self._bytes(ask)
                began = time.perf_counter()
                writer.write(request)
                async with asyncio.timeout(TIMEOUT_S):
                    status, run.last, stays = await _answer(reader)
                run.took_ms.append((time.perf_counter() - began) * 1000)
                run.errors += status not in ask.good
                if not stays:
                    writer.close()
                    reader, writer = await asyncio.open_connection(self._host, self._port)
        finally:
            writer.close()

    def _bytes(self, ask: Ask) -> bytes:
        body = b"" if ask.body is None else orjson.dumps(ask.body)
        headers = dict(self._headers)
        if body:
            headers |= {"content-type": "application/json", "content-length": str(len(body))}
        head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        return f"{ask.method} {self._path}{ask.target} HTTP/1.1\r\n{head}\r\n".encode() + body


async def _answer(reader: asyncio.StreamReader) -> tuple[int, bytes, bool]:
    """Read one answer: its status, its body, and whether the connection stays."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:])}
    status = int(head[0].split()[1])
    if headers.get("transfer-encoding") == "chunked":
        body = b""
        while size := int(await reader.readline(), 16):
            body += (await reader.readexactly(size + 2))[:-2]
        await reader.readline()
    else:
        body = await reader.readexactly(int(headers.get("content-length", 0)))
    return status, body, headers.get("connection", "").lower() != "close"


@asynccontextmanager
async def a_broker(*more: str) -> AsyncIterator[tuple[str, int]]:
    """Give (root, pid) of a broker of ours in a process of its own, on a file that is gone afterwards.

    `more`: what else stands on its command line.
    """
    RUNS.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=RUNS) as folder:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "linli", "serve", "--only", "broker", "--open", "--data", folder, "--port", "0", *more,
            stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip
        try:
            assert process.stdout
            line = await asyncio.wait_for(process.stdout.readline(), 60)
            yield line.split()[1].decode().rstrip("/") + "/ngsi-ld/v1", process.pid
        finally:
            process.send_signal(signal.SIGINT)
            await process.wait()
