"""Keeps what was rendered: an entity's answer as bytes, by its version and by how it was asked for."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import NamedTuple

from linli.store import Stored
from linli.trust import Act, Thing

from ._person import Whose
from ._projection import Projection
from ._terms import Terms

VIEWS_MAX = 8
#: how many ways of asking are told apart before all of them are forgotten
WAYS_MAX = 4096

#: what one entry weighs beside its bytes, roughly
_ENTRY_BYTES = 900


class Last(NamedTuple):
    """The last answer that shows nothing personal in clear and hangs on no moment: to whom, how, under which rules."""

    act: Act
    terms: Terms
    projection: Projection
    edition: int
    answer: bytes


@dataclass(slots=True)
class Known:
    """What is known of one version of an entity without decoding it: its types (names in documents), when it must be
    looked at again because a part of it expires, what trust asks about, whose data it holds, rendered answers (b"" =
    nothing is left of it), which classes of privacy those show in clear that show any, and the last answer."""

    row: int
    version: int
    types: tuple[str, ...]
    until_us: int | None = None
    thing: Thing | None = None
    whose: Whose | None = None
    views: dict[int, bytes] = field(default_factory=dict)
    opened: dict[int, frozenset[str]] = field(default_factory=dict)
    last: Last | None = None
    bytes_kept: int = _ENTRY_BYTES


class Answers:
    """The least recently used give way when all answers together weigh more than `bytes_max`."""

    def __init__(self, bytes_max: int, now_us: Callable[[], int]) -> None:
        """Keep at most so many bytes. `now_us`: the moment, by which parts of entities expire."""
        self._bytes_max = bytes_max
        self._now_us = now_us
        self._bytes = 0
        self._known: OrderedDict[tuple[str, str], Known] = OrderedDict()
        self._ways: dict[Hashable, int] = {}
        self._last_way = 0

    def way(self, asked: Hashable) -> int:
        """Return a short name for a way of asking, under which answers are kept. It is never given twice."""
        way = self._ways.get(asked)
        if way is None:
            if len(self._ways) >= WAYS_MAX:
                self._ways.clear()
            self._last_way += 1
            way = self._ways[asked] = self._last_way
        return way

    def known(self, tenant: str, stored: Stored) -> Known | None:
        """Return what is known of exactly this version, at this moment."""
        key = (tenant, stored.entity_id)
        found = self._known.get(key)
        if found is None or found.version != stored.version or found.row != stored.row:
            return None
        if found.until_us is not None and found.until_us <= self._now_us():
            return None
        self._known.move_to_end(key)
        return found

    def learn(self, tenant: str, stored: Stored, known: Known) -> None:
        """Know a version from now on, forgetting the one before."""
        key = (tenant, stored.entity_id)
        old = self._known.pop(key, None)
        if old is not None:
            self._bytes -= old.bytes_kept
        self._known[key] = known
        self._grow(known.bytes_kept)

    def keep(
        self, tenant: str, stored: Stored, known: Known, *, way: int, answer: bytes, opened: frozenset[str]
    ) -> None:
        """Keep a rendered answer, and which classes of privacy it shows; the oldest of too many ways gives way."""
        if self._known.get((tenant, stored.entity_id)) is not known:
            self.learn(tenant, stored, known)
        if len(answer) > self._bytes_max // 8:
            return
        more = len(answer)
        if len(known.views) >= VIEWS_MAX:
            oldest = next(iter(known.views))
            more -= len(known.views.pop(oldest))
            known.opened.pop(oldest, None)
        known.views[way] = answer
        if opened:
            known.opened[way] = opened
        known.bytes_kept += more
        self._grow(more)

    def clear(self) -> None:
        """Forget every answer: somebody was erased, and nothing of him may be left."""
        self._known.clear()
        self._bytes = 0

    def _grow(self, more: int) -> None:
        self._bytes += more
        while self._bytes > self._bytes_max and len(self._known) > 1:
            _, oldest = self._known.popitem(last=False)
            self._bytes -= oldest.bytes_kept
