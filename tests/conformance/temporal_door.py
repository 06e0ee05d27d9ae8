"""What the tests of the temporal part share: a buoy on the sea and short ways to its evolution."""

from __future__ import annotations

import asyncio
from typing import Any
from urllib.parse import quote

from ngsild_door import Door, Reply

EVOLUTIONS = "/temporal/entities"
BUOY = "urn:ngsi-ld:Buoy:north"
ALL_TIME = {"timerel": "after", "timeAt": "2000-01-01T00:00:00Z"}


def at(hour: int, minute: int = 0) -> str:
    """A moment of the one day on which everything is observed."""
    return f"2026-05-04T{hour:02d}:{minute:02d}:00Z"


def seen(value: Any, hour: int, minute: int = 0, **members: Any) -> dict[str, Any]:
    """A value as it was observed."""
    return {"type": "Property", "value": value, "observedAt": at(hour, minute), **members}


def buoy(name: str = BUOY, **attrs: Any) -> dict[str, Any]:
    return {"id": name, "type": "Buoy", **attrs}


class Log(Door):
    """A node, asked about evolutions."""

    def __init__(self, **options: Any) -> None:
        super().__init__(default_context="core", **options)

    def tell(self, body: dict[str, Any], status: int = 201) -> None:
        reply = self.ask("POST", EVOLUTIONS, body)
        assert reply.status == status, reply.body

    def past(self, name: str = BUOY, **query: str) -> Reply:
        return self.ask("GET", f"{EVOLUTIONS}/{quote(name, safe=':')}", **query)

    def all_past(self, **query: str) -> Reply:
        return self.ask("GET", EVOLUTIONS, **({"type": "Buoy"} | ALL_TIME | query))

    def found_past(self, **query: str) -> list[str]:
        reply = self.all_past(**query)
        assert reply.status in (200, 206), reply.body
        return [one["id"].rsplit(":", 1)[1] for one in reply.json]

    def values(self, attr: str, name: str = BUOY, **query: str) -> list[Any]:
        """The bare values of an attribute inside a time, in order."""
        reply = self.past(name, **query)
        assert reply.status in (200, 206), reply.body
        return [one["value"] for one in reply.json.get(attr, [])]

    def later(self, seconds: int = 60) -> None:
        self.clock.advance_to(self.clock.now_us() + seconds * 1_000_000)

    def expire(self, name: str) -> None:
        """Let what has expired be taken away, as the reader of the log does."""
        asyncio.run(self.broker.expire("default", name))
