"""The words in which rooms speak to a store: what stands there, what shall change, what changed."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, NamedTuple, Protocol

Kind = Literal["create", "update", "delete", "timer", "audit"]
Box = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class Stored:
    """One entity as it stands: `doc` is its whole JSON in the broker's internal form, never decoded by the store."""

    entity_id: str
    types: tuple[str, ...]
    scopes: tuple[str, ...]
    version: int
    created_us: int
    modified_us: int
    doc: bytes
    row: int = 0


@dataclass(frozen=True, slots=True)
class Fact:
    """One instance of one attribute as it was written, for history; `doc` None means deleted."""

    attr: str
    dataset_id: str
    doc: bytes | None


@dataclass(frozen=True, slots=True)
class Put:
    """Write an entity whole.

    `expect_version`: 0 = it must not exist (else AlreadyExists), n = it must stand at version n (else Conflict), None =
    as it comes. Versions count from 1, again from 1 after a Delete.
    `attrs`: names that this write changed (for the log row). `keys`: (name, value) pairs under which `find` must
    see it fast; they replace the earlier ones. `box`: west, south, east, north of its location in degrees.
    """

    entity_id: str
    types: tuple[str, ...]
    scopes: tuple[str, ...]
    doc: bytes
    attrs: tuple[str, ...] = ()
    keys: tuple[tuple[str, str], ...] = ()
    box: Box | None = None
    facts: tuple[Fact, ...] = ()
    expect_version: int | None = None


@dataclass(frozen=True, slots=True)
class Delete:
    """Remove an entity, its keys, its history and its timers; an absent one is ResourceNotFound, a wrong version
    Conflict."""

    entity_id: str
    expect_version: int | None = None


@dataclass(frozen=True, slots=True)
class Timer:
    """Wake the readers at `due_us` about an entity; one timer per (entity, name), setting it again moves it."""

    entity_id: str
    entity_type: str
    name: str
    due_us: int
    scope: str = ""


@dataclass(frozen=True, slots=True)
class Change:
    """Everything that one transaction writes. `cursor` = (reader, seq): that reader has done all rows up to seq.

    Order of writing, and of log rows: deletes, puts, audit; then timers are dropped, then set. The same entity may be
    deleted and put, or put twice, in one Change: each step is a version and a log row of its own.
    """

    tenant: str
    actor: str
    purpose: str
    at_us: int
    puts: tuple[Put, ...] = ()
    deletes: tuple[Delete, ...] = ()
    set_timers: tuple[Timer, ...] = ()
    drop_timers: tuple[tuple[str, str], ...] = ()
    cursor: tuple[str, int] | None = None
    audit: tuple[bytes, ...] = ()


@dataclass(frozen=True, slots=True)
class Committed:
    """What a transaction made: its number, the last log position, the new version of each entity written.

    A Change without any log row (a cursor, timers) returns the head of its tenant as `seq`.
    """

    tx: int
    seq: int
    versions: dict[str, int] = field(default_factory=dict)


class LogRow(NamedTuple):
    """One change. It never holds a value: who needs one reads the entity or `history`."""

    seq: int
    at_us: int
    tenant: str
    tx: int
    kind: Kind
    entity_id: str
    type: str
    scope: str
    version: int
    attrs: tuple[str, ...]
    actor: str
    purpose: str


class Subject(NamedTuple):
    """Whom a log row is about, inside this room: the part of a LogRow that does not come from the Change."""

    entity_id: str = ""
    type: str = ""
    scope: str = ""
    version: int = 0
    attrs: tuple[str, ...] = ()

    @classmethod
    def of(cls, stored: Stored, attrs: tuple[str, ...] = ()) -> Subject:
        """Return the subject of a write to an entity: its first type and its first scope stand for all."""
        return cls(stored.entity_id, next(iter(stored.types), ""), next(iter(stored.scopes), ""), stored.version, attrs)


class AuditRow(NamedTuple):
    """One row of the audit as it was given, with the hash that links it to the one before; chains run by tenant."""

    seq: int
    row: bytes
    hash: bytes


@dataclass(frozen=True, slots=True)
class Find:
    """Which entities are wanted. All given parts must hold. A store may return too many, never too few.

    `types`: any of these. `ids`: any of these. `keys`: each (name, values): any of the values.
    `scopes`: (scope, below): exactly that scope, or with below=True it and all under it; any of these.
    `box`: the location's box meets this one.
    """

    types: tuple[str, ...] = ()
    ids: tuple[str, ...] = ()
    keys: tuple[tuple[str, tuple[str, ...]], ...] = ()
    scopes: tuple[tuple[str, bool], ...] = ()
    box: Box | None = None


class Chain(Protocol):
    """Links rows of kind audit to each other; trust supplies it."""

    def link(self, prev: bytes, row: bytes) -> bytes:
        """Return the hash that binds `row` to the one before."""
        ...


class Store(Protocol):
    """Entities, history, the change log, cursors and timers of one node. All writes go through `commit`."""

    async def commit(self, change: Change) -> Committed:
        """Write it all or nothing; return only when it is durable.

        A caller that is cancelled while it waits does not take its Change back: what was accepted is written.
        Raises: AlreadyExists, ResourceNotFound, Conflict, BadRequestData (nothing written), Busy (queue full),
        StoreFailed.
        """
        ...

    async def get(self, tenant: str, entity_id: str) -> Stored | None:
        """Return the entity as last committed."""
        ...

    async def find(self, tenant: str, find: Find, *, after: int = 0, limit: int = 1000) -> list[Stored]:
        """Return up to `limit` entities with row > `after`, in the order of row (the order of creation)."""
        ...

    async def count(self, tenant: str, find: Find) -> int:
        """Return how many `find` would return in all."""
        ...

    async def history(self, tenant: str, entity_id: str, attr: str, *, limit: int = 1000) -> list[tuple[int, Fact]]:
        """Return (seq, fact) of one attribute, newest first."""
        ...

    async def log_since(self, tenant: str, seq: int, *, limit: int = 1000) -> list[LogRow]:
        """Return the log rows after `seq`, oldest first."""
        ...

    async def head(self, tenant: str) -> int:
        """Return the position of the newest log row; 0 when there is none."""
        ...

    async def wait_log(self, tenant: str, after: int) -> int:
        """Return the head as soon as it lies past `after`."""
        ...

    async def cursor(self, tenant: str, reader: str) -> int:
        """Return up to where a reader has done its work; 0 at first."""
        ...

    async def claim_due(self, tenant: str, now_us: int, *, limit: int = 1000) -> int:
        """Turn timers due at or before `now_us` into log rows of kind timer (attrs = (name,)), in order of due time;
        return how many."""
        ...

    async def next_due(self, tenant: str) -> int | None:
        """Return when the next timer is due, in microseconds."""
        ...

    async def types(self, tenant: str) -> dict[str, int]:
        """Return the entity types that exist and how many entities each has."""
        ...

    async def audit_since(self, tenant: str, seq: int, *, limit: int = 1000) -> list[AuditRow]:
        """Return the audit rows after `seq`, oldest first."""
        ...

    @property
    def trouble(self) -> str | None:
        """Why the disk refused the last commit; None as soon as one went through again."""
        ...

    async def backup(self, target: str) -> None:
        """Write a consistent copy to a new file while the store goes on running.

        Raises: AlreadyExists: `target` is there. StoreFailed: it cannot be written.
        """
        ...

    async def close(self) -> None:
        """Finish what was accepted and close."""
        ...
