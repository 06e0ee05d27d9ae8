"""What a notification says: the entities as the subscriber may see them, in the form he asked for.

Of what was deleted the NGSI-LD null is left in its place; with showChanges the value before stands beside the new one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache
from typing import Any

import orjson

from linli.base import to_wire_time
from linli.egress import Request
from linli.vocab import CORE_CONTEXT_URL

from ._matching import Event
from ._plain import VALUE_MEMBER, Attrs, Doc, Instance
from ._render import rendered
from ._spelling import NULL
from ._subscription import GEO_JSON, LD_JSON, Endpoint, Subscription

_PREVIOUS = {member: "previous" + member[0].upper() + member[1:] for member in set(VALUE_MEMBER.values())}
#: subscriptions to these triggers are shown what went
_SHOWS_GONE = frozenset({"attributeDeleted", "entityUpdated"})


def deleted_entity(subscription: Subscription, event: Event, before: Doc) -> dict[str, Any] | None:
    """Return an entity that was deleted: its id, type and when; its attributes only where they were asked for.

    None: nothing is left of it by pick and omit.
    """
    attrs: Attrs = {}
    if subscription.show_changes or "attributeDeleted" in subscription.triggers:
        for name, instances in before["attrs"].items():
            if not subscription.watched or name in subscription.watched or subscription.show_changes:
                attrs[name] = _all_gone(subscription, instances, event.row.at_us)
    doc = {"id": before["id"], "type": before["type"], "scope": [], "attrs": attrs}
    projection = replace(subscription.projection, languages=None)
    if not projection.fits(doc):
        return None
    entity = rendered(doc, event.created_us, event.modified_us, subscription.terms, projection)
    (entity if projection.place is None else entity["properties"])["deletedAt"] = to_wire_time(event.row.at_us)
    return entity


def changed_entity(subscription: Subscription, event: Event, before: Doc | None, after: Doc) -> Doc:
    """Return the document of an entity that was created or updated, with what went and what was there before."""
    shows_gone = subscription.show_changes or not _SHOWS_GONE.isdisjoint(subscription.triggers)
    if before is None or not shows_gone:
        return after
    attrs = dict(after["attrs"])
    for name in event.changes.updated | event.changes.deleted:
        there = {one.get("datasetId"): one for one in before["attrs"].get(name, ())}
        instances = list(_compared(subscription, there, attrs.get(name, [])))
        went = list(there.values()) if shows_gone else []
        if went and not instances:
            attrs[name] = _all_gone(subscription, went, event.row.at_us)
        elif instances:
            attrs[name] = instances + [_gone(subscription, one, event.row.at_us) for one in went]
    return {**after, "attrs": attrs}


def _compared(
    subscription: Subscription, there: dict[str | None, Instance], instances: list[Instance]
) -> Iterator[Instance]:
    """Yield the instances that stand, each with its value before if it was written; take them out of `there`."""
    for instance in instances:
        old = there.pop(instance.get("datasetId"), None)
        if old is None or old == instance or not subscription.show_changes:
            yield instance
        else:
            yield {**instance, **_before(subscription, old)}


def _before(subscription: Subscription, old: Instance) -> dict[str, Any]:
    """Return the value before, under the name that it has on the wire."""
    member = VALUE_MEMBER[old["type"]]
    value = old[member]
    if member == "vocab":
        terms = subscription.terms
        value = [terms.vocab_term(one) for one in value] if isinstance(value, list) else terms.vocab_term(value)
    elif member == "objectList":
        value = [{"object": uri} for uri in value]
    return {_PREVIOUS[member]: value}


def _all_gone(subscription: Subscription, went: list[Instance], at_us: int) -> list[Instance]:
    """Return what is left of an attribute of which no instance stands: one null, or each with its value before."""
    if subscription.show_changes:
        return [_gone(subscription, one, at_us) for one in went]
    one = next((one for one in went if "datasetId" not in one), went[0])
    return [_gone(subscription, {key: said for key, said in one.items() if key != "datasetId"}, at_us)]


def _gone(subscription: Subscription, old: Instance, at_us: int) -> Instance:
    """Return what is left of an instance: the null in its shape."""
    kind = old["type"]
    member = VALUE_MEMBER[kind]
    kept: Instance = {key: old[key] for key in ("datasetId", "createdAt", "modifiedAt") if key in old}
    if subscription.projection.simplified:
        return {"type": "Property", "value": NULL, **kept}
    shape: Any = {"@none": NULL} if member == "languageMap" else [NULL] if member.endswith("List") else NULL
    gone: Instance = {"type": kind, member: shape, **kept}
    if subscription.show_changes:
        gone.update(_before(subscription, old))
    if subscription.projection.sys_attrs:
        gone["deletedAt"] = to_wire_time(at_us)
    return gone


def notification_id(subscription: Subscription, mark: str) -> str:
    """Return the id of a notification: the same whenever the same thing is told again."""
    return f"urn:ngsi-ld:Notification:{_digest(subscription.act.tenant, subscription.id)}:{mark}"


@lru_cache(10_000)
def _digest(tenant: str, subscription_id: str) -> str:
    return hashlib.blake2b(f"{tenant}\n{subscription_id}".encode(), digest_size=8).hexdigest()


def letter(subscription: Subscription, mark: str, at_us: int, data: list[Any]) -> dict[str, Any]:
    """Return the notification as JSON. `data` holds entities, which are written out already where they stay as is."""
    endpoint = subscription.endpoint
    said: dict[str, Any] = {
        "id": notification_id(subscription, mark),
        "type": "Notification",
        "subscriptionId": subscription.id,
        "notifiedAt": to_wire_time(at_us),
    }
    if endpoint.accept == GEO_JSON:
        said["data"] = {"type": "FeatureCollection", "features": data}
        return {"@context": _source(subscription), **said} if endpoint.context_in_body else said
    if endpoint.accept == LD_JSON:
        context = _source(subscription)
        return {"@context": context, **said, "data": [{**one, "@context": context} for one in data]}
    return {**said, "data": data}


@lru_cache(10_000)
def headers_of(subscription: Subscription, via: str) -> dict[str, str]:
    """Return what is said beside a notification: in HTTP as headers, in MQTT as metadata."""
    endpoint = subscription.endpoint
    headers = {"Content-Type": endpoint.accept}
    if endpoint.accept != LD_JSON and not (endpoint.accept == GEO_JSON and endpoint.context_in_body):
        link = f'<{subscription.link}>; rel="http://www.w3.org/ns/json-ld#context"; type="{LD_JSON}"'
        headers["Link"] = link
    if subscription.act.tenant != "default":
        headers["NGSILD-Tenant"] = subscription.act.tenant
    headers["Via"] = via
    said = {name.lower() for name, _ in endpoint.headers}
    return {**{name: value for name, value in headers.items() if name.lower() not in said}, **dict(endpoint.headers)}


def http_request(endpoint: Endpoint, headers: dict[str, str], said: dict[str, Any]) -> Request:
    """Return the request that carries a notification."""
    return Request("POST", endpoint.uri, headers, orjson.dumps(said), endpoint.timeout_s)


def mqtt_payload(headers: dict[str, str], said: dict[str, Any]) -> bytes:
    """Return the message that carries a notification."""
    return orjson.dumps({"metadata": headers, "body": said})


def _source(subscription: Subscription) -> Any:
    """Return what stands under @context: the subscription's, the core last where it is not in a single document."""
    said = subscription.terms.source
    if isinstance(said, list) and len(said) == 1:
        said = said[0]
    return said if isinstance(said, str) else [*(said if isinstance(said, list) else [said]), CORE_CONTEXT_URL]
