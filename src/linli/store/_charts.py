"""Charts: where the entities of a type lie, and numbers of theirs that are asked for, kept in memory cell by cell.

Most searches by place want few of many: a chart says at once which rows those are, so that only they are read. It is
begun when a type was searched by place many times, filled from the file by a thread of its own, and in use when it is
whole. From its first moment it hears every commit, and what it heard counts more than what the thread read. It may let
too much through, never too little; a search that it cannot answer goes the way of SQL.

In a chart the earth is cut into cells, each with the rows that lie in it; what is no point stands apart, and is looked
at for every search. A number is nan where no look can want it, and inf where the document itself must be looked at.
"""

from __future__ import annotations

import asyncio
import threading
from array import array
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, suppress
from math import floor, inf, nan
from typing import Any, NamedTuple

import apsw
import orjson
import structlog

from ._change import Box, Find, Look
from ._tasks import Batch

#: after so many searches of one kind a chart is begun; of one for which there was no room, after so many more
_ASKED, _ASKED_AGAIN = 64, 100_000
_KINDS_MAX = 1024
_LOOKS_MAX = 8
_CHUNK = 1000
#: side of a cell in degrees, and how many cells and rows a search looks at before it is left to SQL
_CELL_DEG = 0.01
_CELLS_MAX, _ROWS_MAX = 1024, 20_000
_BANDS = 1 << 20
#: whatever is no point is looked at for every search: of so many at most
_WIDE_MAX = 256
#: whole numbers below this are the same as floats
_EXACT = 2**53
#: about what a cell weighs beside its rows, a row in the list of cells, and what is no point
_CELL_BYTES, _ROW_BYTES, _WIDE_BYTES = 200, 110, 400

_log = structlog.get_logger("linli.store")

#: where numbers stand in documents: the path to a list, and the member of its one element
Where = tuple[tuple[str, ...], str]


class Kind(NamedTuple):
    """What one chart is of: the entities of a type in a tenant, and where in their documents its numbers stand."""

    tenant: str
    type: str
    wheres: tuple[Where, ...]


#: an entity as it is charted: its row, where it lies, its numbers
Mark = tuple[int, Box | None, tuple[float, ...]]


class _Chart:
    """`heard`: rows of which a commit was heard while it was being filled; None when it is whole.

    A cell holds its marks one after the other, each as row, lon, lat and numbers: what is looked at together lies together.
    """

    def __init__(self, kind: Kind) -> None:
        self.kind = kind
        self.heard: set[int] | None = set()
        self._width = 3 + len(kind.wheres)
        self._cells: dict[int, array[float]] = {}
        self._cell_of: dict[int, int] = {}
        self._wide: dict[int, Box] = {}

    @property
    def bytes(self) -> int:
        """About how much memory is in use."""
        marks = len(self._cell_of) * (8 * self._width + _ROW_BYTES)
        return marks + len(self._cells) * _CELL_BYTES + len(self._wide) * _WIDE_BYTES

    @property
    def is_fit(self) -> bool:
        """Whether nearly all that lies somewhere is a point."""
        return len(self._wide) <= _WIDE_MAX

    def put(self, mark: Mark) -> None:
        """Take where an entity lies now, and its numbers."""
        row, box, numbers = mark
        self.drop(row)
        if box is None:
            return
        lon, lat = box[:2]
        if box[2:] != (lon, lat):
            self._wide[row] = box
            return
        cell = self._cell_of[row] = floor(lon / _CELL_DEG) * _BANDS + floor(lat / _CELL_DEG)
        self._cells.setdefault(cell, array("d")).extend((row, lon, lat, *numbers))

    def drop(self, row: int) -> None:
        """Hear that an entity is gone, or of another type now, or elsewhere."""
        self._wide.pop(row, None)
        cell = self._cell_of.pop(row, None)
        if cell is None:
            return
        marks = self._cells[cell]
        at = marks[:: self._width].index(row) * self._width
        del marks[at : at + self._width]
        if not marks:
            del self._cells[cell]

    def rows(self, find: Find) -> list[int] | None:
        """Return the rows that a search may want; None when there are too many to look at."""
        assert find.box is not None  # noqa: S101 - only such searches are asked of a chart
        near = self._near(find.box)
        if near is None:
            return None
        marks = [*zip(*[near[part :: self._width] for part in range(self._width)], strict=True)]
        looks = [look for look in find.looks if not look.texts]
        for part, look in enumerate(looks, 3):
            low, high = look.low, look.high
            marks = [mark for mark in marks if low <= (number := mark[part]) <= high or number == inf]
        if find.ellipse is not None:
            lon, lat, wide, high = find.ellipse
            within = [
                int(mark[0])
                for mark in marks
                if (east := (mark[1] - lon) / wide) * east + (north := (mark[2] - lat) / high) * north <= 1.0
            ]
        else:
            west, south, eastern, northern = find.box
            within = [int(mark[0]) for mark in marks if west <= mark[1] <= eastern and south <= mark[2] <= northern]
        within += [row for row, box in self._wide.items() if _meet(find.box, box)]
        return within

    def _near(self, box: Box) -> array[float] | None:
        """Return the marks in all cells that a box touches."""
        west, south, east, north = (floor(side / _CELL_DEG) for side in box)
        if (east - west + 1) * (north - south + 1) > _CELLS_MAX:
            return None
        found, cells = array("d"), self._cells
        for column in range(west * _BANDS, (east + 1) * _BANDS, _BANDS):
            for cell in range(column + south, column + north + 1):
                if cell in cells:
                    found.extend(cells[cell])
        return found if len(found) <= _ROWS_MAX * self._width else None


