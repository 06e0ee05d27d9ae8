"""The words in which trust is asked and answers: who, what for, about what, and the decision."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Literal, NamedTuple

Verb = Literal[
    "read", "list", "create", "change", "delete", "act", "place", "unmask", "hold", "export", "erase", "grant"
]
"""`place`: press for help, by dispatch's door alone; `act`: take a step of one's own (accept, cancel, move ...);
`unmask`: see in clear, for a reason that is said, what is shown masked; `hold`: keep something beyond its time, and let it go; `export`, `erase`: all that is kept of a person;
`grant`: give somebody an account, `Thing("Account", scopes, attrs=(role,))`."""

Level = Literal["full", "masked", "hidden"]
#: from the most to the least
LEVELS: tuple[Level, ...] = ("full", "masked", "hidden")


class Shown(NamedTuple):
    """How attributes leave the house, by their class of privacy: in full, masked by their rule, or not at all."""

    personal: Level
    sensitive: Level
    minor: Level

    def of(self, pii: str) -> Level:
        """Return how attributes of a class are shown; what is not personal always is."""
        return "full" if pii == "none" else self[self._fields.index(pii)]

    def joined(self, other: Shown) -> Shown:
        """Return the more open of two, class by class."""
        return Shown(*(min(pair, key=LEVELS.index) for pair in zip(self, other, strict=True)))


FULL = Shown("full", "full", "full")
MASKED = Shown("masked", "masked", "masked")
PUBLIC = Shown("hidden", "hidden", "hidden")

#: later than any moment that is ever written
FOREVER_US = 1 << 62


@dataclass(frozen=True, slots=True)
class Principal:
    """Somebody or something that asks. `scopes`: the areas it belongs to; empty means none, "/" means everywhere.

    `gates`: those at which a guard stands. `organisation`: the Provider for whom a helper or dispatcher works.
    `attrs`: the only attributes that a device or a vendor may write; None = no such bound.
    """

    id: str
    role: str
    scopes: tuple[str, ...] = ()
    name: str = ""
    tenant: str = "default"
    gates: tuple[str, ...] = ()
    organisation: str = ""
    attrs: frozenset[str] | None = None


@dataclass(frozen=True, slots=True)
class Act:
    """One request: who acts, for what purpose, in which tenant. Every call into broker and store carries one.

    `for_whom`: the person for whom he acts under a delegation. `reason`: why he asks for masked values in clear.
    `strong`: he signed in with a passkey or a second factor.
    """

    who: Principal
    purpose: str | None = None
    tenant: str = "default"
    for_whom: str = ""
    reason: str = ""
    strong: bool = False


@dataclass(frozen=True, slots=True)
class Thing:
    """What is asked about, as far as a decision needs it: no personal value.

    `owners`: ids of the persons whose own it is: its caller, the resident himself, the thing's own id.
    `attrs`: the attribute names that a change touches. `offered`: ids of those who are asked whether they come.
    `workers`: ids of those who come or came. `organisations`: ids of the Providers to whom it belongs.
    `gates`: at which it counts. `since_us`, `until_us`: from when to when it stands, in city time; what has not ended
    stands until FOREVER_US.
    """

    type: str
    scopes: tuple[str, ...] = ()
    owners: tuple[str, ...] = ()
    attrs: tuple[str, ...] = ()
    offered: tuple[str, ...] = ()
    workers: tuple[str, ...] = ()
    organisations: tuple[str, ...] = ()
    gates: tuple[str, ...] = ()
    since_us: int = 0
    until_us: int = FOREVER_US

    def within(self, scope: str) -> Thing:
        """Return the same thing as if it stood in one scope alone."""
        return replace(self, scopes=(scope,))


@dataclass(frozen=True, slots=True)
class Decision:
    """The answer. `policy` names the rules that decided; `shown` says how personal attributes leave the house; `audit`
    rows go into the Change; `lasts`: it hangs on no moment, so it stays as long as asker, thing and rules do."""

    ok: bool
    policy: str
    shown: Shown = PUBLIC
    audit: tuple[bytes, ...] = field(default=())
    lasts: bool = False

    @property
    def mask(self) -> bool:
        """Whether the reader gets anything less than everything."""
        return self.shown != FULL
