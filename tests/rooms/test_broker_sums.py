"""Periods by the calendar, and sums over many instances held against sums that are plainly counted."""

from __future__ import annotations

import math
import statistics
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from linli.base import from_wire_time, to_wire_time
from linli.base.errors import BadRequestData
from linli.broker._temporal_query import METHODS, Period, read_period, read_span
from linli.broker._temporal_sums import Frame, Series, series_of, summed, wire_times, within

HOUR_US = 3_600_000_000


def us(text: str) -> int:
    return from_wire_time(text)


@pytest.mark.parametrize(
    ("said", "period"),
    [
        ("PT0S", Period()),
        ("PT1H", Period(us=HOUR_US)),
        ("PT90M", Period(us=HOUR_US * 3 // 2)),
        ("PT0.25S", Period(us=250_000)),
        ("P1D", Period(us=24 * HOUR_US)),
        ("P2W", Period(us=14 * 24 * HOUR_US)),
        ("P3M", Period(3)),
        ("P1Y2M10DT2H30M", Period(14, 10 * 24 * HOUR_US + HOUR_US * 5 // 2)),
    ],
)
def test_a_duration_is_read(said: str, period: Period) -> None:
    assert read_period(said) == period


@pytest.mark.parametrize("said", ["", "P", "PT", "1H", "-P1D", "P1H", "PT1D", "P1.5D", "pt1h", "P99999Y", 5, None])
def test_what_is_no_duration_is_refused(said: Any) -> None:
    with pytest.raises(BadRequestData, match="aggrPeriodDuration"):
        read_period(said)


@pytest.mark.parametrize(
    ("start", "months", "days"),
    [
        ("2026-01-31T06:00:00Z", 1, ["01-31", "02-28", "03-31", "04-30", "05-31"]),
        ("2028-01-31T06:00:00Z", 1, ["01-31", "02-29", "03-31", "04-30", "05-31"]),
        ("2026-11-30T06:00:00Z", 3, ["11-30", "02-28", "05-30"]),
        ("2024-02-29T06:00:00Z", 12, ["02-29", "02-28", "02-28", "02-28", "02-29"]),
    ],
)
def test_months_end_by_the_calendar(start: str, months: int, days: list[str]) -> None:
    last = us(start) + (len(days) - 2) * months * 61 * 12 * HOUR_US
    edges = wire_times(Period(months).edges(us(start), last))
    assert [edge[5:10] for edge in edges] == days
    assert all(edge.endswith("T06:00:00Z") for edge in edges)


def test_periods_beyond_all_measure_are_refused() -> None:
    for period, last in ((Period(1), us("9998-01-01T00:00:00Z")), (Period(120_000), us("2999-01-01T00:00:00Z"))):
        with pytest.raises(BadRequestData, match="aggrPeriodDuration"):
            period.edges(us("0001-01-01T00:00:00Z"), last)


def counted(pairs: list[tuple[int, float]], period_us: int, origin_us: int) -> dict[str, list[tuple[Any, str, str]]]:
    """The same sums, one instance after the other."""
    parts: dict[int, list[float]] = {}
    for at_us, number in pairs:
        parts.setdefault((at_us - origin_us) // period_us, []).append(number)
    sums: dict[str, Any] = {
        "totalCount": len,
        "distinctCount": lambda part: len(set(part)),
        "sum": math.fsum,
        "avg": statistics.fmean,
        "min": min,
        "max": max,
        "stddev": statistics.pstdev,
        "sumsq": lambda part: math.fsum(number * number for number in part),
    }
    edges = {k: (to_wire_time(origin_us + k * period_us), to_wire_time(origin_us + (k + 1) * period_us)) for k in parts}
    return {name: [(sums[name](part), *edges[k]) for k, part in sorted(parts.items())] for name in METHODS}


@given(
    st.lists(st.tuples(st.integers(0, 50 * HOUR_US), st.integers(-1000, 1000).map(float)), min_size=1, max_size=60).map(
        sorted
    ),
    st.sampled_from([1, HOUR_US, 7 * HOUR_US, 1000 * HOUR_US]),
    st.integers(-3 * HOUR_US, 0),
)
def test_sums_are_those_that_are_plainly_counted(
    pairs: list[tuple[int, float]], period_us: int, origin_us: int
) -> None:
    series = Series(np.array([at for at, _ in pairs], np.int64), np.array([number for _, number in pairs]))
    sums = summed(series, Frame(origin_us, Period(us=period_us), 0), METHODS)
    expected = counted(pairs, period_us, origin_us)
    for method in METHODS:
        assert [row[1:] for row in sums[method]] == [row[1:] for row in expected[method]]
        assert [row[0] for row in sums[method]] == pytest.approx([row[0] for row in expected[method]], abs=1e-6)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([3, 1.5, 3], {"totalCount": 3, "distinctCount": 2, "sum": 7.5, "avg": 2.5, "min": 1.5, "max": 3.0}),
        ([True, False, True], {"totalCount": 3, "distinctCount": 2, "sum": 2.0, "min": 0.0, "max": 1.0}),
        (["b", "a", "b"], {"totalCount": 3, "distinctCount": 2, "min": "a", "max": "b", "sum": None, "avg": None}),
        ([[1], [1], [2, 3]], {"totalCount": 3, "distinctCount": 2, "sum": 4.0, "min": 1.0, "max": 2.0}),
        ([{"x": 1}, {"x": 1}], {"totalCount": 2, "distinctCount": 1, "sum": None, "min": None, "max": None}),
        (["odd", 1, 2], {"totalCount": 2, "sum": 3.0}),
        ([1], {"stddev": 0.0}),
    ],
)
def test_4_5_19_what_is_summed_up_depends_on_the_kind_of_value(values: list[Any], expected: dict[str, Any]) -> None:
    frame = Frame(0, Period(), 3_000_000)
    sums = summed(series_of(range(len(values)), values), frame, METHODS)
    got = {method: sums[method][0][0] if method in sums else None for method in expected}
    assert got == expected
    assert all(row[1:] == (to_wire_time(0), to_wire_time(3_000_000)) for rows in sums.values() for row in rows)


def test_what_lies_in_stretches_of_time_is_kept() -> None:
    series = Series(np.arange(10), np.arange(10) * 1.0, same=np.arange(10))
    kept = within(series, [(0, 2), (5, 6)])
    assert (kept.times.tolist(), kept.numbers.tolist()) == ([0, 1, 5], [0.0, 1.0, 5.0])
    assert kept.same is not None
    assert within(series, [(0, 10)]) is series


@pytest.mark.parametrize(
    ("said", "where"),
    [
        ({"timerel": "after"}, "timeAt"),
        ({"timeAt": "2026-01-01T00:00:00Z"}, "timerel"),
        ({"timerel": "near", "timeAt": "2026-01-01T00:00:00Z"}, "timerel"),
        ({"timerel": "before", "timeAt": "yesterday"}, "timeAt"),
        ({"timerel": "before", "timeAt": 5}, "timeAt"),
        ({"timerel": "between", "timeAt": "2026-01-01T00:00:00Z"}, "endTimeAt"),
        (
            {"timerel": "between", "timeAt": "2026-01-02T00:00:00Z", "endTimeAt": "2026-01-01T00:00:00Z"},
            "endTimeAt",
        ),
        ({"timeproperty": "seenAt"}, "timeproperty"),
        ({"lastN": "0"}, "lastN"),
        ({"lastN": "1.5"}, "lastN"),
        ({"lastN": 1.5}, "lastN"),
        ({"lastN": True}, "lastN"),
        ({"aggrMethods": "median"}, "aggrMethods"),
        ({"aggrMethods": []}, "aggrMethods"),
        ({"aggrMethods": 5}, "aggrMethods"),
    ],
)
def test_4_11_a_temporal_query_that_makes_no_sense_is_refused_by_name(said: dict[str, Any], where: str) -> None:
    with pytest.raises(BadRequestData, match=where):
        read_span(said)