class Charts:
    """The charts of one file. Used from the event loop, but for the thread that reads."""

    def __init__(self, open_reader: Callable[[], apsw.Connection], sql: str, bytes_max: int) -> None:
        """Read by `sql`, which takes tenant, type, after which row, how many. `bytes_max`: 0 = there are none."""
        self._open_reader = open_reader
        self._sql = sql
        self._bytes_max = bytes_max
        self._asked: dict[Kind, int] = {}
        self._charts: dict[Kind, _Chart] = {}
        self._filling: threading.Thread | None = None
        self._closing = False

    @property
    def is_filling(self) -> bool:
        """Whether one is being made."""
        return self._filling is not None

    def rows(self, tenant: str, find: Find) -> list[int] | None:
        """Return the rows that a search by place may want, in no order; None where no chart can say."""
        if find.box is None or len(find.types) != 1 or find.ids or find.keys:
            return None
        wheres = tuple([_where(look) for look in find.looks if not look.texts])
        kind = Kind(tenant, find.types[0], wheres)
        chart = self._charts.get(kind)
        if chart is None:
            self._ask(kind)
            return None
        return chart.rows(find) if chart.heard is None else None

    def hear(self, batch: Batch) -> None:
        """Hear what was committed, before anybody is told of it."""
        for chart in [*self._charts.values()]:
            for key, now in batch.standing.items():
                if key[0] != chart.kind.tenant:
                    continue
                before, stored = batch.before.get(key), batch.touched.get(key)
                if before is not None and before.row != now.row:
                    self._hear(chart, before.row, None)
                if stored is not None:
                    is_charted = chart.kind.type in stored.types
                    mark = _mark(now.row, now.box, stored.doc, chart.kind) if is_charted else None
                    self._hear(chart, now.row, mark)
            if not chart.is_fit:
                self._forget(chart)
        self._make_room()

    def close(self) -> None:
        """End the thread that reads."""
        self._closing = True
        if self._filling is not None:
            self._filling.join()

    def _hear(self, chart: _Chart, row: int, mark: Mark | None) -> None:
        if mark is None:
            chart.drop(row)
        else:
            chart.put(mark)
        if chart.heard is not None:
            chart.heard.add(row)

    def _ask(self, kind: Kind) -> None:
        """Take in that a chart is missed; begin it when it is missed often."""
        if len(self._asked) >= _KINDS_MAX:
            self._asked.clear()
        asked = self._asked[kind] = self._asked.get(kind, 0) + 1
        if asked >= _ASKED and self._filling is None and self._bytes_max and len(kind.wheres) <= _LOOKS_MAX:
            del self._asked[kind]
            chart = self._charts[kind] = _Chart(kind)
            arguments = (chart, asyncio.get_running_loop())
            self._filling = threading.Thread(target=self._fill, args=arguments, name="linli-store-chart", daemon=True)
            self._filling.start()

    def _fill(self, chart: _Chart, loop: asyncio.AbstractEventLoop) -> None:
        """Read what stands in the file; runs in a thread of its own. A loop that is closed wants no more of it."""
        with suppress(RuntimeError):
            try:
                with closing(self._open_reader()) as reader:
                    for marks in self._read(reader, chart.kind):
                        loop.call_soon_threadsafe(self._take, chart, marks)
            except apsw.Error as error:
                _log.warning("store.chart.failed", reason=str(error))
                loop.call_soon_threadsafe(self._forget, chart)
            if not self._closing:
                loop.call_soon_threadsafe(self._filled, chart)

    def _read(self, reader: apsw.Connection, kind: Kind) -> Iterator[list[Mark]]:
        last, is_more = 0, True
        while is_more and not self._closing:
            found = reader.execute(self._sql, (kind.tenant, kind.type, last, _CHUNK))
            marks = [_mark(row, box, doc, kind) for row, box, doc in found]
            yield marks
            last, is_more = marks[-1][0] if marks else 0, len(marks) == _CHUNK

    def _take(self, chart: _Chart, marks: Iterable[Mark]) -> None:
        """Take what the thread read, but for what was heard of since."""
        if chart.kind not in self._charts:
            return
        for mark in marks:
            if chart.heard is not None and mark[0] not in chart.heard:
                chart.put(mark)
        if not chart.is_fit or chart.bytes > self._bytes_max:
            self._forget(chart)

    def _filled(self, chart: _Chart) -> None:
        """Put a chart to use."""
        self._filling = None
        chart.heard = None
        self._make_room()

    def _make_room(self) -> None:
        """Let go of the oldest while all together take too much."""
        while sum(one.bytes for one in self._charts.values()) > self._bytes_max:
            self._forget(next(iter(self._charts.values())))

    def _forget(self, chart: _Chart) -> None:
        if self._charts.pop(chart.kind, None) is not None:
            self._asked[chart.kind] = -_ASKED_AGAIN


def number_in(doc: Any, where: Where) -> float:
    """Return the number at which a look looks; nan: something that no look for numbers wants; inf: one cannot say."""
    path, member = where
    for key in path:
        doc = doc.get(key) if isinstance(doc, dict) else None
    if not isinstance(doc, list) or len(doc) != 1 or not isinstance(doc[0], dict):
        return inf
    value = doc[0].get(member)
    if isinstance(value, str | bool):
        return nan
    return float(value) if isinstance(value, int | float) and abs(value) < _EXACT else inf


def _mark(row: int, box: str, doc: bytes, kind: Kind) -> Mark:
    said = orjson.loads(doc) if kind.wheres else None
    place = tuple(orjson.loads(box)) if box else None
    return row, place, tuple([number_in(said, where) for where in kind.wheres])


def _where(look: Look) -> Where:
    return look.path, look.member


def _meet(one: Box, other: Box) -> bool:
    return one[0] <= other[2] and other[0] <= one[2] and one[1] <= other[3] and other[1] <= one[3]
