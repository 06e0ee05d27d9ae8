"""Two cities that differ only in what some people must not know: whatever these ask, both must answer alike.

In the west both are the same. In the east, in another tenant, at the next gate and yesterday they hold other entities
under other ids with other values, written in the same steps at the same times. So an answer that differs tells something.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

from linli.base import SECOND_US, Ids, SteppedClock, seeded, to_wire_time, write_json
from linli.broker import Broker, Draft
from linli.broker._thing import RELATED
from linli.store import MemoryStore
from linli.trust import Act, Policies, Principal
from linli.trust._authz import FOLDER
from linli.vocab import vocabulary
from linli.vocab._samples import sample_entity
from linli.web._ngsild import NgsiLd

START_US = 1_795_400_107 * SECOND_US
DAY_US = 24 * 3600 * SECOND_US
CITY = "/cn/r37/r3701"
WEST, EAST = f"{CITY}/r370102/r370102001", f"{CITY}/r370103/r370103007"
OPERATOR = Act(Principal("operator", "operator", ("/",)), "registry")
ENGINE = Act(Principal("engine:test", "engine", ("/",)), "registry")
#: types of which an asker from the west may know nothing that lies in the east
SECRET_TYPES = (
    "Resident", "Household", "ServiceCall", "Offer", "EntryExitRecord", "Pass", "Case", "Parcel", "EmergencyCard",
    "HealthDeclaration", "Visit", "VitalObserved", "Label", "CarePlan", "Incident", "Device", "Consent", "Delegation",
)  # fmt: skip
PURPOSES = (
    None,
    "service",
    "registry",
    "care",
    "access",
    "emergency",
    "case",
    "staff",
    "medical",
    "statistics",
    "delivery",
)


def urn(entity_type: str, name: str) -> str:
    return f"urn:ngsi-ld:{entity_type}:370102001001:{name}"


ME = urn("Resident", "west1")
STAFF = {
    "community_worker": Principal("worker:west", "community_worker", (WEST,)),
    "grid_worker": Principal("grid:west", "grid_worker", (WEST + "/g01",)),
    "clerk": Principal("clerk:west", "clerk", (WEST,)),
    "seat": Principal("seat:west", "seat", (WEST,)),
    "dispatcher": Principal("dispatcher:west", "dispatcher", (WEST,), organisation=urn("Provider", "west")),
    "officer": Principal("officer:west", "officer", (WEST,)),
    "city_official": Principal("official:west", "city_official", (WEST,)),
    "analyst": Principal("analyst:west", "analyst", (WEST,)),
    "administrator": Principal("administrator:west", "administrator", (WEST,)),
    "privacy_officer": Principal("privacy:west", "privacy_officer", (WEST,)),
    "auditor": Principal("auditor:west", "auditor", (WEST,)),
    "doctor": Principal("doctor:west", "doctor", (WEST,)),
}
PEOPLE = {
    **STAFF,
    "resident": Principal(ME, "resident", (WEST,)),
    "guardian": Principal(urn("Resident", "west2"), "guardian", (WEST,)),
    "helper": Principal(urn("Helper", "west1"), "helper", (WEST,)),
    "courier": Principal(urn("Helper", "west2"), "courier", (WEST + "/g09",)),
    "counsellor": Principal(urn("Helper", "west3"), "counsellor", (WEST,)),
    "guard": Principal("guard:west", "guard", (WEST,), gates=(urn("Gate", "west"),)),
    "caller": Principal("caller:0123", "caller"),
    "device": Principal(urn("Device", "west1"), "device", (WEST,), attrs=frozenset({"deviceState"})),
    "vendor": Principal("vendor:west", "vendor", (WEST,), attrs=frozenset({"state"})),
    "peer": Principal("peer:1", "peer", (WEST,)),
}


def values_of(entity_type: str, **said: Any) -> dict[str, Any]:
    """Return every attribute of the type's sample, as engines write them, with `said` in place of some."""
    types = vocabulary().types
    sample = sample_entity(types[entity_type], types, whole=True)
    values = {name: one for name, one in sample.items() if name not in ("id", "type", "scope", "@context")}
    members = ("value", "object", "vocab", "languageMap", "json", "valueList")
    bare = {name: next(one[m] for m in members if m in one) for name, one in values.items()}
    related = {name for name, one in values.items() if "object" in one and name in RELATED}
    for name in related - said.keys():
        bare[name] = [nobody(one) for one in bare[name]] if isinstance(bare[name], list) else nobody(bare[name])
    return bare | said


