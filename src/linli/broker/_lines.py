"""Lines of those who read, change and write the same entities: one after the other, in the order in which they came."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterable
from types import TracebackType

Key = tuple[str, str]
_Behind = deque[asyncio.Future[None]]


class Lines:
    """One line for each entity that somebody changes at this moment. Belongs to one event loop."""

    def __init__(self) -> None:
        """Begin with nobody."""
        #: who stands behind the one whose turn it is; None while there is nobody
        self._behind: dict[Key, _Behind | None] = {}

    def turn(self, tenant: str, ids: Iterable[str]) -> Turn:
        """Return a context that is entered when it is one's turn at all of these entities.

        Everybody enters lines in the order of ids, so that no two can wait for each other.
        """
        return Turn(self, [(tenant, entity_id) for entity_id in sorted(set(ids))])

    def enter_free(self, key: Key) -> bool:
        """Take one's turn if nobody else has it; tell whether it was taken."""
        if key in self._behind:
            return False
        self._behind[key] = None
        return True

    async def enter(self, key: Key) -> None:
        """Return when it is one's turn."""
        if self.enter_free(key):
            return
        behind = self._behind[key]
        if behind is None:
            behind = self._behind[key] = deque()
        called: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        behind.append(called)
        try:
            await called
        except asyncio.CancelledError:
            if called.cancelled():
                behind.remove(called)
            else:
                self.leave(key)  # the turn had come in the same moment
            raise

    def leave(self, key: Key) -> None:
        """End one's turn and call the next."""
        behind = self._behind[key]
        while behind:
            called = behind.popleft()
            if not called.done():
                called.set_result(None)
                return
        del self._behind[key]


class Turn:
    """One's turn at some entities, from entering to leaving."""

    __slots__ = ("_entered", "_keys", "_lines")

    def __init__(self, lines: Lines, keys: list[Key]) -> None:
        """Want a turn at each of `keys`."""
        self._lines = lines
        self._keys = keys
        self._entered = 0

    async def __aenter__(self) -> None:
        """Stand in each line until it is one's turn."""
        try:
            for key in self._keys:
                if not self._lines.enter_free(key):
                    await self._lines.enter(key)
                self._entered += 1
        except BaseException:
            self._leave()
            raise

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave all lines."""
        self._leave()

    def _leave(self) -> None:
        for key in self._keys[: self._entered]:
            self._lines.leave(key)
