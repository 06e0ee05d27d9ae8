"""Telling subscribers: one mailbox a subscription, in order and at least once; a target that is down delays only its own.

A mailbox holds what is to be told and works through it one by one. What does not arrive is tried again, with growing
pauses, until it is too old. All mailboxes that lead to one host share its breaker: after some failures in a row one of
them tries, the others wait. A mailbox that is full takes nothing more and later reads the log again from where it
stopped, so it needs no memory however long a target is down.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import structlog

from linli.base import Clock, setting
from linli.base.errors import LinliError, Unreachable
from linli.egress import Egress

from ._counts import Counts
from ._noticing import headers_of, http_request, mqtt_payload
from ._subscription import Subscription
from ._via import Way, header_of

KEEP_S = setting(
    "notifications.keep_s", 3600.0, "How long a notification that does not arrive is tried again, in seconds."
)
QUEUE_MAX = 1000
BACKOFF_S, BACKOFF_MAX_S = 0.5, 60.0
FAILURES_MAX = 3
AT_ONCE = 8
#: answers that mean: not now
_LATER = frozenset({408, 425, 429})

log = structlog.get_logger("broker")


@dataclass(slots=True)
class Job:
    """What one write has to tell a subscriber. `news`: by what it is about; of equal ones the later counts.

    `way`: by which other brokers the write had come.
    """

    seq: int
    at_us: int
    news: dict[str, Any]
    way: Way = ()


#: writes the notification about some jobs; None: there is nothing to tell any more
Write = Callable[[Subscription, list[Job]], Awaitable[dict[str, Any] | None]]
#: reads the log again for a mailbox, from a position; returns the jobs and up to where it has read
Refill = Callable[[Subscription, int], Awaitable[tuple[list[Job], int, bool]]]


def pause_s(failures: int) -> float:
    """Return how long to wait after so many failures: longer each time, up to BACKOFF_MAX_S."""
    return min(BACKOFF_MAX_S, BACKOFF_S * float(1 << min(10, failures)))


class Target:
    """One host that is told things: a few at a time, and after FAILURES_MAX failures in a row only one."""

    def __init__(self) -> None:
        """Trust it at first."""
        self._gate = asyncio.Semaphore(AT_ONCE)
        self._failures = 0
        self._until_s = 0.0
        self._trying = False
        self._news = asyncio.Event()

    async def enter(self) -> bool:
        """Return when it may be asked, and whether that is the one question by which it is tried; then `leave`."""
        await self._gate.acquire()
        try:
            return await self._turn()
        except BaseException:
            self._gate.release()
            raise

    def leave(self, *, trying: bool, failed: bool | None) -> None:
        """Take in how it went; `failed` None: nobody knows."""
        self._gate.release()
        if failed and (trying or self._failures < FAILURES_MAX):
            self._failures += 1
            if self._failures >= FAILURES_MAX:
                self._until_s = asyncio.get_running_loop().time() + pause_s(self._failures - FAILURES_MAX)
        elif failed is False:
            self._failures = 0
        if trying:
            self._trying = False
            self._news.set()
            self._news = asyncio.Event()

    async def _turn(self) -> bool:
        """Return when it may be asked, and whether that is the one question by which it is tried."""
        while self._failures >= FAILURES_MAX:
            left_s = self._until_s - asyncio.get_running_loop().time()
            if left_s <= 0 and not self._trying:
                self._trying = True
                return True
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(left_s if left_s > 0 else None):
                    await self._news.wait()
        return False


class Post:
    """Carries notifications out."""

    def __init__(
        self, egress: Egress, clock: Clock, alias: Callable[[str], Awaitable[str]], keep_s: float = 3600.0
    ) -> None:
        """Send through `egress`, signed with this broker's alias in a tenant."""
        self.clock = clock
        self.keep_us = int(keep_s * 1_000_000)
        self._egress = egress
        self._alias = alias
        self._targets: dict[tuple[str, str, int], Target] = {}

    def target(self, uri: str) -> Target:
        """Return what stands for the host of an endpoint. Raises: BadRequestData: it may not be connected to."""
        return self._targets.setdefault(self._egress.origin(uri), Target())

    async def send(self, subscription: Subscription, letter: dict[str, Any], way: Way) -> bool:
        """Deliver a notification; return whether the receiver took it. Raises: Unreachable, BadRequestData."""
        via = header_of(way, await self._alias(subscription.act.tenant))
        endpoint, headers = subscription.endpoint, headers_of(subscription, via)
        if endpoint.is_mqtt:
            await self._egress.publish(
                endpoint.uri,
                mqtt_payload(headers, letter),
                qos=endpoint.qos,
                version=endpoint.version,
                timeout_s=endpoint.timeout_s,
            )
            return True
        response = await self._egress.send(http_request(endpoint, headers, letter))
        if response.status >= 500 or response.status in _LATER:
            raise Unreachable("The receiver cannot take it now.", status=response.status)
        return 200 <= response.status < 300


