"""The words in which rooms speak to a store: what stands there, what shall change, what changed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import inf
from typing import Any, Literal, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt
import orjson

By = Literal["observed", "written", "unobserved"]
Numbers = tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]
Kind = Literal["create", "update", "delete", "timer", "audit"]
Box = tuple[float, float, float, float]


class Stored(NamedTuple):
    """One entity as it stands: `doc` is its whole JSON in the broker's internal form, never decoded by the store.

    `created_seq`: the log position of its creation.
    """

    entity_id: str
    types: tuple[str, ...]
    scopes: tuple[str, ...]
    version: int
    created_us: int
    modified_us: int
    doc: bytes
    row: int = 0
    created_seq: int = 0


class Record(NamedTuple):
    """A document beside the entities (a subscription, a context, a source), found by its kind and id alone."""

    kind: str
    record_id: str
    version: int
    created_us: int
    modified_us: int
    doc: bytes
    row: int


class Fact(NamedTuple):
    """One instance of one attribute as it was written, for history; `doc` None means deleted.

    `observed_us`, `number`: what the instance says of its time and its value, so that both can be asked for without
    reading the document. `first`: the value that stood since the entity was created. Such a value is filed only when it
    is overwritten or removed, under the entity's creation (position and time), and only if none is filed there yet.
    """

    attr: str
    dataset_id: str
    doc: bytes | None
    observed_us: int | None = None
    number: float | None = None
    first: bool = False


class Past(NamedTuple):
    """One row of history: a fact, the position and place (`nth`) in the log under which it stands, when it was written."""

    seq: int
    nth: int
    at_us: int
    fact: Fact


class Put(NamedTuple):
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
    """Remove an entity, its keys, its timers and (unless `keep_past`) its history; an absent one is ResourceNotFound, a
    wrong version Conflict."""

    entity_id: str
    expect_version: int | None = None
    keep_past: bool = False


@dataclass(frozen=True, slots=True)
class Timer:
    """Wake the readers at `due_us` about an entity; one timer per (entity, name), setting it again moves it."""

    entity_id: str
    entity_type: str
    name: str
    due_us: int
    scope: str = ""


@dataclass(frozen=True, slots=True)
class PutRecord:
    """Write a record whole; `expect_version` as in Put. Its log row has the type `record:<kind>`; `quiet`: none at all."""

    kind: str
    record_id: str
    doc: bytes
    expect_version: int | None = None
    quiet: bool = False


@dataclass(frozen=True, slots=True)
class DropRecord:
    """Remove a record; an absent one is ResourceNotFound, a wrong version Conflict. `quiet`: without a log row."""

    kind: str
    record_id: str
    expect_version: int | None = None
    quiet: bool = False


@dataclass(frozen=True, slots=True)
class AddPast:
    """Write facts into the history of an entity, which need not exist; the entity itself stays as it is."""

    entity_id: str
    facts: tuple[Fact, ...]


@dataclass(frozen=True, slots=True)
class EditPast:
    """Replace one fact of the same attribute in the place of another, or remove it (None).

    What does not stand there before this Change is ResourceNotFound.
    """

    entity_id: str
    attr: str
    seq: int
    nth: int
    fact: Fact | None


@dataclass(frozen=True, slots=True)
class DropPast:
    """Remove history: of the whole entity (`attr` None), of one attribute, or of one dataset of it ("" = the default)."""

    entity_id: str
    attr: str | None = None
    dataset_id: str | None = None

    def covers(self, attr: str, dataset_id: str) -> bool:
        """Tell whether facts of this attribute and dataset go."""
        return self.attr is None or (self.attr == attr and self.dataset_id in (None, dataset_id))


PastChange = AddPast | EditPast | DropPast


@dataclass(frozen=True, slots=True)
class Rewrite:
    """Keep an entity in another form, as `stored` has its document. It says what it said: its version stays, and there
    is no log row. Passed over when the entity does not stand at that version any more."""

    stored: Stored
    keys: tuple[tuple[str, str], ...] = ()
    box: Box | None = None


@dataclass(frozen=True, slots=True)
class RewriteRecord:
    """Keep a record in another form, as Rewrite does."""

    record: Record


@dataclass(frozen=True, slots=True)
class RewritePast:
    """Keep a fact of the past in another form, as Rewrite does; passed over when it is not there any more."""

    entity_id: str
    seq: int
    nth: int
    fact: Fact


Rewriting = Rewrite | RewriteRecord | RewritePast


@dataclass(slots=True)  # not frozen, though nobody changes one: that costs six times as much, at every write
class Change:
    """Everything that one transaction writes. `cursor` = (reader, seq): that reader has done all rows up to seq.

    Order of writing, and of log rows: deletes, puts, records, past, audit; then timers are dropped, then set. The same
    entity may be deleted and put, or put twice, in one Change: each step is a version and a log row of its own.
    A change of the past is a log row of kind update with version 0, of the type and scope of the entity that stands.
    `policy`: the rule that allowed it. `rewrites`: what is kept in another form, last of all and of no log row.
    `scrub`: what was deleted up to now is to be gone from the files before this is answered; where somebody reads an old
    state it is tried again soon after, and whenever the file is opened.
    """

    tenant: str
    actor: str
    purpose: str
    at_us: int
    puts: tuple[Put, ...] = ()
    deletes: tuple[Delete, ...] = ()
    records: tuple[PutRecord | DropRecord, ...] = ()
    past: tuple[PastChange, ...] = ()
    set_timers: tuple[Timer, ...] = ()
    drop_timers: tuple[tuple[str, str], ...] = ()
    cursor: tuple[str, int] | None = None
    audit: tuple[bytes, ...] = ()
    policy: str = ""
    rewrites: tuple[Rewriting, ...] = ()
    scrub: bool = False


@dataclass(slots=True)
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

    def as_written(self) -> tuple[Any, ...]:
        """Return the row as it stands in its table, and as a Chain is given it: attrs are JSON."""
        return (*self[:9], orjson.dumps(self.attrs).decode(), self.actor, self.purpose)


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


class Look(NamedTuple):
    """A look into a document: `path` leads to a list there, whose elements have something under `member`.

    Not wanted is a document whose list has one element, with a number, a text or a truth value there, which is none of
    `texts` nor a number from `low` to `high`. A store that cannot look inside returns it all the same.
    """

    path: tuple[str, ...]
    member: str
    low: float = inf
    high: float = -inf
    texts: tuple[str, ...] = ()


class Find(NamedTuple):
    """Which entities are wanted. All given parts must hold. A store may return too many, never too few.

    `types`: any of these. `ids`: any of these. `keys`: each (name, values): any of the values.
    `scopes`: (scope, below): exactly that scope, or with below=True it and all under it; any of these.
    `box`: the location's box meets this one. `looks`: all of these, when a page is found; they do not count.
    `ellipse`: lon, lat of its middle, half its width and half its height, in degrees: stands beside the box around it and
    says that what lies in the corners of that box is not wanted; it does not count either.
    """

    types: tuple[str, ...] = ()
    ids: tuple[str, ...] = ()
    keys: tuple[tuple[str, tuple[str, ...]], ...] = ()
    scopes: tuple[tuple[str, bool], ...] = ()
    box: Box | None = None
    looks: tuple[Look, ...] = ()
    ellipse: Box | None = None


class Chain(Protocol):
    """Links audit rows to each other and to the log, so that nobody can change either unseen; trust supplies it.

    Each row of the log is stood for by one audit row: those of kind audit by their own, all others of a Change by one
    summary, which stands at the position of the last of them.
    """

    def link(self, prev: bytes, log: Sequence[Sequence[Any]], row: bytes) -> bytes:
        """Return the hash that binds `row` to the one before, and to the rows of the log for which it stands."""
        ...

    def summary(self, policy: str, rows: int) -> bytes:
        """Return the audit row that stands for so many rows of the log, written by a rule's leave."""
        ...

    def about(self, row: bytes) -> tuple[str, ...]:
        """Return the traces under which `audit_of` must find a row."""
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

    async def record(self, tenant: str, kind: str, record_id: str) -> Record | None:
        """Return a record as last committed."""
        ...

    async def records(self, tenant: str, kind: str, *, after: int = 0, limit: int = 1000) -> list[Record]:
        """Return up to `limit` records of a kind with row > `after`, in the order of row (the order of creation)."""
        ...

    async def tenants(self) -> list[str]:
        """Return every tenant that has a row in the log, in the order of their names."""
        ...

    async def history(self, tenant: str, entity_id: str, attr: str, *, limit: int = 1000) -> list[tuple[int, Fact]]:
        """Return (seq, fact) of one attribute, newest first."""
        ...

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
        """Return the history of one attribute, or of all, in the order of time.

        `by`: whether time is when a fact was written or what it says itself (then facts without such a time are left
        out); "unobserved" is when those were written that say none. `since_us` is inside, `until_us` outside. Of equal times: in the order of seq, attribute, nth.
        """
        ...

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
        """Return times and numbers of all facts of an attribute that are numbers, by dataset and oldest first.

        Numbers of one time come in their own order.

        Shapes: both (n,). Units: microseconds; whatever the attribute is measured in.
        """
        ...

    async def past_names(self, tenant: str, entity_id: str) -> list[str]:
        """Return every attribute of which an entity has any history, in the order of their names."""
        ...

    async def as_of(self, tenant: str, entity_id: str, seq: int) -> list[Past]:
        """Return the newest fact of each attribute and dataset that a write of the entity left at or before `seq`.

        In the order of attribute and dataset. What AddPast wrote never stood in the entity and is left out; what a
        Delete with `keep_past` left of an earlier entity of that id is not.
        """
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

    async def audit_of(
        self, tenant: str, trace: str, *, before: int | None = None, limit: int = 1000
    ) -> list[AuditRow]:
        """Return the audit rows that are about a trace, newest first, all before the position `before`."""
        ...

    async def lead(self, name: str) -> bool:
        """Return whether this process is the one, of all on this database, that does the work called `name`.

        Who leads does so until it ends or loses the database; who does not may ask again.
        """
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
