"""Closed streets, extracts of one city, and many places at a time, on networks small enough to reckon by hand."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from linli.base import DEGREE_M
from linli.base.errors import BadNetwork
from linli.travel import MODES, Closure, Network, Street
from linli.travel._closures import without
from linli.travel._roads import graph_of

LON, LAT = 30.0, 0.0
WALK_MS = 5.1 / 3.6


def metres(east: float, north: float) -> tuple[float, float]:
    return LON + east / DEGREE_M, LAT + north / DEGREE_M


def street(*points: tuple[float, float], oneway: bool = False) -> Street:
    return Street([metres(*p) for p in points], "residential", oneway)


def box(west: float, south: float, east: float, north: float) -> dict:
    corners = [(west, south), (east, south), (east, north), (west, north), (west, south)]
    return {"type": "Polygon", "coordinates": [[list(metres(*one)) for one in corners]]}


def shut(network: Network, *closures: Closure) -> bool:
    return asyncio.run(network.shut(closures))


def between(network: Network, homes: Sequence, goals: Sequence, limit_min: float) -> np.ndarray:
    async def asked() -> np.ndarray:
        try:
            return await network.seconds_between(
                network.places(homes, "walk"), network.places(goals, "walk"), limit_min, "walk"
            )
        finally:
            await network.close()

    return asyncio.run(asked())


@pytest.fixture
def ladder() -> Network:
    """Two long streets, 500 m apart, joined by three rungs at 0, 1000 and 2000 m; ways 1 and 2, then 3, 4, 5."""
    marks = (0, 1000, 2000)
    return Network.from_streets(
        [
            street(*[(x, 0) for x in marks]),
            street(*[(x, 500) for x in marks]),
            *[street((x, 0), (x, 500)) for x in marks],
        ]
    )


def walk_min(network: Network, a: tuple[float, float], b: tuple[float, float], mode: str = "walk") -> float:
    (start, goal), (found,) = [network.node_at(*metres(*one), mode) for one in (a, b)], [0.0]
    found = float(network.minutes(goal, [start], 120, mode)[0])
    assert found == pytest.approx(float(network.minutes_from(start, [goal], 120, mode)[0]), nan_ok=True)
    return found


def test_a_closed_street_is_gone_round_and_opens_again(ladder: Network) -> None:
    straight = 1000 / WALK_MS / 60
    assert walk_min(ladder, (0, 0), (1000, 0)) == pytest.approx(straight, rel=1e-4)
    before = ladder.digest
    assert shut(ladder, Closure(box(400, -20, 600, 20)))
    assert walk_min(ladder, (0, 0), (1000, 0)) == pytest.approx(2 * straight, rel=1e-4)
    assert ladder.digest != before
    assert not shut(ladder, Closure(box(400, -20, 600, 20)))
    assert shut(ladder)
    assert walk_min(ladder, (0, 0), (1000, 0)) == pytest.approx(straight, rel=1e-4)
    assert ladder.digest == before


def test_a_closure_holds_for_the_modes_it_names(ladder: Network) -> None:
    ebike = walk_min(ladder, (0, 0), (1000, 0), "ebike")
    shut(ladder, Closure(ways=(1,), modes=("drive",)))
    assert walk_min(ladder, (0, 0), (1000, 0), "ebike") == ebike
    assert walk_min(ladder, (0, 0), (1000, 0), "drive") > 1.5 * walk_min(ladder, (0, 500), (1000, 500), "drive")


def test_nobody_comes_into_a_sealed_compound_and_inside_it_people_move(ladder: Network) -> None:
    shut(ladder, Closure(box(700, -100, 2300, 700), sealed=True))
    assert np.isnan(walk_min(ladder, (0, 0), (2000, 0)))
    assert walk_min(ladder, (1000, 0), (2000, 0)) == pytest.approx(1000 / WALK_MS / 60, rel=1e-4)


def test_where_the_faster_of_two_parallel_streets_is_closed_the_other_counts() -> None:
    network = Network.from_streets(
        [street((0, 0), (1000, 0)), street((0, 0), (500, 400), (1000, 0)), street((1000, 0), (2000, 0))]
    )
    shut(network, Closure(ways=(1,)))
    longer = 2 * np.hypot(500, 400) / WALK_MS / 60
    assert walk_min(network, (0, 0), (1000, 0)) == pytest.approx(longer, rel=1e-4)
    way = network.path(*[network.node_at(*metres(x, 0), "walk") for x in (0, 1000)], "walk")
    assert way is not None
    assert way.xy[1] == pytest.approx(metres(500, 400), abs=1e-7)


def test_there_is_no_path_into_what_is_sealed_off(ladder: Network) -> None:
    shut(ladder, Closure(box(1500, -100, 2300, 700), sealed=True))
    start, goal = (ladder.node_at(*metres(x, 0), "walk") for x in (0, 2000))
    assert ladder.path(start, goal, "walk") is None


def test_a_home_on_a_closed_street_stays_where_it_is_and_is_not_reached(ladder: Network) -> None:
    shut(ladder, Closure(ways=(5,)))
    snap = ladder.snap(*metres(2010, 250), "walk")
    assert snap.point == pytest.approx(metres(2000, 250))
    assert not np.isfinite([seconds for _, seconds in snap.arrivals]).any()


def test_a_network_with_closures_equals_one_that_is_built_without_those_streets() -> None:
    draw = np.random.default_rng(4)
    spots = [(int(x) * 100, int(y) * 100) for x, y in draw.integers(0, 6, (60, 2))]
    pairs = [(a, b) for a, b in pairwise(spots) if a != b]
    network = Network.from_streets([street(a, b, oneway=bool(draw.random() < 0.3)) for a, b in pairs])
    for _ in range(20):
        ways = tuple(draw.choice(np.unique(network.roads.edge_way), 5, replace=False).tolist())
        roads = without(network.roads, [Closure(ways=ways, modes=("ebike",))])
        at = MODES.index("ebike")
        again = graph_of(len(roads.xy), roads.edge_ends, *roads.edge_seconds[at].astype(np.float64))
        assert roads.graphs["walk"] is network.roads.graphs["walk"]
        for ours, theirs in (
            (roads.graphs["ebike"].forward, again.forward),
            (roads.graphs["ebike"].backward, again.backward),
        ):
            dense = np.full(ours.shape, np.inf)
            rows = np.repeat(np.arange(ours.shape[0]), np.diff(ours.indptr))
            dense[rows, ours.indices] = ours.data
            expected = np.full(ours.shape, np.inf)
            expected[np.repeat(np.arange(ours.shape[0]), np.diff(theirs.indptr)), theirs.indices] = theirs.data
            assert dense == pytest.approx(expected, rel=1e-5)


def test_many_places_are_as_far_apart_as_one_by_one(ladder: Network) -> None:
    draw = np.random.default_rng(2)
    homes = [metres(*one) for one in draw.uniform((0, -50), (2000, 550), (40, 2))]
    goals = [metres(*one) for one in draw.uniform((0, -50), (2000, 550), (7, 2))]
    found = between(ladder, homes, goals, 15)
    for column, home in enumerate(homes):
        start = ladder.snap(*home, "walk")
        for row, goal in enumerate(goals):
            end = ladder.snap(*goal, "walk")
            ways = [
                out_s + 60 * float(ladder.minutes(into, [out], 30, "walk")[0]) + in_s
                for out, out_s in start.ends
                for into, in_s in end.arrivals
            ]
            if start.edge == end.edge:
                length_s = ladder.roads.edge_seconds[0, 0, start.edge]
                ways.append(abs(start.share - end.share) * float(length_s))
            best = min(ways)
            assert found[row, column] == pytest.approx(best if best <= 900 else np.nan, rel=1e-3, abs=0.05, nan_ok=True)


def test_a_place_off_the_map_is_kept_and_reaches_nothing(ladder: Network) -> None:
    homes = [metres(0, 0), (-120.0, 45.0), metres(100, 0)]
    assert ladder.places(homes, "walk").edge.tolist()[1] == -1
    found = between(ladder, homes, [metres(200, 0)], 60)
    assert found[0] == pytest.approx([200 / WALK_MS, np.nan, 100 / WALK_MS], rel=1e-3, nan_ok=True)


def extract(path: Path, first_node: int, nodes: list[tuple[int, int, int]], ways: dict[int, list[int]]) -> None:
    """Write a map file: nodes (number, east, north in metres), ways (number -> nodes)."""
    import osmium

    with osmium.SimpleWriter(str(path)) as writer:
        for number, east, north in nodes:
            writer.add_node(osmium.osm.mutable.Node(id=first_node + number, location=metres(east, north)))
        for number, through in ways.items():
            tags = {"highway": "residential"}
            writer.add_way(osmium.osm.mutable.Way(id=number, nodes=[first_node + one for one in through], tags=tags))


def test_extracts_in_a_folder_are_one_city_joined_at_the_points_they_share(tmp_path: Path) -> None:
    extract(tmp_path / "east.osm.pbf", 0, [(2, 1000, 0), (3, 2000, 0), (4, 1000, 900)], {11: [2, 3], 12: [2, 4]})
    extract(tmp_path / "west.osm.pbf", 0, [(1, 0, 0), (2, 1000, 0), (4, 1000, 900)], {10: [1, 2], 12: [2, 4]})
    city = Network.from_pbf(tmp_path)
    assert (city.junctions, city.meta["counts"]["ways"]) == (4, 3)
    assert walk_min(city, (0, 0), (2000, 0)) == pytest.approx(2000 / WALK_MS / 60, rel=1e-4)
    assert Network.cached(tmp_path, tmp_path).digest == city.digest == Network.cached(tmp_path, tmp_path).digest


def test_points_that_two_extracts_numbered_by_themselves_are_not_confused(tmp_path: Path) -> None:
    extract(tmp_path / "a.osm.pbf", 0, [(1, 0, 0), (2, 1000, 0)], {1: [1, 2]})
    extract(tmp_path / "b.osm.pbf", 0, [(1, 0, 800), (2, 1000, 800)], {1: [1, 2]})
    city = Network.from_pbf(tmp_path)
    assert (city.junctions, city.meta["counts"]["edges"]) == (4, 2)


def test_a_folder_without_map_files_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadNetwork, match="holds no"):
        Network.from_pbf(tmp_path)
