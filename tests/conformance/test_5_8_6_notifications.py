"""ETSI GS CIM 009 V1.9.1, clauses 5.8.6 (notification behaviour) and 5.2.14 (what a notification says)."""

from __future__ import annotations

from typing import Any

import pytest
from ngsild_door import CORE, car
from receiver import answer
from subscriber_door import Scene, play

CAR = "urn:ngsi-ld:Vehicle:1"
NULL = "urn:ngsi-ld:null"
CREATE = ("POST", "/entities", car())
UPDATE = ("PATCH", f"/entities/{CAR}/attrs", {"speed": {"type": "Property", "value": 60}})
ADD = ("POST", f"/entities/{CAR}/attrs", {"doors": {"type": "Property", "value": 4}})
REMOVE = ("DELETE", f"/entities/{CAR}/attrs/colour", None)
DELETE = ("DELETE", f"/entities/{CAR}", None)
DEEDS = {"create": CREATE, "update": UPDATE, "add": ADD, "remove": REMOVE, "delete": DELETE}


def value(said: Any, **more: Any) -> dict[str, Any]:
    return {"type": "Property", "value": said, **more}


async def do(node: Scene, *deeds: str) -> None:
    for deed in deeds:
        method, path, body = DEEDS[deed]
        await node.done(method, path, body)


# which write tells whom


@pytest.mark.parametrize(
    ("trigger", "told_of"),
    [
        ("entityCreated", {"create"}),
        ("entityUpdated", {"update", "add", "remove"}),
        ("entityDeleted", {"delete"}),
        ("attributeCreated", {"create", "add"}),
        ("attributeUpdated", {"update"}),
        ("attributeDeleted", {"remove", "delete"}),
        (None, {"create", "update", "add"}),
    ],
)
def test_5_8_6_each_trigger_is_pulled_by_its_own_writes(trigger: str | None, told_of: set[str]) -> None:
    async def story(node: Scene) -> None:
        await node.subscribe(notificationTrigger=[trigger] if trigger else None)
        told = 0
        for deed in DEEDS:
            await do(node, deed)
            told += deed in told_of
            await node.told(told)

    play(story)


@pytest.mark.parametrize(
    ("members", "told"),
    [
        ({"entities": [{"type": "Vehicle"}]}, True),
        ({"entities": [{"type": "Vehicle", "id": CAR}]}, True),
        ({"entities": [{"type": "Vehicle", "id": CAR + "0"}]}, False),
        ({"entities": [{"type": "Vehicle", "idPattern": ".*:[0-9]$"}]}, True),
        ({"entities": [{"type": "Vehicle", "idPattern": "^x"}]}, False),
        ({"entities": [{"type": "Bus"}]}, False),
        ({"entities": [{"type": "(Bus|Vehicle)"}]}, True),
        ({"entities": [{"type": "Vehicle;Bus"}]}, False),
        ({"entities": [{"type": "Bus"}, {"type": "Vehicle"}]}, True),
        ({"entities": [{"type": "*"}]}, True),
        ({"watchedAttributes": ["speed"]}, True),
        ({"watchedAttributes": ["speed", "colour"], "entities": None}, True),
        ({"watchedAttributes": ["colour"]}, False),
        ({"watchedAttributes": ["colour"], "entities": None}, False),
        ({"q": "speed>55"}, True),
        ({"q": "speed<55"}, False),
        ({"q": 'colour=="red"'}, True),
        ({"q": 'colour=="%72ed"'}, True),
        ({"scopeQ": "/a/#"}, True),
        ({"scopeQ": "/b/#"}, False),
        ({"geoQ": {"georel": "near;maxDistance==10", "geometry": "Point", "coordinates": [117.0, 36.6]}}, True),
        ({"geoQ": {"georel": "within", "geometry": "Point", "coordinates": [1.0, 1.0]}}, False),
    ],
    ids=str,
)
def test_5_8_6_a_write_is_judged_as_it_leaves_the_entity(members: dict[str, Any], told: bool) -> None:
    async def story(node: Scene) -> None:
        place = {"type": "GeoProperty", "value": {"type": "Point", "coordinates": [117.0, 36.6]}}
        await node.done("POST", "/entities", car(scope="/a/b", location=place))
        await node.subscribe(**members)
        await do(node, "update")
        await node.told(int(told))

    play(story)


