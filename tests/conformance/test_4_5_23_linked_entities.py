"""ETSI GS CIM 009 V1.9.1, clauses 4.5.23 (linked entity retrieval) and 4.21 (projection of linked entities)."""

from __future__ import annotations

from typing import Any

import pytest
from ngsild_door import Door

CAFE, STREET, TOWN = "urn:x:cafe:1", "urn:x:street:1", "urn:x:town:1"


def to(uri: Any) -> dict[str, Any]:
    return {"type": "Relationship", "object": uri}


def prop(value: Any) -> dict[str, Any]:
    return {"type": "Property", "value": value}


@pytest.fixture(scope="module")
def town() -> Door:
    door = Door(default_context="core")
    door.make({"id": CAFE, "type": "Cafe", "tables": prop(4), "at": to(STREET), "likes": to([TOWN, "urn:x:town:9"])})
    door.make({"id": "urn:x:cafe:2", "type": "Cafe", "tables": prop(9), "at": to(STREET)})
    door.make({"id": STREET, "type": "Street", "width": prop(7), "inside": to(TOWN), "best": to(CAFE)})
    door.make({"id": TOWN, "type": "Town", "width": prop(900), "height": prop(30)})
    return door


def ids(entities: list[dict[str, Any]]) -> list[str]:
    return [one["id"] for one in entities]


def test_4_5_23_inline_puts_the_linked_entity_into_its_relationship(town: Door) -> None:
    cafe = town.get(CAFE, join="inline").json
    assert cafe["at"]["object"] == STREET
    assert cafe["at"]["entity"]["width"] == prop(7)
    assert "entity" not in cafe["at"]["entity"]["inside"]
    assert ids(cafe["likes"]["entityList"]) == [TOWN]
    deep = town.get(CAFE, join="inline", joinLevel="2").json
    assert deep["at"]["entity"]["inside"]["entity"]["id"] == TOWN


def test_4_5_23_simplified_inline_has_the_entity_in_place_of_the_id(town: Door) -> None:
    cafe = town.get(CAFE, join="inline", joinLevel="2", format="simplified").json
    assert cafe["at"]["inside"] == {"id": TOWN, "type": "Town", "width": 900, "height": 30}
    assert cafe["likes"] == [cafe["at"]["inside"], "urn:x:town:9"]


def test_4_5_23_flat_puts_linked_entities_after_the_others_each_once(town: Door) -> None:
    assert ids(town.get(CAFE, join="flat", joinLevel="2").json) == [CAFE, STREET, TOWN]
    assert ids(town.find(type="Cafe", join="flat", joinLevel="3").json) == [CAFE, "urn:x:cafe:2", STREET, TOWN]
    assert town.get(TOWN, join="flat").json["id"] == TOWN


def test_4_5_23_circles_end_and_what_is_there_already_is_not_followed(town: Door) -> None:
    cafe = town.get(CAFE, join="inline", joinLevel="9").json
    assert "entity" not in cafe["at"]["entity"]["best"]
    assert "entity" not in town.get(CAFE, join="inline", containedBy=STREET).json["at"]
    assert ids(town.get(CAFE, join="flat", joinLevel="9", containedBy=STREET).json) == [CAFE, TOWN]


def test_4_21_pick_and_omit_reach_into_linked_entities(town: Door) -> None:
    picked = town.get(CAFE, join="inline", joinLevel="2", pick="id,at{id,inside{height}}").json
    at = {**to(STREET), "entity": {"id": STREET, "inside": {**to(TOWN), "entity": {"height": prop(30)}}}}
    assert picked == {"id": CAFE, "at": at}
    omitted = town.get(CAFE, join="flat", joinLevel="2", omit="likes,at{width,best}", format="simplified").json
    assert omitted == [
        {"id": CAFE, "type": "Cafe", "tables": 4, "at": STREET},
        {"id": STREET, "type": "Street", "inside": TOWN},
        {"id": TOWN, "type": "Town", "width": 900, "height": 30},
    ]
    assert ids(town.get(CAFE, join="flat", joinLevel="2", pick="id,likes").json) == [CAFE, TOWN]
    assert town.get(CAFE, join="flat", pick="id,tables").json.keys() == {"id", "tables"}


def test_4_5_23_store_times_are_shown_of_linked_entities_too(town: Door) -> None:
    cafe = town.get(CAFE, join="inline", options="sysAttrs").json
    assert {"createdAt", "modifiedAt"} <= cafe["at"]["entity"].keys()
