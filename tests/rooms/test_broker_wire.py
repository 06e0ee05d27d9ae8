"""Many writers at once: nothing that was acknowledged is lost, and one of two makers of the same thing is told."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from broker_desk import ADMIN, ENGINE, a_call, a_desk, urn

from linli.base import SteppedClock
from linli.base.errors import AlreadyExists
from linli.broker import Contexts, Draft
from linli.broker._answers import VIEWS_MAX, WAYS_MAX, Answers, Known
from linli.store import SqliteStore, Stored
from linli.vocab import vocabulary

TERMS = Contexts(vocabulary(), {}, default="linli").default
CAR = "urn:ngsi-ld:Vehicle:1"


def test_writers_of_one_entity_lose_nothing_of_each_other(tmp_path: Path) -> None:
    async def story() -> None:
        store = SqliteStore.open(tmp_path / "town.db", sync="off")
        desk = a_desk(store)
        await desk.broker.create(ADMIN, {"id": CAR, "type": "Vehicle"}, TERMS)
        await asyncio.gather(
            *(desk.broker.update_attrs(ADMIN, CAR, {f"a{n}": {"value": n}}, TERMS) for n in range(60)),
            *(desk.broker.append_attrs(ADMIN, CAR, {f"b{n}": {"value": n}}, TERMS) for n in range(60)),
        )
        read = await desk.broker.get(ADMIN, CAR, simplified=True)
        assert {key: said for key, said in read.items() if key[0] in "ab"} == {
            f"{letter}{n}": n for letter in "ab" for n in range(60)
        }
        await store.close()

    asyncio.run(story())


def test_engines_and_the_wire_write_one_entity_together(tmp_path: Path) -> None:
    async def story() -> None:
        store = SqliteStore.open(tmp_path / "town.db", sync="off")
        desk = a_desk(store)
        call = urn("ServiceCall", 1)
        await desk.broker.write(ENGINE, [a_call()])

        async def engine() -> None:
            for n in range(10):
                await desk.broker.write(ENGINE, [Draft(call, "ServiceCall", {"presses": n + 1})])

        async def wire() -> None:
            for n in range(10):
                await desk.broker.update_attrs(ADMIN, call, {"urgency": {"value": n % 4}}, TERMS)

        await asyncio.gather(engine(), wire())
        now: Any = await desk.broker.read(ENGINE, call)
        assert (now.version, now.values["presses"], now.values["urgency"]) == (21, 10, 1)
        await store.close()

    asyncio.run(story())


def test_of_two_who_make_the_same_entity_one_is_told() -> None:
    async def story() -> None:
        desk = a_desk()
        body = {"id": CAR, "type": "Vehicle"}
        results = await asyncio.gather(
            *(desk.broker.create(ADMIN, body, TERMS) for _ in range(5)), return_exceptions=True
        )
        assert sorted(type(one).__name__ for one in results) == [*["AlreadyExists"] * 4, "str"]
        assert any(isinstance(one, AlreadyExists) for one in results)

    asyncio.run(story())


def test_what_the_purpose_does_not_open_is_left_out_of_live_views() -> None:
    async def story() -> None:
        desk = a_desk()
        await desk.broker.write(ENGINE, [a_call()])
        act = type(ADMIN)(ADMIN.who, None)
        read = await desk.broker.get(act, urn("ServiceCall", 1), simplified=True)
        assert read["state"] == {"vocab": "received"}
        assert "text" not in read
        assert "place" not in read

    asyncio.run(story())


def stored(name: str, version: int = 1, row: int = 1) -> Stored:
    return Stored(name, ("T",), (), version, 0, 0, b"{}", row)


def known(one: Stored, until_us: int | None = None) -> Known:
    return Known(one.row, one.version, ("T",), until_us)


def test_kept_answers_are_of_one_version_and_do_not_grow_without_end() -> None:
    answers = Answers(10_000, SteppedClock(0).now_us)
    first = known(stored("a"))
    answers.keep("default", stored("a"), first, way=1, answer=b"x", opened=frozenset())
    assert answers.known("default", stored("a")) is first
    assert first.views == {1: b"x"}
    assert answers.known("default", stored("a", version=2)) is None
    assert answers.known("default", stored("a", row=2)) is None
    assert answers.known("other", stored("a")) is None
    for n in range(100):
        answers.keep("default", stored(f"e{n}"), known(stored(f"e{n}")), way=1, answer=b"y" * 500, opened=frozenset())
    kept = [n for n in range(100) if answers.known("default", stored(f"e{n}"))]
    assert kept == list(range(100 - len(kept), 100))
    assert 5 < len(kept) < 20


def test_kept_answers_end_when_a_part_of_the_entity_expires() -> None:
    clock = SteppedClock(9)
    answers = Answers(10_000, clock.now_us)
    answers.learn("default", stored("a"), known(stored("a"), until_us=10))
    assert answers.known("default", stored("a")) is not None
    clock.advance_to(10)
    assert answers.known("default", stored("a")) is None


def test_ways_of_asking_are_never_taken_for_each_other() -> None:
    answers = Answers(10_000, SteppedClock(0).now_us)
    first = answers.way(("a", 1))
    assert answers.way(("a", 1)) == first
    others = {answers.way(("b", n)) for n in range(WAYS_MAX + 1)}
    assert first not in others
    assert answers.way(("a", 1)) not in {first, *others}
    entity = known(stored("a"))
    for way in range(VIEWS_MAX + 2):
        answers.keep("default", stored("a"), entity, way=way, answer=b"x", opened=frozenset())
    assert list(entity.views) == list(range(2, VIEWS_MAX + 2))