def test_5_8_6_q_follows_relationships_without_being_asked_to_join() -> None:
    async def story(node: Scene) -> None:
        for name, charge in (("full", 0.9), ("low", 0.1)):
            body = {"id": f"urn:ngsi-ld:Cell:{name}", "type": "Cell", "charge": value(charge)}
            await node.done("POST", "/entities", body)
        await node.subscribe(q="cell{charge}<0.5")
        for name in ("full", "low"):
            link = {"type": "Relationship", "object": f"urn:ngsi-ld:Cell:{name}"}
            await node.done("POST", "/entities", car(name, cell=link))
        ((told,),) = await node.data(1)
        assert told["id"] == "urn:ngsi-ld:Vehicle:low"

    play(story)


def test_5_8_6_what_was_written_before_the_subscription_is_not_told() -> None:
    async def story(node: Scene) -> None:
        await do(node, "create")
        await node.subscribe()
        await node.told(0)

    play(story)


def test_5_8_6_one_write_to_many_entities_is_one_notification() -> None:
    async def story(node: Scene) -> None:
        await node.subscribe()
        await node.done("POST", "/entityOperations/upsert", [car(name) for name in range(3)])
        (told,) = await node.data(1)
        assert [one["id"][-1] for one in told] == ["0", "1", "2"]

    play(story)


def test_5_8_6_subscriptions_of_other_tenants_are_told_nothing() -> None:
    async def story(node: Scene) -> None:
        await node.subscribe(tenant="east")
        await node.done("POST", "/entities", car(1), tenant="west")
        await node.done("POST", "/entities", car(2))
        await node.told(0)
        await node.done("POST", "/entities", car(3), tenant="east")
        (told,) = await node.told(1)
        assert told.headers["ngsild-tenant"] == "east"
        assert (await node.ask("GET", "/subscriptions", tenant="west")).json == []

    play(story)


# what is said


def test_5_3_1_a_notification_has_its_members_and_nothing_else() -> None:
    async def story(node: Scene) -> None:
        path = await node.subscribe()
        await do(node, "create", "update")
        first, second = await node.told(2)
        for got in (first, second):
            assert got.json.keys() == {"id", "type", "subscriptionId", "notifiedAt", "data"}
            assert got.json["type"] == "Notification"
            assert path.endswith(got.json["subscriptionId"])
            assert got.headers["content-type"] == "application/json"
            assert got.headers["link"].startswith(f"<{CORE}>; rel=")
        assert first.json["id"] != second.json["id"]
        assert first.json["data"] == [car()]
        assert second.json["data"] == [car(speed=value(60))]

    play(story)


@pytest.mark.parametrize(
    ("notification", "members", "shown"),
    [
        ({"format": "concise"}, {}, {"id": CAR, "type": "Vehicle", "speed": {"value": 50, "unitCode": "KMH"}, "colour": "red"}),
        ({"format": "keyValues"}, {}, {"id": CAR, "type": "Vehicle", "speed": 50, "colour": "red"}),
        ({"format": "simplified", "attributes": ["speed"]}, {}, {"id": CAR, "type": "Vehicle", "speed": 50}),
        ({"format": "simplified", "pick": ["id", "speed"]}, {}, {"id": CAR, "speed": 50}),
        ({"format": "simplified", "omit": ["type", "speed"]}, {}, {"id": CAR, "colour": "red"}),
        ({"format": "simplified"}, {"datasetId": ["@none"]}, {"id": CAR, "type": "Vehicle", "speed": 50, "colour": "red"}),
        ({"format": "simplified"}, {"datasetId": ["urn:x:d"]}, {"id": CAR, "type": "Vehicle"}),
    ],
    ids=str,
)  # fmt: skip
def test_5_2_14_the_entity_is_shown_as_it_was_asked_for(
    notification: dict[str, Any], members: dict[str, Any], shown: dict[str, Any]
) -> None:
    async def story(node: Scene) -> None:
        await node.subscribe(notification, **members)
        await do(node, "create")
        assert await node.data(1) == [[shown]]

    play(story)


