"""ETSI GS CIM 009 V1.9.1, clauses 5.6 (provision) and 4.5 (representation), as far as this node offers them."""

from __future__ import annotations

from typing import Any

import pytest
from ngsild_door import CONTEXT_REL, CORE, STAFF, Door, area, car, helper

NULL = "urn:ngsi-ld:null"
DEFAULT = "https://uri.etsi.org/ngsi-ld/default-context/"


def value(value: Any, **more: Any) -> dict[str, Any]:
    return {"type": "Property", "value": value, **more}


# 5.6.1 create entity


def test_5_6_1_create_answers_201_and_says_where() -> None:
    door = Door()
    reply = door.ask("POST", "/entities", car())
    assert (reply.status, reply.body) == (201, b"")
    assert reply.header("location") == "/ngsi-ld/v1/entities/urn:ngsi-ld:Vehicle:1"
    assert door.get("urn:ngsi-ld:Vehicle:1").json == car()


def test_5_6_1_create_with_a_known_id_is_409_and_changes_nothing() -> None:
    door = Door()
    door.make(car())
    assert door.ask("POST", "/entities", car(colour=value("blue"))).error == "AlreadyExists"
    assert door.get("urn:ngsi-ld:Vehicle:1").json == car()


@pytest.mark.parametrize(
    "body",
    [
        {"type": "Vehicle"},
        {"id": "urn:x:1"},
        car() | {"id": "no-uri"},
        car() | {"id": 7},
        car() | {"type": []},
        car() | {"type": "Ve hicle"},
        car() | {"scope": "/1a"},
        car() | {"scope": None},
        car() | {"@context": CORE},
        car(a=None),
        car(a=value(None)),
        car(a=value({"deep": [1, None]})),
        car(a=NULL),
        car(a=value(NULL)),
        car(a={"type": "LanguageProperty", "languageMap": {"@none": NULL}}),
        car(a=value(1, b=value(NULL))),
        car(a={"type": "Property"}),
        car(a={"type": "Property", "object": "urn:x:1"}),
        car(a=value(1, object="urn:x:1")),
        car(a={"type": "Relationship", "object": "no uri"}),
        car(a={"type": "Relationship", "object": "urn:x:1", "unitCode": "KMH"}),
        car(a={"type": "Relationship", "object": []}),
        car(a={"type": "LanguageProperty", "languageMap": {"en": 7}}),
        car(a={"type": "LanguageProperty", "languageMap": {}}),
        car(a={"type": "LanguageProperty"}),
        car(a={"type": "ListProperty", "value": [1]}),
        car(a={"type": "JsonProperty", "json": 7}),
        car(a={"type": "JsonProperty", "json": {}, "unitCode": "KMH"}),
        car(a={"type": "VocabProperty", "vocab": 7}),
        car(a={"type": "Nonsense", "value": 1}),
        car(a={"type": "GeoProperty", "value": {"type": "GeometryCollection", "geometries": []}}),
        car(a={"type": "GeoProperty", "value": {"type": "Point", "coordinates": [200, 0]}}),
        car(a={"type": "GeoProperty", "value": {"type": "Polygon", "coordinates": [[[0, 0], [1, 1], [0, 0]]]}}),
        car(location=value("here")),
        car(a=value(1, observedAt="yesterday")),
        car(a=value(1, observedAt="2026-11-23T10:15:07+08:00")),
        car(a=value(1, datasetId="no uri")),
        car(a=value(1, previousValue=2)),
        car(a=value(1, **{"@context": CORE})),
        car(a=[value(1), value(2)]),
        car(a=[value(1, datasetId="urn:d:1"), value(2, datasetId="urn:d:1")]),
        car(observedAt=value("2026-11-23T10:15:07Z")),
        car(datasetId=value(1)),
    ],
    ids=repr,
)
def test_5_6_1_wrong_content_is_bad_request_data(body: Any) -> None:
    door = Door()
    reply = door.ask("POST", "/entities", body)
    assert (reply.status, reply.error) == (400, "BadRequestData")
    assert door.found(local="true") == []


