"""Cells: where people live, as points with numbers of people, never fewer than ten in one of them."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from linli.base import DEGREE_M, setting

from ._spots import Spot

PERSONS = setting(
    "plan.persons_a_household",
    2.62,
    "How many people a household counts for in plans, where only households are known; the census of 2020 says 2.62.",
)

PEOPLE_MIN = 10.0
CELL_DEG = 0.0025


@dataclass(frozen=True, slots=True)
class Cell:
    """Some people and the middle of where they live; lon/lat in degrees, WGS-84."""

    lon: float
    lat: float
    people: float


def cells_of(homes: Iterable[Spot], persons_a_household: float) -> list[Cell]:
    """Return the people of buildings in cells of 0.0025 degrees, each at the middle of its people."""
    sums: dict[tuple[int, int], list[float]] = {}
    for home in homes:
        (lon, lat), people = home.place, home.households * persons_a_household
        if people > 0:
            total = sums.setdefault((math.floor(lat / CELL_DEG), math.floor(lon / CELL_DEG)), [0.0, 0.0, 0.0])
            for at, value in enumerate((lon * people, lat * people, people)):
                total[at] += value
    return merged([Cell(lon / people, lat / people, people) for _, (lon, lat, people) in sorted(sums.items())])


def merged(cells: Iterable[Cell]) -> list[Cell]:
    """Return cells of at least `PEOPLE_MIN` people: smaller ones join their nearest, the smallest first."""
    left = sorted(cells, key=lambda cell: (cell.people, cell.lon, cell.lat))
    whole = [cell for cell in left if cell.people >= PEOPLE_MIN]
    small = [cell for cell in left if 0 < cell.people < PEOPLE_MIN]
    while small:
        one = small.pop(0)
        pool = min((small, whole), key=lambda some: min((_metres(one, cell) for cell in some), default=math.inf))
        if not pool:
            break  # fewer than ten people in all: nothing may be said of them
        near = min(pool, key=lambda cell: _metres(one, cell))
        pool.remove(near)
        joined = _joined(one, near)
        (whole if joined.people >= PEOPLE_MIN else small).append(joined)
    return sorted(whole, key=lambda cell: (cell.lat, cell.lon))


def _joined(a: Cell, b: Cell) -> Cell:
    people = a.people + b.people
    lon = (a.lon * a.people + b.lon * b.people) / people
    return Cell(lon, (a.lat * a.people + b.lat * b.people) / people, people)


def _metres(a: Cell, b: Cell) -> float:
    east = (a.lon - b.lon) * math.cos(math.radians((a.lat + b.lat) / 2))
    return math.hypot(east, a.lat - b.lat) * DEGREE_M
