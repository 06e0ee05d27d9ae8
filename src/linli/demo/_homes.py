"""Homes and the people in them: compounds with gates, buildings, dwellings, households, residents.

Households are drawn by their kind, so that ages, sizes and lonely elders hang together as they do in a Chinese city:
about one person in five is sixty or older, one in six is under fourteen, and a household has 2.5 people.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from dataclasses import dataclass, field

from linli.base import DEGREE_M, Point

from ._draws import draws, fixed_ulid
from ._names import COMPOUNDS, SURNAMES, full_name, numbered, telephone
from ._territory import Community, Territory, area_id
from ._wire import Entity, code, entity, point, said, to, words

NODE = "990101000000"
COMPOUND_RESIDENTS = 600
BUILDING_APART_M = 35.0
VACANT_SHARE = 0.07
THIS_YEAR = 2026

#: (weight, the ages of the members as ranges); an elder's age falls off from 60, as `_age` draws it.
_ELDER, _ADULT, _CHILD = (60, 96), (22, 60), (0, 18)
_HOUSEHOLDS: tuple[tuple[float, tuple[tuple[int, int], ...]], ...] = (
    (0.09, (_ELDER,)),
    (0.13, (_ELDER, _ELDER)),
    (0.16, (_ADULT,)),
    (0.15, (_ADULT, _ADULT)),
    (0.23, (_ADULT, _ADULT, _CHILD)),
    (0.11, (_ADULT, _ADULT, _CHILD, _CHILD)),
    (0.04, (_ELDER, _ADULT, _ADULT, _CHILD)),
    (0.05, (_ELDER, _ELDER, _ADULT, _ADULT, _CHILD)),
    (0.04, (_ADULT, _ADULT, _ADULT)),
)


@dataclass(frozen=True, slots=True)
class Person:
    """A resident as drawn."""

    id: str
    name: str
    age: int
    female: bool
    alone: bool

    @property
    def age_band(self) -> str:
        """Return the only form of the age that others are shown."""
        bands = ((14, "u14"), (18, "a14to17"), (60, "a18to59"), (80, "a60to79"))
        return next((band for below, band in bands if self.age < below), "a80up")


@dataclass(frozen=True, slots=True)
class Household:
    """A household as drawn: its dwelling and its people, the first one being the one who calls."""

    number: int
    dwelling: str
    building: Point
    people: tuple[Person, ...]
    entities: tuple[Entity, ...] = field(repr=False)


class Homes:
    """All homes of one community, drawn one after the other and never held in memory together."""

    def __init__(self, territory: Territory, community: Community, seed: int, residents: int) -> None:
        """Draw homes for that many residents around the community's junctions."""
        self._territory = territory
        self._community = community
        self._seed = seed
        self._residents = residents

    def households(self) -> Iterator[Household]:
        """Yield the households with the entities that come with each: itself, its dwelling, its people.

        The first household of a building also brings the building; the first of a compound the place and its gates.
        """
        left = self._residents
        number = compound = 0
        while left > 0:
            rng = self._draws("compound", compound)
            site = self._site(rng)
            settled = min(left, COMPOUND_RESIDENTS, max(1, round(COMPOUND_RESIDENTS * rng.uniform(0.6, 1.4))))
            for household in self._compound(compound, site, settled, number, rng):
                yield household
                number = household.number + 1
                left -= len(household.people)
            compound += 1

    def _compound(
        self, compound: int, site: Point, settled: int, number: int, rng: random.Random
    ) -> Iterator[Household]:
        grid = self._community.grid_of(site)
        scope = f"{self._community.scope}/g{grid:02d}"
        extra = self._compound_entities(compound, site, scope, grid)
        building = 0
        while settled > 0:
            shape = rng.choice(((6, 3, False), (6, 4, False), (11, 2, True), (18, 2, True)))
            place = _beside(site, building, rng)
            building_id = self._id("Building", compound, building)
            extra.append(self._building(building_id, place, scope, grid=grid, at=(compound, building), shape=shape))
            for unit, floor, room in _doors(*shape[:2]):
                if settled <= 0:
                    break
                if rng.random() < VACANT_SHARE:
                    continue
                door = _Door(building_id, place, scope, unit, floor, room, shape[2])
                household = self._household(number, door, settled, tuple(extra))
                yield household
                extra = []
                number += 1
                settled -= len(household.people)
            building += 1

    def _household(self, number: int, door: _Door, people_max: int, extra: tuple[Entity, ...]) -> Household:
        rng = self._draws("household", number)
        dwelling = self._id("Dwelling", number)
        people = self._people(number, rng)[:people_max]
        home = entity(
            "Dwelling",
            dwelling,
            door.scope,
            partOf=to(door.building),
            unitNo=said(str(door.unit)),
            floorNo=said(door.floor),
            roomNo=said(f"{door.floor}{door.room:02d}"),
            usage=code("rented" if rng.random() < 0.22 else "home"),
            floorArea={**said(float(rng.randint(38, 130))), "unitCode": "MTK"},
        )
        household = entity(
            "Household",
            self._id("Household", number),
            door.scope,
            dwelling=to(dwelling),
            members=to([one.id for one in people]),
            head=to(people[0].id),
            size=said(len(people)),
        )
        residents = tuple(self._resident(one, dwelling, door, rng) for one in people)
        return Household(number, dwelling, door.place, people, (*extra, home, household, *residents))

    def _people(self, number: int, rng: random.Random) -> tuple[Person, ...]:
        kinds = [ages for _, ages in _HOUSEHOLDS]
        ages = sorted(
            (_age(span, rng) for span in rng.choices(kinds, [weight for weight, _ in _HOUSEHOLDS])[0]), reverse=True
        )
        ages.sort(key=lambda age: age < 18)
        surname = rng.choice(SURNAMES)
        return tuple(
            Person(
                id=self._id("Resident", number, at),
                name=full_name(rng, "" if at == 1 else surname),
                age=age,
                female=rng.random() < (0.53 if age >= 60 else 0.49),
                alone=len(ages) == 1,
            )
            for at, age in enumerate(ages)
        )

    def _resident(self, one: Person, dwelling: str, door: _Door, rng: random.Random) -> Entity:
        elder = one.age >= 60
        birth = f"{THIS_YEAR - 1 - one.age}-{rng.randint(1, 12):02d}-{rng.randint(1, 28):02d}"
        return entity(
            "Resident",
            one.id,
            door.scope,
            fullName=said(one.name),
            sex=code("female" if one.female else "male"),
            birthDate=said(birth),
            ageBand=code(one.age_band),
            telephone=said(telephone(rng)) if one.age >= 10 else None,
            language=said("zh"),
            elderMode=said(value=True) if elder and rng.random() < 0.7 else None,
            preferredChannel=code("voice" if one.age >= 75 else "app") if one.age >= 14 else None,
            careLevel=code(rng.choice(("able", "able", "partly"))) if one.age >= 75 else None,
            livesAlone=said(value=True) if elder and one.alone else None,
            dailyCheck=said(value=True) if one.age >= 75 and one.alone else None,
            homeArea=to(self._community.id),
            dwelling=to(dwelling),
        )

    def _name(self, compound: int) -> dict[str, str]:
        return numbered(COMPOUNDS, self._community.index * 5 + compound, "小区", "")

    def _compound_entities(self, compound: int, site: Point, scope: str, grid: int) -> list[Entity]:
        area = area_id(self._community.code, grid)
        name = self._name(compound)
        place = entity(
            "Place",
            self._id("Place", compound),
            scope,
            name=words(name),
            category=said(["residentialCompound"]),
            location=point(site),
            inArea=to(area),
        )
        gates = [
            entity(
                "Gate",
                self._id("Gate", compound, at),
                scope,
                name=words({"zh": name["zh"] + zh, "en": f"{name['en']}, {en}"}),
                kind=code(kind),
                partOf=to(area),
                location=point(_moved(site, 25.0 * (1 - 2 * at), 0.0)),
                passDirection=code("both"),
                mode=code("card"),
                methods=code(list(methods)),
            )
            for at, (kind, zh, en, methods) in enumerate(
                (
                    ("pedestrian", "人行门", "foot gate", ("card", "qr", "manual")),
                    ("vehicle", "车行门", "vehicle gate", ("plate", "manual")),
                )
            )
        ]
        return [place, *gates]

    def _building(
        self,
        building_id: str,
        place: Point,
        scope: str,
        *,
        grid: int,
        at: tuple[int, int],
        shape: tuple[int, int, bool],
    ) -> Entity:
        floors, units, has_lift = shape
        compound, number = at
        return entity(
            "Building",
            building_id,
            scope,
            name=words({"zh": f"{number + 1}号楼", "en": f"Building {number + 1}"}),
            category=said(["apartments"]),
            location=point(place),
            address=said({"addressLocality": "例区", "streetAddress": f"{self._name(compound)['zh']}{number + 1}号楼"}),
            inArea=to(area_id(self._community.code, grid)),
            floorsAboveGround=said(floors),
            buildingNo=said(str(number + 1)),
            unitCount=said(units),
            hasLift=said(value=has_lift),
            households=said(floors * units * 2),
        )

    def _site(self, rng: random.Random) -> Point:
        junctions = self._territory.junctions_in[self._community.index]
        junction = self._territory.place(int(junctions[rng.randrange(len(junctions))]))
        return _moved(junction, rng.uniform(-30, 30), rng.uniform(-30, 30))

    def _draws(self, *topic: object) -> random.Random:
        return draws(self._seed, "homes", self._community.code, *topic)

    def _id(self, type_name: str, *topic: object) -> str:
        return f"urn:ngsi-ld:{type_name}:{NODE}:{fixed_ulid(self._seed, type_name, self._community.code, *topic)}"


