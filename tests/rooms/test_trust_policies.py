"""The policies as files, what is left of them for lists, and that nothing is let through when anything is in doubt."""

from __future__ import annotations

import os
import re
import shutil
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from linli.base import SECOND_US, SteppedClock, to_wire_time
from linli.base.errors import StartError
from linli.trust import FULL, MASKED, PUBLIC, Act, Policies, Principal, Reach, Shown, Thing
from linli.trust._authz import FOLDER, Authz
from linli.trust._residual import OF_CONTEXT, OF_PRINCIPAL, OF_RESOURCE, Question
from linli.trust._rules import IN_DOUBT, NO_RULE, NO_SUCH_ROLE, NO_SUCH_VERB
from linli.vocab import vocabulary

CASES = int(os.environ.get("LINLI_CASES", "10000"))
NOW_US = 1_795_400_107 * SECOND_US
DAY_US = 24 * 3600 * SECOND_US
CITY = "/cn/r37/r3701"
WEST, EAST = f"{CITY}/r370102/r370102001", f"{CITY}/r370103/r370103007"
OWN_RECORDS = {
    "Account",
    "Audit",
    "MovementQuery",
    "Context",
    "ContextSourceRegistration",
    "EntityMap",
    "Setting",
    "Subscription",
}
AUTHZ = Authz(FOLDER)


def the_policies(folder: Path = FOLDER) -> Policies:
    return Policies(SteppedClock(NOW_US), folder=folder)


def asks(role: str, *scopes: str, **more: object) -> Act:
    return Act(Principal("me", role, scopes), "service", **more)


def with_policies(folder: Path, *texts: str, schema: str | None = None) -> Path:
    """Return a folder with our schema and these policies."""
    folder.mkdir(exist_ok=True)
    (folder / "linli.cedarschema").write_text(schema or (FOLDER / "linli.cedarschema").read_text("utf-8"), "utf-8")
    (folder / "one.cedar").write_text("\n".join(texts), "utf-8")
    return folder


def a_permit(name: str = "one", when: str = "true", says: str = "Why.", level: str = "full") -> str:
    return (
        f'@id("{name}") @says("{says}") @personal("{level}") '
        f'permit (principal in Role::"resident", action == Action::"read", resource is Place) when {{ {when} }};'
    )


# the files


def test_the_schema_knows_exactly_the_types_of_the_vocabulary_and_what_linli_keeps_itself() -> None:
    assert AUTHZ.types["read"] == set(vocabulary().types) | OWN_RECORDS | {"Foreign"}
    assert AUTHZ.types["read"] == AUTHZ.types["list"] == AUTHZ.types["create"] == AUTHZ.types["delete"]


def test_every_attribute_of_the_schema_is_required_for_a_rule_that_meets_a_missing_one_is_skipped() -> None:
    said = re.sub(r"//[^\n]*", "", (FOLDER / "linli.cedarschema").read_text("utf-8"))
    assert "?" not in said