@pytest.mark.parametrize("body", [[car()], "car", 7, []], ids=repr)
def test_5_6_1_what_is_no_object_at_all_cannot_be_read(body: Any) -> None:
    assert Door().ask("POST", "/entities", body).error == "InvalidRequest"


def test_4_5_every_attribute_type_goes_there_and_back() -> None:
    body = car(
        at={"type": "Property", "value": {"@type": "DateTime", "@value": "2026-11-23T02:15:07Z"}},
        owner={"type": "Relationship", "object": "urn:x:ann", "objectType": "Person"},
        wheels={"type": "Relationship", "object": ["urn:x:1", "urn:x:2"]},
        place={"type": "GeoProperty", "value": {"type": "Point", "coordinates": [117.0, 36.6]}},
        title={"type": "LanguageProperty", "languageMap": {"zh": "车", "en": ["car", "auto"]}},
        mode={"type": "VocabProperty", "vocab": ["parked", "locked"]},
        extra={"type": "JsonProperty", "json": {"any": [None, {"thing": 1}]}},
        row={"type": "ListProperty", "valueList": [1, "two"]},
        stops={"type": "ListRelationship", "objectList": [{"object": "urn:x:1"}, {"object": "urn:x:2"}]},
        load=[
            {"type": "Property", "value": 1, "observedAt": "2026-11-23T02:15:07Z"},
            {
                "type": "Property",
                "value": 2,
                "datasetId": "urn:d:1",
                "accuracy": {"type": "Property", "value": 0.5, "by": {"type": "Relationship", "object": "urn:x:bob"}},
            },
        ],
        scope=["/a/b", "/c"],
    )
    door = Door()
    door.make(body)
    assert door.get(body["id"]).json == body


def test_4_5_concise_forms_are_read_as_normalized() -> None:
    door = Door()
    door.make(
        {
            "@id": "urn:x:1",
            "@type": "Vehicle",
            "speed": 50,
            "tags": ["a", "b"],
            "driver": {"object": "urn:x:ann"},
            "title": {"languageMap": {"en": "car"}},
            "mode": {"vocab": "parked"},
            "place": {"type": "Point", "coordinates": [117.0, 36.6]},
            "site": {"value": {"type": "Point", "coordinates": [117.0, 36.6]}},
            "text": {"type": "GeoProperty", "value": '{"type": "Point", "coordinates": [117.0, 36.6]}'},
            "load": {"value": 1, "datasetId": "@none"},
        }
    )
    read = door.get("urn:x:1").json
    geometry = {"type": "GeoProperty", "value": {"type": "Point", "coordinates": [117.0, 36.6]}}
    assert read["speed"] == value(50)
    assert read["tags"] == value(["a", "b"])
    assert read["driver"] == {"type": "Relationship", "object": "urn:x:ann"}
    assert read["title"] == {"type": "LanguageProperty", "languageMap": {"en": "car"}}
    assert read["mode"] == {"type": "VocabProperty", "vocab": "parked"}
    assert read["place"] == read["site"] == read["text"] == geometry
    assert read["load"] == value(1)


def test_4_5_simplified_shows_bare_values_and_wraps_language_json_and_vocab() -> None:
    door = Door()
    door.make(
        car(
            at={"type": "Property", "value": {"@type": "DateTime", "@value": "2026-11-23T02:15:07Z"}},
            title={"type": "LanguageProperty", "languageMap": {"en": "car"}},
            mode={"type": "VocabProperty", "vocab": "parked"},
            extra={"type": "JsonProperty", "json": {"a": 1}},
            load=[value(1), value(2, datasetId="urn:d:1")],
        )
    )
    wanted = {
        "id": "urn:ngsi-ld:Vehicle:1",
        "type": "Vehicle",
        "speed": 50,
        "colour": "red",
        "at": "2026-11-23T02:15:07Z",
        "title": {"languageMap": {"en": "car"}},
        "mode": {"vocab": "parked"},
        "extra": {"json": {"a": 1}},
        "load": {"dataset": {"@none": 1, "urn:d:1": 2}},
    }
    assert door.get("urn:ngsi-ld:Vehicle:1", options="keyValues").json == wanted
    assert door.get("urn:ngsi-ld:Vehicle:1", format="simplified").json == wanted


