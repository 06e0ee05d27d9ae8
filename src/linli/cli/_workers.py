"""`linli serve --only broker --workers N`: several processes on one socket and one database of PostgreSQL.

This process only watches: the workers serve, and the store decides which one of them leads the engines. A worker that
ends is replaced; one that ends again and again ends them all.
"""

from __future__ import annotations

import argparse
import asyncio
import signal
import socket
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import structlog

from linli.base import Settings
from linli.base.errors import BadSetting, StartError
from linli.web import SIGN_IN

from ._serve import address_of, certificate_of, listen, run_loop

READY_S_MAX = 60.0
STOP_S_MAX = 20.0
#: a worker that lived shorter than this has failed; after so many failures in a row there is no sense in going on
LIFE_S_MIN = 10.0
FAILURES_MAX = 3

_log = structlog.get_logger("cli")


def run(options: argparse.Namespace, settings: Settings) -> int:
    """Run the workers until a signal comes. Raises: BadSetting, StartError."""
    if not settings["store.url"].startswith(("postgresql://", "postgres://")):
        raise BadSetting(
            "--workers: several processes can only share a database of PostgreSQL; give its address with "
            "--set store.url=postgresql://USER@HOST/DATABASE, or leave --workers out."
        )
    sign_in = "open" if options.open else settings[SIGN_IN]
    with listen(settings, options.port, sign_in) as listener:
        address = address_of(listener, secure=certificate_of(settings) is not None)
        return run_loop(_Crew(address, listener, options.arguments, options.workers).work())


@dataclass(slots=True)
class _Crew:
    """The workers of one socket."""

    address: str
    listener: socket.socket
    arguments: Sequence[str]
    count: int
    ending: asyncio.Event = field(default_factory=asyncio.Event)
    members: set[asyncio.subprocess.Process] = field(default_factory=set)

    async def work(self) -> int:
        """Start all, the first alone (it makes what is not there yet), and keep them until the end."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self.ending.set)
        try:
            first = await self._started()
            rest = await asyncio.gather(*(self._started() for _ in range(self.count - 1)))
            print(f"ready {self.address}", flush=True)
            print(f"  {self.count} workers serve this address.", flush=True)
            await self._watch([first, *rest])
        finally:
            await self._stop()
        return 0

    async def _watch(self, members: Sequence[asyncio.subprocess.Process]) -> None:
        """Return at a signal. Raises: StartError: a worker ends again and again."""
        ended = asyncio.create_task(self.ending.wait())
        kept = [asyncio.create_task(self._kept(member)) for member in members]
        await asyncio.wait([ended, *kept], return_when=asyncio.FIRST_COMPLETED)
        for task in (ended, *kept):
            task.cancel()
        for outcome in await asyncio.gather(ended, *kept, return_exceptions=True):
            if isinstance(outcome, Exception):
                raise outcome

    async def _kept(self, member: asyncio.subprocess.Process) -> None:
        failures, began = 0, time.monotonic()
        while True:
            code = await member.wait()
            self.members.discard(member)
            failures = failures + 1 if time.monotonic() - began < LIFE_S_MIN else 1
            _log.error("cli.worker.ended", code=code, failures=failures)
            if failures >= FAILURES_MAX:
                raise StartError("A worker ended again and again; what it said stands above.")
            began = time.monotonic()
            member = await self._started()

    async def _started(self) -> asyncio.subprocess.Process:
        """Return a worker that serves. Raises: StartError: it did not come so far."""
        number = self.listener.fileno()
        member = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "linli", *self.arguments, "--workers", "1", "--socket", str(number)),
            pass_fds=(number,),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
        )
        self.members.add(member)
        assert member.stdout is not None  # noqa: S101 - it was asked for
        try:
            said = await asyncio.wait_for(member.stdout.readline(), READY_S_MAX)
        except TimeoutError:
            said = b""
        if not said.startswith(b"ready "):
            raise StartError("A worker did not start; what it said stands above.")
        return member

    async def _stop(self) -> None:
        """End all workers in order, and those that do not by force."""
        for member in self.members:
            if member.returncode is None:
                member.terminate()
        for member in self.members:
            try:
                await asyncio.wait_for(member.wait(), STOP_S_MAX)
            except TimeoutError:
                member.kill()
                await member.wait()
