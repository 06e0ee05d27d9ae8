"""The whole node's application: the NGSI-LD door bare, and everything else by Starlette."""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.routing import Route

from ._answers import ERRORS
from ._api import Api
from ._city import City
from ._doors import Doors
from ._entrance import Entrance
from ._front import FrontDesk
from ._holds import Holds
from ._looked import Looked
from ._movements import Movements
from ._my_data import MyData
from ._ngsild import NgsiLd
from ._openapi import described
from ._pages import page_routes
from ._planning import Planning
from ._sign_in_routes import sign_in_routes
from ._unmask import Unmask


class WebApp(Entrance):
    """Everything that a node answers over HTTP."""

    def __init__(self, doors: Doors) -> None:
        """Build the routes on these doors."""
        pages = Starlette(
            routes=[
                *Api(doors).routes(),
                *City(doors).routes(),
                *Planning(doors).routes(),
                *Looked(doors).routes(),
                *MyData(doors).routes(),
                *Unmask(doors).routes(),
                *Holds(doors).routes(),
                *Movements(doors).routes(),
                *doors.health.routes(),
                Route("/openapi.json", described, methods=["GET"]),
                *page_routes(FrontDesk(doors)),
                *sign_in_routes(doors),
            ],
            exception_handlers=ERRORS,
        )
        ngsild = NgsiLd(doors.broker, doors.asking.act)
        super().__init__(doors.asking, ngsild, pages, limits=doors.limits, proxies=doors.proxies)
