"""Hostile test 16: what a body says about whose a thing is, where it lies, who may do what, changes nothing."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import pytest
from ngsild_door import ADMIN, Door, helper
from two_cities import EAST, ME, WEST, urn, values_of

from linli.dispatch import CallRequest
from linli.trust import Principal
from linli.vocab import vocabulary

SERVICE, REGISTRY = {"linli-purpose": "service"}, {"linli-purpose": "registry"}
STAFF, CARE, AUDIT = {"linli-purpose": "staff"}, {"linli-purpose": "care"}, {"linli-purpose": "audit"}
VICTIM = urn("Resident", "victim")
RESIDENT, WORKER = Principal(ME, "resident", (WEST,)), Principal("worker:west", "community_worker", (WEST,))
PROVIDER = urn("Provider", "mine")


def body(entity_type: str, name: str, scope: Any = WEST, *, only_required: bool = True, **said: Any) -> dict[str, Any]:
    """Return an entity for the wire with what its type needs, and what is said."""
    entity = vocabulary().types[entity_type]
    bare = {
        k: v for k, v in values_of(entity_type).items() if entity.attributes[k].required or not only_required
    } | said
    member = {
        "Relationship": "object",
        "VocabProperty": "vocab",
        "LanguageProperty": "languageMap",
        "JsonProperty": "json",
    }
    attrs = {
        key: {"type": kind, member.get(kind, "value"): value}
        for key, value in bare.items()
        if (kind := entity.attributes[key].kind)
    }
    return {"id": urn(entity_type, name), "type": entity_type, "scope": scope, **attrs}


def made(*bodies: dict[str, Any], purpose: dict[str, str]) -> Door:
    door = Door()
    for one in bodies:
        door.make(one, **purpose)
    return door


def patch(door: Door, entity_id: str, attrs: dict[str, Any], purpose: dict[str, str]) -> int:
    return door.ask("PATCH", f"/entities/{entity_id}", attrs, headers=purpose).status


def a_word(value: Any, kind: str = "Property", member: str = "value") -> dict[str, Any]:
    return {"type": kind, member: value}


def related(target: Any) -> dict[str, Any]:
    return a_word(target, "Relationship", "object")


# where


@pytest.mark.parametrize("scope", [EAST, "/cn", [WEST, EAST], [EAST, WEST]])
def test_nobody_makes_or_moves_anything_into_an_area_that_is_not_his(scope: Any) -> None:
    door = made(body("Notice", "old"), purpose=SERVICE)
    door.who = WORKER
    assert door.ask("POST", "/entities", body("Notice", "new", scope), headers=SERVICE).error == "NotAllowed"
    for method, path, said in (
        ("PATCH", f"/entities/{urn('Notice', 'old')}", {"scope": scope}),
        ("PUT", f"/entities/{urn('Notice', 'old')}", body("Notice", "old", scope)),
        ("POST", f"/entities/{urn('Notice', 'old')}/attrs", {"scope": scope}),
    ):
        assert door.ask(method, path, said, headers=SERVICE).error == "NotAllowed", method
    batch = door.ask("POST", "/entityOperations/upsert", [body("Notice", "old", scope)], headers=SERVICE)
    assert b"NotAllowed" in batch.body
    door.who = ADMIN
    assert door.get(urn("Notice", "old"), headers=SERVICE).json["scope"] == WEST
    assert door.get(urn("Notice", "new"), headers=SERVICE).status == 404


def test_who_may_moves_a_thing_within_his_area() -> None:
    door = made(body("Notice", "old"), purpose=SERVICE)
    door.who = WORKER
    assert patch(door, urn("Notice", "old"), {"scope": WEST + "/g01"}, SERVICE) == 204


# whose


def test_a_resident_changes_how_he_is_reached_and_nothing_that_others_rely_on() -> None:
    door = made(body("Resident", "west1", telephone="00012345678"), purpose=REGISTRY)
    door.who = RESIDENT
    assert patch(door, ME, {"telephone": a_word("00012345679")}, SERVICE) == 204
    for name, said in {
        "careLevel": a_word("none", "VocabProperty", "vocab"),
        "ageBand": a_word("a80up", "VocabProperty", "vocab"),
        "homeArea": related("urn:ngsi-ld:Area:370103007001"),
        "idNumber": a_word("990101194801010014"),
        "owner": related([VICTIM]),
        "x_role": a_word("administrator"),
        "scope": EAST,
    }.items():
        assert patch(door, ME, {name: said}, SERVICE) == 403, name
    for name, said in {"scope": EAST, "type": "Vehicle"}.items():
        assert patch(door, ME, {name: said, "telephone": a_word("00012345670")}, SERVICE) == 403, name
    assert patch(door, ME, {"telephone": a_word("00012345670"), "x_role": a_word("operator")}, SERVICE) == 403
    assert door.get(ME, headers=SERVICE).json["telephone"]["value"] == "00012345679"


def test_nobody_agrees_for_another_or_lets_himself_act_for_him() -> None:
    door = made(body("Resident", "west1"), body("Resident", "victim"), purpose=REGISTRY)
    door.who = RESIDENT
    consent, delegation = body("Consent", "1", subject=VICTIM), body("Delegation", "1", principal=ME, forWhom=VICTIM)
    assert door.ask("POST", "/entities", consent, headers=AUDIT).error == "NotAllowed"
    assert door.ask("POST", "/entities", delegation, headers=SERVICE).error == "NotAllowed"
    mine = body("Delegation", "2", principal=VICTIM, forWhom=ME)
    assert door.ask("POST", "/entities", mine, headers=SERVICE).status == 201
    for said in (
        {"forWhom": related(VICTIM)},
        {"principal": related(ME)},
        {"forWhom": related(VICTIM), "principal": related(ME)},
    ):
        assert patch(door, mine["id"], said, SERVICE) == 403
        assert door.ask("POST", f"/entities/{mine['id']}/attrs", said, headers=SERVICE).error == "NotAllowed"
    assert door.ask("POST", "/entities", body("Consent", "2", subject=ME), headers=AUDIT).status == 201


def test_a_worker_cannot_make_a_persons_record_his_own_by_naming_himself_in_it() -> None:
    door = made(body("Household", "1", EAST, members=[VICTIM]), purpose=REGISTRY)
    door.make(body("Case", "1", EAST, reporter=VICTIM), **{"linli-purpose": "case"})
    for role in ("resident", "community_worker", "seat"):
        door.who = Principal(ME, role, (WEST,))
        for entity_id, name in ((urn("Household", "1"), "members"), (urn("Case", "1"), "reporter")):
            assert patch(door, entity_id, {name: related(ME)}, REGISTRY) == 404
            assert patch(door, entity_id, {name: related(ME)}, {"linli-purpose": "case"}) == 404


def test_who_visits_says_how_it_was_and_not_whom_or_by_whom() -> None:
    visitor = urn("Helper", "1")
    door = made(body("Visit", "1", subject=VICTIM, helper=visitor), purpose=CARE)
    door.who = Principal(visitor, "helper", (WEST,))
    visit = urn("Visit", "1")
    assert patch(door, visit, {"notes": a_word("样例")}, CARE) == 204
    for name, said in {
        "subject": related(ME),
        "helper": related(urn("Helper", "2")),
        "plannedFrom": a_word("2026-11-23T02:15:07Z"),
    }.items():
        assert patch(door, visit, {name: said}, CARE) == 403, name


def test_a_provider_keeps_its_own_people_and_takes_none_of_others() -> None:
    mine, theirs = helper("mine", scope=EAST, organization=related(PROVIDER)), helper("theirs", scope=EAST)
    door = made(mine, theirs, purpose=STAFF)
    door.who = Principal("dispatcher:1", "dispatcher", (), organisation=PROVIDER)
    other = theirs["organization"]
    assert patch(door, mine["id"], {"profile": a_word("walk", "VocabProperty", "vocab")}, STAFF) == 204
    assert patch(door, theirs["id"], {"organization": related(PROVIDER)}, STAFF) == 403
    assert patch(door, mine["id"], {"organization": other}, STAFF) == 403
    assert door.ask("POST", "/entities", helper("new", organization=related(PROVIDER)), headers=STAFF).status == 201
    assert door.ask("POST", "/entities", helper("newer", organization=other), headers=STAFF).error == "NotAllowed"


# what


def test_a_device_writes_the_attributes_that_were_named_for_it_in_its_area_and_reads_nothing() -> None:
    door = made(body("WasteContainer", "1"), body("WasteContainer", "2", EAST), purpose=SERVICE)
    door.who = Principal(urn("Device", "1"), "device", (WEST,), attrs=frozenset({"fillingLevel"}))
    mine, far = urn("WasteContainer", "1"), urn("WasteContainer", "2")
    assert patch(door, mine, {"fillingLevel": a_word(0.5)}, SERVICE) == 204
    assert patch(door, mine, {"fillingLevel": a_word(0.6), "temperature": a_word(20)}, SERVICE) == 403
    assert patch(door, mine, {"scope": EAST}, SERVICE) == 403
    assert patch(door, far, {"fillingLevel": a_word(0.5)}, SERVICE) == 404
    assert door.ask("DELETE", f"/entities/{mine}", headers=SERVICE).error == "NotAllowed"
    assert door.get(mine, headers=SERVICE).status == 404
    assert door.found(type="WasteContainer", headers=SERVICE) == []
    batch = door.ask("POST", "/entityOperations/merge", [{"id": mine, "temperature": a_word(9)}], headers=SERVICE)
    assert b"NotAllowed" in batch.body
    unnamed = Principal(urn("Device", "1"), "device", (WEST,))
    door.who = unnamed
    assert patch(door, mine, {"fillingLevel": a_word(0.5)}, SERVICE) == 403


def test_a_thing_cannot_be_turned_into_one_of_another_type() -> None:
    door = made(body("Notice", "1"), purpose=SERVICE)
    door.who = WORKER
    for said in ({"type": "Gate"}, {"type": ["Notice", "Gate"]}):
        assert door.ask("PATCH", f"/entities/{urn('Notice', '1')}", said, headers=SERVICE).status in (400, 403), said
    door.who = ADMIN
    assert door.get(urn("Notice", "1"), headers=SERVICE).json["type"] == "Notice"


def test_a_press_takes_from_its_body_what_it_is_for_and_nothing_else() -> None:
    said = {"kind": "elder.care_visit", "lon": 117.0, "lat": 36.6, "mouth": "app"}
    more = {
        "caller": VICTIM, "scope": EAST, "state": "closed", "urgency": 3, "assigned": VICTIM, "homeNode": "x", "seq": 9,
        "tenant": "north", "role": "operator", "id": urn("ServiceCall", "mine"), "number": "1", "pressKey": "x",
    }  # fmt: skip
    assert CallRequest.from_body({**said, **more}, "key") == CallRequest.from_body(said, "key")
    assert {"caller", "scopes", "state", "tenant", "role"}.isdisjoint(one.name for one in fields(CallRequest))
