"""Reads a whole sealed database and says what is wrong with it: what stands in clear, and what cannot be opened."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import orjson

from linli.base.errors import StoreFailed
from linli.store import Find, Past, Record, Stored

from ._classes import TypeClass
from ._resealing import FoundBy
from ._sealed import PAST, SEALED_RECORDS, Sealed
from ._sealing import MARK, seal_of

_PAGE = 500
_ALL = 2**62
#: so many faults are told; of the rest only the number
TOLD_MAX = 20


@dataclass(slots=True)
class Inspected:
    """What was found: how many values are sealed, how many of them are destroyed, and what is wrong (ids and names only)."""

    sealed: int = 0
    destroyed: int = 0
    faults: list[str] = field(default_factory=list)
    more: int = 0

    def add(self, fault: str) -> None:
        """Take a fault; only the first ones are told."""
        if len(self.faults) < TOLD_MAX:
            self.faults.append(fault)
        else:
            self.more += 1


class Inspection:
    """Goes through the store below a sealed one."""

    def __init__(self, sealed: Sealed, found_by: FoundBy) -> None:
        """Inspect what stands below `sealed`."""
        self._sealed = sealed
        self._found_by = found_by
        self._store = sealed.below

    async def tenant(self, tenant: str) -> Inspected:
        """Return what is found in a tenant."""
        found = Inspected()
        after = 0
        while page := await self._store.find(tenant, Find(), after=after, limit=_PAGE):
            for stored in page:
                await self._entity(tenant, stored, found)
            after = page[-1].row
        for kind in (PAST, *sorted(SEALED_RECORDS)):
            after = 0
            while records := await self._store.records(tenant, kind, after=after, limit=_PAGE):
                for record in records:
                    await self._record(tenant, record, found)
                after = records[-1].row
        return found

    async def _entity(self, tenant: str, stored: Stored, found: Inspected) -> None:
        doc = orjson.loads(stored.doc)
        of, attrs = self._sealed.class_of(doc), doc["attrs"]
        if of is None:
            return
        sealed = set(seal_of(stored.doc)[1])
        for name in attrs.keys() - sealed:
            if self._sealed.is_personal(of, name):
                found.add(f"{stored.entity_id} {name}: stands in clear.")
        try:
            opened = orjson.loads(self._sealed.opened(stored).doc)
            found.sealed += len(sealed)
            found.destroyed += len(sealed - opened["attrs"].keys())
            for name, text in self._found_by(opened)[0]:
                if name in of.kinds and await self._is_found(tenant, stored.entity_id, name, text):
                    found.add(f"{stored.entity_id} {name}: stands in clear among the keys.")
        except StoreFailed as error:
            found.add(error.message)
        await self._past(tenant, stored.entity_id, of, found)

    async def _is_found(self, tenant: str, entity_id: str, name: str, text: str) -> bool:
        """Tell whether an entity is found below by a value in clear."""
        return bool(await self._store.find(tenant, Find(ids=(entity_id,), keys=((name, (text,)),)), limit=1))

    async def _past(self, tenant: str, entity_id: str, of: TypeClass, found: Inspected) -> None:
        for row in await self._store.past(tenant, entity_id, limit=_ALL):
            if row.fact.doc is None or not self._sealed.is_personal(of, row.fact.attr):
                continue
            if not row.fact.doc.startswith(MARK):
                found.add(f"{entity_id} {row.fact.attr}: stands in clear in its history.")
            else:
                self._fact(entity_id, row, found)

    def _fact(self, entity_id: str, row: Past, found: Inspected) -> None:
        try:
            found.destroyed += self._sealed.opened_fact(entity_id, row.fact).doc is None
            found.sealed += 1
        except StoreFailed as error:
            found.add(error.message)

    async def _record(self, tenant: str, record: Record, found: Inspected) -> None:
        if record.kind == PAST:
            of = self._sealed.class_of(orjson.loads(record.doc))
            if of is not None and await self._store.get(tenant, record.record_id) is None:
                await self._past(tenant, record.record_id, of, found)
        elif not record.doc.startswith(MARK):
            found.add(f"{record.kind} {record.record_id}: stands in clear.")
        else:
            try:
                found.destroyed += self._sealed.opened_record(record) is None
                found.sealed += 1
            except StoreFailed as error:
                found.add(error.message)


def told(tenant: str, found: Inspected) -> Iterator[str]:
    """Yield what was found in lines for people."""
    gone = f", {found.destroyed} of them with keys that were destroyed" if found.destroyed else ""
    yield f"Tenant {tenant}: {found.sealed} personal values are sealed{gone}."
    yield from found.faults
    if found.more:
        yield f"... and {found.more} more."
