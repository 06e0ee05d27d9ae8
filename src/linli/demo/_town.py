"""The simulated people. Each knows only what the public doors tell him, and does only what a person could do.

A caller presses, waits, cancels when nobody has come in time, confirms and sometimes rates. A helper looks at an
offer, accepts, leaves, rides along the streets, arrives, serves and finishes. Whatever comes next for somebody stands
on the agenda; who takes the steps off it (a headless run, a live demo) decides how time passes.

Two short cuts stand for a telephone that rings: the list of open offers tells which helpers have one (each then asks
his own page), and a caller or a helper is told at once when the other one ended the call.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from linli.base import MINUTE_US, Point, from_wire_time
from linli.client import Client

from ._agenda import Agenda
from ._district import District, HelperPlan
from ._presses import Course, Press, course, think_us
from ._seat import OPERATOR, Seat, Settle, at_once
from ._trip import Trip

BEFORE_ARRIVAL = frozenset({"received", "triaged", "offered", "accepted", "enRoute", "noProvider", "reopened"})
LATE_REASON = "等了一个小时没有人来 (nobody came within the hour)"
CALLERS_MIN = 50
PAGE = 1000
SEEN_MAX = 20_000


@dataclass(slots=True)
class Worker:
    """One simulated helper. `call` is the call he works on, `trip` his way to it."""

    plan: HelperPlan
    seat: Seat
    call: str = ""
    trip: Trip | None = None

    def step_name(self, step: str) -> str:
        """Return the name of a step of his on the agenda."""
        return f"helper {self.plan.index:05d} {step}"


@dataclass(slots=True)
class Case:
    """One call as its caller sees it. `key`: the index of the press, or the call's id when nobody knows the index."""

    id: str
    key: int | str
    seat: Seat
    reached: bool = False

    def step_name(self, step: str) -> str:
        """Return the name of a step of the caller on the agenda."""
        return f"call {self.key:>6} {step}"


