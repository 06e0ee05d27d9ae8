"""`Dispatch`: the room as others see it: started and stopped by the app, asked by the web."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping
from typing import Any

from linli.base import Clock, Ids, code_of_scope
from linli.broker import Broker
from linli.trust import Act, NodeSecret, Policies

from ._areas import Areas
from ._asks import Kinds, Reach
from ._commands import Commands, Rooms
from ._driver import ENGINE, Driver
from ._machine import Machine
from ._policy import Tuning
from ._request import CallRequest, Placed
from ._straight import StraightReach
from ._views import Views


class Dispatch:
    """Calls come in, helpers are asked, and everything about them can be seen."""

    def __init__(  # noqa: PLR0917 - the rooms below, in the order of their floors
        self,
        broker: Broker,
        allow: Policies,
        reach: Reach | None,
        kinds: Kinds,
        clock: Clock,
        ids: Ids,
        secret: NodeSecret,
        *,
        policy: str = "open",
        home_scope: str,
        tuning: Tuning | None = None,
    ) -> None:
        """Join the rooms below; without a map (`reach` None) ways are straight lines with a detour."""
        self.policy = policy
        reach = reach or StraightReach()
        home_node = "urn:ngsi-ld:Area:" + (code_of_scope(home_scope) or "000000")
        areas = Areas(broker, ENGINE)
        machine = Machine(kinds, reach, policy=policy, tuning=tuning)
        rooms = Rooms(broker, allow, reach, kinds, clock, ids, secret, areas, home_scope, home_node)
        self._driver = Driver(broker, machine, clock, ids=ids, areas=areas, home_node=home_node)
        self._commands = Commands(rooms, self._driver)
        self._views = Views(rooms, self._driver, self._commands)
        self._task: asyncio.Task[None] | None = None

    # the engine

    async def start(self) -> None:
        """Take up everything that is open and go on by itself from here."""
        await self._driver.turn()
        self._task = asyncio.create_task(self._driver.run(), name="dispatch")

    async def stop(self) -> None:
        """Stop between two commits; nothing is lost."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
            self._task = None

    async def settled(self) -> None:
        """Return when everything that follows from the log so far is decided and committed."""
        await self._driver.settle()

    async def run_due(self) -> None:
        """Do what is due at this moment of the clock, and everything that follows from it."""
        await self._driver.turn()
        await self._driver.settle()

    async def next_due_us(self) -> int | None:
        """Return when something falls due next: a timer, or a tick while somebody waits."""
        return await self._driver.next_due_us()

    async def behind(self) -> int:
        """Return how far the engine stands behind the head of the log; 0 when all is done."""
        return await self._driver.behind()

    # what people do

    async def place_call(self, act: Act, request: CallRequest) -> Placed:
        """Take a press; see Commands.place_call."""
        return await self._commands.place_call(act, request)

    async def take_step(self, act: Act, call_id: str, step: str, body: Mapping[str, Any]) -> None:
        """Take a step of a call: cancel, depart, arrive, finish, confirm, rate, reopen, acknowledge, offer, falseAlarm."""
        await self._commands.take_step(act, call_id, step, body)

    async def accept(self, act: Act, offer_id: str) -> str:
        """Take an offered call and return its id; see Commands.accept."""
        return await self._commands.accept(act, offer_id)

    async def decline(self, act: Act, offer_id: str, reason: str = "") -> None:
        """Say no to an offer; see Commands.decline."""
        await self._commands.decline(act, offer_id, reason)

    async def move_helper(self, act: Act, helper_id: str, lon: object, lat: object) -> None:
        """Take a helper's position; see Commands.move_helper."""
        await self._commands.move_helper(act, helper_id, lon, lat)

    async def set_duty(self, act: Act, helper_id: str, state: str) -> None:
        """Put a helper on duty, off duty or to rest; see Commands.set_duty."""
        await self._commands.set_duty(act, helper_id, state)

    # what people see

    async def call_view(self, act: Act, call_id: str) -> dict[str, Any]:
        """Show one call as the asker may see it; see Views.call."""
        return await self._views.call(act, call_id)

    async def calls_view(self, act: Act, *, state: str = "open", limit: int = 50, offset: int = 0) -> dict[str, Any]:
        """List the calls that the asker may see; see Views.calls."""
        return await self._views.calls(act, state=state, limit=limit, offset=offset)

    async def candidates(self, act: Act, call_id: str) -> dict[str, Any]:
        """Show a worker who could go; see Views.candidates."""
        return await self._views.candidates(act, call_id)

    async def helper_view(self, act: Act, helper_id: str) -> dict[str, Any]:
        """Show a helper what concerns him; see Views.helper."""
        return await self._views.helper(act, helper_id)