def test_4_8_system_times_are_the_broker_s_and_shown_when_asked_for() -> None:
    door = Door()
    door.make(car(speed=value(50, createdAt="1999-01-01T00:00:00Z"), createdAt="1999-01-01T00:00:00Z"))
    door.clock.advance_to(door.clock.now_us() + 1_500_000)
    assert door.ask("PATCH", "/entities/urn:ngsi-ld:Vehicle:1/attrs", {"colour": value("blue")}).status == 204
    plain = door.get("urn:ngsi-ld:Vehicle:1").json
    assert "createdAt" not in plain
    assert "createdAt" not in plain["colour"]
    read = door.get("urn:ngsi-ld:Vehicle:1", options="sysAttrs").json
    made, changed = "2026-11-23T02:15:07Z", "2026-11-23T02:15:08.5Z"
    assert (read["createdAt"], read["modifiedAt"]) == (made, changed)
    assert (read["speed"]["createdAt"], read["speed"]["modifiedAt"]) == (made, made)
    assert (read["colour"]["createdAt"], read["colour"]["modifiedAt"]) == (made, changed)


# 5.6.2 update attributes


def test_5_6_2_update_replaces_what_is_said_and_keeps_the_rest() -> None:
    door = Door()
    door.make(car())
    body = {"speed": value(80), "type": "Racer", "wheels": value(4)}
    assert door.ask("PATCH", "/entities/urn:ngsi-ld:Vehicle:1/attrs", body).status == 204
    read = door.get("urn:ngsi-ld:Vehicle:1").json
    assert read["speed"] == value(80)  # unitCode goes with the instance
    assert read["colour"] == value("red")
    assert read["wheels"] == value(4)
    assert read["type"] == ["Vehicle", "Racer"]


def test_5_6_2_null_takes_an_instance_away_and_nothing_happens_when_there_is_none() -> None:
    door = Door()
    door.make(car(load=[value(1), value(2, datasetId="urn:d:1")]))
    path = "/entities/urn:ngsi-ld:Vehicle:1/attrs"
    body = {"colour": value(NULL), "load": value(NULL, datasetId="urn:d:1"), "wings": NULL}
    assert door.ask("PATCH", path, body).status == 204
    read = door.get("urn:ngsi-ld:Vehicle:1").json
    assert "colour" not in read
    assert "wings" not in read
    assert read["load"] == value(1)


def test_5_6_2_a_scope_is_replaced_only_where_there_is_one() -> None:
    door = Door()
    door.make(car(1))
    door.make(car(2, scope="/a"))
    body = {"scope": "/b", "speed": value(1)}
    reply = door.ask("PATCH", "/entities/urn:ngsi-ld:Vehicle:1/attrs", body)
    assert reply.status == 207
    assert reply.json["updated"] == [DEFAULT + "speed"]
    assert [one["attributeName"] for one in reply.json["notUpdated"]] == ["scope"]
    assert door.ask("PATCH", "/entities/urn:ngsi-ld:Vehicle:2/attrs", body).status == 204
    assert "scope" not in door.get("urn:ngsi-ld:Vehicle:1").json
    assert door.get("urn:ngsi-ld:Vehicle:2").json["scope"] == "/b"


def test_5_6_2_an_unknown_entity_is_404_and_a_merge_patch_is_taken_as_json() -> None:
    door = Door()
    path = "/entities/urn:ngsi-ld:Vehicle:1/attrs"
    assert door.ask("PATCH", path, {"speed": value(1)}).error == "ResourceNotFound"
    door.make(car())
    merge = {"content-type": "application/merge-patch+json"}
    assert door.ask("PATCH", path, {"speed": value(1)}, headers=merge).status == 204
    assert door.ask("PATCH", path, {"speed": value(1)}, type="Boat").error == "ResourceNotFound"
    assert door.ask("PATCH", path, {}).error == "BadRequestData"
    assert door.ask("PATCH", path, {"id": "urn:x:other", "speed": value(1)}).error == "BadRequestData"
    assert door.ask("PATCH", path, {"speed": value({"deep": NULL})}).error == "BadRequestData"


