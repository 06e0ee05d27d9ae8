"""What one transaction will have done: Changes are played in memory on what stands, then written table by table.

An engine first loads what the Changes will ask for (`wanted`), lets the ledger play them one after the other, and then
writes `rows`, each kind by one statement and in the order in which they come. So a Change that is refused costs nothing
and disturbs nobody, and an entity that is written many times in one transaction is written once. Both engines share this.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any, NamedTuple

import orjson

from ._change import (
    AddPast,
    Chain,
    Change,
    Committed,
    Delete,
    DropPast,
    DropRecord,
    EditPast,
    Fact,
    Kind,
    PastChange,
    Put,
    PutRecord,
    Record,
    Rewrite,
    RewritePast,
    RewriteRecord,
    Rewriting,
    Stored,
    Subject,
)
from ._checks import expect, scope_key

Key = tuple[str, str]
RecordKey = tuple[str, str, str]
#: tenant, entity, attribute, seq, nth
FactKey = tuple[str, str, str, int, int]
Row = tuple[Any, ...]


@dataclass(slots=True)
class Counters:
    """The last numbers given out."""

    row: int
    seq: int
    tx: int


@dataclass(slots=True)
class Written:
    """What one piece of work did: its answer, and what readers must learn once it is committed."""

    answer: Any
    touched: dict[Key, Stored | None] = field(default_factory=dict)
    heads: dict[str, int] = field(default_factory=dict)


class Standing(NamedTuple):
    """An entity as it stands, with the texts of its lists: what a write must know of the one before."""

    row: int
    version: int
    created_us: int
    created_seq: int
    types: str
    scopes: str
    keys: str
    box: str


class RecordStanding(NamedTuple):
    """A record as it stands."""

    row: int
    version: int
    created_us: int


class Told(NamedTuple):
    """What one write has to tell history of its entity: facts with their places (`nth`)."""

    seq: int
    tenant: str
    entity_id: str
    at_us: int
    facts: list[tuple[int, Fact]]


_NOTHING = Standing(0, 0, 0, 0, "[]", "[]", "[]", "")
_NO_PUT = Put("", (), (), b"")


@dataclass(slots=True)
class Wanted:
    """What must be loaded before Changes are played."""

    entities: dict[str, dict[str, None]] = field(default_factory=dict)  # ids by tenant
    records: dict[RecordKey, None] = field(default_factory=dict)
    facts: dict[FactKey, None] = field(default_factory=dict)
    heads: dict[str, None] = field(default_factory=dict)


def wanted(changes: Iterable[Change]) -> Wanted:
    """Return what these Changes will ask for."""
    want = Wanted()
    for change in changes:
        tenant = change.tenant
        if change.deletes or change.puts or change.past:
            ids = want.entities.setdefault(tenant, {})
            ids |= dict.fromkeys(one.entity_id for one in (*change.deletes, *change.puts, *change.past))
        for rewrite in change.rewrites:
            if isinstance(rewrite, Rewrite):
                want.entities.setdefault(tenant, {})[rewrite.stored.entity_id] = None
            elif isinstance(rewrite, RewriteRecord):
                want.records[tenant, rewrite.record.kind, rewrite.record.record_id] = None
        for record in change.records:
            want.records[tenant, record.kind, record.record_id] = None
        for past in change.past:
            if isinstance(past, EditPast):
                want.facts[tenant, past.entity_id, past.attr, past.seq, past.nth] = None
        if not (change.puts or change.deletes or change.past or change.audit):
            want.heads[tenant] = None
    return want


class Ledger:
    """One transaction in the making. `entities`, `records`, `facts`, `hashes`, `heads`: as the engine loaded them."""

    def __init__(self, counters: Counters, chain: Chain | None) -> None:
        """Go on from the numbers last given out."""
        self.counters = counters
        self.began = replace(counters)
        self.entities: dict[Key, Standing] = {}
        self.records: dict[RecordKey, RecordStanding] = {}
        self.facts: set[FactKey] = set()
        self.hashes: dict[str, bytes] = {}
        self.heads: dict[str, int] = {}
        self._chain = chain
        self._now: dict[Key, Standing] = {}
        self._stored: dict[Key, Stored | None] = {}
        self._puts: dict[Key, Put] = {}
        self._records: dict[RecordKey, Record | None] = {}
        self._history: dict[Key, list[Told]] = {}
        self._firsts: dict[Key, dict[tuple[str, str, int], Row]] = {}
        self._forgotten: dict[Key, None] = {}
        self._timers_forgotten: dict[Key, None] = {}
        self._timers: dict[tuple[str, str, str], Row | None] = {}
        self._cursors: dict[tuple[str, str], int] = {}
        self._past: list[tuple[str, Row]] = []
        self._log_rows: list[Row] = []
        self._audit_rows: list[Row] = []
        self._traces: list[Row] = []

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to commit."""
        return self.counters == self.began

    def version(self, tenant: str, entity_id: str) -> int:
        """Return the version at which an entity stands."""
        return self._standing((tenant, entity_id)).version

    def record_version(self, tenant: str, kind: str, record_id: str) -> int:
        """Return the version at which a record stands."""
        standing = self._record_standing((tenant, kind, record_id))
        return standing.version if standing else 0

    def has_past(self, tenant: str, edit: EditPast) -> bool:
        """Tell whether the database holds the fact."""
        return (tenant, edit.entity_id, edit.attr, edit.seq, edit.nth) in self.facts

    def write(self, change: Change) -> Written:
        """Play one Change.

        Raises: AlreadyExists, ResourceNotFound, Conflict: nothing of it was played.
        """
        expect(change, self)
        tenant = change.tenant
        self.counters.tx += 1
        first_seq = self.counters.seq
        versions: dict[str, int] = {}
        touched: dict[Key, Stored | None] = {}
        for delete in change.deletes:
            self._delete(change, delete)
            touched[tenant, delete.entity_id] = None
        for put in change.puts:
            stored = self._put(change, put)
            touched[tenant, put.entity_id] = stored
            versions[put.entity_id] = stored.version
        for record in change.records:
            self._put_record(change, record)
        for past in change.past:
            self._change_past(change, past)
        for rewrite in change.rewrites:
            self._rewrite(tenant, rewrite, touched)
        self._sum_up(tenant, change.policy, self.counters.seq - first_seq)
        for row in change.audit:
            self._audit(change, row)
        self._set_timers(change)
        if change.cursor is not None:
            self._cursors[tenant, change.cursor[0]] = change.cursor[1]
        if self.counters.seq > first_seq:
            self.heads[tenant] = self.counters.seq
        seq = self.heads.get(tenant, 0)
        return Written(Committed(self.counters.tx, seq, versions), touched, {tenant: seq})

    def fire(self, tenant: str, now_us: int, due: Sequence[Row]) -> Written:
        """Turn due timers (entity, its type, name, scope) into log rows."""
        if not due:
            return Written(0)
        self.counters.tx += 1
        act = Change(tenant=tenant, actor="", purpose="", at_us=now_us)
        for entity_id, entity_type, name, scope in due:
            self._log(act, "timer", Subject(entity_id, entity_type, scope, attrs=(name,)))
            self._timers[tenant, entity_id, name] = None
        self._sum_up(tenant, "", len(due))
        return Written(len(due), heads={tenant: self.counters.seq})

    def standing_now(self) -> Iterator[tuple[Key, Standing]]:
        """Yield how each entity will stand that was written or taken away; one that is gone stands at version 0."""
        yield from self._now.items()

    def rows(self, told_as: Callable[[Told], Iterable[Row]]) -> Iterator[tuple[str, list[Row]]]:
        """Yield (statement, rows) in the order in which they must be written: what goes away comes first.

        `told_as`: how the engine writes what a write tells history.
        """
        yield from self._entity_rows().items()
        yield from self._record_rows().items()
        yield "history_delete", list(self._forgotten)
        for statement, row in self._past:
            yield statement, [row]
        yield "history_insert", [row for some in self._history.values() for told in some for row in told_as(told)]
        yield "first_insert", [row for firsts in self._firsts.values() for row in firsts.values()]
        yield "log_insert", self._log_rows
        yield "audit_insert", self._audit_rows
        yield "trace_insert", self._traces
        yield "timers_of_entity_delete", list(self._timers_forgotten)
        yield "timer_drop", [key for key, timer in self._timers.items() if timer is None]
        yield "timer_put", [timer for timer in self._timers.values() if timer is not None]
        yield "cursor_put", [(*key, seq) for key, seq in self._cursors.items()]

    def _standing(self, key: Key) -> Standing:
        return self._now.get(key) or self.entities.get(key, _NOTHING)

    def _record_standing(self, key: RecordKey) -> RecordStanding | None:
        if key not in self._records:
            return self.records.get(key)
        record = self._records[key]
        return RecordStanding(record.row, record.version, record.created_us) if record else None

    def _put(self, change: Change, put: Put) -> Stored:
        entity_id, types, scopes, doc, attrs, keys, box, facts, _ = put
        key = (change.tenant, entity_id)
        before = self._standing(key)
        kind: Kind = "update"
        row, version, created_us, created_seq = before[:4]
        if not version:
            kind = "create"
            self.counters.row += 1
            row, created_us, created_seq = self.counters.row, change.at_us, self.counters.seq + 1
        version += 1
        after = self._now[key] = Standing(
            row,
            version,
            created_us,
            created_seq,
            _text(types),
            _text(scopes),
            _fresh_text(keys) if keys else "[]",
            _fresh_text(box) if box else "",
        )
        self._puts[key] = put
        stored = Stored(entity_id, types, scopes, version, created_us, change.at_us, doc, row, created_seq)
        self._stored[key] = stored
        about = Subject(entity_id, types[0] if types else "", scopes[0] if scopes else "", version, attrs)
        seq = self._log(change, kind, about)
        if facts:
            self._keep(key, facts, seq, change.at_us, after)
        return stored

    def _delete(self, change: Change, delete: Delete) -> None:
        key = (change.tenant, delete.entity_id)
        before = self._standing(key)
        self._now[key] = _NOTHING
        self._stored[key] = None
        if not delete.keep_past:
            self._history.pop(key, None)
            self._firsts.pop(key, None)
            self._forgotten[key] = None
        self._timers_forgotten[key] = None
        for timer in [timer for timer in self._timers if timer[:2] == key]:
            del self._timers[timer]
        self._log(change, "delete", self._subject(key, before.version, before))

    def _put_record(self, change: Change, record: PutRecord | DropRecord) -> None:
        key = (change.tenant, record.kind, record.record_id)
        before = self._record_standing(key)
        version = before.version if before else 0
        kind: Kind = "update" if before else "create"
        if isinstance(record, DropRecord):
            kind = "delete"
            self._records[key] = None
        else:
            version += 1
            if before is None:
                self.counters.row += 1
                before = RecordStanding(self.counters.row, 0, change.at_us)
            times = (before.created_us, change.at_us)
            self._records[key] = Record(record.kind, record.record_id, version, *times, record.doc, before.row)
        if not record.quiet:
            self._log(change, kind, Subject(record.record_id, f"record:{record.kind}", version=version))

    def _change_past(self, change: Change, past: PastChange) -> None:
        tenant, key = change.tenant, (change.tenant, past.entity_id)
        standing = self._standing(key)
        attrs: tuple[str, ...] = ()
        if isinstance(past, AddPast):
            attrs = tuple(dict.fromkeys(fact.attr for fact in past.facts))
        elif past.attr is not None:
            attrs = (past.attr,)
        seq = self._log(change, "update", self._subject(key, 0, standing, attrs))
        if isinstance(past, AddPast):
            self._keep(key, past.facts, seq, change.at_us, standing)
        elif isinstance(past, EditPast):
            where = (*key, past.attr, past.seq, past.nth)
            if past.fact is None:
                self._past.append(("fact_delete", where))
            else:
                self._past.append(("fact_update", (*_columns(past.fact), *where)))
        else:
            self._drop_past(tenant, past)

    def _rewrite(self, tenant: str, rewrite: Rewriting, touched: dict[Key, Stored | None]) -> None:
        if isinstance(rewrite, RewritePast):
            fact = rewrite.fact
            where = (tenant, rewrite.entity_id, fact.attr, rewrite.seq, rewrite.nth)
            self._past.append(("fact_update", (*_columns(fact), *where)))
        elif isinstance(rewrite, RewriteRecord):
            record = rewrite.record
            stands = self._record_standing((tenant, record.kind, record.record_id))
            if stands is not None and stands[:2] == (record.row, record.version):
                self._records[tenant, record.kind, record.record_id] = record
        else:
            stored = rewrite.stored
            key = (tenant, stored.entity_id)
            before = self._standing(key)
            if before[:2] == (stored.row, stored.version):
                box = _fresh_text(rewrite.box) if rewrite.box else ""
                self._now[key] = before._replace(keys=_fresh_text(rewrite.keys), box=box)
                shape = (stored.types, stored.scopes, stored.doc)
                self._puts[key] = Put(stored.entity_id, *shape, keys=rewrite.keys, box=rewrite.box)
                self._stored[key] = touched[key] = stored

    def _drop_past(self, tenant: str, drop: DropPast) -> None:
        key = (tenant, drop.entity_id)
        if drop.attr is None:
            self._past.append(("history_delete", key))
        elif drop.dataset_id is None:
            self._past.append(("attr_delete", (*key, drop.attr)))
        else:
            self._past.append(("dataset_delete", (*key, drop.attr, drop.dataset_id)))
        for told in self._history.get(key, ()):
            told.facts[:] = [one for one in told.facts if not drop.covers(one[1].attr, one[1].dataset_id)]

    def _keep(self, key: Key, facts: Sequence[Fact], seq: int, at_us: int, standing: Standing) -> None:
        """Take facts into history; a first one under the creation of its entity."""
        told = [*enumerate(facts)]
        first = [fact for fact in facts if fact.first] if standing.version else ()
        if first:
            told = [one for one in told if not one[1].first]
            firsts = self._firsts.setdefault(key, {})
            for fact in first:
                row: Row = (*key, fact.attr, standing.created_seq, *_columns(fact), standing.created_us)
                firsts.setdefault((fact.attr, fact.dataset_id, standing.created_seq), row)
        if told:
            self._history.setdefault(key, []).append(Told(seq, *key, at_us, told))

    def _audit(self, change: Change, row: bytes) -> None:
        seq = self._log(change, "audit", Subject())
        if self._chain is None:
            self._audit_rows.append((change.tenant, seq, row, b""))
            return
        self._link(self._chain, change.tenant, 1, row)
        self._traces += [(change.tenant, trace, seq) for trace in self._chain.about(row)]

    def _sum_up(self, tenant: str, policy: str, rows: int) -> None:
        """Let one audit row stand for the last `rows` rows of the log."""
        if rows and self._chain is not None:
            self._link(self._chain, tenant, rows, self._chain.summary(policy, rows))

    def _link(self, chain: Chain, tenant: str, rows: int, row: bytes) -> None:
        linked = chain.link(self.hashes.get(tenant, b""), self._log_rows[-rows:], row)
        self.hashes[tenant] = linked
        self._audit_rows.append((tenant, self.counters.seq, row, linked))

    def _set_timers(self, change: Change) -> None:
        tenant = change.tenant
        for entity_id, name in change.drop_timers:
            self._timers[tenant, entity_id, name] = None
        for t in change.set_timers:
            row = (tenant, t.entity_id, t.name, t.entity_type, t.due_us, t.scope)
            self._timers[tenant, t.entity_id, t.name] = row

    def _log(self, change: Change, kind: Kind, subject: Subject) -> int:
        counters = self.counters
        seq = counters.seq = counters.seq + 1
        entity_id, first_type, scope, version, attrs = subject
        about = (kind, entity_id, first_type, scope, version, _text(attrs))
        self._log_rows.append((seq, change.at_us, change.tenant, counters.tx, *about, change.actor, change.purpose))
        return seq

    @staticmethod
    def _subject(key: Key, version: int, standing: Standing, attrs: tuple[str, ...] = ()) -> Subject:
        types, scopes = orjson.loads(standing.types), orjson.loads(standing.scopes)
        return Subject(key[1], next(iter(types), ""), next(iter(scopes), ""), version, attrs)

    def _entity_rows(self) -> Mapping[str, list[Row]]:
        gathered = _EntityRows()
        for key, after in self._now.items():
            before = self.entities.get(key, _NOTHING)
            if before.row and before.row != after.row:
                gathered.remove(key[0], before)
                before = _NOTHING
            stored = self._stored[key]
            if stored is not None:
                gathered.put(key, before, after, stored, self._puts[key])
        return gathered.all()

    def _record_rows(self) -> Mapping[str, list[Row]]:
        rows: dict[str, list[Row]] = {"record_delete": [], "record_insert": [], "record_update": []}
        for key, record in self._records.items():
            before = self.records.get(key)
            if before and (record is None or record.row != before.row):
                rows["record_delete"].append((before.row,))
                before = None
            if record is None:
                continue
            if before:
                rows["record_update"].append((record.version, record.modified_us, record.doc, record.row))
            else:
                times = (record.created_us, record.modified_us)
                rows["record_insert"].append((record.row, *key, record.version, *times, record.doc))
        return rows


