"""What trust keeps of people and devices: small documents as records of the store, each with its version."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Callable
from typing import Generic, NamedTuple, TypeVar

import msgspec

from linli.base import Clock
from linli.base.errors import ResourceNotFound
from linli.store import Change, DropRecord, PutRecord, Store

#: where all of them stand, whatever tenant they speak of: a credential is looked up before its tenant is known
TENANT = "default"
ACTOR = "engine:trust"
SWEEP = 50

T = TypeVar("T")


class Kept(NamedTuple, Generic[T]):
    """A document as it stands, and its version."""

    doc: T
    version: int


class Records:
    """Reads and writes the documents. A document is a frozen dataclass; it never holds a personal value in clear."""

    def __init__(self, store: Store, city: Clock) -> None:
        """Keep them in this store; its log goes by the city's clock."""
        self._store = store
        self._city = city
        self._swept: dict[str, int] = {}

    async def read(self, kind: str, record_id: str, form: type[T]) -> Kept[T] | None:
        """Return a document, or None."""
        record = await self._store.record(TENANT, kind, record_id)
        return Kept(msgspec.json.decode(record.doc, type=form), record.version) if record else None

    async def page(self, kind: str, form: type[T], *, after: int = 0, limit: int = 1000) -> list[tuple[int, str, T]]:
        """Return (row, record id, document) of up to `limit` documents, the oldest first."""
        found = await self._store.records(TENANT, kind, after=after, limit=limit)
        return [(one.row, one.record_id, msgspec.json.decode(one.doc, type=form)) for one in found]

    async def sweep(self, kind: str, form: type[T], is_over: Callable[[T], bool]) -> None:
        """Remove some documents whose time is over: a few at each call, in turns through the whole kind."""
        page = await self.page(kind, form, after=self._swept.get(kind, 0), limit=SWEEP)
        self._swept[kind] = page[-1][0] if len(page) == SWEEP else 0
        over = [DropRecord(kind, record_id, quiet=True) for _, record_id, doc in page if is_over(doc)]
        if over:
            with contextlib.suppress(ResourceNotFound):  # another process sweeps too
                await self.write(*over)

    async def write(self, *records: PutRecord | DropRecord, audit: tuple[bytes, ...] = (), actor: str = ACTOR) -> None:
        """Write all or nothing. Raises: AlreadyExists, ResourceNotFound, Conflict: as the store says."""
        change = Change(TENANT, actor, "operation", self._city.now_us(), records=records, audit=audit)
        await self._store.commit(change)


def put(kind: str, record_id: str, doc: object, version: int | None = None, *, quiet: bool = False) -> PutRecord:
    """Return the write of a document; `version` as in Put."""
    return PutRecord(kind, record_id, msgspec.json.encode(doc), version, quiet)


def digest(secret: str) -> str:
    """Return under what a secret is kept: nobody turns it back into the secret, for secrets here are long and random."""
    return hashlib.sha256(secret.encode()).hexdigest()
