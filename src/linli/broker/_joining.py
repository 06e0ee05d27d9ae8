"""Entities at the end of relationships: found level by level, then put inside the relationships or beside the entity.

An entity is followed once on each way down, so circles end; what the asker may not see is left as the id alone.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from linli.base.errors import TooManyResults

from ._evaluate import Judged, targets
from ._plain import VALUE_MEMBER, Doc
from ._projection import Projection
from ._query import Path
from ._render import rendered
from ._terms import Terms

LEVEL_MAX = 10
LINKED_MAX = 1000

#: returns the entities that the asker may see, of these ids
Fetch = Callable[[list[str]], Awaitable[Mapping[str, Judged]]]


@dataclass(frozen=True, slots=True)
class Join:
    """How far relationships are followed, and whether what they lead to stands `inline` or beside. `within`: ids that
    the asker has already and that are not followed again."""

    inline: bool
    level: int = 1
    within: frozenset[str] = frozenset()


@dataclass(slots=True)
class _Node:
    judged: Judged
    projection: Projection
    above: frozenset[str]
    below: dict[tuple[str, str], _Node] = field(default_factory=dict)

    def rendered(self, terms: Terms) -> dict[str, Any]:
        """Return the entity with what stands below it inside."""
        children = {key: child.rendered(terms) for key, child in self.below.items()}
        return rendered(*self.judged, terms, self.projection, children=children)


async def joined(
    roots: list[Judged], projection: Projection, join: Join, terms: Terms, fetch: Fetch
) -> list[dict[str, Any]]:
    """Return the entities with those to which their relationships lead: inside them, or after them in one list.

    Raises: TooManyResults: more than LINKED_MAX are linked.
    """
    nodes = [_Node(one, projection, join.within | {one.doc["id"]}) for one in roots]
    linked = await _followed(nodes, join, fetch)
    if join.inline:
        return [node.rendered(terms) for node in nodes]
    return [rendered(*node.judged, terms, node.projection) for node in (*nodes, *linked)]


async def _followed(nodes: list[_Node], join: Join, fetch: Fetch) -> list[_Node]:
    """Hang what is linked below its nodes; return it all, level by level. Beside each other, each stands once."""
    there = {node.judged.doc["id"] for node in nodes} | join.within
    found: list[_Node] = []
    level = nodes
    for _ in range(join.level):
        links = [
            (node, name, uri)
            for node in level
            for name, uri in _links(node.judged.doc, node.projection)
            if uri not in (node.above if join.inline else there)
        ]
        entities = await fetch(list(dict.fromkeys(uri for _, _, uri in links)))
        level = []
        for node, name, uri in links:
            projection = node.projection.beyond(name)
            if uri not in entities or not projection.fits(entities[uri].doc) or (not join.inline and uri in there):
                continue
            there.add(uri)
            below = _Node(
                entities[uri], replace(projection, place=None) if join.inline else projection, node.above | {uri}
            )
            node.below[name, uri] = below
            level.append(below)
        found += level
        if len(found) > LINKED_MAX:
            raise TooManyResults(f"join: at most {LINKED_MAX} linked entities in one answer; ask for a smaller page.")
        if not level:
            break
    return found


def _links(doc: Doc, projection: Projection) -> Iterator[tuple[str, str]]:
    """Yield (attribute, id) of every relationship that is shown."""
    for name, instances in doc["attrs"].items():
        if not projection.shows(name):
            continue
        for one in instances:
            if one["type"] in ("Relationship", "ListRelationship"):
                value = one[VALUE_MEMBER[one["type"]]]
                yield from ((name, uri) for uri in (value if isinstance(value, list) else [value]))


async def reached(judged: Judged, paths: list[Path], fetch: Fetch) -> dict[str, Judged]:
    """Return the entities that must be known to judge paths through relationships."""
    linked: dict[str, Judged] = {}
    steps = [(judged, path) for path in paths if path.beyond is not None]
    while steps:
        ends = [(uri, path.beyond) for one, path in steps for uri in _ends(path, one)]
        linked.update(await fetch([uri for uri in dict.fromkeys(uri for uri, _ in ends) if uri not in linked]))
        steps = [
            (linked[uri], beyond)
            for uri, beyond in ends
            if beyond is not None and beyond.beyond is not None and uri in linked
        ]
    return linked


def _ends(path: Path, judged: Judged) -> list[str]:
    found = targets(replace(path, beyond=None, beyond_types=frozenset()), judged)
    return [uri for target in found if isinstance(target, list) for uri in target if isinstance(uri, str)]
