"""What travel draws and reckons in bulk: the circle's outline, the streets, large tables."""

from __future__ import annotations

import asyncio
import os
import signal

import numpy as np
import pytest
import shapely
from shapely.geometry import shape

from linli.base import DEGREE_M
from linli.base.errors import Busy
from linli.travel import Mode, Network, Street

WALK_M_S = 5.1 / 3.6
ACROSS_M = 150.0


def metres(east: float, north: float) -> tuple[float, float]:
    return 30.0 + east / DEGREE_M, north / DEGREE_M


@pytest.fixture(scope="module")
def chessboard() -> Network:
    """31 x 31 streets, 200 m apart; around (4000, 3000) lies a lake of 800 m without streets."""

    def wet(x: float, y: float) -> bool:
        return abs(x - 4000) < 400 and abs(y - 3000) < 400

    lines = [(along, across) for across in range(0, 6001, 200) for along in range(0, 6000, 200)]
    streets = [Street([metres(a, b), metres(a + 200, b)]) for a, b in lines if not wet(a + 100, b)]
    streets += [Street([metres(b, a), metres(b, a + 200)]) for a, b in lines if not wet(b, a + 100)]
    return Network.from_streets(streets)


def agreement(network: Network, place: tuple[float, float], minutes: float, mode: Mode) -> float:
    """The share of a fine lattice for which the outline says what a plain reckoning says.

    Plain: all reached streets in steps of 10 m; a lattice point is inside when some step is at most 150 m away and the
    walk to it is still in time.
    """
    node = network.node_at(*metres(*place), mode)
    drawn = shape(network.outline(node, minutes, mode))
    nodes, seconds = network.reach(node, minutes, mode)
    reached = dict(zip(nodes.tolist(), seconds.tolist(), strict=True))
    kmh = {"walk": 5.1, "ebike": 15.0, "drive": 20.0}[mode]
    steps, spare = [], []
    for u, v in network.roads.edge_ends.tolist():
        if u in reached or v in reached:
            a, b = (network.xy[n] * DEGREE_M for n in (u, v))
            for share in np.linspace(0, 1, 21):
                from_u = reached.get(u, np.inf) + share * 200 * 3.6 / kmh
                from_v = reached.get(v, np.inf) + (1 - share) * 200 * 3.6 / kmh
                left_m = (minutes * 60 - min(from_u, from_v)) * WALK_M_S
                if left_m >= 0:
                    steps.append(a + (b - a) * share)
                    spare.append(min(ACROSS_M, left_m))
    points, radius = np.array(steps), np.array(spare)
    low, high = points.min(axis=0) - 250, points.max(axis=0) + 250
    lattice = np.stack(np.meshgrid(*(np.arange(a, b, 50.0) for a, b in zip(low, high, strict=True))), -1).reshape(-1, 2)
    inside = np.array([bool((((points - p) ** 2).sum(axis=1) <= radius**2).any()) for p in lattice])
    drawn_inside = shapely.contains_xy(drawn, *(lattice / DEGREE_M).T)
    return float((inside & drawn_inside).sum() / (inside | drawn_inside).sum())


SLOWER = [pytest.param(25, "walk", marks=pytest.mark.slow), pytest.param(8, "ebike", marks=pytest.mark.slow)]


@pytest.mark.parametrize(("minutes", "mode"), [(10, "walk"), (5, "drive"), *SLOWER])
def test_the_outline_is_where_one_can_be_in_time(chessboard: Network, minutes: float, mode: Mode) -> None:
    assert agreement(chessboard, (2000, 3000), minutes, mode) > 0.97


def test_the_outline_keeps_the_lake_as_a_hole_and_is_sound(chessboard: Network) -> None:
    node = chessboard.node_at(*metres(3000, 3000), "walk")
    drawn = shape(chessboard.outline(node, 60, "walk"))
    assert drawn.geom_type == "MultiPolygon"
    assert drawn.is_valid
    assert drawn.contains(shapely.Point(metres(3000, 3000)))
    assert drawn.contains(shapely.Point(metres(3100, 3100)))
    assert not drawn.contains(shapely.Point(metres(4000, 3000)))
    assert sum(len(part.interiors) for part in drawn.geoms) == 1
    assert all(part.exterior.is_ccw for part in drawn.geoms)


def test_a_longer_time_never_reaches_less(chessboard: Network) -> None:
    node = chessboard.node_at(*metres(2000, 3000), "walk")
    areas = [shape(chessboard.outline(node, minutes, "walk")).area for minutes in (1, 5, 10, 20, 40)]
    assert areas == sorted(areas)


def test_a_minute_round_a_place_between_two_junctions_stays_on_its_street(chessboard: Network) -> None:
    snap = chessboard.snap(*metres(2100, 3000), "walk")
    drawn = shape(chessboard.outline(snap, 0.5, "walk"))
    span_m = 0.5 * 60 * WALK_M_S
    west, south, east, north = (v * DEGREE_M for v in drawn.bounds)
    assert (west - 30 * DEGREE_M, east - 30 * DEGREE_M) == pytest.approx((2100 - span_m, 2100 + span_m), abs=25)
    assert (south, north) == pytest.approx((3000 - span_m, 3000 + span_m), abs=25)


