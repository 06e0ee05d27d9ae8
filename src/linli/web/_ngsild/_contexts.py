"""Contexts that stand here: host one, list them, read one, delete it or have it loaded anew."""

from __future__ import annotations

from typing import Any, get_args
from urllib.parse import quote

from linli.base import to_wire_time, write_json
from linli.base.errors import BadRequestData, InvalidRequest
from linli.broker import ContextKind, Held, Use

from ._desk import Desk, Route, Routes
from ._http import ROOT, Answer, Asked, truth_of

_KINDS: tuple[ContextKind, ...] = get_args(ContextKind)


async def add(desk: Desk, asked: Asked) -> Answer:
    """Host an @context, so that others can name it by its URL."""
    body = await desk.body(asked)
    if not isinstance(body, dict) or "@context" not in body:
        raise InvalidRequest("The body must be a JSON object with the member @context.")
    local_id = await desk.broker.add_context(desk.act(asked, creates=True), body)
    return Answer(201, headers=[(b"location", _path(local_id).encode())])


async def listed(desk: Desk, asked: Asked) -> Answer:
    """List the contexts that are hosted here and those that were used from elsewhere, by `kind`, with `details`."""
    details, kind = _truth(asked, "details"), asked.parameters.get("kind")
    if kind is not None and kind not in _KINDS:
        raise BadRequestData(f"kind: must be one of {', '.join(_KINDS)}.")
    found = await desk.broker.list_contexts(desk.act(asked, creates=True), kind)
    body: list[Any] = [_details(asked, held, use) if details else _url(asked, held) for held, use in found]
    return Answer(200, write_json(body))


async def get(desk: Desk, asked: Asked) -> Answer:
    """Read an @context, by its id here or the URL that it came from; with `details`, what is known of it instead."""
    details = _truth(asked, "details")
    held, use = await desk.broker.get_context(desk.act(asked, creates=True), asked.segments[1])
    if details:
        return Answer(200, write_json(_details(asked, held, use)))
    media = b"application/ld+json" if asked.ld_json else b"application/json"
    return Answer(200, write_json(held.document), media=media)


async def delete(desk: Desk, asked: Asked) -> Answer:
    """Delete an @context; with `reload`, load one anew that came from elsewhere."""
    reload = _truth(asked, "reload")
    await desk.broker.delete_context(desk.act(asked, creates=True), asked.segments[1], reload=reload)
    return Answer(204)


def _truth(asked: Asked, name: str) -> bool:
    try:
        return truth_of(asked.parameters, name)
    except InvalidRequest as error:
        raise BadRequestData(error.message) from error


def _details(asked: Asked, held: Held, use: Use) -> dict[str, Any]:
    details: dict[str, Any] = {
        "URL": _url(asked, held),
        "localId": held.local_id,
        "kind": held.kind,
        "createdAt": to_wire_time(held.created_us),
        "numberOfHits": use.hits,
    }
    if use.last_us is not None:
        details["lastUsage"] = to_wire_time(use.last_us)
    return details


def _url(asked: Asked, held: Held) -> str:
    return held.url if held.kind == "Cached" else asked.base + _path(held.local_id)


def _path(local_id: str) -> str:
    return f"{ROOT}/jsonldContexts/{quote(local_id, safe=':')}"


ROUTES: Routes = {
    ("jsonldContexts",): {"POST": Route(add), "GET": Route(listed, frozenset({"kind", "details"}))},
    ("jsonldContexts", "{}"): {
        "GET": Route(get, frozenset({"details"})),
        "DELETE": Route(delete, frozenset({"reload"})),
    },
}
