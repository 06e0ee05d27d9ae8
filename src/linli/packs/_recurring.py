"""When recurring work falls due: a rule of RFC 5545 on the clock of the people here, moved off days without work."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from dateutil.rrule import HOURLY, rrule, rrulestr

from linli.base import SECOND_US

if TYPE_CHECKING:
    from linli.base import WorkTime

#: rules count from here, so that INTERVAL=2 means the same weeks for everybody: a Monday
EPOCH = datetime(2024, 1, 1)  # noqa: DTZ001 - a rule is counted on the local clock, its zone is joined afterwards
DAYS_OFF_MAX = 31


class BadRecurrence(ValueError):
    """It is no rule, or not one for a plan."""


def read_every(text: str) -> rrule:
    """Return the rule. Raises: BadRecurrence: it is none, it has an end or a start of its own, or it is too frequent."""
    try:
        found = rrulestr(_whole(text), dtstart=EPOCH)
    except (ValueError, TypeError, KeyError):
        raise BadRecurrence from None
    if not isinstance(found, rrule) or "DTSTART" in text or "COUNT" in text or "UNTIL" in text:
        raise BadRecurrence("One rule, without DTSTART, COUNT and UNTIL.")
    if found._freq > HOURLY:  # type: ignore[attr-defined]  # noqa: SLF001 - dateutil shows the frequency nowhere else
        raise BadRecurrence("At most every hour.")
    return found


def _whole(text: str) -> str:
    """Return the rule with minute and second said, which would be those of the epoch's midnight otherwise."""
    said = {part.partition("=")[0] for part in text.split(";")}
    finer = ("BYHOUR", "BYMINUTE", "BYSECOND") if "FREQ=HOURLY" not in text else ("BYMINUTE", "BYSECOND")
    return ";".join([text, *(f"{name}=0" for name in finer if name not in said)])


def next_due_us(every: str, after_us: int, *, zone: str, work: WorkTime | None = None) -> int | None:
    """Return when the rule falls due next after a moment; with `work`, a day off gives way to the next working day.

    Units: microseconds of UTC. A rule that never falls due again gives None.
    """
    local = datetime.fromtimestamp(after_us / SECOND_US, UTC).astimezone(ZoneInfo(zone)).replace(tzinfo=None)
    rule = read_every(every or "FREQ=DAILY")
    # A day's occurrence may have been moved here over a long holiday, so the search begins that far back.
    found = rule.after(local - timedelta(days=DAYS_OFF_MAX if work else 0))
    while found is not None:
        moved = work.on_a_working_day(found, opening=not every) if work else found
        due_us = int(moved.replace(tzinfo=ZoneInfo(zone)).timestamp()) * SECOND_US
        if due_us > after_us:
            return due_us
        found = rule.after(found)
    return None
