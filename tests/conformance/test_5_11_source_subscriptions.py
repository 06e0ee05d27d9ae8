"""ETSI GS CIM 009 V1.9.1, clause 5.11: subscriptions to registrations of context sources, and who is told of what."""

from __future__ import annotations

from typing import Any

import pytest
from ngsild_door import START_US, Door
from receiver import answer
from subscriber_door import Scene, play, run, scene

from linli.base import to_wire_time
from linli.egress import Egress

FUTURE, PAST = to_wire_time(START_US + 3_600_000_000), to_wire_time(START_US - 1)
PATH = "/csourceSubscriptions/urn:s:sub"


def sub(**members: Any) -> dict[str, Any]:
    said = {
        "id": "urn:s:sub",
        "type": "Subscription",
        "entities": [{"type": "Vehicle"}],
        "notification": {"endpoint": {"uri": "https://receiver.example/n"}},
        **members,
    }
    return {name: value for name, value in said.items() if value is not ...}


def source(name: str, *types: str, **members: Any) -> dict[str, Any]:
    return {
        "id": f"urn:s:{name}",
        "type": "ContextSourceRegistration",
        "information": [{"entities": [{"type": one}]} for one in types or ("Vehicle",)],
        "endpoint": "https://source.example/",
        **members,
    }


def a_door() -> Door:
    return Door(default_context="core", egress=Egress())


async def register(one: Scene, *sources: dict[str, Any]) -> None:
    for body in sources:
        await one.done("POST", "/csourceRegistrations", body)


async def subscribe(one: Scene, **members: Any) -> None:
    body = sub(notification={"endpoint": {"uri": one.receiver.url()}}, **members)
    await one.done("POST", "/csourceSubscriptions", body)


async def told(one: Scene, count: int) -> list[tuple[str, list[str]]]:
    """Return reason and ids of every notification so far."""
    got = [letter.json for letter in await one.told(count)]
    return [(said["triggerReason"], [source["id"].removeprefix("urn:s:") for source in said["data"]]) for said in got]


# as a resource


def test_5_11_2_a_subscription_is_kept_and_said_again() -> None:
    door = a_door()
    members = {
        "watchedAttributes": ["speed"],
        "q": "quality>3",
        "geoQ": {"georel": "near;maxDistance==10", "geometry": "Point", "coordinates": [1, 2]},
        "temporalQ": {"timerel": "after", "timeAt": PAST},
        "scopeQ": "/cn/#",
        "expiresAt": FUTURE,
        "description": "what drives",
    }
    reply = door.ask("POST", "/csourceSubscriptions", sub(**members))
    assert (reply.status, reply.body, reply.header("location")) == (201, b"", "/ngsi-ld/v1" + PATH)
    assert door.ask("GET", PATH).json == {**sub(**members), "status": "active"}
    assert door.ask("POST", "/csourceSubscriptions", sub()).error == "AlreadyExists"
    location = door.ask("POST", "/csourceSubscriptions", sub(id=...)).header("location")
    assert location
    assert door.ask("GET", location.removeprefix("/ngsi-ld/v1")).status == 200


@pytest.mark.parametrize(
    "wrong",
    [
        {"type": "Other"},
        {"id": "no uri"},
        {"notification": ...},
        {"notification": {}},
        {"entities": ...},
        {"entities": []},
        {"watchedAttributes": []},
        {"q": "quality>"},
        {"csf": "quality>"},
        {"scopeQ": "/1"},
        {"geoQ": {"georel": "near"}},
        {"temporalQ": {"timerel": "before"}},
        {"temporalQ": {}},
        {"temporalQ": "always"},
        {"expiresAt": PAST},
        {"isActive": "yes"},
    ],
    ids=str,
)
def test_5_11_2_what_a_subscription_cannot_be(wrong: dict[str, Any]) -> None:
    assert a_door().ask("POST", "/csourceSubscriptions", sub(**wrong)).error == "BadRequestData"


def test_5_11_2_throttling_is_not_offered() -> None:
    assert a_door().ask("POST", "/csourceSubscriptions", sub(throttling=5)).error == "OperationNotSupported"


def test_5_11_3_members_are_replaced_and_null_takes_them_away() -> None:
    door = a_door()
    door.ask("POST", "/csourceSubscriptions", sub(description="old", q="quality>3"))
    assert door.ask("PATCH", PATH, {"q": None, "isActive": False, "entities": [{"type": "Bus"}]}).status == 204
    expected = sub(description="old", isActive=False, entities=[{"type": "Bus"}])
    assert door.ask("GET", PATH).json == {**expected, "status": "paused"}
    for wrong in ({"notification": {"format": "simplified"}}, {"type": None}, {"expiresAt": PAST}, {"entities": None}):
        assert door.ask("PATCH", PATH, wrong).error == "BadRequestData"
    assert door.ask("PATCH", PATH + "0", {"q": "a"}).error == "ResourceNotFound"
    assert door.ask("PATCH", "/csourceSubscriptions/none", {"q": "a"}).error == "BadRequestData"


