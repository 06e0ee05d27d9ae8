"""ETSI GS CIM 009 V1.9.1, clauses 5.7 (consumption), 4.9 (q), 4.10 (geo), 4.17 to 4.21 (types, scopes, projection)."""

from __future__ import annotations

from typing import Any

import pytest
from ngsild_door import ADMIN, STAFF, Door, area, car, helper

from linli.trust import Principal

HELPER = helper()["id"]


def value(value: Any, **more: Any) -> dict[str, Any]:
    return {"type": "Property", "value": value, **more}


def a_fleet(count: int = 5) -> Door:
    door = Door()
    door.ask("POST", "/entityOperations/upsert", [car(n, speed=value(n * 10)) for n in range(1, count + 1)])
    return door


def numbers(ids: list[str]) -> list[int]:
    return [int(one.rsplit(":", 1)[1]) for one in ids]


# 5.7.1 retrieve


def test_5_7_1_retrieve_answers_the_entity_or_404() -> None:
    door = a_fleet()
    reply = door.get("urn:ngsi-ld:Vehicle:1")
    assert (reply.status, reply.header("content-type")) == (200, "application/json")
    assert door.get("urn:ngsi-ld:Vehicle:99").error == "ResourceNotFound"
    assert door.get("urn:ngsi-ld:Vehicle:1", type="Vehicle,Boat").status == 200
    assert door.get("urn:ngsi-ld:Vehicle:1", type="Boat").error == "ResourceNotFound"
    assert door.get("no-uri").error == "BadRequestData"


def test_5_7_1_the_answer_is_fresh_after_every_write() -> None:
    door = a_fleet(1)
    for speed in (1, 2, 3):
        assert door.get("urn:ngsi-ld:Vehicle:1", options="keyValues").json["speed"] == speed * 10
        body = {"speed": value((speed + 1) * 10)}
        door.ask("PATCH", "/entities/urn:ngsi-ld:Vehicle:1/attrs", body)
    door.ask("DELETE", "/entities/urn:ngsi-ld:Vehicle:1")
    door.make(car(1, colour=value("new")))
    assert door.get("urn:ngsi-ld:Vehicle:1").json["colour"]["value"] == "new"


def test_4_21_attrs_pick_and_omit_choose_members() -> None:
    door = a_fleet(1)
    one = "urn:ngsi-ld:Vehicle:1"
    assert door.get(one, attrs="speed,wings").json.keys() == {"id", "type", "speed"}
    assert door.get(one, pick="id,speed").json.keys() == {"id", "speed"}
    assert door.get(one, pick="speed|colour").json.keys() == {"speed", "colour"}
    assert door.get(one, omit="speed,type").json.keys() == {"id", "colour"}
    assert door.get(one, attrs="wings").error == "ResourceNotFound"
    assert door.get(one, pick="wings").error == "ResourceNotFound"


@pytest.mark.parametrize(
    "query",
    [
        {"pick": "speed", "omit": "speed"},
        {"pick": "speed", "attrs": "speed"},
        {"attrs": "speed", "omit": "colour"},
        {"pick": ""},
        {"pick": "a,,b"},
        {"attrs": "a b"},
    ],
    ids=repr,
)
def test_4_21_what_contradicts_itself_is_refused(query: dict[str, str]) -> None:
    assert a_fleet(1).get("urn:ngsi-ld:Vehicle:1", **query).error == "BadRequestData"


# 5.7.2 query


def test_5_7_2_query_by_type_id_and_q_in_the_order_of_creation() -> None:
    door = a_fleet()
    door.make(car("6") | {"type": ["Vehicle", "Racer"]})
    door.make(area())
    assert numbers(door.found(type="Vehicle")) == [1, 2, 3, 4, 5, 6]
    assert numbers(door.found(type="Racer")) == [6]
    assert numbers(door.found(type="Vehicle;Racer")) == [6]
    assert numbers(door.found(type="Vehicle", id="urn:ngsi-ld:Vehicle:5,urn:ngsi-ld:Vehicle:2")) == [2, 5]
    assert numbers(door.found(type="Vehicle", q="speed>20;speed<=40")) == [3, 4]
    assert numbers(door.found(q="speed==10|speed==50")) == [1, 5, 6]
    assert numbers(door.found(attrs="speed")) == [1, 2, 3, 4, 5, 6]
    assert door.found(type="Area", q='areaLevel=="community"', expandValues="areaLevel") == [area()["id"]]
    assert door.found(type="Area", q='areaLevel=="community"') == [area()["id"]]  # a code of ours is said as it stands
    assert door.found(type="Area", q='areaLevel=="street"') == []
    assert door.found(type="Boat") == []


