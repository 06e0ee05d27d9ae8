"""What is left of the policies for one role, verb and type: a question of truth about a few facts, and nothing else.

Cedar works the policies out as far as the role, the verb and the type decide them. What is left looks at the asker, the
thing and the moment in a handful of ways, the atoms; every permit and forbid is an and, or, not of atoms. So two things
for which all atoms agree get the same answer, and a list can be narrowed by what its permits have in common. Only
expressions that stand here are understood: whoever meets another one must deny.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal, NamedTuple

from ._asked import Act, Principal, Thing


class Moment(NamedTuple):
    """The moment of a question, in microseconds: a day ago, and the midnights before and after it where people live."""

    day_ago_us: int
    today_us: int
    tomorrow_us: int


class Question(NamedTuple):
    """Who asks, about what, for what purpose, when."""

    who: Principal
    thing: Thing
    act: Act
    moment: Moment


Fact = Callable[[Question], Any]

#: what policies call principal.x, resource.x and context.x; the same facts are told to Cedar
OF_PRINCIPAL: Mapping[str, Fact] = {
    "id": lambda q: q.who.id,
    "tenant": lambda q: q.who.tenant,
    "area": lambda q: q.who.scopes,
    "gates": lambda q: q.who.gates,
    "organisations": lambda q: (q.who.organisation,) if q.who.organisation else (),
    "names": lambda q: q.who.attrs or (),
}
OF_RESOURCE: Mapping[str, Fact] = {
    "tenant": lambda q: q.act.tenant,
    "owners": lambda q: q.thing.owners,
    "offered": lambda q: q.thing.offered,
    "workers": lambda q: q.thing.workers,
    "organisations": lambda q: q.thing.organisations,
    "gates": lambda q: q.thing.gates,
    "since": lambda q: q.thing.since_us,
    "until": lambda q: q.thing.until_us,
    "touched": lambda q: q.thing.attrs,
}
OF_CONTEXT: Mapping[str, Fact] = {
    "purpose": lambda q: q.act.purpose or "",
    "forWhom": lambda q: q.act.for_whom,
    "strong": lambda q: q.act.strong,
    "reasoned": lambda q: bool(q.act.reason.strip()),
    "dayAgo": lambda q: q.moment.day_ago_us,
    "today": lambda q: q.moment.today_us,
    "tomorrow": lambda q: q.moment.tomorrow_us,
}
_TIMED = frozenset({"context.dayAgo", "context.today", "context.tomorrow"})
_OF_THING = frozenset(f"resource.{name}" for name in OF_RESOURCE if name != "tenant")
_EVERYWHERE = "/"
_UNIT, _ACTION = "Unit", "Action"


class UnknownNode(Exception):
    """A policy says something that is not understood here."""


@lru_cache(4096)
def units_of(scope: str) -> frozenset[str]:
    """Return a scope and all above it, up to "/"."""
    levels = scope.strip("/").split("/")
    return frozenset({_EVERYWHERE, *("/" + "/".join(levels[:depth]) for depth in range(1, len(levels) + 1))})


def units(thing: Thing) -> frozenset[str]:
    """Return all units in which a thing is; what has no scope is everywhere only."""
    if len(thing.scopes) == 1:
        return units_of(thing.scopes[0])
    return frozenset({_EVERYWHERE}).union(*map(units_of, thing.scopes))


def _in_area(question: Question) -> bool:
    """Tell whether a thing is in one of the asker's areas. The commonest question of all, so it builds nothing."""
    areas = question.who.scopes
    for scope in question.thing.scopes:
        if not units_of(scope).isdisjoint(areas):
            return True
    return _EVERYWHERE in areas


@dataclass(frozen=True, slots=True)
class Atom:
    """A fact on which an answer depends. `said`: how the policy says it; `ask` tells whether it is so; `words`: what
    must be known for it, as principal.id or a constant."""

    said: str
    ask: Callable[[Question], bool]
    words: frozenset[str]

    @property
    def timed(self) -> bool:
        """Whether it depends on the moment."""
        return not _TIMED.isdisjoint(self.words)

    @property
    def of_thing(self) -> bool:
        """Whether it can be so of one thing and not of another that the same asker asks about at the same time."""
        return self.timed or self.said.startswith("resource in ") or not _OF_THING.isdisjoint(self.words)


@dataclass(frozen=True, slots=True)
class Is:
    """The fact with this number."""

    atom: int


@dataclass(frozen=True, slots=True)
class Not:
    """The opposite."""

    part: Tree


@dataclass(frozen=True, slots=True)
class Both:
    """Both of two."""

    left: Tree
    right: Tree


@dataclass(frozen=True, slots=True)
class Either:
    """At least one of two."""

    left: Tree
    right: Tree


Tree = bool | Is | Not | Both | Either


def holds(tree: Tree, facts: Sequence[bool]) -> bool:
    """Tell whether a tree is true of some facts."""
    match tree:
        case bool():
            return tree
        case Is(atom):
            return facts[atom]
        case Not(part):
            return not holds(part, facts)
        case Both(left, right):
            return holds(left, facts) and holds(right, facts)
        case Either(left, right):
            return holds(left, facts) or holds(right, facts)


