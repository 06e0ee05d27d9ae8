"""The ASGI application: finds the route, has it answered, turns every error into problem details."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import structlog

from linli.base.errors import BadRequestData, LinliError, OperationNotSupported, ResourceNotFound, TooLarge
from linli.broker import Broker, came_by
from linli.trust import Act
from linli.web._asking import Headers, headers_of

from . import (
    _attributes,
    _batches,
    _contexts,
    _discovery,
    _entities,
    _identity,
    _maps,
    _purging,
    _queries,
    _source_subscriptions,
    _sources,
    _subscriptions,
    _temporal,
)
from ._desk import Desk, Route, Routes
from ._http import (
    FORMS,
    FORMS_WITH_GEO,
    JSON,
    Answer,
    Asked,
    Receive,
    Scope,
    Send,
    WrongForm,
    parameters_of,
    preferred_version,
    problem,
    segments_of,
    wanted_media,
)

_log = structlog.get_logger("web")


def _joined(*parts: Routes) -> Routes:
    joined: dict[tuple[str, ...], dict[str, Route]] = {}
    for part in parts:
        for path, methods in part.items():
            joined.setdefault(path, {}).update(methods)
    return joined


#: everything that is offered, path by path
ROUTES: Routes = _joined(
    _entities.ROUTES,
    _attributes.ROUTES,
    _queries.ROUTES,
    _discovery.ROUTES,
    _batches.ROUTES,
    _purging.ROUTES,
    _identity.ROUTES,
    _contexts.ROUTES,
    _sources.ROUTES,
    _source_subscriptions.ROUTES,
    _subscriptions.ROUTES,
    _temporal.ROUTES,
    _maps.ROUTES,
)

#: the same by (first segment, number of segments), with what must stand at which further places
_BY_FORM: dict[tuple[str, int], list[tuple[list[tuple[int, str]], Mapping[str, Route]]]] = {}
for _path, _methods in ROUTES.items():
    _fixed = [(at, word) for at, word in enumerate(_path) if at and word != "{}"]
    _BY_FORM.setdefault((_path[0], len(_path)), []).append((_fixed, _methods))

#: what the standard has; a path below these that is not offered is said so
_ROOTS = frozenset(
    {
        "attributes",
        "csourceRegistrations",
        "csourceSubscriptions",
        "entities",
        "entityMaps",
        "entityOperations",
        "info",
        "jsonldContexts",
        "snapshots",
        "subscriptions",
        "temporal",
        "types",
    }
)


class NgsiLd:
    """An ASGI application for the paths below /ngsi-ld/v1."""

    def __init__(self, broker: Broker, acting: Callable[[Scope], Act]) -> None:
        """Serve this broker; `acting` says who asks."""
        self._desk = Desk(broker, acting)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, where this application stands alone."""
        await self.answer(scope, headers_of(scope), receive, send)

    async def answer(
        self, scope: Scope, headers: Headers, receive: Receive, send: Send, more: tuple[tuple[bytes, bytes], ...] = ()
    ) -> None:
        """Answer one request, also where it is wrong. `more`: headers that every answer carries."""
        try:
            route, asked = self._read(scope, headers, receive)
            if b"ngsild-tenant" in headers:
                asked.tenant_known = await self._desk.broker.knows_tenant(asked.tenant)
            answer = await (self._came_by(route, asked) if b"via" in headers else route.handler(self._desk, asked))
        except LinliError as error:
            answer = problem(error)
        except WrongForm as wrong:
            answer = wrong.answer
        except Exception as error:  # noqa: BLE001 - a defect of ours must not reach the server or show its inside
            _log.error("web.request.failed", path=scope["path"], exc_info=error)
            answer = problem(LinliError())
        if b"ngsild-tenant" in headers or b"prefer" in headers:
            answer.headers += _echoed(headers, answer.status)
        status, body, said = answer.status, answer.body, [*answer.headers, *more]
        if status != 204:
            said.append((b"content-length", b"%d" % len(body)))
        if body:
            said.append((b"content-type", answer.media))
        await send({"type": "http.response.start", "status": status, "headers": said})
        await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})

    def _read(self, scope: Scope, headers: Headers, receive: Receive) -> tuple[Route, Asked]:
        """Return what answers a request, and the request as that reads it. Raises: LinliError, WrongForm."""
        method, path = scope["method"], scope["path"]
        if method in ("POST", "PATCH", "PUT") and b"content-length" not in headers:
            raise WrongForm(411, "Send the header Content-Length.")
        bytes_max = self._desk.broker.caps.url_bytes
        if len(path) > bytes_max:
            raise TooLarge(f"The path may hold at most {bytes_max} bytes.")
        segments = segments_of(path, scope.get("raw_path") or b"")
        methods = _methods_of(segments)
        route = methods.get(method) if methods else None
        if route is None:
            route = _other_route(method, segments, methods, slash=path.endswith("/"))
        accept = headers.get(b"accept")
        media = (
            JSON if accept is None or accept == b"*/*" else wanted_media(accept, FORMS_WITH_GEO if route.geo else FORMS)
        )
        raw = scope["query_string"]
        parameters = parameters_of(raw, route.known, route.unbuilt, bytes_max) if raw else {}
        return route, Asked(method, scope, headers, segments, parameters, media, receive)

    async def _came_by(self, route: Route, asked: Asked) -> Answer:
        """Answer a request that another broker passed on."""
        via, alias = asked.headers[b"via"].decode("latin-1"), await self._desk.broker.alias(asked.tenant)
        with came_by(via, alias):
            return await route.handler(self._desk, asked)


def _echoed(headers: Headers, status: int) -> list[tuple[bytes, bytes]]:
    """Return what an answer repeats of what the request said: its tenant, and the version to which it keeps."""
    echoed = []
    tenant = headers.get(b"ngsild-tenant")
    if tenant is not None and tenant.isascii() and tenant.decode().isprintable():
        echoed.append((b"ngsild-tenant", tenant))
    if b"prefer" in headers and status in (200, 203):
        version = preferred_version(headers)
        if version is not None:
            echoed.append((b"preference-applied", f"ngsi-ld={version}".encode()))
    return echoed


def _other_route(method: str, segments: list[str], methods: Mapping[str, Route] | None, *, slash: bool) -> Route:
    """Return what answers a method that is not listed itself. Raises: LinliError, WrongForm: nothing does."""
    if methods is not None:
        if method == "HEAD" and "GET" in methods:
            return methods["GET"]
        if slash and segments == ["entities"] and method in (_methods_of([*segments, ""]) or {}):
            raise BadRequestData("id: stands in the path, and there it is empty.")
        allow = (b"allow", ", ".join(sorted(methods)).encode())
        if method == "OPTIONS":
            raise WrongForm(204, "These methods are for this path.", [allow])
        raise WrongForm(405, "This method is not for this path.", [allow])
    if segments and segments[0] in _ROOTS:
        raise OperationNotSupported("This part of NGSI-LD is not offered yet.")
    raise ResourceNotFound("There is no such route below /ngsi-ld/v1.")


def _methods_of(segments: list[str]) -> Mapping[str, Route] | None:
    for fixed, methods in _BY_FORM.get((segments[0], len(segments)), ()) if segments else ():
        if not fixed or all(segments[at] == word for at, word in fixed):
            return methods
    return None
