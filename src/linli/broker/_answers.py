"""Keeps what was rendered: an entity's answer as bytes, by its version and by how it was asked for."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass, field

from linli.store import Stored
from linli.trust import Thing

VIEWS_MAX = 8

#: what one entry weighs beside its bytes, roughly
_ENTRY_BYTES = 600


@dataclass(slots=True)
class Known:
    """What is known of one version of an entity without decoding it: what trust asks about, and rendered answers."""

    row: int
    version: int
    thing: Thing
    views: dict[Hashable, bytes] = field(default_factory=dict)
    bytes_kept: int = _ENTRY_BYTES


class Answers:
    """The least recently used give way when all answers together weigh more than `bytes_max`."""

    def __init__(self, bytes_max: int) -> None:
        """Keep at most so many bytes."""
        self._bytes_max = bytes_max
        self._bytes = 0
        self._known: OrderedDict[tuple[str, str], Known] = OrderedDict()

    def known(self, tenant: str, stored: Stored) -> Known | None:
        """Return what is known of exactly this version."""
        key = (tenant, stored.entity_id)
        found = self._known.get(key)
        if found is None or found.version != stored.version or found.row != stored.row:
            return None
        self._known.move_to_end(key)
        return found

    def learn(self, tenant: str, stored: Stored, thing: Thing) -> Known:
        """Begin to know a version, forgetting the one before."""
        key = (tenant, stored.entity_id)
        old = self._known.pop(key, None)
        if old is not None:
            self._bytes -= old.bytes_kept
        known = self._known[key] = Known(stored.row, stored.version, thing)
        self._grow(known.bytes_kept)
        return known

    def keep(self, known: Known, view: Hashable, answer: bytes) -> None:
        """Keep a rendered answer."""
        if len(known.views) >= VIEWS_MAX or len(answer) > self._bytes_max // 8:
            return
        known.views[view] = answer
        known.bytes_kept += len(answer)
        self._grow(len(answer))

    def _grow(self, more: int) -> None:
        self._bytes += more
        while self._bytes > self._bytes_max and len(self._known) > 1:
            _, oldest = self._known.popitem(last=False)
            self._bytes -= oldest.bytes_kept
