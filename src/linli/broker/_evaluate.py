"""Decides whether an entity is wanted. The store only narrows; this is the one place that says yes.

Values of unlike kinds never match, except that != then holds; an attribute that is not there matches nothing but
its own absence. Of several instances, and of several values in a list, any one may match. A text in a language is
compared by [language] or [*]; `[*] !=` wants all languages to differ. Texts are ordered by code unit.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from linli.base import from_wire_time
from linli.base.errors import BadRequestData

from ._geo import is_there
from ._grammar import hour_of
from ._plain import VALUE_MEMBER, Doc, Instance
from ._query import TIMES, And, Compare, Exists, Node, Or, Path, Query, ScopeIs, TypeIs, Value
from ._terms import vocab_iri

_ORDER: Mapping[str, Callable[[Any, Any], bool]] = {
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
}


_NUMBERS = frozenset((int, float))


class Judged(NamedTuple):
    """An entity as it is judged: its document, as far as the asker's filters may touch it, and the store's times."""

    doc: Doc
    created_us: int
    modified_us: int


#: the entities to which relationships lead, by id, as far as the asker may see them
Linked = Mapping[str, Judged]
ALONE: Linked = {}


def wanted(query: Query, doc: Doc, created_us: int, modified_us: int, linked: Linked = ALONE) -> bool:
    """Tell whether the entity fits every part of the query; `linked`: where q follows relationships (see `targets`)."""
    if query.ids:
        if doc["id"] not in query.ids:
            return False
    elif query.pattern is not None and query.pattern.search(doc["id"]) is None:
        return False
    judged = Judged(doc, created_us, modified_us)
    return (
        (query.types is None or _holds(query.types, judged, linked))
        and (query.scopes is None or _holds(query.scopes, judged, linked))
        and (query.q is None or _holds(query.q, judged, linked))
        and (query.geo is None or is_there(query.geo, doc))
        and (not query.any_of or any(wanted(one, *judged, linked) for one in query.any_of))
    )


def _holds(node: Node, judged: Judged, linked: Linked) -> bool:
    if isinstance(node, TypeIs):
        return node.name in judged.doc["type"] or node.name == "*"
    match node:
        case Compare():
            return _leads_to(node, judged, linked)
        case And(parts):
            return all(_holds(part, judged, linked) for part in parts)
        case Or(parts):
            return any(_holds(part, judged, linked) for part in parts)
        case ScopeIs(levels):
            return any(_fits(levels, scope) for scope in judged.doc["scope"])
        case Exists(path, absent):
            return absent != any(True for _ in targets(path, judged, linked))


def _leads_to(node: Compare, judged: Judged, linked: Linked) -> bool:
    path = node.path
    if node.op in _ORDER and node.values[0].shape == "number" and not (path.subs or path.keys or path.beyond):
        instances = judged.doc["attrs"].get(path.name, ())
        if len(instances) == 1 and path.said not in TIMES:
            instance = instances[0]
            value = instance.get("value")
            if instance["type"] == "Property" and type(value) in _NUMBERS:  # as most values are that are compared so
                return _ORDER[node.op](value, node.values[0].plain)
    for target in targets(node.path, judged, linked):  # noqa: SIM110 - asked for every candidate of every search
        if _compares(node, target):
            return True
    return False


def _fits(levels: tuple[str, ...], scope: str) -> bool:
    there = scope.removeprefix("/").split("/")
    if levels[-1] == "#":
        levels = levels[:-1]
        there = there[: len(levels)]
    return len(there) == len(levels) and all(said in ("+", level) for said, level in zip(levels, there, strict=True))


def targets(path: Path, judged: Judged, linked: Linked = ALONE) -> Iterator[Any]:
    """Yield what stands at a path: one target an instance, a list of them where any element may match."""
    if path.said in TIMES and not path.subs:
        yield Moment(judged.created_us if path.said == "createdAt" else judged.modified_us)
        return
    instances: list[Instance] = judged.doc["attrs"].get(path.name, [])
    last = len(path.subs) - 1
    for at, (said, name) in enumerate(path.subs):
        if at == last and said in _MEMBERS and path.beyond is None:
            yield from (found for one in instances if (found := _MEMBERS[said](one, judged)) is not None)
            return
        instances = [sub for one in instances for sub in one.get("subs", {}).get(name, ())]
    for instance in instances:
        target = _target(instance, path.keys)
        if path.beyond is not None:
            yield from _beyond(path, path.beyond, target, linked)
        elif target is not None:
            yield target


def _beyond(path: Path, beyond: Path, target: Any, linked: Linked) -> Iterator[Any]:
    """Yield what stands at the rest of a path, in the entities to which a relationship leads."""
    for uri in target if isinstance(target, list) else ():
        there = linked.get(uri) if isinstance(uri, _Link) else None
        if there is not None and (not path.beyond_types or not path.beyond_types.isdisjoint(there.doc["type"])):
            yield from targets(beyond, there, linked)


def _created(instance: Instance, judged: Judged) -> Moment:
    at_us: int = instance.get("createdAt", judged.created_us)
    return Moment(at_us)


def _modified(instance: Instance, judged: Judged) -> Moment:
    at_us: int = instance.get("modifiedAt", _created(instance, judged))
    return Moment(at_us)


#: members of an instance that a path may end in
_MEMBERS: Mapping[str, Callable[[Instance, Judged], Any]] = {
    "createdAt": _created,
    "modifiedAt": _modified,
    **{said: lambda one, _, said=said: one.get(said) for said in ("observedAt", "unitCode", "datasetId")},  # type: ignore[misc]
}


class Moment(int):
    """A time of the store, in microseconds."""


class _Link(str):
    """The id at the end of a Relationship: it can be equal or not, but nothing else."""

    __slots__ = ()


def _target(instance: Instance, keys: tuple[str, ...]) -> Any:
    kind = instance["type"]
    value = instance[VALUE_MEMBER[kind]]
    if kind in ("Relationship", "ListRelationship"):
        return None if keys else [_Link(uri) for uri in (value if isinstance(value, list) else [value])]
    if kind == "LanguageProperty":
        return _texts(value, keys)
    if kind == "VocabProperty":
        names = [vocab_iri(one) for one in (value if isinstance(value, list) else [value])]
        return None if keys else names
    for key in keys:
        if not isinstance(value, dict) or key not in value:
            return None
        value = value[key]
    if isinstance(value, dict) and "@value" in value:
        return value["@value"]
    return value


def _texts(languages: Mapping[str, Any], keys: tuple[str, ...]) -> Any:
    if not keys:
        return {}
    if keys == ("*",):
        return [text for said in languages.values() for text in (said if isinstance(said, list) else [said])]
    return languages.get(keys[0]) if len(keys) == 1 else None


def _compares(node: Compare, target: Any) -> bool:
    elements = target if isinstance(target, list) else [target]
    if node.values[0].shape == "pattern" and any(isinstance(element, _Link) for element in elements):
        return False
    if node.op in ("==", "~="):
        return any(_equal(element, value) for element in elements for value in node.values)
    if node.op in ("!=", "!~="):
        return target != {} and not any(_equal(element, value) for element in elements for value in node.values)
    compare = _ORDER[node.op]
    value = node.values[0]
    for element in elements:
        it = None if isinstance(element, _Link) else _comparable(element, value)
        if it is not None and compare(it, value.plain):
            return True
    return False


def _equal(element: Any, value: Value) -> bool:
    if value.shape == "pattern":
        return isinstance(element, str) and value.plain.search(element) is not None
    it = _comparable(element, value)
    if it is None:
        return False
    return bool(value.plain <= it <= value.to.plain) if value.to is not None else bool(it == value.plain)


def _comparable(element: Any, value: Value) -> Any:
    """Return what stands there in the kind of the value said, or None when they are of unlike kinds."""
    match value.shape:
        case "truth":
            return element if isinstance(element, bool) else None
        case "number":
            number = isinstance(element, int | float) and not isinstance(element, bool | Moment)
            return element if number else None
        case "time":
            return int(element) if isinstance(element, Moment) else _moment(element)
        case "hour":
            return hour_of(element) if isinstance(element, str) else None
        case _:
            return element if isinstance(element, str) else None


def _moment(element: Any) -> int | None:
    if not isinstance(element, str):
        return None
    try:
        return from_wire_time(element)
    except BadRequestData:
        return None
