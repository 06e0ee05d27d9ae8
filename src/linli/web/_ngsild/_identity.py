"""Who this broker is to other brokers."""

from __future__ import annotations

from linli.base import write_json

from ._desk import Desk, Route, Routes
from ._http import Answer, Asked


async def identity(desk: Desk, asked: Asked) -> Answer:
    """Say who this broker is: its alias in this tenant, how long it has been up, and its time."""
    act = desk.act(asked, creates=True)
    return Answer(200, write_json(await desk.broker.identity(act.tenant)))


ROUTES: Routes = {("info", "sourceIdentity"): {"GET": Route(identity)}}
