"""Regular expressions of strangers: RE2, whose time grows with the text only, whatever the expression."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import re2

from linli.base.errors import BadRequestData

_MEMORY_BYTES = 1 << 20

#: a compiled expression; `.search(text)` finds it anywhere in a text
Pattern = Any

_OPTIONS = re2.Options()
_OPTIONS.log_errors = False
_OPTIONS.max_mem = _MEMORY_BYTES


@lru_cache(256)
def read_pattern(said: str, where: str, letters_max: int = 512) -> Pattern:
    """Return an expression that is found anywhere unless ^ and $ hold it.

    Raises: BadRequestData: it cannot be read, or it is too long or too large.
    """
    if len(said) > letters_max:
        raise BadRequestData(f"{where}: a pattern has at most {letters_max} letters.")
    try:
        return re2.compile(said, _OPTIONS)
    except re2.error as error:
        raise BadRequestData(f"{where}: the pattern cannot be read; it follows RE2, without look-around.") from error
