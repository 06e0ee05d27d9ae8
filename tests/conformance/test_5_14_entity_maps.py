"""Entity maps (5.14, 5.5.9.3): a set of entities that stands still while it is read page by page."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from ngsild_door import CORE, START_US, Door, Reply, car

from linli.base import SECOND_US, Ids, SteppedClock, to_wire_time
from linli.broker import Broker, Caps, MapWish, Projection, Query, read_types
from linli.store import open_store
from linli.trust import Act, Policies, Principal
from linli.vocab import vocabulary

NAME = "NGSILD-EntityMap"
MINE = Principal("urn:ngsi-ld:Person:1", "community_worker", ("/cn",))
OTHERS = Principal("urn:ngsi-ld:Person:2", "community_worker", ("/cn",))
ALWAYS = {"timerel": "after", "timeAt": "2000-01-01T00:00:00Z", "timeproperty": "createdAt"}


def cars(count: int, **options: Any) -> Door:
    door = Door(**options)
    for n in range(count):
        door.make(car(n, speed={"type": "Property", "value": n}))
    return door


def vehicle(n: object) -> str:
    return f"urn:ngsi-ld:Vehicle:{n}"


def map_at(door: Door, reply: Reply) -> Reply:
    """The map that an answer names."""
    path = reply.header(NAME.lower())
    assert path is not None
    return door.ask("GET", path.removeprefix("/ngsi-ld/v1"))


def by(reply: Reply) -> dict[str, str]:
    """The header of a request that goes by the map of an answer."""
    return {NAME: str(reply.header(NAME.lower()))}


def numbers(reply: Reply) -> list[int]:
    assert reply.status in (200, 201), reply.body
    return [int(one["id"].rpartition(":")[2]) for one in reply.json]


def held(door: Door, reply: Reply) -> list[int]:
    return [int(one.rpartition(":")[2]) for one in map_at(door, reply).json["entityMap"]]


def remove(door: Door, n: int) -> None:
    assert door.ask("DELETE", f"/entities/{vehicle(n)}").status == 204


# making and using one


def test_5_7_2_a_query_that_asks_for_a_map_makes_one_of_all_that_fits() -> None:
    door = cars(5)
    reply = door.find(type="Vehicle", q="speed>1", entityMap="true", limit="2")
    assert (reply.status, numbers(reply)) == (201, [2, 3])
    one = map_at(door, reply)
    assert one.json == {
        "id": str(reply.header(NAME.lower())).rpartition("/")[2],
        "type": "EntityMap",
        "expiresAt": to_wire_time(START_US + 3600 * SECOND_US),
        "entityMap": {vehicle(n): ["@none"] for n in (2, 3, 4)},
    }


def test_5_7_2_no_map_is_made_when_none_is_asked_for() -> None:
    for query in ({}, {"entityMap": "false"}):
        reply = cars(1).find(type="Vehicle", **query)
        assert (reply.status, reply.header(NAME.lower())) == (200, None)


def test_5_14_a_map_fixes_who_is_a_candidate() -> None:
    door = cars(3)
    first = door.find(type="Vehicle", entityMap="true")
    door.make(car(9))
    again = door.find(by(first), type="Vehicle")
    assert (again.status, numbers(again)) == (200, [0, 1, 2])
    assert by(again) == by(first)
    assert numbers(door.find(type="Vehicle")) == [0, 1, 2, 9]


def test_5_14_a_map_may_be_named_by_its_id_alone_or_by_a_url() -> None:
    door = cars(2)
    first = door.find(type="Vehicle", id=vehicle(1), entityMap="true")
    path = by(first)[NAME]
    for said in (path.rpartition("/")[2], path, f"http://localhost{path}"):
        assert numbers(door.find({NAME: said}, type="Vehicle")) == [1]


@pytest.mark.parametrize("said", ["urn:ngsi-ld:EntityMap:gone", "/ngsi-ld/v1/entityMaps/urn:ngsi-ld:EntityMap:gone"])
def test_5_14_a_map_that_is_not_there_is_made_anew(said: str) -> None:
    door = cars(2)
    reply = door.find({NAME: said}, type="Vehicle")
    assert (reply.status, numbers(reply)) == (201, [0, 1])
    assert "gone" not in by(reply)[NAME]
    assert held(door, reply) == [0, 1]


def test_5_14_a_map_whose_time_is_over_is_made_anew() -> None:
    door = cars(2)
    first = door.find(type="Vehicle", entityMap="true", entityMapLifetime="PT1M")
    remove(door, 0)
    door.clock.advance_to(START_US + 60 * SECOND_US)
    assert map_at(door, first).error == "ResourceNotFound"
    again = door.find(by(first), type="Vehicle")
    assert (again.status, held(door, again)) == (201, [1])


def test_5_7_2_a_query_in_a_body_goes_by_maps_too() -> None:
    door = cars(3)
    body = {"type": "Query", "entities": [{"type": "Vehicle"}], "q": "speed>0"}
    for asked, query in (({**body, "entityMap": True, "entityMapLifetime": "PT1M"}, {}), (body, {"entityMap": "true"})):
        first = door.ask("POST", "/entityOperations/query", asked, **query)
        assert (first.status, held(door, first)) == (201, [1, 2])
        again = door.ask("POST", "/entityOperations/query", body, headers=by(first), limit="1", offset="1")
        assert (again.status, numbers(again), by(again)) == (200, [2], by(first))


def test_5_7_1_reading_one_entity_names_the_map_by_which_it_was_read() -> None:
    door = cars(2)
    first = door.get(vehicle(1), entityMap="true")
    assert (first.status, first.json["id"], held(door, first)) == (200, vehicle(1), [1])
    again = door.get(vehicle(1), by(first))
    assert (again.status, by(again)) == (200, by(first))
    other = door.get(vehicle(0), by(first))
    assert (other.status, held(door, other), held(door, first)) == (200, [0], [1])


def test_5_7_1_no_map_is_made_of_what_is_not_there() -> None:
    door = cars(0)
    reply = door.get(vehicle(1), entityMap="true")
    assert (reply.error, reply.header(NAME.lower())) == ("ResourceNotFound", None)


# pages


def test_5_5_9_3_forward_through_a_map_nothing_is_passed_over_or_comes_twice() -> None:
    door = cars(8)
    first = door.find(type="Vehicle", entityMap="true", limit="2")
    assert numbers(first) == [0, 1]
    remove(door, 0)  # lies behind: the pages to come must not move
    remove(door, 2)  # lies ahead: the page is filled from what comes after
    second = door.find(by(first), type="Vehicle", limit="2", offset="2")
    assert numbers(second) == [3, 4]
    assert held(door, first) == [0, 1, 3, 4, 5, 6, 7]
    third = door.find(by(first), type="Vehicle", limit="2", offset="4")
    assert numbers(third) == [5, 6]
    last = door.find(by(first), type="Vehicle", limit="2", offset="6")
    assert numbers(last) == [7]
    links = " ".join(last.all("link"))
    assert 'rel="prev"' in links
    assert 'rel="next"' not in links


def test_5_5_9_3_what_does_not_fit_any_more_leaves_the_map_and_does_not_come_back() -> None:
    door = cars(3)
    first = door.find(type="Vehicle", q="speed<9", entityMap="true")
    door.ask("PATCH", f"/entities/{vehicle(1)}/attrs", {"speed": {"type": "Property", "value": 50}})
    assert numbers(door.find(by(first), type="Vehicle", q="speed<9")) == [0, 2]
    door.ask("PATCH", f"/entities/{vehicle(1)}/attrs", {"speed": {"type": "Property", "value": 1}})
    assert numbers(door.find(by(first), type="Vehicle", q="speed<9")) == [0, 2]
    assert held(door, first) == [0, 2]


def test_5_5_9_3_another_question_looks_among_the_map_and_leaves_it_as_it_is() -> None:
    door = cars(6)
    first = door.find(type="Vehicle", entityMap="true")
    remove(door, 5)
    narrow = door.find(by(first), type="Vehicle", q="speed>2", limit="1", offset="1", count="true")
    assert (narrow.status, numbers(narrow), narrow.header("ngsild-results-count")) == (200, [4], "2")
    assert held(door, first) == [0, 1, 2, 3, 4, 5]


def test_5_5_9_3_the_count_is_of_all_that_still_fits() -> None:
    door = cars(6)
    first = door.find(type="Vehicle", entityMap="true", limit="2", count="true")
    assert first.header("ngsild-results-count") == "6"
    remove(door, 0)
    remove(door, 4)
    page = door.find(by(first), type="Vehicle", limit="2", offset="2", count="true")
    assert (numbers(page), page.header("ngsild-results-count")) == ([2, 3], "4")
    none = door.find(by(first), type="Vehicle", limit="0", count="true")
    assert (numbers(none), none.header("ngsild-results-count")) == ([], "4")


def test_4_23_a_map_keeps_the_order_of_its_query() -> None:
    door = cars(4)
    asked = {"type": "Vehicle", "orderBy": "speed;desc", "limit": "2"}
    first = door.find(**asked, entityMap="true")
    assert numbers(first) == [3, 2]
    door.ask("PATCH", f"/entities/{vehicle(0)}/attrs", {"speed": {"type": "Property", "value": 99}})
    assert numbers(door.find(by(first), **asked, offset="2")) == [1, 0]
    assert numbers(door.find(by(first), **{**asked, "orderBy": "speed"}, offset="2")) == [3, 0]


def test_5_14_how_entities_are_shown_is_no_part_of_the_question() -> None:
    door = cars(3)
    first = door.find(type="Vehicle", entityMap="true")
    remove(door, 1)
    reply = door.find({**by(first), "accept": "application/geo+json"}, type="Vehicle", options="keyValues")
    assert [one["id"] for one in reply.json["features"]] == [vehicle(0), vehicle(2)]
    assert held(door, first) == [0, 2]


# evolutions


def test_5_7_4_evolutions_are_queried_by_maps() -> None:
    door = cars(4)
    first = door.ask(
        "GET", "/temporal/entities", type="Vehicle", entityMap="true", limit="2", orderBy="id;desc", **ALWAYS
    )
    assert (first.status, numbers(first)) == (201, [3, 2])
    door.make(car(9))
    again = door.ask(
        "GET", "/temporal/entities", headers=by(first), type="Vehicle", orderBy="id;desc", offset="2", **ALWAYS
    )
    assert (again.status, numbers(again), by(again)) == (200, [1, 0], by(first))
    gone = door.ask("DELETE", f"/temporal/entities/{vehicle(1)}")
    assert gone.status == 204
    remove(door, 1)
    again = door.ask("GET", "/temporal/entities", headers=by(first), type="Vehicle", orderBy="id;desc", **ALWAYS)
    assert (numbers(again), held(door, first)) == ([3, 2, 0], [3, 2, 0])


def test_5_7_4_a_posted_temporal_query_goes_by_maps_too() -> None:
    door = cars(2)
    body = {"type": "Query", "entities": [{"type": "Vehicle"}], "temporalQ": ALWAYS}
    first = door.ask("POST", "/temporal/entityOperations/query", {**body, "entityMap": True})
    assert (first.status, held(door, first)) == (201, [0, 1])
    again = door.ask("POST", "/temporal/entityOperations/query", body, headers=by(first), count="true")
    assert (again.status, again.header("ngsild-results-count")) == (200, "2")


def test_5_7_3_reading_one_evolution_names_the_map_by_which_it_was_read() -> None:
    door = cars(2)
    first = door.ask("GET", f"/temporal/entities/{vehicle(1)}", entityMap="true", **ALWAYS)
    assert (first.status, held(door, first)) == (200, [1])


# the resource


@pytest.mark.parametrize(
    ("method", "path", "query", "body"),
    [
        ("GET", "/entityMaps", {"type": "Vehicle", "q": "speed>0"}, None),
        ("POST", "/entityMaps", {}, {"type": "Query", "entities": [{"type": "Vehicle"}], "q": "speed>0"}),
        ("GET", "/temporal/entityMaps", {"type": "Vehicle", "q": "speed>0", **ALWAYS}, None),
        (
            "POST",
            "/temporal/entityMaps",
            {},
            {"type": "Query", "entities": [{"type": "Vehicle"}], "q": "speed>0", "temporalQ": ALWAYS},
        ),
    ],
)
def test_5_14_4_and_5_a_map_is_made_without_reading_an_entity(
    method: str, path: str, query: dict[str, str], body: Any
) -> None:
    door = cars(3)
    reply = door.ask(method, path, body, **query)
    assert (reply.status, reply.json["type"]) == (201, "EntityMap")
    assert list(reply.json["entityMap"]) == [vehicle(1), vehicle(2)]
    assert map_at(door, reply).json == reply.json


def test_5_14_4_pages_of_the_same_question_go_through_a_map_that_was_made_before() -> None:
    door = cars(3)
    one = door.ask("GET", "/entityMaps", type="Vehicle")
    remove(door, 1)
    assert numbers(door.find(by(one), type="Vehicle")) == [0, 2]
    assert held(door, one) == [0, 2]


@pytest.mark.parametrize(
    ("path", "query"),
    [
        ("/entityMaps", {"id": vehicle(1)}),
        ("/entityMaps", {}),
        ("/entityMaps", {"type": "Vehicle", "entityMapLifetime": "an hour"}),
        ("/entityMaps", {"type": "Vehicle", "entityMapLifetime": "PT0S"}),
        ("/entities", {"type": "Vehicle", "entityMap": "true", "entityMapLifetime": "P"}),
        ("/temporal/entityMaps", {"type": "Vehicle"}),
    ],
    ids=repr,
)
def test_5_14_4_what_makes_no_map_is_refused(path: str, query: dict[str, str]) -> None:
    assert cars(1).ask("GET", path, **query).error == "BadRequestData"


def test_6_3_5_a_map_is_json_or_json_ld() -> None:
    door = cars(1, default_context="core")
    one = door.ask("GET", "/entityMaps", type="Vehicle", headers={"accept": "application/ld+json"})
    assert one.header("content-type") == "application/ld+json"
    assert one.json["@context"] == CORE


@pytest.mark.parametrize(
    ("lifetime", "kept_s"), [("PT10M", 600), ("P1D", 86_400), ("P2D", 86_400), ("P20Y", 86_400), ("P1Y", 86_400)]
)
def test_5_14_4_this_node_bounds_how_long_a_map_is_kept(lifetime: str, kept_s: int) -> None:
    one = cars(1).ask("GET", "/entityMaps", type="Vehicle", entityMapLifetime=lifetime)
    assert one.json["expiresAt"] == to_wire_time(START_US + kept_s * SECOND_US)


def test_5_14_2_only_until_when_it_is_kept_can_be_changed() -> None:
    door = cars(2)
    one = door.ask("GET", "/entityMaps", type="Vehicle").json
    path = f"/entityMaps/{one['id']}"
    later = to_wire_time(START_US + 7200 * SECOND_US)
    change = {"expiresAt": later, "entityMap": {vehicle(7): ["@none"]}, "linkedMaps": {}}
    assert door.ask("PATCH", path, change).status == 204
    assert door.ask("GET", path).json == {**one, "expiresAt": later}
    assert door.ask("PATCH", path, {"expiresAt": "2099-01-01T00:00:00Z"}).status == 204
    assert door.ask("GET", path).json["expiresAt"] == to_wire_time(START_US + 86_400 * SECOND_US)
    assert door.ask("PATCH", path, {"expiresAt": "2001-01-01T00:00:00Z"}).status == 204
    assert door.ask("GET", path).error == "ResourceNotFound"


@pytest.mark.parametrize(
    "body",
    [{"expiresAt": "next week"}, {"expiresAt": None}, {"expiresAt": 7}, {"type": "Map"}, {"colour": "red"}],
    ids=repr,
)
def test_5_14_2_a_wrong_change_is_refused(body: Any) -> None:
    door = cars(1)
    one = door.ask("GET", "/entityMaps", type="Vehicle").json
    assert door.ask("PATCH", f"/entityMaps/{one['id']}", body).error == "BadRequestData"


def test_5_14_3_a_deleted_map_is_gone() -> None:
    door = cars(1)
    path = f"/entityMaps/{door.ask('GET', '/entityMaps', type='Vehicle').json['id']}"
    assert door.ask("DELETE", path).status == 204
    assert door.ask("GET", path).error == "ResourceNotFound"
    assert door.ask("DELETE", path).error == "ResourceNotFound"


@pytest.mark.parametrize("method", ["GET", "PATCH", "DELETE"])
def test_5_14_an_id_that_is_no_uri_is_bad_and_an_unknown_one_not_found(method: str) -> None:
    body = {} if method == "PATCH" else None
    door = cars(0)
    assert door.ask(method, "/entityMaps/no%20colon%20here", body).error == "BadRequestData"
    assert door.ask(method, "/entityMaps/urn:ngsi-ld:EntityMap:1", body).error == "ResourceNotFound"


# whose it is, how many, how long


def test_4_14_another_tenant_knows_nothing_of_a_map() -> None:
    door = cars(1)
    door.make(car(5), **{"ngsild-tenant": "elsewhere"})
    one = door.ask("GET", "/entityMaps", type="Vehicle")
    path, there = f"/entityMaps/{one.json['id']}", {"ngsild-tenant": "elsewhere"}
    assert door.ask("GET", path, headers=there).error == "ResourceNotFound"
    assert door.ask("DELETE", path, headers=there).error == "ResourceNotFound"
    found = door.find({**there, **by(one)}, type="Vehicle")
    assert (found.status, numbers(found)) == (201, [5])
    assert map_at(door, one).status == 200


def test_5_14_a_map_is_for_nobody_but_who_made_it() -> None:
    door = Door()
    for n in (1, 2):
        door.make(
            {
                "id": f"urn:ngsi-ld:Area:37010200{n}",
                "type": "Area",
                "areaLevel": {"type": "VocabProperty", "vocab": "community"},
                "code": {"type": "Property", "value": f"37010200100{n}"},
                "name": {"type": "LanguageProperty", "languageMap": {"zh": "示例社区", "en": "Example"}},
            }
        )
    door.who = MINE
    mine = door.find(type="Area", id="urn:ngsi-ld:Area:370102001", entityMap="true")
    path = by(mine)[NAME].removeprefix("/ngsi-ld/v1")
    assert mine.status == 201
    door.who = OTHERS
    for method, body in (("GET", None), ("DELETE", None), ("PATCH", {"expiresAt": "2001-01-01T00:00:00Z"})):
        assert door.ask(method, path, body).error == "ResourceNotFound"
    theirs = door.find(by(mine), type="Area")
    assert (theirs.status, len(theirs.json)) == (201, 2)
    assert by(theirs) != by(mine)
    door.who = MINE
    assert len(door.find(by(mine), type="Area").json) == 1


def test_5_14_who_may_keep_nothing_here_gets_no_map() -> None:
    door = Door(Principal("urn:ngsi-ld:Person:3", "resident"))
    assert door.find(type="Area", entityMap="true").error == "NotAllowed"
    assert door.find(type="Area").status == 200


def test_5_14_for_one_map_too_many_the_oldest_of_whoever_has_most_goes() -> None:
    door = cars(1, caps=Caps(maps=3))
    door.who = MINE
    mine = door.ask("GET", "/entityMaps", type="Vehicle")
    door.who = OTHERS
    theirs = [door.ask("GET", "/entityMaps", type="Vehicle") for _ in range(5)]
    assert [map_at(door, one).status for one in theirs] == [404, 404, 404, 200, 200]
    door.who = MINE
    assert map_at(door, mine).status == 200


def test_5_14_many_maps_made_at_once_are_no_more_than_are_kept(tmp_path: Path) -> None:
    async def kept() -> int:
        store = await open_store(f"sqlite:///{tmp_path}/maps.db")
        ids, clock = Ids("370102"), SteppedClock(START_US)
        broker = Broker(store, vocabulary(), Policies(clock), clock, ids=ids, home_scope="/cn", caps=Caps(maps=3))
        query, terms = Query(types=read_types("Vehicle", broker.contexts.default)), broker.contexts.default

        async def make() -> None:
            await broker.create_query_map(Act(MINE), MapWish(b"all"), query, terms=terms, projection=Projection())

        await asyncio.gather(*(make() for _ in range(20)))
        maps = await store.records("default", "entity-map")
        await store.close()
        return len(maps)

    assert asyncio.run(kept()) == 3


def test_5_14_4_a_map_of_too_many_entities_is_refused() -> None:
    door = cars(3, caps=Caps(map_entities=2))
    for path, query in (("/entities", {"entityMap": "true"}), ("/entityMaps", {}), ("/temporal/entityMaps", ALWAYS)):
        assert door.ask("GET", path, type="Vehicle", **query).error == "TooManyResults"
    assert door.ask("GET", "/entityMaps", type="Vehicle", q="speed>0").status == 201


def test_5_14_nothing_is_left_of_a_map_whose_time_is_over() -> None:
    door = cars(2)
    one = door.ask("GET", "/entityMaps", type="Vehicle", entityMapLifetime="PT1M").json
    kept = door.ask("GET", "/entityMaps", type="Vehicle", entityMapLifetime="PT1M").json
    later = {"expiresAt": to_wire_time(START_US + 600 * SECOND_US)}
    assert door.ask("PATCH", f"/entityMaps/{kept['id']}", later).status == 204
    door.clock.advance_to(START_US + 61 * SECOND_US)
    assert asyncio.run(door.broker.expire_due()) == 1
    left = {asyncio.run(door.store.record("default", kind, one["id"])) for kind in ("entity-map", "entity-map-list")}
    assert left == {None}
    assert door.ask("GET", f"/entityMaps/{kept['id']}").status == 200


def test_5_14_making_and_using_a_map_is_no_change_of_an_entity() -> None:
    door = cars(3)
    head = asyncio.run(door.store.head("default"))
    first = door.find(type="Vehicle", entityMap="true")
    door.find(by(first), type="Vehicle")
    door.ask("DELETE", by(first)[NAME].removeprefix("/ngsi-ld/v1"))
    assert asyncio.run(door.store.head("default")) == head


# purging by a map


def test_5_6_21_a_purge_by_a_map_takes_nothing_that_is_not_in_it() -> None:
    door = cars(3)
    one = door.ask("GET", "/entityMaps", type="Vehicle", q="speed>0")
    door.make(car(9))
    reply = door.ask("DELETE", "/entities", headers=by(one), type="Vehicle")
    assert (reply.status, by(reply)) == (204, by(one))
    assert door.found(type="Vehicle") == [vehicle(0), vehicle(9)]


def test_5_6_21_a_purge_by_a_map_that_is_not_there_takes_nothing() -> None:
    door = cars(2)
    reply = door.ask("DELETE", "/entities", headers={NAME: "urn:ngsi-ld:EntityMap:gone"}, type="Vehicle")
    assert reply.error == "ResourceNotFound"
    assert len(door.found(type="Vehicle")) == 2
