"""A real node in a process of its own, which can be killed and started again on the same folder."""

from __future__ import annotations

import asyncio
import signal
import sys
import time
from pathlib import Path

READY_S_MAX = 30.0


class RealNode:
    """`linli serve` on a free port, without a map, with one-click sign-in for the test's made-up people."""

    def __init__(self, folder: Path, *more: str) -> None:
        self._folder = folder
        self._more = more
        self._process: asyncio.subprocess.Process | None = None
        self.url = ""
        self.starts_s: list[float] = []

    async def start(self) -> None:
        begin = time.monotonic()
        self._process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "linli", "serve", "--data", str(self._folder), "--port", "0",
            "--set", "trust.sign_in=demo", *self._more,
            stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip
        assert self._process.stdout
        line = await asyncio.wait_for(self._process.stdout.readline(), READY_S_MAX)
        assert line.startswith(b"ready "), line
        self.url = line.split()[1].decode()
        self.starts_s.append(time.monotonic() - begin)

    @property
    def pid(self) -> int:
        assert self._process
        return self._process.pid

    async def kill(self) -> None:
        assert self._process
        self._process.send_signal(signal.SIGKILL)
        await self._process.wait()

    async def stop(self) -> int:
        assert self._process
        if self._process.returncode is None:
            self._process.send_signal(signal.SIGINT)
        return await asyncio.wait_for(self._process.wait(), 15)
