"""Sign-in of the demo: one click as somebody made up. Never on a node that anybody else can reach."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from linli.base import Clock, type_of_urn
from linli.base.errors import BadRequestData, NotAllowed, ResourceNotFound
from linli.broker import Broker, Plain
from linli.trust import STAFF, Act, People, Principal, Somebody

_SHORT = {"worker": "community_worker", "official": "city_official"}
ENGINE = Principal("engine:web", "engine", ("/",))
LOOKING = Act(ENGINE, "operation")


@dataclass(frozen=True, slots=True)
class Person:
    """One made-up person of the one-click list: `id` is what POST /api/sign-in takes."""

    id: str
    role: str
    name: str
    area: str = ""
    text: dict[str, str] = field(default_factory=dict)


async def principal_of(broker: Broker, person_id: str, people: Sequence[Person] = ()) -> Principal:
    """Return the principal behind the id of a made-up person; `people`: the one-click list, which names who works here.

    `operator`; `worker:<Area id>`; `official:<Area id>`; `<role of staff>:<Area, Gate or Provider id>`;
    `guardian:<Resident id>`; the id of a Helper or of a Resident.
    Raises: BadRequestData: no such form. ResourceNotFound: nobody has this id.
    """
    if person_id == "operator":
        return Principal(person_id, "operator", ("/",), name="operator")
    kind, _, place_id = person_id.partition(":")
    role = _SHORT.get(kind, kind)
    if role in STAFF:
        place = await _existing(broker, place_id)
        gates = (place.id,) if place.type == "Gate" else ()
        organisation = place.id if place.type == "Provider" else ""
        name = next((one.name for one in people if one.id == person_id), kind)
        return Principal(person_id, role, place.scopes, name=name, gates=gates, organisation=organisation)
    own_id = place_id if role == "guardian" else person_id
    if type_of_urn(own_id) not in ("Helper", "Resident"):
        raise BadRequestData("person: take an id from GET /api/people.")
    person = await _existing(broker, own_id)
    own = "helper" if person.type == "Helper" else "guardian" if role == "guardian" else "resident"
    return Principal(own_id, own, person.scopes, name=str(person.values.get("fullName", "")))


async def _existing(broker: Broker, entity_id: str) -> Plain:
    found = await broker.read(LOOKING, entity_id)
    if found is None:
        raise ResourceNotFound("Nobody here has this id.")
    return found


def people_by_phone(broker: Broker) -> People:
    """Return what finds to whom of the register a telephone belongs, under the number that international calls use."""

    async def people(number: str) -> tuple[Somebody, ...]:
        found: list[Somebody] = []
        for type_name, role in (("Resident", "resident"), ("Helper", "helper")):
            for one in await broker.read_all(LOOKING, type_name, keys={"telephone": [number]}):
                found.append(Somebody(one.id, role, one.scopes))  # noqa: PERF401 - a comprehension of two awaited loops reads worse
        return tuple(found)

    return people


def mandates(broker: Broker, clock: Clock) -> Callable[[Principal, str], bool]:
    """Return what says whether somebody may act for another person now."""
    return lambda who, person: broker.persons.delegations.may(who.tenant, who.id, person, None, clock.now_us())


def demo_only(sign_in: str) -> None:
    """Refuse one-click sign-in outside the demo.

    Raises: NotAllowed.
    """
    if sign_in != "demo":
        raise NotAllowed("One-click sign-in exists in the demo only.")
