"""The search itself: Dijkstra with a limit. It holds the interpreter while it runs, so large work goes elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]


def _dijkstra(graph: Any, **asked: Any) -> Any:
    from scipy.sparse.csgraph import dijkstra  # only where there is a map: scipy takes half a second to load

    return dijkstra(graph, **asked)


def seconds_around(graph: Any, junction: int, limit_s: float) -> FloatArray:
    """Return the seconds from a junction to every junction of a graph; shape (n,), inf beyond `limit_s`."""
    found: FloatArray = _dijkstra(graph, indices=junction, limit=limit_s)
    return found


def seconds_around_each(graph: Any, junctions: Sequence[int] | NDArray[Any], limit_s: float) -> FloatArray:
    """Return the seconds from each of some junctions to every junction; shape (k, n), inf beyond `limit_s`."""
    found: FloatArray = _dijkstra(graph, indices=junctions, limit=limit_s)
    return found


def steps_around(graph: Any, junction: int, limit_s: float) -> tuple[FloatArray, NDArray[np.int32]]:
    """Return the seconds as `seconds_around`, and before each junction the one from which it is reached."""
    found: tuple[FloatArray, NDArray[np.int32]] = _dijkstra(
        graph, indices=junction, limit=limit_s, return_predecessors=True
    )
    return found
