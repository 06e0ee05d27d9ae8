"""By which brokers a request came, so that two of them do not tell each other the same for ever.

Each broker adds its alias to the header Via of what it sends. Who finds his own alias there refuses the request; who is
told of a write passes on by whom that write had come. The way is kept with what was written lately and is not durable:
a broker that was killed begins to count anew.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from linli.base.errors import LoopDetected

HOPS_MAX = 8
Way = tuple[str, ...]

_way: ContextVar[Way] = ContextVar("way", default=())


def here_by() -> Way:
    """Return by which brokers the request came that is answered now."""
    return _way.get()


@contextmanager
def came_by(header: str, alias: str) -> Iterator[None]:
    """Answer a request that came with this Via header. Raises: LoopDetected: it was here before, or goes on for ever."""
    way = tuple(one.split()[-1] for one in header.split(",") if one.strip())
    if alias in way:
        raise LoopDetected
    if len(way) > HOPS_MAX:
        raise LoopDetected(f"Via: the request came by more than {HOPS_MAX} others.")
    token = _way.set(way)
    try:
        yield
    finally:
        _way.reset(token)


def header_of(way: Way, alias: str) -> str:
    """Return the Via header of what this broker sends because of something that came so."""
    return ", ".join(f"1.1 {one}" for one in (*way, alias))
