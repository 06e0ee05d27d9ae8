"""The summary of a run, read from the node's own books: every call and every accepted offer, by the public doors.

A wait counts from the receipt of a call until somebody is on site; a call that nobody reached waits for ever, and so
stands above every other one in the percentiles, which then say "notReached".
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Awaitable, Sequence
from functools import partial
from typing import Any

from linli.base import MINUTE_US, from_wire_time
from linli.client import Client

from ._district import District
from ._town import Town
from ._wire import read_back

HOUR_MIN = 60.0
URGENT_MIN = 15.0
PAGE = 1000
NOT_REACHED = "notReached"
_CALL = ("receivedAt", "onSiteAt", "state", "urgency", "shortage", "assigned", "homeArea", "presses")
_WALL = "_wall_ms"

Books = list[dict[str, Any]]


async def summary(town: Town) -> dict[str, Any]:
    """Return the figures of a run whose calls have all come to their end."""
    calls = await _all(town, "ServiceCall", _CALL)
    offers = await _all(town, "Offer", ("call", "eta"), 'answer=="accepted"')
    node = await town.door.node()
    district = town.district
    return {
        "seed": district.seed,
        "load": district.scenario.key,
        "policy": node.get("policy"),
        "network": district.network.digest,
        "residents": district.residents,
        "helpers": district.scenario.helpers.count,
        "hours": district.scenario.calls.hours,
        **figures(calls, offers, district),
        "pressed": town.pressed,
        "joined": town.joined,
        "lost": town.pressed - town.joined - len(calls),
        "requests": dict(sorted(town.door.requests.items())),
        "pressToOffer_wall_ms": node.get("pressToOffer_wall_ms"),
    }


def figures(calls: Books, offers: Books, district: District) -> dict[str, Any]:
    """Return what the books say about the calls."""
    waits = [wait_min(one) for one in calls]
    urgent = [wait for one, wait in zip(calls, waits, strict=True) if int(one.get("urgency") or 0) >= 2]
    served = [one for one, wait in zip(calls, waits, strict=True) if wait < math.inf]
    homes = {helper.id: helper.community.id for helper in district.helpers}
    crossing = sum(homes.get(str(one.get("assigned"))) != one.get("homeArea") for one in served)
    km = _way_km(served, offers, district.scenario.helpers.speed_km_h)
    return {
        "calls": len(calls),
        "servedWithin60": _share(waits, HOUR_MIN),
        "urgentWithin15": _share(urgent, URGENT_MIN),
        "served": {"n": len(served), "own": len(served) - crossing, "crossing": crossing},
        "unserved": {
            "n": len(calls) - len(served),
            "reasons": dict(sorted(Counter(reason(one) for one in calls if "onSiteAt" not in one).items())),
        },
        "open": sum(str(one.get("state")) not in _ENDED for one in calls),
        "waitP50Min": percentile(waits, 0.50),
        "waitP95Min": percentile(waits, 0.95),
        "kmPerCall": round(sum(km) / len(km), 3) if km else None,
    }


_ENDED = frozenset({"done", "confirmed", "closed", "cancelled", "falseAlarm", "handedOver"})


def wait_min(call: dict[str, Any]) -> float:
    """Return the minutes from receipt until somebody was on site; inf when nobody was."""
    if not call.get("onSiteAt"):
        return math.inf
    return (from_wire_time(call["onSiteAt"]) - from_wire_time(call["receivedAt"])) / MINUTE_US


def reason(call: dict[str, Any]) -> str:
    """Return why a call was not served: the step that nobody passed, or that somebody was on his way too late."""
    shortage = call.get("shortage")
    if shortage:
        return str(shortage.get("bindingStep", "unknown"))
    return "onTheWayTooLate" if call.get("assigned") else "notAnswered"


def percentile(waits: Sequence[float], share: float) -> float | str | None:
    """Return the nearest-rank percentile in minutes over all waits, "notReached" when it falls on a call unserved."""
    if not waits:
        return None
    wait = sorted(waits)[max(0, math.ceil(share * len(waits)) - 1)]
    return NOT_REACHED if math.isinf(wait) else round(wait, 2)


def aggregate(runs: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return several runs with mean, smallest and largest of what compares."""
    return {"runs": list(runs), "over": {name: _spread(runs, path) for name, path in _COMPARED.items()}}


_COMPARED = {
    "servedWithin60": ("servedWithin60", "share"),
    "urgentWithin15": ("urgentWithin15", "share"),
    "unserved": ("unserved", "n"),
    "crossing": ("served", "crossing"),
    "waitP50Min": ("waitP50Min",),
    "waitP95Min": ("waitP95Min",),
    "kmPerCall": ("kmPerCall",),
    "lost": ("lost",),
}


def without_wall(result: Any) -> Any:
    """Return a summary without what depends on the machine: two runs of one seed are then equal."""
    if isinstance(result, dict):
        return {name: without_wall(value) for name, value in result.items() if not name.endswith(_WALL)}
    return [without_wall(one) for one in result] if isinstance(result, list) else result


def _spread(runs: Sequence[dict[str, Any]], path: tuple[str, ...]) -> dict[str, Any]:
    found = []
    for run in runs:
        value: Any = run
        for name in path:
            value = value[name]
        found.append(value)
    numbers = [value for value in found if isinstance(value, int | float)]
    spread: dict[str, Any] = {"n": len(numbers)}
    if numbers:
        mean = round(math.fsum(numbers) / len(numbers), 4)
        spread |= {"mean": mean, "min": min(numbers), "max": max(numbers)}
    if len(numbers) < len(found):
        spread[NOT_REACHED] = sum(value == NOT_REACHED for value in found)
    return spread


def _share(waits: Sequence[float], limit_min: float) -> dict[str, Any]:
    n = sum(wait <= limit_min for wait in waits)
    return {"n": n, "of": len(waits), "share": round(n / len(waits), 4) if waits else None}


def _way_km(served: Books, offers: Books, speed_km_h: float) -> list[float]:
    """Return the kilometres that each served call's helper had to ride, by the way that was promised to the caller."""
    seconds = {one.get("call"): float(one.get("eta") or 0) for one in sorted(offers, key=lambda one: str(one["id"]))}
    return [seconds[one["id"]] / 3600 * speed_km_h for one in served if one["id"] in seconds]


async def _all(town: Town, type_name: str, attrs: tuple[str, ...], q: str | None = None) -> Books:
    """Read a whole type, page by page."""
    found: Books = []
    while True:
        page = await town.office.ask(partial(_page, type_name, attrs, q, len(found)))
        found += [read_back(one) for one in page]
        if len(page) < PAGE:
            return found


def _page(type_name: str, attrs: tuple[str, ...], q: str | None, offset: int, client: Client) -> Awaitable[Books]:
    return client.entities(type_name, q=q, attrs=attrs, limit=PAGE, offset=offset, purpose="service")
