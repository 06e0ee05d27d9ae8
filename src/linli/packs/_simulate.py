"""A small day of each kind of call on the real engine, from one seed: what becomes of calls under the pack's own figures.

Made-up helpers come on duty after the first call was placed, so that every kind climbs its ladder once; they accept,
decline or do not answer, travel, work, and go; callers confirm or do not. The same seed gives the same table, and a figure
that is changed in the pack gives another one. How many helpers a real shift needs is a question for `linli simulate`.
"""

from __future__ import annotations

import heapq
import itertools
import random
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import partial
from statistics import median
from typing import Any

from linli.base import MINUTE_US, SECOND_US
from linli.dispatch import Kind
from linli.trust import Act, Principal

from ._measures import kpi_share, measures_of
from ._packs import Pack, Packs
from ._stage import START_US, WORKER, MadeUp, Stage, helper_id

HELPERS = 4
REACH_MIN = 40.0
HOURS = 10.0
DECLINES, SILENT, CONFIRMS = 0.1, 0.1, 0.7
LONGEST_US = 45 * 24 * 60 * MINUTE_US


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of the calls of one kind. Units: minutes; shares 0 to 1, None where the pack names no figure."""

    call: str
    calls: int
    closed: int
    climbed: int
    wait_min: float | None
    answered_in_time: float | None
    arrived_in_time: float | None
    done_in_time: float | None


@dataclass(frozen=True, slots=True)
class Simulated:
    """A simulation of a pack. `kpis`: key -> (calls that keep it, calls that count, shown from `min_n` on)."""

    outcomes: tuple[Outcome, ...]
    kpis: Mapping[str, tuple[int, int, int]]
    waiting: Mapping[str, str]


async def simulate(packs: Packs, pack: Pack, *, calls: int = 12, seed: int = 1) -> Simulated:
    """Simulate each kind of a pack that can run, `calls` calls each."""
    measured: list[tuple[str, Mapping[str, Any]]] = []
    outcomes = []
    for key, kind in pack.kinds.items():
        run = _Day(packs, kind, calls, random.Random(f"{seed} {key}"))  # noqa: S311 - chance of a simulation, not a secret
        found = await run.run()
        measured += [(key, one) for one in found]
        outcomes.append(_outcome(kind, found))
    kpis = {kpi.key: (*kpi_share(kpi, measured), kpi.min_n) for kpi in pack.form.kpi}
    return Simulated(tuple(outcomes), kpis, pack.waiting)


def _outcome(kind: Kind, found: list[dict[str, Any]]) -> Outcome:
    waits = [one["arrive_s"] / 60 for one in found if "arrive_s" in one]
    answer_min = kind.answer_within_min
    return Outcome(
        call=kind.key,
        calls=len(found),
        closed=sum(one["state"] == "closed" for one in found),
        climbed=sum(one["level"] > 0 for one in found),
        wait_min=median(waits) if waits else None,
        answered_in_time=_share(found, "accept_s", answer_min * 60) if answer_min else None,
        arrived_in_time=None if kind.desk else _share(found, "arrive_s", kind.arrive_within_min * 60),
        done_in_time=sum(one["done_in_time"] for one in found) / len(found) if kind.done else None,
    )


def _share(found: list[dict[str, Any]], name: str, limit_s: float) -> float:
    kept = [one for one in found if name in one and one[name] <= limit_s]
    return len(kept) / len(found)


class _Day:
    """One day of one kind: what people do, in the order of time."""

    def __init__(self, packs: Packs, kind: Kind, calls: int, draw: random.Random) -> None:
        self._packs, self._kind, self._calls, self._draw = packs, kind, calls, draw
        self._queue: list[tuple[int, int, Callable[[], Awaitable[None]]]] = []
        self._order = itertools.count()
        self._ids: list[str] = []
        self._answered: set[str] = set()
        self._taken: set[str] = set()
        self._stage: Stage

    async def run(self) -> list[dict[str, Any]]:
        late_us = self._on_duty_us()
        helpers = [
            MadeUp(f"h{n}", self._draw.uniform(1, REACH_MIN / 2), self._kind.skills, late_us)
            for n in range(0 if self._kind.desk else HELPERS)
        ]
        self._stage = await Stage.set_up(self._packs, helpers)
        self._at(0, self._press)
        for _ in range(self._calls - 1):
            self._at(late_us + round(self._draw.uniform(0, HOURS) * 60 * MINUTE_US), self._press)
        await self._to_the_end()
        return [self._measured(await self._stage.call(one)) for one in self._ids]

    def _on_duty_us(self) -> int:
        """Return when people come on duty: after the second rung of the ladder, or after half an hour."""
        rungs = self._kind.ladder
        second_s = rungs[min(1, len(rungs) - 1)].after_s if rungs else 0
        return min((second_s + 60) * SECOND_US, 30 * MINUTE_US)

    async def _to_the_end(self) -> None:
        stage = self._stage
        while self._queue or not await self._all_closed():
            due_us = await stage.dispatch.next_due_us()
            mine_us = START_US + self._queue[0][0] if self._queue else None
            if mine_us is None and (due_us is None or due_us > START_US + LONGEST_US):
                return
            if mine_us is not None and (due_us is None or mine_us < due_us):
                await stage.go_to(mine_us)
                await heapq.heappop(self._queue)[2]()
            else:
                await stage.go_to(due_us or 0)
            await self._look()

    async def _look(self) -> None:
        """Let everybody who is asked think, once for each offer; the desk takes up what is its own."""
        for call_id in self._ids:
            for offer in await self._stage.open_offers(call_id):
                if offer["id"] not in self._answered:
                    self._answered.add(offer["id"])
                    self._think(call_id, offer)
        if self._kind.desk and self._now() >= self._on_duty_us():
            for call_id in self._ids:
                if call_id not in self._taken:
                    self._taken.add(call_id)
                    self._at(self._now() + self._some_us(1, 10), partial(self._take, call_id))

    def _think(self, call_id: str, offer: Mapping[str, Any]) -> None:
        chance, helper = self._draw.random(), offer["helper"].rpartition(":")[2]
        soon_us = self._now() + round(self._draw.uniform(5, 45) * SECOND_US)
        if chance < SILENT:
            return
        if chance < SILENT + DECLINES:
            self._at(soon_us, lambda: self._decline(call_id, helper))
        else:
            self._at(soon_us, lambda: self._accept(call_id, helper, offer["eta"]))

    async def _press(self) -> None:
        key = f"p{len(self._ids)}"
        self._ids.append(await self._stage.press(self._kind.key, self._draw.uniform(0, REACH_MIN / 2), key))
        if self._kind.desk and self._now() < self._on_duty_us():
            self._at(self._on_duty_us(), self._nothing)

    async def _nothing(self) -> None:
        """Somebody comes to the desk; `_look` lets him see what waits there."""

    async def _decline(self, call_id: str, helper: str) -> None:
        await self._stage.answer(call_id, helper, "decline")

    async def _accept(self, call_id: str, helper: str, eta_s: int) -> None:
        if await self._stage.answer(call_id, helper, "accept"):
            arrives_us = self._now() + round(eta_s * self._draw.uniform(0.9, 1.3) * SECOND_US)
            self._at(arrives_us, lambda: self._arrive(call_id, helper))

    async def _arrive(self, call_id: str, helper: str) -> None:
        who = Act(Principal(helper_id(helper), "helper"))
        await self._stage.step(who, call_id, "arrive")
        self._at(self._now() + self._work_us(), lambda: self._finish(call_id, who))

    async def _take(self, call_id: str) -> None:
        await self._stage.step(WORKER, call_id, "take")
        self._at(self._now() + self._work_us(), lambda: self._finish(call_id, WORKER))

    async def _finish(self, call_id: str, who: Act) -> None:
        await self._stage.step(who, call_id, "finish")
        if self._kind.confirm != "none" and self._draw.random() < CONFIRMS:
            self._at(self._now() + self._some_us(2, 120), lambda: self._confirm(call_id))

    async def _confirm(self, call_id: str) -> None:
        await self._stage.step(WORKER, call_id, "confirm")

    async def _all_closed(self) -> bool:
        states = [(await self._stage.call(one))["state"] for one in self._ids]
        return all(state == "closed" for state in states)

    def _measured(self, call: Mapping[str, Any]) -> dict[str, Any]:
        due, done = call.get("dueDone"), call.get("doneAt")
        return measures_of(call) | {"done_in_time": bool(done) and (not due or done <= due)}

    def _work_us(self) -> int:
        return round(self._kind.service_min * self._draw.uniform(0.6, 1.4) * MINUTE_US)

    def _some_us(self, least_min: float, most_min: float) -> int:
        return round(self._draw.uniform(least_min, most_min) * MINUTE_US)

    def _now(self) -> int:
        return self._stage.clock.now_us() - START_US

    def _at(self, at_us: int, do: Callable[[], Awaitable[None]]) -> None:
        heapq.heappush(self._queue, (at_us, next(self._order), do))
