"""Deadlines in elapsed and in working time: office hours on the working days of China, holidays and make-up days known.

The national calendar is data of the library chinesecalendar, a year at a time; a year that it does not know yet counts
Monday to Friday, and what was counted so is `provisional`: it is counted again when the year is known. A tenant's own
days off and days on come before both.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from ._time import MINUTE_US, SECOND_US
from .errors import BadSetting

#: office hours that a tenant may set otherwise, in minutes of the day
OFFICE_HOURS = ((8 * 60 + 30, 12 * 60), (13 * 60 + 30, 17 * 60 + 30))
DAYS_MAX = 3660

_WITHIN = re.compile(r"(\d+(?:\.\d+)?) (min|h|d|wh|wd)", re.ASCII)
_HOURS = re.compile(r"([01]\d|2[0-3]):([0-5]\d)-([01]\d|2[0-3]):([0-5]\d)", re.ASCII)
_ELAPSED_US = {"min": MINUTE_US, "h": 60 * MINUTE_US, "d": 24 * 60 * MINUTE_US}


@dataclass(frozen=True, slots=True)
class Due:
    """A due moment and the limit behind it; `provisional`: a year in it is not known to the calendar yet."""

    at_us: int
    limit: str
    provisional: bool = False


@dataclass(frozen=True, slots=True)
class WorkTime:
    """When people work. Units: `hours` in minutes of the local day, in order; `off` and `on` are the tenant's own days."""

    zone: str = "Asia/Shanghai"
    hours: tuple[tuple[int, int], ...] = OFFICE_HOURS
    off: frozenset[date] = frozenset()
    on: frozenset[date] = frozenset()

    def due(self, from_us: int, limit: str) -> Due:
        """Return when a limit like `4 wh`, `7 wd`, `24 h`, `2 d` or `30 min` that runs from a moment is over.

        What begins outside of office hours begins at the next opening. `wd` ends with the office hours of the n-th
        working day after the one on which it begins.
        Raises: ValueError: it is no limit.
        """
        match = _WITHIN.fullmatch(limit)
        if match is None or (match[2] == "wd" and "." in match[1]):
            raise ValueError(f"{limit!r}: a number and min, h, d, wh or wd (whole days), like 4 wh.")
        amount, unit = float(match[1]), match[2]
        if unit in _ELAPSED_US:
            return Due(from_us + round(amount * _ELAPSED_US[unit]), limit)
        at_us, known = self._after_hours(from_us, amount) if unit == "wh" else self._after_days(from_us, int(amount))
        return Due(at_us, limit, not known)

    def is_working(self, day: date) -> bool:
        """Tell whether people work on a day."""
        return self._judged(day)[0]

    def on_a_working_day(self, moment: datetime, *, opening: bool = False) -> datetime:
        """Return a local moment, moved to the same hour (or the opening) of the next working day if it is on a day off."""
        for n in range(DAYS_MAX):
            moved = moment + timedelta(days=n)
            if self.is_working(moved.date()):
                start = self.hours[0][0]
                return datetime.combine(moved, time(start // 60, start % 60)) if opening else moved
        return moment

    def _after_hours(self, from_us: int, hours: float) -> tuple[int, bool]:
        left = timedelta(hours=hours)
        known = True
        for start, end, sure in self._spans(from_us):
            known = known and sure
            if end - start >= left:
                return _us(start + left), known
            left -= end - start
        raise ValueError("There is too little working time in this calendar.")

    def _after_days(self, from_us: int, days: int) -> tuple[int, bool]:
        known, begun = True, None
        for _, end, sure in self._spans(from_us):
            known = known and sure
            day = self._local(end).date()
            if begun is None:
                begun, last = day, day
            elif day != last:
                last, days = day, days - 1
            if days <= 0 and self._closes(end):
                return _us(end), known
        raise ValueError("There are too few working days in this calendar.")

    def _spans(self, from_us: int) -> Iterator[tuple[datetime, datetime, bool]]:
        """Yield what is left of each span of office hours from a moment on, in UTC, and whether its day is surely one."""
        zone, begin = ZoneInfo(self.zone), datetime.fromtimestamp(from_us / SECOND_US, UTC)
        sure = True
        for n in range(DAYS_MAX):
            day = begin.astimezone(zone).date() + timedelta(days=n)
            working, known = self._judged(day)
            sure = sure and known
            for start, end in self.hours if working else ():
                opens = datetime.combine(day, _time(start), zone).astimezone(UTC)
                closes = datetime.combine(day, _time(end), zone).astimezone(UTC)
                if closes > begin:
                    yield max(opens, begin), closes, sure

    def _local(self, moment: datetime) -> datetime:
        return moment.astimezone(ZoneInfo(self.zone))

    def _closes(self, moment: datetime) -> bool:
        local = self._local(moment)
        return local.hour * 60 + local.minute == self.hours[-1][1]

    def _judged(self, day: date) -> tuple[bool, bool]:
        """Return whether a day is a working day, and whether that is sure."""
        if day in self.off or day in self.on:
            return day in self.on, True
        national = _national(day)
        return (day.weekday() < 5, False) if national is None else (national, True)


@dataclass(frozen=True, slots=True)
class Deadline:
    """A limit with the calendar by which it is counted: the rule behind a due moment, kept beside it."""

    limit: str
    work: WorkTime = field(default_factory=WorkTime)

    def due(self, from_us: int) -> Due:
        """Return when it is over for what began at a moment."""
        return self.work.due(from_us, self.limit)


def read_work_time(zone: str, hours: str, off: list[str], on: list[str]) -> WorkTime:
    """Read a tenant's office hours (`08:30-12:00,13:30-17:30`) and days (`2026-10-08`). Raises: BadSetting."""
    spans = [_HOURS.fullmatch(part.strip()) for part in hours.split(",")]
    minutes = [(int(one[1]) * 60 + int(one[2]), int(one[3]) * 60 + int(one[4])) for one in spans if one]
    edges = [minute for span in minutes for minute in span]
    if not all(spans) or edges != sorted(set(edges)):
        raise BadSetting("work.hours: office hours in order, like 08:30-12:00,13:30-17:30.")
    return WorkTime(zone, tuple(minutes), _days("work.days_off", off), _days("work.days_on", on))


def _days(name: str, said: list[str]) -> frozenset[date]:
    try:
        return frozenset(date.fromisoformat(day) for day in said)
    except ValueError:
        raise BadSetting(f"{name}: days like 2026-10-08.") from None


@lru_cache(4096)
def _national(day: date) -> bool | None:
    """Return whether China works on a day, None for a year that the calendar does not know."""
    from chinese_calendar import is_workday  # type: ignore[import-untyped]

    try:
        return bool(is_workday(day))
    except NotImplementedError:
        return None


def _time(minute: int) -> time:
    return time(minute // 60, minute % 60)


def _us(moment: datetime) -> int:
    return round(moment.timestamp() * SECOND_US)