# 5.6.3 append attributes


def test_5_6_3_append_overwrites_unless_told_not_to() -> None:
    door = Door()
    door.make(car())
    path = "/entities/urn:ngsi-ld:Vehicle:1/attrs"
    body = {"speed": value(80), "wheels": value(4)}
    reply = door.ask("POST", path, body, options="noOverwrite")
    assert reply.status == 207
    assert reply.json["updated"] == [DEFAULT + "wheels"]
    assert [one["attributeName"] for one in reply.json["notUpdated"]] == [DEFAULT + "speed"]
    assert door.get("urn:ngsi-ld:Vehicle:1").json["speed"]["value"] == 50
    assert door.ask("POST", path, body).status == 204
    assert door.get("urn:ngsi-ld:Vehicle:1").json["speed"] == value(80)
    assert door.ask("POST", path, {"speed": value(NULL)}).error == "BadRequestData"
    assert door.ask("POST", path, body, options="replaceAll").error == "InvalidRequest"


# 5.6.6 delete


def test_5_6_6_delete_removes_it_once() -> None:
    door = Door()
    door.make(car())
    path = "/entities/urn:ngsi-ld:Vehicle:1"
    assert door.ask("DELETE", path, type="Boat").error == "ResourceNotFound"
    reply = door.ask("DELETE", path)
    assert (reply.status, reply.body, reply.header("content-length")) == (204, b"", None)
    assert door.ask("DELETE", path).error == "ResourceNotFound"
    assert door.get("urn:ngsi-ld:Vehicle:1").status == 404


# 5.6.8 batch upsert, 5.6.10 batch delete


def test_5_6_8_upsert_names_what_is_new_and_replaces_what_was_there() -> None:
    door = Door()
    door.make(car(1, wheels=value(4)))
    reply = door.ask("POST", "/entityOperations/upsert", [car(1), car(2), car(2, colour=value("blue"))])
    assert (reply.status, reply.json) == (201, ["urn:ngsi-ld:Vehicle:2"])
    assert door.get("urn:ngsi-ld:Vehicle:1").json == car(1)
    assert door.get("urn:ngsi-ld:Vehicle:2").json["colour"]["value"] == "blue"
    assert door.ask("POST", "/entityOperations/upsert", [car(1)]).status == 204


def test_5_6_8_upsert_with_update_keeps_what_is_not_said() -> None:
    door = Door()
    door.make(car(1, wheels=value(4)))
    reply = door.ask("POST", "/entityOperations/upsert", [car(1, colour=value("blue"))], options="update")
    assert reply.status == 204
    read = door.get("urn:ngsi-ld:Vehicle:1").json
    assert (read["wheels"]["value"], read["colour"]["value"]) == (4, "blue")


def test_5_6_8_what_is_wrong_is_named_and_the_rest_is_written() -> None:
    door = Door()
    reply = door.ask("POST", "/entityOperations/upsert", [car(1), car(2, a=None), {"type": "Vehicle"}])
    assert reply.status == 207
    assert reply.json["success"] == ["urn:ngsi-ld:Vehicle:1"]
    assert [one["entityId"] for one in reply.json["errors"]] == ["urn:ngsi-ld:Vehicle:2", ""]
    assert reply.json["errors"][0]["error"]["type"].endswith("BadRequestData")
    assert door.found(type="Vehicle") == ["urn:ngsi-ld:Vehicle:1"]


@pytest.mark.parametrize("body", [[], [car(), None], [car(), 7], {}, "x"], ids=repr)
def test_5_6_8_a_list_that_is_no_list_of_entities_writes_nothing(body: Any) -> None:
    door = Door()
    assert door.ask("POST", "/entityOperations/upsert", body).error == "BadRequestData"
    assert door.found(type="Vehicle") == []


def test_5_6_8_a_batch_has_a_longest_length() -> None:
    door = Door()
    assert door.ask("POST", "/entityOperations/upsert", [car(n) for n in range(1001)]).error == "BadRequestData"
    assert door.ask("POST", "/entityOperations/upsert", [car(n) for n in range(1000)]).status == 201


