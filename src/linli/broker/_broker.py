"""The broker: all doors over one ground."""

from __future__ import annotations

from ._batches import BatchDoor
from ._context_door import ContextDoor
from ._engines import EngineDoor


class Broker(BatchDoor, EngineDoor, ContextDoor):
    """NGSI-LD over a store, under trust; see the room's door for how a thing travels through it."""
