"""Who is asked for which call: policies by name, each a pure function of the field of waiting calls and idle helpers.

`open`     closest pair first over all who wait and all who are idle, whatever community they belong to; a call of life
           before all others, an urgent one is worth minutes of travel, waiting makes a call cheaper, a border costs a
           little, nobody is spent on a call that he reaches too late while another can still be met.
`closed`   control: only helpers whose shift covers the call's own community; calls in order of arrival, nearest first.
`nearest`  control: no borders; calls in order of arrival, nearest first.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from linli.base import Settings, setting

Floats = NDArray[np.float64]

WAIT_WEIGHT = setting("dispatch.wait_weight", 0.5, "Seconds of travel that one second of waiting outweighs.")
URGENT_S = setting(
    "dispatch.urgent_s", 900.0, "Seconds of travel that an urgent call outweighs; a call of life goes before all."
)
BORDER_S = setting("dispatch.border_s", 240.0, "Seconds of travel that staying in one's own community is worth.")
TICK_S = setting("dispatch.tick_s", 10.0, "Seconds of city time between two matchings while somebody waits.")
PROMISE_MIN = setting("dispatch.promise_min", 60.0, "Minutes from the press within which somebody shall be there.")
REACH_MIN = setting("dispatch.reach_min", 60.0, "Minutes of travel beyond which nobody is asked.")
ASK_AGAIN_MIN = setting(
    "dispatch.ask_again_min", 5.0, "Minutes before one who declined may be asked for that call again."
)
STALE_MIN = setting("dispatch.position_stale_min", 720.0, "Minutes without a sign after which a helper is not asked.")


@dataclass(frozen=True, slots=True)
class Tuning:
    """The weights and limits of a dispatcher; each is a setting of the same name. Units are in the names."""

    wait_weight: float = 0.5
    urgent_s: float = 900.0
    border_s: float = 240.0
    tick_s: float = 10.0
    promise_min: float = 60.0
    reach_min: float = 60.0
    ask_again_min: float = 5.0
    position_stale_min: float = 720.0
    searches_max: int = 16  # searches of the street network in one step: about 40 ms on a city's network
    decisions_max: int = 64  # offers and explanations in one step, and so in one commit

    @classmethod
    def of(cls, settings: Settings) -> Tuning:
        """Read the settings."""
        names = (WAIT_WEIGHT, URGENT_S, BORDER_S, TICK_S, PROMISE_MIN, REACH_MIN, ASK_AGAIN_MIN, STALE_MIN)
        return cls(**{name.removeprefix("dispatch."): settings[name] for name in names})


@dataclass(frozen=True, slots=True)
class Field:
    """Who waits (w, in the order of ids) and who is idle (h, in the order of ids) at one moment.

    Shapes: seconds (w, h), inf where a helper is no candidate; home (w, h), whether his shift covers the call's
    community; waited_s, left_s (until the promise ends), urgency, received_us (w,).
    """

    seconds: Floats
    home: NDArray[np.bool_]
    waited_s: Floats
    left_s: Floats
    urgency: NDArray[np.int64]
    received_us: NDArray[np.int64]


Pairs = list[tuple[int, int]]
Policy = Callable[[Field, Tuning], Pairs]

URGENT, LIFE = 2, 3
_LATE_S = 100_000.0
_FIRST_S = 1_000_000.0


def open_borders(field: Field, tuning: Tuning) -> Pairs:
    """Closest pair first, with weights."""
    bonus = tuning.wait_weight * field.waited_s + tuning.urgent_s * (field.urgency >= URGENT)
    bonus += _FIRST_S * (field.urgency >= LIFE)
    cost = field.seconds - bonus[:, None]
    cost += np.where(field.home, 0.0, tuning.border_s)
    cost += np.where(field.seconds > field.left_s[:, None], _LATE_S, 0.0)
    return closest_pairs(cost)


def own_community(field: Field, _: Tuning) -> Pairs:
    """Only helpers of the call's own community, in order of arrival."""
    return _in_order_of_arrival(np.where(field.home, field.seconds, np.inf), field.received_us)


def nearest(field: Field, _: Tuning) -> Pairs:
    """Any helper, in order of arrival."""
    return _in_order_of_arrival(field.seconds, field.received_us)


POLICIES: Mapping[str, Policy] = {"open": open_borders, "closed": own_community, "nearest": nearest}


def closest_pairs(cost: Floats) -> Pairs:
    """Return pairs (row, column), cheapest first, each row and column once; inf is never paired.

    Shapes: cost (w, h). Ties go to the smaller row, then the smaller column.
    """
    pairs: Pairs = []
    if not cost.size:
        return pairs
    cost = cost.copy()
    column_of = cost.argmin(axis=1)
    best = cost[np.arange(len(cost)), column_of]
    while True:
        row = int(best.argmin())
        if not np.isfinite(best[row]):
            return pairs
        column = int(column_of[row])
        pairs.append((row, column))
        best[row] = np.inf
        cost[:, column] = np.inf
        again = np.flatnonzero((column_of == column) & np.isfinite(best))
        if len(again):
            column_of[again] = cost[again].argmin(axis=1)
            best[again] = cost[again, column_of[again]]


def _in_order_of_arrival(seconds: Floats, received_us: NDArray[np.int64]) -> Pairs:
    pairs: Pairs = []
    seconds = seconds.copy()
    for row in np.argsort(received_us, kind="stable"):
        if not seconds.shape[1]:
            break
        column = int(seconds[row].argmin())
        if np.isfinite(seconds[row, column]):
            pairs.append((int(row), column))
            seconds[:, column] = np.inf
    return pairs
