"""ETSI GS CIM 009 V1.9.1, clauses 5.8.1 to 5.8.5 (subscriptions as a resource) and 5.2.12 (their members)."""

from __future__ import annotations

from typing import Any

import aiomqtt
import pytest
from ngsild_door import ADMIN, CORE, START_US, Door, area, car
from receiver import mosquitto
from subscriber_door import Scene, play, run, scene

from linli.base import read_json, to_wire_time
from linli.broker import Caps
from linli.egress import Egress
from linli.trust import Principal

FUTURE = to_wire_time(START_US + 3_600_000_000)
PAST = to_wire_time(START_US - 1)


def sub(**members: Any) -> dict[str, Any]:
    said = {
        "id": "urn:ngsi-ld:Subscription:1",
        "type": "Subscription",
        "entities": [{"type": "Vehicle"}],
        "notification": {"endpoint": {"uri": "https://receiver.example/n"}},
        **members,
    }
    return {name: value for name, value in said.items() if value is not None}


def telling(**members: Any) -> dict[str, Any]:
    return {"notification": {"endpoint": {"uri": "https://receiver.example/n"}, **members}}


def reaching(**members: Any) -> dict[str, Any]:
    return {"notification": {"endpoint": {"uri": "https://receiver.example/n", **members}}}


def a_door(**options: Any) -> Door:
    return Door(egress=Egress(), **options)


def test_5_8_1_create_answers_201_and_says_where() -> None:
    door = a_door()
    reply = door.ask("POST", "/subscriptions", sub())
    assert (reply.status, reply.body) == (201, b"")
    assert reply.header("location") == "/ngsi-ld/v1/subscriptions/urn:ngsi-ld:Subscription:1"
    assert door.ask("POST", "/subscriptions", sub()).error == "AlreadyExists"


def test_5_8_1_without_an_id_one_is_made() -> None:
    door = a_door()
    location = door.ask("POST", "/subscriptions", sub(id=None)).header("location")
    assert location
    path = location.removeprefix("/ngsi-ld/v1")
    assert door.ask("GET", path).json["id"] == path.rsplit("/", 1)[1]


@pytest.mark.parametrize(
    "members",
    [
        {"id": "no-uri"},
        {"id": ""},
        {"type": "Subscribe"},
        {"entities": None},
        {"entities": []},
        {"entities": [{"id": "urn:x:1"}]},
        {"entities": [{"type": "Vehicle", "id": "no-uri"}]},
        {"entities": [{"type": "Vehicle", "idPattern": "("}]},
        {"entities": [{"type": "Vehicle", "scope": "/a"}]},
        {"watchedAttributes": []},
        {"watchedAttributes": ["two words"]},
        {"watchedAttributes": ["speed"], "timeInterval": 5},
        {"throttling": 5, "timeInterval": 5},
        {"entities": None, "watchedAttributes": ["speed"], "timeInterval": 5},
        {"throttling": 0},
        {"throttling": -1},
        {"throttling": "5"},
        {"timeInterval": 0},
        {"timeInterval": True},
        {"notificationTrigger": []},
        {"notificationTrigger": ["entityChanged"]},
        {"q": "(("},
        {"csf": "(("},
        {"scopeQ": "/1"},
        {"geoQ": {"georel": "near"}},
        {"geoQ": {"georel": "near;maxDistance==1", "geometry": "Point", "coordinates": [200, 0]}},
        {"expiresAt": PAST},
        {"expiresAt": "tomorrow"},
        {"isActive": "yes"},
        {"lang": "?"},
        {"datasetId": ["no uri"]},
        {"jsonldContext": "no-url"},
        {"notification": None},
        {"notification": {}},
        {"notification": {"endpoint": {}}},
        {"notification": {"endpoint": {"uri": "no-uri"}}},
        telling(attributes=[]),
        telling(pick=[]),
        telling(omit=[]),
        telling(pick=["id"], omit=["id"]),
        telling(attributes=["speed"], pick=["id"]),
        telling(attributes=["speed"], omit=["id"]),
        telling(format="keyValues", showChanges=True),
        telling(format="simplified", showChanges=True),
        telling(format="brief"),
        telling(join="up"),
        telling(joinLevel=0),
        telling(joinLevel=1.5),
        telling(sysAttrs=1),
        reaching(accept="text/plain"),
        reaching(timeout=0),
        reaching(cooldown=-1),
        reaching(receiverInfo=[]),
        reaching(receiverInfo=[{"key": "a"}]),
        reaching(receiverInfo=[{"key": "a", "value": 1}]),
        reaching(receiverInfo=[{"key": "a", "value": "b\r\nc: d"}]),
        reaching(receiverInfo=[{"key": "Host", "value": "elsewhere"}]),
        reaching(notifierInfo=[{"key": 1, "value": "a"}]),
        reaching(notifierInfo=[{"key": "MQTT-QoS", "value": "3"}]),
        reaching(notifierInfo=[{"key": "MQTT-Version", "value": "4"}]),
        reaching(uri="http://127.0.0.1/"),
        reaching(uri="http://metadata.example:6379/"),
        reaching(uri="mqtt://broker.example/"),
        reaching(uri="ftp://receiver.example/"),
    ],
    ids=str,
)
def test_5_8_1_what_makes_no_sense_is_bad_request_data(members: dict[str, Any]) -> None:
    door = a_door()
    assert door.ask("POST", "/subscriptions", sub(**members)).error == "BadRequestData"
    assert door.ask("GET", "/subscriptions").json == []


