"""Loading: the district goes in by the public NGSI-LD door, 1,000 entities at a time, as the operator."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

from linli.base import from_wire_time
from linli.base.errors import BadSetting
from linli.client import BATCH_MAX, Client, ClientProblem

from ._district import District
from ._seat import OPERATOR, Seat
from ._territory import DISTRICT_CODE, area_id
from ._wire import Entity, read_back

Progress = Callable[[int], None]

#: the purpose that goes with each type that holds personal attributes
_PURPOSES = {
    "Consent": "audit",
    "Delegation": "service",
    "Resident": "registry",
    "Household": "registry",
    "Dwelling": "registry",
    "Helper": "staff",
    "Shift": "staff",
}
#: sensitive attributes that may be written for care only: they follow in a request of their own
_FOR_CARE = ("careLevel", "livesAlone", "dailyCheck")
_NOT_FOUND = 404
_SOME_REFUSED = 207
RESIDENTS_A_COMMUNITY_MIN = 25


@dataclass(frozen=True, slots=True)
class Loaded:
    """The district stands. `start_us`: when its run began, in city time; `fresh`: it was loaded just now."""

    start_us: int
    fresh: bool
    entities: int


class Batch(NamedTuple):
    """What goes into one request, and for what purpose."""

    purpose: str
    entities: list[Entity]


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
    office = Seat(door, OPERATOR)
    begun_us = await _standing(office, district)
    if begun_us is not None:
        return Loaded(begun_us, fresh=False, entities=0)
    count = 0
    for batch in _batches(district.entities(start_us)):
        await _put(office, batch)
        count += len(batch.entities) if batch.purpose != "care" else 0
        if progress is not None:
            progress(count)
    return Loaded(start_us, fresh=True, entities=count)


async def load_shifts(door: Client, district: District, start_us: int, number: int) -> None:
    """Load the shifts of all helpers from `start_us` on, the `number`-th of the run; they take the place of older ones."""
    office = Seat(door, OPERATOR)
    for batch in _batches(district.shifts(start_us, number)):
        await _put(office, batch)


async def _put(office: Seat, batch: Batch) -> None:
    try:
        await office.ask(
            lambda client: client.upsert_batch(batch.entities, purpose=batch.purpose, update=batch.purpose == "care")
        )
    except ClientProblem as problem:
        # What somebody agreed to is never written over: a loading that is done again finds it there.
        if (batch.purpose, problem.status) != (_PURPOSES["Consent"], _SOME_REFUSED):
            raise


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


def _batches(entities: Iterator[Entity]) -> Iterator[Batch]:
    """Yield what goes into one request; the district's own area goes alone, after all others."""
    waiting: dict[str, list[Entity]] = {}
    last: list[Entity] = []
    for one in entities:
        if one["id"] == area_id(DISTRICT_CODE):
            last = [one]
            continue
        purpose = _PURPOSES.get(one["type"], "operation")
        basic, for_care = _parted(one)
        waiting.setdefault(purpose, []).append(basic)
        if for_care:
            waiting.setdefault("care", []).append(for_care)
        if len(waiting[purpose]) == BATCH_MAX:
            yield from _emptied(waiting, purpose)
    for purpose in ("operation", "staff", "registry", "service", "audit"):
        yield from _emptied(waiting, purpose)
    if last:
        yield Batch("operation", last)


def _emptied(waiting: dict[str, list[Entity]], purpose: str) -> Iterator[Batch]:
    """Yield what waits for a purpose; whoever was registered now gets what is written for his care right after."""
    for name in (purpose, *(("care",) if purpose == "registry" else ())):
        if waiting.get(name):
            yield Batch(name, waiting.pop(name))


def _parted(one: Entity) -> tuple[Entity, Entity]:
    """Return an entity without what is for care only, and that part, empty when there is none."""
    for_care = {name: one[name] for name in _FOR_CARE if name in one}
    if not for_care:
        return one, {}
    basic = {name: value for name, value in one.items() if name not in for_care}
    return basic, {"id": one["id"], "type": one["type"], **for_care}
