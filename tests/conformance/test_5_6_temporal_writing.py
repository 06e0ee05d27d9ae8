"""NGSI-LD 5.6.11 to 5.6.16: evolutions are written, instance by instance."""

from __future__ import annotations

from typing import Any

import pytest
from ngsild_door import ERRORS
from temporal_door import BUOY, EVOLUTIONS, Log, at, buoy, seen

ONE = f"{EVOLUTIONS}/{BUOY}"


def a_log(**attrs: Any) -> Log:
    log = Log()
    log.tell(buoy(**attrs))
    return log


def test_5_6_11_a_new_evolution_is_201_and_says_where_it_is() -> None:
    reply = Log().ask("POST", EVOLUTIONS, buoy(swell=[seen(1.5, 8)]))
    assert (reply.status, reply.header("location"), reply.body) == (201, f"/ngsi-ld/v1{ONE}", b"")


def test_5_6_11_an_evolution_that_is_there_gets_more_instances_and_types() -> None:
    log = a_log(swell=[seen(1, 8)])
    log.tell({**buoy(swell=[seen(2, 9)], drift=seen(5, 9)), "type": ["Buoy", "Beacon"]}, 204)
    assert (log.values("swell"), log.values("drift")) == ([1, 2], [5])
    assert log.past().json["type"] == ["Buoy", "Beacon"]


def test_5_6_11_the_same_observation_again_takes_the_place_of_the_first() -> None:
    log = a_log(swell=[seen(1, 8), seen(2, 9), seen(7, 9, datasetId="urn:d:1")])
    first = log.past().json["swell"]
    log.later()
    log.tell(buoy(swell=[seen(1, 8), seen(20, 9)]), 204)
    again = log.past(options="sysAttrs").json["swell"]
    assert [one["value"] for one in again] == [1, 20, 7]
    assert [one["instanceId"] for one in again] == [one["instanceId"] for one in first]
    assert [one["createdAt"] < one["modifiedAt"] for one in again] == [False, True, False]


def test_5_6_11_of_the_same_observation_twice_in_one_body_the_later_wins() -> None:
    assert a_log(swell=[seen(1, 8), seen(2, 8)]).values("swell") == [2]


def test_5_6_11_an_evolution_makes_no_entity_that_stands_now() -> None:
    log = a_log(swell=[seen(1, 8)])
    assert log.get(BUOY).status == 404
    assert log.found(type="Buoy") == []


def test_5_6_11_what_comes_into_the_past_does_not_change_what_stands_now() -> None:
    log = Log()
    log.make(buoy(swell=seen(9, 9)))
    log.tell(buoy(swell=[seen(1, 8), seen(10, 10)]), 204)
    assert log.values("swell") == [1, 9, 10]
    assert log.get(BUOY).json["swell"]["value"] == 9


def test_5_6_11_an_instance_may_say_that_the_attribute_was_deleted() -> None:
    log = a_log(swell=[seen(1, 8), seen("urn:ngsi-ld:null", 9)])
    gone = log.past().json["swell"][1]
    assert (gone["value"], gone["observedAt"], gone["deletedAt"]) == ("urn:ngsi-ld:null", at(9), at(9))


@pytest.mark.parametrize(
    "body",
    [
        {"type": "Buoy"},
        {"id": "north", "type": "Buoy"},
        {"id": BUOY},
        buoy(swell=[{"type": "Property"}]),
        buoy(swell=[{**seen(1, 8), "observedAt": "2026-05-04T08:00:00+02:00"}]),
        buoy(swell=[{"type": "Property", "value": "urn:ngsi-ld:null", "deletedAt": "now"}]),
        buoy(expiresAt="urn:ngsi-ld:null", swell=[seen(1, 8)]),
        buoy(scope=[{"type": "Property", "value": "/1"}]),
        buoy(scope=[{"type": "Property", "value": "/A", "observedAt": "then"}]),
        buoy(**{"sw ell": [seen(1, 8)]}),
        buoy(swell=seen(1, 8), **{"https://uri.etsi.org/ngsi-ld/default-context/swell": seen(1, 8)}),
    ],
)
def test_5_6_11_what_is_no_evolution_is_refused_and_nothing_is_written(body: Any) -> None:
    log = Log()
    reply = log.ask("POST", EVOLUTIONS, body)
    assert (reply.status, reply.error) == (400, "BadRequestData")
    assert log.past().status == 404


