"""The network file: `.npz` without pickles, format 1, loaded in milliseconds."""

from __future__ import annotations

import hashlib
import os
import zipfile
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from linli.base import read_json, write_json
from linli.base.errors import BadNetwork, InvalidRequest

from ._profiles import MODES
from ._roads import GRAPH_ARRAYS, Graph, Roads

FORMAT = 1
META_BYTES_MAX = 1 << 20
_EDGES = ("edge_ends", "edge_way", "edge_kind", "edge_length_m", "edge_seconds", "edge_geom_ptr", "edge_geom_e7")


def write_roads(path: Path, roads: Roads, meta: dict[str, Any]) -> None:
    """Write the network file; it appears whole or not at all."""
    arrays: dict[str, Any] = {"format": np.int64(FORMAT), "xy": roads.xy}
    for mode, graph in roads.graphs.items():
        arrays.update({f"{mode}_{name}": getattr(graph, name) for name in GRAPH_ARRAYS})
    arrays.update({name: getattr(roads, name) for name in _EDGES})
    arrays["meta"] = np.frombuffer(write_json({**meta, "kinds": roads.kinds}), np.uint8)
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with beside.open("wb") as file:
            _savez(file, arrays)
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


def read_roads(path: Path) -> tuple[Roads, dict[str, Any]]:
    """Return the network of a file and what is known about it.

    Raises: BadNetwork: no file, damaged, or written in another format.
    """
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            return _roads(path, arrays)
    except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile, InvalidRequest) as error:
        raise BadNetwork(f"{path}: is not a readable network file ({error}); build it again from the map.") from error


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file's content."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _savez(file: BinaryIO, arrays: dict[str, NDArray[Any]]) -> None:
    np.savez(file, allow_pickle=False, **arrays)


def _roads(path: Path, arrays: Any) -> tuple[Roads, dict[str, Any]]:
    found = int(arrays["format"])
    if found != FORMAT:
        raise BadNetwork(
            f"{path}: is written in format {found}, this program reads {FORMAT}; build it again from the map."
        )
    meta: dict[str, Any] = read_json(arrays["meta"].tobytes(), bytes_max=META_BYTES_MAX)
    graphs = {mode: Graph(**{name: arrays[f"{mode}_{name}"] for name in GRAPH_ARRAYS}) for mode in MODES}
    roads = Roads(
        xy=arrays["xy"],
        graphs=graphs,
        kinds=tuple(meta.pop("kinds")),
        **{name: arrays[name] for name in _EDGES},
    )
    return roads, meta
