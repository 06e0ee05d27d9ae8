"""ETSI GS CIM 009 V1.9.1, clauses 5.9 (registering context sources), 5.2.9 (their members) and 4.3.6 (their modes)."""

from __future__ import annotations

from typing import Any

import pytest
from ngsild_door import CORE, START_US, Door, car

from linli.base import to_wire_time
from linli.trust import Principal

LD = {"content-type": "application/ld+json"}
EX = "https://example.org/"
SOURCE = "urn:ngsi-ld:ContextSourceRegistration:1"
PATH = f"/csourceRegistrations/{SOURCE}"
ONE = "urn:ngsi-ld:Vehicle:1"
PAST, SOON = to_wire_time(START_US - 1), to_wire_time(START_US + 60_000_000)


def piece(*types: str, **members: Any) -> dict[str, Any]:
    """One piece of information about entities of these types."""
    return {"entities": [{"type": one} for one in types], **members} if types else members


def source(name: object = 1, *information: dict[str, Any], **members: Any) -> dict[str, Any]:
    said = {
        "id": f"urn:ngsi-ld:ContextSourceRegistration:{name}",
        "type": "ContextSourceRegistration",
        "information": list(information) or [piece("Vehicle")],
        "endpoint": "https://source.example/ngsi-ld",
        **members,
    }
    return {member: value for member, value in said.items() if value is not ...}


def a_door() -> Door:
    return Door(default_context="core")


def register(door: Door, body: dict[str, Any]) -> int:
    return door.ask("POST", "/csourceRegistrations", body).status


def one_car(mode: str, entity_id: str = ONE, attribute: str = "speed", name: object = 1) -> dict[str, Any]:
    information = {"entities": [{"id": entity_id, "type": "Vehicle"}], "propertyNames": [attribute]}
    return source(name, information, mode=mode)


def test_5_9_2_a_source_is_registered_under_its_id_or_a_new_one() -> None:
    door = a_door()
    reply = door.ask("POST", "/csourceRegistrations", source())
    assert (reply.status, reply.body, reply.header("location")) == (201, b"", "/ngsi-ld/v1" + PATH)
    assert door.ask("POST", "/csourceRegistrations", source()).error == "AlreadyExists"
    location = door.ask("POST", "/csourceRegistrations", source(id=...)).header("location")
    assert location
    path = location.removeprefix("/ngsi-ld/v1")
    assert door.ask("GET", path).json["id"] == path.rsplit("/", 1)[1]


def test_5_9_2_everything_that_was_said_is_said_again_and_defaults_are_named() -> None:
    said = source(
        1,
        {
            "entities": [
                {"type": ["Vehicle", "Car"]},
                {"id": ONE, "type": "Vehicle"},
                {"idPattern": ".*:2$", "type": "Bus"},
            ],
            "propertyNames": ["speed"],
            "relationshipNames": ["owner"],
        },
        {"propertyNames": ["colour"]},
        registrationName="north",
        description="what drives in the north",
        location={"type": "Point", "coordinates": [117.0, 36.6]},
        observationInterval={"startAt": "2026-01-01T00:00:00Z", "endAt": "2026-02-01T00:00:00Z"},
        managementInterval={"startAt": "2026-01-01T00:00:00Z"},
        expiresAt=SOON,
        contextSourceInfo=[{"key": "X-Key", "value": "a"}, {"key": "jsonldContext", "value": CORE}],
        scope=["/cn/r37", "/cn/r11"],
        refreshRate="PT5M",
        management={"localOnly": True, "cacheDuration": "PT1M", "timeout": 500, "cooldown": 1000},
        tenant="urn:ngsi-ld:tenant:north",
        datasetId=["@none", "urn:x:y"],
        ownWords={"type": "Property", "value": 7},
        otherWords="plain",
    )
    door = a_door()
    assert register(door, said) == 201
    told = door.ask("GET", PATH).json
    assert told == {**said, "mode": "inclusive", "operations": ["federationOps"]}
    times = door.ask("GET", PATH, options="sysAttrs").json
    assert (times["createdAt"], times["modifiedAt"]) == (to_wire_time(START_US),) * 2


def test_5_9_2_names_are_expanded_by_the_writer_s_context_and_said_in_the_reader_s() -> None:
    door = a_door()
    context = {"Car": EX + "Car", "speed": EX + "speed", "note": EX + "note"}
    body = source(1, piece("Car", propertyNames=["speed"]), note="a", **{"@context": context})
    assert door.ask("POST", "/csourceRegistrations", body, headers=LD).status == 201
    told = door.ask("GET", PATH).json
    assert told["information"] == [{"entities": [{"type": EX + "Car"}], "propertyNames": [EX + "speed"]}]
    assert told[EX + "note"] == "a"
    assert door.ask("POST", "/csourceRegistrations", body).error == "BadRequestData"
    assert door.ask("POST", "/csourceRegistrations", source(2), headers=LD).error == "BadRequestData"


