"""Three engines side by side: whatever is done to all, all answer the same."""

from __future__ import annotations

import asyncio
import itertools
import os
import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import orjson
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from linli.base.errors import LinliError
from linli.store import (
    AddPast,
    Change,
    Delete,
    DropPast,
    DropRecord,
    EditPast,
    Fact,
    Find,
    MemoryStore,
    Put,
    PutRecord,
    Store,
    Timer,
    _postgres,
    _sqlite,
    open_store,
)
from linli.store._finding import _answered
from linli.trust import HashChain

TENANTS = ("default", "other")
IDS = tuple(f"urn:x:{n}" for n in range(6))
TYPES = ("Call", "Helper", "Person")
SCOPES = ("/", "/cn", "/cn/r37", "/cn/r37/a", "/cn/r37-a", "/cn/r370", "/us")
KEYS = tuple((name, value) for name in ("state", "kind") for value in ("open", "done", "开"))

# Figures that 32 bits hold exactly: with others an engine may find too much, which test_store_sqlite looks at.
degrees = st.sampled_from([-180.0, -0.125, 0.0, 2.0**-20, 36.0625, 117.0078125, 180.0])
boxes = st.tuples(degrees, degrees, degrees, degrees).map(
    lambda d: (min(d[0], d[2]), min(d[1], d[3]), max(d[0], d[2]), max(d[1], d[3]))
)
ATTRS, DATASETS, KINDS, RECORDS = ("a", "b"), ("", "urn:d"), ("subscription", "context"), ("urn:r:1", "urn:r:2")
TRACES = ("one", "two")
looks = st.sets(st.sampled_from(TRACES)).map(lambda of: orjson.dumps({"action": "read", "of": sorted(of)}))
facts = st.builds(
    Fact,
    st.sampled_from(ATTRS),
    st.sampled_from(DATASETS),
    st.none() | st.binary(max_size=3),
    st.none() | st.integers(-5, 5),
    st.none() | st.sampled_from([0.5, -1.0, 3.0]),
    st.booleans(),
)
puts = st.builds(
    Put,
    entity_id=st.sampled_from(IDS),
    types=st.lists(st.sampled_from(TYPES), min_size=1, max_size=3).map(tuple),
    scopes=st.lists(st.sampled_from(SCOPES), max_size=2).map(tuple),
    doc=st.sampled_from([b"{}", b'{"attrs":{}}', b'{"a":"\xe5\xbc\x80"}']),
    attrs=st.lists(st.sampled_from(["a", "b"]), max_size=2).map(tuple),
    keys=st.lists(st.sampled_from(KEYS), max_size=3).map(tuple),
    box=st.none() | boxes,
    facts=st.lists(facts, max_size=3).map(tuple),
    expect_version=st.sampled_from([None, None, None, 0, 1, 2]),
)
deletes = st.builds(Delete, st.sampled_from(IDS), st.sampled_from([None, None, 1, 2]), st.booleans())
records = st.builds(
    PutRecord,
    st.sampled_from(KINDS),
    st.sampled_from(RECORDS),
    st.binary(max_size=3),
    st.sampled_from([None, None, 0, 1]),
    st.booleans(),
) | st.builds(DropRecord, st.sampled_from(KINDS), st.sampled_from(RECORDS), st.sampled_from([None, None, 1]))
pasts = (
    st.builds(AddPast, st.sampled_from(IDS), st.lists(facts, max_size=3).map(tuple))
    | st.builds(
        EditPast,
        st.sampled_from(IDS),
        st.sampled_from(ATTRS),
        st.integers(1, 12),
        st.integers(0, 1),
        st.none() | facts,
    )
    | st.builds(
        DropPast, st.sampled_from(IDS), st.none() | st.sampled_from(ATTRS), st.none() | st.sampled_from(DATASETS)
    )
)
timer_names = st.sampled_from(["late", "close"])
timers = st.builds(
    Timer, st.sampled_from(IDS), st.sampled_from(TYPES), timer_names, st.integers(0, 20), st.sampled_from(["", "/cn"])
)
changes = st.builds(
    Change,
    tenant=st.sampled_from(TENANTS),
    actor=st.just("urn:test:tester"),
    purpose=st.sampled_from(["", "service"]),
    at_us=st.integers(1, 10**9),
    puts=st.lists(puts, max_size=4).map(tuple),
    deletes=st.lists(deletes, max_size=1).map(tuple),
    records=st.lists(records, max_size=2).map(tuple),
    past=st.just(()) | st.lists(pasts, max_size=2).map(tuple),
    set_timers=st.lists(timers, max_size=2).map(tuple),
    drop_timers=st.lists(st.tuples(st.sampled_from(IDS), timer_names), max_size=1).map(tuple),
    cursor=st.none() | st.tuples(st.sampled_from(["r", "s"]), st.integers(0, 50)),
    audit=st.lists(st.binary(max_size=3) | looks, max_size=2).map(tuple),
    policy=st.sampled_from(["", "seat.Call.change.area"]),
)
finds = st.builds(
    Find,
    types=st.lists(st.sampled_from(TYPES), max_size=2).map(tuple),
    ids=st.lists(st.sampled_from(IDS), max_size=3).map(tuple),
    keys=st.lists(
        st.tuples(
            st.sampled_from(["state", "kind"]),
            st.lists(st.sampled_from(["open", "done", "开"]), min_size=1, max_size=2).map(tuple),
        ),
        max_size=2,
    ).map(tuple),
    scopes=st.lists(st.tuples(st.sampled_from(SCOPES), st.booleans()), max_size=2).map(tuple),
    box=st.none() | boxes,
)


