"""The broker: all doors over one ground."""

from __future__ import annotations

from ._context_door import ContextDoor
from ._discovery import DiscoveryDoor
from ._engines import EngineDoor
from ._figures import FiguresDoor
from ._identity import IdentityDoor
from ._purging import PurgeDoor
from ._temporal_writing import TimeDoor


class Broker(PurgeDoor, DiscoveryDoor, EngineDoor, IdentityDoor, ContextDoor, TimeDoor, FiguresDoor):
    """NGSI-LD over a store, under trust; see the room's door for how a thing travels through it."""
