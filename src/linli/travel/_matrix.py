"""Travel times from many to many: each place once, in blocks, so that a large city costs no large memory."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._roads import Graph
from ._search import seconds_around_each

SOURCES_A_BLOCK = 64
_BLOCK_BYTES = 32 << 20


def matrix_minutes(graph: Graph, src: NDArray[Any], dst: NDArray[Any], limit_min: float) -> NDArray[np.float32]:
    """Return the minutes from each of `src` to each of `dst`; -1 is no junction.

    Shapes: src (k,), dst (l,), result (k, l); nan beyond `limit_min` or where there is no way.
    Source: Dijkstra with a limit from the side that has fewer different junctions.
    """
    sources, row = np.unique(src, return_inverse=True)
    targets, column = np.unique(dst, return_inverse=True)
    if len(sources) <= len(targets):
        found = _block_by_block(graph.forward, sources, targets, limit_min)
    else:
        found = _block_by_block(graph.backward, targets, sources, limit_min).T
    return np.asarray(found[np.ix_(row.reshape(-1), column.reshape(-1))], np.float32)


def _block_by_block(
    graph: Any, sources: NDArray[np.int64], targets: NDArray[np.int64], limit_min: float
) -> NDArray[np.float32]:
    found = np.full((len(sources), len(targets)), np.nan, np.float32)
    real_rows, real_columns = np.flatnonzero(sources >= 0), np.flatnonzero(targets >= 0)
    step = max(1, min(SOURCES_A_BLOCK, _BLOCK_BYTES // (8 * graph.shape[0])))
    for start in range(0, len(real_rows), step):
        rows = real_rows[start : start + step]
        minutes = seconds_around_each(graph, sources[rows], limit_min * 60)[:, targets[real_columns]] / 60
        minutes[np.isinf(minutes)] = np.nan
        found[np.ix_(rows, real_columns)] = minutes
    return found
