"""What both SQL engines read in the same way; an engine says only how it runs a query."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import Any

from ._change import AuditRow, By, Fact, Find, LogRow, Numbers, Past, Record, Stored
from ._finding import Finder, Plan, Planning
from ._past import numbers_query, past_query
from ._plans import Plans
from ._rows import log_row_of, past_of, stored_of
from ._tasks import Claim

#: no log is longer
SEQ_MAX = 2**62


class SqlReads(ABC):
    """The reading half of a store over `_read`."""

    def __init__(
        self, sql: Mapping[str, str], finder: Finder, arrays: Callable[[list[Any]], dict[str, Numbers]]
    ) -> None:
        """Read by the queries of an engine; `arrays` turns the rows of `numbers` into arrays."""
        self._sql = sql
        self._finder = finder
        self._plans = Plans(finder)
        self._arrays = arrays

    async def find(self, tenant: str, find: Find, *, after: int = 0, limit: int = 1000) -> list[Stored]:
        """Return what is wanted, in the order of creation. See Store."""
        query = await self._plans.page(tenant, find, after, limit, self._one)
        return [stored_of(row) for row in await self._read(*query)]

    async def count(self, tenant: str, find: Find) -> int:
        """Return how many are wanted. See Store."""
        if find == Find(types=find.types) and len(find.types) == 1:
            return await self._one(self._sql["type_count"], (tenant, find.types[0])) or 0
        plan = await self._planned(self._finder.planning_count(tenant, find))
        return await self._one(*plan.count()) or 0

    async def record(self, tenant: str, kind: str, record_id: str) -> Record | None:
        """Return a record. See Store."""
        rows = await self._read(self._sql["record"], (tenant, kind, record_id))
        return Record(*rows[0]) if rows else None

    async def records(self, tenant: str, kind: str, *, after: int = 0, limit: int = 1000) -> list[Record]:
        """Return the records of a kind. See Store."""
        return [Record(*row) for row in await self._read(self._sql["records"], (tenant, kind, after, limit))]

    async def tenants(self) -> list[str]:
        """Return every tenant in the log. See Store."""
        return [row[0] for row in await self._read(self._sql["tenants"], ())]

    async def history(self, tenant: str, entity_id: str, attr: str, *, limit: int = 1000) -> list[tuple[int, Fact]]:
        """Return the facts of one attribute, newest first. See Store."""
        rows = await self._read(self._sql["history"], (tenant, entity_id, attr, limit))
        return [(past.seq, past.fact) for past in map(past_of, rows)]

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
        """Return history in the order of time. See Store."""
        times = {"since_us": since_us, "until_us": until_us}
        query = past_query(tenant, entity_id, attr, **times, by=by, newest_first=newest_first, limit=limit)
        return [past_of(row) for row in await self._read(*query)]

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
        """Return times and numbers by dataset, oldest first. See Store."""
        which = (tenant, entity_id, attr)
        query = numbers_query(self._sql["numbers"], *which, since_us=since_us, until_us=until_us, by=by)
        return self._arrays(await self._read(*query))

    async def past_names(self, tenant: str, entity_id: str) -> list[str]:
        """Return what has any history. See Store."""
        return [attr for (attr,) in await self._read(self._sql["past_names"], (tenant, entity_id))]

    async def as_of(self, tenant: str, entity_id: str, seq: int) -> list[Past]:
        """Return what stood at a position of the log. See Store."""
        return [past_of(row) for row in await self._read(self._sql["as_of"], (tenant, entity_id, seq))]

    async def log_since(self, tenant: str, seq: int, *, limit: int = 1000) -> list[LogRow]:
        """Return the log rows after `seq`. See Store."""
        return [log_row_of(row) for row in await self._read(self._sql["log_since"], (tenant, seq, limit))]

    async def cursor(self, tenant: str, reader: str) -> int:
        """Return how far a reader has come. See Store."""
        return await self._one(self._sql["cursor"], (tenant, reader)) or 0

    async def claim_due(self, tenant: str, now_us: int, *, limit: int = 1000) -> int:
        """Turn due timers into log rows. See Store."""
        due = await self.next_due(tenant)
        if due is None or due > now_us:
            return 0
        return await self._submit(Claim(tenant, now_us, limit))

    async def next_due(self, tenant: str) -> int | None:
        """Return when the next timer is due. See Store."""
        due: int | None = await self._one(self._sql["next_due"], (tenant,))
        return due

    async def types(self, tenant: str) -> dict[str, int]:
        """Return the types that exist, with their number. See Store."""
        rows = await self._read(self._sql["types"], (tenant,))
        return {name: number for name, number in rows}  # noqa: C416 - a row need not be a pair of its own

    async def audit_since(self, tenant: str, seq: int, *, limit: int = 1000) -> list[AuditRow]:
        """Return the audit rows after `seq`. See Store."""
        return [AuditRow(*row) for row in await self._read(self._sql["audit_since"], (tenant, seq, limit))]

    async def audit_of(
        self, tenant: str, trace: str, *, before: int | None = None, limit: int = 1000
    ) -> list[AuditRow]:
        """Return the audit rows about a trace, newest first. See Store."""
        values = (tenant, trace, SEQ_MAX if before is None else before, limit)
        return [AuditRow(*row) for row in await self._read(self._sql["audit_of"], values)]

    @abstractmethod
    async def _read(self, sql: str, values: tuple[Any, ...]) -> list[Any]:
        """Run a query and return its rows. Raises: StoreFailed."""

    @abstractmethod
    async def _submit(self, claim: Claim) -> int:
        """Have the writer claim timers."""

    async def _planned(self, planning: Planning) -> Plan:
        try:
            query = next(planning)
            while True:
                query = planning.send(await self._one(*query))
        except StopIteration as done:
            plan: Plan = done.value
            return plan

    async def _one(self, sql: str, values: tuple[Any, ...]) -> Any:
        rows = await self._read(sql, values)
        return rows[0][0] if rows else None