def test_5_2_14_sys_attrs_bring_the_times() -> None:
    async def story(node: Scene) -> None:
        await node.subscribe({"sysAttrs": True})
        await do(node, "create")
        ((told,),) = await node.data(1)
        assert {"createdAt", "modifiedAt"} <= told.keys()
        assert {"createdAt", "modifiedAt"} <= told["speed"].keys()

    play(story)


def test_5_2_12_lang_makes_one_text_of_many() -> None:
    async def story(node: Scene) -> None:
        await node.subscribe({"format": "simplified"}, lang="en")
        label = {"type": "LanguageProperty", "languageMap": {"zh": "车", "en": "car"}}
        await node.done("POST", "/entities", car(label=label))
        ((told,),) = await node.data(1)
        assert told["label"] == "car"

    play(story)


@pytest.mark.parametrize(
    ("join", "shape"), [("flat", ["urn:ngsi-ld:Vehicle:1", "urn:x:owner"]), ("inline", ["urn:ngsi-ld:Vehicle:1"])]
)
def test_5_2_14_join_brings_what_is_linked(join: str, shape: list[str]) -> None:
    async def story(node: Scene) -> None:
        await node.done("POST", "/entities", {"id": "urn:x:owner", "type": "Firm"})
        await node.subscribe({"join": join, "joinLevel": 1})
        await node.done("POST", "/entities", car(owner={"type": "Relationship", "object": "urn:x:owner"}))
        (told,) = await node.data(1)
        assert [one["id"] for one in told] == shape
        linked = told[0]["owner"]["entity"] if join == "inline" else told[1]
        assert linked == {"id": "urn:x:owner", "type": "Firm"}

    play(story)


def test_5_2_15_accept_ld_json_puts_the_context_into_the_body() -> None:
    async def story(node: Scene) -> None:
        await node.subscribe({"endpoint": {"accept": "application/ld+json"}})
        await do(node, "create")
        (got,) = await node.told(1)
        assert got.headers["content-type"] == "application/ld+json"
        assert "link" not in got.headers
        assert got.json["@context"] == CORE
        assert got.json["data"] == [{**car(), "@context": CORE}]

    play(story)


@pytest.mark.parametrize("preference", [None, "body=json"])
def test_5_2_15_accept_geo_json_sends_features(preference: str | None) -> None:
    async def story(node: Scene) -> None:
        said = {"notifierInfo": [{"key": "Prefer", "value": preference}]} if preference else {}
        await node.subscribe({"endpoint": {"accept": "application/geo+json", **said}})
        point = {"type": "Point", "coordinates": [117.0, 36.6]}
        await node.done("POST", "/entities", car(location={"type": "GeoProperty", "value": point}))
        (got,) = await node.told(1)
        assert got.json["data"]["type"] == "FeatureCollection"
        (feature,) = got.json["data"]["features"]
        assert (feature["id"], feature["type"], feature["geometry"]) == (CAR, "Feature", point)
        assert ("@context" in got.json, "link" in got.headers) == ((False, True) if preference else (True, False))

    play(story)


def test_5_2_12_jsonld_context_is_used_instead_of_that_of_the_request() -> None:
    async def story(node: Scene) -> None:
        other = {"@context": {"v": "https://x.example/speed"}}
        hosted = (await node.done("POST", "/jsonldContexts", other)).header("location")
        url = f"http://node.example{hosted}"
        await node.subscribe(jsonldContext=url)
        await node.done("POST", "/entities", car(**{"https://x.example/speed": value(1)}))
        (got,) = await node.told(1)
        assert got.headers["link"].startswith(f"<{url}>")
        assert got.json["data"][0]["v"] == value(1)

    play(story)


