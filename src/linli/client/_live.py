"""Server-Sent Events: bytes in, events out."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import dataclass, field
from typing import Any

from linli.base import read_json
from linli.base.errors import LinliError

EVENT_BYTES_MAX = 4 << 20


@dataclass(frozen=True, slots=True)
class LiveEvent:
    """One event of /api/live: `name` is change or reset, `seq` the log position to go on from."""

    seq: int
    name: str
    content: dict[str, Any] = field(default_factory=dict)


async def events_of(chunks: AsyncIterator[bytes]) -> AsyncGenerator[LiveEvent, None]:
    """Yield the events in a byte stream; comments and fields that we do not know are passed over.

    Raises: ValueError: an event is longer than 4 MiB.
    """
    rest = b""
    async for chunk in chunks:
        *blocks, rest = (rest + chunk).replace(b"\r\n", b"\n").split(b"\n\n")
        if len(rest) > EVENT_BYTES_MAX:
            raise ValueError("An event of the live stream is longer than 4 MiB.")
        for block in blocks:
            event = _event(block)
            if event is not None:
                yield event


def _event(block: bytes) -> LiveEvent | None:
    fields: dict[str, list[str]] = {}
    for line in block.decode("utf-8", "replace").split("\n"):
        name, colon, value = line.partition(":")
        if name and colon:
            fields.setdefault(name, []).append(value.removeprefix(" "))
    seq = fields.get("id", [""])[-1]
    if "data" not in fields or not seq.isdecimal():
        return None
    try:
        content = read_json("\n".join(fields["data"]).encode(), bytes_max=EVENT_BYTES_MAX)
    except LinliError:
        return None
    return LiveEvent(int(seq), fields.get("event", ["message"])[-1], content if isinstance(content, dict) else {})