def nobody(entity_id: str) -> str:
    """Return an id of the same type that is nobody's."""
    return entity_id.rpartition(":")[0] + ":nobody"


class City:
    """One of the two: `mark` is "a" or "b". `view`: for whom it is; what these must not know carries the mark."""

    def __init__(self, mark: str, view: str, folder: Path) -> None:
        self.mark, self.view = mark, view
        self.clock = SteppedClock(START_US - 2 * DAY_US)
        self.policies = Policies(self.clock, folder=folder)
        self.broker = Broker(
            MemoryStore(), vocabulary(), self.policies, self.clock, ids=Ids("370102", seeded(7)), home_scope=WEST
        )
        self.act = ENGINE
        self.app = NgsiLd(self.broker, lambda _: self.act)
        self.secrets: list[str] = []

    async def build(self) -> None:
        """Write everything in the same steps in both."""
        for at_us in (START_US - DAY_US, START_US):
            self.clock.advance_to(at_us)
            today = at_us == START_US
            for draft in [*self.commons(today=today), *self.veiled(today=today), *self.hidden(today=today)]:
                await self.broker.write(ENGINE, [draft])
            for draft in self.hidden(today=today, tenant="north"):
                await self.broker.write(replace(ENGINE, tenant="north"), [draft])
        for where in ("west", "east"):
            name = f"{where}-{self.mark}"
            self.secrets.append(f"urn:ngsi-ld:Vehicle:{name}")
            body = {"id": self.secrets[-1], "type": "Vehicle", "speed": {"type": "Property", "value": ord(self.mark)}}
            await self.broker.create(OPERATOR, body, self.broker.contexts.default)

    def commons(self, *, today: bool) -> Iterator[Draft]:
        """Yield what is the same in both and may be known: public things, and what is the askers' own."""
        version = None if today else 0
        for place, scope in (("west", WEST), ("east", EAST)):
            for entity_type in ("Area", "Gate", "Notice", "Place", "ServiceKind", "Provider"):
                yield self.draft(entity_type, place, scope, version)
        own = {"caller": ME, "forWhom": ME, "assigned": urn("Helper", "west1"), "offeredTo": urn("Helper", "west3")}
        yield self.draft("ServiceCall", "mine", WEST, version, **own, doneAt=None, closedAt=None)
        yield self.draft("Resident", "west1", WEST, version)
        yield self.draft("Household", "mine", WEST, version, members=[ME], head=ME)
        yield self.draft("Visit", "mine", WEST, version, subject=ME, helper=urn("Helper", "west1"), checkOutAt=None)

    def veiled(self, *, today: bool) -> Iterator[Draft]:
        """Yield what may be known of, with values that only show masked, or not at all."""
        version, b = None if today else 0, self.mark == "b"
        for name, scope in (("west9", WEST), ("east9", EAST)):
            yield self.draft(
                "Helper", name, scope, version, organization=urn("Provider", "far"),
                fullName="王乙" if b else "王甲", telephone="13822221234" if b else "13811111234",
                position={"type": "Point", "coordinates": [117.0213 + b * 0.001, 36.6601]}, healthCheckUntil=None,
                **dict.fromkeys(("address", "location", "skillProofs", "vettingUntil", "insuranceUntil")),
            )  # fmt: skip
        if self.view == "number":
            for entity_type in ("ServiceCall", "Case", "Offer"):
                yield self.draft(entity_type, "west-by-number", WEST, version, **self.personal_of(entity_type))

    def personal_of(self, entity_type: str) -> dict[str, Any]:
        """Return values for the personal attributes of a type, other ones in each city; what has no free form is left out."""
        told: dict[str, Any] = {}
        for one in vocabulary().types[entity_type].attributes.values():
            if one.pii == "none" or one.required:
                continue
            free = (
                one.kind == "Property"
                and one.value == "string"
                and one.form is None
                and not one.choices
                and not one.many
            )
            told[one.name] = f"secret {self.mark}" if free else None
        return told

    def hidden(self, *, today: bool, tenant: str = "default") -> Iterator[Draft]:
        """Yield what nobody who asks may know of; each city has its own ids and values."""
        places = [("east", EAST)] if tenant == "default" else [("north", WEST)]
        if tenant == "default" and self.view in ("person", "guard"):
            places.append(("others", WEST))
        for place, scope in places:
            for entity_type in SECRET_TYPES:
                if vocabulary().types[entity_type].append_only and today:
                    continue
                name = f"{place}-{self.mark}"
                if not today:
                    self.secrets.append(urn(entity_type, name))
                yield self.draft(entity_type, name, scope, None if today else 0, **self.aside(entity_type, place))

    def aside(self, entity_type: str, place: str) -> dict[str, Any]:
        """Return what makes a record of a gate one of another gate, or of another day."""
        yesterday = to_wire_time(START_US - DAY_US)
        gate = urn("Gate", "west" if place == "others" else "east")
        if entity_type == "EntryExitRecord":
            return {"gate": gate, "at": yesterday, "plate": f"鲁A{ord(self.mark)}"}
        return (
            {"gates": [gate], "from": yesterday, "to": yesterday}
            if entity_type == "Pass"
            else self.personal_of(entity_type)
        )

    def draft(self, entity_type: str, name: str, scope: str, version: int | None, **said: Any) -> Draft:
        values = {key: one for key, one in values_of(entity_type, **said).items() if version is None or one is not None}
        if version is None:
            values = {"description": {"zh": "第二次"}}
        return Draft(urn(entity_type, name), entity_type, values, (scope,), version)

    async def ask(self, probe: Probe) -> tuple[int, tuple[tuple[str, str], ...], bytes]:
        """Return (status, headers, body) of an answer."""
        self.act = Act(probe.who, probe.purpose, probe.who.tenant)
        content = b"" if probe.body is None else write_json(probe.body)
        headers = dict(probe.headers)
        if content:
            headers |= {"content-type": "application/json", "content-length": str(len(content))}
        messages: list[dict[str, Any]] = []

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": content, "more_body": False}

        async def send(message: Any) -> None:
            messages.append(dict(message))

        target = "/ngsi-ld/v1" + probe.path
        scope = {
            "type": "http", "method": probe.method, "path": target, "raw_path": target.encode(),
            "query_string": urlencode(dict(probe.query)).encode(),
            "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
        }  # fmt: skip
        await self.app(scope, receive, send)
        start, end = messages
        got = sorted((name.decode().lower(), value.decode()) for name, value in start["headers"])
        return start["status"], tuple(got), end["body"]


