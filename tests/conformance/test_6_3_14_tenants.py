"""ETSI GS CIM 009 V1.9.1, clauses 4.14, 5.5.10 and 6.3.14 (tenants), 5.15 (source identity), 6.3 (HEAD, Prefer)."""

from __future__ import annotations

from typing import Any

import pytest
from ngsild_door import Door, car

from linli.trust import Principal

ONE = "/entities/urn:ngsi-ld:Vehicle:1"
NORTH, SOUTH = {"ngsild-tenant": "north"}, {"ngsild-tenant": "south"}


def test_5_5_10_a_tenant_exists_since_something_was_created_in_it() -> None:
    door = Door()
    for method, path in (("GET", ONE), ("PATCH", ONE), ("DELETE", ONE), ("GET", "/types")):
        reply = door.ask(method, path, {"speed": 1} if method == "PATCH" else None, headers=NORTH)
        assert (reply.status, reply.error, reply.header("ngsild-tenant")) == (404, "NonexistentTenant", "north")
    assert door.ask("POST", "/entities", car(), headers=NORTH).status == 201
    assert door.ask("GET", ONE, headers=NORTH).header("ngsild-tenant") == "north"
    assert door.ask("POST", "/entityOperations/upsert", [car()], headers=SOUTH).json == [car()["id"]]
    assert door.ask("GET", ONE).error == "ResourceNotFound"


def test_4_14_what_happens_in_one_tenant_is_nothing_to_the_others() -> None:
    door = Door()
    door.make(car())
    door.make(car(1, speed={"type": "Property", "value": 1}), **NORTH)
    assert door.ask("PATCH", ONE, {"speed": {"value": 2}}, headers=NORTH).status == 204
    assert door.get(car()["id"]).json == car()
    assert door.get(car()["id"], headers=NORTH).json["speed"]["value"] == 2
    assert door.ask("DELETE", "/entities", headers=NORTH, type="Vehicle").status == 204
    assert door.found(type="Vehicle") == [car()["id"]]


@pytest.mark.parametrize("name", ["no rth", "x" * 200, "n\u00f6rd"], ids=ascii)
def test_6_3_14_a_tenant_has_a_plain_name(name: str) -> None:
    assert Door().ask("POST", "/entities", car(), headers={"ngsild-tenant": name}).error == "BadRequestData"


def test_6_3_14_only_the_operator_names_another_tenant() -> None:
    door = Door(Principal("helper:1", "helper", ("/",)))
    assert door.ask("GET", "/entities", headers=NORTH, local="true").error == "NotAllowed"
    assert door.ask("GET", "/entities", headers={"ngsild-tenant": "default"}, local="true").status == 200


def test_5_15_1_each_tenant_has_an_alias_of_its_own_that_stays() -> None:
    door = Door()

    def identity(headers: dict[str, str]) -> Any:
        reply = door.ask("GET", "/info/sourceIdentity", headers=headers)
        assert reply.status == 200
        return reply.json

    door.clock.advance_to(door.clock.now_us() + 90_000_000)
    here = identity({})
    assert here["type"] == "ContextSourceIdentity"
    assert (here["contextSourceUptime"], here["contextSourceTimeAt"]) == ("PT90S", "2026-11-23T02:16:37Z")
    aliases = [one["contextSourceAlias"] for one in (here, identity(NORTH), identity(SOUTH))]
    assert len(set(aliases)) == 3
    assert [identity(headers)["contextSourceAlias"] for headers in ({}, NORTH, SOUTH)] == aliases
    other = Door()
    assert other.ask("GET", "/info/sourceIdentity").json["contextSourceAlias"] not in aliases


def test_6_3_a_head_is_a_get_without_its_body() -> None:
    door = Door()
    door.make(car())
    whole, head = door.ask("GET", ONE), door.ask("HEAD", ONE)
    assert (head.status, head.body) == (200, b"")
    assert head.headers == whole.headers
    assert door.ask("HEAD", "/entities/urn:x:none").status == 404


@pytest.mark.parametrize(
    ("prefer", "status", "applied"),
    [
        ("ngsi-ld=1.5", 203, "ngsi-ld=1.5"),
        ("ngsi-ld=1.9", 200, "ngsi-ld=1.9"),
        ("NGSI-LD=1.9", 200, "ngsi-ld=1.9"),
        ("body=json", 200, None),
    ],
)
def test_6_3_6_a_preferred_version_is_applied_and_said(prefer: str, status: int, applied: str | None) -> None:
    door = Door()
    door.make(car(mode={"type": "VocabProperty", "vocab": "parked"}))
    reply = door.ask("GET", ONE, headers={"prefer": prefer})
    assert (reply.status, reply.header("preference-applied")) == (status, applied)


def test_6_3_2_a_request_without_its_length_gets_nothing_but_411() -> None:
    reply = Door().ask("POST", "/entities", car(), headers={"content-length": "", "ngsild-tenant": "nobody"})
    assert (reply.status, reply.body) == (411, b"")
