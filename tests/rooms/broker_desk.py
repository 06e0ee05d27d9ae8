"""A broker on a store in memory, some people, and builders of plainly made-up entities."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from linli.base import Ids, SteppedClock
from linli.broker import Broker, Draft
from linli.store import MemoryStore, Store
from linli.trust import Act, Policies, Principal
from linli.vocab import vocabulary

START_US = 1_795_400_107_000_000
HOME = "/cn/r37/r3701/r370102"
WEST, EAST = f"{HOME}/r370102001/r370102001001", f"{HOME}/r370102001/r370102001002"

ENGINE = Act(Principal("engine:test", "engine", ("/",)), "service")
ADMIN = Act(Principal("operator", "operator", ("/",)), "service")
WORKER = Act(Principal("worker:west", "community_worker", (WEST,)), "staff")
OFFICIAL = Act(Principal("official:1", "city_official", ("/cn",)), "statistics")
STRANGER = Act(Principal("caller:0123", "caller"), "service")


@dataclass
class Desk:
    broker: Broker
    store: Store
    clock: SteppedClock


def a_desk(store: Store | None = None, **options: Any) -> Desk:
    store, clock = store or MemoryStore(), SteppedClock(START_US)
    broker = Broker(store, vocabulary(), Policies(clock), clock, ids=Ids("370102"), home_scope=HOME, **options)
    return Desk(broker, store, clock)


def urn(entity_type: str, name: object) -> str:
    return f"urn:ngsi-ld:{entity_type}:370102001001:{name}"


def a_call(name: object = 1, scope: str = WEST, version: int | None = 0, **values: Any) -> Draft:
    said: dict[str, Any] = {
        "number": "K7Q-24M",
        "serviceKind": "urn:ngsi-ld:ServiceKind:elder.care_visit",
        "urgency": 1,
        "mouth": "key",
        "receivedAt": "2026-11-23T02:15:07Z",
        "homeNode": "urn:ngsi-ld:Area:370102000000",
        "state": "received",
        "stateAt": "2026-11-23T02:15:07Z",
        "seq": 1,
        "caller": urn("Resident", "demo1"),
        "place": {"type": "Point", "coordinates": [117.0213, 36.6601]},
        "text": "made-up words",
    }
    return Draft(urn("ServiceCall", name), "ServiceCall", {**said, **values}, (scope,), version)


def a_helper(name: object = 1, scope: str = WEST, version: int | None = 0, **values: Any) -> Draft:
    said: dict[str, Any] = {
        "fullName": "王示例",
        "telephone": "13800001234",
        "role": "carer",
        "organization": "urn:ngsi-ld:Provider:370102001001:demo",
        "hasSkill": ["carer", "first_aid"],
        "dutyState": "ready",
        "position": {"type": "Point", "coordinates": [117.0213, 36.6601]},
    }
    return Draft(urn("Helper", name), "Helper", {**said, **values}, (scope,), version)
