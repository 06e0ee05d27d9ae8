"""ETSI GS CIM 009 V1.9.1, clauses 5.6.7 (batch create), 5.6.9 (batch update), 5.6.20 (batch merge), 5.6.21 (purge)."""

from __future__ import annotations

from typing import Any

import pytest
from ngsild_door import CONTEXT_REL, CORE, Door, area, car

NULL = "urn:ngsi-ld:null"
CREATE, UPDATE, MERGE = (f"/entityOperations/{name}" for name in ("create", "update", "merge"))


def prop(value: Any, **more: Any) -> dict[str, Any]:
    return {"type": "Property", "value": value, **more}


def ids(*names: object) -> list[str]:
    return [f"urn:ngsi-ld:Vehicle:{name}" for name in names]


def refused(reply: Any) -> list[tuple[str, str]]:
    return [(one["entityId"], one["error"]["type"].rsplit("/", 1)[1]) for one in reply.json["errors"]]


def test_5_6_7_those_that_are_new_are_created_and_the_others_named() -> None:
    door = Door()
    door.make(car(1))
    reply = door.ask("POST", CREATE, [car(1, colour=prop("blue")), car(2), car(2, colour=prop("blue")), car(3)])
    assert reply.status == 207
    assert reply.json["success"] == ids(2, 3)
    assert refused(reply) == [(one, "AlreadyExists") for one in ids(1, 2)]
    assert [door.get(one).json["colour"]["value"] for one in ids(1, 2, 3)] == ["red"] * 3
    done = door.ask("POST", CREATE, [car(4), car(5)])
    assert (done.status, done.json) == (201, ids(4, 5))


@pytest.mark.parametrize("path", [CREATE, UPDATE, MERGE])
@pytest.mark.parametrize("body", [[], [car(), None], [7], {}, "x"], ids=repr)
def test_5_6_7_a_list_that_is_no_list_of_entities_writes_nothing(path: str, body: Any) -> None:
    door = Door()
    assert door.ask("POST", path, body).error == "BadRequestData"
    assert door.found(type="Vehicle") == []


def test_5_6_7_a_batch_in_ld_json_has_no_link() -> None:
    door = Door()
    headers = {"content-type": "application/ld+json", "link": f"<{CORE}>; {CONTEXT_REL}"}
    assert door.ask("POST", CREATE, [{**car(), "@context": CORE}], headers=headers).error == "BadRequestData"


def test_5_6_9_what_is_there_is_written_over_and_the_rest_kept() -> None:
    door = Door()
    door.make(car(1))
    fragment = {"id": ids(1)[0], "type": "Racer", "speed": prop(80), "wheels": prop(4)}
    assert door.ask("POST", UPDATE, [fragment]).status == 204
    read = door.get(ids(1)[0]).json
    assert (read["speed"], read["wheels"], read["colour"]) == (prop(80), prop(4), prop("red"))
    assert read["type"] == ["Vehicle", "Racer"]
    reply = door.ask("POST", UPDATE, [car(1), car(9)])
    assert (reply.json["success"], refused(reply)) == (ids(1), [(ids(9)[0], "ResourceNotFound")])


def test_5_6_9_without_overwriting_what_is_there_is_left_and_named() -> None:
    door = Door()
    door.make(car(1))
    door.make(car(2))
    body = [car(1, wheels=prop(4)), {"id": ids(2)[0], "wheels": prop(4)}]
    reply = door.ask("POST", UPDATE, [*body[:1], body[1] | {"colour": prop("blue")}], options="noOverwrite")
    assert reply.status == 207
    assert reply.json["success"] == []
    assert refused(reply) == [(one, "AlreadyExists") for one in ids(1, 2)]
    assert "colour" in reply.json["errors"][1]["error"]["detail"]
    read = door.get(ids(2)[0]).json
    assert (read["wheels"], read["colour"]) == (prop(4), prop("red"))


