"""Who is under 14: their personal data need a guardian, and are never used to find, rank or judge them."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from zoneinfo import ZoneInfo

from linli.base import SECOND_US

#: years at which a person enters the next age band of the vocabulary, and the band that begins there
BANDS = ((0, "u14"), (14, "a14to17"), (18, "a18to59"), (60, "a60to79"), (80, "a80up"))
UNDER_14 = "u14"


def birthday(born: date, years: int) -> date:
    """Return the day on which somebody becomes so many years old; who was born on 29 February waits until 1 March."""
    try:
        return born.replace(year=born.year + years)
    except ValueError:
        return date(born.year + years, 3, 1)


def age_band(born: date, today: date) -> str:
    """Return the age band of a person on a day."""
    return [band for years, band in BANDS if birthday(born, years) <= today or not years][-1]


def next_band_day(born: date, today: date) -> date | None:
    """Return the day on which a person enters the next age band; None after the last."""
    return next((day for years, _ in BANDS if (day := birthday(born, years)) > today and years), None)


def day_of(at_us: int, zone: ZoneInfo) -> date:
    """Return the day of a moment, by the calendar of the people here."""
    return datetime.fromtimestamp(at_us // SECOND_US, UTC).astimezone(zone).date()


def begin_us(day: date, zone: ZoneInfo) -> int:
    """Return the moment at which a day begins here, in microseconds."""
    return int(datetime.combine(day, time(), zone).timestamp()) * SECOND_US


class Minors:
    """The persons under 14, by id, with the moment at which each becomes 14."""

    def __init__(self) -> None:
        """Know nobody."""
        self._until: dict[tuple[str, str], int] = {}

    def take(self, tenant: str, person: str, until_us: int) -> None:
        """Take in a person under 14."""
        self._until[tenant, person] = until_us

    def drop(self, tenant: str, person: str) -> None:
        """Forget a person: grown up, or gone."""
        self._until.pop((tenant, person), None)

    def is_minor(self, tenant: str, person: str, now_us: int) -> bool:
        """Tell whether somebody is under 14 now."""
        return now_us < self._until.get((tenant, person), now_us)
