"""The engines' door: drafts in, plain entities out, one commit, checked by the vocabulary and allowed by trust."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest
from broker_desk import (
    ADMIN,
    EAST,
    ENGINE,
    HOME,
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
from linli.base.errors import AlreadyExists, BadRequestData, Conflict, NotAllowed, ResourceNotFound
from linli.broker import Draft
from linli.store import Change, MemoryStore, Timer
from linli.trust import Act, Principal

CALL, HELPER = urn("ServiceCall", 1), urn("Helper", 1)


def run(coroutine: Any) -> Any:
    return asyncio.run(coroutine)


def written(*drafts: Draft) -> Desk:
    desk = a_desk()
    run(desk.broker.write(ENGINE, drafts))
    return desk


def test_what_was_written_is_what_is_read() -> None:
    desk = a_desk()
    made = run(desk.broker.write(ENGINE, [a_call()]))[CALL]
    assert made == run(desk.broker.read(ENGINE, CALL))
    assert made.values == dict(a_call().values)
    assert (made.type, made.scopes, made.version) == ("ServiceCall", (WEST,), 1)
    assert made.created_us == made.modified_us == START_US


def test_a_change_leaves_what_it_does_not_name_and_none_takes_away() -> None:
    desk = written(a_call())
    desk.clock.advance_to(START_US + SECOND_US)
    change = Draft(CALL, "ServiceCall", {"state": "triaged", "text": None, "rating": None}, expect_version=1)
    now = run(desk.broker.write(ENGINE, [change]))[CALL]
    wanted = {key: value for key, value in a_call().values.items() if key != "text"}
    assert now.values == {**wanted, "state": "triaged"}
    assert (now.version, now.created_us, now.modified_us) == (2, START_US, START_US + SECOND_US)
    assert now == run(desk.broker.read(ENGINE, CALL))


def test_a_new_entity_without_a_scope_belongs_to_the_node() -> None:
    desk = written(replace(a_call(), scopes=None))
    assert run(desk.broker.read(ENGINE, CALL)).scopes == (HOME,)


@pytest.mark.parametrize(
    ("draft", "error"),
    [
        (a_call(version=0), AlreadyExists),
        (Draft(CALL, "ServiceCall", {"state": "triaged"}, expect_version=7), Conflict),
        (Draft(urn("ServiceCall", 9), "ServiceCall", {"state": "triaged"}, expect_version=1), ResourceNotFound),
        (Draft(CALL, "Helper", {"dutyState": "off"}), BadRequestData),
        (Draft(CALL, "Dragon", {}), BadRequestData),
        (Draft(CALL, "ServiceCall", {"state": "asleep"}), BadRequestData),
        (Draft(CALL, "ServiceCall", {"urgency": 4}), BadRequestData),
        (Draft(CALL, "ServiceCall", {"state": None}), BadRequestData),
        (Draft(CALL, "ServiceCall", {"colour": "red"}), BadRequestData),
        (Draft(urn("ServiceCall", 9), "ServiceCall", {"state": "triaged"}), BadRequestData),
    ],
)
def test_a_wrong_draft_stops_the_whole_commit(draft: Draft, error: type[Exception]) -> None:
    desk = written(a_call())
    good = a_helper()
    with pytest.raises(error):
        run(desk.broker.write(ENGINE, [good, draft], cursor=("dispatch", 1)))
    assert run(desk.broker.read(ENGINE, HELPER)) is None
    assert run(desk.broker.read(ENGINE, CALL)).version == 1
    assert run(desk.broker.log.cursor("dispatch")) == 0


def test_a_fault_names_the_attribute_and_says_what_is_allowed() -> None:
    with pytest.raises(BadRequestData, match=r"ServiceCall\.urgency: must be a whole number from 0 to 3"):
        written(a_call(urgency=9))


def test_an_own_addition_is_kept() -> None:
    desk = written(a_call(x_demo_colour="green"))
    assert run(desk.broker.read(ENGINE, CALL)).values["x_demo_colour"] == "green"


def test_one_commit_holds_one_draft_of_an_entity() -> None:
    with pytest.raises(BadRequestData, match="one draft"):
        written(a_call(), a_call())


class Jostled(MemoryStore):
    """A store in which somebody else is always faster, `times` times."""

    def __init__(self, times: int) -> None:
        super().__init__()
        self.times = times

    async def commit(self, change: Change) -> Any:
        if self.times and change.puts and change.puts[0].expect_version:
            self.times -= 1
            put = change.puts[0]._replace(expect_version=None, facts=(), attrs=())
            stored = await self.get(change.tenant, put.entity_id)
            await super().commit(replace(change, puts=(put._replace(doc=stored.doc),), cursor=None))
        return await super().commit(change)


def test_a_change_that_pins_no_version_starts_again_when_others_were_faster() -> None:
    desk = a_desk(Jostled(3))
    run(desk.broker.write(ENGINE, [a_call()]))
    now = run(desk.broker.write(ENGINE, [Draft(CALL, "ServiceCall", {"state": "triaged"})]))[CALL]
    assert (now.version, now.values["state"]) == (5, "triaged")


def test_a_change_that_pins_a_version_does_not_start_again() -> None:
    desk = a_desk(Jostled(1))
    run(desk.broker.write(ENGINE, [a_call()]))
    with pytest.raises(Conflict):
        run(desk.broker.write(ENGINE, [Draft(CALL, "ServiceCall", {"state": "triaged"}, expect_version=1)]))
    assert run(desk.broker.read(ENGINE, CALL)).values["state"] == "received"


def test_timers_cursor_and_entities_are_one_commit_and_a_fired_timer_is_a_row() -> None:
    async def story() -> None:
        desk = a_desk()
        timer = Timer(CALL, "ServiceCall", "rung-1", START_US + SECOND_US, WEST)
        await desk.broker.write(ENGINE, [a_call(), a_helper()], set_timers=[timer], cursor=("dispatch", 0))
        log = desk.broker.log
        assert {row.tx for row in await log.rows_since(0)} == {1}
        assert await log.next_due() == timer.due_us
        assert await log.claim_due(timer.due_us - 1) == 0
        assert await log.claim_due(timer.due_us) == 1
        row = (await log.rows_since(2))[0]
        assert (row.kind, row.entity_id, row.attrs) == ("timer", CALL, ("rung-1",))
        await desk.broker.write(ENGINE, [], cursor=("dispatch", row.seq))
        assert await log.cursor("dispatch") == row.seq == await log.head()

    run(story())


def test_the_log_names_what_changed_who_did_it_and_why_and_holds_no_value() -> None:
    desk = written(a_call())
    run(desk.broker.write(ENGINE, [Draft(CALL, "ServiceCall", {"state": "triaged", "text": None})]))
    row = run(desk.broker.log.rows_since(1))[0]
    assert (row.kind, row.type, row.version, row.attrs) == ("update", "ServiceCall", 2, ("state", "text"))
    assert (row.actor, row.purpose, row.scope) == ("engine:test", "service", WEST)
    assert "made-up words" not in repr(run(desk.broker.log.rows_since(0)))


def test_history_keeps_each_value_and_that_one_was_taken_away() -> None:
    desk = written(a_call())
    run(desk.broker.write(ENGINE, [Draft(CALL, "ServiceCall", {"state": "triaged"})]))
    run(desk.broker.write(ENGINE, [Draft(CALL, "ServiceCall", {"text": None})]))
    states = run(desk.store.history("default", CALL, "state"))
    assert [(seq, b"triaged" in fact.doc) for seq, fact in states] == [(2, True), (1, False)]
    texts = run(desk.store.history("default", CALL, "text"))
    assert [fact.doc is None for _, fact in texts] == [True, False]


def test_read_all_finds_by_keys_scope_and_ids_in_the_order_of_creation() -> None:
    desk = a_desk()
    drafts = [a_call(n, scope=WEST if n % 2 else EAST, state="offered" if n > 3 else "received") for n in range(1, 7)]
    for draft in drafts:
        run(desk.broker.write(ENGINE, [draft]))

    def names(**how: Any) -> list[int]:
        return [int(one.id[-1]) for one in run(desk.broker.read_all(ENGINE, "ServiceCall", **how))]

    assert names() == [1, 2, 3, 4, 5, 6]
    assert names(keys={"state": ["offered"]}) == [4, 5, 6]
    assert names(keys={"state": ["offered", "received"]}, scope=WEST) == [1, 3, 5]
    assert names(keys={"state": ["offered"], "mouth": ["key"]}, scope=EAST) == [4, 6]
    assert names(keys={"mouth": ["num"]}) == []
    assert names(keys={"urgency": ["1.0"]}, ids=[urn("ServiceCall", 2), urn("ServiceCall", 9)]) == [2]
    assert names(scope="/cn/r37/r3701/r3701") == []


def test_many_valued_attributes_are_found_by_any_of_their_values() -> None:
    desk = written(a_call(offeredTo=[HELPER, urn("Helper", 2)]))
    found = run(desk.broker.read_all(ENGINE, "ServiceCall", keys={"offeredTo": [urn("Helper", 2)]}))
    assert [one.id for one in found] == [CALL]


def test_each_sees_his_own_calls_and_nobody_else_s() -> None:
    desk = written(a_call(1), a_call(2, caller=urn("Resident", "demo2"), offeredTo=[HELPER]))

    def seen(who: str, role: str) -> list[str]:
        act = Act(Principal(who, role), "service")
        return [one.id[-1] for one in run(desk.broker.read_all(act, "ServiceCall"))]

    assert seen(urn("Resident", "demo1"), "resident") == ["1"]
    assert seen(HELPER, "helper") == ["2"]
    assert seen(urn("Helper", 7), "helper") == []
    assert run(desk.broker.read(STRANGER, CALL)) is None
    watching = Act(Principal(CALL, "caller"), "service")
    assert run(desk.broker.read(watching, CALL)).values["text"] == "made-up words"


def test_a_worker_sees_helpers_masked_and_the_city_sees_no_person() -> None:
    desk = written(a_helper(healthCheckUntil="2027-01-01"))
    worker = run(desk.broker.read(WORKER, HELPER)).values
    assert worker["fullName"] == "王**"
    assert worker["telephone"] == "138****1234"
    assert worker["position"] == {"type": "Point", "coordinates": [117.0225, 36.6625]}
    assert worker["dutyState"] == "ready"
    assert "healthCheckUntil" not in worker
    city = run(desk.broker.read(OFFICIAL, HELPER)).values
    assert city["dutyState"] == "ready"
    assert {"fullName", "telephone", "position"}.isdisjoint(city)


def test_who_may_only_look_cannot_write() -> None:
    desk = written(a_call(), a_helper())
    for act in (STRANGER, OFFICIAL, WORKER, Act(Principal(HELPER, "helper"), "service")):
        with pytest.raises(NotAllowed):
            run(desk.broker.write(act, [Draft(HELPER, "Helper", {"dutyState": "off"})]))
    assert run(desk.broker.read(ENGINE, HELPER)).version == 1


def test_acting_is_asked_for_by_name_and_does_not_reach_into_another_area() -> None:
    desk = written(a_call(1), a_call(2, scope=EAST))
    close = {"state": "closed"}
    now = run(desk.broker.write(WORKER, [Draft(CALL, "ServiceCall", close)], verb="act"))
    assert now[CALL].values["state"] == "closed"
    with pytest.raises(NotAllowed):
        run(desk.broker.write(WORKER, [Draft(urn("ServiceCall", 2), "ServiceCall", close)], verb="act"))
    with pytest.raises(NotAllowed):
        run(desk.broker.write(WORKER, [Draft(CALL, "ServiceCall", close, scopes=(EAST,))], verb="act"))


def test_trust_says_the_same_of_what_was_read() -> None:
    desk = written(a_call())
    call = run(desk.broker.read(ENGINE, CALL))
    assert desk.broker.decide(Act(Principal(urn("Resident", "demo1"), "resident")), "act", call).ok
    assert not desk.broker.decide(Act(Principal(urn("Resident", "demo2"), "resident")), "act", call).ok
    assert desk.broker.decide(ADMIN, "delete", call).ok
