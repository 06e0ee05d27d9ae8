"""Ids: urn:ngsi-ld:<Type>:<node>:<ulid>, and the hierarchy of places as NGSI-LD scopes."""

from __future__ import annotations

import random
import re
import secrets
from typing import Protocol

_CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_CODE_CUTS = (2, 4, 6, 9, 12)
_URN = re.compile(r"^urn:ngsi-ld:([A-Za-z][A-Za-z0-9]*):([A-Za-z0-9._\-:]+)$")


class Randomness(Protocol):
    """A source of random bits: `secrets.SystemRandom` in life, `random.Random(seed)` in headless runs."""

    def getrandbits(self, k: int, /) -> int:
        """Return `k` random bits."""
        ...


class Ids:
    """Makes the ids of one node; ids of one process sort in the order in which they were made."""

    def __init__(self, node: str, randomness: Randomness | None = None) -> None:
        """Take the node's region code (padded to 12 digits) and where random bits come from."""
        self.node = node.ljust(12, "0")
        self._randomness = randomness or secrets.SystemRandom()
        self._last = (0, 0)

    def new(self, entity_type: str, at_us: int) -> str:
        """Return a fresh id of `entity_type` made at `at_us`."""
        return f"urn:ngsi-ld:{entity_type}:{self.node}:{self._ulid(at_us // 1000)}"

    def _ulid(self, at_ms: int) -> str:
        last_ms, last_bits = self._last
        bits = last_bits + 1 if at_ms <= last_ms else self._randomness.getrandbits(79)
        at_ms = max(at_ms, last_ms)
        self._last = (at_ms, bits)
        return _base32(at_ms, 10) + _base32(bits, 16)


def seeded(seed: int) -> random.Random:
    """Return a reproducible source of random bits, for headless runs and made-up districts only."""
    return random.Random(seed)  # noqa: S311 - reproducible on purpose, never for secrets


def call_number(entity_id: str) -> str:
    """Return the short number that people read out on the phone, made from the end of the id: K7Q-24M."""
    tail = entity_id[-6:]
    return f"{tail[:3]}-{tail[3:]}"


def type_of_urn(entity_id: str) -> str | None:
    """Return the type that an id of ours names, or None for any other id."""
    match = _URN.match(entity_id)
    return match.group(1) if match else None


def scope_of_code(code: str, grid: str | None = None) -> str:
    """Return the NGSI-LD scope of a region code: 370102001001, g03 -> /cn/r37/r3701/.../r370102001001/g03."""
    parts = ["cn", *(f"r{code[:cut]}" for cut in _CODE_CUTS if cut <= len(code))]
    if grid:
        parts.append(grid)
    return "/" + "/".join(parts)


def code_of_scope(scope: str) -> str:
    """Return the deepest region code in a scope, without its letter; "" for the whole country."""
    codes = [part[1:] for part in scope.split("/") if part.startswith("r")]
    return codes[-1] if codes else ""


def within_scope(scope: str, above: str) -> bool:
    """Tell whether `scope` is `above` or lies below it."""
    return scope == above or scope.startswith(above.rstrip("/") + "/")


def _base32(number: int, length: int) -> str:
    letters = []
    for _ in range(length):
        number, rest = divmod(number, 32)
        letters.append(_CROCKFORD[rest])
    return "".join(reversed(letters))
