"""Looks into documents: no store ever leaves out what passes; SQLite leaves out what plainly does not."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from linli.base import write_json
from linli.store import Change, Find, Look, MemoryStore, Put, SqliteStore, Store

PATH = ("attrs", "https://x.example/a.b#höhe")
PLAIN = st.one_of(st.integers(-3, 3), st.floats(-3, 3), st.sampled_from(["a", "b", "1"]))
VALUES = st.one_of(PLAIN, st.booleans(), st.lists(PLAIN, max_size=2), st.just({"@value": 1}))
ELEMENTS = st.one_of(st.builds(lambda value: {"value": value}, VALUES), st.just({"object": "a"}))
LOOKS = st.one_of(
    st.builds(lambda low, high: Look(PATH, "value", low, high), st.integers(-3, 3), st.integers(-3, 3)),
    st.builds(lambda texts: Look(PATH, "value", texts=tuple(texts)), st.lists(st.sampled_from(["a", "1"]), min_size=1)),
)


def passes(elements: list[dict[str, Any]], look: Look) -> bool:
    """Say by the words of Look which documents must be returned."""
    if len(elements) != 1 or not isinstance(elements[0].get("value"), int | float | str):
        return True
    value = elements[0]["value"]
    if isinstance(value, bool):
        return False
    return value in look.texts if isinstance(value, str) else look.low <= value <= look.high


@pytest.mark.anyio
@given(documents=st.lists(st.lists(ELEMENTS, min_size=1, max_size=2), min_size=1, max_size=6), look=LOOKS)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30)
async def test_a_look_never_leaves_out_what_passes(
    documents: list[list[dict[str, Any]]], look: Look, tmp_path_factory: pytest.TempPathFactory
) -> None:
    stores: list[Store] = [
        MemoryStore(),
        SqliteStore.open(tmp_path_factory.mktemp("looks") / "linli.db", sync="off"),
    ]
    for store in stores:
        puts = tuple(
            Put(f"urn:x:{n}", ("T",), (), write_json({"attrs": {PATH[1]: elements}}))
            for n, elements in enumerate(documents)
        )
        await store.commit(Change(tenant="default", actor="", purpose="", at_us=1, puts=puts))
        found = {one.entity_id for one in await store.find("default", Find(types=("T",), looks=(look,)))}
        assert {f"urn:x:{n}" for n, elements in enumerate(documents) if passes(elements, look)} <= found
        await store.close()


@pytest.mark.anyio
async def test_a_look_of_sqlite_leaves_out_other_numbers_and_texts(tmp_path: Any) -> None:
    store = SqliteStore.open(tmp_path / "linli.db", sync="off")
    values = [1, 2, "a", "b"]
    puts = tuple(
        Put(f"urn:x:{value}", ("T",), (), write_json({"attrs": {PATH[1]: [{"value": value}]}})) for value in values
    )
    await store.commit(Change(tenant="default", actor="", purpose="", at_us=1, puts=puts))
    for look, left in ((Look(PATH, "value", 2, 9), ["urn:x:2"]), (Look(PATH, "value", texts=("a",)), ["urn:x:a"])):
        for find in (
            Find(looks=(look,)),
            Find(types=("T",), looks=(look,)),
            Find(ids=("urn:x:2", "urn:x:a"), looks=(look,)),
        ):
            assert [one.entity_id for one in await store.find("default", find)] == left
    await store.close()
