"""The territory: a box on the street network, cut into communities and streets, each junction in its community."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from linli.base import Point, scope_of_code
from linli.base.errors import BadNetwork
from linli.travel import Network

from ._scenario import Box

DISTRICT_CODE = "990101"
CITY_CODE = "9901"
HOME_SCOPE = scope_of_code(DISTRICT_CODE)
GRIDS = 4
_CELLS_A_BOX = 12


@dataclass(frozen=True, slots=True)
class Community:
    """One community: its place in the raster (from the south-west), region codes and box in degrees."""

    index: int
    column: int
    row: int
    street_code: str
    code: str
    box: tuple[float, float, float, float]

    @property
    def id(self) -> str:
        """Return the id of its Area."""
        return area_id(self.code)

    @property
    def scope(self) -> str:
        """Return its place in the hierarchy."""
        return scope_of_code(self.code)

    def grid_of(self, place: Point) -> int:
        """Return the number of the grid (1 to 4) in which a place of the community lies."""
        west, south, east, north = self.box
        return 1 + int(place.lon >= (west + east) / 2) + 2 * int(place.lat >= (south + north) / 2)

    def grid_box(self, grid: int) -> tuple[float, float, float, float]:
        """Return west, south, east, north of a grid."""
        west, south, east, north = self.box
        middle_x, middle_y = (west + east) / 2, (south + north) / 2
        is_east, is_north = (grid - 1) % 2 == 1, (grid - 1) // 2 == 1
        return (
            middle_x if is_east else west,
            middle_y if is_north else south,
            east if is_east else middle_x,
            north if is_north else middle_y,
        )


class Territory:
    """The box, its communities, and the junctions in it that can be reached and left in the helpers' mode."""

    def __init__(self, network: Network, box: Box, mode: str = "ebike") -> None:
        """Lay the box on the network: at its centre when the map holds it, else over the densest part.

        Raises: BadNetwork: not a single usable junction.
        """
        usable = network.main_junctions("ebike" if mode == "ebike" else "walk")
        places = network.roads.xy[usable]
        if not len(places):
            raise BadNetwork("The map holds no street on which a helper could ride.")
        self.box = _laid(box, places, tuple(network.box))
        west, south, east, north = self.box
        inside = (places[:, 0] >= west) & (places[:, 0] <= east) & (places[:, 1] >= south) & (places[:, 1] <= north)
        self.places: NDArray[np.float64] = places[inside]
        self.communities = tuple(_communities(self.box, box.columns, box.rows))
        columns = np.clip(((self.places[:, 0] - west) / (east - west) * box.columns).astype(int), 0, box.columns - 1)
        rows = np.clip(((self.places[:, 1] - south) / (north - south) * box.rows).astype(int), 0, box.rows - 1)
        self.community_of: NDArray[np.int64] = rows * box.columns + columns
        self.junctions_in = tuple(
            np.flatnonzero(self.community_of == community.index) for community in self.communities
        )

    def place(self, junction: int) -> Point:
        """Return a junction's place; junctions are numbered within the territory."""
        lon, lat = self.places[junction].tolist()
        return Point(round(lon, 7), round(lat, 7))

    @property
    def settled(self) -> tuple[Community, ...]:
        """Return the communities that have a street at all."""
        return tuple(one for one in self.communities if len(self.junctions_in[one.index]))


def area_id(code: str, grid: int | None = None) -> str:
    """Return the id of an area: its region code padded to 12 digits, and its grid."""
    tail = "" if grid is None else f"-g{grid:02d}"
    return f"urn:ngsi-ld:Area:{code.ljust(12, '0')}{tail}"


def _laid(box: Box, places: NDArray[np.float64], whole: tuple[float, ...]) -> tuple[float, float, float, float]:
    west, south, east, north = whole
    width, height = min(box.width_deg, east - west), min(box.height_deg, north - south)
    lon, lat = box.center
    if not (west <= lon <= east and south <= lat <= north):
        lon, lat = _densest(places, whole, width, height)
    left = min(max(lon - width / 2, west), east - width)
    bottom = min(max(lat - height / 2, south), north - height)
    return left, bottom, left + width, bottom + height


def _densest(places: NDArray[np.float64], whole: tuple[float, ...], width: float, height: float) -> tuple[float, float]:
    """Return the centre of the window of that size that holds the most junctions, to a twelfth of its size."""
    west, south, east, north = whole
    n_x = max(_CELLS_A_BOX, round((east - west) / width * _CELLS_A_BOX))
    n_y = max(_CELLS_A_BOX, round((north - south) / height * _CELLS_A_BOX))
    counts, _, _ = np.histogram2d(places[:, 0], places[:, 1], bins=(n_x, n_y), range=((west, east), (south, north)))
    sums = np.zeros((n_x + 1, n_y + 1))
    sums[1:, 1:] = counts.cumsum(axis=0).cumsum(axis=1)
    k = _CELLS_A_BOX
    windows = sums[k:, k:] - sums[:-k, k:] - sums[k:, :-k] + sums[:-k, :-k]
    i, j = np.unravel_index(int(windows.argmax()), windows.shape)
    return (
        west + (int(i) + k / 2) * (east - west) / n_x,
        south + (int(j) + k / 2) * (north - south) / n_y,
    )


def _communities(box: tuple[float, float, float, float], columns: int, rows: int) -> list[Community]:
    """Cut the box; every two by two communities make a street, and codes count up within it."""
    west, south, east, north = box
    width, height = (east - west) / columns, (north - south) / rows
    street_columns = -(-columns // 2)
    counted: dict[int, int] = {}
    communities = []
    for index in range(columns * rows):
        row, column = divmod(index, columns)
        street = (row // 2) * street_columns + column // 2 + 1
        counted[street] = counted.get(street, 0) + 1
        street_code = f"{DISTRICT_CODE}{street:03d}"
        corners = (
            west + column * width,
            south + row * height,
            west + (column + 1) * width,
            south + (row + 1) * height,
        )
        code = f"{street_code}{counted[street]:03d}"
        communities.append(Community(index, column, row, street_code, code, corners))
    return communities
