"""Plans: where to open the next places, asked by planners, solved beside everything else, with a preview at once.

A wish becomes cells of people and sites, these a table of travel times, that a problem; the greedy answer is there in
a moment and stands in the plan until the proven one has come. A plan holds cells and sites, never a person.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import secrets
import time
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import structlog

from linli.base import checked_point
from linli.base.errors import BadRequestData, Busy, LinliError, ResourceNotFound
from linli.travel import MODES, Mode, Network

from ._cells import Cell, merged
from ._coverage import AIMS, Aim, Placed, Problem, figures, place_greedily
from ._solving import solved

SITES_MAX, CELLS_MAX, COUNT_MAX = 2_000, 10_000, 200
MINUTES_MAX, TIME_S_MAX = 60, 300
KEPT, OPEN_MAX = 50, 4

Place = tuple[float, float]

log = structlog.get_logger("insight")


@dataclass(frozen=True, slots=True)
class Wish:
    """What is asked: `count` new sites for a kind of service within `minutes`; sites and cells None = of the district."""

    kind: str
    minutes: float = 15
    mode: Mode = "walk"
    count: int = 5
    aim: Aim = "cover"
    time_s: float = 60
    sites: tuple[Place, ...] | None = None
    cells: tuple[Cell, ...] | None = None

    @classmethod
    def from_body(cls, body: Mapping[str, Any]) -> Wish:
        """Read a request's body. Raises: BadRequestData: naming the member."""
        kind = body.get("kind")
        if not isinstance(kind, str) or not 0 < len(kind) <= 100:
            raise BadRequestData("kind: a kind of service or a category of places, like pharmacy.")
        mode, aim = body.get("mode", "walk"), body.get("aim", "cover")
        if mode not in MODES:
            raise BadRequestData("mode: one of " + ", ".join(MODES) + ".")
        if aim not in AIMS:
            raise BadRequestData("aim: one of " + ", ".join(AIMS) + ".")
        return cls(
            kind,
            _number(body, "minutes", 15, 1, MINUTES_MAX),
            mode,
            int(_number(body, "count", 5, 0, COUNT_MAX)),
            aim,
            _number(body, "seconds", 60, 1, TIME_S_MAX),
            _places(body, "sites", SITES_MAX),
            _cells(body),
        )


@dataclass(slots=True)
class Plan:
    """One plan while it is solved and after: the preview, then the proven answer; `state` waiting, solving, done, failed."""

    id: str
    wish: Wish
    began_s: float
    scopes: tuple[str, ...] = ()
    state: str = "waiting"
    fault: str = ""
    cells: Sequence[Cell] = ()
    sites: Sequence[Place] = ()
    problem: Problem | None = None
    greedy: tuple[int, ...] = ()
    placed: Placed | None = None
    ended_s: float | None = field(default=None)

    def document(self, now_s: float) -> dict[str, Any]:
        """Return the plan as JSON: progress, figures before and after, sites, and the cells that stay outside."""
        said: dict[str, Any] = {
            "id": self.id,
            "state": self.state,
            "elapsedS": round((self.ended_s or now_s) - self.began_s, 2),
            "limitS": self.wish.time_s,
            "kind": self.wish.kind,
            "minutes": self.wish.minutes,
            "mode": self.wish.mode,
            "aim": self.wish.aim,
        }
        if self.fault:
            said["fault"] = self.fault
        if self.problem is None:
            return said
        best = self.best
        said |= {
            "people": round(float(self.problem.people.sum())),
            "there": len(self.problem.there),
            "before": _figures(self.problem, ()),
            "greedy": {**_figures(self.problem, self.greedy), "sites": len(self.greedy)},
            "after": _figures(self.problem, best),
            "sites": [_site(self.sites[one]) for one in best],
            "outside": [_outside(self.cells[one]) for one in np.flatnonzero(~self.covered(best)).tolist()],
        }
        if self.placed is not None:
            proof = {"optimal": self.placed.optimal, "gap": self.placed.gap, "solvedS": round(self.placed.took_s, 2)}
            said |= proof
        return said

    @property
    def best(self) -> tuple[int, ...]:
        """The new sites: the proven ones if they are known, the greedy ones until then."""
        return self.placed.sites if self.placed is not None else self.greedy

    def covered(self, new: Sequence[int]) -> np.ndarray[Any, np.dtype[np.bool_]]:
        """Return which cells these new sites and those that are there cover."""
        if self.problem is None:
            return np.zeros(len(self.cells), bool)
        chosen = [*self.problem.there.tolist(), *new]
        return np.asarray(self.problem.reach[chosen].any(axis=0))


