"""What a Change must look like before any store takes it; wrong ones are defects of the caller, found at once."""

from __future__ import annotations

from collections.abc import Iterable
from math import isfinite

from linli.base.errors import BadRequestData

from ._change import Box, Change


def checked(change: Change) -> Change:
    """Return `change`, which any store can write.

    Raises: BadRequestData: a box whose edges are not finite or stand the wrong way round; text that is not Unicode.
    """
    _check_text((change.tenant, change.actor, change.purpose))
    for put in change.puts:
        _check_text((put.entity_id, *put.types, *put.scopes, *put.attrs, *(text for key in put.keys for text in key)))
        _check_text(text for fact in put.facts for text in (fact.attr, fact.dataset_id))
        if put.box is not None:
            _check_box(put.entity_id, put.box)
    _check_text(text for t in change.set_timers for text in (t.entity_id, t.entity_type, t.name, t.scope))
    return change


def scope_key(scope: str) -> str:
    """Return a scope as stores compare it: with exactly one "/" at the end."""
    return scope.rstrip("/") + "/"


def _check_text(texts: Iterable[str]) -> None:
    try:
        "".join(texts).encode()
    except UnicodeEncodeError as error:
        raise BadRequestData("A text holds characters that are not Unicode.") from error


def _check_box(entity_id: str, box: Box) -> None:
    west, south, east, north = box
    if not all(map(isfinite, box)) or west > east or south > north:
        raise BadRequestData(f"The box of {entity_id} must be west, south, east, north, in finite degrees.")
