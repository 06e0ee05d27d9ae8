"""Working time: office hours, holidays, make-up days, years that the calendar does not know yet."""

from datetime import date, datetime
from zoneinfo import ZoneInfo

import pytest

from linli.base import WorkTime, read_work_time
from linli.base.errors import BadSetting

ZONE = ZoneInfo("Asia/Shanghai")
WORK = WorkTime()


def at(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=ZONE).timestamp()) * 1_000_000


@pytest.mark.parametrize(
    ("begun", "limit", "due"),
    [
        ("2026-11-20 17:00", "4 wh", "2026-11-23 12:00"),  # Friday: half an hour, then Monday's morning
        ("2026-11-20 12:30", "1 wh", "2026-11-20 14:30"),  # the break at noon does not count
        ("2026-11-21 10:00", "1 wh", "2026-11-23 09:30"),  # Saturday
        ("2026-09-30 17:00", "1 wh", "2026-10-08 09:00"),  # across the national day's week
        ("2026-09-20 09:00", "1 wh", "2026-09-20 10:00"),  # a Sunday on which people make up
        ("2026-11-20 17:00", "1 wd", "2026-11-23 17:30"),
        ("2026-11-20 18:00", "1 wd", "2026-11-24 17:30"),  # after hours: begins on Monday
        ("2026-11-20 17:00", "7 wd", "2026-12-01 17:30"),
        ("2026-11-20 17:00", "24 h", "2026-11-21 17:00"),
        ("2026-11-20 17:00", "2 d", "2026-11-22 17:00"),
        ("2026-11-20 17:00", "90 min", "2026-11-20 18:30"),
    ],
)
def test_a_limit_ends_when_the_calendar_says(begun: str, limit: str, due: str) -> None:
    found = WORK.due(at(begun), limit)
    assert (found.at_us, found.limit, found.provisional) == (at(due), limit, False)


def test_a_year_that_is_not_known_yet_counts_monday_to_friday_and_is_provisional() -> None:
    found = WORK.due(at("2026-12-31 17:00"), "4 wh")
    assert (found.at_us, found.provisional) == (at("2027-01-01 12:00"), True)


def test_a_tenants_own_days_come_before_those_of_the_nation() -> None:
    own = read_work_time("Asia/Shanghai", "09:00-17:00", ["2026-11-23"], ["2026-11-22"])
    assert own.due(at("2026-11-20 16:00"), "2 wh").at_us == at("2026-11-22 10:00")
    assert own.due(at("2026-11-22 16:00"), "2 wh").at_us == at("2026-11-24 10:00")
    assert not own.is_working(date(2026, 11, 23))


def test_a_day_that_the_tenant_knows_is_not_provisional() -> None:
    own = read_work_time("Asia/Shanghai", "09:00-17:00", ["2027-01-01"], ["2027-01-02"])
    assert not own.due(at("2026-12-31 16:00"), "2 wh").provisional


@pytest.mark.parametrize("limit", ["soon", "4", "4 w", "1.5 wd", "-1 h", ""])
def test_what_is_no_limit_is_refused(limit: str) -> None:
    with pytest.raises(ValueError, match="like 4 wh"):
        WORK.due(0, limit)


@pytest.mark.parametrize("hours", ["8-12", "08:30-12:00,11:00-17:00", "12:00-08:00", "25:00-26:00"])
def test_office_hours_that_overlap_or_are_none_are_refused(hours: str) -> None:
    with pytest.raises(BadSetting, match=r"work.hours: office hours in order"):
        read_work_time("Asia/Shanghai", hours, [], [])


def test_a_day_that_is_none_is_refused() -> None:
    with pytest.raises(BadSetting, match=r"work.days_off: days like"):
        read_work_time("Asia/Shanghai", "08:30-12:00", ["tomorrow"], [])
