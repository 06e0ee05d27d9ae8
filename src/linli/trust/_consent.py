"""Who agreed to what: consents and their withdrawals, held in memory as facts without any personal value.

A consent is never changed. What was said last counts: a withdrawal is a further consent that says when it was withdrawn, and
somebody who agrees again writes a third. A consent that is `separate` speaks of sensitive data and of children; one that is
not speaks of the rest, but its withdrawal takes both away.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Answer = Literal["given", "withdrawn"]

#: on these grounds personal information is used without asking: a law or an order obliges, or a life is at stake
UNASKED = frozenset({"duty", "emergency"})
#: classes that need a separate consent wherever one is needed at all
SEPARATE = frozenset({"sensitive", "minor"})


@dataclass(frozen=True, slots=True)
class ConsentSaid:
    """One consent as it was said. `guardian`: who said it for the subject. `names`: the attributes it is about, () = all.

    `withdrawn_us`: when it was withdrawn, None while it stands. `at_us`: when it was given.
    """

    consent_id: str
    subject: str
    purpose: str
    at_us: int
    withdrawn_us: int | None = None
    separate: bool = False
    guardian: str = ""
    names: tuple[str, ...] = ()

    @property
    def said_us(self) -> int:
        """When it was said."""
        return self.at_us if self.withdrawn_us is None else max(self.at_us, self.withdrawn_us)

    @property
    def answer(self) -> Answer:
        """What it says."""
        return "given" if self.withdrawn_us is None else "withdrawn"


class Consents:
    """What each person last said about each purpose."""

    def __init__(self, basis: Mapping[str, str]) -> None:
        """Know the legal basis of each purpose."""
        self._basis = basis
        #: (tenant, subject) -> (purpose, separate) -> what was said last
        self._said: dict[tuple[str, str], dict[tuple[str, bool], ConsentSaid]] = {}
        self._generations: defaultdict[tuple[str, str], int] = defaultdict(int)

    def take(self, tenant: str, said: ConsentSaid) -> None:
        """Take in a consent; one that was said earlier than what is known changes nothing."""
        slots = self._said.setdefault((tenant, said.subject), {})
        both = said.answer == "withdrawn" and not said.separate
        for separate in (False, True) if both else (said.separate,):
            key = (said.purpose, separate)
            known = slots.get(key)
            if known is None or (known.said_us, known.consent_id) <= (said.said_us, said.consent_id):
                slots[key] = said
        self._generations[tenant, said.purpose] += 1

    def drop(self, tenant: str, subject: str) -> None:
        """Forget what somebody said, since he is forgotten himself."""
        for purpose, _ in self._said.pop((tenant, subject), {}):
            self._generations[tenant, purpose] += 1

    def generation(self, tenant: str, purpose: str | None) -> int:
        """Return a number that moves whenever anybody says anything about a purpose: answers kept before are stale."""
        return self._generations.get((tenant, purpose), 0) if purpose else 0

    def said(self, tenant: str, subject: str, purpose: str, *, separate: bool = False) -> ConsentSaid | None:
        """Return what somebody said last about a purpose."""
        return self._said.get((tenant, subject), {}).get((purpose, separate))

    def needs(self, purpose: str, pii: str) -> bool:
        """Tell whether this class of personal information may be used for a purpose only by consent."""
        basis = self._basis.get(purpose, "consent")
        return pii != "none" and basis not in UNASKED and (basis == "consent" or pii in SEPARATE)

    def allows(
        self, tenant: str, subject: str, purpose: str, pii: str, name: str = "", *, by_asking: bool = False
    ) -> bool:
        """Tell whether an attribute of a person may be used for a purpose.

        `pii`: its class, "minor" for anything personal of somebody under 14, which only a guardian can agree to.
        `by_asking`: he told us of it himself to get what he asked for; so it may be used for that until he says no.
        """
        if not self.needs(purpose, pii):
            return True
        said = self.said(tenant, subject, purpose, separate=pii in SEPARATE)
        if said is None:
            return by_asking
        if said.answer == "withdrawn" or (pii == "minor" and not said.guardian):
            return False
        return not said.names or name in said.names
