"""MemoryStore: the whole promise of a store as plain dicts; the model that the other engines are held to."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from linli.base.errors import OperationNotSupported, StoreFailed

from ._change import (
    AddPast,
    AuditRow,
    Box,
    By,
    Chain,
    Change,
    Committed,
    Delete,
    DropRecord,
    EditPast,
    Fact,
    Find,
    Kind,
    LogRow,
    Numbers,
    Past,
    PastChange,
    Put,
    PutRecord,
    Record,
    Rewrite,
    RewriteRecord,
    Rewriting,
    Stored,
    Subject,
    Timer,
)
from ._checks import checked, expect, scope_key
from ._heads import Heads

_ALL = 2**62


@dataclass(slots=True)
class _Entity:
    stored: Stored
    keys: frozenset[tuple[str, str]]
    box: Box | None


@dataclass(slots=True)
class _Tenant:
    entities: dict[str, _Entity] = field(default_factory=dict)
    records: dict[tuple[str, str], Record] = field(default_factory=dict)
    history: dict[str, list[Past]] = field(default_factory=dict)
    added: set[int] = field(default_factory=set)  # positions of rows under which AddPast wrote
    log: list[LogRow] = field(default_factory=list)
    timers: dict[tuple[str, str], Timer] = field(default_factory=dict)
    cursors: dict[str, int] = field(default_factory=dict)
    audit: list[AuditRow] = field(default_factory=list)


class MemoryStore:
    """A store that lives as long as the process: for tests and headless runs. It keeps every promise but durability."""

    trouble: str | None = None

    def __init__(self, chain: Chain | None = None) -> None:
        """Begin empty; `chain` links audit rows."""
        self._chain = chain
        self._tenants: dict[str, _Tenant] = {}
        self._row = self._seq = self._tx = 0
        self._heads = Heads(lambda _tenant: 0)
        self._closed = False

    async def commit(self, change: Change) -> Committed:
        """Write it all or nothing. See Store."""
        self._open_or_raise()
        checked(change)
        tenant = self._tenant(change.tenant)
        expect(change, self)
        self._tx += 1
        began = len(tenant.log)
        versions: dict[str, int] = {}
        for delete in change.deletes:
            self._delete(tenant, change, delete)
        for put in change.puts:
            versions[put.entity_id] = self._put(tenant, change, put)
        for record in change.records:
            self._put_record(tenant, change, record)
        self._write_past(tenant, change)
        for rewrite in change.rewrites:
            _rewrite(tenant, rewrite)
        self._sum_up(tenant, change.policy, len(tenant.log) - began)
        for row in change.audit:
            self._audit(tenant, change, row)
        _set_timers(tenant, change)
        if change.cursor is not None:
            tenant.cursors[change.cursor[0]] = change.cursor[1]
        self._heads.raise_to({change.tenant: _head(tenant)})
        return Committed(self._tx, _head(tenant), versions)

    async def get(self, tenant: str, entity_id: str) -> Stored | None:
        """Return the entity. See Store."""
        found = self._tenant(tenant).entities.get(entity_id)
        return found.stored if found else None

    async def find(self, tenant: str, find: Find, *, after: int = 0, limit: int = 1000) -> list[Stored]:
        """Return what is wanted, in the order of creation. See Store."""
        return [stored for stored in self._found(tenant, find) if stored.row > after][:limit]

    async def count(self, tenant: str, find: Find) -> int:
        """Return how many are wanted. See Store."""
        return sum(1 for _ in self._found(tenant, find))

    async def history(self, tenant: str, entity_id: str, attr: str, *, limit: int = 1000) -> list[tuple[int, Fact]]:
        """Return the facts of one attribute, newest first. See Store."""
        rows = sorted(self._past_of(tenant, entity_id, attr), key=_position, reverse=True)
        return [(row.seq, row.fact) for row in rows[:limit]]

    async def past(
        self,
        tenant: str,
        entity_id: str,
        attr: str | None = None,
        *,
        since_us: int | None = None,
        until_us: int | None = None,
        by: By = "written",
        newest_first: bool = True,
        limit: int = 1000,
    ) -> list[Past]:
        """Return history in the order of time. See Store."""
        dated = sorted(
            (time, row.seq, row.fact.attr, row.nth, row)
            for row in self._past_of(tenant, entity_id, attr)
            if (time := _time(row, by)) is not None and _is_between(time, since_us, until_us)
        )
        return [row for *_, row in (reversed(dated) if newest_first else dated)][:limit]

    async def numbers(
        self,
        tenant: str,
        entity_id: str,
        attr: str,
        *,
        since_us: int | None = None,
        until_us: int | None = None,
        by: By = "observed",
    ) -> dict[str, Numbers]:
        """Return times and numbers by dataset, oldest first. See Store."""
        rows = await self.past(
            tenant, entity_id, attr, since_us=since_us, until_us=until_us, by=by, newest_first=False, limit=_ALL
        )
        dated: dict[str, list[tuple[int, float]]] = {}
        for row in rows:
            if row.fact.number is not None:
                dated.setdefault(row.fact.dataset_id, []).append((_time(row, by) or 0, row.fact.number))
        return {
            dataset_id: (np.array([t for t, _ in pairs], np.int64), np.array([n for _, n in pairs], np.float64))
            for dataset_id, pairs in sorted((name, sorted(pairs)) for name, pairs in dated.items())
        }

    async def past_names(self, tenant: str, entity_id: str) -> list[str]:
        """Return what has any history. See Store."""
        return sorted({row.fact.attr for row in self._past_of(tenant, entity_id, None)})

    async def as_of(self, tenant: str, entity_id: str, seq: int) -> list[Past]:
        """Return what stood at a position of the log. See Store."""
        added = self._tenant(tenant).added
        newest: dict[tuple[str, str], Past] = {}
        for row in sorted(self._past_of(tenant, entity_id, None), key=_position):
            if row.seq <= seq and row.seq not in added:
                newest[row.fact.attr, row.fact.dataset_id] = row
        return [newest[key] for key in sorted(newest)]

    async def record(self, tenant: str, kind: str, record_id: str) -> Record | None:
        """Return a record. See Store."""
        return self._tenant(tenant).records.get((kind, record_id))

    async def records(self, tenant: str, kind: str, *, after: int = 0, limit: int = 1000) -> list[Record]:
        """Return the records of a kind. See Store."""
        found = [one for one in self._tenant(tenant).records.values() if one.kind == kind and one.row > after]
        return sorted(found, key=lambda one: one.row)[:limit]

    async def tenants(self) -> list[str]:
        """Return every tenant in the log. See Store."""
        return sorted(name for name, tenant in self._tenants.items() if tenant.log)

    async def lead(self, name: str) -> bool:  # noqa: ARG002 - the Protocol's parameter
        """Return True: memory is never shared."""
        return True

    async def log_since(self, tenant: str, seq: int, *, limit: int = 1000) -> list[LogRow]:
        """Return the log rows after `seq`. See Store."""
        log = self._tenant(tenant).log
        start = len(log)
        while start and log[start - 1].seq > seq:
            start -= 1
        return log[start : start + limit]

    async def head(self, tenant: str) -> int:
        """Return the position of the newest row. See Store."""
        return self._heads.head(tenant)

    async def wait_log(self, tenant: str, after: int) -> int:
        """Return the head as soon as it lies past `after`. See Store."""
        return await self._heads.wait(tenant, after)

    async def cursor(self, tenant: str, reader: str) -> int:
        """Return how far a reader has come. See Store."""
        return self._tenant(tenant).cursors.get(reader, 0)

    async def claim_due(self, tenant: str, now_us: int, *, limit: int = 1000) -> int:
        """Turn due timers into log rows. See Store."""
        self._open_or_raise()
        kept = self._tenant(tenant)
        due = sorted(
            (timer for timer in kept.timers.values() if timer.due_us <= now_us),
            key=lambda timer: (timer.due_us, timer.entity_id, timer.name),
        )[:limit]
        if due:
            self._tx += 1
        act = Change(tenant=tenant, actor="", purpose="", at_us=now_us)
        for timer in due:
            del kept.timers[timer.entity_id, timer.name]
            self._log(kept, act, "timer", Subject(timer.entity_id, timer.entity_type, timer.scope, attrs=(timer.name,)))
        self._sum_up(kept, "", len(due))
        self._heads.raise_to({tenant: _head(kept)})
        return len(due)

    async def next_due(self, tenant: str) -> int | None:
        """Return when the next timer is due. See Store."""
        return min((timer.due_us for timer in self._tenant(tenant).timers.values()), default=None)

    async def types(self, tenant: str) -> dict[str, int]:
        """Return the types that exist, with their number. See Store."""
        counts: dict[str, int] = {}
        for entity in self._tenant(tenant).entities.values():
            for name in dict.fromkeys(entity.stored.types):
                counts[name] = counts.get(name, 0) + 1
        return dict(sorted(counts.items()))

    async def audit_since(self, tenant: str, seq: int, *, limit: int = 1000) -> list[AuditRow]:
        """Return the audit rows after `seq`. See Store."""
        return [row for row in self._tenant(tenant).audit if row.seq > seq][:limit]

    async def audit_of(
        self, tenant: str, trace: str, *, before: int | None = None, limit: int = 1000
    ) -> list[AuditRow]:
        """Return the audit rows about a trace, newest first. See Store."""
        about = self._chain.about if self._chain else lambda _row: ()
        rows = (row for row in reversed(self._tenant(tenant).audit) if trace in about(row.row))
        return [row for row in rows if before is None or row.seq < before][:limit]

    async def backup(self, target: str) -> None:
        """Refuse: memory has no file.

        Raises: OperationNotSupported: always.
        """
        raise OperationNotSupported(f"A store in memory cannot be backed up to {target}.")

    async def close(self) -> None:
        """End; nothing is kept."""
        self._closed = True
        self._heads.close()

    def _open_or_raise(self) -> None:
        if self._closed:
            raise StoreFailed("The store is closed.")

    def _tenant(self, name: str) -> _Tenant:
        return self._tenants.setdefault(name, _Tenant())

    def version(self, tenant: str, entity_id: str) -> int:
        """Return the version at which an entity stands; 0 = it does not."""
        found = self._tenant(tenant).entities.get(entity_id)
        return found.stored.version if found else 0

    def record_version(self, tenant: str, kind: str, record_id: str) -> int:
        """Return the version at which a record stands; 0 = it does not."""
        found = self._tenant(tenant).records.get((kind, record_id))
        return found.version if found else 0

    def has_past(self, tenant: str, edit: EditPast) -> bool:
        """Tell whether a fact is there."""
        rows = self._past_of(tenant, edit.entity_id, edit.attr)
        return any(_position(row) == (edit.seq, edit.nth) for row in rows)

    def _put(self, tenant: _Tenant, change: Change, put: Put) -> int:
        old = tenant.entities.get(put.entity_id)
        if old is None:
            self._row += 1
            times = (change.at_us, change.at_us)
            stored = Stored(put.entity_id, put.types, put.scopes, 1, *times, put.doc, self._row, self._seq + 1)
        else:
            version = old.stored.version + 1
            stored = old.stored._replace(
                types=put.types,
                scopes=put.scopes,
                version=version,
                modified_us=change.at_us,
                doc=put.doc,
            )
        tenant.entities[put.entity_id] = _Entity(stored, frozenset(put.keys), put.box)
        kind: Kind = "create" if old is None else "update"
        seq = self._log(tenant, change, kind, Subject.of(stored, put.attrs))
        self._keep(tenant, put.entity_id, put.facts, seq, change.at_us)
        return stored.version

    def _delete(self, tenant: _Tenant, change: Change, delete: Delete) -> None:
        old = tenant.entities.pop(delete.entity_id).stored
        if not delete.keep_past:
            tenant.history.pop(delete.entity_id, None)
        for key in [key for key in tenant.timers if key[0] == delete.entity_id]:
            del tenant.timers[key]
        self._log(tenant, change, "delete", Subject.of(old))

    def _put_record(self, tenant: _Tenant, change: Change, put: PutRecord | DropRecord) -> None:
        key = (put.kind, put.record_id)
        old = tenant.records.pop(key, None)
        version = old.version if old else 0
        kind: Kind = "update" if old else "create"
        if isinstance(put, DropRecord):
            kind = "delete"
        else:
            version += 1
            if old is None:
                self._row += 1
            created_us, row = (old.created_us, old.row) if old else (change.at_us, self._row)
            tenant.records[key] = Record(*key, version, created_us, change.at_us, put.doc, row)
        if not put.quiet:
            self._log(tenant, change, kind, Subject(put.record_id, f"record:{put.kind}", version=version))

    def _write_past(self, tenant: _Tenant, change: Change) -> None:
        for past in change.past:
            self._change_past(tenant, change, past)
        for put in change.puts:
            self._keep_first(tenant, put.entity_id, put.facts)
        for past in change.past:
            if isinstance(past, AddPast):
                self._keep_first(tenant, past.entity_id, past.facts)

    def _change_past(self, tenant: _Tenant, change: Change, past: PastChange) -> None:
        if isinstance(past, AddPast):
            attrs = tuple(dict.fromkeys(fact.attr for fact in past.facts))
        else:
            attrs = () if past.attr is None else (past.attr,)
        entity = tenant.entities.get(past.entity_id)
        subject = Subject.of(entity.stored, attrs) if entity else Subject(past.entity_id, attrs=attrs)
        seq = self._log(tenant, change, "update", subject._replace(version=0))
        if isinstance(past, AddPast):
            tenant.added.add(seq)
            self._keep(tenant, past.entity_id, past.facts, seq, change.at_us)
        elif isinstance(past, EditPast):
            rows = tenant.history.get(past.entity_id, [])
            rows[:] = [after for row in rows if (after := _edited(row, past))]
        else:
            rows = tenant.history.get(past.entity_id, [])
            rows[:] = [row for row in rows if not past.covers(row.fact.attr, row.fact.dataset_id)]

    def _keep(self, tenant: _Tenant, entity_id: str, facts: tuple[Fact, ...], seq: int, at_us: int) -> None:
        stands = entity_id in tenant.entities
        for nth, fact in enumerate(facts):
            if not (fact.first and stands):
                rows = tenant.history.setdefault(entity_id, [])
                rows.append(Past(seq, nth, at_us, fact._replace(first=False)))

    def _keep_first(self, tenant: _Tenant, entity_id: str, facts: tuple[Fact, ...]) -> None:
        """File first values under the creation of their entity, after all else of the Change."""
        entity = tenant.entities.get(entity_id)
        for fact in facts:
            if not fact.first or entity is None:
                continue
            rows = tenant.history.setdefault(entity_id, [])
            there = [row for row in rows if row.seq == entity.stored.created_seq and row.fact.attr == fact.attr]
            if all(row.fact.dataset_id != fact.dataset_id for row in there):
                nth = max((row.nth for row in there), default=-1) + 1
                past = Past(entity.stored.created_seq, nth, entity.stored.created_us, fact._replace(first=False))
                rows.append(past)

    def _past_of(self, tenant: str, entity_id: str, attr: str | None) -> list[Past]:
        rows = self._tenant(tenant).history.get(entity_id, [])
        return rows if attr is None else [row for row in rows if row.fact.attr == attr]

    def _audit(self, tenant: _Tenant, change: Change, row: bytes) -> None:
        self._log(tenant, change, "audit", Subject())
        self._link(tenant, 1, row)

    def _sum_up(self, tenant: _Tenant, policy: str, rows: int) -> None:
        """Let one audit row stand for the last `rows` rows of the log."""
        if rows and self._chain is not None:
            self._link(tenant, rows, self._chain.summary(policy, rows))

    def _link(self, tenant: _Tenant, rows: int, row: bytes) -> None:
        previous = tenant.audit[-1].hash if tenant.audit else b""
        log = [one.as_written() for one in tenant.log[-rows:]]
        linked = self._chain.link(previous, log, row) if self._chain else b""
        tenant.audit.append(AuditRow(self._seq, row, linked))

    def _log(self, tenant: _Tenant, change: Change, kind: Kind, subject: Subject) -> int:
        self._seq += 1
        tenant.log.append(
            LogRow(
                self._seq,
                change.at_us,
                change.tenant,
                self._tx,
                kind,
                *subject,
                actor=change.actor,
                purpose=change.purpose,
            )
        )
        return self._seq

    def _found(self, tenant: str, find: Find) -> Iterator[Stored]:
        entities = self._tenant(tenant).entities
        named = [entities[id_] for id_ in dict.fromkeys(find.ids) if id_ in entities]
        among = named if find.ids else list(entities.values())
        among.sort(key=lambda entity: entity.stored.row)
        return (entity.stored for entity in among if _wanted(entity, find))


def _wanted(entity: _Entity, find: Find) -> bool:
    return (
        (not find.types or not set(find.types).isdisjoint(entity.stored.types))
        and all(any((name, value) in entity.keys for value in values) for name, values in find.keys)
        and (not find.scopes or any(_in_scope(scope, find.scopes) for scope in entity.stored.scopes))
        and (find.box is None or (entity.box is not None and _meet(entity.box, find.box)))
    )


def _in_scope(scope: str, wanted: tuple[tuple[str, bool], ...]) -> bool:
    here = scope_key(scope)
    return any(here.startswith(scope_key(w)) if below else here == scope_key(w) for w, below in wanted)


def _meet(one: Box, other: Box) -> bool:
    return one[0] <= other[2] and other[0] <= one[2] and one[1] <= other[3] and other[1] <= one[3]


def _rewrite(tenant: _Tenant, rewrite: Rewriting) -> None:
    if isinstance(rewrite, Rewrite):
        new = rewrite.stored
        old = tenant.entities.get(new.entity_id)
        if old is not None and (old.stored.row, old.stored.version) == (new.row, new.version):
            tenant.entities[new.entity_id] = _Entity(new, frozenset(rewrite.keys), rewrite.box)
    elif isinstance(rewrite, RewriteRecord):
        record = rewrite.record
        stands = tenant.records.get((record.kind, record.record_id))
        if stands is not None and (stands.row, stands.version) == (record.row, record.version):
            tenant.records[record.kind, record.record_id] = record
    else:
        fact = rewrite.fact
        rows = tenant.history.get(rewrite.entity_id, [])
        place = (fact.attr, rewrite.seq, rewrite.nth)
        rows[:] = [row._replace(fact=fact) if (row.fact.attr, row.seq, row.nth) == place else row for row in rows]


def _set_timers(tenant: _Tenant, change: Change) -> None:
    for key in change.drop_timers:
        tenant.timers.pop(key, None)
    for timer in change.set_timers:
        tenant.timers[timer.entity_id, timer.name] = timer


def _position(row: Past) -> tuple[int, int]:
    return row.seq, row.nth


def _edited(row: Past, edit: EditPast) -> Past | None:
    if (row.fact.attr, *_position(row)) != (edit.attr, edit.seq, edit.nth):
        return row
    return row._replace(fact=edit.fact._replace(attr=edit.attr, first=False)) if edit.fact else None


def _time(row: Past, by: By) -> int | None:
    observed_us = row.fact.observed_us
    if by == "unobserved":
        return row.at_us if observed_us is None else None
    return row.at_us if by == "written" else observed_us


def _is_between(time: int, since_us: int | None, until_us: int | None) -> bool:
    return (since_us is None or since_us <= time) and (until_us is None or time < until_us)


def _head(tenant: _Tenant) -> int:
    return tenant.log[-1].seq if tenant.log else 0
