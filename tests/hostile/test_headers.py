"""What every answer says beside its body: on all declared routes, good answers and errors alike, in clear and over TLS."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from http.cookies import SimpleCookie
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest
from real_node import RealNode
from starlette.applications import Starlette
from starlette.routing import Route
from structlog.testing import capture_logs
from town import START_US

from linli import __version__
from linli.app import Node, Plan, build
from linli.base import Settings, SteppedClock, WallClock, read_json
from linli.web._answers import ERRORS
from linli.web._entrance import Entrance
from linli.web._ngsild import ROUTES, NgsiLd
from linli.web._ngsild._http import ROOT

ONCE = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}
A_YEAR = "max-age=31536000; includeSubDomains"
FORM = "application/x-www-form-urlencoded"
#: where the version may stand: the health page says it on purpose
SAYS_VERSION = frozenset({"/health"})
#: what is the same for everybody, so that a browser may keep it
MAY_BE_KEPT = (" /health.css ", " /api/streets ", " /static/")
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE")


@dataclass
class Reply:
    """An answer with its headers in order: one that stands twice is seen."""

    status: int
    pairs: list[tuple[str, str]]
    body: bytes

    def all(self, name: str) -> list[str]:
        return [value for key, value in self.pairs if key == name]

    def one(self, name: str) -> str:
        (value,) = self.all(name)
        return value


async def ask(
    app: Any,
    method: str,
    target: str,
    *,
    headers: dict[str, str] | None = None,
    body: bytes = b"",
    scheme: str = "http",
) -> Reply:
    """Ask an ASGI application one thing."""
    path, _, query = target.partition("?")
    sent = {"host": "localhost", "content-length": str(len(body)), **(headers or {})}
    scope = {
        "type": "http", "method": method, "path": path, "raw_path": path.encode(), "query_string": query.encode(),
        "scheme": scheme, "http_version": "1.1", "root_path": "", "client": ("127.0.0.1", 1), "server": ("localhost", 80),
        "headers": [(name.encode(), value.encode()) for name, value in sent.items()],
    }  # fmt: skip
    messages: list[Any] = []

    told = iter([{"type": "http.request", "body": body, "more_body": False}])

    async def receive() -> dict[str, Any]:
        return next(told, {"type": "http.disconnect"})

    async def send(message: Any) -> None:
        messages.append(message)

    await app(scope, receive, send)
    start = next(one for one in messages if one["type"] == "http.response.start")
    pairs = [(name.decode().lower(), value.decode("latin-1")) for name, value in start["headers"]]
    return Reply(start["status"], pairs, b"".join(one.get("body", b"") for one in messages))


@contextlib.asynccontextmanager
async def a_node(folder: Path, sign_in: Any = "accounts", **settings: Any) -> AsyncIterator[Node]:
    """A node on which people sign in; nobody has."""
    plan = Plan(
        folder,
        Settings(settings),
        lambda _: SteppedClock(START_US),
        WallClock(),
        sign_in=sign_in,
        sync="off",
    )
    node = await build(plan)
    await node.start()
    try:
        yield node
    finally:
        await node.stop()


def declared(node: Node) -> Iterator[tuple[str, str]]:
    """Every path of this node with each of its methods; a made-up word stands for what a path leaves open."""
    for route in node.web._pages.routes:
        for method in sorted(route.methods):
            yield method, re.sub(r"\{[^}]+\}", "nobody", route.path)
    for path, methods in ROUTES.items():
        for method in methods:
            yield method, f"{ROOT}/" + "/".join("nobody" if part == "{}" else part for part in path)


def check(reply: Reply, where: str, *, scheme: str = "http") -> None:
    """Hold one answer against all that holds for every answer."""
    for name, value in ONCE.items():
        assert reply.all(name) == [value], f"{where}: {name} {reply.all(name)}"
    kept = reply.one("cache-control")
    assert kept == "no-store" or any(path in where for path in MAY_BE_KEPT), f"{where}: {kept}"
    policy = dict(part.strip().partition(" ")[::2] for part in reply.one("content-security-policy").split(";"))
    for directive in ("default-src", "object-src", "base-uri", "frame-ancestors"):
        assert policy[directive] == "'none'", f"{where}: {directive}"
    assert not re.search(r"unsafe|\*|https?:|strict-dynamic", reply.one("content-security-policy")), where
    assert reply.all("strict-transport-security") == ([A_YEAR] if scheme == "https" else []), where
    assert not {"server", "x-powered-by"} & {name for name, _ in reply.pairs}, where
    assert reply.all("access-control-allow-origin") == [], where
    if reply.body:
        kind = reply.one("content-type")
        assert not re.match(r"text/|.*\+xml", kind) or "charset=utf-8" in kind, f"{where}: {kind}"
    check_cookies(reply, where, scheme)


def check_cookies(reply: Reply, where: str, scheme: str) -> None:
    for said in reply.all("set-cookie"):
        ((name, cookie),) = SimpleCookie(said).items()
        assert cookie["httponly"], f"{where}: {name}"
        assert cookie["samesite"].lower() in ("lax", "strict"), f"{where}: {name}"
        assert (cookie["path"], cookie["domain"]) == ("/", ""), f"{where}: {name}"
        assert name.startswith("__Host-") == bool(cookie["secure"]) == (scheme == "https"), f"{where}: {name}"


def test_every_answer_of_every_declared_route_carries_the_safe_headers(tmp_path: Path) -> None:
    async def story() -> None:
        async with a_node(tmp_path, **{"limits.address_s": 10_000}) as node:
            routes = sorted(set(declared(node)))
            assert len(routes) > 120
            statuses = set()
            for method, path in routes:
                for scheme in ("http", "https"):
                    for accept in ("*/*", "text/html"):
                        reply = await ask(node.web, method, path, headers={"accept": accept}, scheme=scheme)
                        where = f"{scheme} {method} {path} ({accept}) {reply.status}"
                        check(reply, where, scheme=scheme)
                        assert reply.status < 500 or read_json(reply.body)["type"].endswith("OperationNotSupported"), (
                            where
                        )
                        assert path in SAYS_VERSION or __version__.encode() not in reply.body, where
                        assert b"Traceback" not in reply.body, where
                        statuses.add(reply.status)
            assert {200, 303, 400, 401, 403, 404} <= statuses

    asyncio.run(story())


def test_a_method_that_is_not_for_a_path_is_refused_with_the_same_headers(tmp_path: Path) -> None:
    """TRACE, which would send a request's own headers back, is for no path at all."""

    async def story() -> None:
        async with a_node(tmp_path, sign_in="open") as node:
            there = set(declared(node))
            for path in sorted({path for _, path in there}):
                for method in METHODS:
                    if (method, path) in there or method == "HEAD":
                        continue
                    reply = await ask(node.web, method, path, headers={"x-mark": "sent-back"})
                    check(reply, f"{method} {path}")
                    assert reply.status in ({405, 204} if method == "OPTIONS" else {405}), f"{method} {path}"
                    assert b"sent-back" not in reply.body
            reply = await ask(node.web, "GET", "/there/is/no/such/page")
            check(reply, "404")
            assert reply.status == 404

    asyncio.run(story())


