"""Who may see and do what: the one question that every door asks, answered by policies.

For each role, verb and type Cedar is asked once what is left of the policies when nothing else is known (`_residual`):
a few facts about asker, thing and moment. Which of them are true for a question is found out in plain Python; the first
question of its kind goes to Cedar as a whole, and all others of the same kind get the same answer. If what Cedar says
and what is left of the policies ever disagree, the answer is no. Nothing here knows a role, a type or a rule.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from pathlib import Path
from zoneinfo import ZoneInfo

from linli.base import MINUTE_US, SECOND_US, Clock

from ._asked import Act, Decision, Thing, Verb
from ._authz import FOLDER, Policy
from ._residual import Moment, Question, Relation, atoms_of, holds, way
from ._rules import Residue, Rules

_DAY_US = 24 * 60 * MINUTE_US
#: of a question to which no moment matters
NO_MOMENT = Moment(0, 0, 0)
#: for facts that hang on the asker alone
_NOTHING = Thing("")
#: how many of the acts, verbs and types that were asked about are remembered, before all of them are forgotten
_ASKED_MAX = 4096
_PERSONAL: frozenset[Relation] = frozenset({"owners", "offered", "workers"})


@dataclass(frozen=True, slots=True)
class Reach:
    """Things whose `relation` holds one of `values`: scopes at or above theirs, or ids."""

    relation: Relation
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Filter:
    """Which things of one type somebody may do something to, for a whole list of them.

    `reaches`: where to look, for everything that fits lies within one of them; None = it may lie anywhere.
    """

    act: Act
    moment: Moment
    residue: Residue
    reaches: tuple[Reach, ...] | None

    def fits(self, thing: Thing) -> bool:
        """Tell whether a thing is one of them, by what is left of the policies alone."""
        question = Question(self.act.who, thing, self.act, self.moment)
        return self.residue.judged(self.residue.facts(question)).ok


@dataclass(frozen=True, slots=True)
class _Asked:
    """Of an act, verb and type: the rules, the facts that hold for every thing, and what is still to be asked of each."""

    act: Act
    residue: Residue
    facts: tuple[bool, ...]
    asks: tuple[Callable[[Question], bool], ...]


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule as it bore on a question. `facts`: what it looks at, and whether that is so."""

    name: str
    says: str
    permits: bool
    held: bool
    facts: tuple[tuple[str, bool], ...]


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why an answer is what it is: the decision, and every rule that could have decided."""

    decision: Decision
    rules: tuple[Rule, ...]


class Policies:
    """Answers by policies. What none of them permits is denied."""

    def __init__(self, clock: Clock, *, zone: str = "Asia/Shanghai", folder: Path = FOLDER) -> None:
        """Load the policies. `clock`: the city's time, by which things end; `zone`: where days begin at midnight.

        Raises: StartError: a policy is wrong.
        """
        self._clock = clock
        self._zone = ZoneInfo(zone)
        self._folder = folder
        self._rules = _loaded(folder)
        self._today = (0, 0)
        #: moves when the rules are read again: answers kept before are stale
        self.edition = 1
        #: by the identity of an act, which stands there as long as its answer is kept
        self._asked: dict[tuple[int, Verb, str], _Asked] = {}

    def allows(self, act: Act, verb: Verb, thing: Thing) -> Decision:
        """Decide whether `act` may do `verb` to `thing`."""
        if verb == "create" and len(thing.scopes) > 1:
            return self._everywhere(act, thing)
        asked = self._asked.get((id(act), verb, thing.type))
        if asked is None:
            asked = self._prepared(act, verb, thing.type)
        residue = asked.residue
        question = Question(act.who, thing, act, self._moment() if residue.timed else NO_MOMENT)
        facts = asked.facts + tuple([ask(question) for ask in asked.asks])
        return residue.decided.get(facts) or self._rules.decided(residue, facts, question)

    def always(self, act: Act, verb: Verb) -> Decision | None:
        """Return the one answer for everything there is; None where the answer depends on the thing."""
        return self._rules.always(act.who.role, verb)

    def own_only(self, act: Act, verb: Verb, type_name: str) -> bool:
        """Tell whether `act` can reach at most its own things of this type: a list may then be narrowed to them."""
        reaches = self.filter(act, verb, type_name).reaches
        return reaches is not None and all(one.relation in _PERSONAL for one in reaches)

    def filter(self, act: Act, verb: Verb, type_name: str) -> Filter:
        """Return which things of a type `act` may do `verb` to, before any of them is known."""
        residue = self._rules.residue(act.who.role, verb, type_name)
        moment = self._moment() if residue.timed else NO_MOMENT
        if residue.ways is None:
            return Filter(act, moment, residue, None)
        nothing = Question(act.who, _NOTHING, act, moment)
        reaches = (Reach(one.relation, tuple(filter(None, one.fact(nothing)))) for one in map(way, residue.ways))
        return Filter(act, moment, residue, tuple(one for one in reaches if one.values))

    def explain(self, act: Act, verb: Verb, thing: Thing) -> Explanation:
        """Return the answer with every rule that bore on it, those that held first."""
        residue = self._rules.residue(act.who.role, verb, thing.type)
        facts = residue.facts(Question(act.who, thing, act, self._moment()))
        rules = [
            Rule(
                one.name,
                self._rules.policies[one.name].says,
                one.permits,
                holds(one.tree, facts),
                tuple((residue.atoms[at].said, facts[at]) for at in sorted(atoms_of(one.tree))),
            )
            for one in residue.left
        ]
        rules.sort(key=lambda one: (not one.held, one.permits))
        return Explanation(self.allows(act, verb, thing), tuple(rules))

    def rules(self) -> tuple[Policy, ...]:
        """Return every rule, by name."""
        return tuple(self._rules.policies[name] for name in sorted(self._rules.policies))

    def changed(self) -> None:
        """Read the policies again and forget every answer. Raises: StartError: one is wrong; the old ones stay."""
        self._rules = Rules(self._folder)
        self._asked = {}
        self.edition += 1

    # inside

    def _prepared(self, act: Act, verb: Verb, type_name: str) -> _Asked:
        """Return what is the same for every thing of a type about which an act asks: lists ask about many at once."""
        residue = self._rules.residue(act.who.role, verb, type_name)
        question = Question(act.who, _NOTHING, act, NO_MOMENT)
        facts = tuple([ask(question) for ask in residue.asks[: residue.of_act]])
        asked = _Asked(act, residue, facts, residue.asks[residue.of_act :])
        if len(self._asked) >= _ASKED_MAX:
            self._asked.clear()
        self._asked[id(act), verb, type_name] = asked
        return asked

    def _everywhere(self, act: Act, thing: Thing) -> Decision:
        """Decide whether something may be made in all of its scopes: who may do so in one must not reach into others."""
        decisions = [self.allows(act, "create", thing.within(scope)) for scope in thing.scopes]
        return next((one for one in decisions if not one.ok), decisions[0])

    def _moment(self) -> Moment:
        now_us = self._clock.now_us()
        if not self._today[0] <= now_us < self._today[1]:
            midnight = datetime.fromtimestamp(now_us // SECOND_US, self._zone).replace(hour=0, minute=0, second=0)
            after = midnight + timedelta(days=1)
            self._today = (int(midnight.timestamp()) * SECOND_US, int(after.timestamp()) * SECOND_US)
        return Moment(now_us - _DAY_US, *self._today)


@lru_cache(8)
def _loaded(folder: Path) -> Rules:
    return Rules(folder)