class _EntityRows:
    """The rows of entities and of the ways to find them; of these only the difference is written."""

    def __init__(self) -> None:
        self._rows: dict[str, list[Row]] = {name: [] for name in _ENTITY_STATEMENTS}
        self._counts: dict[tuple[str, str], int] = {}

    def all(self) -> Mapping[str, list[Row]]:
        """Return the rows of each statement, in the order of writing."""
        return {**self._rows, "type_count": [(*name, number) for name, number in self._counts.items() if number]}

    def remove(self, tenant: str, before: Standing) -> None:
        """Take an entity away."""
        self._rows["entity_delete"].append((before.row,))
        self._index(tenant, before, _NOTHING, _NO_PUT)

    def put(self, key: Key, before: Standing, after: Standing, stored: Stored, put: Put) -> None:
        """Write an entity in the place of `before`."""
        texts = after[4:]
        if texts != before[4:]:
            self._index(key[0], before, after, put)
        if before.row:
            row: Row = (*texts, after.version, stored.modified_us, stored.doc, after.row)
            self._rows["entity_update"].append(row)
        else:
            times = (stored.created_us, stored.modified_us, after.created_seq)
            self._rows["entity_insert"].append((after.row, *key, *texts, after.version, *times, stored.doc))

    def _index(self, tenant: str, before: Standing, after: Standing, put: Put) -> None:
        rows, row = self._rows, after.row or before.row
        if before.types != after.types:
            gone, new = _difference(before.types, put.types)
            rows["type_delete"] += [(tenant, one, row) for one in gone]
            rows["type_insert"] += [(tenant, one, row) for one in new]
            for some, sign in ((gone, -1), (new, 1)):
                for one in some:
                    self._counts[tenant, one] = self._counts.get((tenant, one), 0) + sign
        if before.scopes != after.scopes:
            gone, new = _difference(before.scopes, put.scopes, scopes=True)
            rows["scope_delete"] += [(tenant, one, row) for one in gone]
            rows["scope_insert"] += [(tenant, one, row) for one in new]
        if before.keys != after.keys:
            gone, new = _difference(before.keys, put.keys)
            rows["key_delete"] += [(tenant, *one, row) for one in gone]
            rows["key_insert"] += [(tenant, *one, row) for one in new]
        if before.box != after.box:
            if put.box:
                rows["place_put"].append((row, *put.box))
            else:
                rows["place_delete"].append((row,))


_ENTITY_STATEMENTS = (
    "entity_delete",
    "type_delete",
    "scope_delete",
    "key_delete",
    "place_delete",
    "entity_insert",
    "entity_update",
    "type_insert",
    "scope_insert",
    "key_insert",
    "place_put",
)


def _difference(before: str, after: Iterable[Any], *, scopes: bool = False) -> tuple[list[Any], list[Any]]:
    """Return (gone, new) of a JSON list and what takes its place, each value once and in its order."""
    new = dict.fromkeys(map(scope_key, after) if scopes else after)
    if before == "[]":
        return [], list(new)
    said = orjson.loads(before)
    old = dict.fromkeys(scope_key(one) if scopes else one if isinstance(one, str) else tuple(one) for one in said)
    return [one for one in old if one not in new], [one for one in new if one not in old]


def _columns(fact: Fact) -> tuple[Any, ...]:
    return fact.dataset_id, fact.observed_us, fact.number, fact.doc


def _fresh_text(values: tuple[Any, ...]) -> str:
    return orjson.dumps(values).decode()


#: Return a list as JSON; the same few types, scopes and names of attributes are written again and again.
_text = lru_cache(4096)(_fresh_text)
