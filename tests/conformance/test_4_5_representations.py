"""ETSI GS CIM 009 V1.9.1, clauses 4.5 (representations), 4.15 (languages), 4.21 (projection), 4.22 (expiry), 6.3.11."""

from __future__ import annotations

from typing import Any

import pytest
from ngsild_door import CORE, Door

from linli.base import SECOND_US, to_wire_time

TREE = "urn:x:tree:1"
POINT = {"type": "Point", "coordinates": [8.5, 47.4]}


def a_tree() -> dict[str, Any]:
    return {
        "id": TREE,
        "type": "Tree",
        "height": [
            {"type": "Property", "value": 12, "unitCode": "MTR"},
            {"type": "Property", "value": 11.5, "datasetId": "urn:d:laser"},
        ],
        "label": {"type": "LanguageProperty", "languageMap": {"de": "Linde", "fr-CH": "tilleul"}},
        "leaf": {"type": "VocabProperty", "vocab": "heart"},
        "log": {"type": "JsonProperty", "json": {"n": None}},
        "rings": {"type": "ListProperty", "valueList": [1, 2]},
        "planter": {"type": "Relationship", "object": "urn:x:person:1"},
        "owners": {"type": "ListRelationship", "objectList": [{"object": "urn:x:person:1"}]},
        "parts": {"type": "Property", "value": {"trunk": 1}},
        "location": {"type": "GeoProperty", "value": POINT},
    }


@pytest.fixture(scope="module")
def wood() -> Door:
    door = Door(default_context="core")
    door.make(a_tree())
    return door


def test_4_5_4_simplified_is_bare_where_a_value_says_it_all(wood: Door) -> None:
    assert wood.get(TREE, format="simplified").json == {
        "id": TREE,
        "type": "Tree",
        "height": {"dataset": {"@none": 12, "urn:d:laser": 11.5}},
        "label": {"languageMap": {"de": "Linde", "fr-CH": "tilleul"}},
        "leaf": {"vocab": "heart"},
        "log": {"json": {"n": None}},
        "rings": [1, 2],
        "planter": "urn:x:person:1",
        "owners": ["urn:x:person:1"],
        "parts": {"trunk": 1},
        "location": POINT,
    }


def test_4_5_3_concise_can_be_sent_back_as_it_is(wood: Door) -> None:
    concise = wood.get(TREE, options="concise").json
    assert concise["height"] == [{"value": 12, "unitCode": "MTR"}, {"value": 11.5, "datasetId": "urn:d:laser"}]
    assert concise["location"] == POINT
    assert concise["parts"] == {"value": {"trunk": 1}}
    assert concise["planter"] == {"object": "urn:x:person:1"}
    other = Door(default_context="core")
    other.make(concise)
    assert other.get(TREE).json == wood.get(TREE).json


def test_4_5_format_goes_before_options(wood: Door) -> None:
    assert wood.get(TREE, format="keyValues", options="normalized").json["rings"] == [1, 2]
    for query in ({"format": "round"}, {"options": "keyValues,round"}, {"format": "keyValues", "options": "round"}):
        assert wood.get(TREE, **query).error == "InvalidRequest"


GEO = {"accept": "application/geo+json"}


def test_4_5_16_geojson_puts_the_default_place_into_geometry(wood: Door) -> None:
    reply = wood.get(TREE, headers=GEO)
    assert reply.header("content-type") == "application/geo+json"
    feature = reply.json
    assert {key: feature[key] for key in ("id", "type", "geometry")} == {
        "id": TREE,
        "type": "Feature",
        "geometry": POINT,
    }
    assert feature["@context"] == CORE
    assert feature["properties"]["type"] == "Tree"
    assert "id" not in feature["properties"]
    assert wood.get(TREE, headers=GEO, geometryProperty="height").json["geometry"] is None
    assert wood.get(TREE, headers=GEO, format="simplified").json["properties"]["rings"] == [1, 2]
    plain = wood.get(TREE, headers={**GEO, "prefer": "body=json"})
    assert "@context" not in plain.json
    assert CORE in plain.all("link")[0]
    assert wood.get(TREE, geometryProperty="location").error == "BadRequestData"


def test_4_5_16_a_query_answers_a_collection_of_features(wood: Door) -> None:
    collection = wood.find(headers=GEO, type="Tree").json
    assert (collection["type"], collection["@context"]) == ("FeatureCollection", CORE)
    assert [feature["id"] for feature in collection["features"]] == [TREE]
    assert "@context" not in collection["features"][0]


@pytest.mark.parametrize(
    ("lang", "tag", "text"),
    [
        ("de", "de", "Linde"),
        ("DE", "de", "Linde"),
        ("de-AT", "de", "Linde"),
        ("fr", "fr-CH", "tilleul"),
        ("de;q=0.2,fr-CH;q=0.9", "fr-CH", "tilleul"),
        ("it,*;q=0.5", "de", "Linde"),
        ("it", "de", "Linde"),
        ("de;q=0,fr", "fr-CH", "tilleul"),
    ],
)
def test_4_15_a_language_is_chosen_by_range_and_weight(wood: Door, lang: str, tag: str, text: str) -> None:
    assert wood.get(TREE, lang=lang, pick="label").json["label"] == {"type": "Property", "lang": tag, "value": text}
    assert wood.get(TREE, lang=lang, pick="label", format="simplified").json["label"] == text


