"""ETSI GS CIM 009 V1.9.1, clauses 4.9 (q), 4.10 (geo), 4.17 (types), 4.19 (scopes), asked over HTTP."""

from __future__ import annotations

from typing import Any

import pytest
from ngsild_door import Door

POINT = {"type": "Point", "coordinates": [24.94, 60.17]}


def prop(value: Any, **more: Any) -> dict[str, Any]:
    return {"type": "Property", "value": value, **more}


def boat(name: str, **attrs: Any) -> dict[str, Any]:
    return {"id": f"urn:x:boat:{name}", "type": "Boat", **attrs}


@pytest.fixture(scope="module")
def harbour() -> Door:
    door = Door()
    door.make(
        boat(
            "ada",
            length=prop(12.5, accuracy=prop(0.1)),
            hull=prop({"paint": {"tone": "blue"}, "plates": [3, 4]}),
            motto={"type": "LanguageProperty", "languageMap": {"fi": "hyvä", "sv": "bra"}},
            rig={"type": "VocabProperty", "vocab": "sloop"},
            captain={"type": "Relationship", "object": "urn:x:person:ann"},
            built=prop({"@type": "DateTime", "@value": "2001-05-04T10:00:00Z"}),
            location={"type": "GeoProperty", "value": POINT},
            scope="/fi/uusimaa",
        )
    )
    door.make(
        boat(
            "bea",
            length=prop(8),
            hull=prop({"paint": {"tone": "red"}}),
            captain={"type": "Relationship", "object": "urn:x:person:bob"},
            location={"type": "GeoProperty", "value": {"type": "Point", "coordinates": [25.9, 60.2]}},
        )
    )
    door.make({"id": "urn:x:person:ann", "type": "Person", "age": prop(40), "home": {"object": "urn:x:town:1"}})
    door.make({"id": "urn:x:person:bob", "type": ["Person", "Pilot"], "age": prop(25)})
    door.make({"id": "urn:x:town:1", "type": "Town", "size": prop(7)})
    return door


def boats(door: Door, **query: str) -> str:
    return "".join(sorted(one.rsplit(":", 1)[1][0] for one in door.found(type="Boat", **query)))


@pytest.mark.parametrize(
    ("q", "found"),
    [
        ("length==8..13", "ab"),
        ("length!=8..9", "a"),
        ("length==8,9", "b"),
        ("length.accuracy<1", "a"),
        ('hull[paint.tone]=="blue"', "a"),
        ("hull[paint.shine]", ""),
        ("hull[plates]==4", "a"),
        ('hull[paint.tone]~="^r"', "b"),
        ('hull[paint.tone]!~="^r"', "a"),
        ('motto[fi]=="hyvä"', "a"),
        ('motto[fi]=="bra"', ""),
        ('motto[*]=="bra"', "a"),
        ('motto[*]!="bra"', ""),
        ("built<2002-01-01T00:00:00Z", "a"),
        ("captain==urn:x:person:bob", "b"),
        ('captain>"urn:a"', ""),
        ("!motto", "b"),
        ("(length>9|length<8.5);!motto", "b"),
        ("hull;createdAt>2020-01-01T00:00:00Z", "ab"),
    ],
)
def test_4_9_a_query_finds_exactly_what_it_means(harbour: Door, q: str, found: str) -> None:
    assert boats(harbour, q=q) == found


@pytest.mark.parametrize(
    ("q", "level", "found"),
    [
        ("captain{age}>30", "1", "a"),
        ("captain{Pilot:age}<30", "1", "b"),
        ("captain{Pilot:age}>30", "1", ""),
        ("captain{home{size}}==7", "2", "a"),
        ("!captain{home}", "1", "b"),
    ],
)
def test_4_9_a_query_goes_on_in_linked_entities(harbour: Door, q: str, level: str, found: str) -> None:
    assert boats(harbour, q=q, join="inline", joinLevel=level) == found


@pytest.mark.parametrize(
    "query",
    [
        {"q": "captain{age}>30"},
        {"q": "captain{home{size}}==7", "join": "flat", "joinLevel": "1"},
        {"q": "length>1..2"},
        {"q": 'hull~="(?<=a)b"'},
        {"q": "length=="},
        {"idPattern": "a**"},
        {"csf": "))"},
        {"scopeQ": "/1"},
        {"type": "*", "local": "false"},
    ],
    ids=repr,
)
def test_4_9_what_cannot_be_read_or_reaches_too_far_is_bad_request_data(harbour: Door, query: dict[str, str]) -> None:
    assert harbour.find(**{"type": "Boat", **query}).error == "BadRequestData"


def test_4_9_expand_values_compares_terms_and_nothing_else_does(harbour: Door) -> None:
    assert boats(harbour, q="rig==sloop", expandValues="rig") == "a"
    assert boats(harbour, q="rig==ketch", expandValues="rig") == ""
    assert boats(harbour, q="rig==sloop") == ""


@pytest.mark.parametrize(
    ("types", "count"), [("Boat", 2), ("Person;Pilot", 1), ("(Person;Pilot)|Town", 2), ("*", 5), ("Boat,Town", 3)]
)
def test_4_17_types_are_selected(harbour: Door, types: str, count: int) -> None:
    assert len(harbour.found(type=types)) == count


def test_4_17_ids_are_matched_by_a_pattern_unless_they_are_given(harbour: Door) -> None:
    assert harbour.found(type="Person", idPattern="b$") == ["urn:x:person:bob"]
    assert harbour.found(type="Person", idPattern="b$", id="urn:x:person:ann") == ["urn:x:person:ann"]


@pytest.mark.parametrize(
    ("georel", "geometry", "coordinates", "found"),
    [
        ("near;maxDistance==100", "Point", "[24.941,60.17]", "a"),
        ("near;minDistance==100", "Point", "[24.941,60.17]", "b"),
        ("near;maxDistance==3000", "LineString", "[[24,60.19],[26,60.19]]", "ab"),
        ("near;maxDistance==1500", "LineString", "[[24,60.19],[26,60.19]]", "b"),
        ("within", "Polygon", "[[[24,60],[25,60],[25,61],[24,61],[24,60]]]", "a"),
        ("disjoint", "Polygon", "[[[24,60],[25,60],[25,61],[24,61],[24,60]]]", "b"),
        ("intersects", "MultiPoint", "[[24.94,60.17],[25.9,60.2]]", "ab"),
        ("equals", "Point", "[24.94,60.17]", "a"),
        ("contains", "Point", "[24.94,60.17]", "a"),
        ("overlaps", "Point", "[24.94,60.17]", ""),
    ],
)
def test_4_10_places_are_found_by_their_relation(
    harbour: Door, georel: str, geometry: str, coordinates: str, found: str
) -> None:
    assert boats(harbour, georel=georel, geometry=geometry, coordinates=coordinates) == found
    elsewhere = {"georel": georel, "geometry": geometry, "coordinates": coordinates, "geoproperty": "berth"}
    assert boats(harbour, **elsewhere) == ""
