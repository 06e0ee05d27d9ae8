"""How long a connection is waited for: the HTTP protocol of this node's server, and the sweep that ends slow ones.

uvicorn itself waits for ever for the rest of a header or a body. Nothing is timed request by request: once a second
`sweep` looks at every open connection and compares with what it saw before, so an honest request pays nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

import structlog
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from linli.base import Settings, setting

from ._answers import SAFE_HEADERS, STRICT_TRANSPORT, UNLESS_SAID

HEADER_S = setting("web.header_s", 5.0, "How long a connection may take for the whole header of a request, in seconds.")
BODY_S = setting(
    "web.body_s", 5.0, "After so many seconds the body of a request must have kept web.body_bytes_min_s so far."
)
BODY_BYTES_MIN_S = setting(
    "web.body_bytes_min_s", 512, "How many bytes a second of a request's body must come in at least."
)
READER_S = setting(
    "web.reader_s", 30.0, "How long somebody may leave an answer unread while more of it waits, in seconds."
)
CONNECTIONS_MAX = setting("web.connections_max", 4096, "How many connections may be open at once.")
ADDRESS_CONNECTIONS_MAX = setting(
    "web.address_connections_max",
    1024,
    "How many connections one address may have open at once; a proxy counts as one.",
)

Phase = Literal["header", "body", "answer"]

#: answers to what never becomes a request, so that the entrance does not see it
_FULL = b"HTTP/1.1 503 Service Unavailable\r\nretry-after: 1\r\n"
_UNREADABLE = b"HTTP/1.1 400 Bad Request\r\n"
_log = structlog.get_logger("web")


@dataclass(frozen=True, slots=True)
class Patience:
    """For how long and for how many. Units: seconds, bytes a second, connections."""

    header_s: float = 5.0
    body_s: float = 5.0
    body_bytes_min_s: int = 512
    reader_s: float = 30.0
    connections_max: int = 4096
    address_connections_max: int = 1024

    @classmethod
    def of(cls, settings: Settings) -> Patience:
        """Return what the settings say."""
        return cls(
            header_s=settings[HEADER_S],
            body_s=settings[BODY_S],
            body_bytes_min_s=settings[BODY_BYTES_MIN_S],
            reader_s=settings[READER_S],
            connections_max=settings[CONNECTIONS_MAX],
            address_connections_max=settings[ADDRESS_CONNECTIONS_MAX],
        )


class PatientProtocol(HttpToolsProtocol):
    """uvicorn's protocol, which counts the bytes of bodies and turns connections away when there are too many."""

    patience = Patience()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Begin with nothing seen."""
        super().__init__(*args, **kwargs)
        self._body_bytes = 0
        self._seen: tuple[Phase, int] = ("header", 0)
        self._since_s = self.loop.time()
        self._bytes_then = 0
        self._writing_paused_since_s: float | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take a connection, or say that there are too many already."""
        super().connection_made(transport)
        if (
            len(self.connections) > self.patience.connections_max
            or self._crowd() > self.patience.address_connections_max
        ):
            self._end("too many connections", _FULL)

    def send_400_response(self, msg: str) -> None:
        """Turn away what is no HTTP; uvicorn asks for this by this name."""
        self._end(msg, _UNREADABLE)

    def on_body(self, body: bytes) -> None:
        """Count what comes in."""
        self._body_bytes += len(body)
        super().on_body(body)

    def pause_writing(self) -> None:
        """Note since when the other side does not read."""
        self._writing_paused_since_s = self.loop.time()
        super().pause_writing()

    def resume_writing(self) -> None:
        """The other side reads again."""
        self._writing_paused_since_s = None
        super().resume_writing()

    def look(self, now_s: float) -> None:
        """End this connection when it took too long; called once a second or so."""
        if self.transport is None or self.transport.is_closing():
            return
        phase = self._phase()
        seen = (phase, id(self.cycle))
        paused_s = self._writing_paused_since_s
        if seen != self._seen:
            self._seen, self._since_s, self._bytes_then = seen, now_s, self._body_bytes
        elif paused_s is not None and now_s - paused_s >= self.patience.reader_s:
            self._end("answer not read")
        elif phase == "header" and now_s - self._since_s >= self.patience.header_s:
            self._end("header too slow")
        elif phase == "body" and now_s - self._since_s >= self.patience.body_s:
            if self._body_bytes - self._bytes_then < self.patience.body_bytes_min_s * self.patience.body_s:
                self._end("body too slow")
            self._since_s, self._bytes_then = now_s, self._body_bytes

    def _phase(self) -> Phase:
        """Return what this connection is waited for: a header, more of a body; or it waits for its answer."""
        cycle = self.cycle
        if cycle is None or cycle.response_complete:
            return "header"
        # Where we do not read, the body is late because of us.
        return "body" if cycle.more_body and not self.flow.read_paused else "answer"

    def _crowd(self) -> int:
        host = self.client[0] if self.client else None
        if len(self.connections) <= self.patience.address_connections_max:
            return 0
        others = (one for one in self.connections if isinstance(one, PatientProtocol) and one.client)
        return sum(1 for one in others if one.client and one.client[0] == host)

    def _end(self, why: str, last_words: bytes = b"") -> None:
        _log.info("web.connection.ended", why=why)
        if last_words:
            safe = (*SAFE_HEADERS, *UNLESS_SAID, *((STRICT_TRANSPORT,) if self.scheme == "https" else ()))
            headers = b"".join(b"%s: %s\r\n" % pair for pair in safe)
            self.transport.write(last_words + headers + b"content-length: 0\r\nconnection: close\r\n\r\n")
            self.transport.close()
        else:
            self.transport.abort()


def patient(patience: Patience) -> type[PatientProtocol]:
    """Return the protocol class with this patience, for uvicorn's `http`."""
    return type("PatientProtocol", (PatientProtocol,), {"patience": patience})


def sweep(connections: Iterable[Any], now_s: float) -> None:
    """Look at every open connection once."""
    for connection in list(connections):
        if isinstance(connection, PatientProtocol):
            connection.look(now_s)
