"""Keeps whole answers to queries as long as nothing of their tenant was written: the log's head says so.

Only what is asked a second time is kept: of searches around ever other places none comes back.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass

from ._http import Answer

BYTES_MAX = 16 << 20

_ASKED_MAX = 10_000
#: what one answer weighs beside its bytes, roughly
_ENTRY_BYTES = 1500


@dataclass(frozen=True, slots=True)
class _Kept:
    head: int
    status: int
    body: bytes
    headers: tuple[tuple[bytes, bytes], ...]
    media: bytes


class Pages:
    """The least recently used give way when all answers together weigh more than `bytes_max`."""

    def __init__(self, bytes_max: int = BYTES_MAX) -> None:
        """Keep at most so many bytes."""
        self._bytes_max = bytes_max
        self._bytes = 0
        self._kept: OrderedDict[Hashable, _Kept] = OrderedDict()
        #: hashes of questions that were asked once
        self._asked: set[int] = set()

    def get(self, asked: Hashable, head: int) -> Answer | None:
        """Return the answer to the same question, if the log still stands at `head`."""
        kept = self._kept.get(asked)
        if kept is None or kept.head != head:
            return None
        self._kept.move_to_end(asked)
        return Answer(kept.status, kept.body, list(kept.headers), kept.media)

    def keep(self, asked: Hashable, head: int, answer: Answer) -> None:
        """Keep an answer that was found while the log stood at `head`."""
        if len(answer.body) > self._bytes_max // 8 or self._is_new(asked):
            return
        old = self._kept.pop(asked, None)
        if old is not None:
            self._bytes -= len(old.body) + _ENTRY_BYTES
        self._kept[asked] = _Kept(head, answer.status, answer.body, tuple(answer.headers), answer.media)
        self._bytes += len(answer.body) + _ENTRY_BYTES
        while self._bytes > self._bytes_max:
            _, oldest = self._kept.popitem(last=False)
            self._bytes -= len(oldest.body) + _ENTRY_BYTES

    def _is_new(self, asked: Hashable) -> bool:
        """Tell whether a question was not asked before, as far as that is remembered, and remember it."""
        if asked in self._kept:
            return False
        number = hash(asked)
        if number in self._asked:
            return False
        if len(self._asked) >= _ASKED_MAX:
            self._asked.clear()
        self._asked.add(number)
        return True
