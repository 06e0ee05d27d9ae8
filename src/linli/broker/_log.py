"""The change log as readers see it: rows, cursors and due timers of one tenant. It holds no values."""

from __future__ import annotations

from linli.store import LogRow, Store


class Log:
    """A thin reader of the store's log. Rows name types and attributes by short name, IRIs where they are not ours."""

    def __init__(self, store: Store, tenant: str) -> None:
        """Read the log of one tenant."""
        self._store = store
        self._tenant = tenant

    async def rows_since(self, seq: int, *, limit: int = 1000) -> list[LogRow]:
        """Return up to `limit` rows after `seq`, oldest first."""
        return await self._store.log_since(self._tenant, seq, limit=limit)

    async def head(self) -> int:
        """Return the position of the newest row; 0 when there is none."""
        return await self._store.head(self._tenant)

    async def wait(self, after: int) -> int:
        """Return the head as soon as it lies past `after`."""
        return await self._store.wait_log(self._tenant, after)

    async def cursor(self, reader: str) -> int:
        """Return up to where a reader has done its work."""
        return await self._store.cursor(self._tenant, reader)

    async def claim_due(self, now_us: int, *, limit: int = 1000) -> int:
        """Turn the timers due at or before `now_us` into rows of kind timer; return how many."""
        return await self._store.claim_due(self._tenant, now_us, limit=limit)

    async def next_due(self) -> int | None:
        """Return when the next timer is due, in microseconds."""
        return await self._store.next_due(self._tenant)
