"""A store that passes everything on to the one below it: what a store that stands over another begins with."""

from __future__ import annotations

from linli.store import AuditRow, By, Change, Committed, Fact, Find, LogRow, Numbers, Past, Record, Store, Stored


class Passing(Store):
    """Every promise of a Store, kept by another one."""

    def __init__(self, store: Store) -> None:
        """Stand over `store`."""
        self._store = store

    async def commit(self, change: Change) -> Committed:
        """Pass on. See Store, here and below."""
        return await self._store.commit(change)

    async def get(self, tenant: str, entity_id: str) -> Stored | None:
        """Pass on."""
        return await self._store.get(tenant, entity_id)

    async def find(self, tenant: str, find: Find, *, after: int = 0, limit: int = 1000) -> list[Stored]:
        """Pass on."""
        return await self._store.find(tenant, find, after=after, limit=limit)

    async def count(self, tenant: str, find: Find) -> int:
        """Pass on."""
        return await self._store.count(tenant, find)

    async def record(self, tenant: str, kind: str, record_id: str) -> Record | None:
        """Pass on."""
        return await self._store.record(tenant, kind, record_id)

    async def records(self, tenant: str, kind: str, *, after: int = 0, limit: int = 1000) -> list[Record]:
        """Pass on."""
        return await self._store.records(tenant, kind, after=after, limit=limit)

    async def tenants(self) -> list[str]:
        """Pass on."""
        return await self._store.tenants()

    async def history(self, tenant: str, entity_id: str, attr: str, *, limit: int = 1000) -> list[tuple[int, Fact]]:
        """Pass on."""
        return await self._store.history(tenant, entity_id, attr, limit=limit)

    async def past(
        self,
        tenant: str,
        entity_id: str,
        attr: str | None = None,
        *,
        since_us: int | None = None,
        until_us: int | None = None,
        by: By = "written",
        newest_first: bool = True,
        limit: int = 1000,
    ) -> list[Past]:
        """Pass on."""
        return await self._store.past(
            tenant,
            entity_id,
            attr,
            since_us=since_us,
            until_us=until_us,
            by=by,
            newest_first=newest_first,
            limit=limit,
        )

    async def numbers(
        self,
        tenant: str,
        entity_id: str,
        attr: str,
        *,
        since_us: int | None = None,
        until_us: int | None = None,
        by: By = "observed",
    ) -> dict[str, Numbers]:
        """Pass on."""
        return await self._store.numbers(tenant, entity_id, attr, since_us=since_us, until_us=until_us, by=by)

    async def past_names(self, tenant: str, entity_id: str) -> list[str]:
        """Pass on."""
        return await self._store.past_names(tenant, entity_id)

    async def as_of(self, tenant: str, entity_id: str, seq: int) -> list[Past]:
        """Pass on."""
        return await self._store.as_of(tenant, entity_id, seq)

    async def log_since(self, tenant: str, seq: int, *, limit: int = 1000) -> list[LogRow]:
        """Pass on."""
        return await self._store.log_since(tenant, seq, limit=limit)

    async def head(self, tenant: str) -> int:
        """Pass on."""
        return await self._store.head(tenant)

    async def wait_log(self, tenant: str, after: int) -> int:
        """Pass on."""
        return await self._store.wait_log(tenant, after)

    async def cursor(self, tenant: str, reader: str) -> int:
        """Pass on."""
        return await self._store.cursor(tenant, reader)

    async def claim_due(self, tenant: str, now_us: int, *, limit: int = 1000) -> int:
        """Pass on."""
        return await self._store.claim_due(tenant, now_us, limit=limit)

    async def next_due(self, tenant: str) -> int | None:
        """Pass on."""
        return await self._store.next_due(tenant)

    async def types(self, tenant: str) -> dict[str, int]:
        """Pass on."""
        return await self._store.types(tenant)

    async def audit_since(self, tenant: str, seq: int, *, limit: int = 1000) -> list[AuditRow]:
        """Pass on."""
        return await self._store.audit_since(tenant, seq, limit=limit)

    async def audit_of(
        self, tenant: str, trace: str, *, before: int | None = None, limit: int = 1000
    ) -> list[AuditRow]:
        """Pass on."""
        return await self._store.audit_of(tenant, trace, before=before, limit=limit)

    async def lead(self, name: str) -> bool:
        """Pass on."""
        return await self._store.lead(name)

    @property
    def trouble(self) -> str | None:
        """Why the disk refused the last commit. See Store."""
        return self._store.trouble

    async def backup(self, target: str) -> None:
        """Pass on."""
        await self._store.backup(target)

    async def close(self) -> None:
        """Pass on."""
        await self._store.close()
