"""The live demo: the same people in real time, woken by the node's live stream, under a city clock that may run fast.

It never ends by itself. After a restart it takes over the calls that are open, and goes on pressing from now; when the
hours of the scenario are over they begin again, with other draws.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from dataclasses import dataclass, replace
from functools import partial

import structlog

from linli.base import MINUTE_US, SECOND_US, from_wire_time
from linli.client import Client, ClientProblem, NodeUnreachable

from ._agenda import Step
from ._district import District
from ._loading import load_shifts
from ._presses import presses
from ._seat import Seat
from ._town import BEFORE_ARRIVAL, PAGE, Case, Town
from ._wire import read_back

MOVE_WALL_S = 2.0
CLOCK_EVERY_S = 20.0
TOGETHER_MAX = 12
TRIES = 5
AGAIN_AFTER_S = (0.5, 1.0, 2.0, 5.0)
SHIFT_US = 10 * 60 * MINUTE_US
ROUND_SEEDS = 1_000_000

log = structlog.get_logger("demo")


@dataclass(slots=True)
class CityTime:
    """The city's time as the node tells it, carried on between two askings by the machine's own clock."""

    at_us: int
    speed: float
    asked: float

    @classmethod
    async def asked_of(cls, door: Client) -> CityTime:
        """Ask the node."""
        node = await door.node()
        return cls(from_wire_time(node["cityTime"]), float(node["speed"] or 1.0), time.monotonic())

    def now_us(self) -> int:
        """Return the city's time now."""
        return self.at_us + round((time.monotonic() - self.asked) * self.speed * SECOND_US)

    def wall_s_until(self, at_us: int) -> float:
        """Return the real seconds until a moment of the city."""
        return max(0.0, (at_us - self.now_us()) / SECOND_US / self.speed)

    def correct(self, other: CityTime) -> None:
        """Take over what was asked later, without ever going back."""
        now = self.now_us()
        self.at_us, self.speed, self.asked = max(now, other.now_us()), other.speed, time.monotonic()


async def run_live(door: Client, district: District, *, start_us: int, pressing: bool = True) -> None:
    """Let the simulated people live until this task is cancelled. `pressing` False: helpers only, nobody calls."""
    clock = await CityTime.asked_of(door)
    town = Town(door, district, start_us, clock.now_us, move_every_us=round(MOVE_WALL_S * clock.speed * SECOND_US))
    life = _Life(town, clock)
    await life.begin(pressing=pressing)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(life.hear())
        tasks.create_task(life.keep_time())
        tasks.create_task(life.go_on())


