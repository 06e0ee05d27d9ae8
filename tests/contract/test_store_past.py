"""What every store promises about the past: where first values are filed, what can be asked, added and mended."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from linli.base.errors import BadRequestData, ResourceNotFound
from linli.store import AddPast, Change, Delete, DropPast, EditPast, Fact, Past, Put, Store

pytestmark = pytest.mark.anyio
ONE, TWO = "urn:ngsi-ld:Thing:1", "urn:ngsi-ld:Thing:2"


def a_change(at_us: int, *puts: Put, **parts: Any) -> Change:
    given: dict[str, Any] = {"tenant": "default", "actor": "urn:test:tester", "purpose": "service"}
    return Change(at_us=at_us, puts=puts, **(given | parts))


def a_put(*facts: Fact, entity_id: str = ONE) -> Put:
    return Put(entity_id, ("Thing",), ("/cn",), b"{}", attrs=tuple(fact.attr for fact in facts), facts=facts)


def at(fact: Fact, observed_us: int, number: float) -> Fact:
    return fact._replace(observed_us=observed_us, number=number)


N, M, DATED = Fact("n", "", b"1"), Fact("m", "", b"9"), Fact("n", "urn:d", b"2")
GONE = Fact("n", "", None)


async def past(store: Store, **asked: Any) -> list[tuple[int, Fact]]:
    return [(row.seq, row.fact) for row in await store.past("default", ONE, **asked)]


async def test_a_first_value_is_filed_under_the_creation_of_its_entity(store: Store) -> None:
    await store.commit(a_change(10, a_put()))
    await store.commit(a_change(20, a_put(N._replace(first=True), Fact("n", "", b"3"))))
    await store.commit(a_change(30, a_put(DATED._replace(first=True), Fact("n", "urn:d", None))))
    assert await store.past("default", ONE) == [
        Past(3, 1, 30, Fact("n", "urn:d", None)),
        Past(2, 1, 20, Fact("n", "", b"3")),
        Past(1, 1, 10, DATED),
        Past(1, 0, 10, N),
    ]
    assert [seq for seq, _ in await store.history("default", ONE, "n")] == [3, 2, 1, 1]


async def test_a_first_value_is_filed_once(store: Store) -> None:
    await store.commit(a_change(10, a_put(N)))
    for number in (b"2", b"3"):
        await store.commit(a_change(20, a_put(Fact("n", "", number, first=True))))
    assert await past(store) == [(1, N)]


@pytest.mark.parametrize("facts", [(Fact("n", "", b""),), (GONE, Fact("m", "", b""), N), (Fact("m", "", b""), GONE)])
async def test_an_empty_document_of_the_past_stays_one_beside_what_is_gone(
    store: Store, facts: tuple[Fact, ...]
) -> None:
    await store.commit(a_change(10, a_put()))
    await store.commit(a_change(20, a_put(*facts)))
    assert [fact for _, fact in await past(store, newest_first=False)] == sorted(facts, key=lambda fact: fact.attr)


async def test_what_is_created_again_has_a_creation_of_its_own(store: Store) -> None:
    await store.commit(a_change(10, a_put()))
    again = a_put(N._replace(first=True))
    await store.commit(a_change(20, again, a_put(Fact("n", "", b"3")), deletes=(Delete(ONE),)))
    assert await store.past("default", ONE, "n") == [Past(4, 0, 20, Fact("n", "", b"3")), Past(3, 0, 20, N)]


async def test_the_past_is_asked_by_attribute_by_time_and_from_either_end(store: Store) -> None:
    for at_us, observed_us in ((10, 300), (20, 100), (30, 200)):
        await store.commit(a_change(at_us, a_put(at(N, observed_us, at_us), M)))
    n1, n2, n3 = (at(N, observed_us, at_us) for at_us, observed_us in ((10, 300), (20, 100), (30, 200)))
    for asked, expected in (
        ({"attr": "n"}, [(3, n3), (2, n2), (1, n1)]),
        ({"attr": "n", "limit": 1}, [(3, n3)]),
        ({"attr": "n", "limit": 1, "newest_first": False}, [(1, n1)]),
        ({"attr": "n", "since_us": 10, "until_us": 30}, [(2, n2), (1, n1)]),
        ({"attr": "n", "by": "observed"}, [(1, n1), (3, n3), (2, n2)]),
        ({"by": "observed", "newest_first": False}, [(2, n2), (3, n3), (1, n1)]),
        ({"by": "observed", "since_us": 100, "until_us": 300}, [(3, n3), (2, n2)]),
        ({"since_us": 30}, [(3, n3), (3, M)]),
        ({"newest_first": False, "until_us": 20}, [(1, M), (1, n1)]),
        ({"by": "unobserved"}, [(3, M), (2, M), (1, M)]),
        ({"by": "unobserved", "limit": 2, "newest_first": False}, [(1, M), (2, M)]),
        ({"attr": "n", "by": "unobserved"}, []),
        ({"attr": "none"}, []),
    ):
        assert await past(store, **asked) == expected, asked
    assert await store.past("other", ONE) == []


async def test_numbers_come_as_arrays_in_the_order_of_time(store: Store) -> None:
    for at_us, observed_us, number in ((10, 300, 1.5), (20, 100, 2), (30, 200, -1)):
        await store.commit(a_change(at_us, a_put(at(N, observed_us, number), at(DATED, 7, 7.0), at(M, 8, 8.0), GONE)))
    for asked, times, numbers in (
        ({}, [100, 200, 300], [2.0, -1.0, 1.5]),
        ({"by": "written"}, [10, 20, 30], [1.5, 2.0, -1.0]),
        ({"since_us": 200, "until_us": 300}, [200], [-1.0]),
    ):
        got = (await store.numbers("default", ONE, "n", **asked))[""]
        assert (got[0].dtype, got[1].dtype) == (np.int64, np.float64)
        assert (got[0].tolist(), got[1].tolist()) == (times, numbers), asked
    assert await store.numbers("default", ONE, "n", since_us=999) == {}
    dated = (await store.numbers("default", ONE, "n", until_us=100))[DATED.dataset_id]
    assert (dated[0].tolist(), dated[1].tolist()) == ([7, 7, 7], [7.0, 7.0, 7.0])


async def test_past_names_are_every_attribute_that_has_history(store: Store) -> None:
    assert await store.past_names("default", ONE) == []
    await store.commit(a_change(10, a_put(N, M)))
    await store.commit(a_change(20, a_put(DATED, N)))
    await store.commit(a_change(30, past=(AddPast(TWO, (Fact("other", "", b"1"),)),)))
    assert await store.past_names("default", ONE) == sorted({one.attr for one in (N, M, DATED)})
    assert await store.past_names("default", TWO) == ["other"]


async def test_as_of_gives_what_stood_at_a_position(store: Store) -> None:
    await store.commit(a_change(10, a_put(N, M)))
    await store.commit(a_change(20, a_put(Fact("n", "", b"3"), DATED)))
    await store.commit(a_change(30, past=(AddPast(ONE, (Fact("n", "", b"never"),)),)))
    await store.commit(a_change(40, a_put(GONE)))
    stood = [(row.seq, row.fact) for row in await store.as_of("default", ONE, 3)]
    assert stood == [(1, M), (2, Fact("n", "", b"3")), (2, DATED)]
    assert [row.fact for row in await store.as_of("default", ONE, 4)] == [M, GONE, DATED]
    assert [row.fact for row in await store.as_of("default", ONE, 1)] == [M, N]
    assert await store.as_of("default", ONE, 0) == []


async def test_the_past_can_be_added_to_edited_and_dropped_with_a_log_row_each(store: Store) -> None:
    await store.commit(a_change(10, a_put()))
    await store.commit(a_change(20, past=(AddPast(ONE, (N, DATED, M)), AddPast(TWO, (N,)))))
    assert await store.past("default", ONE) == [Past(2, 1, 20, DATED), Past(2, 0, 20, N), Past(2, 2, 20, M)]
    mended = Fact("n", "urn:e", b"5", 7, 5.0)
    await store.commit(a_change(30, past=(EditPast(ONE, "n", 2, 0, mended), EditPast(ONE, "n", 2, 1, None))))
    assert await store.past("default", ONE) == [Past(2, 0, 20, mended), Past(2, 2, 20, M)]
    await store.commit(a_change(40, past=(DropPast(ONE, "n", "urn:x"), DropPast(ONE, "m"))))
    assert await past(store) == [(2, mended)]
    await store.commit(a_change(50, past=(DropPast(ONE, "n", "urn:e"), DropPast(TWO))))
    assert (await past(store), await store.past("default", TWO)) == ([], [])
    rows = [row[4:10] for row in await store.log_since("default", 1)]
    assert rows[:3] == [
        ("update", ONE, "Thing", "/cn", 0, ("n", "m")),
        ("update", TWO, "", "", 0, ("n",)),
        ("update", ONE, "Thing", "/cn", 0, ("n",)),
    ]
    assert [row[1:3] + row[5:] for row in rows[4:]] == [
        (ONE, "Thing", ("n",)),
        (ONE, "Thing", ("m",)),
        (ONE, "Thing", ("n",)),
        (TWO, "", ()),
    ]
    stands = await store.get("default", ONE)
    assert stands is not None
    assert stands.version == 1


async def test_editing_what_is_not_there_is_refused_and_leaves_nothing(store: Store) -> None:
    await store.commit(a_change(10, a_put(N)))
    for edit in (EditPast(ONE, "n", 1, 1, None), EditPast(ONE, "m", 1, 0, M), EditPast(TWO, "n", 1, 0, N)):
        with pytest.raises(ResourceNotFound, match="no such instance"):
            await store.commit(a_change(20, past=(AddPast(ONE, (M,)), edit)))
    assert await past(store) == [(1, N)]
    assert await store.head("default") == 1


async def test_deleting_an_entity_takes_all_its_past(store: Store) -> None:
    await store.commit(a_change(10, a_put(N), past=(AddPast(ONE, (M,)),)))
    await store.commit(a_change(20, deletes=(Delete(ONE),)))
    assert await past(store) == []


async def test_a_delete_may_leave_the_past_which_then_belongs_to_whoever_takes_the_id(store: Store) -> None:
    await store.commit(a_change(10, a_put(N)))
    await store.commit(a_change(20, deletes=(Delete(ONE, keep_past=True),)))
    assert await past(store) == [(1, N)]
    await store.commit(a_change(30, a_put()))
    await store.commit(a_change(40, a_put(Fact("n", "", b"2", first=True))))
    assert await past(store) == [(3, Fact("n", "", b"2")), (1, N)]


async def test_a_number_that_is_not_finite_is_refused(store: Store) -> None:
    with pytest.raises(BadRequestData, match="number of n is not finite"):
        await store.commit(a_change(10, past=(AddPast(ONE, (N._replace(number=float("inf")),)),)))