def test_5_6_8_one_commit_holds_the_whole_batch() -> None:
    import asyncio

    door = Door()
    door.ask("POST", "/entityOperations/upsert", [car(n) for n in range(5)])
    assert {row.tx for row in asyncio.run(door.broker.log.rows_since(0))} == {1}


def test_5_6_10_delete_batch_names_what_was_not_there() -> None:
    door = Door()
    door.make(car(1))
    door.make(car(2))
    ids = ["urn:ngsi-ld:Vehicle:1", "urn:ngsi-ld:Vehicle:1", "urn:ngsi-ld:Vehicle:9", 7, {}]
    reply = door.ask("POST", "/entityOperations/delete", ids)
    assert reply.status == 207
    assert reply.json["success"] == ["urn:ngsi-ld:Vehicle:1"]
    assert [one["entityId"] for one in reply.json["errors"]] == [
        "urn:ngsi-ld:Vehicle:1",
        "urn:ngsi-ld:Vehicle:9",
        "",
        "",
    ]
    assert door.ask("POST", "/entityOperations/delete", ["urn:ngsi-ld:Vehicle:2"]).status == 204


# ours: the vocabulary holds for its own types


def test_our_own_types_are_checked_and_others_stored_as_they_come() -> None:
    door = Door()
    assert door.ask("POST", "/entities", area()).status == 201
    wrong = area(2, areaLevel={"type": "VocabProperty", "vocab": "planet"})
    reply = door.ask("POST", "/entities", wrong)
    assert reply.error == "BadRequestData"
    assert "Area.areaLevel: must be one of" in reply.json["detail"]
    unknown = door.ask("POST", "/entities", area(3, colour=value("red")))
    assert "Area.colour: Area has no such attribute" in unknown.json["detail"]
    assert door.ask("POST", "/entities", area(4, x_demo_colour=value("red"))).status == 201
    incomplete = {key: said for key, said in area(5).items() if key != "code"}
    assert "Area.code: is required" in door.ask("POST", "/entities", incomplete).json["detail"]
    path = "/entities/urn:ngsi-ld:Area:370102001/attrs"
    assert "code: is required" in door.ask("PATCH", path, {"code": NULL}).json["detail"]
    two = door.ask("POST", "/entities", area(6) | {"type": ["Area", "Provider"]})
    assert "one type of the vocabulary" in two.json["detail"]


def test_an_entity_of_ours_without_a_scope_gets_the_node_s_own() -> None:
    door = Door()
    door.make(area())
    assert door.get(area()["id"]).json["scope"] == "/cn/r37/r3701/r370102"
    door.ask("POST", "/entityOperations/upsert", [area(scope="/cn/r37"), area(2)])
    assert door.get(area()["id"]).json["scope"] == "/cn/r37"
    door.ask("POST", "/entityOperations/upsert", [area()])
    assert door.get(area()["id"]).json["scope"] == "/cn/r37"


def test_personal_attributes_are_written_for_a_purpose_that_they_serve() -> None:
    door = Door()
    assert door.ask("POST", "/entities", helper()).error == "PurposeMissing"
    refused = door.ask("POST", "/entities", helper(), headers={"linli-purpose": "metering"})
    assert (refused.status, refused.error) == (403, "NotAllowed")
    unknown = door.ask("POST", "/entities", helper(), headers={"linli-purpose": "fun"})
    assert (unknown.status, unknown.error) == (403, "NotAllowed")
    assert door.ask("POST", "/entities", helper(), headers=STAFF).status == 201
    path = f"/entities/{helper()['id']}/attrs"
    assert door.ask("PATCH", path, {"dutyState": {"vocab": "off"}}).status == 204
    assert door.ask("PATCH", path, {"fullName": value("李示例")}).error == "PurposeMissing"
    assert door.ask("PATCH", path, {"fullName": NULL}).error == "PurposeMissing"


def test_a_link_names_the_context_in_which_a_body_is_read() -> None:
    door = Door()
    door.make(area(), link=f"<{CORE}>; {CONTEXT_REL}")  # under the bare core, Area is a type like any other
    assert door.get(area()["id"]).json["type"] == "ngsi-ld:default-context/Area"
