"""Writes one Change by SQL, inside the transaction that the writer opened around it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import apsw
import orjson

from linli.base.errors import AlreadyExists, Conflict, ResourceNotFound

from ._change import Chain, Change, Committed, Delete, Kind, Put, Stored, Subject
from ._checks import scope_key
from ._queries import queries

_SQL = queries("write")
#: The order in which gathered rows are written: what goes away first, so that the same key may come again.
_ORDER = (
    "entity_delete",
    "type_delete",
    "scope_delete",
    "key_delete",
    "place_delete",
    "history_delete",
    "timers_of_entity_delete",
    "entity_insert",
    "entity_update",
    "type_insert",
    "scope_insert",
    "key_insert",
    "place_put",
    "log_insert",
    "history_insert",
    "audit_insert",
)


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
    touched: dict[tuple[str, str], Stored | None] = field(default_factory=dict)
    heads: dict[str, int] = field(default_factory=dict)


@dataclass(slots=True)
class _Before:
    """An entity as it stood, with the texts of its lists."""

    row: int
    version: int
    created_us: int
    types: str
    scopes: str
    keys: str
    box: str


_NOTHING = _Before(0, 0, 0, "[]", "[]", "[]", "")


class Pen:
    """Writes Changes on the writer's connection; belongs to the writer thread alone."""

    def __init__(self, connection: apsw.Connection, chain: Chain | None) -> None:
        """Begin with nothing; `begin` takes the counters over from the file."""
        self._connection = connection
        self._chain = chain
        self._hashes: dict[str, bytes] = {}
        self._rows: dict[str, list[tuple[Any, ...]]] = {name: [] for name in _ORDER}
        self._type_counts: Counter[str] = Counter()
        self._counters = Counters(0, 0, 0)

    def begin(self) -> None:
        """Start a transaction from what the file holds, whatever became of the one before."""
        self.back_to(Counters(*next(iter(self._connection.execute(_SQL["counters"])))))

    def mark(self) -> Counters:
        """Return where the counters stand, for `back_to`."""
        return replace(self._counters)

    def back_to(self, mark: Counters) -> None:
        """Forget everything since `mark`; the caller rolls the database back."""
        self._counters = replace(mark)
        self._hashes.clear()
        for rows in self._rows.values():
            rows.clear()
        self._type_counts.clear()

    def is_saved(self) -> bool:
        """Tell whether the file holds the counters as they stand here: whether a COMMIT that complained took effect."""
        at = self._counters
        return list(self._connection.execute(_SQL["counters"])) == [(at.row, at.seq, at.tx)]

    def save_counters(self) -> None:
        """Write the counters; once before each COMMIT."""
        at = self._counters
        self._connection.execute(_SQL["counters_put"], (at.row, at.seq, at.tx))

    def write(self, change: Change) -> Written:
        """Write one Change.

        Raises: AlreadyExists, ResourceNotFound, Conflict: the caller rolls back to its savepoint.
        """
        self._counters.tx += 1
        first_seq = self._counters.seq
        versions: dict[str, int] = {}
        touched: dict[tuple[str, str], Stored | None] = {}
        for delete in change.deletes:
            self._once(touched, change.tenant, delete.entity_id)
            self._delete(change, delete)
            touched[change.tenant, delete.entity_id] = None
        for put in change.puts:
            self._once(touched, change.tenant, put.entity_id)
            stored = self._put(change, put)
            touched[change.tenant, put.entity_id] = stored
            versions[put.entity_id] = stored.version
        for row in change.audit:
            self._audit(change, row)
        self._flush(change.tenant)
        self._timers_and_cursor(change)
        seq = self._counters.seq if self._counters.seq > first_seq else self._head(change.tenant)
        return Written(Committed(self._counters.tx, seq, versions), touched, {change.tenant: seq})

    def claim(self, tenant: str, now_us: int, limit: int) -> Written:
        """Turn due timers into log rows."""
        due = list(self._connection.execute(_SQL["timers_due"], (tenant, now_us, limit)))
        if not due:
            return Written(0)
        self._counters.tx += 1
        act = Change(tenant=tenant, actor="", purpose="", at_us=now_us)
        for entity_id, entity_type, name, scope in due:
            self._log(act, "timer", Subject(entity_id, entity_type, scope, attrs=(name,)))
        self._connection.executemany(_SQL["timer_drop"], ((tenant, id_, name) for id_, _, name, _ in due))
        self._flush(tenant)
        return Written(len(due), heads={tenant: self._counters.seq})

    def _once(self, touched: Iterable[tuple[str, str]], tenant: str, entity_id: str) -> None:
        """Write what was gathered when an entity is touched a second time in one Change."""
        if (tenant, entity_id) in touched:
            self._flush(tenant)

    def _put(self, change: Change, put: Put) -> Stored:
        before = self._before(change.tenant, put.entity_id)
        _expect(put, before)
        facets = (_text(put.types), _text(put.scopes), _text(put.keys), _text(put.box) if put.box else "")
        if before is None:
            self._counters.row += 1
            after = _Before(self._counters.row, 1, change.at_us, *facets)
            times = (change.at_us, change.at_us)
            self._rows["entity_insert"].append(
                (after.row, change.tenant, put.entity_id, *facets, after.version, *times, put.doc)
            )
        else:
            after = _Before(before.row, before.version + 1, before.created_us, *facets)
            self._rows["entity_update"].append((*facets, after.version, change.at_us, put.doc, after.row))
        self._index(change.tenant, before, after)
        times = (after.created_us, change.at_us)
        stored = Stored(put.entity_id, put.types, put.scopes, after.version, *times, put.doc, after.row)
        seq = self._log(change, "update" if before else "create", Subject.of(stored, put.attrs))
        self._rows["history_insert"].extend(
            (change.tenant, put.entity_id, fact.attr, seq, nth, fact.dataset_id, fact.doc)
            for nth, fact in enumerate(put.facts)
        )
        return stored

    def _delete(self, change: Change, delete: Delete) -> None:
        before = self._before(change.tenant, delete.entity_id)
        if before is None:
            raise ResourceNotFound(f"There is nothing under {delete.entity_id}.")
        if delete.expect_version not in (None, before.version):
            raise Conflict(f"{delete.entity_id} stands at version {before.version}, not {delete.expect_version}.")
        self._rows["entity_delete"].append((before.row,))
        self._index(change.tenant, before, replace(_NOTHING, row=before.row))
        self._rows["history_delete"].append((change.tenant, delete.entity_id))
        self._rows["timers_of_entity_delete"].append((change.tenant, delete.entity_id))
        types, scopes = orjson.loads(before.types), orjson.loads(before.scopes)
        self._log(change, "delete", Subject.of(Stored(delete.entity_id, types, scopes, before.version, 0, 0, b"")))

    def _audit(self, change: Change, row: bytes) -> None:
        tenant = change.tenant
        seq = self._log(change, "audit", Subject())
        if tenant not in self._hashes:
            self._hashes[tenant] = self._one(_SQL["audit_last_hash"], (tenant,)) or b""
        linked = self._chain.link(self._hashes[tenant], row) if self._chain else b""
        self._hashes[tenant] = linked
        self._rows["audit_insert"].append((tenant, seq, row, linked))

    def _timers_and_cursor(self, change: Change) -> None:
        tenant, many = change.tenant, self._connection.executemany
        if change.drop_timers:
            many(_SQL["timer_drop"], ((tenant, entity_id, name) for entity_id, name in change.drop_timers))
        if change.set_timers:
            many(
                _SQL["timer_put"],
                ((tenant, t.entity_id, t.entity_type, t.name, t.due_us, t.scope) for t in change.set_timers),
            )
        if change.cursor is not None:
            self._connection.execute(_SQL["cursor_put"], (tenant, *change.cursor))

    def _before(self, tenant: str, entity_id: str) -> _Before | None:
        for found in self._connection.execute(_SQL["entity_before"], (tenant, entity_id)):
            return _Before(*found)
        return None

    def _index(self, tenant: str, before: _Before | None, after: _Before) -> None:
        """Gather what changes in the ways to find an entity: only the difference is written."""
        row = after.row
        was = before or _NOTHING
        for name, gone, new in (
            ("type", *_difference(was.types, after.types, str)),
            ("scope", *_difference(was.scopes, after.scopes, scope_key)),
            ("key", *_difference(was.keys, after.keys, tuple)),
        ):
            self._rows[f"{name}_delete"].extend((tenant, *_columns(value), row) for value in gone)
            self._rows[f"{name}_insert"].extend((tenant, *_columns(value), row) for value in new)
            if name == "type":
                self._type_counts.update(new)
                self._type_counts.subtract(gone)
        if after.box != was.box:
            if after.box:
                self._rows["place_put"].append((row, *orjson.loads(after.box)))
            else:
                self._rows["place_delete"].append((row,))

    def _log(self, change: Change, kind: Kind, subject: Subject) -> int:
        self._counters.seq += 1
        seq, tx = self._counters.seq, self._counters.tx
        about = (*subject[:4], _text(subject.attrs))
        self._rows["log_insert"].append(
            (seq, change.at_us, change.tenant, tx, kind, *about, change.actor, change.purpose)
        )
        return seq

    def _flush(self, tenant: str) -> None:
        for name in _ORDER:
            rows = self._rows[name]
            if rows:
                self._connection.executemany(_SQL[name], rows)
                rows.clear()
        if self._type_counts:
            counts = [(tenant, name, number) for name, number in self._type_counts.items() if number]
            self._connection.executemany(_SQL["type_count"], counts)
            self._type_counts.clear()

    def _head(self, tenant: str) -> int:
        return self._one(_SQL["head"], (tenant,)) or 0

    def _one(self, sql: str, values: tuple[Any, ...]) -> Any:
        for (value,) in self._connection.execute(sql, values):
            return value
        return None


def _expect(put: Put, before: _Before | None) -> None:
    stands = before.version if before else 0
    if put.expect_version == 0 and stands:
        raise AlreadyExists(f"{put.entity_id} exists already.")
    if put.expect_version not in (None, stands):
        raise Conflict(f"{put.entity_id} stands at version {stands}, not {put.expect_version}.")


def _text(values: Sequence[Any]) -> str:
    return orjson.dumps(values).decode()


def _difference(before: str, after: str, form: Callable[[Any], Any]) -> tuple[list[Any], list[Any]]:
    """Return (gone, new) of two JSON lists, each value once and in its order."""
    if before == after:
        return [], []
    old = dict.fromkeys(map(form, orjson.loads(before)))
    new = dict.fromkeys(map(form, orjson.loads(after)))
    return [value for value in old if value not in new], [value for value in new if value not in old]


def _columns(value: str | tuple[str, str]) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else value
