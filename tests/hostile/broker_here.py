"""A broker over an empty memory in this process, asked by its own client: no server, no socket."""

from __future__ import annotations

from linli.base import Ids, WallClock
from linli.broker import Broker
from linli.client import AsyncNgsiLdClient
from linli.store import MemoryStore
from linli.trust import Act, Policies, Principal
from linli.vocab import vocabulary
from linli.web._ngsild import NgsiLd

OPERATOR = Principal("operator", "operator", ("/",))


async def no_pause(_: float) -> None:
    """Nobody is away here, so that nothing is worth waiting for."""


def a_broker() -> AsyncNgsiLdClient:
    """Return the client of a new broker."""
    broker = Broker(
        MemoryStore(),
        vocabulary(),
        Policies(WallClock()),
        WallClock(),
        ids=Ids("990101000000"),
        home_scope="/cn/r99",
        default_context="core",
    )
    return AsyncNgsiLdClient(app=NgsiLd(broker, lambda _: Act(OPERATOR, None)), pause=no_pause)
