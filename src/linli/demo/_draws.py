"""Draws: every random choice of the demo is a function of the seed and of what it is for, and of nothing else.

So a run that was broken off and goes on draws the same as one that was not.
"""

from __future__ import annotations

import hashlib
import random

from linli.base import seeded

_LETTERS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


def draws(seed: int, *topic: object) -> random.Random:
    """Return the source of random numbers for one topic, say of the helper with number 12."""
    return seeded(_number(seed, topic))


def fixed_ulid(seed: int, *topic: object) -> str:
    """Return 26 characters in the form of a ULID, always the same for one topic."""
    number = _number(seed, topic)
    letters = []
    for _ in range(25):
        number, rest = divmod(number, 32)
        letters.append(_LETTERS[rest])
    return "0" + "".join(letters)


def _number(seed: int, topic: tuple[object, ...]) -> int:
    words = "\x1f".join((str(seed), *map(str, topic)))
    return int.from_bytes(hashlib.blake2b(words.encode(), digest_size=16).digest())
