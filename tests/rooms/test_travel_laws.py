"""Laws of travel times, on random little towns, against a plain reckoning of our own."""

from __future__ import annotations

import math
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from linli.base import DEGREE_M
from linli.travel import MODES, Mode, Network, Street

KMH = {
    "walk": {"residential": 5.1, "primary": 5.1, "steps": 2.5},
    "ebike": {"residential": 15.0, "primary": 15.0},
    "drive": {"residential": 20.0, "primary": 40.0},
}
WIDTH = 4
ROUNDING_S = 0.15  # points are kept to 1e-7 degrees: a centimetre at each end of at most 15 streets
Line = tuple[int, int, str, bool]


def corner(number: int) -> tuple[float, float]:
    """A corner of the town, shifted a little so that no two streets are equally long."""
    x, y = number % WIDTH, number // WIDTH
    return (30.0 + (x * 200 + (number * 37) % 60) / DEGREE_M, (y * 200 + (number * 53) % 70) / DEGREE_M)


lines = st.tuples(
    st.integers(0, WIDTH * WIDTH - 1),
    st.integers(0, WIDTH * WIDTH - 1),
    st.sampled_from(["residential", "primary", "steps"]),
    st.booleans(),
).filter(lambda line: line[0] != line[1])
towns = st.lists(lines, min_size=1, max_size=30)


def built(town: list[Line]) -> Network:
    """The town as a network; any place of the town is near enough to be joined to any street."""
    streets = (Street([corner(a), corner(b)], kind, oneway) for a, b, kind, oneway in town)
    return Network.from_streets(streets, snap_m_max=2000.0)


def junction_of(network: Network) -> dict[int, int]:
    """The number in the network of each corner that has a street."""
    places = {(round(x * 1e7), round(y * 1e7)): n for n, (x, y) in enumerate(network.xy.tolist())}
    keys = {c: tuple(round(v * 1e7) for v in corner(c)) for c in range(WIDTH * WIDTH)}
    return {c: places[key] for c, key in keys.items() if key in places}


def reckoned_s(town: list[Line], mode: Mode) -> dict[tuple[int, int], float]:
    """The seconds between all corners by Floyd and Warshall, on the flat: the town lies on the equator."""
    seconds = {(a, b): (0.0 if a == b else math.inf) for a, b in product(range(WIDTH * WIDTH), repeat=2)}
    for a, b, kind, oneway in town:
        if kind in KMH[mode]:
            metres = math.dist(corner(a), corner(b)) * DEGREE_M
            took = metres * 3.6 / KMH[mode][kind]
            seconds[a, b] = min(seconds[a, b], took)
            if not oneway or mode == "walk":
                seconds[b, a] = min(seconds[b, a], took)
    for k, a, b in product(range(WIDTH * WIDTH), repeat=3):
        seconds[a, b] = min(seconds[a, b], seconds[a, k] + seconds[k, b])
    return seconds


@settings(max_examples=40)
@given(town=towns, mode=st.sampled_from(MODES), limit_min=st.sampled_from([2.0, 5.0, 1000.0]))
def test_minutes_are_those_of_a_plain_reckoning_both_ways(town: list[Line], mode: Mode, limit_min: float) -> None:
    network, true_s = built(town), reckoned_s(town, mode)
    nodes = junction_of(network)
    for home, number in nodes.items():
        came = network.minutes(number, list(nodes.values()), limit_min, mode)
        went = network.minutes_from(number, list(nodes.values()), limit_min, mode)
        for other, minutes_in, minutes_out in zip(nodes, came, went, strict=True):
            for minutes, seconds in ((minutes_in, true_s[other, home]), (minutes_out, true_s[home, other])):
                if abs(seconds - limit_min * 60) < ROUNDING_S:
                    continue
                if seconds > limit_min * 60:
                    assert np.isnan(minutes)
                else:
                    assert minutes * 60 == pytest.approx(seconds, abs=ROUNDING_S)


