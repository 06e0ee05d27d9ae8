"""A store over another that seals what is personal on its way down and opens it on its way up.

Whoever stands above neither knows nor can forget it. Below, a personal value stands nowhere in clear: not in documents,
history and the records that hold such values, and not in what finds them either. A key of a personal attribute is its
blind index, a box is as wide as the cells of a grid, and the store is not asked to look inside: so it returns too much and
never too little. A document without anything sealed costs one look for one byte.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import orjson

from linli.base.errors import StartError, StoreFailed
from linli.store import (
    AddPast,
    Box,
    By,
    Change,
    Committed,
    DropPast,
    DropRecord,
    EditPast,
    Fact,
    Find,
    Look,
    Numbers,
    Past,
    PastChange,
    Put,
    PutRecord,
    Record,
    Shelf,
    Store,
    Stored,
)
from linli.vocab import Vocab

from ._blind import tail_of
from ._classes import TAIL, Classes, TypeClass
from ._keys import RECORDS, Destroyed, Keys
from ._passing import Passing
from ._sealing import MARK, Doc, Sealing, kid_at_end, kid_of

#: kinds of record that may repeat what people said: images of deleted entities, and questions with values in them
FAREWELL, PAST = "farewell", "past"
SEALED_RECORDS = frozenset({FAREWELL, "subscription", "source-subscription", "source"})
#: the reader whose position says that everything in a tenant is sealed
SEALER = "sealer"
#: the reader whose position is the form in which all entities of a tenant are filed
FILED = "filed"
#: side of a cell of the grid behind which exact places hide in the place index, in degrees
GRID_DEG = 0.005
OPENED_BYTES = 16 << 20
_ALL = 2**62
_IN_CLEAR = "The database holds personal data in clear. Seal it first: linli db seal, with the same --data."


class Drawn(NamedTuple):
    """An entity that is being written, with what must be known to seal it."""

    of: TypeClass
    subject: str
    doc: Doc


class Sealed(Passing):
    """A store in which everything personal stands sealed, over one that keeps it so."""

    def __init__(
        self, store: Store, keys: Keys, vocab: Vocab, *, form: int = 0, opened_bytes: int = OPENED_BYTES
    ) -> None:
        """Seal what `vocab` calls personal; `form`: in which form those above file what they write, noted for each new
        tenant; `opened_bytes`: memory for entities opened lately."""
        super().__init__(store)
        self.below = store
        self.keys = keys
        self._classes = Classes(vocab)
        self._sealing = Sealing(keys, self._classes)
        self._shelf = Shelf(opened_bytes)
        self._sealed_tenants: set[str] = set()
        self.form = form

    async def check(self) -> None:
        """Refuse a database from before it was sealed: what stands in clear there would not be found by its keys.

        Raises: StartError: with the way out.
        """
        for tenant in await self._store.tenants():
            if not await self._store.cursor(tenant, SEALER):
                raise StartError(_IN_CLEAR)

    def class_of(self, doc: Doc) -> TypeClass | None:
        """Return what is personal in a document; None when its type is not ours."""
        return self._classes.of_doc(doc)

    def is_personal(self, of: TypeClass, name: str) -> bool:
        """Tell whether an attribute is sealed."""
        return self._classes.is_personal(of, name)

    def subject_of(self, doc: Doc) -> str:
        """Return whose key seals a document: whom it is about, else the entity itself."""
        return self._classes.subject_of(doc)

    def forget(self, tenant: str, subject_id: str) -> None:  # noqa: ARG002 - what is open is not sorted by persons
        """Drop what of a person is opened in memory."""
        self._shelf.clear()

    async def destroy(self, tenant: str, subject_id: str) -> Destroyed:
        """Destroy the keys of a person: nothing of him can be opened any more, here or in a backup. Raises: StoreFailed."""
        destroyed = await self.keys.destroy(tenant, subject_id)
        self.forget(tenant, subject_id)
        return destroyed

    async def commit(self, change: Change) -> Committed:
        """Write it sealed. See Store."""
        if change.puts or change.past or change.records:
            change = await self._hidden(change)
        if change.tenant in self._sealed_tenants:
            return await self._store.commit(change)
        committed = await self._store.commit(await self._begun(change))
        self._sealed_tenants.add(change.tenant)
        return committed

    async def get(self, tenant: str, entity_id: str) -> Stored | None:
        """Return the entity, opened. See Store."""
        stored = await self._store.get(tenant, entity_id)
        if stored is None or MARK not in stored.doc:
            return stored
        self._refresh()
        return self._opened(tenant, stored)

    async def find(self, tenant: str, find: Find, *, after: int = 0, limit: int = 1000) -> list[Stored]:
        """Return what is wanted, opened. See Store."""
        found = await self._store.find(tenant, self._asked(tenant, find), after=after, limit=limit)
        sealed = [stored.doc for stored in found if MARK in stored.doc]
        if not sealed:
            return found
        self._refresh()
        if len(sealed) > 1:
            self.keys.load(map(kid_at_end, sealed))
        return [self._opened(tenant, stored) if MARK in stored.doc else stored for stored in found]

    async def count(self, tenant: str, find: Find) -> int:
        """Return how many `find` would return in all. See Store."""
        return await self._store.count(tenant, self._asked(tenant, find))

    async def record(self, tenant: str, kind: str, record_id: str) -> Record | None:
        """Return a record, opened; none whose key is destroyed. See Store."""
        record = await self._store.record(tenant, kind, record_id)
        return None if record is None else self.opened_record(record)

    async def records(self, tenant: str, kind: str, *, after: int = 0, limit: int = 1000) -> list[Record]:
        """Return records, opened; none whose key is destroyed. See Store."""
        while page := await self._store.records(tenant, kind, after=after, limit=limit):
            opened = [one for one in map(self.opened_record, page) if one is not None]
            if opened:
                return opened
            after = page[-1].row
        return []

    async def history(self, tenant: str, entity_id: str, attr: str, *, limit: int = 1000) -> list[tuple[int, Fact]]:
        """Return the facts of one attribute, opened. See Store."""
        rows = await self._store.history(tenant, entity_id, attr, limit=limit)
        return [(seq, self._sealing.opened_fact(entity_id, fact)) for seq, fact in rows]

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
        """Return history, opened. See Store."""
        rows = await self._store.past(
            tenant,
            entity_id,
            attr,
            since_us=since_us,
            until_us=until_us,
            by=by,
            newest_first=newest_first,
            limit=limit,
        )
        return self._opened_past(entity_id, rows)

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
        """Return times and numbers by dataset; those that are sealed are opened one by one. See Store."""
        stored = await self._store.get(tenant, entity_id)
        if stored is not None and not self._classes.may_be_personal(attr, stored.types):
            return await self._store.numbers(tenant, entity_id, attr, since_us=since_us, until_us=until_us, by=by)
        rows = await self.past(
            tenant, entity_id, attr, since_us=since_us, until_us=until_us, by=by, newest_first=False, limit=_ALL
        )
        dated: dict[str, list[tuple[int, float]]] = {}
        for row in rows:
            time = row.fact.observed_us if by == "observed" else row.at_us
            if row.fact.number is not None and time is not None:
                dated.setdefault(row.fact.dataset_id, []).append((time, row.fact.number))
        return {
            dataset_id: (np.array([t for t, _ in pairs], np.int64), np.array([n for _, n in pairs], np.float64))
            for dataset_id, pairs in sorted((name, sorted(pairs)) for name, pairs in dated.items())
        }

    async def as_of(self, tenant: str, entity_id: str, seq: int) -> list[Past]:
        """Return what stood at a position of the log, opened. See Store."""
        return self._opened_past(entity_id, await self._store.as_of(tenant, entity_id, seq))

    async def close(self) -> None:
        """Finish what was accepted and close, the keys too. See Store."""
        await self._store.close()
        self.keys.close()

    # down

    async def _begun(self, change: Change) -> Change:
        """Return the first change of a tenant with the note that everything there will be sealed.

        Raises: StoreFailed: something stands there in clear.
        """
        tenant, noted = change.tenant, (SEALER, 1)
        if await self._store.cursor(tenant, SEALER):
            return change
        if await self._store.head(tenant):
            raise StoreFailed(_IN_CLEAR)
        begun = Change(tenant, change.actor, change.purpose, change.at_us, cursor=noted)
        if self.form:
            await self._store.commit(replace(begun, cursor=(FILED, self.form)))
        if change.cursor is None:
            return replace(change, cursor=noted)
        await self._store.commit(begun)
        return change

    async def _hidden(self, change: Change) -> Change:
        """Return a change with everything personal sealed."""
        tenant = change.tenant
        puts = [(put, self.drawn(put)) for put in change.puts]
        pasts = [(past, await self._about(change, past)) for past in change.past]
        records = [(record, self._whose(record)) for record in change.records]
        subjects = dict.fromkeys(drawn.subject for _, drawn in (*puts, *pasts) if drawn is not None)
        subjects.update(dict.fromkeys(subject for _, subject in records if subject is not None))
        if not subjects:
            return change
        self._refresh()
        await self.keys.ready(tenant, subjects)
        return replace(
            change,
            puts=tuple(put if drawn is None else self.sealed_put(tenant, put, drawn) for put, drawn in puts),
            past=tuple(past if drawn is None else self._sealed_past(tenant, past, drawn) for past, drawn in pasts),
            records=tuple(one if who is None else self._sealed_record(tenant, one, who) for one, who in records),
        )

    def drawn(self, put: Put) -> Drawn | None:
        """Return what must be known of an entity that is written; None where nothing can be personal."""
        of = self._classes.of_types(put.types)
        if of is None:
            return None
        doc = orjson.loads(put.doc)
        if type(doc) is not dict or type(doc.get("attrs")) is not dict:
            return None
        return Drawn(of, self._classes.subject_of(doc), doc)

    def sealed_put(self, tenant: str, put: Put, drawn: Drawn) -> Put:
        """Return an entity as the store below shall keep it."""
        of, subject, doc = drawn
        key = self.keys.subject_key(tenant, subject)
        sealed = self._sealing.doc(key, of, doc)
        keys, box = self.filed(tenant, of, doc, put.keys, put.box)
        return put._replace(
            doc=put.doc if sealed is None else sealed,
            keys=keys,
            box=box,
            facts=tuple(self.sealed_fact(tenant, put.entity_id, drawn, fact) for fact in put.facts),
        )

    def filed(
        self, tenant: str, of: TypeClass, doc: Doc, keys: Iterable[tuple[str, str]], box: Box | None
    ) -> tuple[tuple[tuple[str, str], ...], Box | None]:
        """Return under which keys and in which box the store below finds an entity, which tell nothing personal."""
        return tuple(self._hidden_keys(tenant, of, keys)), box and self._hidden_box(of, doc, box)

    def _hidden_keys(self, tenant: str, of: TypeClass, keys: Iterable[tuple[str, str]]) -> Iterable[tuple[str, str]]:
        """Yield each key of a personal attribute as its blind index, with one of the last digits where it has such."""
        for name, text in keys:
            kind = of.kinds.get(name)
            if kind is None:
                yield name, text
                continue
            yield name, self.keys.blind(tenant, kind, text)
            tail = tail_of(kind, text)
            if tail is not None:
                yield name + TAIL, self.keys.blind(tenant, "tail", tail)

    def _hidden_box(self, of: TypeClass, doc: Doc, box: Box) -> Box:
        """Return a box that tells no more than cells of the grid where a place of the entity is personal."""
        for name, instances in doc["attrs"].items():
            if self._classes.is_personal(of, name) and any(one.get("type") == "GeoProperty" for one in instances):
                return _in_cells(box)
        return box

    def sealed_fact(self, tenant: str, entity_id: str, drawn: Drawn, fact: Fact) -> Fact:
        """Return a fact of an entity as the store below shall keep it."""
        if not self._classes.is_personal(drawn.of, fact.attr):
            return fact
        return self._sealing.fact(self.keys.subject_key(tenant, drawn.subject), entity_id, fact)

    async def _about(self, change: Change, past: PastChange) -> Drawn | None:
        """Return what must be known to seal a change of the past; None where nothing in it can be personal."""
        if isinstance(past, DropPast):
            return None
        for put in change.puts:
            if put.entity_id == past.entity_id:
                return self.drawn(put)
        stored = await self.get(change.tenant, past.entity_id)
        if stored is not None:
            doc = orjson.loads(stored.doc)
            of = self._classes.of_types(stored.types)
            return None if of is None else Drawn(of, self._classes.subject_of(doc), doc)
        said = [one.doc for one in change.records if isinstance(one, PutRecord) and one.kind == PAST]
        record = await self.record(change.tenant, PAST, past.entity_id)
        for doc in [orjson.loads(one) for one in (*said, *([record.doc] if record else []))]:
            found = self._classes.of_doc(doc)
            return None if found is None else Drawn(found, past.entity_id, doc)
        # Nobody knows what it was: all of it is sealed.
        return Drawn(TypeClass(frozenset(), frozenset(), {}, ()), past.entity_id, {})

    def _sealed_past(self, tenant: str, past: PastChange, drawn: Drawn) -> PastChange:
        def sealed(fact: Fact) -> Fact:
            return self.sealed_fact(tenant, past.entity_id, drawn, fact)

        if isinstance(past, AddPast):
            return replace(past, facts=tuple(map(sealed, past.facts)))
        if isinstance(past, EditPast) and past.fact is not None:
            return replace(past, fact=sealed(past.fact))
        return past

    def _whose(self, record: PutRecord | DropRecord) -> str | None:
        """Return with whose key a record is sealed; None: with none."""
        if isinstance(record, DropRecord) or record.kind not in SEALED_RECORDS:
            return None
        return self._subject_of_record(record.kind, record.doc)

    def _subject_of_record(self, kind: str, doc: bytes) -> str:
        if kind != FAREWELL:
            return RECORDS
        said = orjson.loads(doc)
        return self._classes.subject_of(said["before"] or said["after"])

    def _sealed_record(self, tenant: str, record: PutRecord | DropRecord, subject: str) -> PutRecord | DropRecord:
        if isinstance(record, DropRecord):
            return record
        key = self.keys.subject_key(tenant, subject)
        return replace(record, doc=self._sealing.record(key, record.kind, record.record_id, record.doc))

    async def resealed_record(self, tenant: str, record: Record) -> Record | None:
        """Return a record as the store below shall keep it; None where it is kept so, or where nobody can open it."""
        opened = self.opened_record(record)
        if opened is None:
            return None
        subject = self._subject_of_record(record.kind, opened.doc)
        await self.keys.ready(tenant, [subject])
        key = self.keys.subject_key(tenant, subject)
        if record.doc.startswith(MARK) and kid_of(record.doc.decode()) == key.kid:
            return None
        return record._replace(doc=self._sealing.record(key, record.kind, record.record_id, opened.doc))

    # asked

    def _asked(self, tenant: str, find: Find) -> Find:
        """Return what to ask the store below: blind indexes for personal values, and no look at what is sealed."""
        if not find.keys and not find.looks:
            return find
        keys = tuple((name, self._blinded(tenant, find.types, name, values)) for name, values in find.keys)
        looks = tuple(look for look in find.looks if not self._is_sealed(find.types, look))
        return find._replace(keys=keys, looks=looks)

    def _blinded(self, tenant: str, types: tuple[str, ...], name: str, values: tuple[str, ...]) -> tuple[str, ...]:
        """Return everything that may stand under a key for any of these values."""
        if name.endswith(TAIL):
            return tuple(self.keys.blind(tenant, "tail", value) for value in values)
        kinds = self._classes.key_kinds(types, name)
        return tuple(
            value if kind is None else self.keys.blind(tenant, kind, value) for kind in kinds for value in values
        )

    def _is_sealed(self, types: tuple[str, ...], look: Look) -> bool:
        name = look.path[1] if len(look.path) > 1 else ""
        ours = [of for one in types if (of := self._classes.of_types((one,))) is not None]
        if types:
            return any(self._classes.is_personal(of, name) for of in ours)
        return self._classes.may_be_personal(name)

    # up

    def _refresh(self) -> None:
        if self.keys.refresh():
            self._shelf.clear()

    def _opened(self, tenant: str, stored: Stored) -> Stored:
        key = (tenant, stored.entity_id)
        kept = self._shelf.get(key)
        if kept is not None and kept.version == stored.version and kept.row == stored.row:
            return kept
        opened = self.opened(stored)
        self._shelf.put(key, opened)
        return opened

    def opened(self, stored: Stored) -> Stored:
        """Return an entity of the store below, opened. Raises: StoreFailed."""
        if MARK not in stored.doc:
            return stored
        return stored._replace(doc=self._sealing.opened_doc(stored.entity_id, stored.doc))

    def opened_fact(self, entity_id: str, fact: Fact) -> Fact:
        """Return a fact of the store below, opened. Raises: StoreFailed."""
        return self._sealing.opened_fact(entity_id, fact)

    def opened_record(self, record: Record) -> Record | None:
        """Return a record of the store below, opened; None when its key is destroyed. Raises: StoreFailed."""
        doc = self._sealing.opened_record(record.kind, record.record_id, record.doc)
        return None if doc is None else record._replace(doc=doc)

    def _opened_past(self, entity_id: str, rows: list[Past]) -> list[Past]:
        return [row._replace(fact=self._sealing.opened_fact(entity_id, row.fact)) for row in rows]


def _in_cells(box: Box) -> Box:
    west, south, east, north = box
    return _below(west), _below(south), _above(east), _above(north)


def _below(degrees: float) -> float:
    """Return the edge of the grid at or below a coordinate, also where rounding would put it above."""
    cell = degrees // GRID_DEG
    edge = round(cell * GRID_DEG, 9)
    return edge if edge <= degrees else round((cell - 1) * GRID_DEG, 9)


def _above(degrees: float) -> float:
    return -_below(-degrees)