def atoms_of(tree: Tree) -> frozenset[int]:
    """Return the numbers of the facts at which a tree looks."""
    match tree:
        case bool():
            return frozenset()
        case Is(atom):
            return frozenset({atom})
        case Not(part):
            return atoms_of(part)
        case Both(left, right) | Either(left, right):
            return atoms_of(left) | atoms_of(right)


Relation = Literal["area", "owners", "offered", "workers", "organisations", "gates"]


@dataclass(frozen=True, slots=True)
class Way:
    """One way in which a thing can be within reach: `relation` of the thing meets `fact` of the asker."""

    relation: Relation
    fact: Fact


_WAYS: Mapping[str, Way] = {
    "resource in principal.area": Way("area", OF_PRINCIPAL["area"]),
    "resource.owners contains principal.id": Way("owners", lambda q: (q.who.id,)),
    "resource.offered contains principal.id": Way("offered", lambda q: (q.who.id,)),
    "resource.workers contains principal.id": Way("workers", lambda q: (q.who.id,)),
    "resource.owners contains context.forWhom": Way("owners", lambda q: (q.act.for_whom,)),
    "resource.gates containsAny principal.gates": Way("gates", OF_PRINCIPAL["gates"]),
    "resource.organisations containsAny principal.organisations": Way("organisations", OF_PRINCIPAL["organisations"]),
}


class Compiler:
    """Turns what Cedar left of the policies into trees, for one type. `verb`: Cedar leaves that unfolded in sets.

    `words`: every attribute that one of the policies may look at before its tree is decided.
    """

    def __init__(self, verb: str, type_name: str) -> None:
        """Begin without atoms."""
        self._verb = verb
        self._type = type_name
        self._atoms: list[Atom] = []
        self._known: dict[str, Is] = {}
        self.words: dict[str, frozenset[str]] = {}
        self._met: set[str] = set()

    def compiled(self, nodes: Mapping[str, Any]) -> tuple[dict[str, Tree], tuple[Atom, ...]]:
        """Return the trees of some policies, without those that are false whatever is asked, and their atoms: first
        those that are the same for every thing.

        Raises: UnknownNode.
        """
        trees: dict[str, Tree] = {}
        for name, node in nodes.items():
            self._met.clear()
            if (tree := self.tree(node)) is not False:
                trees[name] = tree
            self.words[name] = frozenset(self._met)
        met = frozenset[int]().union(*map(atoms_of, trees.values()))
        used = sorted(met, key=lambda atom: (self._atoms[atom].of_thing, atom))
        places = {atom: place for place, atom in enumerate(used)}
        return {name: _moved(tree, places) for name, tree in trees.items()}, tuple(self._atoms[atom] for atom in used)

    def tree(self, node: Any) -> Tree:
        """Return a Boolean expression as a tree. Raises: UnknownNode."""
        kind, said = _only(node)
        make = {"&&": self._both, "||": self._either, "!": self._not, "is": self._is, "in": self._in}.get(kind)
        if make is not None:
            return make(said)
        if kind == "Value" and isinstance(said, bool):
            return said
        return self._compared(kind, said) if kind in _COMPARED else self._fact(node)

    def _both(self, said: Mapping[str, Any]) -> Tree:
        left = self.tree(said["left"])
        return False if left is False else _both(left, self.tree(said["right"]))

    def _either(self, said: Mapping[str, Any]) -> Tree:
        return _either(self.tree(said["left"]), self.tree(said["right"]))

    def _not(self, said: Mapping[str, Any]) -> Tree:
        return _not(self.tree(said["arg"]))

    def _is(self, said: Mapping[str, Any]) -> Tree:
        if _name(said["left"]) != "resource" or "in" in said:
            raise UnknownNode("is")
        return bool(said["entity_type"] == self._type)

    def _in(self, said: Mapping[str, Any]) -> Tree:
        if _name(said["left"]) == "resource":
            return self._in_units(said["right"])
        if _is_action(said["left"], self._verb):
            return self._verb in _ids(said["right"], _ACTION)
        raise UnknownNode("in")

    def _in_units(self, node: Any) -> Tree:
        if _name(node) == "area":
            said, words = "resource in principal.area", ("principal.area",)
            return self._atom(said, words, _in_area)
        wanted = frozenset(_ids(node, _UNIT))
        return self._atom(f"resource in {sorted(wanted)}", (), lambda q: not units(q.thing).isdisjoint(wanted))

    def _compared(self, kind: str, said: Mapping[str, Any]) -> Tree:
        left_said, left = self._operand(said["left"])
        right_said, right = self._operand(said["right"])
        return self._atom(f"{left_said} {kind} {right_said}", (left_said, right_said), _COMPARED[kind](left, right))

    def _fact(self, node: Any) -> Tree:
        said, fact = self._operand(node)
        return self._atom(said, (said,), fact)

    def _atom(self, said: str, words: tuple[str, ...], ask: Callable[[Question], bool]) -> Is:
        self._met.update(words)
        if said not in self._known:
            self._known[said] = Is(len(self._atoms))
            self._atoms.append(Atom(said, ask, frozenset(words)))
        return self._known[said]

    @staticmethod
    def _operand(node: Any) -> tuple[str, Fact]:
        """Return how an operand is said and how it is found out. Raises: UnknownNode."""
        kind, said = _only(node)
        if kind == "Value" and isinstance(said, str | int | bool):
            return repr(said), lambda _: said
        if kind == "Set":
            members = [_value(one) for one in said]
            return repr(members), lambda _: members
        if kind == "unknown" and (name := _name(node)) in OF_PRINCIPAL:
            return f"principal.{name}", OF_PRINCIPAL[name]
        if kind == ".":
            owner, attr = _name(said["left"]), said["attr"]
            facts = {"resource": OF_RESOURCE, "context": OF_CONTEXT}.get(owner, {})
            if attr in facts:
                return f"{owner}.{attr}", facts[attr]
        raise UnknownNode(kind)


