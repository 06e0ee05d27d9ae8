"""The figures of one call, by which the figures of a pack (kpi) and a simulation are counted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from linli.base import SECOND_US, from_wire_time, snake_key

from ._filter import Filter
from ._form import KpiForm

#: measure -> the attribute with its moment
_MOMENTS = {
    "ack_s": "ackAt",
    "accept_s": "acceptedAt",
    "arrive_s": "onSiteAt",
    "done_s": "doneAt",
    "confirm_s": "confirmedAt",
}


def measures_of(call: Mapping[str, Any]) -> dict[str, Any]:
    """Return the figures of a call from the values of its entity. What never happened has no figure.

    Units: seconds from the receipt, or from when the call was opened again.
    """
    rows = call.get("timeline") or []
    begun = max([row["at"] for row in rows if row["what"] == "reopened"], default=call["receivedAt"])
    begun_us = from_wire_time(begun)
    times = {
        name: (from_wire_time(call[attr]) - begun_us) / SECOND_US for name, attr in _MOMENTS.items() if call.get(attr)
    }
    told = [times[name] for name in ("ack_s", "accept_s") if name in times]  # whoever accepts has heard of it
    return (
        times
        | ({"ack_s": min(told)} if told else {})
        | {
            "state": snake_key(call["state"]),
            "urgency": call["urgency"],
            "level": call.get("escalationLevel") or 0,
            "offers": len(call.get("offers") or []),
            "declines": sum(row["what"] == "declined" for row in rows),
            "presses": call.get("presses") or 1,
            "reopened": call.get("reopened") or 0,
            "rating": call.get("rating") or 0,
            "by_timeout": bool(call.get("byTimeout")),
            "crossing": bool(call.get("crossing")),
            "mouth": call["mouth"],
            "late": any(row["what"] == "late" for row in rows),
        }
    )


def kpi_share(kpi: KpiForm, calls: Sequence[tuple[str, Mapping[str, Any]]]) -> tuple[int, int]:
    """Return how many of how many calls keep a figure; `calls`: (kind, measures)."""
    num, den = Filter.read(kpi.num), Filter.read(kpi.den)
    counted = [one for kind, one in calls if kind in kpi.of and den is not None and den.holds(one)]
    return sum(num is not None and num.holds(one) for one in counted), len(counted)
