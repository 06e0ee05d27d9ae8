"""The broker: both doors over one ground."""

from __future__ import annotations

from ._engines import EngineDoor
from ._wire import WireDoor


class Broker(WireDoor, EngineDoor):
    """NGSI-LD over a store, under trust; see the room's door for how a thing travels through it."""
