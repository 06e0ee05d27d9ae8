"""The packs of a running node: published as entities, kept in their exact versions, read anew when a file changes.

Packs that are wrong are refused whole: the node goes on with those it has, and says what is wrong (`trouble`).
"""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path

import structlog

from linli.base.errors import BadPack
from linli.broker import Broker
from linli.trust import Act

from ._kept import Kept
from ._packs import Packs
from ._planner import Planner
from ._publish import publish

#: states of calls that may still need the figures with which they began
NOT_ENDED = (
    "received", "reopened", "triaged", "offered", "noProvider", "accepted", "enRoute", "onSite", "done", "confirmed",
)  # fmt: skip

_log = structlog.get_logger(__name__)


class Catalogue:
    """Keeps what a node offers in step with its files, without a restart."""

    def __init__(  # noqa: PLR0917 - what it stands on, in the order of the floors
        self,
        packs: Packs,
        broker: Broker,
        act: Act,
        scope: str,
        kept: Path,
        planner: Planner | None,
        watch_s: float = 0.0,
    ) -> None:
        """Publish below `scope`, keep versions in the folder `kept`, look every `watch_s` seconds (0 = never)."""
        self.packs = packs
        self.trouble = ""
        self._broker, self._act, self._scope = broker, act, scope
        self._kept = Kept(kept, packs.sources.work)
        self._planner = planner
        self._watch_s = watch_s
        self._seen = packs.sources.signature()
        self._task: asyncio.Task[None] | None = None

    async def publish(self) -> None:
        """Keep and publish what is offered now; before the engines start, so that they find every version."""
        calls = await self._broker.read_all(self._act, "ServiceCall", keys={"state": NOT_ENDED})
        used = [
            (str(call.values["serviceKind"]).rpartition(":")[2], str(call.values.get("packVersion") or ""))
            for call in calls
        ]
        self.packs.keep_in(self._kept)
        self._kept.forget_others({*used, *((kind.key, kind.pack_version) for kind in self.packs.exact())})
        await publish(self.packs, self._broker, self._act, self._scope)

    async def start(self) -> None:
        """Place what recurs, and look for changed files, from here on."""
        if self._planner is not None:
            await self._planner.start()
        if self._watch_s:
            self._task = asyncio.create_task(self._watch(), name="packs")

    async def stop(self) -> None:
        """Stop looking and placing."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
            self._task = None
        if self._planner is not None:
            await self._planner.stop()

    async def settled(self) -> None:
        """Return when everything that recurs and is due was placed."""
        if self._planner is not None:
            await self._planner.settled()

    async def reload(self) -> list[str]:
        """Read all packs anew and return the kinds that changed. Running calls keep the version they began with.

        Raises: BadPack: one is wrong, with every fault and its place; then nothing changed.
        """
        self._seen = self.packs.sources.signature()
        try:
            newer = await asyncio.to_thread(Packs.read, self.packs.sources)
        except BadPack as error:
            self.trouble = error.message
            raise
        changed = self.packs.take(newer)
        self.trouble = ""
        await publish(self.packs, self._broker, self._act, self._scope)
        if self._planner is not None:
            await self._planner.arm()
        _log.info("packs.reload.done", changed=changed)
        return changed

    async def look(self) -> None:
        """Read the packs anew if one of their files changed since they were looked at last."""
        try:
            if self.packs.sources.signature() != self._seen:
                await self.reload()
        except BadPack as error:
            self.trouble = error.message
            _log.warning("packs.reload.refused", faults=error.message)
        except OSError as error:  # a file that is being replaced at this moment; the next look finds it
            _log.warning("packs.reload.unreadable", reason=error.strerror)

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(self._watch_s)
            await self.look()