@pytest.mark.parametrize("body", [b"{", b"", b"[1]", b"7"])
def test_5_8_1_what_is_no_subscription_is_refused(body: bytes) -> None:
    headers = {"content-type": "application/json"}
    assert a_door().ask("POST", "/subscriptions", raw=body, headers=headers).status == 400


def test_5_8_1_a_context_that_is_not_here_is_504() -> None:
    said = sub(jsonldContext="https://absent.example/context.jsonld")
    assert a_door().ask("POST", "/subscriptions", said).error == "LdContextNotAvailable"


def test_5_8_1_a_tenant_has_a_limit() -> None:
    door = a_door(caps=Caps(subscriptions=2))
    for number in (1, 2):
        assert door.ask("POST", "/subscriptions", sub(id=f"urn:x:{number}")).status == 201
    assert door.ask("POST", "/subscriptions", sub(id="urn:x:3")).error == "TooManyResults"
    assert door.ask("DELETE", "/subscriptions/urn:x:1").status == 204
    assert door.ask("POST", "/subscriptions", sub(id="urn:x:3")).status == 201


def test_5_2_12_every_member_comes_back_as_it_was_said_and_nothing_else() -> None:
    said = sub(
        subscriptionName="fast ones",
        description="more than 50",
        entities=[{"type": "(Vehicle|Bus);Electric", "idPattern": "urn:.*"}],
        watchedAttributes=["speed"],
        notificationTrigger=["entityDeleted"],
        q="speed>50",
        geoQ={
            "georel": "near;maxDistance==1",
            "geometry": "Point",
            "coordinates": [1, 1],
            "geoproperty": "parkedAt",
        },
        csf="endpoint",
        scopeQ="/a/#",
        lang="en",
        datasetId=["urn:x:d"],
        isActive=True,
        expiresAt=FUTURE,
        throttling=2.5,
        jsonldContext=CORE,
        notification={
            "pick": ["id", "owner{id,name}"],
            "format": "concise",
            "showChanges": True,
            "sysAttrs": False,
            "join": "inline",
            "joinLevel": 2,
            "endpoint": {
                "uri": "mqtts://u:p@broker.example/a/b",
                "accept": "application/json",
                "receiverInfo": [{"key": "A", "value": "b"}],
                "notifierInfo": [{"key": "MQTT-QoS", "value": "2"}],
                "timeout": 1000,
                "cooldown": 2000,
            },
        },
    )
    door = a_door()
    read_only = {"status": "expired", "__inside": 1, "createdAt": FUTURE}
    assert door.ask("POST", "/subscriptions", {**said, **read_only}).status == 201
    shown = door.ask("GET", "/subscriptions/urn:ngsi-ld:Subscription:1").json
    assert shown == {**said, "status": "active"}


def test_5_2_12_triggers_are_shown_when_nobody_said_them() -> None:
    door = a_door()
    door.ask("POST", "/subscriptions", sub())
    shown = door.ask("GET", "/subscriptions/urn:ngsi-ld:Subscription:1").json
    assert shown == {**sub(), "status": "active", "notificationTrigger": ["attributeCreated", "attributeUpdated"]}


