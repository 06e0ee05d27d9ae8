"""What the vocabulary finds wrong with an entity, and how it says so."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from linli.vocab import vocabulary


def prop(value: object, **more: object) -> dict[str, Any]:
    return {"type": "Property", "value": value, **more}


def code(value: object) -> dict[str, Any]:
    return {"type": "VocabProperty", "vocab": value}


def to(value: object) -> dict[str, Any]:
    return {"type": "Relationship", "object": value}


def geo(shape: str, coordinates: object) -> dict[str, Any]:
    return {"type": "GeoProperty", "value": {"type": shape, "coordinates": coordinates}}


def a_call(**changes: object) -> dict[str, Any]:
    call: dict[str, Any] = {
        "number": prop("K7Q-24M"),
        "serviceKind": to("urn:ngsi-ld:ServiceKind:elder.sos"),
        "urgency": prop(3),
        "mouth": code("key"),
        "receivedAt": prop("2026-11-23T02:15:07.25Z"),
        "homeNode": to("urn:ngsi-ld:Area:990101"),
        "state": code("received"),
        "stateAt": prop("2026-11-23T02:15:07Z"),
        "place": geo("Point", [117.02, 36.66]),
    }
    return {name: said for name, said in {**call, **changes}.items() if said is not None}


def faults(type_name: str, attrs: dict[str, Any], *, whole: bool = True) -> list[str]:
    return [f"{fault.path}: {fault.message}" for fault in vocabulary().check(type_name, attrs, whole=whole)]


def test_a_call_as_the_doors_make_it_is_right() -> None:
    assert faults("ServiceCall", a_call()) == []


TIME = "must be a time in UTC, like 2026-11-23T02:15:07Z."
RING = [[117.0, 36.0], [117.1, 36.0], [117.1, 36.1], [117.0, 36.0]]
POINTS = "coordinates must be lists of [lon, lat] in degrees (WGS-84); rings are closed, lines have 2 points."
WRONG = [
    ("urgency", None, "urgency: is required."),
    ("urgency", prop(4), "urgency: must be a whole number from 0 to 3."),
    ("urgency", prop(-1), "urgency: must be a whole number from 0 to 3."),
    ("urgency", prop(1.5), "urgency: must be a whole number from 0 to 3."),
    ("urgency", prop(value=True), "urgency: must be a whole number from 0 to 3."),
    ("urgency", prop("3"), "urgency: must be a whole number from 0 to 3."),
    ("urgency", code("3"), "urgency: must be a Property."),
    ("urgency", 3, "urgency: must be a normalized attribute: an object with its type."),
    ("urgency", {"type": "Property"}, "urgency: needs the member value."),
    ("urgency", [], "urgency: has no instance."),
    ("urgency", [prop(1), prop(9, datasetId="urn:d:1")], "urgency[1]: must be a whole number from 0 to 3."),
    ("urgency", [prop(1), prop(2)], "urgency[1]: two instances with the same datasetId."),
    ("urgency", prop(1, unitCode="SEC"), "urgency: takes no unitCode."),
    ("urgency", prop(1, observedAt="today"), f"urgency.observedAt: {TIME}"),
    ("receivedAt", prop("2026-11-23T02:15:07+08:00"), f"receivedAt: {TIME}"),
    ("receivedAt", prop("2026-11-23 02:15:07Z"), f"receivedAt: {TIME}"),
    ("receivedAt", prop("20261123T021507Z"), f"receivedAt: {TIME}"),
    ("receivedAt", prop("２026-11-23T02:15:07Z"), f"receivedAt: {TIME}"),
    ("receivedAt", prop("2026-02-30T02:15:07Z"), "receivedAt: is not a time of the calendar."),
    ("receivedAt", prop(1_700_000_000), f"receivedAt: {TIME}"),
    ("homeNode", to("urn:ngsi-ld:Helper:1"), "homeNode: must be the id of Area, like urn:ngsi-ld:Area:…"),
    ("homeNode", to("somewhere"), "homeNode: must be the id of Area, like urn:ngsi-ld:Area:…"),
    ("homeNode", to(["urn:ngsi-ld:Area:1"]), "homeNode: must be the id of Area, like urn:ngsi-ld:Area:…"),
    ("caller", to("no spaces allowed: here"), "caller: must be a URI."),
    (
        "offeredTo",
        to(["urn:ngsi-ld:Helper:1", 7]),
        "offeredTo.object[1]: must be the id of Helper, like urn:ngsi-ld:Helper:…",
    ),
    ("cause", to("urn:ngsi-ld:Gate:1"), "cause: must be the id of Device or Alert, like urn:ngsi-ld:Device:…"),
    ("place", geo("Point", [117.0]), "place: coordinates must be [lon, lat] in degrees (WGS-84)."),
    ("place", geo("Point", [36.6, 117.0]), "place: coordinates must be [lon, lat] in degrees (WGS-84)."),
    ("place", geo("Point", [float("nan"), 0]), "place: coordinates must be [lon, lat] in degrees (WGS-84)."),
    ("place", geo("Polygon", [RING]), "place: must be a GeoJSON Point."),
    ("place", {"type": "GeoProperty", "value": "here"}, "place: must be a GeoJSON Point."),
    ("location", geo("Polygon", [RING[:3]]), f"location: {POINTS}"),
    ("location", geo("LineString", [[1, 1]]), f"location: {POINTS}"),
    ("location", geo("Polygon", []), f"location: {POINTS}"),
    (
        "mouth",
        code("shout"),
        "mouth: must be one of key, app, num, seat, device, plan, walk, gate, patrol, peer, o311.",
    ),
    (
        "mouth",
        code(["key"]),
        "mouth: must be one of key, app, num, seat, device, plan, walk, gate, patrol, peer, o311.",
    ),
    ("number", prop(""), "number: must be text of 1 to 1000 letters."),
    ("number", prop("7" * 1001), "number: must be text of 1 to 1000 letters."),
    ("text", prop("帮" * 20_001), "text: must be text of 1 to 20000 letters."),
    ("silent", prop(0), "silent: must be true or false."),
    ("timeline", {"type": "JsonProperty", "json": "late"}, "timeline: must be an object or a list."),
    (
        "description",
        {"type": "LanguageProperty", "languageMap": {"en": "x"}},
        "description: must be texts by language, zh among them.",
    ),
    (
        "description",
        {"type": "LanguageProperty", "languageMap": {"zh": ""}},
        "description.languageMap.zh: must be text of 1 to 20000 letters.",
    ),
    (
        "description",
        {"type": "LanguageProperty", "languageMap": {"zh": "好", "?": "x"}},
        "description: its keys must be language tags (BCP 47).",
    ),
    ("source", prop("not a uri"), "source: must be a URI."),
    ("address", prop("12 Street"), "address: must be an object."),
    (
        "expiresAt",
        prop("2026-11-23T02:15:07Z"),
        "expiresAt: ServiceCall has no such attribute; own additions are named x_<tenant>_<name>.",
    ),
    ("reason", prop("x"), "reason: ServiceCall has no such attribute; say cancelReason."),
    ("colour", prop("red"), "colour: ServiceCall has no such attribute; own additions are named x_<tenant>_<name>."),
    ("x_city_colour", "red", "x_city_colour: must be a normalized attribute: type and its value."),
]


@pytest.mark.parametrize(("name", "said", "message"), WRONG)
def test_a_fault_names_its_field_and_says_what_is_allowed(name: str, said: object, message: str) -> None:
    assert faults("ServiceCall", a_call(**{name: said})) == [message]


RIGHT = [
    ("caller", to("caller:1f2e")),
    ("caller", to("urn:ngsi-ld:Resident:990101000000:01JDEXAMPLE0000000000000R1")),
    ("offeredTo", to([])),
    ("offeredTo", to("urn:ngsi-ld:Helper:1")),
    ("cause", to("urn:ngsi-ld:Alert:1")),
    ("cause", to("https://example.org/alarms/1")),
    ("receivedAt", prop({"@type": "DateTime", "@value": "2026-11-23T02:15:07Z"})),
    ("urgency", [prop(1), prop(2, datasetId="urn:ngsi-ld:Dataset:1:desk")]),
    ("x_city_colour", prop("red")),
    ("place", geo("Point", [117, 36, 12.5])),
    ("location", geo("MultiPolygon", [[RING], [RING]])),
    ("location", geo("MultiPoint", [[1, 1]])),
    ("description", {"type": "LanguageProperty", "languageMap": {"zh": ["一", "二"], "en": "one", "zh-Hant": "一"}}),
]


@pytest.mark.parametrize(("name", "said"), RIGHT)
def test_what_the_standard_allows_is_taken(name: str, said: object) -> None:
    assert faults("ServiceCall", a_call(**{name: said})) == []


def test_a_change_of_one_attribute_needs_no_others() -> None:
    assert faults("ServiceCall", {"state": code("offered")}, whole=False) == []
    assert faults("ServiceCall", {"state": code("offered")}) != []


def test_a_unit_is_taken_only_as_the_vocabulary_has_it() -> None:
    assert faults("Offer", {"eta": prop(540, unitCode="SEC")}, whole=False) == []
    assert faults("Offer", {"eta": prop(9, unitCode="MIN")}, whole=False) == ["eta: unitCode must be SEC."]


def test_a_skill_that_a_pack_adds_is_taken_when_it_is_a_code() -> None:
    assert faults("Helper", {"hasSkill": code(["carer", "dog_walker"])}, whole=False) == []
    assert faults("Helper", {"hasSkill": code(["dog walker"])}, whole=False) == [
        "hasSkill.vocab[0]: must be a code: letters, digits and _, a letter first."
    ]
    assert faults("Helper", {"hasSkill": code([])}, whole=False) == ["hasSkill: at least one value is needed."]


def test_a_day_is_a_day_of_the_calendar() -> None:
    assert faults("Resident", {"birthDate": prop("1948-02-29")}, whole=False) == []
    assert faults("Resident", {"birthDate": prop("1949-02-29")}, whole=False) == [
        "birthDate: is not a day of the calendar."
    ]


def test_a_fault_never_repeats_what_was_written() -> None:
    secret = "张例一 13800000000"
    for name in vocabulary().types["Resident"].attributes:
        for said in (prop([secret]), code(secret), to(secret), geo(secret, secret), {"type": secret}, secret):
            for fault in vocabulary().check("Resident", {name: said}, whole=False):
                assert secret not in fault.message


@pytest.mark.parametrize(
    "picture", ["data:image/jpeg;base64,/9j/4AAQSkZJRg", "/9j/4AAQSkZJRgABAQ", "iVBORw0KGgoAAAANSU", "R0lGODlhAQABAAAA"]
)
def test_a_picture_is_refused_wherever_it_stands_also_in_what_somebody_cried(picture: str) -> None:
    said = {
        "text": prop(picture),
        "doneNote": prop("看 data:image/png;base64,iVBORw0KGgo"),
        "address": prop({"streetAddress": picture}),
        "form": {"type": "JsonProperty", "json": {"photo": [picture]}},
        "number": prop(picture),
        "x_shot": prop(picture),
        "urgency": prop(1, subs={"shot": [prop(picture)]}),
        "name": {"type": "LanguageProperty", "languageMap": {"zh": picture}},
    }
    found = {fault.path.split(".")[0]: fault.rule for fault in vocabulary().check("ServiceCall", said, whole=False)}
    assert found == dict.fromkeys(said, "never_picture")


def test_a_type_that_is_not_ours_is_nobodys_to_check() -> None:
    with pytest.raises(KeyError):
        vocabulary().check("Unicorn", {})


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda below: st.lists(below, max_size=3) | st.dictionaries(st.text(max_size=8), below, max_size=3),
    max_leaves=8,
)


@given(
    name=st.sampled_from(sorted(vocabulary().types["ServiceCall"].attributes)),
    member=st.sampled_from(["value", "object", "vocab", "json", "languageMap"]),
    kind=st.sampled_from(
        ["Property", "Relationship", "GeoProperty", "VocabProperty", "LanguageProperty", "JsonProperty"]
    ),
    value=JSON,
)
def test_no_value_whatever_makes_a_check_fall_over(name: str, member: str, kind: str, value: object) -> None:
    for said in (
        value,
        {"type": kind, member: value},
        [value],
        {"type": kind, member: {"type": "Polygon", "coordinates": value}},
    ):
        for fault in vocabulary().check("ServiceCall", {name: said}, whole=False):
            assert fault.path.startswith(name)
            assert fault.message