def _contains(left: Fact, right: Fact) -> Callable[[Question], bool]:
    return lambda q: right(q) in left(q)


def _contains_all(left: Fact, right: Fact) -> Callable[[Question], bool]:
    return lambda q: frozenset(left(q)).issuperset(right(q))


def _contains_any(left: Fact, right: Fact) -> Callable[[Question], bool]:
    return lambda q: not frozenset(left(q)).isdisjoint(right(q))


_COMPARED: Mapping[str, Callable[[Fact, Fact], Callable[[Question], bool]]] = {
    "==": lambda left, right: lambda q: left(q) == right(q),
    "<": lambda left, right: lambda q: left(q) < right(q),
    "<=": lambda left, right: lambda q: left(q) <= right(q),
    "contains": _contains,
    "containsAll": _contains_all,
    "containsAny": _contains_any,
}


def ways(tree: Tree, atoms: Sequence[Atom]) -> frozenset[str] | None:
    """Return atoms of which at least one is true of everything for which a tree is; None when there is no such list."""
    match tree:
        case bool():
            return None if tree else frozenset()
        case Is(atom):
            said = atoms[atom].said
            return frozenset({said}) if said in _WAYS else None
        case Both(left, right):
            known = [found for found in (ways(left, atoms), ways(right, atoms)) if found is not None]
            return min(known, key=_breadth, default=None)
        case Either(left, right):
            one, other = ways(left, atoms), ways(right, atoms)
            return None if one is None or other is None else one | other
        case Not():
            return None


def way(said: str) -> Way:
    """Return the way that an atom of `ways` is."""
    return _WAYS[said]


def _breadth(found: frozenset[str]) -> tuple[bool, int]:
    return "resource in principal.area" in found, len(found)


def _only(node: Any) -> tuple[str, Any]:
    """Return the kind of a node and what it says. Raises: UnknownNode: it is no node."""
    if not isinstance(node, dict) or len(node) != 1:
        raise UnknownNode(str(node)[:80])
    return next(iter(node.items()))


def _name(node: Any) -> str:
    """Return the name of an unknown: resource, context, or an attribute of the principal; "" when it is none."""
    kind, said = _only(node)
    if kind != "unknown":
        return ""
    name = _value(said[0])
    return name if isinstance(name, str) else ""


def _is_action(node: Any, verb: str) -> bool:
    kind, said = _only(node)
    if kind == "Value":
        return bool(said == {"__entity": {"type": _ACTION, "id": verb}})
    return _name(node) == f'{_ACTION}::"{verb}"'


def _ids(node: Any, entity_type: str) -> list[str]:
    """Return the ids of the entities of one type in a set. Raises: UnknownNode: they are of another type."""
    kind, said = _only(node)
    found = [_value(one) for one in said] if kind == "Set" else [_value(node)]
    for one in found:
        if not isinstance(one, dict) or one.get("__entity", {}).get("type") != entity_type:
            raise UnknownNode(str(one)[:80])
    return [one["__entity"]["id"] for one in found]


def _value(node: Any) -> Any:
    kind, said = _only(node)
    if kind != "Value":
        raise UnknownNode(kind)
    return said


def _not(tree: Tree) -> Tree:
    if isinstance(tree, bool):
        return not tree
    return tree.part if isinstance(tree, Not) else Not(tree)


def _both(left: Tree, right: Tree) -> Tree:
    if left is False or right is False:
        return False
    if left is True:
        return right
    return left if right is True else Both(left, right)


def _either(left: Tree, right: Tree) -> Tree:
    if left is True or right is True:
        return True
    if left is False:
        return right
    return left if right is False else Either(left, right)


def _moved(tree: Tree, places: Mapping[int, int]) -> Tree:
    """Return a tree whose facts have other numbers."""
    match tree:
        case bool():
            return tree
        case Is(atom):
            return Is(places[atom])
        case Not(part):
            return Not(_moved(part, places))
        case Both(left, right):
            return Both(_moved(left, places), _moved(right, places))
        case Either(left, right):
            return Either(_moved(left, places), _moved(right, places))
