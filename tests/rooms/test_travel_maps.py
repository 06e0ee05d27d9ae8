"""Reading map files: what the signs of OpenStreetMap mean, and the real maps."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import osmium
import pytest
import shapely
from shapely.geometry import shape

from linli.base import DEGREE_M
from linli.base.errors import BadNetwork, OffMap
from linli.travel import MODES, OSM_LICENCE, Mode, Network, default_profiles

TOWN = {1: (0, 0), 2: (400, 0), 3: (400, 400), 4: (0, 400), 5: (900, 0)}


def metres(east: float, north: float) -> tuple[float, float]:
    return 30.0 + east / DEGREE_M, north / DEGREE_M


def map_file(
    path: Path, ways: list[tuple[list[int], dict[str, str]]], places: dict[int, tuple[float, float]] = TOWN
) -> Path:
    """A map of our own making: the town's corners and the given ways."""
    with osmium.SimpleWriter(str(path)) as writer:
        for number, place in places.items():
            writer.add_node(osmium.osm.mutable.Node(id=number, location=metres(*place)))
        for number, (nodes, tags) in enumerate(ways, start=100):
            writer.add_way(osmium.osm.mutable.Way(id=number, nodes=nodes, tags=tags))
    return path


def minutes_between(network: Network, start: int, goal: int, mode: Mode) -> float:
    a, b = (network.node_near(*metres(*TOWN[corner])) for corner in (start, goal))
    return float(network.minutes(b, [a], 1000, mode)[0])


def opens(tmp_path: Path, tags: dict[str, str], mode: Mode) -> tuple[bool, bool]:
    """Whether a way with these tags can be used along and against its direction."""
    path = tmp_path / f"{len(list(tmp_path.iterdir()))}.osm.pbf"
    always = {"highway": "primary"} if mode == "drive" else {"highway": "cycleway"}
    network = Network.from_pbf(map_file(path, [([1, 2], tags), ([2, 5], always), ([1, 4], always)]))
    there, back = minutes_between(network, 1, 2, mode), minutes_between(network, 2, 1, mode)
    return not np.isnan(there), not np.isnan(back)


BOTH, ALONG, AGAINST, CLOSED = (True, True), (True, False), (False, True), (False, False)


@pytest.mark.parametrize(
    ("tags", "walk", "ebike", "drive"),
    [
        ({"highway": "residential"}, BOTH, BOTH, BOTH),
        ({"highway": "residential", "oneway": "yes"}, BOTH, ALONG, ALONG),
        ({"highway": "residential", "oneway": "-1"}, BOTH, AGAINST, AGAINST),
        ({"highway": "residential", "oneway": "no", "junction": "roundabout"}, BOTH, BOTH, BOTH),
        ({"highway": "residential", "junction": "roundabout"}, BOTH, ALONG, ALONG),
        ({"highway": "residential", "oneway": "yes", "oneway:bicycle": "no"}, BOTH, BOTH, ALONG),
        ({"highway": "residential", "access": "private"}, BOTH, BOTH, CLOSED),
        ({"highway": "residential", "access": "private", "motor_vehicle": "yes"}, BOTH, BOTH, BOTH),
        ({"highway": "residential", "access": "no"}, CLOSED, CLOSED, CLOSED),
        ({"highway": "residential", "access": "no", "foot": "yes"}, BOTH, CLOSED, CLOSED),
        ({"highway": "residential", "bicycle": "dismount"}, BOTH, CLOSED, BOTH),
        ({"highway": "footway"}, BOTH, BOTH, CLOSED),
        ({"highway": "steps"}, BOTH, CLOSED, CLOSED),
        ({"highway": "motorway"}, CLOSED, CLOSED, ALONG),
        ({"highway": "trunk"}, CLOSED, CLOSED, BOTH),
        ({"highway": "trunk", "sidewalk": "both"}, BOTH, CLOSED, BOTH),
        ({"highway": "trunk", "foot": "yes", "cycleway:right": "lane"}, BOTH, BOTH, BOTH),
        ({"highway": "pedestrian", "motor_vehicle": "permissive"}, BOTH, BOTH, BOTH),
        ({"highway": "construction"}, CLOSED, CLOSED, CLOSED),
    ],
)
def test_signs_open_and_close_streets(
    tmp_path: Path, tags: dict[str, str], walk: tuple[bool, bool], ebike: tuple[bool, bool], drive: tuple[bool, bool]
) -> None:
    assert [opens(tmp_path, tags, mode) for mode in MODES] == [walk, ebike, drive]


