"""Reads the log of one tenant for those who are told of it: begins, goes on, keeps how far it has come, and ends.

What a row means and what is kept is the business of who reads: `_following` for entities, `_source_notifying` for
registrations.
"""

from __future__ import annotations

import asyncio
import contextlib
from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import Protocol

import structlog

from linli.base.errors import LinliError

from ._telling import Mailbox

SAVE_S = 0.1
#: the longest pause before what failed is tried again
PAUSE_S_MAX = 60.0

log = structlog.get_logger("broker")


class LogDoor(Protocol):
    """What a reader asks about the log."""

    async def wait(self, tenant: str, seq: int) -> None:
        """Return soon after there is a row after a position."""
        ...

    async def head(self, tenant: str) -> int:
        """Return where the log of a tenant stands."""
        ...


class LogReader(ABC):
    """Reads the log of one tenant, and has a mailbox for each who is told. `name`: under which it keeps its position."""

    name: str

    def __init__(self, door: LogDoor, tenant: str) -> None:
        """Stand at the beginning, not yet reading."""
        self.mailboxes: dict[str, Mailbox] = {}
        self._log = door
        self._tenant = tenant
        self._seq = 0
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Take in all subscriptions and begin to read."""
        await self._begin()
        self._tasks = [asyncio.create_task(self._follow()), asyncio.create_task(self._keep())]

    async def stop(self) -> None:
        """End, and keep what was counted."""
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)
        for mailbox in self.mailboxes.values():
            await mailbox.end()
        with contextlib.suppress(LinliError):
            await self._save()

    async def settled(self) -> None:
        """Return when all rows are read and every mailbox is empty or waits for a later moment."""
        for mailbox in self.mailboxes.values():
            if mailbox.resting:
                mailbox.wake()
        head = await self._log.head(self._tenant)
        while self._seq < head or not all(one.idle or one.resting for one in self._telling_now()):  # noqa: ASYNC110 - only tests and headless runs wait here
            await asyncio.sleep(0.001)

    # what each reader does in its own way

    @abstractmethod
    async def _begin(self) -> None:
        """Take in all subscriptions, and find the position from which to read."""

    @abstractmethod
    async def _read_to(self, head: int) -> None:
        """Read the next rows up to a position, and go on to the last one that was read."""

    @abstractmethod
    def _must_save(self) -> bool:
        """Tell whether there is anything to keep."""

    @abstractmethod
    async def _save(self) -> None:
        """Keep what was counted, and up to where nobody needs the log again. Raises: LinliError."""

    def _telling_now(self) -> Iterable[Mailbox]:
        """Return all mailboxes that may hold something."""
        return self.mailboxes.values()

    # inside

    async def _follow(self) -> None:
        """Read on for ever, only such rows whose writers know already that they stand."""
        failures = 0
        while True:
            try:
                await self._log.wait(self._tenant, self._seq)
                head = await self._log.head(self._tenant)
                await asyncio.sleep(0)
                await self._read_to(head)
                failures = 0
            except Exception:
                failures += 1
                log.exception("broker.notifications.failed", reader=self.name, tenant=self._tenant, seq=self._seq)
                await asyncio.sleep(min(PAUSE_S_MAX, 0.05 * 2 ** min(failures, 12)))

    async def _keep(self) -> None:
        while True:
            await asyncio.sleep(SAVE_S)
            if self._must_save():
                try:
                    await self._save()
                except LinliError as error:
                    log.warning(
                        "broker.notifications.save_failed",
                        reader=self.name,
                        tenant=self._tenant,
                        error=error.message,
                    )
