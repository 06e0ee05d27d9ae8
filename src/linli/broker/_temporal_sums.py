"""Sums up many instances of one attribute by periods of time (4.5.19), without a loop over the instances.

| values | which methods |
|---|---|
| numbers; truth values as 1 and 0 | all |
| texts and times | totalCount, distinctCount, min, max (by code unit) |
| lists | all, over their lengths; distinctCount over the lists themselves |
| everything else | totalCount, distinctCount |

The deviation is that of the whole population, so that a single instance deviates by 0.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import orjson

from ._temporal_query import METHODS, Period, Times

Numbers = npt.NDArray[np.float64]

#: pieces of time: from (inside) and to (outside)
Stretches = list[tuple[int, int]]

_COUNTS = frozenset({"totalCount", "distinctCount"})
_OF_TEXTS = _COUNTS | {"min", "max"}


@dataclass(frozen=True, slots=True)
class Series:
    """The instances of one attribute and dataset, oldest first.

    `numbers`: what is summed up. `same`: equal where instances are, when the numbers do not tell that. `texts`: the
    text behind each number, in order.
    Shapes: `times`, `numbers`, `same` (n,). Units: microseconds; those of the attribute.
    """

    times: Times
    numbers: Numbers
    methods: frozenset[str] = frozenset(METHODS)
    same: Times | None = None
    texts: Sequence[str] | None = None


@dataclass(frozen=True, slots=True)
class Frame:
    """Over which time instances are summed up: from where, by which period, and where the whole ends."""

    origin_us: int
    period: Period
    end_us: int


def series_of(times: Iterable[int], values: Sequence[Any]) -> Series:
    """Return values of whatever kind as a series; their kind is that of the last one, others are left out.

    Shapes: both (n,), oldest first.
    """
    kind = _kind(values[-1])
    kept = [(at_us, value) for at_us, value in zip(times, values, strict=True) if _kind(value) == kind]
    at = np.array([at_us for at_us, _ in kept], np.int64)
    alike = [value for _, value in kept]
    if kind in ("number", "truth"):
        return Series(at, np.array(alike, np.float64))
    if kind == "text":
        texts = sorted(set(alike))
        codes = {text: code for code, text in enumerate(texts)}
        return Series(at, np.array([codes[text] for text in alike], np.float64), _OF_TEXTS, texts=texts)
    keys: dict[bytes, int] = {}
    for value in alike:
        keys.setdefault(orjson.dumps(value, option=orjson.OPT_SORT_KEYS), len(keys))
    same = np.array([keys[orjson.dumps(value, option=orjson.OPT_SORT_KEYS)] for value in alike], np.int64)
    if kind == "list":
        return Series(at, np.array([len(value) for value in alike], np.float64), same=same)
    return Series(at, np.zeros(len(alike)), _COUNTS, same=same)


def within(series: Series, stretches: Stretches) -> Series:
    """Return what of a series lies in any of these stretches of time."""
    kept = np.zeros(len(series.times), np.bool_)
    for start_us, end_us in stretches:
        kept |= (series.times >= start_us) & (series.times < end_us)
    if kept.all():
        return series
    same = None if series.same is None else series.same[kept]
    return replace(series, times=series.times[kept], numbers=series.numbers[kept], same=same)


def summed(series: Series, frame: Frame, methods: Sequence[str]) -> dict[str, list[tuple[Any, str, str]]]:
    """Return (value, start, end) by method of every period that holds an instance; start and end are wire times.

    Methods that do not fit the values are left out. Raises: BadRequestData: too many periods.
    """
    wanted = [method for method in methods if method in series.methods]
    if not wanted or not len(series.times):
        return {}
    first, ends, starts = _periods(series.times, frame)
    start_texts = wire_times(starts)
    apart = np.flatnonzero(ends[:-1] != starts[1:])  # most periods end where the next one starts
    end_texts = [*start_texts[1:], *wire_times(ends[-1:])]
    for at, text in zip(apart.tolist(), wire_times(ends[:-1][apart]), strict=True):
        end_texts[at] = text
    return {method: list(zip(_values(series, first, method), start_texts, end_texts, strict=True)) for method in wanted}


def wire_times(times: Times) -> list[str]:
    """Return times as NGSI-LD wants them. Shapes: (n,). Units: microseconds."""
    if np.any(times % 1_000_000):
        texts = np.datetime_as_string(times.astype("datetime64[us]"), unit="us").tolist()
        return [text.rstrip("0").rstrip(".") + "Z" for text in texts]
    return list(np.datetime_as_string(times.astype("datetime64[us]"), unit="s", timezone="UTC").tolist())


def _periods(times: Times, frame: Frame) -> tuple[Times, Times, Times]:
    """Return where the instances of each period begin in `times`, and the period's end and start; (m,) each."""
    if frame.period.is_whole:
        return np.zeros(1, np.int64), np.array([frame.end_us], np.int64), np.array([frame.origin_us], np.int64)
    if not frame.period.months:
        of_each = (times - frame.origin_us) // frame.period.us
        first = np.flatnonzero(np.diff(of_each, prepend=of_each[0] - 1))
        starts = frame.origin_us + of_each[first] * frame.period.us
        return first, starts + frame.period.us, starts
    edges = frame.period.edges(frame.origin_us, int(times[-1]))
    of_each = np.searchsorted(edges, times, side="right") - 1
    first = np.flatnonzero(np.diff(of_each, prepend=-1))
    return first, edges[of_each[first] + 1], edges[of_each[first]]


def _values(series: Series, first: Times, method: str) -> list[Any]:
    """Return one value a period; `first`: where the instances of each begin."""
    counts = np.diff(np.append(first, len(series.times)))
    if method == "totalCount":
        return list(counts.tolist())
    if method == "distinctCount":
        return _distinct(series.numbers if series.same is None else series.same, first, counts)
    values: list[Any] = _SUMS[method](series.numbers, first, counts).tolist()
    return values if series.texts is None else [series.texts[int(code)] for code in values]


def _deviation(numbers: Numbers, first: Times, counts: Times) -> Numbers:
    apart = numbers - np.repeat(np.add.reduceat(numbers, first) / counts, counts)
    deviation: Numbers = np.sqrt(np.add.reduceat(apart * apart, first) / counts)
    return deviation


_SUMS: Mapping[str, Callable[[Numbers, Times, Times], npt.NDArray[Any]]] = {
    "sum": lambda numbers, first, _: np.add.reduceat(numbers, first),
    "sumsq": lambda numbers, first, _: np.add.reduceat(numbers * numbers, first),
    "avg": lambda numbers, first, counts: np.add.reduceat(numbers, first) / counts,
    "min": lambda numbers, first, _: np.minimum.reduceat(numbers, first),
    "max": lambda numbers, first, _: np.maximum.reduceat(numbers, first),
    "stddev": _deviation,
}


def _distinct(same: npt.NDArray[Any], first: Times, counts: Times) -> list[Any]:
    of_each = np.repeat(np.arange(len(first)), counts)
    order = np.lexsort((same, of_each))
    fresh = np.empty(len(same), np.int64)
    fresh[0] = 1
    fresh[1:] = (np.diff(same[order]) != 0) | (np.diff(of_each[order]) != 0)
    return list(np.add.reduceat(fresh, first).tolist())


def _kind(value: Any) -> str:
    match value:
        case bool():
            return "truth"
        case int() | float():
            return "number"
        case str():
            return "text"
        case list():
            return "list"
        case _:
            return "other"
