"""What history keeps of a write, as the store takes it.

The first value of an attribute is not written while it stands: a creation has no facts, and an instance without stamps
in a document has stood there since. When it is written over or taken away, two facts are filed: the first value (which
the store puts under the entity's creation) and the new one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import orjson

from linli.base import from_wire_time
from linli.store import Fact

from ._plain import Attrs, Instance


def facts_of(before: Attrs, after: Attrs, changed: Iterable[str]) -> Iterator[Fact]:
    """Yield the facts of a write: each instance that was written, None for each that went, and first values."""
    for name in changed:
        there = {one.get("datasetId", ""): one for one in before.get(name, ())}
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