def test_who_is_told_to_wait_is_told_with_the_same_headers(tmp_path: Path) -> None:
    async def story() -> None:
        async with a_node(tmp_path, **{"limits.address_s": 1, "limits.burst_s": 1}) as node:
            await ask(node.web, "GET", "/api/node")
            with capture_logs() as logged:
                reply = await ask(node.web, "GET", "/api/node")
            check(reply, "429")
            assert [(one["event"], one["code"]) for one in logged] == [("web.request.refused", "TooOften")]
            assert (reply.status, reply.one("retry-after")) == (429, "1")

    asyncio.run(story())


def test_a_foreign_host_is_refused_with_the_same_headers(tmp_path: Path) -> None:
    async def story() -> None:
        async with a_node(tmp_path) as node:
            reply = await ask(node.web, "GET", "/", headers={"host": "elsewhere.example"})
            check(reply, "403")
            assert reply.status == 403

    asyncio.run(story())


def test_a_defect_of_ours_shows_nothing_of_its_inside(tmp_path: Path) -> None:
    async def broken(_: Any) -> Any:
        raise ZeroDivisionError("a secret of ours")

    async def story() -> None:
        async with a_node(tmp_path) as node:
            ngsild = NgsiLd(node.doors.broker, node.doors.asking.act)
            inner = Starlette(routes=[Route("/broken", broken)], exception_handlers=ERRORS)
            with capture_logs() as logged:
                reply = await ask(Entrance(node.doors.asking, ngsild, inner), "GET", "/broken")
            check(reply, "500")
            failed = next(one for one in logged if one["event"] == "web.request.failed")
            assert failed["log_level"] == "error"
            assert "a secret of ours" in repr(failed["exc_info"])
            assert reply.status == 500
            assert {"type", "title", "detail", "status"} <= read_json(reply.body).keys()
            assert not re.search(rb"secret|ZeroDivision|Traceback|\.py", reply.body)

    asyncio.run(story())


