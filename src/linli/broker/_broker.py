"""The broker: all doors over one ground."""

from __future__ import annotations

from ._auditing import AuditingDoor
from ._context_door import ContextDoor
from ._discovery import DiscoveryDoor
from ._engines import EngineDoor
from ._figures import FiguresDoor
from ._maps import MapDoor
from ._movements import MovementsDoor
from ._purging import PurgeDoor
from ._unmasking import UnmaskingDoor
from ._watching import WatchingDoor


class Broker(
    WatchingDoor,
    MovementsDoor,
    PurgeDoor,
    DiscoveryDoor,
    EngineDoor,
    ContextDoor,
    MapDoor,
    FiguresDoor,
    UnmaskingDoor,
    AuditingDoor,
):
    """NGSI-LD over a store, under trust; see the room's door for how a thing travels through it."""
