"""A resident sees what is kept of him, corrects it, agrees and takes it back, takes a copy along, and is forgotten."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import orjson
import pytest
from persons import PERSON, Person, a_resident
from town import WEST, Town, a_town, scope_of

from linli.broker import Draft
from linli.client import DirectTransport
from linli.trust import Act, Principal, is_receipt

SPOUSE = "urn:ngsi-ld:Resident:990101000000:01JTESTRES1DENT00000000002"
SIGNS = "urn:ngsi-ld:VitalObserved:990101000000:01JTESTS1GNS000000000001"
DOCTOR = Act(Principal("account:doctor", "doctor", (scope_of(WEST),)), "medical")


def told(story: Callable[[Town, Person], Awaitable[None]], folder: Path) -> None:
    async def run() -> None:
        async with a_town(folder) as town:
            people = [a_resident(PERSON, "欧阳示例"), a_resident(SPOUSE, "李示例")]
            await town.admin.upsert_batch(people, purpose="registry")
            signs = {"subject": PERSON, "pulse": 71}
            engine = Act(Principal("engine:test", "engine", ("/",)), "medical")
            draft = Draft(SIGNS, "VitalObserved", signs, (scope_of(WEST),), 0)
            await town.node.broker.write(engine, [draft])
            await story(town, Person(town, PERSON))

    asyncio.run(run())


def of(facts: Any, purpose: str) -> Any:
    return next(one for one in facts["consents"] if one["purpose"] == purpose)


def test_he_sees_what_is_kept_and_corrects_how_he_is_reached(tmp_path: Path) -> None:
    async def story(town: Town, person: Person) -> None:
        facts = await person.get("/api/my-data")
        assert {one["title"]: one["value"] for one in facts["kept"]}["Full name"] == "欧阳示例"
        assert (await person.post("/api/my-data/correct", telephone="13900001111")).status == 200
        assert (await person.get("/api/my-data"))["correct"]["telephone"] == "13900001111"
        assert (await person.post("/api/my-data/correct", fullName="somebody else")).status == 400
        assert (await person.post("/api/my-data/correct", telephone="not a number")).status == 400
        stranger = DirectTransport(town.node.web)
        assert (await stranger.ask("GET", "/api/my-data", {}, b"")).status == 401
        helper = Person(town, "urn:ngsi-ld:Helper:990101000000:01JTESTHE1PER0000000000001", "helper")
        assert (await helper.ask("GET", "/api/my-data")).status == 403

    told(story, tmp_path)


@pytest.mark.parametrize("purpose", ["medical", "care", "service", "psych", "statistics"])
def test_each_purpose_is_agreed_to_and_taken_back_by_itself(purpose: str, tmp_path: Path) -> None:
    async def story(town: Town, person: Person) -> None:
        before = await person.get("/api/my-data")
        assert {one["answer"] for one in before["consents"]} == {None}
        assert (await person.post("/api/my-data/consents", purpose=purpose, agree=True)).status == 200
        facts = await person.get("/api/my-data")
        assert {one["purpose"]: one["answer"] for one in facts["consents"] if one["answer"]} == {purpose: "given"}
        signs = await town.node.broker.get(DOCTOR, SIGNS, simplified=True)
        assert ("pulse" in signs) is (purpose == "medical")
        town.node.city_clock.advance_to(town.node.now_us() + 1)
        assert (await person.post("/api/my-data/consents", purpose=purpose, agree=False)).status == 200
        assert of(await person.get("/api/my-data"), purpose)["answer"] == "withdrawn"
        assert "pulse" not in await town.node.broker.get(DOCTOR, SIGNS, simplified=True)
        assert (await person.post("/api/my-data/consents", purpose="registry", agree=True)).status == 400

    told(story, tmp_path)


def test_the_page_works_without_a_script_and_says_so_when_something_is_wrong(tmp_path: Path) -> None:
    async def story(town: Town, person: Person) -> None:
        page = (await person.ask("GET", "/my-data")).body.decode()
        assert "欧阳示例" in page
        assert "may use my sensitive personal data" in page
        assert (await person.form("/my-data/consents", purpose="care", agree="1")).status == 303
        page = (await person.ask("GET", "/my-data")).body.decode()
        assert re.search(r"Agreed, 2026-03-02", page)
        refused = await person.form("/my-data/correct", telephone="not a number")
        assert refused.status == 400
        assert "telephone" in refused.body.decode()
        assert (await person.form("/my-data/erase")).status == 400
        stranger = await DirectTransport(town.node.web).ask("GET", "/my-data", {}, b"")
        assert stranger.status == 303

    told(story, tmp_path)


def test_a_guardian_decides_for_whom_he_was_let_act_and_for_nobody_else(tmp_path: Path) -> None:
    async def story(town: Town, _: Person) -> None:
        town_delegation = {
            "principal": SPOUSE,
            "forWhom": PERSON,
            "kind": "family",
            "purposes": ["service", "care"],
            "since": "2026-01-01",
            "until": "2026-12-31",
        }
        engine = Act(Principal("engine:test", "engine", ("/",)), "service")
        mandate = "urn:ngsi-ld:Delegation:990101000000:01JTESTDE1EGAT10N0000001"
        await town.node.broker.write(engine, [Draft(mandate, "Delegation", town_delegation, (scope_of(WEST),), 0)])
        spouse = Person(town, SPOUSE)
        hers = await spouse.get("/api/my-data")
        assert hers["person"] == SPOUSE
        assert [one["acts"] for one in hers["delegations"]] == [True]
        logins = town.node.doors.asking.identity.logins
        [login] = [one async for one in logins.all() if one.who.id == SPOUSE]
        await logins.act_for(login, PERSON)
        his = await spouse.get("/api/my-data")
        assert his["person"] == PERSON
        assert not his["own"]
        assert (await spouse.post("/api/my-data/consents", purpose="care", agree=True)).status == 200
        said = town.node.broker.persons.consents.said("default", PERSON, "care", separate=True)
        assert said is not None
        assert said.guardian == SPOUSE
        assert (await spouse.post("/api/my-data/delegations", delegation=mandate)).status == 200
        assert (await spouse.get("/api/my-data"))["person"] == SPOUSE, "what was ended opens nothing any more"

    told(story, tmp_path)


def test_he_takes_a_copy_along_thinks_again_and_is_forgotten(tmp_path: Path) -> None:
    async def story(town: Town, person: Person) -> None:
        copy = await person.get("/api/my-data/export")
        assert {one["id"] for one in copy["entities"]} == {PERSON, SIGNS}
        assert (await person.post("/api/my-data/erase")).status == 400
        asked = orjson.loads((await person.post("/api/my-data/erase", sure=True)).body)["erasure"]
        assert asked["dueAt"] == "2026-03-05T01:00:00Z"
        page = (await person.ask("GET", "/my-data")).body.decode()
        assert "2026-03-05 09:00" in page
        assert (await person.post("/api/my-data/stay")).status == 200
        assert (await person.get("/api/my-data"))["erasure"] is None
        asked = orjson.loads((await person.post("/api/my-data/erase", sure=True)).body)["erasure"]
        await town.pass_minutes(72 * 60 + 1)
        await town.node.broker.expire_due()
        assert (await person.ask("GET", "/api/my-data")).status in (401, 404)
        line = DirectTransport(town.node.web)
        receipt = orjson.loads((await line.ask("GET", f"/api/my-data/receipts/{asked['number']}", {}, b"")).body)
        assert receipt["deleted"]["Resident"] == 1
        assert is_receipt(receipt, town.node.doors.asking.secret.public_key)
        assert (await line.ask("GET", "/api/my-data/receipts/none", {}, b"")).status == 404

    told(story, tmp_path)


def test_he_sees_what_the_law_holds_and_until_when(tmp_path: Path) -> None:
    async def story(town: Town, person: Person) -> None:
        officer = Person(town, "account:privacy", "privacy_officer", strong=True)
        until = {"entity": PERSON, "until": "2026-06-30", "reason": "court/2026-17"}
        assert (await person.post("/api/holds", **until)).status == 403
        assert (await Person(town, "account:weak", "privacy_officer").post("/api/holds", **until)).status == 403
        assert (await officer.post("/api/holds", entity=PERSON, reason="court/2026-17")).status == 400
        assert (await officer.post("/api/holds", **until)).status == 201
        held = (await person.get("/api/my-data"))["held"]
        assert held == [{"what": "Resident", "until": "2026-06-30T16:00:00Z"}]
        assert "kept by law until 2026-07-01 00:00" in (await person.ask("GET", "/my-data")).body.decode()
        assert (await person.post("/api/my-data/erase", sure=True)).status == 200
        assert (await person.get("/api/my-data"))["erasure"]["dueAt"] == held[0]["until"]
        assert [one["entity"] for one in (await officer.get("/api/holds"))["holds"]] == [PERSON]
        assert (await officer.post("/api/holds/release", entity=PERSON, reason="court/2026-21")).status == 204
        assert (await person.get("/api/my-data"))["held"] == []
        actions = [one["action"] for one in (await person.get("/api/looked"))["looks"] if one["role"] != "resident"]
        assert [one for one in actions if one.startswith("hold")] == ["hold.released", "hold"]

    told(story, tmp_path)