@pytest.mark.parametrize(
    "wrong",
    [
        {"type": "Registration"},
        {"type": ...},
        {"id": "no uri"},
        {"information": ...},
        {"information": None},
        {"information": []},
        {"information": {}},
        {"information": [{}]},
        {"information": [{"entities": []}]},
        {"information": [{"entities": [{"id": ONE}]}]},
        {"information": [{"entities": [{"type": 7}]}]},
        {"information": [{"entities": [{"type": "Vehicle", "id": "no uri"}]}]},
        {"information": [{"entities": [{"type": "Vehicle", "idPattern": "("}]}]},
        {"information": [{"entities": [{"type": "Vehicle", "other": 1}]}]},
        {"information": [{"propertyNames": []}]},
        {"information": [{"propertyNames": [7]}]},
        {"information": [{"attributes": ["speed"]}]},
        {"endpoint": ...},
        {"endpoint": 7},
        {"endpoint": "no uri"},
        {"endpoint": "ftp://source.example/"},
        {"mode": "shared"},
        {"operations": []},
        {"operations": ["everything"]},
        {"operations": "retrieveOps"},
        {"expiresAt": PAST},
        {"expiresAt": "tomorrow"},
        {"expiresAt": "2035-01-01T00:00:00+08:00"},
        {"observationInterval": {"endAt": SOON}},
        {"observationInterval": {"startAt": SOON, "endAt": PAST}},
        {"managementInterval": "always"},
        {"location": {"type": "Point", "coordinates": [200, 0]}},
        {"location": "here"},
        {"scope": "/1"},
        {"refreshRate": "often"},
        {"contextSourceInfo": [{"key": "a"}]},
        {"contextSourceInfo": [{"key": "a", "value": 7}]},
        {"contextSourceInfo": {"key": "a", "value": "b"}},
        {"management": []},
        {"management": {"localOnly": "yes"}},
        {"management": {"cacheDuration": "soon"}},
        {"management": {"timeout": 0}},
        {"management": {"cooldown": -1}},
        {"management": {"timeout": True}},
        {"management": {"other": 1}},
        {"ownWords": None, "information": None},
    ],
    ids=str,
)
def test_5_2_9_what_a_registration_cannot_be(wrong: dict[str, Any]) -> None:
    door = a_door()
    reply = door.ask("POST", "/csourceRegistrations", source(**wrong))
    assert (reply.status, reply.error) == (400, "BadRequestData")
    assert door.ask("GET", "/csourceRegistrations", type="Vehicle").json == []


def test_5_9_3_named_members_are_replaced_null_takes_them_away_and_the_rest_stays() -> None:
    door = a_door()
    register(door, source(expiresAt=SOON, description="old", ownWords="a", otherWords="b"))
    change = {"endpoint": "https://other.example/", "expiresAt": None, "ownWords": "urn:ngsi-ld:null", "newWords": [1]}
    reply = door.ask("PATCH", PATH, change)
    assert (reply.status, reply.body) == (204, b"")
    expected = source(endpoint="https://other.example/", description="old", otherWords="b", newWords=[1])
    assert door.ask("GET", PATH).json == {**expected, "mode": "inclusive", "operations": ["federationOps"]}


@pytest.mark.parametrize(
    ("path", "body", "error"),
    [
        (PATH, {"information": None}, "BadRequestData"),
        (PATH, {"endpoint": None}, "BadRequestData"),
        (PATH, {"type": "Vehicle"}, "BadRequestData"),
        (PATH, {"expiresAt": PAST}, "BadRequestData"),
        (PATH, {"mode": "exclusive"}, "BadRequestData"),
        (PATH, [], "InvalidRequest"),
        ("/csourceRegistrations/none", {"description": "a"}, "BadRequestData"),
        (PATH + "0", {"description": "a"}, "ResourceNotFound"),
    ],
)
def test_5_9_3_a_change_that_cannot_be_changes_nothing(path: str, body: Any, error: str) -> None:
    door = a_door()
    register(door, source())
    before = door.ask("GET", PATH).json
    assert door.ask("PATCH", path, body).error == error
    assert door.ask("GET", PATH).json == before


def test_5_9_4_a_removed_registration_is_gone() -> None:
    door = a_door()
    register(door, source())
    assert door.ask("DELETE", PATH).status == 204
    for method in ("GET", "DELETE"):
        assert door.ask(method, PATH).error == "ResourceNotFound"
        assert door.ask(method, "/csourceRegistrations/none").error == "BadRequestData"
    assert door.ask("DELETE", "/csourceRegistrations/").status == 405


def test_5_2_9_a_registration_that_ended_is_not_there_and_its_id_is_free() -> None:
    door = a_door()
    register(door, source(expiresAt=SOON))
    door.clock.advance_to(START_US + 61_000_000)
    assert door.ask("GET", PATH).error == "ResourceNotFound"
    assert door.ask("GET", "/csourceRegistrations", type="Vehicle").json == []
    assert register(door, source(description="new")) == 201
    assert door.ask("GET", PATH).json["description"] == "new"


