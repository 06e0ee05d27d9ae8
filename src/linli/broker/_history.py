"""The evolution of an entity: the rows of its history and the first values that still stand in it (4.5.6 to 4.5.8).

A `Subject` is whatever has a past: an entity that stands, or a record of kind "past" where none stands (any more). A
`Trace` is one instance of one attribute in its evolution; its instance id is derived from where it stands in history
and never changes, also not when a first value is filed there at last. The scope evolves like an attribute called scope.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
import orjson

from linli.store import Numbers, Past, Record, Store, Stored

from ._facts import PAST, SCOPE, fact_of, is_first, scope_fact
from ._plain import VALUE_MEMBER, Attrs, Doc, Instance, decoded
from ._spelling import checked_id
from ._temporal_query import Span, TimeProperty
from ._temporal_sums import Series, series_of

#: no answer needs more rows of one attribute
ROWS_MAX = 1_000_000

#: rows that are judged before others get their turn on the loop
AT_ONCE = 1000
NOTHING: Numbers = (np.empty(0, np.int64), np.empty(0))

_INSTANCE = "urn:ngsi-ld:Instance:"


@dataclass(frozen=True, slots=True)
class Subject:
    """What has a past. `doc`: the entity as it stands, without attributes when it does not; `row`: by when it was made."""

    doc: Doc
    created_us: int
    modified_us: int
    created_seq: int
    row: int
    stored: Stored | None = None
    record: Record | None = None

    @property
    def entity_id(self) -> str:
        """Its id."""
        entity_id: str = self.doc["id"]
        return entity_id

    @property
    def standing(self) -> Attrs:
        """The attributes that stand now."""
        attrs: Attrs = self.doc["attrs"]
        return attrs

    def instance_id(self, name: str, dataset_id: str, past: Past) -> str:
        """Return the id of an instance for ever: a first value has the same one before and after it is filed."""
        if past.seq == self.created_seq:
            mark = hashlib.blake2b(f"{name} {dataset_id}".encode(), digest_size=8).hexdigest()
            return f"{_INSTANCE}{past.at_us:x}-{past.seq:x}-{mark}"
        return f"{_INSTANCE}{past.at_us:x}-{past.seq:x}-{past.nth:x}"


@dataclass(slots=True)
class Trace:
    """One instance in the evolution of an attribute. `nth` -1: it stands in the entity and nowhere else."""

    name: str
    past: Past
    subject: Subject
    kind: str = "Property"
    _read: Instance | None = field(default=None)

    @property
    def dataset_id(self) -> str:
        """The dataset, "" for the default one."""
        return self.past.fact.dataset_id

    @property
    def instance_id(self) -> str:
        """Its id in the evolution."""
        return self.subject.instance_id(self.name, self.dataset_id, self.past)

    @property
    def instance(self) -> Instance:
        """The instance; a deleted one has the member "null" and says when under deletedAt."""
        if self._read is None:
            doc = self.past.fact.doc
            self._read = orjson.loads(doc) if doc is not None else _deleted(self.kind, self.dataset_id, self.past.at_us)
        return self._read

    @property
    def is_deleted(self) -> bool:
        """Whether it says that there is no value any more."""
        return "null" in self.instance

    def time_us(self, time: TimeProperty) -> int | None:
        """Return one of its times, in microseconds; None when it has none of this kind."""
        if time == "observedAt":
            observed_us = self.past.fact.observed_us
            return self.past.at_us if observed_us is None and self.name == SCOPE else observed_us
        if time == "deletedAt":
            deleted_us: int | None = self.instance.get("deletedAt")
            return deleted_us
        if self.is_deleted:
            return None
        created_us: int = self.instance.get("createdAt", self.subject.created_us)
        if time == "createdAt":
            return created_us
        modified_us: int = self.instance.get("modifiedAt", self.past.at_us)
        return modified_us

    def sort_us(self, span: Span) -> int:
        """Return the time by which it is put in order: that of the query, else when it was written."""
        at_us = self.time_us(span.time)
        return self.past.at_us if at_us is None else at_us


class History:
    """Reads evolutions out of a store."""

    def __init__(self, store: Store) -> None:
        """Read here."""
        self._store = store

    async def subject(self, tenant: str, entity_id: str) -> Subject | None:
        """Return what has a past under this id."""
        stored = await self._store.get(tenant, entity_id)
        return subject_of(stored, await self._store.record(tenant, PAST, entity_id))

    async def names(self, tenant: str, subject: Subject) -> list[str]:
        """Return the attributes that ever were."""
        past = await self._store.past_names(tenant, subject.entity_id)
        return list(dict.fromkeys([*past, *subject.standing]))

    async def datasets(self, tenant: str, subject: Subject, name: str) -> list[str]:
        """Return every dataset that an attribute ever had."""
        rows = await self._store.past(tenant, subject.entity_id, name, limit=ROWS_MAX)
        return list(dict.fromkeys(row.fact.dataset_id for row in (*rows, *_standing(subject, name))))

    async def traces(self, tenant: str, subject: Subject, name: str, span: Span, *, most: int | None) -> list[Trace]:
        """Return the instances of an attribute inside an interval, in order of time, the last ones first if asked for.

        `most`: how many are needed at least, if there are so many; None = all.
        """
        newest_first = span.last_n is not None
        rows = await self._rows(tenant, subject, name, span, most)
        traces = [Trace(name, row, subject) for row in (*rows, *_standing(subject, name))]
        await self.tell_kinds(tenant, traces)
        kept: list[Trace] = []
        for at, trace in enumerate(traces):
            if at % AT_ONCE == AT_ONCE - 1:
                await asyncio.sleep(0)
            if span.holds(trace.time_us(span.time)):
                kept.append(trace)
        kept.sort(
            key=lambda trace: (trace.sort_us(span), trace.past.seq, trace.dataset_id, trace.past.nth),
            reverse=newest_first,
        )
        return kept[: span.last_n]

    async def _rows(self, tenant: str, subject: Subject, name: str, span: Span, most: int | None) -> list[Past]:
        """Return the rows of an attribute that may be wanted."""
        ask = partial(self._store.past, tenant, subject.entity_id, name, newest_first=span.last_n is not None)
        if span.time != "observedAt" or name == SCOPE:
            return await ask(until_us=_written_until_us(span), by="written", limit=ROWS_MAX)
        observed = partial(ask, since_us=span.since_us, until_us=span.until_us, by="observed")
        rows = await _enough(observed, most)
        return rows if span.picks_by_time else [*rows, *await _enough(partial(ask, by="unobserved"), most)]

    async def series(self, tenant: str, subject: Subject, name: str, span: Span) -> tuple[str, Mapping[str, Series]]:
        """Return the type of an attribute and its values by dataset, to be summed up."""
        newest = await self._newest(tenant, subject, name)
        if newest is None:
            return "Property", {}
        kind: str = newest["type"]
        if span.time == "observedAt" and type(value_of(newest)) in (int, float):
            numbers = await self._numbers(tenant, subject, name, span)
            return kind, {one: _last(Series(*found), span) for one, found in numbers.items()}
        by_dataset: dict[str, list[Trace]] = {}
        for trace in await self.traces(tenant, subject, name, span, most=span.last_n):
            if not trace.is_deleted:
                by_dataset.setdefault(trace.dataset_id, []).append(trace)
        series = {}
        for dataset_id, traces in by_dataset.items():
            traces.sort(key=lambda trace: trace.sort_us(span))
            times = [trace.sort_us(span) for trace in traces]
            series[dataset_id] = series_of(times, [value_of(trace.instance) for trace in traces])
        return kind, series

    async def trace(self, tenant: str, subject: Subject, name: str, instance_id: str) -> Trace | None:
        """Return the instance of that id.

        Raises: BadRequestData: it cannot be the id of an instance.
        """
        checked_id(instance_id, "instanceId")
        at, _, _ = instance_id.removeprefix(_INSTANCE).partition("-")
        try:
            at_us = int(at, 16)
        except ValueError:
            return None
        if not instance_id.startswith(_INSTANCE) or not 0 <= at_us < 1 << 62:
            return None
        rows = await self._store.past(
            tenant, subject.entity_id, name, since_us=at_us, until_us=at_us + 1, newest_first=False, limit=ROWS_MAX
        )
        for row in (*rows, *_standing(subject, name)):
            if subject.instance_id(name, row.fact.dataset_id, row) == instance_id:
                return Trace(name, row, subject)
        return None

    async def _numbers(self, tenant: str, subject: Subject, name: str, span: Span) -> dict[str, Numbers]:
        """Return numbers without reading a document; where none was observed, by when they were written."""
        standing = [row for row in _standing(subject, name) if row.fact.number is not None]
        limits: dict[str, Any] = {"since_us": span.since_us, "until_us": span.until_us}
        found = await self._store.numbers(tenant, subject.entity_id, name, **limits, by="observed")
        added = [(row, row.fact.observed_us) for row in standing if row.fact.observed_us is not None]
        if not (found or added or span.picks_by_time):
            found = await self._store.numbers(tenant, subject.entity_id, name, by="written")
            added = [(row, row.at_us) for row in standing]
        for row, at_us in added:
            if span.holds(at_us):
                times, numbers = found.get(row.fact.dataset_id, NOTHING)
                place = np.searchsorted(times, at_us)
                number = float(row.fact.number or 0)
                found[row.fact.dataset_id] = np.insert(times, place, at_us), np.insert(numbers, place, number)
        return found

    async def _newest(self, tenant: str, subject: Subject, name: str) -> Instance | None:
        """Return the newest value of an attribute."""
        if name in subject.standing:
            return subject.standing[name][0]
        for _, fact in await self._store.history(tenant, subject.entity_id, name):
            if fact.doc is not None:
                instance: Instance = orjson.loads(fact.doc)
                if "null" not in instance:
                    return instance
        return None

    async def tell_kinds(self, tenant: str, traces: list[Trace]) -> None:
        """Tell the rows of an attribute that only say that it was deleted which type it had."""
        mute = [trace for trace in traces if trace.past.fact.doc is None]
        if not mute:
            return
        rows = await self._store.history(tenant, mute[0].subject.entity_id, mute[0].name, limit=ROWS_MAX)
        values: dict[str, bytes] = {}
        before: dict[tuple[int, str], bytes] = {}
        for seq, fact in reversed(rows):
            if fact.doc is not None:
                values[fact.dataset_id] = fact.doc
            elif fact.dataset_id in values:
                before[seq, fact.dataset_id] = values[fact.dataset_id]
        for trace in mute:
            doc = before.get((trace.past.seq, trace.dataset_id))
            trace.kind = orjson.loads(doc)["type"] if doc else "Property"


def subject_of(stored: Stored | None, record: Record | None) -> Subject | None:
    """Return what an entity and a record of its past tell together; None when there is neither."""
    past: Doc = orjson.loads(record.doc) if record is not None else {}
    if stored is not None:
        doc = decoded(stored)
        types = list(dict.fromkeys([*doc["type"], *past.get("type", ())]))
        times = (stored.created_us, stored.modified_us, stored.created_seq)
        return Subject({**doc, "type": types}, *times, stored.row, stored, record)
    if record is None:
        return None
    doc = {"id": record.record_id, "type": past["type"], "scope": past["scope"], "attrs": {}}
    times = (past.get("createdAt", record.created_us), record.modified_us, past.get("createdSeq", 0))
    return Subject(doc, *times, record.row, None, record)


def value_of(instance: Instance) -> Any:
    """Return the bare value of an instance."""
    value = instance[VALUE_MEMBER[instance["type"]]]
    return value["@value"] if isinstance(value, dict) and "@value" in value else value


async def _enough(ask: Callable[..., Awaitable[list[Past]]], most: int | None) -> list[Past]:
    """Return `most` rows (None = all), or all of them when so many are of one moment."""
    limit = ROWS_MAX if most is None else most
    rows = await ask(limit=limit)
    if len(rows) < limit or limit == ROWS_MAX:
        return rows
    first, last = (row.at_us if row.fact.observed_us is None else row.fact.observed_us for row in (rows[0], rows[-1]))
    return await ask(limit=ROWS_MAX) if first == last else rows


def _standing(subject: Subject, name: str) -> list[Past]:
    """Return the first values that stand and are nowhere in history, as if they were filed."""
    if name == SCOPE:
        scopes = subject.doc["scope"]
        firsts = [scope_fact(scopes)] if scopes and "scopeAt" not in subject.doc else []
    else:
        firsts = [fact_of(name, one) for one in subject.standing.get(name, ()) if is_first(one)]
    return [Past(subject.created_seq, -1, subject.created_us, fact) for fact in firsts]


def _written_until_us(span: Span) -> int | None:
    """Return before when everything that is wanted was written: nothing is changed before it is."""
    return span.until_us if span.time == "modifiedAt" else None


def _deleted(kind: str, dataset_id: str, at_us: int) -> Instance:
    instance: Instance = {"type": kind, "null": True, "deletedAt": at_us}
    return {**instance, "datasetId": dataset_id} if dataset_id else instance


def _last(series: Series, span: Span) -> Series:
    n = span.last_n
    return series if n is None else Series(series.times[-n:], series.numbers[-n:])
