"""The way in of every application of this node: guards first, safe headers last, and a count of what is open."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from linli.base.errors import LinliError

from ._answers import SAFE_HEADERS, STRICT_TRANSPORT, UNLESS_SAID, log, problem
from ._asking import Asking, headers_of
from ._limits import Limits, Proxies

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

#: the one path whose answer never ends, so that nobody waits for it
LIVE_PATH = "/api/live"


class Entrance:
    """One ASGI application: refuses what the guard refuses, and hands the rest to what `inner` returns for a path."""

    def __init__(
        self,
        asking: Asking,
        inner: Callable[[str], App],
        *,
        limits: Limits | None = None,
        proxies: Proxies | None = None,
    ) -> None:
        """Guard by `asking`. `limits`: how often somebody may ask, None = as he likes; `proxies`: those believed."""
        self._asking = asking
        self._limits = limits
        self._proxies = proxies
        self._inner = inner
        self._open = 0
        self._idle = asyncio.Event()
        self._idle.set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        scope["linli.first_byte"] = time.perf_counter()
        if self._proxies is not None:
            self._proxies.seen_through(scope)
        live = scope["path"] == LIVE_PATH
        if not live:
            self._open += 1
            self._idle.clear()
        try:
            await self._answer(scope, receive, _with_safe_headers(send, secure=scope.get("scheme") == "https"))
        finally:
            if not live:
                self._open -= 1
                if not self._open:
                    self._idle.set()

    async def idle(self) -> None:
        """Return when no request is open; live streams do not count."""
        await self._idle.wait()

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = headers_of(scope)
        try:
            self._asking.guard(scope, headers)
            if not self._asking.is_fresh(scope, headers):
                await self._asking.refresh(scope, headers)
            if self._limits is not None:
                login = self._asking.login(scope, headers)
                self._limits.admit(scope, login.who if login else None)
        except LinliError as error:
            log.info("web.request.refused", code=error.code, path=scope["path"], **error.facts)
            await problem(error)(scope, receive, send)
            return
        try:
            await self._inner(scope["path"])(scope, receive, send)
        except Exception as error:  # noqa: BLE001 - Starlette re-raises after having answered; the server must not log it again
            log.debug("web.request.ended", path=scope["path"], exc_info=error)


def _with_safe_headers(send: Send, *, secure: bool) -> Send:
    safe = (*SAFE_HEADERS, STRICT_TRANSPORT) if secure else SAFE_HEADERS

    async def send_safely(message: Message) -> None:
        if message["type"] == "http.response.start":
            said = message.get("headers", ())
            names = dict(said)
            message["headers"] = [*said, *safe, *[pair for pair in UNLESS_SAID if pair[0] not in names]]
        await send(message)

    return send_safely
