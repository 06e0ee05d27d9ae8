"""Hostile test 15: an attribute that somebody may not see cannot be told from one that is not there, by no word that a
question knows: q, pick, attrs, orderBy, time, place, sums, counts, maps, types, subscriptions, and no error."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from ngsild_door import ADMIN, STAFF, START_US, Door, helper
from subscriber_door import Scene, play
from two_cities import EAST, ENGINE, PEOPLE, WEST, Probe, cities, urn

from linli.base import read_json, write_json
from linli.broker import Draft
from linli.trust import Act, Principal
from linli.web._live import Live, Wish

CALL, HELPER = urn("ServiceCall", "west-by-number"), urn("Helper", "west9")
SPAN = {"timerel": "after", "timeAt": "2020-01-01T00:00:00Z", "timeproperty": "modifiedAt"}
SUMS = {"options": "aggregatedValues", "aggrMethods": "totalCount,distinctCount,max,min", "aggrPeriodDuration": "PT0S"}


def words(name: str, value: str) -> list[tuple[str, str, dict[str, str], Any]]:
    """Return (method, path, query, body) of every way to feel out an attribute; {id} and {type} are put in later."""
    asked = [
        {"q": name}, {"q": f"!{name}"}, {"q": f'{name}=="{value}"'}, {"q": f'{name}!="{value}"'}, {"q": f'{name}~=".*"'},
        {"q": f"{name}.observedAt"}, {"q": f'number|{name}=="{value}"'}, {"attrs": name}, {"pick": f"id,{name}"},
        {"pick": name}, {"omit": name}, {"orderBy": name}, {"orderBy": f"{name};desc"}, {"q": name, "count": "true", "limit": "0"},
        {"georel": "near;maxDistance==99", "geometry": "Point", "coordinates": "[117.02,36.66]", "geoproperty": name},
    ]  # fmt: skip
    lists = [("GET", "/entities", {"type": "{type}", **one}, None) for one in asked]
    singles = [("GET", "/entities/{id}", one, None) for one in asked if one.keys() & {"attrs", "pick", "omit"}]
    return [
        *lists,
        *singles,
        ("GET", f"/entities/{{id}}/attrs/{name}/value", {}, None),
        ("GET", "/temporal/entities/{id}", {"attrs": name, **SPAN}, None),
        ("GET", "/temporal/entities/{id}", {"pick": name}, None),
        ("GET", "/temporal/entities", {"type": "{type}", "attrs": name, **SPAN}, None),
        ("GET", "/temporal/entities", {"type": "{type}", "q": f'{name}=="{value}"', **SPAN}, None),
        ("GET", "/temporal/entities", {"type": "{type}", "attrs": name, **SPAN, **SUMS}, None),
        ("GET", f"/attributes/{name}", {}, None),
        ("GET", "/entityMaps", {"type": "{type}", "q": f'{name}=="{value}"'}, None),
        (
            "POST",
            "/entityOperations/query",
            {"count": "true"},
            {"type": "Query", "entities": [{"type": "{type}"}], "q": name},
        ),
    ]


def asked_of(who: Principal, entity_id: str, ask: tuple[str, str, dict[str, str], Any], purpose: str | None) -> Probe:
    method, path, query, body = ask
    entity_type = entity_id.split(":")[2]
    said = {key: value.replace("{type}", entity_type) for key, value in query.items()}
    if body is not None:
        body = {**body, "entities": [{"type": entity_type}]}
    return Probe(who, method, path.replace("{id}", entity_id), tuple(sorted(said.items())), purpose, (), body)


@pytest.mark.parametrize(
    ("role", "entity_id", "name", "view"),
    [
        ("city_official", CALL, "text", "number"),
        ("city_official", CALL, "doneNote", "number"),
        ("city_official", HELPER, "fullName", "number"),
        ("officer", HELPER, "telephone", "staff"),
        ("seat", HELPER, "telephone", "staff"),
        ("community_worker", HELPER, "position", "staff"),
        ("analyst", CALL, "text", "number"),
        ("administrator", CALL, "ratingText", "number"),
    ],
)
@pytest.mark.parametrize("purpose", [None, "service", "staff", "metering"])
def test_no_word_tells_the_value_of_an_attribute_that_is_hidden(
    role: str, entity_id: str, name: str, view: str, purpose: str | None
) -> None:
    async def story() -> int:
        pair = await cities(view)
        told = 0
        for ask in words(name, "secret a" if entity_id == CALL else "13811111234"):
            one = asked_of(PEOPLE[role], entity_id, ask, purpose)
            first, second = [await city.ask(one) for city in pair]
            assert first == second, one
            told += first[0] == 200
        return told

    assert asyncio.run(story()) > 0


@pytest.mark.parametrize("name", ["text", "doneNote", "callback"])
def test_what_the_role_hides_answers_as_what_nobody_ever_wrote(name: str) -> None:
    """`cancelReason` is an attribute of the type too, of the same class; no call here has it, so it is truly absent."""

    async def story() -> None:
        city, _ = await cities("number")
        for ask, absent in zip(words(name, "secret a"), words("cancelReason", "secret a"), strict=True):
            answers = []
            for word, asked in ((name, ask), ("cancelReason", absent)):
                status, headers, body = await city.ask(asked_of(PEOPLE["city_official"], CALL, asked, "service"))
                maps = (key for key, _ in headers if key in ("ngsild-entitymap", "location"))
                answers.append((status, body.replace(word.encode(), b"") if not any(maps) else b""))
            assert answers[0][0] == answers[1][0], ask
            if ask[1] != "/entityMaps":
                assert answers[0] == answers[1], ask

    asyncio.run(story())


# subscriptions


def news(**said: Any) -> dict[str, Any]:
    return {name: {"type": "Property", "value": value} for name, value in said.items()}


def place(lon: float) -> dict[str, Any]:
    return {"position": {"type": "GeoProperty", "value": {"type": "Point", "coordinates": [lon, 36.66]}}}


async def as_operator(node: Scene, method: str, path: str, body: Any) -> None:
    content_type = {"content-type": "application/json", "content-length": "1"}
    node.door.who = ADMIN
    reply = await node.door._ask(method, path, write_json(body), content_type | STAFF, {})
    assert reply.status in (201, 204), reply.body


def test_what_is_hidden_pulls_no_trigger_and_stands_in_no_notification() -> None:
    async def story(node: Scene) -> None:
        official = Principal("official:1", "city_official", ("/cn",))
        await as_operator(node, "POST", "/entities", helper())
        node.door.who = official
        entities = [{"type": "Helper"}]
        await node.subscribe(entities=entities, watchedAttributes=["telephone", "position", "fullName"])
        await node.subscribe(entities=entities, q='telephone=="13900001111"')
        await node.subscribe(entities=entities, q="telephone")
        await as_operator(
            node, "PATCH", f"/entities/{helper()['id']}/attrs", news(telephone="13900001111") | place(117.1)
        )
        await as_operator(
            node, "PATCH", f"/entities/{helper()['id']}/attrs", {"dutyState": {"type": "VocabProperty", "vocab": "off"}}
        )
        node.door.who = official
        await node.subscribe(entities=entities)
        await as_operator(
            node,
            "PATCH",
            f"/entities/{helper()['id']}/attrs",
            {"dutyState": {"type": "VocabProperty", "vocab": "rest"}},
        )
        ((told,),) = await node.data(1)
        assert told["dutyState"]["vocab"] == "rest"
        assert {"telephone", "position", "fullName"}.isdisjoint(told)

    play(story, default_context="linli")


def test_a_subscriber_from_elsewhere_is_told_of_nothing_whatever_he_asks_for() -> None:
    async def story(node: Scene) -> None:
        here = "/cn/r37/r3701/r370102"
        node.door.who = Principal("officer:east", "officer", (EAST,))
        for members in (
            {"entities": [{"type": "Helper"}]},
            {"entities": [{"type": "*"}]},
            {
                "entities": [{"type": "Helper", "idPattern": ".*"}],
                "notificationTrigger": ["entityDeleted", "entityCreated"],
            },
            {"entities": None, "watchedAttributes": ["dutyState"]},
            {"entities": [{"type": "Helper"}], "scopeQ": here + "/#"},
        ):
            await node.subscribe(**members)
        await as_operator(node, "POST", "/entities", helper(1, scope=WEST))
        await as_operator(
            node, "PATCH", f"/entities/{helper()['id']}/attrs", {"dutyState": {"type": "VocabProperty", "vocab": "off"}}
        )
        reply = await node.door._ask("DELETE", f"/entities/{helper()['id']}", b"", {}, {})
        assert reply.status == 204
        await node.told(0)

    play(story, default_context="linli")


# live pages


@pytest.mark.parametrize(
    ("values", "attrs"),
    [
        ({"text": "guess"}, None),
        ({"doneNote": "guess", "callback": "00012345678"}, None),
        ({"urgency": 2, "text": "guess"}, ["urgency"]),
        ({"presses": 7}, ["presses"]),
    ],
)
def test_a_live_page_is_not_told_that_something_hidden_changed(values: dict[str, Any], attrs: list[str] | None) -> None:
    async def story() -> list[bytes]:
        city, _ = await cities("number")
        position = await city.broker.log.head()
        await city.broker.write(ENGINE, [Draft(CALL, "ServiceCall", values)])
        official = Act(PEOPLE["city_official"], "service")
        _, events = await Live(city.broker)._batch(official, Wish(frozenset({"ServiceCall"})), position, {})
        return events

    told = [read_json(one.partition(b"data: ")[2]) for one in asyncio.run(story())]
    assert [one["attrs"] for one in told] == ([] if attrs is None else [attrs])
    assert all({"text", "doneNote", "callback"}.isdisjoint(one["entity"]) for one in told)


# errors


def test_an_error_says_the_same_whether_the_hidden_value_was_guessed_or_not() -> None:
    door = Door()
    assert door.clock.now_us() == START_US
    door.make(helper(), **STAFF)
    door.who = Principal("seat:1", "seat", ("/cn",))
    answers = {
        (reply.status, reply.body)
        for guess in ("13800001234", "13900000000", "138****1234", "1")
        for reply in [door.find(type="Helper", q=f'telephone=="{guess}"', headers=STAFF, count="true")]
    }
    assert answers == {(200, b"[]")}
