"""p_minor: under 14 only a guardian agrees; the day of the fourteenth birthday by the calendar of the people here decides."""

from __future__ import annotations

from datetime import date, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from linli.trust import Consents, ConsentSaid, Minors, age_band, begin_us, birthday, next_band_day
from linli.vocab import vocabulary

ZONE = ZoneInfo("Asia/Shanghai")
BASIS = vocabulary().lists["purpose"].basis


@pytest.mark.parametrize(
    ("born", "fourteen"),
    [
        ("2012-11-23", "2026-11-23"),
        ("2012-02-29", "2026-03-01"),
        ("2010-12-31", "2024-12-31"),
        ("2012-03-01", "2026-03-01"),
    ],
)
def test_thirteen_years_and_364_days_is_a_child_and_fourteen_years_is_not(born: str, fourteen: str) -> None:
    day, minors = date.fromisoformat(fourteen), Minors()
    assert birthday(date.fromisoformat(born), 14) == day
    assert age_band(date.fromisoformat(born), day - timedelta(days=1)) == "u14"
    assert age_band(date.fromisoformat(born), day) == "a14to17"
    until_us = begin_us(day, ZONE)
    minors.take("default", "child", until_us)
    assert minors.is_minor("default", "child", until_us - 1)
    assert not minors.is_minor("default", "child", until_us)
    assert not minors.is_minor("other", "child", until_us - 1)


def test_the_day_begins_where_the_people_live() -> None:
    assert begin_us(date(2026, 11, 23), ZONE) + 8 * 3600 * 1_000_000 == begin_us(date(2026, 11, 23), ZoneInfo("UTC"))


@given(st.dates(date(1900, 1, 1), date(2030, 1, 1)), st.integers(0, 40_000))
def test_a_band_lasts_until_the_day_that_was_foretold(born: date, days: int) -> None:
    today = born + timedelta(days=days)
    band, turn = age_band(born, today), next_band_day(born, today)
    if turn is None:
        assert band == "a80up"
        return
    assert turn > today
    assert age_band(born, turn - timedelta(days=1)) == band
    assert age_band(born, turn) != band


@pytest.mark.parametrize("purpose", sorted(BASIS))
def test_only_a_guardian_agrees_for_a_child(purpose: str) -> None:
    consents = Consents(BASIS)
    free = BASIS[purpose] in ("duty", "emergency")
    assert consents.allows("default", "child", purpose, "minor") is free
    consents.take("default", ConsentSaid("1", "child", purpose, 1, separate=True))
    assert consents.allows("default", "child", purpose, "minor") is free
    assert consents.allows("default", "child", purpose, "sensitive")
    consents.take("default", ConsentSaid("2", "child", purpose, 2, separate=True, guardian="mother"))
    assert consents.allows("default", "child", purpose, "minor")
