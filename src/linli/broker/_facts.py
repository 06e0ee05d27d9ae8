"""What history keeps of a write, as the store takes it.

The first value of an attribute is not written while it stands: a creation has no facts, and an instance without stamps
in a document has stood there since. When it is written over or taken away, two facts are filed: the first value (which
the store puts under the entity's creation) and the new one. The scope evolves in the same way, as if it were an attribute
of that name; a document whose scope is no longer its first one says so under `scopeAt`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import orjson

from linli.base import from_wire_time
from linli.store import Fact, Stored

from ._plain import Attrs, Doc, Instance

#: the kind of record that stands for an entity of which there is only a past
PAST = "past"
#: under which name history keeps the scope
SCOPE = "scope"


def facts_of(before: Attrs, after: Attrs, changed: Iterable[str]) -> Iterator[Fact]:
    """Yield the facts of a write: each instance that was written, None for each that went, and first values."""
    for name in changed:
        if name not in before:
            yield from (fact_of(name, one) for one in after.get(name, ()) if not is_first(one))
            continue
        there = {one.get("datasetId", ""): one for one in before[name]}
        for instance in after.get(name, ()):
            old = there.pop(instance.get("datasetId", ""), None)
            if old is not instance:
                if old is not None and is_first(old):
                    yield fact_of(name, old, first=True)
                if not is_first(instance):
                    yield fact_of(name, instance)
        for dataset_id, old in there.items():
            if is_first(old):
                yield fact_of(name, old, first=True)
            yield Fact(name, dataset_id, None)


def first_facts(attrs: Attrs) -> Iterator[Fact]:
    """Yield the values that stand since the entity was created."""
    for name, instances in attrs.items():
        for instance in instances:
            if is_first(instance):
                yield fact_of(name, instance, first=True)


def past_of(stored: Stored, doc: Doc) -> Doc:
    """Return what is kept of an entity of which only the past stays."""
    scope = {"scope": doc["scope"], **({"scopeAt": doc["scopeAt"]} if "scopeAt" in doc else {})}
    return {"type": doc["type"], **scope, "createdAt": stored.created_us, "createdSeq": stored.created_seq}


def scope_facts(before: Doc, after: Doc, at_us: int) -> Iterator[Fact]:
    """Yield the facts of a scope that was changed, and have the document say that it was."""
    if "scopeAt" not in before and before["scope"]:
        yield scope_fact(before["scope"])._replace(first=True)
    yield scope_fact(after["scope"])
    after["scopeAt"] = at_us


def scope_fact(scopes: list[str]) -> Fact:
    """Return a scope as a fact; none is a scope that went."""
    value = scopes[0] if len(scopes) == 1 else scopes
    return Fact(SCOPE, "", orjson.dumps({"type": "Property", "value": value}) if scopes else None)


def is_first(instance: Instance) -> bool:
    """Tell whether an instance stands since its entity was created."""
    return "modifiedAt" not in instance and "createdAt" not in instance


def fact_of(name: str, instance: Instance, *, first: bool = False) -> Fact:
    """Return one instance as a fact, with the time and the number that it says."""
    observed_at = instance.get("observedAt")
    value = instance.get("value")
    return Fact(
        name,
        instance.get("datasetId", ""),
        orjson.dumps(instance),
        None if observed_at is None else from_wire_time(observed_at),
        float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None,
        first,
    )
