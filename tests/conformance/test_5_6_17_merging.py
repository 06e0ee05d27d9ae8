"""ETSI GS CIM 009 V1.9.1, clauses 5.6.17 (merge entity), 5.5.12 (merge patch) and 5.6.18 (replace entity)."""

from __future__ import annotations

from typing import Any

import pytest
from ngsild_door import Door, car

NULL = "urn:ngsi-ld:null"
ONE = "/entities/urn:ngsi-ld:Vehicle:1"


def prop(value: Any, **more: Any) -> dict[str, Any]:
    return {"type": "Property", "value": value, **more}


def rich() -> dict[str, Any]:
    return car(
        load=prop({"seats": 4, "boot": {"left": 1, "right": 2}}, unitCode="KGM", observedAt="2026-11-23T02:00:00Z"),
        plate={"type": "LanguageProperty", "languageMap": {"zh": "京", "en": "Jing"}},
        driver={"type": "Relationship", "object": "urn:x:ann", "since": prop(2020)},
        place={"type": "GeoProperty", "value": {"type": "Point", "coordinates": [117.0, 36.6]}},
        wheels=[prop(4), prop(6, datasetId="urn:d:1")],
    )


@pytest.mark.parametrize(
    ("patch", "name", "after"),
    [
        ({"colour": prop("blue")}, "colour", prop("blue")),
        ({"colour": {"value": "blue"}}, "colour", prop("blue")),
        ({"colour": "blue"}, "colour", prop("blue")),
        ({"speed": {"value": 80}}, "speed", prop(80, unitCode="KMH")),
        ({"speed": {"unitCode": "MTS"}}, "speed", prop(50, unitCode="MTS")),
        ({"speed": {"unitCode": NULL}}, "speed", prop(50)),
        ({"speed": {"accuracy": 0.5}}, "speed", prop(50, unitCode="KMH", accuracy=prop(0.5))),
        ({"bell": prop("ding")}, "bell", prop("ding")),
        ({"plate": {"languageMap": {"en": "J", "fr": "J"}}}, "plate.languageMap", {"zh": "京", "en": "J", "fr": "J"}),
        ({"plate": {"languageMap": {"zh": NULL}}}, "plate.languageMap", {"en": "Jing"}),
        ({"load": {"value": {"boot": {"left": NULL}}}}, "load.value", {"seats": 4, "boot": {"right": 2}}),
        ({"load": {"value": {"boot": [1]}}}, "load.value", {"seats": 4, "boot": [1]}),
        ({"load": {"value": 7}}, "load.value", 7),
        ({"driver": {"object": "urn:x:bob"}}, "driver.object", "urn:x:bob"),
        ({"driver": {"since": NULL}}, "driver", {"type": "Relationship", "object": "urn:x:ann"}),
        ({"driver": {"since": {"value": 2021}}}, "driver.since", prop(2021)),
        ({"place": {"value": {"type": "Point", "coordinates": [1, 2]}}}, "place.value.coordinates", [1, 2]),
        ({"wheels": {"value": 8, "datasetId": "urn:d:1"}}, "wheels", [prop(4), prop(8, datasetId="urn:d:1")]),
        ({"wheels": {"value": NULL, "datasetId": "urn:d:1"}}, "wheels", prop(4)),
        ({"wheels": prop(NULL)}, "wheels", prop(6, datasetId="urn:d:1")),
        ({"colour": NULL}, "colour", None),
        ({"colour": prop(NULL)}, "colour", None),
        ({"driver": {"type": "Relationship", "object": NULL}}, "driver", None),
        ({"plate": {"languageMap": {"@none": NULL}}}, "plate", None),
        ({"nothing": NULL}, "nothing", None),
        ({"type": "Racer"}, "type", ["Vehicle", "Racer"]),
        ({"scope": "/b"}, "scope", "/b"),
        ({"new": {"value": {"a": 1, "b": NULL}}}, "new", prop({"a": 1})),
    ],
    ids=repr,
)
def test_5_6_17_what_is_said_is_merged_and_the_rest_stays(patch: dict[str, Any], name: str, after: Any) -> None:
    door = Door()
    door.make(rich() | {"scope": "/a"})
    assert door.ask("PATCH", ONE, patch).status == 204
    read = door.get("urn:ngsi-ld:Vehicle:1").json
    there: Any = read
    for part in name.split("."):
        there = there.get(part) if isinstance(there, dict) else None
    assert there == after
    touched = set(patch)
    assert {key: said for key, said in read.items() if key not in touched} == {
        key: said for key, said in (rich() | {"scope": "/a"}).items() if key not in touched
    }


