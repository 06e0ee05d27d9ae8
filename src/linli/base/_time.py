"""Clocks. Inside linli a moment is an int: microseconds since 1970 in UTC; words and zones exist only at the edge."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Protocol

from .errors import BadRequestData

SECOND_US = 1_000_000
MINUTE_US = 60 * SECOND_US
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Clock(Protocol):
    """What tells the time: `city` may run fast, `wall` never does."""

    speed: float

    def now_us(self) -> int:
        """Return the moment now, in microseconds since 1970 UTC."""
        ...

    def wall_seconds_until(self, at_us: int) -> float:
        """Return how many real seconds pass until `at_us`; 0 when it is past, inf when only steps reach it."""
        ...


class WallClock:
    """The machine's own clock, never going backwards within one process."""

    speed = 1.0

    def __init__(self) -> None:
        """Remember where the clock started."""
        self._base_us = time.time_ns() // 1000
        self._base_mono_ns = time.monotonic_ns()

    def now_us(self) -> int:
        """Return the moment now, in microseconds."""
        return self._base_us + (time.monotonic_ns() - self._base_mono_ns) // 1000

    def wall_seconds_until(self, at_us: int) -> float:
        """Return the real seconds until `at_us`."""
        return max(0.0, (at_us - self.now_us()) / SECOND_US)


class FastClock:
    """A city clock that starts at `start_us` and runs `speed` times as fast as the machine's."""

    def __init__(self, start_us: int, speed: float = 1.0) -> None:
        """Start at `start_us`; `speed` city seconds pass in one real second."""
        self.speed = speed
        self._start_us = start_us
        self._base_mono_ns = time.monotonic_ns()

    def now_us(self) -> int:
        """Return the city's moment now, in microseconds."""
        return self._start_us + int((time.monotonic_ns() - self._base_mono_ns) / 1000 * self.speed)

    def wall_seconds_until(self, at_us: int) -> float:
        """Return the real seconds until the city reaches `at_us`."""
        return max(0.0, (at_us - self.now_us()) / SECOND_US / self.speed)


class SteppedClock:
    """A clock that only moves when told: headless runs and tests."""

    speed = float("inf")

    def __init__(self, start_us: int) -> None:
        """Stand still at `start_us`."""
        self._now_us = start_us

    def now_us(self) -> int:
        """Return the moment where the clock stands, in microseconds."""
        return self._now_us

    def wall_seconds_until(self, at_us: int) -> float:
        """Return 0 for what is past, else inf: no waiting brings it nearer."""
        return 0.0 if at_us <= self._now_us else float("inf")

    def advance_to(self, at_us: int) -> None:
        """Move on to `at_us`; never backwards."""
        self._now_us = max(self._now_us, at_us)


def to_wire_time(at_us: int) -> str:
    """Return a moment as NGSI-LD wants it: 2026-11-23T02:15:07Z, with microseconds when there are any."""
    text = (_EPOCH + timedelta(microseconds=at_us)).strftime("%Y-%m-%dT%H:%M:%S")
    rest = at_us % SECOND_US
    return f"{text}.{rest:06d}".rstrip("0") + "Z" if rest else text + "Z"


def from_wire_time(text: str) -> int:
    """Return the microseconds of an NGSI-LD DateTime.

    Raises: BadRequestData: not ISO 8601, or not in UTC with a `Z`.
    """
    if not text.endswith("Z"):
        raise BadRequestData("A time is written in UTC and ends in Z, like 2026-11-23T02:15:07Z.")
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise BadRequestData("This is not a time: write it like 2026-11-23T02:15:07Z.") from error
    return (moment - _EPOCH) // timedelta(microseconds=1)
