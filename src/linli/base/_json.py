"""JSON at the doors: strict, capped, fast. The standard library's json is not used at any door (NaN, lone surrogates)."""

from __future__ import annotations

from typing import Any

import orjson

from .errors import InvalidRequest, TooLarge

BODY_BYTES_MAX = 1 << 20
BATCH_BYTES_MAX = 8 << 20
DEPTH_MAX = 64


def read_json(body: bytes, *, bytes_max: int = BODY_BYTES_MAX, depth_max: int = DEPTH_MAX) -> Any:
    """Return the decoded JSON of a request.

    Raises: TooLarge: longer than `bytes_max`. InvalidRequest: not JSON, not UTF-8, empty or too deep.
    """
    if len(body) > bytes_max:
        raise TooLarge(f"The body may hold at most {bytes_max} bytes.")
    try:
        value = orjson.loads(body)
    except (orjson.JSONDecodeError, RecursionError) as error:
        raise InvalidRequest(f"The body is not valid JSON: {error}.") from error
    if _deeper_than(value, depth_max):
        raise InvalidRequest(f"The JSON is nested deeper than {depth_max} levels.")
    return value


def write_json(value: object, *, pretty: bool = False) -> bytes:
    """Return `value` as UTF-8 JSON: compact, or indented for people."""
    return orjson.dumps(value, option=orjson.OPT_INDENT_2 if pretty else None)


def _deeper_than(value: object, depth: int) -> bool:
    level = [value]
    while level:
        if depth < 0:
            return True
        depth -= 1
        below: list[object] = []
        for item in level:
            if isinstance(item, dict):
                below.extend(v for v in item.values() if isinstance(v, dict | list))
            elif isinstance(item, list):
                below.extend(v for v in item if isinstance(v, dict | list))
        level = below
    return False
