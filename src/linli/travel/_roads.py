"""Roads: the arrays of one street network, cut at junctions, with one directed graph for each mode of travel."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from linli.base import EARTH_M

from ._profiles import MODES, Mode, Profile
from ._ways import E7, Ways

SECONDS_MIN = 0.1
GRAPH_ARRAYS = ("indptr", "indices", "seconds", "edges", "t_indptr", "t_indices", "t_seconds", "main")
FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class Graph:
    """The directed graph of one mode, forwards and turned round, as compressed rows.

    Shapes: n junctions, k directed edges without parallels (the fastest is kept). Units: seconds.
    `edges` (k,) names the edge behind each forward entry; `main` (n,) marks the largest strongly connected part:
    only there homes are joined to the network, or they would look unreachable.
    """

    indptr: IntArray
    indices: IntArray
    seconds: FloatArray
    edges: IntArray
    t_indptr: IntArray
    t_indices: IntArray
    t_seconds: FloatArray
    main: NDArray[np.bool_]
    forward: Any = field(init=False, repr=False, compare=False)
    backward: Any = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Wrap the arrays for scipy, without copies."""
        object.__setattr__(self, "forward", _matrix(self.seconds, self.indices, self.indptr))
        object.__setattr__(self, "backward", _matrix(self.t_seconds, self.t_indices, self.t_indptr))


@dataclass(frozen=True, slots=True)
class Roads:
    """A whole network. An edge is a piece of street between two junctions, in the direction it was drawn.

    Shapes: n junctions, m edges, g shape points. xy (n, 2) lon/lat in degrees, WGS-84; edge_ends (m, 2) junctions;
    edge_way (m,) ids in OpenStreetMap; edge_kind (m,) index into `kinds`; edge_length_m (m,);
    edge_seconds (modes, 2, m) along and against, inf = not open; edge_geom_ptr (m + 1,) into edge_geom_e7 (g, 2),
    lon/lat in 1e-7 degrees.
    """

    xy: FloatArray
    edge_ends: IntArray
    edge_way: NDArray[np.int64]
    edge_kind: NDArray[np.uint8]
    edge_length_m: NDArray[np.float32]
    edge_seconds: NDArray[np.float32]
    edge_geom_ptr: IntArray
    edge_geom_e7: IntArray
    graphs: dict[Mode, Graph]
    kinds: tuple[str, ...]


def roads_of(ways: Ways, profiles: Sequence[Profile], kinds: tuple[str, ...]) -> Roads:
    """Cut the ways at junctions and build the graph of each mode."""
    places, inverse = np.unique(ways.refs, return_inverse=True)
    way_of = np.repeat(np.arange(len(ways.ids)), np.diff(ways.ptr))
    a, b, is_junction = _cuts(ways, inverse, way_of, len(places))
    number = np.cumsum(is_junction) - 1
    first = np.zeros(len(places), np.int64)
    first[inverse[::-1]] = np.arange(len(inverse))[::-1]
    ends = np.column_stack([number[inverse[a]], number[inverse[b]]]).astype(np.int32)
    counts = b - a + 1
    geom_ptr = np.concatenate([[0], np.cumsum(counts)])
    points = np.repeat(a - geom_ptr[:-1], counts) + np.arange(geom_ptr[-1])
    travelled = np.concatenate([[0.0], np.cumsum(_steps_m(ways.e7))])
    length_m = travelled[b] - travelled[a]
    seconds = _seconds(length_m, ways.kmh[way_of[a]])
    n = int(is_junction.sum())
    graphs = {mode: graph_of(n, ends, *seconds[i]) for i, mode in enumerate(MODES[: len(profiles)])}
    return Roads(
        xy=ways.e7[first[is_junction]] / E7,
        edge_ends=ends,
        edge_way=ways.ids[way_of[a]],
        edge_kind=ways.kinds[way_of[a]],
        edge_length_m=length_m.astype(np.float32),
        edge_seconds=seconds.astype(np.float32),
        edge_geom_ptr=geom_ptr.astype(np.int32),
        edge_geom_e7=ways.e7[points],
        graphs=graphs,
        kinds=kinds,
    )