@dataclass(frozen=True, slots=True)
class _Door:
    building: str
    place: Point
    scope: str
    unit: int
    floor: int
    room: int
    has_lift: bool


def _doors(floors: int, units: int) -> Iterator[tuple[int, int, int]]:
    """Yield unit, floor and room of every dwelling of a building, two on each floor."""
    for unit in range(1, units + 1):
        for floor in range(1, floors + 1):
            for room in (1, 2):
                yield unit, floor, room


def _age(span: tuple[int, int], rng: random.Random) -> int:
    low, high = span
    if low == _ELDER[0]:
        return min(high - 1, low + int(rng.expovariate(1 / 9.5)))
    return rng.randrange(low, high)


def _beside(site: Point, building: int, rng: random.Random) -> Point:
    """Return the place of a building: rows of four around the compound's junction."""
    row, column = divmod(building, 4)
    return _moved(
        site,
        (column - 1.5) * BUILDING_APART_M + rng.uniform(-5, 5),
        (row + 0.5) * BUILDING_APART_M * (1 if building % 2 else -1) * 0.6 + rng.uniform(-5, 5),
    )


def _moved(place: Point, east_m: float, north_m: float) -> Point:
    lon = place.lon + east_m / (DEGREE_M * math.cos(math.radians(place.lat)))
    return Point(round(lon, 7), round(place.lat + north_m / DEGREE_M, 7))
