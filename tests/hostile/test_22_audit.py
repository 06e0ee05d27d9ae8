"""Hostile test 22: whoever changes, deletes, slips in, cuts off or forks what was written down is found out.

The attacker may write the database as he likes. What he cannot write is the witness, which lies elsewhere.
"""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import apsw
import pytest
from postgres_server import a_server

from linli.base import SteppedClock
from linli.store import Change, Delete, DropPast, Fact, Put, PutRecord, Timer, open_store, snapshot
from linli.store._address import PostgresAddress, read_address
from linli.store._link import connect
from linli.trust import Act, HashChain, NodeSecret, Notary, Principal, Verdict, Witness, audit_row, verify
from linli.trust._chain import Algorithm, rows_of
from linli.trust._checkpoints import CHECKPOINT

pytestmark = pytest.mark.anyio

#: how many bits are flipped in each column that holds bytes, and by `make proof` in all
FLIPS, PROVEN_FLIPS = 4, 500
SEAT = Act(Principal("urn:x:seat", "seat"), "service")
LOG = ("seq", "at_us", "tenant", "tx", "kind", "entity_id", "type", "scope", "version", "attrs", "actor", "purpose")
COLUMNS = [
    *(("log", column) for column in LOG),
    *(("audit", column) for column in ("tenant", "seq", "row", "hash")),
    *(("audit_trace", column) for column in ("tenant", "trace", "seq")),
]


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with a_server(tmp_path_factory.mktemp("postgres")) as server:
        yield server.url


@dataclass
class Base:
    """A database with a story in it, as its attacker has it before him."""

    url: str
    secret: NodeSecret
    witness: Witness
    execute: Callable[..., Awaitable[list[tuple[Any, ...]]]] = field(repr=False)
    clock: SteppedClock = field(default_factory=lambda: SteppedClock(1_800_000_000_000_000))

    async def tell(self, first: int, number: int, algorithm: Algorithm = "sha-256") -> None:
        """Let a node run on the database for a while, and stop."""
        store = await open_store(self.url, chain=HashChain(algorithm), sync="off")
        notary = Notary(store, self.secret, self.clock, node="990101", algorithm=algorithm, witness=self.witness)
        try:
            for one in range(first, first + number):
                for change in _changes(one):
                    await store.commit(change)
                await store.claim_due("default", one)
                if one % 3 == 2:
                    for tenant in await store.tenants():
                        await notary.attest(tenant)
        finally:
            await store.close()

    async def verdict(self, tenant: str = "default", *, witnessed: bool = True, **part: int) -> Verdict:
        """Return what verifying says."""
        lines = self.witness.read()[0] if witnessed else None
        async with snapshot(self.url) as trail:
            return await verify(trail, tenant, frozenset((self.secret.public_key,)), lines, **part)


def _changes(one: int) -> list[Change]:
    """Return what happens in one turn: entities, records, the past, timers and looks, in two tenants."""
    about = {"actor": "urn:x:seat", "purpose": "service", "at_us": one}
    entity = f"urn:x:{one}"
    look = audit_row(at_us=one, act=SEAT, action="read", resource=[entity, "urn:x:person"], type="Resident")
    facts = (Fact("state", "", b"{}", None, 1.0),)
    changes = [
        Change("default", puts=(_put(entity, facts), _put("urn:x:all", facts)), policy="seat.Thing.create", **about),
        Change("default", audit=(look,), **about),
        Change("other", puts=(_put(entity),), audit=(look,), **about),
        Change("default", records=(PutRecord("context", entity, b"{}"),), **about),
        Change("default", set_timers=(Timer(entity, "Thing", "late", one),), **about),
    ]
    if one % 4 == 3:
        changes.append(Change("default", deletes=(Delete(f"urn:x:{one - 1}"),), **about))
        changes.append(Change("default", past=(DropPast("urn:x:all", "state"),), **about))
    return changes