def test_5_5_7_names_come_back_in_the_context_of_the_asker() -> None:
    said = sub(
        entities=[{"type": "Lorry|Bus"}],
        watchedAttributes=["load"],
        notification={"attributes": ["load"], "endpoint": {"uri": "https://receiver.example/n"}},
    )
    said["@context"] = {"Lorry": "https://x.example/Lorry", "load": "https://x.example/load"}
    door = a_door()
    headers = {"content-type": "application/ld+json"}
    assert door.ask("POST", "/subscriptions", said, headers=headers).status == 201
    shown = door.ask("GET", "/subscriptions/urn:ngsi-ld:Subscription:1").json
    assert shown["entities"] == [{"type": "https://x.example/Lorry|Bus"}]
    assert shown["watchedAttributes"] == shown["notification"]["attributes"] == ["https://x.example/load"]


def test_5_8_4_subscriptions_are_listed_page_by_page_in_the_order_of_creation() -> None:
    door = a_door()
    ids = [f"urn:x:{number}" for number in range(3)]
    for one in ids:
        door.ask("POST", "/subscriptions", sub(id=one))
    reply = door.ask("GET", "/subscriptions", limit="1", offset="1", count="true")
    assert [one["id"] for one in reply.json] == ids[1:2]
    assert reply.header("ngsild-results-count") == "3"
    links = reply.all("link")
    assert [any(f'rel="{rel}"' in link for link in links) for rel in ("prev", "next")] == [True, True]
    assert [one["id"] for one in door.ask("GET", "/subscriptions").json] == ids
    assert door.ask("GET", "/subscriptions", limit="0").error == "BadRequestData"


def test_5_8_3_sys_attrs_bring_the_times() -> None:
    door = a_door()
    door.ask("POST", "/subscriptions", sub())
    path = "/subscriptions/urn:ngsi-ld:Subscription:1"
    door.clock.advance_to(START_US + 1_000_000)
    door.ask("PATCH", path, {"throttling": 1})
    shown = door.ask("GET", path, options="sysAttrs").json
    assert (shown["createdAt"], shown["modifiedAt"]) == tuple(map(to_wire_time, (START_US, START_US + 1_000_000)))


@pytest.mark.parametrize("method", ["GET", "PATCH", "DELETE"])
def test_5_8_3_an_unknown_id_is_404_and_a_bad_one_400(method: str) -> None:
    body = {"throttling": 1} if method == "PATCH" else None
    assert a_door().ask(method, "/subscriptions/urn:x:none", body).error == "ResourceNotFound"
    assert a_door().ask(method, "/subscriptions/no-uri", body).error == "BadRequestData"
    if method != "GET":
        assert a_door().ask(method, "/subscriptions/", body).status == 405


@pytest.mark.parametrize(
    ("change", "shown"),
    [
        ({"throttling": 3}, {"throttling": 3}),
        ({"entities": [{"type": "Bus"}]}, {"entities": [{"type": "Bus"}]}),
        ({"q": None}, {"q": None}),
        ({"isActive": False}, {"status": "paused"}),
        ({"isActive": True}, {"status": "active"}),
        ({"expiresAt": FUTURE}, {"status": "active"}),
        (telling(format="concise"), telling(format="concise")),
        ({"entities": None, "watchedAttributes": ["a"]}, {"entities": None, "watchedAttributes": ["a"]}),
    ],
    ids=str,
)
def test_5_8_2_an_update_replaces_the_members_it_names(change: dict[str, Any], shown: dict[str, Any]) -> None:
    door = a_door()
    door.ask("POST", "/subscriptions", sub(q="speed>1"))
    path = "/subscriptions/urn:ngsi-ld:Subscription:1"
    reply = door.ask("PATCH", path, {"type": "Subscription", **change})
    assert (reply.status, reply.body) == (204, b"")
    stands = door.ask("GET", path).json
    assert {name: stands.get(name) for name in shown} == shown
    assert stands["id"] == sub()["id"]


