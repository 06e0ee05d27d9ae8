"""Where the next places help most: small problems against trying everything, cells of ten people, and what is refused."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from linli.base.errors import BadRequestData
from linli.insight import Cell, Spot, Wish, cells_of, merged
from linli.insight._coverage import AIMS, Problem, figures, place, place_greedily


def a_problem(seed: int, aim: str, *, sites: int = 9, cells: int = 30, count: int = 3, there: int = 1) -> Problem:
    draw = np.random.default_rng(seed)
    seconds = draw.uniform(0, 2000, (sites, cells)).astype(np.float32)
    seconds[draw.random((sites, cells)) < 0.4] = np.nan
    return Problem(draw.integers(0, 50, cells).astype(float), seconds, 900, count, np.arange(there), aim)


@pytest.mark.parametrize("aim", AIMS)
@pytest.mark.parametrize("seed", range(8))
def test_the_answer_is_as_good_as_the_best_of_all_choices(seed: int, aim: str) -> None:
    problem = a_problem(seed, aim, there=seed % 3)
    new = range(seed % 3, 9)
    found = place(problem, time_s=30)
    assert found.optimal
    ours = figures(problem, found.sites)
    if aim == "all":
        everybody = problem.reach.any(axis=0)
        fewest = next(
            k
            for k in range(10)
            for some in combinations(new, k)
            if (problem.reach[[*problem.there, *some]].any(axis=0) >= everybody).all()
        )
        assert len(found.sites) == fewest
        assert len(place_greedily(problem)) >= fewest
        return
    assert len(found.sites) <= problem.count
    every = [figures(problem, some) for some in combinations(new, problem.count)]
    greedy = figures(problem, place_greedily(problem))
    if aim == "cover":
        assert ours["covered"] == max(one["covered"] for one in every) >= greedy["covered"]
    else:
        assert ours["meanS"] == pytest.approx(min(one["meanS"] for one in every))
        assert ours["meanS"] <= greedy["meanS"] + 1e-6


def test_greedy_can_be_beaten_and_the_solver_does() -> None:
    seconds = np.full((3, 6), np.nan, np.float32)
    seconds[0, [1, 2, 3, 4]] = seconds[1, [0, 1, 2]] = seconds[2, [3, 4, 5]] = 60
    problem = Problem(np.full(6, 10.0), seconds, 900, 2, np.zeros(0, np.int64))
    assert figures(problem, place_greedily(problem))["covered"] == 50
    assert place(problem).sites == (1, 2)


def test_nothing_to_gain_is_an_answer_too() -> None:
    problem = Problem(np.array([10.0]), np.array([[60.0], [60.0]], np.float32), 900, 1, np.array([0]))
    found = place(problem)
    assert (found.sites, found.optimal, figures(problem, found.sites)["share"]) == ((), True, 1.0)


def test_no_cell_holds_fewer_than_ten_people_and_nobody_is_lost() -> None:
    draw = np.random.default_rng(5)
    cells = [Cell(*draw.uniform(0, 0.02, 2), float(people)) for people in draw.integers(0, 15, 80)]
    found = merged(cells)
    assert min(cell.people for cell in found) >= 10
    assert sum(cell.people for cell in found) == pytest.approx(sum(cell.people for cell in cells))
    assert [
        cell
        for cell in cells
        if cell.people >= 10 and not any(abs(one.lon - cell.lon) + abs(one.lat - cell.lat) < 0.03 for one in found)
    ] == []


def test_fewer_than_ten_people_in_all_are_not_shown() -> None:
    assert merged([Cell(0, 0, 4), Cell(0, 1, 5)]) == []


def test_buildings_are_counted_by_their_households() -> None:
    homes = [
        Spot(f"urn:ngsi-ld:Building:990101000000:{n}", (117.0001 + n * 0.0001, 36.6), ("/",), {}, households=10)
        for n in range(3)
    ]
    (cell,) = cells_of(homes, 2.5)
    assert (cell.people, cell.lon) == (pytest.approx(75), pytest.approx(117.0002))


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ({}, "kind"),
        ({"kind": 5}, "kind"),
        ({"kind": "clinic", "mode": "fly"}, "mode"),
        ({"kind": "clinic", "aim": "win"}, "aim"),
        ({"kind": "clinic", "minutes": 0}, "minutes"),
        ({"kind": "clinic", "minutes": True}, "minutes"),
        ({"kind": "clinic", "count": 1e9}, "count"),
        ({"kind": "clinic", "count": float("nan")}, "count"),
        ({"kind": "clinic", "seconds": 9999}, "seconds"),
        ({"kind": "clinic", "sites": []}, "sites"),
        ({"kind": "clinic", "sites": [[1]]}, "sites"),
        ({"kind": "clinic", "sites": [[200, 0]]}, "lon"),
        ({"kind": "clinic", "cells": [[117, 36]]}, "cells"),
        ({"kind": "clinic", "cells": [[117, 36, -1]]}, "cells"),
        ({"kind": "clinic", "cells": "all"}, "cells"),
    ],
)
def test_a_wrong_wish_is_refused_by_the_member_that_is_wrong(body: dict, named: str) -> None:
    with pytest.raises(BadRequestData, match=named):
        Wish.from_body(body)
