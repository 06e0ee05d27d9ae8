"""The write rules of NGSI-LD, one pure function each: a stored document and a fragment in, a new document out.

| operation | there already | not there | not in the body | null | types | scope |
|---|---|---|---|---|---|---|
| create | - | made | - | refused by the reader | as given | as given |
| replace (upsert) | replaced, all instances | made | removed | refused | replaced | replaced |
| append | replaced instance by instance | made | kept | refused | united | replaced |
| append, no overwrite | left, reported | made | kept | refused | united | united |
| update (PATCH attrs) | replaced instance by instance | made | kept | that instance goes | united | only if there is one |

Sub-attributes go with the instance that is replaced. createdAt of an instance that is written over is kept.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from ._form import Fragment
from ._plain import Doc, Instance, stamps


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a rule made: the new document, the names that changed, and (name, reason) of what was left alone."""

    doc: Doc
    changed: list[str]
    left: list[tuple[str, str]] = field(default_factory=list)


def created(fragment: Fragment) -> Outcome:
    """Make a new document of what was said."""
    doc: Doc = {"id": fragment.id, "type": fragment.types, "scope": fragment.scopes or [], "attrs": fragment.attrs}
    return Outcome(doc, list(fragment.attrs))


def replaced(doc: Doc, fragment: Fragment, at_us: int) -> Outcome:
    """Put what was said in place of everything that stood there; a scope that is not said stays the old one."""
    before = doc["attrs"]
    attrs = {name: _stamped(instances, before.get(name, []), at_us) for name, instances in fragment.attrs.items()}
    scopes = doc["scope"] if fragment.scopes is None else fragment.scopes
    gone = [name for name in before if name not in attrs]
    return Outcome({"id": doc["id"], "type": fragment.types, "scope": scopes, "attrs": attrs}, [*attrs, *gone])


def appended(doc: Doc, fragment: Fragment, at_us: int, *, overwrite: bool) -> Outcome:
    """Add what was said; `overwrite` False leaves instances that are already there and names them."""
    attrs = dict(doc["attrs"])
    changed: list[str] = []
    left: list[tuple[str, str]] = []
    for name, instances in fragment.attrs.items():
        before = attrs.get(name, [])
        taken = {one.get("datasetId") for one in before}
        fresh = instances if overwrite else [one for one in instances if one.get("datasetId") not in taken]
        if len(fresh) < len(instances):
            left.append((name, "is there already, and noOverwrite was asked for"))
        if fresh:
            attrs[name] = _over(before, fresh, at_us)
            changed.append(name)
    scopes = doc["scope"]
    if fragment.scopes is not None:
        scopes = fragment.scopes if overwrite else list(dict.fromkeys([*scopes, *fragment.scopes]))
    return Outcome({**doc, "type": _united(doc, fragment), "scope": scopes, "attrs": attrs}, changed, left)


def updated(doc: Doc, fragment: Fragment, at_us: int) -> Outcome:
    """Write over what was said, instance by instance; the NGSI-LD null takes an instance away."""
    attrs = dict(doc["attrs"])
    changed: list[str] = []
    for name, instances in fragment.attrs.items():
        before = attrs.get(name, [])
        gone = {one.get("datasetId") for one in instances if "null" in one}
        kept = [one for one in before if one.get("datasetId") not in gone]
        fresh = [one for one in instances if "null" not in one]
        if not fresh and len(kept) == len(before):
            continue
        changed.append(name)
        attrs[name] = _over(kept, fresh, at_us)
        if not attrs[name]:
            del attrs[name]
    scopes, left = doc["scope"], []
    if fragment.scopes is not None and scopes:
        scopes = fragment.scopes
    elif fragment.scopes is not None:
        left.append(("scope", "the entity has no scope to replace"))
    return Outcome({**doc, "type": _united(doc, fragment), "scope": scopes, "attrs": attrs}, changed, left)


def _united(doc: Doc, fragment: Fragment) -> list[str]:
    return list(dict.fromkeys([*doc["type"], *fragment.types]))


def _over(before: list[Instance], fresh: list[Instance], at_us: int) -> list[Instance]:
    """Return `before` with the instances of the same datasetId replaced and the others added."""
    stamped = {one.get("datasetId"): one for one in _stamped(fresh, before, at_us)}
    kept = [stamped.pop(one.get("datasetId"), one) for one in before]
    return [*kept, *stamped.values()]


def _stamped(fresh: list[Instance], before: list[Instance], at_us: int) -> list[Instance]:
    there = {one.get("datasetId"): one for one in before}
    return [{**one, **stamps(there.get(one.get("datasetId")), at_us)} for one in fresh]
