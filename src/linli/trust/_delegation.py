"""Who may act for whom: a delegation names both, the purposes, and its end."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Mandate:
    """One delegation as it stands: `principal` acts for `for_whom` for these purposes, from `since_us` until `end_us`.

    `kind`: guardian, family or proxy. What its purposes do not name it does not open: counselling records, for one.
    """

    mandate_id: str
    principal: str
    for_whom: str
    kind: str
    purposes: frozenset[str]
    since_us: int
    end_us: int

    def stands(self, now_us: int) -> bool:
        """Tell whether it is in force."""
        return self.since_us <= now_us < self.end_us


class Delegations:
    """The delegations of each tenant, found by either side."""

    def __init__(self) -> None:
        """Know none."""
        self._mandates: dict[tuple[str, str], Mandate] = {}
        self._of: dict[tuple[str, str], set[str]] = {}

    def take(self, tenant: str, mandate: Mandate) -> None:
        """Take in a delegation, in the place of the one with its id."""
        self.drop(tenant, mandate.mandate_id)
        self._mandates[tenant, mandate.mandate_id] = mandate
        for person in (mandate.principal, mandate.for_whom):
            self._of.setdefault((tenant, person), set()).add(mandate.mandate_id)

    def drop(self, tenant: str, mandate_id: str) -> None:
        """Forget a delegation that is gone."""
        mandate = self._mandates.pop((tenant, mandate_id), None)
        if mandate is None:
            return
        for person in (mandate.principal, mandate.for_whom):
            held = self._of.get((tenant, person), set())
            held.discard(mandate_id)
            if not held:
                self._of.pop((tenant, person), None)

    def of(self, tenant: str, person: str, now_us: int) -> list[Mandate]:
        """Return the delegations in force that concern a person, on either side, in the order of their ids."""
        found = (self._mandates[tenant, one] for one in sorted(self._of.get((tenant, person), ())))
        return [mandate for mandate in found if mandate.stands(now_us)]

    def may(self, tenant: str, principal: str, for_whom: str, purpose: str | None, now_us: int) -> bool:
        """Tell whether somebody may act for another now, for a purpose (None: for any at all)."""
        return any(
            one.principal == principal and one.for_whom == for_whom and (purpose is None or purpose in one.purposes)
            for one in self.of(tenant, principal, now_us)
        )
