"""Answers: JSON, problem details for every error, and the headers that every answer carries."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import structlog
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from linli.base import BODY_BYTES_MAX, read_json, write_json
from linli.base.errors import InvalidRequest, LinliError, MethodNotAllowed, ResourceNotFound, TooLarge, TooOften

log = structlog.get_logger("web")

SAFE_HEADERS = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
)
#: where an answer does not say otherwise: nobody keeps it, and a browser that shows it as a page runs and frames nothing
UNLESS_SAID = (
    (b"cache-control", b"no-store"),
    (
        b"content-security-policy",
        b"default-src 'none'; object-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; sandbox",
    ),
)
#: over TLS: this name and those below it are never asked in clear again, for a year
STRICT_TRANSPORT = (b"strict-transport-security", b"max-age=31536000; includeSubDomains")


def answer(value: object, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """Return `value` as JSON that no cache keeps."""
    return Response(
        write_json(value), status, {"cache-control": "no-store", **(headers or {})}, media_type="application/json"
    )


def problem(error: LinliError) -> Response:
    """Return an error in the one shape of every route (RFC 9457)."""
    headers = (
        {"retry-after": str(error.wait_s if isinstance(error, TooOften) else 1)} if error.status in (429, 503) else {}
    )
    return Response(write_json(error.problem()), error.status, headers, media_type="application/problem+json")


async def on_linli_error(request: Request, error: Exception) -> Response:
    """Answer an error of the tree; its facts go to the log only."""
    if not isinstance(error, LinliError):
        return await on_any_error(request, error)
    log.info("web.request.refused", code=error.code, path=request.url.path, **error.facts)
    return problem(error)


async def on_any_error(request: Request, error: Exception) -> Response:
    """Answer a defect of ours without showing its inside."""
    log.error("web.request.failed", path=request.url.path, exc_info=error)
    return problem(LinliError())


async def on_http_error(request: Request, error: Exception) -> Response:
    """Answer a path that there is not, or a method that is not for it."""
    if isinstance(error, HTTPException) and error.status_code == 405:
        refused = problem(MethodNotAllowed())
        refused.headers.update(error.headers or {})
        return refused
    return problem(ResourceNotFound(f"There is no page or route {request.url.path} here."))


#: what every Starlette application of this node is given
ERRORS: Mapping[Any, Any] = {LinliError: on_linli_error, HTTPException: on_http_error, Exception: on_any_error}


async def body_of(request: Request, *, optional: bool = False) -> dict[str, object]:
    """Return the JSON object in a request's body.

    Raises: TooLarge, InvalidRequest: no JSON object.
    """
    chunks: list[bytes] = []
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > BODY_BYTES_MAX:
            raise TooLarge(f"The body may hold at most {BODY_BYTES_MAX} bytes.")
        chunks.append(chunk)
    body = b"".join(chunks)
    if optional and not body.strip():
        return {}
    value = read_json(body)
    if not isinstance(value, dict):
        raise InvalidRequest('The body must be a JSON object, like {"kind": "elder.sos"}.')
    return value