def test_5_11_4_to_6_read_listed_and_deleted() -> None:
    door = a_door()
    for name in ("a", "b", "c"):
        door.ask("POST", "/csourceSubscriptions", sub(id=f"urn:s:{name}"))
    reply = door.ask("GET", "/csourceSubscriptions", limit="1", offset="1", count="true")
    assert [one["id"] for one in reply.json] == ["urn:s:b"]
    assert reply.header("ngsild-results-count") == "3"
    assert door.ask("GET", "/csourceSubscriptions", limit="-1").error == "BadRequestData"
    assert door.ask("DELETE", "/csourceSubscriptions/urn:s:b").status == 204
    assert [one["id"] for one in door.ask("GET", "/csourceSubscriptions").json] == ["urn:s:a", "urn:s:c"]
    for method in ("GET", "DELETE"):
        assert door.ask(method, "/csourceSubscriptions/urn:s:b").error == "ResourceNotFound"
        assert door.ask(method, "/csourceSubscriptions/b").error == "BadRequestData"


def test_5_2_12_it_ends_when_it_said_so() -> None:
    door = a_door()
    door.ask("POST", "/csourceSubscriptions", sub(expiresAt=FUTURE))
    door.clock.advance_to(START_US + 3_600_000_000)
    assert door.ask("GET", PATH).json["status"] == "expired"


# who is told


def test_5_11_7_first_comes_what_fits_already_then_each_that_comes_changes_or_goes() -> None:
    async def story(one: Scene) -> None:
        await register(one, source("a"), source("b", "Bus"), source("c", "Bus", "Vehicle"))
        await subscribe(one)
        assert await told(one, 1) == [("newlyMatching", ["a", "c"])]
        await register(one, source("d"), source("e", "Bus"))
        for name, change in (
            ("a", {"description": "new"}),
            ("e", {"information": source("e")["information"]}),
            ("c", {"information": source("c", "Bus")["information"]}),
            ("b", {"description": "nobody's business"}),
            ("d", None),
            ("c", None),
        ):
            await one.broker.settled()
            await one.done("PATCH" if change else "DELETE", f"/csourceRegistrations/urn:s:{name}", change)
        assert (await told(one, 6))[1:] == [
            ("newlyMatching", ["d"]),
            ("updated", ["a"]),
            ("newlyMatching", ["e"]),
            ("noLongerMatching", ["c"]),
            ("noLongerMatching", ["d"]),
        ]

    play(story)


def test_5_11_7_a_notification_says_what_it_is_and_only_the_pieces_that_are_meant() -> None:
    async def story(one: Scene) -> None:
        await subscribe(one)
        await register(one, source("a", "Bus", "Vehicle"))
        (got,) = await one.told(1)
        said = got.json
        assert said["id"].startswith("urn:ngsi-ld:Notification:")
        assert (said["type"], said["subscriptionId"]) == ("ContextSourceNotification", "urn:s:sub")
        assert said["notifiedAt"] == to_wire_time(START_US)
        (told_source,) = said["data"]
        assert told_source["information"] == [{"entities": [{"type": "Vehicle"}]}]
        assert told_source["endpoint"] == "https://source.example/"
        shown = await one.shown(PATH)
        times = dict.fromkeys(("lastNotification", "lastSuccess"), to_wire_time(START_US))
        assert shown["notification"] == {
            "endpoint": {"uri": one.receiver.url()},
            "status": "ok",
            "timesSent": 1,
            **times,
        }

    play(story)


FITS: list[tuple[dict[str, Any], dict[str, Any], bool]] = [
    ({}, {}, True),
    ({"entities": [{"type": "Bus"}]}, {}, False),
    ({"entities": [{"type": "Vehicle", "idPattern": "x"}]}, {}, True),
    ({"watchedAttributes": ["speed"]}, {}, True),
    ({"watchedAttributes": ["speed"]}, {"information": [{"propertyNames": ["colour"]}]}, False),
    ({"entities": ..., "watchedAttributes": ["colour"]}, {"information": [{"propertyNames": ["colour"]}]}, True),
    ({"csf": "quality>3"}, {"quality": 5}, True),
    ({"csf": "quality>3"}, {"quality": 1}, False),
    ({"scopeQ": "/cn/#"}, {"scope": "/cn/r37"}, True),
    ({"scopeQ": "/cn/#"}, {}, False),
    (
        {"geoQ": {"georel": "near;maxDistance==10", "geometry": "Point", "coordinates": [1, 2]}},
        {"location": {"type": "Point", "coordinates": [1, 2]}},
        True,
    ),
    ({"geoQ": {"georel": "near;maxDistance==10", "geometry": "Point", "coordinates": [1, 2]}}, {}, False),
    ({"temporalQ": {"timerel": "after", "timeAt": PAST}}, {"observationInterval": {"startAt": PAST}}, True),
    ({"temporalQ": {"timerel": "after", "timeAt": PAST}}, {}, False),
    (
        {"temporalQ": {"timerel": "before", "timeAt": FUTURE, "timeproperty": "createdAt"}},
        {"managementInterval": {"startAt": PAST}},
        True,
    ),
    ({"isActive": False}, {}, False),
]