def test_5_6_20_each_entity_is_merged_into() -> None:
    door = Door()
    door.make(car(1, load=prop({"a": 1, "b": 2})))
    body = [
        {"id": ids(1)[0], "speed": {"value": 80}, "load": {"value": {"a": NULL}}, "colour": NULL},
        {"id": ids(9)[0], "type": "Vehicle", "speed": prop(1)},
        {"id": "no uri", "speed": prop(1)},
        {"id": ids(1)[0], "driver": {"unitCode": "KMH"}},
    ]
    reply = door.ask("POST", MERGE, body)
    assert reply.json["success"] == ids(1)
    assert sorted(refused(reply)) == sorted(
        [(ids(9)[0], "ResourceNotFound"), ("no uri", "BadRequestData"), (ids(1)[0], "BadRequestData")]
    )
    read = door.get(ids(1)[0]).json
    assert (read["speed"], read["load"]["value"], "colour" in read) == (prop(80, unitCode="KMH"), {"b": 2}, False)
    assert door.ask("POST", MERGE, [{"id": ids(1)[0], "speed": 90}], format="simplified").status == 204
    assert door.get(ids(1)[0]).json["speed"]["value"] == 90


@pytest.mark.parametrize("path", [CREATE, "/entityOperations/upsert"])
def test_5_6_7_names_of_ours_are_checked_entity_by_entity(path: str) -> None:
    door = Door()
    reply = door.ask("POST", path, [area(), area(2, colour=prop("red"))])
    assert reply.status == 207
    assert [one["entityId"] for one in reply.json["errors"]] == [area(2)["id"]]


# 5.6.21 purge


def fleet() -> Door:
    door = Door()
    for number in range(4):
        door.make(car(number, number=prop(number)) | {"scope": f"/s{number % 2}"})
    door.make({"id": "urn:x:boat", "type": "Boat", "number": prop(1)})
    return door


@pytest.mark.parametrize(
    ("query", "left"),
    [
        ({"type": "Vehicle"}, ["urn:x:boat"]),
        ({"type": "Vehicle", "id": ",".join(ids(1, 2))}, [*ids(0, 3), "urn:x:boat"]),
        ({"type": "Vehicle", "idPattern": ".*:[01]$"}, [*ids(2, 3), "urn:x:boat"]),
        ({"q": "number>1"}, [*ids(0, 1), "urn:x:boat"]),
        ({"attrs": "speed"}, ["urn:x:boat"]),
        ({"type": "Vehicle", "scopeQ": "/s0"}, [*ids(1, 3), "urn:x:boat"]),
        ({"local": "true"}, []),
        ({"type": "Plane"}, [*ids(0, 1, 2, 3), "urn:x:boat"]),
    ],
    ids=repr,
)
def test_5_6_21_what_a_query_finds_is_purged(query: dict[str, str], left: list[str]) -> None:
    door = fleet()
    assert door.ask("DELETE", "/entities", **query).status == 204
    assert door.found(local="true") == left


@pytest.mark.parametrize(
    ("query", "kept"),
    [
        ({"drop": "speed,colour"}, {"number"}),
        ({"keep": "speed"}, {"speed"}),
        ({"drop": "wings"}, {"speed", "colour", "number"}),
    ],
    ids=["some dropped", "one kept", "none has the name"],
)
def test_5_6_21_attributes_alone_are_purged(query: dict[str, str], kept: set[str]) -> None:
    door = fleet()
    assert door.ask("DELETE", "/entities", type="Vehicle", **query).status == 204
    assert door.get(ids(0)[0]).json.keys() - {"id", "type", "scope"} == kept


@pytest.mark.parametrize(
    "query",
    [
        {},
        {"id": ids(1)[0]},
        {"idPattern": ".*"},
        {"attrs": "createdAt"},
        {"q": "modifiedAt>2020-01-01T00:00:00Z"},
        {"type": "Vehicle", "keep": "speed", "drop": "colour"},
        {"type": "Vehicle", "drop": ","},
        {"type": "Vehicle", "drop": "type"},
        {"type": "Vehicle", "q": "driver{name}"},
    ],
    ids=repr,
)
def test_5_6_21_a_purge_too_wide_or_unclear_touches_nothing(query: dict[str, str]) -> None:
    door = fleet()
    assert door.ask("DELETE", "/entities", **query).error == "BadRequestData"
    assert len(door.found(local="true")) == 5


def test_5_6_21_more_than_one_commit_holds_is_purged_all_the_same() -> None:
    door = Door()
    door.ask("POST", CREATE, [car(number) for number in range(600)])
    assert door.ask("DELETE", "/entities", type="Vehicle").status == 204
    assert door.found(type="Vehicle") == []
