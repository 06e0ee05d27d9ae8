"""Where each tenant's log ends, and who waits for it to grow."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

from linli.base.errors import StoreFailed


class Heads:
    """The newest log position of each tenant, as far as readers were told; lives in the event loop's thread."""

    def __init__(self, load: Callable[[str], int]) -> None:
        """Take how to find the head of a tenant that was not asked for before."""
        self._load = load
        self._heads: dict[str, int] = {}
        self._waiting: dict[str, dict[asyncio.Future[None], None]] = {}
        self._closed = False

    def head(self, tenant: str) -> int:
        """Return the position of the newest row."""
        known = self._heads.get(tenant)
        if known is None:
            known = self._load(tenant)
            # Names that never wrote are not kept: anybody may ask for any.
            if known:
                self._heads[tenant] = known
        return known

    def known(self) -> list[str]:
        """Return the tenants whose head is known here, or waited for."""
        return [*self._heads, *self._waiting]

    def raise_to(self, heads: Mapping[str, int]) -> None:
        """Take new heads, and wake everybody who waits for these tenants."""
        for tenant, seq in heads.items():
            self._heads[tenant] = max(seq, self.head(tenant))
            self._wake(tenant)

    async def wait(self, tenant: str, after: int) -> int:
        """Return the head as soon as it lies past `after`.

        Raises: StoreFailed: the store was closed meanwhile.
        """
        while self.head(tenant) <= after:
            if self._closed:
                raise StoreFailed("The store is closed.")
            woken = asyncio.get_running_loop().create_future()
            waiting = self._waiting.setdefault(tenant, {})
            waiting[woken] = None
            try:
                await woken
            finally:
                waiting.pop(woken, None)
        return self.head(tenant)

    def close(self) -> None:
        """Send home everybody who still waits."""
        self._closed = True
        for tenant in list(self._waiting):
            self._wake(tenant)

    def _wake(self, tenant: str) -> None:
        for woken in self._waiting.get(tenant, ()):
            if not woken.done():
                woken.set_result(None)
