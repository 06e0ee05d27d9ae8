"""The table of circles: from every home the seconds to every service, and the nearest of each kind.

Homes are columns, services rows; a change of one service is one row. Seconds are whole and fit two bytes, because a
circle ends at an hour: 6 bytes for each home and service over the three ways of travelling.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

NONE_S = np.uint16(65_535)
SECONDS_MAX = 65_534

Seconds = NDArray[np.uint16]
Reached = dict[str, list[tuple[str, int]]]


class Nearest(NamedTuple):
    """The nearest services of one kind: rows (modes, homes, k), -1 = none, and their seconds, of the same shape."""

    rows: NDArray[np.int32]
    seconds: Seconds


def whole_seconds(found: NDArray[np.float32]) -> Seconds:
    """Return seconds as the table keeps them: rounded, nan = out of reach."""
    near = found <= SECONDS_MAX
    return np.where(near, np.round(np.where(near, found, 0)), NONE_S).astype(np.uint16)


class Table:
    """Homes, services and the seconds between them. A row keeps its number until its service goes."""

    def __init__(self, modes: int, nearest: int) -> None:
        """Keep `modes` ways of travelling and rank the `nearest` services of each kind."""
        self._modes = modes
        self._k = nearest
        self.homes: list[str] = []
        self._column: dict[str, int] = {}
        self._kinds: dict[str, frozenset[str]] = {}
        self._seconds: dict[str, Seconds] = {}
        self._ids: list[str] = []
        self._row: dict[str, int] = {}
        self._ranked: dict[str, Nearest] = {}

    @property
    def services(self) -> Mapping[str, frozenset[str]]:
        """All services with their kinds."""
        return self._kinds

    def column(self, home: str) -> int | None:
        """Return the number of a home."""
        return self._column.get(home)

    def add_homes(self, homes: Sequence[str], seconds: Mapping[str, Seconds]) -> set[str]:
        """Add homes with the seconds (modes, new homes) to every service; return those that reach anything."""
        first = len(self.homes)
        self.homes += homes
        self._column.update({home: first + at for at, home in enumerate(homes)})
        for service, known in self._seconds.items():
            self._seconds[service] = np.concatenate([known, seconds[service]], axis=1)
        for kind, known_rank in self._ranked.items():
            fresh = self._rank(kind, first)
            self._ranked[kind] = Nearest(
                np.concatenate([known_rank.rows, fresh.rows], axis=1),
                np.concatenate([known_rank.seconds, fresh.seconds], axis=1),
            )
        reaching = [one.rows[:, first:, 0] >= 0 for one in self._ranked.values()]
        return {homes[at] for one in reaching for at in np.flatnonzero(one.any(axis=0)).tolist()}

    def drop_homes(self, homes: Iterable[str]) -> None:
        """Take homes away."""
        gone = {self._column[home] for home in homes if home in self._column}
        stay = np.array([at for at in range(len(self.homes)) if at not in gone], np.int64)
        self.homes = [self.homes[at] for at in stay.tolist()]
        self._column = {home: at for at, home in enumerate(self.homes)}
        self._seconds = {service: known[:, stay] for service, known in self._seconds.items()}
        self._ranked = {kind: Nearest(one.rows[:, stay], one.seconds[:, stay]) for kind, one in self._ranked.items()}

    def change(self, put: Mapping[str, tuple[frozenset[str], Seconds]], drop: Iterable[str] = ()) -> NDArray[np.bool_]:
        """Put and drop services (kinds, seconds (modes, homes)); return whose circle that changes, (modes, homes)."""
        gone = [one for one in drop if one in self._kinds]
        kinds = frozenset[str]().union(
            *(kinds for kinds, _ in put.values()), *(self._kinds[one] for one in (*gone, *put) if one in self._kinds)
        )
        for service in gone:
            del self._kinds[service], self._seconds[service], self._row[service]
        for service, (of, seconds) in put.items():
            self._kinds[service], self._seconds[service] = of, seconds
            if service not in self._row:
                self._row[service] = len(self._ids)
                self._ids.append(service)
        changed = np.zeros((self._modes, len(self.homes)), bool)
        for kind in kinds:
            before, after = self._ranked.get(kind, self._nobody()), self._rank(kind)
            changed |= (before.rows != after.rows).any(axis=2) | (before.seconds != after.seconds).any(axis=2)
            self._ranked[kind] = after
        return changed

    def reached(self, home: str, mode: int) -> Reached:
        """Return the nearest services of each kind within the hour, kinds in order, with their seconds."""
        at = self._column[home]
        found: Reached = {}
        for kind in sorted(self._ranked):
            one = self._ranked[kind]
            rows, seconds = one.rows[mode, at].tolist(), one.seconds[mode, at].tolist()
            near = [(self._ids[row], s) for row, s in zip(rows, seconds, strict=True) if row >= 0]
            if near:
                found[kind] = near
        return found

    def all_reached(self, home: str, mode: int, seconds_max: float) -> Reached:
        """Return every service of each kind within `seconds_max`, the nearest first."""
        at = self._column[home]
        found: dict[str, list[tuple[int, str]]] = {}
        for service, known in self._seconds.items():
            seconds = int(known[mode, at])
            if seconds <= min(seconds_max, SECONDS_MAX):
                for kind in self._kinds[service]:
                    found.setdefault(kind, []).append((seconds, service))
        return {kind: [(service, s) for s, service in sorted(near)] for kind, near in sorted(found.items())}

    def covered(self, kind: str, mode: int, seconds_max: float) -> NDArray[np.bool_]:
        """Return which homes have a service of a kind within `seconds_max`; shape (homes,)."""
        ranked = self._ranked.get(kind)
        if ranked is None:
            return np.zeros(len(self.homes), bool)
        return np.asarray((ranked.rows[mode, :, 0] >= 0) & (ranked.seconds[mode, :, 0] <= seconds_max))

    def _nobody(self, first: int = 0) -> Nearest:
        shape = (self._modes, len(self.homes) - first, self._k)
        return Nearest(np.full(shape, -1, np.int32), np.full(shape, NONE_S, np.uint16))

    def _rank(self, kind: str, first: int = 0) -> Nearest:
        """Rank the services of a kind for the homes from `first` on; of two equally far the first by id comes first."""
        nearest = self._nobody(first)
        services = sorted(service for service, kinds in self._kinds.items() if kind in kinds)
        if not services or not self.homes:
            return nearest
        stack = np.stack([self._seconds[one][:, first:] for one in services], axis=2)
        order = np.argsort(stack, axis=2, kind="stable")[..., : self._k]
        seconds = np.take_along_axis(stack, order, axis=2)
        rows = np.array([self._row[one] for one in services], np.int32)[order]
        nearest.rows[..., : order.shape[2]] = np.where(seconds == NONE_S, -1, rows)
        nearest.seconds[..., : order.shape[2]] = seconds
        return nearest