@dataclass(frozen=True)
class Probe:
    """One question of one asker."""

    who: Principal
    method: str
    path: str
    query: tuple[tuple[str, str], ...] = ()
    purpose: str | None = None
    headers: tuple[tuple[str, str], ...] = ()
    body: Any = None


async def cities(view: str, folder: Path = FOLDER) -> tuple[City, City]:
    """Return the two, under the policies of a folder."""
    pair = City("a", view, folder), City("b", view, folder)
    for city in pair:
        await city.build()
    return pair


Query = dict[str, str]
Asked = tuple[str, str, Query, Any]


@dataclass(frozen=True)
class Aim:
    """What a question is about: a type, one of its attributes, an id, and how its words may be restrained."""

    entity_type: str
    name: str
    entity_id: str
    query: Query
    draw: random.Random

    @property
    def path(self) -> str:
        return f"/entities/{quote(self.entity_id, safe=':')}"

    def only(self, *words: str) -> Query:
        return {word: value for word, value in self.query.items() if word in words}


def one(aim: Aim) -> Asked:
    return "GET", aim.path, aim.query, None


def many(aim: Aim) -> Asked:
    types = aim.draw.choice((aim.entity_type, f"{aim.entity_type},Helper"))
    return "GET", "/entities", {**aim.query, "type": types}, None


def past_of_one(aim: Aim) -> Asked:
    return "GET", "/temporal" + aim.path, aim.only("attrs", "pick", "omit", "lang"), None


def past_of_many(aim: Aim) -> Asked:
    span = {"timerel": "after", "timeAt": "2020-01-01T00:00:00Z", "timeproperty": "modifiedAt", "type": aim.entity_type}
    summed = {"options": "aggregatedValues", "aggrMethods": "totalCount,max,min", "aggrPeriodDuration": "P1D"}
    more = aim.only("attrs", "pick", "q", "count", "limit", "id")
    return "GET", "/temporal/entities", more | span | (summed if aim.draw.random() < 0.4 else {}), None


def what_there_is(aim: Aim) -> Asked:
    paths = ("/types", "/attributes", f"/types/{aim.entity_type}", f"/attributes/{aim.name}")
    return "GET", aim.draw.choice(paths), aim.draw.choice(({}, {"details": "true"})), None


