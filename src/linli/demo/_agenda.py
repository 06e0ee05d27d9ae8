"""The agenda: what simulated people are going to do, in the order of city time and then of name."""

from __future__ import annotations

import heapq
from collections.abc import Awaitable, Callable
from typing import NamedTuple

Step = Callable[[], Awaitable[None]]


class Due(NamedTuple):
    """One step. Two at the same moment go by name; two of the same name in the order in which they were put."""

    at_us: int
    name: str
    turn: int
    step: Step


class Agenda:
    """Steps to come."""

    def __init__(self) -> None:
        """Begin empty."""
        self._heap: list[Due] = []
        self._turn = 0

    def __len__(self) -> int:
        return len(self._heap)

    def put(self, at_us: int, name: str, step: Step) -> None:
        """Write down that `step` is to be taken at `at_us`."""
        self._turn += 1
        heapq.heappush(self._heap, Due(at_us, name, self._turn, step))

    def next_us(self) -> int | None:
        """Return when the next step is due, or None when there is none."""
        return self._heap[0].at_us if self._heap else None

    def take(self) -> Due:
        """Take the next step off the agenda."""
        return heapq.heappop(self._heap)
