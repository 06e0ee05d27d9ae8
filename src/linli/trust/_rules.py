"""The rules as they stand for one role, verb and type: worked out once, and every answer kept that was ever found.

What is kept holds no asker and no thing, only which facts are true; so it never grows old while the policies stand.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import structlog

from ._asked import FULL, PUBLIC, Decision, Shown, Verb
from ._authz import FOREIGN, Authz, Policy
from ._residual import Atom, Compiler, Question, Tree, UnknownNode, holds, ways

#: why nothing is permitted: no rule does it; there is no such role, or no such question; Cedar, and what is left of the
#: rules, disagree or cannot be understood
NO_RULE, NO_SUCH_ROLE, NO_SUCH_VERB, IN_DOUBT = "no-rule", "no-such-role", "no-such-verb", "in-doubt"

_UNKNOWN = Decision(ok=False, policy="")
_log = structlog.get_logger("trust")


@dataclass(frozen=True, slots=True)
class Left:
    """What is left of one policy."""

    name: str
    permits: bool
    shown: Shown
    tree: Tree


@dataclass(slots=True)
class Residue:
    """What is left of all policies for one role, verb and type.

    The first `of_act` atoms are the same for every thing that one act asks about at one time.
    `words`: the attributes at which they may look. `decided`: the answer for each combination of facts that was met.
    `cedar`: those policies, ready to be asked in full.
    """

    verb: Verb
    type: str
    left: tuple[Left, ...]
    atoms: tuple[Atom, ...]
    words: frozenset[str] = frozenset()
    cedar: Any = None
    decided: dict[tuple[bool, ...], Decision] = field(default_factory=dict)
    timed: bool = field(init=False)
    asks: tuple[Callable[[Question], bool], ...] = field(init=False)
    of_act: int = field(init=False)
    ways: tuple[str, ...] | None = field(init=False)

    def __post_init__(self) -> None:
        """Note what the facts need, and by what everything that is permitted can be found (None: by nothing)."""
        self.asks = tuple(atom.ask for atom in self.atoms)
        self.of_act = sum(not atom.of_thing for atom in self.atoms)
        self.timed = any(atom.timed for atom in self.atoms)
        found = [ways(one.tree, self.atoms) for one in self.left if one.permits]
        self.ways = None if None in found else tuple(sorted(frozenset[str]().union(*(one for one in found if one))))

    def facts(self, question: Question) -> tuple[bool, ...]:
        """Return which facts are true."""
        return tuple([ask(question) for ask in self.asks])

    def satisfied(self, facts: Sequence[bool], *, permits: bool) -> list[Left]:
        """Return the permits, or the forbids, that hold."""
        return [one for one in self.left if one.permits == permits and holds(one.tree, facts)]

    def judged(self, facts: Sequence[bool]) -> Decision:
        """Return the answer that follows from the facts."""
        forbids, permits = self.satisfied(facts, permits=False), self.satisfied(facts, permits=True)
        if forbids or not permits:
            return Decision(ok=False, policy=_named(forbids) or NO_RULE)
        shown = PUBLIC
        for one in permits:
            shown = shown.joined(one.shown)
        return Decision(ok=True, policy=_named(permits), shown=shown, lasts=not self.timed)


class Rules:
    """All policies of a folder, and what is left of them."""

    def __init__(self, folder: Path) -> None:
        """Load them. Raises: StartError: one is wrong."""
        self._authz = Authz(folder)
        self._left: dict[tuple[str, Verb], Mapping[str, Any]] = {}
        self._residues: dict[tuple[str, Verb, str], Residue] = {}
        self._always: dict[tuple[str, Verb], Decision | None] = {}
        self.types = self._authz.types
        self.policies: Mapping[str, Policy] = self._authz.policies

    def residue(self, role: str, verb: Verb, type_name: str) -> Residue:
        """Return what is left of the policies; of a type that is not ours, what they say of all of these."""
        found = self._residues.get((role, verb, type_name))
        if found is not None:
            return found
        if role not in self._authz.roles:
            return _nothing(verb, type_name, NO_SUCH_ROLE)
        if verb not in self.types:
            return _nothing(verb, type_name, NO_SUCH_VERB)
        if type_name not in self.types["read"]:
            return self.residue(role, verb, FOREIGN)
        found = self._residues[role, verb, type_name] = self._worked_out(role, verb, type_name)
        return found

    def always(self, role: str, verb: Verb) -> Decision | None:
        """Return the answer if it is a whole yes to every type, whatever is true of the thing."""
        found = self._always.get((role, verb), _UNKNOWN)
        if found is _UNKNOWN:
            everywhere = all(self._is_whole(self.residue(role, verb, one)) for one in self.types.get(verb, ()))
            found = self._always[role, verb] = (
                Decision(ok=True, policy=role, shown=FULL, lasts=True) if everywhere else None
            )
        return found

    def decided(self, residue: Residue, facts: tuple[bool, ...], question: Question) -> Decision:
        """Ask Cedar in full, hold its answer against what is left of the policies, and keep it."""
        judged = residue.judged(facts)
        if residue.cedar is None:
            residue.cedar = self._authz.chosen(frozenset(one.name for one in residue.left))
        verdict = self._authz.verdict(question, residue.verb, residue.type, residue.cedar, residue.words)
        expected = frozenset(one.name for one in residue.satisfied(facts, permits=judged.ok))
        if verdict.policies is None or (verdict.ok, verdict.policies) != (judged.ok, expected):
            _log.error("trust.decision.doubted", verb=residue.verb, type=residue.type, policy=judged.policy)
            return Decision(ok=False, policy=IN_DOUBT)
        residue.decided[facts] = judged
        return judged

    def _worked_out(self, role: str, verb: Verb, type_name: str) -> Residue:
        """Work the policies out as far as role, verb and type decide them."""
        if type_name not in self.types[verb]:
            return _nothing(verb, type_name, NO_SUCH_VERB)
        if (role, verb) not in self._left:
            self._left[role, verb] = self._authz.left(role, verb)
        try:
            compiler = Compiler(verb, type_name)
            trees, atoms = compiler.compiled(self._left[role, verb])
        except UnknownNode as error:
            _log.error("trust.policy.unknown", node=str(error), role=role, verb=verb, type=type_name)
            return _nothing(verb, type_name, IN_DOUBT)
        left = [
            Left(name, policy.permits, policy.shown, tree)
            for name, tree in sorted(trees.items())
            if (policy := self.policies[name])
        ]
        asked = (words for name, words in compiler.words.items() if name in trees or not self.policies[name].permits)
        return Residue(verb, type_name, tuple(left), atoms, frozenset[str]().union(*asked))

    @staticmethod
    def _is_whole(residue: Residue) -> bool:
        return all(one.permits for one in residue.left) and any(
            one.tree is True and one.shown == FULL for one in residue.left
        )


def _nothing(verb: Verb, type_name: str, why: str) -> Residue:
    """Return what denies everything, and says why."""
    nothing = Residue(verb, type_name, (), ())
    nothing.decided[()] = Decision(ok=False, policy=why)
    return nothing


def _named(left: Sequence[Left]) -> str:
    return " ".join(one.name for one in left)
