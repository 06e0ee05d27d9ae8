"""What the circles are made of: homes and services as the vocabulary has them, and where they lie on the streets."""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from linli.broker import Plain
from linli.travel import MODES, Mode, Network, Places

from ._table import Seconds, whole_seconds

CIRCLE_MIN = 60
SERVICES_A_BLOCK = 64
_TAIL = re.compile(r"[A-Za-z0-9_.\-]{1,90}")


@dataclass(frozen=True, slots=True)
class Spot:
    """A home or a service: where it is, its name, and the kinds of service that are to be had there."""

    id: str
    place: tuple[float, float]
    scopes: tuple[str, ...]
    name: dict[str, str]
    kinds: frozenset[str] = frozenset()
    households: int = 0


def spot_of(entity: Plain, left_out: Collection[str] = ()) -> Spot | None:
    """Return a Building, Place or Provider as a spot, or None when it stands nowhere or serves nobody."""
    location = entity.values.get("location") or {}
    if location.get("type") != "Point":
        return None
    lon, lat = location["coordinates"][:2]
    name = entity.values.get("name") or {}
    if entity.type == "Building":
        households = int(entity.values.get("households") or 0)
        return Spot(entity.id, (lon, lat), entity.scopes, name, households=households)
    kinds = {one.rsplit(":", 1)[-1] for one in _listed(entity.values.get("kinds"))}
    if entity.type == "Place":
        kinds |= set(_listed(entity.values.get("category")))
    kinds -= set(left_out)
    return Spot(entity.id, (lon, lat), entity.scopes, name, frozenset(kinds)) if kinds else None


def circle_id(building_id: str, mode: Mode) -> str:
    """Return the id of a building's circle; it follows from the building's, so there is one for each way of travelling."""
    tail = building_id.split(":", 3)[-1].replace(":", ".")
    if not _TAIL.fullmatch(tail):
        tail = hashlib.blake2b(building_id.encode(), digest_size=16).hexdigest()
    return f"urn:ngsi-ld:Circle:{tail}.{mode}"


class Spots:
    """Spots in a fixed order, each joined to the streets of every mode."""

    def __init__(self) -> None:
        """Begin with none."""
        self.by_id: dict[str, Spot] = {}
        self.places: dict[Mode, Places] = {
            mode: Places(np.zeros(0, np.int32), np.zeros(0, np.float32)) for mode in MODES
        }

    async def add(self, network: Network, spots: Sequence[Spot]) -> dict[Mode, Places]:
        """Add spots that are not there yet; return where they lie."""
        lonlat = [spot.place for spot in spots]
        fresh = {mode: await asyncio.to_thread(network.places, lonlat, mode) for mode in MODES}
        self.by_id.update({spot.id: spot for spot in spots})
        self.places = {mode: known.and_those(fresh[mode]) for mode, known in self.places.items()}
        return fresh

    def drop(self, ids: Iterable[str]) -> None:
        """Take spots away; the others keep their order."""
        gone = set(ids) & self.by_id.keys()
        stay = np.array([one not in gone for one in self.by_id], bool)
        self.places = {mode: known.some(stay) for mode, known in self.places.items()}
        self.by_id = {one: spot for one, spot in self.by_id.items() if one not in gone}


async def seconds_between(network: Network, homes: dict[Mode, Places], goals: dict[Mode, Places]) -> NDArray[np.uint16]:
    """Return the seconds from homes to goals within the hour; shape (goals, modes, homes), as a table keeps them."""
    count = len(goals[MODES[0]].edge)
    found: Seconds = np.empty((count, len(MODES), len(homes[MODES[0]].edge)), np.uint16)
    for at, mode in enumerate(MODES):
        for start in range(0, count, SERVICES_A_BLOCK):
            block = goals[mode].some(slice(start, start + SERVICES_A_BLOCK))
            seconds = await network.seconds_between(homes[mode], block, CIRCLE_MIN, mode)
            found[start : start + SERVICES_A_BLOCK, at] = whole_seconds(seconds)
    return found


def _listed(value: object) -> list[str]:
    return [str(one) for one in (value if isinstance(value, list) else [value] if value else [])]
