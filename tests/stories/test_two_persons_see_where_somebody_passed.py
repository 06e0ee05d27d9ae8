"""Where somebody passed is seen by one who asked under a number, after another approved it, for a day; and he is told."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
from persons import PERSON, Person, a_resident
from town import START_US, WEST, Town, a_town, scope_of

from linli.base import MINUTE_US, to_wire_time
from linli.broker import Draft
from linli.trust import Act, Principal

HOUR_US = 60 * MINUTE_US
OTHER = PERSON[:-1] + "2"
ASKED = {"person": PERSON, "reason": "order/2026-3"}
ENGINE = Act(Principal("engine:test", "engine", ("/",)), "access")


@dataclass
class People:
    """Who plays."""

    asker: Person
    second: Person
    officer: Person
    person: Person


def passage(number: int, person: str, at_us: int) -> Draft:
    said = {
        "gate": f"urn:ngsi-ld:Gate:990101000000:{number}",
        "at": to_wire_time(at_us),
        "receivedAt": to_wire_time(at_us),
        "passDirection": "in",
        "method": "card",
        "result": "granted",
        "deviceSeq": number,
        "subject": person,
    }
    record = f"urn:ngsi-ld:EntryExitRecord:990101000000:01JTESTPASSAGE000000000{number:03d}"
    return Draft(record, "EntryExitRecord", said, (scope_of(WEST),), 0)


def told(folder: Path, story: Callable[[Town, People], Awaitable[None]]) -> None:
    async def run() -> None:
        async with a_town(folder) as town:
            people = [a_resident(PERSON, "欧阳示例"), a_resident(OTHER, "李示例")]
            await town.admin.upsert_batch(people, purpose="registry")
            moments = {1: START_US - 40 * HOUR_US, 2: START_US - 20 * HOUR_US, 3: START_US - 10 * HOUR_US}
            drafts = [passage(number, PERSON, at_us) for number, at_us in moments.items()]
            await town.node.broker.write(ENGINE, [*drafts, passage(4, OTHER, START_US - 15 * HOUR_US)])
            privacy = "privacy_officer"
            asker, second = (Person(town, f"account:{name}", privacy, strong=True) for name in ("one", "two"))
            officer = Person(town, "account:officer", "officer", strong=True)
            await story(town, People(asker, second, officer, Person(town, PERSON)))

    asyncio.run(run())


async def asked(who: Person, **changed: Any) -> tuple[int, Any]:
    span = {"from": to_wire_time(START_US - 24 * HOUR_US), "to": to_wire_time(START_US)}
    answer = await who.post("/api/movements", **{**ASKED, **span, **changed})
    return answer.status, orjson.loads(answer.body)


async def looked(who: Person, query_id: str) -> tuple[int, Any]:
    answer = await who.ask("GET", f"/api/movements/{query_id}")
    return answer.status, orjson.loads(answer.body)


async def approved(who: Person, query_id: str) -> int:
    return (await who.post(f"/api/movements/{query_id}/approve")).status


def test_one_approval_is_none_and_after_the_second_only_the_asker_sees_his_span_for_a_day(tmp_path: Path) -> None:
    async def story(town: Town, people: People) -> None:
        status, query = await asked(people.asker)
        assert status == 201
        assert (await looked(people.asker, query["id"]))[0] == 403
        assert await approved(people.asker, query["id"]) == 403
        assert await approved(people.second, query["id"]) == 200
        assert await approved(Person(town, "account:three", "privacy_officer", strong=True), query["id"]) == 409
        status, found = await looked(people.asker, query["id"])
        assert status == 200
        assert [one["gate"][-1] for one in found["passages"]] == ["2", "3"]
        assert {name for one in found["passages"] for name in one} == {"at", "gate", "passDirection", "result"}
        assert (await looked(people.second, query["id"]))[0] == 403
        await town.pass_minutes(24 * 60 + 1)
        await town.node.broker.expire_due()
        assert (await looked(people.asker, query["id"]))[0] == 404
        assert (await people.asker.get("/api/movements"))["queries"] == []
        actions = [one["action"] for one in (await people.person.get("/api/looked"))["looks"]]
        assert [one for one in actions if one.startswith("movement")] == [
            "movement.over",
            "movement",
            "movement.approved",
            "movement.asked",
        ]
        page = (await people.person.ask("GET", "/looked")).body.decode()
        assert "looked at where you passed, approved by two" in page

    told(tmp_path, story)


def test_a_query_that_nobody_approves_is_dropped_after_a_day(tmp_path: Path) -> None:
    async def story(town: Town, people: People) -> None:
        _, query = await asked(people.asker)
        await town.pass_minutes(24 * 60 + 1)
        assert await approved(people.second, query["id"]) == 404
        await town.node.broker.expire_due()
        assert await town.node.store.records("default", "movement") == []

    told(tmp_path, story)


def test_an_officer_approves_for_other_units_only_and_nobody_without_a_second_factor(tmp_path: Path) -> None:
    async def story(town: Town, people: People) -> None:
        _, query = await asked(people.asker)
        weak = Person(town, "account:weak", "privacy_officer")
        assert await approved(weak, query["id"]) == 403
        assert await approved(people.officer, query["id"]) == 403, "of the very same unit as who asked"
        city = Person(town, "account:city", "officer", strong=True, scope="/cn")
        assert await approved(city, query["id"]) == 200
        assert (await looked(people.asker, query["id"]))[0] == 200

    told(tmp_path, story)


def test_who_may_not_ask_or_asks_wrongly_leaves_no_query(tmp_path: Path) -> None:
    async def story(town: Town, people: People) -> None:
        for role in ("administrator", "guard", "community_worker", "auditor", "resident"):
            assert (await asked(Person(town, f"account:{role}", role, strong=True)))[0] == 403, role
        assert (await asked(Person(town, "account:weak", "privacy_officer")))[0] == 403
        assert (await asked(people.asker, reason=""))[0] == 400
        assert (await asked(people.asker, reason="because I wonder"))[0] == 400
        assert (await asked(people.asker, to=to_wire_time(START_US - 30 * HOUR_US)))[0] == 400
        assert (await asked(people.asker, **{"from": to_wire_time(START_US - 800 * HOUR_US)}))[0] == 400
        assert (await asked(people.asker, person=PERSON[:-1] + "9"))[0] in (403, 404)
        assert (await people.asker.get("/api/movements"))["queries"] == []

    told(tmp_path, story)


def test_the_page_works_without_a_script(tmp_path: Path) -> None:
    async def story(_: Town, people: People) -> None:
        form = {"person": PERSON, "reason": "order/2026-3", "from": "2026-03-01T09:00", "to": "2026-03-02T09:00"}
        assert (await people.asker.form("/movements", **form)).status == 303
        query = (await people.asker.get("/api/movements"))["queries"][0]
        assert (query["from"], query["to"]) == ("2026-03-01T01:00:00Z", "2026-03-02T01:00:00Z")
        assert "Waits for another person" in (await people.second.ask("GET", "/movements")).body.decode()
        assert (await people.asker.form("/movements", approve=query["id"])).status == 403
        assert (await people.second.form("/movements", approve=query["id"])).status == 303
        shown = await people.asker.form("/movements", look=query["id"])
        assert shown.status == 200
        assert shown.body.decode().count(" · In · ") == 2
        assert (await people.asker.form("/movements", **{**form, "from": "once"})).status == 400

    told(tmp_path, story)
