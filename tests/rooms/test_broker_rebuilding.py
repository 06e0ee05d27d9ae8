"""A write whose images are gone from memory: what stood before and after it is read out of history."""

from __future__ import annotations

import asyncio
from typing import Any

from broker_desk import ADMIN, a_desk

from linli.base import SECOND_US
from linli.broker import Contexts
from linli.broker._plain import Doc, decoded
from linli.vocab import vocabulary

TERMS = Contexts(vocabulary(), {}, default="core").default
CAR = "urn:x:car"
CHANGES: list[dict[str, Any]] = [
    {"speed": {"type": "Property", "value": 1}},
    {"scope": "/cn/a"},
    {"scope": ["/cn/b", "/cn/c"], "speed": {"type": "Property", "value": 2}},
    {"colour": {"type": "Property", "value": "red"}},
    {"scope": "urn:ngsi-ld:null"},
    {"scope": "/cn/d"},
]


def plain(doc: Doc | None) -> Doc | None:
    """Leave out what only says that the scope is not the first one."""
    return None if doc is None else {name: said for name, said in doc.items() if name != "scopeAt"}


def rebuilt_like_it_was(**first: Any) -> None:
    async def story() -> None:
        desk = a_desk()
        await desk.broker.create(ADMIN, {"id": CAR, "type": "Car", **first}, TERMS)
        docs: list[Doc | None] = [None, plain(decoded(await desk.store.get("default", CAR)))]
        for change in CHANGES:
            desk.clock.advance_to(desk.clock.now_us() + SECOND_US)
            await desk.broker.merge(ADMIN, CAR, change, TERMS)
            docs.append(plain(decoded(await desk.store.get("default", CAR))))
        rows = [row for row in await desk.store.log_since("default", 0) if row.entity_id == CAR]
        events = [await desk.broker.event(row, None) for row in rows]
        assert [plain(one.after) for one in events if one] == docs[1:]
        assert [plain(one.before) for one in events if one] == docs[:-1]

    asyncio.run(story())


def test_attributes_and_scopes_are_those_of_that_time() -> None:
    rebuilt_like_it_was(scope="/cn", speed={"type": "Property", "value": 0})


def test_an_entity_that_had_no_scope_at_first_has_none_then() -> None:
    rebuilt_like_it_was()
