"""What people do to a call, an offer or a helper: each one commit inside the request, decided on what stands now.

Every step asks trust first, then whether the asker is on the right side of the call (caller, helper, worker), then
whether the call's state permits it (NotNow), and is written bound to the versions on which this was decided. A lost
race is decided again; only who answered an offer too late is told so (OfferGone).
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar
from weakref import WeakValueDictionary

from linli.base import MINUTE_US, SECOND_US, Clock, Ids, Point, call_number, checked_point, distance_m, to_wire_time
from linli.base.errors import BadRequestData, Conflict, NotAllowed, NotNow, OfferGone, ResourceNotFound, UnknownKind
from linli.broker import Broker, Draft, Plain
from linli.trust import FOREVER_US, Act, NodeSecret, Policies, Principal, Thing, Verb

from ._areas import Areas
from ._asks import Kinds, Mode, Reach
from ._deeds import Deeds, Sheet
from ._driver import ENGINE, Driver
from ._entities import KIND_PREFIX, OPEN_STATES, TAKEN, WAITING, Call, Offer
from ._machine import CLOSE_US, MakeOffer
from ._request import CallRequest, Placed, said

MERGE_US = 120 * SECOND_US
SAME_PLACE_M = 50.0
CONFIRM_US = 24 * 60 * MINUTE_US
REOPEN_US = 15 * 24 * 60 * MINUTE_US
RACES_MAX = 8
KEYS_KEPT = 10_000
#: who presses for other people, from one desk for many places
STAFF = frozenset({"community_worker", "seat", "officer", "dispatcher", "operator", "engine"})
BEFORE_DOOR = WAITING | {"accepted", "enRoute"}
DUTIES = ("ready", "off", "rest")

T = TypeVar("T")
Step = Callable[[Act, Call, Mapping[str, Any], Deeds], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Rooms:
    """What the commands stand on."""

    broker: Broker
    allow: Policies
    reach: Reach
    kinds: Kinds
    clock: Clock
    ids: Ids
    secret: NodeSecret
    areas: Areas
    home_scope: str
    home_node: str


class Commands:
    """The steps that people take."""

    def __init__(self, rooms: Rooms, driver: Driver) -> None:
        """Write through the broker; offers by hand are decided together with the driver."""
        self._rooms = rooms
        self._driver = driver
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._merged: OrderedDict[str, str] = OrderedDict()
        self._steps: dict[str, tuple[frozenset[str], frozenset[str], Step]] = {
            "cancel": (frozenset({"caller", "worker"}), BEFORE_DOOR, self._cancel),
            "depart": (frozenset({"helper", "worker"}), frozenset({"accepted"}), self._depart),
            "arrive": (frozenset({"helper", "worker"}), frozenset({"accepted", "enRoute"}), self._arrive),
            "take": (frozenset({"worker"}), WAITING, self._take),
            "finish": (frozenset({"helper", "worker"}), frozenset({"onSite", "accepted"}), self._finish),
            "confirm": (frozenset({"caller", "worker"}), frozenset({"done"}), self._confirm),
            "rate": (frozenset({"caller"}), frozenset({"done", "confirmed", "closed"}), self._rate),
            "reopen": (frozenset({"caller", "worker"}), frozenset({"done", "confirmed", "closed"}), self._reopen),
            "acknowledge": (frozenset({"worker"}), WAITING | TAKEN, self._acknowledge),
            "falseAlarm": (frozenset({"helper", "worker"}), BEFORE_DOOR | {"onSite"}, self._false_alarm),
        }

    # the press

    async def place_call(self, act: Act, request: CallRequest) -> Placed:
        """Take a press; it is safe on disk when this returns.

        Raises: UnknownKind, OffMap, NotAllowed, BadRequestData.
        """
        if request.kind not in self._rooms.kinds.kinds:
            way_out = self._rooms.kinds.way_out(request.kind)
            raise UnknownKind(f"kind: {request.kind[:60]} is not offered here; {way_out}")
        place = checked_point(request.lon, request.lat)
        self._rooms.reach.node_at(place.lon, place.lat, "ebike")
        caller = act.who.id if ":" in act.who.id else f"caller:{act.who.id}"
        lock = self._locks.setdefault(caller, asyncio.Lock())
        async with lock:
            key = self._rooms.secret.blind(f"{caller}|{request.key}") if request.key else ""
            known = await self._known_press(key) or await self._merged_press(act, caller, request, place, key)
            return known or await self._new_call(act, caller, request, place, key)

    async def _known_press(self, key: str) -> Placed | None:
        """Return the call that this very press made before."""
        if not key:
            return None
        if key in self._merged and (plain := await self._rooms.broker.read(ENGINE, self._merged[key])):
            return Placed.of(plain)
        found = await self._rooms.broker.read_all(ENGINE, "ServiceCall", keys={"pressKey": [key]})
        return Placed.again(found[0]) if found else None

    async def _merged_press(self, act: Act, caller: str, request: CallRequest, place: Point, key: str) -> Placed | None:
        """Join a second press within two minutes to the open call of the first."""
        since = self._rooms.clock.now_us() - MERGE_US
        keys = {"caller": [caller], "state": OPEN_STATES}
        for plain in await self._rooms.broker.read_all(ENGINE, "ServiceCall", keys=keys):
            call = Call.read(plain)
            same = (call.kind, call.for_whom) == (request.kind, request.for_whom) and call.received_us >= since
            if not same or (act.who.role in STAFF and distance_m(call.place, place) > SAME_PLACE_M):
                continue
            if key:
                self._merged[key] = call.id
                if len(self._merged) > KEYS_KEPT:
                    self._merged.popitem(last=False)
            more = Draft(call.id, "ServiceCall", {"presses": call.presses + 1})
            written = await self._rooms.broker.write(_writer(act), [more])
            return Placed.of(written[call.id])
        return None

    async def _new_call(self, act: Act, caller: str, request: CallRequest, place: Point, key: str) -> Placed:
        rooms, now = self._rooms, self._rooms.clock.now_us()
        home = await rooms.areas.community_at(place)
        scopes = home.scopes if home else (rooms.home_scope,)
        call_id = rooms.ids.new("ServiceCall", now)
        self._must(act, "place", Thing("ServiceCall", scopes, (caller,)))
        kind = rooms.kinds.kind(request.kind, scopes=scopes)
        if kind is None:
            raise UnknownKind(
                f"kind: {request.kind[:60]} is not offered in this community; GET /api/kinds lists what is."
            )
        values: dict[str, Any] = {
            "number": call_number(call_id),
            "serviceKind": KIND_PREFIX + request.kind,
            "packVersion": kind.pack_version,
            "urgency": kind.urgency,
            "mouth": request.mouth,
            "caller": caller,
            "place": {"type": "Point", "coordinates": [round(place.lon, 7), round(place.lat, 7)]},
            "receivedAt": to_wire_time(now),
            "homeNode": rooms.home_node,
            "state": "received",
            "stateAt": to_wire_time(now),
            "presses": 1,
            "timeline": [{"at": to_wire_time(now // SECOND_US * SECOND_US), "what": "received"}],
            "seq": 1,
        }
        if home is not None:
            values |= {"homeArea": home.id, "inArea": home.id}
        optional = {"forWhom": request.for_whom, "text": request.text, "saidAt": request.said_at, "pressKey": key}
        values |= {name: value for name, value in optional.items() if value}
        draft = Draft(call_id, "ServiceCall", values, scopes=scopes, expect_version=0)
        written = await rooms.broker.write(_writer(act), [draft], at_us=now)
        return Placed.of(written[call_id], new=True)

    # offers

    async def accept(self, act: Act, offer_id: str) -> str:
        """Take the offered call; return its id.

        Raises: OfferGone: answered, timed out, withdrawn, or for somebody else. ResourceNotFound: not his to know of.
        """

        async def once(deeds: Deeds) -> str:
            offer, call = await self._open_offer(act, offer_id)
            now = deeds.now_us
            if call.state not in WAITING:
                raise OfferGone
            answered = {"answer": "accepted", "answeredAt": to_wire_time(now)}
            deeds.drafts.append(Draft(offer.id, "Offer", answered, expect_version=offer.version))
            deeds.drafts.append(Draft(offer.helper, "Helper", {"dutyState": "busy"}))
            deeds.drop_timers.append((offer.id, "offer_timeout"))
            deeds.drop_call_timers(call, rungs=len(self._driver.machine.ladder(call)))
            sheet = deeds.sheet(call)
            sheet.values |= {
                "assigned": offer.helper,
                "offeredTo": None,
                "shortage": None,
                "acceptedAt": to_wire_time(now),
                "etaAt": to_wire_time((now // SECOND_US + offer.eta_s) * SECOND_US),
                "crossing": bool(offer.why.get("border")),
                "why": dict(offer.why),
            }
            sheet.enter("accepted", now, who=offer.helper)
            return call.id

        return await self._raced(act, once)

    async def decline(self, act: Act, offer_id: str, reason: str = "") -> None:
        """Say no to an offer; the next one is asked at once.

        Raises: OfferGone, ResourceNotFound.
        """

        async def once(deeds: Deeds) -> None:
            offer, call = await self._open_offer(act, offer_id)
            deeds.end_offer(offer, call, "declined", reason=reason)

        await self._raced(act, once)

    async def _open_offer(self, act: Act, offer_id: str) -> tuple[Offer, Call]:
        plain = await self._rooms.broker.read(ENGINE, offer_id)
        if plain is None or plain.type != "Offer":
            raise ResourceNotFound("There is no such offer.")
        offer = Offer.read(plain)
        thing = Thing("Offer", plain.scopes, offered=(offer.helper,))
        if not self._may(act, "act", thing):
            self._rooms.broker.refused(act, "act", thing)
            raise ResourceNotFound("There is no such offer.")
        if act.who.id != offer.helper and act.who.role not in ("operator", "engine"):
            raise OfferGone  # the desk sees it, and asks another by hand instead
        if offer.answer != "open" or offer.expires_us <= self._rooms.clock.now_us():
            raise OfferGone
        return offer, await self._call(offer.call)

    async def offer_by_hand(self, act: Act, call_id: str, helper_id: str, reason: str) -> None:
        """A worker asks a helper of his own choice; the reason is kept beside the match.

        Raises: NotNow: the call is taken, or the helper is not free. BadRequestData: no reason, unknown helper.
        """
        if not helper_id or not reason.strip():
            raise BadRequestData("helper, reason: name the helper and say why him.")
        async with self._driver.deciding:

            async def once(deeds: Deeds) -> None:
                call = await self._call(call_id)
                if "worker" not in self._sides(act, call):
                    self._rooms.broker.refused(act, "act", thing_of(call))
                    raise NotAllowed("Only a worker of this area offers by hand.")
                if call.state not in WAITING:
                    raise NotNow("Somebody has this call already.")
                await self._ask_by_hand(deeds, act, call, helper_id, reason.strip()[:500])

            await self._raced(act, once)

    async def _ask_by_hand(self, deeds: Deeds, act: Act, call: Call, helper_id: str, reason: str) -> None:
        machine, now = self._driver.machine, deeds.now_us
        if machine.kind(call).desk:
            raise NotNow("The desk does this itself: take it.")
        slot = machine.roster.slot.get(helper_id)
        if slot is None:
            raise BadRequestData("helper: there is no such helper.")
        for plain in await self._open_offers(call):
            if plain.values["helper"] == helper_id:
                raise NotNow("This helper is being asked for this call already.")
            deeds.end_offer(Offer.read(plain), None, "withdrawn")
            deeds.sheet(call).note("withdrawn", now, who=plain.values["helper"])
        if not machine.roster.ready[slot] or machine.roster.busy[slot]:
            raise NotNow("This helper is not free at the moment.")
        travel_s = round((self.minutes_between(helper_id, call) or 0) * 60)
        mode: Mode = machine.roster.helpers[helper_id].mode
        by_hand = {"role": act.who.role, "reason": reason}
        why: dict[str, Any] = {
            "skill": list(machine.kind(call).skills),
            "travel": travel_s,
            "mode": mode,
            "waited": (now - call.received_us) // SECOND_US,
            "border": not bool(machine.roster.covers(call.home)[slot]),
            "homeCommunity": call.home,
            "byHand": by_hand,
        }
        open_us = round(machine.kind(call).offer_open_min * MINUTE_US)
        deeds.make_offer(MakeOffer(call, helper_id, travel_s, mode, now + open_us, why))

    def minutes_between(self, helper_id: str, call: Call) -> float | None:
        """Return the minutes from a helper to a call, None when there is no way or no position."""
        roster, reach = self._driver.machine.roster, self._rooms.reach
        slot, helper = roster.slot.get(helper_id), roster.helpers.get(helper_id)
        if slot is None or helper is None or roster.node[slot] < 0:
            return None
        to = reach.node_at(*call.place, helper.mode)
        minutes = float(reach.minutes(to, [int(roster.node[slot])], 240.0, helper.mode)[0])
        return None if minutes != minutes else minutes  # noqa: PLR0124 - nan is not itself

    async def _open_offers(self, call: Call) -> list[Plain]:
        keys = {"call": [call.id], "answer": ["open"]}
        return await self._rooms.broker.read_all(ENGINE, "Offer", keys=keys)

    # steps of a call

    async def take_step(self, act: Act, call_id: str, step: str, body: Mapping[str, Any]) -> None:
        """Take one of the steps of a call: cancel, depart, arrive, finish, confirm, rate, reopen, acknowledge, offer.

        Raises: NotNow: the state does not permit it. NotAllowed, ResourceNotFound, BadRequestData.
        """
        if step == "offer":
            await self.offer_by_hand(act, call_id, said(body, "helper", 300), said(body, "reason", 500))
            return
        if step not in self._steps:
            raise ResourceNotFound("There is no such step.")
        sides, states, change = self._steps[step]

        async def once(deeds: Deeds) -> None:
            call = await self._call(call_id)
            if not sides & self._sides(act, call):
                self._rooms.broker.refused(act, "act", thing_of(call))
                raise NotAllowed("This step is not yours to take.")
            if call.state not in states or not self._fits(step, call):
                raise NotNow(f"This cannot be done while the call is {call.state}.")
            await change(act, call, body, deeds)

        await self._raced(act, once)

    def steps_for(self, act: Act, call: Call) -> list[str]:
        """Return the steps that the asker may take now."""
        sides = self._sides(act, call, must=False)
        now = self._rooms.clock.now_us()
        steps = [
            name
            for name, (who, states, _) in self._steps.items()
            if sides & who and call.state in states and self._fits(name, call)
        ]
        if call.done_us and call.done_us + REOPEN_US < now and "reopen" in steps:
            steps.remove("reopen")
        if call.acknowledged and "acknowledge" in steps:
            steps.remove("acknowledge")
        if "falseAlarm" in steps and "worker" not in sides and call.state != "onSite":
            steps.remove("falseAlarm")
        if "worker" in sides and call.state in WAITING and not self._driver.machine.kind(call).desk:
            steps.append("offer")
        return steps

    def _fits(self, step: str, call: Call) -> bool:
        """Tell whether a step is one of the call's kind: what the desk does nobody travels to, and it takes itself."""
        if self._driver.machine.kind(call).desk:
            return step not in ("depart", "arrive", "acknowledge")
        return step != "take" and (step != "finish" or call.state == "onSite")

    async def _take(self, act: Act, call: Call, _: Mapping[str, Any], deeds: Deeds) -> None:
        """The desk takes up what it does itself."""
        deeds.drop_call_timers(call, rungs=len(self._driver.machine.ladder(call)))
        sheet = deeds.sheet(call)
        sheet.values |= {"ackAt": to_wire_time(deeds.now_us), "acceptedAt": to_wire_time(deeds.now_us)}
        sheet.enter("accepted", deeds.now_us, role=act.who.role)

    async def _cancel(self, _: Act, call: Call, body: Mapping[str, Any], deeds: Deeds) -> None:
        sheet = await self._end(call, deeds)
        if reason := said(body, "reason", 500):
            sheet.values["cancelReason"] = reason
        sheet.enter("cancelled", deeds.now_us)

    async def _false_alarm(self, act: Act, call: Call, body: Mapping[str, Any], deeds: Deeds) -> None:
        if not self.is_desk(act, call) and call.state != "onSite":
            raise NotNow("Only whoever has met the person can say that it was a false alarm.")
        sheet = await self._end(call, deeds)
        if reason := said(body, "reason", 500):
            sheet.values["cancelReason"] = reason
        sheet.enter("falseAlarm", deeds.now_us)

    async def _end(self, call: Call, deeds: Deeds) -> Sheet:
        """Let go of whoever is asked or on the way."""
        for plain in await self._open_offers(call):
            deeds.end_offer(Offer.read(plain), None, "withdrawn")
        if call.assigned:
            deeds.free(await self._helper_values(call.assigned), call.assigned)
        deeds.drop_call_timers(call, "deadline", "finish_by", rungs=len(self._driver.machine.ladder(call)))
        sheet = deeds.sheet(call)
        sheet.values |= {"offeredTo": None, "closedAt": to_wire_time(deeds.now_us)}
        return sheet

    async def _depart(self, _: Act, call: Call, __: Mapping[str, Any], deeds: Deeds) -> None:
        sheet = deeds.sheet(call)
        sheet.values["departedAt"] = to_wire_time(deeds.now_us)
        sheet.enter("enRoute", deeds.now_us)

    async def _arrive(self, _: Act, call: Call, body: Mapping[str, Any], deeds: Deeds) -> None:
        if body.get("lon") is not None:
            at = checked_point(body.get("lon"), body.get("lat"))
            deeds.drafts.append(Draft(call.assigned, "Helper", {"position": _geometry(at)}))
        deeds.drop_call_timers(call, "deadline")
        sheet = deeds.sheet(call)
        sheet.values["onSiteAt"] = to_wire_time(deeds.now_us)
        sheet.enter("onSite", deeds.now_us)

    async def _finish(self, _: Act, call: Call, body: Mapping[str, Any], deeds: Deeds) -> None:
        if call.assigned:
            deeds.free(await self._helper_values(call.assigned), call.assigned)
        deeds.drop_call_timers(call, "finish_by")
        ask_us = 0 if self._driver.machine.kind(call).confirm == "none" else CONFIRM_US
        deeds.timer(call, "confirm", deeds.now_us + ask_us)
        sheet = deeds.sheet(call)
        sheet.values["doneAt"] = to_wire_time(deeds.now_us)
        if note := said(body, "note", 1000):
            sheet.values["doneNote"] = note
        sheet.enter("done", deeds.now_us)

    async def _confirm(self, _: Act, call: Call, __: Mapping[str, Any], deeds: Deeds) -> None:
        deeds.drop_call_timers(call, "confirm")
        deeds.timer(call, "close", deeds.now_us + CLOSE_US)
        sheet = deeds.sheet(call)
        sheet.values |= {"confirmedAt": to_wire_time(deeds.now_us), "byTimeout": False}
        sheet.enter("confirmed", deeds.now_us)

    async def _rate(self, _: Act, call: Call, body: Mapping[str, Any], deeds: Deeds) -> None:
        stars = body.get("stars")
        if isinstance(stars, bool) or not isinstance(stars, int) or not 1 <= stars <= 5:
            raise BadRequestData("stars: a whole number from 1 to 5.")
        sheet = deeds.sheet(call)
        sheet.values |= {"rating": stars, "ratingText": said(body, "text", 1000) or None}
        sheet.note("rated", deeds.now_us, stars=stars)

    async def _reopen(self, _: Act, call: Call, body: Mapping[str, Any], deeds: Deeds) -> None:
        if call.done_us + REOPEN_US < deeds.now_us:
            raise NotNow("This was finished too long ago; place a new call.")
        deeds.drop_call_timers(call, "confirm", "close")
        sheet = deeds.sheet(call)
        cleared = ("assigned", "acceptedAt", "departedAt", "onSiteAt", "doneAt", "confirmedAt", "closedAt", "byTimeout")
        sheet.values |= dict.fromkeys((*cleared, "ackAt", "etaAt", "crossing", "why"))
        sheet.values |= {"reopened": call.reopened + 1, "escalationLevel": 0, "offers": None}
        if reason := said(body, "reason", 500):
            sheet.values["reopenReason"] = reason
        sheet.enter("reopened", deeds.now_us)

    async def _acknowledge(self, act: Act, call: Call, _: Mapping[str, Any], deeds: Deeds) -> None:
        if call.acknowledged:
            return
        sheet = deeds.sheet(call)
        sheet.values["ackAt"] = to_wire_time(deeds.now_us)
        sheet.note("acknowledged", deeds.now_us, role=act.who.role)

    # helpers

    async def move_helper(self, act: Act, helper_id: str, lon: object, lat: object) -> None:
        """Take a helper's position.

        Raises: NotAllowed, ResourceNotFound, BadRequestData.
        """
        at = checked_point(lon, lat)
        await self.own_helper(act, helper_id)
        await self._rooms.broker.write(_writer(act), [Draft(helper_id, "Helper", {"position": _geometry(at)})])

    async def set_duty(self, act: Act, helper_id: str, state: str) -> None:
        """Put a helper on duty, off duty or to rest; who is on his way stays busy until he has finished.

        Raises: NotAllowed, ResourceNotFound, BadRequestData.
        """
        if state not in DUTIES:
            raise BadRequestData(f"state: one of {', '.join(DUTIES)}.")
        await self.own_helper(act, helper_id)
        keys = {"assigned": [helper_id], "state": sorted(TAKEN)}
        working = await self._rooms.broker.read_all(ENGINE, "ServiceCall", keys=keys)
        duty = "busy" if working and state == "ready" else state
        await self._rooms.broker.write(_writer(act), [Draft(helper_id, "Helper", {"dutyState": duty})])

    async def own_helper(self, act: Act, helper_id: str) -> Plain:
        """Return a helper whose place and duty the asker may change. Raises: ResourceNotFound."""
        plain = await self._rooms.broker.read(ENGINE, helper_id)
        if plain is None or plain.type != "Helper":
            raise ResourceNotFound("There is no such helper.")
        thing = Thing("Helper", plain.scopes, (helper_id,))
        if not self._may(act, "act", thing):
            self._rooms.broker.refused(act, "act", thing)
            raise ResourceNotFound("There is no such helper.")
        return plain

    # inside

    async def _raced(self, act: Act, once: Callable[[Deeds], Awaitable[T]]) -> T:
        """Decide and write; when somebody was faster, decide again on what stands then."""
        for _ in range(RACES_MAX):
            deeds = Deeds(self._rooms.ids, self._rooms.clock.now_us(), self._rooms.home_node)
            answer = await once(deeds)
            drafts = deeds.all_drafts()
            if not drafts:
                return answer
            try:
                await self._rooms.broker.write(
                    _writer(act),
                    drafts,
                    set_timers=deeds.set_timers,
                    drop_timers=deeds.drop_timers,
                    at_us=deeds.now_us,
                )
            except Conflict:
                continue
            return answer
        raise Conflict

    async def _call(self, call_id: str) -> Call:
        plain = await self._rooms.broker.read(ENGINE, call_id)
        if plain is None or plain.type != "ServiceCall":
            raise ResourceNotFound("There is no such call.")
        return Call.read(plain)

    async def _helper_values(self, helper_id: str) -> Mapping[str, Any] | None:
        plain = await self._rooms.broker.read(ENGINE, helper_id)
        return plain.values if plain is not None else None

    def _must(self, act: Act, verb: Verb, thing: Thing) -> None:
        if not self._may(act, verb, thing):
            self._rooms.broker.refused(act, verb, thing)
            raise NotAllowed

    def _may(self, act: Act, verb: Verb, thing: Thing) -> bool:
        return self._rooms.allow.allows(act, verb, thing).ok

    def is_desk(self, act: Act, call: Call) -> bool:
        """Tell whether the asker takes steps for everybody where a call is, whoever else he may be in it."""
        return self._may(act, "act", Thing("ServiceCall", call.scopes))

    def _sides(self, act: Act, call: Call, *, must: bool = True) -> frozenset[str]:
        """Return on which sides of the call the asker stands.

        Raises: ResourceNotFound: he may not even know that it exists.
        """
        if not self._may(act, "act", thing_of(call)):
            if must:
                self._rooms.broker.refused(act, "act", thing_of(call))
                raise ResourceNotFound("There is no such call.")
            return frozenset()
        who, sides = act.who.id, set()
        mine = (call.caller, call.for_whom, call.id)
        if who in mine or f"caller:{who}" == call.caller or (act.for_whom and act.for_whom in mine):
            sides.add("caller")
        if who == call.assigned:
            sides.add("helper")
        if self.is_desk(act, call):
            sides.add("worker")
        if act.who.role in ("operator", "engine"):
            sides |= {"caller", "helper"}
        return frozenset(sides)


def thing_of(call: Call) -> Thing:
    """Return what trust needs to know of a call: whose it is, who is asked, who comes, and whether it has ended."""
    owners = tuple(filter(None, (call.id, call.caller, call.for_whom)))
    workers = (call.assigned,) if call.assigned else ()
    until_us = call.done_us or call.closed_us or FOREVER_US
    return Thing("ServiceCall", call.scopes, owners, offered=call.offered_to, workers=workers, until_us=until_us)


def _writer(act: Act) -> Act:
    """Return the act by which a step is written once it is allowed: in the log it stands under the asker's own id."""
    return Act(Principal(act.who.id, "engine", ("/",)), act.purpose or "service", act.tenant)


def _geometry(at: Point) -> dict[str, Any]:
    return {"type": "Point", "coordinates": [round(at.lon, 7), round(at.lat, 7)]}
