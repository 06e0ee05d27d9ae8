"""The whole node's application: the NGSI-LD door bare, and everything else by Starlette."""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ._answers import ERRORS, answer
from ._api import Api
from ._city import City
from ._doors import Doors
from ._entrance import App, Entrance
from ._front import FrontDesk
from ._ngsild import NgsiLd
from ._openapi import described
from ._pages import page_routes


class WebApp(Entrance):
    """Everything that a node answers over HTTP."""

    def __init__(self, doors: Doors) -> None:
        """Build the routes on these doors."""
        super().__init__(doors.asking, self._door)
        self._doors = doors
        self._ngsild = NgsiLd(doors.broker, doors.asking.act)
        self._pages = Starlette(
            routes=[
                *Api(doors).routes(),
                *City(doors).routes(),
                Route("/health", self.health, methods=["GET"]),
                Route("/openapi.json", described, methods=["GET"]),
                *page_routes(FrontDesk(doors)),
            ],
            exception_handlers=ERRORS,
        )

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

    def _door(self, path: str) -> App:
        return self._ngsild if path.startswith("/ngsi-ld/") else self._pages
