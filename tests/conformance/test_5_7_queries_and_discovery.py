"""ETSI GS CIM 009 V1.9.1, clauses 5.2.23 (POSTed query), 5.2.33 (selectors), 5.7.5 to 5.7.10 (discovery)."""

from __future__ import annotations

from typing import Any

import pytest
from ngsild_door import Door

from linli.trust import Principal

DEFAULT = "https://uri.etsi.org/ngsi-ld/default-context/"


def prop(value: Any) -> dict[str, Any]:
    return {"type": "Property", "value": value}


def a_pond() -> Door:
    door = Door(default_context="core")
    for n in range(1, 5):
        door.make({"id": f"urn:x:duck:{n}", "type": ["Duck", "Bird"] if n > 2 else "Duck", "weight": prop(n)})
    door.make({"id": "urn:x:fish:1", "type": "Fish", "weight": {"type": "JsonProperty", "json": {}}, "depth": prop(2)})
    return door


def asked(door: Door, body: dict[str, Any], **query: str) -> list[str]:
    reply = door.ask("POST", "/entityOperations/query", {"type": "Query", **body}, **query)
    assert reply.status == 200, reply.body
    return [one["id"].removeprefix("urn:x:") for one in reply.json]


@pytest.mark.parametrize(
    ("body", "found"),
    [
        ({"entities": [{"type": "Fish"}]}, ["fish:1"]),
        ({"entities": [{"type": "Fish"}, {"type": "Duck", "id": "urn:x:duck:2"}]}, ["duck:2", "fish:1"]),
        ({"entities": [{"type": "Duck", "id": ["urn:x:duck:4", "urn:x:fish:1"]}]}, ["duck:4"]),
        ({"entities": [{"type": "Duck", "idPattern": "[13]$"}]}, ["duck:1", "duck:3"]),
        ({"entities": [{"type": "Duck", "idPattern": "1$", "id": "urn:x:duck:2"}]}, ["duck:2"]),
        ({"entities": [{"type": "Duck;Bird"}], "q": "weight>3"}, ["duck:4"]),
        ({"attrs": ["depth"]}, ["fish:1"]),
        ({"q": "depth==2"}, ["fish:1"]),
        (
            {"entities": [{"type": "Duck"}], "ordering": {"orderBy": ["weight;desc"]}},
            ["duck:4", "duck:3", "duck:2", "duck:1"],
        ),
        ({"entities": [{"type": "Duck"}], "scopeQ": "/a"}, []),
        (
            {
                "entities": [{"type": "Duck"}],
                "geoQ": {"georel": "within", "geometry": "Polygon", "coordinates": [[[0, 0], [1, 0], [1, 1], [0, 0]]]},
            },
            [],
        ),
    ],
)
def test_5_2_23_a_posted_query_finds_what_it_says(body: dict[str, Any], found: list[str]) -> None:
    assert asked(a_pond(), body) == found


def test_5_2_23_a_posted_query_shows_and_pages_as_one_by_url() -> None:
    door = a_pond()
    body = {"type": "Query", "entities": [{"type": "Duck"}], "pick": ["id", "weight"]}
    reply = door.ask("POST", "/entityOperations/query", body, limit="1", count="true", format="simplified")
    assert reply.json == [{"id": "urn:x:duck:1", "weight": 1}]
    assert reply.header("ngsild-results-count") == "4"
    body = {"type": "Query", "entities": [{"type": "Duck"}], "omit": ["type", "weight"]}
    assert door.ask("POST", "/entityOperations/query", body).json[0] == {"id": "urn:x:duck:1"}
    geo = door.ask("POST", "/entityOperations/query", body, headers={"accept": "application/geo+json"})
    assert geo.json["type"] == "FeatureCollection"


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"type": "Answer", "entities": [{"type": "Duck"}]},
        {"entities": []},
        {"entities": [{"id": "urn:x:duck:1"}]},
        {"entities": [{"type": "Duck", "id": "no uri"}]},
        {"entities": [{"type": "Duck", "id": ["urn:x:duck:1", 5]}]},
        {"entities": [{"type": "Duck", "idPattern": "a**"}]},
        {"entities": [{"type": "Duck", "colour": "red"}]},
        {"entities": [{"type": "Duck"}], "attrs": []},
        {"entities": [{"type": "Duck"}], "pick": [""]},
        {"entities": [{"type": "Duck"}], "q": 42},
        {"entities": [{"type": "Duck"}], "joinLevel": 0, "join": "inline"},
        {"entities": [{"type": "Duck"}], "temporalQ": {"timerel": "after", "timeAt": "2020-01-01T00:00:00Z"}},
        {"entities": [{"type": "Duck"}], "geoQ": {"georel": "within"}},
        {"entities": [{"type": "Duck"}], "geoQ": 3},
        {"entities": [{"type": "Duck"}], "ordering": {"orderBy": ["location;dist-asc"]}},
        {"entities": [{"type": "Duck"}], "ordering": {"orderBy": ["location;dist-asc"], "coordinates": "8,40"}},
        {"entities": [{"type": "Duck"}], "ordering": {"orderBy": ["id"], "geometry": 5}},
        {"entities": [{"type": "Duck"}], "ordering": {"orderBy": []}},
    ],
    ids=repr,
)
def test_5_2_23_a_posted_query_that_says_nothing_good_is_bad_request_data(body: dict[str, Any]) -> None:
    reply = a_pond().ask("POST", "/entityOperations/query", {"type": "Query", **body})
    assert reply.error == "BadRequestData"


