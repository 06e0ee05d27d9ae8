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
        self._offered: OrderedDict[str, float] = OrderedDict()
        self._waits_ms: deque[float] = deque(maxlen=KEPT)

    def pressed(self, call_id: str, first_byte: float) -> None:
        """Remember a press by the `time.perf_counter` of its first byte; its offer may have been seen already."""
        offered = self._offered.pop(call_id, None)
        if offered is None:
            _keep(self._pressed, call_id, first_byte)
        else:
            self._waits_ms.append((offered - first_byte) * 1000)

    async def observe(self, rows: Sequence[LogRow]) -> None:
        """Look at new log rows, right after their commit."""
        now = time.perf_counter()
        for row in rows:
            if row.kind == "create" and row.type == "Offer":
                offer = await self._broker.read(LOOKING, row.entity_id)
                if offer is not None and offer.values.get("rank", 1) == 1:
                    self._first_offer(str(offer.values["call"]), now)

    def _first_offer(self, call_id: str, now: float) -> None:
        first_byte = self._pressed.pop(call_id, None)
        if first_byte is None:
            _keep(self._offered, call_id, now)
        else:
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


def _keep(moments: OrderedDict[str, float], call_id: str, moment: float) -> None:
    moments[call_id] = moment
    if len(moments) > KEPT:
        moments.popitem(last=False)
