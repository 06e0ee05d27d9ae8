"""MemoryStore: the whole promise of a store as plain dicts; the model that the other engines are held to."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from linli.base.errors import AlreadyExists, Conflict, OperationNotSupported, ResourceNotFound, StoreFailed

from ._change import (
    AuditRow,
    Box,
    Chain,
    Change,
    Committed,
    Delete,
    Fact,
    Find,
    Kind,
    LogRow,
    Put,
    Stored,
    Subject,
    Timer,
)
from ._checks import checked, scope_key
from ._heads import Heads


@dataclass(slots=True)
class _Entity:
    stored: Stored
    keys: frozenset[tuple[str, str]]
    box: Box | None


@dataclass(slots=True)
class _Tenant:
    entities: dict[str, _Entity] = field(default_factory=dict)
    history: dict[tuple[str, str], list[tuple[int, Fact]]] = field(default_factory=dict)
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
        self._expect(tenant, change)
        self._tx += 1
        versions: dict[str, int] = {}
        for delete in change.deletes:
            self._delete(tenant, change, delete)
        for put in change.puts:
            versions[put.entity_id] = self._put(tenant, change, put)
        for row in change.audit:
            self._audit(tenant, change, row)
        for key in change.drop_timers:
            tenant.timers.pop(key, None)
        for timer in change.set_timers:
            tenant.timers[timer.entity_id, timer.name] = timer
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
        return self._tenant(tenant).history.get((entity_id, attr), [])[::-1][:limit]

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

    def _expect(self, tenant: _Tenant, change: Change) -> None:
        """Play the Change through on version numbers alone, so that it is refused before anything is written."""
        versions = {id_: tenant.entities[id_].stored.version for id_ in tenant.entities.keys() & _touched(change)}
        for delete in change.deletes:
            stands = versions.pop(delete.entity_id, 0)
            if not stands:
                raise ResourceNotFound(f"There is nothing under {delete.entity_id}.")
            if delete.expect_version not in (None, stands):
                raise Conflict(f"{delete.entity_id} stands at version {stands}, not {delete.expect_version}.")
        for put in change.puts:
            stands = versions.get(put.entity_id, 0)
            if put.expect_version == 0 and stands:
                raise AlreadyExists(f"{put.entity_id} exists already.")
            if put.expect_version not in (None, stands):
                raise Conflict(f"{put.entity_id} stands at version {stands}, not {put.expect_version}.")
            versions[put.entity_id] = stands + 1

    def _put(self, tenant: _Tenant, change: Change, put: Put) -> int:
        old = tenant.entities.get(put.entity_id)
        if old is None:
            self._row += 1
            stored = Stored(put.entity_id, put.types, put.scopes, 1, change.at_us, change.at_us, put.doc, self._row)
        else:
            version = old.stored.version + 1
            stored = replace(
                old.stored,
                types=put.types,
                scopes=put.scopes,
                version=version,
                modified_us=change.at_us,
                doc=put.doc,
            )
        tenant.entities[put.entity_id] = _Entity(stored, frozenset(put.keys), put.box)
        kind: Kind = "create" if old is None else "update"
        seq = self._log(tenant, change, kind, Subject.of(stored, put.attrs))
        for fact in put.facts:
            tenant.history.setdefault((put.entity_id, fact.attr), []).append((seq, fact))
        return stored.version

    def _delete(self, tenant: _Tenant, change: Change, delete: Delete) -> None:
        old = tenant.entities.pop(delete.entity_id).stored
        for key in [key for key in tenant.history if key[0] == delete.entity_id]:
            del tenant.history[key]
        for key in [key for key in tenant.timers if key[0] == delete.entity_id]:
            del tenant.timers[key]
        self._log(tenant, change, "delete", Subject.of(old))

    def _audit(self, tenant: _Tenant, change: Change, row: bytes) -> None:
        seq = self._log(tenant, change, "audit", Subject())
        previous = tenant.audit[-1].hash if tenant.audit else b""
        tenant.audit.append(AuditRow(seq, row, self._chain.link(previous, row) if self._chain else b""))

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


def _touched(change: Change) -> set[str]:
    return {delete.entity_id for delete in change.deletes} | {put.entity_id for put in change.puts}


def _head(tenant: _Tenant) -> int:
    return tenant.log[-1].seq if tenant.log else 0