def test_5_2_12_without_it_names_are_said_in_the_context_of_the_subscription() -> None:
    async def story(node: Scene) -> None:
        said = node.subscription(entities=[{"type": "Lorry"}])
        said["@context"] = {"Lorry": "https://x.example/Lorry", "load": "https://x.example/load"}
        await node.done("POST", "/subscriptions", said)
        body = {"id": "urn:x:1", "type": "https://x.example/Lorry", "https://x.example/load": value(7)}
        await node.done("POST", "/entities", body)
        (got,) = await node.told(1)
        assert got.json["data"] == [{"id": "urn:x:1", "type": "Lorry", "load": value(7)}]
        assert "/ngsi-ld/v1/jsonldContexts/" in got.headers["link"]

    play(story)


def test_5_2_15_receiver_info_comes_as_headers() -> None:
    async def story(node: Scene) -> None:
        await node.subscribe({"endpoint": {"receiverInfo": [{"key": "Authorization", "value": "Bearer x"}]}})
        await do(node, "create")
        (got,) = await node.told(1)
        assert got.headers["authorization"] == "Bearer x"

    play(story)


# what went, and what was there before

KINDS = {
    "Property": ({"type": "Property", "value": 1}, {"type": "Property", "value": 2}, "previousValue", "value"),
    "Relationship": (
        {"type": "Relationship", "object": "urn:x:1"},
        {"type": "Relationship", "object": "urn:x:2"},
        "previousObject",
        "object",
    ),
    "LanguageProperty": (
        {"type": "LanguageProperty", "languageMap": {"en": "a"}},
        {"type": "LanguageProperty", "languageMap": {"en": "b"}},
        "previousLanguageMap",
        "languageMap",
    ),
    "JsonProperty": (
        {"type": "JsonProperty", "json": {"a": 1}},
        {"type": "JsonProperty", "json": {"a": 2}},
        "previousJson",
        "json",
    ),
    "VocabProperty": (
        {"type": "VocabProperty", "vocab": "one"},
        {"type": "VocabProperty", "vocab": "two"},
        "previousVocab",
        "vocab",
    ),
    "GeoProperty": (
        {"type": "GeoProperty", "value": {"type": "Point", "coordinates": [1, 1]}},
        {"type": "GeoProperty", "value": {"type": "Point", "coordinates": [2, 2]}},
        "previousValue",
        "value",
    ),
}


@pytest.mark.parametrize("kind", KINDS)
def test_5_2_14_show_changes_tells_what_was_there_before(kind: str) -> None:
    before, after, previous, member = KINDS[kind]

    async def story(node: Scene) -> None:
        await node.subscribe({"showChanges": True})
        await node.done("POST", "/entities", car(a=before))
        await node.done("PATCH", f"/entities/{CAR}/attrs", {"a": after})
        (created,), (updated,) = await node.data(2)
        assert created["a"] == before
        assert updated["a"] == {**after, previous: before[member]}
        assert updated["colour"] == car()["colour"]

    play(story)


