"""The calls of a run: when, where, for what, how urgent, and how the visit will go; each a function of seed and index."""

from __future__ import annotations

import random
from dataclasses import dataclass
from itertools import accumulate

from linli.base import MINUTE_US, SECOND_US, Point

from ._draws import draws
from ._scenario import Scenario
from ._territory import Territory

URGENT_TEXT = "很急，请快一点 (urgent)"
RATED_SHARE = 0.6


@dataclass(frozen=True, slots=True)
class Press:
    """One call to be placed. `after_us` counts from the start of the run; `turn` counts the calls of its community."""

    index: int
    after_us: int
    community: int
    turn: int
    place: Point
    kind: str
    urgent: bool

    @property
    def text(self) -> str | None:
        """Return what the caller says; an urgent one says so, and triage has to hear it."""
        return URGENT_TEXT if self.urgent else None


@dataclass(frozen=True, slots=True)
class Course:
    """How a visit goes. Microseconds of city time; `stars` None = the caller does not rate."""

    leave_us: int
    service_us: int
    confirm_us: int
    stars: int | None


def presses(scenario: Scenario, territory: Territory, seed: int) -> list[Press]:
    """Return all calls of a run in the order of their times."""
    weights = list(accumulate(community_weights(territory, seed)))
    drawn = [_press(scenario, territory, weights, seed, index) for index in range(scenario.calls.count)]
    drawn.sort(key=lambda one: (one[0], one[1]))
    turns: dict[int, int] = {}
    result = []
    for after_us, index, community, place, kind, urgent in drawn:
        turns[community] = turns.get(community, -1) + 1
        result.append(Press(index, after_us, community, turns[community], place, kind, urgent))
    return result


def community_weights(territory: Territory, seed: int) -> list[float]:
    """Return how much each community calls: Dirichlet(1, ..., 1); 0 where there is no street."""
    rng = draws(seed, "community weights")
    raw = [rng.expovariate(1.0) for _ in territory.communities]
    raw = [weight if len(territory.junctions_in[at]) else 0.0 for at, weight in enumerate(raw)]
    total = sum(raw)
    return [weight / total for weight in raw]


def course(scenario: Scenario, seed: int, key: object) -> Course:
    """Return how the visit of one call goes; `key` is its index, or its id when nobody knows an index."""
    rng = draws(seed, "course", key)
    span = scenario.service
    service_us = round(rng.uniform(span.min_min, span.max_min) * MINUTE_US)
    leave_us = rng.randint(5, 20) * SECOND_US
    confirm_us = rng.randint(20, 300) * SECOND_US
    stars = rng.choices((5, 4, 3, 2, 1), (62, 24, 9, 3, 2))[0] if rng.random() < RATED_SHARE else None
    return Course(leave_us, service_us, confirm_us, stars)


def think_us(seed: int, helper: int, sent_at: str) -> int:
    """Return how long a helper looks at an offer before he accepts it."""
    return draws(seed, "think", helper, sent_at).randint(3, 10) * SECOND_US


def skill_drawn(scenario: Scenario, rng: random.Random) -> int:
    """Return the number of a skill, drawn by the shares."""
    return rng.choices(range(len(scenario.skill)), [one.share for one in scenario.skill])[0]


def _press(
    scenario: Scenario, territory: Territory, weights: list[float], seed: int, index: int
) -> tuple[int, int, int, Point, str, bool]:
    rng = draws(seed, "call", index)
    after_us = round(rng.random() * scenario.calls.hours * 60 * MINUTE_US)
    community = rng.choices(range(len(weights)), cum_weights=weights)[0]
    junctions = territory.junctions_in[community]
    place = territory.place(int(junctions[rng.randrange(len(junctions))]))
    kind = scenario.skill[skill_drawn(scenario, rng)].kind
    return after_us, index, community, place, kind, rng.random() < scenario.calls.urgent_share
