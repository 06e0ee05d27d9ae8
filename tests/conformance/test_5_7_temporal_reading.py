"""NGSI-LD 5.7.3, 5.7.4, 4.11 and 6.3.10: evolutions are read and queried; what is judged lies inside the interval."""

from __future__ import annotations

from typing import Any

import pytest
from ngsild_door import HOME, STAFF, Door, helper
from temporal_door import ALL_TIME, BUOY, EVOLUTIONS, Log, at, buoy, seen

from linli.trust import Principal


def a_log(**attrs: Any) -> Log:
    log = Log()
    log.tell(buoy(**attrs))
    return log


DAY = {"swell": [seen(1, 8), seen(2, 9), seen(3, 10)], "drift": [seen("N", 8), seen("E", 11)]}


@pytest.mark.parametrize(
    ("query", "swell", "drift"),
    [
        ({}, [1, 2, 3], ["N", "E"]),
        ({"timerel": "before", "timeAt": at(9)}, [1], ["N"]),
        ({"timerel": "after", "timeAt": at(9)}, [2, 3], ["E"]),
        ({"timerel": "after", "timeAt": "2026-05-04T09:00:00.000Z"}, [2, 3], ["E"]),
        ({"timerel": "between", "timeAt": at(9), "endTimeAt": at(10)}, [2], []),
        ({"timerel": "between", "timeAt": at(9), "endTimeAt": at(9)}, [], []),
        ({"lastN": "1"}, [3], ["E"]),
        ({"lastN": "2", "timerel": "before", "timeAt": at(10)}, [2, 1], ["N"]),
        ({"attrs": "drift"}, [], ["N", "E"]),
        ({"pick": "swell"}, [1, 2, 3], []),
        ({"omit": "swell"}, [], ["N", "E"]),
    ],
)
def test_5_7_3_an_evolution_is_read_inside_an_interval(query: dict[str, str], swell: Any, drift: Any) -> None:
    log = a_log(**DAY)
    assert (log.values("swell", **query), log.values("drift", **query)) == (swell, drift)
    reply = log.past(**query).json
    assert ("swell" in reply, "drift" in reply) == (bool(swell), bool(drift))


def test_5_7_3_pick_and_omit_leave_members_out() -> None:
    log = a_log(**DAY)
    assert set(log.past(pick="swell").json) == {"swell"}
    assert set(log.past(pick="id,swell").json) == {"id", "swell"}
    assert set(log.past(omit="type,drift").json) == {"id", "swell"}


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ({"attrs": "salt"}, 404),
        ({"pick": "salt"}, 404),
        ({"omit": "id,type,swell,drift"}, 404),
        ({"type": "Beacon"}, 404),
        ({"type": "Buoy"}, 200),
        ({"pick": "swell", "omit": "swell"}, 400),
        ({"pick": "swell", "attrs": "drift"}, 400),
        ({"pick": "owner{name}"}, 400),
        ({"timerel": "after"}, 400),
        ({"timerel": "during", "timeAt": at(9)}, 400),
        ({"lastN": "0"}, 400),
        ({"format": "keyValues"}, 400),
        ({"options": "temporalValues,fancy"}, 400),
        ({"options": "aggregatedValues"}, 400),
        ({"color": "red"}, 400),
    ],
)
def test_5_7_3_a_reading_that_makes_no_sense_is_refused(query: dict[str, str], status: int) -> None:
    assert a_log(**DAY).past(**query).status == status


def test_5_7_3_only_a_known_entity_has_an_evolution() -> None:
    log = Log()
    assert (log.past().status, log.past("north").status) == (404, 400)


def test_5_7_3_the_first_value_is_there_while_it_stands_and_after() -> None:
    log = Log()
    log.make(buoy(swell=seen(1, 8)))
    assert log.values("swell") == [1]
    log.later()
    assert log.ask("PATCH", f"/entities/{BUOY}/attrs", {"swell": seen(2, 9), "salt": seen(5, 9)}).status == 204
    log.later()
    assert log.ask("DELETE", f"/entities/{BUOY}/attrs/salt").status == 204
    reply = log.past().json
    assert [one["value"] for one in reply["swell"]] == [1, 2]
    assert [one["value"] for one in reply["salt"]] == [5, "urn:ngsi-ld:null"]


