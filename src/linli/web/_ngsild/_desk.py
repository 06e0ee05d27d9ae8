"""What every handler needs of a request beside its parameters: who asks, the body, the @context, and the routes' form."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from linli.base import read_json, write_json
from linli.base.errors import BadRequestData, InvalidRequest, NonexistentTenant, NotAllowed
from linli.broker import TENANT, Broker, Terms
from linli.trust import Act
from linli.vocab import CORE_CONTEXT_URL

from ._http import LD_JSON, Answer, Asked, Scope, check_media, context_link, context_links, received
from ._pages import Pages

NONE: frozenset[str] = frozenset()
TENANT_LETTERS_MAX = 128
_TWO_CONTEXTS = "Link: with application/ld+json the @context stands in the body."


class Desk:
    """The broker, and how a request is read for it."""

    def __init__(self, broker: Broker, acting: Callable[[Scope], Act]) -> None:
        """Serve this broker; `acting` says who asks."""
        self.broker = broker
        self.pages = Pages()
        self._acting = acting

    def act(self, asked: Asked, *, creates: bool = False) -> Act:
        """Return who asks, for what purpose, in which tenant. `creates`: the operation may make a new tenant.

        Raises: NotAllowed: only the operator names a tenant. NonexistentTenant: nothing was ever written there.
        """
        act = self._acting(asked.scope)
        headers = asked.headers
        if act.purpose is None and b"linli-purpose" in headers:
            act = replace(act, purpose=headers[b"linli-purpose"].decode("latin-1").strip() or None)
        tenant = asked.tenant if b"ngsild-tenant" in headers else TENANT
        if tenant == act.tenant:
            return act
        if len(tenant) > TENANT_LETTERS_MAX or not tenant.isascii() or not tenant.isprintable() or " " in tenant:
            raise BadRequestData(f"NGSILD-Tenant: at most {TENANT_LETTERS_MAX} visible ASCII letters, no blanks.")
        if act.who.role not in ("operator", "engine"):
            raise NotAllowed("NGSILD-Tenant: only the operator may name another tenant.")
        if not (asked.tenant_known or creates):
            raise NonexistentTenant
        return replace(act, tenant=tenant)

    async def body(self, asked: Asked, bytes_max: int | None = None) -> Any:
        """Return the JSON of a request. Raises: UnsupportedMediaType, TooLarge, InvalidRequest."""
        check_media(asked)
        caps = self.broker.caps
        bytes_max = caps.body_bytes if bytes_max is None else bytes_max
        return read_json(
            await received(asked, bytes_max, caps.unpacked_ratio), bytes_max=bytes_max, depth_max=caps.depth
        )

    async def listed(self, asked: Asked) -> list[Any]:
        """Return the JSON list of a batch. Raises: as `body`; BadRequestData: it is no list, or has two contexts."""
        body = await self.body(asked, self.broker.caps.batch_bytes)
        if not isinstance(body, list):
            raise BadRequestData("The body must be a list.")
        if asked.sends_ld_json and context_links(asked.headers):
            raise BadRequestData(_TWO_CONTEXTS)
        return body

    async def linked(self, asked: Asked) -> Terms:
        """Return the context of the Link header, else the node's default."""
        if b"link" not in asked.headers:
            return self.broker.contexts.default
        urls = context_links(asked.headers)
        if len(urls) > 1:
            raise BadRequestData("Link: at most one @context.")
        return await self._context(asked, urls[0]) if urls else self.broker.contexts.default

    async def terms_of(self, asked: Asked, body: Any) -> Terms:
        """Return the context of an entity in a body: under @context in ld+json, by Link in json, never both."""
        if not isinstance(body, dict):
            raise InvalidRequest("The body must be a JSON object.")
        inside = "@context" in body
        if asked.sends_ld_json:
            if context_links(asked.headers):
                raise BadRequestData(_TWO_CONTEXTS)
            if not inside:
                raise BadRequestData("@context: is required in application/ld+json.")
            return await self._context(asked, body["@context"])
        if inside:
            raise BadRequestData("@context: stands in application/ld+json only; with application/json send a Link.")
        return await self.linked(asked)

    async def _context(self, asked: Asked, said: Any) -> Terms:
        await self.broker.contexts.ready(said, asked.tenant)
        return self.broker.contexts.of(said, asked.tenant)


Handler = Callable[[Desk, Asked], Awaitable[Answer]]


@dataclass(frozen=True, slots=True)
class Route:
    """What answers one method of one path.

    `known`: its query parameters, `unbuilt`: those not offered yet; `geo`: whether it can answer as GeoJSON.
    """

    handler: Handler
    known: frozenset[str] = NONE
    unbuilt: frozenset[str] = NONE
    geo: bool = False


#: path segments below the root ("{}" is any one) -> method -> route
Routes = Mapping[tuple[str, ...], Mapping[str, Route]]


def source_of(terms: Terms) -> Any:
    """Return what stands under @context in an answer: the requester's, with the core last unless it is in it."""
    said = terms.source
    if terms.has_core:
        return said
    return [*(said if isinstance(said, list) else [said]), CORE_CONTEXT_URL]


def with_context(asked: Asked, terms: Terms, body: bytes) -> Answer:
    """Return one JSON object with its context: in the body for ld+json, else in a Link header."""
    if asked.media == LD_JSON:
        body = b'{"@context":' + write_json(source_of(terms)) + b"," + body[1:]
        return Answer(200, body, media=b"application/ld+json")
    return Answer(200, body, [context_link(terms.link)] if terms.link else [])


def with_contexts(asked: Asked, terms: Terms, entities: list[dict[str, Any]]) -> Answer:
    """Return a JSON list with the context in each element for ld+json, else in a Link header."""
    if asked.ld_json:
        body = write_json([{"@context": source_of(terms), **entity} for entity in entities])
        return Answer(200, body, media=b"application/ld+json")
    return Answer(200, write_json(entities), [context_link(terms.link)] if terms.link else [])
