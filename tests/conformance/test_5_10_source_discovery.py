"""ETSI GS CIM 009 V1.9.1, clause 5.10: which sources may hold what is asked for."""

from __future__ import annotations

from typing import Any

import pytest
from ngsild_door import Door

EX = "https://example.org/"
SOURCES: dict[str, dict[str, Any]] = {
    "cars": {
        "information": [{"entities": [{"type": "Vehicle"}], "propertyNames": ["speed"], "relationshipNames": ["owner"]}]
    },
    "one": {"information": [{"entities": [{"id": "urn:x:Vehicle:1", "type": "Vehicle"}]}]},
    "some": {"information": [{"entities": [{"idPattern": "^urn:x:(Vehicle|Bus):2", "type": ["Vehicle", "Bus"]}]}]},
    "speeds": {"information": [{"propertyNames": ["speed"]}]},
    "gates": {
        "information": [{"entities": [{"type": "Gate"}]}, {"entities": [{"type": "Door"}], "propertyNames": ["width"]}],
        "location": {"type": "Point", "coordinates": [117.02, 36.66]},
        "scope": "/cn/r37/r3701",
        "quality": 5,
        "endpoint": "https://gates.example/",
    },
    "old": {
        "information": [{"entities": [{"type": "Lamp"}]}],
        "observationInterval": {"startAt": "2026-01-01T00:00:00Z", "endAt": "2026-02-01T00:00:00Z"},
        "managementInterval": {"startAt": "2026-03-01T00:00:00Z"},
    },
}


def a_door() -> Door:
    door = Door(default_context="core")
    for name, members in SOURCES.items():
        body = {
            "endpoint": "https://source.example/",
            "type": "ContextSourceRegistration",
            "id": f"urn:s:{name}",
            **members,
        }
        assert door.ask("POST", "/csourceRegistrations", body).status == 201
    return door


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({"type": "Vehicle"}, "cars one some speeds"),
        ({"type": "Bus"}, "some speeds"),
        ({"type": "Vehicle,Gate"}, "cars one some speeds gates"),
        ({"type": "(Bus;Red)|Door"}, "some speeds gates"),
        ({"type": "*"}, "cars one some speeds gates"),
        ({"type": "Nothing"}, "speeds"),
        ({"attrs": "speed"}, "cars one some speeds gates"),
        ({"attrs": "speed", "type": "Door"}, "speeds"),
        ({"attrs": "width,owner", "type": "Door"}, "gates"),
        ({"attrs": "owner", "type": "Vehicle"}, "cars one some"),
        ({"attrs": "colour", "type": "Vehicle"}, "one some"),
        ({"id": "urn:x:Vehicle:1"}, "cars one speeds gates"),
        ({"id": "urn:x:Vehicle:1", "type": "Vehicle"}, "cars one speeds"),
        ({"id": "urn:x:Vehicle:2,urn:x:Vehicle:3", "type": "Vehicle"}, "cars some speeds"),
        ({"id": "urn:x:Vehicle:3", "type": "Vehicle"}, "cars speeds"),
        ({"idPattern": ":1$", "type": "Vehicle"}, "cars one some speeds"),
        ({"idPattern": ":9$", "type": "Vehicle"}, "cars some speeds"),
        ({"q": "quality==5"}, "gates"),
        ({"csf": "quality>3"}, "gates"),
        ({"csf": "quality<3"}, ""),
        ({"csf": 'endpoint=="https://gates.example/"'}, "gates"),
        ({"csf": "!quality", "type": "Gate"}, "speeds"),
        ({"scopeQ": "/cn/#"}, "gates"),
        ({"scopeQ": "/cn/r37/r3702"}, ""),
        ({"georel": "near;maxDistance==2000", "geometry": "Point", "coordinates": "[117.03,36.66]"}, "gates"),
        ({"georel": "near;maxDistance==500", "geometry": "Point", "coordinates": "[117.03,36.66]"}, ""),
        ({"georel": "within", "geometry": "Polygon", "coordinates": "[[[117,36],[118,36],[118,37],[117,36]]]"}, ""),
        ({"type": "Lamp"}, "speeds"),
        ({"type": "Lamp", "timerel": "before", "timeAt": "2026-01-15T00:00:00Z"}, "old"),
        ({"type": "Lamp", "timerel": "before", "timeAt": "2026-01-01T00:00:00Z"}, ""),
        ({"type": "Lamp", "timerel": "after", "timeAt": "2026-01-15T00:00:00Z", "timeproperty": "observedAt"}, "old"),
        ({"type": "Lamp", "timerel": "after", "timeAt": "2026-02-02T00:00:00Z"}, ""),
        ({"type": "Lamp", "timerel": "after", "timeAt": "2030-01-01T00:00:00Z", "timeproperty": "modifiedAt"}, "old"),
        ({"type": "Lamp", "timerel": "before", "timeAt": "2026-03-01T00:00:00Z", "timeproperty": "createdAt"}, ""),
        (
            {
                "type": "Lamp",
                "timerel": "between",
                "timeAt": "2025-01-01T00:00:00Z",
                "endTimeAt": "2025-02-01T00:00:00Z",
            },
            "",
        ),
    ],
    ids=str,
)
def test_5_10_2_a_source_is_found_unless_it_can_be_ruled_out(query: dict[str, str], found: str) -> None:
    reply = a_door().ask("GET", "/csourceRegistrations", **query)
    assert reply.status == 200, reply.body
    assert [one["id"].removeprefix("urn:s:") for one in reply.json] == found.split()