@pytest.mark.parametrize(
    ("information", "status"),
    [
        ({"entities": [{"id": ONE, "type": "Vehicle"}], "propertyNames": ["speed"]}, 201),
        ({"entities": [{"id": ONE, "type": "Vehicle"}], "relationshipNames": ["owner"]}, 201),
        ({"entities": [{"id": ONE, "type": "Vehicle"}]}, 400),
        ({"entities": [{"type": "Vehicle"}], "propertyNames": ["speed"]}, 400),
        ({"entities": [{"idPattern": ".*", "type": "Vehicle"}], "propertyNames": ["speed"]}, 400),
        ({"propertyNames": ["speed"]}, 400),
    ],
)
def test_4_3_6_an_exclusive_source_names_entities_by_id_and_attributes(information: Any, status: int) -> None:
    assert register(a_door(), source(1, information, mode="exclusive")) == status


@pytest.mark.parametrize(
    ("first", "second", "status"),
    [
        (one_car("exclusive"), one_car("exclusive", name=2), 409),
        (one_car("exclusive"), one_car("redirect", name=2), 409),
        (one_car("redirect"), one_car("exclusive", name=2), 409),
        (one_car("redirect"), one_car("redirect", name=2), 201),
        (one_car("exclusive"), one_car("inclusive", name=2), 201),
        (one_car("inclusive"), one_car("exclusive", name=2), 201),
        (one_car("exclusive"), one_car("exclusive", attribute="colour", name=2), 201),
        (one_car("exclusive"), one_car("exclusive", entity_id=ONE + "1", name=2), 201),
        (source(1, piece("Vehicle"), mode="redirect"), one_car("exclusive", name=2), 409),
        (source(1, piece("Bus"), mode="redirect"), one_car("exclusive", name=2), 201),
        (
            source(1, {"entities": [{"idPattern": ":1$", "type": "Vehicle"}]}, mode="redirect"),
            one_car("exclusive", name=2),
            409,
        ),
        (
            source(1, {"entities": [{"idPattern": ":3$", "type": "Vehicle"}]}, mode="redirect"),
            one_car("exclusive", name=2),
            201,
        ),
    ],
)
def test_4_3_6_what_one_source_has_for_itself_no_other_gets(first: Any, second: Any, status: int) -> None:
    door = a_door()
    assert register(door, first) == 201
    assert register(door, second) == status
    if status == 409:
        other = {**second, "mode": "inclusive"}
        assert register(door, other) == 201
        assert door.ask("PATCH", f"/csourceRegistrations/{other['id']}", {"mode": second["mode"]}).status == 409
    assert door.ask("PATCH", PATH, {"description": "it does not stand in its own way"}).status == 204


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (one_car("exclusive"), 409),
        (one_car("exclusive", attribute="weight"), 201),
        (one_car("exclusive", entity_id=ONE + "1"), 201),
        (one_car("redirect"), 409),
        (source(1, piece("Vehicle"), mode="redirect"), 409),
        (source(1, piece("Bus"), mode="redirect"), 201),
        (source(1, {"entities": [{"idPattern": ":1$", "type": "Vehicle"}]}, mode="redirect"), 409),
        (source(1, {"entities": [{"idPattern": ":9$", "type": "Vehicle"}]}, mode="redirect"), 201),
        (source(1, {"propertyNames": ["speed"]}, mode="redirect"), 409),
        (source(1, {"propertyNames": ["weight"]}, mode="redirect"), 201),
        (one_car("inclusive"), 201),
        (one_car("auxiliary"), 201),
    ],
)
def test_5_9_2_a_source_cannot_have_for_itself_what_stands_here(body: Any, status: int) -> None:
    door = a_door()
    door.make(car())
    reply = door.ask("POST", "/csourceRegistrations", body)
    assert reply.status == status
    if status == 409:
        assert reply.error == "Conflict"


@pytest.mark.parametrize(
    ("operations", "status"),
    [
        (..., 201),
        (["retrieveOps"], 201),
        (["retrieveEntity", "queryEntity"], 201),
        (["updateEntity"], 400),
        (["retrieveOps", "createEntity"], 400),
        (["federationOps"], 400),
    ],
)
def test_4_3_6_an_auxiliary_source_can_only_be_read(operations: Any, status: int) -> None:
    assert register(a_door(), source(mode="auxiliary", operations=operations)) == status


def test_5_9_registrations_belong_to_one_tenant() -> None:
    door = a_door()
    north = {"ngsild-tenant": "north"}
    assert door.ask("POST", "/csourceRegistrations", source(), headers=north).status == 201
    assert door.ask("GET", PATH, headers=north).status == 200
    assert door.ask("GET", PATH).error == "ResourceNotFound"
    assert register(door, one_car("exclusive")) == 201


def test_only_who_may_change_everything_may_register_or_see_sources() -> None:
    door = a_door()
    register(door, source())
    door.who = Principal("somebody", "community_worker", ("/",))
    for method, path, body in (
        ("POST", "/csourceRegistrations", source(2)),
        ("GET", PATH, None),
        ("PATCH", PATH, {"description": "a"}),
        ("DELETE", PATH, None),
    ):
        assert door.ask(method, path, body).error == "NotAllowed"
    assert door.ask("GET", "/csourceRegistrations", type="Vehicle").error == "NotAllowed"
