"""What stands about persons, kept in memory and true at every moment: consents, orders, delegations, who is a child.

Every write of such an entity is taken in when it is committed; what stood before, and what other processes write, is read
from the store and its log (`_watching`). Whoever shows an entity asks `grounds`: what of it may be used for a purpose.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import orjson

from linli.base import SECOND_US, Clock, from_wire_time, scope_of_code
from linli.base.errors import BadRequestData
from linli.store import Put
from linli.trust import (
    EPIDEMIC,
    UNDER_14,
    Act,
    Consents,
    ConsentSaid,
    Delegations,
    Mandate,
    Minors,
    Order,
    Orders,
    begin_us,
    birthday,
    day_of,
    end_us,
)
from linli.vocab import Attribute, EntityType, Vocab

from ._names import Names
from ._plain import VALUE_MEMBER, Doc

#: types of which every entity is known here
WATCHED = ("Consent", "HealthOrder", "Delegation", "Resident")
#: relationships to a person who is not the one that the entity is about
OTHERS = frozenset({"guardian", "principal"})
#: relationships that lead to a person although their file names no type
ALSO_PERSONS = frozenset({"caller"})
#: what somebody says in these he says to get what he asks for
BY_ASKING = frozenset({"ServiceCall"})
YEARS_OF_A_CHILD = 14
#: age bands of whoever may be a child: who has grown up since he was written down, is found out by his date of birth
CHILDREN = (UNDER_14,)
#: who asks without being bound by what persons agreed to: engines of this process, and who runs a node without sign-in
UNBOUND = frozenset({"engine", "operator"})
#: how long an answer about somebody may be kept although he grows older
AGES_US = 900 * SECOND_US
#: whose data these are nobody knows any more, so nobody can have agreed
UNKNOWN = ("",)
_AREA = "urn:ngsi-ld:Area:"


class Whose(NamedTuple):
    """Whose data an entity holds, in which scopes it is, and whether anything of its type is personal at all."""

    subjects: tuple[str, ...]
    scopes: tuple[str, ...]
    personal: bool


@dataclass(frozen=True, slots=True)
class Grounds:
    """On what grounds attributes of one entity may be used for a purpose. `allowed`: only these names, None = all.

    `minor`: it is about a child, so what is personal is of class minor, and plays no part in filters and orders.
    """

    consents: Consents
    tenant: str
    purpose: str
    subjects: tuple[str, ...]
    minor: bool = False
    by_asking: bool = False
    allowed: frozenset[str] | None = None

    def opens(self, attribute: Attribute) -> bool:
        """Tell whether the persons, or the law, let an attribute be used."""
        if attribute.pii == "none":
            return True
        if self.allowed is not None and attribute.name not in self.allowed:
            return False
        pii = "minor" if self.minor else attribute.pii
        return all(
            self.consents.allows(self.tenant, one, self.purpose, pii, attribute.name, by_asking=self.by_asking)
            for one in self.subjects
        )


class Persons:
    """Knows whose data an entity holds, and what stands about these persons."""

    def __init__(self, vocab: Vocab, clock: Clock, zone: ZoneInfo) -> None:
        """Read out of the vocabulary which relationships lead to a person, and which purposes need a consent."""
        self.consents = Consents(vocab.lists["purpose"].basis)
        self.orders, self.minors, self.delegations = Orders(), Minors(), Delegations()
        self.zone = zone
        self._names = names = Names(vocab)
        self._clock = clock
        self._links = {
            entity.name: tuple(
                names.inner(one.name)
                for one in entity.attributes.values()
                if is_person_link(one) and one.name not in OTHERS
            )
            for entity in vocab.types.values()
            if any(one.pii != "none" for one in entity.attributes.values())
        }

    # whose it is, and what may be done with it

    def subjects(self, entity_type: EntityType, doc: Doc) -> tuple[str, ...]:
        """Return the ids of the residents whose data an entity holds; of one that is past nobody can tell."""
        if entity_type.name == "Resident":
            return (doc["id"],)
        attrs = doc["attrs"]
        found: dict[str, None] = {}
        for name in self._links.get(entity_type.name, ()):
            for instance in attrs.get(name, ()):
                target = instance.get("object")
                for one in target if isinstance(target, list) else (target,):
                    if isinstance(one, str) and one.startswith("urn:ngsi-ld:Resident:"):
                        found[one] = None
        return tuple(found) if attrs else UNKNOWN

    def grounds(self, act: Act, entity_type: EntityType, doc: Doc) -> Grounds | None:
        """Return what decides whether an entity may be used for the purpose of `act`; None: nothing restrains it.

        One's own is never closed to oneself, nor to whoever acts for one under a delegation.
        """
        purpose = act.purpose
        if purpose is None or act.who.role in UNBOUND or entity_type.name not in self._links:
            return None
        now_us = self._clock.now_us()
        allowed = self.orders.allowed(act.tenant, doc["scope"], now_us) if purpose == EPIDEMIC else None
        subjects = self.subjects(entity_type, doc)
        if act.who.id in subjects or (act.for_whom and act.for_whom in subjects):
            subjects = ()
        if not subjects and allowed is None:
            return None
        minor = self._about_a_child(act.tenant, entity_type, doc, subjects, now_us)
        by_asking = entity_type.name in BY_ASKING
        return Grounds(self.consents, act.tenant, purpose, subjects, minor, by_asking, allowed)

    def bound(self, act: Act, whose: Whose) -> Hashable:
        """Return what an answer about an entity hangs on beside its version; answers with an equal one are the same."""
        if act.purpose is None or not whose.personal:
            return None
        now_us = self._clock.now_us()
        own = act.who.id in whose.subjects or bool(act.for_whom and act.for_whom in whose.subjects)
        allowed = self.orders.allowed(act.tenant, whose.scopes, now_us) if act.purpose == EPIDEMIC else None
        said = self.consents.generation(act.tenant, act.purpose)
        return own, act.who.role in UNBOUND, said, allowed, now_us // AGES_US

    def whose(self, doc: Doc) -> Whose:
        """Return whose data an entity holds, and where it is."""
        entity_type = self._names.type_of(doc["type"])
        if entity_type is None or entity_type.name not in self._links:
            return Whose((), tuple(doc["scope"]), personal=False)
        return Whose(self.subjects(entity_type, doc), tuple(doc["scope"]), personal=True)

    def may_collect(self, act: Act, attribute: Attribute, scopes: list[str]) -> bool:
        """Tell whether an attribute may be written for the purpose of `act`: for an epidemic only what an order allows."""
        if act.purpose != EPIDEMIC or attribute.pii == "none" or act.who.role in UNBOUND:
            return True
        return attribute.name in self.orders.allowed(act.tenant, scopes, self._clock.now_us())

    def _about_a_child(
        self, tenant: str, entity_type: EntityType, doc: Doc, subjects: tuple[str, ...], now_us: int
    ) -> bool:
        if entity_type.name == "Resident" and subjects:
            until_us = self._child_until_us(self._said(doc))
            return until_us is not None and now_us < until_us
        return any(self.minors.is_minor(tenant, one, now_us) for one in subjects)

    # what is taken in

    def take_put(self, tenant: str, put: Put) -> None:
        """Take in a write of an entity, if it is of a watched type."""
        for type_name in put.types:
            if type_name in WATCHED:
                self.take(tenant, type_name, put.entity_id, orjson.loads(put.doc))

    def take(self, tenant: str, type_name: str, entity_id: str, doc: Doc | None) -> None:
        """Take in an entity of a watched type as it stands now, None = it is gone; what cannot be read is left out."""
        if doc is None:
            self._gone(tenant, type_name, entity_id)
            return
        said = self._said(doc)
        try:
            if type_name == "Consent":
                self.consents.take(tenant, self._consent(entity_id, said))
            elif type_name == "HealthOrder":
                self.orders.take(tenant, self._order(entity_id, said))
            elif type_name == "Delegation":
                self.delegations.take(tenant, self._mandate(entity_id, said))
            else:
                self._resident(tenant, entity_id, said)
        except (KeyError, TypeError, ValueError, BadRequestData):
            self._gone(tenant, type_name, entity_id)

    def forget(self, tenant: str, person: str) -> None:
        """Forget what somebody said and how old he is, since he is forgotten himself."""
        self._gone(tenant, "Resident", person)

    def _gone(self, tenant: str, type_name: str, entity_id: str) -> None:
        if type_name == "HealthOrder":
            self.orders.drop(tenant, entity_id)
        elif type_name == "Delegation":
            self.delegations.drop(tenant, entity_id)
        elif type_name == "Resident":
            self.minors.drop(tenant, entity_id)
            self.consents.drop(tenant, entity_id)

    def _said(self, doc: Doc) -> dict[str, Any]:
        """Return the values of an entity by short name."""
        return {self._names.short(name): value for name, value in values_of(doc)}

    @staticmethod
    def _consent(entity_id: str, said: Mapping[str, Any]) -> ConsentSaid:
        withdrawn = said.get("withdrawnAt")
        names = said.get("allows") or ()
        return ConsentSaid(
            entity_id,
            said["subject"],
            said["purpose"],
            from_wire_time(said["at"]),
            from_wire_time(withdrawn) if withdrawn else None,
            separate=bool(said.get("separate")),
            guardian=said.get("guardian") or "",
            names=(names,) if isinstance(names, str) else tuple(names),
        )

    def _order(self, entity_id: str, said: Mapping[str, Any]) -> Order:
        ends = [moment for name in ("until", "endedAt") if name in said and (moment := end_us(said[name], self.zone))]
        areas, allows = _many(said["appliesTo"]), _many(said["allows"])
        return Order(
            entity_id,
            tuple(scope_of_area(one) for one in areas),
            frozenset(allows),
            begin_us(date.fromisoformat(said["since"]), self.zone),
            min(ends, default=0),
            int(said["keepDays"]),
        )

    def _mandate(self, entity_id: str, said: Mapping[str, Any]) -> Mandate:
        ends = [moment for name in ("until", "revokedAt") if name in said and (moment := end_us(said[name], self.zone))]
        return Mandate(
            entity_id,
            said["principal"],
            said["forWhom"],
            said["kind"],
            frozenset(_many(said["purposes"])),
            begin_us(date.fromisoformat(said["since"]), self.zone),
            min(ends),
        )

    def _resident(self, tenant: str, entity_id: str, said: Mapping[str, Any]) -> None:
        until_us = self._child_until_us(said)
        if until_us is None or until_us <= self._clock.now_us():
            self.minors.drop(tenant, entity_id)
        else:
            self.minors.take(tenant, entity_id, until_us)

    def _child_until_us(self, said: Mapping[str, Any]) -> int | None:
        """Return until when somebody is a child; None: never. Without a date of birth his age band alone says it."""
        born = said.get("birthDate")
        if isinstance(born, str):
            try:
                return begin_us(birthday(date.fromisoformat(born), YEARS_OF_A_CHILD), self.zone)
            except ValueError:
                pass
        return NEVER_US if said.get("ageBand") == UNDER_14 else None

    def end_us(self, text: str) -> int | None:
        """Return when what lasts until a date or a datetime is over here."""
        return end_us(text, self.zone)

    @staticmethod
    def moment_us(text: str) -> int | None:
        """Return a wire time in microseconds; None when it cannot be read."""
        try:
            return from_wire_time(text)
        except BadRequestData:
            return None

    def today(self) -> date:
        """Return the day of the people here."""
        return day_of(self._clock.now_us(), self.zone)


#: a moment that nobody here lives to see
NEVER_US = 1 << 62


def is_person_link(attribute: Attribute) -> bool:
    """Tell whether an attribute leads to a resident."""
    return attribute.kind == "Relationship" and ("Resident" in attribute.target or attribute.name in ALSO_PERSONS)


def values_of(doc: Doc) -> Iterator[tuple[str, Any]]:
    """Yield the bare value of each attribute of a document, of several instances the default or first one."""
    for name, instances in doc["attrs"].items():
        instance = next((one for one in instances if "datasetId" not in one), instances[0])
        value = instance[VALUE_MEMBER[instance["type"]]]
        yield name, value["@value"] if isinstance(value, dict) and "@value" in value else value


def scope_of_area(area_id: str) -> str:
    """Return the scope of an area by its id, which holds its region code: urn:ngsi-ld:Area:370102001001-g03."""
    code, _, grid = area_id.removeprefix(_AREA).partition("-")
    for cut, upper in ((12, 9), (9, 6), (6, 4), (4, 2)):
        if len(code) >= cut and not code[upper:cut].strip("0"):
            code = code[:upper]
    return scope_of_code(code, grid or None)


def _many(value: Any) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else tuple(value)