def by_a_body(aim: Aim) -> Asked:
    body = {"type": "Query", "entities": [{"type": aim.entity_type, "id": aim.entity_id}], "q": aim.name}
    return "POST", "/entityOperations/query", {"count": "true"}, body


def a_value(aim: Aim) -> Asked:
    return "GET", f"{aim.path}/attrs/{aim.name}/value", {}, None


def a_map(aim: Aim) -> Asked:
    return "GET", "/entityMaps", {"type": aim.entity_type, **aim.only("q")}, None


def what_others_keep(aim: Aim) -> Asked:
    return "GET", aim.draw.choice(("/subscriptions", "/csourceRegistrations", "/jsonldContexts", "/entities")), {}, None


DOORS = (
    one, one, many, many, many, many, past_of_one, past_of_many, what_there_is, what_there_is, by_a_body, a_value, a_map,
    what_others_keep,
)  # fmt: skip


def restraints(draw: random.Random, name: str, entity_id: str) -> Query:
    """Return some of the words by which a question can feel out an attribute."""
    words = {
        "q": draw.choice((f"{name}", f"!{name}", f'{name}=="secret a"', f'{name}~="s.*a"', f"{name}>1", f'{name}!="x"')),
        "attrs": name, "pick": f"id,{name}", "omit": name, "count": "true", "limit": draw.choice(("0", "1", "20")),
        "offset": "1", "orderBy": draw.choice((name, f"{name};desc", "id")), "scopeQ": draw.choice((f"{EAST}/#", "/cn/#")),
        "options": draw.choice(("keyValues", "sysAttrs")), "id": entity_id, "idPattern": ".*-a$", "lang": "zh",
    }  # fmt: skip
    query = {word: said for word, said in words.items() if draw.random() < (0.35 if word in ("q", "count") else 0.12)}
    if draw.random() < 0.15:
        query |= {
            "georel": draw.choice(("near;maxDistance==50", "near;minDistance==1", "within")), "geometry": "Point",
            "coordinates": "[117.0213,36.6601]", "geoproperty": draw.choice(("location", "position", "place")),
        }  # fmt: skip
    return query


def probe(draw: random.Random, who: Principal, ids: list[str]) -> Probe:
    """Return a question drawn by chance: through any reading door, in any words that may feel out what is hidden."""
    entity_type, entity_id = draw.choice((*SECRET_TYPES, "Helper", "Vehicle", "Gate")), draw.choice(ids)
    name = draw.choice(NAMES.get(entity_type) or ("speed",))
    aim = Aim(entity_type, name, entity_id, restraints(draw, name, entity_id), draw)
    method, path, query, body = draw.choice(DOORS)(aim)
    headers = (("ngsild-tenant", draw.choice(("north", "nowhere"))),) if draw.random() < 0.05 else ()
    return Probe(who, method, path, tuple(sorted(query.items())), draw.choice(PURPOSES), headers, body)


NAMES = {name: tuple(entity.attributes) for name, entity in vocabulary().types.items()}
VIEWS = {
    "staff": ("community_worker", "grid_worker", "clerk", "seat", "dispatcher", "officer", "privacy_officer", "doctor"),
    "number": ("city_official", "analyst", "administrator", "auditor"),
    "person": ("resident", "guardian", "helper", "courier", "counsellor", "caller", "device", "vendor", "peer"),
    "guard": ("guard",),
}


async def probed(view: str, count: int, seed: int, folder: Path = FOLDER) -> tuple[int, list[str]]:
    """Ask both cities `count` questions; return how many answers told anything at all, and the questions that leaked."""
    pair = await cities(view, folder)
    ids = [*(one for city in pair for one in city.secrets), urn("Helper", "east9"), urn("ServiceCall", "mine"), ME]
    draw, told, leaks = random.Random(seed), 0, []
    for _ in range(count):
        one = probe(draw, PEOPLE[draw.choice(VIEWS[view])], ids)
        first, second = [await city.ask(one) for city in pair]
        told += first[0] == 200 and len(first[2]) > 2
        if first != second:
            leaks.append(f"{one}: {first} / {second}")
    return told, leaks


def ask_both(view: str, *probes: Probe) -> list[tuple[Any, Any]]:
    """Return what each city answers to some questions."""

    async def story() -> list[tuple[Any, Any]]:
        pair = await cities(view)
        return [(await pair[0].ask(one), await pair[1].ask(one)) for one in probes]

    return asyncio.run(story())
