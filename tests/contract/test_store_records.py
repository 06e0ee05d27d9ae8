"""What every store promises about records: documents beside the entities."""

from __future__ import annotations

from typing import Any

import pytest

from linli.base.errors import AlreadyExists, Conflict, ResourceNotFound
from linli.store import Change, DropRecord, Put, PutRecord, Record, Store

pytestmark = pytest.mark.anyio
ONE, TWO = "urn:ngsi-ld:Subscription:1", "urn:ngsi-ld:Subscription:2"


def a_change(*records: PutRecord | DropRecord, at_us: int = 10, **parts: Any) -> Change:
    given: dict[str, Any] = {"tenant": "default", "actor": "urn:test:tester", "purpose": "service", "at_us": at_us}
    return Change(records=records, **(given | parts))


def a_record(record_id: str = ONE, doc: bytes = b"1", **parts: Any) -> PutRecord:
    return PutRecord("subscription", record_id, doc, **parts)


async def test_a_record_is_there_as_written_and_keeps_its_creation(store: Store) -> None:
    await store.commit(a_change(a_record()))
    await store.commit(a_change(a_record(doc=b"2", expect_version=1), at_us=20))
    assert await store.record("default", "subscription", ONE) == Record("subscription", ONE, 2, 10, 20, b"2", 1)
    assert await store.record("default", "context", ONE) is None
    assert await store.record("other", "subscription", ONE) is None


async def test_records_page_in_the_order_of_creation_by_kind(store: Store) -> None:
    await store.commit(a_change(a_record(TWO), PutRecord("context", TWO, b"c"), a_record(ONE)))
    await store.commit(a_change(a_record(TWO, b"2")))
    first, second = await store.records("default", "subscription")
    assert (first.record_id, first.doc, second.record_id) == (TWO, b"2", ONE)
    assert await store.records("default", "subscription", after=first.row) == [second]
    assert await store.records("default", "subscription", limit=1) == [first]
    assert await store.records("default", "source") == []
    assert await store.records("other", "subscription") == []


async def test_each_loud_write_is_a_log_row_and_a_quiet_one_is_none(store: Store) -> None:
    await store.commit(a_change(a_record(), a_record(doc=b"2", quiet=True), a_record(doc=b"3")))
    done = await store.commit(a_change(a_record(doc=b"4", quiet=True)))
    assert (done.seq, done.versions) == (2, {})
    await store.commit(a_change(DropRecord("subscription", ONE, expect_version=4), at_us=30))
    rows = [(row.at_us, *row[4:10]) for row in await store.log_since("default", 0)]
    assert rows == [
        (10, "create", ONE, "record:subscription", "", 1, ()),
        (10, "update", ONE, "record:subscription", "", 3, ()),
        (30, "delete", ONE, "record:subscription", "", 4, ()),
    ]
    assert await store.record("default", "subscription", ONE) is None
    await store.commit(a_change(a_record()))
    done = await store.commit(a_change(DropRecord("subscription", ONE, quiet=True)))
    assert done.seq == await store.head("default") == 4
    assert await store.record("default", "subscription", ONE) is None


async def test_a_record_and_an_entity_of_one_id_know_nothing_of_each_other(store: Store) -> None:
    await store.commit(a_change(a_record(), puts=(Put(ONE, ("Thing",), (), b"{}", expect_version=0),)))
    await store.commit(a_change(DropRecord("subscription", ONE)))
    assert await store.get("default", ONE) is not None
    assert await store.types("default") == {"Thing": 1}


@pytest.mark.parametrize(
    ("wrong", "error"),
    [
        (a_record(expect_version=0), AlreadyExists),
        (a_record(expect_version=2), Conflict),
        (a_record(TWO, expect_version=1), Conflict),
        (DropRecord("subscription", ONE, expect_version=2), Conflict),
        (DropRecord("subscription", TWO), ResourceNotFound),
    ],
)
async def test_what_does_not_stand_as_expected_is_refused_and_leaves_nothing(
    store: Store, wrong: PutRecord | DropRecord, error: type[Exception]
) -> None:
    await store.commit(a_change(a_record()))
    with pytest.raises(error):
        await store.commit(a_change(PutRecord("context", TWO, b"c"), wrong))
    assert await store.record("default", "context", TWO) is None
    stands = await store.record("default", "subscription", ONE)
    assert stands is not None
    assert (stands.version, await store.head("default")) == (1, 1)


async def test_one_change_may_drop_and_put_again(store: Store) -> None:
    await store.commit(a_change(a_record()))
    await store.commit(a_change(DropRecord("subscription", ONE), a_record(doc=b"2", expect_version=0), at_us=20))
    assert await store.record("default", "subscription", ONE) == Record("subscription", ONE, 1, 20, 20, b"2", 2)


async def test_tenants_are_those_who_wrote_anything(store: Store) -> None:
    assert await store.tenants() == []
    await store.commit(a_change(a_record(), tenant="b"))
    await store.commit(a_change(puts=(Put(ONE, ("Thing",), (), b"{}"),), tenant="a"))
    await store.commit(a_change(cursor=("reader", 0), tenant="c"))
    assert await store.head("d") == 0
    assert await store.tenants() == ["a", "b"]


async def test_who_is_alone_on_a_store_leads(store: Store) -> None:
    assert await store.lead("notifications")
    assert await store.lead("notifications")