async def worked_out(
    plan: Plan, network: Network, cells: Sequence[Cell], there: Sequence[Place], new: Sequence[Place]
) -> None:
    """Fill a plan: travel times, the greedy preview, the proven answer. Raises: BadRequestData, Busy."""
    wish = plan.wish
    if not cells:
        raise BadRequestData("cells: nobody lives here, or fewer than ten people do.")
    sites = [*there, *new]
    if not new:
        raise BadRequestData("sites: there is no site to choose from.")
    homes = await asyncio.to_thread(network.places, [(one.lon, one.lat) for one in cells], wish.mode)
    goals = await asyncio.to_thread(network.places, sites, wish.mode)
    seconds = await network.seconds_between(homes, goals, wish.minutes, wish.mode)
    people = np.array([one.people for one in cells], np.float64)
    problem = Problem(people, seconds, wish.minutes * 60, wish.count, np.arange(len(there)), wish.aim)
    plan.cells, plan.sites, plan.problem = cells, sites, problem
    plan.greedy = await asyncio.to_thread(place_greedily, problem)
    plan.state = "solving"
    plan.placed = await solved(problem, wish.time_s)
    plan.state = "done"


class Plans:
    """The plans of one node: a few are worked out at a time, the latest are kept for who asked."""

    def __init__(self, network: Network) -> None:
        """Plan on these streets."""
        self._network = network
        self._kept: OrderedDict[str, Plan] = OrderedDict()
        self._tasks: set[asyncio.Task[None]] = set()
        self._one = asyncio.Lock()

    def begin(
        self, wish: Wish, scopes: Sequence[str], cells: Sequence[Cell], there: Sequence[Place], new: Sequence[Place]
    ) -> Plan:
        """Begin a plan and return it as it stands; `scopes`: whose it is. Raises: Busy: too many are under way."""
        if len(self._tasks) >= OPEN_MAX:
            raise Busy("Several plans are being worked out. Try again in a minute.")
        plan = Plan(secrets.token_hex(8), wish, time.monotonic(), tuple(scopes))
        self._kept[plan.id] = plan
        while len(self._kept) > KEPT:
            self._kept.popitem(last=False)
        task = asyncio.create_task(self._work(plan, cells, there, new), name="plan")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return plan

    def of(self, plan_id: str, scopes: Sequence[str]) -> Plan:
        """Return a plan of who asks. Raises: ResourceNotFound: there is none, or it is somebody else's."""
        plan = self._kept.get(plan_id)
        if plan is None or plan.scopes != tuple(scopes):
            raise ResourceNotFound("There is no such plan; the last fifty are kept until the node is stopped.")
        return plan

    async def stop(self) -> None:
        """End what is under way."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _work(self, plan: Plan, cells: Sequence[Cell], there: Sequence[Place], new: Sequence[Place]) -> None:
        with contextlib.suppress(asyncio.CancelledError):
            try:
                async with self._one:
                    await worked_out(plan, self._network, cells, there, new)
            except LinliError as error:
                plan.state, plan.fault = "failed", str(error)
            except Exception:
                log.exception("insight.plan.failed", plan=plan.id)
                plan.state, plan.fault = "failed", "The plan could not be worked out."
        plan.ended_s = time.monotonic()


def _figures(problem: Problem, new: tuple[int, ...]) -> dict[str, float]:
    found = figures(problem, new)
    return {"covered": round(found["covered"]), "share": round(found["share"], 4), "meanS": round(found["meanS"])}


def _site(place: Place) -> dict[str, float]:
    return {"lon": round(place[0], 6), "lat": round(place[1], 6)}


def _outside(cell: Cell) -> dict[str, float]:
    return {"lon": round(cell.lon, 5), "lat": round(cell.lat, 5), "people": round(cell.people)}


def _number(body: Mapping[str, Any], name: str, default: float, least: float, most: float) -> float:
    value = body.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= most:
        raise BadRequestData(f"{name}: a number from {least} to {most}.")
    return value


def _places(body: Mapping[str, Any], name: str, most: int) -> tuple[Place, ...] | None:
    said = body.get(name)
    if said is None:
        return None
    if not isinstance(said, list) or not 0 < len(said) <= most:
        raise BadRequestData(f"{name}: a list of [lon, lat], at most {most}.")
    places = []
    for one in said:
        if not isinstance(one, list) or len(one) != 2:
            raise BadRequestData(f"{name}: each is [lon, lat] in degrees.")
        point = checked_point(*one)
        places.append((point.lon, point.lat))
    return tuple(places)


def _cells(body: Mapping[str, Any]) -> tuple[Cell, ...] | None:
    said = body.get("cells")
    if said is None:
        return None
    if not isinstance(said, list) or not 0 < len(said) <= CELLS_MAX:
        raise BadRequestData(f"cells: a list of [lon, lat, people], at most {CELLS_MAX}.")
    cells = []
    for one in said:
        if not isinstance(one, list) or len(one) != 3:
            raise BadRequestData("cells: each is [lon, lat, people].")
        point, people = checked_point(*one[:2]), one[2]
        if isinstance(people, bool) or not isinstance(people, int | float) or not 0 <= people < math.inf:
            raise BadRequestData("cells: people is a number, 0 or more.")
        cells.append(Cell(point.lon, point.lat, float(people)))
    return tuple(merged(cells))
