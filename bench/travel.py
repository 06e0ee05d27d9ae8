"""How fast is travel: reach, tables, outline and loading, on Jinan and on a city of sixteen Jinans.

Prints JSON lines; milliseconds beside a probe loop of the same run, because machines differ and are shared.
`python -m bench.travel [--map FILE.osm.pbf] [--questions 200] [--no-tiles]`. The map is Jinan's below LINLI_SHARED.
Exit status 1 only when an answer is wrong: times never fail a run.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from scipy.ndimage import distance_transform_edt
from scipy.spatial import KDTree

from bench._probe import loop_ms
from bench._stats import report, spread
from linli.base import DEGREE_M, write_json
from linli.travel import MODES, Mode, Network, Street

ROOT = Path(__file__).resolve().parents[1]
CENTRE_DEG = 0.06  # the box of the load that dispatch is judged on: 0.12 x 0.12 degrees around the city's centre
CENTRE = (117.02, 36.66)
ACROSS_M = 150.0
WALK_M_S = 5.1 / 3.6
Line = dict[str, Any]
TABLE = """
import sys
from pathlib import Path
from linli.travel import Network
most = lambda: Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0]
empty = most()
network = Network.load(Path(sys.argv[1]))
main = network.main_junctions("drive")
network.matrix(main[:: len(main) // 1000][:1000], main[7 :: len(main) // 1000][:1000], 60, "drive")
print(most(), empty)
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure everything; return 0 when all answers were right."""
    parser = argparse.ArgumentParser(description=__doc__)
    shared = ROOT / os.environ.get("LINLI_SHARED", "../shared")
    parser.add_argument("--map", type=Path, default=shared / "data/jinan/jinan.osm.pbf")
    parser.add_argument("--questions", type=int, default=200)
    parser.add_argument("--no-tiles", action="store_true", help="leave out the city of sixteen such maps")
    options = parser.parse_args(arguments)
    right = True
    for figures in measured(options.map, options.questions, tiles=not options.no_tiles):
        report(**figures)
        right &= bool(figures["ok"])
    return 0 if right else 1


def measured(path: Path, questions: int, *, tiles: bool) -> Iterator[Line]:
    """Give one line of figures after the other."""
    network = Network.from_pbf(path)
    yield from loading(network, path)
    for mode in MODES:
        yield reach(network, mode, questions, "travel.reach")
    yield snapping(network, questions)
    for mode in ("walk", "drive"):
        yield table(network, mode, "travel.matrix")
    yield outlines(network, min(questions, 40))
    if tiles:
        large = sixteen(network)
        for mode in MODES:
            yield reach(large, mode, questions, "travel.reach_tiled")
        yield scaling(network, large, questions)
        yield table(large, "drive", "travel.matrix_tiled")
        yield memory(large)


def loading(network: Network, path: Path) -> Iterator[Line]:
    """Give the time to build from the map, and to open the network file."""
    build_ms = timed(lambda: Network.from_pbf(path), 3)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "network.npz"
        network.save(file)
        load_ms = timed(lambda: Network.load(file), 15)
        same = Network.load(file).digest == network.digest
        size = file.stat().st_size
    yield line("travel.build", "pbf", build_ms, ok=True, junctions=network.junctions)
    yield line("travel.load", "npz", load_ms, ok=same, bytes=size)


def reach(network: Network, mode: Mode, questions: int, name: str) -> Line:
    """Measure who is within the hour, at junctions of the whole map; as many again are checked backwards."""
    nodes = np.random.default_rng(1).choice(network.main_junctions(mode), questions)
    times, reached = [], []
    for node in nodes.tolist():
        start = time.perf_counter()
        found, _ = network.reach(node, 60, mode)
        times.append((time.perf_counter() - start) * 1e3)
        reached.append(len(found))
    one, other = nodes[:2].tolist()
    there, back = network.minutes(other, [one], 60, mode), network.minutes_from(one, [other], 60, mode)
    ok = bool(np.allclose(there, back, equal_nan=True))
    return line(name, f"{mode}60", times, ok=ok, target="D1", reached_median=int(np.median(reached)))


def snapping(network: Network, questions: int) -> Line:
    """Measure how long it takes to join a place to its street."""
    draw = np.random.default_rng(2)
    nodes = draw.choice(network.main_junctions("walk"), questions)
    places = network.xy[nodes] + draw.uniform(-0.0015, 0.0015, (questions, 2))
    times = []
    for lon, lat in places.tolist():
        start = time.perf_counter()
        snap = network.snap(lon, lat, "walk")
        times.append((time.perf_counter() - start) * 1e3)
    return line("travel.snap", "walk", times, ok=snap.distance_m <= network.snap_m_max)


def table(network: Network, mode: Mode, name: str) -> Line:
    """Measure 1,000 x 1,000 travel times within the hour, in process."""
    draw = np.random.default_rng(3)
    src, dst = (draw.choice(network.main_junctions(mode), 1000, replace=False) for _ in range(2))
    minutes = network.matrix(src, dst, 60, mode)
    times = timed(lambda: network.matrix(src, dst, 60, mode), 3)
    row = network.minutes_from(int(src[7]), dst, 60, mode)
    ok = bool(np.allclose(minutes[7], row, rtol=1e-5, equal_nan=True))
    return line(name, f"{mode}60 1000x1000", times, ok=ok, target="D2")


def memory(network: Network) -> Line:
    """Measure the most memory that a process needs that opens the network file and reckons the table once."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "network.npz"
        network.save(file)
        ended = subprocess.run([sys.executable, "-c", TABLE, str(file)], capture_output=True, check=True, text=True)
    peak_mb, empty_mb = (int(word) // 1024 for word in ended.stdout.split())
    case = f"open and drive60 1000x1000, {network.junctions} junctions"
    figures = {"peak_mb": peak_mb, "imports_mb": empty_mb}
    return {"bench": "travel.memory", "case": case, "unit": "MB", **figures, "ok": peak_mb > 0, "target": "D2"}


def outlines(network: Network, questions: int) -> Line:
    """Measure the outline of an hour on foot, and how well it covers what a raster of 10 m says."""
    near = (np.abs(network.xy - CENTRE) < CENTRE_DEG).all(axis=1)
    inside = np.flatnonzero(near)
    main = np.intersect1d(inside, network.main_junctions("walk")) if len(inside) else network.main_junctions("walk")
    nodes = np.random.default_rng(4).choice(main, questions).tolist()
    network.outline(nodes[0], 60, "walk")
    times, overlaps = [], []
    for node in nodes:
        start = time.perf_counter()
        drawn = network.outline(node, 60, "walk")
        times.append((time.perf_counter() - start) * 1e3)
        overlaps.append(overlap(network, node, drawn))
    ok = min(overlaps) >= 0.6
    spread = {"iou_median": round(float(np.median(overlaps)), 4), "iou_min": round(min(overlaps), 4)}
    return line("travel.outline", "walk60", times, ok=ok, target="D3", **spread)


def overlap(network: Network, node: int, drawn: dict[str, Any]) -> float:
    """Return intersection over union of an outline and a raster of 10 m, reckoned in another way.

    Points each 5 m along all reached streets; those with 150 m of walking to spare become a distance transform,
    those with less become discs, one by one.
    """
    xy, spare_m = reached_points(network, node)
    cell, corner = 10.0, xy.min(axis=0) - 2 * ACROSS_M
    columns, rows = (np.ceil((xy.max(axis=0) + 2 * ACROSS_M - corner) / cell)).astype(int).tolist()
    at = np.floor((xy - corner) / cell).astype(int)
    far = np.ones((rows, columns), bool)
    full = spare_m >= ACROSS_M
    far[at[full, 1], at[full, 0]] = False
    truth = distance_transform_edt(far) * cell <= ACROSS_M
    ys, xs = np.mgrid[-16:17, -16:17] * cell
    for (x, y), radius in zip(at[~full].tolist(), spare_m[~full].tolist(), strict=True):
        truth[y - 16 : y + 17, x - 16 : x + 17] |= xs**2 + ys**2 <= radius**2
    east, north = np.meshgrid(np.arange(columns), np.arange(rows))
    centres = np.stack([east, north], -1).reshape(-1, 2) * cell + corner + cell / 2
    shape = shapely.from_geojson(write_json(drawn))
    shapely.prepare(shape)
    ours = shapely.contains_xy(shape, *(centres / metres_a_degree(network)).T).reshape(rows, columns)
    return float((truth & ours).sum() / (truth | ours).sum())


def reached_points(network: Network, node: int) -> tuple[np.ndarray, np.ndarray]:
    """Return points each 5 m along the reached streets, in metres, and the walk to spare at each."""
    roads, scale = network.roads, metres_a_degree(network)
    nodes, seconds = network.reach(node, 60, "walk")
    reached = dict(zip(nodes.tolist(), seconds.tolist(), strict=True))
    points, spare = [], []
    usable = np.isfinite(roads.edge_seconds[MODES.index("walk"), 0])
    for edge in np.flatnonzero(np.isin(roads.edge_ends, nodes).any(axis=1) & usable).tolist():
        u, v = roads.edge_ends[edge].tolist()
        whole_s = float(roads.edge_seconds[MODES.index("walk"), 0, edge])
        line = shapely.LineString(
            roads.edge_geom_e7[roads.edge_geom_ptr[edge] : roads.edge_geom_ptr[edge + 1]] / 1e7 * scale
        )
        share = np.linspace(0, 1, int(line.length // 5) + 2)
        arrived = np.minimum(reached.get(u, np.inf) + share * whole_s, reached.get(v, np.inf) + (1 - share) * whole_s)
        left_m = (3600 - arrived) * WALK_M_S
        points.append(
            shapely.get_coordinates(shapely.line_interpolate_point(line, share, normalized=True))[left_m >= 0]
        )
        spare.append(left_m[left_m >= 0])
    return np.concatenate(points), np.concatenate(spare)


def metres_a_degree(network: Network) -> np.ndarray:
    """Return metres per degree of longitude and latitude in the middle of a network."""
    south, north = network.xy[:, 1].min(), network.xy[:, 1].max()
    return np.array([DEGREE_M * np.cos(np.radians((south + north) / 2)), DEGREE_M])


def sixteen(network: Network) -> Network:
    """Return the map four by four times side by side, joined where border junctions come closest."""
    roads = network.roads
    west, south, east, north = network.box
    wide, high = east - west + 0.002, north - south + 0.002
    shapes = np.split(roads.edge_geom_e7 / 1e7, roads.edge_geom_ptr[1:-1])
    drive = np.isfinite(roads.edge_seconds[MODES.index("drive")])
    kinds = [roads.kinds[kind] for kind in roads.edge_kind.tolist()]
    streets = []
    for column in range(4):
        for row in range(4):
            shift = (column * wide, row * high)
            for shape, kind, (along, against) in zip(shapes, kinds, drive.T.tolist(), strict=True):
                streets.append(Street((shape + shift).tolist(), kind, along and not against))
            for step in ((wide, 0.0), (0.0, high)):
                if shift[0] + step[0] < 4 * wide and shift[1] + step[1] < 4 * high:
                    streets += bridges(network, np.array(shift), np.array(step))
    return Network.from_streets(streets)


def bridges(network: Network, shift: np.ndarray, step: np.ndarray) -> list[Street]:
    """Return primary streets between the ten closest pairs of junctions of two neighbouring tiles."""
    main = network.xy[np.intersect1d(network.main_junctions("drive"), network.main_junctions("ebike"))]
    gaps, there = KDTree(main + step).query(main)
    closest = np.argsort(gaps)[:10]
    return [Street([tuple(main[n] + shift), tuple(main[there[n]] + step + shift)], "primary") for n in closest]


def scaling(small: Network, large: Network, questions: int) -> Line:
    """Compare one search in the large city with one in the small, with equally many junctions reached."""
    draw, ratios = np.random.default_rng(5), []
    for node in draw.choice(small.main_junctions("walk"), questions).tolist():
        lon, lat = small.xy[node].tolist()
        twin = large.node_near(lon, lat, "walk")
        pair = []
        for network, start_at in ((small, node), (large, twin), (large, twin), (small, node)):
            start = time.perf_counter()
            found, _ = network.reach(start_at, 60, "walk")
            pair.append((time.perf_counter() - start, len(found)))
        if pair[0][1] == pair[1][1]:
            ratios.append((pair[1][0] + pair[2][0]) / (pair[0][0] + pair[3][0]))
    low, middle, high = np.percentile(ratios, [0, 50, 100]).round(2).tolist()
    return {
        "bench": "travel.reach_scaling",
        "case": f"walk60 {small.junctions} -> {large.junctions} junctions",
        "unit": "ratio",
        "pairs": len(ratios),
        "ratio_median": middle,
        "ratio_min": low,
        "ratio_max": high,
        "ok": len(ratios) > 0,
        "target": "D1",
    }


def line(name: str, case: str, times_ms: Sequence[float], *, ok: bool, **more: Any) -> Line:
    """Return one line of figures in ms, with the probe loop of this very moment beside them."""
    figures, probe_ms = spread(times_ms), loop_ms()
    in_probes = {"probe_ms": probe_ms, "p95_in_probes": round(figures["p95"] / probe_ms, 3)}
    return {"bench": name, "case": case, "unit": "ms", **figures, **in_probes, **more, "ok": ok}


def timed(work: Callable[[], object], times: int) -> list[float]:
    """Return the milliseconds of each of several runs."""
    taken = []
    for _ in range(times):
        start = time.perf_counter()
        work()
        taken.append((time.perf_counter() - start) * 1e3)
    return taken


if __name__ == "__main__":
    sys.exit(main())
