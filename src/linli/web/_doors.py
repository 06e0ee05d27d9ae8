"""Everything that the web room stands on, in one place, and the few look-ups that several routes share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from linli.base import SECOND_US, Clock, to_wire_time, type_of_urn
from linli.broker import Broker, Plain
from linli.dispatch import Dispatch
from linli.insight import Insight
from linli.packs import Catalogue, Packs
from linli.travel import Network
from linli.trust import Codes, Policies

from ._asking import Asking
from ._health import Health
from ._limits import Hourly, Limits, Proxies
from ._live import Live
from ._people import LOOKING, Person
from ._pressing import PressToOffer


@dataclass(slots=True)
class Doors:
    """The rooms below, as app.py built them. `network` and `insight` None = no map is loaded."""

    broker: Broker
    dispatch: Dispatch
    packs: Packs
    network: Network | None
    allow: Policies
    asking: Asking
    codes: Codes
    clock: Clock
    live: Live
    pressing: PressToOffer
    name: dict[str, str]
    phone: str
    health: Health
    unmasks: Hourly
    zone: str = "Asia/Shanghai"
    people: Sequence[Person] = ()
    limits: Limits | None = None
    proxies: Proxies | None = None
    catalogue: Catalogue | None = None
    insight: Insight | None = None

    def city_time(self) -> str:
        """Return the city's time on the wire, to the second."""
        return to_wire_time(self.clock.now_us() // SECOND_US * SECOND_US)

    def today(self) -> tuple[int, int]:
        """Return when the city's day began and ends, in microseconds."""
        zone = ZoneInfo(self.zone)
        now = datetime.fromtimestamp(self.clock.now_us() / SECOND_US, zone)
        begins = datetime.combine(now.date(), time(), zone)
        ends = datetime.combine(now.date() + timedelta(days=1), time(), zone)
        return int(begins.timestamp()) * SECOND_US, int(ends.timestamp()) * SECOND_US

    async def looked_up(self, entity_id: str) -> Plain | None:
        """Return an entity of ours by id, for the house's own look-ups; None for anything else."""
        return await self.broker.read(LOOKING, entity_id) if type_of_urn(entity_id) else None

    async def area(self, area_id: str) -> dict[str, Any] | None:
        """Return {"id", "name"} of an area."""
        found = await self.looked_up(area_id)
        return {"id": found.id, "name": found.values.get("name", {})} if found else None

    async def area_of(self, entity: Plain | None) -> dict[str, Any] | None:
        """Return the community that somebody belongs to."""
        if entity is None:
            return None
        return await self.area(str(entity.values.get("homeArea") or entity.values.get("inArea") or ""))

    async def home_of(self, entity: Plain | None) -> dict[str, float] | None:
        """Return where a resident lives: his dwelling's building, by his household."""
        if entity is None or entity.type != "Resident":
            return None
        for household in await self.broker.read_all(LOOKING, "Household", keys={"members": [entity.id]}):
            dwelling = await self.looked_up(str(household.values.get("dwelling", "")))
            building = await self.looked_up(str(dwelling.values.get("partOf", ""))) if dwelling else None
            location = building.values.get("location") if building else None
            if location:
                lon, lat = location["coordinates"]
                return {"lon": lon, "lat": lat}
        return None
