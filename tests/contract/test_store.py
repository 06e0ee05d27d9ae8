"""What every store promises, the same tests for all engines."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from linli.base.errors import AlreadyExists, BadRequestData, Conflict, ResourceNotFound, StoreFailed
from linli.store import AuditRow, Chain, Change, Delete, Fact, Find, Put, Store, Stored, Timer

pytestmark = pytest.mark.anyio
AT_US = 1_800_000_000_000_000
ONE, TWO, THREE = (f"urn:ngsi-ld:Thing:{n}" for n in (1, 2, 3))


def a_put(entity_id: str = ONE, **parts: Any) -> Put:
    given: dict[str, Any] = {"types": ("Thing",), "scopes": ("/cn/r37",), "doc": b'{"n":1}'} | parts
    return Put(entity_id, **given)


def a_change(*puts: Put, **parts: Any) -> Change:
    given: dict[str, Any] = {"tenant": "default", "actor": "urn:test:tester", "purpose": "service", "at_us": AT_US}
    return Change(puts=puts, **(given | parts))


def ids(found: list[Stored]) -> list[str]:
    return [stored.entity_id for stored in found]


async def found(store: Store, find: Find, **page: Any) -> list[str]:
    return ids(await store.find("default", find, **page))


async def test_what_was_put_is_there_with_version_one_and_its_times(store: Store) -> None:
    await store.commit(a_change(a_put()))
    assert await store.get("default", ONE) == Stored(ONE, ("Thing",), ("/cn/r37",), 1, AT_US, AT_US, b'{"n":1}', 1, 1)


async def test_nothing_stands_under_an_unknown_id(store: Store) -> None:
    assert await store.get("default", ONE) is None
    assert await store.find("default", Find(ids=(ONE,))) == []


async def test_a_second_put_raises_the_version_and_keeps_the_time_of_creation(store: Store) -> None:
    await store.commit(a_change(a_put()))
    before = await store.get("default", ONE)
    done = await store.commit(a_change(a_put(doc=b'{"n":2}', types=("Other",)), at_us=AT_US + 5))
    after = await store.get("default", ONE)
    assert before is not None
    assert done.versions == {ONE: 2}
    assert after == Stored(ONE, ("Other",), ("/cn/r37",), 2, AT_US, AT_US + 5, b'{"n":2}', before.row, 1)


async def test_expecting_nothing_where_something_stands_is_already_exists(store: Store) -> None:
    await store.commit(a_change(a_put(expect_version=0)))
    with pytest.raises(AlreadyExists):
        await store.commit(a_change(a_put(expect_version=0)))


@pytest.mark.parametrize("expected", [1, 3])
async def test_expecting_another_version_is_a_conflict(store: Store, expected: int) -> None:
    await store.commit(a_change(a_put()))
    await store.commit(a_change(a_put(expect_version=1)))
    with pytest.raises(Conflict):
        await store.commit(a_change(a_put(expect_version=expected)))


async def test_expecting_a_version_of_what_is_gone_is_a_conflict(store: Store) -> None:
    with pytest.raises(Conflict):
        await store.commit(a_change(a_put(expect_version=1)))


async def test_a_refused_change_leaves_nothing_of_itself(store: Store, chain: Chain) -> None:
    await store.commit(a_change(a_put()))
    head = await store.head("default")
    with pytest.raises(Conflict):
        await store.commit(
            a_change(
                a_put(TWO, keys=(("state", "open"),), facts=(Fact("n", "", b"2"),), box=(1.0, 1.0, 2.0, 2.0)),
                a_put(expect_version=9),
                set_timers=(Timer(TWO, "Thing", "late", 1),),
                cursor=("dispatch", 7),
                audit=(b"row",),
                deletes=(Delete(ONE),),
            )
        )
    assert await store.get("default", TWO) is None
    assert await store.get("default", ONE) is not None
    assert await found(store, Find(keys=(("state", ("open",)),))) == []
    assert await found(store, Find(box=(0.0, 0.0, 3.0, 3.0))) == []
    assert await store.head("default") == head
    assert await store.next_due("default") is None
    assert await store.cursor("default", "dispatch") == 0
    assert [one.row for one in await store.audit_since("default", 0)] == [chain.summary("", 1)]
    assert await store.types("default") == {"Thing": 1}


async def test_numbers_go_on_without_a_gap_after_a_refusal(store: Store) -> None:
    first = await store.commit(a_change(a_put()))
    with pytest.raises(AlreadyExists):
        await store.commit(a_change(a_put(TWO), a_put(expect_version=0), audit=(b"x",)))
    second = await store.commit(a_change(a_put(TWO)))
    assert second.seq == first.seq + 1


async def test_delete_takes_the_entity_its_keys_its_history_and_its_timers(store: Store) -> None:
    await store.commit(
        a_change(
            a_put(keys=(("state", "open"),), box=(1.0, 1.0, 1.0, 1.0), facts=(Fact("n", "", b"1"),)),
            set_timers=(Timer(ONE, "Thing", "late", 1),),
        )
    )
    await store.commit(a_change(deletes=(Delete(ONE, expect_version=1),)))
    assert await store.get("default", ONE) is None
    for find in (Find(), Find(types=("Thing",)), Find(keys=(("state", ("open",)),)), Find(box=(0.0, 0.0, 2.0, 2.0))):
        assert await found(store, find) == []
    assert await store.history("default", ONE, "n") == []
    assert await store.next_due("default") is None
    assert await store.types("default") == {}


async def test_deleting_what_is_not_there_or_stands_elsewhere_is_refused(store: Store) -> None:
    with pytest.raises(ResourceNotFound):
        await store.commit(a_change(deletes=(Delete(ONE),)))
    await store.commit(a_change(a_put()))
    with pytest.raises(Conflict):
        await store.commit(a_change(deletes=(Delete(ONE, expect_version=2),)))


async def test_what_comes_again_after_a_delete_is_new(store: Store) -> None:
    await store.commit(a_change(a_put(), a_put(TWO)))
    await store.commit(a_change(deletes=(Delete(ONE),)))
    await store.commit(a_change(a_put(expect_version=0)))
    again = await store.get("default", ONE)
    assert again is not None
    assert again.version == 1
    assert await found(store, Find()) == [TWO, ONE]


async def test_one_change_may_delete_and_put_and_put_again(store: Store) -> None:
    await store.commit(a_change(a_put(keys=(("state", "old"),), facts=(Fact("n", "", b"0"),))))
    done = await store.commit(
        a_change(
            a_put(doc=b"1", keys=(("state", "first"),), facts=(Fact("n", "", b"1"),)),
            a_put(doc=b"2", keys=(("state", "second"),), facts=(Fact("n", "", b"2"),)),
            deletes=(Delete(ONE),),
        )
    )
    stored = await store.get("default", ONE)
    assert stored is not None
    assert (stored.doc, stored.version, done.versions) == (b"2", 2, {ONE: 2})
    assert [row.kind for row in await store.log_since("default", 1)] == ["delete", "create", "update"]
    assert [fact.doc for _, fact in await store.history("default", ONE, "n")] == [b"2", b"1"]
    assert await found(store, Find(keys=(("state", ("first", "old")),))) == []
    assert await found(store, Find(keys=(("state", ("second",)),))) == [ONE]
    assert await store.types("default") == {"Thing": 1}


async def test_a_log_row_says_who_did_what_to_what_and_never_a_value(store: Store) -> None:
    await store.commit(
        a_change(a_put(types=("Thing", "Other"), scopes=("/a", "/b"), attrs=("n", "m")), audit=(b"seen",))
    )
    rows = await store.log_since("default", 0)
    assert rows[0] == (
        1,
        AT_US,
        "default",
        1,
        "create",
        ONE,
        "Thing",
        "/a",
        1,
        ("n", "m"),
        "urn:test:tester",
        "service",
    )
    assert rows[1] == (2, AT_US, "default", 1, "audit", "", "", "", 0, (), "urn:test:tester", "service")
    assert rows[0].attrs == ("n", "m")


async def test_log_since_pages_in_order_and_head_is_its_end(store: Store) -> None:
    for number in range(5):
        await store.commit(a_change(a_put(f"urn:x:{number}")))
    page = await store.log_since("default", 1, limit=2)
    assert [row.seq for row in page] == [2, 3]
    assert [row.seq for row in await store.log_since("default", 3)] == [4, 5]
    assert await store.log_since("default", 5) == []
    assert await store.head("default") == 5


async def test_history_keeps_every_fact_newest_first(store: Store) -> None:
    await store.commit(a_change(a_put(facts=(Fact("n", "", b"1"), Fact("m", "", b"9"), Fact("n", "urn:d", b"2")))))
    await store.commit(a_change(a_put(facts=(Fact("n", "", None),))))
    assert await store.history("default", ONE, "n") == [
        (2, Fact("n", "", None)),
        (1, Fact("n", "urn:d", b"2")),
        (1, Fact("n", "", b"1")),
    ]
    assert await store.history("default", ONE, "n", limit=1) == [(2, Fact("n", "", None))]
    assert await store.history("default", ONE, "unknown") == []


async def test_find_answers_each_question_and_their_combinations(store: Store) -> None:
    await store.commit(
        a_change(
            a_put(ONE, types=("Call",), scopes=("/cn/r37/a",), keys=(("state", "open"), ("kind", "sos"))),
            a_put(TWO, types=("Call",), scopes=("/cn/r37-x",), keys=(("state", "closed"), ("kind", "sos"))),
            a_put(THREE, types=("Helper", "Person"), scopes=("/cn/r37", "/cn/r38"), box=(117.0, 36.0, 117.1, 36.1)),
        )
    )
    call_state = ("state", ("open", "closed"))
    for find, expected in {
        Find(): [ONE, TWO, THREE],
        Find(types=("Call",)): [ONE, TWO],
        Find(types=("Person", "Helper", "Call")): [ONE, TWO, THREE],
        Find(ids=(THREE, ONE, THREE, "urn:x:none")): [ONE, THREE],
        Find(ids=(THREE, ONE), types=("Call",)): [ONE],
        Find(keys=(("state", ("open",)),)): [ONE],
        Find(keys=(call_state, ("kind", ("sos",)))): [ONE, TWO],
        Find(keys=(call_state, ("kind", ("other",)))): [],
        Find(scopes=(("/cn/r37", True),)): [ONE, THREE],
        Find(scopes=(("/cn/r37", False),)): [THREE],
        Find(scopes=(("/cn/r37/a", False), ("/cn/r37-x", True))): [ONE, TWO],
        Find(scopes=(("/", True),)): [ONE, TWO, THREE],
        Find(scopes=(("/cn/r3", True),)): [],
        Find(scopes=(("/cn", True),), types=("Helper",)): [THREE],
        Find(box=(117.05, 36.05, 118.0, 37.0)): [THREE],
        Find(box=(117.2, 36.05, 118.0, 37.0)): [],
        Find(box=(117.1, 36.1, 118.0, 37.0), types=("Call",)): [],
        Find(box=(117.0, 36.0, 117.0, 36.0), types=("Person",), scopes=(("/cn/r38", True),)): [THREE],
    }.items():
        assert await found(store, find) == expected, find
        assert await store.count("default", find) == len(expected), find


async def test_find_pages_in_the_order_of_creation(store: Store) -> None:
    made = [f"urn:x:{9 - number}" for number in range(7)]
    await store.commit(a_change(*(a_put(entity_id, keys=(("k", "v"),)) for entity_id in made)))
    for find in (Find(), Find(types=("Thing",)), Find(keys=(("k", ("v",)),)), Find(ids=tuple(made))):
        seen: list[str] = []
        after = 0
        while page := await store.find("default", find, after=after, limit=3):
            seen += ids(page)
            after = page[-1].row
        assert seen == made


async def test_keys_types_scopes_and_place_follow_an_update(store: Store) -> None:
    await store.commit(a_change(a_put(keys=(("state", "open"), ("kind", "sos")), box=(1.0, 1.0, 1.0, 1.0))))
    await store.commit(
        a_change(a_put(types=("New",), scopes=(), keys=(("state", "done"), ("kind", "sos")), box=(5.0, 5.0, 5.0, 5.0)))
    )
    gone = (
        Find(types=("Thing",)),
        Find(scopes=(("/cn/r37", True),)),
        Find(keys=(("state", ("open",)),)),
        Find(box=(0.0, 0.0, 2.0, 2.0)),
    )
    here = (
        Find(types=("New",)),
        Find(keys=(("state", ("done",)), ("kind", ("sos",)))),
        Find(box=(4.0, 4.0, 5.0, 5.0)),
    )
    assert [await found(store, find) for find in gone] == [[]] * 4
    assert [await found(store, find) for find in here] == [[ONE]] * 3
    await store.commit(a_change(a_put(types=("New",))))
    assert await found(store, Find(box=(4.0, 4.0, 5.0, 5.0))) == []
    assert await store.types("default") == {"New": 1}


async def test_an_entity_of_two_types_counts_for_both_but_is_found_once(store: Store) -> None:
    await store.commit(a_change(a_put(types=("A", "B", "A")), a_put(TWO, types=("B",))))
    assert await store.types("default") == {"A": 1, "B": 2}
    assert await found(store, Find(types=("A", "B"))) == [ONE, TWO]
    assert await store.count("default", Find(types=("A", "B"))) == 2
    assert await store.count("default", Find(types=("B",))) == 2


async def test_tenants_see_nothing_of_each_other(store: Store) -> None:
    await store.commit(
        a_change(
            a_put(keys=(("k", "v"),), box=(1.0, 1.0, 1.0, 1.0), facts=(Fact("n", "", b"1"),)),
            tenant="other",
            set_timers=(Timer(ONE, "Thing", "t", 1),),
            cursor=("reader", 3),
            audit=(b"x",),
        )
    )
    everything = (
        Find(),
        Find(ids=(ONE,)),
        Find(types=("Thing",)),
        Find(keys=(("k", ("v",)),)),
        Find(scopes=(("/", True),)),
        Find(box=(0.0, 0.0, 2.0, 2.0)),
    )
    for find in everything:
        assert await found(store, find) == []
        assert await store.count("default", find) == 0
        assert await store.count("other", find) == 1
    assert await store.get("default", ONE) is None
    assert (await store.head("default"), await store.log_since("default", 0)) == (0, [])
    assert await store.next_due("default") is None
    assert await store.claim_due("default", AT_US) == 0
    assert await store.cursor("default", "reader") == 0
    assert await store.history("default", ONE, "n") == []
    assert await store.audit_since("default", 0) == []
    assert await store.types("default") == {}


async def test_timers_become_log_rows_in_the_order_in_which_they_were_due(store: Store) -> None:
    timers = (
        Timer(ONE, "Thing", "b", 30, "/cn"),
        Timer(TWO, "Thing", "a", 20),
        Timer(ONE, "Thing", "a", 20),
        Timer(ONE, "Thing", "later", 41),
    )
    await store.commit(a_change(set_timers=timers))
    assert await store.next_due("default") == 20
    assert await store.claim_due("default", 19) == 0
    assert await store.claim_due("default", 40, limit=2) == 2
    assert await store.claim_due("default", 40) == 1
    assert await store.claim_due("default", 40) == 0
    rows = await store.log_since("default", 0)
    assert [(row.kind, row.entity_id, row.attrs) for row in rows] == [
        ("timer", ONE, ("a",)),
        ("timer", TWO, ("a",)),
        ("timer", ONE, ("b",)),
    ]
    assert (rows[2].type, rows[2].scope, rows[2].at_us, rows[2].version) == ("Thing", "/cn", 40, 0)
    assert await store.next_due("default") == 41


async def test_setting_a_timer_again_moves_it_and_dropping_removes_it(store: Store) -> None:
    await store.commit(a_change(set_timers=(Timer(ONE, "Thing", "t", 10), Timer(TWO, "Thing", "t", 15))))
    await store.commit(a_change(set_timers=(Timer(ONE, "Thing", "t", 20),)))
    assert await store.next_due("default") == 15
    await store.commit(a_change(drop_timers=((TWO, "t"), (TWO, "never set"))))
    assert await store.next_due("default") == 20
    await store.commit(a_change(drop_timers=((ONE, "t"),), set_timers=(Timer(ONE, "Thing", "t", 30),)))
    assert await store.next_due("default") == 30


async def test_a_change_without_rows_answers_with_the_head(store: Store) -> None:
    await store.commit(a_change(a_put(), a_put(TWO)))
    done = await store.commit(a_change(cursor=("dispatch", 2)))
    assert (done.seq, done.versions) == (2, {})
    assert await store.cursor("default", "dispatch") == 2
    empty = await store.commit(a_change(tenant="other", cursor=("dispatch", 0)))
    assert empty.seq == 0


async def test_audit_rows_are_chained_by_tenant_and_bound_to_their_log_rows(store: Store, chain: Chain) -> None:
    await store.commit(a_change(audit=(b"one", b"two")))
    await store.commit(a_change(audit=(b"elsewhere",), tenant="other"))
    with pytest.raises(Conflict):
        await store.commit(a_change(a_put(expect_version=4), audit=(b"never",)))
    await store.commit(a_change(audit=(b"three",)))
    log = {row.seq: row.as_written() for tenant in ("default", "other") for row in await store.log_since(tenant, 0)}
    first = chain.link(b"", [log[1]], b"one")
    second = chain.link(first, [log[2]], b"two")
    third = AuditRow(4, b"three", chain.link(second, [log[4]], b"three"))
    assert await store.audit_since("default", 0) == [AuditRow(1, b"one", first), AuditRow(2, b"two", second), third]
    assert await store.audit_since("default", 2) == [third]
    assert await store.audit_since("other", 0) == [AuditRow(3, b"elsewhere", chain.link(b"", [log[3]], b"elsewhere"))]


async def test_one_summary_stands_for_all_other_log_rows_of_a_change(store: Store, chain: Chain) -> None:
    await store.commit(a_change(a_put(), a_put(TWO), audit=(b"seen",), policy="seat.Thing.create.area"))
    log = [row.as_written() for row in await store.log_since("default", 0)]
    summary = chain.summary("seat.Thing.create.area", 2)
    first = chain.link(b"", log[:2], summary)
    assert await store.audit_since("default", 0) == [
        AuditRow(2, summary, first),
        AuditRow(3, b"seen", chain.link(first, log[2:], b"seen")),
    ]


async def test_what_leaves_no_log_row_leaves_no_audit_row_and_timers_that_fire_leave_one(
    store: Store, chain: Chain
) -> None:
    await store.commit(a_change(set_timers=(Timer(ONE, "Thing", "late", 1), Timer(TWO, "Thing", "late", 2))))
    await store.commit(a_change(cursor=("dispatch", 0)))
    assert await store.audit_since("default", 0) == []
    assert await store.claim_due("default", 9) == 2
    log = [row.as_written() for row in await store.log_since("default", 0)]
    summary = chain.summary("", 2)
    assert await store.audit_since("default", 0) == [AuditRow(2, summary, chain.link(b"", log, summary))]


async def test_audit_rows_are_found_by_whom_they_are_about_newest_first(store: Store) -> None:
    one, two, both = (b'{"action":"read","of":%b}' % of for of in (b'["1"]', b'["2"]', b'["1","2"]'))
    await store.commit(a_change(audit=(one, two)))
    await store.commit(a_change(a_put(), audit=(both,)))
    await store.commit(a_change(audit=(one,), tenant="other"))
    assert [(row.seq, row.row) for row in await store.audit_of("default", "1")] == [(4, both), (1, one)]
    assert [row.seq for row in await store.audit_of("default", "2", limit=1)] == [4]
    assert [row.seq for row in await store.audit_of("default", "2", before=4)] == [2]
    assert await store.audit_of("default", "3") == []


async def test_all_who_wait_are_woken_by_one_commit(store: Store) -> None:
    waiting = [asyncio.create_task(store.wait_log("default", 0)) for _ in range(3)]
    elsewhere = asyncio.create_task(store.wait_log("other", 0))
    await asyncio.sleep(0)
    await store.commit(a_change(a_put()))
    assert await asyncio.gather(*waiting) == [1, 1, 1]
    assert not elsewhere.done()
    elsewhere.cancel()


async def test_waiting_for_what_is_there_already_answers_at_once(store: Store) -> None:
    await store.commit(a_change(a_put(), a_put(TWO)))
    assert await store.wait_log("default", 1) == 2


async def test_one_who_gives_up_waiting_does_not_disturb_the_others(store: Store) -> None:
    stays = asyncio.create_task(store.wait_log("default", 0))
    leaves = asyncio.create_task(store.wait_log("default", 0))
    await asyncio.sleep(0)
    leaves.cancel()
    await store.commit(a_change(a_put()))
    assert await stays == 1
    assert leaves.cancelled()


async def test_a_fired_timer_wakes_the_readers(store: Store) -> None:
    await store.commit(a_change(set_timers=(Timer(ONE, "Thing", "t", 10),)))
    waiting = asyncio.create_task(store.wait_log("default", 0))
    await asyncio.sleep(0)
    await store.claim_due("default", 10)
    assert await waiting == 1


async def test_many_at_once_are_all_written_in_the_order_in_which_they_came(store: Store) -> None:
    done = await asyncio.gather(*(store.commit(a_change(a_put(f"urn:x:{n}"))) for n in range(200)))
    assert [committed.seq for committed in done] == list(range(1, 201))
    assert [row.entity_id for row in await store.log_since("default", 0)] == [f"urn:x:{n}" for n in range(200)]


async def test_of_two_who_expect_the_same_version_one_wins(store: Store) -> None:
    await store.commit(a_change(a_put()))
    both = (store.commit(a_change(a_put(doc=doc, expect_version=1))) for doc in (b"1", b"2"))
    first, second = await asyncio.gather(*both, return_exceptions=True)
    stored = await store.get("default", ONE)
    assert isinstance(second, Conflict)
    assert not isinstance(first, BaseException)
    assert stored is not None
    assert (stored.doc, stored.version) == (b"1", 2)


async def test_only_the_guilty_of_many_at_once_is_refused(store: Store) -> None:
    await store.commit(a_change(a_put()))
    changes = [a_change(a_put(f"urn:x:{n}")) for n in range(20)]
    changes[7] = a_change(a_put("urn:x:7"), a_put(expect_version=0))
    done = await asyncio.gather(*map(store.commit, changes), return_exceptions=True)
    refused = [n for n, outcome in enumerate(done) if isinstance(outcome, BaseException)]
    assert refused == [7]
    assert isinstance(done[7], AlreadyExists)
    assert await store.get("default", "urn:x:7") is None
    assert await store.count("default", Find()) == 20


async def test_who_reads_a_log_row_reads_at_least_that_version_of_the_entity(store: Store) -> None:
    await store.commit(a_change(a_put()))
    await store.get("default", ONE)
    writing = asyncio.gather(*(store.commit(a_change(a_put(doc=b"%d" % n))) for n in range(150)))
    while not writing.done():
        rows = await store.log_since("default", 0)
        stored = await store.get("default", ONE)
        assert stored is not None
        assert stored.version >= rows[-1].version
        await asyncio.sleep(0)
    await writing


@pytest.mark.parametrize("box", [(2.0, 0.0, 1.0, 1.0), (0.0, 2.0, 1.0, 1.0), (0.0, 0.0, float("nan"), 1.0)])
async def test_a_box_that_is_none_is_refused_by_name(store: Store, box: tuple[float, float, float, float]) -> None:
    with pytest.raises(BadRequestData, match=r"Thing:1 must be west, south, east, north"):
        await store.commit(a_change(a_put(box=box)))
    assert await store.get("default", ONE) is None


@pytest.mark.parametrize("name", ["urn:x:\ud800", "urn:x:\0"])
async def test_text_that_not_every_engine_can_keep_is_refused_and_disturbs_nobody(store: Store, name: str) -> None:
    wrong = store.commit(a_change(a_put(name)))
    right = store.commit(a_change(a_put()))
    first, second = await asyncio.gather(wrong, right, return_exceptions=True)
    assert isinstance(first, BadRequestData)
    assert not isinstance(second, BaseException)
    assert store.trouble is None


async def test_a_closed_store_refuses_and_sends_those_home_who_wait(store: Store) -> None:
    waiting = asyncio.create_task(store.wait_log("default", 0))
    await asyncio.sleep(0)
    await store.close()
    with pytest.raises(StoreFailed):
        await waiting
    with pytest.raises(StoreFailed):
        await store.commit(a_change(a_put()))


async def test_a_store_in_good_health_has_no_trouble(store: Store) -> None:
    await store.commit(a_change(a_put()))
    assert store.trouble is None
