"""Cookies. None is for scripts or for another host.

Over TLS each bears the `__Host-` name, under which the browser itself holds it to this host and to TLS. On plain loopback a
browser would refuse that name, so there it stands bare.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from starlette.requests import Request
from starlette.responses import Response

Scope = Mapping[str, Any]


def cookie_name(scope: Scope, name: str) -> str:
    """Return under which name a cookie stands on this connection."""
    return f"__Host-{name}" if scope.get("scheme") == "https" else name


def cookie_in(scope: Scope, cookies: bytes | None, name: str) -> str | None:
    """Return the value of one cookie of a Cookie header."""
    if cookies is None:
        return None
    full_name = cookie_name(scope, name)
    for part in cookies.decode("latin-1").split(";"):
        said, _, value = part.strip().partition("=")
        if said == full_name:
            return value
    return None


def cookie_of(request: Request, name: str) -> str:
    """Return the value of one cookie of a request; "" when it brings none."""
    return cookie_in(request.scope, request.headers.get("cookie", "").encode("latin-1"), name) or ""


def give_cookie(
    request: Request,
    response: Response,
    name: str,
    value: str,
    *,
    age_s: int | None = None,
    same_site: Literal["lax", "strict"] = "lax",
) -> None:
    """Give a browser a cookie, for so long or (None) until it is closed."""
    secure = request.scope.get("scheme") == "https"
    response.set_cookie(
        cookie_name(request.scope, name),
        value,
        max_age=age_s,
        path="/",
        secure=secure,
        httponly=True,
        samesite=same_site,
    )


def take_cookie(request: Request, response: Response, name: str) -> None:
    """Take a cookie back from a browser."""
    give_cookie(request, response, name, "", age_s=0)
