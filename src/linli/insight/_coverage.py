"""Where to open the next places: which sites cover the most people, solved to the proven optimum, greedy beside it.

Three aims: `cover` (most people within the limit), `mean` (the least mean travel time, whoever is outside counting as
the limit), `all` (the fewest sites that reach everybody who can be reached). Cells that the same sites reach are one
cell to the solver; that changes no answer. Sites that are there already stay, and count for nothing of `count`.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Aim = Literal["cover", "mean", "all"]
AIMS: tuple[Aim, ...] = ("cover", "mean", "all")
GAP_MAX = 1e-4
EXCHANGES_MAX = 60

BoolArray = NDArray[np.bool_]
FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Problem:
    """What is to be placed: people (cells,), seconds (sites, cells) with nan out of reach, limit_s, how many new sites,
    and which sites are there already (numbers)."""

    people: FloatArray
    seconds: NDArray[np.float32]
    limit_s: float
    count: int
    there: IntArray
    aim: Aim = "cover"

    @property
    def reach(self) -> BoolArray:
        """Which site reaches which cell within the limit; (sites, cells)."""
        with np.errstate(invalid="ignore"):
            return np.asarray(self.seconds <= self.limit_s)

    def costs(self) -> FloatArray:
        """Return the seconds with the limit for what is out of reach; (sites, cells)."""
        return np.where(self.reach, np.nan_to_num(self.seconds, nan=self.limit_s), self.limit_s).astype(np.float64)


@dataclass(frozen=True, slots=True)
class Placed:
    """An answer: new sites in ascending order, whether that is proven to be best within `gap`, and how long it took."""

    sites: tuple[int, ...]
    optimal: bool
    gap: float
    took_s: float


def figures(problem: Problem, sites: tuple[int, ...]) -> dict[str, float]:
    """Return how many people these new sites and those that are there cover, their share, and the mean seconds."""
    chosen = np.concatenate([problem.there, np.array(sites, np.int64)])
    covered = problem.reach[chosen].any(axis=0) if len(chosen) else np.zeros(len(problem.people), bool)
    least = problem.costs()[chosen].min(axis=0) if len(chosen) else np.full(len(problem.people), problem.limit_s)
    people = float(problem.people.sum())
    inside = float(problem.people[covered].sum())
    mean_s = float((least * problem.people).sum() / people) if people else 0.0
    return {"covered": inside, "share": inside / people if people else 0.0, "meanS": mean_s}


def place_greedily(problem: Problem) -> tuple[int, ...]:
    """Return sites chosen one after the other, each the best at its turn: an answer at once, to be improved on."""
    if problem.aim == "mean":
        return _greedy_mean(problem)
    reach = problem.reach
    left = np.where(reach[problem.there].any(axis=0), 0.0, problem.people)
    if problem.aim == "all":  # everybody who can be reached counts, also where nobody is said to live
        left = np.where(reach.any(axis=0) & ~reach[problem.there].any(axis=0), 1.0, 0.0)
    gains = reach.astype(np.float32) @ left.astype(np.float32)
    sites: list[int] = []
    while len(sites) < (len(gains) if problem.aim == "all" else problem.count):
        best = int(gains.argmax())
        news = np.flatnonzero(reach[best] & (left > 0))
        if not len(news):
            break
        gains -= reach[:, news].astype(np.float32) @ left[news].astype(np.float32)
        left[news] = 0.0
        sites.append(best)
    return tuple(sorted(sites))


def place(problem: Problem, *, time_s: float = 60.0) -> Placed:
    """Return the best sites, proven up to a gap of `GAP_MAX`, or the best that were found in `time_s`.

    Source: scipy.optimize.milp (HiGHS).
    """
    began = time.monotonic()
    merged = _merged(problem)
    if not len(merged.people):
        return Placed((), optimal=True, gap=0.0, took_s=0.0)
    solved = {"cover": _cover, "mean": _mean, "all": _all}[problem.aim](merged, time_s)
    took_s = time.monotonic() - began
    if solved.x is None:  # no time to find any answer at all: the greedy one stands, with nothing proven
        return Placed(place_greedily(problem), optimal=False, gap=1.0, took_s=took_s)
    chosen = np.flatnonzero(solved.x[: len(problem.seconds)] > 0.5)
    sites = tuple(np.setdiff1d(chosen, problem.there).tolist())
    gap = float(solved.mip_gap or 0.0)
    return Placed(sites, optimal=bool(solved.status == 0 and gap <= GAP_MAX), gap=gap, took_s=took_s)


def _greedy_mean(problem: Problem) -> tuple[int, ...]:
    costs, least = problem.costs(), np.full(len(problem.people), problem.limit_s)
    if len(problem.there):
        least = costs[problem.there].min(axis=0)
    sites: list[int] = []
    for _ in range(min(problem.count, len(costs))):
        saved = np.maximum(least - costs, 0.0) @ problem.people
        best = int(saved.argmax())
        if saved[best] <= 0:
            break
        least = np.minimum(least, costs[best])
        sites.append(best)
    return tuple(sorted(sites))


def _merged(problem: Problem) -> Problem:
    """Return the problem with cells joined that the same sites reach (in the same time, where time counts); cells that
    no site reaches or that a site covers already leave it, as far as the aim allows."""
    reach = problem.reach
    open_cells = reach.any(axis=0)
    if problem.aim != "mean":
        open_cells &= ~reach[problem.there].any(axis=0)
        bits = np.packbits(reach[:, open_cells], axis=0).T
        _, first, group = np.unique(bits, axis=0, return_index=True, return_inverse=True)
        people = np.zeros(len(first))
        np.add.at(people, group.reshape(-1), problem.people[open_cells])
        cells = np.flatnonzero(open_cells)[first]
    else:
        cells = np.flatnonzero(open_cells & (problem.people > 0))
        people = problem.people[cells]
    return Problem(people, problem.seconds[:, cells], problem.limit_s, problem.count, problem.there, problem.aim)


def _bounds(problem: Problem, others: int) -> Any:
    """Return bounds for sites and then `others`: 0 to 1 each, 1 for what is there already."""
    from scipy.optimize import Bounds

    low = np.zeros(len(problem.seconds) + others)
    low[problem.there] = 1.0
    return Bounds(low, np.ones_like(low))


def _solved(cost: FloatArray, problem: Problem, constraints: list[Any], time_s: float) -> Any:
    from scipy.optimize import milp

    others = len(cost) - len(problem.seconds)
    return milp(
        cost,
        integrality=np.r_[np.ones(len(problem.seconds)), np.zeros(others)],
        bounds=_bounds(problem, others),
        constraints=constraints,
        options={"time_limit": time_s, "mip_rel_gap": GAP_MAX},
    )


def _at_most(problem: Problem, others: int) -> Any:
    from scipy.optimize import LinearConstraint

    row = np.r_[np.ones(len(problem.seconds)), np.zeros(others)][None]
    return LinearConstraint(row, 0, problem.count + len(problem.there))


def _cover(problem: Problem, time_s: float) -> Any:
    """Maximal covering: cell i has a site (sum of y_j that reach i >= 1) or stays outside (z_i), fewest people outside.

    A site that reaches nothing beyond what another reaches is left out, and no answer worse than a known one is looked
    at; both leave the optimum and halve the time.
    """
    from scipy import sparse
    from scipy.optimize import LinearConstraint

    useful = _undominated(problem.reach)
    reach, n = problem.reach[useful], len(problem.people)
    known = _improved(reach, problem.people, place_greedily(_of_sites(problem, useful)))
    outside = float(problem.people[~reach[list(known)].any(axis=0)].sum())
    rows = sparse.hstack([sparse.csr_matrix(reach.T.astype(float)), sparse.eye(n)])
    cost = np.r_[np.zeros(len(useful)), problem.people]
    constraints = [
        LinearConstraint(rows, 1, np.inf),
        LinearConstraint(np.r_[np.ones(len(useful)), np.zeros(n)][None], 0, problem.count),
        LinearConstraint(cost[None], 0, outside + 1e-6),
    ]
    solved = _solved(cost, _of_sites(problem, useful), constraints, time_s)
    if solved.x is not None:
        solved.x = _spread(solved.x[: len(useful)], useful, len(problem.seconds))
    return solved


def _of_sites(problem: Problem, sites: IntArray) -> Problem:
    return replace(problem, seconds=problem.seconds[sites], there=np.zeros(0, np.int64))


def _spread(chosen: FloatArray, sites: IntArray, of: int) -> FloatArray:
    spread = np.zeros(of)
    spread[sites] = chosen
    return spread


def _undominated(reach: BoolArray) -> IntArray:
    """Return the sites whose cells are not all reached by another; of equal ones the first."""
    common = reach.astype(np.float32) @ reach.T.astype(np.float32)
    within = common >= reach.sum(axis=1)[:, None]
    np.fill_diagonal(within, val=False)
    later = np.arange(len(reach))[:, None] > np.arange(len(reach))[None]
    return np.flatnonzero(~(within & (~within.T | later)).any(axis=1))


def _improved(reach: BoolArray, people: FloatArray, sites: tuple[int, ...]) -> tuple[int, ...]:
    """Return sites after exchanging one for another as long as that covers more people."""
    wide, chosen = reach.astype(np.float32), list(sites)
    for _ in range(EXCHANGES_MAX):
        times = wide[chosen].sum(axis=0)
        best, exchange = 0.5, None
        for at, site in enumerate(chosen):
            left = times - wide[site] <= 0
            gains = wide @ np.where(left, people, 0.0).astype(np.float32)
            more = float(gains.max()) - float(people[left & (times > 0)].sum())
            if more > best:
                best, exchange = more, (at, int(gains.argmax()))
        if exchange is None:
            break
        chosen[exchange[0]] = exchange[1]
    return tuple(chosen)


def _all(problem: Problem, time_s: float) -> Any:
    """Set cover: the sum of y_j that reach i is at least 1."""
    from scipy import sparse
    from scipy.optimize import LinearConstraint

    rows = sparse.csr_matrix(problem.reach.T.astype(float))
    return _solved(np.ones(len(problem.seconds)), problem, [LinearConstraint(rows, 1, np.inf)], time_s)


def _mean(problem: Problem, time_s: float) -> Any:
    """The p-median with a limit: cell i goes to a site that reaches it (x_ij <= y_j) or stays outside (u_i)."""
    from scipy import sparse
    from scipy.optimize import LinearConstraint

    sites, cells = np.nonzero(problem.reach)
    m, n, k = len(problem.seconds), len(problem.people), len(sites)
    served = sparse.csr_matrix((np.ones(k), (cells, np.arange(k))), (n, k))
    each_once = sparse.hstack([sparse.csr_matrix((n, m)), served, sparse.eye(n)])
    where_open = sparse.hstack(
        [-sparse.csr_matrix((np.ones(k), (np.arange(k), sites)), (k, m)), sparse.eye(k), sparse.csr_matrix((k, n))]
    )
    cost = np.r_[
        np.zeros(m), problem.people[cells] * problem.seconds[sites, cells], problem.people * problem.limit_s
    ].astype(np.float64)
    constraints = [
        LinearConstraint(each_once, 1, 1),
        LinearConstraint(where_open, -np.inf, 0),
        _at_most(problem, k + n),
    ]
    return _solved(cost, problem, constraints, time_s)
