"""The broker: all doors over one ground."""

from __future__ import annotations

from ._batches import BatchDoor
from ._engines import EngineDoor


class Broker(BatchDoor, EngineDoor):
    """NGSI-LD over a store, under trust; see the room's door for how a thing travels through it."""
