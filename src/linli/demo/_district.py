"""The made-up district: areas, providers, helpers, shifts and homes as NGSI-LD entities, and the people one may be."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from itertools import islice

from linli.base import MINUTE_US, Point, scope_of_code, to_wire_time
from linli.travel import Network

from ._agreed import agreed
from ._draws import draws, fixed_ulid
from ._homes import NODE, Homes, Household, Person
from ._names import COMMUNITIES, STREETS, full_name, numbered, telephone
from ._presses import Press, presses, skill_drawn
from ._scenario import Scenario, SkillShare
from ._territory import CITY_CODE, DISTRICT_CODE, GRIDS, HOME_SCOPE, Community, Territory, area_id
from ._wire import Entity, code, entity, free, point, rectangle, said, to, words

PROVIDERS_A_SKILL = 2
SHIFT_BEFORE_MIN = 30
SHIFT_HOURS_MIN = 12
SHIFT_HOURS_OVER = 4
HAND_HELPERS = 3
_ROLES = {"carer": "carer", "courier": "courier", "housekeeper": "housekeeper", "pharmacist": "pharmacist"}
_PROVIDER_NAMES = {
    "carer": ("例康居家照护站", "Sample Home Care"),
    "courier": ("例达同城配送", "Sample Couriers"),
    "housekeeper": ("例洁家政", "Sample Housekeeping"),
    "pharmacist": ("例和药房", "Sample Pharmacy"),
}


@dataclass(frozen=True, slots=True)
class Offered:
    """One person for one-click sign-in; `id` is what POST /api/sign-in takes, `area` the id of an Area."""

    id: str
    role: str
    name: str
    area: str
    text: dict[str, str]


@dataclass(frozen=True, slots=True)
class HelperPlan:
    """One helper: `by_hand` ones are steered by whoever signs in as them, the others by the simulation."""

    index: int
    id: str
    name: str
    community: Community
    place: Point
    skills: tuple[str, ...]
    provider: str
    by_hand: bool


@dataclass(frozen=True)
class District:
    """A whole district as a function of scenario, network, seed and size; `entities` yields it piece by piece."""

    scenario: Scenario
    network: Network = field(repr=False)
    seed: int = 1
    residents: int = 20_000

    @cached_property
    def territory(self) -> Territory:
        """The box on the network and its communities."""
        return Territory(self.network, self.scenario.box, self.scenario.helpers.mode)

    @cached_property
    def helpers(self) -> tuple[HelperPlan, ...]:
        """All helpers: first the simulated ones of the scenario, then those steered by hand."""
        count = self.scenario.helpers.count
        return tuple(self._helper(index, by_hand=index >= count) for index in range(count + HAND_HELPERS))

    @cached_property
    def presses(self) -> list[Press]:
        """All calls of one run."""
        return presses(self.scenario, self.territory, self.seed)

    @property
    def mark(self) -> str:
        """Return what tells this district from another one: two with one mark are the same."""
        return f"{self.scenario.key}; seed {self.seed}; {self.residents} residents; map {self.network.digest}"

    def callers(self, community: int, count: int) -> list[str]:
        """Return up to `count` simulated people who call in a community, by id: of each household one."""
        callers = (one.people[0].id for one in self._homes(community).households())
        return list(islice((one for one in callers if one not in self.by_hand), count))

    def entities(self, start_us: int) -> Iterator[Entity]:
        """Yield every entity; the district's own Area comes last, so that where it stands all others do."""
        yield from self._areas()
        yield from self._providers()
        for helper in self.helpers:
            yield self._helper_entity(helper)
        yield from self.shifts(start_us)
        for community in self.territory.settled:
            for household in self._homes(community.index).households():
                yield from household.entities
                yield from agreed(self.seed, household, start_us)
        yield from self._delegations(start_us)
        yield self._district_area(start_us)

    def shifts(self, start_us: int, number: int = 0) -> Iterator[Entity]:
        """Yield the shifts that begin shortly before `start_us` and last for the whole run.

        `number`: each helper has two shifts that take turns, so that the next one can begin before this one ends.
        """
        hours = max(SHIFT_HOURS_MIN, self.scenario.calls.hours + SHIFT_HOURS_OVER)
        begins = to_wire_time(start_us - SHIFT_BEFORE_MIN * MINUTE_US)
        ends = to_wire_time(start_us + round(hours * 60 * MINUTE_US))
        for helper in self.helpers:
            yield entity(
                "Shift",
                self._id("Shift", helper.index, number % 2),
                helper.community.scope,
                helper=to(helper.id),
                covers=to([helper.community.id]),
                role=code(_ROLES.get(helper.skills[0], "volunteer")),
                **{"from": said(begins), "to": said(ends)},
                tier=said(1),
                kind=code("onsite"),
            )

    @cached_property
    def by_hand(self) -> frozenset[str]:
        """Who is steered by whoever signs in as them, by id; the simulation leaves them alone."""
        return frozenset(one.id for one in self.people())

    def people(self) -> list[Offered]:
        """Return who can be signed in as with one click: residents, helpers by hand, and somebody of each role."""
        community = self._from_the_middle()[0]
        worker_area = self._area_name(community)
        return [
            *self._residents_offered(),
            *(_helper_offered(helper, self.scenario.skill) for helper in self.helpers if helper.by_hand),
            Offered(
                f"worker:{community.id}",
                "community_worker",
                full_name(draws(self.seed, "worker")),
                community.id,
                {"zh": f"{worker_area['zh']}工作人员", "en": f"Community worker of {worker_area['en']}"},
            ),
            Offered(
                f"official:{area_id(CITY_CODE)}",
                "city_official",
                full_name(draws(self.seed, "official")),
                area_id(CITY_CODE),
                {"zh": "市里的值班人员，看全市", "en": "City official on duty, sees the whole city"},
            ),
            *self._family_offered(),
            *self._staff_offered(community),
        ]

    def _family_offered(self) -> Iterator[Offered]:
        """Yield the parent as who acts for the elder too."""
        if (family := self._family) is not None:
            acting, elder = family
            text = {"zh": f"替{elder.name}办事的家人", "en": f"Family who acts for {elder.name}"}
            yield Offered(f"guardian:{acting.id}", "guardian", acting.name, acting.area, text)

    def _staff_offered(self, community: Community) -> Iterator[Offered]:
        """Yield somebody of each role that works for a community, a gate, a provider or the district."""
        district = area_id(DISTRICT_CODE)
        places = {
            "community": community.id,
            "district": district,
            "gate": self._gate_in(community),
            "provider": self.helpers[0].provider,
        }
        for role, where, zh, en in _STAFF:
            if (place := places[where]) is not None:
                name = full_name(draws(self.seed, role))
                yield Offered(f"{role}:{place}", role, name, community.id, {"zh": zh, "en": en})

    def _gate_in(self, community: Community) -> str | None:
        """Return the id of a gate of a community."""
        entities = (one for home in self._homes(community.index).households() for one in home.entities)
        return next((str(one["id"]) for one in entities if one["type"] == "Gate"), None)

    # areas

    def _areas(self) -> Iterator[Entity]:
        yield self._area(CITY_CODE, "city", {"zh": "例市", "en": "Sample City"}, None, self.territory.box)
        streets: dict[str, list[Community]] = {}
        for community in self.territory.communities:
            streets.setdefault(community.street_code, []).append(community)
        for at, (street, members) in enumerate(sorted(streets.items())):
            name = numbered(STREETS, at, "街道", " Street")
            yield self._area(street, "street", name, DISTRICT_CODE, _around([one.box for one in members]))
        for community in self.territory.communities:
            name = self._area_name(community)
            yield self._area(community.code, "community", name, community.street_code, community.box)
            for grid in range(1, GRIDS + 1):
                yield self._grid(community, grid, name)

    def _area(
        self, region: str, level: str, name: dict[str, str], parent: str | None, box: tuple[float, float, float, float]
    ) -> Entity:
        return entity(
            "Area",
            area_id(region),
            scope_of_code(region),
            areaLevel=code(level),
            code=said(region.ljust(12, "0")),
            name=words(name),
            parent=to(area_id(parent)) if parent else None,
            boundary=rectangle(box),
            timezone=said("Asia/Shanghai"),
        )

    def _grid(self, community: Community, grid: int, name: dict[str, str]) -> Entity:
        return entity(
            "Area",
            area_id(community.code, grid),
            f"{community.scope}/g{grid:02d}",
            areaLevel=code("grid"),
            code=said(f"{community.code}-g{grid:02d}"),
            name=words({"zh": f"{name['zh']}第{grid}网格", "en": f"{name['en']}, grid {grid}"}),
            parent=to(community.id),
            boundary=rectangle(community.grid_box(grid)),
        )

    def _district_area(self, start_us: int) -> Entity:
        name = {"zh": "例区", "en": "Sample District"}
        area = self._area(DISTRICT_CODE, "district", name, CITY_CODE, self.territory.box)
        marks = [
            {"system": "linli.demo.mark", "id": self.mark},
            {"system": "linli.demo.start", "id": to_wire_time(start_us)},
        ]
        return {**area, "population": said(self.residents), "externalId": free(marks)}

    def _area_name(self, community: Community) -> dict[str, str]:
        return numbered(COMMUNITIES, community.index, "社区", " Community")

    # providers and helpers

    def _providers(self) -> Iterator[Entity]:
        for skill in self.scenario.skill:
            zh, en = _PROVIDER_NAMES.get(skill.key, (f"例服务站({skill.key})", f"Sample Service ({skill.key})"))
            for at in range(PROVIDERS_A_SKILL):
                name = {"zh": f"{zh}{'一二三四'[at]}部", "en": f"{en} {at + 1}"}
                kinds = [skill.kind, *(["elder.sos"] if skill.key == "carer" else [])]
                yield entity(
                    "Provider",
                    self._provider_id(skill.key, at),
                    HOME_SCOPE,
                    name=words(name),
                    legalName=said(f"{name['zh']}有限公司(虚构)"),
                    uscc=said(_credit_code(self.scenario.skill.index(skill) * 10 + at)),
                    kinds=to([f"urn:ngsi-ld:ServiceKind:{kind}" for kind in kinds]),
                    reachMinutes={**said(60), "unitCode": "MIN"},
                    roaming=said(value=True),
                )

    def _helper(self, index: int, *, by_hand: bool) -> HelperPlan:
        rng = draws(self.seed, "helper", index)
        territory = self.territory
        junction = rng.randrange(len(territory.places))
        first = skill_drawn(self.scenario, rng)
        further = self.scenario.helpers.further_skill_probability
        skills = [one.key for at, one in enumerate(self.scenario.skill) if at == first or rng.random() < further]
        skills.sort(key=lambda key: key != self.scenario.skill[first].key)
        if "carer" in skills:
            skills.append("first_aid")
        return HelperPlan(
            index,
            self._id("Helper", index),
            full_name(rng),
            territory.communities[int(territory.community_of[junction])],
            territory.place(junction),
            tuple(skills),
            self._provider_id(skills[0], rng.randrange(PROVIDERS_A_SKILL)),
            by_hand,
        )

    def _helper_entity(self, helper: HelperPlan) -> Entity:
        rng = draws(self.seed, "helper's papers", helper.index)
        proofs = [
            {"skill": skill, "no": f"SAMPLE-{rng.randrange(10**6):06d}", "until": "2036-12-31"}
            for skill in helper.skills
        ]
        return entity(
            "Helper",
            helper.id,
            helper.community.scope,
            fullName=said(helper.name),
            telephone=said(telephone(rng)),
            badgeNo=said(f"{helper.index + 1:04d}"),
            role=code(_ROLES.get(helper.skills[0], "volunteer")),
            organization=to(helper.provider),
            hasSkill=code(list(helper.skills)),
            skillProofs=free(proofs),
            vetting=code("green"),
            dutyState=code("off" if helper.by_hand else "ready"),
            position=point(helper.place),
            profile=code(self.scenario.helpers.mode),
            languages=said(["zh"]),
            inArea=to(helper.community.id),
        )

    def _provider_id(self, skill: str, at: int) -> str:
        return self._id("Provider", skill, at)

    # homes

    def _homes(self, community: int) -> Homes:
        return Homes(self.territory, self.territory.communities[community], self.seed, self._residents_of[community])

    @cached_property
    def _residents_of(self) -> dict[int, int]:
        """How many residents live in each community: uneven, and `residents` in all."""
        settled = self.territory.settled
        rng = draws(self.seed, "residents of communities")
        weights = [rng.uniform(0.7, 1.3) for _ in settled]
        total, given, counts = sum(weights), 0, {}
        cumulated = 0.0
        for community, weight in zip(settled, weights, strict=True):
            cumulated += weight
            upto = round(self.residents * cumulated / total)
            counts[community.index] = upto - given
            given = upto
        return counts

    def _from_the_middle(self) -> list[Community]:
        """Return the communities that have streets, those in the middle of the box first."""
        column, row = self.scenario.box.columns // 2, self.scenario.box.rows // 2
        return sorted(
            self.territory.settled, key=lambda one: (abs(one.column - column) + abs(one.row - row), one.index)
        )

    @cached_property
    def _family(self) -> tuple[Offered, Offered] | None:
        """Who acts for whom: the parent of the one-click list for the elder of it."""
        residents = list(self._residents_offered())
        return (residents[1], residents[0]) if len(residents) == len(_WANTED) else None

    def _delegations(self, start_us: int) -> Iterator[Entity]:
        if (family := self._family) is not None:
            acting, elder = family
            yield entity(
                "Delegation",
                self._id("Delegation", 0),
                next(one.scope for one in self.territory.communities if one.id == elder.area),
                principal=to(acting.id),
                forWhom=to(elder.id),
                kind=code("family"),
                purposes=code(["service", "care", "emergency"]),
                since=said(to_wire_time(start_us)[:10]),
                until=said(to_wire_time(start_us + 180 * 24 * 60 * MINUTE_US)[:10]),
            )

    def _residents_offered(self) -> Iterator[Offered]:
        """Look for one person of each kind, from the middle of the district outwards."""
        for wanted, zh, en in _WANTED:
            for community in self._from_the_middle():
                found = next(filter(None, map(wanted, self._homes(community.index).households())), None)
                if found is not None:
                    area = self._area_name(community)
                    text = {"zh": f"{zh}，住在{area['zh']}", "en": f"{en}, lives in {area['en']}"}
                    yield Offered(found.id, "resident", found.name, community.id, text)
                    break

    def _id(self, type_name: str, *topic: object) -> str:
        return f"urn:ngsi-ld:{type_name}:{NODE}:{fixed_ulid(self.seed, type_name, *topic)}"