def test_a_one_way_street_is_reached_from_behind_only() -> None:
    network = Network.from_streets(
        [
            Street([metres(0, 0), metres(2000, 0)], oneway=True),
            Street([metres(2000, 0), metres(2000, 3000), metres(0, 3000), metres(0, 0)]),
        ]
    )
    snap = network.snap(*metres(1000, 10), "ebike")
    went, came = (shape(network.outline(snap, 3, "ebike", way)) for way in ("from", "to"))
    ahead, behind = shapely.Point(metres(1500, 0)), shapely.Point(metres(500, 0))
    assert [went.contains(ahead), went.contains(behind)] == [True, False]
    assert [came.contains(ahead), came.contains(behind)] == [False, True]


def test_an_outline_where_no_street_can_be_used_is_the_place_itself() -> None:
    network = Network.from_streets([Street([metres(0, 0), metres(900, 0)], "motorway")])
    drawn = shape(network.outline(0, 15, "walk"))
    assert drawn.area * DEGREE_M**2 == pytest.approx(np.pi * ACROSS_M**2, rel=0.05)


def test_streets_are_drawn_by_class_joined_and_cut_to_a_box() -> None:
    network = Network.from_streets(
        [
            Street([metres(0, 0), metres(500, 0)], "primary"),
            Street([metres(500, 0), metres(900, 0.5), metres(1000, 0)], "primary"),
            Street([metres(5000, 0), metres(5000, 500)]),
        ]
    )
    lines = network.streets()["features"]
    assert [line["properties"]["class"] for line in lines] == ["residential", "primary"]
    assert lines[1]["geometry"] == {
        "type": "LineString",
        "coordinates": [[round(v, 5) for v in metres(x, 0)] for x in (0, 1000)],
    }
    box = (*metres(-10, -10), *metres(600, 10))
    assert [line["properties"]["class"] for line in network.streets(box)["features"]] == ["primary"]
    assert network.streets(classes=["trunk"]) == {"type": "FeatureCollection", "features": []}


def test_somebody_on_the_move_is_drawn_at_a_junction(chessboard: Network) -> None:
    assert chessboard.junction_near(*metres(2040, 3090)) == pytest.approx(metres(2000, 3000), abs=1e-7)
    assert chessboard.junction_near(*metres(2040, -9000)) == pytest.approx(metres(2000, 0), abs=1e-7)


def test_a_route_knows_its_length_and_where_one_is_on_it(chessboard: Network) -> None:
    start, goal = (chessboard.node_at(*metres(x, 3000), "walk") for x in (1000, 3000))
    route = chessboard.path(start, goal, "walk")
    assert route is not None
    assert route.length_m == pytest.approx(2000, rel=1e-4)
    assert route.at(500 / WALK_M_S) == pytest.approx(metres(1500, 3000), abs=1e-6)
    assert route.at(-1) == pytest.approx(metres(1000, 3000), abs=1e-6)
    assert route.at(1e9) == pytest.approx(metres(3000, 3000), abs=1e-6)


def test_a_large_table_comes_from_the_worker_as_it_would_from_here(chessboard: Network) -> None:
    async def ask() -> None:
        src, dst = np.arange(0, 900, 9), np.arange(5, 900, 11)
        try:
            both = await asyncio.gather(*(chessboard.matrix_async(src, dst, 20, mode) for mode in ("walk", "ebike")))
        finally:
            await chessboard.close()
        for mode, table in zip(("walk", "ebike"), both, strict=True):
            assert np.array_equal(table, chessboard.matrix(src, dst, 20, mode), equal_nan=True)

    asyncio.run(ask())


def test_a_small_table_needs_no_worker(chessboard: Network) -> None:
    async def ask() -> None:
        table = await chessboard.matrix_async([3, 3, 3, 3, -1], np.arange(200), 20, "walk")
        assert np.array_equal(table, chessboard.matrix([3, 3, 3, 3, -1], np.arange(200), 20, "walk"), equal_nan=True)
        assert chessboard._worker is None

    asyncio.run(ask())


@pytest.mark.slow
def test_a_worker_that_died_is_started_again_and_the_caller_is_told_once(chessboard: Network) -> None:
    async def ask() -> None:
        src = np.arange(100)
        try:
            before = await chessboard.matrix_async(src, src, 20, "walk")
            process = chessboard._worker._process
            os.kill(process.pid, signal.SIGSTOP)
            question = asyncio.create_task(chessboard.matrix_async(src, src, 20, "walk"))
            await asyncio.sleep(0)
            os.kill(process.pid, signal.SIGKILL)
            with pytest.raises(Busy):
                await question
            after = await chessboard.matrix_async(src, src, 20, "walk")
        finally:
            await chessboard.close()
        assert np.array_equal(before, after, equal_nan=True)

    asyncio.run(ask())


@pytest.mark.slow
def test_too_many_tables_at_once_are_refused(chessboard: Network) -> None:
    async def ask() -> None:
        src = np.arange(50)
        try:
            asked = [chessboard.matrix_async(src, src, 20, "walk") for _ in range(12)]
            answers = await asyncio.gather(*asked, return_exceptions=True)
        finally:
            await chessboard.close()
        assert sum(isinstance(answer, Busy) for answer in answers) == 4
        assert sum(isinstance(answer, np.ndarray) for answer in answers) == 8

    asyncio.run(ask())


def test_the_worker_ends_when_its_question_pipe_closes(chessboard: Network) -> None:
    async def ask() -> int | None:
        await chessboard.matrix_async(np.arange(50), np.arange(50), 20, "walk")
        process = chessboard._worker._process
        process.stdin.close()
        code = await process.wait()
        await chessboard.close()
        return code

    assert asyncio.run(ask()) == 0
