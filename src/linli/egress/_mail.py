"""Mail: one message to one receiver, handed to the operator's own relay. SMTP as an asker, sealed before anything is said.

The relay is named by the operator, so the rules for foreign URLs do not hold for it; the wait and the answer are bounded as
everywhere. A password, and any message to a relay on another machine, go over TLS only.
"""

from __future__ import annotations

import asyncio
import base64
import ssl
from dataclasses import dataclass
from email.message import EmailMessage
from email.policy import SMTP
from ipaddress import ip_address
from typing import cast
from urllib.parse import unquote, urlsplit

from linli.base.errors import BadSetting, Unreachable

from ._dialling import Dialler
from ._targets import Target

PORTS = {"smtp": 587, "smtps": 465}
LINE_BYTES_MAX = 2048
LINES_MAX = 100


@dataclass(frozen=True, slots=True)
class Mail:
    """One message, plain text."""

    sender: str
    receiver: str
    subject: str
    text: str

    def written(self) -> bytes:
        """Return it as it goes over the line. Raises: Unreachable: an address or the subject is not one line."""
        message = EmailMessage(policy=SMTP)
        try:
            message["From"], message["To"], message["Subject"] = self.sender, self.receiver, self.subject
        except ValueError as error:
            raise Unreachable("The message has no address that mail can be sent to.") from error
        message.set_content(self.text)
        return message.as_bytes()


def relay_of(url: str, password: str = "") -> Target:
    """Return where a relay listens: smtp://[user@]host[:port] or smtps://.... Raises: BadSetting."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise BadSetting("messages.relay: cannot be read; write it like smtp://user@mail.example:587.") from error
    if parts.scheme not in PORTS or not parts.hostname:
        raise BadSetting("messages.relay: write it like smtp://user@mail.example:587, or smtps://....")
    user = unquote(parts.username) if parts.username else None
    return Target(
        parts.scheme, parts.hostname, port or PORTS[parts.scheme], "", exempt=True, user=user, password=password
    )


class Relay:
    """Speaks SMTP with a relay, one message a connection."""

    def __init__(self, dialler: Dialler, total_s: float) -> None:
        """Open connections with this dialler; a message may take so long in all."""
        self._dialler = dialler
        self._total_s = total_s

    async def send(self, relay: Target, mail: Mail) -> None:
        """Hand a message over. Raises: Unreachable: the relay did not take it."""
        content = mail.written()
        try:
            async with asyncio.timeout(self._total_s):
                line = await self._dialler.dial(relay, _Line)
                try:
                    await _handed_over(line, relay, mail, content, self._dialler.context())
                finally:
                    line.writer.close()
        except TimeoutError as error:
            raise Unreachable("The relay took too long.") from error
        except (OSError, ssl.SSLError, asyncio.IncompleteReadError, ValueError) as error:
            raise Unreachable("The relay broke off.", why=type(error).__name__) from error


class _Line(asyncio.StreamReaderProtocol):
    """A connection as a pair of streams."""

    def __init__(self) -> None:
        self.reader = asyncio.StreamReader(limit=LINE_BYTES_MAX)
        super().__init__(self.reader)
        self.writer: asyncio.StreamWriter

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the way out."""
        super().connection_made(transport)
        way = cast("asyncio.WriteTransport", transport)
        self.writer = asyncio.StreamWriter(way, self, self.reader, asyncio.get_running_loop())

    async def said(self) -> tuple[int, list[str]]:
        """Return the code and the lines of one answer."""
        lines: list[str] = []
        while len(lines) < LINES_MAX:
            raw = await self.reader.readuntil(b"\n")
            text = raw.decode("latin-1").rstrip("\r\n")
            lines.append(text[4:])
            if text[3:4] != "-":
                return int(text[:3]), lines
        raise ValueError("an answer without end")

    async def ask(self, words: str, *good: int) -> list[str]:
        """Say one line and return the answer. Raises: Unreachable: it is none of `good`."""
        self.writer.write(words.encode("ascii") + b"\r\n")
        code, lines = await self.said()
        if code not in good:
            raise Unreachable("The relay refused the message.", code=code)
        return lines


async def _handed_over(line: _Line, relay: Target, mail: Mail, content: bytes, context: ssl.SSLContext) -> None:
    code, _ = await line.said()
    if code != 220:
        raise Unreachable("The relay is not ready.", code=code)
    offers = await line.ask("EHLO linli", 250)
    sealed = relay.tls
    if not sealed and any(one.upper().startswith("STARTTLS") for one in offers):
        await line.ask("STARTTLS", 220)
        await line.writer.start_tls(context, server_hostname=relay.host)
        await line.ask("EHLO linli", 250)
        sealed = True
    if not sealed and (relay.password or not _is_here(relay.host)):
        raise Unreachable("The relay offers no TLS; a message is not sent to another machine in clear.")
    if relay.user:
        proof = base64.b64encode(f"\0{relay.user}\0{relay.password or ''}".encode()).decode()
        await line.ask(f"AUTH PLAIN {proof}", 235)
    await line.ask(f"MAIL FROM:<{mail.sender}>", 250)
    await line.ask(f"RCPT TO:<{mail.receiver}>", 250, 251)
    await line.ask("DATA", 354)
    dotted = content.replace(b"\r\n.", b"\r\n..")
    line.writer.write((b"." if content.startswith(b".") else b"") + dotted)
    await line.ask(".", 250)
    await line.ask("QUIT", 221)


def _is_here(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