def test_4_8_each_time_property_selects_what_has_it() -> None:
    log = Log()
    start = log.clock.now_us()
    log.make(buoy(swell=seen(1, 8), salt={"type": "Property", "value": 5}))
    log.later(60)
    assert log.ask("PATCH", f"/entities/{BUOY}/attrs", {"swell": seen(2, 9)}).status == 204
    log.later(60)
    assert log.ask("DELETE", f"/entities/{BUOY}/attrs/salt").status == 204
    minute = "2026-11-23T02:16:00Z"
    assert log.clock.now_us() - start == 120_000_000
    for query, swell, salt in (
        ({"timeproperty": "observedAt"}, [1, 2], []),
        ({"timeproperty": "modifiedAt", "timerel": "after", "timeAt": minute}, [2], []),
        ({"timeproperty": "modifiedAt", "timerel": "before", "timeAt": minute}, [1], [5]),
        ({"timeproperty": "createdAt", "timerel": "before", "timeAt": minute}, [1, 2], [5]),
        ({"timeproperty": "createdAt", "timerel": "after", "timeAt": minute}, [], []),
        ({"timeproperty": "deletedAt"}, [], ["urn:ngsi-ld:null"]),
        ({"timeproperty": "deletedAt", "timerel": "before", "timeAt": minute}, [], []),
    ):
        assert (log.values("swell", **query), log.values("salt", **query)) == (swell, salt), query


def some_buoys() -> Log:
    log = Log()
    for name, swell in (("calm", [seen(1, 8), seen(2, 12)]), ("rough", [seen(7, 8)]), ("late", [seen(9, 20)])):
        place = {"type": "GeoProperty", "value": {"type": "Point", "coordinates": [len(name), 0]}, "observedAt": at(8)}
        log.tell(buoy(f"urn:ngsi-ld:Buoy:{name}", swell=swell, location=[place] if name != "late" else []))
    return log


MORNING = {"timerel": "between", "timeAt": at(6), "endTimeAt": at(10)}


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({}, ["calm", "rough", "late"]),
        (MORNING, ["calm", "rough"]),
        ({"q": "swell>1"}, ["calm", "rough", "late"]),
        ({"q": "swell>1", **MORNING}, ["rough"]),
        ({"q": "swell==2", **MORNING}, []),
        ({"q": "swell!=7", **MORNING}, ["calm"]),
        ({"q": "!salt;swell<5", **MORNING}, ["calm"]),
        ({"attrs": "swell", "lastN": "1"}, ["calm", "rough", "late"]),
        ({"attrs": "salt"}, []),
        ({"id": "urn:ngsi-ld:Buoy:calm"}, ["calm"]),
        ({"idPattern": ".*:(late|calm)$"}, ["calm", "late"]),
        ({"type": "Beacon"}, []),
        ({"georel": "near;maxDistance==1000", "geometry": "Point", "coordinates": "[4,0]", **MORNING}, ["calm"]),
        ({"georel": "near;maxDistance==1000", "geometry": "Point", "coordinates": "[4,0]"} | ALL_TIME, ["calm"]),
        ({"orderBy": "id"}, ["calm", "late", "rough"]),
        ({"orderBy": "id;desc"}, ["rough", "late", "calm"]),
        ({"limit": "1", "offset": "1"}, ["rough"]),
    ],
)
def test_5_7_4_evolutions_are_judged_by_what_lies_inside_the_interval(query: dict[str, str], found: list[str]) -> None:
    assert some_buoys().found_past(**query) == found


def test_5_7_4_an_answer_holds_only_what_lies_inside() -> None:
    [one] = some_buoys().all_past(**MORNING, q="swell<5").json
    assert [instance["value"] for instance in one["swell"]] == [1]


def test_5_7_4_entities_that_stand_and_those_that_only_were_are_found_together() -> None:
    log = some_buoys()
    log.make(buoy("urn:ngsi-ld:Buoy:now", swell=seen(3, 8)))
    assert log.found_past() == ["now", "calm", "rough", "late"]
    log.tell({**buoy("urn:ngsi-ld:Buoy:now", swell=seen(4, 9)), "type": "Beacon"}, 204)
    assert log.found_past(type="Beacon") == ["now"]
    assert log.found_past(type="Buoy;Beacon") == ["now"]