def test_5_6_12_instances_are_added_to_an_evolution() -> None:
    log = a_log(swell=[seen(1, 8)])
    reply = log.ask("POST", f"{ONE}/attrs", {"swell": [seen(2, 9)], "drift": [seen(5, 9)]})
    assert (reply.status, reply.body) == (204, b"")
    assert (log.values("swell"), log.values("drift")) == ([1, 2], [5])


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        (f"{EVOLUTIONS}/urn:ngsi-ld:Buoy:nowhere/attrs", {"swell": seen(1, 8)}, 404),
        (f"{EVOLUTIONS}/north/attrs", {"swell": seen(1, 8)}, 400),
        (f"{EVOLUTIONS}//attrs", {"swell": seen(1, 8)}, 400),
        (f"{ONE}/attrs", {}, 400),
        (f"{ONE}/attrs", {"id": "urn:ngsi-ld:Buoy:other", "swell": seen(1, 8)}, 400),
    ],
)
def test_5_6_12_instances_need_an_evolution_and_an_attribute(path: str, body: Any, status: int) -> None:
    assert a_log(swell=[seen(1, 8)]).ask("POST", path, body).status == status


@pytest.mark.parametrize(
    ("query", "left"),
    [
        ({}, [3, 4]),
        ({"datasetId": "@none"}, [3, 4]),
        ({"datasetId": "urn:d:1"}, [1, 2, 4]),
        ({"deleteAll": "true"}, []),
    ],
)
def test_5_6_13_the_evolution_of_one_dataset_or_of_all_is_deleted(query: dict[str, str], left: list[int]) -> None:
    swell = [seen(1, 8), seen(2, 9), seen(3, 10, datasetId="urn:d:1"), seen(4, 11, datasetId="urn:d:2")]
    log = a_log(swell=swell, drift=[seen(5, 8)])
    assert log.ask("DELETE", f"{ONE}/attrs/swell", **query).status == 204
    assert (log.values("swell"), log.values("drift")) == (left, [5])


@pytest.mark.parametrize(
    ("path", "query", "status"),
    [
        (f"{ONE}/attrs/drift", {}, 404),
        (f"{ONE}/attrs/swell", {"datasetId": "urn:d:9"}, 404),
        (f"{ONE}/attrs/swell", {"datasetId": "urn:d:9", "deleteAll": "true"}, 400),
        (f"{ONE}/attrs/sw(ell", {}, 400),
        (f"{ONE}/attrs/%252e%252e", {}, 400),
        (f"{EVOLUTIONS}//attrs/swell", {}, 400),
        (f"{EVOLUTIONS}/urn:ngsi-ld:Buoy:nowhere/attrs/swell", {}, 404),
    ],
)
def test_5_6_13_only_what_is_there_is_deleted(path: str, query: dict[str, str], status: int) -> None:
    log = a_log(swell=[seen(1, 8)])
    assert log.ask("DELETE", path, **query).status == status
    assert log.values("swell") == [1]


def test_5_6_13_what_stands_now_stays_when_its_evolution_goes() -> None:
    log = Log()
    log.make(buoy(swell=seen(1, 8)))
    assert log.ask("DELETE", f"{ONE}/attrs/swell").status == 204
    assert log.values("swell") == []
    assert log.get(BUOY).json["swell"]["value"] == 1
    log.later()
    assert log.ask("PATCH", f"/entities/{BUOY}/attrs", {"swell": seen(2, 9)}).status == 204
    assert log.values("swell") == [2]


def instance_ids(log: Log, attr: str = "swell") -> list[str]:
    return [str(one["instanceId"]) for one in log.past().json[attr]]


def test_5_6_14_members_of_one_instance_are_changed_and_its_id_stays() -> None:
    log = a_log(swell=[seen(1, 8, unitCode="MTR"), seen(2, 9)])
    before = instance_ids(log)
    log.later()
    assert log.ask("PATCH", f"{ONE}/attrs/swell/{before[0]}", {"value": 7}).status == 204
    first, second = log.past(options="sysAttrs").json["swell"]
    assert (first["value"], first["unitCode"], first["observedAt"], second["value"]) == (7, "MTR", at(8), 2)
    assert first["createdAt"] < first["modifiedAt"]
    assert instance_ids(log) == before


def test_5_6_14_the_value_that_stands_now_is_changed_in_the_past_only() -> None:
    log = Log()
    log.make(buoy(swell=seen(1, 8)))
    [first] = instance_ids(log)
    log.later()
    assert log.ask("PATCH", f"{ONE}/attrs/swell/{first}", {"value": 7}).status == 204
    assert (log.values("swell"), log.get(BUOY).json["swell"]["value"]) == ([7], 1)
    assert log.ask("PATCH", f"/entities/{BUOY}/attrs", {"swell": seen(2, 9)}).status == 204
    assert (log.values("swell"), instance_ids(log)[0]) == ([7, 2], first)


