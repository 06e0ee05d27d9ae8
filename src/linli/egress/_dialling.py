"""From a target to an open connection: resolve once, judge every address, connect to one of those that were judged."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Awaitable, Callable
from typing import TypeVar

from linli.base.errors import Unreachable

from ._addresses import is_public, literal
from ._targets import Target

Resolve = Callable[[str, int], Awaitable[list[str]]]
Made = TypeVar("Made", bound=asyncio.BaseProtocol)

#: of a host with many addresses, how many are tried
_ADDRESSES_MAX = 4


class Dialler:
    """Opens connections."""

    def __init__(self, connect_s: float, ca_file: str, resolve: Resolve | None) -> None:
        """Wait so long for a connection; trust these authorities ("" = those of the machine)."""
        self._connect_s = connect_s
        self._ca_file = ca_file
        self._resolve = resolve or system_resolve
        self._tls: ssl.SSLContext | None = None

    async def dial(self, target: Target, made: Callable[[], Made]) -> Made:
        """Return the protocol of an open connection. Raises: Unreachable."""
        try:
            async with asyncio.timeout(self._connect_s):
                return await self._dialled(target, made)
        except TimeoutError as error:
            raise Unreachable("The connection took too long.") from error
        except (OSError, ssl.CertificateError) as error:
            raise Unreachable("The connection was refused.", why=type(error).__name__) from error

    async def _dialled(self, target: Target, made: Callable[[], Made]) -> Made:
        addresses = await self._addresses(target)
        loop = asyncio.get_running_loop()
        for tried, address in enumerate(addresses, 1):
            try:
                _, line = await loop.create_connection(
                    made,
                    address,
                    target.port,
                    ssl=self.context() if target.tls else None,
                    server_hostname=target.host if target.tls else None,
                )
            except ssl.SSLError:
                raise
            except OSError:
                if tried == len(addresses):
                    raise
            else:
                return line
        raise Unreachable("The host has no address.")

    async def _addresses(self, target: Target) -> list[str]:
        written = literal(target.host)
        found = [target.host] if written else await self._resolve(target.host, target.port)
        if not target.exempt:
            for one in found:
                address = literal(one)
                if address is None or not is_public(address):
                    raise Unreachable("The connection was refused.", why="an address of the host is not public")
        return found[:_ADDRESSES_MAX]

    def context(self) -> ssl.SSLContext:
        """Return how connections are sealed: whom they trust."""
        if self._tls is None:
            self._tls = ssl.create_default_context(cafile=self._ca_file or None)
        return self._tls


async def system_resolve(host: str, port: int) -> list[str]:
    """Return the addresses of a name as the machine knows them. Raises: OSError."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(sockaddr[0]) for _, _, _, _, sockaddr in found))