class Mailbox:
    """What is to be told to one subscriber, and how far that has come."""

    def __init__(
        self,
        subscription: Subscription,
        counts: Counts,
        post: Post,
        *,
        write: Write,
        refill: Refill,
        changed: Callable[[Mailbox], None],
    ) -> None:
        """Begin where `counts` ended. `changed` is called whenever the counts are others."""
        self.subscription = subscription
        self.counts = counts
        #: up to here everything is told or stands in the queue
        self.seen_seq = counts.seq
        self.resting = False
        self._post = post
        self._write = write
        self._refill = refill
        self._changed = changed
        self._queue: deque[Job] = deque()
        self._behind = False
        self._worker: asyncio.Task[None] | None = None
        self._poke = asyncio.Event()
        if subscription.interval_us is not None:
            self._start(self._beat)

    @property
    def idle(self) -> bool:
        """Whether nothing is left to tell."""
        return not self._queue and not self._behind

    @property
    def done_seq(self) -> int:
        """The position before the first thing that is still to be told."""
        return self._queue[0].seq - 1 if self._queue else self.seen_seq

    @property
    def oldest_us(self) -> int:
        """When the first thing was written that is still to be told; 0 when that is not known."""
        return self._queue[0].at_us if self._queue else 0

    def push(self, job: Job) -> None:
        """Take in what is to be told next; a full mailbox remembers only that there is more."""
        if job.seq <= self.seen_seq or self._behind:
            return
        if len(self._queue) >= QUEUE_MAX:
            self._behind = True
        else:
            self.seen_seq = job.seq
            self._queue.append(job)
        self._start(self._work)

    def replace(self, subscription: Subscription) -> None:
        """Go on with another form of the subscription."""
        beats = subscription.interval_us is not None
        if beats != (self.subscription.interval_us is not None):
            self._stop()
        self.subscription = subscription
        self.wake()
        if beats:
            self._start(self._beat)

    def wake(self) -> None:
        """Look again at what was waited for: the clock was moved, or the subscription changed."""
        self.resting = False
        self._poke.set()
        self._poke = asyncio.Event()

    async def end(self) -> None:
        """Stop telling."""
        worker = self._worker
        self._stop()
        if worker is not None:
            await asyncio.wait([worker])

    # inside

    def _start(self, what: Callable[[], Awaitable[None]]) -> None:
        if self._worker is None or self._worker.done():
            self._worker = asyncio.ensure_future(what())

    def _stop(self) -> None:
        if self._worker is not None:
            self._worker.cancel()
            self._worker = None

    async def _work(self) -> None:
        """Tell everything that is there, then end."""
        while self._queue or self._behind:
            try:
                jobs = await self._tell() if self._queue else await self._fill()
            except Exception:
                log.exception("broker.notification.defect", subscription=self.subscription.id)
                jobs = [self._queue[0]] if self._queue else []
                await self._rest(BACKOFF_S)
            for _ in jobs:
                self._queue.popleft()
            if jobs:
                self.counts.seq = jobs[-1].seq
                self._changed(self)

    async def _fill(self) -> list[Job]:
        """Read again what did not fit; at the end of the log nothing is behind any more. Nothing is done with by it."""
        jobs, self.seen_seq, at_end = await self._refill(self.subscription, self.seen_seq)
        self._queue.extend(jobs)
        if at_end:
            self._behind = False
        return []

    async def _tell(self) -> list[Job]:
        """Tell the next thing; return the jobs that are done with, none when it is not yet time."""
        subscription, clock = self.subscription, self._post.clock
        if not subscription.works(clock.now_us()):
            return list(self._queue)
        if subscription.throttling_us and self.counts.last_us is not None:
            due_us = self.counts.last_us + subscription.throttling_us
            if clock.now_us() < due_us:
                await self._until(due_us)
                return []
        jobs = list(self._queue) if subscription.throttling_us else [self._queue[0]]
        if self._failing and self._too_old(jobs[-1]):
            log.warning("broker.notification.given_up", subscription=subscription.id, seq=jobs[-1].seq)
            return jobs
        failures = 0
        while (letter := await self._write(subscription, jobs)) and not await self._tried(letter, jobs[-1].way):
            if self._too_old(jobs[-1]) or not self.subscription.works(clock.now_us()):
                log.warning("broker.notification.given_up", subscription=subscription.id, seq=jobs[-1].seq)
                break
            await self._rest(max(self.subscription.endpoint.cooldown_s, pause_s(failures)))
            failures += 1
        return jobs

    @property
    def _failing(self) -> bool:
        return (self.counts.failure_us or 0) > (self.counts.success_us or 0)

    def _too_old(self, job: Job) -> bool:
        return self._post.clock.now_us() - job.at_us >= self._post.keep_us

    async def _tried(self, letter: dict[str, Any], way: Way = ()) -> bool:
        """Send a letter once; return whether it is done with: taken, or refused for good."""
        subscription, clock = self.subscription, self._post.clock
        try:
            target = self._post.target(subscription.endpoint.uri)
        except LinliError as error:
            self._failed(error.message)
            return True
        self.resting = True
        trying = await target.enter()
        self.resting = False
        failed: bool | None = None
        try:
            self.counts.note_sent(clock.now_us())
            self._changed(self)
            taken = await self._post.send(subscription, letter, way)
            failed = False
        except LinliError as error:
            failed = isinstance(error, Unreachable)
            self._failed(error.message, **error.facts)
            return not failed
        finally:
            target.leave(trying=trying, failed=failed)
        if taken:
            self.counts.note_success(clock.now_us())
            self._changed(self)
        else:
            self._failed("refused by the receiver")
        return True

    def _failed(self, error: str, **facts: Any) -> None:
        self.counts.note_failure(self._post.clock.now_us())
        self._changed(self)
        log.debug("broker.notification.failed", subscription=self.subscription.id, error=error, **facts)

    async def _beat(self) -> None:
        """Tell at every interval, whatever has changed."""
        clock = self._post.clock
        due_us = (self.counts.last_us or self.subscription.created_us) + (self.subscription.interval_us or 0)
        while True:
            if clock.now_us() < due_us:
                await self._until(due_us)
                continue
            subscription = self.subscription
            due_us = max(due_us, clock.now_us()) + (subscription.interval_us or 0)
            try:
                if subscription.works(clock.now_us()) and (letter := await self._write(subscription, [])) is not None:
                    await self._tried(letter)
            except Exception:
                log.exception("broker.notification.defect", subscription=subscription.id)

    async def _until(self, due_us: int) -> None:
        """Wait until the clock shows a moment, or something changed."""
        await self._rest(self._post.clock.wall_seconds_until(due_us))

    async def _rest(self, seconds: float) -> None:
        self.resting = True
        poke = self._poke
        try:
            async with asyncio.timeout(None if math.isinf(seconds) else seconds):
                await poke.wait()
        except TimeoutError:
            pass
        finally:
            self.resting = False