@pytest.mark.parametrize(
    "query",
    [
        {},
        {"id": "urn:ngsi-ld:Vehicle:1"},
        {"scopeQ": "/a"},
        {"attrs": "createdAt"},
        {"q": "createdAt>2020-01-01T00:00:00Z"},
        {"local": "false"},
        {"type": "Vehicle", "q": "speed=="},
        {"type": "Vehicle", "scopeQ": "/1"},
        {"type": "Vehicle", "georel": "near;maxDistance==1"},
        {"type": "Vehicle", "geometry": "Point", "coordinates": "[0,0]"},
        {"type": ""},
        {"type": "Vehicle", "limit": "1001"},
        {"type": "Vehicle", "limit": "-1"},
        {"type": "Vehicle", "limit": "0"},
        {"type": "Vehicle", "offset": "x"},
        {"type": "Vehicle", "limit": "٣"},
    ],
    ids=repr,
)
def test_5_7_2_too_wide_or_wrong_is_bad_request_data(query: dict[str, str]) -> None:
    assert a_fleet(1).find(**query).error == "BadRequestData"


def test_5_7_2_local_makes_any_query_narrow_enough() -> None:
    assert numbers(a_fleet().found(local="true")) == [1, 2, 3, 4, 5]


def test_4_10_near_finds_by_metres() -> None:
    door = Door()
    for n in range(4):
        place = {"type": "GeoProperty", "value": {"type": "Point", "coordinates": [117.0 + n * 0.01, 36.6]}}
        door.make(car(n, location=place))
    door.make(car(9))
    geo = {"geometry": "Point", "coordinates": "[117.0,36.6]"}
    assert numbers(door.found(georel="near;maxDistance==1000", **geo)) == [0, 1]
    assert numbers(door.found(georel="near;minDistance==1000", **geo)) == [2, 3]
    assert door.found(type="Vehicle", georel="near;maxDistance==1000", geoproperty="position", **geo) == []
    assert numbers(door.found(georel="equals", **geo)) == [0]
    assert numbers(door.found(georel="disjoint", **geo)) == [1, 2, 3]
    square = {"geometry": "Polygon", "coordinates": "[[[116.9,36.5],[117.015,36.5],[117.015,36.7],[116.9,36.5]]]"}
    assert numbers(door.found(georel="within", **square)) == [0, 1]


def test_4_19_scopes_are_searched_with_plus_and_hash() -> None:
    door = Door()
    for name, scope in (("1", "/a"), ("2", "/a/b"), ("3", "/a/b/c"), ("4", ["/x", "/a/d"])):
        door.make(car(name, scope=scope))
    assert numbers(door.found(type="Vehicle", scopeQ="/a")) == [1]
    assert numbers(door.found(type="Vehicle", scopeQ="/a/+")) == [2, 4]
    assert numbers(door.found(type="Vehicle", scopeQ="/a/#")) == [1, 2, 3, 4]
    assert numbers(door.found(type="Vehicle", scopeQ="/x;/a/#")) == [4]


def test_5_5_9_pages_are_linked_and_counted() -> None:
    door = a_fleet()
    first = door.find(type="Vehicle", limit="2", count="true", q="speed>0")
    assert first.header("ngsild-results-count") == "5"
    links = [link for link in first.all("link") if "context" not in link]
    assert len(links) == 1
    assert 'rel="next"' in links[0]
    assert "offset=2" in links[0]
    assert {"limit=2", "count=true", "q=speed%3E0"} <= set(links[0].split("?")[1].split(">")[0].split("&"))
    middle = [link for link in door.find(type="Vehicle", limit="2", offset="2").all("link") if "context" not in link]
    assert [link.rsplit("rel=", 1)[1].split(";")[0] for link in middle] == ['"next"', '"prev"']
    last = door.find(type="Vehicle", limit="2", offset="4")
    assert numbers([one["id"] for one in last.json]) == [5]
    assert [link for link in last.all("link") if "next" in link] == []
    nothing = door.find(type="Boat", count="true", limit="0")
    assert (nothing.json, nothing.header("ngsild-results-count")) == ([], "0")


def test_5_7_5_types_are_those_that_exist_and_may_be_seen() -> None:
    door = a_fleet()
    door.make(area())
    door.make(helper(), **STAFF)
    assert door.ask("GET", "/types").json["typeList"] == ["Area", "Helper", "Vehicle"]
    door.who = Principal("caller:1", "caller")
    assert door.ask("GET", "/types").json["typeList"] == ["Area"]


# ours: who may see what


def test_what_one_may_not_know_of_is_404_and_not_403() -> None:
    door = a_fleet(1)
    door.make(helper(), **STAFF)
    door.who = Principal("urn:ngsi-ld:Resident:370102001001:demo", "resident")
    assert door.get("urn:ngsi-ld:Vehicle:1").error == "ResourceNotFound"
    assert door.get(HELPER, headers=STAFF).error == "ResourceNotFound"
    assert door.ask("DELETE", f"/entities/{HELPER}").error == "ResourceNotFound"
    assert door.ask("PATCH", f"/entities/{HELPER}/attrs", {"dutyState": {"vocab": "off"}}).error == "ResourceNotFound"
    assert door.found(type="Vehicle,Helper") == []
    assert door.find(type="Helper", count="true").header("ngsild-results-count") == "0"
    assert door.ask("POST", "/entities", car(2)).error == "NotAllowed"


