"""The application of a node that is a broker and nothing else: the NGSI-LD door and its health."""

from __future__ import annotations

from dataclasses import dataclass

from starlette.applications import Starlette
from starlette.routing import Route

from linli.broker import Broker

from ._answers import ERRORS
from ._asking import Asking
from ._entrance import Entrance
from ._health import Health
from ._limits import Limits, Proxies
from ._ngsild import NgsiLd
from ._openapi import described
from ._sign_in_api import Tokens


@dataclass(slots=True)
class BrokerDoors:
    """The rooms below a broker, as app.py built them."""

    broker: Broker
    asking: Asking
    health: Health
    limits: Limits | None = None
    proxies: Proxies | None = None


class BrokerApp(Entrance):
    """Everything that a broker answers over HTTP."""

    def __init__(self, doors: BrokerDoors) -> None:
        """Build the routes on these doors."""
        pages = Starlette(
            routes=[
                *doors.health.routes(),
                Route("/openapi.json", described, methods=["GET"]),
                *Tokens(doors.asking).routes(),
            ],
            exception_handlers=ERRORS,
        )
        ngsild = NgsiLd(doors.broker, doors.asking.act)
        super().__init__(doors.asking, ngsild, pages, limits=doors.limits, proxies=doors.proxies)
