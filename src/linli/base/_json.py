"""JSON at the doors: strict, capped, fast. The standard library's json is not used at any door (NaN, lone surrogates).

A key that stands twice in one object is refused: whoever checks a document and whoever uses it must read the same.
"""

from __future__ import annotations

import re
from typing import Any

import orjson

from .errors import InvalidRequest, TooLarge

BODY_BYTES_MAX = 1 << 20
BATCH_BYTES_MAX = 8 << 20
DEPTH_MAX = 64

#: each string of a JSON text, and the colon behind it if it is a key
_STRINGS = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"\s*(:?)')


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
    if _keys_in(value, depth_max) != _STRINGS.findall(body).count(b":"):
        raise InvalidRequest("A key stands twice in one object.")
    return value


def write_json(value: object, *, pretty: bool = False) -> bytes:
    """Return `value` as UTF-8 JSON: compact, or indented for people."""
    return orjson.dumps(value, option=orjson.OPT_INDENT_2 if pretty else None)


def _keys_in(value: object, depth_max: int) -> int:
    """Return how many keys there are in all objects. Raises: InvalidRequest: nested deeper than `depth_max`."""
    keys = 0
    level = [value] if isinstance(value, dict | list) else []
    while level:
        if depth_max < 0:
            raise InvalidRequest("The JSON is nested too deep.")
        depth_max -= 1
        below: list[object] = []
        for one in level:
            if type(one) is dict:
                keys += len(one)
                below.extend(one.values())
            elif type(one) is list:
                below.extend(one)
        level = [one for one in below if type(one) is dict or type(one) is list]
    return keys
