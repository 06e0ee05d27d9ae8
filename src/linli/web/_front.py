"""What both the pages and the API ask of a node: who asks, which kinds there are, a press, a call."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from starlette.requests import Request

from linli.base.errors import BadRequestData
from linli.dispatch import CallRequest

from ._asking import headers_of
from ._doors import Doors

#: who stands before a page without being on duty
PEOPLE = frozenset({"caller", "resident", "guardian"})


class FrontDesk:
    """Answers in the bodies of the API routes of the same names."""

    def __init__(self, doors: Doors) -> None:
        """Answer from these doors."""
        self._doors = doors

    async def node(self, _: Request) -> dict[str, Any]:
        """Say what node this is, what time its city has, and which map it stands on."""
        doors = self._doors
        network = doors.network
        return {
            "name": doors.name,
            "phone": doors.phone,
            "cityTime": doors.city_time(),
            "zone": doors.zone,
            "speed": doors.clock.speed if doors.clock.speed < float("inf") else None,
            "demo": doors.asking.sign_in == "demo",
            "open": doors.asking.sign_in == "open",
            "policy": doors.dispatch.policy,
            "box": list(network.box) if network else None,
            "licence": network.licence if network else None,
            "pressToOffer_wall_ms": doors.pressing.figures(),
        }

    async def kinds(self, _: Request) -> list[dict[str, Any]]:
        """List the kinds that people ask for on a page, first those with a digit of the telephone menu."""
        packs = self._doors.packs
        return [
            {
                "key": kind.key,
                "pack": kind.pack,
                "packTitle": packs.packs[kind.pack].title,
                "title": kind.title,
                "summary": kind.summary,
                "icon": kind.icon,
                "urgency": kind.urgency,
                "arriveWithinMin": None if kind.desk else kind.arrive_within_min,
                "short": kind.short,
            }
            for kind in sorted(packs.kinds.values(), key=lambda one: (not one.short, one.short))
            if {"app", "key"} & set(kind.channels) and PEOPLE & set(kind.callers)
        ]

    def waiting(self) -> list[dict[str, Any]]:
        """List the kinds that are declared and cannot be asked for yet, each with the engine it waits for."""
        return [
            {"key": call.key, "pack": pack.key, "title": call.title.words(), "engine": pack.waiting[call.key]}
            for pack in self._doors.packs.packs.values()
            for call in pack.form.call
            if call.key in pack.waiting
        ]

    def packs(self) -> list[dict[str, Any]]:
        """List the packs: version, quality, what the next tier asks for, and each call with its tier."""
        return [
            {
                "key": pack.key,
                "version": pack.version,
                "title": pack.title,
                "summary": pack.summary,
                "quality": pack.quality,
                "missing": list(pack.missing),
                "calls": [
                    {"key": call.key, "title": call.title.words(), "quality": pack.tiers[call.key]}
                    | ({"waitsFor": pack.waiting[call.key]} if call.key in pack.waiting else {})
                    for call in pack.form.call
                ],
            }
            for pack in self._doors.packs.packs.values()
        ]

    async def me(self, request: Request) -> dict[str, Any]:
        """Say who asks, and where he is at home."""
        who = self._doors.asking.act(request.scope).who
        entity = await self._doors.looked_up(who.id)
        return {
            "id": who.id,
            "role": who.role,
            "name": who.name or str(entity.values.get("fullName", "") if entity else ""),
            "area": await self._doors.area_of(entity) or await self._doors.area(who.id.partition(":")[2]),
            "home": await self._doors.home_of(entity),
            "helper": who.id if who.role == "helper" else None,
        }

    async def place(self, request: Request, body: Mapping[str, Any], key: str) -> dict[str, Any]:
        """Take a press: {id, number, state, watch}. Without lon and lat it is for the home of who is signed in.

        Raises: BadRequestData, UnknownKind, OffMap.
        """
        doors = self._doors
        act = doors.asking.act(request.scope)
        if "lon" not in body and "lat" not in body:
            home = await doors.home_of(await doors.looked_up(act.who.id))
            if home is None:
                raise BadRequestData("lon, lat: say where help is needed; nobody with a home here is signed in.")
            body = {**body, **home}
        placed = await doors.dispatch.place_call(act, CallRequest.from_body(body, key or None))
        if placed.new:
            doors.pressing.pressed(placed.id, request.scope.get("linli.first_byte", time.perf_counter()))
        request.scope["linli.new"] = placed.new
        return {
            "id": placed.id,
            "number": placed.number,
            "state": placed.state,
            "watch": doors.asking.secret.watch_word(placed.id),
        }

    async def call(self, request: Request, call_id: str, watch: str | None = None) -> dict[str, Any]:
        """Return a call as the asker, or the holder of its watch word, may see it.

        Raises: ResourceNotFound, NotAllowed.
        """
        headers = dict(headers_of(request.scope))
        if watch:
            headers[b"linli-watch"] = watch.encode("latin-1", "replace")
        act = self._doors.asking.act_on_call(request.scope, headers, call_id)
        return dict(await self._doors.dispatch.call_view(act, call_id))