def test_5_7_4_pages_partition_what_fits_and_the_count_is_exact() -> None:
    log = some_buoys()
    query = {"q": "swell>1", "count": "true", "limit": "1"}
    pages = [log.all_past(**query, offset=str(at)) for at in range(4)]
    assert [[one["id"].rsplit(":", 1)[1] for one in page.json] for page in pages] == [["calm"], ["rough"], ["late"], []]
    assert {page.header("ngsild-results-count") for page in pages} == {"3"}
    assert 'rel="next"' in "".join(pages[0].all("link"))
    assert log.all_past(limit="0", count="true").json == []


@pytest.mark.parametrize(
    "query",
    [
        {"type": "Buoy"},
        {"timerel": "after", "timeAt": at(8)},
        {"timerel": "after", "timeAt": at(8), "id": BUOY},
        {"timerel": "after", "timeAt": at(8), "attrs": "createdAt"},
        {**ALL_TIME, "type": "Buoy", "q": 'owner{name}=="x"'},
        {**ALL_TIME, "type": "Buoy", "pick": "owner{name}"},
        {**ALL_TIME, "type": "Buoy", "id": "no uri"},
        {**ALL_TIME, "type": "Buoy", "csf": "))("},
        {**ALL_TIME, "type": "Buoy", "orderBy": "swell"},
        {**ALL_TIME, "type": "Buoy", "orderBy": "id,swell"},
        {**ALL_TIME, "type": "Buoy", "limit": "0"},
    ],
)
def test_5_7_4_a_query_needs_a_time_and_must_not_be_too_wide(query: dict[str, str]) -> None:
    reply = Log().ask("GET", EVOLUTIONS, **query)
    assert (reply.status, reply.error) == (400, "BadRequestData")
    assert Log().ask("GET", EVOLUTIONS, **ALL_TIME, local="true").status == 200


def test_5_7_4_a_query_may_come_by_post() -> None:
    log = some_buoys()
    body = {"type": "Query", "entities": [{"type": "Buoy"}], "q": "swell>1", "temporalQ": {**MORNING, "lastN": 1}}
    reply = log.ask("POST", "/temporal/entityOperations/query", body)
    assert [one["id"] for one in reply.json] == ["urn:ngsi-ld:Buoy:rough"]
    body["temporalQ"] = {**MORNING, "aggrMethods": ["max"]}
    reply = log.ask("POST", "/temporal/entityOperations/query", body)
    assert reply.json[0]["swell"] == {"type": "Property", "max": [[7.0, at(6), at(10)]]}


@pytest.mark.parametrize(
    "body",
    [
        {"type": "Query", "entities": [{"type": "Buoy"}]},
        {"type": "Query", "entities": [{"type": "Buoy"}], "temporalQ": []},
        {"type": "Query", "entities": [{"type": "Buoy"}], "temporalQ": {"timerel": "during", "timeAt": at(8)}},
        {"type": "Query", "entities": [{"type": "Buoy"}], "temporalQ": {**MORNING, "lastN": 2.5}},
        {"type": "Query", "entities": [{"type": "Buoy"}], "temporalQ": MORNING, "aggrParams": {"aggrMethods": ["x"]}},
    ],
)
def test_5_2_21_a_temporal_query_in_a_body_is_checked(body: dict[str, Any]) -> None:
    reply = Log().ask("POST", "/temporal/entityOperations/query", body)
    assert (reply.status, reply.error) == (400, "BadRequestData")


SCOPES = [
    {"type": "Property", "value": "/Sea/North", "observedAt": at(6)},
    {"type": "Property", "value": ["/Sea/East", "/Lane"], "observedAt": at(10)},
]


@pytest.mark.parametrize(
    ("scope_q", "swell"),
    [
        ("/Sea/North", [1, 2]),
        ("/Sea/East", [3]),
        ("/Sea/#", [1, 2, 3]),
        ("/Sea/East;/Lane", [3]),
        ("/Lake", None),
    ],
)
def test_4_18_5_7_4_only_what_happened_while_a_scope_held_fits_it(scope_q: str, swell: list[int] | None) -> None:
    log = a_log(swell=[seen(1, 8), seen(2, 9), seen(3, 11)], scope=SCOPES)
    found = log.all_past(scopeQ=scope_q).json
    assert [[one["value"] for one in entity["swell"]] for entity in found] == ([swell] if swell else [])


