"""Orders of an authority: for how long, where, and which attributes they allow to be collected.

The purpose "epidemic" lives by orders alone. Where none stands, nothing may be written or read for it; when one ends, what was
collected for it goes. An order without an end is none.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from linli.base import within_scope
from linli.base.errors import BadRequestData

#: the purpose that lives by orders alone
EPIDEMIC = "epidemic"


@dataclass(frozen=True, slots=True)
class Order:
    """One order. It stands from `since_us` until before `end_us`, in its areas and below.

    `allows`: short names of attributes. `keep_days`: how long its data are kept while it stands, in days.
    """

    order_id: str
    scopes: tuple[str, ...]
    allows: frozenset[str]
    since_us: int
    end_us: int
    keep_days: int

    def __post_init__(self) -> None:
        """Refuse an order that has no end. Raises: BadRequestData."""
        if self.end_us <= self.since_us:
            raise BadRequestData("until: an order ends after it began; one without an end is not taken.")

    def stands(self, now_us: int) -> bool:
        """Tell whether it is in force."""
        return self.since_us <= now_us < self.end_us

    def covers(self, scopes: Iterable[str]) -> bool:
        """Tell whether something in these scopes lies in its areas."""
        return any(within_scope(scope, area) for scope in scopes for area in self.scopes)


class Orders:
    """The orders of each tenant."""

    def __init__(self) -> None:
        """Know none."""
        self._orders: dict[str, dict[str, Order]] = {}

    def take(self, tenant: str, order: Order) -> None:
        """Take in an order, in the place of the one with its id."""
        self._orders.setdefault(tenant, {})[order.order_id] = order

    def drop(self, tenant: str, order_id: str) -> None:
        """Forget an order that is gone."""
        self._orders.get(tenant, {}).pop(order_id, None)

    def get(self, tenant: str, order_id: str) -> Order | None:
        """Return an order by its id."""
        return self._orders.get(tenant, {}).get(order_id)

    def standing(self, tenant: str, scopes: Iterable[str], now_us: int) -> list[Order]:
        """Return the orders that are in force where something is."""
        them = self._orders.get(tenant)
        if not them:
            return []
        scopes = tuple(scopes)
        return [order for order in them.values() if order.stands(now_us) and order.covers(scopes)]

    def allowed(self, tenant: str, scopes: Iterable[str], now_us: int) -> frozenset[str]:
        """Return the short names of the attributes that may be collected and read there now."""
        return frozenset().union(*(order.allows for order in self.standing(tenant, scopes, now_us)))

    def keeps_until_us(self, tenant: str, scopes: Iterable[str], name: str, said_us: int, now_us: int) -> int:
        """Return until when an attribute that was collected under an order at `said_us` may be kept.

        As many days as the order says, but never past its end; of several orders the longest counts. Without one: 0.
        """
        standing = [one for one in self.standing(tenant, scopes, now_us) if name in one.allows]
        return max((min(one.end_us, said_us + one.keep_days * DAY_US) for one in standing), default=0)


DAY_US = 86_400 * 1_000_000