def test_who_may_look_but_not_change_is_told_so() -> None:
    door = Door()
    door.make(area())
    door.who = Principal("caller:1", "caller")
    assert door.get(area()["id"]).status == 200
    assert door.ask("DELETE", f"/entities/{area()['id']}").error == "NotAllowed"
    name = {"name": {"type": "LanguageProperty", "languageMap": {"zh": "别的"}}}
    assert door.ask("PATCH", f"/entities/{area()['id']}/attrs", name).error == "NotAllowed"


def a_masked_view() -> Door:
    door = Door()
    door.make(helper(), **STAFF)
    door.who = Principal("worker:1", "community_worker", ("/cn",))
    return door


def test_personal_values_leave_the_house_masked_by_their_rule() -> None:
    read = a_masked_view().get(HELPER, headers=STAFF, options="keyValues").json
    assert read["fullName"] == "王**"
    assert read["telephone"] == "138****1234"
    assert read["position"] == {"type": "Point", "coordinates": [117.0225, 36.6625]}


@pytest.mark.parametrize("q", ['telephone=="13800001234"', 'telephone!="1"', "telephone", 'fullName=="王**"'])
def test_a_filter_finds_a_masked_attribute_absent(q: str) -> None:
    door = a_masked_view()
    assert door.found(type="Helper", q=q, headers=STAFF) == []
    absent = "!" + q.split("=", maxsplit=1)[0].rstrip("!")
    assert door.found(type="Helper", q=absent, headers=STAFF) == [HELPER]


def test_a_place_shown_as_a_cell_cannot_be_felt_out_by_distance() -> None:
    door = a_masked_view()
    here = {"geoproperty": "position", "geometry": "Point", "coordinates": "[117.0213,36.6601]"}
    for georel in ("near;maxDistance==10", "near;maxDistance==20000000", "near;minDistance==1"):
        assert door.found(type="Helper", georel=georel, headers=STAFF, **here) == []


def test_an_attribute_hidden_by_the_role_is_as_one_that_is_not_there() -> None:
    door = a_masked_view()
    door.who = Principal("official:1", "city_official", ("/cn",))
    read = door.get(HELPER, headers=STAFF)
    assert {"fullName", "telephone", "position"}.isdisjoint(read.json)
    assert door.get(HELPER, headers=STAFF, pick="fullName").error == "ResourceNotFound"
    assert door.get(HELPER, headers=STAFF, attrs="fullName").error == "ResourceNotFound"
    assert door.found(type="Helper", attrs="fullName", headers=STAFF) == []
    assert door.found(type="Helper", q="!fullName", headers=STAFF) == [HELPER]


def test_personal_data_is_read_for_a_purpose_that_opens_it() -> None:
    door = Door()
    door.make(helper(), **STAFF)
    assert door.get(HELPER).error == "PurposeMissing"
    assert door.find(type="Helper").error == "PurposeMissing"
    assert door.find(type="Helper", q='fullName=="x"').error == "PurposeMissing"
    assert door.find(type="Helper", headers={"linli-purpose": "fun"}).error == "NotAllowed"
    assert door.get(HELPER, pick="id,dutyState").json["dutyState"] == {"type": "VocabProperty", "vocab": "ready"}
    other = {"linli-purpose": "metering"}
    assert "fullName" not in door.get(HELPER, headers=other).json
    assert door.get(HELPER, headers=other, pick="fullName").error == "NotAllowed"
    assert door.find(type="Helper", headers=other, q='fullName=="x"').error == "NotAllowed"
    assert door.get(HELPER, headers=STAFF).json["fullName"]["value"] == "王示例"


def test_an_error_never_tells_that_a_hidden_value_is_right() -> None:
    door = a_masked_view()
    right = door.find(type="Helper", q='telephone=="13800001234"')
    wrong = door.find(type="Helper", q='telephone=="13900000000"')
    assert (right.status, right.body) == (wrong.status, wrong.body)


def test_a_kept_answer_is_for_one_role_and_purpose_only() -> None:
    door = a_masked_view()
    assert door.get(HELPER, headers=STAFF).json["fullName"]["value"] == "王**"
    door.who = ADMIN
    assert door.get(HELPER, headers=STAFF).json["fullName"]["value"] == "王示例"
    assert door.get(HELPER).error == "PurposeMissing"
    door.who = Principal("worker:1", "community_worker", ("/cn",))
    assert door.get(HELPER, headers=STAFF).json["fullName"]["value"] == "王**"
