"""Goes through a database that an older program wrote, and files each entity as this program looks for it.

Page by page, each one commit with the place reached, so that it goes on after a crash where it stopped. Nothing gets a new
version or a row in the log. Until all of it is done nobody may ask: a search by a new key would miss what lacks it.
"""

from __future__ import annotations

from collections.abc import Callable

import orjson
import structlog

from linli.base import Clock
from linli.store import Change, Find, Rewrite, Stored

from ._resealing import FoundBy
from ._sealed import FILED, Sealed

#: the reader whose position says how far a walk has come, and the one that says for which form it walks
WALK, FOR = "filer walk", "filer form"
_ACTOR = "engine:filer"
_PAGE = 200
_TOLD_EACH = 20_000

_log = structlog.get_logger("linli.trust")


class Refiling:
    """Files what a store holds, below the store that seals."""

    def __init__(
        self, sealed: Sealed, found_by: FoundBy, wall: Clock, tell: Callable[[str], None] | None = None
    ) -> None:
        """Work on the store over which `sealed` stands; `tell` hears how far it is, else the log."""
        self._store = sealed.below
        self._sealed = sealed
        self._found_by = found_by
        self._wall = wall
        self._tell = tell or (lambda said: _log.info("trust.filing.goes_on", said=said))

    async def bring_up(self) -> int:
        """File everything that is not filed in the form of this program; return how many entities were. Raises: StoreFailed."""
        filed = 0
        for tenant in await self._store.tenants():
            if await self._store.cursor(tenant, FILED) != self._sealed.form:
                filed += await self._walk(tenant)
        return filed

    async def _walk(self, tenant: str) -> int:
        form = self._sealed.form
        if await self._store.cursor(tenant, FOR) != form:
            await self._commit(tenant, (), (WALK, 0))
            await self._commit(tenant, (), (FOR, form))
        after, filed = await self._store.cursor(tenant, WALK), 0
        while page := await self._store.find(tenant, Find(), after=after, limit=_PAGE):
            after = page[-1].row
            await self._commit(tenant, tuple(self._filed(tenant, stored) for stored in page), (WALK, after))
            filed += len(page)
            if filed % _TOLD_EACH < len(page):
                self._tell(f"Tenant {tenant}: {filed} entities are filed anew.")
        await self._commit(tenant, (), (FILED, form))
        if filed:
            self._tell(f"Tenant {tenant}: all entities are filed, {filed} of them anew.")
        return filed

    def _filed(self, tenant: str, stored: Stored) -> Rewrite:
        """Return an entity with the keys and the box under which it is found now; what it holds stays as it is."""
        doc = orjson.loads(self._sealed.opened(stored).doc)
        keys, box = self._found_by(doc)
        of = self._sealed.class_of(doc)
        if of is not None:
            keys, box = self._sealed.filed(tenant, of, doc, keys, box)
        return Rewrite(stored, keys, box)

    async def _commit(self, tenant: str, rewrites: tuple[Rewrite, ...], cursor: tuple[str, int]) -> None:
        await self._store.commit(Change(tenant, _ACTOR, "", self._wall.now_us(), rewrites=rewrites, cursor=cursor))
