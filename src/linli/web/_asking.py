"""Who asks: turns a request's credential into an Act, and turns strangers' tricks away before anything is read."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from http.cookies import CookieError, SimpleCookie
from typing import Any, Literal
from urllib.parse import urlsplit

from linli.base import setting
from linli.base.errors import NotAllowed, SignInNeeded
from linli.trust import Act, NodeSecret, Principal, Sessions

SIGN_IN = setting(
    "trust.sign_in",
    "open",
    "How people sign in: open (nobody does, everybody is the administrator, loopback only) or demo (one click as a "
    "made-up person, loopback only).",
    ("open", "demo"),
)
HOSTS = setting("web.hosts", "", "Host names, with commas, under which this node may be called beside localhost.")

COOKIE = "linli_session"
_LOCAL = frozenset({"localhost", "127.0.0.1", "[::1]", "::1"})
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})

Headers = Mapping[bytes, bytes]
Scope = Mapping[str, Any]


def headers_of(scope: Scope) -> dict[bytes, bytes]:
    """Return the request's headers by lower-case name; of a repeated one the last."""
    return dict(scope["headers"])


class Asking:
    """Knows who is signed in, and how someone without account proves that a call is his own."""

    def __init__(
        self,
        sessions: Sessions,
        secret: NodeSecret,
        *,
        sign_in: Literal["open", "demo"],
        hosts: str = "",
    ) -> None:
        """Take the open sessions, the node's secret and the manner of sign-in."""
        self.sessions = sessions
        self.secret = secret
        self.sign_in = sign_in
        self._hosts = _LOCAL | {host.strip().lower() for host in hosts.split(",") if host.strip()}
        self._open = Principal("operator", "administrator", ("/",), name="operator")

    def guard(self, scope: Scope, headers: Headers) -> None:
        """Refuse a foreign Host (DNS rebinding) and a write that a foreign page started (request forgery).

        Raises: NotAllowed.
        """
        host = _name_of(headers.get(b"host", b"localhost"))
        if host not in self._hosts:
            raise NotAllowed("This host name is not one of this node's: see the setting web.hosts.")
        origin = headers.get(b"origin")
        if (
            origin
            and scope["method"] not in _SAFE
            and urlsplit(origin.decode("latin-1")).netloc.lower() != headers.get(b"host", b"").decode("latin-1").lower()
        ):
            raise NotAllowed("A page of another origin may not write here.")

    def token(self, headers: Headers) -> str | None:
        """Return the session token of a request: Bearer first, then the cookie."""
        said = headers.get(b"authorization")
        if said is not None and said[:7].lower() == b"bearer ":
            return said[7:].decode("latin-1").strip()
        cookie = headers.get(b"cookie")
        if cookie is None:
            return None
        try:
            morsel = SimpleCookie(cookie.decode("latin-1")).get(COOKIE)
        except CookieError:
            return None
        return morsel.value if morsel else None

    def act(self, scope: Scope, headers: Headers | None = None) -> Act:
        """Return who acts and for what purpose; nobody signed in is a caller.

        Raises: SignInNeeded: a token was sent, but its session is over.
        """
        headers = headers_of(scope) if headers is None else headers
        purpose = headers.get(b"linli-purpose", b"").decode("latin-1").strip() or None
        token = self.token(headers)
        if token is not None:
            who = self.sessions.who(token)
            if who is not None:
                return Act(who, purpose)
            if b"authorization" in headers:
                raise SignInNeeded("This sign-in is over. Sign in again.")
        if self.sign_in == "open":
            return Act(self._open, purpose)
        return Act(Principal(self._caller_id(scope, headers), "caller"), purpose)

    def act_on_call(self, scope: Scope, headers: Headers, call_id: str) -> Act:
        """As `act`, but whoever shows the watch word of a call owns it: his `who.id` is then the call's own id.

        Raises: NotAllowed: the word is not this call's.
        """
        word = headers.get(b"linli-watch", b"").decode("latin-1").strip()
        if word:
            if not self.secret.is_watch_word(call_id, word):
                raise NotAllowed("This word does not open this call.")
            return Act(Principal(call_id, "caller"), "service")
        return self.act(scope, headers)

    def _caller_id(self, scope: Scope, headers: Headers) -> str:
        known = headers.get(b"linli-caller", b"")
        client = scope.get("client") or ("", 0)
        mark = known.decode("latin-1")[:128] if known else f"address:{client[0]}"
        return "caller:" + self.secret.blind(mark)


@lru_cache(maxsize=256)
def _name_of(said: bytes) -> str:
    host = said.decode("latin-1").strip().lower()
    if host.startswith("["):
        return host.split("]")[0] + "]"
    return host.rsplit(":", 1)[0] if ":" in host else host
