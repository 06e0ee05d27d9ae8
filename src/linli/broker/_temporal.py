"""The temporal door: reads evolutions of entities, one or many (5.7.3, 5.7.4)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from linli.base.errors import ResourceNotFound, TooManyResults
from linli.trust import Act, Decision, Verb

from ._auditing import Looks
from ._evaluate import wanted
from ._facts import PAST, SCOPE
from ._history import History, Subject, Trace, subject_of
from ._narrow import type_names
from ._plain import Attrs
from ._projection import Projection, checked
from ._query import Node, Query
from ._reading import ReadingDoor
from ._sight import Seen
from ._spelling import checked_id
from ._temporal_query import Span
from ._temporal_render import Evolution, Sums, aggregated, cut, written
from ._temporal_sums import Stretches, within
from ._terms import Terms

PAGE_INSTANCES = 30

LATEST_US = 1 << 62
ALWAYS: Stretches = [(-LATEST_US, LATEST_US)]

#: past records that are read at once
RECORDS_AT_ONCE = 500

Told = Evolution | Sums


@dataclass(frozen=True, slots=True)
class Evolutions:
    """A page of a temporal query. `content_range`: up to where the answer is complete; None = it holds everything.

    `gone`: those of the ids among which it looked that do not fit, as far as it came.
    """

    entities: list[dict[str, Any]]
    more: bool = False
    total: int | None = None
    content_range: str | None = None
    gone: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Paging:
    """Which entities of all that fit are wanted. `descending`: by id, the greatest first; None = as they were made."""

    limit: int = 20
    offset: int = 0
    count: bool = False
    descending: bool | None = None


class TimeReadingDoor(ReadingDoor):
    """Reads evolutions."""

    def __init__(self, *args: Any, page_instances: int = PAGE_INSTANCES, **kwargs: Any) -> None:
        """Stand on the same ground. `page_instances`: how many instances an answer holds at most."""
        super().__init__(*args, **kwargs)
        self._history = History(self._store)
        self._page_instances = page_instances

    async def evolution(
        self,
        act: Act,
        entity_id: str,
        *,
        terms: Terms,
        span: Span,
        projection: Projection,
        types: Node | None = None,
    ) -> Evolutions:
        """Return the evolution of one entity.

        Raises: ResourceNotFound: there is none that `act` may see, or nothing of what was asked for.
        """
        checked(projection)
        subject, decision = await self._subject(act, checked_id(entity_id), "read")
        if types is not None and not _fits(Query(types=types), subject, {}):
            raise ResourceNotFound
        seen = await self._open(act, subject, decision, projection)
        names = list(seen.judged["attrs"])
        if not projection.fits({**subject.doc, "attrs": {name: [] for name in names}}):
            raise ResourceNotFound("The entity has none of the members that were asked for.")
        told = await self._shown_of(act, subject, names, span, projection)
        answer = self._evolutions([told], terms, span, projection)
        looks = Looks(act)
        self._look_back(looks, subject, decision, seen, projection)
        await self.shown(looks, "read")
        return answer

    async def evolutions(
        self,
        act: Act,
        query: Query,
        *,
        terms: Terms,
        span: Span,
        projection: Projection,
        paging: Paging,
        among: Sequence[str] | None = None,
    ) -> Evolutions:
        """Return a page of the evolutions that fit and have anything inside the interval.

        `among`: ids of the only candidates; then their order is that of the answer, unless another is asked for.
        Raises: PurposeMissing, NotAllowed: personal attributes are asked for that the purpose does not open.
        """
        self._check_evolutions(act, query, projection)
        found: list[Told] = []
        looks = Looks(act)
        gone: list[str] = []
        met = 0
        async for entity_id, subject in self._subjects(act.tenant, query, descending=paging.descending, among=among):
            evolved = None if subject is None else await self._evolved(act, subject, query, span, projection)
            if evolved is None:
                gone.append(entity_id)
                continue
            if paging.offset <= met < paging.offset + paging.limit:
                told, decision, seen = evolved
                found.append(told)
                self._look_back(looks, told.subject, decision, seen, projection)
            met += 1
            if met > paging.offset + paging.limit and not paging.count:
                break
        page = self._evolutions(found, terms, span, projection)
        await self.shown(looks, "list")
        return replace(
            page,
            more=met > paging.offset + paging.limit,
            total=met if paging.count else None,
            gone=() if among is None else tuple(gone),
        )

    async def evolution_ids(
        self, act: Act, query: Query, *, span: Span, projection: Projection, descending: bool | None = None, most: int
    ) -> list[str]:
        """Return the id of everything that `evolutions` would return on all its pages, in the same order.

        Raises: as `evolutions`; TooManyResults: more than `most`.
        """
        self._check_evolutions(act, query, projection)
        ids: list[str] = []
        async for entity_id, subject in self._subjects(act.tenant, query, descending=descending):
            if subject is None or await self._evolved(act, subject, query, span, projection) is None:
                continue
            if len(ids) == most:
                raise TooManyResults(f"An entity map holds at most {most} entities; narrow the query.")
            ids.append(entity_id)
        return ids

    # inside

    def _check_evolutions(self, act: Act, query: Query, projection: Projection) -> None:
        """Refuse what cannot be asked. Raises: as `evolutions`."""
        checked(projection)
        self._sight.check_purpose(act)
        self._sight.check_filter(act, query.names(), type_names(query.types))

    def _evolutions(self, found: list[Told], terms: Terms, span: Span, projection: Projection) -> Evolutions:
        evolutions = [one for one in found if isinstance(one, Evolution)]
        content_range = cut(evolutions, span, self._page_instances)
        entities = [
            written(one, terms, span, projection)
            if isinstance(one, Evolution)
            else aggregated(one, terms, span, projection)
            for one in found
        ]
        return Evolutions(entities, content_range=content_range)

    async def _subject(self, act: Act, entity_id: str, verb: Verb) -> tuple[Subject, Decision]:
        """Return what has a past under this id. Raises: ResourceNotFound: nothing that `act` may know of."""
        self._sight.check_purpose(act)
        subject = await self._history.subject(act.tenant, entity_id)
        if subject is None:
            raise ResourceNotFound
        decision = self._allow.allows(act, verb, self._sight.thing(subject.doc))
        if not decision.ok:
            self._refused(act, verb, subject.doc)
            raise ResourceNotFound
        return subject, decision

    def _look_back(
        self, looks: Looks, subject: Subject, decision: Decision, seen: Seen, projection: Projection
    ) -> None:
        """Take in what an evolution shows of persons."""
        opened = seen.classes(projection.tells)
        if opened:
            doc = subject.doc
            persons = self.persons.whose(doc).subjects
            looks.add(
                subject.entity_id,
                map(self._names.short, doc["type"]),
                doc["scope"],
                persons=persons,
                classes=opened,
                policy=decision.policy,
            )

    async def _open(self, act: Act, subject: Subject, decision: Decision, projection: Projection) -> Seen:
        """Return which attributes' past `act` may see (`judged`); what is shown masked has none for him.

        Raises: PurposeMissing, NotAllowed: as for the entity itself.
        """
        names = [name for name in await self._history.names(act.tenant, subject) if name != SCOPE]
        blank: Attrs = {name: [{"type": "Property", "value": None}] for name in names}
        seen = self._sight.seen({**subject.doc, "attrs": blank}, decision, act, "apply", subject.doc)
        self._sight.check_asked(act, seen, projection.asked(), projection.omit)
        return seen

    async def _subjects(
        self, tenant: str, query: Query, *, descending: bool | None, among: Sequence[str] | None = None
    ) -> AsyncIterator[tuple[str, Subject | None]]:
        """Yield what fits by type and id: first the entities that stand, then those of which there is only a past.

        Beside each stands its id; where there is nothing that fits under an id, it stands alone.
        """
        if among is None and descending is None:
            async for subject in self._candidates_with_past(tenant, query):
                yield subject.entity_id, subject
            return
        ids = [one.entity_id async for one in self._candidates_with_past(tenant, query)] if among is None else among
        named = _named(query)
        for entity_id in ids if descending is None else sorted(ids, reverse=descending):
            found = await self._history.subject(tenant, entity_id)
            yield entity_id, found if found is not None and _fits(named, found, found.standing) else None

    async def _candidates_with_past(self, tenant: str, query: Query) -> AsyncIterator[Subject]:
        named = _named(query)
        met: set[str] = set()
        async for stored in self._candidates(tenant, self._narrowing.find(named)):
            met.add(stored.entity_id)
            subject = subject_of(stored, await self._store.record(tenant, PAST, stored.entity_id))
            if subject is not None and _fits(named, subject, subject.standing):
                yield subject
        after = 0
        while records := await self._store.records(tenant, PAST, after=after, limit=RECORDS_AT_ONCE):
            after = records[-1].row
            for record in records:
                if record.record_id in met:
                    continue
                subject = subject_of(await self._store.get(tenant, record.record_id), record)
                if subject is not None and _fits(named, subject, subject.standing):
                    yield subject
            await asyncio.sleep(0)

    async def _evolved(
        self, act: Act, subject: Subject, query: Query, span: Span, projection: Projection
    ) -> tuple[Told, Decision, Seen] | None:
        """Return what is told of one entity of a query, and by whose leave; None when it does not fit or has nothing in
        the interval."""
        decision = self._allow.allows(act, "list", self._sight.thing(subject.doc))
        if not decision.ok:
            return None
        seen = await self._open(act, subject, decision, projection)
        names = list(seen.judged["attrs"])
        stretches = await self._stretches(act.tenant, subject, query, span)
        if not stretches or not await self._holds_inside(act.tenant, subject, names, query, span):
            return None
        told = await self._shown_of(act, subject, names, span, projection, stretches=stretches)
        inside = told.series if isinstance(told, Sums) else told.traces
        there: Attrs = {name: [] for name, parts in inside.items() if parts and name != SCOPE}
        return (told, decision, seen) if there and projection.fits({**subject.doc, "attrs": there}) else None

    async def _stretches(self, tenant: str, subject: Subject, query: Query, span: Span) -> Stretches:
        """Return the stretches of time in which a scope held that scopeQ wants; all time when it wants none."""
        if query.scopes is None:
            return ALWAYS
        scopes = await self._scope_traces(tenant, subject, span)
        ends = [*(one.sort_us(span) for one in scopes[1:]), LATEST_US]
        return [
            (one.sort_us(span), end_us)
            for one, end_us in zip(scopes, ends, strict=bool(scopes))
            if _fits(Query(scopes=query.scopes), subject, {}, _scopes_in(one))
            and (span.since_us is None or end_us > span.since_us)
        ]

    async def _scope_traces(self, tenant: str, subject: Subject, span: Span) -> list[Trace]:
        """Return the scopes that came before the end of an interval, oldest first; each holds until the next one."""
        every = replace(span, last_n=None, since_us=None)
        return await self._history.traces(tenant, subject, SCOPE, every, most=None)

    async def _holds_inside(self, tenant: str, subject: Subject, names: list[str], query: Query, span: Span) -> bool:
        """Tell whether q and the geo query hold of the instances inside the interval."""
        if query.q is None and query.geo is None:
            return True
        every = replace(span, last_n=None)
        attrs: Attrs = {}
        for name in query.names().intersection(names):
            traces = await self._history.traces(tenant, subject, name, every, most=None)
            attrs[name] = [trace.instance for trace in traces if not trace.is_deleted]
        return _fits(Query(q=query.q, geo=query.geo), subject, attrs)

    async def _shown_of(
        self,
        act: Act,
        subject: Subject,
        names: list[str],
        span: Span,
        projection: Projection,
        *,
        stretches: Stretches = ALWAYS,
    ) -> Told:
        """Return what is told of one entity, before an answer is cut."""
        tenant, some = act.tenant, projection.datasets
        shown = [name for name in names if not projection.attrs or name in projection.attrs]
        if span.form == "aggregated":
            return await self._summed(tenant, subject, shown, span, some, stretches=stretches)
        every = stretches is not ALWAYS or bool(some)
        traces: dict[str, list[Trace]] = {}
        for name in shown:
            most = None if every else self._page_instances + 1
            wider = replace(span, last_n=None) if every else span
            there = await self._history.traces(tenant, subject, name, wider, most=most)
            if every:
                there = [one for one in there if _in(one.dataset_id, some) and _meets(one.sort_us(span), stretches)]
                there = there if span.last_n is None else there[::-1][: span.last_n]
            traces[name] = there
        traces[SCOPE] = _carried(await self._scope_traces(tenant, subject, span), span)
        kinds = {name: there[0].instance["type"] for name, there in traces.items() if there}
        return Evolution(subject, {name: traces[name] for name in kinds}, kinds)

    async def _summed(
        self, tenant: str, subject: Subject, names: list[str], span: Span, some: frozenset[str], *, stretches: Stretches
    ) -> Sums:
        sums = Sums(subject, {}, {})
        for name in names:
            kind, found = await self._history.series(tenant, subject, name, span)
            bounded = {one: within(series, stretches) for one, series in found.items() if _in(one, some)}
            parts = {one: series for one, series in bounded.items() if len(series.times)}
            if parts:
                sums.series[name], sums.kinds[name] = parts, kind
        return sums


def _named(query: Query) -> Query:
    """Return what of a query can be told without the past: types and ids."""
    return replace(query, q=None, scopes=None, geo=None)


def _fits(query: Query, subject: Subject, attrs: Attrs, scopes: list[str] | None = None) -> bool:
    doc = {**subject.doc, "attrs": attrs, "scope": subject.doc["scope"] if scopes is None else scopes}
    return wanted(query, doc, subject.created_us, subject.modified_us)


def _scopes_in(trace: Trace) -> list[str]:
    value = [] if trace.is_deleted else trace.instance["value"]
    return value if isinstance(value, list) else [value]


def _carried(scopes: list[Trace], span: Span) -> list[Trace]:
    """Return the scopes inside an interval and the one that holds at its beginning."""
    since_us = -LATEST_US if span.since_us is None else span.since_us
    inside = [one for one in scopes if one.sort_us(span) >= since_us]
    before = [one for one in scopes if one.sort_us(span) < since_us and not one.is_deleted]
    held = [*before[-1:], *inside]
    return held if span.last_n is None else held[::-1][: span.last_n]


def _in(dataset_id: str, datasets: frozenset[str]) -> bool:
    """Tell whether a dataset is one of those that are wanted; all are when none is named."""
    return not datasets or (dataset_id or "@none") in datasets


def _meets(at_us: int, stretches: Stretches) -> bool:
    return any(start_us <= at_us < end_us for start_us, end_us in stretches)
