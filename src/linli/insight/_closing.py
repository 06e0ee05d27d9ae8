"""Closures that stand in the store, as the streets know them: which hold now, and when that changes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from linli.base import from_wire_time
from linli.broker import Plain
from linli.store import Timer
from linli.travel import MODES, Closure

TIMER = "closure"


@dataclass(frozen=True, slots=True)
class Closing:
    """One Closure: what it closes, from when until when (microseconds of the city's clock)."""

    id: str
    scope: str
    closure: Closure
    from_us: int
    to_us: int

    def timer(self, now_us: int) -> Timer | None:
        """Return the timer for when it begins or ends next."""
        due = next((at for at in (self.from_us, self.to_us) if at > now_us), None)
        return None if due is None else Timer(self.id, "Closure", TIMER, due, self.scope)


def closing_of(entity: Plain) -> Closing:
    """Return a Closure entity as the streets know it."""
    values = entity.values
    named = values.get("closedModes")
    modes = tuple(mode for mode in MODES if not named or mode in named)
    ways = values.get("closedWays") or ()
    closure = Closure(
        area=values.get("closedArea"),
        ways=tuple(ways) if isinstance(ways, list | tuple) else (ways,),
        sealed=values["closureKind"] == "sealed",
        modes=modes,
    )
    times = (from_wire_time(values["validFrom"]), from_wire_time(values["validTo"]))
    return Closing(entity.id, entity.scopes[0], closure, *times)


def held(closings: Iterable[Closing], now_us: int) -> list[Closure]:
    """Return what is closed at this moment."""
    return [one.closure for one in closings if one.from_us <= now_us < one.to_us]