@settings(max_examples=40)
@given(town=towns, mode=st.sampled_from(MODES))
def test_a_path_takes_as_long_as_the_minutes_say_and_keeps_to_its_ends(town: list[Line], mode: Mode) -> None:
    network = built(town)
    nodes = sorted(junction_of(network).values())
    minutes = network.minutes_from(nodes[0], nodes, 1000, mode)
    for node, expected in zip(nodes, minutes, strict=True):
        path = network.path(nodes[0], node, mode)
        if np.isnan(expected):
            assert path is None
            continue
        assert path is not None
        assert path.seconds[-1] == pytest.approx(expected * 60, rel=1e-5, abs=1e-3)
        assert (np.diff(path.seconds) >= 0).all()
        assert path.xy[0] == pytest.approx(network.xy[nodes[0]], abs=1e-7)
        assert path.xy[-1] == pytest.approx(network.xy[node], abs=1e-7)


@settings(max_examples=30)
@given(town=towns, mode=st.sampled_from(MODES))
def test_no_detour_is_shorter_and_walking_is_the_same_both_ways(town: list[Line], mode: Mode) -> None:
    network = built(town)
    nodes = sorted(junction_of(network).values())
    table = network.matrix(nodes, nodes, 1000, mode).astype(np.float64)
    by_detour = table[:, :, None] + table[None, :, :]
    direct = np.where(np.isnan(table), np.inf, table)
    assert (direct[:, None, :] <= np.where(np.isnan(by_detour), np.inf, by_detour) + 1e-4).all()
    if mode == "walk":
        assert np.allclose(table, table.T, rtol=1e-5, equal_nan=True)


@settings(max_examples=30)
@given(town=towns, mode=st.sampled_from(MODES), draw=st.data())
def test_a_table_says_what_single_questions_say(town: list[Line], mode: Mode, draw: st.DataObject) -> None:
    network = built(town)
    some = st.lists(st.integers(-1, network.junctions - 1), max_size=12)
    src, dst = draw.draw(some), draw.draw(some)
    table = network.matrix(src, dst, 6.0, mode)
    assert table.shape == (len(src), len(dst))
    for column, to in enumerate(dst):
        assert np.allclose(table[:, column], network.minutes(to, src, 6.0, mode), rtol=1e-5, equal_nan=True)


@settings(max_examples=40)
@given(town=towns, mode=st.sampled_from(MODES), limit_min=st.floats(0.1, 8), to=st.booleans())
def test_reach_is_the_set_of_those_in_time(town: list[Line], mode: Mode, limit_min: float, to: bool) -> None:
    network = built(town)
    nodes, seconds = network.reach(0, limit_min, mode, "to" if to else "from")
    every = np.arange(network.junctions)
    minutes = (network.minutes if to else network.minutes_from)(0, every, limit_min, mode)
    assert nodes.tolist() == np.flatnonzero(~np.isnan(minutes)).tolist()
    assert seconds == pytest.approx(minutes[nodes] * 60, rel=1e-6)


@settings(max_examples=40)
@given(town=towns, mode=st.sampled_from(MODES), share=st.floats(0.05, 0.95), to=st.booleans())
def test_reach_from_the_middle_of_a_street_lies_between_its_ends(
    town: list[Line], mode: Mode, share: float, to: bool
) -> None:
    network = built(town)
    (ax, ay), (bx, by) = (network.xy[n] for n in network.roads.edge_ends[0])
    if not len(network.main_junctions(mode)):
        return
    place = (ax + (bx - ax) * share, ay + (by - ay) * share)
    snap = network.snap(*place, mode)
    nodes, seconds = network.reach(snap, 1000, mode, "to" if to else "from")
    found = dict(zip(nodes.tolist(), seconds.tolist(), strict=True))
    for node, on_the_street_s in snap.arrivals if to else snap.ends:
        if math.isfinite(on_the_street_s):
            assert found[node] <= on_the_street_s + 1e-3
    direct = network.reach(snap.junction, 1000, mode, "to" if to else "from")
    assert nodes.tolist() == direct[0].tolist()


@settings(max_examples=25)
@given(town=towns, mode=st.sampled_from(MODES))
def test_a_place_is_joined_only_where_one_can_come_and_go(town: list[Line], mode: Mode) -> None:
    network = built(town)
    main = network.main_junctions(mode)
    for place in network.xy.tolist():
        if len(main):
            assert network.node_at(*place, mode) in main
            assert network.node_near(*place, mode) in main
    if len(main):
        assert not np.isnan(network.matrix(main, main, 1000, mode)).any()
