"""What was written lately, as it stood before and after: so that a reader of the log need not read it back.

Kept in memory only and bounded; what has left it, or was written by another process, is rebuilt from history. Of a
deleted entity there is no history: what of it is not told yet stays as records, its farewell, until it is told.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import replace
from typing import Any, NamedTuple, Protocol

import orjson

from linli.store import Change, Delete, LogRow, Put, PutRecord, Record, Store, Stored

from ._via import Way, here_by

#: kinds of record: an image of a deleted entity; and that somebody in a tenant wants to be told of deletions
FAREWELL, MOURNED = "farewell", "mourned"
MOURNED_ID = "deletions"
BYTES_MAX = 32 << 20
EARLIER_MAX = 20
DULL_MAX = 10_000
_ENTRY_BYTES = 500


class Image(NamedTuple):
    """One write to one entity. `before` None: it was created; `after` None: it was deleted. Types by short name.

    `way`: by which other brokers the request came.
    """

    before: bytes | None
    after: bytes | None
    types: tuple[str, ...]
    created_us: int
    modified_before_us: int
    way: Way = ()


class Key(NamedTuple):
    """Which write: the version that it made or, negative, that it deleted, and when."""

    tenant: str
    entity_id: str
    version: int
    at_us: int

    @classmethod
    def of(cls, row: LogRow) -> Key:
        """Return the key of a write by its row of the log."""
        version = -row.version if row.kind == "delete" else row.version
        return cls(row.tenant, row.entity_id, version, row.at_us)

    @property
    def record_id(self) -> str:
        """The id under which its image is kept."""
        return f"{self.at_us} {self.version} {self.entity_id}"


class Concerns(Protocol):
    """Knows whether a write may concern anybody; the index of subscriptions does."""

    generation: int

    def concerns(self, entity_id: str, types: Iterable[str], attrs: Iterable[str]) -> bool:
        """Tell whether a write that deletes nothing may concern anybody."""
        ...


class Dull(NamedTuple):
    """Rows of the log that concern nobody, as far as the index knew in this generation: up to `last`."""

    tenant: str
    last: int
    generation: int


class Recent:
    """A ring of images. A write is kept only in tenants that somebody follows, and only if it may concern anybody.

    Of the others their rows are noted, so that the follower passes over them without reading.
    """

    def __init__(self, bytes_max: int = BYTES_MAX) -> None:
        """Keep at most so many bytes."""
        #: tenants that are followed, and up to which moment everything is told there for good
        self.told_us: dict[str, int] = {}
        #: who knows, in each tenant that is followed, what concerns anybody
        self.concerns: dict[str, Concerns] = {}
        #: rows that concern nobody, by the first of them; when there are many, the older half is forgotten
        self._dull: dict[int, Dull] = {}
        self._dull_before: dict[int, Dull] = {}
        self._mourned: set[str] = set()
        self._bytes_max = bytes_max
        self._bytes = 0
        self._images: OrderedDict[Key, Image] = OrderedDict()
        #: the keys of each entity in the ring
        self._of_entity: dict[tuple[str, str], list[Key]] = {}

    def image(self, key: Key) -> Image | None:
        """Return what a write did, while it is remembered."""
        return self._images.get(key)

    def dull(self, change: Change) -> int | None:
        """Return the generation in which a change concerns nobody; None when it may concern somebody."""
        index = self.concerns.get(change.tenant)
        if index is None or change.deletes:
            return None
        for record in change.records:
            if not record.quiet:
                return None
        for put in change.puts:
            if index.concerns(put.entity_id, put.types, put.attrs):
                return None
        return index.generation

    def note_dull(self, change: Change, seq: int, generation: int) -> None:
        """Note the rows of a change that concerns nobody; `seq` is the last of them."""
        rows = len(change.puts) + len(change.past) + len(change.audit)
        if rows:
            self._dull[seq - rows + 1] = Dull(change.tenant, seq, generation)
        if len(self._dull) >= DULL_MAX:
            self._dull, self._dull_before = {}, self._dull

    def passed(self, tenant: str, seq: int) -> int:
        """Return the position before the first row after `seq` that somebody must look at, as far as that is known."""
        index = self.concerns[tenant]
        while dull := self._dull.get(seq + 1) or self._dull_before.get(seq + 1):
            if dull.tenant == tenant and dull.generation != index.generation:
                break
            seq = dull.last
        return seq

    async def drawn(self, store: Store, change: Change) -> dict[Key, Image]:
        """Return the images that a change will make when it is committed: before it is, since they hold what stands."""
        images: dict[Key, Image] = {}
        if change.tenant not in self.told_us:
            return images
        standing: dict[str, Stored | None] = {}
        for delete in change.deletes:
            old = await _standing(store, change.tenant, delete)
            standing[delete.entity_id] = None
            if old is not None:
                images[_deleted(change, old)] = Image(
                    old.doc, None, old.types, old.created_us, old.modified_us, here_by()
                )
        for put in change.puts:
            entity_id = put.entity_id
            there = standing[entity_id] if entity_id in standing else await store.get(change.tenant, entity_id)
            if put.expect_version in (None, there.version if there else 0):
                standing[entity_id] = _draw(change, put, there, images)
        return images

    def keep(self, images: dict[Key, Image]) -> None:
        """Keep the images of a change that was committed; the oldest make room."""
        for key, image in images.items():
            if key not in self._images:
                self._images[key] = image
                self._bytes += _weight(image)
                self._of_entity.setdefault(key[:2], []).append(key)
        while self._bytes > self._bytes_max and self._images:
            key, image = self._images.popitem(last=False)
            self._bytes -= _weight(image)
            keys = self._of_entity[key[:2]]
            keys.remove(key)
            if not keys:
                del self._of_entity[key[:2]]

    def forget(self, tenant: str, entity_id: str) -> None:
        """Forget what became of an entity: somebody was erased, and nobody is told of it any more."""
        for key in self._of_entity.pop((tenant, entity_id), ()):
            self._bytes -= _weight(self._images.pop(key))

    async def with_farewells(self, store: Store, change: Change) -> Change:
        """Return a change that leaves behind what is still to be told of the entities that it deletes."""
        if not change.deletes or not (change.tenant in self.told_us or await self.is_mourned(store, change.tenant)):
            return change
        mourned = await self.is_mourned(store, change.tenant)
        records: list[PutRecord] = []
        for delete in change.deletes:
            old = await _standing(store, change.tenant, delete)
            untold = self._untold(change.tenant, delete.entity_id)
            if old is not None and (untold or mourned):
                image = Image(old.doc, None, old.types, old.created_us, old.modified_us)
                earlier = [key.record_id for key in untold]
                records += [_farewell(key, self._images[key], []) for key in untold]
                records.append(_farewell(_deleted(change, old), image, earlier))
        return replace(change, records=(*change.records, *records)) if records else change

    async def is_mourned(self, store: Store, tenant: str) -> bool:
        """Tell whether somebody in a tenant wants to be told of deletions."""
        if tenant not in self._mourned and await store.record(tenant, MOURNED, MOURNED_ID) is not None:
            self._mourned.add(tenant)
        return tenant in self._mourned

    def _untold(self, tenant: str, entity_id: str) -> list[Key]:
        """Return the last writes to an entity that are not told for good."""
        told_us = self.told_us.get(tenant, 0)
        keys = self._of_entity.get((tenant, entity_id), ())
        return [key for key in keys if key.version > 0 and key.at_us > told_us][-EARLIER_MAX:]


def farewell_image(record: Record) -> Image:
    """Return what a farewell says."""
    said = orjson.loads(record.doc)
    before, after = (None if said[one] is None else orjson.dumps(said[one]) for one in ("before", "after"))
    return Image(before, after, tuple(said["types"]), said["createdUs"], said["modifiedUs"])


def earlier_farewells(record: Record) -> list[str]:
    """Return the ids of the farewells that a deletion left beside its own."""
    earlier: list[str] = orjson.loads(record.doc)["earlier"]
    return earlier


def _farewell(key: Key, image: Image, earlier: list[str]) -> PutRecord:
    said: dict[str, Any] = {
        "types": image.types,
        "createdUs": image.created_us,
        "modifiedUs": image.modified_before_us,
        "before": image.before and orjson.Fragment(image.before),
        "after": image.after and orjson.Fragment(image.after),
        "earlier": earlier,
    }
    return PutRecord(FAREWELL, key.record_id, orjson.dumps(said), quiet=True)


async def _standing(store: Store, tenant: str, delete: Delete) -> Stored | None:
    """Return what a deletion takes away, unless it will fail."""
    old = await store.get(tenant, delete.entity_id)
    return old if old is not None and delete.expect_version in (None, old.version) else None


def _deleted(change: Change, old: Stored) -> Key:
    return Key(change.tenant, old.entity_id, -old.version, change.at_us)


def _draw(change: Change, put: Put, old: Stored | None, images: dict[Key, Image]) -> Stored:
    """Draw one write into `images`; return what will stand."""
    version = old.version + 1 if old else 1
    created_us, modified_us = (old.created_us, old.modified_us) if old else (change.at_us, change.at_us)
    image = Image(old.doc if old else None, put.doc, put.types, created_us, modified_us, here_by())
    images[Key(change.tenant, put.entity_id, version, change.at_us)] = image
    return Stored(put.entity_id, put.types, put.scopes, version, created_us, change.at_us, put.doc)


def _weight(image: Image) -> int:
    return _ENTRY_BYTES + len(image.before or b"") + len(image.after or b"")