def test_4_18_a_scope_that_came_after_the_interval_never_held_in_it() -> None:
    log = a_log(swell=[seen(1, 8)], scope=SCOPES)
    assert log.found_past(scopeQ="/Sea/East", timerel="before", timeAt=at(9)) == []


def test_4_5_6_the_scope_at_the_beginning_of_an_interval_is_shown() -> None:
    log = a_log(swell=[seen(1, 8), seen(2, 9)], scope=SCOPES)
    reply = log.past(timerel="between", timeAt=at(9), endTimeAt=at(10))
    assert [one["value"] for one in reply.json["scope"]] == ["/Sea/North"]


def test_4_5_6_a_scope_that_is_changed_now_becomes_an_instance() -> None:
    log = Log()
    log.make(buoy(scope="/Sea/North", swell=seen(1, 8)))
    for scope in ("/Sea/East", "/Sea/West"):
        log.later()
        assert log.ask("PATCH", f"/entities/{BUOY}", {"scope": scope}).status == 204
    assert log.ask("PUT", f"/entities/{BUOY}", {"type": "Buoy", "swell": seen(2, 9)}).status == 204
    scopes = log.past(options="sysAttrs").json["scope"]
    assert [one["value"] for one in scopes] == ["/Sea/North", "/Sea/East", "/Sea/West"]
    assert all(one["observedAt"] == one["modifiedAt"] for one in scopes)
    assert len({one["instanceId"] for one in scopes}) == 3
    log.later()
    assert log.ask("DELETE", f"/entities/{BUOY}/attrs/scope").status == 204
    [gone] = log.past(timeproperty="deletedAt").json["scope"]
    assert (gone["type"], gone["value"]) == ("Property", [])


