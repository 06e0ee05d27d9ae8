"""Sign-in of this release: opaque tokens whose state lives on the server, and the node's own secret."""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
from pathlib import Path

from linli.base import SECOND_US, Clock
from linli.base.errors import StartError

from ._asked import Principal

SESSION_US = 12 * 3600 * SECOND_US
SESSIONS_MAX = 50_000
KEY_BYTES = 32


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


class NodeSecret:
    """A secret of this node, in a file of its own beside the database (mode 0600); makes and checks watch words."""

    def __init__(self, file: Path | None) -> None:
        """Read the secret, or make it on first use; None keeps it in memory only (tests).

        Raises: StartError: the file is damaged or cannot be made.
        """
        self._key = secrets.token_bytes(KEY_BYTES) if file is None else _read_or_make(file)

    def watch_word(self, call_id: str) -> str:
        """Return the word by which someone without account may watch the call that he placed."""
        return hmac.new(self._key, b"watch:" + call_id.encode(), hashlib.sha256).hexdigest()[:32]

    def is_watch_word(self, call_id: str, word: str) -> bool:
        """Check a watch word in constant time."""
        return hmac.compare_digest(self.watch_word(call_id).encode(), word.encode())

    def blind(self, text: str) -> str:
        """Return a keyed hash of `text`: equal texts give equal hashes, and nobody can turn it back without the key."""
        return hmac.new(self._key, b"blind:" + text.encode(), hashlib.sha256).hexdigest()[:32]


def _read_or_make(file: Path) -> bytes:
    try:
        if not file.exists():
            _make(file)
        key = bytes.fromhex(file.read_text("ascii").strip())
    except OSError as error:
        raise StartError(
            f"{file}: cannot be read or made ({error.strerror}); name another folder by --data."
        ) from error
    except ValueError:
        key = b""
    if len(key) != KEY_BYTES:
        raise StartError(
            f"{file}: is damaged. Put back its copy; or delete it, and whoever watches a call without signing in "
            "has to ask by telephone instead, for a new secret knows none of the old watch words."
        )
    return key


def _make(file: Path) -> None:
    """Make a secret that is there whole or not at all: a process that is killed meanwhile leaves no empty one."""
    beside = file.with_name(f".{file.name}.{os.getpid()}")
    descriptor = os.open(beside, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as handle:
            handle.write(secrets.token_bytes(KEY_BYTES).hex())
            handle.flush()
            os.fsync(handle.fileno())
        beside.replace(file)
    finally:
        beside.unlink(missing_ok=True)


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()
