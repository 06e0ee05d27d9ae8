"""Planning's routes: who is outside the circle of a kind of service, and where the next places help most.

For people who work for the city and for analysts, within their own areas; counts and cells only, never a person.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from linli.base import say, within_scope, write_json
from linli.base.errors import BadRequestData, NotAllowed, ResourceNotFound
from linli.insight import Cell, Circles, Plan, Plans, Spot, Wish, cells_of, plan_geojson, plan_svg
from linli.travel import MODES, Mode, Network

from ._answers import answer, body_of
from ._doors import Doors

PLANNERS = frozenset({"city_official", "officer", "analyst", "community_worker", "operator"})
DRAWN = ("before", "gained", "outside", "site", "there")
SITES_MAX = 500


class Planning:
    """The routes of planners, over circles and plans."""

    def __init__(self, doors: Doors) -> None:
        """Plan through these doors."""
        self._doors = doors

    def routes(self) -> list[Route]:
        """Return the Starlette routes."""
        return [
            Route("/api/plan/gaps", self.gaps, methods=["GET"]),
            Route("/api/plan/coverage", self.begin, methods=["POST"]),
            Route("/api/plan/coverage/{id}", self.plan, methods=["GET"]),
            Route("/api/plan/coverage/{id}/geojson", self.geojson, methods=["GET"]),
            Route("/api/plan/coverage/{id}/svg", self.svg, methods=["GET"]),
        ]

    async def gaps(self, request: Request) -> Response:
        """Say for each kind of service how many people have it within `?minutes=` by `?mode=`, and where others live."""
        scopes = self._scopes(request)
        circles, _, _ = self._rooms()
        minutes, mode = _whole(request, "minutes", 15), _mode(request)
        homes = self._homes(circles, scopes)
        kinds = sorted({kind for one in circles.services.values() for kind in one.kinds})
        return answer(
            {
                "minutes": minutes,
                "mode": mode,
                "people": round(sum(one.people for one in self._cells(homes))),
                "kinds": {kind: self._gap(circles, homes, kind, mode, minutes) for kind in kinds},
            }
        )

    async def begin(self, request: Request) -> Response:
        """Begin a plan `{kind, minutes?, mode?, count?, aim?, seconds?, sites?, cells?}`: 202 with its id."""
        scopes = self._scopes(request)
        circles, plans, _ = self._rooms()
        wish = Wish.from_body(await body_of(request))
        cells = wish.cells if wish.cells is not None else self._cells(self._homes(circles, scopes))
        there = [one.place for one in circles.services.values() if wish.kind in one.kinds]
        most = sorted(cells, key=lambda cell: -cell.people)[:SITES_MAX]
        new = wish.sites or [(one.lon, one.lat) for one in most]
        plan = plans.begin(wish, scopes, cells, there, new)
        return answer(plan.document(time.monotonic()), 202, {"location": f"/api/plan/coverage/{plan.id}"})

    async def plan(self, request: Request) -> Response:
        """Show a plan as it stands: the preview while it is solved, then the proven answer with its gap."""
        return answer(self._asked(request).document(time.monotonic()))

    async def geojson(self, request: Request) -> Response:
        """Draw a plan's sites and cells as GeoJSON."""
        return Response(write_json(plan_geojson(self._asked(request))), media_type="application/geo+json")

    async def svg(self, request: Request) -> Response:
        """Draw a plan as a picture, with its legend in the asker's language."""
        plan, (_, _, network) = self._asked(request), self._rooms()
        language = request.query_params.get("lang", "zh")
        words = {what: say(f"plan.{what}", "en" if language == "en" else "zh") for what in DRAWN}
        return Response(plan_svg(plan, network, words), media_type="image/svg+xml")

    def _scopes(self, request: Request) -> tuple[str, ...]:
        who = self._doors.asking.act(request.scope).who
        if who.role not in PLANNERS:
            raise NotAllowed("Plans are for the people who work for the city.")
        return tuple(who.scopes)

    def _rooms(self) -> tuple[Circles, Plans, Network]:
        insight, network = self._doors.insight, self._doors.network
        if insight is None or network is None:
            raise ResourceNotFound("No map is loaded on this node: start it with --city FILE.osm.pbf.")
        return insight.circles, insight.plans, network

    def _asked(self, request: Request) -> Plan:
        _, plans, _ = self._rooms()
        return plans.of(request.path_params["id"], self._scopes(request))

    @staticmethod
    def _homes(circles: Circles, scopes: tuple[str, ...]) -> list[Spot]:
        return [
            one
            for one in circles.homes.values()
            if any(above == "/" or within_scope(own, above) for own in one.scopes for above in scopes)
        ]

    def _cells(self, homes: list[Spot]) -> list[Cell]:
        return cells_of(homes, self._doors.insight.persons_a_household) if self._doors.insight else []

    def _gap(self, circles: Circles, homes: list[Spot], kind: str, mode: Mode, minutes: int) -> Mapping[str, Any]:
        covered = circles.covered(kind, mode, minutes)
        inside = [one for one in homes if covered.get(one.id)]
        outside = self._cells([one for one in homes if not covered.get(one.id)])
        reached = sum(one.people for one in self._cells(inside))
        all_of_them = reached + sum(one.people for one in outside)
        return {
            "covered": round(reached),
            "share": round(reached / all_of_them, 4) if all_of_them else None,
            "outside": [
                {"lon": round(one.lon, 5), "lat": round(one.lat, 5), "people": round(one.people)} for one in outside
            ],
        }


def _whole(request: Request, name: str, default: int) -> int:
    text = request.query_params.get(name, str(default))
    if not text.isdecimal() or not 1 <= int(text) <= 60:
        raise BadRequestData(f"{name}: a whole number from 1 to 60.")
    return int(text)


def _mode(request: Request) -> Mode:
    said = request.query_params.get("mode", "walk")
    for mode in MODES:
        if mode == said:
            return mode
    raise BadRequestData("mode: one of " + ", ".join(MODES) + ".")
