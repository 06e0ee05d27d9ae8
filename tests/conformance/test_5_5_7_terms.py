"""ETSI GS CIM 009 V1.9.1, clauses 5.5.5 to 5.5.7: which context holds, what terms mean, and how names are said again."""

from __future__ import annotations

from typing import Any

import pytest
from ngsild_door import CORE, Door, car

LD = {"content-type": "application/ld+json"}
ONE = "urn:ngsi-ld:Vehicle:1"
EX = "https://example.org/"
DEFAULT = "https://uri.etsi.org/ngsi-ld/default-context/"


def a_door() -> Door:
    return Door(default_context="core")


def made(context: Any, **members: Any) -> Door:
    """A node with one entity, said in a context."""
    door = a_door()
    body = {"id": ONE, "type": "Vehicle", "@context": context, **members}
    reply = door.ask("POST", "/entities", body, headers=LD)
    assert reply.status == 201, reply.body
    return door


def shown(door: Door, context: Any = None) -> Any:
    """Return the entity in a hosted context, or in the core alone."""
    headers = None
    if context is not None:
        path = door.ask("POST", "/jsonldContexts", {"@context": context}).header("location")
        headers = {"link": f'<{path}>; rel="http://www.w3.org/ns/json-ld#context"; type="application/ld+json"'}
    return door.get(ONE, headers=headers).json


@pytest.mark.parametrize(
    ("context", "speed"),
    [
        ({"speed": EX + "speed"}, EX + "speed"),
        ({"speed": {"@id": EX + "speed"}}, EX + "speed"),
        ({"speed": {"@id": EX + "speed", "@type": "@id"}}, EX + "speed"),
        ({"speed": {"@id": EX + "speed", "@type": "@vocab"}}, EX + "speed"),
        ({"speed": {"@id": EX + "speed", "@type": "https://uri.etsi.org/ngsi-ld/DateTime"}}, EX + "speed"),
        ({"speed": {"@id": EX + "speed", "@container": "@list"}}, EX + "speed"),
        ({"speed": {"@id": EX + "speed", "@container": ["@language", "@set"]}}, EX + "speed"),
        ({"ex": EX, "speed": "ex:speed"}, EX + "speed"),
        ({"speed": "fast", "fast": EX + "fast"}, EX + "fast"),
        ({"@vocab": EX, "speed": "speed"}, EX + "speed"),
        ({"@vocab": EX, "speed": {"@type": "@id"}}, EX + "speed"),
        ({"@vocab": EX}, DEFAULT + "speed"),
        ({"speed": None}, DEFAULT + "speed"),
        ([{"speed": EX + "1"}, {"speed": EX + "2"}], EX + "2"),
        ([{"ex": EX}, {"speed": "ex:speed"}], EX + "speed"),
        ([{"ex": EX, "speed": "ex:speed"}, {"ex": "https://example.net/"}], EX + "speed"),
        ([{"speed": EX + "speed"}, CORE], EX + "speed"),
        ([CORE, {"speed": EX + "speed"}], EX + "speed"),
        ({"speed": "ngsi-ld:speed"}, "https://uri.etsi.org/ngsi-ld/speed"),
        ({"speed": "unknown:speed"}, "unknown:speed"),
        ({"@version": 1.1, "@base": "https://example.net/", "speed": EX + "speed"}, EX + "speed"),
    ],
)
def test_5_5_7_a_term_means_what_its_context_says(context: Any, speed: str) -> None:
    door = made(context, speed={"type": "Property", "value": 50})
    assert shown(door, {"known": speed})["known"] == {"type": "Property", "value": 50}


@pytest.mark.parametrize("term", ["location", "scope", "observedAt", "unitCode", "value", "description", "title", "id"])
def test_5_5_7_what_the_core_defines_nobody_defines_anew(term: str) -> None:
    place = {"type": "GeoProperty", "value": {"type": "Point", "coordinates": [1, 2]}}
    door = made({term: EX + term, "a": EX + "a"}, location=place, a={"type": "Property", "value": 1, "unitCode": "M1"})
    told = shown(door, {"a": EX + "a"})
    assert told["location"] == place
    assert told["a"] == {"type": "Property", "value": 1, "unitCode": "M1"}


def test_5_5_7_the_asker_s_context_says_the_names_not_the_writer_s() -> None:
    door = made({"ex": EX, "speed": "ex:speed", "Vehicle": "ex:Vehicle"}, speed={"type": "Property", "value": 50})
    assert set(shown(door)) == {"id", "type", EX + "speed"}
    assert shown(door)["type"] == EX + "Vehicle"
    assert set(shown(door, {"tempo": EX + "speed"})) == {"id", "type", "tempo"}
    assert set(shown(door, {"x": EX})) == {"id", "type", "x:speed"}
    assert set(shown(door, {"longer": EX + "speed", "short": EX + "speed"})) == {"id", "type", "short"}
    assert set(shown(door, {"x": EX, "y": {"@id": EX, "@prefix": False}})) == {"id", "type", "x:speed"}


