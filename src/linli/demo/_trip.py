"""One trip of a helper along the streets: where he is after which part of the way."""

from __future__ import annotations

from bisect import bisect_right
from itertools import accumulate, pairwise
from typing import Any

from linli.base import Point, distance_m

STRAIGHT_DETOUR = 1.3


class Trip:
    """A polyline walked evenly from `begun_us` on. Without a line from the map it is the straight way, 1.3 times as long."""

    def __init__(self, begun_us: int, line: list[Point], seconds: float) -> None:
        """Go along `line`, of at least one point, in `seconds`."""
        self.begun_us = begun_us
        self.seconds = max(seconds, 0.001)
        self._line = line
        self._metres = [0.0, *accumulate(distance_m(a, b) for a, b in pairwise(line))]

    @classmethod
    def along(cls, begun_us: int, answer: dict[str, Any], start: Point, goal: Point, speed_km_h: float) -> Trip:
        """Read the answer of GET /api/path; the trip ends at `goal`, also when that lies beside the street."""
        path, seconds = answer.get("path"), answer.get("seconds")
        if path is None or seconds is None:
            metres = distance_m(start, goal) * STRAIGHT_DETOUR
            return cls(begun_us, [start, goal], metres / (speed_km_h / 3.6))
        line = [Point(lon, lat) for lon, lat in path["coordinates"]]
        return cls(begun_us, [*line, goal], float(seconds))

    @property
    def ends_us(self) -> int:
        """Return when he is there."""
        return self.begun_us + round(self.seconds * 1_000_000)

    def at(self, now_us: int) -> Point:
        """Return where he is at a moment."""
        share = 1.0 if now_us >= self.ends_us else max(0.0, (now_us - self.begun_us) / 1_000_000 / self.seconds)
        gone = share * self._metres[-1]
        leg = min(bisect_right(self._metres, gone), len(self._line) - 1)
        if leg == 0:
            return self._line[0]
        a, b = self._line[leg - 1], self._line[leg]
        length = self._metres[leg] - self._metres[leg - 1]
        part = (gone - self._metres[leg - 1]) / length if length else 1.0
        return Point(round(a.lon + (b.lon - a.lon) * part, 7), round(a.lat + (b.lat - a.lat) * part, 7))
