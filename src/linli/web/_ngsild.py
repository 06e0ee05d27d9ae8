"""The NGSI-LD door below /ngsi-ld/v1: bare ASGI, no framework on the way.

A request is checked in one order: length, media types, path, parameters, size and depth, JSON, @context, content, who
asks, tenant, existence. The rules themselves are the broker's; here they only get their HTTP form. Nothing is raised
to the server: every error leaves as problem details.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import quote

import structlog

from linli.base import BATCH_BYTES_MAX, BODY_BYTES_MAX, read_json, write_json
from linli.base.errors import (
    BadRequestData,
    LinliError,
    NonexistentTenant,
    OperationNotSupported,
    ResourceNotFound,
)
from linli.broker import (
    TENANT,
    Batch,
    Broker,
    Node,
    Projection,
    Query,
    Terms,
    checked_id,
    checked_name,
    read_near,
    read_q,
    read_scope_q,
    read_types,
)
from linli.trust import Act
from linli.vocab import CORE_CONTEXT_URL

from ._ngsild_http import (
    ROOT,
    Answer,
    Asked,
    Receive,
    Scope,
    Send,
    WrongForm,
    accepts_ld_json,
    check_media,
    context_link,
    context_links,
    number_of,
    options_of,
    page_links,
    parameters_of,
    problem,
    received,
    segments_of,
    truth_of,
)

LIMIT_DEFAULT, LIMIT_MAX, OFFSET_MAX = 20, 1000, 10_000_000

_log = structlog.get_logger("web")


class NgsiLd:
    """An ASGI application for the paths below /ngsi-ld/v1."""

    def __init__(self, broker: Broker, acting: Callable[[Scope], Act]) -> None:
        """Serve this broker; `acting` says who asks."""
        self._broker = broker
        self._acting = acting

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        headers = dict(scope["headers"])
        try:
            answer = await self._answer(scope, headers, receive)
        except LinliError as error:
            answer = problem(error)
        except WrongForm as wrong:
            answer = wrong.answer
        except Exception as error:  # noqa: BLE001 - a defect of ours must not reach the server or show its inside
            _log.error("web.request.failed", path=scope["path"], exc_info=error)
            answer = problem(LinliError())
        tenant = headers.get(b"ngsild-tenant")
        if tenant is not None and tenant.isascii() and tenant.decode().isprintable():
            answer.headers.append((b"ngsild-tenant", tenant))
        await answer.send(send)

    async def _answer(self, scope: Scope, headers: Mapping[bytes, bytes], receive: Receive) -> Answer:
        method = scope["method"]
        if method in ("POST", "PATCH", "PUT") and b"content-length" not in headers:
            raise WrongForm(411, "Send the header Content-Length.")
        ld_json = accepts_ld_json(headers.get(b"accept"))
        segments = segments_of(scope)
        handler, known, unbuilt = _route(method, segments)
        raw = scope["query_string"]
        parameters = parameters_of(raw, known, unbuilt) if raw else {}
        return await handler(self, Asked(method, scope, headers, segments, parameters, ld_json, receive))

    # entities

    async def query(self, asked: Asked) -> Answer:
        """GET /entities."""
        said = asked.parameters
        limit, offset = number_of(said, "limit", LIMIT_DEFAULT, LIMIT_MAX), number_of(said, "offset", 0, OFFSET_MAX)
        count = truth_of(said, "count")
        if limit == 0 and not count:
            raise BadRequestData("limit: 0 is allowed together with count=true only.")
        terms = self._linked(asked)
        query, projection = _query(said, terms), _projection(said, terms)
        page = await self._broker.query(
            self._act(asked), query, terms=terms, projection=projection, limit=limit, offset=offset, count=count
        )
        if asked.ld_json:
            body = write_json([{"@context": _source(terms), **entity} for entity in page.entities])
            answer = Answer(200, body, media=b"application/ld+json")
        else:
            answer = _with_context(asked, terms, write_json(page.entities))
        answer.headers.extend(page_links(asked, limit, offset, more=page.more))
        if page.total is not None:
            answer.headers.append((b"ngsild-results-count", b"%d" % page.total))
        return answer

    async def create(self, asked: Asked) -> Answer:
        """POST /entities."""
        body = await self._body(asked)
        terms = self._terms_of(asked, body)
        entity_id = await self._broker.create(self._act(asked), body, terms)
        return Answer(201, headers=[(b"location", f"{ROOT}/entities/{quote(entity_id, safe=_IN_PATH)}".encode())])

    async def get(self, asked: Asked) -> Answer:
        """GET /entities/{id}."""
        entity_id = asked.segments[1]
        terms = self._linked(asked)
        projection, types = _WHOLE, None
        if asked.parameters:
            projection, types = _projection(asked.parameters, terms), _types(asked.parameters, terms)
        try:
            body = await self._broker.get_bytes(self._act(asked), entity_id, terms, projection, types)
        except ResourceNotFound:
            checked_id(entity_id)  # what is there has a good id; only a miss needs to know whether it could be one
            raise
        return _with_context(asked, terms, body)

    async def delete(self, asked: Asked) -> Answer:
        """DELETE /entities/{id}."""
        entity_id = checked_id(asked.segments[1])
        types = _types(asked.parameters, self._linked(asked))
        await self._broker.delete(self._act(asked), entity_id, types)
        return Answer(204)

    async def update_attrs(self, asked: Asked) -> Answer:
        """PATCH /entities/{id}/attrs."""
        entity_id = checked_id(asked.segments[1])
        body = await self._body(asked)
        terms = self._terms_of(asked, body)
        types = _types(asked.parameters, terms)
        left = await self._broker.update_attrs(self._act(asked), entity_id, body, terms, types=types)
        return _changed(body, terms, left)

    async def append_attrs(self, asked: Asked) -> Answer:
        """POST /entities/{id}/attrs."""
        entity_id = checked_id(asked.segments[1])
        overwrite = "noOverwrite" not in options_of(asked.parameters, frozenset({"noOverwrite"}))
        body = await self._body(asked)
        terms = self._terms_of(asked, body)
        types = _types(asked.parameters, terms)
        act = self._act(asked)
        left = await self._broker.append_attrs(act, entity_id, body, terms, overwrite=overwrite, types=types)
        return _changed(body, terms, left)

    # batches and types

    async def upsert(self, asked: Asked) -> Answer:
        """POST /entityOperations/upsert."""
        options = options_of(asked.parameters, frozenset({"replace", "update"}))
        bodies = await self._list(asked)

        def context_of(body: Mapping[str, Any]) -> Terms:
            return self._terms_of(asked, body)

        batch = await self._broker.upsert_batch(self._act(asked), bodies, context_of, update="update" in options)
        if batch.errors:
            return _partly(batch)
        return Answer(201, write_json(batch.created)) if batch.created else Answer(204)

    async def delete_batch(self, asked: Asked) -> Answer:
        """POST /entityOperations/delete."""
        ids = await self._list(asked)
        batch = await self._broker.delete_batch(self._act(asked), ids)
        return _partly(batch) if batch.errors else Answer(204)

    async def types(self, asked: Asked) -> Answer:
        """GET /types."""
        if truth_of(asked.parameters, "details"):
            raise OperationNotSupported("details=true is not offered yet.")
        terms = self._linked(asked)
        names = await self._broker.types(self._act(asked), terms)
        body = {"id": "urn:ngsi-ld:EntityTypeList:here", "type": "EntityTypeList", "typeList": names}
        return _with_context(asked, terms, write_json(body))

    async def unbuilt(self, asked: Asked) -> Answer:
        """Refuse an operation that the standard has and this node does not offer."""
        raise OperationNotSupported(f"{asked.method} is not offered here yet.")

    # reading the request

    def _act(self, asked: Asked) -> Act:
        """Return who asks, for what purpose, and refuse a tenant that there is not."""
        act = self._acting(asked.scope)
        purpose = asked.headers.get(b"linli-purpose")
        if act.purpose is None and purpose:
            act = replace(act, purpose=purpose.decode("latin-1").strip())
        tenant = asked.headers.get(b"ngsild-tenant")
        if tenant and tenant != TENANT.encode():
            raise NonexistentTenant
        return act

    async def _body(self, asked: Asked, bytes_max: int = BODY_BYTES_MAX) -> Any:
        check_media(asked)
        return read_json(await received(asked, bytes_max), bytes_max=bytes_max)

    async def _list(self, asked: Asked) -> list[Any]:
        body = await self._body(asked, BATCH_BYTES_MAX)
        if not isinstance(body, list):
            raise BadRequestData("The body must be a list.")
        return body

    def _linked(self, asked: Asked) -> Terms:
        """Return the context of the Link header, else the node's default."""
        if b"link" not in asked.headers:
            return self._broker.contexts.default
        urls = context_links(asked.headers)
        if len(urls) > 1:
            raise BadRequestData("Link: at most one @context.")
        return self._broker.contexts.of(urls[0]) if urls else self._broker.contexts.default

    def _terms_of(self, asked: Asked, body: Any) -> Terms:
        """Return the context of an entity in a body: under @context in ld+json, by Link in json, never both."""
        inside = isinstance(body, dict) and "@context" in body
        if asked.sends_ld_json:
            if context_links(asked.headers):
                raise BadRequestData("Link: with application/ld+json the @context stands in the body.")
            if not inside:
                raise BadRequestData("@context: is required in application/ld+json.")
            return self._broker.contexts.of(body["@context"])
        if inside:
            raise BadRequestData("@context: stands in application/ld+json only; with application/json send a Link.")
        return self._linked(asked)