def graph_of(n: int, ends: IntArray, along_s: FloatArray, against_s: FloatArray) -> Graph:
    """Return the graph of one mode; of parallel edges the fastest is kept, because scipy would add them up.

    Shapes: ends (m, 2); along_s, against_s (m,) seconds, inf where not open.
    """
    with_it, turned = np.flatnonzero(np.isfinite(along_s)), np.flatnonzero(np.isfinite(against_s))
    u = np.concatenate([ends[with_it, 0], ends[turned, 1]])
    v = np.concatenate([ends[with_it, 1], ends[turned, 0]])
    seconds = np.concatenate([along_s[with_it], against_s[turned]])
    edges = np.concatenate([with_it, turned])
    order = np.lexsort((edges, seconds, v, u))
    u, v, seconds, edges = u[order], v[order], seconds[order], edges[order]
    fastest = np.ones(len(u), bool)
    fastest[1:] = (u[1:] != u[:-1]) | (v[1:] != v[:-1])
    u, v, seconds, edges = u[fastest], v[fastest], seconds[fastest], edges[fastest]
    turn = np.lexsort((u, v))
    indptr, indices = _pointers(u, n), v.astype(np.int32)
    return Graph(
        indptr=indptr,
        indices=indices,
        seconds=seconds.astype(np.float64),
        edges=edges.astype(np.int32),
        t_indptr=_pointers(v[turn], n),
        t_indices=u[turn].astype(np.int32),
        t_seconds=seconds[turn].astype(np.float64),
        main=_main_part(_matrix(seconds, indices, indptr)),
    )


def _cuts(
    ways: Ways, inverse: NDArray[np.int64], way_of: NDArray[np.int64], places: int
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.bool_]]:
    """Return where each edge begins and ends among the points, and which places are junctions.

    A street that comes back to where it began gets a junction half-way: an edge from a junction to itself would
    be lost to the graph, and with it the homes along it.
    """
    uses = np.bincount(inverse, minlength=places)
    uses[inverse[ways.ptr[:-1]]] += 2
    uses[inverse[ways.ptr[1:] - 1]] += 2
    while True:
        cuts = np.flatnonzero(uses[inverse] > 1)
        a, b = cuts[:-1], cuts[1:]
        same = way_of[a] == way_of[b]
        a, b = a[same], b[same]
        loops = inverse[a] == inverse[b]
        if not loops.any():
            return a, b, uses > 1
        uses[inverse[(a[loops] + b[loops]) // 2]] += 2


def _steps_m(e7: IntArray) -> FloatArray:
    """Return the distance in metres from each point to the next (haversine); shapes (k, 2) -> (k - 1,)."""
    lon, lat = np.radians(e7 / E7).T
    h = np.sin(np.diff(lat) / 2) ** 2 + np.cos(lat[1:]) * np.cos(lat[:-1]) * np.sin(np.diff(lon) / 2) ** 2
    return np.asarray(2 * EARTH_M * np.arcsin(np.minimum(1.0, np.sqrt(h))), np.float64)


def _seconds(length_m: FloatArray, kmh: FloatArray) -> FloatArray:
    """Return the seconds each edge takes; shapes (m,), (m, modes, 2) -> (modes, 2, m); inf where speed is 0."""
    with np.errstate(divide="ignore"):
        seconds = np.where(kmh > 0, np.maximum(length_m[:, None, None] * 3.6 / kmh, SECONDS_MIN), np.inf)
    return np.ascontiguousarray(np.moveaxis(seconds, 0, -1))


def _pointers(rows: NDArray[np.int32], n: int) -> IntArray:
    return np.concatenate([[0], np.cumsum(np.bincount(rows, minlength=n))]).astype(np.int32)


def _matrix(seconds: FloatArray, indices: IntArray, indptr: IntArray) -> Any:
    from scipy.sparse import csr_array  # only where there is a map: scipy takes half a second to load

    n = len(indptr) - 1
    return csr_array((seconds, indices, indptr), shape=(n, n))


def _main_part(graph: Any) -> NDArray[np.bool_]:
    from scipy.sparse.csgraph import connected_components

    _, part = connected_components(graph, directed=True, connection="strong")
    sizes = np.bincount(part)
    # A part of one junction is no network: it holds no street that leads back.
    return np.asarray((part == sizes.argmax()) & (sizes.max() > 1))
