"""Turns rows of a database into the words of the door."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import Any

import orjson

from ._change import Fact, LogRow, Past, Stored


def stored_of(row: Iterable[Any]) -> Stored:
    """Return an entity."""
    entity_id, types, scopes, *rest = row
    return Stored(entity_id, _words(types), _words(scopes), *rest)


def past_of(row: Iterable[Any]) -> Past:
    """Return a row of history."""
    seq, nth, at_us, *fact = row
    return Past(seq, nth, at_us, Fact(*fact))


def log_row_of(row: Iterable[Any]) -> LogRow:
    """Return a row of the log."""
    found = LogRow(*row)
    return found._replace(attrs=_words(found.attrs))


@lru_cache(4096)
def _words(text: str) -> tuple[str, ...]:
    """Return a list of words; the same few stand in very many rows, and are kept once."""
    return tuple(orjson.loads(text))
