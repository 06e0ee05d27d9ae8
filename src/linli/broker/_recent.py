"""What was written lately, as it stood before and after: so that a reader of the log need not read it back.

Kept in memory only and bounded; what has left it, or was written by another process, is rebuilt from history.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import NamedTuple

from linli.store import Change, Delete, Put, Store, Stored

BYTES_MAX = 32 << 20
_ENTRY_BYTES = 500


class Image(NamedTuple):
    """One write to one entity. `before` None: it was created; `after` None: it was deleted. Types by short name."""

    before: bytes | None
    after: bytes | None
    types: tuple[str, ...]
    created_us: int
    modified_before_us: int


Key = tuple[str, str, int]


class Recent:
    """A ring of images. A write is kept only in tenants that somebody follows."""

    def __init__(self, bytes_max: int = BYTES_MAX) -> None:
        """Keep at most so many bytes."""
        self.followed: set[str] = set()
        self._bytes_max = bytes_max
        self._bytes = 0
        self._images: OrderedDict[Key, Image] = OrderedDict()

    def image(self, tenant: str, entity_id: str, version: int, *, deleted: bool) -> Image | None:
        """Return the write that made this version, or that deleted it."""
        return self._images.get((tenant, entity_id, -version if deleted else version))

    async def drawn(self, store: Store, change: Change) -> dict[Key, Image]:
        """Return the images that a change will make when it is committed: before it is, since they hold what stands."""
        if change.tenant not in self.followed:
            return {}
        images: dict[Key, Image] = {}
        standing: dict[str, Stored | None] = {}
        for delete in change.deletes:
            await self._draw_delete(store, change.tenant, delete, standing, images)
        for put in change.puts:
            await self._draw_put(store, change, put, standing, images)
        return images

    def keep(self, images: dict[Key, Image]) -> None:
        """Keep the images of a change that was committed; the oldest make room."""
        for key, image in images.items():
            self._images[key] = image
            self._bytes += _weight(image)
        while self._bytes > self._bytes_max and self._images:
            self._bytes -= _weight(self._images.popitem(last=False)[1])

    async def _draw_delete(
        self, store: Store, tenant: str, delete: Delete, standing: dict[str, Stored | None], images: dict[Key, Image]
    ) -> None:
        old = await store.get(tenant, delete.entity_id)
        standing[delete.entity_id] = None
        if old is not None and delete.expect_version in (None, old.version):
            key = (tenant, delete.entity_id, -old.version)
            images[key] = Image(old.doc, None, old.types, old.created_us, old.modified_us)

    async def _draw_put(
        self, store: Store, change: Change, put: Put, standing: dict[str, Stored | None], images: dict[Key, Image]
    ) -> None:
        entity_id = put.entity_id
        old = standing[entity_id] if entity_id in standing else await store.get(change.tenant, entity_id)
        version = old.version if old else 0
        if put.expect_version not in (None, version):
            return
        created_us = old.created_us if old else change.at_us
        modified_us = old.modified_us if old else change.at_us
        image = Image(old.doc if old else None, put.doc, put.types, created_us, modified_us)
        images[change.tenant, entity_id, version + 1] = image
        standing[entity_id] = Stored(entity_id, put.types, put.scopes, version + 1, created_us, change.at_us, put.doc)


def _weight(image: Image) -> int:
    return _ENTRY_BYTES + len(image.before or b"") + len(image.after or b"")
