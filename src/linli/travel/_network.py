"""The network: how long from here to there, by which way, and what lies within reach."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from linli.base import Point, setting
from linli.base.errors import BadNetwork, BadRequestData

from ._closures import Closure, closures_hash, without
from ._drawing import drawn_streets
from ._file import FORMAT, read_roads, sha256_of, write_roads
from ._lately import Lately
from ._matrix import matrix_minutes
from ._outline import Reached, Samples, outline
from ._places import Places, seconds_between
from ._profiles import Mode, Profile, default_profiles, profile_hash, street_kinds
from ._roads import Graph, Roads, roads_of
from ._route import Route, route
from ._search import seconds_around
from ._snap import NearestJunction, Snap, SnapGrid
from ._ways import Street, Ways, ways_of_pbf, ways_of_streets
from ._worker import MatrixWorker

SNAP_M_MAX = setting(
    "travel.snap_m_max", 300.0, "How far from a street a place may lie, in metres, and still be joined to it."
)
OSM_LICENCE = "© OpenStreetMap contributors, ODbL 1.0"
INLINE_MAX = 3  # searches that together hold the interpreter for less than 5 ms

Direction = Literal["to", "from"]
Junctions = Sequence[int] | NDArray[np.integer[Any]]


class Box(NamedTuple):
    """A box on earth: degrees, WGS-84."""

    west: float
    south: float
    east: float
    north: float


class Network:
    """One street network with its travel times. Its streets never change; which of them are closed may."""

    def __init__(self, roads: Roads, meta: dict[str, Any], *, snap_m_max: float = 300.0) -> None:
        """Take the arrays and what is known about them; `from_pbf`, `from_streets`, `load` and `cached` make them."""
        self.roads = roads
        self.meta = meta
        self.snap_m_max = snap_m_max
        self._all_open = roads
        self._closures = ""
        self._grid = SnapGrid(roads)
        self._lately = Lately()
        self._worker: MatrixWorker | None = None

    @classmethod
    def from_pbf(cls, path: Path, *, profiles: Sequence[Profile] | None = None, snap_m_max: float = 300.0) -> Network:
        """Build the network of an OpenStreetMap file, or of all `.osm.pbf` files in a folder as one city.

        Extracts are joined where they hold the same points; a way that two of them hold counts once.
        Raises: BadNetwork: no file, not readable, or without a usable street.
        """
        profiles = default_profiles() if profiles is None else profiles
        extracts = _extracts(path)
        ways = ways_of_pbf(extracts, profiles)
        about = {"source": path.name, "source_sha256": _content(extracts), "licence": OSM_LICENCE}
        return cls._built(ways, profiles, about, snap_m_max)

    @classmethod
    def from_streets(
        cls,
        streets: Iterable[Street],
        *,
        profiles: Sequence[Profile] | None = None,
        licence: str | None = None,
        snap_m_max: float = 300.0,
    ) -> Network:
        """Build a network of made-up streets; they meet where they share a point.

        Raises: BadNetwork: no streets, or a class of street that no profile knows.
        """
        profiles = default_profiles() if profiles is None else profiles
        ways = ways_of_streets(streets, profiles)
        content = hashlib.sha256(b"".join(part.tobytes() for part in ways)).hexdigest()
        about = {"source": "streets", "source_sha256": content, "licence": licence}
        return cls._built(ways, profiles, about, snap_m_max)

    @classmethod
    def load(cls, path: Path, *, snap_m_max: float = 300.0) -> Network:
        """Open a network file.

        Raises: BadNetwork: no file, damaged, or written in another format.
        """
        roads, meta = read_roads(path)
        return cls(roads, meta, snap_m_max=snap_m_max)

    @classmethod
    def cached(cls, pbf: Path, cache_dir: Path, *, snap_m_max: float = 300.0) -> Network:
        """Open the network of a map file or folder, built once for each content of it and each set of profiles.

        Raises: BadNetwork: as `from_pbf`.
        """
        source, profiles = _content(_extracts(pbf)), default_profiles()
        file = cache_dir / f"{pbf.name.partition('.')[0]}-{_digest(source, profile_hash(profiles))}.npz"
        if file.is_file():
            try:
                return cls.load(file, snap_m_max=snap_m_max)
            except BadNetwork:
                file.unlink()  # damaged, or of another format: the map is here, so it is built again
        network = cls.from_pbf(pbf, profiles=profiles, snap_m_max=snap_m_max)
        cache_dir.mkdir(parents=True, exist_ok=True)
        network.save(file)
        return network

    def save(self, path: Path) -> None:
        """Write the network file."""
        write_roads(path, self.roads, self.meta)

    @property
    def junctions(self) -> int:
        """How many junctions there are, in all modes together."""
        return len(self.roads.xy)

    @property
    def xy(self) -> NDArray[np.float64]:
        """The places of all junctions; shape (n, 2), lon/lat in degrees, WGS-84."""
        return self.roads.xy

    @property
    def digest(self) -> str:
        """A short hash over the map's content, the profiles, the format and what is closed: equal digests measure time
        alike."""
        return _digest(self.meta["source_sha256"], self.meta["profile_sha256"], self._closures)

    @property
    def licence(self) -> str | None:
        """The line to show wherever this map is shown; None when the streets are made up."""
        licence: str | None = self.meta["licence"]
        return licence

    @property
    def box(self) -> Box:
        """The box around all junctions."""
        (west, south), (east, north) = self.roads.xy.min(axis=0).tolist(), self.roads.xy.max(axis=0).tolist()
        return Box(west, south, east, north)

    def main_junctions(self, mode: Mode) -> NDArray[np.int64]:
        """Return the junctions from which `mode` reaches the whole of its network and back; ascending."""
        return np.flatnonzero(self._graph(mode).main)

    def snap(self, lon: float, lat: float, mode: Mode) -> Snap:
        """Join a place to the nearest street that `mode` may use.

        Units: degrees, WGS-84. Raises: OffMap: none within `travel.snap_m_max`. BadRequestData: not a place.
        """
        return self._grid.snap(lon, lat, mode, self.snap_m_max)

    def node_at(self, lon: float, lat: float, mode: Mode) -> int:
        """Return the junction at which a place is joined to the network: the nearer end of its street.

        Units: degrees, WGS-84. Raises: as `snap`.
        """
        return self.snap(lon, lat, mode).junction

    def node_near(self, lon: float, lat: float, mode: Mode | None = None) -> int:
        """Return the nearest junction as the crow flies, however far: for somebody on the move, not for a home.

        With a mode, only junctions from which it reaches its whole network. Units: degrees, WGS-84.
        """
        return self._nearest.junction(lon, lat, mode)

    def junction_near(self, lon: float, lat: float) -> Point:
        """Return the place of the nearest junction: where somebody is drawn whose exact place is not to be shown."""
        return Point(*self.roads.xy[self.node_near(lon, lat)].tolist())

    def reach(
        self, place: int | Snap, minutes: float, mode: Mode, direction: Direction = "to"
    ) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
        """Return the junctions within `minutes` of a place, and the seconds from them to it (or from it to them).

        Shapes: both (k,), junctions ascending. Source: Dijkstra with a limit, on the graph turned round for "to".
        """
        seconds = self._seconds_of(place, minutes * 60, mode, direction)
        nodes = np.flatnonzero(np.isfinite(seconds))
        return nodes.astype(np.int32), seconds[nodes].astype(np.float32)

    def minutes(self, to: int, from_nodes: Junctions, limit_min: float, mode: Mode) -> NDArray[np.float64]:
        """Return the minutes from each of `from_nodes` to `to`; -1 is no junction.

        Shapes: from_nodes (n,); result (n,), nan beyond `limit_min` or where there is no way.
        """
        return self._minutes(to, from_nodes, limit_min, mode, "to")

    def minutes_from(self, start: int, to_nodes: Junctions, limit_min: float, mode: Mode) -> NDArray[np.float64]:
        """Return the minutes from `start` to each of `to_nodes`; as `minutes` otherwise."""
        return self._minutes(start, to_nodes, limit_min, mode, "from")

    def path(self, from_node: int, to_node: int, mode: Mode) -> Route | None:
        """Return the fastest way with the shapes of its streets, or None where there is no way."""
        return route(self.roads, from_node, to_node, mode)

    def matrix(self, src: Junctions, dst: Junctions, limit_min: float, mode: Mode) -> NDArray[np.float32]:
        """Return the minutes from each of `src` to each of `dst`; it blocks: a server asks `matrix_async`.

        Shapes: src (k,), dst (l,), result (k, l); nan beyond `limit_min`, where there is no way, and for -1.
        """
        return matrix_minutes(self._graph(mode), _numbers(src), _numbers(dst), limit_min)

    async def matrix_async(self, src: Junctions, dst: Junctions, limit_min: float, mode: Mode) -> NDArray[np.float32]:
        """Return `matrix` as the worker process found it; up to `INLINE_MAX` searches are made here and now.

        Raises: Busy: too many wait already, or no answer within a minute.
        """
        sources, targets = _numbers(src), _numbers(dst)
        if min(len(np.unique(sources)), len(np.unique(targets))) <= INLINE_MAX:
            return matrix_minutes(self._graph(mode), sources, targets, limit_min)
        if self._worker is None:
            self._worker = MatrixWorker(self.roads.graphs)
        return await self._worker.matrix(sources, targets, limit_min, mode)

    def places(self, lonlat: Iterable[tuple[float, float]], mode: Mode) -> Places:
        """Join many places to the streets that `mode` may use; one that is off the map, or no place, is kept as such.

        Units: degrees, WGS-84. It blocks, about 0.15 ms a place.
        """
        edges, shares = [], []
        for lon, lat in lonlat:
            try:
                snap = self._grid.snap(lon, lat, mode, self.snap_m_max)
            except BadRequestData:  # OffMap is one of these
                edges.append(-1)
                shares.append(0.0)
            else:
                edges.append(snap.edge)
                shares.append(snap.share)
        return Places(np.array(edges, np.int32), np.array(shares, np.float32))

    async def seconds_between(self, homes: Places, goals: Places, limit_min: float, mode: Mode) -> NDArray[np.float32]:
        """Return the seconds from each home to each goal, as exact as `snap`.

        Shapes: homes (k,), goals (l,), result (l, k); nan beyond `limit_min`, off the map or where there is no way.
        Raises: Busy: as `matrix_async`.
        """
        return await seconds_between(self.roads, self.matrix_async, homes, goals, limit_min=limit_min, mode=mode)

    async def shut(self, closures: Sequence[Closure]) -> bool:
        """Let exactly these closures hold from now on, in everything that is asked; return whether that is news."""
        said = closures_hash(closures)
        if said == self._closures:
            return False
        self.roads = without(self._all_open, closures) if closures else self._all_open
        self._closures = said
        self._grid = self._grid.over(self.roads)
        self._lately = Lately()
        await self.close()  # the worker knows the graphs as they were; the next one is sent these
        return True

    async def close(self) -> None:
        """End the worker process, if there is one."""
        worker, self._worker = self._worker, None
        if worker is not None:
            await worker.close()

    def outline(self, place: int | Snap, minutes: float, mode: Mode, direction: Direction = "to") -> dict[str, Any]:
        """Return what lies within `minutes` of a place as a GeoJSON MultiPolygon, for drawing.

        A place lies inside when it is at most 150 m across from a reached street and the walk there is still in time.
        """
        limit_s, roads = minutes * 60, self.roads
        seconds = self._seconds_of(place, limit_s, mode, direction)
        return outline(roads, self._samples, Reached(place, seconds, limit_s, mode, direction == "to"))

    def streets(
        self, box: tuple[float, float, float, float] | None = None, classes: Sequence[str] | None = None
    ) -> dict[str, Any]:
        """Return the streets as a GeoJSON FeatureCollection for drawing, the largest last.

        `box` is (west, south, east, north) in degrees; `classes` are values of OpenStreetMap's `highway`.
        """
        return drawn_streets(self.roads, box, classes)

    @cached_property
    def _nearest(self) -> NearestJunction:
        return NearestJunction(self.roads)

    @cached_property
    def _samples(self) -> Samples:
        return Samples(self.roads)

    def _minutes(
        self, node: int, others: Junctions, limit_min: float, mode: Mode, direction: Direction
    ) -> NDArray[np.float64]:
        wanted = _numbers(others)
        if node < 0:
            return np.full(len(wanted), np.nan)
        key = (node, limit_min, mode, direction)
        seconds = self._lately.get(key)
        if seconds is None:
            seconds = self._seconds_of(node, limit_min * 60, mode, direction).astype(np.float32)
            self._lately.keep(key, seconds)
        found = seconds[wanted].astype(np.float64) / 60
        found[(wanted < 0) | np.isinf(found)] = np.nan
        return found

    def _seconds_of(self, place: int | Snap, limit_s: float, mode: Mode, direction: Direction) -> NDArray[np.float64]:
        """Return the seconds between a place and every junction; shape (n,), inf beyond the limit."""
        graph = self._graph(mode)
        matrix = graph.backward if direction == "to" else graph.forward
        if not isinstance(place, Snap):
            return seconds_around(matrix, place, limit_s)
        seconds = np.full(self.junctions, np.inf)
        for junction, start_s in place.arrivals if direction == "to" else place.ends:
            if start_s <= limit_s:
                found = seconds_around(matrix, junction, limit_s - start_s)
                np.minimum(seconds, found + start_s, out=seconds)
        return seconds

    def _graph(self, mode: Mode) -> Graph:
        return self.roads.graphs[mode]

    @classmethod
    def _built(cls, ways: Ways, profiles: Sequence[Profile], about: dict[str, Any], snap_m_max: float) -> Network:
        roads = roads_of(ways, profiles, street_kinds(profiles))
        counts = {
            "ways": len(ways.ids),
            "junctions": len(roads.xy),
            "edges": len(roads.edge_ends),
            "directed_edges": int(np.isfinite(roads.edge_seconds).any(axis=0).sum()),
            "shape_points": len(roads.edge_geom_e7),
        }
        of_mode = {
            mode: {"directed_edges": len(graph.indices), "main_junctions": int(graph.main.sum())}
            for mode, graph in roads.graphs.items()
        }
        meta = {**about, "profile_sha256": profile_hash(profiles), "counts": counts, "modes": of_mode}
        return cls(roads, meta, snap_m_max=snap_m_max)


def _numbers(junctions: Junctions) -> NDArray[np.int64]:
    return np.asarray(junctions, np.int64).reshape(-1)


def _extracts(path: Path) -> list[Path]:
    """Return the map files that a path means: itself, or those in the folder. Raises: BadNetwork: there are none."""
    found = sorted(path.glob("*.osm.pbf")) if path.is_dir() else [path]
    if not found:
        raise BadNetwork(f"{path}: this folder holds no .osm.pbf file.")
    if not all(one.is_file() for one in found):
        raise BadNetwork(f"{path}: there is no such map file.")
    return found


def _content(extracts: Sequence[Path]) -> str:
    """Return the SHA-256 of a map file's content, or of several together."""
    each = [sha256_of(one) for one in extracts]
    return each[0] if len(each) == 1 else hashlib.sha256("".join(each).encode()).hexdigest()


def _digest(source_sha256: str, profile_sha256: str, closures: str = "") -> str:
    said = ":".join((str(FORMAT), source_sha256, profile_sha256, *filter(None, [closures])))
    return hashlib.sha256(said.encode()).hexdigest()[:16]
