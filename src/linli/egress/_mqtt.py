"""MQTT 3.1.1 and 5 as one who only publishes: connect, publish with QoS 0, 1 or 2, be told that it arrived.

Bytes follow the OASIS standards MQTT 3.1.1 and 5.0; of version 5 the properties are skipped, since none of them changes
what a publisher of single messages does.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Iterator
from typing import Literal, cast
from urllib.parse import unquote

from linli.base.errors import BadRequestData, Unreachable

from ._dialling import Dialler
from ._targets import Target

MqttVersion = Literal["3.1.1", "5.0"]

KEEP_ALIVE_S = 60
IDLE_S = 15.0
PAYLOAD_BYTES_MAX = 8 << 20
_PACKET_BYTES_MAX = 64 << 10
_LEVEL = {"3.1.1": 4, "5.0": 5}

_CONNECT, _CONNACK, _PUBLISH, _PUBACK, _PUBREC, _PUBREL, _PUBCOMP = 1, 2, 3, 4, 5, 6, 7
_DISCONNECT = bytes((14 << 4, 0))


def topic_of(target: Target) -> str:
    """Return the topic that the URL's path names. Raises: BadRequestData: none, or one with wildcards."""
    try:
        topic = unquote(target.path[1:], errors="strict")
    except UnicodeDecodeError as error:
        raise BadRequestData("The topic in the URL is not UTF-8.") from error
    if not topic or not set(topic).isdisjoint("+#\0") or len(topic.encode()) > 65_535:
        raise BadRequestData("The URL must end in a topic without wildcards, like mqtt://broker.example/a/b.")
    return topic