def test_what_is_no_request_is_answered_with_the_same_headers(tmp_path: Path) -> None:
    """Also what hides a second request in a first one, by two lengths or by a length beside chunks."""
    hidden = b"GET /api/node HTTP/1.1\r\nhost: localhost\r\n\r\n"
    chunks = b"0\r\n\r\n" + hidden
    wrong = [
        b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n",
        b"GET / HTTP/9.9\r\nhost: localhost\r\n\r\n",
        b"POST /api/calls HTTP/1.1\r\nhost: localhost\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\n{}   " + hidden,
        b"POST /api/calls HTTP/1.1\r\nhost: localhost\r\ncontent-length: +2\r\n\r\n{}",
        b"POST /api/calls HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\ncontent-length: 5\r\n\r\n"
        + chunks,
        b"POST /api/calls HTTP/1.1\r\nhost: localhost\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n"
        + chunks,
        b"POST /api/calls HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: xchunked\r\n\r\n" + chunks,
        b"GET / HTTP/1.1\r\nhost: localhost\r\nx-a: b\rc\r\n\r\n",
    ]

    async def said(url: httpx.URL, raw: bytes) -> bytes:
        reader, writer = await asyncio.open_connection(url.host, url.port)
        writer.write(raw)
        with contextlib.suppress(ConnectionError):
            await writer.drain()
        answer = b""
        with contextlib.suppress(ConnectionError):
            answer = await asyncio.wait_for(reader.read(), 20)
        writer.close()
        return answer

    async def story() -> None:
        node = RealNode(tmp_path)
        await node.start()
        try:
            for raw in wrong:
                answer = await said(httpx.URL(node.url), raw)
                head, *rest = answer.split(b"\r\n\r\n")
                first, *lines = head.decode().split("\r\n")
                assert first.split()[1] == "400", (raw, answer)
                check(Reply(400, [tuple(line.split(": ", 1)) for line in lines], b"".join(rest)), repr(raw))
                assert b"cityTime" not in answer, raw
        finally:
            await node.stop()

    asyncio.run(story())


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_every_cookie_is_held_to_this_host_and_hidden_from_scripts(tmp_path: Path, scheme: str) -> None:
    async def story() -> None:
        async with a_node(tmp_path, sign_in="demo") as node:
            press = {"kind": "elder.sos", "lon": "117.02", "lat": "36.66"}
            headers = {"content-type": FORM, "accept": "text/html"}
            asked = [
                await ask(node.web, "GET", "/?lang=en&elder=1", scheme=scheme),
                await ask(node.web, "POST", "/call", headers=headers, body=urlencode(press).encode(), scheme=scheme),
            ]
            for reply in asked:
                assert reply.all("set-cookie")
                check(reply, "cookies", scheme=scheme)
            kept = "; ".join(said.partition(";")[0] for reply in asked for said in reply.all("set-cookie"))
            shown = await ask(node.web, "GET", asked[1].one("location"), headers={"cookie": kept}, scheme=scheme)
            assert (shown.status, shown.one("content-language")) == (200, "en")

    asyncio.run(story())


def test_what_a_page_of_plain_http_left_behind_is_no_sign_in_over_tls(tmp_path: Path) -> None:
    """Somebody on the way could plant a cookie in clear; over TLS only the name that a browser guards is read."""

    async def story() -> None:
        async with a_node(tmp_path, sign_in="demo") as node:
            reply = await ask(node.web, "GET", "/", headers={"cookie": "linli_lang=en"}, scheme="https")
            assert reply.one("content-language") == "zh"
            reply = await ask(node.web, "GET", "/", headers={"cookie": "__Host-linli_lang=en"}, scheme="https")
            assert reply.one("content-language") == "en"

    asyncio.run(story())
