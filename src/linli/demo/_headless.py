"""Headless runs: the whole job as fast as the machine allows, one request at a time, the same again by seed.

City time goes on to the next due moment only when every reader of the log is at its head and no request is open. What
the node has due at a moment comes before what people do at it; people go by time, then by name.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Protocol

from linli.client import Client

from ._district import District
from ._summary import summary
from ._town import Town

IDLE_ROUNDS_MAX = 10_000

Progress = Callable[[int, int], None]


class Pacer(Protocol):
    """What moves the city's time; the command line gives it, for a node in its own process."""

    def now_us(self) -> int:
        """Return the city's time."""
        ...

    async def settle(self) -> None:
        """Return when all readers of the log stand at its head."""
        ...

    async def next_due_us(self) -> int | None:
        """Return when the node itself wants to be woken next, or None."""
        ...

    async def advance_to(self, at_us: int, /) -> None:
        """Move the city's time on, let what is due happen, and settle."""
        ...


async def run_headless(
    door: Client,
    district: District,
    pacer: Pacer,
    *,
    start_us: int,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Run all calls of the scenario to their end and return the summary.

    `start_us`: when the run began; later than that, the run goes on from where the node stands.
    `progress` is told how many calls were pressed, and of how many.
    Raises: RuntimeError: the node keeps asking to be woken at one moment without getting on.
    """
    began = time.perf_counter()
    town = Town(door, district, start_us, pacer.now_us, settle=pacer.settle)
    for press in district.presses:
        town.plan_press(press, start_us)
    await _all_look(town, pacer)
    await _to_the_end(town, pacer, progress)
    result = await summary(town)
    result["run_wall_ms"] = round((time.perf_counter() - began) * 1000)
    return result


async def _all_look(town: Town, pacer: Pacer) -> None:
    """Take the presses that are past (they arrived already, or could not), then let every helper look at his page."""
    while (due_us := town.agenda.next_us()) is not None and due_us <= pacer.now_us():
        await town.agenda.take().step()
    for worker in town.workers.values():
        await town.look(worker)
    await town.listen()


async def _to_the_end(town: Town, pacer: Pacer, progress: Progress | None) -> None:
    told, rounds = -1, 0
    while (due_us := town.agenda.next_us()) is not None:
        node_due_us = await pacer.next_due_us()
        if node_due_us is not None and node_due_us <= due_us:
            rounds = rounds + 1 if node_due_us <= pacer.now_us() else 0
            if rounds > IDLE_ROUNDS_MAX:
                raise RuntimeError("The node wants to be woken at one moment again and again.")
            await pacer.advance_to(node_due_us)
            town.ears_open = True
        else:
            if due_us > pacer.now_us():
                await pacer.advance_to(due_us)
            await town.agenda.take().step()
        if town.ears_open:
            await town.listen()
        if progress is not None and town.pressed != told:
            told = town.pressed
            progress(told, len(town.district.presses))
