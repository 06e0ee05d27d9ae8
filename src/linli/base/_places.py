"""Places on earth: WGS-84 degrees, longitude first."""

from __future__ import annotations

import math
from typing import NamedTuple

from .errors import BadRequestData

EARTH_M = 6_371_008.8
DEGREE_M = math.pi * EARTH_M / 180


class Point(NamedTuple):
    """A place: lon, lat in degrees, WGS-84."""

    lon: float
    lat: float


def checked_point(lon: object, lat: object) -> Point:
    """Return the place, or say which coordinate is wrong.

    Raises: BadRequestData: not a finite number or out of range.
    """
    if type(lon) is type(lat) is float and -180.0 <= lon <= 180.0 and -90.0 <= lat <= 90.0:
        return Point(lon, lat)
    for name, value, limit in (("lon", lon, 180), ("lat", lat, 90)):
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            raise BadRequestData(f"{name}: a number in degrees is needed.")
        if abs(value) > limit:
            raise BadRequestData(f"{name}: must lie between -{limit} and {limit} degrees.")
    return Point(float(lon), float(lat))  # type: ignore[arg-type]


def distance_m(a: Point, b: Point) -> float:
    """Return the great-circle distance between two places in metres (haversine, mean radius)."""
    lat_a, lat_b = math.radians(a[1]), math.radians(b[1])
    half_lat, half_lon = (lat_b - lat_a) / 2, math.radians(b[0] - a[0]) / 2
    h = math.sin(half_lat) ** 2 + math.cos(lat_a) * math.cos(lat_b) * math.sin(half_lon) ** 2
    return 2 * EARTH_M * math.asin(min(1.0, math.sqrt(h)))


def box_around(center: Point, radius_m: float) -> tuple[float, float, float, float]:
    """Return (west, south, east, north) in degrees, a box that holds the whole circle."""
    d_lat = radius_m / DEGREE_M
    d_lon = d_lat / max(0.01, math.cos(math.radians(min(89.0, abs(center.lat) + d_lat))))
    return center.lon - d_lon, center.lat - d_lat, center.lon + d_lon, center.lat + d_lat