def many(first: int, number: int, **members: Any) -> list[dict[str, Any]]:
    return [seen(n, 1 + (first + n) // 60, (first + n) % 60, **members) for n in range(number)]


@pytest.mark.parametrize(
    ("query", "swell", "drift", "content_range"),
    [
        ({}, 8, 2, f"date-time {at(1)}-{at(1, 7)}/*"),
        ({"timerel": "after", "timeAt": at(0)}, 8, 2, f"date-time {at(0)}-{at(1, 7)}/*"),
        ({"timerel": "after", "timeAt": at(1, 8)}, 5, 5, f"date-time {at(1, 8)}-{at(1, 12)}/*"),
        ({"lastN": "9"}, 5, 5, f"date-time {at(1, 19)}-{at(1, 15)}/9"),
        ({"lastN": "9", "timerel": "before", "timeAt": at(9)}, 5, 5, f"date-time {at(9)}-{at(1, 15)}/9"),
        ({"lastN": "3"}, 3, 3, None),
        ({"timerel": "before", "timeAt": at(1, 6)}, 6, None, None),
    ],
)
def test_6_3_10_a_long_answer_is_cut_where_everything_before_is_complete(
    query: dict[str, str], swell: int, drift: int | None, content_range: str | None
) -> None:
    log = Log(page_instances=10)
    log.tell(buoy(swell=many(0, 20), drift=many(6, 14)))
    for form in ("normalized", "temporalValues"):
        reply = log.past(**query, format=form)
        lists = [reply.json.get(attr) for attr in ("swell", "drift")]
        sizes = [len(one["values"] if isinstance(one, dict) else one) if one else None for one in lists]
        assert (sizes, reply.header("content-range")) == ([swell, drift], content_range), form
        assert reply.status == (206 if content_range else 200)


def test_6_3_10_who_reads_on_from_where_an_answer_ends_gets_everything_once() -> None:
    log = Log(page_instances=7)
    log.tell(buoy(swell=many(0, 20), drift=many(3, 20), salt=[seen(n, 1, 9, datasetId=f"urn:d:{n}") for n in range(9)]))
    log.tell(buoy(BUOY + "2", swell=many(10, 15)))
    got: list[str] = []
    start, status = at(0), 206
    while status == 206:
        reply = log.all_past(timerel="after", timeAt=start)
        lists = [part for entity in reply.json for part in entity.values() if isinstance(part, list)]
        got += [one["instanceId"] for part in lists for one in part]
        status = reply.status
        start = (reply.header("content-range") or "").split("/")[0][-20:-1] + ".5Z"
    assert len(got) == len(set(got)) == 20 + 20 + 9 + 15


def test_6_3_10_what_has_instances_beyond_the_cut_stands_there_empty() -> None:
    log = Log(page_instances=10)
    log.tell(buoy(swell=many(0, 10), drift=many(60, 5, unitCode="MTR")))
    assert log.past().json["drift"] == []
    assert log.past(format="temporalValues").json["drift"] == {"type": "Property", "values": []}


def test_6_3_10_what_says_no_time_stands_where_it_was_written() -> None:
    log = Log(page_instances=4)
    plain = [{"type": "Property", "value": value} for value in "xyz"]
    log.tell(buoy(swell=[*many(0, 3), *plain, seen("later", 23, 59)]))
    assert log.values("swell") == [0, 1, 2, "later"]
    assert log.past().header("content-range") == f"date-time {at(1)}-{at(23, 59)}/*"
    assert log.values("swell", lastN="2") == ["z", "y"]
    assert log.values("swell", lastN="9") == ["z", "y", "x", "later"]
    log.later()
    log.tell(buoy(drift=[{"type": "Property", "value": n} for n in range(9)]), 204)
    assert log.values("drift", pick="drift", lastN="9") == list(range(8, -1, -1))


PRIVATE = {"timerel": "after", "timeAt": "2020-01-01T00:00:00Z", "timeproperty": "modifiedAt"}


def test_the_past_of_an_attribute_is_seen_by_who_may_see_it_open() -> None:
    door = Door()
    door.make(helper(), **STAFF)
    worker = Principal("worker:1", "community_worker", (HOME,))
    stranger = Principal("caller:1", "caller")
    path = f"{EVOLUTIONS}/{helper()['id']}"
    full = door.ask("GET", path, headers=STAFF).json
    assert {"fullName", "telephone", "dutyState"} <= full.keys()
    door.who = worker
    masked = door.ask("GET", path, headers=STAFF).json
    assert "dutyState" in masked
    assert masked.keys().isdisjoint({"fullName", "telephone", "position"})
    found = door.ask("GET", EVOLUTIONS, headers=STAFF, type="Helper", q='telephone=="13800001234"', **PRIVATE)
    assert found.json == []
    sums = door.ask("GET", path, headers=STAFF, aggrMethods="totalCount").json
    assert sums.keys().isdisjoint({"fullName", "telephone", "position"})
    door.who = stranger
    assert door.ask("GET", path, headers=STAFF).status == 404
    assert door.ask("GET", EVOLUTIONS, headers=STAFF, type="Helper", **PRIVATE).json == []


def test_the_past_of_personal_attributes_needs_the_purpose_too() -> None:
    door = Door()
    door.make(helper(), **STAFF)
    assert door.ask("GET", f"{EVOLUTIONS}/{helper()['id']}").error == "PurposeMissing"


def test_only_who_may_change_an_entity_may_change_its_past() -> None:
    door = Door()
    door.make(helper(), **STAFF)
    told = {"id": helper()["id"], "type": "Helper", "dutyState": {"type": "VocabProperty", "vocab": "off"}}
    assert (
        door.ask("POST", EVOLUTIONS, {**told, "dutyState": {"type": "VocabProperty", "vocab": "asleep"}}).status == 400
    )
    assert door.ask("POST", EVOLUTIONS, told, headers=STAFF).status in (204, 400)
    door.who = Principal("worker:1", "community_worker", (HOME,))
    path = f"{EVOLUTIONS}/{helper()['id']}"
    assert door.ask("POST", EVOLUTIONS, told, headers=STAFF).status == 403
    assert door.ask("DELETE", path, headers=STAFF).status == 403
    assert door.ask("DELETE", f"{path}/attrs/dutyState", headers=STAFF).status == 403
