"""Turns what trust says of a whole list into where to look for it. It may let too much through, never too little.

Somebody reaches things in his areas, and things that are his by a relationship. Each way is one search of the store, for
every relationship that trust knows has a key. Trust is asked about each thing that is found all the same.
"""

from __future__ import annotations

from collections.abc import Sequence

from linli.base import within_scope
from linli.store import Find
from linli.trust import Reach

from ._keys import Keys
from ._thing import relation

_EVERYWHERE = "/"


class Reaches:
    """Knows under which keys the store finds what is somebody's."""

    def __init__(self, keys: Keys, types: frozenset[str], home_scope: str) -> None:
        """Look under these keys. `types`: those of the vocabulary, whose rules are known by the type alone.

        `home_scope`: where most of what there is lies; who has all of that in his area finds it without being led.
        """
        self._keys = keys
        self._types = types
        self._home_scope = home_scope

    def knows(self, find: Find) -> bool:
        """Tell whether everything that is looked for is of one type of ours; then its rules say where to look."""
        return len(find.types) == 1 and not find.ids and find.types[0] in self._types

    def finds(self, find: Find, reaches: Sequence[Reach] | None) -> list[Find]:
        """Return searches that together meet everything within reach that the one search would meet."""
        if reaches is None or any(one.relation == "area" and self._holds_all(one.values) for one in reaches):
            return [find]
        found: list[Find] = []
        for one in reaches:
            if one.relation == "area":
                found += _in_areas(find, one.values)
                continue
            names = [
                short
                for _, short in self._keys.of_type(find.types[0])
                if relation(find.types[0], short) == one.relation
            ]
            found += [find._replace(keys=(*find.keys, (name, one.values))) for name in names]
            if one.relation == "owners":
                found.append(find._replace(ids=one.values))
        return found

    def _holds_all(self, areas: Sequence[str]) -> bool:
        return any(area == _EVERYWHERE or within_scope(self._home_scope, area) for area in areas)


def _in_areas(find: Find, areas: Sequence[str]) -> list[Find]:
    """Return the search within some areas; none when it looks elsewhere."""
    if not find.scopes:
        return [find._replace(scopes=tuple((area, True) for area in areas))]
    both = dict.fromkeys(
        (scope, below) if within_scope(scope, area) else (area, True)
        for scope, below in find.scopes
        for area in areas
        if within_scope(scope, area) or (below and within_scope(area, scope))
    )
    return [find._replace(scopes=tuple(both))] if both else []
