"""Drives the machine: from the log behind a durable cursor into steps, from steps into commits.

    log row -> entity as it stands -> machine.step -> one commit of all actions with the cursor -> log row -> ...

A commit that loses a race is decided again on what stands now. The cursor is written with the actions; between them it
may lag, because reading rows twice changes nothing. At the start the machine is filled from what is open, then the log
is read on from the cursor, so a timer row that was not yet acted on fires exactly then. When a step fails for any other
reason, nothing of it was written: the machine is filled anew and the same rows come again, later and later, for ever.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
from collections.abc import Iterable, Sequence

import structlog

from linli.base import Clock, Ids
from linli.base.errors import BadRequestData, Conflict
from linli.broker import Broker, Plain
from linli.store import LogRow
from linli.trust import Act, Principal

from ._areas import Areas
from ._deeds import Deeds
from ._entities import OPEN_STATES, READERS, Call, Entity, Offer, read_entity
from ._machine import Event, Gone, Machine, Saw, TimerFired, changed_entities

READER = "dispatch"
ENGINE = Act(Principal("engine:dispatch", "engine", ("/",)), "service")
RACES_MAX = 20
ROWS_MAX = 500
SAVE_EVERY = 2000
BACKOFF_MAX_S = 5.0

log = structlog.get_logger("dispatch")


class Driver:
    """Feeds one machine from one broker's log. `turn` does what there is to do; `run` does it for ever."""

    def __init__(
        self, broker: Broker, machine: Machine, clock: Clock, *, ids: Ids, areas: Areas, home_node: str
    ) -> None:
        """Join a machine to a broker; nothing runs yet."""
        self.deciding = asyncio.Lock()
        self._broker = broker
        self._machine = machine
        self._fresh = machine.emptied
        self._clock = clock
        self._ids = ids
        self._areas = areas
        self._home_node = home_node
        self._seq = self._saved = 0
        self._filled = False
        self._again = False

    @property
    def machine(self) -> Machine:
        """The machine as it is now; it is replaced when it must be filled anew."""
        return self._machine

    async def fill(self) -> None:
        """Fill an empty machine with everything that is open, and stand at the durable cursor."""
        self._machine = machine = self._fresh()
        now = self._clock.now_us()
        read_all = self._broker.read_all
        self._seq = self._saved = await self._broker.log.cursor(READER)
        for entity_type in ("Shift", "Helper"):
            machine.take(now, *_read(await read_all(ENGINE, entity_type)))
        calls = _read(await read_all(ENGINE, "ServiceCall", keys={"state": OPEN_STATES}))
        offers = _read(await read_all(ENGINE, "Offer", keys={"answer": ["open"]}))
        asked = [one for call in calls if isinstance(call, Call) for one in call.offers]
        if asked:
            offers += _read(await read_all(ENGINE, "Offer", ids=asked))
        machine.take(now, *calls, *offers)
        self._filled = self._again = True

    async def turn(self) -> None:
        """Do everything there is to do at this moment of the clock."""
        async with self.deciding:
            if not self._filled:
                await self.fill()
            try:
                await self._turn()
            except BaseException:
                self._filled = False  # what the machine believes may be half of the truth: fill it anew
                raise

    async def settle(self) -> None:
        """Return when every row of the log is read and everything that follows from it is committed."""
        while self._again or not self._filled or self._seq < await self._broker.log.head():
            await self.turn()

    async def next_due_us(self) -> int | None:
        """Return when something falls due: a timer, or a tick while somebody waits."""
        moments = [await self._broker.log.next_due(), self._machine.next_wake_us()]
        return min((one for one in moments if one is not None), default=None)

    async def behind(self) -> int:
        """Return how many positions of the log are not read yet."""
        return max(0, await self._broker.log.head() - self._seq)

    async def run(self) -> None:
        """Turn whenever the log grows or something falls due, until cancelled."""
        failures = 0
        while True:
            try:
                await self.turn()
                failures = 0
                await self._wait()
            except Exception:
                failures += 1
                log.exception("dispatch.turn.failed", failures=failures, seq=self._seq)
                await asyncio.sleep(min(BACKOFF_MAX_S, 0.05 * 2**failures))

    async def _wait(self) -> None:
        due_us = await self.next_due_us()
        seconds = math.inf if due_us is None else self._clock.wall_seconds_until(due_us)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(None if math.isinf(seconds) else seconds):
                await self._broker.log.wait(self._seq)

    async def _turn(self) -> None:
        while True:
            now = self._clock.now_us()
            due = await self._broker.log.next_due()
            if due is not None and due <= now:
                await self._broker.log.claim_due(now)
            rows = await self._broker.log.rows_since(self._seq, limit=ROWS_MAX)
            events = await self._events(rows)
            wake = self._machine.next_wake_us()
            if events or self._again or self._machine.behind or (wake is not None and wake <= now):
                await self._step(events, rows[-1].seq if rows else self._seq)
                await asyncio.sleep(0)  # requests come before the next step
            if rows:
                self._seq = rows[-1].seq
                await self._save_at_times()
            elif not (self._again or self._machine.behind):
                return

    async def _step(self, events: Sequence[Event], seq: int) -> None:
        """Step, commit what the machine wants, and show it what it has done."""
        for _ in range(RACES_MAX):
            now = self._clock.now_us()
            actions = self._machine.step(now, *events)
            if not actions:
                self._again = False
                return
            deeds = Deeds(self._ids, now, self._home_node).add(actions)
            try:
                written = await self._broker.write(
                    ENGINE,
                    deeds.all_drafts(),
                    set_timers=deeds.set_timers,
                    drop_timers=deeds.drop_timers,
                    cursor=(READER, seq),
                    at_us=now,
                )
            except Conflict:
                events = await self._reread(events, changed_entities(actions))
                continue
            self._machine.take(now, *_read(written.values()))
            self._saved = seq
            self._again = True
            return
        raise Conflict(f"Lost {RACES_MAX} races in a row.")

    async def _save_at_times(self) -> None:
        """Write the cursor although nothing was decided, so that a start never reads many rows of others again."""
        if self._seq - self._saved >= SAVE_EVERY:
            await self._broker.write(ENGINE, [], cursor=(READER, self._seq))
            self._saved = self._seq

    async def _reread(self, events: Sequence[Event], entity_ids: set[str]) -> list[Event]:
        timers = [(event.name, event.entity.id) for event in events if isinstance(event, TimerFired)]
        ids = sorted(entity_ids | {entity_id for _, entity_id in timers})
        now = {one.id: one for one in _read(filter(None, [await self._broker.read(ENGINE, one) for one in ids]))}
        again: list[Event] = [event for event in events if not isinstance(event, TimerFired)]
        again += [Saw(entity) for entity in now.values()]
        for name, entity_id in timers:
            entity = now.get(entity_id)
            if isinstance(entity, Call | Offer):
                again.append(TimerFired(name, entity))
        return again

    async def _events(self, rows: Iterable[LogRow]) -> list[Event]:
        """Turn rows into what the machine understands: each entity once, as it stands now, then the timers in order."""
        gone: list[Event] = []
        seen: dict[str, None] = {}
        timers: list[LogRow] = []
        for row in rows:
            if row.type == "Area":
                self._areas.changed()
            if row.type not in READERS or row.kind == "audit":
                continue
            if row.kind == "delete":
                gone.append(Gone(row.type, row.entity_id))
            elif row.kind == "timer":
                timers.append(row)
                seen[row.entity_id] = None
            elif row.actor != ENGINE.who.id:  # what dispatch wrote itself it was shown right after the commit
                seen[row.entity_id] = None
        found = [await self._broker.read(ENGINE, entity_id) for entity_id in seen]
        entities = {one.id: one for one in _read(filter(None, found))}
        events: list[Event] = [*gone, *(Saw(entity) for entity in entities.values())]
        for row in timers:
            entity = entities.get(row.entity_id)
            if isinstance(entity, Call | Offer):
                events.append(TimerFired(row.attrs[0], entity))
        return events


def _read(plains: Iterable[Plain]) -> list[Entity]:
    """Read entities; one that others wrote in a way that dispatch cannot understand is said in the log and left out."""
    entities: list[Entity] = []
    for plain in plains:
        if plain.type not in READERS:
            continue
        try:
            entities.append(read_entity(plain))
        except (KeyError, TypeError, ValueError, BadRequestData) as error:
            log.warning("dispatch.entity.unreadable", id=plain.id, type=plain.type, fault=repr(error))
    return entities