@pytest.mark.parametrize(("members", "registration", "fits"), FITS, ids=str)
def test_5_11_7_only_sources_that_fit_are_told(members: Any, registration: Any, fits: bool) -> None:
    async def story(one: Scene) -> None:
        body = sub(notification={"endpoint": {"uri": one.receiver.url()}}, **members)
        await one.done("POST", "/csourceSubscriptions", body)
        await register(one, source("a", **registration))
        assert await told(one, int(fits)) == [("newlyMatching", ["a"])] * fits

    play(story)


def test_5_11_7_who_was_busy_is_told_of_the_latest_form_and_of_nothing_twice() -> None:
    async def story(one: Scene) -> None:
        await subscribe(one)
        await register(one, source("a"))
        for name in ("x", "y", "z"):
            await one.done("PATCH", "/csourceRegistrations/urn:s:a", {"description": name})
        await one.broker.settled()
        said = [letter.json["data"][0].get("description") for letter in one.receiver.got]
        assert said[-1] == "z"
        assert len(set(said)) == len(said)
        await one.done("DELETE", "/csourceRegistrations/urn:s:a")
        await register(one, source("a", description="made anew"))
        await one.broker.settled()
        assert one.receiver.got[-1].json["data"][0]["description"] == "made anew"

    play(story)


def test_5_11_3_a_changed_subscription_begins_anew() -> None:
    async def story(one: Scene) -> None:
        await register(one, source("a"), source("b", "Bus"))
        await subscribe(one)
        await told(one, 1)
        await one.done("PATCH", PATH, {"entities": [{"type": "Bus"}, {"type": "Vehicle"}]})
        assert (await told(one, 2))[1] == ("newlyMatching", ["a", "b"])
        await one.done("PATCH", PATH, {"isActive": False})
        await register(one, source("c"))
        await told(one, 2)
        await one.done("PATCH", PATH, {"isActive": True})
        assert (await told(one, 3))[2] == ("newlyMatching", ["a", "b", "c"])

    play(story)


def test_5_11_7_at_intervals_everything_that_fits_is_told_the_first_time_at_once() -> None:
    async def story(one: Scene) -> None:
        await register(one, source("a"))
        await subscribe(one, timeInterval=60)
        assert [ids for _, ids in await told(one, 1)] == [["a"]]
        await register(one, source("b"))
        await told(one, 1)
        one.pass_s(61)
        assert [ids for _, ids in await told(one, 2)] == [["a"], ["a", "b"]]

    play(story)


def test_5_11_7_what_a_receiver_refuses_is_counted() -> None:
    async def refusing(_: Any) -> bytes:
        return answer(400)

    async def story(one: Scene) -> None:
        await subscribe(one)
        await register(one, source("a"))
        await one.told(1)
        shown = (await one.shown(PATH))["notification"]
        assert (shown["status"], shown["timesSent"], shown["timesFailed"]) == ("failed", 1, 1)

    play(story, refusing)


def test_5_11_6_nobody_is_told_any_more_after_the_end() -> None:
    async def story(one: Scene) -> None:
        await subscribe(one)
        await one.done("DELETE", PATH)
        await register(one, source("a"))
        await told(one, 0)

    play(story)


def test_5_11_7_tenants_hear_of_their_own_sources_only() -> None:
    async def story(one: Scene) -> None:
        body = sub(notification={"endpoint": {"uri": one.receiver.url()}})
        await one.done("POST", "/csourceSubscriptions", body, tenant="north")
        await register(one, source("a"))
        await one.done("POST", "/csourceRegistrations", source("b"), tenant="north")
        assert await told(one, 1) == [("newlyMatching", ["b"])]

    play(story)


def test_5_11_7_who_was_told_of_what_outlives_the_process() -> None:
    async def told_twice() -> None:
        async with scene() as one:
            await register(one, source("a"))
            await subscribe(one)
            await told(one, 1)
            await one.broker.stop()
            await register(one, source("b"))
            await one.done("PATCH", "/csourceRegistrations/urn:s:a", {"description": "new"})
            await one.broker.start()
            assert (await told(one, 3))[1:] == [("newlyMatching", ["b"]), ("updated", ["a"])]
            await one.done("DELETE", "/csourceRegistrations/urn:s:a")
            assert (await told(one, 4))[3] == ("noLongerMatching", ["a"])

    run(told_twice())
