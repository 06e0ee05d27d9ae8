"""`linli serve`, and how a node listens: a free loopback port, a clean end on Ctrl-C."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import errno
import os
import signal
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol

import uvicorn
import uvloop

from linli.app import BrokerPlan, Plan, build, build_broker
from linli.base import FastClock, Settings, WallClock, setting
from linli.base.errors import BadSetting, StartError
from linli.travel import Network
from linli.web import PROXIES, Patience, patient, sweep

from ._start import load_settings, open_map
from ._words import PORT_MAX, made_folder

HOST = setting(
    "web.host",
    "127.0.0.1",
    "Address to listen on; other machines may reach it only where people sign in, and over TLS.",
)
PORT = setting("web.port", 8800, "Port to listen on; 0 takes any free one.")
TLS_CERT = setting("web.tls_cert", "", "File with the certificate chain (PEM) for HTTPS; without it, plain HTTP.")
TLS_KEY = setting("web.tls_key", "", "File with the key of web.tls_cert (PEM).")
NO_SIGN_IN = "No sign-in: whoever uses this machine is the operator."
_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


class Serves(Protocol):
    """What can be served: a whole node or a broker alone."""

    @property
    def web(self) -> Callable[..., Awaitable[None]]:
        """The ASGI application."""
        ...

    async def start(self) -> None:
        """Start the engines."""
        ...

    async def hush(self) -> None:
        """End the streams that would keep connections open."""
        ...

    async def stop(self) -> None:
        """Stop everything."""
        ...


def run(options: argparse.Namespace) -> int:
    """Run a node until it is told to stop."""
    settings = load_settings(options)
    if options.only == "broker":
        return _run_broker(options, settings)
    for words, said in (("--context-map", options.context_map), ("--workers", options.workers > 1)):
        if said:
            raise BadSetting(f"{words}: belongs to `linli serve --only broker`.")
    network = open_map(options.city, options.data, settings) if options.city else None
    return run_loop(_serve(options, settings, network))


async def _serve(options: argparse.Namespace, settings: Settings, network: Network | None) -> int:
    wall = WallClock()
    plan = Plan(
        made_folder(options.data), settings, lambda last_us: FastClock(max(last_us, wall.now_us())), wall, network
    )
    if options.open:
        plan.sign_in = "open"
    node = await build(plan)
    notes = []
    if node.doors.asking.sign_in == "open":
        notes.append(NO_SIGN_IN)
    if network is None:
        notes.append("No map: travel times are guessed from the distance. Give one with --city FILE.osm.pbf.")
    async with running(node, settings, options.port, sign_in=node.doors.asking.sign_in, notes=notes) as server:
        await server.serve_on()
    return 0


def _run_broker(options: argparse.Namespace, settings: Settings) -> int:
    if options.city:
        raise BadSetting("--city: a broker alone has no map; leave out --only broker.")
    if options.workers > 1:
        from . import _workers  # it stands above this module: a worker is what this module serves

        return _workers.run(options, settings)
    return run_loop(_serve_broker(options, settings))


async def _serve_broker(options: argparse.Namespace, settings: Settings) -> int:
    plan = BrokerPlan(made_folder(options.data), settings, WallClock(), context_map=options.context_map)
    if options.open:
        plan.sign_in = "open"
    node = await build_broker(plan)
    notes = [NO_SIGN_IN] if node.doors.asking.sign_in == "open" else []
    given = socket.socket(fileno=options.socket) if options.socket is not None else None
    async with running(
        node, settings, options.port, sign_in=node.doors.asking.sign_in, notes=notes, listener=given
    ) as server:
        await server.serve_on()
    return 0


def run_loop(main: Coroutine[Any, Any, int]) -> int:
    """Run a coroutine on uvloop to its end."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(main)