def test_4_15_a_list_of_languages_that_cannot_be_read_is_refused(wood: Door) -> None:
    for lang in ("", "de;q=2", "de fr", "de,,fr"):
        assert wood.get(TREE, lang=lang).error == "BadRequestData"


def test_4_5_5_dataset_id_chooses_instances(wood: Door) -> None:
    one = wood.get(TREE, datasetId="urn:d:laser").json
    assert one.keys() == {"id", "type", "height"}
    assert one["height"]["value"] == 11.5
    assert wood.get(TREE, datasetId="@none").json["height"]["value"] == 12
    assert len(wood.get(TREE, datasetId="@none,urn:d:laser").json["height"]) == 2
    assert wood.get(TREE, datasetId="urn:d:other").json.keys() == {"id", "type"}


@pytest.mark.parametrize(
    "query",
    [
        {"pick": "id;type"},
        {"pick": "planter{id"},
        {"pick": "planter{{id}}"},
        {"pick": "planter{}"},
        {"pick": "planter{,id}"},
        {"pick": "id}"},
        {"omit": "id,,type"},
        {"pick": "planter{id}"},
        {"omit": "planter{id}"},
        {"pick": "a{b{c}}", "join": "inline", "joinLevel": "1"},
        {"attrs": "id"},
        {"attrs": "height", "pick": "height"},
        {"join": "sideways"},
        {"join": "inline", "joinLevel": "0"},
        {"join": "inline", "joinLevel": "11"},
    ],
    ids=repr,
)
def test_4_21_a_projection_that_makes_no_sense_is_bad_request_data(wood: Door, query: dict[str, str]) -> None:
    assert wood.get(TREE, **query).error == "BadRequestData"
    assert wood.find(type="Tree", **query).error == "BadRequestData"


def test_4_21_an_entity_of_which_nothing_is_left_is_not_shown(wood: Door) -> None:
    everything = ",".join(a_tree())
    assert wood.get(TREE, omit=everything).error == "ResourceNotFound"
    assert wood.find(type="Tree", omit=everything).json == []
    assert wood.find(type="Tree", pick="nothing", count="true").header("ngsild-results-count") == "0"


def test_4_3_6_8_an_older_version_gets_what_it_can_read(wood: Door) -> None:
    old = wood.get(TREE, headers={"prefer": "ngsi-ld=1.5"})
    assert (old.status, old.header("preference-applied")) == (203, "ngsi-ld=1.5")
    assert old.json["leaf"] == {"type": "Property", "value": "heart"}
    assert old.json["label"]["type"] == "LanguageProperty"
    new = wood.get(TREE, headers={"prefer": "ngsi-ld=1.9"})
    assert (new.status, new.json) == (200, wood.get(TREE).json)
    listed = wood.find(type="Tree", headers={"prefer": "ngsi-ld=1.7"})
    assert (listed.status, listed.json[0]["rings"]) == (203, {"type": "Property", "value": [1, 2]})


def a_fading_tree() -> tuple[Door, str]:
    door = Door(default_context="core")
    later = to_wire_time(door.clock.now_us() + 60 * SECOND_US)
    end = to_wire_time(door.clock.now_us() + 120 * SECOND_US)
    bloom = {"type": "Property", "value": True, "expiresAt": later}
    door.make({"id": TREE, "type": "Tree", "expiresAt": end, "bloom": bloom, "height": {"value": 3}})
    return door, end


def test_6_3_11_times_of_the_store_are_shown_when_asked_for() -> None:
    door, end = a_fading_tree()
    plain, full = door.get(TREE), door.get(TREE, options="sysAttrs")
    assert b"expiresAt" not in plain.body
    assert b"createdAt" not in plain.body
    assert full.json["expiresAt"] == end
    assert full.json["createdAt"] == full.json["modifiedAt"] == to_wire_time(door.clock.now_us())
    assert {"createdAt", "modifiedAt", "expiresAt"} <= full.json["bloom"].keys()


def test_4_22_what_has_expired_is_never_served_even_where_an_answer_was_kept() -> None:
    door, _ = a_fading_tree()
    for _ in range(2):
        assert "bloom" in door.get(TREE).json
        assert "bloom" in door.find(type="Tree").json[0]
        assert door.found(type="Tree", q="bloom") == [TREE]
    door.clock.advance_to(door.clock.now_us() + 60 * SECOND_US)
    assert "bloom" not in door.get(TREE).json
    assert "bloom" not in door.find(type="Tree").json[0]
    assert door.found(type="Tree", q="bloom") == []
    assert door.found(type="Tree", q="!bloom") == [TREE]
    assert "bloom" not in door.ask("GET", "/attributes").json["attributeList"]
    door.clock.advance_to(door.clock.now_us() + 60 * SECOND_US)
    assert door.get(TREE).error == "ResourceNotFound"
    assert door.find(type="Tree", count="true").header("ngsild-results-count") == "0"
    assert door.ask("GET", "/types/Tree").error == "ResourceNotFound"
