"""Writes evolutions for the wire: normalized, as pairs of value and time, or summed up (4.5.6 to 4.5.9, 4.5.19).

An answer holds only so many instances. It is cut at one moment for all entities and attributes, so that everything up
to there is complete and a reader goes on from there; what has instances only beyond the cut stands there empty.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from linli.base import to_wire_time

from ._facts import SCOPE
from ._history import Subject, Trace
from ._plain import VALUE_MEMBER, Instance
from ._projection import Projection
from ._render import one_or_all, rendered
from ._spelling import NULL
from ._temporal_query import Span
from ._temporal_sums import Frame, Series, summed
from ._terms import Terms

#: how an attribute of each type calls the list of its pairs
_PAIRS = {member: member + "s" for member in VALUE_MEMBER.values()}
#: types whose value keeps its member around it in a pair, so that nobody takes it for another
_WRAPPED = frozenset({"LanguageProperty", "JsonProperty", "VocabProperty"})


@dataclass(slots=True)
class Evolution:
    """One entity of an answer: the instances that are shown, by attribute and in order of time, and their types."""

    subject: Subject
    traces: dict[str, list[Trace]]
    kinds: dict[str, str]


@dataclass(slots=True)
class Sums:
    """One entity of an answer: what is summed up, by attribute and dataset, and the types of the attributes."""

    subject: Subject
    series: dict[str, Mapping[str, Series]]
    kinds: dict[str, str]


def cut(evolutions: Sequence[Evolution], span: Span, most: int) -> str | None:
    """Leave `most` instances at most, if more than one moment is there; return the Content-Range, None if all stay."""
    times = sorted(
        (trace.sort_us(span) for one in evolutions for traces in one.traces.values() for trace in traces),
        reverse=span.last_n is not None,
    )
    if len(times) <= most:
        return None
    last_us = times[most - 1]
    if times[most] == last_us and times[0] != last_us:
        last_us = next(at_us for at_us in reversed(times[:most]) if at_us != last_us)
    elif times[-1] == last_us:
        return None
    for one in evolutions:
        for name, traces in one.traces.items():
            one.traces[name] = [trace for trace in traces if _within(trace.sort_us(span), last_us, span)]
    return _content_range(times[0], last_us, span)


def written(one: Evolution, terms: Terms, span: Span, projection: Projection) -> dict[str, Any]:
    """Return an evolution as the wire wants it, normalized or as pairs."""
    entity = _frame(one.subject, terms, projection)
    bodies = _bodies(one, terms, projection)
    for name, traces in one.traces.items():
        if projection.shows(name):
            there = iter(bodies.get(name, ()))
            instances = [_gone(trace) if trace.is_deleted else next(there) for trace in traces]
            for trace, instance in zip(traces, instances, strict=True):
                instance["instanceId"] = trace.instance_id
            said = name if name == SCOPE else terms.term(name)
            pairs = span.form == "values"
            entity[said] = _paired(traces, instances, span, one.kinds[name]) if pairs else instances
    return entity


def aggregated(one: Sums, terms: Terms, span: Span, projection: Projection) -> dict[str, Any]:
    """Return an evolution summed up by periods. Raises: BadRequestData: too many periods."""
    entity = _frame(one.subject, terms, projection)
    starts = [int(part.times[0]) for parts in one.series.values() for part in parts.values()]
    for name, parts in one.series.items():
        last_us = max(int(part.times[-1]) for part in parts.values())
        frame = Frame(
            min(starts) if span.since_us is None else span.since_us,
            span.period,
            last_us if span.until_us is None else span.until_us,
        )
        sums = {dataset_id: summed(part, frame, span.methods) for dataset_id, part in parts.items()}
        bodies = [
            {"type": one.kinds[name], **({"datasetId": dataset_id} if dataset_id else {}), **values}
            for dataset_id, values in sums.items()
            if values
        ]
        if bodies and projection.shows(name):
            entity[terms.term(name)] = one_or_all(bodies)
    return entity


def _frame(subject: Subject, terms: Terms, projection: Projection) -> dict[str, Any]:
    """Return what stands around the attributes."""
    entity = {"id": subject.entity_id, "type": one_or_all([terms.term(name) for name in subject.doc["type"]])}
    entity = {key: value for key, value in entity.items() if projection.shows(key)}
    if projection.sys_attrs:
        times = {"createdAt": subject.created_us, "modifiedAt": subject.modified_us}
        entity |= {key: to_wire_time(at_us) for key, at_us in times.items() if key not in projection.omit}
    return entity


def _bodies(one: Evolution, terms: Terms, projection: Projection) -> dict[str, list[dict[str, Any]]]:
    """Return the instances that are not deleted as they are rendered in an entity, by attribute."""
    alive = {name: [trace.instance for trace in traces if not trace.is_deleted] for name, traces in one.traces.items()}
    attrs = {name: instances for name, instances in alive.items() if instances and name != SCOPE}
    plain = Projection(sys_attrs=projection.sys_attrs, languages=projection.languages)
    subject = one.subject
    entity = rendered({**subject.doc, "attrs": attrs}, subject.created_us, subject.modified_us, terms, plain)
    said = {name: entity[terms.term(name)] for name in attrs}
    bodies = {name: body if isinstance(body, list) else [body] for name, body in said.items()}
    scopes = [_scope(trace, projection) for trace in one.traces.get(SCOPE, ()) if not trace.is_deleted]
    return {**bodies, SCOPE: scopes}


def _scope(trace: Trace, projection: Projection) -> dict[str, Any]:
    """Return one scope of the evolution: it was observed when it was written."""
    written_at = to_wire_time(trace.past.at_us)
    times = {"createdAt": to_wire_time(trace.subject.created_us), "modifiedAt": written_at}
    body = {"type": "Property", "value": trace.instance["value"], "observedAt": written_at}
    return body | times if projection.sys_attrs else body


def _gone(trace: Trace) -> dict[str, Any]:
    """Return an instance that says that the attribute was deleted."""
    instance: Instance = trace.instance
    kind = instance["type"]
    member = VALUE_MEMBER[kind]
    value: Any = NULL
    if trace.name == SCOPE:
        value = []
    elif member == "languageMap":
        value = {"@none": NULL}
    elif member in ("valueList", "objectList"):
        value = [NULL]
    body = {"type": kind, member: value, "deletedAt": to_wire_time(instance["deletedAt"])}
    return body | {key: instance[key] for key in ("datasetId", "observedAt") if key in instance}


def _paired(traces: Sequence[Trace], instances: Sequence[Mapping[str, Any]], span: Span, kind: str) -> Any:
    """Return lists of [value, time], one for each type and dataset; an empty one of type `kind` where nothing is."""
    if not traces:
        return {"type": kind, _PAIRS[VALUE_MEMBER[kind]]: []}
    lists: dict[tuple[str, str], list[list[Any]]] = {}
    for trace, instance in zip(traces, instances, strict=True):
        kind = instance["type"]
        pair = [_value(kind, instance[VALUE_MEMBER[kind]]), to_wire_time(trace.sort_us(span))]
        lists.setdefault((kind, trace.dataset_id), []).append(pair)
    return one_or_all(
        [
            {"type": kind, **({"datasetId": dataset_id} if dataset_id else {}), _PAIRS[VALUE_MEMBER[kind]]: pairs}
            for (kind, dataset_id), pairs in lists.items()
        ]
    )


def _value(kind: str, value: Any) -> Any:
    if kind in _WRAPPED:
        return {VALUE_MEMBER[kind]: value}
    if kind == "ListRelationship":
        return [one["object"] if isinstance(one, dict) else one for one in value]
    if isinstance(value, dict) and value.get("@type") in ("DateTime", "Date", "Time"):
        return value["@value"]
    return value


def _within(at_us: int, last_us: int, span: Span) -> bool:
    return at_us <= last_us if span.last_n is None else at_us >= last_us


def _content_range(first_us: int, last_us: int, span: Span) -> str:
    """Return from where to where the answer is complete: forwards, or backwards when the last ones were asked for."""
    edge_us = span.since_us if span.last_n is None else span.until_us
    start, end = to_wire_time(first_us if edge_us is None else edge_us), to_wire_time(last_us)
    return f"date-time {start}-{end}/{span.last_n or '*'}"