def test_every_rule_has_a_name_and_says_in_a_sentence_what_it_means() -> None:
    assert len(AUTHZ.policies) > 40
    for policy in AUTHZ.policies.values():
        assert re.fullmatch(r"[a-z]+(-[a-z]+)*", policy.name), policy.name
        assert re.fullmatch(r"[A-Z].{15,}\.", policy.says), policy.name


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("permit (principal, action", "cannot be read"),
        ('@says("Why.") permit (principal, action, resource);', "has no @id"),
        ('@id("one") permit (principal, action, resource);', "has no @id or no @says"),
        (a_permit(when='resource.colour == "red"'), "does not fit the schema"),
        (a_permit().replace('"resident"', '"king"'), "does not fit the schema"),
        (a_permit(level="sometimes"), "@personal"),
        (a_permit() + a_permit(), "the same @id"),
        ('@id("one") @says("Why.") @personal("full") forbid (principal, action, resource);', "@personal"),
    ],
)
def test_a_policy_that_is_wrong_stops_the_start(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(StartError, match=re.escape(said)):
        the_policies(with_policies(tmp_path, text))


def test_a_folder_without_policies_stops_the_start(tmp_path: Path) -> None:
    with pytest.raises(StartError, match="cannot be read"):
        the_policies(tmp_path / "none")


# in doubt: no


@pytest.mark.parametrize(
    "when",
    [
        "resource.owners.isEmpty()",
        'principal.id like "m*"',
        "resource.since + 1 == 1",
        "if context.strong then true else true",
        'resource in [Unit::"/", Unit::"/cn"] && resource.owners == resource.workers && ["a"] == ["a"] && -resource.since == 0',
    ],
)
def test_an_expression_that_is_not_understood_denies_everything_it_could_touch(tmp_path: Path, when: str) -> None:
    policies = the_policies(with_policies(tmp_path, a_permit("plain"), a_permit("other", when)))
    said = policies.allows(asks("resident"), "read", Thing("Place", (WEST,)))
    assert (said.ok, said.policy) == (False, IN_DOUBT)
    assert policies.filter(asks("resident"), "read", "Place").fits(Thing("Place", (WEST,))) is False


def test_an_error_while_a_rule_is_worked_out_is_a_no(tmp_path: Path) -> None:
    folder = with_policies(tmp_path, a_permit("plain", "resource.since < resource.until"))
    policies = the_policies(folder)
    thing = Thing("Place", (WEST,))
    assert policies.allows(asks("resident"), "read", thing).ok
    too_late = replace(thing, until_us=1 << 64)  # no number of Cedar's
    other = the_policies(with_policies(tmp_path / "other", a_permit("plain", "context.dayAgo < resource.until")))
    said = other.allows(asks("resident"), "read", too_late)
    assert (said.ok, said.policy) == (False, IN_DOUBT)


def test_when_cedar_and_what_is_left_of_the_rules_disagree_the_answer_is_no() -> None:
    policies = Policies(SteppedClock(NOW_US), folder=with_policies_of_ours())
    residue = policies._rules.residue("resident", "read", "Notice")
    residue.cedar = AUTHZ.chosen(frozenset({"own"}))  # other rules than those of which something is left
    said = policies.allows(asks("resident"), "read", Thing("Notice", (WEST,)))
    assert (said.ok, said.policy) == (False, IN_DOUBT)


def with_policies_of_ours() -> Path:
    """Return the folder of our policies under another name, so that what is worked out from it is shared with nobody."""
    return FOLDER / ".." / "policies"


def test_what_is_no_question_and_what_no_rule_permits_are_denied_and_say_so() -> None:
    policies = the_policies()
    assert policies.allows(asks("operator"), "place", Thing("Gate")).policy == NO_SUCH_VERB
    assert policies.allows(asks("operator"), "dance", Thing("Gate")).policy == NO_SUCH_VERB
    assert policies.allows(asks("guard"), "read", Thing("Resident", (WEST,), ("other",))).policy == NO_RULE
    assert policies.allows(asks("king"), "read", Thing("Resident", (WEST,), ("me",))).policy == NO_SUCH_ROLE
    assert policies.allows(asks("king"), "read", Thing("Gate", (WEST,))).policy == NO_SUCH_ROLE
    assert not policies.allows(asks("clerk", "/"), "read", Thing("https://example.org/Car", (WEST,), ("me",))).ok


# what is shown, and where


def test_the_more_open_of_two_rules_counts_class_by_class() -> None:
    assert Shown("full", "hidden", "hidden").joined(Shown("masked", "masked", "hidden")) == Shown(
        "full", "masked", "hidden"
    )
    assert MASKED.joined(FULL) == FULL
    assert PUBLIC.of("none") == "full"
    assert MASKED.of("minor") == "masked"


def test_who_makes_something_in_two_places_needs_the_right_in_both() -> None:
    worker, policies = asks("community_worker", WEST), the_policies()
    assert policies.allows(worker, "create", Thing("Notice", (WEST,))).ok
    assert policies.allows(worker, "create", Thing("Notice", (WEST, WEST + "/g01"))).ok
    assert not policies.allows(worker, "create", Thing("Notice", (WEST, EAST))).ok
    assert not policies.allows(worker, "create", Thing("Notice", (EAST, WEST))).ok


@pytest.mark.parametrize(("area", "inside"), [
    ("/", True), ("/cn", True), (WEST, True), (WEST + "/g01", False), (WEST[:-1], False), (EAST, False), ("", False),
])  # fmt: skip
def test_an_area_holds_what_lies_in_it_or_below_and_nothing_else(area: str, inside: bool) -> None:
    said = the_policies().allows(asks("community_worker", area), "read", Thing("ServiceCall", (WEST,), ("other",)))
    assert said.ok is inside


def test_days_begin_at_midnight_of_the_people_here() -> None:
    midnight_us = 1_795_363_200 * SECOND_US  # 2026-11-23 00:00 in Jinan
    assert to_wire_time(midnight_us) == "2026-11-22T16:00:00Z"
    guard = Act(Principal("me", "guard", gates=("gate",)), "access")
    for at_us, now_us, seen in [
        (midnight_us, midnight_us, True),
        (midnight_us - 1, midnight_us, False),
        (midnight_us - 1, midnight_us - 1, True),
        (midnight_us, midnight_us + DAY_US - 1, True),
        (midnight_us, midnight_us + DAY_US, False),
    ]:
        record = Thing("EntryExitRecord", (WEST,), gates=("gate",), since_us=at_us, until_us=at_us)
        assert Policies(SteppedClock(now_us)).allows(guard, "read", record).ok is seen, (at_us, now_us)


# what is kept


def test_an_answer_that_was_kept_ends_with_the_role_the_place_and_the_time_it_was_for() -> None:
    clock = SteppedClock(NOW_US)
    policies = Policies(clock)
    call = Thing("ServiceCall", (WEST,), ("other",), workers=("me",), until_us=NOW_US)
    assert policies.allows(asks("community_worker", WEST), "read", call).shown == FULL
    assert (
        policies.allows(asks("community_worker", WEST), "read", replace(call, scopes=(EAST,), workers=())).ok is False
    )
    assert policies.allows(asks("officer", WEST), "read", replace(call, workers=())).shown == PUBLIC
    assert policies.allows(asks("helper"), "read", call).shown == FULL
    clock.advance_to(NOW_US + DAY_US)
    assert policies.allows(asks("helper"), "read", call).shown == PUBLIC


def test_an_answer_that_was_kept_ends_when_the_policies_change(tmp_path: Path) -> None:
    policies = the_policies(with_policies(tmp_path, a_permit()))
    asked = asks("resident"), "read", Thing("Place", (WEST,))
    assert policies.allows(*asked).ok
    with_policies(tmp_path, a_permit(when="context.strong"))
    assert policies.allows(*asked).ok
    policies.changed()
    assert not policies.allows(*asked).ok
    with_policies(tmp_path, "permit (")
    with pytest.raises(StartError):
        policies.changed()
    assert not policies.allows(*asked).ok


def test_one_answer_for_everything_is_given_only_to_who_may_do_everything() -> None:
    policies = the_policies()
    roles = vocabulary().lists["role"].codes
    for verb in AUTHZ.types:
        assert policies.always(asks("operator"), verb).shown == FULL
        assert policies.always(asks("engine"), verb).shown == FULL
        assert not any(policies.always(asks(role, "/"), verb) for role in roles)


def test_no_answer_holds_anything_of_a_person(tmp_path: Path) -> None:
    policies = Policies(SteppedClock(NOW_US), folder=with_policies_of_ours())
    policies.allows(asks("resident"), "read", Thing("Resident", (WEST,), ("urn:person:13800138000", "me")))
    assert "13800138000" not in repr(policies._rules.__dict__)


# lists

NAMES = st.lists(st.sampled_from(["me", "you", "child", ""]), max_size=2).map(tuple)
SCOPES = st.lists(st.sampled_from(["/cn", CITY, WEST, WEST + "/g01", EAST]), max_size=2, unique=True).map(tuple)
GATES = st.lists(st.sampled_from(["gate:1", "gate:2"]), max_size=2, unique=True).map(tuple)
TIMES = st.sampled_from([0, NOW_US - 2 * DAY_US, NOW_US - DAY_US, NOW_US - 1, NOW_US, NOW_US + DAY_US, 1 << 62])
TYPES = st.sampled_from(
    ["ServiceCall", "Offer", "Helper", "Resident", "EntryExitRecord", "Pass", "Delegation", "Case", "Notice"]
)
THINGS = st.builds(
    Thing, TYPES, SCOPES, NAMES, offered=NAMES, workers=NAMES, organisations=st.sampled_from([(), ("p1",), ("p2",)]),
    gates=GATES, since_us=TIMES, until_us=TIMES,
)  # fmt: skip
PEOPLE = st.builds(
    Principal, st.just("me"), st.sampled_from(sorted(vocabulary().lists["role"].codes)), SCOPES, gates=GATES,
    organisation=st.sampled_from(["", "p1"]), tenant=st.sampled_from(["default", "default", "default", "north"]),
)  # fmt: skip
ACTS = st.builds(Act, PEOPLE, st.sampled_from([None, "service", "access"]), for_whom=st.sampled_from(["", "", "child"]))
WORDS = frozenset(
    f"{whose}.{name}"
    for whose, facts in (("principal", OF_PRINCIPAL), ("resource", OF_RESOURCE), ("context", OF_CONTEXT))
    for name in facts
)
MIDNIGHT_US = 1_795_363_200 * SECOND_US


def within(thing: Thing, areas: tuple[str, ...]) -> bool:
    return any(scope == area or scope.startswith(area + "/") for scope in thing.scopes for area in areas)


def may_list(act: Act, thing: Thing) -> bool:
    """Say in plain Python who may list some types: the rules a third time, by another hand's means."""
    role, me, kind = act.who.role, act.who.id, thing.type
    here, today = within(thing, act.who.scopes), thing.since_us < MIDNIGHT_US + DAY_US and thing.until_us >= MIDNIGHT_US
    human = role not in ("caller", "device", "vendor", "peer")
    kin = role in ("resident", "guardian")
    acted = kin and act.for_whom != "" and act.for_whom in thing.owners
    mine, asked, came = me in thing.owners, me in thing.offered, me in thing.workers
    desk = role in ("community_worker", "seat", "dispatcher")
    ours = role == "dispatcher" and act.who.organisation in thing.organisations and act.who.organisation != ""
    if act.who.tenant != act.tenant:
        return False
    return {
        "ServiceCall": (mine and role not in ("device", "vendor", "peer"))
        or acted or (human and (asked or came)) or (here and (desk or role in ("officer", "city_official"))),
        "Offer": (human and asked) or (here and (desk or role in ("officer", "city_official"))) or ours,
        "Helper": (human and mine) or desk or ours or (here and role in ("officer", "city_official")),
        "Resident": (human and mine) or acted or (here and role in ("community_worker", "grid_worker", "clerk")),
        "EntryExitRecord": (human and mine) or (role == "guard" and bool(set(thing.gates) & set(act.who.gates)) and today),
        "Pass": (human and mine) or acted or (role == "guard" and bool(set(thing.gates) & set(act.who.gates)) and today),
        "Delegation": (human and mine) or acted or (kin and came)
        or (here and role in ("community_worker", "clerk", "privacy_officer")),
        "Case": (human and mine) or acted or (here and role in (
            "community_worker", "grid_worker", "clerk", "seat", "officer", "city_official",
        )),
        "Notice": role not in ("device", "vendor", "peer"),
    }[kind]  # fmt: skip


def touches(thing: Thing, reach: Reach) -> bool:
    if reach.relation == "area":
        return "/" in reach.values or within(thing, reach.values)
    return bool(set(getattr(thing, reach.relation)) & set(reach.values))


def hold_alike(act: Act, thing: Thing) -> None:
    """Hold the filter, Cedar asked with all policies at once, and plain Python against each other."""
    policies = the_policies()
    expected = may_list(act, thing)
    chosen = policies.filter(act, "list", thing.type)
    assert chosen.fits(thing) is expected
    assert policies.allows(act, "list", thing).ok is expected
    question = Question(act.who, thing, act, chosen.moment)
    assert AUTHZ.verdict(question, "list", thing.type, AUTHZ._all, WORDS).ok is expected
    if expected and chosen.reaches is not None:
        assert any(touches(thing, reach) for reach in chosen.reaches)


LAW = settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@LAW
@given(ACTS, THINGS)
def test_a_filter_cedar_and_plain_python_say_the_same_of_every_thing(act: Act, thing: Thing) -> None:
    hold_alike(act, thing)


@pytest.mark.proof
def test_ten_thousand_things_are_filtered_as_they_are_decided(prove: Any) -> None:
    alike, otherwise = 0, 0

    @settings(LAW, max_examples=CASES, report_multiple_bugs=False)
    @given(ACTS, THINGS)
    def count(act: Act, thing: Thing) -> None:
        nonlocal alike, otherwise
        try:
            hold_alike(act, thing)
        except AssertionError:
            otherwise += 1
            raise
        alike += 1

    with suppress(AssertionError):
        count()
    prove(
        "random cases in which list filter, Cedar and plain Python say the same",
        wanted=f">= {CASES}, 0",
        measured=f"{alike}, {otherwise}",
        kept=alike >= CASES and not otherwise,
    )


def test_a_filter_tells_where_to_look() -> None:
    policies = the_policies()
    desk = policies.filter(asks("seat", WEST), "list", "ServiceCall")
    assert set(desk.reaches or ()) == {
        Reach("area", (WEST,)), Reach("owners", ("me",)), Reach("offered", ("me",)), Reach("workers", ("me",)),
    }  # fmt: skip
    assert policies.filter(asks("operator"), "list", "ServiceCall").reaches is None
    assert policies.filter(asks("device", WEST), "list", "ServiceCall").reaches == ()
    assert policies.filter(asks("resident"), "list", "Notice").reaches is None
    guard = Act(Principal("me", "guard", (WEST,), gates=("gate:1",)))
    assert Reach("gates", ("gate:1",)) in (policies.filter(guard, "list", "EntryExitRecord").reaches or ())
    acting = asks("guardian", for_whom="child")
    assert Reach("owners", ("child",)) in (policies.filter(acting, "list", "Resident").reaches or ())


def test_only_who_reaches_nothing_but_his_own_is_looked_up_by_what_is_his() -> None:
    policies = the_policies()
    assert policies.own_only(asks("resident"), "list", "ServiceCall")
    assert policies.own_only(asks("device"), "list", "ServiceCall")
    assert not policies.own_only(asks("seat", WEST), "list", "ServiceCall")
    assert not policies.own_only(asks("resident"), "list", "Gate")


# why


def test_an_explanation_names_the_rules_that_decided_and_what_they_looked_at() -> None:
    policies = the_policies()
    said = policies.explain(asks("seat", WEST), "read", Thing("ServiceCall", (WEST,), ("other",)))
    assert said.decision.policy == "desk-calls"
    first = said.rules[0]
    assert (first.name, first.held, first.permits) == ("desk-calls", True, True)
    assert first.facts == (("resource in principal.area", True),)
    assert first.says.startswith("The desk of a unit")
    denied = policies.explain(replace(asks("seat", WEST), tenant="north"), "read", Thing("ServiceCall", (WEST,)))
    assert (denied.decision.policy, denied.rules[0].name, denied.rules[0].permits) == (
        "other-tenant",
        "other-tenant",
        False,
    )
    assert not any(
        one.held for one in policies.explain(asks("seat", EAST), "read", Thing("ServiceCall", (WEST,))).rules
    )


def test_a_copy_of_our_policies_says_the_same_wherever_it_lies(tmp_path: Path) -> None:
    copy = shutil.copytree(FOLDER, tmp_path / "copy")
    assert Authz(copy).policies == AUTHZ.policies
