"""How the broker stands: tenants, log, subscribers; for the health page. Nothing here names anybody."""

from __future__ import annotations

from dataclasses import dataclass

from ._source_notifying import SourceNotifyingDoor


@dataclass(frozen=True, slots=True)
class Figures:
    """`leads`: whether this process tells subscribers; the figures of subscribers are None where another does.

    `failing`: subscribers whose last notification failed; `waiting`: to whom something is still to be told;
    `behind`: how many rows of the log ago the first of these became due.
    """

    tenants: int
    log: int
    leads: bool
    subscriptions: int | None = None
    failing: int | None = None
    waiting: int | None = None
    behind: int | None = None


class FiguresDoor(SourceNotifyingDoor):
    """Says how the broker stands."""

    async def figures(self) -> Figures:
        """Return how the broker stands at this moment."""
        tenants, head = len(await self._store.tenants()), await self.log.head()
        if not self._leads:
            return Figures(tenants, head, leads=False)
        boxes = [
            (tenant, box)
            for followers in (self._followers, self._source_followers)
            for tenant, follower in followers.items()
            for box in follower.mailboxes.values()
        ]
        waiting = [(tenant, box) for tenant, box in boxes if not box.idle]
        heads = {tenant: await self._store.head(tenant) for tenant, _ in waiting}
        return Figures(
            tenants,
            head,
            leads=True,
            subscriptions=len(boxes),
            failing=sum(box.counts.shown().get("status") == "failed" for _, box in boxes),
            waiting=len(waiting),
            behind=max((heads[tenant] - box.done_seq for tenant, box in waiting), default=0),
        )
