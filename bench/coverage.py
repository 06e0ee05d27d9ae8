"""Where to open the next places: 500 sites x 2,000 homes of Jinan, and the real cells of São Paulo, to the proven optimum.

Prints JSON lines; the greedy answer stands beside each. People and sites on Jinan are synthetic and drawn from a seed;
those of São Paulo are real. `python -m bench.coverage`. Exit status 1 when an answer is wrong, not proven, or worse
than the greedy one.
"""

from __future__ import annotations

import argparse
import asyncio
import csv
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from bench._stats import report
from linli.insight._coverage import Aim, Problem, figures, place, place_greedily
from linli.travel import Network

FRAME_RUNS = 1
ROOT = Path(__file__).resolve().parents[1]
SITES, HOMES, MINUTES = 500, 2000, 15
CENTRE, SIDE = (117.02, 36.66), 0.12
NONE_THERE = np.zeros(0, np.int64)


def main(arguments: Sequence[str] | None = None) -> int:
    """Solve all; return 0 when every answer is proven and at least as good as the greedy one."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=ROOT / os.environ.get("LINLI_SHARED", "../shared") / "data")
    options = parser.parse_args(arguments)
    right = True
    jinan = jinan_problem(options.data)
    for count in (5, 10, 20, 40):
        right &= solve(f"Jinan {SITES} x {HOMES}, walk {MINUTES} min, {count} sites", with_aim(jinan, "cover", count))
    right &= solve(
        f"Jinan {SITES} x {HOMES}, walk {MINUTES} min, all who can be reached", with_aim(jinan, "all", SITES)
    )
    right &= solve(f"Jinan {SITES} x {HOMES}, walk {MINUTES} min, least mean, 20 sites", with_aim(jinan, "mean", 20))
    cells = saopaulo_problem(options.data)
    for aim, count in (("cover", 5), ("mean", 5), ("all", 0)):
        right &= solve(f"Sao Paulo, healthcare + {count} sites, {aim}", with_aim(cells, aim, count))
    return 0 if right else 1


def solve(case: str, problem: Problem) -> bool:
    """Solve one problem and print its figures."""
    greedy = place_greedily(problem)
    best = place(problem, time_s=60)
    ours, theirs, before = (figures(problem, one) for one in (best.sites, greedy, ()))
    if problem.aim == "all":
        good = len(best.sites) <= len(greedy) and abs(ours["share"] - theirs["share"]) < 1e-9
    elif problem.aim == "cover":
        good = ours["covered"] >= theirs["covered"] - 1e-6
    else:
        good = ours["meanS"] <= theirs["meanS"] + 1e-6
    ok = good and best.optimal
    report(
        "coverage.place",
        case,
        "s",
        ok=ok,
        took_s=round(best.took_s, 2),
        gap=best.gap,
        sites=len(best.sites),
        greedy_sites=len(greedy),
        share_before=round(before["share"], 4),
        share=round(ours["share"], 4),
        share_greedy=round(theirs["share"], 4),
        mean_s=round(ours["meanS"]),
        mean_s_greedy=round(theirs["meanS"]),
        target="D10",
    )
    return ok


def with_aim(problem: Problem, aim: Aim, count: int) -> Problem:
    """Return the same sites and people with another aim."""
    return Problem(problem.people, problem.seconds, problem.limit_s, count, problem.there, aim)


def jinan_problem(data: Path) -> Problem:
    """Return synthetic homes (1 to 60 people each) and sites on the streets of Jinan."""
    network = Network.from_pbf(data / "jinan/jinan.osm.pbf")
    near = (np.abs(network.xy - CENTRE) < SIDE / 2).all(axis=1)
    inside = np.intersect1d(np.flatnonzero(near), network.main_junctions("walk"))
    draw = np.random.default_rng(11)
    sites = draw.choice(inside, SITES, replace=False)
    homes = draw.choice(inside, HOMES, replace=False)
    minutes = network.matrix(homes, sites, MINUTES, "walk").T
    people = draw.integers(1, 61, HOMES).astype(np.float64)
    return Problem(people, minutes * 60, MINUTES * 60, 20, NONE_THERE)


def saopaulo_problem(data: Path) -> Problem:
    """Return the cells with their people; every cell is a site, and those with healthcare are there already."""
    with (data / "saopaulo/spo_hexgrid.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    network = Network.from_pbf(data / "saopaulo/spo_osm.pbf")
    people = np.array([float(row["population"]) for row in rows])
    there = np.flatnonzero([int(row["healthcare"]) > 0 for row in rows])
    places = network.places([(float(row["lon"]), float(row["lat"])) for row in rows], "walk")

    async def asked() -> np.ndarray:
        try:
            return await network.seconds_between(places, places, MINUTES, "walk")
        finally:
            await network.close()

    return Problem(people, asyncio.run(asked()), MINUTES * 60, 5, there)


if __name__ == "__main__":
    sys.exit(main())