@pytest.mark.parametrize(
    "patch",
    [
        {},
        {"colour": {"type": "Relationship", "object": "urn:x:1"}},
        {"colour": {"object": "urn:x:1"}},
        {"driver": {"value": 1}},
        {"place": {"value": 7}},
        {"bell": {"unitCode": "KMH"}},
        {"speed": {"value": None}},
        {"speed": {"datasetId": NULL, "value": 1}},
        {"load": {"value": {"list": [NULL]}}},
        {"plate": {"languageMap": {"zh": NULL, "en": NULL}}},
        {"id": "urn:x:other", "speed": prop(1)},
        {"datasetId": prop(1)},
    ],
    ids=repr,
)
def test_5_6_17_what_cannot_be_merged_changes_nothing(patch: dict[str, Any]) -> None:
    door = Door()
    door.make(rich())
    assert door.ask("PATCH", ONE, patch).error == "BadRequestData"
    assert door.get("urn:ngsi-ld:Vehicle:1").json == rich()


@pytest.mark.parametrize(
    ("patch", "query", "name", "after"),
    [
        ({"speed": 80}, {"options": "keyValues"}, "speed", prop(80, unitCode="KMH")),
        ({"driver": "urn:x:bob"}, {"format": "simplified"}, "driver.object", "urn:x:bob"),
        ({"place": {"type": "Point", "coordinates": [1, 2]}}, {"format": "simplified"}, "place.type", "GeoProperty"),
        ({"plate": {"languageMap": {"fr": "J"}}}, {"format": "simplified"}, "plate.languageMap.fr", "J"),
        ({"plate": "Jang"}, {"format": "simplified", "lang": "de"}, "plate.languageMap.de", "Jang"),
        ({"bell": "ding"}, {"format": "simplified"}, "bell", prop("ding")),
        ({"colour": NULL}, {"format": "simplified"}, "colour", None),
        ({"wheels": {"dataset": {"@none": 3, "urn:d:1": 5}}}, {"format": "simplified"}, "wheels", None),
        ({"load": {"value": 1}}, {"observedAt": "2026-11-23T02:10:00Z"}, "load.observedAt", "2026-11-23T02:10:00Z"),
        ({"speed": {"value": 1}}, {"observedAt": "2026-11-23T02:10:00Z"}, "speed", prop(1, unitCode="KMH")),
    ],
    ids=repr,
)
def test_5_6_17_bare_values_keep_the_stored_type(
    patch: dict[str, Any], query: dict[str, str], name: str, after: Any
) -> None:
    door = Door()
    door.make(rich())
    assert door.ask("PATCH", ONE, patch, **query).status == 204
    there: Any = door.get("urn:ngsi-ld:Vehicle:1").json
    if name == "wheels":
        assert [one["value"] for one in there["wheels"]] == [3, 5]
        return
    for part in name.split("."):
        there = there.get(part)
    assert there == after


@pytest.mark.parametrize(
    ("patch", "query", "error"),
    [
        ({"driver": 7}, {"format": "simplified"}, "BadRequestData"),
        ({"place": "here"}, {"format": "simplified"}, "BadRequestData"),
        ({"speed": {"value": 1}}, {"observedAt": "yesterday"}, "BadRequestData"),
        ({"speed": {"value": 1}}, {"type": "Boat"}, "ResourceNotFound"),
        ({"speed": {"value": 1}}, {"format": "pretty"}, "InvalidRequest"),
    ],
    ids=repr,
)
def test_5_6_17_a_bare_value_that_cannot_be_of_that_type_is_refused(
    patch: dict[str, Any], query: dict[str, str], error: str
) -> None:
    door = Door()
    door.make(rich())
    assert door.ask("PATCH", ONE, patch, **query).error == error
    assert door.get("urn:ngsi-ld:Vehicle:1").json == rich()


def test_5_6_17_an_unknown_entity_cannot_be_merged_into() -> None:
    assert Door().ask("PATCH", ONE, {"speed": prop(1)}).error == "ResourceNotFound"
    assert Door().ask("PATCH", "/entities/", {"speed": prop(1)}).error == "BadRequestData"


def test_5_6_18_replace_leaves_nothing_of_what_was_there_but_its_birth() -> None:
    door = Door()
    door.make(rich())
    born = door.get("urn:ngsi-ld:Vehicle:1", options="sysAttrs").json["createdAt"]
    door.clock.advance_to(door.clock.now_us() + 1_000_000)
    assert door.ask("PUT", ONE, car(wings=prop(2)) | {"scope": "/z"}).status == 204
    assert door.get("urn:ngsi-ld:Vehicle:1").json == car(wings=prop(2)) | {"scope": "/z"}
    read = door.get("urn:ngsi-ld:Vehicle:1", options="sysAttrs").json
    assert read["createdAt"] == born < read["modifiedAt"]
    assert read["speed"]["createdAt"] == born < read["wings"]["createdAt"]


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (car(wings=NULL), "BadRequestData"),
        (car() | {"id": "urn:x:other"}, "BadRequestData"),
        ([], "InvalidRequest"),
    ],
    ids=repr,
)
def test_5_6_18_a_replacement_that_is_wrong_changes_nothing(body: Any, error: str) -> None:
    door = Door()
    assert door.ask("PUT", ONE, car()).error == "ResourceNotFound"
    door.make(car())
    assert door.ask("PUT", ONE, body).error == error
    assert door.get("urn:ngsi-ld:Vehicle:1").json == car()
