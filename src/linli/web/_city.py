"""The city map's routes: communities, unnamed helpers, open calls at their grid's centre, streets, circle, path.

Nothing that names a person or an exact home leaves this module: helpers stand at junctions, calls at grid centres.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, get_args

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from linli.base import SECOND_US, Point, checked_point, from_wire_time, write_json
from linli.base.errors import BadRequestData, InvalidRequest, NotAllowed, ResourceNotFound
from linli.broker import Plain
from linli.dispatch import Mode
from linli.insight import CIRCLE_MIN
from linli.store import LogRow
from linli.travel import Network
from linli.vocab import vocabulary

from ._answers import answer
from ._asking import headers_of
from ._doors import Doors
from ._people import LOOKING

GRID_DEG = 0.0025
MINUTES_MAX = 90
NEAREST_SHOWN = 20
OPEN_STATES = ("received", "triaged", "offered", "accepted", "enRoute", "onSite", "noProvider", "reopened")
SERVED_STATES = ("done", "confirmed", "closed")
WORKING_STATES = ("accepted", "enRoute", "onSite")
OFFICIALS = frozenset({"city_official", "officer", "community_worker", "operator"})
MODES: tuple[Mode, ...] = get_args(Mode)


class City:
    """The routes of the city face, over a picture of the city that follows the log."""

    def __init__(self, doors: Doors) -> None:
        """Draw from these doors; the picture is built at the first look."""
        self._doors = doors
        self._areas: dict[str, Plain] = {}
        self._helpers: dict[str, Plain] = {}
        self._calls: dict[str, Plain] = {}
        self._built = False
        self._streets: bytes | None = None
        doors.live.observe(self._observe)

    def routes(self) -> list[Route]:
        """Return the Starlette routes."""
        return [
            Route("/api/city", self.city, methods=["GET"]),
            Route("/api/circle", self.circle, methods=["GET"]),
            Route("/api/streets", self.streets, methods=["GET"]),
            Route("/api/path", self.path, methods=["GET"]),
        ]

    # the picture

    async def _build(self) -> None:
        broker = self._doors.broker
        self._built = True
        self._areas = {one.id: one for one in await broker.read_all(LOOKING, "Area")}
        self._helpers = {one.id: one for one in await broker.read_all(LOOKING, "Helper")}
        states = [*OPEN_STATES, *SERVED_STATES, "cancelled"]
        calls = await broker.read_all(LOOKING, "ServiceCall", keys={"state": states})
        self._calls = {one.id: one for one in calls if not self._is_past(one)}

    def _is_past(self, entity: Plain) -> bool:
        """Tell whether a call is over and not of today: no figure counts it any more."""
        if entity.type != "ServiceCall" or entity.values.get("state") in OPEN_STATES:
            return False
        return _received_us(entity) < self._doors.today()[0]

    async def _observe(self, rows: Sequence[LogRow]) -> None:
        if not self._built:
            return
        pictures = {"Area": self._areas, "Helper": self._helpers, "ServiceCall": self._calls}
        for row in rows:
            picture = pictures.get(row.type)
            if picture is None:
                continue
            entity = await self._doors.broker.read(LOOKING, row.entity_id)
            if entity is None or self._is_past(entity):
                picture.pop(row.entity_id, None)
            else:
                picture[row.entity_id] = entity

    async def city(self, request: Request) -> Response:
        """Draw the asker's part of the city at this moment."""
        act = self._doors.asking.act(request.scope)
        if act.who.role not in OFFICIALS:
            raise NotAllowed("The city map is for the people who work for the city.")
        if not self._built:
            await self._build()
        mine = act.who.scopes
        calls = [one for one in self._calls.values() if _within(one, mine)]
        helpers = [one for one in self._helpers.values() if _within(one, mine)]
        return answer(
            {
                "at": self._doors.city_time(),
                "communities": self._communities(calls, helpers, mine),
                "helpers": [dot for one in helpers if (dot := self._dot(one))],
                "calls": [self._call(one) for one in calls if one.values.get("state") in OPEN_STATES],
                "figures": self._figures(calls),
            }
        )

    def _communities(self, calls: list[Plain], helpers: list[Plain], mine: Sequence[str]) -> dict[str, Any]:
        features = []
        for area in self._areas.values():
            if (
                area.values.get("areaLevel") != "community"
                or not area.values.get("boundary")
                or not _within(area, mine)
            ):
                continue
            scope = area.scopes[0]
            here = [one for one in helpers if any(s.startswith(scope) for s in one.scopes)]
            features.append(
                {
                    "type": "Feature",
                    "geometry": area.values["boundary"],
                    "properties": {
                        "id": area.id,
                        "name": area.values.get("name", {}),
                        "helpersTotal": len(here),
                        "helpersReady": sum(one.values.get("dutyState") == "ready" for one in here),
                        "callsOpen": sum(
                            one.values.get("homeArea") == area.id and one.values.get("state") in OPEN_STATES
                            for one in calls
                        ),
                    },
                }
            )
        return {"type": "FeatureCollection", "features": features}

    def _dot(self, helper: Plain) -> list[Any] | None:
        position = helper.values.get("position")
        if not position or helper.values.get("dutyState") == "off":
            return None
        lon, lat = position["coordinates"]
        network = self._doors.network
        if network is not None:
            lon, lat = network.junction_near(lon, lat)
        return [round(lon, 5), round(lat, 5), helper.values.get("dutyState", "off")]

    def _call(self, call: Plain) -> dict[str, Any]:
        values = call.values
        kind = self._doors.packs.kinds.get(str(values.get("serviceKind", "")).rsplit(":", 1)[-1])
        helper = self._helpers.get(str(values.get("assigned", "")))
        helper_area = self._areas.get(str(helper.values.get("inArea", ""))) if helper else None
        home = self._areas.get(str(values.get("homeArea", "")))
        crossing = bool(helper_area and home and helper_area.id != home.id)
        return {
            "id": call.id,
            "kind": kind.key if kind else None,
            "title": kind.title if kind else {},
            "icon": kind.icon if kind else "",
            "urgency": values.get("urgency", 0),
            "state": values.get("state"),
            "grid": _grid_centre(values.get("place")),
            "from": _centre(helper_area) if crossing else None,
            "crossing": crossing,
            "homeArea": home.values.get("name") if home else None,
            "helperArea": helper_area.values.get("name") if helper_area else None,
        }

    def _figures(self, calls: list[Plain]) -> dict[str, Any]:
        begins_us, _ = self._doors.today()
        today = [one for one in calls if _received_us(one) >= begins_us]
        served = [one for one in today if one.values.get("state") in SERVED_STATES]
        minutes = sorted(wait for one in today if (wait := _arrive_min(one)) is not None)
        return {
            "open": sum(one.values.get("state") in OPEN_STATES for one in calls),
            "waiting": sum(
                one.values.get("state") in OPEN_STATES and one.values.get("state") not in WORKING_STATES
                for one in calls
            ),
            "medianArriveMin": round(minutes[len(minutes) // 2], 1) if minutes else None,
            "crossingToday": sum(self._call(one)["crossing"] for one in today if one.values.get("assigned")),
            "servedToday": len(served),
            "unservedToday": sum(one.values.get("state") in ("noProvider", "cancelled") for one in today),
        }

    # the network

    def _network(self) -> Network:
        if self._doors.network is None:
            raise ResourceNotFound("No map is loaded on this node: start it with --city FILE.osm.pbf.")
        return self._doors.network

    async def circle(self, request: Request) -> Response:
        """Draw the circle around `?building=` or `?lon=&lat=`, with the services and helpers in it: by travel time, not by
        the drawn line."""
        network = self._network()
        query = request.query_params
        point = self._middle(query.get("building"), query.get("lon"), query.get("lat"))
        minutes = _number(query.get("minutes", "60"), "minutes")
        if not 1 <= minutes <= MINUTES_MAX:
            raise BadRequestData(f"minutes: from 1 to {MINUTES_MAX}.")
        mode = query.get("mode", "walk")
        if mode not in MODES:
            raise BadRequestData("mode: one of " + ", ".join(MODES) + ".")
        node = network.node_at(point.lon, point.lat, mode)
        nodes, _ = network.reach(node, minutes, mode, "to")
        outline = await run_in_threadpool(network.outline, node, minutes, mode, "to")
        return answer(
            {
                "outline": outline,
                "mode": mode,
                "minutes": minutes,
                "junctions": len(nodes),
                "reached": await self._reached(node, minutes, mode),
                "services": await self._services(query.get("building"), point, minutes, mode),
                "networkHash": network.digest,
                "licence": network.licence,
            }
        )

    def _middle(self, building: str | None, lon: str | None, lat: str | None) -> Point:
        if building is None:
            return checked_point(_number(lon, "lon"), _number(lat, "lat"))
        known = self._doors.insight.circles.homes.get(building) if self._doors.insight else None
        if known is None:
            raise ResourceNotFound("building: no building of this id stands on the map.")
        return Point(*known.place)

    async def _services(self, building: str | None, point: Point, minutes: float, mode: Mode) -> dict[str, Any]:
        """Return the services of each kind within the time, the nearest first: kept for a building, asked for a place."""
        if self._doors.insight is None:
            return {}
        circles = self._doors.insight.circles
        if building is not None and minutes <= CIRCLE_MIN:
            found = circles.of_building(building, mode, minutes)
        else:
            found = await circles.around((point.lon, point.lat), mode, minutes)
        categories = vocabulary().lists["place_category"].codes
        kinds = self._doors.packs.kinds
        return {
            kind: {
                "title": kinds[kind].title if kind in kinds else dict(categories.get(kind, {})),
                "count": len(near),
                "nearest": [
                    {"id": one, "name": circles.services[one].name, "seconds": seconds}
                    for one, seconds in near[:NEAREST_SHOWN]
                    if one in circles.services
                ],
            }
            for kind, near in found.items()
        }

    async def _reached(self, node: int, minutes: float, mode: Mode) -> dict[str, Any]:
        """Count the ready helpers, by skill, who can be here within the time."""
        if not self._built:
            await self._build()
        network = self._network()
        ready = [
            (one, position["coordinates"])
            for one in self._helpers.values()
            if one.values.get("dutyState") == "ready" and (position := one.values.get("position"))
        ]
        if not ready:
            return {"helpers": 0, "skills": {}}
        times = network.minutes(node, [network.node_near(*place) for _, place in ready], minutes, mode)
        inside = [one for (one, _), time in zip(ready, times, strict=True) if not math.isnan(time)]
        skills: dict[str, int] = {}
        for one in inside:
            for skill in one.values.get("hasSkill") or ():
                skills[skill] = skills.get(skill, 0) + 1
        return {"helpers": len(inside), "skills": skills}

    async def streets(self, request: Request) -> Response:
        """Return the streets for drawing, all or those of `?box=`; browsers keep them until the map changes."""
        network = self._network()
        box = _box(request.query_params.get("box"))
        tag = f'"{network.digest}"'
        headers = {"etag": tag, "cache-control": "private, max-age=60"}
        if request.headers.get("if-none-match") == tag:
            return Response(status_code=304, headers=headers)
        if box is not None:
            body = await run_in_threadpool(lambda: write_json(network.streets(box)))
        elif self._streets is not None:
            body = self._streets
        else:
            body = self._streets = await run_in_threadpool(lambda: write_json(network.streets()))
        return Response(body, headers=headers, media_type="application/geo+json")

    async def path(self, request: Request) -> Response:
        """Draw the assigned helper's way to a call, for those who may see both."""
        network = self._network()
        call_id = request.query_params.get("call", "")
        if not call_id:
            raise InvalidRequest("call: say which call, like /api/path?call=ID.")
        act = self._doors.asking.act_on_call(request.scope, headers_of(request.scope), call_id)
        call = await self._doors.dispatch.call_view(act, call_id)
        place, position = call.get("place"), (call.get("helper") or {}).get("position")
        if not place or not position:
            return answer({"path": None, "seconds": None})
        mode: Mode = call["helper"].get("mode") or "ebike"
        start = network.node_at(position["lon"], position["lat"], mode)
        goal = network.node_at(place["lon"], place["lat"], mode)
        way = network.path(start, goal, mode)
        if way is None:
            return answer({"path": None, "seconds": None})
        line = {"type": "LineString", "coordinates": [[round(x, 6), round(y, 6)] for x, y in way.xy.tolist()]}
        return answer({"path": line, "seconds": round(float(way.seconds[-1]))})


def _within(entity: Plain, areas: Sequence[str]) -> bool:
    return any(area == "/" or scope.startswith(area) for scope in entity.scopes for area in areas)


def _grid_centre(place: Any) -> list[float] | None:
    """Return the centre of the grid cell a place lies in, so that no home can be told from it."""
    if not place:
        return None
    lon, lat = place["coordinates"]
    return [round((math.floor(value / GRID_DEG) + 0.5) * GRID_DEG, 6) for value in (lon, lat)]


def _centre(area: Plain | None) -> list[float] | None:
    boundary = area.values.get("boundary") if area else None
    if not boundary:
        return None
    ring = boundary["coordinates"][0] if boundary["type"] == "Polygon" else boundary["coordinates"][0][0]
    corners = ring[:-1]
    return [round(sum(corner[i] for corner in corners) / len(corners), 6) for i in (0, 1)]


def _received_us(call: Plain) -> int:
    return from_wire_time(call.values["receivedAt"])


def _arrive_min(call: Plain) -> float | None:
    received, on_site = call.values.get("receivedAt"), call.values.get("onSiteAt")
    if not received or not on_site:
        return None
    return (from_wire_time(on_site) - from_wire_time(received)) / SECOND_US / 60


def _box(text: str | None) -> tuple[float, float, float, float] | None:
    if text is None:
        return None
    parts = text.split(",")
    if len(parts) != 4:
        raise BadRequestData("box: west,south,east,north in degrees.")
    west, south, east, north = (_number(part, "box") for part in parts)
    if west > east or south > north:
        raise BadRequestData("box: west may not lie east of east, nor south north of north.")
    return west, south, east, north


def _number(text: str | None, name: str) -> float:
    try:
        number = float(text or "")
    except ValueError as error:
        raise BadRequestData(f"{name}: a number is needed.") from error
    if not math.isfinite(number):
        raise BadRequestData(f"{name}: a finite number is needed.")
    return number
