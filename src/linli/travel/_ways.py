"""Ways as they are drawn: polylines with a class and speeds, read from a .osm.pbf file or from made-up streets."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from linli.base.errors import BadNetwork

from ._profiles import Profile, street_kinds

E7 = 10_000_000


class Street(NamedTuple):
    """One made-up street: points (lon, lat) in degrees, the class of street, and whether it is one-way."""

    points: Sequence[tuple[float, float]]
    kind: str = "residential"
    oneway: bool = False


class Ways(NamedTuple):
    """All usable ways, their points one after the other.

    Shapes: refs (k,) numbers of the points, shared where ways meet; e7 (k, 2) lon/lat in 1e-7 degrees;
    ptr (w + 1,) where each way begins; ids (w,); kinds (w,) index into the profiles' classes;
    kmh (w, modes, 2) speeds along and against the drawn direction, 0 = not open.
    """

    refs: NDArray[np.int64]
    e7: NDArray[np.int32]
    ptr: NDArray[np.int64]
    ids: NDArray[np.int64]
    kinds: NDArray[np.uint8]
    kmh: NDArray[np.float64]


class WaysGathered:
    """Takes ways one after the other and keeps them flat, so that a large map costs little."""

    def __init__(self, profiles: Sequence[Profile]) -> None:
        """Measure each way by `profiles`."""
        self._profiles = profiles
        self._kinds = {kind: number for number, kind in enumerate(street_kinds(profiles))}
        self._refs, self._x, self._y = array("q"), array("i"), array("i")
        self._ptr, self._ids, self._way_kinds, self._kmh = array("q", [0]), array("q"), array("B"), array("d")

    def speeds(self, tags: Mapping[str, str]) -> list[float] | None:
        """Return the speeds of a way in each mode along and against it, or None when nobody may use it."""
        if tags["highway"] not in self._kinds:
            return None
        speeds = [kmh for profile in self._profiles for kmh in profile.speeds_on(tags)]
        return speeds if any(speeds) else None

    def add(self, way_id: int, kind: str, speeds: Sequence[float], points: Sequence[tuple[int, int, int]]) -> None:
        """Add one way; a point is (number, lon, lat in 1e-7 degrees), and a point repeated at once is left out."""
        start = len(self._refs)
        for ref, x, y in points:
            if len(self._refs) == start or self._refs[-1] != ref:
                self._refs.append(ref)
                self._x.append(x)
                self._y.append(y)
        if len(self._refs) - start < 2:
            del self._refs[start:], self._x[start:], self._y[start:]
            return
        self._ptr.append(len(self._refs))
        self._ids.append(way_id)
        self._way_kinds.append(self._kinds[kind])
        self._kmh.extend(speeds)

    def gathered(self) -> Ways:
        """Return all ways that were added."""
        e7 = np.column_stack([np.asarray(self._x, np.int32), np.asarray(self._y, np.int32)])
        return Ways(
            refs=np.asarray(self._refs, np.int64),
            e7=e7.reshape(-1, 2),
            ptr=np.asarray(self._ptr, np.int64),
            ids=np.asarray(self._ids, np.int64),
            kinds=np.asarray(self._way_kinds, np.uint8),
            kmh=np.asarray(self._kmh, np.float64).reshape(len(self._ids), len(self._profiles), 2),
        )


def ways_of_pbf(paths: Sequence[Path], profiles: Sequence[Profile]) -> Ways:
    """Return the usable ways of OpenStreetMap files that together make one city.

    Raises: BadNetwork: no file, not readable, or without a single usable street.
    """
    gathering = WaysGathered(profiles)
    joining = _Joining() if len(paths) > 1 else None
    for path in paths:
        if not path.is_file():
            raise BadNetwork(f"{path}: there is no such map file.")
        if path.stat().st_size == 0:
            raise BadNetwork(f"{path}: the map file is empty; fetch it again.")
        try:
            _read(path, gathering, joining)
        except (RuntimeError, ValueError, OSError) as error:
            raise BadNetwork(f"{path}: is not a readable OpenStreetMap file ({error}); fetch it again.") from error
    ways = gathering.gathered()
    if not len(ways.ids):
        where = ", ".join(map(str, paths))
        raise BadNetwork(f"{where}: holds no street that anybody may use; it needs ways with the tag highway.")
    return ways


def ways_of_streets(streets: Iterable[Street], profiles: Sequence[Profile]) -> Ways:
    """Return made-up streets as ways; streets meet where they share a point (to 1e-7 degrees).

    Raises: BadNetwork: no usable street among them.
    """
    gathering = WaysGathered(profiles)
    numbers: dict[tuple[int, int], int] = {}
    for way_id, street in enumerate(streets, start=1):
        speeds = gathering.speeds({"highway": street.kind, "oneway": "yes" if street.oneway else "no"})
        if speeds is None:
            raise BadNetwork(f"Street {way_id} is of the class {street.kind}, which no profile knows.")
        points = [(round(lon * E7), round(lat * E7)) for lon, lat in street.points]
        gathering.add(way_id, street.kind, speeds, [(numbers.setdefault(p, len(numbers)), *p) for p in points])
    ways = gathering.gathered()
    if not len(ways.ids):
        raise BadNetwork("No streets were given.")
    return ways


class _Joining:
    """Joins extracts: one number for a point that several hold, and each way once.

    A point is the same only where its number and its place agree: some extracts number their points by themselves.
    """

    def __init__(self) -> None:
        self._numbers: dict[tuple[int, int, int], int] = {}
        self._ways: set[tuple[int, tuple[int, ...]]] = set()

    def joined(self, way_id: int, points: Sequence[tuple[int, int, int]]) -> list[tuple[int, int, int]] | None:
        """Return a way's points with the numbers of the whole city, or None when it is there already."""
        numbered = [(self._numbers.setdefault(point, len(self._numbers)), *point[1:]) for point in points]
        way = (way_id, tuple(number for number, _, _ in numbered))
        if way in self._ways:
            return None
        self._ways.add(way)
        return numbered


def _read(path: Path, gathering: WaysGathered, joining: _Joining | None) -> None:
    import osmium  # only when a map is built: a server that opens its network file never needs it

    wanted: Any = osmium.filter.KeyFilter("highway")
    reader: Any = osmium.FileProcessor(str(path), osmium.osm.NODE | osmium.osm.WAY)
    for way in reader.with_locations().with_filter(wanted):
        if not way.is_way():
            continue
        tags = {tag.k: tag.v for tag in way.tags}
        speeds = gathering.speeds(tags)
        if speeds is None:
            continue
        number = int(tags["ref:osm_way"]) if tags.get("ref:osm_way", "").isdecimal() else way.id
        for run in _runs(way.nodes):
            points = run if joining is None else joining.joined(number, run)
            if points is not None:
                gathering.add(number, tags["highway"], speeds, points)


def _runs(nodes: Any) -> Iterable[list[tuple[int, int, int]]]:
    """Cut a way where the map file lacks a point: at the border of an extract."""
    run: list[tuple[int, int, int]] = []
    for node in nodes:
        if node.location.valid():
            run.append((node.ref, node.x, node.y))
        elif run:
            yield run
            run = []
    if run:
        yield run
