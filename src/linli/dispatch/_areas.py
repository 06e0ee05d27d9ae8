"""Which community a place lies in, and what areas are called; read once from the Area entities, anew when they change."""

from __future__ import annotations

from typing import Any

import shapely
from shapely.geometry.base import BaseGeometry

from linli.base import Point
from linli.broker import Broker, Plain
from linli.trust import Act


class Areas:
    """The areas of this node."""

    def __init__(self, broker: Broker, act: Act) -> None:
        """Read through `broker` as `act`."""
        self._broker = broker
        self._act = act
        self._all: dict[str, Plain] | None = None
        self._communities: list[Plain] = []
        self._shapes: list[BaseGeometry] = []
        self._tree: shapely.STRtree | None = None

    def changed(self) -> None:
        """Some area was written: read them again at the next question."""
        self._all = None

    async def community_at(self, place: Point) -> Plain | None:
        """Return the community whose boundary holds a place; on a shared border the first by id."""
        await self._known()
        if self._tree is None:
            return None
        hits = sorted(int(one) for one in self._tree.query(shapely.Point(*place), predicate="intersects"))
        return self._communities[hits[0]] if hits else None

    async def named(self, area_id: str) -> dict[str, Any] | None:
        """Return {"id", "name": {zh, en}} of an area, None when there is none."""
        found = (await self._known()).get(area_id) if area_id else None
        return {"id": found.id, "name": found.values.get("name") or {}} if found else None

    async def _known(self) -> dict[str, Plain]:
        if self._all is None:
            everything = await self._broker.read_all(self._act, "Area")
            self._all = {area.id: area for area in everything}
            self._communities = sorted(
                (a for a in everything if a.values.get("areaLevel") == "community" and a.values.get("boundary")),
                key=lambda area: area.id,
            )
            self._shapes = [shapely.geometry.shape(area.values["boundary"]) for area in self._communities]
            self._tree = shapely.STRtree(self._shapes) if self._shapes else None
        return self._all
