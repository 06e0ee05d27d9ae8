"""The travel times between those who wait and those who could come, kept as one growing table.

A new call costs one search of the street network (from everywhere to its place), a helper who moved costs one (from
him to all who wait), and only when he is idle and somebody waits. So a tick reads a table instead of a map.
"""

from __future__ import annotations

import contextlib

import numpy as np
from numpy.typing import NDArray

from linli.base import Point
from linli.base.errors import OffMap

from ._asks import Reach
from ._roster import MODES, Flags, Roster

UNKNOWN, NOWHERE = -2, -1


class Ways:
    """Seconds from each helper (columns: the roster's slots) to each waiting call (rows); inf = not within the limit."""

    def __init__(self, reach: Reach, roster: Roster, limit_min: float) -> None:
        """Search on `reach` up to `limit_min` minutes."""
        self._reach = reach
        self._roster = roster
        self._limit_min = limit_min
        self._row: dict[str, int] = {}
        self._free: list[int] = []
        self._unsearched: dict[str, None] = {}
        self._place: dict[int, Point] = {}
        self._nodes = np.full((len(MODES), 0), UNKNOWN, dtype=np.int64)
        self._seconds: NDArray[np.float32] = np.full((0, 0), np.inf, dtype=np.float32)
        self._stale = np.zeros(0, dtype=bool)

    def add(self, call_id: str, place: Point) -> None:
        """Somebody waits at `place`."""
        if call_id in self._row:
            return
        self._fit()
        row = self._free.pop()
        self._row[call_id] = row
        self._unsearched[call_id] = None
        self._place[row] = place

    def drop(self, call_id: str) -> None:
        """Nobody waits there any more."""
        row = self._row.pop(call_id, None)
        if row is not None:
            self._unsearched.pop(call_id, None)
            self._seconds[row] = np.inf
            self._nodes[:, row] = UNKNOWN
            self._free.append(row)

    def search(self, idle: Flags, searches_max: int) -> int:
        """Bring the table up to date for all waiting calls and `idle` helpers; return how many searches are left over."""
        self._note_moves()
        todo: list[tuple[str, int]] = [(call_id, self._row[call_id]) for call_id in self._unsearched]
        for call_id, row in todo[:searches_max]:
            self._search_row(row)
            del self._unsearched[call_id]
        slots = np.flatnonzero(idle & self._stale[: len(idle)]) if len(self._row) > len(self._unsearched) else ()
        room = max(0, searches_max - len(todo))
        for slot in slots[:room]:
            self._search_column(int(slot))
        return max(0, len(todo) - searches_max) + max(0, len(slots) - room)

    def known(self, call_id: str) -> bool:
        """Tell whether the row of a call was searched."""
        return call_id in self._row and call_id not in self._unsearched

    def seconds(self, call_id: str) -> NDArray[np.float32]:
        """Return the seconds from every slot to a waiting call; inf beyond the limit. Busy helpers' may be old."""
        return self._seconds[self._row[call_id], : self._roster.size]

    def fresh(self, place: Point) -> NDArray[np.float32]:
        """Return the seconds from every slot to any place, searched now and not kept."""
        nodes = np.full(len(MODES), UNKNOWN, dtype=np.int64)
        return self._seconds_to(nodes, place)

    def table(self, call_ids: list[str], slots: NDArray[np.intp]) -> NDArray[np.float64]:
        """Return the seconds as (calls, slots)."""
        rows = np.array([self._row[call_id] for call_id in call_ids], dtype=np.intp)
        return self._seconds[np.ix_(rows, slots)].astype(np.float64)

    def _fit(self) -> None:
        rows, columns = self._seconds.shape
        more_rows = 0 if self._free else max(32, rows)
        more_columns = max(0, len(self._roster.node) - columns)
        if more_rows or more_columns:
            self._seconds = np.pad(self._seconds, ((0, more_rows), (0, more_columns)), constant_values=np.inf)
            self._nodes = np.pad(self._nodes, ((0, 0), (0, more_rows)), constant_values=UNKNOWN)
            # a helper who joined while others wait was not there when their rows were searched
            self._stale = np.pad(self._stale, (0, more_columns), constant_values=bool(self._row))
            self._free.extend(range(rows + more_rows - 1, rows - 1, -1))

    def _note_moves(self) -> None:
        self._fit()
        if len(self._row) == len(self._unsearched):
            self._stale[:] = False  # no row holds an old figure
        else:
            self._stale[list(self._roster.moved)] = True
        self._roster.moved.clear()

    def _node(self, nodes: NDArray[np.int64], m: int, place: Point) -> int:
        """Return the junction of a place for a mode, asked for once and only when somebody travels by that mode."""
        if nodes[m] == UNKNOWN:
            nodes[m] = NOWHERE
            with contextlib.suppress(OffMap):  # a place may lie at a street for feet only
                nodes[m] = self._reach.node_at(*place, MODES[m])
        return int(nodes[m])

    def _search_row(self, row: int) -> None:
        self._seconds[row, : self._roster.size] = self._seconds_to(self._nodes[:, row], self._place[row])

    def _seconds_to(self, nodes: NDArray[np.int64], place: Point) -> NDArray[np.float32]:
        n = self._roster.size
        seconds = np.full(n, np.inf, dtype=np.float32)
        for m, mode in enumerate(MODES):
            slots = np.flatnonzero((self._roster.mode[:n] == m) & (self._roster.node[:n] >= 0))
            if len(slots) and (to := self._node(nodes, m, place)) >= 0:
                minutes = self._reach.minutes(to, self._roster.node[slots], self._limit_min, mode)
                seconds[slots] = np.where(np.isnan(minutes), np.inf, minutes * 60)
        return seconds

    def _search_column(self, slot: int) -> None:
        m = int(self._roster.mode[slot])
        rows = np.array([row for one, row in self._row.items() if one not in self._unsearched], dtype=np.intp)
        rows = rows[[self._node(self._nodes[:, row], m, self._place[row]) >= 0 for row in rows.tolist()]]
        self._seconds[:, slot] = np.inf
        start = int(self._roster.node[slot])
        if len(rows) and start >= 0:
            minutes = self._reach.minutes_from(start, self._nodes[m, rows], self._limit_min, MODES[m])
            self._seconds[rows, slot] = np.where(np.isnan(minutes), np.inf, minutes * 60)
        self._stale[slot] = False
