"""Reading personal data leaves a row of the audit, before the answer leaves, and nothing else does."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest
from broker_desk import (
    ADMIN,
    EAST,
    ENGINE,
    OFFICIAL,
    START_US,
    STRANGER,
    WEST,
    WORKER,
    Desk,
    a_call,
    a_desk,
    a_helper,
    urn,
)

from linli.base import SECOND_US
from linli.base.errors import BadRequestData, NotAllowed, PurposeMissing, ResourceNotFound
from linli.broker import Draft, Join, Looks, Paging, Projection, Query, Span, read_types
from linli.broker._names import inner_name
from linli.egress import Egress
from linli.store import MemoryStore
from linli.trust import Act, AuditEntry, HashChain, NodeSecret, Notary, Principal, check_proof, read_row, trace_of

CALLER, CALL, HELPER = urn("Resident", "demo1"), urn("ServiceCall", 1), urn("Helper", 1)
SERVING = replace(WORKER, purpose="service")
HIMSELF = Act(Principal(CALLER, "resident", (WEST,)), "service")
WHOLE = Projection()


def told(story: Callable[[Desk], Awaitable[None]]) -> None:
    """Tell a story on a desk with two calls and a helper, whose store chains what is written."""

    async def run() -> None:
        desk = a_desk(MemoryStore(HashChain()), egress=Egress(["example.org"]))
        await desk.broker.write(ENGINE, [a_call(1), a_call(2), a_helper(1)])
        await story(desk)

    asyncio.run(run())


async def looks(desk: Desk) -> list[AuditEntry]:
    """Return all rows of the audit but the summaries."""
    rows = [read_row(one.row) for one in await desk.store.audit_since("default", 0)]
    return [one for one in rows if one is not None and one.action != "change"]


async def read(desk: Desk, act: Act, entity_id: str = CALL, **projection: Any) -> bytes:
    return await desk.broker.get_bytes(act, entity_id, desk.broker.contexts.default, Projection(**projection))


async def listed(desk: Desk, act: Act, **how: Any) -> list[bytes]:
    terms = desk.broker.contexts.default
    query = Query(types=read_types("ServiceCall", terms))
    return (await desk.broker.query(act, query, terms=terms, projection=WHOLE, **how)).entities


def test_a_read_of_personal_data_is_written_down_with_who_why_whose_and_by_which_rule() -> None:
    async def story(desk: Desk) -> None:
        await read(desk, SERVING)
        (row,) = await looks(desk)
        assert (row.actor, row.role, row.action, row.purpose) == (WORKER.who.id, "community_worker", "read", "service")
        assert (row.policy, row.type, row.scope, row.ok) == ("desk-calls", "ServiceCall", WEST, True)
        assert row.classes == ("personal", "sensitive")
        assert (row.of, row.on) == ((trace_of(CALLER),), trace_of(CALL))

    told(story)


def test_every_answer_is_written_down_also_one_that_was_rendered_before() -> None:
    async def story(desk: Desk) -> None:
        for _ in range(3):
            await read(desk, SERVING)
        assert len(await looks(desk)) == 3

    told(story)


@pytest.mark.parametrize(
    "act", [replace(SERVING, purpose=None), replace(OFFICIAL, purpose="service"), ENGINE, replace(ADMIN, purpose=None)]
)
def test_where_nothing_personal_is_shown_in_clear_nothing_is_written_down(act: Act) -> None:
    async def story(desk: Desk) -> None:
        shows = Projection(pick=frozenset({inner_name("https://w3id.org/linli#state"), "id"}))
        await desk.broker.get_bytes(act, CALL, desk.broker.contexts.default, shows)
        with suppress(PurposeMissing):
            await listed(desk, act)
        assert await looks(desk) == []

    told(story)


def test_what_was_not_asked_for_was_not_looked_at() -> None:
    async def story(desk: Desk) -> None:
        state, place = inner_name("https://w3id.org/linli#state"), inner_name("https://w3id.org/linli#place")
        await read(desk, SERVING, pick=frozenset({state}))
        assert await looks(desk) == []
        await read(desk, SERVING, pick=frozenset({place}))
        assert [one.classes for one in await looks(desk)] == [("sensitive",)]

    told(story)


def test_a_list_leaves_one_row_with_the_traces_of_all_in_it_and_of_no_more() -> None:
    async def story(desk: Desk) -> None:
        await desk.broker.write(ENGINE, [a_call(3, caller=urn("Resident", "demo3"))])
        assert len(await listed(desk, SERVING, limit=2)) == 2
        (row,) = await looks(desk)
        assert (row.action, row.of) == ("list", (trace_of(CALLER),))
        await listed(desk, SERVING, limit=2, offset=1)
        assert set((await looks(desk))[1].of) == {trace_of(CALLER), trace_of(urn("Resident", "demo3"))}

    told(story)


def test_nobody_is_written_down_for_what_he_sees_of_himself() -> None:
    async def story(desk: Desk) -> None:
        assert b"place" in await read(desk, HIMSELF)
        assert len(await listed(desk, HIMSELF)) == 2
        assert await looks(desk) == []

    told(story)


def test_what_is_linked_to_an_answer_is_looked_at_too() -> None:
    async def story(desk: Desk) -> None:
        await desk.broker.write(ENGINE, [a_call(4, assigned=HELPER, caller=urn("Resident", "demo4"))])
        terms = desk.broker.contexts.default
        act = replace(ADMIN, purpose="service")
        await desk.broker.get_joined(act, urn("ServiceCall", 4), terms, WHOLE, join=Join("inline", 1))
        (row,) = await looks(desk)
        assert trace_of(urn("Resident", "demo4")) in row.of
        assert trace_of(HELPER) in row.of
        assert row.type == "Helper,ServiceCall"

    told(story)


def test_the_past_of_somebody_is_looked_at_as_his_present_is() -> None:
    async def story(desk: Desk) -> None:
        broker, terms = desk.broker, desk.broker.contexts.default
        await broker.evolution(SERVING, CALL, terms=terms, span=Span(), projection=WHOLE)
        query = Query(types=read_types("ServiceCall", terms))
        await broker.evolutions(SERVING, query, terms=terms, span=Span(), projection=WHOLE, paging=Paging())
        assert [(one.action, trace_of(CALLER) in one.of) for one in await looks(desk)] == [
            ("read", True),
            ("list", True),
        ]

    told(story)


def test_a_geometry_that_is_shown_as_such_is_looked_at() -> None:
    async def story(desk: Desk) -> None:
        state, place = inner_name("https://w3id.org/linli#state"), inner_name("https://w3id.org/linli#place")
        await read(desk, SERVING, pick=frozenset({state}), place=place)
        assert [one.classes for one in await looks(desk)] == [("sensitive",)]

    told(story)


def test_a_person_sees_who_looked_newest_first_and_nobody_elses_rows() -> None:
    async def story(desk: Desk) -> None:
        await read(desk, SERVING)
        await listed(desk, replace(ADMIN, purpose="service"))
        found = await desk.broker.who_looked(HIMSELF)
        assert [(one.role, one.action, one.types, one.own) for one in found] == [
            ("operator", "list", ("ServiceCall",), False),
            ("community_worker", "read", ("ServiceCall",), False),
        ]
        assert await desk.broker.who_looked(HIMSELF, before=found[0].seq) == found[1:]
        assert await desk.broker.who_looked(STRANGER) == []
        guardian = Act(Principal(urn("Resident", "daughter"), "guardian"), "service", for_whom=CALLER)
        assert len(await desk.broker.who_looked(guardian)) == 2

    told(story)


def test_a_person_takes_the_proof_of_a_look_home_and_no_proof_about_others() -> None:
    async def story(desk: Desk) -> None:
        await read(desk, SERVING)
        (look,) = await desk.broker.who_looked(HIMSELF)
        with pytest.raises(ResourceNotFound, match="No checkpoint"):
            await desk.broker.proof_of_look(HIMSELF, look.seq)
        secret = NodeSecret(None)
        await Notary(desk.store, secret, desk.clock, node="990101").attest("default")
        proven = check_proof(await desk.broker.proof_of_look(HIMSELF, look.seq), frozenset((secret.public_key,)))
        assert trace_of(CALLER) in proven.row.of
        for act, seq in ((STRANGER, look.seq), (HIMSELF, look.seq - 1), (HIMSELF, look.seq + 1)):
            with pytest.raises(ResourceNotFound, match="no such row about you"):
                await desk.broker.proof_of_look(act, seq)

    told(story)


def test_the_summary_of_a_write_names_the_rule_that_allowed_it() -> None:
    async def story(desk: Desk) -> None:
        (first, *_) = await desk.store.audit_since("default", 0)
        entry = read_row(first.row)
        assert entry is not None
        assert (entry.action, entry.policy) == ("change", "engine")

    told(story)


def test_a_stream_writes_down_each_person_when_it_begins_to_tell_of_him_and_then_once_a_minute() -> None:
    async def story(desk: Desk) -> None:
        lately: dict[str, int] = {}

        async def tell(*persons: str) -> int:
            found = Looks(SERVING)
            for person in persons:
                found.add(CALL, ("ServiceCall",), (WEST,), persons=(person,), classes=("personal",), policy="rule")
            await desk.broker.shown(found, "live", lately)
            return len(await looks(desk))

        assert [await tell("urn:a"), await tell("urn:a"), await tell("urn:a", "urn:b"), await tell("urn:b")] == [
            1,
            1,
            2,
            2,
        ]
        desk.clock.advance_to(START_US + 59 * SECOND_US)
        assert await tell("urn:a", "urn:b") == 2
        desk.clock.advance_to(START_US + 60 * SECOND_US)
        assert await tell("urn:a") == 3
        assert await tell() == 3

    told(story)


def test_a_subscriber_who_is_told_of_a_person_is_written_down() -> None:
    async def story(desk: Desk) -> None:
        terms = desk.broker.contexts.default
        body = {
            "id": "urn:ngsi-ld:Subscription:1",
            "type": "Subscription",
            "entities": [{"type": "ServiceCall"}],
            "notification": {"endpoint": {"uri": "https://example.org/told"}},
        }
        await desk.broker.create_subscription(SERVING, body, terms, "http://localhost")
        (record,) = [one async for one in desk.broker.subscription_records("default")]
        subscription = await desk.broker.compiled_subscription("default", record)
        assert subscription is not None
        for _ in range(2):
            assert await desk.broker.written(subscription, []) is not None
        (row,) = await looks(desk)
        assert (row.action, row.actor, row.of) == ("notify", WORKER.who.id, (trace_of(CALLER),))

    told(story)


def test_a_refusal_is_written_down_and_the_person_sees_that_nothing_was_shown() -> None:
    async def story(desk: Desk) -> None:
        east = replace(SERVING, who=Principal("worker:east", "community_worker", (EAST,)))
        for entity_id in (CALL, urn("ServiceCall", "nobody")):
            with pytest.raises(ResourceNotFound):
                await read(desk, east, entity_id)
        await desk.broker.settled()
        (row,) = await looks(desk)
        assert (row.actor, row.action, row.ok, row.policy != "") == ("worker:east", "read", False, True)
        (look,) = await desk.broker.who_looked(HIMSELF)
        assert (look.role, look.allowed) == ("community_worker", False)

    told(story)


def test_a_write_that_is_refused_is_written_down_and_one_of_something_public_is_not() -> None:
    async def story(desk: Desk) -> None:
        for draft in (a_call(9), Draft(urn("Gate", 1), "Gate", {"name": {"zh": "门", "en": "Gate"}}, (WEST,), 0)):
            with pytest.raises((NotAllowed, BadRequestData)):
                await desk.broker.write(replace(STRANGER, purpose="service"), [draft])
        await desk.broker.settled()
        assert [(one.action, one.type, one.ok) for one in await looks(desk)] == [("create", "ServiceCall", False)]

    told(story)
