"""Every role, verb, type, standing and attribute against a table that was written by hand, apart from the policies.

The cells come from the schema: its roles, its verbs, the types of each verb, and the attributes of these types in the
vocabulary. What the table does not list fails, so nothing can be added to the schema without being thought through.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from linli.base import SECOND_US, SteppedClock
from linli.trust import FULL, PUBLIC, Act, Policies, Principal, Shown, Thing
from linli.trust._authz import FOLDER, Authz
from linli.vocab import vocabulary

TABLE = tomllib.loads(Path(__file__).with_name("trust_matrix.toml").read_text("utf-8"))
VERBS, STANDINGS, GROUPS, ENTRIES = TABLE["verbs"], TABLE["standings"], TABLE["groups"], TABLE["entries"]
NOW_US = 1_795_400_107 * SECOND_US
DAY_US = 24 * 3600 * SECOND_US
HERE, THERE = "/cn/r37/r3701/r370102/r370102001", "/cn/r37/r3701/r370103/r370103007"
ME, OTHER = "urn:ngsi-ld:Person:1", "urn:ngsi-ld:Person:2"
#: what a device or vendor of the table may write
NAMED = frozenset({"state", "location", "gate", "status"})
AUTHZ = Authz(FOLDER)
ROLES = re.findall(
    r'"(\w+)"', re.search(r"entity Role enum \[(.*?)\]", (FOLDER / "linli.cedarschema").read_text(), re.DOTALL)[1]
)
LEVELS = {"f": "full", "m": "masked", "h": "hidden"}


@dataclass(frozen=True)
class Right:
    """What the table says to one verb: for which attributes (None = all), and how persons are shown."""

    only: frozenset[str] | None = None
    never: frozenset[str] = frozenset()
    shown: Shown = PUBLIC

    def lets(self, attr: str) -> bool:
        return attr not in self.never and (self.only is None or attr in self.only)


def question(role: str, standing: str) -> tuple[Act, Thing]:
    """Return who asks and what about, type and attributes left open."""
    who = Principal(
        ME, role, (HERE,), gates=("gate:1",), organisation="provider:1",
        attrs=NAMED if role in ("device", "vendor") else None,
    )  # fmt: skip
    act, thing = Act(who, "service"), Thing("", (THERE,), (OTHER,))
    if standing.startswith("area"):
        thing = replace(thing, scopes=(HERE + "/g03",))
    word = standing.partition("_")[2]
    if word in ("emergency", "medical"):
        act = replace(act, purpose=word)
    if word in ("reason", "strong"):
        act = replace(act, reason="the caller asked for it", strong=word == "strong")
    at_us = NOW_US - (DAY_US if word == "yesterday" else 0)
    gates = ("gate:2",) if word == "next" else ("gate:1",)
    changed: dict[str, Any] = {
        "own": {"owners": (OTHER, ME)},
        "asked": {"offered": (OTHER, ME)},
        "comes": {"workers": (ME,)},
        "came": {"workers": (ME,), "until_us": NOW_US - 2 * DAY_US},
        "gate": {"gates": gates, "since_us": at_us, "until_us": at_us},
        "provider": {"organisations": ("provider:1",)},
        "tenant": {"scopes": (HERE,), "owners": (ME,), "offered": (ME,), "workers": (ME,), "gates": ("gate:1",)},
    }
    first = standing.partition("_")[0]
    if first == "for":
        act = replace(act, for_whom=OTHER)
    if first == "tenant":
        act = replace(act, tenant="other", reason="why", strong=True)
    thing = replace(thing, **changed.get(first, {}))
    return act, thing


def rights(entry: str) -> dict[tuple[str, str], list[Right]]:
    """Read an entry of the table: (standing, verb) -> what it says."""
    found: dict[tuple[str, str], list[Right]] = {}
    for part in filter(None, (one.strip() for one in entry.split(";"))):
        if part.startswith("+"):
            for key, more in rights(ENTRIES[part[1:]]).items():
                found.setdefault(key, []).extend(more)
            continue
        said, _, verbs = part.partition(":")
        standings = [one for word in said.split() for one in meant(word)]
        shown = PUBLIC
        for verb, limit, levels in reversed(re.findall(r"(\w+)(?:\(([^)]*)\))?(?:/(\w+))?", verbs)):
            assert verb in VERBS, entry
            if levels:
                shown = Shown(*(LEVELS[one] for one in levels))
            elif verb not in ("read", "list", "act"):
                shown = PUBLIC
            for standing in standings:
                found.setdefault((standing, verb), []).append(right(limit, shown))
    return found


def meant(word: str) -> list[str]:
    if word == "any":
        return [one for one in STANDINGS if one != "tenant"]
    found = [one for one in STANDINGS if one == word or (word.endswith("*") and one.startswith(word[:-1]))]
    assert found, word
    return found


def right(limit: str, shown: Shown) -> Right:
    words = limit.split()
    if words == ["named"]:
        return Right(NAMED, shown=shown)
    never = frozenset(one[1:] for one in words if one.startswith("-"))
    return Right(frozenset(words) if words and not never else None, never, shown)


def expected(role: str, type_name: str) -> dict[tuple[str, str], list[Right]]:
    """Return what the table says to a role and a type; one that is not listed is a fault of the table."""
    listed = TABLE[role]
    groups = [f"@{name}" for name, types in GROUPS.items() if type_name in types]
    assert len(groups) <= 1, f"{type_name} is in two groups"
    for key in (type_name, *groups, "*"):
        if key in listed:
            return rights(listed[key])
    raise AssertionError(f"{role}, {type_name}: not in the table")


def attributes(type_name: str) -> list[str]:
    """Return what a write of a type can touch; of an account, the roles."""
    if type_name == "Account":
        return list(ROLES)
    entity = vocabulary().types.get(type_name)
    return [*entity.attributes, "x_other"] if entity else ["x_other", "state"]


def cells(role: str) -> list[tuple[Any, ...]]:
    """Return every cell of a role: (verb, type, standing, attribute)."""
    return [
        (verb, type_name, standing, attr)
        for verb, types in AUTHZ.types.items()
        for type_name in sorted(types)
        for standing in STANDINGS
        for attr in (attributes(type_name) if verb in ("create", "change", "grant") else ("",))
    ]


def test_the_table_knows_every_role_and_verb_of_the_schema_and_no_other() -> None:
    assert set(TABLE) - {"verbs", "standings", "groups", "entries"} == set(ROLES)
    assert sorted(AUTHZ.types) == sorted(VERBS)
    assert set(ROLES) == set(vocabulary().lists["role"].codes) | {"operator", "engine"}


def test_a_type_that_the_table_does_not_list_fails() -> None:
    with pytest.raises(AssertionError, match="not in the table"):
        expected("guard", "Spaceship")


def held_against_the_table(role: str) -> tuple[int, list[Any]]:
    """Hold every cell of a role against the table; return how many there are, and those that are otherwise."""
    policies = Policies(SteppedClock(NOW_US))
    table = {type_name: expected(role, type_name) for type_name in AUTHZ.types["read"]}
    wrong, count = [], 0
    for verb, type_name, standing, attr in cells(role):
        act, thing = question(role, standing)
        said = policies.allows(act, verb, replace(thing, type=type_name, attrs=(attr,) if attr else ()))
        let = [one for one in table[type_name].get((standing, verb), []) if one.lets(attr)]
        shown = PUBLIC
        for one in let:
            shown = shown.joined(one.shown)
        count += 1
        if (said.ok, said.shown) != (bool(let), shown):
            wrong.append((verb, type_name, standing, attr, said.policy, said.shown, bool(let)))
    return count, wrong


@pytest.mark.slow
@pytest.mark.parametrize("role", ROLES)
def test_every_cell_is_as_the_table_says(role: str) -> None:
    count, wrong = held_against_the_table(role)
    assert count > 0
    assert not wrong, f"{len(wrong)} of {count} cells, the first: {wrong[:12]}"


@pytest.mark.proof
def test_the_whole_matrix(prove: Any) -> None:
    held = [held_against_the_table(role) for role in ROLES]
    count, wrong = sum(cells for cells, _ in held), sum(len(one) for _, one in held)
    assert count > 100_000
    prove(
        f"{count} cells of role x verb x type x standing x attribute that are not as the table says",
        wanted=0,
        measured=wrong,
        kept=not wrong,
    )


@pytest.mark.parametrize("role", ["guard", "caller", "administrator"])
def test_what_a_role_never_sees_is_not_seen_whatever_is_true(role: str) -> None:
    policies = Policies(SteppedClock(NOW_US))
    for standing in STANDINGS:
        act, thing = question(role, standing)
        for type_name in ("Resident", "EmergencyCard", "EntryExitRecord", "Household"):
            said = policies.allows(act, "list", replace(thing, type=type_name))
            assert said.shown != FULL or (standing.startswith("own") and role != "caller"), (type_name, standing)
