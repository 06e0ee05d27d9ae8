"""What is never written down: faces, fingerprints, religion, ethnicity, card numbers; found by name and by content."""

from __future__ import annotations

import re
from typing import Any

from ._faults import Wrong

#: Names in whatever spelling; `surfaces` and `interfaces` are nobody's face.
FORBIDDEN_NAME = re.compile(
    r"(?:^|_)face(?!s$)|Face(?!s$)|(?:^|_)iris|Iris|(?i:fingerprint|religio|ethnic|biometric|card_?number|health_?code)"
)
#: So many numbers in one list are a feature vector and no measurement.
VECTOR_MIN = 64
_CARD = re.compile(r"(?<![0-9A-Za-z])(?:62|4|5[1-5]|2[2-7]|3[47])[0-9](?:[ -]?[0-9]){10,16}(?![0-9A-Za-z])", re.ASCII)
_TOLD = re.compile(r"[a-z][A-Za-z0-9_]{0,63}", re.ASCII)
#: lengths of the numbers on cards; 18 digits are a citizen's number, 17 a region code
_CARD_DIGITS = (15, 16, 19)
#: base64 of JPEG, PNG, GIF, WebP/WAV, MP3, and data: addresses of the like
_PICTURE = re.compile(r"^(?:data:(?:image|audio|video)/|/9j/|iVBORw0KGgo|R0lGOD|UklGR|SUQz)", re.IGNORECASE)

#: the like inside of other words
_CARRIED = re.compile(
    r"data:(?:image|audio|video)/[\w.+-]{1,40}(?:;[\w=.-]{1,40}){0,4};base64,", re.ASCII | re.IGNORECASE
)


def never_in_string(said: str, *, cards: bool = True) -> Wrong | None:
    """Return what of a string is never kept, or None. `cards`: not looked for where serial numbers stand."""
    if len(said) < 12:
        return None
    if is_picture(said):
        return Wrong("never_picture")
    if cards and any(_has_check_digit(found.group()) for found in _CARD.finditer(said)):
        return Wrong("never_card")
    return None


def is_picture(said: str) -> bool:
    """Tell whether a text is, or anywhere carries, a picture, a film or a recording."""
    return _PICTURE.match(said) is not None or ("base64," in said and _CARRIED.search(said) is not None)


def never_in_json(said: Any, *, cards: bool = True) -> Wrong | None:
    """Return what of any JSON value is never kept, names of members included, or None."""
    if type(said) is str:
        return never_in_string(said, cards=cards)
    if type(said) is list:
        if len(said) >= VECTOR_MIN and all(type(one) is float or type(one) is int for one in said):
            return Wrong("never_vector")
        members = [(f"[{at}]", one) for at, one in enumerate(said)]
    elif type(said) is dict:
        if any(map(FORBIDDEN_NAME.search, said)):
            return Wrong("never_name")
        members = [(_step(name), one) for name, one in said.items()]
    else:
        return None
    for step, one in members:
        if (wrong := never_in_json(one, cards=cards)) is not None:
            return wrong._replace(at=step + wrong.at)
    return None


def _step(name: str) -> str:
    """Return how a member is named in a path; a key that may itself be somebody's name is not told."""
    return f".{name}" if _TOLD.fullmatch(name) else ".*"


def _has_check_digit(said: str) -> bool:
    """Tell whether the last digit is right (Luhn), as it is on every bank card."""
    digits = [int(letter) for letter in said if letter.isdigit()]
    doubled = [sum(divmod(2 * digit, 10)) for digit in digits[-2::-2]]
    return len(digits) in _CARD_DIGITS and (sum(doubled) + sum(digits[-1::-2])) % 10 == 0
