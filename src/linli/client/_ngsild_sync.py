"""The client of an NGSI-LD broker, ours or another's: one method an operation, entities as plain JSON.

Made from `_ngsild.py` by scripts/_sync_client.py.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote, unquote, urlencode

from linli.base import read_json, write_json

from ._ngsild_forms import BatchOutcome, Left, Query, TemporalQuery, parameters
from ._transport import Answer, SyncHttpTransport, SyncTransport
from ._trouble import ClientProblem, NodeUnreachable

RETRY_AFTER_S = (0.2, 0.5, 1.0, 2.0)
ANSWER_BYTES_MAX = 64 << 20
PAGE = 100

_ROOT = "/ngsi-ld/v1"
_CONTEXT_REL = "http://www.w3.org/ns/json-ld#context"
_BUSY = 503

Json = dict[str, Any]
Entity = Mapping[str, Any]
Attributes = Mapping[str, Any]
Pause = Callable[[float], object]


class NgsiLdClient:
    """One asker of one broker, one tenant and one @context.

    Every method raises ClientProblem (NotFound for 404, AlreadyThere for 409) when the broker says no, and
    NodeUnreachable when it says nothing. What only reads is repeated while the broker is busy or away; nothing else is.
    """

    def __init__(
        self,
        base_url: str = "",
        *,
        tenant: str | None = None,
        context: str | None = None,
        token: str | None = None,
        transport: SyncTransport | None = None,
        pause: Pause = time.sleep,
    ) -> None:
        """Talk to the broker at `base_url`, like http://127.0.0.1:8800.

        `tenant`: whose entities; `context`: URL of the @context by which names are meant, unless a body carries its
        own; `token`: sent as Bearer. `pause` waits between two tries of one request, in seconds.
        """
        if transport is None:
            transport = SyncHttpTransport(base_url)
        self._transport = transport
        self._tenant = tenant
        self._context = context
        self._token = token
        self._pause = pause

    def __enter__(self) -> Self:
        """Use it for the length of a block."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Let go of the line."""
        self.close()

    def close(self) -> None:
        """Let go of the line."""
        self._transport.close()

    def of_tenant(self, tenant: str | None) -> Self:
        """Return a client of another tenant over the same line."""
        return self._like(tenant, self._context)

    def with_context(self, context: str | None) -> Self:
        """Return a client with another @context over the same line."""
        return self._like(self._tenant, context)

    # entities

    def create(self, entity: Entity) -> str:
        """Create an entity and return its id. AlreadyThere: the id is known."""
        return _id_of(self._ask("POST", "/entities", body=entity))

    def read(self, entity_id: str, query: Query | None = None, *, form: str = "normalized") -> Json:
        """Return an entity. `form`: normalized, concise or simplified; of `query` only what shapes the answer."""
        return _object(self._ask("GET", "/entities/{}", entity_id, said=parameters(query, form=form)))

    def query(
        self, query: Query, *, form: str = "normalized", page: int = PAGE, by_map: str | None = None
    ) -> Iterator[Json]:
        """Yield all entities that match, page by page. Those written meanwhile may be missed or come twice.

        `by_map`: id of an entity map; then only what it lists is looked at, and none of that comes twice.
        """
        return self._pages("/entities", parameters(query, form=form), page, by_map)

    def count(self, query: Query) -> int:
        """Return how many entities match."""
        answer = self._ask("GET", "/entities", said=parameters(query, limit=0, count=True))
        return int(answer.headers.get("ngsild-results-count", "0"))

    def replace(self, entity: Entity) -> None:
        """Put an entity in the place of the one with its id."""
        self._ask("PUT", "/entities/{}", entity["id"], body=entity)

    def merge(self, entity_id: str, fragment: Attributes, *, observed_at: str | None = None) -> None:
        """Merge a fragment into an entity, member by member; the sentinel urn:ngsi-ld:null removes."""
        self._ask("PATCH", "/entities/{}", entity_id, body=fragment, said=parameters(observedAt=observed_at))

    def delete(self, entity_id: str) -> None:
        """Delete an entity."""
        self._ask("DELETE", "/entities/{}", entity_id)

    def purge(self, query: Query, *, drop: Iterable[str] = (), keep: Iterable[str] = ()) -> None:
        """Delete all entities that match, or of them the attributes `drop`, or all attributes but `keep`."""
        self._ask("DELETE", "/entities", said=parameters(query, drop=drop, keep=keep))

    # attributes

    def append(self, entity_id: str, attributes: Attributes, *, overwrite: bool = True) -> list[Left]:
        """Add attributes to an entity; return those that were left as they are."""
        said = {} if overwrite else {"options": "noOverwrite"}
        return Left.of(self._ask("POST", "/entities/{}/attrs", entity_id, body=attributes, said=said))

    def update(self, entity_id: str, attributes: Attributes) -> list[Left]:
        """Put these attributes in the place of the same of an entity; return those that were left as they are."""
        return Left.of(self._ask("PATCH", "/entities/{}/attrs", entity_id, body=attributes))

    def change(self, entity_id: str, name: str, fragment: Attributes) -> None:
        """Change some members of one attribute; its others stay."""
        self._ask("PATCH", "/entities/{}/attrs/{}", entity_id, name, body=fragment)

    def replace_attribute(self, entity_id: str, name: str, attribute: Attributes) -> None:
        """Put one attribute in the place of the one of its name and datasetId."""
        self._ask("PUT", "/entities/{}/attrs/{}", entity_id, name, body=attribute)

    def delete_attribute(
        self, entity_id: str, name: str, *, dataset_id: str | None = None, every: bool = False
    ) -> None:
        """Delete an attribute's default instance, the one of a datasetId, or `every` instance."""
        said = parameters(datasetId=dataset_id, deleteAll=every or None)
        self._ask("DELETE", "/entities/{}/attrs/{}", entity_id, name, said=said)

    # batches

    def create_batch(self, entities: Iterable[Entity]) -> BatchOutcome:
        """Create entities; those whose id is known are refused one by one."""
        return self._batch("create", list(entities))

    def upsert_batch(self, entities: Iterable[Entity], *, update: bool = False) -> BatchOutcome:
        """Create or replace entities; `update`: what an entity has beside stays as it is."""
        return self._batch("upsert", list(entities), {"options": "update"} if update else {})

    def update_batch(self, entities: Iterable[Entity], *, overwrite: bool = True) -> BatchOutcome:
        """Append the attributes of each to the entity of its id."""
        return self._batch("update", list(entities), {} if overwrite else {"options": "noOverwrite"})

    def merge_batch(self, entities: Iterable[Entity]) -> BatchOutcome:
        """Merge each into the entity of its id."""
        return self._batch("merge", list(entities))

    def delete_batch(self, ids: Iterable[str]) -> BatchOutcome:
        """Delete entities by id."""
        return self._batch("delete", list(ids))

    def query_by_body(self, query: Mapping[str, Any], *, limit: int = PAGE, offset: int = 0) -> list[Json]:
        """Return one page of what a Query document of the standard asks for; {"type": "Query"} is added."""
        said = parameters(limit=limit, offset=offset)
        body = {"type": "Query", **query}
        return _list(self._ask("POST", "/entityOperations/query", said=said, body=body, safe=True))

    # what there is

    def types(self) -> list[Json]:
        """Return all types of entities, each with the names of its attributes."""
        return _list(self._ask("GET", "/types", said={"details": "true"}))

    def type(self, name: str) -> Json:
        """Return one type: how many entities, which attributes."""
        return _object(self._ask("GET", "/types/{}", name))

    def attributes(self) -> list[Json]:
        """Return all attributes, each with the names of the types that have it."""
        return _list(self._ask("GET", "/attributes", said={"details": "true"}))

    def attribute(self, name: str) -> Json:
        """Return one attribute: how often, of which kinds, at which types."""
        return _object(self._ask("GET", "/attributes/{}", name))

    # subscriptions

    def subscribe(self, subscription: Mapping[str, Any]) -> str:
        """Create a subscription and return its id; {"type": "Subscription"} is added."""
        return _id_of(self._ask("POST", "/subscriptions", body={"type": "Subscription", **subscription}))

    def subscriptions(self, *, page: int = PAGE) -> Iterator[Json]:
        """Yield all subscriptions, page by page."""
        return self._pages("/subscriptions", {}, page)

    def subscription(self, subscription_id: str) -> Json:
        """Return a subscription with its counters."""
        return _object(self._ask("GET", "/subscriptions/{}", subscription_id))

    def change_subscription(self, subscription_id: str, fragment: Mapping[str, Any]) -> None:
        """Change members of a subscription."""
        self._ask("PATCH", "/subscriptions/{}", subscription_id, body=fragment)

    def unsubscribe(self, subscription_id: str) -> None:
        """Delete a subscription."""
        self._ask("DELETE", "/subscriptions/{}", subscription_id)

    # context sources: other brokers, and what they hold

    def register(self, registration: Mapping[str, Any]) -> str:
        """Register a source and return the registration's id; {"type": "ContextSourceRegistration"} is added."""
        body = {"type": "ContextSourceRegistration", **registration}
        return _id_of(self._ask("POST", "/csourceRegistrations", body=body))

    def registrations(self, query: Query, *, page: int = PAGE) -> Iterator[Json]:
        """Yield the registrations of all sources that may hold what matches, page by page."""
        return self._pages("/csourceRegistrations", parameters(query), page)

    def registration(self, registration_id: str) -> Json:
        """Return a registration."""
        return _object(self._ask("GET", "/csourceRegistrations/{}", registration_id))

    def change_registration(self, registration_id: str, fragment: Mapping[str, Any]) -> None:
        """Change members of a registration."""
        self._ask("PATCH", "/csourceRegistrations/{}", registration_id, body=fragment)

    def unregister(self, registration_id: str) -> None:
        """Delete a registration."""
        self._ask("DELETE", "/csourceRegistrations/{}", registration_id)

    def subscribe_sources(self, subscription: Mapping[str, Any]) -> str:
        """Ask to be told of registrations and return the subscription's id; {"type": "Subscription"} is added."""
        return _id_of(self._ask("POST", "/csourceSubscriptions", body={"type": "Subscription", **subscription}))

    def source_subscriptions(self, *, page: int = PAGE) -> Iterator[Json]:
        """Yield all subscriptions to registrations, page by page."""
        return self._pages("/csourceSubscriptions", {}, page)

    def source_subscription(self, subscription_id: str) -> Json:
        """Return a subscription to registrations with its counters."""
        return _object(self._ask("GET", "/csourceSubscriptions/{}", subscription_id))

    def change_source_subscription(self, subscription_id: str, fragment: Mapping[str, Any]) -> None:
        """Change members of a subscription to registrations."""
        self._ask("PATCH", "/csourceSubscriptions/{}", subscription_id, body=fragment)

    def unsubscribe_sources(self, subscription_id: str) -> None:
        """Delete a subscription to registrations."""
        self._ask("DELETE", "/csourceSubscriptions/{}", subscription_id)

    # entity maps: what a query found, kept by the broker

    def map_entities(self, query: Query, *, keep: str | None = None) -> Json:
        """Have the broker keep what matches now; return the map. `keep`: for how long, like PT10M."""
        return _object(self._ask("GET", "/entityMaps", said=parameters(query, entityMapLifetime=keep)))

    def map_history(self, query: Query, when: TemporalQuery, *, keep: str | None = None) -> Json:
        """Have the broker keep which entities have anything in that time; return the map."""
        said = parameters(query, when, entityMapLifetime=keep)
        return _object(self._ask("GET", "/temporal/entityMaps", said=said))

    def entity_map(self, map_id: str) -> Json:
        """Return an entity map: which entities, who has them, and until when it is kept."""
        return _object(self._ask("GET", "/entityMaps/{}", map_id))

    def keep_map(self, map_id: str, until: str) -> None:
        """Have an entity map kept until a time like 2026-11-23T02:15:07Z."""
        self._ask("PATCH", "/entityMaps/{}", map_id, body={"expiresAt": until})

    def forget_map(self, map_id: str) -> None:
        """Delete an entity map."""
        self._ask("DELETE", "/entityMaps/{}", map_id)

    # history

    def history(
        self, entity_id: str, when: TemporalQuery | None = None, *, form: str = "normalized", query: Query | None = None
    ) -> Json:
        """Return how an entity evolved. `form`: normalized, temporalValues or aggregatedValues."""
        said = parameters(query, when, form=form)
        return _object(self._ask("GET", "/temporal/entities/{}", entity_id, said=said))

    def query_history(
        self,
        query: Query,
        when: TemporalQuery,
        *,
        form: str = "normalized",
        page: int = PAGE,
        by_map: str | None = None,
    ) -> Iterator[Json]:
        """Yield how all entities that match evolved, page by page. `by_map`: as of `query`."""
        return self._pages("/temporal/entities", parameters(query, when, form=form), page, by_map)

    def record(self, entity: Entity) -> str:
        """Write past instances: the entity's evolution is created, or they are added to it. Return its id."""
        return _id_of(self._ask("POST", "/temporal/entities", body=entity)) or str(entity["id"])

    def add_history(self, entity_id: str, attributes: Attributes) -> None:
        """Add past instances to an entity's evolution."""
        self._ask("POST", "/temporal/entities/{}/attrs", entity_id, body=attributes)

    def change_instance(self, entity_id: str, name: str, instance_id: str, fragment: Attributes) -> None:
        """Correct one past instance of an attribute."""
        path = "/temporal/entities/{}/attrs/{}/{}"
        self._ask("PATCH", path, entity_id, name, instance_id, body=fragment)

    def delete_instance(self, entity_id: str, name: str, instance_id: str) -> None:
        """Delete one past instance of an attribute."""
        self._ask("DELETE", "/temporal/entities/{}/attrs/{}/{}", entity_id, name, instance_id)

    def delete_history(
        self, entity_id: str, name: str | None = None, *, dataset_id: str | None = None, every: bool = False
    ) -> None:
        """Delete an entity's evolution, or of one attribute: its default instances, a datasetId's, or `every` one."""
        if name is None:
            self._ask("DELETE", "/temporal/entities/{}", entity_id)
            return
        said = parameters(datasetId=dataset_id, deleteAll=every or None)
        self._ask("DELETE", "/temporal/entities/{}/attrs/{}", entity_id, name, said=said)

    # contexts

    def add_context(self, document: Mapping[str, Any]) -> str:
        """Have the broker host an @context document; return its id, the last part of its URL."""
        return _id_of(self._ask("POST", "/jsonldContexts", body=document))

    def contexts(self, kind: str | None = None) -> list[Json]:
        """Return what the broker knows of contexts. `kind`: Hosted, Cached or ImplicitlyCreated."""
        return _list(self._ask("GET", "/jsonldContexts", said=parameters(kind=kind, details=True)))

    def context(self, context_id: str) -> Json:
        """Return an @context document."""
        return _object(self._ask("GET", "/jsonldContexts/{}", context_id))

    def delete_context(self, context_id: str, *, reload: bool = False) -> None:
        """Delete an @context document; `reload`: fetch it anew instead."""
        self._ask("DELETE", "/jsonldContexts/{}", context_id, said=parameters(reload=reload or None))

    # one request

    def _like(self, tenant: str | None, context: str | None) -> Self:
        return type(self)(
            tenant=tenant, context=context, token=self._token, transport=self._transport, pause=self._pause
        )

    def _pages(self, route: str, said: Mapping[str, str], page: int, by_map: str | None = None) -> Iterator[Json]:
        offset = 0
        while True:
            part = {**said, **parameters(limit=page, offset=offset)}
            found = _list(self._ask("GET", route, said=part, by_map=by_map))
            yield from found
            if len(found) < page:
                return
            offset += page

    def _batch(self, operation: str, items: list[Any], said: Mapping[str, str] | None = None) -> BatchOutcome:
        ids = [item if isinstance(item, str) else str(item["id"]) for item in items]
        return BatchOutcome.of(self._ask("POST", f"/entityOperations/{operation}", body=items, said=said), ids)

    def _ask(
        self,
        method: str,
        route: str,
        *names: str,
        said: Mapping[str, str] | None = None,
        body: object = None,
        safe: bool = False,
        by_map: str | None = None,
    ) -> Answer:
        path = _ROOT + route.format(*(quote(name, safe=":") for name in names))
        target = path + (f"?{urlencode(said)}" if said else "")
        content = b"" if body is None else write_json(body)
        tries = len(RETRY_AFTER_S) + 1 if safe or method == "GET" else 1
        headers = self._headers(method, body)
        if by_map is not None:
            headers["ngsild-entitymap"] = by_map
        answer = self._tried(method, target, headers, content, tries)
        if answer.status >= 400:
            raise ClientProblem.of(answer.status, answer.body)
        return answer

    def _headers(self, method: str, body: object) -> dict[str, str]:
        headers = {"accept": "application/json"}
        if self._tenant is not None:
            headers["ngsild-tenant"] = self._tenant
        if self._token is not None:
            headers["authorization"] = f"Bearer {self._token}"
        own = _carries_context(body)
        if body is not None or method in ("POST", "PATCH", "PUT"):
            headers["content-type"] = "application/ld+json" if own else "application/json"
        if self._context is not None and not own:
            headers["link"] = f'<{self._context}>; rel="{_CONTEXT_REL}"; type="application/ld+json"'
        return headers

    def _tried(self, method: str, target: str, headers: Mapping[str, str], content: bytes, tries: int) -> Answer:
        """Ask up to `tries` times: again only when nothing came back or the broker was busy."""
        for wait_s in RETRY_AFTER_S[: tries - 1]:
            try:
                answer = self._transport.ask(method, target, headers, content)
            except NodeUnreachable:
                self._pause(wait_s)
                continue
            if answer.status != _BUSY:
                return answer
            self._pause(wait_s)
        return self._transport.ask(method, target, headers, content)


def _carries_context(body: object) -> bool:
    first = body[0] if isinstance(body, list) and body else body
    return isinstance(first, Mapping) and "@context" in first


def _id_of(answer: Answer) -> str:
    return unquote(answer.headers.get("location", "").rpartition("/")[2])


def _object(answer: Answer) -> Json:
    value = read_json(answer.body, bytes_max=ANSWER_BYTES_MAX)
    if not isinstance(value, dict):
        raise ClientProblem(answer.status, "Unreadable", "The broker answered with something else than an object.")
    return value


def _list(answer: Answer) -> list[Json]:
    value = read_json(answer.body, bytes_max=ANSWER_BYTES_MAX)
    if not isinstance(value, list):
        raise ClientProblem(answer.status, "Unreadable", "The broker answered with something else than a list.")
    return value
