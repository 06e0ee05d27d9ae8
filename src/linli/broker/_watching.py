"""Keeps in memory what stands about persons: everything that stood before, and what other processes write.

What this process writes itself is taken in by its own commit; so a consent that is withdrawn here closes at once, and one that
is withdrawn elsewhere as soon as its row is read.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

import structlog

from linli.base.errors import LinliError
from linli.store import Find, LogRow

from ._ground import Ground
from ._person import CHILDREN, WATCHED
from ._plain import decoded

#: pause between two looks at the log, so that rows come many at a time
LOOK_S = 0.2
ROWS_MAX = 1000
#: how long a start waits for what stands; until it is read, nothing that needs a consent is open
CATCH_UP_S = 10.0

_log = structlog.get_logger("broker")


class WatchingDoor(Ground):
    """Reads what stands about persons."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Stand on the same ground."""
        super().__init__(*args, **kwargs)
        self._watching: asyncio.Task[None] | None = None
        self._watched: dict[str, int] = {}

    async def start(self) -> None:
        """Read what stands, then go on with the log."""
        here = asyncio.Event()
        self._watching = asyncio.create_task(self._watch_always(here))
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(CATCH_UP_S):
                await here.wait()
        await super().start()

    async def stop(self) -> None:
        """End reading."""
        if self._watching is not None:
            self._watching.cancel()
            await asyncio.wait([self._watching])
            self._watching = None
        await super().stop()

    async def watch(self) -> None:
        """Read everything about persons that was written up to now, in every tenant."""
        for tenant in {*self._tenants, *await self._store.tenants()}:
            if tenant not in self._watched:
                head = await self._store.head(tenant)
                await self._read_all(tenant)
                self._watched[tenant] = head
            while rows := await self._store.log_since(tenant, self._watched[tenant], limit=ROWS_MAX):
                for row in rows:
                    await self._watch_row(row)
                self._watched[tenant] = rows[-1].seq

    # inside

    async def _watch_always(self, here: asyncio.Event) -> None:
        while True:
            try:
                await self.watch()
                here.set()
            except LinliError as error:
                _log.warning("broker.persons.look_failed", error=error.message)
            await asyncio.sleep(LOOK_S)

    async def _read_all(self, tenant: str) -> None:
        for type_name in WATCHED:
            keys = (("ageBand", CHILDREN),) if type_name == "Resident" else ()
            async for stored in self._candidates(tenant, Find(types=(type_name,), keys=keys)):
                self.persons.take(tenant, type_name, stored.entity_id, decoded(stored))

    async def _watch_row(self, row: LogRow) -> None:
        if row.type not in WATCHED or row.kind not in ("create", "update", "delete"):
            return
        stored = await self._store.get(row.tenant, row.entity_id)
        self.persons.take(row.tenant, row.type, row.entity_id, None if stored is None else decoded(stored))