@pytest.mark.parametrize(
    "change",
    [
        {"notification": None},
        {"notification": {"format": "concise"}},
        {"notification": {"endpoint": None}},
        {"entities": None},
        {"entities": []},
        {"type": "Subscribe"},
        {"expiresAt": PAST},
        {"throttling": -1},
        {"timeInterval": 5, "throttling": 5},
    ],
    ids=str,
)
def test_5_8_2_an_update_that_makes_no_sense_changes_nothing(change: dict[str, Any]) -> None:
    door = a_door()
    door.ask("POST", "/subscriptions", sub())
    path = "/subscriptions/urn:ngsi-ld:Subscription:1"
    before = door.ask("GET", path).json
    assert door.ask("PATCH", path, change).error == "BadRequestData"
    assert door.ask("GET", path).json == before


def test_5_8_2_being_active_does_not_revive_an_expired_one_but_a_new_end_does() -> None:
    door = a_door()
    door.ask("POST", "/subscriptions", sub(expiresAt=FUTURE))
    path = "/subscriptions/urn:ngsi-ld:Subscription:1"
    door.clock.advance_to(START_US + 7_200_000_000)
    door.ask("PATCH", path, {"isActive": True})
    assert door.ask("GET", path).json["status"] == "expired"
    door.ask("PATCH", path, {"expiresAt": to_wire_time(START_US + 9_000_000_000)})
    assert door.ask("GET", path).json["status"] == "active"


# whose they are


def test_4_14_subscriptions_of_one_tenant_are_not_those_of_another() -> None:
    door = a_door()
    east, west = {"ngsild-tenant": "east"}, {"ngsild-tenant": "west"}
    path = "/subscriptions/urn:ngsi-ld:Subscription:1"
    assert door.ask("POST", "/subscriptions", sub(), headers=east).status == 201
    assert door.ask("GET", path).error == "ResourceNotFound"
    assert door.ask("GET", "/subscriptions", headers=west).error == "NonexistentTenant"
    assert door.ask("GET", path, headers=east).status == 200


def test_who_may_not_subscribe_is_told_so_and_sees_no_subscription_of_others() -> None:
    door = a_door()
    door.ask("POST", "/subscriptions", sub())
    door.who = Principal("urn:ngsi-ld:Resident:1", "resident", ("/",))
    path = "/subscriptions/urn:ngsi-ld:Subscription:1"
    assert door.ask("POST", "/subscriptions", sub(id="urn:x:2")).error == "NotAllowed"
    assert door.ask("GET", "/subscriptions").json == []
    for method, body in (("GET", None), ("PATCH", {"throttling": 1}), ("DELETE", None)):
        assert door.ask(method, path, body).error == "ResourceNotFound"


def test_a_subscriber_is_told_only_what_he_may_see() -> None:
    async def story(node: Scene) -> None:
        node.door.who = Principal("urn:ngsi-ld:Staff:1", "community_worker", ("/cn/r37/r3701/r370102/r370102001",))
        await node.subscribe({"format": "simplified"}, entities=[{"type": "Vehicle"}, {"type": "Area"}])
        node.door.who = ADMIN
        await node.done("POST", "/entities", car())
        await node.done("POST", "/entities", area())
        ((told,),) = await node.data(1)
        assert told["id"] == area()["id"]

    play(story, default_context="linli")


# over MQTT


@pytest.mark.parametrize("qos", ["0", "1", "2"])
def test_5_8_6_a_notification_reaches_an_mqtt_topic(qos: str, tmp_path: Any) -> None:
    async def story() -> None:
        async with mosquitto(tmp_path) as port, scene() as node, aiomqtt.Client("127.0.0.1", port) as listener:
            await listener.subscribe("cars/#", qos=2)
            endpoint = {
                "uri": f"mqtt://127.0.0.1:{port}/cars/fast",
                "receiverInfo": [{"key": "gate", "value": "7"}],
                "notifierInfo": [{"key": "MQTT-QoS", "value": qos}, {"key": "MQTT-Version", "value": "mqtt3.1.1"}],
            }
            await node.subscribe({"endpoint": endpoint})
            await node.done("POST", "/entities", car())
            message = await anext(aiter(listener.messages))
            assert (str(message.topic), str(message.qos)) == ("cars/fast", qos)
            said = read_json(message.payload)
            assert said["metadata"]["Content-Type"] == "application/json"
            assert said["metadata"]["gate"] == "7"
            assert said["metadata"]["Link"].startswith(f"<{CORE}>")
            assert said["body"]["data"] == [car()]

    run(story())