_Handler = Callable[[NgsiLd, Asked], Awaitable[Answer]]
_Route = tuple[_Handler, frozenset[str], frozenset[str]]

_IN_PATH = ":!$&'()*+,;=-._~@"
_WHOLE = Projection()
_NONE: frozenset[str] = frozenset()
_WRITING = frozenset({"type", "local"})
_READING = _WRITING | {"attrs", "pick", "omit", "options", "format"}
_READING_UNBUILT = frozenset({"lang", "join", "joinLevel", "containedBy", "datasetId", "geometryProperty", "entityMap"})
_GEO = frozenset({"georel", "geometry", "coordinates", "geoproperty"})
_QUERYING = _READING | _GEO | {"id", "q", "scopeQ", "limit", "offset", "count"}
_QUERYING_UNBUILT = _READING_UNBUILT | {"idPattern", "orderBy", "orderFrom", "expandValues", "csf"}
_SYSTEM = frozenset({"id", "type", "scope", "createdAt", "modifiedAt"})

_ROUTES: Mapping[tuple[str, ...], Mapping[str, _Route]] = {
    ("entities",): {
        "GET": (NgsiLd.query, _QUERYING, _QUERYING_UNBUILT),
        "POST": (NgsiLd.create, frozenset({"local"}), _NONE),
        "DELETE": (NgsiLd.unbuilt, _NONE, _NONE),
    },
    ("entities", "{}"): {
        "GET": (NgsiLd.get, _READING, _READING_UNBUILT),
        "DELETE": (NgsiLd.delete, _WRITING, _NONE),
        "PATCH": (NgsiLd.unbuilt, _NONE, _NONE),
        "PUT": (NgsiLd.unbuilt, _NONE, _NONE),
    },
    ("entities", "{}", "attrs"): {
        "PATCH": (NgsiLd.update_attrs, _WRITING, _NONE),
        "POST": (NgsiLd.append_attrs, _WRITING | {"options"}, _NONE),
    },
    ("entityOperations", "upsert"): {"POST": (NgsiLd.upsert, frozenset({"options", "local"}), _NONE)},
    ("entityOperations", "delete"): {"POST": (NgsiLd.delete_batch, frozenset({"local"}), _NONE)},
    ("types",): {"GET": (NgsiLd.types, frozenset({"details", "local"}), _NONE)},
}

