"""Loads what a ledger must know, and writes what it gathered, on the writer's connection of SQLite."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from operator import itemgetter
from typing import Any

import apsw
import orjson

from ._change import Chain, Change
from ._ledger import Counters, Key, Ledger, RecordStanding, Row, Standing, Told, wanted
from ._queries import queries
from ._tasks import Claim

_SQL = queries("write")
#: how many entities are remembered as they stand: about 4 MB
_STANDING_MAX = 8192
#: statements that work on history as filed
_ON_FILED = frozenset({"history_delete", "attr_delete", "dataset_delete", "fact_update", "fact_delete"})


class Pen:
    """Belongs to the writer thread alone."""

    def __init__(self, connection: apsw.Connection, chain: Chain | None) -> None:
        """Write on `connection`; `chain` links audit rows."""
        self._connection = connection
        self._chain = chain
        #: the last hash of each tenant that wrote: nobody else writes this file
        self._hashes: dict[str, bytes] = {}
        #: how entities stand that were written lately
        self._standing: dict[Key, Standing] = {}
        #: about how many facts wait to be filed in history; 0 only when none does
        self.unfiled = 0

    def count_unfiled(self) -> None:
        """Learn how much waits in a file that was just opened."""
        self.unfiled = self._one(_SQL["unfiled_count"], ()) or 0

    def doubt(self) -> None:
        """Hear that a transaction was lost: what it filed may be unfiled again, and what it linked is not."""
        self._hashes.clear()
        self._standing.clear()
        self.unfiled = max(1, self.unfiled)

    def open(self, works: Sequence[Change | Claim]) -> Ledger:
        """Return a ledger that knows what these pieces of work will ask for; the transaction is open."""
        ledger = Ledger(self._counters(), self._chain)
        want = wanted(work for work in works if isinstance(work, Change))
        for tenant, ids in want.entities.items():
            self._load_standing(ledger, tenant, ids)
        for record in want.records:
            for found in self._connection.execute(_SQL["record_before"], record):
                ledger.records[record] = RecordStanding(*found)
        for fact in want.facts:
            if self._one(_SQL["fact_is_there"], fact):
                ledger.facts.add(fact)
        if self._chain is not None:
            for tenant in {work.tenant for work in works} - self._hashes.keys():
                self._hashes[tenant] = self._one(_SQL["audit_last_hash"], (tenant,)) or b""
            ledger.hashes = self._hashes.copy()
        for tenant in want.heads:
            ledger.heads[tenant] = self._one(_SQL["head"], (tenant,)) or 0
        return ledger

    def due(self, tenant: str, now_us: int, limit: int) -> list[Row]:
        """Return the timers that are due."""
        return self._connection.execute(_SQL["timers_due"], (tenant, now_us, limit)).fetchall()

    def write(self, ledger: Ledger) -> None:
        """Write what was gathered, before COMMIT."""
        for statement, rows in ledger.rows(self._told):
            if not rows:
                continue
            if statement in _ON_FILED:
                self.file()
            if statement == "first_insert" and self._filed_alone(rows):
                continue
            self._connection.executemany(_SQL[statement], rows)
        self._hashes = ledger.hashes
        self._remember(ledger)
        at = ledger.counters
        self._connection.execute(_SQL["counters_put"], (at.row, at.seq, at.tx))

    def file(self) -> None:
        """File what waits under its attributes, in their order: so each page of them is written once for many rows."""
        if self.unfiled:
            waiting = self._connection.execute(_SQL["unfiled"]).fetchall()
            self._connection.executemany(_SQL["file"], _in_order(waiting))
            self._connection.execute(_SQL["unfiled_delete"])
            self.unfiled = 0

    def _load_standing(self, ledger: Ledger, tenant: str, ids: Iterable[str]) -> None:
        unknown: list[str] = []
        for entity_id in ids:
            known = self._standing.get((tenant, entity_id))
            if known is None:
                unknown.append(entity_id)
            else:
                ledger.entities[tenant, entity_id] = known
        if unknown:
            wanted_ids = orjson.dumps(unknown).decode()
            for found in self._connection.execute(_SQL["entities_before"], (wanted_ids, tenant)):
                ledger.entities[tenant, found[0]] = Standing(*found[1:])

    def _remember(self, ledger: Ledger) -> None:
        """Keep how entities stand, so that who is written again need not be looked up: nobody else writes this file."""
        if len(self._standing) >= _STANDING_MAX:
            self._standing.clear()
        for key, standing in ledger.standing_now():
            if standing.version:
                self._standing[key] = standing
            else:
                self._standing.pop(key, None)

    def _told(self, told: Told) -> tuple[Row, ...]:
        """Return what a write tells history as one row: a list of its facts, and their documents end to end."""
        facts: list[Row] = []
        docs: list[bytes] = []
        begin = 1
        for nth, (attr, dataset_id, doc, observed_us, number, _) in told.facts:
            if doc is None:
                facts.append((attr, nth, dataset_id, observed_us, number, begin, None))
                continue
            length = len(doc)
            facts.append((attr, nth, dataset_id, observed_us, number, begin, length))
            docs.append(doc)
            begin += length
        if not facts:
            return ()
        self.unfiled += len(facts)
        return ((*told[:4], orjson.dumps(facts).decode(), b"".join(docs)),)

    def _filed_alone(self, rows: list[Row]) -> bool:
        """File first values of which none other of their attribute is there, as nearly always; tell whether all were.

        Those that were not are left to the statement that looks where they belong, which takes many times as long.
        """
        before = self._connection.total_changes()
        self._connection.executemany(_SQL["first_alone"], rows)
        return self._connection.total_changes() - before == len(rows)

    def holds(self, ledger: Ledger) -> bool:
        """Tell whether the file holds the numbers of `ledger`: whether a COMMIT that complained took effect."""
        return self._counters() == ledger.counters

    def _counters(self) -> Counters:
        return Counters(*next(iter(self._connection.execute(_SQL["counters"]))))

    def _one(self, sql: str, values: Row) -> Any:
        return next((value for (value,) in self._connection.execute(sql, values)), None)


def _unfolded(row: Row) -> list[Row]:
    """Return the facts of a row that `_told` made, as they are filed."""
    seq, tenant, entity_id, at_us, facts, docs = row
    return [
        (
            tenant,
            entity_id,
            attr,
            seq,
            nth,
            dataset_id,
            observed_us,
            number,
            None if length is None else docs[begin - 1 : begin - 1 + length],
            at_us,
        )
        for attr, nth, dataset_id, observed_us, number, begin, length in orjson.loads(facts)
    ]


def _in_order(rows: Iterable[Row]) -> Iterator[Row]:
    """Yield the facts of rows as they are filed, entity by entity: all at once they would be much to collect again."""
    for _, of_one in groupby(rows, _ENTITY):
        yield from sorted([fact for row in of_one for fact in _unfolded(row)], key=_PLACE)


#: of a row that waits: whose it is; of a fact: where it is filed within its entity (attribute, seq, nth)
_ENTITY, _PLACE = itemgetter(1, 2), itemgetter(2, 3, 4)
