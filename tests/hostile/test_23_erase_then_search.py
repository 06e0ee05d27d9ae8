"""Hostile test 23: somebody is erased; then all that lies on disk is searched for his name, telephone and number.

He has called and was visited, subscribers were told of him, the audit knows of him, and his page is open. Yesterday's
backup is put back, too: what is in it about him can never be opened again.
"""

from __future__ import annotations

import asyncio
import io
import re
import shutil
import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing, contextmanager
from pathlib import Path
from typing import Any

import structlog
from receiver import Receiver
from town import LAT, LON, START_US, WEST, Town, a_helper, a_shift, helper_id, link, prop, scope_of, streets, word

from linli.app import Plan, build
from linli.base import Settings, SteppedClock, WallClock, to_wire_time
from linli.client import ClientProblem
from linli.store import restore_store
from linli.travel import Network
from linli.trust import Act, Principal, is_receipt

NAME, PHONE, NUMBER = "欧阳示例甲", "13800005678", "990101194801010014"
NEEDLES = [text.encode() for text in (NAME, PHONE, NUMBER, "+86" + PHONE, "gas tap is open")]
NEEDLES += [NAME.encode("unicode_escape"), NAME.encode("utf-16-le")]
#: length of the pieces in which sealed text is searched for: short, for it is cut where a page of the file ends
PIECE = 24
PERSON = "urn:ngsi-ld:Resident:990101000000:01JTESTRES1DENT00000000001"
VISIT = "urn:ngsi-ld:Visit:990101000000:01JTESTV1S1T00000000000001"
SELF = Act(Principal(PERSON, "resident", (scope_of(WEST),)), "registry")
HOME = (LON + 0.010, LAT + 0.020)


@asynccontextmanager
async def a_town_of(folder: Path) -> AsyncIterator[Town]:
    """Run a town whose disk is waited for, so that what is deleted was written before."""
    plan = Plan(
        data=folder,
        settings=Settings({"egress.allow": ["127.0.0.1"]}),
        city_clock=lambda last: SteppedClock(max(last, START_US)),
        wall_clock=WallClock(),
        network=Network.from_streets(streets()),
        sign_in="demo",
        seed=7,
    )
    node = await build(plan)
    await node.start()
    town = Town(node)
    town.admin = await town.stranger.sign_in("operator")
    try:
        yield town
    finally:
        await node.stop()


@contextmanager
def logged() -> Iterator[io.StringIO]:
    """Take in every line of the log, debug lines too."""
    lines, before = io.StringIO(), structlog.get_config()
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(lines), wrapper_class=structlog.BoundLogger)
    try:
        yield lines
    finally:
        structlog.configure(**before)


def himself() -> dict[str, Any]:
    return {
        "id": PERSON,
        "type": "Resident",
        "scope": scope_of(WEST),
        "fullName": prop(NAME),
        "telephone": prop(PHONE),
        "idType": word("residentId"),
        "idNumber": prop(NUMBER),
        "ageBand": word("a60to79"),
        "homeArea": link("urn:ngsi-ld:Area:" + WEST),
    }


def his_visit() -> dict[str, Any]:
    at = prop(to_wire_time(START_US))
    said = {"subject": link(PERSON), "helper": link(helper_id(1)), "plannedFrom": at, "plannedTo": at}
    note = prop(f"{NAME}, {PHONE}: the gas tap is open")
    return {"id": VISIT, "type": "Visit", "scope": scope_of(WEST), **said, "notes": note}


async def he_lives(town: Town, receiver: Receiver) -> None:
    """Let him live: known, told of, visited, calling, changed his mind about a number."""
    await town.load(a_helper(1, WEST, *HOME), a_shift(1, WEST, hours=48))
    broker = town.node.broker
    for type_name, purpose in (("Resident", "registry"), ("Visit", "care")):
        told = {"entities": [{"type": type_name}], "notification": {"endpoint": {"uri": receiver.url()}}}
        act = Act(Principal("operator", "operator", ("/",)), purpose)
        await broker.create_subscription(act, told, broker.contexts.default, "http://localhost")
    await town.admin.upsert_batch([himself()], purpose="registry")
    await town.admin.upsert_batch([his_visit()], purpose="care")
    changed = {**himself(), "telephone": prop("13900000000")}
    await town.admin.upsert_batch([changed], purpose="registry")
    await town.admin.upsert_batch([himself()], purpose="registry")
    await town.settle()
    await receiver.count(2)
    assert any(NAME.encode() in one.body for one in receiver.got)
    client = await town.stranger.sign_in(PERSON)
    await client.place_call("elder.care_visit", *HOME, key="k", text=f"{NAME}: the gas tap is open")
    await town.settle()


def found(*parts: bytes) -> list[bytes]:
    return [needle for part in parts for needle in NEEDLES if needle in part]


