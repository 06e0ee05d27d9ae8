"""Turns a query into what the store can look up fast. It may let too much through, never too little.

Whatever cannot be said to the store is left out; the evaluator judges every candidate again.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import inf

from linli.store import Find, Look

from ._keys import Keys, key_text
from ._names import Names
from ._query import TIMES, And, Compare, Node, Or, Query, ScopeIs, TypeIs
from ._terms import vocab_word

_LOOKED = frozenset({"==", ">", ">=", "<", "<="})
#: letters with which a name cannot stand in a path into JSON
_UNFIT = frozenset('"\\')


class Narrowing:
    """Knows which names have keys."""

    def __init__(self, names: Names, keys: Keys) -> None:
        """Narrow by these keys."""
        self._names = names
        self._keys = keys

    def find(self, query: Query) -> Find:
        """Return what to ask the store."""
        known = query.worked_out.find
        if known is None or known[0] is not self:
            known = query.worked_out.find = (self, self._anywhere(query))
        return known[1]._replace(box=query.geo.box, ellipse=query.geo.ellipse) if query.geo else known[1]

    def _anywhere(self, query: Query) -> Find:
        """Return what to ask the store if the place of a query did not matter."""
        types = types_of(query)
        short = frozenset(self._names.short(name) for name in types or ())
        return Find(
            types=tuple(sorted(short)),
            ids=_ids(query),
            keys=self._found_keys(query.q, short) if query.q and short else (),
            scopes=_scopes(query.scopes) or (),
            looks=tuple(_looks(query.q)),
        )

    def _found_keys(self, node: Node, short_types: frozenset[str]) -> tuple[tuple[str, tuple[str, ...]], ...]:
        if isinstance(node, And):
            return tuple(pair for part in node.parts for pair in self._found_keys(part, short_types))
        if isinstance(node, Or):
            return self._either(node, short_types)
        if not isinstance(node, Compare) or node.op != "==" or node.path.subs or node.path.keys or node.path.beyond:
            return ()
        key = self._key(node.path.name, short_types)
        texts: set[str] = set()
        for value in node.values:
            text = key_text(value.plain)
            if key is None or text is None or value.to is not None or value.shape == "time":
                return ()
            texts |= {text, vocab_word(text)}
        return ((key, tuple(sorted(texts))),) if key else ()

    def _either(self, node: Or, short_types: frozenset[str]) -> tuple[tuple[str, tuple[str, ...]], ...]:
        """Return the keys of an or whose parts all ask for the same attribute; nothing otherwise."""
        parts = [self._found_keys(part, short_types) for part in node.parts]
        if any(len(part) != 1 for part in parts) or len({part[0][0] for part in parts}) > 1:
            return ()
        return ((parts[0][0][0], tuple(sorted({text for part in parts for text in part[0][1]}))),)

    def _key(self, name: str, short_types: frozenset[str]) -> str | None:
        """Return the key under which an attribute stands, if every one of the types has it."""
        pair = (name, self._names.short(name))
        return pair[1] if all(pair in self._keys.of_type(one) for one in short_types) else None


def _looks(node: Node | None) -> Iterator[Look]:
    """Yield looks into the value of attributes, as it stands in documents, that every wanted entity passes."""
    if isinstance(node, And):
        for part in node.parts:
            yield from _looks(part)
    if not isinstance(node, Compare) or node.op not in _LOOKED or not _UNFIT.isdisjoint(node.path.name):
        return
    path, shapes = node.path, {value.shape for value in node.values}
    if path.subs or path.keys or path.beyond or path.said in TIMES:
        return
    if shapes == {"number"}:
        lows = [value.plain for value in node.values]
        highs = [(value.to or value).plain for value in node.values]
        low = -inf if node.op in ("<", "<=") else min(lows)
        high = inf if node.op in (">", ">=") else max(highs)
        yield Look(("attrs", path.name), "value", low, high)
    elif shapes == {"text"} and node.op == "==" and not any(value.to for value in node.values):
        yield Look(("attrs", path.name), "value", texts=tuple(value.plain for value in node.values))


def types_of(query: Query) -> frozenset[str] | None:
    """Return types of which every wanted entity has at least one; None when there is no such list."""
    types = type_names(query.types)
    if types is not None or not query.any_of:
        return types
    each = [type_names(one.types) for one in query.any_of]
    return None if None in each else frozenset().union(*(types for types in each if types))


def _ids(query: Query) -> tuple[str, ...]:
    """Return ids of which every wanted entity has one; nothing when there is no such list."""
    if query.ids or not all(one.ids for one in query.any_of):
        return query.ids
    return tuple(dict.fromkeys(entity_id for one in query.any_of for entity_id in one.ids))


def type_names(node: Node | None) -> frozenset[str] | None:
    """Return types of which every wanted entity has at least one; None when there is no such list."""
    if isinstance(node, TypeIs):
        return None if node.name == "*" else frozenset({node.name})
    if isinstance(node, Or):
        parts = [type_names(part) for part in node.parts]
        return None if None in parts else frozenset().union(*(part for part in parts if part))
    if isinstance(node, And):
        known = [names for part in node.parts if (names := type_names(part)) is not None]
        return min(known, key=len, default=None)
    return None


def _scopes(node: Node | None) -> tuple[tuple[str, bool], ...] | None:
    """Return (scope, below) pairs of which every wanted entity meets at least one; None when there is no such list."""
    if isinstance(node, ScopeIs):
        fixed = node.levels[: next((at for at, level in enumerate(node.levels) if level in "+#"), len(node.levels))]
        return (("/" + "/".join(fixed), len(fixed) < len(node.levels)),) if fixed else None
    if isinstance(node, Or):
        parts = [_scopes(part) for part in node.parts]
        return None if None in parts else tuple(pair for part in parts if part for pair in part)
    if isinstance(node, And):
        return next((pairs for part in node.parts if (pairs := _scopes(part)) is not None), None)
    return None
