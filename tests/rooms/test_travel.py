"""Rules of travel on networks small enough to reckon by hand."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from linli.base import DEGREE_M
from linli.base.errors import BadNetwork, BadRequestData, OffMap
from linli.travel import MODES, Network, Street

LON, LAT = 30.0, 0.0
WALK_MS = 5.1 / 3.6
EBIKE_MS = 15 / 3.6


def metres(east: float, north: float) -> tuple[float, float]:
    """A place `east` and `north` of the made-up town's centre on the equator, where a degree is a degree."""
    return LON + east / DEGREE_M, LAT + north / DEGREE_M


def street(*points: tuple[float, float], kind: str = "residential", oneway: bool = False) -> Street:
    return Street([metres(*p) for p in points], kind, oneway)


@pytest.fixture
def cross() -> Network:
    """Four arms of 1,000 m that meet in the middle; the eastern arm is one-way outwards, with a slow way back."""
    return Network.from_streets(
        [
            street((-1000, 0), (0, 0)),
            street((0, 0), (1000, 0), oneway=True),
            street((1000, 0), (1000, 1000), (0, 1000)),
            street((0, 1000), (0, 0), (0, -1000)),
        ]
    )


def at(network: Network, east: float, north: float, mode: str = "walk") -> int:
    return network.node_at(*metres(east, north), mode)


def test_walking_takes_the_length_over_the_speed_and_ignores_one_way(cross: Network) -> None:
    west, east = at(cross, -1000, 0), at(cross, 1000, 0)
    assert cross.minutes(east, [west], 60, "walk") == pytest.approx([2000 / WALK_MS / 60], rel=1e-5)
    assert cross.minutes(west, [east], 60, "walk") == pytest.approx([2000 / WALK_MS / 60], rel=1e-5)


def test_an_e_bike_obeys_one_way_so_there_and_back_differ(cross: Network) -> None:
    west, east = at(cross, -1000, 0, "ebike"), at(cross, 1000, 0, "ebike")
    there = cross.minutes(east, [west], 60, "ebike")
    back = cross.minutes(west, [east], 60, "ebike")
    assert there == pytest.approx([2000 / EBIKE_MS / 60], rel=1e-5)
    assert back == pytest.approx([4000 / EBIKE_MS / 60], rel=1e-5)
    assert cross.minutes_from(west, [east], 60, "ebike") == pytest.approx(there)
    assert cross.minutes_from(east, [west], 60, "ebike") == pytest.approx(back)


def test_what_lies_beyond_the_limit_has_no_minutes(cross: Network) -> None:
    west, middle, east = (at(cross, x, 0) for x in (-1000, 0, 1000))
    found = cross.minutes(west, [west, middle, east, -1], 1000 / WALK_MS / 60 + 0.01, "walk")
    assert found[0] == 0
    assert found[1] == pytest.approx(1000 / WALK_MS / 60, rel=1e-5)
    assert np.isnan(found[2:]).all()
    assert np.isnan(cross.minutes(-1, [west], 60, "walk")).all()


def test_of_parallel_streets_the_fastest_counts() -> None:
    network = Network.from_streets(
        [street((0, 0), (500, 0), (1000, 0)), street((0, 0), (0, 900), (1000, 0)), street((0, 0), (1000, 0))]
    )
    assert network.minutes(at(network, 1000, 0), [at(network, 0, 0)], 60, "walk") == pytest.approx(
        [1000 / WALK_MS / 60], rel=1e-5
    )


def test_homes_are_not_joined_to_an_island() -> None:
    network = Network.from_streets(
        [street((0, 0), (1000, 0)), street((0, 0), (0, 500)), street((900, 60), (1000, 60)), street((0, 0), (500, 500))]
    )
    snap = network.snap(*metres(950, 55), "walk")
    assert snap.point == pytest.approx(metres(950, 0))
    assert snap.distance_m == pytest.approx(55, rel=1e-3)


def test_a_one_way_dead_end_is_never_where_an_e_bike_is_joined() -> None:
    network = Network.from_streets([street((0, 0), (500, 0)), street((500, 0), (700, 0), oneway=True)])
    assert network.snap(*metres(690, 0), "walk").distance_m == pytest.approx(0, abs=0.1)
    assert network.snap(*metres(690, 0), "ebike").distance_m == pytest.approx(190, rel=1e-3)


def test_a_place_is_joined_to_the_nearer_end_of_its_street(cross: Network) -> None:
    assert at(cross, -600, 20) == at(cross, -1000, 0)
    assert at(cross, -400, 20) == at(cross, 0, 0)


def test_a_snap_splits_the_street_where_the_place_lies(cross: Network) -> None:
    snap = cross.snap(*metres(250, -30), "ebike")
    (_, back_s), (_, on_s) = snap.ends
    assert snap.point == pytest.approx(metres(250, 0))
    assert math.isinf(back_s)
    assert on_s == pytest.approx(750 / EBIKE_MS, rel=1e-4)
    assert [seconds for _, seconds in snap.arrivals] == pytest.approx([250 / EBIKE_MS, math.inf], rel=1e-4)


