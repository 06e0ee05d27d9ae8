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
from ._ngsild import NgsiLd

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]
Pairs = tuple[tuple[bytes, bytes], ...]

#: the one path whose answer never ends, so that nobody waits for it
LIVE_PATH = "/api/live"

_SAFE = (*SAFE_HEADERS, *UNLESS_SAID)
_SAFE_OVER_TLS = (*SAFE_HEADERS, STRICT_TRANSPORT, *UNLESS_SAID)
_UNLESS_SAID = frozenset(name for name, _ in UNLESS_SAID)


class Entrance:
    """One ASGI application: refuses what the guard refuses, and hands the rest to NGSI-LD or to the pages."""

    def __init__(
        self,
        asking: Asking,
        ngsild: NgsiLd,
        pages: App,
        *,
        limits: Limits | None = None,
        proxies: Proxies | None = None,
    ) -> None:
        """Guard by `asking`. `limits`: how often somebody may ask, None = as he likes; `proxies`: those believed."""
        self._asking = asking
        self._ngsild = ngsild
        self._pages = pages
        self._limits = limits
        self._proxies = proxies
        self._open = 0
        self._idle = asyncio.Event()
        self._awaited = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        scope["linli.first_byte"] = time.perf_counter()
        if self._proxies is not None:
            self._proxies.seen_through(scope)
        headers, path = headers_of(scope), scope["path"]
        safe = _SAFE_OVER_TLS if scope.get("scheme") == "https" else _SAFE
        counted = path != LIVE_PATH
        self._open += counted
        try:
            self._asking.guard(scope, headers)
            if not self._asking.is_fresh(scope, headers):
                await self._asking.refresh(scope, headers)
            if self._limits is not None:
                login = self._asking.login(scope, headers)
                self._limits.admit(scope, login.who if login else None)
            if path.startswith("/ngsi-ld/"):
                await self._ngsild.answer(scope, headers, receive, send, safe)
            else:
                await _shown(self._pages, scope, receive, _safely(send, safe))
        except LinliError as error:
            log.info("web.request.refused", code=error.code, path=path, **error.facts)
            await problem(error)(scope, receive, _safely(send, safe))
        except OSError as error:  # who asked has gone: a server may say so when it is given the answer
            log.debug("web.request.ended", path=path, exc_info=error)
        finally:
            self._open -= counted
            if self._awaited and not self._open:
                self._idle.set()

    async def idle(self) -> None:
        """Return when no request is open; live streams do not count."""
        if self._open:
            self._awaited = True
            self._idle.clear()
            await self._idle.wait()


async def _shown(pages: App, scope: Scope, receive: Receive, send: Send) -> None:
    try:
        await pages(scope, receive, send)
    except Exception as error:  # noqa: BLE001 - Starlette re-raises after having answered; the server must not log it again
        log.debug("web.request.ended", path=scope["path"], exc_info=error)


def _safely(send: Send, safe: Pairs) -> Send:
    """Return what sends an answer with the safe headers, of which it may say some itself."""

    def send_safely(message: Message) -> Awaitable[None]:
        if message["type"] == "http.response.start":
            said = message.get("headers", ())
            own = _UNLESS_SAID.intersection(dict(said))
            message["headers"] = [*said, *[pair for pair in safe if pair[0] not in own]]
        return send(message)

    return send_safely
