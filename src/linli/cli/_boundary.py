"""The boundary in which all places must lie, out of a GeoJSON file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from linli.base import read_json, write_json
from linli.base.errors import LinliError, StartError
from linli.broker import metres_outside, read_place

FILE_BYTES_MAX = 16 << 20


def read_boundary(file: Path) -> Callable[[Any], float]:
    """Return what tells how far outside of the areas of a file a place lies, in metres; 0 for one that is inside.

    Raises: StartError: the file cannot be read, or holds no area.
    """
    try:
        said = read_json(file.read_bytes(), bytes_max=FILE_BYTES_MAX)
        area = write_json(read_place("MultiPolygon", _areas(said)))
    except OSError as error:
        raise StartError(f"{file}: cannot be read ({error.strerror}).") from error
    except LinliError as error:
        raise StartError(f"{file}: {error.message}") from error
    return lambda place: metres_outside(area, place)


def _areas(said: Any) -> list[Any]:
    """Return the polygons of a geometry, of a Feature, or of all Features of a collection."""
    kind = said.get("type") if isinstance(said, dict) else None
    match kind:
        case "FeatureCollection":
            features = said.get("features")
            return [area for one in features for area in _areas(one)] if isinstance(features, list) else []
        case "Feature":
            return _areas(said.get("geometry"))
        case "Polygon":
            return [said.get("coordinates")]
        case "MultiPolygon" if isinstance(said.get("coordinates"), list):
            return list(said["coordinates"])
        case _:
            return []