class _Life:
    """Agenda, ears and clock of the simulated people in a live demo."""

    def __init__(self, town: Town, clock: CityTime) -> None:
        self._town = town
        self._clock = clock
        self._news = False
        self._stirred = asyncio.Event()
        self._running: set[asyncio.Task[None]] = set()

    async def begin(self, *, pressing: bool) -> None:
        """Take over what is open, let every helper look, plan the next calls and shifts."""
        await self.renew_shifts()
        await self._take_over_calls()
        for worker in self._town.workers.values():
            await self._gently(partial(self._town.look, worker), worker.step_name("look"))
        if pressing:
            await self.plan_round()
        self._tell_news()

    async def hear(self) -> None:
        """Follow the live stream; when it breaks off, go on where it stood."""
        position: int | None = None
        failures = 0
        while True:
            try:
                line = await self._town.office.signed_in()
                async with contextlib.aclosing(line.live(types=("Offer",), after=position)) as events:
                    async for event in events:
                        position, failures = event.seq, 0
                        self._tell_news()
            except (NodeUnreachable, ClientProblem) as problem:
                self._town.office.leave()
                log.info("demo.live.broken", problem=str(problem))
            await asyncio.sleep(AGAIN_AFTER_S[min(failures, len(AGAIN_AFTER_S) - 1)])
            failures += 1
            self._tell_news()

    async def keep_time(self) -> None:
        """Ask for the city's time now and then."""
        while True:
            await asyncio.sleep(CLOCK_EVERY_S)
            with contextlib.suppress(NodeUnreachable, ClientProblem):
                self._clock.correct(await CityTime.asked_of(self._town.door))

    async def go_on(self) -> None:
        """Take what is due off the agenda, and listen whenever there is news."""
        agenda = self._town.agenda
        while True:
            await self._sleep_until(agenda.next_us())
            self._stirred.clear()
            if self._news:
                self._news = False
                await self._start(self._town.listen, "listen")
            while (due_us := agenda.next_us()) is not None and due_us <= self._clock.now_us():
                due = agenda.take()
                await self._start(due.step, due.name)

    # rounds of calls, shifts

    async def plan_round(self) -> None:
        """Plan the calls that are still to come in these hours of the scenario, and the planning of the next hours."""
        town, now_us = self._town, self._clock.now_us()
        scenario = town.district.scenario
        length_us = round(scenario.calls.hours * 60 * MINUTE_US)
        number = max(0, now_us - town.start_us) // length_us
        base_us = town.start_us + number * length_us
        for press in presses(scenario, town.district.territory, town.district.seed + number * ROUND_SEEDS):
            if base_us + press.after_us >= now_us:
                town.plan_press(replace(press, index=press.index + number * scenario.calls.count), base_us)
        town.agenda.put(base_us + length_us, "plan the next calls", self.plan_round)

    async def renew_shifts(self) -> None:
        """Put everybody on duty for the coming hours; the first shifts came with the district."""
        town = self._town
        number = max(0, self._clock.now_us() - town.start_us) // SHIFT_US
        if number:
            await load_shifts(town.door, town.district, town.start_us + number * SHIFT_US, number)
        town.agenda.put(town.start_us + (number + 1) * SHIFT_US, "renew the shifts", self.renew_shifts)

    async def _take_over_calls(self) -> None:
        """Become the caller of every open call that a simulated resident placed before a restart."""
        town = self._town
        question = "|".join(f'state=="{state}"' for state in (*sorted(BEFORE_ARRIVAL), "onSite", "done"))
        attrs = ("state", "receivedAt", "caller")
        found = await town.office.ask(
            lambda client: client.entities("ServiceCall", q=question, attrs=attrs, limit=PAGE, purpose="service")
        )
        for call in map(read_back, found):
            caller = str(call.get("caller", ""))
            if caller.startswith("urn:ngsi-ld:Resident:") and caller not in town.district.by_hand:
                case = Case(call["id"], call["id"], Seat(town.door, caller))
                town.cases[case.id] = case
                town.take_over(case, call)

    # steps

    def _tell_news(self) -> None:
        """Have the open offers listened to."""
        self._news = True
        self._stirred.set()

    async def _sleep_until(self, due_us: int | None) -> None:
        """Return at a moment of the city, or earlier when there is news or a step may have planned another one."""
        wait_s = None if due_us is None else self._clock.wall_s_until(due_us)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(wait_s):
                await self._stirred.wait()

    async def _start(self, step: Step, name: str) -> None:
        """Take a step beside others, at most some at a time."""
        while len(self._running) >= TOGETHER_MAX:
            await asyncio.wait(self._running, return_when=asyncio.FIRST_COMPLETED)
        task = asyncio.create_task(self._gently(step, name))
        self._running.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        """Look at the agenda again: what this step planned may be due before what was known when it began."""
        self._running.discard(task)
        self._stirred.set()

    async def _gently(self, step: Step, name: str, tries: int = TRIES) -> None:
        """Take a step; one that the node could not be reached for is taken again a little later."""
        try:
            await step()
        except NodeUnreachable as problem:
            log.info("demo.step.unreachable", step=name, problem=str(problem))
            if tries > 1:
                again_us = self._clock.now_us() + round(AGAIN_AFTER_S[-1] * self._clock.speed * SECOND_US)
                self._town.agenda.put(again_us, name, partial(self._gently, step, name, tries - 1))
        except Exception:
            log.exception("demo.step.failed", step=name)