@dataclass
class Town:
    """All simulated people of a district, over one line to the node.

    `move_every_us`: how often a helper on his way tells where he is; None = half way and on arrival only.
    `settle`: awaited after every single request.
    """

    door: Client
    district: District
    start_us: int
    now_us: Callable[[], int]
    move_every_us: int | None = None
    settle: Settle = at_once
    agenda: Agenda = field(default_factory=Agenda)
    workers: dict[str, Worker] = field(default_factory=dict)
    cases: dict[str, Case] = field(default_factory=dict)
    ears_open: bool = True
    pressed: int = 0
    joined: int = 0
    _seen: dict[str, None] = field(default_factory=dict)
    _callers: dict[int, list[str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Give every simulated helper a seat; those steered by hand stay with whoever signs in as them."""
        self.office = Seat(self.door, OPERATOR, self.settle)
        for plan in self.district.helpers:
            if not plan.by_hand:
                self.workers[plan.id] = Worker(plan, Seat(self.door, plan.id, self.settle))

    # callers

    def plan_press(self, press: Press, base_us: int) -> None:
        """Put a press on the agenda."""
        self.agenda.put(base_us + press.after_us, f"call {press.index:>6} press", partial(self.press, press))

    async def press(self, press: Press) -> None:
        """Press, unless this very press arrived before a restart: then go on from where the call is."""
        seat = Seat(self.door, self.caller_of(press), self.settle)
        key = f"demo-{self.district.seed}-{press.index}"
        placed = await seat.ask(
            lambda client: client.place_call(
                press.kind, press.place.lon, press.place.lat, mouth="app", text=press.text, key=key
            )
        )
        self.pressed += 1
        self.ears_open = True
        if placed.id in self.cases:
            self.joined += 1
            return
        case = Case(placed.id, press.index, seat)
        self.cases[case.id] = case
        if placed.new:
            self._wait_for_help(case, self.now_us())
        else:
            self.take_over(case, await seat.ask(lambda client: client.call(case.id)))

    def caller_of(self, press: Press) -> str:
        """Return who presses: in each community another household for each call, as long as there are enough."""
        callers = self._callers.get(press.community)
        if callers is None:
            turns = [one.turn for one in self.district.presses if one.community == press.community]
            callers = self.district.callers(press.community, max(CALLERS_MIN, len(turns)))
            self._callers[press.community] = callers
        return callers[press.turn % len(callers)]

    def take_over(self, case: Case, call: dict[str, Any]) -> None:
        """Go on as the caller of a call that was placed earlier."""
        if call["state"] in BEFORE_ARRIVAL:
            self._wait_for_help(case, from_wire_time(call["receivedAt"]))
        elif call["state"] == "onSite":
            case.reached = True
        elif call["state"] == "done":
            self._confirm_soon(case)

    async def give_up(self, case: Case) -> None:
        """Cancel a call that nobody has reached in time: it counts as missed and is dropped."""
        if case.reached:
            return
        call = await case.seat.ask(lambda client: client.call(case.id))
        if call["state"] not in BEFORE_ARRIVAL:
            return
        if await case.seat.try_to(lambda client: client.cancel(case.id, LATE_REASON)) is None:
            return
        del self.cases[case.id]
        self.ears_open = True
        for worker in self.workers.values():
            if worker.call == case.id:
                await self.look(worker)

    async def confirm(self, case: Case) -> None:
        """Confirm that the helper was there, and perhaps rate him."""
        stars = self._course(case.id).stars
        done = await case.seat.try_to(lambda client: client.confirm(case.id))
        if done is not None and stars is not None:
            await case.seat.try_to(lambda client: client.rate(case.id, stars))
        del self.cases[case.id]

    def _wait_for_help(self, case: Case, received_us: int) -> None:
        missed_us = round(self.district.scenario.calls.missed_after_min * MINUTE_US)
        self.agenda.put(received_us + missed_us, case.step_name("give up"), partial(self.give_up, case))

    def _confirm_soon(self, case: Case) -> None:
        confirm_us = self.now_us() + self._course(case.id).confirm_us
        self.agenda.put(confirm_us, case.step_name("confirm"), partial(self.confirm, case))

    # helpers

    async def listen(self) -> None:
        """Let every simulated helper who has a new open offer look at his page."""
        self.ears_open = False
        offers = await self.office.ask(
            lambda client: client.entities(
                "Offer", q='answer=="open"', attrs=("helper",), limit=PAGE, purpose="service"
            )
        )
        for offer in sorted(offers, key=lambda one: str(one["id"])):
            worker = self.workers.get(str(offer.get("helper")))
            if worker is not None and offer["id"] not in self._seen:
                self._seen[offer["id"]] = None
                await self.look(worker)
        while len(self._seen) > SEEN_MAX:
            del self._seen[next(iter(self._seen))]

    async def look(self, worker: Worker) -> None:
        """Look at his own page and go on from what it says: a call, an offer, or nothing."""
        mine = await worker.seat.ask(lambda client: client.helper_me())
        call, offer = mine.get("call"), mine.get("offer")
        if call is not None:
            if call["id"] != worker.call:
                await self._go_on(worker, call, mine)
            return
        if worker.call:
            await self._stop_where_he_is(worker)
        if offer is not None:
            think = think_us(self.district.seed, worker.plan.index, offer["sentAt"])
            step = partial(self.accept, worker, offer["id"])
            self.agenda.put(self.now_us() + think, worker.step_name("accept"), step)

    async def accept(self, worker: Worker, offer_id: str) -> None:
        """Accept; when the offer is gone meanwhile, nothing comes of it."""
        call = await worker.seat.try_to(lambda client: client.accept(offer_id))
        if call is None:
            await self.look(worker)
            return
        worker.call = call["id"]
        self._leave_soon(worker, call)

    async def depart(self, worker: Worker, call: dict[str, Any]) -> None:
        """Set out, and ask the map for the way."""
        if worker.call != call["id"]:
            return
        left = await worker.seat.try_to(lambda client: client.depart(call["id"]))
        if left is None:
            await self.look(worker)
            return
        await self._ride(worker, left)

    async def move(self, worker: Worker, call_id: str) -> None:
        """Tell where he is on his way."""
        if worker.call != call_id or worker.trip is None:
            return
        place = worker.trip.at(self.now_us())
        await worker.seat.ask(lambda client: client.move(worker.plan.id, place.lon, place.lat))
        if self.move_every_us is not None:
            self._move_later(worker, worker.trip, call_id, self.now_us() + self.move_every_us)

    async def arrive(self, worker: Worker, call_id: str, goal: Point) -> None:
        """Be there, and begin to serve."""
        if worker.call != call_id:
            return
        await worker.seat.ask(lambda client: client.move(worker.plan.id, goal.lon, goal.lat))
        there = await worker.seat.try_to(lambda client: client.arrive(call_id, goal.lon, goal.lat))
        if there is None:
            await self.look(worker)
            return
        if call_id in self.cases:
            self.cases[call_id].reached = True
        worker.trip = None
        self._finish_at(worker, call_id, self.now_us() + self._course(call_id).service_us)

    async def finish(self, worker: Worker, call_id: str) -> None:
        """Be done; the caller sees it and confirms some minutes later."""
        if worker.call != call_id:
            return
        worker.call = ""
        await worker.seat.try_to(lambda client: client.finish(call_id))
        self.ears_open = True
        case = self.cases.get(call_id)
        if case is not None:
            self._confirm_soon(case)

    async def _go_on(self, worker: Worker, call: dict[str, Any], mine: dict[str, Any]) -> None:
        """Go on with a call that he accepted before a restart."""
        worker.call = call["id"]
        if call["state"] == "accepted":
            self._leave_soon(worker, call)
        elif call["state"] == "enRoute":
            await self._ride(worker, call, mine.get("position"))
        elif call["state"] == "onSite":
            since_us = from_wire_time(call["stateAt"])
            end_us = since_us + self._course(call["id"]).service_us
            self._finish_at(worker, call["id"], max(self.now_us(), end_us))

    async def _ride(self, worker: Worker, call: dict[str, Any], position: dict[str, float] | None = None) -> None:
        goal = Point(call["place"]["lon"], call["place"]["lat"])
        known = position or (call.get("helper") or {}).get("position")
        start = Point(known["lon"], known["lat"]) if known else worker.plan.place
        answer = await worker.seat.ask(lambda client: client.path(call["id"]))
        trip = Trip.along(self.now_us(), answer, start, goal, self.district.scenario.helpers.speed_km_h)
        worker.trip = trip
        half_us = (trip.begun_us + trip.ends_us) // 2
        first_us = half_us if self.move_every_us is None else trip.begun_us + self.move_every_us
        self._move_later(worker, trip, call["id"], first_us)
        step = partial(self.arrive, worker, call["id"], goal)
        self.agenda.put(trip.ends_us, worker.step_name("arrive"), step)

    async def _stop_where_he_is(self, worker: Worker) -> None:
        """The call is gone: stand still on the way, and say where."""
        trip, worker.call, worker.trip = worker.trip, "", None
        if trip is not None:
            place = trip.at(self.now_us())
            await worker.seat.ask(lambda client: client.move(worker.plan.id, place.lon, place.lat))

    def _leave_soon(self, worker: Worker, call: dict[str, Any]) -> None:
        leave_us = self.now_us() + self._course(call["id"]).leave_us
        self.agenda.put(leave_us, worker.step_name("depart"), partial(self.depart, worker, call))

    def _move_later(self, worker: Worker, trip: Trip, call_id: str, at_us: int) -> None:
        if at_us < trip.ends_us:
            self.agenda.put(at_us, worker.step_name("move"), partial(self.move, worker, call_id))

    def _finish_at(self, worker: Worker, call_id: str, at_us: int) -> None:
        self.agenda.put(at_us, worker.step_name("finish"), partial(self.finish, worker, call_id))

    def _course(self, call_id: str) -> Course:
        case = self.cases.get(call_id)
        return course(self.district.scenario, self.district.seed, call_id if case is None else case.key)