#: role, where it works, what it is in both languages
_STAFF = (
    ("clerk", "community", "窗口人员", "Clerk at the counter"),
    ("grid_worker", "community", "网格员", "Grid worker"),
    ("seat", "district", "热线坐席", "Seat of the hotline"),
    ("officer", "district", "区里的干部", "Officer of the district"),
    ("dispatcher", "provider", "服务机构的调度员", "Dispatcher of a provider"),
    ("guard", "gate", "小区门岗", "Guard at a gate"),
    ("doctor", "community", "家庭医生", "Family doctor"),
    ("counsellor", "community", "心理咨询师", "Counsellor"),
    ("analyst", "district", "分析员，只看数字", "Analyst, sees counts only"),
    ("privacy_officer", "district", "隐私专员", "Privacy officer"),
    ("auditor", "district", "审计员", "Auditor"),
    ("administrator", "district", "管理员，看不到个人信息", "Administrator, sees no personal data"),
)


def _lonely_elder(household: Household) -> Person | None:
    first = household.people[0]
    return first if first.alone and first.age >= 75 else None


def _parent(household: Household) -> Person | None:
    has_child = any(one.age < 14 for one in household.people)
    return next((one for one in household.people if has_child and 22 <= one.age < 60), None)


def _single(household: Household) -> Person | None:
    first = household.people[0]
    return first if first.alone and first.age < 60 else None


_WANTED = (
    (_lonely_elder, "独居老人", "An elder who lives alone"),
    (_parent, "带孩子的家长", "A parent"),
    (_single, "独自居住的年轻人", "A young person living alone"),
)


def _helper_offered(helper: HelperPlan, skills: tuple[SkillShare, ...]) -> Offered:
    provider = _PROVIDER_NAMES.get(helper.skills[0], (skills[0].key, skills[0].key))
    text = {"zh": f"{provider[0]}的服务者，由您操作", "en": f"Helper of {provider[1]}, steered by you"}
    return Offered(helper.id, "helper", helper.name, helper.community.id, text)


def _around(boxes: list[tuple[float, float, float, float]]) -> tuple[float, float, float, float]:
    west, south, east, north = zip(*boxes, strict=True)
    return min(west), min(south), max(east), max(north)


def _credit_code(number: int) -> str:
    """Return a unified social credit code (GB 32100) of a region that does not exist, with its right check digit."""
    letters = "0123456789ABCDEFGHJKLMNPQRTUWXY"
    body = f"91{DISTRICT_CODE}EXAMPL{number:03d}"
    total = sum(letters.index(letter) * pow(3, at, 31) for at, letter in enumerate(body))
    return body + letters[-total % 31]