def test_4_5_7_an_instance_keeps_its_id_when_a_newer_one_comes() -> None:
    log = Log()
    log.make(buoy(swell=[seen(1, 8), seen(3, 8, datasetId="urn:d:1")]))
    before = instance_ids(log)
    for hour in (9, 10):
        log.later()
        assert log.ask("PATCH", f"/entities/{BUOY}/attrs", {"swell": seen(hour, hour)}).status == 204
    assert len(set(instance_ids(log))) == 4
    assert instance_ids(log)[:2] == before


@pytest.mark.parametrize("method", ["PATCH", "DELETE"])
@pytest.mark.parametrize(
    ("name", "attr", "instance", "status"),
    [
        ("north", "swell", None, 400),
        (BUOY, "sw(ell", None, 400),
        (BUOY, "swell", "no-uri", 400),
        (BUOY, "drift", None, 404),
        (BUOY, "swell", "urn:ngsi-ld:Instance:1-2-3", 404),
        (BUOY, "swell", "urn:x:1", 404),
        (BUOY, "swell", "urn:ngsi-ld:Instance:ffffffffffffffffffffff-1-1", 404),
        ("urn:ngsi-ld:Buoy:nowhere", "swell", None, 404),
    ],
)
def test_5_6_14_5_6_15_an_instance_is_named_exactly(
    method: str, name: str, attr: str, instance: str | None, status: int
) -> None:
    log = a_log(swell=[seen(1, 8)])
    path = f"{EVOLUTIONS}/{name}/attrs/{attr}/{instance or instance_ids(log)[0]}"
    reply = log.ask(method, path, seen(7, 8) if method == "PATCH" else None)
    assert reply.status == status
    assert reply.json["type"].startswith(ERRORS)
    assert log.values("swell") == [1]


@pytest.mark.parametrize("body", [{}, {"type": "Relationship", "object": "urn:x:1"}, {"value": "urn:ngsi-ld:null"}])
def test_5_6_14_an_instance_keeps_its_type_and_a_value(body: Any) -> None:
    log = a_log(swell=[seen(1, 8)])
    assert log.ask("PATCH", f"{ONE}/attrs/swell/{instance_ids(log)[0]}", body).status == 400
    assert log.values("swell") == [1]


@pytest.mark.parametrize("stands", [True, False])
def test_5_6_15_one_instance_is_deleted(stands: bool) -> None:
    log = Log()
    if stands:
        log.make(buoy(swell=seen(1, 8)))
    log.tell(buoy(swell=[seen(1, 8), seen(2, 9)]), 204 if stands else 201)
    assert log.ask("DELETE", f"{ONE}/attrs/swell/{instance_ids(log)[0]}").status == 204
    assert log.values("swell") == [2]
    assert log.get(BUOY).status == (200 if stands else 404)


def test_5_6_16_an_evolution_is_deleted() -> None:
    log = a_log(swell=[seen(1, 8)])
    assert log.ask("DELETE", ONE).status == 204
    assert (log.past().status, log.ask("DELETE", ONE).status) == (404, 404)
    assert log.ask("DELETE", f"{EVOLUTIONS}/north").status == 400
    assert log.ask("DELETE", f"{EVOLUTIONS}/").status == 405


def test_5_6_16_an_entity_goes_on_standing_without_its_evolution() -> None:
    log = Log()
    log.make(buoy(swell=seen(1, 8), drift=seen(2, 8)))
    log.tell(buoy(swell=[seen(0, 7)]), 204)
    assert log.ask("DELETE", ONE).status == 204
    assert log.past().json == {"id": BUOY, "type": "Buoy"}
    assert log.get(BUOY).json["swell"]["value"] == 1


def test_5_6_6_the_evolution_of_a_deleted_entity_goes_with_it() -> None:
    log = Log()
    log.make(buoy(swell=seen(1, 8)))
    log.tell({**buoy(swell=[seen(0, 7)]), "type": "Beacon"}, 204)
    assert log.ask("DELETE", f"/entities/{BUOY}").status == 204
    assert log.past().status == 404


def test_4_22_the_evolution_of_an_expired_entity_stays() -> None:
    log = Log()
    log.make(buoy(swell=seen(1, 8), expiresAt="2026-11-23T02:20:00Z"))
    log.later(60)
    assert log.ask("PATCH", f"/entities/{BUOY}/attrs", {"swell": seen(2, 9)}).status == 204
    before = log.past(options="sysAttrs").json
    log.later(600)
    assert log.get(BUOY).status == 404
    log.expire(BUOY)
    after = log.past(options="sysAttrs").json
    assert after["swell"] == before["swell"]
    assert after["createdAt"] == before["createdAt"]