def test_5_5_7_a_name_of_the_default_context_is_not_said_by_a_term_that_means_something_else() -> None:
    door = made(CORE, speed={"type": "Property", "value": 50})
    assert "speed" in shown(door)
    told = shown(door, {"speed": EX + "speed"})
    assert "speed" not in told
    assert "ngsi-ld:default-context/speed" in told


def test_5_5_7_sub_attributes_types_and_vocabulary_values_have_names_too() -> None:
    context = {"ex": EX, **{name: f"ex:{name}" for name in ("speed", "accuracy", "state", "moving", "Car", "owner")}}
    door = made(
        context,
        type=["Car", "Vehicle"],
        speed={"type": "Property", "value": 5, "accuracy": {"type": "Property", "value": 1}},
        state={"type": "VocabProperty", "vocab": "moving"},
        owner={"type": "Relationship", "object": "urn:x:y", "objectType": "Car"},
    )
    told = shown(door, {"e": EX})
    assert told["type"] == ["e:Car", "Vehicle"]
    assert told["e:speed"]["e:accuracy"] == {"type": "Property", "value": 1}
    assert told["e:state"]["vocab"] == "e:moving"
    assert told["e:owner"]["objectType"] == "e:Car"


def test_5_5_7_what_stands_inside_json_and_inside_values_is_nobody_s_term() -> None:
    inside = {
        "speed": 1,
        "ex:a": {"type": "Car", "id": 7, "@id": "x", "@context": {"a": "b"}},
        "list": [{"speed": None}],
    }
    plain = {"speed": 1, "ex:a": {"type": "Car"}}
    context = {"ex": EX, "speed": "ex:speed", "Car": "ex:Car", "kind": "@type", "name": "@id"}
    door = made(context, note={"type": "JsonProperty", "json": inside}, other={"type": "Property", "value": plain})
    assert shown(door)["note"]["json"] == inside
    assert shown(door)["other"]["value"] == plain


def test_5_5_7_a_context_may_have_words_of_its_own_for_id_and_type() -> None:
    door = a_door()
    body = {
        "@context": {"name": "@id", "kind": "@type", "speed": EX + "speed"},
        "name": ONE,
        "kind": "Vehicle",
        "speed": {
            "kind": "Property",
            "value": {"kind": "left", "name": "as it is"},
            "by": {"kind": "Property", "value": 1},
        },
    }
    assert door.ask("POST", "/entities", body, headers=LD).status == 201
    told = shown(door, {"speed": EX + "speed"})
    assert (told["id"], told["type"]) == (ONE, "Vehicle")
    assert told["speed"] == {
        "type": "Property",
        "value": {"kind": "left", "name": "as it is"},
        "by": {"type": "Property", "value": 1},
    }


@pytest.mark.parametrize(
    "context",
    [
        None,
        7,
        True,
        [7],
        {"a": 7},
        {"a": {"@id": 7}},
        {"a": {"@id": EX, "@type": 7}},
        {"a": {"@id": EX, "@container": {}}},
        {"a": {"@id": EX, "@context": {"b": EX}}},
        {"a": "a:b"},
        {"a": "b", "b": "a"},
        "",
    ],
)
def test_5_5_4_what_is_no_context_is_refused(context: Any) -> None:
    reply = a_door().ask("POST", "/entities", {**car(), "@context": context}, headers=LD)
    assert (reply.status, reply.error) == (400, "BadRequestData")


def test_5_5_5_without_a_context_the_default_one_holds_and_a_link_names_another() -> None:
    door = a_door()
    door.make(car())
    assert {"speed", "colour"} <= shown(door).keys()
    assert {"ngsi-ld:default-context/speed", "colour"} <= shown(door, {"speed": EX + "speed"}).keys()


@pytest.mark.parametrize(
    "context", ["https://nowhere.example/c.jsonld", ["https://nowhere.example/c.jsonld", CORE], "not a url"]
)
def test_5_5_6_a_context_that_nobody_can_have_is_504_and_nothing_is_written(context: Any) -> None:
    door = a_door()
    reply = door.ask("POST", "/entities", {**car(), "@context": context}, headers=LD)
    assert (reply.status, reply.error) == (504, "LdContextNotAvailable")
    assert door.get(ONE).status == 404
