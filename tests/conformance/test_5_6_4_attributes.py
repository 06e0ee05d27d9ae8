"""ETSI GS CIM 009 V1.9.1, clauses 5.6.4 (partial update), 5.6.5 (delete attribute), 5.6.19 (replace attribute) and the
bare value of an attribute (6.8)."""

from __future__ import annotations

from typing import Any

import pytest
from ngsild_door import Door, car

NULL = "urn:ngsi-ld:null"
SPEED = "/entities/urn:ngsi-ld:Vehicle:1/attrs/speed"
D1 = "urn:d:1"


def prop(value: Any, **more: Any) -> dict[str, Any]:
    return {"type": "Property", "value": value, **more}


SPEEDS = [prop({"now": 50}, unitCode="KMH", accuracy=prop(0.5)), prop(60, datasetId=D1)]
DRIVER = {"type": "Relationship", "object": "urn:x:ann"}
PLATE = {"type": "LanguageProperty", "languageMap": {"zh": "京", "en": "Jing"}}


def a_door() -> Door:
    door = Door()
    door.make(car(speed=SPEEDS, driver=DRIVER, plate=PLATE))
    return door


def speeds(door: Door, name: str = "speed") -> Any:
    return door.get("urn:ngsi-ld:Vehicle:1").json.get(name)


@pytest.mark.parametrize(
    ("body", "after"),
    [
        ({"value": 7}, [prop(7, unitCode="KMH", accuracy=prop(0.5)), SPEEDS[1]]),
        (prop({"then": 7}), [prop({"then": 7}, unitCode="KMH", accuracy=prop(0.5)), SPEEDS[1]]),
        ({"unitCode": "MTS"}, [{**SPEEDS[0], "unitCode": "MTS"}, SPEEDS[1]]),
        ({"accuracy": prop(NULL)}, [prop({"now": 50}, unitCode="KMH"), SPEEDS[1]]),
        ({"accuracy": {"value": 1}, "by": {"object": "urn:x:b"}}, None),
        ({"value": 7, "datasetId": D1}, [SPEEDS[0], prop(7, datasetId=D1)]),
        ({"value": 7, "datasetId": "@none"}, [prop(7, unitCode="KMH", accuracy=prop(0.5)), SPEEDS[1]]),
        ({"value": NULL, "datasetId": D1}, SPEEDS[0]),
        (prop(NULL), SPEEDS[1]),
    ],
    ids=repr,
)
def test_5_6_4_members_that_are_said_are_written_over_and_the_others_stay(body: dict[str, Any], after: Any) -> None:
    door = a_door()
    assert door.ask("PATCH", SPEED, body).status == 204
    if after is None:
        assert speeds(door)[0] == {
            **SPEEDS[0],
            "accuracy": prop(1),
            "by": {"type": "Relationship", "object": "urn:x:b"},
        }
    else:
        assert speeds(door) == after


@pytest.mark.parametrize(
    ("attr", "body", "error"),
    [
        ("speed", {}, "BadRequestData"),
        ("speed", {"object": "urn:x:1"}, "BadRequestData"),
        ("speed", {"type": "GeoProperty", "value": {"type": "Point", "coordinates": [1, 2]}}, "BadRequestData"),
        ("speed", {"value": {"now": NULL}}, "BadRequestData"),
        ("speed", {"value": None}, "BadRequestData"),
        ("speed", {"value": 1, "datasetId": NULL}, "BadRequestData"),
        ("speed", {"value": 1, "datasetId": "urn:d:2"}, "ResourceNotFound"),
        ("wings", {"value": 1}, "ResourceNotFound"),
        ("scope", {"value": "/a"}, "BadRequestData"),
        ("type", {"value": "Boat"}, "BadRequestData"),
        ("speed", [], "InvalidRequest"),
        ("sp(eed", {"value": 1}, "BadRequestData"),
    ],
    ids=repr,
)
def test_5_6_4_what_cannot_be_written_changes_nothing(attr: str, body: Any, error: str) -> None:
    door = a_door()
    path = f"/entities/urn:ngsi-ld:Vehicle:1/attrs/{attr}"
    assert door.ask("PATCH", path, body).error == error
    assert speeds(door) == SPEEDS


def test_5_6_4_a_language_map_is_replaced_whole() -> None:
    door = a_door()
    path = "/entities/urn:ngsi-ld:Vehicle:1/attrs/plate"
    assert door.ask("PATCH", path, {"languageMap": {"fr": "J"}}).status == 204
    assert speeds(door, "plate")["languageMap"] == {"fr": "J"}


def test_5_6_4_only_an_entity_of_the_type_that_is_named_is_written() -> None:
    door = a_door()
    assert door.ask("PATCH", SPEED, {"value": 1}, type="Boat").error == "ResourceNotFound"
    assert door.ask("PATCH", SPEED, {"value": 1}, type="Vehicle").status == 204
    merge = {"content-type": "application/merge-patch+json"}
    assert door.ask("PATCH", SPEED, {"value": 2}, headers=merge).status == 204
    assert door.ask("PUT", SPEED, {"value": 2}, headers=merge).status == 415