@pytest.mark.parametrize("shown", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_4_5_7_the_null_stands_where_an_attribute_went(kind: str, shown: bool) -> None:
    before, _, previous, member = KINDS[kind]
    null = {"@none": NULL} if member == "languageMap" else NULL

    async def story(node: Scene) -> None:
        await node.done("POST", "/entities", car(a=before))
        await node.subscribe({"showChanges": shown}, notificationTrigger=["attributeDeleted"])
        await node.done("DELETE", f"/entities/{CAR}/attrs/a")
        ((told,),) = await node.data(1)
        gone = {"type": kind, member: null}
        assert told == car(a={**gone, previous: before[member]} if shown else gone)

    play(story)


def test_4_5_7_one_null_stands_where_all_instances_went() -> None:
    async def story(node: Scene) -> None:
        await node.done("POST", "/entities", car(label=[value("a"), value("b", datasetId="urn:x:b")]))
        await node.subscribe(notificationTrigger=["attributeDeleted"])
        await node.done("DELETE", f"/entities/{CAR}/attrs/label", deleteAll="true")
        assert await node.data(1) == [[car(label=value(NULL))]]

    play(story)


def test_4_5_7_in_the_simplified_form_the_null_stands_alone() -> None:
    async def story(node: Scene) -> None:
        label = [value("a"), value("b", datasetId="urn:x:b")]
        street = {"type": "LanguageProperty", "languageMap": {"en": "x"}}
        await node.done("POST", "/entities", car(label=label, street=street))
        await node.subscribe({"format": "simplified"}, notificationTrigger=["attributeDeleted"])
        await node.done("DELETE", f"/entities/{CAR}/attrs/label", datasetId="urn:x:b")
        await node.done("DELETE", f"/entities/{CAR}/attrs/street")
        (one,), (two,) = await node.data(2)
        assert one["label"] == {"dataset": {"@none": "a", "urn:x:b": NULL}}
        assert two["street"] == NULL

    play(story)


@pytest.mark.parametrize(
    ("trigger", "notification", "members"),
    [
        ("entityDeleted", {}, "id type deletedAt"),
        ("entityDeleted", {"sysAttrs": True}, "id type deletedAt createdAt modifiedAt"),
        ("entityDeleted", {"showChanges": True}, "id type deletedAt speed colour"),
        ("attributeDeleted", {}, "id type deletedAt speed colour"),
        ("entityDeleted", {"pick": ["id"]}, "id deletedAt"),
    ],
    ids=str,
)
def test_5_8_6_of_a_deleted_entity_little_is_said(trigger: str, notification: dict[str, Any], members: str) -> None:
    async def story(node: Scene) -> None:
        await do(node, "create")
        await node.subscribe(notification, notificationTrigger=[trigger])
        await do(node, "delete")
        ((told,),) = await node.data(1)
        assert told.keys() == set(members.split())
        if "showChanges" in notification:
            assert told["colour"] == {"type": "Property", "value": NULL, "previousValue": "red"}

    play(story)


def test_5_8_6_watched_attributes_are_all_that_is_said_of_a_deleted_entity() -> None:
    async def story(node: Scene) -> None:
        await do(node, "create")
        await node.subscribe({"sysAttrs": True}, notificationTrigger=["attributeDeleted"], watchedAttributes=["speed"])
        await do(node, "remove", "delete")
        ((told,),) = await node.data(1)
        assert told.keys() == {"id", "type", "speed", "createdAt", "modifiedAt", "deletedAt"}
        assert told["speed"].keys() == {"type", "value", "createdAt", "modifiedAt", "deletedAt"}

    play(story)


# when


def test_5_2_12_throttling_holds_back_and_tells_the_latest_state_later() -> None:
    async def story(node: Scene) -> None:
        path = await node.subscribe({"format": "simplified"}, throttling=10)
        await do(node, "create")
        await node.told(1)
        await do(node, "update")
        await node.done("POST", "/entities", car(2))
        await node.told(1)
        await node.done("PATCH", f"/entities/{CAR}/attrs", {"speed": value(70)})
        node.pass_s(9)
        await node.told(1)
        node.pass_s(1)
        _, held = await node.data(2)
        assert {one["id"][-1]: one["speed"] for one in held} == {"1": 70, "2": 50}
        await do(node, "update")
        await node.told(2)
        assert (await node.shown(path))["notification"]["timesSent"] == 2

    play(story)


def test_5_2_12_a_time_interval_tells_everything_that_is_meant_whatever_changes() -> None:
    async def story(node: Scene) -> None:
        await do(node, "create")
        await node.done("POST", "/entities", car(2, speed=value(5)))
        await node.subscribe({"format": "simplified"}, timeInterval=10, q="speed>10")
        await do(node, "update")
        await node.told(0)
        for beat in (1, 2):
            node.pass_s(10)
            *_, last = await node.data(beat)
            assert last == [{"id": CAR, "type": "Vehicle", "speed": 60, "colour": "red"}]

    play(story)


def test_5_2_12_a_paused_subscription_is_told_nothing_and_goes_on_later() -> None:
    async def story(node: Scene) -> None:
        path = await node.subscribe(isActive=False)
        await do(node, "create")
        await node.told(0)
        assert (await node.shown(path))["status"] == "paused"
        await node.done("PATCH", path, {"isActive": True})
        await do(node, "update")
        ((told,),) = await node.data(1)
        assert told["speed"]["value"] == 60

    play(story)


def test_5_2_12_an_expired_subscription_is_told_nothing() -> None:
    async def story(node: Scene) -> None:
        path = await node.subscribe(expiresAt="2026-11-23T14:00:00Z")
        node.pass_s(7 * 86_400)
        await do(node, "create")
        await node.told(0)
        assert (await node.shown(path))["status"] == "expired"

    play(story)


def test_5_8_3_a_deleted_subscription_is_told_nothing() -> None:
    async def story(node: Scene) -> None:
        path = await node.subscribe()
        await node.done("DELETE", path)
        await do(node, "create")
        await node.told(0)
        assert (await node.ask("GET", path)).error == "ResourceNotFound"

    play(story)


# what is counted


def test_5_2_14_counters_are_absent_until_there_is_something_to_count() -> None:
    async def story(node: Scene) -> None:
        path = await node.subscribe()
        assert (await node.shown(path))["notification"].keys() == {"endpoint"}
        await do(node, "create", "update")
        await node.told(2)
        counted = (await node.shown(path))["notification"]
        assert (counted["timesSent"], counted["status"]) == (2, "ok")
        assert counted["lastSuccess"] >= counted["lastNotification"]
        assert not {"timesFailed", "lastFailure"} & counted.keys()

    play(story)


def test_5_8_6_a_refusal_is_counted_and_the_next_is_told_all_the_same() -> None:
    refusals = [answer(400), answer(204)]

    async def answers(_: object) -> bytes:
        return refusals.pop(0)

    async def story(node: Scene) -> None:
        path = await node.subscribe()
        await do(node, "create")
        await node.told(1)
        counted = (await node.shown(path))["notification"]
        assert (counted["timesSent"], counted["timesFailed"], counted["status"]) == (1, 1, "failed")
        assert "lastFailure" in counted
        node.pass_s(1)
        await do(node, "update")
        await node.told(2)
        counted = (await node.shown(path))["notification"]
        assert (counted["timesSent"], counted["timesFailed"], counted["status"]) == (2, 1, "ok")

    play(story, answers)


def test_5_8_6_a_receiver_that_has_a_fault_is_told_again_under_the_same_id_and_in_order() -> None:
    faults = [answer(503), answer(500)]

    async def answers(_: object) -> bytes:
        return faults.pop(0) if faults else answer(204)

    async def story(node: Scene) -> None:
        path = await node.subscribe({"format": "simplified"})
        await do(node, "create", "update")
        got = await node.receiver.count(4)
        await node.broker.settled()
        assert [one.json["data"][0]["speed"] for one in got] == [50, 50, 50, 60]
        assert len({one.json["id"] for one in got}) == 2
        counted = (await node.shown(path))["notification"]
        assert (counted["timesSent"], counted["timesFailed"], counted["status"]) == (4, 2, "ok")

    play(story, answers)


def test_5_8_6_counters_and_position_outlive_the_process() -> None:
    async def story(node: Scene) -> None:
        path = await node.subscribe()
        await do(node, "create")
        await node.told(1)
        await node.broker.stop()
        await do(node, "update")
        await node.broker.start()
        _, (told,) = await node.data(2)
        assert told["speed"]["value"] == 60
        assert (await node.shown(path))["notification"]["timesSent"] == 2

    play(story)


# in circles


def test_6_3_18_a_notification_says_by_whom_it_came_and_what_was_here_before_is_refused() -> None:
    async def story(node: Scene) -> None:
        alias = await node.broker.alias("default")
        await node.subscribe()
        await node.told(0)
        await do(node, "create")
        reply = await node.ask("PATCH", UPDATE[1], UPDATE[2], via="1.1 other, 2 third")
        assert reply.status == 204
        first, second = await node.told(2)
        assert first.headers["via"] == f"1.1 {alias}"
        assert second.headers["via"] == f"1.1 other, 1.1 third, 1.1 {alias}"
        for way in (second.headers["via"], ", ".join(["1.1 x"] * 9)):
            assert (await node.ask("PATCH", UPDATE[1], UPDATE[2], via=way)).error == "LoopDetected"
        await node.told(2)

    play(story)
