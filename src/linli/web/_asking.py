"""Who asks: turns a request's credential into an Act, and turns strangers' tricks away before anything is read."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from functools import lru_cache
from typing import Any, Literal
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import Response

from linli.base import SECOND_US, setting
from linli.base.errors import NotAllowed, SignInNeeded
from linli.trust import Act, Identity, Login, Principal, Term

from ._cookies import cookie_in, give_cookie, take_cookie

SIGN_IN = setting(
    "trust.sign_in",
    "accounts",
    "How people sign in: accounts (each with his own: see linli init), open (nobody does, everybody is the operator, "
    "loopback only) or demo (one click as a made-up person, loopback only).",
    ("accounts", "open", "demo"),
)
HOSTS = setting("web.hosts", "", "Host names, with commas, under which this node may be called beside localhost.")
ADDRESS = setting(
    "web.address", "", "Address under which people reach this node, like https://linli.example; it stands in links."
)

COOKIE = "linli_login"
_LOCAL = frozenset({"localhost", "127.0.0.1", "[::1]", "::1"})
_LOGIN_ID = "linli.login_id"
_HEADERS = "linli.headers"
#: how many askers are remembered with the Act of their last request, before all of them are forgotten
_ACTS_MAX = 4096
#: longer than any purpose that there is
_PURPOSE_LETTERS_MAX = 64
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})

Headers = Mapping[bytes, bytes]
Scope = MutableMapping[str, Any]


SignIn = Literal["accounts", "open", "demo"]
#: what everybody is where nobody signs in
OPERATOR = "operator"


def headers_of(scope: Scope) -> Headers:
    """Return the request's headers by lower-case name; of a repeated one the last. They stand in the scope from then on."""
    headers: Headers | None = scope.get(_HEADERS)
    if headers is None:
        headers = scope[_HEADERS] = dict(scope["headers"])
    return headers


class Asking:
    """Knows who is signed in, and how someone without account proves that a call is his own.

    `act` answers from memory. So whoever serves asks `is_fresh` first, and where it says no, awaits `refresh`.
    """

    def __init__(
        self,
        identity: Identity,
        *,
        sign_in: SignIn,
        hosts: str = "",
        address: str = "",
        mandated: Callable[[Principal, str], bool] = lambda _who, _person: False,
    ) -> None:
        """Take what knows the sign-ins of this node, and the manner of sign-in.

        `mandated`: whether somebody may act for another person at this moment.
        """
        self.identity = identity
        self.secret = identity.secret
        self.sign_in = sign_in
        self._mandated = mandated
        named = {urlsplit(address).hostname or ""} - {""}
        self._hosts = _LOCAL | named | {host.strip().lower() for host in hosts.split(",") if host.strip()}
        self._open = Principal("operator", OPERATOR, ("/",), name="operator")
        self._acts: dict[tuple[str, str | None, str], Act] = {}

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

    def credential(self, scope: Scope, headers: Headers) -> str | None:
        """Return what a request shows for a sign-in: Bearer first, then the cookie."""
        said = headers.get(b"authorization")
        if said is not None and said[:7].lower() == b"bearer ":
            return said[7:].decode("latin-1").strip()
        return cookie_in(scope, headers.get(b"cookie"), COOKIE)

    def is_fresh(self, scope: Scope, headers: Headers) -> bool:
        """Tell whether memory may be trusted about who asks."""
        if b"authorization" not in headers and b"cookie" not in headers:
            scope[_LOGIN_ID] = None
            return True
        login_id = self._login_id(scope, headers)
        return login_id is None or self.identity.logins.is_fresh(login_id)

    async def refresh(self, scope: Scope, headers: Headers) -> None:
        """Read the sign-in that a request shows."""
        login_id = self._login_id(scope, headers)
        if login_id is not None:
            await self.identity.logins.refresh(login_id)

    def still(self, scope: Scope, headers: Headers) -> Callable[[], Awaitable[bool]]:
        """Return what says, also much later, whether whoever asks may go on: nobody signed in, or still signed in."""

        async def may_go_on() -> bool:
            scope.pop(_LOGIN_ID, None)  # a token of ten minutes may be over by now
            if not self.is_fresh(scope, headers):
                await self.refresh(scope, headers)
            return self.login(scope, headers) is not None

        return may_go_on if self.login(scope, headers) is not None else _always

    def login(self, scope: Scope, headers: Headers) -> Login | None:
        """Return the sign-in of a request; None when it shows none that stands."""
        login_id = scope[_LOGIN_ID] if _LOGIN_ID in scope else self._login_id(scope, headers)
        return None if login_id is None else self.identity.logins.held(login_id)

    def _login_id(self, scope: Scope, headers: Headers) -> str | None:
        """Return the id of the sign-in that a request shows; it is worked out once and stands in the scope from then on."""
        if _LOGIN_ID not in scope:
            credential = self.credential(scope, headers)
            scope[_LOGIN_ID] = None if credential is None else self.identity.login_id(credential)
        login_id: str | None = scope[_LOGIN_ID]
        return login_id

    def act(self, scope: Scope, headers: Headers | None = None) -> Act:
        """Return who acts and for what purpose; nobody signed in is a caller.

        Raises: SignInNeeded: a token was sent, but its sign-in is over.
        """
        headers = headers_of(scope) if headers is None else headers
        said = headers.get(b"linli-purpose")
        purpose = None if said is None else said.decode("latin-1").strip() or None
        login = self.login(scope, headers)
        if login is not None:
            whom = login.for_whom if login.for_whom and self._mandated(login.who, login.for_whom) else ""
            return self._remembered(login.id, login.who, purpose, whom, strong=login.strong)
        if headers.get(b"authorization", b"")[:7].lower() == b"bearer ":
            raise SignInNeeded("This sign-in is over. Sign in again.")
        if self.sign_in == "open":
            return self._remembered("", self._open, purpose)
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

    def _remembered(
        self, login_id: str, who: Principal, purpose: str | None, whom: str = "", *, strong: bool = False
    ) -> Act:
        """Return one and the same Act as long as the same asks in the same way: below, what hangs on it is kept by it."""
        key = (login_id, purpose, whom)
        act = self._acts.get(key)
        if act is None or act.who is not who or act.strong != strong:
            act = Act(who, purpose, who.tenant, for_whom=whom, strong=strong)
            if len(self._acts) >= _ACTS_MAX:
                self._acts.clear()
            if purpose is None or len(purpose) <= _PURPOSE_LETTERS_MAX:
                self._acts[key] = act
        return act

    def _caller_id(self, scope: Scope, headers: Headers) -> str:
        known = headers.get(b"linli-caller", b"")
        client = scope.get("client") or ("", 0)
        mark = known.decode("latin-1")[:128] if known else f"address:{client[0]}"
        return "caller:" + self.secret.blind(mark)


async def _always() -> bool:
    return True


def signed_in(request: Request, response: Response, token: str, term: Term) -> Response:
    """Give a browser the cookie of its sign-in."""
    give_cookie(request, response, COOKIE, token, age_s=term.whole_us // SECOND_US)
    return response


def signed_out(request: Request, response: Response) -> Response:
    """Take the cookie of its sign-in back from a browser."""
    take_cookie(request, response, COOKIE)
    return response


@lru_cache(maxsize=256)
def _name_of(said: bytes) -> str:
    host = said.decode("latin-1").strip().lower()
    if host.startswith("["):
        return host.split("]")[0] + "]"
    return host.rsplit(":", 1)[0] if ":" in host else host