def _put(entity: str, facts: tuple[Fact, ...] = ()) -> Put:
    return Put(entity, ("Thing",), ("/cn/r37",), b"{}", ("state", "名"), facts=facts)


@asynccontextmanager
async def a_base(engine: str, folder: Path, request: pytest.FixtureRequest) -> AsyncIterator[Base]:
    secret, witness = NodeSecret(folder / "node.secret"), Witness(folder / "elsewhere" / "witness")
    if engine == "sqlite":
        url = f"sqlite:///{folder / 'linli.db'}"

        async def execute(sql: str, *values: Any) -> list[tuple[Any, ...]]:
            connection = apsw.Connection(str(folder / "linli.db"))
            try:
                return connection.execute(sql, values).fetchall()
            finally:
                connection.close()

        yield Base(url, secret, witness, execute)
        return
    url = f"{request.getfixturevalue('postgres')}&schema=audit_{folder.name.lower().replace('-', '_')[:40]}"
    address = read_address(url)
    assert isinstance(address, PostgresAddress)

    async def execute_there(sql: str, *values: Any) -> list[tuple[Any, ...]]:
        for number in range(len(values)):
            sql = sql.replace("?", f"${number + 1}", 1)
        connection = await connect(address)
        try:
            return [tuple(row) for row in await connection.fetch(sql, *values)]
        finally:
            await connection.close()

    yield Base(url, secret, witness, execute_there)


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.slow)])
async def base(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Base]:
    """Give a database that tells of twelve turns, checkpoints among them, and rows after the last of these."""
    async with a_base(request.param, tmp_path, request) as made:
        await made.tell(1, 12)
        yield made


async def test_what_nobody_touched_holds_in_every_tenant_and_in_every_part(base: Base) -> None:
    for tenant in ("default", "other"):
        verdict = await base.verdict(tenant)
        assert verdict.fault is None
        assert verdict.log_rows == (await base.execute("SELECT count(*) FROM log WHERE tenant = ?", tenant))[0][0] > 0
        assert 0 < verdict.covered == verdict.witnessed < verdict.last
    whole = await base.verdict()
    parts = [await base.verdict(until=40), await base.verdict(since=41)]
    assert [part.fault for part in parts] == [None, None]
    assert sum(part.rows for part in parts) == whole.rows