def test_stairs_are_slow_on_foot(tmp_path: Path) -> None:
    network = Network.from_pbf(map_file(tmp_path / "map.osm.pbf", [([1, 2], {"highway": "steps"})]))
    assert minutes_between(network, 1, 2, "walk") == pytest.approx(400 * 3.6 / 2.5 / 60, rel=1e-4)


def test_ways_that_cross_without_a_shared_point_do_not_meet(tmp_path: Path) -> None:
    ways = [([1, 3], {"highway": "residential"}), ([2, 4], {"highway": "residential"})]
    network = Network.from_pbf(map_file(tmp_path / "map.osm.pbf", ways))
    assert np.isnan(minutes_between(network, 1, 2, "walk"))


def test_a_way_that_leaves_the_extract_is_cut_there(tmp_path: Path) -> None:
    ways = [([1, 2, 99, 3, 4], {"highway": "residential"}), ([98, 4], {"highway": "residential"})]
    network = Network.from_pbf(map_file(tmp_path / "map.osm.pbf", ways))
    assert network.junctions == 4
    assert minutes_between(network, 3, 4, "walk") == pytest.approx(400 * 3.6 / 5.1 / 60, rel=1e-4)
    assert np.isnan(minutes_between(network, 2, 3, "walk"))


def test_a_map_without_streets_is_refused(tmp_path: Path) -> None:
    path = map_file(tmp_path / "sea.osm.pbf", [([1, 2], {"natural": "coastline"}), ([2, 3], {"highway": "proposed"})])
    with pytest.raises(BadNetwork, match="no street that anybody may use"):
        Network.from_pbf(path)


def test_a_map_is_built_once_and_again_when_its_file_is_damaged_or_its_content_changed(tmp_path: Path) -> None:
    path = map_file(tmp_path / "map.osm.pbf", [([1, 2, 3], {"highway": "residential"})])
    first = Network.cached(path, tmp_path / "kept")
    (kept,) = (tmp_path / "kept").iterdir()
    written = kept.stat().st_mtime_ns
    assert Network.cached(path, tmp_path / "kept").digest == first.digest
    assert kept.stat().st_mtime_ns == written
    with np.load(kept) as arrays:
        older = {**arrays, "format": np.int64(0)}
    np.savez(kept, **older)
    assert Network.cached(path, tmp_path / "kept").digest == first.digest
    assert Network.load(kept).digest == first.digest
    kept.write_bytes(kept.read_bytes()[:100])
    assert Network.cached(path, tmp_path / "kept").digest == first.digest
    map_file(path.with_name("new.osm.pbf"), [([1, 2], {"highway": "residential"})]).replace(path)
    assert Network.cached(path, tmp_path / "kept").digest != first.digest
    assert len(list((tmp_path / "kept").iterdir())) == 2
    with pytest.raises(BadNetwork, match="no such map file"):
        Network.cached(tmp_path / "none.osm.pbf", tmp_path / "kept")


@pytest.fixture(scope="module")
def jinan(shared_maps: Path) -> Network:
    return Network.from_pbf(shared_maps / "jinan" / "jinan.osm.pbf")


@pytest.mark.shared
def test_jinan_has_the_junctions_and_edges_that_its_page_names(jinan: Network) -> None:
    counts, drive = jinan.meta["counts"], jinan.meta["modes"]["drive"]
    assert counts["junctions"] == pytest.approx(12_766, abs=30)
    assert drive["directed_edges"] == pytest.approx(28_597, abs=30)
    assert counts["ways"] == pytest.approx(18_118, abs=5)
    assert jinan.licence == OSM_LICENCE
    assert jinan.box == pytest.approx((116.748, 36.536, 117.510, 37.146), abs=0.02)


