"""A worker sees a resident masked; in clear for a reason only, written down before it is shown, and not without end."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import orjson
import pytest
from persons import PERSON, Person, a_resident
from town import WEST, Town, a_town

from linli.base.errors import TooOften
from linli.client import Answer
from linli.trust import read_row
from linli.web import Hourly

NAME, PHONE = "欧阳示例", "13800005678"
ASKED: dict[str, Any] = {
    "entity": PERSON,
    "attrs": ["fullName", "telephone"],
    "purpose": "service",
    "reason": "callBack",
}


class Watch:
    """A clock in seconds that is moved by hand."""

    now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


def told(
    folder: Path, story: Callable[[Town, Person, Person], Awaitable[None]], role: str = "community_worker"
) -> None:
    async def run() -> None:
        async with a_town(folder) as town:
            await town.admin.upsert_batch([a_resident(PERSON, NAME)], purpose="registry")
            await story(town, Person(town, f"worker:{WEST}", role), Person(town, PERSON))

    asyncio.run(run())


def said(answer: Answer) -> Any:
    return orjson.loads(answer.body)


def test_a_worker_sees_one_entry_in_clear_for_a_reason_and_the_person_sees_who_looked(tmp_path: Path) -> None:
    async def story(_: Town, worker: Person, person: Person) -> None:
        path = f"/ngsi-ld/v1/entities?type=Resident&id={PERSON}&format=simplified"
        masked = said(await worker.ask("GET", path, purpose="service"))[0]
        assert (masked["fullName"], masked["telephone"]) == ("欧**", "138****5678")
        shown = said(await worker.post("/api/unmask", **ASKED))
        assert shown["values"] == {"fullName": NAME, "telephone": PHONE}
        looks = (await person.get("/api/looked"))["looks"]
        assert [(one["action"], one["role"], one["purpose"]) for one in looks] == [
            ("unmask", "community_worker", "service")
        ]

    told(tmp_path, story)


def test_the_words_of_the_reason_leave_a_keyed_hash_alone(tmp_path: Path) -> None:
    async def story(town: Town, worker: Person, _: Person) -> None:
        await worker.post("/api/unmask", **{**ASKED, "reason": "other", "words": "欧阳的女儿来电"})
        rows = [read_row(one.row) async for one in all_rows(town)]
        reasons = [one.reason for one in rows if one is not None and one.action == "unmask"]
        assert len(reasons) == 1
        assert reasons[0].startswith("other/")
        assert len(reasons[0]) == len("other/") + 32
        assert "欧阳" not in reasons[0]

    told(tmp_path, story)


@pytest.mark.parametrize(
    ("changed", "status"),
    [
        ({"reason": ""}, 400),
        ({"reason": "curiosity"}, 400),
        ({"reason": "other"}, 400),
        ({"attrs": []}, 400),
        ({"attrs": "fullName"}, 400),
        ({"entity": 7}, 400),
        ({"purpose": None}, 400),
        ({"purpose": "no such"}, 403),
        ({"purpose": "delivery"}, 403),
        ({"entity": PERSON[:-1] + "9"}, 404),
    ],
)
def test_what_is_not_asked_rightly_shows_nothing(tmp_path: Path, changed: dict[str, Any], status: int) -> None:
    async def story(_: Town, worker: Person, person: Person) -> None:
        answer = await worker.post("/api/unmask", **{**ASKED, **changed})
        assert answer.status == status, answer.body
        assert NAME not in answer.body.decode()
        assert not [one for one in (await person.get("/api/looked"))["looks"] if one["allowed"]]

    told(tmp_path, story)


@pytest.mark.parametrize(("role", "status"), [("administrator", 404), ("seat", 404), ("analyst", 404)])
def test_who_may_not_know_of_him_is_told_that_there_is_nobody(tmp_path: Path, role: str, status: int) -> None:
    async def story(_: Town, asker: Person, __: Person) -> None:
        assert (await asker.post("/api/unmask", **ASKED)).status == status

    told(tmp_path, story, role)


def test_the_twenty_first_in_an_hour_has_to_wait(tmp_path: Path) -> None:
    async def story(_: Town, worker: Person, person: Person) -> None:
        answers = [(await worker.post("/api/unmask", **ASKED)).status for _ in range(21)]
        assert answers == [200] * 20 + [429]
        assert len((await person.get("/api/looked"))["looks"]) == 20

    told(tmp_path, story)


def test_an_hour_is_any_sixty_minutes_and_each_person_has_his_own() -> None:
    watch = Watch()
    hourly = Hourly(2, watch)
    hourly.take("one")
    watch.now_s += 1800
    hourly.take("one")
    watch.now_s += 1799
    with pytest.raises(TooOften) as waits:
        hourly.take("one")
    assert waits.value.wait_s == 1
    hourly.take("another")
    watch.now_s += 1
    hourly.take("one")
    with pytest.raises(TooOften):
        hourly.take("one")


async def all_rows(town: Town) -> Any:
    """Yield every row of the audit."""
    store = town.node.store
    after = 0
    while page := await store.audit_since("default", after, limit=500):
        for one in page:
            yield one
        after = page[-1].seq
