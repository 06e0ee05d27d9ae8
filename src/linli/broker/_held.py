"""What is held: a law or a court needs it, so neither its days nor a wish to be erased take it away before the hold ends.

A hold is a record beside the entity, by its id: until when, and whose data it is. It holds no personal value.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass

import msgspec
import orjson

from linli.store import Record

from ._ground import Ground

#: kind of record, and name of the timer at its end
HOLD = "hold"


@dataclass(frozen=True, slots=True)
class Hold:
    """Why and until when something is kept. `persons`: whose data it is; `reason`: the number of the paper that says so."""

    entity_id: str
    type: str
    scope: str
    persons: tuple[str, ...]
    reason: str
    by: str
    since_us: int
    until_us: int


class HeldGround(Ground):
    """Knows what is held."""

    async def hold_on(self, tenant: str, entity_id: str) -> Hold | None:
        """Return the hold on an entity itself that stands now."""
        record = await self._store.record(tenant, HOLD, entity_id)
        return None if record is None else self._in_force(record)

    async def holds_of(self, tenant: str, person: str) -> list[Hold]:
        """Return every hold on what is about a person, or on himself."""
        return [one async for one in self._holds(tenant) if person in one.persons]

    async def _holds(self, tenant: str) -> AsyncIterator[Hold]:
        after = 0
        while page := await self._store.records(tenant, HOLD, after=after):
            after = page[-1].row
            for one in filter(None, map(self._in_force, page)):
                yield one

    async def _held_until_us(self, tenant: str, ids: Iterable[str]) -> int:
        """Return until when something is held: by itself, or by one of the persons whose data it is; 0 = it is not."""
        found = [await self.hold_on(tenant, one) for one in ids if one]
        return max((one.until_us for one in found if one is not None), default=0)

    def _in_force(self, record: Record) -> Hold | None:
        hold = read_hold(record)
        return hold if hold.until_us > self._clock.now_us() else None


def read_hold(record: Record) -> Hold:
    """Return the hold that a record keeps."""
    return msgspec.json.decode(record.doc, type=Hold)


def written(hold: Hold) -> bytes:
    """Return a hold as its record keeps it."""
    return orjson.dumps(hold)
