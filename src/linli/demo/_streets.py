"""A made-up city's streets: arterials, secondary and residential streets on a bent lattice, a river with few bridges.

It lies in the open sea, so that nobody takes it for a real place.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass
from itertools import pairwise

from linli.base import DEGREE_M, Point
from linli.travel import Network, Street

from ._draws import draws

CENTER = Point(128.0, 24.0)
SIZE_DEG = 0.12
STEP_M = 215.0
DROPPED_SHARE = 0.2
ONEWAY_SHARE = 0.25
LICENCE = "A made-up city. 虚构城市"

_Bend = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class _Lines:
    """The lattice: where its lines lie (metres from the south-west corner), and the class of each line."""

    xs: list[float]
    ys: list[float]
    x_kinds: list[str]
    y_kinds: list[str]
    bends: tuple[_Bend, ...]
    river: _Bend

    def north_of_river(self, i: int, j: int) -> bool:
        """Tell on which bank a crossing of two lines lies."""
        middle, swing, wave, phase = self.river
        return self.ys[j] > middle + swing * math.sin(self.xs[i] / wave + phase)

    def place(self, x_m: float, y_m: float) -> tuple[float, float]:
        """Return lon, lat of a point of the straight lattice after bending it."""
        bent_x = x_m + sum(swing * math.sin(y_m / wave + phase) for swing, wave, phase, _ in self.bends)
        bent_y = y_m + sum(swing * math.sin(x_m / wave + phase) for swing, wave, _, phase in self.bends)
        lat = CENTER.lat - SIZE_DEG / 2 + bent_y / DEGREE_M
        lon = CENTER.lon - SIZE_DEG / 2 + bent_x / (DEGREE_M * math.cos(math.radians(CENTER.lat)))
        return round(lon, 6), round(lat, 6)


def made_up_network(seed: int) -> Network:
    """Return the street network of the made-up city of a seed."""
    return Network.from_streets(made_up_streets(seed), licence=LICENCE)


def made_up_streets(seed: int) -> list[Street]:
    """Return all streets of the made-up city of a seed, as polylines that meet in shared points."""
    rng = draws(seed, "streets")
    lines = _lattice(rng)
    streets: list[Street] = []
    for j, kind in enumerate(lines.y_kinds):
        streets += _along(lines, [(i, j) for i in range(len(lines.xs))], kind, rng)
    for i, kind in enumerate(lines.x_kinds):
        streets += _along(lines, [(i, j) for j in range(len(lines.ys))], kind, rng)
    return streets


def _lattice(rng: random.Random) -> _Lines:
    height_m = SIZE_DEG * DEGREE_M
    width_m = height_m * math.cos(math.radians(CENTER.lat))
    bends = tuple(
        (rng.uniform(40, 110), rng.uniform(900, 2600), rng.uniform(0, 6.3), rng.uniform(0, 6.3)) for _ in range(3)
    )
    river = (
        height_m * rng.uniform(0.35, 0.65),
        height_m * rng.uniform(0.04, 0.1),
        rng.uniform(1500, 3000),
        rng.uniform(0, 6.3),
    )
    xs, ys = _spaced(width_m, rng), _spaced(height_m, rng)
    return _Lines(xs, ys, _kinds(len(xs), rng), _kinds(len(ys), rng), bends, river)


def _spaced(length_m: float, rng: random.Random) -> list[float]:
    """Return uneven distances from 0 up to `length_m`."""
    places = [0.0]
    while places[-1] < length_m - STEP_M:
        places.append(places[-1] + STEP_M * rng.uniform(0.7, 1.3))
    return places


def _kinds(count: int, rng: random.Random) -> list[str]:
    """Give each line its class: an arterial every five to seven, a secondary street in between, else smaller ones."""
    kinds = [rng.choice(("tertiary", "residential", "residential", "living_street")) for _ in range(count)]
    at = rng.randint(1, 3)
    while at < count:
        kinds[at] = "primary"
        gap = rng.randint(5, 7)
        if at + gap // 2 < count:
            kinds[at + gap // 2] = "secondary"
        at += gap
    return kinds


def _along(lines: _Lines, crossings: list[tuple[int, int]], kind: str, rng: random.Random) -> list[Street]:
    """Return one line of the lattice as streets: whole where nothing interrupts it, cut at gaps and at the river."""
    oneway = kind == "tertiary" and rng.random() < ONEWAY_SHARE
    if oneway and rng.random() < 0.5:
        crossings.reverse()
    bridged = kind == "primary" or (kind == "secondary" and rng.random() < 0.5)
    streets: list[Street] = []
    points: list[tuple[float, float]] = []
    for a, b in pairwise(crossings):
        wet = lines.north_of_river(*a) != lines.north_of_river(*b)
        missing = kind in ("residential", "living_street") and rng.random() < DROPPED_SHARE
        if missing or (wet and not bridged):
            _close(streets, points, kind, oneway=oneway)
            points = []
            continue
        points = points or [_crossing(lines, a)]
        points += [_between(lines, a, b), _crossing(lines, b)]
    _close(streets, points, kind, oneway=oneway)
    return streets


def _close(streets: list[Street], points: list[tuple[float, float]], kind: str, *, oneway: bool) -> None:
    if points:
        streets.append(Street(points, kind, oneway))


def _crossing(lines: _Lines, at: tuple[int, int]) -> tuple[float, float]:
    return lines.place(lines.xs[at[0]], lines.ys[at[1]])


def _between(lines: _Lines, a: tuple[int, int], b: tuple[int, int]) -> tuple[float, float]:
    """Return a point half way, so that bent streets look bent."""
    return lines.place((lines.xs[a[0]] + lines.xs[b[0]]) / 2, (lines.ys[a[1]] + lines.ys[b[1]]) / 2)
