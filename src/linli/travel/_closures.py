"""Closures: which streets nobody may use for now, and the network without them.

A street counts as closed from junction to junction. Of parallel streets the graph keeps the fastest, so where that one
is closed the next takes its place; everything else of the network is shared with the one that has no closures.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from linli.base import write_json

from ._drawing import touching
from ._profiles import MODES, Mode
from ._roads import Graph, Roads
from ._ways import E7


@dataclass(frozen=True, slots=True)
class Closure:
    """What is closed: the ways of these numbers in OpenStreetMap, and the streets of an area (GeoJSON Polygon or
    MultiPolygon): all that touch it (road works), or, when it is `sealed`, those that lead across its border."""

    area: Mapping[str, Any] | None = None
    ways: tuple[int, ...] = ()
    sealed: bool = False
    modes: tuple[Mode, ...] = MODES


def closures_hash(closures: Sequence[Closure]) -> str:
    """Return a hash over closures, whatever their order; nothing closed gives the empty text."""
    if not closures:
        return ""
    rows = sorted(write_json([one.area, one.ways, one.sealed, sorted(one.modes)]) for one in closures)
    return hashlib.sha256(b"\n".join(rows)).hexdigest()


def without(roads: Roads, closures: Sequence[Closure]) -> Roads:
    """Return the network as it is while these closures last; shapes and junctions stay the same."""
    closed = np.zeros((len(MODES), len(roads.edge_ends)), bool)
    for closure in closures:
        edges = _edges(roads, closure)
        for mode in closure.modes:
            closed[MODES.index(mode), edges] = True
    seconds = np.where(closed[:, None, :], np.float32(np.inf), roads.edge_seconds)
    graphs = {
        mode: _graph_without(graph, roads.edge_ends, seconds[at], np.flatnonzero(closed[at]))
        for at, (mode, graph) in enumerate(roads.graphs.items())
    }
    return replace(roads, edge_seconds=seconds, graphs=graphs)


def _edges(roads: Roads, closure: Closure) -> NDArray[np.int64]:
    edges = np.flatnonzero(np.isin(roads.edge_way, closure.ways))
    if closure.area is None:
        return edges
    area = shapely.from_geojson(write_json(closure.area))
    near = np.flatnonzero(touching(roads, area.bounds))
    counts = roads.edge_geom_ptr[near + 1] - roads.edge_geom_ptr[near]
    which = np.repeat(np.arange(len(near)), counts)
    nth = np.arange(len(which)) - np.repeat(np.cumsum(counts) - counts, counts)
    points = roads.edge_geom_e7[roads.edge_geom_ptr[near][which] + nth] / E7
    barrier = area.boundary if closure.sealed else area
    shapely.prepare(barrier)
    hit = shapely.intersects(barrier, shapely.linestrings(points, indices=which)) if len(near) else np.zeros(0, bool)
    return np.union1d(edges, near[hit])


def _graph_without(
    graph: Graph, ends: NDArray[np.int32], seconds: NDArray[np.float32], closed: NDArray[np.int64]
) -> Graph:
    """Return the graph with the entries of closed edges set to the best street left between the same junctions.

    Shapes: ends (m, 2), seconds (2, m) along and against with inf where closed, closed: numbers of edges.
    """
    if not len(closed):
        return graph
    n = np.int64(len(graph.indptr) - 1)
    along = ends[:, 0] * n + ends[:, 1]
    pairs = np.unique(np.concatenate([along[closed], ends[closed, 1] * n + ends[closed, 0]]))
    beside = np.flatnonzero(np.isin(along, pairs))
    key = np.concatenate([along[beside], ends[beside, 1] * n + ends[beside, 0]])
    left = np.concatenate([seconds[0, beside], seconds[1, beside]]).astype(np.float64)
    edge = np.concatenate([beside, beside])
    order = np.lexsort((edge, left, key))
    key, first = np.unique(key[order], return_index=True)
    left, edge = left[order][first], edge[order][first].astype(np.int32)

    entry, kept = _entries(graph.indptr, graph.indices, key)
    fresh, edges = graph.seconds.copy(), graph.edges.copy()
    fresh[entry], edges[entry] = left[kept], edge[kept]
    turned = np.argsort((key % n) * n + key // n)
    entry, kept = _entries(graph.t_indptr, graph.t_indices, ((key % n) * n + key // n)[turned])
    t_fresh = graph.t_seconds.copy()
    t_fresh[entry] = left[turned][kept]
    return replace(graph, seconds=fresh, edges=edges, t_seconds=t_fresh)


def _entries(
    indptr: NDArray[np.int32], indices: NDArray[np.int32], keys: NDArray[Any]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return where the pairs `keys` (row * n + column, ascending) stand in a graph, and which of them do."""
    n = len(indptr) - 1
    there = np.repeat(np.arange(n, dtype=np.int64), np.diff(indptr)) * n + indices
    at = np.searchsorted(there, keys).clip(max=max(0, len(there) - 1))
    kept = np.flatnonzero(there[at] == keys) if len(there) else np.zeros(0, np.int64)
    return at[kept], kept
