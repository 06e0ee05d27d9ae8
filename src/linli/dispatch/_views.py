"""What people see of calls, offers and helpers, as JSON: in plain words of both languages, and to each only his share.

An exact place and what the caller wrote are shown to him, to the worker of his area, and to the helper from acceptance;
before that a helper sees the community and the minutes. Helpers are shown to callers by a form of address, never by
full name; other helpers who were considered are shown to workers only.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import structlog

from linli.base import DEGREE_M, SECOND_US, from_wire_time, to_wire_time
from linli.base.errors import Busy, InvalidRequest, NotAllowed, ResourceNotFound, StoreFailed
from linli.broker import Looks, Plain
from linli.trust import FULL, Act

from . import _reasons, _wording
from ._commands import CONFIRM_US, Commands, Rooms, thing_of
from ._driver import ENGINE, Driver
from ._entities import OPEN_STATES, OVER, TAKEN, WAITING, Call, Helper, Offer

CANDIDATES_MAX = 30
ALL_STATES = frozenset((*WAITING, *TAKEN, *OVER))

_log = structlog.get_logger("dispatch")


class Views:
    """Everything that is shown."""

    def __init__(self, rooms: Rooms, driver: Driver, commands: Commands) -> None:
        """Show what stands in the broker, with what the machine knows."""
        self._rooms = rooms
        self._driver = driver
        self._commands = commands

    # calls

    async def call(self, act: Act, call_id: str) -> dict[str, Any]:
        """Show one call as the asker may see it.

        Raises: ResourceNotFound: there is none, or none that he may know of.
        """
        plain = await self._rooms.broker.read(ENGINE, call_id)
        if plain is None or plain.type != "ServiceCall":
            raise ResourceNotFound("There is no such call.")
        call = Call.read(plain)
        self._must_see(act, call)
        looks = _looks(act)
        view = await self._call(looks, call, plain.values)
        await self._witness(looks, "read")
        return view

    async def calls(self, act: Act, *, state: str, limit: int, offset: int) -> dict[str, Any]:
        """List the calls that the asker may see, newest first.

        Raises: InvalidRequest: no such state.
        """
        if state not in ("open", "all") and state not in ALL_STATES:
            raise InvalidRequest("state: open, all, or the name of a state.")
        states = {"open": OPEN_STATES, "all": ()}.get(state, (state,))
        found = [one for one in await self._listed(act, states) if self._may_list(act, one)]
        found.sort(key=lambda one: (one.values["receivedAt"], one.id), reverse=True)
        page = found[offset : offset + limit]
        looks = _looks(act)
        views = [await self._call(looks, Call.read(one), one.values) for one in page]
        await self._witness(looks, "list")
        return {"calls": views, "total": len(found)}

    async def _listed(self, act: Act, states: tuple[str, ...]) -> list[Plain]:
        keys: dict[str, tuple[str, ...]] = {"state": states} if states else {}
        read_all = self._rooms.broker.read_all
        if self._rooms.allow.own_only(act, "list", "ServiceCall"):
            found: dict[str, Plain] = {}
            for owner in ("caller", "forWhom", "assigned", "offeredTo"):
                for one in await read_all(ENGINE, "ServiceCall", keys={**keys, owner: (act.who.id,)}):
                    found[one.id] = one
            return list(found.values())
        return await read_all(ENGINE, "ServiceCall", keys=keys)

    def _may_list(self, act: Act, plain: Plain) -> bool:
        return self._rooms.allow.allows(act, "read", thing_of(Call.read(plain))).ok

    async def _witness(self, looks: Looks, action: str) -> None:
        """Write down who was shown where somebody is. Where that cannot be written, help must come all the same."""
        try:
            await self._rooms.broker.shown(looks, action)
        except (Busy, StoreFailed) as error:
            _log.error("dispatch.look.unwritten", actor=looks.act.who.id, calls=looks.entities, reason=error.message)

    async def _call(self, looks: Looks, call: Call, values: Mapping[str, Any]) -> dict[str, Any]:
        act = looks.act
        steps = self._commands.steps_for(act, call)
        kind = self._driver.machine.kind(call)
        shown = self._sees(act, call)
        offer = await self._open_offer(call)
        helper = await self._helper_of(call)
        why = values.get("why") if call.assigned else (offer.why if offer else None)
        home = await self._rooms.areas.named(call.home)
        view: dict[str, Any] = {
            "id": call.id,
            "number": values["number"],
            "kind": call.kind,
            "title": kind.title,
            "icon": kind.icon,
            "urgency": call.urgency,
            "state": call.state,
            "stateAt": values["stateAt"],
            "receivedAt": values["receivedAt"],
            "dueArrive": values.get("dueArrive"),
            "dueDone": values.get("dueDone"),
            "dueRule": values.get("dueRule"),
            "escalationLevel": call.level,
            "presses": call.presses,
            "mouth": values["mouth"],
            "homeArea": home,
            "helper": await self._helper_shown(call, helper, shown, values.get("etaAt")),
            "crossing": values.get("crossing"),
            "why": _why_shown(why, shown),
            "whyText": _wording.why(
                why, self._rooms.kinds.skills, await self._from_area(offer, helper), home["name"] if home else None
            ),
            "shortage": call.shortage,
            "shortageText": _wording.shortage(call.shortage, kind.title, self._now()),
            "next": _wording.following(call, self._following_facts(call, offer, values)),
            "offer": await self._offer_shown(offer, shown),
            "offersTried": len(call.offers) - (offer is not None),
            "can": steps,
            "timeline": [_wording.timeline_row(row) for row in call.timeline],
            "rating": values.get("rating"),
            "acknowledged": call.acknowledged,
        }
        if "place" in shown:
            view["place"] = {"lon": call.place.lon, "lat": call.place.lat}
            view["text"] = call.text
            self._look(looks, call)
        if "all" in shown:
            view["person"] = call.for_whom or call.caller
        return view

    def _look(self, looks: Looks, call: Call) -> None:
        """Take in that a call's place and text are shown, unless to somebody whose own call it is."""
        thing = thing_of(call)
        if looks.act.who.id in thing.owners:
            return
        looks.add(
            call.id,
            (thing.type,),
            call.scopes,
            persons=(call.for_whom or call.caller,),
            classes=("personal", "sensitive"),
            policy=self._rooms.allow.allows(looks.act, "read", thing).policy,
        )

    def _sees(self, act: Act, call: Call) -> frozenset[str]:
        """Return which shares of a call the asker sees: `place` (and text), `names` (who comes), `all` (ids, candidates)."""
        shown = self._rooms.allow.allows(act, "read", thing_of(call)).shown
        if shown != FULL:
            return frozenset()
        return frozenset({"place", "names", "all"} if self._commands.is_desk(act, call) else {"place", "names"})

    async def _open_offer(self, call: Call) -> Offer | None:
        if not call.offered_to or not call.offers:
            return None
        plain = await self._rooms.broker.read(ENGINE, call.offers[-1])
        offer = Offer.read(plain) if plain is not None else None
        return offer if offer is not None and offer.answer == "open" else None

    async def _helper_of(self, call: Call) -> Plain | None:
        return await self._rooms.broker.read(ENGINE, call.assigned) if call.assigned else None

    async def _helper_shown(
        self, call: Call, plain: Plain | None, shown: frozenset[str], eta_at: str | None
    ) -> dict[str, Any] | None:
        if plain is None:
            return None
        helper = Helper.read(plain)
        view: dict[str, Any] = {
            "name": _wording.called(helper.name, helper.role, helper.badge) if "names" in shown else None,
            "badge": helper.badge,
            "organization": await self._organization(helper.organization),
            "area": await self._rooms.areas.named(helper.area),
            "position": None,
            "etaSeconds": None,
            "etaAt": eta_at if call.state in TAKEN else None,
            "mode": helper.mode,
        }
        if "all" in shown:
            view["id"] = helper.id
        if call.state in TAKEN and "names" in shown and helper.place is not None:
            view["position"] = {"lon": helper.place.lon, "lat": helper.place.lat}
        if eta_at and call.state in ("accepted", "enRoute"):
            view["etaSeconds"] = max(0, (from_wire_time(eta_at) - self._now()) // SECOND_US)
        return view

    async def _organization(self, organization_id: str) -> dict[str, str] | None:
        plain = await self._rooms.broker.read(ENGINE, organization_id) if organization_id else None
        if plain is None:
            return None
        name = plain.values.get("name")
        if isinstance(name, Mapping):
            return dict(name)
        legal = str(plain.values.get("legalName") or "")
        return {"zh": legal, "en": legal} if legal else None

    async def _from_area(self, offer: Offer | None, helper: Plain | None) -> dict[str, str] | None:
        """Return the name of the community from which the helper comes."""
        if helper is None and offer is not None:
            helper = await self._rooms.broker.read(ENGINE, offer.helper)
        area = await self._rooms.areas.named(str(helper.values.get("inArea") or "")) if helper else None
        return area["name"] if area else None

    async def _offer_shown(self, offer: Offer | None, shown: frozenset[str]) -> dict[str, Any] | None:
        if offer is None:
            return None
        plain = await self._rooms.broker.read(ENGINE, offer.helper)
        helper = Helper.read(plain) if plain is not None else None
        named = helper is not None and "names" in shown
        return {
            "id": offer.id,
            "rank": offer.rank,
            "sentAt": to_wire_time(offer.sent_us),
            "expiresAt": to_wire_time(offer.expires_us),
            "helperName": _wording.called(helper.name, helper.role, helper.badge) if helper and named else None,
            "eta": offer.eta_s,
        }

    def _following_facts(self, call: Call, offer: Offer | None, values: Mapping[str, Any]) -> dict[str, Any]:
        """Return what comes next and when: {"at_us", "to"}."""
        if offer is not None:
            return {"at_us": offer.expires_us}
        if call.state in ("accepted", "enRoute") and values.get("etaAt"):
            return {"at_us": from_wire_time(values["etaAt"])}
        if call.state == "done":
            return {"at_us": call.done_us + CONFIRM_US}
        machine = self._driver.machine
        if machine.kind(call).desk and call.state in TAKEN | WAITING:
            taken = call.state in TAKEN
            return {
                "desk": "taken" if taken else "waiting",
                "at_us": call.done_due_us if taken and call.done_due_us else None,
            }
        ladder = machine.ladder(call)
        told = sum(row.get("what") == "escalated" for row in call.timeline)
        facts: dict[str, Any] = {"told": ladder[told - 1].to if 0 < told <= len(ladder) else ""}
        if call.state in WAITING and told < len(ladder):
            due = machine.begun_us(call) + ladder[told].after_s * SECOND_US
            facts |= {"at_us": max(due, self._now()), "to": ladder[told].to}
        return facts

    def _must_see(self, act: Act, call: Call) -> None:
        thing = thing_of(call)
        if not self._rooms.allow.allows(act, "read", thing).ok:
            self._rooms.broker.refused(act, "read", thing)
            raise ResourceNotFound("There is no such call.")

    # candidates

    async def candidates(self, act: Act, call_id: str) -> dict[str, Any]:
        """Show a worker who could go now, the nearest first, and how many could not, by reason.

        Raises: NotAllowed: only workers choose. ResourceNotFound.
        """
        plain = await self._rooms.broker.read(ENGINE, call_id)
        if plain is None or plain.type != "ServiceCall":
            raise ResourceNotFound("There is no such call.")
        call = Call.read(plain)
        self._must_see(act, call)
        if not self._commands.is_desk(act, call):
            self._rooms.broker.refused(act, "act", thing_of(call))
            raise NotAllowed("Only a worker of this area sees who could go.")
        machine, now = self._driver.machine, self._now()
        sight = machine.sight(call, now)
        slots = _reasons.nearest_first(sight, machine.roster).tolist()
        home = machine.roster.covers(call.home)
        listed = []
        for slot in slots[:CANDIDATES_MAX]:
            helper = machine.roster.helpers[machine.roster.ids[slot]]
            listed.append(
                {
                    "helper": helper.id,
                    "name": _wording.called(helper.name, helper.role, helper.badge),
                    "organization": await self._organization(helper.organization),
                    "area": await self._rooms.areas.named(helper.area),
                    "minutes": round(float(sight.seconds[slot]) / 60, 1),
                    "crossing": not bool(home[slot]),
                    "dutyState": helper.duty,
                    "skills": sorted(helper.skills),
                }
            )
        return {"candidates": listed, "excluded": _reasons.excluded(sight)}

    # helpers

    async def helper(self, act: Act, helper_id: str) -> dict[str, Any]:
        """Show a helper what concerns him: duty, shift, who asks for him, where he goes.

        Raises: ResourceNotFound: there is none, or none of the asker's own.
        """
        plain = await self._commands.own_helper(act, helper_id)
        helper = Helper.read(plain)
        shift = self._driver.machine.roster.shift_of(helper_id, self._now())
        read_all = self._rooms.broker.read_all
        offers = await read_all(ENGINE, "Offer", keys={"helper": [helper_id], "answer": ["open"]})
        calls = await read_all(ENGINE, "ServiceCall", keys={"assigned": [helper_id], "state": sorted(TAKEN)})
        looks = _looks(act)
        call = await self._call(looks, Call.read(calls[0]), calls[0].values) if calls else None
        await self._witness(looks, "read")
        return {
            "id": helper.id,
            "name": helper.name,
            "dutyState": helper.duty,
            "mode": helper.mode,
            "position": {"lon": helper.place.lon, "lat": helper.place.lat} if helper.place else None,
            "shift": {"from": to_wire_time(shift.from_us), "to": to_wire_time(shift.to_us)} if shift else None,
            "area": await self._rooms.areas.named(helper.area),
            "offer": await self._asked(Offer.read(offers[0]), helper) if offers else None,
            "call": call,
        }

    async def _asked(self, offer: Offer, helper: Helper) -> dict[str, Any] | None:
        plain = await self._rooms.broker.read(ENGINE, offer.call)
        if plain is None:
            return None
        call = Call.read(plain)
        kind = self._driver.machine.kind(call)
        area, home = await self._rooms.areas.named(helper.area), await self._rooms.areas.named(call.home)
        return {
            "id": offer.id,
            "expiresAt": to_wire_time(offer.expires_us),
            "sentAt": to_wire_time(offer.sent_us),
            "kind": call.kind,
            "title": kind.title,
            "icon": kind.icon,
            "urgency": call.urgency,
            "minutes": round(offer.eta_s / 60, 1),
            "distanceM": _beeline_m(call, helper),
            "homeArea": home,
            "crossing": bool(offer.why.get("border")),
            "whyText": _wording.why(
                offer.why, self._rooms.kinds.skills, area["name"] if area else None, home["name"] if home else None
            ),
        }

    def _now(self) -> int:
        return self._rooms.clock.now_us()


def _looks(act: Act) -> Looks:
    """Return what takes in whom an answer shows; who works on calls need not say what for."""
    return Looks(replace(act, purpose=act.purpose or "service"))


def _why_shown(why: Mapping[str, Any] | None, shown: frozenset[str]) -> dict[str, Any] | None:
    """Return the reason; other helpers who were considered only to those who see all."""
    if not why:
        return None
    return {name: value for name, value in why.items() if name != "nextBest" or "all" in shown}


def _beeline_m(call: Call, helper: Helper) -> int | None:
    """Return the distance in metres, rounded so that it gives no address away before acceptance."""
    if helper.place is None:
        return None
    north = (call.place.lat - helper.place.lat) * DEGREE_M
    east = (call.place.lon - helper.place.lon) * DEGREE_M * float(np.cos(np.radians(call.place.lat)))
    return round(float(np.hypot(north, east)) / 100) * 100
