"""The node's one ASGI application: guards, then the NGSI-LD door bare, and everything else by Starlette."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from linli.base.errors import LinliError, ResourceNotFound

from ._answers import SAFE_HEADERS, answer, log, on_any_error, on_linli_error, problem
from ._api import Api
from ._asking import headers_of
from ._city import City
from ._doors import Doors
from ._front import FrontDesk
from ._ngsild import NgsiLd
from ._pages import page_routes

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


class WebApp:
    """Everything that a node answers over HTTP."""

    def __init__(self, doors: Doors) -> None:
        """Build the routes on these doors."""
        self._doors = doors
        self._ngsild = NgsiLd(doors.broker, doors.asking.act)
        self._open = 0
        self._idle = asyncio.Event()
        self._idle.set()
        self._pages = Starlette(
            routes=[
                *Api(doors).routes(),
                *City(doors).routes(),
                Route("/health", self.health, methods=["GET"]),
                *page_routes(FrontDesk(doors)),
            ],
            exception_handlers={
                LinliError: on_linli_error,
                HTTPException: _on_http_error,
                Exception: on_any_error,
            },
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        scope["linli.first_byte"] = time.perf_counter()
        live = scope["path"] == "/api/live"
        if not live:
            self._open += 1
            self._idle.clear()
        try:
            await self._answer(scope, receive, _with_safe_headers(send))
        finally:
            if not live:
                self._open -= 1
                if not self._open:
                    self._idle.set()

    async def idle(self) -> None:
        """Return when no request is open; live streams do not count."""
        await self._idle.wait()

    async def health(self, _: Request) -> Response:
        """Say whether the disk takes what is written, and how far the engine is behind the log."""
        doors = self._doors
        trouble = doors.trouble()
        state = {
            "status": "trouble" if trouble else "ok",
            "store": trouble,
            "log": await doors.broker.log.head(),
            "dispatchBehind": await doors.dispatch.behind(),
        }
        return answer(state, 503 if trouble else 200)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            self._doors.asking.guard(scope, headers_of(scope))
        except LinliError as error:
            await problem(error)(scope, receive, send)
            return
        inner = self._ngsild if scope["path"].startswith("/ngsi-ld/") else self._pages
        try:
            await inner(scope, receive, send)
        except Exception as error:  # noqa: BLE001 - Starlette re-raises after having answered; the server must not log it again
            log.debug("web.request.ended", path=scope["path"], exc_info=error)


def _with_safe_headers(send: Send) -> Send:
    async def send_safely(message: Message) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = [*message.get("headers", ()), *SAFE_HEADERS]
        await send(message)

    return send_safely


async def _on_http_error(request: Request, error: Exception) -> Response:
    if isinstance(error, HTTPException) and error.status_code == 405:
        return Response(status_code=405, headers=dict(error.headers or {}))
    return problem(ResourceNotFound(f"There is no page or route {request.url.path} here."))