@pytest.mark.parametrize(
    ("body", "status", "after"),
    [
        (prop(7), 204, [prop(7), SPEEDS[1]]),
        ({"value": 7, "datasetId": D1, "unitCode": "MTS"}, 204, [SPEEDS[0], prop(7, datasetId=D1, unitCode="MTS")]),
        (DRIVER, 204, [DRIVER, SPEEDS[1]]),
        (prop(7, datasetId="urn:d:2"), 404, SPEEDS),
        (prop(NULL), 400, SPEEDS),
        ({"unitCode": "MTS"}, 400, SPEEDS),
    ],
    ids=repr,
)
def test_5_6_19_one_instance_takes_the_place_of_another(body: dict[str, Any], status: int, after: Any) -> None:
    door = a_door()
    assert door.ask("PUT", SPEED, body).status == status
    assert speeds(door) == after


@pytest.mark.parametrize(
    ("attr", "query", "status", "after"),
    [
        ("speed", {}, 204, SPEEDS[1]),
        ("speed", {"datasetId": D1}, 204, SPEEDS[0]),
        ("speed", {"deleteAll": "true"}, 204, None),
        ("speed", {"deleteAll": "True"}, 204, None),
        ("speed", {"deleteAll": "maybe"}, 400, SPEEDS),
        ("speed", {"deleteAll": "true", "datasetId": D1}, 400, SPEEDS),
        ("speed", {"datasetId": "urn:d:2"}, 404, SPEEDS),
        ("speed", {"datasetId": "no uri"}, 400, SPEEDS),
        ("wings", {}, 404, SPEEDS),
        ("wings", {"deleteAll": "true"}, 404, SPEEDS),
        ("speed", {"type": "Boat"}, 404, SPEEDS),
        ("scope", {}, 404, SPEEDS),
        ("", {}, 405, SPEEDS),
    ],
    ids=repr,
)
def test_5_6_5_an_instance_or_all_are_deleted(attr: str, query: dict[str, str], status: int, after: Any) -> None:
    door = a_door()
    assert door.ask("DELETE", f"/entities/urn:ngsi-ld:Vehicle:1/attrs/{attr}", **query).status == status
    assert speeds(door) == after


def test_5_6_5_the_scope_is_deleted_like_an_attribute() -> None:
    door = Door()
    door.make(car() | {"scope": ["/a", "/b"]})
    assert door.ask("DELETE", "/entities/urn:ngsi-ld:Vehicle:1/attrs/scope").status == 204
    assert door.get("urn:ngsi-ld:Vehicle:1").json == car()


@pytest.mark.parametrize(
    ("attr", "query", "value"),
    [
        ("speed", {}, {"now": 50}),
        ("speed", {"datasetId": D1}, 60),
        ("driver", {}, "urn:x:ann"),
        ("plate", {}, PLATE["languageMap"]),
        ("speed", {"datasetId": "urn:d:2"}, None),
        ("wings", {}, None),
    ],
    ids=repr,
)
def test_6_8_a_bare_value_is_read(attr: str, query: dict[str, str], value: Any) -> None:
    reply = a_door().ask("GET", f"/entities/urn:ngsi-ld:Vehicle:1/attrs/{attr}/value", **query)
    if value is None:
        assert reply.error == "ResourceNotFound"
    else:
        assert (reply.status, reply.json) == (200, value)


@pytest.mark.parametrize(
    ("attr", "value", "query", "after"),
    [
        ("speed", 7, {}, [prop(7, unitCode="KMH", accuracy=prop(0.5)), SPEEDS[1]]),
        ("speed", 7, {"datasetId": D1, "observedAt": "2026-11-23T02:00:00Z"}, "2026-11-23T02:00:00Z"),
        ("driver", "urn:x:bob", {}, {"type": "Relationship", "object": "urn:x:bob"}),
        ("plate", "J", {"lang": "fr"}, {**PLATE, "languageMap": {"zh": "京", "en": "Jing", "fr": "J"}}),
        ("driver", "no uri", {}, 400),
        ("plate", 7, {}, 400),
        ("wings", 7, {}, 404),
    ],
    ids=repr,
)
def test_6_8_a_bare_value_is_written_as_the_stored_type(
    attr: str, value: Any, query: dict[str, str], after: Any
) -> None:
    door = a_door()
    reply = door.ask("PUT", f"/entities/urn:ngsi-ld:Vehicle:1/attrs/{attr}/value", value, **query)
    if isinstance(after, int):
        assert reply.status == after
    elif isinstance(after, str):
        assert speeds(door, attr)[1]["observedAt"] == after
    else:
        assert (reply.status, speeds(door, attr)) == (204, after)
