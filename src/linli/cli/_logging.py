"""The log: one line of JSON an event on standard error, without secrets and without characters that deceive a reader."""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import MutableMapping
from typing import Any

import structlog

from linli.base import write_json

HIDDEN = "***"
#: what is said under such a name is never written down
_SECRET_NAME = re.compile(
    r"password|passwd|secret|token|authorization|cookie|credential|otp|pin_code|private_key", re.IGNORECASE
)
_PASSWORD_IN_URL = re.compile(r"(://[^/\s:@]*:)[^/\s@]+(?=@)")
#: line ends that are not ASCII, and marks that turn the direction of writing: shown as escapes
_DECEIVING = re.compile("[\u007f-\u009f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff]")


def start_logging(level: str) -> None:
    """Write events of this level and above from now on."""
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, level.upper())),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            rendered,
        ],
    )


def rendered(_: object, __: str, event: MutableMapping[str, Any]) -> str:
    """Return an event as one line of JSON."""
    line = write_json(_plain(event)).decode("utf-8", "replace")
    return _DECEIVING.sub(lambda found: f"\\u{ord(found[0]):04x}", line)


def _plain(value: object) -> object:
    """Return what JSON can hold, with secrets hidden."""
    if isinstance(value, MutableMapping):
        return {
            str(key): HIDDEN if _SECRET_NAME.search(str(key)) and item else _plain(item) for key, item in value.items()
        }
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float | bool | None) or (isinstance(value, int) and abs(value) < 1 << 63):
        return value
    text = str(value).encode("utf-8", "backslashreplace").decode()
    return _PASSWORD_IN_URL.sub(rf"\g<1>{HIDDEN}", text)