@pytest.mark.shared
def test_jinan_joins_homes_to_its_main_streets_and_refuses_the_fields(jinan: Network) -> None:
    draw = np.random.default_rng(7)
    for mode in MODES:
        main = jinan.main_junctions(mode)
        for node in draw.choice(main, 50).tolist():
            assert jinan.snap(*jinan.xy[node], mode).distance_m == pytest.approx(0, abs=0.05)
            assert jinan.node_near(*jinan.xy[node], mode) == node
            assert jinan.node_at(*jinan.xy[node], mode) in main
        with pytest.raises(OffMap):
            jinan.node_at(116.80, 36.60, mode)


@pytest.mark.shared
@pytest.mark.parametrize("mode", MODES)
def test_in_jinan_minutes_tables_and_paths_agree(jinan: Network, mode: Mode) -> None:
    draw = np.random.default_rng(11)
    main = jinan.main_junctions(mode)
    src, dst = draw.choice(main, 12), draw.choice(main, 9)
    table = jinan.matrix(src, dst, 1e5, mode)
    assert not np.isnan(table).any()
    for row, start in enumerate(src.tolist()):
        assert table[row] == pytest.approx(jinan.minutes_from(start, dst, 1e5, mode), rel=1e-5)
        path = jinan.path(start, int(dst[row % 9]), mode)
        assert path is not None
        assert path.seconds[-1] / 60 == pytest.approx(table[row, row % 9], rel=1e-5, abs=1e-4)


@pytest.mark.shared
def test_in_jinan_the_outline_holds_the_reached_and_hardly_any_other(jinan: Network) -> None:
    for lon, lat in ((117.02, 36.66), (117.0, 36.65), (117.05, 36.68)):
        node = jinan.node_at(lon, lat, "walk")
        nodes, _ = jinan.reach(node, 60, "walk")
        drawn = shape(jinan.outline(node, 60, "walk"))
        assert drawn.is_valid
        inside = np.flatnonzero(shapely.contains_xy(drawn, *jinan.xy.T))
        main = set(jinan.main_junctions("walk").tolist())
        # At the very tips the minutes that are left are shorter than what can be drawn.
        assert len(set(nodes.tolist()) - set(inside.tolist())) <= 0.01 * len(nodes)
        strangers = set(inside.tolist()) & main - set(nodes.tolist())
        assert len(strangers) <= 0.05 * len(nodes)


@pytest.mark.shared
@pytest.mark.parametrize("name", ["osm-small/Helsinki", "osm-small/bayfront_singapore", "saopaulo/spo_osm"])
def test_other_cities_read_too(shared_maps: Path, tmp_path: Path, name: str) -> None:
    path = shared_maps / f"{name}{'' if name.endswith('_osm') else '.osm'}.pbf"
    network = Network.cached(path, tmp_path)
    for mode in MODES:
        assert len(network.main_junctions(mode)) > 0.5 * network.meta["modes"][mode]["main_junctions"] > 30
    assert len(network.streets()["features"]) > 100


@pytest.mark.shared
def test_a_half_copied_map_is_refused(shared_maps: Path, tmp_path: Path) -> None:
    whole = shared_maps / "jinan" / "jinan.osm.pbf"
    shutil.copy(whole, tmp_path / "half.osm.pbf")
    with (tmp_path / "half.osm.pbf").open("r+b") as file:
        file.truncate(whole.stat().st_size // 2)
    with pytest.raises(BadNetwork, match="fetch it again"):
        Network.from_pbf(tmp_path / "half.osm.pbf")


def test_the_built_in_speeds_are_those_agreed() -> None:
    walk, ebike, drive = default_profiles()
    assert walk.speeds["residential"] == 5.1
    assert set(ebike.speeds.values()) == {15.0}
    assert (drive.speeds["motorway"], drive.speeds["residential"], drive.speeds["primary_link"]) == (90, 20, 30)
