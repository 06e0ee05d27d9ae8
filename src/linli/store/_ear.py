"""The connection on which a process hears what others wrote to the same schema of PostgreSQL, and holds its leads.

A notice is a hint: it is only heard while the connection stands. So when it comes back, everything is looked up again;
and while it is away, nothing that is kept in memory is trusted. Leads (advisory locks) live and end with the connection.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson
import structlog

from ._address import PostgresAddress
from ._link import connect, faults
from ._queries import numbered, queries

if TYPE_CHECKING:
    import asyncpg

_LEAD = numbered(queries("write", "postgres")["lead"])
_PING_EVERY_S, _PING_S = 10.0, 5.0
_RETRY_S, _RETRY_S_MAX = 0.1, 5.0

_log = structlog.get_logger("linli.store")


@dataclass(frozen=True, slots=True)
class Notice:
    """What another process (or this one, `process` tells) has committed; `touched` None = more than was told."""

    process: int
    heads: dict[str, int]
    touched: list[tuple[str, str]] | None


class Ear:
    """Listens until it is closed; comes back by itself."""

    def __init__(
        self, address: PostgresAddress, heard: Callable[[Notice], None], back: Callable[[], Awaitable[None]]
    ) -> None:
        """Prepare; `heard` is called for each notice, `back` after every pause in which some may have been missed."""
        self._address = address
        self._heard = heard
        self._back = back
        self._connection: asyncpg.Connection | None = None
        self._leads: set[str] = set()
        self._asking = asyncio.Lock()
        self._gone = asyncio.Event()
        self._keeping: asyncio.Task[None] | None = None

    @property
    def listens(self) -> bool:
        """Whether nothing can be missed at this moment."""
        return self._connection is not None and not self._connection.is_closed()

    async def open(self) -> None:
        """Begin to listen. Raises: one of `faults()`."""
        await self._listen()
        self._keeping = asyncio.get_running_loop().create_task(self._keep())

    async def close(self) -> None:
        """End, and give up all leads."""
        if self._keeping is not None:
            self._keeping.cancel()
            await asyncio.wait([self._keeping])
        if self._connection is not None:
            await self._connection.close()

    async def lead(self, name: str) -> bool:
        """Return whether this process leads `name`, after trying to."""
        async with self._asking:
            if not self.listens or self._connection is None:
                return False
            if name not in self._leads:
                try:
                    took = await self._connection.fetchval(_LEAD, f"{self._address.channel}:{name}")
                except faults():
                    return False
                if not took:
                    return False
                self._leads.add(name)
            return True

    async def _listen(self) -> None:
        connection = await connect(self._address)
        await connection.add_listener(self._address.channel, self._take)
        connection.add_termination_listener(self._lost)
        self._gone.clear()
        self._connection = connection

    async def _keep(self) -> None:
        while True:
            try:
                await asyncio.wait_for(self._gone.wait(), _PING_EVERY_S)
            except TimeoutError:
                await self._ping()
                continue
            await self._come_back()

    async def _ping(self) -> None:
        """Ask something, for a line that was cut far away does not say so."""
        async with self._asking:
            if self._connection is None:
                return
            try:
                await self._connection.execute("SELECT 1", timeout=_PING_S)
            except faults():
                self._connection.terminate()

    async def _come_back(self) -> None:
        pause_s = _RETRY_S
        while True:
            try:
                await self._listen()
                await self._back()
            except faults() as error:
                _log.warning("store.line.lost", reason=str(error) or type(error).__name__)
                await asyncio.sleep(pause_s)
                pause_s = min(2 * pause_s, _RETRY_S_MAX)
            else:
                return

    def _lost(self, _connection: Any) -> None:
        self._leads.clear()
        self._gone.set()

    def _take(self, _connection: Any, process: int, _channel: str, payload: object) -> None:
        said = orjson.loads(str(payload))
        touched = said["touched"]
        self._heard(Notice(process, said["heads"], None if touched is None else [(one, two) for one, two in touched]))
