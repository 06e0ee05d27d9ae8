"""Ratios of pairs and percentiles, and the one form in which a bench says them."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import orjson


@dataclass(frozen=True)
class Ratio:
    """A beside B, in pairs that ran next to each other; `sign` counts the pairs in the direction of the median."""

    pairs: int
    a_median: float
    b_median: float
    ratio_median: float
    ratio_min: float
    ratio_max: float
    sign: str

    def facts(self) -> dict[str, Any]:
        """Return the figures, rounded to three digits."""
        return {name: _short(value) for name, value in vars(self).items()}


def in_pairs(a: Callable[[], float], b: Callable[[], float], pairs: int = 15) -> Ratio:
    """Measure A B, B A, A B ... and compare within each pair, so that drift of the machine falls out.

    `a` and `b` do their work once and return what it cost, in whatever unit they share.
    """
    costs = []
    for number in range(pairs):
        if number % 2:
            cost_b, cost_a = b(), a()
        else:
            cost_a, cost_b = a(), b()
        costs.append((cost_a, cost_b))
    return ratio_of(costs)


def ratio_of(costs: Sequence[tuple[float, float]]) -> Ratio:
    """Return the median of the pairs' ratios a/b with the smallest and the largest."""
    a, b = np.array(costs, float).T
    ratios = a / b
    middle = float(np.median(ratios))
    same_side = int(np.sum((ratios >= 1) == (middle >= 1)))
    return Ratio(
        len(costs),
        float(np.median(a)),
        float(np.median(b)),
        middle,
        float(ratios.min()),
        float(ratios.max()),
        f"{same_side}/{len(costs)}",
    )


def spread(values: Sequence[float]) -> dict[str, float]:
    """Return how often, the middle, the 95th percentile and both ends of what was measured."""
    p50, p95 = np.percentile(values, [50, 95])
    return {
        "n": len(values),
        "p50": _short(float(p50)),
        "p95": _short(float(p95)),
        "min": _short(float(min(values))),
        "max": _short(float(max(values))),
    }


def report(bench: str, case: str, unit: str, *, ok: bool, **facts: Any) -> None:
    """Print one line of figures for `python -m bench`, at once."""
    line = {"bench": bench, "case": case, "unit": unit, **facts, "ok": ok}
    sys.stdout.write(orjson.dumps(line, option=orjson.OPT_SERIALIZE_NUMPY).decode() + "\n")
    sys.stdout.flush()


def _short(value: Any) -> Any:
    """Round to three significant digits: more would claim more than was measured."""
    return float(f"{value:.3g}") if isinstance(value, float) else value
