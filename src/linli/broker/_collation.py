"""The order of texts in a language, for the collations that can be kept without a table of all tailorings.

Root order (`und`) and the languages that follow it: first the letters without marks and case, then marks, then case.
German telephone books (`de-u-co-phonebk`) read ä as ae. Chinese by GB 2312 (`zh-u-co-gb2312`), whose first level runs
by pinyin. Whatever else is asked for is refused: a wrong order would not be seen.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from typing import Any

from linli.base.errors import BadRequestData

Collate = Callable[[str], Any]

_TAG = re.compile(r"([a-z]{2,3})(?:-[a-z]{4})?(?:-(?:[a-z]{2}|\d{3}))?(?:-u-co-([a-z0-9]{3,8}))?")
_ROOT_ORDER = frozenset({"und", "de", "en", "fr", "ga", "id", "it", "ms", "nl", "pt", "sw"})
_BOOK = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "Ä": "AE", "Ö": "OE", "Ü": "UE"})

#: spaces, marks and signs come before digits, digits before letters
_RANK = {"Z": 0, "C": 0, "P": 1, "S": 2, "N": 3}


def read_collation(tag: str) -> Collate:
    """Return how texts are ordered under a BCP 47 tag. Raises: BadRequestData: not a tag, or not one offered here."""
    found = _TAG.fullmatch(tag.lower().replace("_", "-"))
    if found is None:
        raise BadRequestData("collation: must be a language tag, like und or de-u-co-phonebk.")
    language, kind = found.groups()
    if language == "zh" and kind == "gb2312":
        return _gb2312
    if language == "de" and kind == "phonebk":
        return lambda text: _root(unicodedata.normalize("NFC", text).translate(_BOOK))
    if language not in _ROOT_ORDER or kind not in (None, "standard") or tag.lower().startswith("fr-ca"):
        raise BadRequestData("collation: offered are und, de, en, fr, it, nl, pt, de-u-co-phonebk and zh-u-co-gb2312.")
    return _root


def _root(text: str) -> Any:
    plain: list[tuple[int, int]] = []
    marks: list[str] = []
    capitals: list[bool] = []
    for letter in unicodedata.normalize("NFKD", text):
        if unicodedata.combining(letter):
            marks[-1:] = [marks[-1] + letter] if marks else [letter]
            continue
        plain.extend((_RANK.get(unicodedata.category(letter)[0], 4), ord(one)) for one in letter.casefold())
        marks.append("")
        capitals.append(letter.isupper())
    return plain, marks, capitals, text


def _gb2312(text: str) -> Any:
    return [(0, ord(one)) if one.isascii() else (1, one.encode("gb2312", "replace"), one) for one in text]
