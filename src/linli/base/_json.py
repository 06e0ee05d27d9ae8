"""JSON at the doors: strict, capped, fast. The standard library's json is not used at any door (NaN, lone surrogates).

A key that stands twice in one object is refused: whoever checks a document and whoever uses it must read the same.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import orjson

from .errors import InvalidRequest, TooLarge

BODY_BYTES_MAX = 1 << 20
BATCH_BYTES_MAX = 8 << 20
DEPTH_MAX = 64

#: each string of a JSON text, and the colon behind it if it is a key
_STRINGS = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"\s*(:?)')
#: how a colon may stand apart from its key; inside of texts it means nothing
_APART = re.compile(rb"[ \t\r\n]:")
_NESTED = frozenset((dict, list))


def read_json(body: bytes, *, bytes_max: int = BODY_BYTES_MAX, depth_max: int = DEPTH_MAX) -> Any:
    """Return the decoded JSON of a request.

    Raises: TooLarge: longer than `bytes_max`. InvalidRequest: not JSON, not UTF-8, empty, too deep, or a key twice.
    """
    if len(body) > bytes_max:
        raise TooLarge(f"The body may hold at most {bytes_max} bytes.")
    try:
        value = orjson.loads(body)
    except (orjson.JSONDecodeError, RecursionError) as error:
        raise InvalidRequest(f"The body is not valid JSON: {error}.") from error
    if isinstance(value, dict | list):
        if body.count(b"{") + body.count(b"[") > depth_max:
            _check_depth(value, depth_max)
        if not _is_as_we_write(body, value) and _stands_twice(body, _keys_in(value)):
            raise InvalidRequest("A key stands twice in one object.")
    return value


def write_json(value: object, *, pretty: bool = False) -> bytes:
    """Return `value` as UTF-8 JSON: compact, or indented for people."""
    return orjson.dumps(value, option=orjson.OPT_INDENT_2 if pretty else None)


def _is_as_we_write(body: bytes, value: object) -> bool:
    """Tell whether a text is, byte by byte, what we would write: then no key stands twice in it. Most machines write so."""
    try:
        return orjson.dumps(value) == body
    except orjson.JSONEncodeError:
        return False  # deeper than can be written


def _stands_twice(body: bytes, keys: int) -> bool:
    """Tell whether a text says more keys than the `keys` that its objects have."""
    if keys == body.count(b'":') and not _APART.search(body):
        return False  # every key ends in a quote and a colon, so there are no more of them
    return keys != _STRINGS.findall(body).count(b":")


def _check_depth(value: object, depth_max: int) -> None:
    """Raises: InvalidRequest: nested deeper than `depth_max`."""
    for depth, _ in enumerate(_levels(value)):
        if depth > depth_max:
            raise InvalidRequest("The JSON is nested too deep.")


def _keys_in(value: object) -> int:
    """Return how many keys there are in all objects."""
    return sum([len(one) for level in _levels(value) for one in level if type(one) is dict])


def _levels(value: object) -> Iterator[list[Any]]:
    """Yield the objects and lists of each depth, the outermost first."""
    level: list[Any] = [value]
    while level:
        yield level
        parts = [one.values() if type(one) is dict else one for one in level]
        level = [part for some in parts for part in some if type(part) in _NESTED]
