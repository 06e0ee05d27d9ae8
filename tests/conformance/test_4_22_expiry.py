"""ETSI GS CIM 009 V1.9.1, clause 4.22 (transient entities and attributes)."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from ngsild_door import START_US, Door, car

from linli.base import to_wire_time

ONE = "urn:ngsi-ld:Vehicle:1"
SOON = to_wire_time(START_US + 10_000_000)
LATER = to_wire_time(START_US + 100_000_000)
PAST = "2020-01-01T00:00:00Z"


def prop(value: Any, **more: Any) -> dict[str, Any]:
    return {"type": "Property", "value": value, **more}


def passed(door: Door) -> Door:
    door.clock.advance_to(START_US + 11_000_000)
    return door


def reaped(door: Door) -> int:
    return asyncio.run(door.broker.expire_due())


@pytest.mark.parametrize("reap", [False, True])
def test_4_22_an_entity_is_never_served_after_its_time_whether_it_was_taken_away_or_not(reap: bool) -> None:
    door = Door()
    door.make(car(1) | {"expiresAt": SOON})
    door.make(car(2))
    assert door.get(ONE).json == car(1)
    assert passed(door).get(ONE).status == 404
    if reap:
        assert reaped(door) == 1
    assert door.get(ONE).error == "ResourceNotFound"
    assert door.found(type="Vehicle") == ["urn:ngsi-ld:Vehicle:2"]
    assert door.find(type="Vehicle", count="true").header("ngsild-results-count") == "1"
    for method, path in (
        ("PATCH", f"/entities/{ONE}/attrs"),
        ("PATCH", f"/entities/{ONE}"),
        ("PUT", f"/entities/{ONE}"),
    ):
        assert door.ask(method, path, {"speed": prop(1)}).error == "ResourceNotFound"
    assert door.ask("DELETE", f"/entities/{ONE}").error == "ResourceNotFound"
    assert door.ask("POST", "/entities", car(1)).status == 201
    assert door.get(ONE).json == car(1)


def test_4_22_an_answer_that_was_kept_is_not_served_after_its_time() -> None:
    door = Door()
    door.make(car(1, wings=prop(2, expiresAt=SOON)) | {"expiresAt": LATER})
    assert "wings" in door.get(ONE).json
    assert "wings" in door.get(ONE).json
    assert "wings" not in passed(door).get(ONE).json
    door.clock.advance_to(START_US + 101_000_000)
    assert door.get(ONE).status == 404


@pytest.mark.parametrize("reap", [False, True])
def test_4_22_instances_and_sub_attributes_go_one_by_one(reap: bool) -> None:
    door = Door()
    speeds = [prop(1), prop(2, datasetId="urn:d:1", expiresAt=SOON)]
    door.make(car(1, speed=speeds, wings=prop(2, expiresAt=SOON), bell=prop(1, tone=prop("a", expiresAt=SOON))))
    if reap:
        assert reaped(passed(door)) == 1
    read = passed(door).get(ONE).json
    assert (read["speed"], read["bell"], "wings" in read) == (prop(1), prop(1), False)
    assert door.found(type="Vehicle", q="wings") == []
    assert door.ask("PATCH", f"/entities/{ONE}/attrs/wings", {"value": 1}).status == 404
    assert door.ask("POST", f"/entities/{ONE}/attrs", {"wings": prop(3)}, options="noOverwrite").status == 204
    assert door.get(ONE).json["wings"] == prop(3)


@pytest.mark.parametrize(
    ("method", "path", "body", "stays"),
    [
        ("PATCH", "", {"wings": {"value": 3}}, True),
        ("PATCH", "/attrs/wings", {"value": 3}, True),
        ("PATCH", "", {"wings": {"expiresAt": "urn:ngsi-ld:null"}}, False),
        ("PATCH", "/attrs", {"wings": prop(3)}, False),
        ("POST", "/attrs", {"wings": prop(3)}, False),
        ("PUT", "/attrs/wings", prop(3), False),
        ("PUT", "", car(1, wings=prop(3)), False),
    ],
    ids=repr,
)
def test_4_22_what_is_replaced_whole_lasts_and_what_is_written_in_part_still_expires(
    method: str, path: str, body: Any, stays: bool
) -> None:
    door = Door()
    door.make(car(1, wings=prop(2, expiresAt=SOON)))
    assert door.ask(method, f"/entities/{ONE}{path}", body).status == 204
    assert ("wings" not in passed(door).get(ONE).json) is stays
    reaped(door)
    assert ("wings" not in door.get(ONE).json) is stays


def test_4_22_a_time_of_expiry_can_be_set_moved_and_taken_back() -> None:
    door = Door()
    door.make(car(1))
    assert door.ask("PATCH", f"/entities/{ONE}", {"expiresAt": SOON}).status == 204
    assert door.get(ONE, options="sysAttrs").json["expiresAt"] == SOON
    assert "expiresAt" not in door.get(ONE).json
    assert door.ask("PATCH", f"/entities/{ONE}", {"expiresAt": LATER}).status == 204
    assert (reaped(passed(door)), door.get(ONE).status) == (0, 200)
    assert door.ask("PATCH", f"/entities/{ONE}", {"expiresAt": "urn:ngsi-ld:null"}).status == 204
    door.clock.advance_to(START_US + 101_000_000)
    assert (reaped(door), door.get(ONE).status) == (0, 200)
    assert door.ask("PATCH", f"/entities/{ONE}", {"expiresAt": PAST}).status == 204
    assert door.get(ONE).status == 404


def test_4_22_an_entity_may_come_expired_and_a_wrong_time_is_refused() -> None:
    door = Door()
    assert door.ask("POST", "/entities", car(1) | {"expiresAt": PAST}).status == 201
    assert door.get(ONE).status == 404
    for wrong in ("soon", "2026-13-45T00:00:00Z", 7, None):
        assert door.ask("POST", "/entities", car(2) | {"expiresAt": wrong}).error == "BadRequestData"
        assert door.ask("POST", "/entities", car(2, a=prop(1, expiresAt=wrong))).error == "BadRequestData"


def test_4_22_batches_meet_what_has_expired_as_if_it_were_gone() -> None:
    door = Door()
    door.make(car(1, old=prop(1)) | {"expiresAt": SOON})
    door.make(car(2) | {"expiresAt": SOON})
    passed(door)
    assert door.ask("POST", "/entityOperations/update", [car(1)]).status == 207
    assert door.ask("POST", "/entityOperations/upsert", [car(1)], options="update").json == [ONE]
    assert "old" not in door.get(ONE).json
    reply = door.ask("POST", "/entityOperations/create", [car(2)])
    assert (reply.status, reply.json) == (201, ["urn:ngsi-ld:Vehicle:2"])


def test_4_22_the_history_of_an_expired_entity_stays_and_that_of_an_expired_instance_goes() -> None:
    door = Door()
    store = door.store
    door.make(car(1) | {"expiresAt": SOON})
    door.make(car(2, wings=prop(1, expiresAt=SOON)))
    door.ask("PATCH", f"/entities/{ONE}/attrs", {"speed": prop(80)})
    door.ask("PATCH", "/entities/urn:ngsi-ld:Vehicle:2/attrs/wings", {"value": 2})
    assert reaped(passed(door)) == 2
    past = asyncio.run(store.past("default", ONE))
    assert sorted(one.fact.attr.rsplit("/", 1)[1] for one in past) == ["colour", "speed", "speed"]
    assert asyncio.run(store.record("default", "past", ONE)) is not None
    assert asyncio.run(store.past("default", "urn:ngsi-ld:Vehicle:2")) == []