def _next_of(numbers: Iterator[int], _sql: str, _values: tuple[Any, ...]) -> int:
    return next(numbers)


_schemas = itertools.count(1)


class SideBySide(RuleBasedStateMachine):
    server: ClassVar[str] = ""

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.folder = tempfile.TemporaryDirectory()
        self.urls = [f"sqlite:///{Path(self.folder.name) / 'linli.db'}"]
        if self.server:
            self.urls.append(f"{self.server}&schema=model_{next(_schemas)}")
        self.memory = MemoryStore(chain=HashChain())
        self.engines = self.opened()

    def opened(self) -> list[Any]:
        async def both() -> list[Store]:
            return [await open_store(url, chain=HashChain(), sync="off", bytes_cache_mb=1) for url in self.urls]

        return self.runner.run(both())

    def closed(self) -> None:
        for store in self.engines:
            self.runner.run(store.close())

    def all(self, method: str, *args: Any, **named: Any) -> Any:
        expected, *told = (self.runner.run(getattr(s, method)(*args, **named)) for s in (self.memory, *self.engines))
        assert told == [expected] * len(told), (method, args)
        return expected

    @rule(many=st.lists(changes, min_size=1, max_size=4))
    def commit_together(self, many: list[Change]) -> None:
        async def outcomes(store: Store) -> list[object]:
            done = await asyncio.gather(*map(store.commit, many), return_exceptions=True)
            return [type(one) if isinstance(one, LinliError) else (one.seq, one.versions) for one in done]

        expected = self.runner.run(outcomes(self.memory))
        for store in self.engines:
            assert self.runner.run(outcomes(store)) == expected

    @rule(tenant=st.sampled_from(TENANTS), now_us=st.integers(0, 25), limit=st.sampled_from([1, 2, 1000]))
    def claim(self, tenant: str, now_us: int, limit: int) -> None:
        self.all("claim_due", tenant, now_us, limit=limit)

    @rule(tenant=st.sampled_from(TENANTS), find=finds, after=st.integers(0, 8), limit=st.sampled_from([1, 3, 1000]))
    def find(self, tenant: str, find: Find, after: int, limit: int) -> None:
        wanted = self.all("find", tenant, find, after=after, limit=limit)
        number = self.all("count", tenant, find)
        # A store full of entities takes other ways in: whichever it takes, the answer is the same.
        for store, finder in zip(self.engines, (_sqlite.FINDER, _postgres.FINDER), strict=False):
            for numbers in ([10**6], [10**6, 3], [9999, 9998, 9997, 9996, 9995], [3]):
                taken = itertools.cycle(numbers)
                query = finder.plan(tenant, find, after, partial(_next_of, taken)).select(limit)
                assert [row[0] for row in self.runner.run(store._read(*query))] == [s.entity_id for s in wanted]
                counted = _answered(finder.planning_count(tenant, find), partial(_next_of, taken)).count()
                assert self.runner.run(store._read(*counted))[0][0] == number

    @rule(tenant=st.sampled_from(TENANTS), seq=st.integers(0, 30), limit=st.sampled_from([1, 1000]))
    def read_on(self, tenant: str, seq: int, limit: int) -> None:
        rows = self.all("log_since", tenant, seq, limit=limit)
        assert all(later.seq > earlier.seq for earlier, later in itertools.pairwise(rows))
        self.all("audit_since", tenant, seq, limit=limit)
        for trace in TRACES:
            self.all("audit_of", tenant, trace, before=seq or None, limit=limit)

    @rule(
        tenant=st.sampled_from(TENANTS),
        entity_id=st.sampled_from(IDS),
        attr=st.none() | st.sampled_from(ATTRS),
        between=st.tuples(*[st.none() | st.integers(-4, 6)] * 2),
        by=st.sampled_from(["written", "observed", "unobserved"]),
        newest_first=st.booleans(),
        limit=st.sampled_from([1, 1000]),
    )
    def remember(self, tenant: str, entity_id: str, attr: str | None, between: Any, limit: int, **how: Any) -> None:
        times = dict(zip(("since_us", "until_us"), between, strict=True))
        self.all("past", tenant, entity_id, attr, **times, **how, limit=limit)
        self.all("history", tenant, entity_id, attr or "a", limit=limit)

    @rule(
        tenant=st.sampled_from(TENANTS),
        entity_id=st.sampled_from(IDS),
        attr=st.sampled_from(ATTRS),
        since_us=st.none() | st.integers(-4, 6),
        by=st.sampled_from(["written", "observed", "unobserved"]),
    )
    def count_up(self, tenant: str, entity_id: str, attr: str, **how: Any) -> None:
        asked = (tenant, entity_id, attr)
        got = [self.runner.run(store.numbers(*asked, **how)) for store in (self.memory, *self.engines)]
        told = [{one: (times.tolist(), numbers.tolist()) for one, (times, numbers) in found.items()} for found in got]
        assert told[1:] == told[:-1]
        self.all("past_names", tenant, entity_id)

    @rule(tenant=st.sampled_from(TENANTS), entity_id=st.sampled_from(IDS), seq=st.integers(0, 30))
    def look_back(self, tenant: str, entity_id: str, seq: int) -> None:
        self.all("as_of", tenant, entity_id, seq)

    @rule(
        tenant=st.sampled_from(TENANTS),
        kind=st.sampled_from(KINDS),
        after=st.integers(0, 5),
        limit=st.sampled_from([1, 1000]),
    )
    def look_up(self, tenant: str, kind: str, after: int, limit: int) -> None:
        self.all("records", tenant, kind, after=after, limit=limit)
        for record_id in RECORDS:
            self.all("record", tenant, kind, record_id)

    @rule()
    def open_again(self) -> None:
        self.closed()
        self.engines = self.opened()

    @invariant()
    def all_stand_alike(self) -> None:
        for tenant in TENANTS:
            for entity_id in IDS:
                self.all("get", tenant, entity_id)
            for reader in ("r", "s"):
                self.all("cursor", tenant, reader)
            self.all("head", tenant)
            self.all("next_due", tenant)
            self.all("types", tenant)
        self.all("tenants")

    def teardown(self) -> None:
        self.closed()
        self.runner.close()
        self.folder.cleanup()


class WithPostgres(SideBySide):
    pass


HISTORIES = int(os.environ.get("LINLI_HISTORIES", "12"))
_SETTINGS = settings(
    max_examples=12,
    stateful_step_count=20,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
TestSideBySide = SideBySide.TestCase
TestSideBySide.settings = _SETTINGS


@pytest.mark.slow
class TestWithPostgres(WithPostgres.TestCase):  # type: ignore[name-defined, misc]
    settings = _SETTINGS

    @pytest.fixture(autouse=True)
    def server(self, postgres_server: str) -> None:
        WithPostgres.server = postgres_server


@pytest.mark.proof
def test_every_store_does_the_same_whatever_is_done(postgres_server: str, prove: Any) -> None:
    WithPostgres.server = postgres_server
    run_state_machine_as_test(WithPostgres, settings=settings(_SETTINGS, max_examples=HISTORIES))
    prove("random histories of changes kept alike by three stores", wanted=HISTORIES, measured=HISTORIES, kept=True)