@pytest.mark.parametrize(
    "query",
    [
        {},
        {"limit": "5"},
        {"id": "no uri"},
        {"type": "("},
        {"type": "Gate", "q": "(quality"},
        {"type": "Gate", "csf": "quality=="},
        {"type": "Gate", "scopeQ": "/1"},
        {"type": "Gate", "idPattern": "("},
        {"georel": "within"},
        {"type": "Gate", "georel": "near;maxDistance==far", "geometry": "Point", "coordinates": "[1,2]"},
        {"timerel": "before"},
        {"type": "Gate", "timeAt": "2026-01-15T00:00:00Z"},
        {"type": "Gate", "timerel": "between", "timeAt": "2026-01-15T00:00:00Z"},
        {"type": "Gate", "limit": "-1"},
        {"type": "Gate", "limit": "0"},
    ],
    ids=str,
)
def test_5_10_2_a_query_that_is_wrong_or_asks_for_everything_is_refused(query: dict[str, str]) -> None:
    assert a_door().ask("GET", "/csourceRegistrations", **query).error == "BadRequestData"


def test_5_10_2_unknown_parameters_are_refused() -> None:
    assert a_door().ask("GET", "/csourceRegistrations", type="Gate", page="2").error == "InvalidRequest"


def test_5_10_2_pages_follow_each_other_in_the_order_of_registration() -> None:
    door = a_door()
    seen: list[str] = []
    for offset in ("0", "2", "4"):
        reply = door.ask("GET", "/csourceRegistrations", type="Vehicle,Gate", limit="2", offset=offset, count="true")
        seen += [one["id"].removeprefix("urn:s:") for one in reply.json]
        assert reply.header("ngsild-results-count") == "5"
        rels = {"next" if 'rel="next"' in link else "prev" for link in reply.all("link") if "json-ld" not in link}
        assert rels == {"0": {"next"}, "2": {"next", "prev"}, "4": {"prev"}}[offset]
    assert seen == ["cars", "one", "some", "speeds", "gates"]
    reply = door.ask("GET", "/csourceRegistrations", type="Vehicle,Gate", limit="0", count="true")
    assert (reply.json, reply.header("ngsild-results-count")) == ([], "5")


def test_5_10_2_names_in_a_query_are_those_of_its_context() -> None:
    door = a_door()
    path = door.ask("POST", "/jsonldContexts", {"@context": {"Auto": "ngsi-ld:default-context/Vehicle"}}).header(
        "location"
    )
    link = {"link": f'<{path}>; rel="http://www.w3.org/ns/json-ld#context"; type="application/ld+json"'}
    found = door.ask("GET", "/csourceRegistrations", headers=link, type="Auto", attrs="colour").json
    assert [one["information"][0]["entities"][0]["type"] for one in found] == ["Auto", ["Auto", "Bus"]]
    answered = door.ask("GET", "/csourceRegistrations", headers={**link, "accept": "application/ld+json"}, type="Auto")
    assert all("@context" in one for one in answered.json)


def test_5_10_1_one_registration_is_read_by_its_id() -> None:
    door = a_door()
    assert door.ask("GET", "/csourceRegistrations/urn:s:gates").json["quality"] == 5
    assert door.ask("GET", "/csourceRegistrations/urn:s:none").error == "ResourceNotFound"
    assert door.ask("GET", "/csourceRegistrations/none").error == "BadRequestData"