@pytest.mark.parametrize(("table", "column"), COLUMNS)
async def test_a_changed_value_is_found_in_every_column_and_the_row_is_named(
    base: Base, table: str, column: str
) -> None:
    rows = sorted(await base.execute(f"SELECT * FROM {table} WHERE tenant = 'default'"), key=repr)
    names = await _columns(base, table)
    for row in (rows[0], rows[len(rows) // 2], rows[-1]):
        stands = dict(zip(names, row, strict=True))
        for other in _other_values(stands[column]):
            where = {**stands, column: other}
            await _update(base, table, column, other, stands)
            verdict = await base.verdict()
            await _update(base, table, column, stands[column], where)
            assert verdict.fault is not None, (stands, other)
            if table != "audit_trace":
                assert stands["seq"] - 2 <= verdict.fault.seq <= stands["seq"] + 2, (stands, other, verdict.fault)
    assert (await base.verdict()).fault is None


@pytest.mark.proof
async def test_every_flipped_bit_in_the_audit_is_found(base: Base, prove: Any) -> None:
    draws = random.Random(22)
    rows = await base.execute("SELECT seq, row, hash FROM audit WHERE tenant = 'default'")
    found = 0
    for _ in range(PROVEN_FLIPS):
        seq, *columns = draws.choice(rows)
        column, stands = draws.choice([*zip(("row", "hash"), map(bytes, columns), strict=True)])
        other = bytearray(stands)
        other[draws.randrange(len(other))] ^= 1 << draws.randrange(8)
        sql = f"UPDATE audit SET {column} = ? WHERE tenant = 'default' AND seq = ?"
        await base.execute(sql, bytes(other), seq)
        verdict = await base.verdict()
        await base.execute(sql, stands, seq)
        found += verdict.fault is not None and seq - 1 <= verdict.fault.seq <= seq + 1
    engine = base.url.partition(":")[0]
    prove(
        f"flipped bits in the audit are found ({engine})",
        wanted=PROVEN_FLIPS,
        measured=found,
        kept=found == PROVEN_FLIPS,
    )


@pytest.mark.parametrize("table", ["log", "audit", "audit_trace"])
async def test_a_deleted_row_is_found(base: Base, table: str) -> None:
    names = await _columns(base, table)
    rows = sorted(await base.execute(f"SELECT * FROM {table} WHERE tenant = 'default'"), key=repr)
    for row in (rows[0], rows[len(rows) // 2], rows[-1]):
        stands = dict(zip(names, row, strict=True))
        await base.execute(f"DELETE FROM {table} WHERE {_where(stands)}", *stands.values())
        verdict = await base.verdict()
        places = ", ".join("?" * len(row))
        quoted = ", ".join(f'"{name}"' for name in names)
        await base.execute(f"INSERT INTO {table} ({quoted}) VALUES ({places})", *row)
        assert verdict.fault is not None, stands
    assert (await base.verdict()).fault is None


async def test_a_row_of_the_log_that_is_slipped_in_is_found(base: Base) -> None:
    last = (await base.execute("SELECT max(seq) FROM log"))[0][0]
    row = (await base.execute("SELECT * FROM log WHERE tenant = 'default' ORDER BY seq LIMIT 1"))[0]
    names = await _columns(base, "log")
    forged = {**dict(zip(names, row, strict=True)), "seq": last + 1}
    places = ", ".join("?" * len(row))
    await base.execute(f"INSERT INTO log ({', '.join(names)}) VALUES ({places})", *forged.values())
    verdict = await base.verdict()
    assert verdict.fault is not None
    assert verdict.fault.seq == last + 1


async def test_a_changed_checkpoint_is_found(base: Base) -> None:
    where = "kind = 'audit-checkpoint' AND tenant = 'default'"
    row, doc = (await base.execute(f"SELECT row, doc FROM record WHERE {where} ORDER BY row LIMIT 1"))[0]
    for other in _other_values(bytes(doc)):
        await base.execute("UPDATE record SET doc = ? WHERE row = ?", other, row)
        assert (await base.verdict()).fault is not None
    await base.execute("UPDATE record SET doc = ? WHERE row = ?", doc, row)
    assert (await base.verdict()).fault is None


async def test_the_witness_finds_a_tail_that_was_cut_off_with_its_checkpoints(base: Base) -> None:
    await _cut(base, after=20)
    assert (await base.verdict(witnessed=False)).fault is None
    verdict = await base.verdict()
    assert verdict.fault is not None
    assert "cut off" in verdict.fault.text


async def test_the_witness_finds_rows_that_were_rewritten_to_the_end_and_signed_anew(base: Base) -> None:
    await _rewrite(base, seq=8)
    assert (await base.verdict(witnessed=False)).fault is None
    assert (await base.verdict()).fault is not None


async def test_the_witness_finds_a_fork(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    async with a_base("sqlite", tmp_path, request) as base:
        await base.tell(1, 6)
        (tmp_path / "kept.db").write_bytes((tmp_path / "linli.db").read_bytes())
        await base.tell(7, 6)
        (tmp_path / "linli.db").write_bytes((tmp_path / "kept.db").read_bytes())
        await base.tell(70, 6)
        assert (await base.verdict(witnessed=False)).fault is None
        verdict = await base.verdict()
    assert verdict.fault is not None


async def test_what_another_node_signed_is_not_taken_for_the_nodes_word(base: Base) -> None:
    stranger = NodeSecret(None)
    one = base.witness.read()[0][0]._replace(key=stranger.public_key)
    base.witness.append([one._replace(signature=stranger.sign(one.said())).line()])
    verdict = await base.verdict()
    assert verdict.fault is not None
    assert "another key" in verdict.fault.text


async def test_a_chain_goes_on_under_another_hash_function_and_both_parts_hold(
    tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    async with a_base("sqlite", tmp_path, request) as base:
        await base.tell(1, 5)
        await base.tell(6, 5, "sm3")
        assert (await base.verdict()).fault is None
        await base.execute("UPDATE log SET actor = 'urn:x:other' WHERE seq = (SELECT max(seq) FROM log)")
        assert (await base.verdict("other")).fault is not None or (await base.verdict()).fault is not None


def _other_values(value: Any) -> list[Any]:
    """Return values that differ little from one: of bytes and texts a bit in a few places."""
    if isinstance(value, int):
        return [value + 1_000_000]
    if isinstance(value, str):
        return [value + "x", value[:-1] + chr(ord(value[-1]) ^ 1)] if value else ["x"]
    draws = random.Random(len(value))
    flipped = []
    for at in draws.sample(range(len(value)), min(FLIPS, len(value))):
        other = bytearray(value)
        other[at] ^= 1 << draws.randrange(8)
        flipped.append(bytes(other))
    return flipped


async def _columns(base: Base, table: str) -> list[str]:
    return {
        "log": list(await _names(base, "log")),
        "audit": ["tenant", "seq", "row", "hash"],
        "audit_trace": ["tenant", "trace", "seq"],
    }[table]


async def _names(base: Base, table: str) -> list[str]:
    if base.url.startswith("sqlite"):
        return [row[1] for row in await base.execute(f"PRAGMA table_info({table})")]
    sql = "SELECT column_name::text FROM information_schema.columns WHERE table_schema = current_schema() AND table_name = ?"
    return [row[0] for row in await base.execute(sql + " ORDER BY ordinal_position", table)]


def _where(stands: dict[str, Any]) -> str:
    return " AND ".join(f'"{name}" = ?' for name in stands)


async def _update(base: Base, table: str, column: str, value: Any, stands: dict[str, Any]) -> None:
    sql = f'UPDATE {table} SET "{column}" = ? WHERE {_where(stands)}'
    await base.execute(sql, value, *stands.values())


async def _cut(base: Base, after: int) -> None:
    """Cut off the tail and everything that tells of it."""
    for table in ("log", "audit", "audit_trace"):
        await base.execute(f"DELETE FROM {table} WHERE seq > ?", after)
    await base.execute("DELETE FROM record WHERE kind IN ('audit-checkpoint', 'audit-tree', 'audit-block')")


async def _rewrite(base: Base, seq: int) -> None:
    """Change a row of the log, and make the chain, the checkpoints and their signatures anew from there on."""
    await base.execute("UPDATE log SET actor = 'urn:x:nobody' WHERE tenant = 'default' AND seq = ?", seq)
    chain, prev = HashChain(), b""
    sql = f"SELECT {', '.join(LOG)} FROM log WHERE tenant = 'default' AND seq > ? AND seq <= ? ORDER BY seq"
    for at, row in await base.execute("SELECT seq, row FROM audit WHERE tenant = 'default' ORDER BY seq"):
        log = await base.execute(sql, at - rows_of(bytes(row)), at)
        prev = chain.link(prev, log, bytes(row))
        await base.execute("UPDATE audit SET hash = ? WHERE tenant = 'default' AND seq = ?", prev, at)
    await base.execute("DELETE FROM record WHERE kind IN ('audit-checkpoint', 'audit-tree', 'audit-block')")
    store = await open_store(base.url, chain=HashChain(), sync="off")
    try:
        assert await Notary(store, base.secret, base.clock, node="990101").attest("default") is not None
        assert len(await store.records("default", CHECKPOINT)) == 1
    finally:
        await store.close()
