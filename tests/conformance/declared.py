"""Holds every answer of the NGSI-LD door against what the OpenAPI document says of it."""

from __future__ import annotations

import re
from collections.abc import Iterable

from linli.base import read_json
from linli.web._ngsild import ROUTES
from linli.web._openapi import openapi

DOCUMENT = read_json(openapi(ROUTES), bytes_max=1 << 20)
#: paths with a fixed word go before those with an id in its place
PATHS = [
    (re.compile(re.sub(r"\{\w+\}", "[^/]+", path) + "/?"), methods)
    for path, methods in sorted(DOCUMENT["paths"].items(), key=lambda one: one[0].count("{"))
]
#: of every answer, whatever is asked
OF_ALL = {"content-type", "content-length", "ngsild-tenant"}
#: the request is wrong as HTTP, or the method is not for the path
WRONG_HTTP = {405, 406, 411}


def check_declared(method: str, path: str, status: int, headers: Iterable[tuple[str, str]], *, has_body: bool) -> None:
    """Fail when an answer has a status, a header or a media type that is not described."""
    operation = next(
        (methods.get("get" if method == "HEAD" else method.lower()) for form, methods in PATHS if form.fullmatch(path)),
        None,
    )
    if operation is None or status in WRONG_HTTP:
        return
    where = f"{method} {path}: {status}"
    assert str(status) in operation["responses"], f"{where} is not described"
    answer = operation["responses"][str(status)]
    if status < 400:
        told = dict(headers)
        known = {name.lower() for name in answer["headers"]} | OF_ALL
        assert told.keys() <= known, f"{where} has {told.keys() - known}, which is not described"
        media = told.get("content-type", "").partition(";")[0]
        assert not has_body or media in answer.get("content", {}), f"{where} is {media}, which is not described"
