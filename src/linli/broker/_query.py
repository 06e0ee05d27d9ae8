"""What a query asks, as a tree with names already expanded; `_grammar` reads it from texts, `_evaluate` judges by it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from linli.store import Find

from ._geo import Geo
from ._patterns import Pattern

Op = Literal["==", "!=", ">", ">=", "<", "<=", "~=", "!~="]
Shape = Literal["text", "number", "truth", "time", "hour", "pattern"]

#: what the store itself knows about every entity
TIMES = frozenset({"createdAt", "modifiedAt"})


@dataclass(frozen=True, slots=True)
class Value:
    """A value said in q. `plain` is str, float, bool or a Pattern; a time is microseconds, an hour microseconds of the
    day. `to`: the end of a range."""

    shape: Shape
    plain: Any
    to: Value | None = None


@dataclass(frozen=True, slots=True)
class Path:
    """Where a value stands: an attribute, then sub-attributes (`subs`: as said and as a name), then keys inside.

    `beyond`: the path goes on in the entities to which the relationship leads, if they are of `beyond_types` (empty =
    of any).
    """

    name: str
    said: str
    subs: tuple[tuple[str, str], ...] = ()
    keys: tuple[str, ...] = ()
    beyond: Path | None = None
    beyond_types: frozenset[str] = frozenset()

    @property
    def hops(self) -> int:
        """How many relationships are followed."""
        return 0 if self.beyond is None else 1 + self.beyond.hops


@dataclass(frozen=True, slots=True)
class Exists:
    """The path leads to something, or with `absent` to nothing."""

    path: Path
    absent: bool = False


@dataclass(frozen=True, slots=True)
class Compare:
    """A value at the path compares so with any of the values."""

    path: Path
    op: Op
    values: tuple[Value, ...]


@dataclass(frozen=True, slots=True)
class TypeIs:
    """The entity has this type; "*" is any."""

    name: str


@dataclass(frozen=True, slots=True)
class ScopeIs:
    """A scope of the entity fits these levels; "+" is any one level, a last "#" is this scope and all below."""

    levels: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class And:
    """All parts hold."""

    parts: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Or:
    """Any part holds."""

    parts: tuple[Node, ...]


Node = Exists | Compare | TypeIs | ScopeIs | And | Or


@dataclass(slots=True)
class WorkedOut:
    """What follows from everything in a query but its place: it is worked out once for all places that are asked for.

    `find`: what to ask the store, and who knows so. `passed`: who saw that the filter may be asked, for which purpose and
    with a place under which name.
    """

    paths: tuple[Path, ...] | None = None
    hops: int = 0
    find: tuple[object, Find] | None = None
    passed: set[tuple[object, str | None, str | None]] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class Query:
    """Everything that decides whether an entity is wanted. All given parts must hold; of `any_of` at least one.

    `pattern`: one that the id must fit; where ids are given they decide alone.
    """

    types: Node | None = None
    ids: tuple[str, ...] = ()
    pattern: Pattern | None = None
    any_of: tuple[Query, ...] = ()
    q: Node | None = None
    scopes: Node | None = None
    geo: Geo | None = None
    worked_out: WorkedOut = field(init=False, default_factory=WorkedOut, compare=False, repr=False)

    def placed(self, geo: Geo | None) -> Query:
        """Return the same query with another place."""
        if geo is self.geo:
            return self
        placed, put = object.__new__(Query), object.__setattr__
        for name in _SHARED:
            put(placed, name, getattr(self, name))
        put(placed, "geo", geo)
        return placed

    @property
    def paths(self) -> tuple[Path, ...]:
        """Every path that q names."""
        known = self.worked_out
        if known.paths is None:
            known.paths = tuple(paths(self.q))
            known.hops = max((path.hops for path in known.paths), default=0)
        return known.paths

    @property
    def hops(self) -> int:
        """How many relationships q follows at most."""
        return self.worked_out.hops if self.paths else 0

    @property
    def asks_inside(self) -> bool:
        """Whether an attribute must be looked at to decide."""
        return self.q is not None or self.geo is not None

    def asks_attributes(self) -> bool:
        """Tell whether q asks for an attribute that is not only the store's own time."""
        return any(path.said not in TIMES for path in self.paths)

    def names(self) -> frozenset[str]:
        """Return the attributes on which the answer depends."""
        geo = {self.geo.name} if self.geo else set()
        return frozenset(geo | {path.name for path in self.paths})


#: what stays the same wherever a query looks
_SHARED = ("types", "ids", "pattern", "any_of", "q", "scopes", "worked_out")


def paths(node: Node | None) -> list[Path]:
    """Return every path that a q names."""
    if isinstance(node, And | Or):
        return [path for part in node.parts for path in paths(part)]
    return [node.path] if isinstance(node, Exists | Compare) else []
