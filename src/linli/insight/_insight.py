"""`Insight`: the room as others see it: started and stopped by the app, asked by the web."""

from __future__ import annotations

from dataclasses import dataclass

from linli.base import Clock, Settings
from linli.broker import Broker
from linli.travel import Network

from ._cells import PERSONS
from ._circles import Circles
from ._planning import Plans


@dataclass(slots=True)
class Insight:
    """Circles and plans over one street network; a household counts for so many people where only it is known."""

    circles: Circles
    plans: Plans
    persons_a_household: float

    @classmethod
    def of(cls, settings: Settings, broker: Broker, network: Network, clock: Clock) -> Insight:
        """Build it as the settings say; nothing runs until `start`."""
        return cls(Circles.of(settings, broker, network, clock), Plans(network), settings[PERSONS])

    async def start(self) -> None:
        """Keep the circles from here on."""
        await self.circles.start()

    async def stop(self) -> None:
        """End plans that are under way, and the circles between two commits."""
        await self.plans.stop()
        await self.circles.stop()

    async def settled(self) -> None:
        """Return when every circle is as the log says."""
        await self.circles.settled()
