"""Sign-in of this release: opaque tokens whose state lives on the server."""

from __future__ import annotations

import hashlib
import secrets

from linli.base import SECOND_US, Clock

from ._asked import Principal

SESSION_US = 12 * 3600 * SECOND_US
SESSIONS_MAX = 50_000


class Sessions:
    """Who is signed in. Tokens are random, stored only as a hash, end after 12 hours, and sign-out is at once."""

    def __init__(self, wall: Clock) -> None:
        """Use the wall clock: sessions do not run fast when the city does."""
        self._wall = wall
        self._open: dict[bytes, tuple[Principal, int]] = {}

    def open(self, who: Principal) -> str:
        """Sign somebody in and return the token; the oldest session gives way when too many are open."""
        if len(self._open) >= SESSIONS_MAX:
            self._open.pop(next(iter(self._open)))
        token = secrets.token_urlsafe(32)
        self._open[_digest(token)] = (who, self._wall.now_us() + SESSION_US)
        return token

    def who(self, token: str) -> Principal | None:
        """Return who holds this token, or None."""
        found = self._open.get(_digest(token))
        if found is None:
            return None
        if found[1] < self._wall.now_us():
            self.close(token)
            return None
        return found[0]

    def close(self, token: str) -> None:
        """Sign out."""
        self._open.pop(_digest(token), None)


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()
