"""Guessing made slow: whoever failed waits, longer each time. Nobody is ever locked out by what somebody else does.

A failure counts for the account together with the address that it came from, and for the address alone. So a stranger who
guesses at somebody's code from afar slows down himself, while the person at home signs in as always.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address

from linli.base import MINUTE_US, SECOND_US, Clock
from linli.base.errors import TooOften

#: failures that cost nothing: people mistype
FREE, FREE_OF_ADDRESS = 3, 20
#: the longest wait of one account at one address; of a whole address, behind which others may sit too
WAIT_S_MAX, WAIT_S_MAX_OF_ADDRESS = 900, 60
#: tries of one address within a minute, good or bad
PER_MINUTE = 20
FORGET_US = 3600 * SECOND_US
HELD_MAX = 100_000
_IPV6_NETWORK_BITS = 64
_SLOWER = "That was tried too often from here. Wait a little and try again."


@dataclass(slots=True)
class _Failures:
    count: int
    last_us: int


class Delays:
    """Who failed lately, in the memory of this process."""

    def __init__(self, wall: Clock) -> None:
        """Measure by the wall clock."""
        self._wall = wall
        self._failures: OrderedDict[tuple[str, str], _Failures] = OrderedDict()
        self._paces: OrderedDict[str, tuple[int, int]] = OrderedDict()

    def pace(self, address: str) -> None:
        """Count a question that costs something. Raises: TooOften: there were too many from here in this minute."""
        near, now = network_of(address), self._wall.now_us()
        began, count = self._paces.pop(near, (now, 0))
        if not 0 <= now - began < MINUTE_US:
            began, count = now, 0
        self._paces[near] = began, count + 1
        if len(self._paces) > HELD_MAX:
            self._paces.popitem(last=False)
        if count >= PER_MINUTE:
            raise TooOften(_SLOWER, wait_s=-(-(began + MINUTE_US - now) // SECOND_US))

    def check(self, account: str, address: str) -> None:
        """Let a try pass. Raises: TooOften: with how long to wait."""
        near = network_of(address)
        wait_us = max(
            self._wait_us((account, near), FREE, WAIT_S_MAX),
            self._wait_us(("", near), FREE_OF_ADDRESS, WAIT_S_MAX_OF_ADDRESS),
        )
        if wait_us > 0:
            raise TooOften(_SLOWER, wait_s=-(-wait_us // SECOND_US))

    def failed(self, account: str, address: str) -> None:
        """Count a failure."""
        near, now = network_of(address), self._wall.now_us()
        for key in ((account, near), ("", near)):
            found = self._failures.get(key)
            if found is None or now - found.last_us > FORGET_US:
                found = self._failures[key] = _Failures(0, now)
            found.count, found.last_us = found.count + 1, now
            self._failures.move_to_end(key)
        while len(self._failures) > HELD_MAX:
            self._failures.popitem(last=False)

    def worked(self, account: str, address: str) -> None:
        """Forget the failures of somebody who got it right."""
        self._failures.pop((account, network_of(address)), None)

    def _wait_us(self, key: tuple[str, str], free: int, most_s: int) -> int:
        found = self._failures.get(key)
        if found is None or found.count < free:
            return 0
        wait_us = min(most_s, 1 << min(found.count - free, 10)) * SECOND_US
        return min(found.last_us + wait_us - self._wall.now_us(), wait_us)


def network_of(address: str) -> str:
    """Return what counts as one address: of IPv6 the network, for whoever has one address of it has them all."""
    try:
        said = ip_address(address)
    except ValueError:
        return address
    if isinstance(said, IPv6Address):
        return said.exploded[: _IPV6_NETWORK_BITS // 4 + 3]
    return str(said)


def class_of(address: str) -> str:
    """Return which class of address this is, for the audit, which keeps none: it outlives the reason for knowing more."""
    try:
        said = ip_address(address)
    except ValueError:
        return "unknown"
    if said.is_loopback:
        return "machine"
    return "outside" if said.is_global else "inside"
