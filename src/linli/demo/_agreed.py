"""What made-up people agreed to, and who acts for whom: some said yes, some took it back, many were never asked.

An elder agrees to care and to medical help, a parent agrees for a child, an adult sometimes to be counted. Parents act for
their children, and grown-up children for the oldest of their home.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator
from functools import cache

from linli.base import MINUTE_US, say, to_wire_time
from linli.vocab import vocabulary

from ._draws import draws, fixed_ulid
from ._homes import NODE, Household, Person
from ._wire import Entity, code, entity, said, to

LANGUAGE = "zh"
#: version of the words that were shown
TEXT_VERSION = f"1-{LANGUAGE}"
DAY_US = 24 * 60 * MINUTE_US
#: who agreed within so many days before the run began
LONG_AGO_DAYS = 700
FAMILY_DAYS, CHILD_DAYS = 180, 365
OLD, OLDEST, CHILD, GROWN_UP = 60, 75, 14, 22
#: purpose -> how many of 100 agreed, and how many took it back again
_ELDERS = {"care": (82, 6), "medical": (58, 4)}
_CHILDREN = {"education": (74, 3), "medical": (66, 2)}
_ADULTS = {"statistics": (24, 4)}


def agreed(seed: int, household: Household, start_us: int) -> Iterator[Entity]:
    """Yield the consents of the people of a home, and their delegations."""
    scope = household.entities[-1]["scope"][0]
    grown_up = [one for one in household.people if one.age >= GROWN_UP]
    for person in household.people:
        rng = draws(seed, "agreed", person.id)
        guardian = next((one for one in grown_up if one is not person), None) if person.age < CHILD else None
        if person.age >= CHILD or guardian is not None:
            for purpose, shares in _asked(person).items():
                yield from _consents(_Said(person, guardian, purpose, scope), shares, rng, start_us)
        if (acting := guardian or _relative(person, grown_up)) is not None:
            yield _delegation(acting, person, scope, start_us)


class _Said:
    """Who says something, for whom, about what."""

    def __init__(self, person: Person, guardian: Person | None, purpose: str, scope: str) -> None:
        self.person, self.guardian, self.purpose, self.scope = person, guardian, purpose, scope

    def consent(self, at_us: int, *, separate: bool, withdrawn_us: int | None = None) -> Entity:
        withdrawn = to_wire_time(withdrawn_us) if withdrawn_us is not None else None
        topic = (self.person.id, self.purpose, separate, withdrawn is not None)
        return entity(
            "Consent",
            f"urn:ngsi-ld:Consent:{NODE}:{fixed_ulid(0, 'Consent', *topic)}",
            self.scope,
            subject=to(self.person.id),
            guardian=to(self.guardian.id) if self.guardian else None,
            purpose=code(self.purpose),
            textVersion=said(TEXT_VERSION),
            textHash=said(_text_hash(self.purpose)),
            at=said(to_wire_time(at_us if withdrawn_us is None else withdrawn_us)),
            channel=code("app"),
            separate=said(value=separate),
            withdrawnAt=said(withdrawn) if withdrawn else None,
        )


def _asked(person: Person) -> dict[str, tuple[int, int]]:
    if person.age < CHILD:
        return _CHILDREN
    return _ELDERS if person.age >= OLD else _ADULTS


def _consents(said_by: _Said, shares: tuple[int, int], rng: random.Random, start_us: int) -> Iterator[Entity]:
    """Yield what somebody said about a purpose: nothing, yes, or yes and later no."""
    drawn, given_us = rng.randrange(100), start_us - rng.randrange(30, LONG_AGO_DAYS) * DAY_US
    if drawn >= shares[0]:
        return
    if vocabulary().lists["purpose"].basis[said_by.purpose] == "consent":
        yield said_by.consent(given_us, separate=False)
    yield said_by.consent(given_us, separate=True)
    if drawn < shares[1]:
        yield said_by.consent(given_us, separate=False, withdrawn_us=start_us - rng.randrange(1, 29) * DAY_US)


def _relative(person: Person, grown_up: list[Person]) -> Person | None:
    """Return who of the same home acts for one of the oldest."""
    younger = (one for one in grown_up if one.age < OLD)
    return next(younger, None) if person.age >= OLDEST else None


def _delegation(acting: Person, person: Person, scope: str, start_us: int) -> Entity:
    child = person.age < CHILD
    days, purposes = (CHILD_DAYS, ["education", "medical"]) if child else (FAMILY_DAYS, ["service", "care"])
    return entity(
        "Delegation",
        f"urn:ngsi-ld:Delegation:{NODE}:{fixed_ulid(0, 'Delegation', person.id)}",
        scope,
        principal=to(acting.id),
        forWhom=to(person.id),
        kind=code("guardian" if child else "family"),
        purposes=code([*purposes, "emergency"]),
        since=said(to_wire_time(start_us)[:10]),
        until=said(to_wire_time(start_us + days * DAY_US)[:10]),
    )


@cache
def _text_hash(purpose: str) -> str:
    """Return the fingerprint of the words in which the page of everybody's own data asks for a consent."""
    listed = vocabulary().lists["purpose"]
    words = say(f"face.my-data.text.{listed.basis[purpose]}", LANGUAGE, purpose=listed.codes[purpose][LANGUAGE])
    return hashlib.sha256(words.encode()).hexdigest()
