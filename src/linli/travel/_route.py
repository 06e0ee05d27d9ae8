"""One way from here to there, with the shapes of the streets, so that somebody can be drawn while he moves."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from linli.base import Point, distance_m

from ._profiles import Mode
from ._roads import Graph, Roads
from ._search import steps_around
from ._ways import E7

_SLOWEST_KMH: dict[Mode, float] = {"walk": 2.0, "ebike": 6.0, "drive": 8.0}
_START_S = 300.0


class Route(NamedTuple):
    """The fastest way: shapes xy (n, 2) lon/lat in degrees, seconds (n,) since the start, never falling."""

    xy: NDArray[np.float64]
    seconds: NDArray[np.float64]

    @property
    def length_m(self) -> float:
        """How long the way is, in metres."""
        places = [Point(*place) for place in self.xy.tolist()]
        return sum(distance_m(a, b) for a, b in pairwise(places))

    def at(self, seconds: float) -> Point:
        """Return where somebody is who set out `seconds` ago: at an end before and after."""
        lon, lat = (float(np.interp(seconds, self.seconds, axis)) for axis in self.xy.T)
        return Point(lon, lat)


def route(roads: Roads, from_node: int, to_node: int, mode: Mode) -> Route | None:
    """Return the fastest way, or None where there is none. One junction gives a path of one point."""
    graph = roads.graphs[mode]
    nodes = _nodes(roads, graph, from_node, to_node, mode)
    if nodes is None:
        return None
    shapes, times, start_s = [roads.xy[[from_node]]], [np.zeros(1)], 0.0
    for u, v in pairwise(nodes):
        shape, parts, seconds = _along(roads, graph, u, v)
        shapes.append(shape[1:])
        times.append(start_s + parts[1:] * seconds)
        start_s += seconds
    return Route(np.concatenate(shapes), np.concatenate(times))


def _nodes(roads: Roads, graph: Graph, from_node: int, to_node: int, mode: Mode) -> list[int] | None:
    """Return the junctions of the way. A first search ends where a slow way would; only then the whole is searched."""
    crow_m = distance_m(Point(*roads.xy[from_node].tolist()), Point(*roads.xy[to_node].tolist()))
    for limit_s in (_START_S + crow_m * 3.6 / _SLOWEST_KMH[mode], math.inf):
        seconds, before = steps_around(graph.forward, from_node, limit_s)
        if math.isfinite(seconds[to_node]):
            break
    else:
        return None
    nodes = [to_node]
    while nodes[-1] != from_node:
        nodes.append(int(before[nodes[-1]]))
    return nodes[::-1]


def _along(roads: Roads, graph: Graph, u: int, v: int) -> tuple[NDArray[np.float64], NDArray[np.float64], float]:
    """Return the shape from u to v (k, 2), the share of the edge at each point (k,), and the edge's seconds."""
    start, stop = graph.indptr[u], graph.indptr[u + 1]
    entry = start + int(np.searchsorted(graph.indices[start:stop], v))
    edge = int(graph.edges[entry])
    shape = roads.edge_geom_e7[roads.edge_geom_ptr[edge] : roads.edge_geom_ptr[edge + 1]] / E7
    if roads.edge_ends[edge, 0] != u:
        shape = shape[::-1]
    steps = np.hypot(np.diff(shape[:, 0]) * math.cos(math.radians(shape[0, 1])), np.diff(shape[:, 1]))
    run = np.concatenate([[0.0], np.cumsum(steps)])
    shares = run / run[-1] if run[-1] > 0 else np.linspace(0.0, 1.0, len(run))
    return shape, shares, float(graph.seconds[entry])
