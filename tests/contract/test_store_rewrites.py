"""What is kept in another form says what it said: no version, no row of the log, and readers get it at once."""

from __future__ import annotations

from typing import Any

import pytest

from linli.store import (
    Change,
    Fact,
    Find,
    Put,
    PutRecord,
    Record,
    Rewrite,
    RewritePast,
    RewriteRecord,
    Rewriting,
    Store,
    Stored,
)

pytestmark = pytest.mark.anyio
AT_US = 1_800_000_000_000_000
ONE = "urn:ngsi-ld:Thing:1"


def a_put(doc: bytes, **parts: Any) -> Put:
    return Put(ONE, ("Thing",), ("/cn",), doc, **parts)


async def commit(store: Store, *puts: Put, at_us: int = AT_US, **parts: Any) -> None:
    await store.commit(Change("default", "urn:test:tester", "", at_us, puts=puts, **parts))


async def rewrite(store: Store, *rewrites: Rewriting) -> None:
    await store.commit(Change("default", "urn:test:tester", "", AT_US + 99, rewrites=rewrites))


async def standing(store: Store) -> Stored:
    stored = await store.get("default", ONE)
    assert stored is not None
    return stored


async def found(store: Store, find: Find) -> list[bytes]:
    return [stored.doc for stored in await store.find("default", find)]


async def test_an_entity_is_kept_in_another_form_without_a_version_or_a_row_of_the_log(store: Store) -> None:
    await commit(store, a_put(b'{"n":1}', keys=(("k", "old"),), box=(1.0, 1.0, 1.0, 1.0)))
    before = await standing(store)
    new = before._replace(doc=b'{"n":"one"}')
    await rewrite(store, Rewrite(new, (("k", "new"),), (0.0, 0.0, 2.0, 2.0)))
    assert await standing(store) == new
    assert len(await store.log_since("default", 0)) == 1
    assert await found(store, Find(keys=(("k", ("new",)),))) == [new.doc]
    assert await found(store, Find(keys=(("k", ("old",)),))) == []
    assert await found(store, Find(box=(1.9, 1.9, 3.0, 3.0))) == [new.doc]
    assert await store.types("default") == {"Thing": 1}


async def test_an_entity_that_was_written_meanwhile_is_passed_over(store: Store) -> None:
    await commit(store, a_put(b"1"))
    before = await standing(store)
    await commit(store, a_put(b"2"))
    await rewrite(store, Rewrite(before._replace(doc=b"3")))
    assert (await standing(store)).doc == b"2"


async def test_a_fact_of_the_past_is_kept_in_another_form_in_its_place(store: Store) -> None:
    facts = (Fact("n", "", b"1", number=1.0), Fact("n", "urn:d:1", b"2", number=2.0), Fact("m", "", b"3"))
    await commit(store, a_put(b"{}", facts=facts))
    before = await store.past("default", ONE, newest_first=False)
    row = next(one for one in before if one.fact.dataset_id)
    new = row.fact._replace(doc=b"two", number=None)
    await rewrite(store, RewritePast(ONE, row.seq, row.nth, new), RewritePast(ONE, row.seq, 77, new))
    after = await store.past("default", ONE, newest_first=False)
    assert after == [one._replace(fact=new) if one == row else one for one in before]
    assert len(await store.log_since("default", 0)) == 1


async def test_a_record_is_kept_in_another_form_while_it_stands_at_its_version(store: Store) -> None:
    await commit(store, records=(PutRecord("kind", ONE, b"1"),))
    record = await store.record("default", "kind", ONE)
    assert isinstance(record, Record)
    await rewrite(store, RewriteRecord(record._replace(doc=b"one")))
    assert await store.record("default", "kind", ONE) == record._replace(doc=b"one")
    await commit(store, records=(PutRecord("kind", ONE, b"2"),))
    await rewrite(store, RewriteRecord(record._replace(doc=b"three")))
    after = await store.record("default", "kind", ONE)
    assert after is not None
    assert after.doc == b"2"