def test_a_place_far_from_any_street_is_off_the_map(cross: Network) -> None:
    assert cross.snap(*metres(-1299, 0), "walk").distance_m == pytest.approx(299, rel=1e-3)
    with pytest.raises(OffMap, match="within 300 m"):
        cross.snap(*metres(-1301, 0), "walk")
    with pytest.raises(OffMap):
        cross.node_at(-120.0, 45.0, "walk")
    with pytest.raises(BadRequestData, match="lat"):
        cross.node_at(30.0, 91.0, "walk")


def test_the_setting_moves_the_limit(tmp_path: Path, cross: Network) -> None:
    cross.save(tmp_path / "cross.npz")
    strict = Network.load(tmp_path / "cross.npz", snap_m_max=20.0)
    wide = Network.load(tmp_path / "cross.npz", snap_m_max=1000.0)
    with pytest.raises(OffMap, match="within 20 m"):
        strict.snap(*metres(-500, 25), "walk")
    assert wide.snap(*metres(-1900, 0), "walk").distance_m == pytest.approx(900, rel=1e-3)


def test_a_path_follows_the_streets_and_arrives_when_promised(cross: Network) -> None:
    west, east = at(cross, -1000, 0, "ebike"), at(cross, 1000, 0, "ebike")
    path = cross.path(east, west, "ebike")
    assert path is not None
    corners = [metres(1000, 0), metres(1000, 1000), metres(0, 1000), metres(0, 0), metres(-1000, 0)]
    assert path.xy == pytest.approx(np.array(corners), abs=1e-7)
    assert path.seconds == pytest.approx(np.array([0, 1000, 2000, 3000, 4000]) / EBIKE_MS, rel=1e-5)


def test_a_path_to_where_one_stands_is_one_point(cross: Network) -> None:
    path = cross.path(at(cross, 0, 0), at(cross, 0, 0), "walk")
    assert path is not None
    assert path.xy.shape == (1, 2)
    assert path.seconds.tolist() == [0.0]


def test_there_is_no_path_to_an_island() -> None:
    network = Network.from_streets([street((0, 0), (900, 0)), street((0, 500), (900, 500))])
    ends = {round((y - LAT) * DEGREE_M): n for n, (_, y) in enumerate(network.roads.xy.tolist())}
    assert network.path(ends[0], ends[500], "walk") is None
    assert np.isnan(network.minutes(ends[0], [ends[500]], 1e6, "walk")).all()


def test_a_street_that_comes_back_to_its_beginning_keeps_its_homes() -> None:
    ring = [(0, 0), (300, 0), (300, 300), (0, 300), (0, 0)]
    network = Network.from_streets([street((-500, 0), (0, 0)), street(*ring)])
    home = at(network, 300, 300)
    assert network.roads.xy[home] == pytest.approx(metres(300, 300), abs=1e-7)
    assert network.minutes(home, [at(network, -500, 0)], 60, "walk") == pytest.approx([1100 / WALK_MS / 60], rel=1e-5)


def test_a_network_comes_back_from_its_file_as_it_was(tmp_path: Path, cross: Network) -> None:
    cross.save(tmp_path / "cross.npz")
    again = Network.load(tmp_path / "cross.npz")
    assert (again.meta, again.digest, again.box) == (cross.meta, cross.digest, cross.box)
    for mode in MODES:
        nodes, seconds = cross.reach(at(cross, 0, 0), 12, mode)
        nodes_again, seconds_again = again.reach(at(again, 0, 0), 12, mode)
        assert nodes.tolist() == nodes_again.tolist()
        assert seconds.tolist() == seconds_again.tolist()


def test_a_file_of_another_format_is_refused_by_its_number(tmp_path: Path, cross: Network) -> None:
    cross.save(tmp_path / "cross.npz")
    with np.load(tmp_path / "cross.npz") as arrays:
        changed = {**arrays, "format": np.int64(7)}
    np.savez(tmp_path / "future.npz", **changed)
    with pytest.raises(BadNetwork, match="format 7"):
        Network.load(tmp_path / "future.npz")


@pytest.mark.parametrize("content", [b"", b"not a zip", b"PK\x03\x04 broken"])
def test_a_damaged_network_file_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "bad.npz").write_bytes(content)
    with pytest.raises(BadNetwork, match="build it again"):
        Network.load(tmp_path / "bad.npz")
    with (tmp_path / "bad.npz").open("wb") as file:
        np.save(file, np.zeros(3))
    with pytest.raises(BadNetwork, match="build it again"):
        Network.load(tmp_path / "bad.npz")


def test_a_map_file_that_is_missing_empty_or_broken_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadNetwork, match="no such map file"):
        Network.from_pbf(tmp_path / "none.osm.pbf")
    (tmp_path / "empty.osm.pbf").write_bytes(b"")
    with pytest.raises(BadNetwork, match="is empty"):
        Network.from_pbf(tmp_path / "empty.osm.pbf")
    (tmp_path / "broken.osm.pbf").write_bytes(b"\x00\x00\x00\x0d\x0a\x09OSMHeader" + b"rubbish" * 40)
    with pytest.raises(BadNetwork, match="not a readable OpenStreetMap file"):
        Network.from_pbf(tmp_path / "broken.osm.pbf")


def test_no_streets_make_no_network() -> None:
    with pytest.raises(BadNetwork, match="No streets"):
        Network.from_streets([])
    with pytest.raises(BadNetwork, match="canal"):
        Network.from_streets([street((0, 0), (10, 0), kind="canal")])
