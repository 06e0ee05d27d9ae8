"""The NGSI-LD door as an OpenAPI 3.1 document, written from its routes: the same routes give the same bytes."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from linli.base import write_json

from ._ngsild import ROUTES
from ._ngsild._desk import Route, Routes
from ._ngsild._http import ROOT
from ._openapi_forms import ANSWERS, BODIES, HEADERS, NAMES, PARAMETERS, PROBLEMS, SCHEMAS, TOLD

Json = dict[str, Any]

_MEDIA = ("application/json", "application/ld+json")
_GEO = "application/geo+json"
_PROBLEM = "application/json"
#: it can go by an entity map, but makes none
_PURGE = ("DELETE", ("entities",))


async def described(_: Request) -> Response:
    """Describe the NGSI-LD door as OpenAPI 3.1, for programs that write clients or tests."""
    return Response(_here(), media_type="application/json")


@cache
def _here() -> bytes:
    return openapi(ROUTES)


def openapi(routes: Routes) -> bytes:
    """Return the document. Parts of routes that the tables of `_openapi_forms` do not know are described as any JSON."""
    paths = {_path(path): dict(_methods(path, methods)) for path, methods in sorted(routes.items())}
    document = {
        "openapi": "3.1.0",
        "info": {
            "title": "linli: NGSI-LD",
            "version": "1.9.1",
            "description": "ETSI GS CIM 009 V1.9.1. Every error is problem details, which say what to do.",
        },
        "servers": [{"url": ROOT}],
        "paths": paths,
        "components": {
            "schemas": SCHEMAS,
            "parameters": {name: _header(name, *said) for name, said in HEADERS.items()},
            "headers": {name: {"schema": schema, "description": said} for name, (schema, said) in TOLD.items()},
            "responses": {str(status): _answer(said, "Problem", (_PROBLEM,)) for status, said in PROBLEMS.items()},
        },
    }
    return write_json(document, pretty=True)


def _path(path: tuple[str, ...]) -> str:
    return "/" + "/".join(
        f"{{{name}}}" if said == "{}" else said for said, name in zip(path, _names(path), strict=True)
    )


def _names(path: tuple[str, ...]) -> Iterator[str]:
    """Yield a name for each segment; of two ids in a row the second is an instance's."""
    before = ""
    for said in path:
        yield ("instanceId" if before == "{}" else NAMES.get(before, "id")) if said == "{}" else said
        before = said


def _methods(path: tuple[str, ...], methods: Mapping[str, Route]) -> Iterator[tuple[str, Json]]:
    for method, route in sorted(methods.items()):
        yield method.lower(), _operation(method, path, route)


def _operation(method: str, path: tuple[str, ...], route: Route) -> Json:
    said = inspect.getdoc(route.handler) or ""
    has_body = method in {"POST", "PATCH", "PUT"}
    operation: Json = {
        "tags": [path[0]],
        "operationId": f"{route.handler.__module__.rpartition('.')[2].strip('_')}_{route.handler.__name__}",
        "summary": said.partition("\n")[0],
        "parameters": list(_parameters(method, path, route)),
        "responses": _responses(method, path, route, has_body=has_body),
    }
    if has_body:
        name = BODIES.get((method, path), "Any")
        media = _MEDIA if name != "Value" else _MEDIA[:1]
        operation["requestBody"] = {"required": True, "content": {one: {"schema": _schema(name)} for one in media}}
    return operation


def _parameters(method: str, path: tuple[str, ...], route: Route) -> Iterator[Json]:
    for said, name in zip(path, _names(path), strict=True):
        if said == "{}":
            schema = {"type": "string", "minLength": 1}
            yield {"name": name, "in": "path", "required": True, "schema": schema}
    for name in sorted(route.known):
        schema, meaning = PARAMETERS.get(name, ({"type": "string"}, ""))
        yield {"name": name, "in": "query", "schema": schema} | ({"description": meaning} if meaning else {})
    by_map = "entityMap" in route.known or (method, path) == _PURGE
    named = (name for name in HEADERS if by_map or name != "NGSILD-EntityMap")
    yield from ({"$ref": f"#/components/parameters/{name}"} for name in named)


def _responses(method: str, path: tuple[str, ...], route: Route, *, has_body: bool) -> Json:
    good = dict(ANSWERS.get((method, path), {200: "Any"} if method == "GET" else {204: ""}))
    if method == "GET" and 200 in good:
        good[203] = good[200]
    media = (*_MEDIA, _GEO) if route.geo else _MEDIA
    bad = {400, 403, 404, 406, 413, 503, 504, 508} | ({409, 411, 415, 422} if has_body else {422})
    return {
        **{
            str(status): _answer(_WORDS[status], name, media) | _told(status, method, path, route)
            for status, name in sorted(good.items())
        },
        **{str(status): {"$ref": f"#/components/responses/{status}"} for status in sorted(bad)},
    }


def _told(status: int, method: str, path: tuple[str, ...], route: Route) -> Json:
    """Return the headers that an answer may have beside those of every answer."""
    has_map = not route.known.isdisjoint({"entityMap", "entityMapLifetime"}) or (method, path) == _PURGE
    there = {
        "Content-Range": status == 206,
        "Link": method == "GET" or path[-1] in ("query", "entityMaps"),
        "Location": status == 201 and not has_map,
        "NGSILD-EntityMap": has_map,
        "NGSILD-Results-Count": "count" in route.known,
        "NGSILD-Tenant": True,
        "Preference-Applied": status in (200, 203),
    }
    names = [name for name, is_there in there.items() if is_there]
    return {"headers": {name: {"$ref": f"#/components/headers/{name}"} for name in names}}


_WORDS = {
    200: "What was asked for.",
    201: "Created; Location says where, or the body which. Of a query: with a new entity map.",
    203: "The same in the form of the older version that Prefer asked for.",
    204: "Done.",
    206: "The part of the time that Content-Range names; ask for the rest.",
    207: "Done in part; the body says what was not, and why.",
}


def _answer(said: str, name: str, media: tuple[str, ...]) -> Json:
    content = {one: {"schema": _schema(name)} for one in media} if name else {}
    return {"description": said} | ({"content": content} if content else {})


def _header(name: str, schema: Json, meaning: str) -> Json:
    return {"name": name, "in": "header", "schema": schema, "description": meaning}


def _schema(name: str) -> Json:
    if name.startswith("list of "):
        return {"type": "array", "items": _schema(name.removeprefix("list of "))}
    return {} if name == "Any" else {"$ref": f"#/components/schemas/{name}"}