class Server(uvicorn.Server):
    """uvicorn on a socket of ours; slow connections end, and live streams before it waits for its connections."""

    def __init__(self, node: Serves, listener: socket.socket, settings: Settings) -> None:
        """Serve `node` on a socket that already listens."""
        certificate = certificate_of(settings)
        super().__init__(
            uvicorn.Config(
                node.web,
                http=patient(Patience.of(settings)),
                ws="none",
                lifespan="off",
                log_config=None,
                access_log=False,
                server_header=False,
                proxy_headers=False,
                timeout_graceful_shutdown=3,
                ssl_certfile=certificate and certificate[0],
                ssl_keyfile=certificate and certificate[1],
                ssl_ciphers="ECDHE+AESGCM:ECDHE+CHACHA20",
            )
        )
        self.address = address_of(listener, secure=certificate is not None)
        self._node = node
        self._listener = listener

    async def serve_on(self) -> None:
        """Serve until a signal comes."""
        await self.serve(sockets=[self._listener])

    async def on_tick(self, counter: int) -> bool:
        """Once a second, end the connections that take too long."""
        if counter % 10 == 0:
            sweep(self.server_state.connections, asyncio.get_running_loop().time())
        return await super().on_tick(counter)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals to `running`, which began to heed them earlier; uvicorn would raise them again at the end."""
        yield

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End the live streams, then everything else."""
        await self._node.hush()
        await super().shutdown(sockets)


@contextlib.asynccontextmanager
async def running(
    node: Serves,
    settings: Settings,
    port: int | None,
    *,
    sign_in: str,
    ready: bool = True,
    notes: Sequence[str] = (),
    listener: socket.socket | None = None,
) -> AsyncIterator[Server]:
    """Start a node, give its server, and stop the node at the end. `ready`: print the address at once.

    `listener`: a socket that listens already, shared with other processes.
    Raises: StartError: the port is taken, or the address may not be used.
    """
    try:
        listener = listener or listen(settings, port, sign_in)
        server = Server(node, listener, settings)
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, server.handle_exit)
        await node.start()
        if ready:
            print(f"ready {server.address}", flush=True)
        for note in notes:
            print(f"  {note}", flush=True)
        yield server
    finally:
        await node.stop()


def listen(settings: Settings, port: int | None, sign_in: str) -> socket.socket:
    """Return a listening socket, where nobody may come in who does not sign in in this manner.

    Raises: StartError, BadSetting: with what is in the way, and the way out.
    """
    host, number = settings[HOST], settings[PORT] if port is None else port
    if not 0 <= number <= PORT_MAX:
        raise BadSetting(f"web.port = {number}: must lie between 0 and {PORT_MAX}; 0 takes any free one.")
    if host not in _LOOPBACK:
        check_open_to_others(settings, host, sign_in)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, number))
    except OSError as error:
        listener.close()
        if error.errno == errno.EADDRINUSE:
            other = number + 1 if number < PORT_MAX else number - 1
            raise StartError(
                f"Port {number} is taken by another program. Take another one: --port {other}, or --port 0 for any."
            ) from error
        raise StartError(f"Cannot listen on {host}:{number}: {error.strerror}.") from error
    listener.listen(1024)
    return listener


def check_open_to_others(settings: Settings, host: str, sign_in: str) -> None:
    """Refuse to be reached from other machines without sign-in, or in clear.

    Raises: StartError: with the way out.
    """
    if sign_in != "accounts":
        raise StartError(
            f"web.host = {host}: without sign-in this node listens on the loopback address only. "
            "Leave out --open and set trust.sign_in=accounts, or use 127.0.0.1."
        )
    if certificate_of(settings) is None and not settings[PROXIES]:
        raise StartError(
            f"web.host = {host}: other machines would speak to this node in clear. Give web.tls_cert and web.tls_key, "
            "or name in web.proxies the proxy that speaks TLS for it."
        )


def address_of(listener: socket.socket, *, secure: bool = False) -> str:
    """Return the URL under which a socket listens."""
    host, port = listener.getsockname()[:2]
    scheme = "https" if secure else "http"
    return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"


def certificate_of(settings: Settings) -> tuple[str, str] | None:
    """Return the files of the certificate and its key; None where this node speaks plain HTTP.

    Raises: BadSetting: one of them is missing or cannot be read.
    """
    certificate, key = settings[TLS_CERT], settings[TLS_KEY]
    if not certificate and not key:
        return None
    for name, file in (("web.tls_cert", certificate), ("web.tls_key", key)):
        if not file or not Path(file).is_file() or not os.access(file, os.R_OK):
            raise BadSetting(f"{name} = {file}: name a PEM file that can be read; both files are needed, or none.")
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key)
    except ssl.SSLError as error:
        raise BadSetting(
            f"web.tls_cert, web.tls_key: do not belong together or are no PEM files ({error.reason})."
        ) from error
    return certificate, key
