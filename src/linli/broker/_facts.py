"""What history keeps of a write, as the store takes it.

The first value of an attribute is not written while it stands: a creation has no facts, and an instance without stamps
in a document has stood there since. When it is written over or taken away, two facts are filed: the first value (which
the store puts under the entity's creation) and the new one. The scope evolves in the same way, as if it were an attribute
of that name; a document whose scope is no longer its first one says so under `scopeAt`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import orjson

from linli.base import from_wire_time
from linli.store import Fact, Stored

from ._plain import Attrs, Doc, Instance

#: the kind of record that stands for an entity of which there is only a past
PAST = "past"
_NONE: list[Instance] = []
#: under which name history keeps the scope
SCOPE = "scope"


def facts_of(before: Attrs, after: Attrs, changed: Iterable[str]) -> list[Fact]:
    """Return the facts of a write: each instance that was written, None for each that went, and first values."""
    facts: list[Fact] = []
    for name in changed:
        old, new = before.get(name, _NONE), after.get(name, _NONE)
        if len(old) == 1 == len(new) and "datasetId" not in old[0] and "datasetId" not in new[0]:
            _add_rewritten(name, old[0], new[0], facts)
        else:
            _compared(name, old, new, facts)
    return facts


def first_facts(attrs: Attrs) -> list[Fact]:
    """Return the values that stand since the entity was created."""
    return [fact_of(name, one, first=True) for name, instances in attrs.items() for one in instances if is_first(one)]


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
    value: Any = instance.get("value")
    kind = type(value)
    return Fact(
        name,
        instance.get("datasetId", ""),
        orjson.dumps(instance),
        from_wire_time(instance["observedAt"]) if "observedAt" in instance else None,
        float(value) if kind is int or kind is float else None,
        first,
    )


def _compared(name: str, before: list[Instance], after: list[Instance], facts: list[Fact]) -> None:
    """Add the facts of an attribute with several instances, or one that came or went."""
    if not before:
        facts += [fact_of(name, one) for one in after if not is_first(one)]
        return
    there = {one.get("datasetId", ""): one for one in before}
    for instance in after:
        old = there.pop(instance.get("datasetId", ""), None)
        if old is not None:
            _add_rewritten(name, old, instance, facts)
        elif not is_first(instance):
            facts.append(fact_of(name, instance))
    for dataset_id, old in there.items():
        if is_first(old):
            facts.append(fact_of(name, old, first=True))
        facts.append(Fact(name, dataset_id, None))


def _add_rewritten(name: str, old: Instance, new: Instance, facts: list[Fact]) -> None:
    """Add the facts of one instance that was written over: none when it is the very same."""
    if old is new:
        return
    if "modifiedAt" not in old and "createdAt" not in old:
        facts.append(fact_of(name, old, first=True))
    if "modifiedAt" in new or "createdAt" in new:
        facts.append(fact_of(name, new))
