"""Press to offer: how long from the first byte of a press until the first Offer of that call was committed."""

from __future__ import annotations

import time
from collections import OrderedDict, deque
from collections.abc import Sequence

from linli.broker import Broker
from linli.store import LogRow

from ._people import LOOKING

KEPT = 10_000


class PressToOffer:
    """Watches the log for Offers and remembers the wall time that each press waited for its first."""

    def __init__(self, broker: Broker) -> None:
        """Measure on this broker's log."""
        self._broker = broker
        self._pressed: OrderedDict[str, float] = OrderedDict()
        self._waits_ms: deque[float] = deque(maxlen=KEPT)

    def pressed(self, call_id: str, first_byte: float) -> None:
        """Remember a press by the `time.perf_counter` of its first byte."""
        self._pressed[call_id] = first_byte
        if len(self._pressed) > KEPT:
            self._pressed.popitem(last=False)

    async def observe(self, rows: Sequence[LogRow]) -> None:
        """Look at new log rows, right after their commit."""
        now = time.perf_counter()
        for row in rows:
            if row.kind == "create" and row.type == "Offer":
                offer = await self._broker.read(LOOKING, row.entity_id)
                first_byte = self._pressed.pop(str(offer.values.get("call")), None) if offer else None
                if first_byte is not None:
                    self._waits_ms.append((now - first_byte) * 1000)

    def figures(self) -> dict[str, float | int | None]:
        """Return count, p50, p95 and largest wait in milliseconds of wall time."""
        waits = sorted(self._waits_ms)
        if not waits:
            return {"n": 0, "p50": None, "p95": None, "max": None}
        return {
            "n": len(waits),
            "p50": round(waits[len(waits) // 2], 3),
            "p95": round(waits[min(len(waits) - 1, int(len(waits) * 0.95))], 3),
            "max": round(waits[-1], 3),
        }