#: what the standard has beside, and this node does not offer yet
_UNBUILT_ROOTS = frozenset(
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


def _route(method: str, segments: list[str]) -> _Route:
    key = (segments[0], "{}", *segments[2:]) if segments[:1] == ["entities"] and len(segments) > 1 else tuple(segments)
    methods = _ROUTES.get(key)
    if methods is None:
        if segments and segments[0] in _UNBUILT_ROOTS:
            raise OperationNotSupported("This part of NGSI-LD is not offered yet.")
        raise ResourceNotFound("There is no such route below /ngsi-ld/v1.")
    route = methods.get(method)
    if route is None:
        raise WrongForm(405, "This method is not for this path.", [(b"allow", ", ".join(methods).encode())])
    return route


def _query(said: Mapping[str, str], terms: Terms) -> Query:
    """Return what is wanted. Raises: BadRequestData: wrong, or so wide that it would mean everything."""
    geo = _GEO & said.keys()
    if geo and not {"georel", "geometry", "coordinates"} <= geo:
        raise BadRequestData("georel, geometry, coordinates: all three are needed.")
    near = None
    if geo:
        place = said.get("geoproperty", "location")
        near = read_near(said["georel"], said["geometry"], said["coordinates"], place, terms)
    query = Query(
        types=_types(said, terms),
        ids=tuple(checked_id(one) for one in said["id"].split(",")) if "id" in said else (),
        q=read_q(said["q"], terms) if "q" in said else None,
        scopes=read_scope_q(said["scopeQ"]) if "scopeQ" in said else None,
        near=near,
    )
    attrs = set(said.get("attrs", "").split(",")) - {""} - _SYSTEM
    if not (query.types or query.near or attrs or query.asks_attributes() or truth_of(said, "local")):
        raise BadRequestData("The query is too wide: say type, attrs, q, georel, or local=true.")
    return query


def _types(said: Mapping[str, str], terms: Terms) -> Node | None:
    return read_types(said["type"], terms) if "type" in said else None


def _projection(said: Mapping[str, str], terms: Terms) -> Projection:
    options = options_of(
        said,
        frozenset({"keyValues", "simplified", "normalized", "sysAttrs"}),
        frozenset({"concise", "temporalValues", "aggregatedValues", "splitEntities"}),
    )
    return Projection(
        simplified=bool(options & {"keyValues", "simplified"}),
        sys_attrs="sysAttrs" in options,
        attrs=_names(said, "attrs", terms),
        pick=_names(said, "pick", terms),
        omit=_names(said, "omit", terms),
    )


def _names(said: Mapping[str, str], parameter: str, terms: Terms) -> frozenset[str]:
    """Return the members that a parameter lists, by the names in documents."""
    if parameter not in said:
        return _NONE
    members = said[parameter].replace("|", ",").split(",")
    if "{" in said[parameter]:
        raise OperationNotSupported(f"{parameter}: linked entities are not offered yet.")
    if not all(members):
        raise BadRequestData(f"{parameter}: holds an empty member.")
    return frozenset(one if one in _SYSTEM else terms.name(checked_name(one)) for one in members)


def _source(terms: Terms) -> Any:
    """Return what stands under @context in an answer: the requester's, the core last."""
    said = terms.source
    if said == CORE_CONTEXT_URL:
        return said
    return [*(said if isinstance(said, list) else [said]), CORE_CONTEXT_URL]


def _with_context(asked: Asked, terms: Terms, body: bytes) -> Answer:
    """Return one JSON object with its context: in the body for ld+json, else in a Link header."""
    if asked.ld_json:
        body = b'{"@context":' + write_json(_source(terms)) + b"," + body[1:]
        return Answer(200, body, media=b"application/ld+json")
    return Answer(200, body, [context_link(terms.link)] if terms.link else [])


def _changed(body: Any, terms: Terms, left: list[tuple[str, str]]) -> Answer:
    """Return 204, or 207 with what was left alone."""
    if not left:
        return Answer(204)
    untouched = {name for name, _ in left}
    said = {"scope": "scope", **{name: terms.name(name) for name in body if name not in _SYSTEM}}
    updated = [name for name in body if name in said and said[name] not in untouched and name != "@context"]
    not_updated = [
        {"attributeName": name if name == "scope" else terms.term(name), "reason": why} for name, why in left
    ]
    return Answer(207, write_json({"updated": updated, "notUpdated": not_updated}))


def _partly(batch: Batch) -> Answer:
    """Return 207: what was written, and why the rest was not."""
    errors = [{"entityId": entity_id, "error": error.problem()} for entity_id, error in batch.errors]
    return Answer(207, write_json({"success": [*batch.created, *batch.changed], "errors": errors}))
