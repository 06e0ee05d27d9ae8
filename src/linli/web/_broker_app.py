"""The application of a node that is a broker and nothing else: the NGSI-LD door and its health."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from linli.broker import Broker

from ._answers import ERRORS, answer
from ._asking import Asking
from ._entrance import App, Entrance
from ._ngsild import NgsiLd
from ._openapi import described


@dataclass(slots=True)
class BrokerDoors:
    """The rooms below a broker, as app.py built them; `trouble` says why the disk refuses."""

    broker: Broker
    asking: Asking
    trouble: Callable[[], str | None]


class BrokerApp(Entrance):
    """Everything that a broker answers over HTTP."""

    def __init__(self, doors: BrokerDoors) -> None:
        """Build the routes on these doors."""
        super().__init__(doors.asking, self._door)
        self._doors = doors
        self._ngsild = NgsiLd(doors.broker, doors.asking.act)
        self._pages = Starlette(
            routes=[
                Route("/health", self.health, methods=["GET"]),
                Route("/openapi.json", described, methods=["GET"]),
            ],
            exception_handlers=ERRORS,
        )

    async def health(self, _: Request) -> Response:
        """Say whether the disk takes what is written, how long the log is, and what the caps are."""
        trouble = self._doors.trouble()
        state = {
            "status": "trouble" if trouble else "ok",
            "store": trouble,
            "log": await self._doors.broker.log.head(),
            "caps": self._doors.broker.caps.shown(),
        }
        return answer(state, 503 if trouble else 200)

    def _door(self, path: str) -> App:
        return self._ngsild if path.startswith("/ngsi-ld/") else self._pages
