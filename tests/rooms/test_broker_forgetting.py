"""What is kept of a person is found whole, given to him, corrected by him, and forgotten: he alone, and for good."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import orjson
import pytest
from broker_desk import HOME, START_US, WEST, a_call, urn

from linli.base import Ids, Settings, SteppedClock, to_wire_time
from linli.base.errors import NotAllowed, NotNow, ResourceNotFound
from linli.broker import Broker, Draft, Erasing
from linli.store import Find, open_store
from linli.trust import Act, HashChain, Keys, NodeSecret, Policies, Principal, Sealed, is_receipt
from linli.vocab import vocabulary

HOUR_US = 3600 * 1_000_000
ENGINE = Act(Principal("engine:test", "engine", ("/",)), "service")
PERSON, SPOUSE = urn("Resident", 1), urn("Resident", 2)
SELF = Act(Principal(PERSON, "resident", (WEST,)), "registry")
STRANGER = Act(Principal(urn("Resident", 9), "resident", (WEST,)), "registry")
CLERK = Act(Principal("account:clerk", "clerk", (HOME,)), "registry")
PHONE, NAME, NUMBER = "13800001234", "王示例甲", "990101194801010014"


@dataclass
class House:
    """A broker on a sealed store in a folder."""

    broker: Broker
    store: Sealed
    clock: SteppedClock
    secret: NodeSecret


async def a_house(folder: Path, *, lets: tuple[Any, ...] = ()) -> House:
    keys = Keys.open(folder, Settings(), sync="off")
    store = Sealed(
        await open_store(f"sqlite:///{folder / 'linli.db'}", sync="off", chain=HashChain()), keys, vocabulary()
    )
    clock, secret = SteppedClock(START_US), NodeSecret(None)

    async def destroyed(tenant: str, person: str) -> dict[str, Any]:
        gone = await keys.destroy(tenant, person)
        store.forget(tenant, person)
        return {"destroyed": gone.keys}

    erasing = Erasing(secret, "990101000000", lets, destroyed)
    broker = Broker(store, vocabulary(), Policies(clock), clock, ids=Ids("370102"), home_scope=HOME, erasing=erasing)
    return House(broker, store, clock, secret)


def told(story: Callable[[House], Coroutine[Any, Any, None]], folder: Path) -> None:
    async def run() -> None:
        house = await a_house(folder)
        await story(house)
        await house.store.close()

    asyncio.run(run())


def a_resident(person: str, name: str, phone: str = "") -> Draft:
    said = {"fullName": name, "ageBand": "a60to79", "homeArea": "urn:ngsi-ld:Area:370102001001"}
    if phone:
        said |= {"telephone": phone, "idType": "residentId", "idNumber": NUMBER}
    return Draft(person, "Resident", said, (WEST,), 0)


def his_things() -> list[Draft]:
    """Return what a life leaves behind, of him and of his wife."""
    at = to_wire_time(START_US)
    case = {
        "number": "2026-7",
        "serviceKind": urn("ServiceKind", "noise"),
        "mouth": "num",
        "receivedAt": at,
        "state": "received",
        "stateAt": at,
        "lead": urn("Provider", 1),
    }
    visit = {"helper": urn("Helper", 1), "plannedFrom": at, "plannedTo": at}
    drafts = {
        ("Household", 1): {"dwelling": urn("Dwelling", 1), "members": [PERSON, SPOUSE], "head": PERSON},
        ("Household", 2): {"dwelling": urn("Dwelling", 2), "members": [PERSON]},
        ("Case", 1): {**case, "text": f"{NAME}: too loud", "reporter": PERSON, "reporterPhone": PHONE},
        ("Case", 2): {**case, "text": "also too loud", "reporterPhone": "138 0000 1234"},
        ("Case", 3): {**case, "text": "hers", "reporter": SPOUSE, "reporterPhone": PHONE},
        ("Visit", 1): {**visit, "subject": PERSON, "notes": f"{NAME} is well"},
        ("Visit", 2): {**visit, "subject": SPOUSE, "notes": "she is well"},
    }
    calls = [
        a_call(1, caller=PERSON, callback=PHONE),
        a_call(2, caller=SPOUSE, forWhom=PERSON),
        a_call(3, caller=SPOUSE),
    ]
    made = [Draft(urn(type_name, n), type_name, said, (WEST,), 0) for (type_name, n), said in drafts.items()]
    people = [a_resident(PERSON, NAME, PHONE), a_resident(SPOUSE, "李示例乙")]
    return [*people, *calls, *made]


HIS = {
    PERSON,
    *(urn("Household", n) for n in (1, 2)),
    *(urn("Case", n) for n in (1, 2)),
    urn("Visit", 1),
    *(urn("ServiceCall", n) for n in (1, 2)),
}


async def live(house: House) -> None:
    await house.broker.write(ENGINE, his_things())
    note = Draft(urn("Visit", 1), "Visit", {"notes": f"{NAME} is better"})
    await house.broker.write(ENGINE, [note])


async def everything(house: House) -> dict[str, Any]:
    found = await house.store.find("default", Find(), limit=1000)
    return {one.entity_id: orjson.loads(one.doc) for one in found}


def test_a_copy_holds_exactly_what_a_full_scan_finds_and_its_history(tmp_path: Path) -> None:
    async def story(house: House) -> None:
        await live(house)
        copy = await house.broker.export(SELF, PERSON)
        scanned = {
            entity_id
            for entity_id, doc in (await everything(house)).items()
            if PERSON in (text := str(doc)) or (PHONE in text.replace(" ", "") and SPOUSE not in text)
        }
        assert {one["id"] for one in copy["entities"]} == scanned == HIS
        assert {one["id"] for one in copy["history"]} == scanned
        notes = next(one for one in copy["history"] if one["id"] == urn("Visit", 1))["notes"]
        assert sorted(one["value"] for one in notes) == sorted([f"{NAME} is well", f"{NAME} is better"])
        himself = next(one for one in copy["entities"] if one["id"] == PERSON)
        assert himself["idNumber"]["value"] == NUMBER
        assert copy["@context"]

    told(story, tmp_path)


def test_nobody_else_gets_a_copy_or_has_him_erased(tmp_path: Path) -> None:
    async def story(house: House) -> None:
        await live(house)
        for act in (STRANGER, CLERK, replace(CLERK, strong=True), Act(Principal("caller:1", "caller"))):
            with pytest.raises(NotAllowed):
                await house.broker.export(act, PERSON)
            with pytest.raises(NotAllowed):
                await house.broker.erase(act, PERSON)
            with pytest.raises(NotAllowed):
                await house.broker.ask_erasure(act, PERSON)
        guardian = Act(Principal(SPOUSE, "guardian", (WEST,)), "registry", for_whom=PERSON)
        assert (await house.broker.export(guardian, PERSON))["entities"]

    told(story, tmp_path)


def test_what_is_his_goes_what_is_shared_stays_without_him(tmp_path: Path) -> None:
    async def story(house: House) -> None:
        await live(house)
        receipt = await house.broker.erase(SELF, PERSON)
        left = await everything(house)
        assert set(left) == {
            SPOUSE,
            urn("Household", 1),
            *(urn("Case", n) for n in (1, 2, 3)),
            urn("Visit", 2),
            urn("ServiceCall", 3),
        }
        assert PERSON not in str(left)
        household = await house.broker.read(ENGINE, urn("Household", 1))
        assert household is not None
        assert household.values["members"] == SPOUSE
        assert "head" not in household.values
        case = await house.broker.read(ENGINE, urn("Case", 1))
        assert case is not None
        assert case.values["number"] == "2026-7"
        assert not {"text", "reporter", "reporterPhone"} & set(case.values)
        hers = await house.broker.read(ENGINE, urn("Case", 3))
        assert hers is not None
        assert hers.values["text"] == "hers"
        assert receipt["deleted"] == {"Case": 2, "Household": 2, "Resident": 1, "ServiceCall": 2, "Visit": 1}
        assert receipt["keys"] == {"destroyed": 1}
        assert is_receipt(receipt, house.secret.public_key)
        assert not is_receipt({**receipt, "deleted": {}}, house.secret.public_key)
        assert PERSON not in str(receipt)

    told(story, tmp_path)


def test_who_asks_to_be_erased_may_think_again(tmp_path: Path) -> None:
    async def story(house: House) -> None:
        await live(house)
        broker = house.broker
        wish = await broker.ask_erasure(SELF, PERSON)
        assert wish.due_us == START_US + 72 * HOUR_US
        assert await broker.ask_erasure(SELF, PERSON) == wish
        house.clock.advance_to(wish.due_us - 1)
        await broker.expire_due()
        assert await broker.read(ENGINE, PERSON) is not None
        await broker.stay(SELF, PERSON)
        assert await broker.erasure_wish("default", PERSON) is None
        with pytest.raises(NotNow):
            await broker.stay(SELF, PERSON)
        house.clock.advance_to(wish.due_us + HOUR_US)
        await broker.expire_due()
        assert await broker.read(ENGINE, PERSON) is not None
        again = await broker.ask_erasure(SELF, PERSON)
        house.clock.advance_to(again.due_us)
        with pytest.raises(NotNow):
            await broker.stay(SELF, PERSON)
        await broker.expire_due()
        assert await broker.read(ENGINE, PERSON) is None
        assert (await broker.receipt("default", again.number))["deleted"]["Resident"] == 1
        with pytest.raises(ResourceNotFound):
            await broker.export(SELF, PERSON)
        with pytest.raises(ResourceNotFound):
            await broker.ask_erasure(SELF, PERSON)

    told(story, tmp_path)


def test_an_erasure_that_was_cut_off_goes_on_and_its_receipt_counts_everything(tmp_path: Path) -> None:
    async def run() -> None:
        async def fails(_tenant: str, _person: str) -> dict[str, int]:
            raise NotNow("the power goes")

        house = await a_house(tmp_path, lets=(fails,))
        await live(house)
        with pytest.raises(NotNow):
            await house.broker.erase(SELF, PERSON)
        assert await house.broker.erasure_wish("default", PERSON) is not None
        assert house.broker.erasing is not None

        async def let(_tenant: str, _person: str) -> dict[str, int]:
            return {"account": 1}

        house.broker.erasing = replace(house.broker.erasing, lets=(let,))
        house.clock.advance_to(START_US + 60_000_000)
        await house.broker.expire_due()
        wish = await house.broker.erasure_wish("default", PERSON)
        assert wish is None
        receipts = await house.store.records("default", "erasure-receipt")
        deleted = orjson.loads(receipts[0].doc)["deleted"]
        assert deleted["ServiceCall"] == 2
        assert deleted["account"] == 1
        await house.store.close()

    asyncio.run(run())
