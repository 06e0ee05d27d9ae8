"""How often somebody may ask: a bucket for each address, each who is signed in, and each area; and whose address it is.

A press for help is never refused here: presses that come too often are merged by dispatch. Without sign-in (loopback
only) nothing is counted.
"""

from __future__ import annotations

import ipaddress
from collections import OrderedDict, deque
from collections.abc import Callable, Hashable, Mapping, MutableMapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import ceil
from typing import Any

from linli.base import Settings, setting
from linli.base.errors import BadSetting, TooOften
from linli.trust import Principal

ADDRESS_S = setting("limits.address_s", 100, "Requests a second that one address may make when nobody is signed in.")
PRINCIPAL_S = setting("limits.principal_s", 50, "Requests a second that one who is signed in may make.")
AREA_S = setting("limits.area_s", 1000, "Requests a second that all who belong to one area may make together.")
BURST_S = setting("limits.burst_s", 10, "So many seconds' worth of requests may come at once.")
UNMASK_H = setting("limits.unmask_h", 20, "How many things one person may see in clear in an hour, each for a reason.")
PROXIES = setting(
    "web.proxies", [], "Addresses or networks of proxies whose X-Forwarded-For is believed, like 10.0.0.0/8."
)

#: how many who asked lately are remembered; the longest silent are forgotten first
REMEMBERED_MAX = 50_000
HOUR_S = 3600
#: what a search costs beside an ordinary request
SEARCH_COST = 5

_PRESSES = frozenset({"/api/calls", "/call"})
_LISTS = frozenset({"/ngsi-ld/v1/entities", "/ngsi-ld/v1/temporal/entities"})
_SEARCHES = {
    "GET": _LISTS,
    "HEAD": _LISTS,
    "POST": frozenset({"/ngsi-ld/v1/entityOperations/query", "/ngsi-ld/v1/temporal/entityOperations/query"}),
}


class Buckets:
    """Token buckets of one size, by key: `rate_s` tokens a second flow in, up to `burst_s` seconds' worth."""

    def __init__(self, rate_s: float, burst_s: float, remembered_max: int = REMEMBERED_MAX) -> None:
        """Begin with full buckets."""
        self._token_s = 1 / rate_s
        self._burst_s = burst_s
        self._most = remembered_max
        #: when each bucket will be full again
        self._full_at_s: OrderedDict[Hashable, float] = OrderedDict()

    def take(self, key: Hashable, cost: int, now_s: float) -> float:
        """Take `cost` tokens; return 0, or for how many seconds to wait when there are not enough (then none go)."""
        known = self._full_at_s
        full_at_s = known.get(key, now_s)
        full_at_s = (max(now_s, full_at_s)) + cost * self._token_s
        wait_s = full_at_s - now_s - self._burst_s
        if wait_s > 0:
            return wait_s
        known[key] = full_at_s
        known.move_to_end(key)
        if len(known) > self._most:
            known.popitem(last=False)
        return 0.0


class Hourly:
    """Counts what somebody did in the last hour: at most so many, however they are spread over it."""

    def __init__(self, most: int, clock_s: Callable[[], float]) -> None:
        """Count by a clock that never goes back."""
        self._most, self._clock_s = most, clock_s
        self._done: OrderedDict[str, deque[float]] = OrderedDict()

    def take(self, who: str) -> None:
        """Count one more. Raises: TooOften: the hour is full; it says how long to wait."""
        now_s = self._clock_s()
        done = self._done.setdefault(who, deque())
        while done and done[0] + HOUR_S <= now_s:
            done.popleft()
        if len(done) >= self._most:
            raise TooOften(wait_s=ceil(done[0] + HOUR_S - now_s) if done else HOUR_S)
        done.append(now_s)
        self._done.move_to_end(who)
        if len(self._done) > REMEMBERED_MAX:
            self._done.popitem(last=False)


@dataclass(frozen=True, slots=True)
class Rates:
    """How many requests a second, and for how many seconds' worth a burst may go on."""

    address_s: float
    principal_s: float
    area_s: float
    burst_s: float

    @classmethod
    def of(cls, settings: Settings) -> Rates:
        """Return what the settings say. Raises: BadSetting: one is not above 0."""
        for name in (ADDRESS_S, PRINCIPAL_S, AREA_S, BURST_S):
            if settings[name] <= 0:
                raise BadSetting(f"{name} = {settings[name]}: must be above 0.")
        return cls(settings[ADDRESS_S], settings[PRINCIPAL_S], settings[AREA_S], settings[BURST_S])


class Limits:
    """Admits a request, or says for how long to wait."""

    def __init__(self, rates: Rates, clock_s: Callable[[], float]) -> None:
        """Count by a clock that never goes back."""
        self._clock_s = clock_s
        self._addresses = Buckets(rates.address_s, rates.burst_s)
        self._principals = Buckets(rates.principal_s, rates.burst_s)
        self._areas = Buckets(rates.area_s, rates.burst_s)

    def admit(self, scope: Mapping[str, Any], who: Principal | None) -> None:
        """Count a request by who is signed in and his areas, or by the address of a stranger (None).

        Raises: TooOften.
        """
        method, path = scope["method"], scope["path"]
        if method == "POST" and path in _PRESSES:
            return
        cost, now_s = SEARCH_COST if path.rstrip("/") in _SEARCHES.get(method, ()) else 1, self._clock_s()
        if who is None:
            wait_s = self._addresses.take(str((scope.get("client") or ("",))[0]), cost, now_s)
        else:
            wait_s = self._principals.take((who.tenant, who.id), cost, now_s)
            for area in who.scopes if not wait_s else ():
                if area != "/":
                    wait_s = max(wait_s, self._areas.take((who.tenant, area), cost, now_s))
        if wait_s:
            raise TooOften(wait_s=ceil(wait_s))


class Proxies:
    """The proxies that this node believes."""

    def __init__(self, listed: Sequence[str]) -> None:
        """Take addresses and networks. Raises: BadSetting: one is neither."""
        try:
            self._networks = tuple(ipaddress.ip_network(one) for one in listed)
        except ValueError as error:
            raise BadSetting(f"web.proxies: {error}; write addresses or networks like 10.0.0.0/8.") from error
        self._is_one = lru_cache(1024)(self._looked_up)

    def seen_through(self, scope: MutableMapping[str, Any]) -> None:
        """Write into `scope` whose address a request comes from, and whether he speaks TLS, where a proxy says so.

        His is the last address in X-Forwarded-For that is no proxy of ours. From anybody else these headers say nothing.
        """
        client = (scope.get("client") or ("", 0))[0]
        if not self._networks or not self._is_one(client):
            return
        headers = dict(scope["headers"])
        said = headers.get(b"x-forwarded-for", b"").decode("latin-1").split(",")
        strangers = [one.strip() for one in said if one.strip() and not self._is_one(one.strip())]
        if strangers:
            scope["client"] = (_canonical(strangers[-1]), 0)
        if headers.get(b"x-forwarded-proto") == b"https":
            scope["scheme"] = "https"

    def _looked_up(self, address: str) -> bool:
        try:
            known = ipaddress.ip_address(address)
        except ValueError:
            return False
        return any(known in network for network in self._networks)


def _canonical(address: str) -> str:
    """Return an address as it is always written; what is no address at all counts as one stranger."""
    try:
        return str(ipaddress.ip_address(address))
    except ValueError:
        return "unknown"
