"""One function turns snake_case into the wire's lowerCamel, one turns it back."""

from __future__ import annotations

import re
from functools import cache

_UPPER = re.compile(r"(?<=[a-z0-9])([A-Z])")


@cache
def wire_key(name: str) -> str:
    """Return the wire's spelling: on_site -> onSite."""
    first, *rest = name.split("_")
    return first + "".join(part[:1].upper() + part[1:] for part in rest)


@cache
def snake_key(name: str) -> str:
    """Return the spelling inside: onSite -> on_site."""
    return _UPPER.sub(lambda match: "_" + match.group(1).lower(), name)
