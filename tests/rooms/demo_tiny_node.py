"""A tiny node for tests of the simulated people: real rules of a call's life, in a hundred lines, without any engine."""

from __future__ import annotations

import asyncio
from typing import Any
from urllib.parse import parse_qs

from linli.base import SECOND_US, FastClock, SteppedClock, read_json, to_wire_time, write_json

TICK_US = 10 * SECOND_US
OFFER_US = 120 * SECOND_US
MOVES = {"depart": ("accepted", "enRoute"), "arrive": ("enRoute", "onSite"), "finish": ("onSite", "done")}


class TinyNode:
    """An ASGI callable and a pacer in one: offers each waiting call to the first idle helper who has the skill."""

    def __init__(self, start_us: int, *, skills: dict[str, str], way_seconds: float = 300.0) -> None:
        self.clock = SteppedClock(start_us)
        self.skills = skills
        self.way_seconds = way_seconds
        self.entities: dict[str, dict[str, Any]] = {}
        self.calls: dict[str, dict[str, Any]] = {}
        self.offers: dict[str, dict[str, Any]] = {}
        self.keys: dict[str, str] = {}
        self.trail: list[tuple[int, str, str]] = []
        self.refuse: dict[str, int] = {}
        self.helpers: list[dict[str, Any]] = []

    # the pacer

    def now_us(self) -> int:
        return self.clock.now_us()

    async def settle(self) -> None:
        return

    async def next_due_us(self) -> int | None:
        waits = any(one["state"] == "triaged" for one in self.calls.values())
        return (self.clock.now_us() // TICK_US + 1) * TICK_US if waits else None

    async def advance_to(self, at_us: int) -> None:
        self.clock.advance_to(at_us)
        self._match()

    # the engine

    def _match(self) -> None:
        now = self.clock.now_us()
        for offer in self.offers.values():
            if offer["answer"] == "open" and now >= offer["ends"]:
                offer["answer"] = "timeout"
                self.calls[offer["call"]]["state"] = "triaged"
        busy = {o["helper"] for o in self.offers.values() if o["answer"] == "open"}
        busy |= {c["assigned"] for c in self.calls.values() if c["state"] in ("accepted", "enRoute", "onSite")}
        for call in self.calls.values():
            if call["state"] != "triaged":
                continue
            asked = {o["helper"] for o in self.offers.values() if o["call"] == call["id"]}
            for helper in self._helpers():
                if (
                    helper["dutyState"]["vocab"] == "ready"
                    and self.skills[call["kind"]] in helper["hasSkill"]["vocab"]
                    and helper["id"] not in busy | asked
                ):
                    number = f"urn:ngsi-ld:Offer:9:{len(self.offers):04d}"
                    self.offers[number] = {
                        "id": number,
                        "call": call["id"],
                        "helper": helper["id"],
                        "answer": "open",
                        "sent": now,
                        "ends": now + OFFER_US,
                    }
                    call["state"] = "offered"
                    busy.add(helper["id"])
                    break

    def _helpers(self):
        if not self.helpers:
            self.helpers = [one for one in self.entities.values() if one["type"] == "Helper"]
        return self.helpers

    # the doors

    async def __call__(self, scope, receive, send) -> None:
        body = (await receive())["body"]
        headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        query = {name: values[0] for name, values in parse_qs(scope["query_string"].decode()).items()}
        who = headers.get("authorization", "").removeprefix("Bearer ")
        parts = scope["path"].strip("/").split("/")
        said = read_json(body) if body else {}
        status, content = self.answer(scope["method"], parts, query, who, said, headers)
        if status < 400 and scope["method"] == "POST":
            self._match()
        await send({"type": "http.response.start", "status": status, "headers": []})
        await send({"type": "http.response.body", "body": b"" if content is None else write_json(content)})

    def answer(self, method, parts, query, who, said, headers) -> tuple[int, Any]:  # noqa: C901 - a table of routes
        match [method, *parts]:
            case ["POST", "api", "sign-in"]:
                return 200, {"token": said["person"]}
            case ["GET", "api", "node"]:
                return 200, {"cityTime": to_wire_time(self.clock.now_us()), "speed": None, "policy": "tiny"}
            case ["POST", "ngsi-ld", "v1", "entityOperations", "upsert"]:
                if query.get("options") == "update":
                    assert headers["linli-purpose"] == "care"
                    said = [self.entities[one["id"]] | one for one in said]
                self.entities |= {one["id"]: one for one in said}
                self.trail.append((len(said), headers.get("linli-purpose", ""), said[-1]["type"]))
                return 204, None
            case ["GET", "ngsi-ld", "v1", "entities", entity_id]:
                return self._simple(entity_id)
            case ["GET", "ngsi-ld", "v1", "entities"]:
                return 200, self._books(query)
            case ["POST", "api", "calls"]:
                return self._press(who, said, headers["idempotency-key"])
            case ["GET", "api", "calls", call_id]:
                return 200, self._view(self.calls[call_id])
            case ["POST", "api", "calls", call_id, step]:
                return self._step(self.calls[call_id], step, said)
            case ["POST", "api", "offers", offer_id, "accept"]:
                return self._accept(self.offers[offer_id], who)
            case ["GET", "api", "helpers", "me"]:
                return 200, self._mine(who)
            case ["POST", "api", "helpers", helper_id, "position"]:
                assert helper_id == who
                place = {"type": "Point", "coordinates": [said["lon"], said["lat"]]}
                self.entities[who]["position"] = {"type": "GeoProperty", "value": place}
                self.trail.append((self.clock.now_us(), who, "position"))
                return 204, None
            case ["GET", "api", "path"]:
                return 200, self._path(self.calls[query["call"]])
        return 404, {"detail": "/".join(parts)}

    def _simple(self, entity_id):
        found = self.entities.get(entity_id)
        if found is None:
            return 404, {"type": "x/ResourceNotFound", "detail": "none"}
        return 200, {"id": entity_id, "externalId": {"json": found["externalId"]["json"]}}

    def _books(self, query):
        if query["type"] == "Offer":
            wanted = query["q"].split('"')[1]
            found = [one for one in self.offers.values() if one["answer"] == wanted]
            rows = [{"id": o["id"], "call": o["call"], "helper": o["helper"], "eta": self.way_seconds} for o in found]
        else:
            rows = [self._entry(one) for one in self.calls.values()]
        offset = int(query["offset"])
        return rows[offset : offset + int(query["limit"])]

    def _entry(self, call):
        entry = {"id": call["id"], "receivedAt": to_wire_time(call["received"]), "state": {"vocab": call["state"]}}
        entry |= {"urgency": 2 if "很急" in (call["text"] or "") else 1, "homeArea": "urn:ngsi-ld:Area:9"}
        entry |= {"caller": call["caller"]}
        if call["assigned"]:
            entry["assigned"] = call["assigned"]
        if call["on_site"]:
            entry["onSiteAt"] = to_wire_time(call["on_site"])
        if call["state"] == "cancelled" and not call["assigned"]:
            entry["shortage"] = {"json": {"bindingStep": "idleBeforeDeadline"}}
        return entry

    def _press(self, who, said, key):
        if key in self.keys:
            call = self.calls[self.keys[key]]
            return 200, {"id": call["id"], "number": "N", "state": call["state"], "watch": "w"}
        number = f"urn:ngsi-ld:ServiceCall:9:{len(self.calls):04d}"
        now = self.clock.now_us()
        self.calls[number] = {
            "id": number,
            "caller": who,
            "kind": said["kind"],
            "text": said.get("text"),
            "place": {"lon": said["lon"], "lat": said["lat"]},
            "state": "triaged",
            "state_at": now,
            "received": now,
            "assigned": "",
            "on_site": 0,
            "stars": None,
        }
        self.keys[key] = number
        return 201, {"id": number, "number": "N", "state": "received", "watch": "w"}

    def _step(self, call, step, said):
        if self.refuse.get(step, 0) > 0:
            self.refuse[step] -= 1
            return 409, {"type": "x/NotNow", "detail": "not now"}
        now = self.clock.now_us()
        if step in MOVES:
            before, after = MOVES[step]
            if call["state"] != before:
                return 409, {"type": "x/NotNow", "detail": call["state"]}
            call |= {"state": after, "state_at": now}
            call["on_site"] = now if step == "arrive" else call["on_site"]
        elif step == "cancel":
            if call["state"] in ("onSite", "done", "confirmed", "cancelled"):
                return 409, {"type": "x/NotNow", "detail": call["state"]}
            call["state"] = "cancelled"
        elif step == "confirm":
            if call["state"] != "done":
                return 409, {"type": "x/NotNow", "detail": call["state"]}
            call["state"] = "confirmed"
        elif step == "rate":
            call["stars"] = said["stars"]
        return 200, self._view(call)

    def _accept(self, offer, who):
        assert offer["helper"] == who
        if offer["answer"] != "open":
            return 409, {"type": "x/OfferGone", "detail": "gone"}
        call = self.calls[offer["call"]]
        offer["answer"] = "accepted"
        call |= {"state": "accepted", "assigned": who}
        return 200, {"call": self._view(call)}

    def _mine(self, who):
        mine = [c for c in self.calls.values() if c["assigned"] == who]
        call = next((c for c in mine if c["state"] in ("accepted", "enRoute", "onSite")), None)
        offer = next((o for o in self.offers.values() if o["helper"] == who and o["answer"] == "open"), None)
        lon, lat = self.entities[who]["position"]["value"]["coordinates"]
        return {
            "id": who,
            "position": {"lon": lon, "lat": lat},
            "call": self._view(call) if call else None,
            "offer": {"id": offer["id"], "sentAt": to_wire_time(offer["sent"])} if offer else None,
        }

    def _view(self, call):
        times = {"receivedAt": to_wire_time(call["received"]), "stateAt": to_wire_time(call["state_at"])}
        return {"id": call["id"], "state": call["state"], "place": call["place"], "helper": None, **times}

    def _path(self, call):
        lon, lat = self.entities[call["assigned"]]["position"]["value"]["coordinates"]
        goal = [call["place"]["lon"], call["place"]["lat"]]
        return {"path": {"type": "LineString", "coordinates": [[lon, lat], goal]}, "seconds": self.way_seconds}


class LiveTinyNode(TinyNode):
    """The same with a clock that runs by itself, and a live stream of offers that breaks off whenever it is told to."""

    def __init__(self, start_us: int, *, speed: float, **wishes) -> None:
        super().__init__(start_us, **wishes)
        self.clock = FastClock(start_us, speed)
        self.changed = asyncio.Condition()
        self.breaks = 0
        self.streams: list[str | None] = []

    async def __call__(self, scope, receive, send) -> None:
        if scope["path"] == "/api/live":
            await self._stream(dict(scope["headers"]), send)
            return
        await super().__call__(scope, receive, send)
        self._match()
        async with self.changed:
            self.changed.notify_all()

    async def until(self, true) -> None:
        """Return when `true()` holds; every request is a reason to look again."""
        async with asyncio.timeout(60), self.changed:
            await self.changed.wait_for(true)

    async def _stream(self, headers, send) -> None:
        after = headers.get(b"last-event-id")
        self.streams.append(after.decode() if after else None)
        await send({"type": "http.response.start", "status": 200, "headers": []})
        told = int(after) if after else 0
        while True:
            async with self.changed:
                await self.changed.wait_for(lambda told=told: len(self.offers) > told)
            told = len(self.offers)
            event = b"id: %d\nevent: change\ndata: {}\n\n" % told
            await send({"type": "http.response.body", "body": event, "more_body": True})
            if self.breaks > 0:
                self.breaks -= 1
                await send({"type": "http.response.body", "body": b""})
                return

    def answer(self, method, parts, *rest):
        status, content = super().answer(method, parts, *rest)
        return (200, content | {"speed": self.clock.speed}) if parts == ["api", "node"] else (status, content)