def files_below(folder: Path) -> list[bytes]:
    return [file.read_bytes() for file in sorted(folder.rglob("*")) if file.is_file()]


def test_nothing_of_somebody_who_was_erased_is_found_anywhere(tmp_path: Path) -> None:
    async def story() -> None:
        data, yesterday = tmp_path / "data", tmp_path / "yesterday.db"
        receiver = await Receiver().start()
        with logged() as lines:
            async with a_town_of(data) as town:
                await he_lives(town, receiver)
                await town.node.store.backup(str(yesterday))
                ended = asyncio.create_task(listens(town))
                await asyncio.sleep(0)
                receipt = await town.node.broker.erase(SELF, PERSON)
                await town.settle()
                async with asyncio.timeout(20):
                    await ended
                assert receipt["deleted"]["Resident"] == 1
                assert receipt["deleted"]["Visit"] == 1
                assert receipt["deleted"]["ServiceCall"] == 1
                assert receipt["deleted"]["sign-in"] >= 1
                assert receipt["keys"]["destroyed"] >= 1
                assert is_receipt(receipt, town.node.doors.asking.identity.secret.public_key)
                assert found(*files_below(data)) == [], "while the node runs: database, WAL, keys and their copies"
                today = tmp_path / "today.db"
                await town.node.store.backup(str(today))
                assert found(today.read_bytes()) == []
        await receiver.stop()
        assert found(*files_below(data)) == [], "after the node has ended"
        assert found(yesterday.read_bytes()) == [], "what was in the backup was sealed"
        assert found(lines.getvalue().encode()) == []

    asyncio.run(story())


async def listens(town: Town) -> None:
    """Have his page open until the node closes it."""
    client = await town.stranger.sign_in(PERSON)
    async for _ in client.live():
        pass


def sealed_of_him(data: Path) -> list[bytes]:
    """Return pieces of what stands of him in the database, sealed as it is: of the register and of the visit."""
    with closing(sqlite3.connect(f"file:{data / 'linli.db'}?mode=ro", uri=True)) as database:
        docs = [row[0] for row in database.execute("SELECT doc FROM entity WHERE id IN (?, ?)", (PERSON, VISIT))]
    sealed = [one for doc in docs for one in re.findall(rb"~aes[|][^|]+[|]([\w+/=-]{200,})", doc)]
    return [one[at : at + PIECE] for one in sealed for at in range(0, len(one) - PIECE, PIECE)]


def lying_in(files: list[Path], pieces: list[bytes]) -> list[bytes]:
    texts = [file.read_bytes() for file in files if file.exists()]
    return [one for one in pieces if any(one in text for text in texts)]


def test_even_what_was_sealed_of_him_is_written_over_in_the_database_and_its_journal(tmp_path: Path) -> None:
    async def story() -> None:
        data, receiver = tmp_path / "data", await Receiver().start()
        async with a_town_of(data) as town:
            await he_lives(town, receiver)
            files = [data / "linli.db", data / "linli.db-wal"]
            pieces = lying_in(files, sealed_of_him(data))
            assert len(pieces) > 20, "the search finds them before"
            await town.node.broker.erase(SELF, PERSON)
            assert lying_in(files, pieces) == []
        await receiver.stop()

    asyncio.run(story())


def test_yesterdays_backup_does_not_bring_him_back(tmp_path: Path) -> None:
    async def story() -> None:
        data, yesterday = tmp_path / "data", tmp_path / "yesterday.db"
        receiver = await Receiver().start()
        async with a_town_of(data) as town:
            await he_lives(town, receiver)
            await town.node.store.backup(str(yesterday))
            await town.node.broker.erase(SELF, PERSON)
        restore_store(yesterday, f"sqlite:///{data / 'linli.db'}", replace=True)
        async with a_town_of(data) as town:
            assert found(*files_below(data)) == []
            entity = await town.admin.entity(PERSON, purpose="registry")
            assert set(entity) <= {"id", "type", "scope", "@context", "homeArea"}
            try:
                copy = await town.node.broker.export(SELF, PERSON)
            except ClientProblem:
                copy = {}
            assert found(str(copy).encode()) == []
            visit = await town.admin.entity(VISIT, purpose="care")
            assert "notes" not in visit
        await receiver.stop()

    asyncio.run(story())


def test_the_search_would_find_him_where_he_stands_in_clear(tmp_path: Path) -> None:
    file = tmp_path / "plain.db"
    with sqlite3.connect(file) as database:
        database.execute("CREATE TABLE told (said TEXT)")
        database.execute("INSERT INTO told VALUES (?)", (f"{NAME} {PHONE}",))
    database.close()
    shutil.copy(file, tmp_path / "copy.db")
    assert len(found(*files_below(tmp_path))) == 4