def test_5_7_2_a_page_that_was_kept_is_as_fresh_as_any() -> None:
    door = a_pond()
    for weight in (5, 6):
        for _ in range(2):
            assert door.find(type="Duck", q=f"weight=={weight}", count="true").header("ngsild-results-count") == "0"
        door.ask("PATCH", "/entities/urn:x:duck:1/attrs", {"weight": prop(weight)})
        assert door.found(type="Duck", q=f"weight=={weight}") == ["urn:x:duck:1"]
    other = {"ngsild-tenant": "pond2"}
    door.ask("POST", "/entities", {"id": "urn:x:duck:9", "type": "Duck"}, headers=other)
    assert [one["id"] for one in door.find(type="Duck", headers=other).json] == ["urn:x:duck:9"]
    assert len(door.found(type="Duck")) == 4
    assert door.find(type="Duck", headers=other).header("ngsild-tenant") == "pond2"
    door.who = Principal("urn:x:nobody", "resident")
    assert door.found(type="Duck") == []


def test_5_7_5_types_are_listed_with_and_without_their_attributes() -> None:
    door = a_pond()
    listed = door.ask("GET", "/types").json
    assert (listed["type"], listed["typeList"]) == ("EntityTypeList", ["Bird", "Duck", "Fish"])
    detailed = {one["typeName"]: one for one in door.ask("GET", "/types", details="true").json}
    assert detailed["Fish"] == {
        "id": DEFAULT + "Fish",
        "type": "EntityType",
        "typeName": "Fish",
        "attributeNames": ["depth", "weight"],
    }


def test_5_7_7_a_type_is_told_with_its_numbers() -> None:
    door = a_pond()
    told = door.ask("GET", "/types/Bird").json
    assert (told["id"], told["type"], told["entityCount"]) == (DEFAULT + "Bird", "EntityTypeInfo", 2)
    weight = {"id": DEFAULT + "weight", "type": "Attribute", "attributeName": "weight", "attributeTypes": ["Property"]}
    assert told["attributeDetails"] == [weight]
    assert door.ask("GET", "/types/" + (DEFAULT + "Fish").replace("/", "%2F")).json["typeName"] == "Fish"
    assert door.ask("GET", "/types/Whale").error == "ResourceNotFound"
    assert door.ask("GET", "/types/Fish", details="true").error == "InvalidRequest"


def test_5_7_8_attributes_are_listed_with_and_without_their_types() -> None:
    door = a_pond()
    listed = door.ask("GET", "/attributes").json
    assert (listed["type"], listed["attributeList"]) == ("AttributeList", ["depth", "weight"])
    detailed = {one["attributeName"]: one["typeNames"] for one in door.ask("GET", "/attributes", details="true").json}
    assert detailed == {"depth": ["Fish"], "weight": ["Bird", "Duck", "Fish"]}


def test_5_7_10_an_attribute_is_told_with_its_numbers() -> None:
    door = a_pond()
    told = door.ask("GET", "/attributes/weight").json
    assert told == {
        "id": DEFAULT + "weight",
        "type": "Attribute",
        "attributeName": "weight",
        "attributeCount": 5,
        "attributeTypes": ["JsonProperty", "Property"],
        "typeNames": ["Bird", "Duck", "Fish"],
    }
    for name in ("wings", "id", "type", "scope", "createdAt"):
        assert door.ask("GET", f"/attributes/{name}").error == "ResourceNotFound"
    assert door.ask("GET", "/attributes", limit="5").error == "InvalidRequest"


def test_5_7_11_discovery_follows_every_write_and_stays_within_its_tenant() -> None:
    door = a_pond()
    assert "depth" in door.ask("GET", "/attributes").json["attributeList"]
    door.ask("DELETE", "/entities/urn:x:fish:1")
    assert door.ask("GET", "/attributes").json["attributeList"] == ["weight"]
    other = {"ngsild-tenant": "pond2"}
    door.ask("POST", "/entities", {"id": "urn:x:frog:1", "type": "Frog"}, headers=other)
    assert door.ask("GET", "/types", headers=other).json["typeList"] == ["Frog"]
    assert door.ask("GET", "/types/Duck", headers=other).error == "ResourceNotFound"
    door.who = Principal("urn:x:nobody", "resident")
    assert door.ask("GET", "/attributes").json["attributeList"] == []
