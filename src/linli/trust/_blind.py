"""What is looked up without being readable: one spelling of a telephone or identity number, and the end of it."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Literal

#: what a blind index is of: a telephone, an identity number, a reference or any other text, the last four digits
Kind = Literal["phone", "id", "ref", "tail"]

TAIL_DIGITS = 4
_SHORT = re.compile(r"\d{3,6}", re.ASCII)
_E164 = re.compile(r"\+[1-9]\d{6,14}", re.ASCII)


def normal(kind: Kind, value: str) -> str:
    """Return the one spelling of a value by which it is found: +8613812341234 for 138 1234 1234.

    A short number (110) is no telephone and stays as it is, and so does what cannot be read.
    """
    if kind == "phone":
        return value if _E164.fullmatch(value) or _SHORT.fullmatch(value) else _e164(value)
    return _compact(value) if kind == "id" else value


def tail_of(kind: Kind, value: str) -> str | None:
    """Return the last four digits by which a telephone or identity number is asked for; None where there are none."""
    said = normal(kind, value)
    return said[-TAIL_DIGITS:] if kind in ("phone", "id") and len(said) > TAIL_DIGITS else None


@lru_cache(1024)
def _e164(value: str) -> str:
    import phonenumbers  # 60 ms: only nodes that see telephone numbers pay for it

    try:
        number = phonenumbers.parse(value, "CN")
    except phonenumbers.NumberParseException:
        return value
    if not phonenumbers.is_possible_number(number):
        return value
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def _compact(value: str) -> str:
    from stdnum.cn import ric

    return ric.compact(value).upper()
