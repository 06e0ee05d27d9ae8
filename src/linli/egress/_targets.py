"""URLs that may be connected to: what is read from one, and every rule that can be held against it without asking DNS."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv6Address
from urllib.parse import SplitResult, unquote, urlsplit

from linli.base.errors import BadRequestData

from ._addresses import is_public, literal

DEFAULT_PORTS = {"http": 80, "https": 443, "mqtt": 1883, "mqtts": 8883}
PORTS = frozenset({80, 443, 1883, 8443, 8883})
URL_LETTERS_MAX = 2048
KNOWN_MAX = 10_000
_LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?")
_NUMBER = re.compile(r"\d+|0x[0-9a-f]*")


@dataclass(frozen=True, slots=True)
class Target:
    """Where a URL leads. `exempt`: the operator lists it. `user`, `password`: of MQTT only."""

    scheme: str
    host: str
    port: int
    path: str
    exempt: bool
    user: str | None = None
    password: str | None = None

    @property
    def tls(self) -> bool:
        """Whether the connection is sealed."""
        return self.scheme in ("https", "mqtts", "smtps")

    @property
    def origin(self) -> tuple[str, str, int]:
        """What may share a connection."""
        return self.scheme, self.host, self.port

    @property
    def authority(self) -> str:
        """The value of the Host header."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == DEFAULT_PORTS[self.scheme] else f"{host}:{self.port}"


class Rules:
    """The rules for URLs, with what the operator listed."""

    def __init__(self, allow: Iterable[str], schemes: Iterable[str]) -> None:
        """Exempt `allow` (host or host:port); the others may use these schemes."""
        self._allow = frozenset(one.lower() for one in allow)
        self._schemes = frozenset(schemes)
        self._known: dict[str, Target] = {}

    def target(self, url: str) -> Target:
        """Return where a URL leads. Raises: BadRequestData: with the rule that it breaks."""
        known = self._known.get(url)
        if known is None:
            known = self._read(url)
            if len(self._known) >= KNOWN_MAX:
                self._known.clear()
            self._known[url] = known
        return known

    def _read(self, url: str) -> Target:
        parts = _split(url)
        if parts.scheme not in DEFAULT_PORTS:
            raise BadRequestData(f"The URL must begin with one of {', '.join(sorted(DEFAULT_PORTS))}.")
        host = _host(parts)
        port = _port(parts)
        written = f"[{host}]" if ":" in host else host
        exempt = not self._allow.isdisjoint((host, written, f"{written}:{port}"))
        if not exempt:
            self._check(parts.scheme, host, port)
        user, password = _user(parts)
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        return Target(parts.scheme, host, port, path, exempt, user, password)

    def _check(self, scheme: str, host: str, port: int) -> None:
        if scheme not in self._schemes:
            allowed = ", ".join(sorted(self._schemes))
            raise BadRequestData(f"The URL must begin with one of {allowed}; the operator can list hosts beyond that.")
        if port not in PORTS:
            raise BadRequestData(f"The URL's port must be one of {', '.join(map(str, sorted(PORTS)))}.")
        address = literal(host)
        if address is not None and not is_public(address):
            raise BadRequestData("The URL leads to an address that is not public.")


def _split(url: str) -> SplitResult:
    if len(url) > URL_LETTERS_MAX:
        raise BadRequestData(f"A URL may have at most {URL_LETTERS_MAX} letters.")
    if not url.isascii() or not url.isprintable() or "\\" in url or " " in url:
        raise BadRequestData(
            "The URL may hold printable ASCII without spaces and backslashes only: hosts in their xn-- form."
        )
    try:
        parts = urlsplit(url)
        _ = parts.port, parts.hostname
    except ValueError as error:
        raise BadRequestData("The URL cannot be read.") from error
    if not parts.netloc or not parts.hostname:
        raise BadRequestData("The URL needs a host, like https://receiver.example/notify.")
    return parts


def _host(parts: SplitResult) -> str:
    host = (parts.hostname or "").lower()
    if "[" in parts.netloc:
        address = literal(host)
        if not isinstance(address, IPv6Address) or "%" in host or address.compressed != host:
            raise BadRequestData("The URL's IPv6 address must be written in its shortest form, without a zone.")
        return host
    labels = host.split(".")
    if len(host) > 253 or not all(_LABEL.fullmatch(label) for label in labels):
        raise BadRequestData("The URL's host is not a name of DNS.")
    if _NUMBER.fullmatch(labels[-1]) and literal(host) is None:
        raise BadRequestData("The URL's IPv4 address must be written as four plain numbers.")
    return host


def _port(parts: SplitResult) -> int:
    port = parts.port
    if port is None:
        if parts.netloc.endswith(":"):
            raise BadRequestData("The URL's port is empty.")
        return DEFAULT_PORTS[parts.scheme]
    if port == 0 or not parts.netloc.endswith(f":{port}"):
        raise BadRequestData("The URL's port must be a plain number from 1 to 65535.")
    return port


def _user(parts: SplitResult) -> tuple[str | None, str | None]:
    if "@" not in parts.netloc:
        return None, None
    if not parts.scheme.startswith("mqtt"):
        raise BadRequestData("The URL may not carry a user or a password; send them as a header.")
    user, password = parts.username or "", parts.password
    return unquote(user), None if password is None else unquote(password)
