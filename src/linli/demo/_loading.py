"""Loading: the district goes in by the public NGSI-LD door, 1,000 entities at a time, as the made-up administrator."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from linli.base import from_wire_time
from linli.base.errors import BadSetting
from linli.client import BATCH_MAX, Client, ClientProblem

from ._district import District
from ._seat import ADMINISTRATOR, Seat
from ._territory import DISTRICT_CODE, area_id
from ._wire import Entity, read_back

Progress = Callable[[int], None]

#: the purpose that goes with each type that holds personal attributes
_PURPOSES = {
    "Resident": "registry",
    "Household": "registry",
    "Dwelling": "registry",
    "Helper": "staff",
    "Shift": "staff",
}
_NOT_FOUND = 404
RESIDENTS_A_COMMUNITY_MIN = 3


@dataclass(frozen=True, slots=True)
class Loaded:
    """The district stands. `start_us`: when its run began, in city time; `fresh`: it was loaded just now."""

    start_us: int
    fresh: bool
    entities: int


async def load(door: Client, district: District, start_us: int, progress: Progress | None = None) -> Loaded:
    """Load the district unless it stands already; a loading that was broken off is done again from the beginning.

    `progress` is told how many entities are in.
    Raises: BadSetting: another made-up district stands there, or nobody could call.
    """
    least = RESIDENTS_A_COMMUNITY_MIN * len(district.territory.settled)
    if district.residents < least and district.scenario.calls.count:
        raise BadSetting(
            f"--residents {district.residents}: at least {least} are needed, so that each community has some."
        )
    office = Seat(door, ADMINISTRATOR)
    begun_us = await _standing(office, district)
    if begun_us is not None:
        return Loaded(begun_us, fresh=False, entities=0)
    count = 0
    for purpose, batch in _batches(district.entities(start_us)):
        await _put(office, batch, purpose)
        count += len(batch)
        if progress is not None:
            progress(count)
    return Loaded(start_us, fresh=True, entities=count)


async def load_shifts(door: Client, district: District, start_us: int, number: int) -> None:
    """Load the shifts of all helpers from `start_us` on, the `number`-th of the run; they take the place of older ones."""
    office = Seat(door, ADMINISTRATOR)
    for purpose, batch in _batches(district.shifts(start_us, number)):
        await _put(office, batch, purpose)


async def _put(office: Seat, batch: list[Entity], purpose: str) -> None:
    await office.ask(lambda client: client.upsert_batch(batch, purpose=purpose))


async def _standing(office: Seat, district: District) -> int | None:
    """Return when the district that stands there began, or None when none was loaded to its end."""
    try:
        found = await office.ask(lambda client: client.entity(area_id(DISTRICT_CODE)))
    except ClientProblem as problem:
        if problem.status != _NOT_FOUND:
            raise
        return None
    marks: dict[str, Any] = {one["system"]: one["id"] for one in read_back(found).get("externalId") or ()}
    mark, start = marks.get("linli.demo.mark"), marks.get("linli.demo.start")
    if mark != district.mark or start is None:
        raise BadSetting(
            f"This data folder holds another made-up district ({mark}), not the one asked for ({district.mark}). "
            "Start it anew with --fresh, or take another folder with --data."
        )
    return from_wire_time(start)


def _batches(entities: Iterator[Entity]) -> Iterator[tuple[str, list[Entity]]]:
    """Yield (purpose, entities); the district's own area goes alone, after all others."""
    waiting: dict[str, list[Entity]] = {}
    last: list[Entity] = []
    for one in entities:
        if one["id"] == area_id(DISTRICT_CODE):
            last = [one]
            continue
        purpose = _PURPOSES.get(one["type"], "operation")
        batch = waiting.setdefault(purpose, [])
        batch.append(one)
        if len(batch) == BATCH_MAX:
            yield purpose, waiting.pop(purpose)
    yield from waiting.items()
    if last:
        yield "operation", last