class MqttLine(asyncio.Protocol):
    """One connection to an MQTT broker."""

    def __init__(self, target: Target, version: MqttVersion) -> None:
        """Wait for the connection."""
        self._target = target
        self._version = version
        self._transport: asyncio.Transport
        self._buffer = bytearray()
        self._accepted: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._acks: dict[int, asyncio.Future[None]] = {}
        self._last_id = 0
        self.open = False

    async def greet(self) -> None:
        """Say hello and wait until we are let in. Raises: Unreachable."""
        self._transport.write(_connect_packet(self._target, self._version))
        await self._accepted

    async def publish(self, topic: str, payload: bytes, qos: int) -> None:
        """Send one message; with QoS 1 and 2 return when the broker has it. Raises: Unreachable."""
        if not self.open:
            raise Unreachable("The connection is closed.")
        packet_id = self._next_id() if qos else 0
        head = _string(topic) + (packet_id.to_bytes(2, "big") if qos else b"")
        if self._version == "5.0":
            head += b"\0"
        self._transport.write(_packet(_PUBLISH, qos << 1, head + payload))
        if qos:
            ack = self._acks[packet_id] = asyncio.get_running_loop().create_future()
            try:
                await ack
            finally:
                del self._acks[packet_id]

    def close(self) -> None:
        """Say good-bye and end."""
        if self.open:
            self._transport.write(_DISCONNECT)
        self.open = False
        self._transport.close()

    # what the loop calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the way out."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Take the packets that are whole."""
        self._buffer += data
        try:
            for kind, body in self._packets():
                self._take(kind, body)
        except (Unreachable, IndexError) as error:
            self._end(error if isinstance(error, Unreachable) else Unreachable("The answer is not MQTT."))
            self._transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell everybody who waits."""
        self._end(Unreachable("The MQTT connection ended.", why=str(exc)))

    def _packets(self) -> Iterator[tuple[int, bytes]]:
        while True:
            length, used = _length_of(self._buffer)
            if used == 0 or len(self._buffer) < 1 + used + length:
                return
            kind, body = self._buffer[0] >> 4, bytes(self._buffer[1 + used : 1 + used + length])
            del self._buffer[: 1 + used + length]
            yield kind, body

    def _take(self, kind: int, body: bytes) -> None:
        if kind == _CONNACK:
            if body[1]:
                raise Unreachable("The MQTT broker does not let us in.", reason=body[1])
            self.open = True
            if not self._accepted.done():
                self._accepted.set_result(None)
        elif kind in (_PUBACK, _PUBREC, _PUBCOMP):
            reason = body[2] if len(body) > 2 else 0
            ack = self._acks.get(int.from_bytes(body[:2], "big"))
            if kind == _PUBREC and reason < 0x80:
                self._transport.write(_packet(_PUBREL, 2, body[:2]))
            elif ack is not None and not ack.done():
                if reason >= 0x80:
                    ack.set_exception(Unreachable("The MQTT broker refused the message.", reason=reason))
                else:
                    ack.set_result(None)
        elif kind == _DISCONNECT[0] >> 4:
            raise Unreachable("The MQTT broker ended the connection.")

    def _end(self, error: Unreachable) -> None:
        self.open = False
        for waiting in (self._accepted, *self._acks.values()):
            if not waiting.done():
                waiting.set_exception(error)

    def _next_id(self) -> int:
        """Return a packet id from 1 to 65,535 that is not waiting for its answer."""
        if len(self._acks) >= 60_000:
            raise Unreachable("Too many messages wait for the MQTT broker.")
        while True:
            self._last_id = self._last_id % 65_535 + 1
            if self._last_id not in self._acks:
                return self._last_id


class MqttLines:
    """The MQTT connections of one node, one to each broker, user and version."""

    def __init__(self, dialler: Dialler) -> None:
        """Open connections with this dialler."""
        self._dialler = dialler
        self._lines: dict[tuple[object, ...], MqttLine] = {}
        self._timers: dict[tuple[object, ...], asyncio.TimerHandle] = {}
        self._locks: dict[tuple[object, ...], asyncio.Lock] = {}

    async def publish(self, target: Target, payload: bytes, qos: int, version: MqttVersion, total_s: float) -> None:
        """Deliver one message. Raises: Unreachable, BadRequestData."""
        topic = topic_of(target)
        if len(payload) > PAYLOAD_BYTES_MAX:
            raise BadRequestData(f"A message may hold at most {PAYLOAD_BYTES_MAX} bytes.")
        key = (target.origin, target.user, target.password, version)
        try:
            async with asyncio.timeout(total_s):
                line = await self._line(key, target, version)
                await line.publish(topic, payload, qos)
        except TimeoutError as error:
            self._drop(key)
            raise Unreachable("The MQTT broker took too long.") from error
        except Unreachable:
            self._drop(key)
            raise

    def close(self) -> None:
        """End all connections."""
        for key in list(self._lines):
            self._drop(key)

    async def _line(self, key: tuple[object, ...], target: Target, version: MqttVersion) -> MqttLine:
        """Return an open connection; the first who needs it opens it for all."""
        lock = self._locks.setdefault(key, asyncio.Lock())
        async with lock:
            line = self._lines.get(key)
            if line is None or not line.open:
                line = await self._dialler.dial(target, lambda: MqttLine(target, version))
                try:
                    await line.greet()
                except BaseException:
                    line.close()
                    raise
                self._lines[key] = line
        timer = self._timers.pop(key, None)
        if timer is not None:
            timer.cancel()
        self._timers[key] = asyncio.get_running_loop().call_later(IDLE_S, self._drop, key)
        return line

    def _drop(self, key: tuple[object, ...]) -> None:
        line, timer = self._lines.pop(key, None), self._timers.pop(key, None)
        if timer is not None:
            timer.cancel()
        if line is not None:
            line.close()
        if key in self._locks and not self._locks[key].locked():
            del self._locks[key]


def _connect_packet(target: Target, version: MqttVersion) -> bytes:
    flags = 2  # a clean start: we keep nothing there
    payload = _string("linli-" + secrets.token_hex(8))
    if target.user is not None:
        flags |= 0x80
        payload += _string(target.user)
    if target.password is not None:
        flags |= 0x40
        payload += _string(target.password)
    properties = b"\0" if version == "5.0" else b""
    head = _string("MQTT") + bytes((_LEVEL[version], flags)) + KEEP_ALIVE_S.to_bytes(2, "big") + properties
    return _packet(_CONNECT, 0, head + payload)


def _packet(kind: int, flags: int, body: bytes) -> bytes:
    length = bytearray()
    rest = len(body)
    while True:
        rest, digit = divmod(rest, 128)
        length.append(digit | (0x80 if rest else 0))
        if not rest:
            return bytes(((kind << 4) | flags,)) + bytes(length) + body


def _length_of(buffer: bytearray) -> tuple[int, int]:
    """Return the length of a packet's rest and how many bytes say it; (0, 0) when they are not all there yet."""
    length = 0
    for at in range(1, min(5, len(buffer))):
        length |= (buffer[at] & 0x7F) << (7 * (at - 1))
        if not buffer[at] & 0x80:
            if length > _PACKET_BYTES_MAX:
                raise Unreachable("The MQTT broker sends more than a publisher expects.")
            return length, at
    if len(buffer) >= 5:
        raise Unreachable("The answer is not MQTT.")
    return 0, 0


def _string(text: str) -> bytes:
    encoded = text.encode()
    return len(encoded).to_bytes(2, "big") + encoded
