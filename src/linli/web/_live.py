"""Live: the change log as Server-Sent Events, each reader seeing only what is his to see.

One follower reads the log and wakes the streams; a stream keeps only its own position, so a slow reader holds up
nobody and fills no queue. The event's id is the log position: `Last-Event-ID` goes on exactly there.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass

from starlette.responses import StreamingResponse

from linli.base import write_json
from linli.base.errors import BadRequestData, Busy, LinliError
from linli.broker import Broker, Looks
from linli.store import LogRow
from linli.trust import Act

BEAT_S = 15.0
BEHIND_MAX = 20_000
STREAMS_MAX = 2_000

Observer = Callable[[Sequence[LogRow]], Awaitable[None]]
Still = Callable[[], Awaitable[bool]]


@dataclass(frozen=True, slots=True)
class Wish:
    """What a stream wants: types (empty = all), one entity (empty = all), areas (empty = all)."""

    types: frozenset[str] = frozenset()
    entity_id: str = ""
    scope: str = ""

    def wants(self, row: LogRow) -> bool:
        """Tell whether this row may be of interest, before anybody asks who may see it."""
        return (
            row.kind in ("create", "update", "delete")
            and (not self.types or row.type in self.types)
            and (not self.entity_id or row.entity_id == self.entity_id)
            and (not self.scope or row.scope.startswith(self.scope))
        )


class Live:
    """Follows the log for all streams of this process, and for observers inside it (figures)."""

    def __init__(self, broker: Broker) -> None:
        """Follow the log of this broker once `start` is called."""
        self._broker = broker
        self._observers: list[Observer] = []
        self._head = 0
        self._news = asyncio.Condition()
        self._task: asyncio.Task[None] | None = None
        self._streams = 0

    def observe(self, observer: Observer) -> None:
        """Hand every further row to `observer`, in order."""
        self._observers.append(observer)

    async def start(self) -> None:
        """Begin at the head of the log."""
        self._head = await self._broker.log.head()
        self._task = asyncio.create_task(self._follow(), name="live")

    async def stop(self) -> None:
        """End all streams and stop following."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None
        async with self._news:
            self._head = -1
            self._news.notify_all()

    async def settled(self) -> None:
        """Return when every observer has seen the head of the log."""
        head = await self._broker.log.head()
        async with self._news:
            await self._news.wait_for(lambda: self._head >= head or self._task is None)

    def stream(self, act: Act, wish: Wish, last_event_id: str | None, still: Still) -> StreamingResponse:
        """Return the event stream for one reader, which ends when `still` no longer holds: he signed out.

        Raises: BadRequestData: Last-Event-ID is not a log position. Busy: too many streams are open.
        """
        if self._streams >= STREAMS_MAX:
            raise Busy("Too many live pages are open on this node.")
        if last_event_id is not None and not last_event_id.isdecimal():
            raise BadRequestData("Last-Event-ID: send back the id of the last event, a whole number.")
        after = self._head if last_event_id is None else int(last_event_id)
        return StreamingResponse(
            self._events(act, wish, after, still),
            media_type="text/event-stream",
            headers={"cache-control": "no-store", "x-accel-buffering": "no"},
        )

    async def _follow(self) -> None:
        position = self._head
        while True:
            await self._broker.log.wait(position)
            rows = await self._broker.log.rows_since(position)
            if not rows:
                continue
            position = rows[-1].seq
            for observer in self._observers:
                await observer(rows)
            async with self._news:
                self._head = position
                self._news.notify_all()

    async def _events(self, act: Act, wish: Wish, position: int, still: Still) -> AsyncIterator[bytes]:
        self._streams += 1
        lately: dict[str, int] = {}
        try:
            yield b"retry: 2000\n: linli live\n\n"
            if position > self._head or self._head - position > BEHIND_MAX:
                position = self._head
                yield f"id: {position}\nevent: reset\ndata: {{}}\n\n".encode()
            while self._head >= 0:
                news = position < self._head or await self._wait(position)
                if not await still():
                    return
                if not news:
                    yield b": beat\n\n"
                    continue
                position, events = await self._batch(act, wish, position, lately)
                for event in events:
                    yield event
        finally:
            self._streams -= 1

    async def _wait(self, position: int) -> bool:
        try:
            async with asyncio.timeout(BEAT_S), self._news:
                await self._news.wait_for(lambda: self._head > position or self._head < 0)
        except TimeoutError:
            return False
        return True

    async def _batch(self, act: Act, wish: Wish, position: int, lately: dict[str, int]) -> tuple[int, list[bytes]]:
        rows = await self._broker.log.rows_since(position)
        if not rows:
            return position, []
        newest = {row.entity_id: row for row in rows if wish.wants(row)}
        events, looks = [], Looks(act)
        for row in sorted(newest.values(), key=lambda one: one.seq):
            seen = await self._visible(looks, row)
            if seen is not None:
                events.append(b"id: %d\nevent: change\ndata: %s\n\n" % (row.seq, write_json(seen)))
        await self._broker.shown(looks, "live", lately)
        return rows[-1].seq, events

    async def _visible(self, looks: Looks, row: LogRow) -> dict[str, object] | None:
        """Return the event for a row, or None when this reader may not know of it."""
        entity: object = None
        changed = list(row.attrs)
        if row.kind != "delete":
            try:
                entity, changed = await self._broker.get_news(looks.act, row.entity_id, row.attrs, looks=looks)
            except LinliError:
                return None
            if row.attrs and not changed:
                return None  # what changed is hidden from this reader, and so is that it did
        elif looks.act.who.role not in ("operator", "engine"):
            return None
        return {"seq": row.seq, "id": row.entity_id, "type": row.type, "attrs": changed, "entity": entity}
