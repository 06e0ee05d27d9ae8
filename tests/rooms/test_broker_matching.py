"""The index of subscriptions: it may name too many, never too few; and what was written lately is remembered exactly."""

from __future__ import annotations

import asyncio
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from linli.broker import Terms
from linli.broker._contexts import Contexts
from linli.broker._evaluate import wanted
from linli.broker._matching import Event, Index, fires
from linli.broker._recent import EARLIER_MAX, Key, Recent, earlier_farewells, farewell_image
from linli.broker._subscription import Subscription, compiled
from linli.store import Change, Delete, LogRow, MemoryStore, Put
from linli.vocab import vocabulary

TERMS: Terms = Contexts(vocabulary(), {}, default="core").default
TYPES, NAMES, IDS = "ABC", "xyz", ("urn:x:1", "urn:x:2")
TRIGGERS = (
    "entityCreated", "entityUpdated", "entityDeleted", "attributeCreated", "attributeUpdated", "attributeDeleted",
)  # fmt: skip


def name(short: str) -> str:
    return TERMS.name(short)


selections = st.recursive(
    st.sampled_from([*TYPES, "*"]),
    lambda below: st.tuples(below, st.sampled_from(";|,"), below).map(lambda said: f"({said[0]}{said[1]}{said[2]})"),
    max_leaves=4,
)
selectors = st.fixed_dictionaries({"type": selections}, optional={"id": st.sampled_from(IDS)})
subscriptions = st.fixed_dictionaries(
    {},
    optional={
        "entities": st.lists(selectors, min_size=1, max_size=2),
        "watchedAttributes": st.lists(st.sampled_from(NAMES), min_size=1, max_size=2, unique=True),
        "notificationTrigger": st.lists(st.sampled_from(TRIGGERS), min_size=1, unique=True),
    },
).filter(lambda said: "entities" in said or "watchedAttributes" in said)
attributes = st.dictionaries(st.sampled_from(NAMES), st.integers(0, 2), max_size=3)
writes = st.tuples(
    st.sampled_from(IDS), st.sets(st.sampled_from(TYPES), min_size=1), st.none() | attributes, st.none() | attributes
).filter(lambda said: said[2] is not None or said[3] is not None)


def a_subscription(number: int, said: dict[str, Any]) -> Subscription:
    body = {**said, "notification": {"endpoint": {"uri": "https://receiver.example/"}}}
    if "watchedAttributes" in body:
        body["watchedAttributes"] = [TERMS.iri(one) for one in body["watchedAttributes"]]
    kept = {"by": {"id": "a", "role": "administrator", "scopes": []}, "purpose": None, "tenant": "default",
            "context": "", "link": "", "body": body}  # fmt: skip
    return compiled(f"urn:s:{number}", kept, 0, terms=TERMS, said_in=TERMS, plain=TERMS)


def an_event(entity_id: str, types: set[str], before: Any, after: Any) -> tuple[Event, tuple[str, ...]]:
    kind = "create" if before is None else "delete" if after is None else "update"
    old, new = before or {}, after or {}
    touched = {one for one in {*old, *new} if old.get(one) != new.get(one)} if kind != "delete" else set()
    row = LogRow(1, 1, "default", 1, kind, entity_id, "", "", 1, tuple(sorted(touched)), "", "")

    def doc(attrs: Any) -> Any:
        instances = {name(one): [{"type": "Property", "value": value}] for one, value in (attrs or {}).items()}
        return (
            None if attrs is None else {"id": entity_id, "type": [*map(name, types)], "scope": [], "attrs": instances}
        )

    return Event(row, doc(before), doc(after), 1, 1, frozenset(map(name, touched))), row.attrs


@given(st.lists(subscriptions, max_size=6), st.data(), writes)
def test_whoever_a_write_concerns_is_found(said: list[dict[str, Any]], data: st.DataObject, write: Any) -> None:
    all_of_them = [a_subscription(number, one) for number, one in enumerate(said)]
    index = Index(lambda inner: inner)
    for one in all_of_them:
        index.put(one)
    dropped = {one.id for one in all_of_them if data.draw(st.booleans(), label="dropped")}
    for one in dropped:
        index.drop(one)
    event, attrs = an_event(*write)
    types, names = [name(one) for one in write[1]], [name(one) for one in attrs]
    deleted = event.row.kind == "delete"
    found = index.concerned(event.row.entity_id, types, names, deleted=deleted)
    meant = {
        one.id
        for one in all_of_them
        if one.id not in dropped and fires(one, event) and wanted(one.query, event.doc, 1, 1)
    }
    assert meant <= found.keys() <= {one.id for one in all_of_them} - dropped
    if meant and not deleted:
        assert index.concerns(event.row.entity_id, types, names)


def a_put(version: int, value: int) -> Put:
    return Put("urn:x:1", ("A",), (), b'{"v":%d}' % value, attrs=("x",), expect_version=version)


def a_change(at_us: int, *, puts: tuple[Put, ...] = (), deletes: tuple[Delete, ...] = ()) -> Change:
    return Change("default", "", "", at_us, puts=puts, deletes=deletes)


async def written(recent: Recent, store: MemoryStore, change: Change) -> None:
    images = await recent.drawn(store, change)
    await store.commit(await recent.with_farewells(store, change))
    recent.keep(images)


def test_a_deletion_leaves_what_is_not_told_yet_and_nothing_else() -> None:
    async def story() -> None:
        store, recent = MemoryStore(), Recent()
        recent.told_us["default"] = 2
        for at_us in range(1, 5):
            await written(recent, store, a_change(at_us, puts=(a_put(at_us - 1, at_us),)))
        await written(recent, store, a_change(9, deletes=(Delete("urn:x:1", 4),)))
        records = {one.record_id: one for one in await store.records("default", "farewell")}
        deletion = records[Key("default", "urn:x:1", -4, 9).record_id]
        assert farewell_image(deletion).before == b'{"v":4}'
        earlier = earlier_farewells(deletion)
        assert sorted(records) == sorted([deletion.record_id, *earlier])
        assert [farewell_image(records[one]).after for one in earlier] == [b'{"v":3}', b'{"v":4}']

    asyncio.run(story())


def test_what_is_remembered_is_bounded_and_the_oldest_goes_first() -> None:
    async def story() -> None:
        store, recent = MemoryStore(), Recent(bytes_max=5 * 600)
        recent.told_us["default"] = 0
        for at_us in range(1, 31):
            await written(recent, store, a_change(at_us, puts=(a_put(at_us - 1, at_us),)))
        images = [recent.image(Key("default", "urn:x:1", at_us, at_us)) for at_us in range(1, 31)]
        kept = [image is not None for image in images]
        assert kept == sorted(kept)
        assert 0 < sum(kept) <= 6 < EARLIER_MAX
        assert images[-1] == (b'{"v":29}', b'{"v":30}', ("A",), 1, 29, ())

    asyncio.run(story())
