"""A subscription: read from the wire and checked, kept as a record, served again, and compiled for matching.

A record holds who subscribed, the @context it was said in, and the members with every name as an IRI; so it can be
served in any context. What it counts stands apart (see `_counts`), since that changes with each notification.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any, Protocol, cast
from urllib.parse import quote, unquote

from linli.base import from_wire_time
from linli.base.errors import BadRequestData
from linli.egress import MqttVersion, check_header
from linli.trust import Act, Principal

from ._geo import read_geo
from ._grammar import read_q, read_scope_q, read_selectors
from ._joining import LEVEL_MAX, Join
from ._language import read_languages
from ._names import full_name, inner_name
from ._projection import MEMBERS, Projection, checked, read_members
from ._query import And, Compare, Node, Or, Query, Value
from ._spelling import checked_id, checked_name
from ._terms import Terms

KIND = "subscription"
TRIGGERS = (
    "entityCreated",
    "entityUpdated",
    "entityDeleted",
    "attributeCreated",
    "attributeUpdated",
    "attributeDeleted",
)
DEFAULT_TRIGGERS = ["attributeCreated", "attributeUpdated"]
#: triggers that a deletion of an entity can pull
DELETION_TRIGGERS = frozenset({"entityDeleted", "attributeDeleted"})
JSON, LD_JSON, GEO_JSON = "application/json", "application/ld+json", "application/geo+json"
FORMATS = ("normalized", "concise", "keyValues", "simplified")
LIST_MAX = 500
TEXT_LETTERS_MAX = 4096
SECONDS_MAX = 366 * 86_400.0
_MQTT_VERSIONS: Mapping[str, MqttVersion] = {"mqtt3.1.1": "3.1.1", "mqtt5.0": "5.0"}
_TYPE = re.compile(r"[^\s;|(),]+")
_MEMBER = re.compile(r"[^{},|]+")
_CONTEXT_URL = re.compile(r"https?://[^\s]+")
_LOCATION = "location"
_LOCATION_NAME = "https://uri.etsi.org/ngsi-ld/location"

Body = dict[str, Any]


class Checks(Protocol):
    """Says whether an endpoint may be connected to; egress does."""

    def check(self, url: str) -> None:
        """Hold a URL against the rules. Raises: BadRequestData."""
        ...


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where notifications go, and how. `version`, `qos`: of MQTT."""

    uri: str
    accept: str
    headers: tuple[tuple[str, str], ...]
    timeout_s: float | None
    cooldown_s: float
    context_in_body: bool
    version: MqttVersion = "5.0"
    qos: int = 0

    @property
    def is_mqtt(self) -> bool:
        """Whether it is a topic of an MQTT broker."""
        return self.uri.lower().startswith("mqtt")


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """Who is told, in which context and in which form: all subscriptions of one view are told the same of a write.

    There is one object for each, so that what is found out for one can be kept by it.
    """

    act: Act
    terms: Terms
    projection: Projection


@lru_cache(10_000)
def view_of(act: Act, terms: Terms, projection: Projection) -> View:
    """Return the one view of these."""
    return View(act, terms, projection)


@dataclass(frozen=True, slots=True, eq=False)
class Subscription:
    """A subscription as it is matched; each form of it is equal to itself alone. `watched` empty = every attribute; `link`:
    the URL of its @context; `lately`: of whom it told, and when."""

    id: str
    view: View
    query: Query
    watched: frozenset[str]
    triggers: frozenset[str]
    active: bool
    until_us: int | None
    interval_us: int | None
    throttling_us: int
    endpoint: Endpoint
    join: Join | None
    show_changes: bool
    link: str
    created_us: int
    lately: dict[str, int] = field(default_factory=dict)

    @property
    def act(self) -> Act:
        """Who subscribed, as he acts now."""
        return self.view.act

    @property
    def terms(self) -> Terms:
        """The context in which names are told."""
        return self.view.terms

    @property
    def projection(self) -> Projection:
        """The form in which entities are told."""
        return self.view.projection

    def works(self, now_us: int) -> bool:
        """Tell whether notifications are due at all at this moment."""
        return self.active and (self.until_us is None or now_us < self.until_us)


# from the wire


def read_body(said: Any, terms: Terms, checks: Checks | None) -> Body:
    """Return the members of a subscription, or of a change of one, that we know, checked and with names as IRIs.

    A member that is None shall go. Others than those of the standard are left out. Raises: BadRequestData.
    """
    if not isinstance(said, dict):
        raise BadRequestData("A subscription must be a JSON object.")
    if said.get("type", KIND.capitalize()) != KIND.capitalize():
        raise BadRequestData("type: must be Subscription.")
    reader = _Reader(terms, checks)
    return {
        name: None if said[name] is None else read(reader, said[name], name)
        for name, read in _READERS.items()
        if name in said
    }


def check_whole(body: Body) -> None:
    """Hold the members of a whole subscription against each other. Raises: BadRequestData."""
    notification = body.get("notification")
    if notification is None:
        raise BadRequestData("notification: is required.")
    if "entities" not in body and "watchedAttributes" not in body:
        raise BadRequestData("entities, watchedAttributes: at least one of them is required.")
    if "timeInterval" in body:
        if "watchedAttributes" in body or "throttling" in body:
            raise BadRequestData("timeInterval: cannot stand beside watchedAttributes or throttling.")
        if "entities" not in body:
            raise BadRequestData("entities: is required with timeInterval.")
    checked(_projection(body))
    if notification.get("showChanges") and notification.get("format") in ("keyValues", "simplified"):
        raise BadRequestData("showChanges: there is no place for it in the simplified format.")


class _Reader:
    """What the readers of single members need."""

    def __init__(self, terms: Terms, checks: Checks | None) -> None:
        self.terms = terms
        self.checks = checks

    def iri(self, said: Any, where: str) -> str:
        if not isinstance(said, str):
            raise BadRequestData(f"{where}: must hold names.")
        return full_name(self.terms.name(checked_name(said)))

    def entities(self, said: Any, where: str) -> Any:
        read_selectors(said, self.terms, where)
        return [{**one, "type": _TYPE.sub(self._type, one["type"])} for one in said]

    def _type(self, found: re.Match[str]) -> str:
        said = found.group()
        return said if said == "*" else quote(full_name(self.terms.name(unquote(said))), safe=":/#?&=@~!$'*+-._")

    def names(self, said: Any, where: str) -> Any:
        return [self.iri(one, where) for one in _listed(said, where)]

    def members(self, said: Any, where: str) -> Any:
        texts = [_text(one, where) for one in _listed(said, where)]
        read_members(",".join(texts), where, self.terms.name)
        return [_MEMBER.sub(self._member, text) for text in texts]

    def _member(self, found: re.Match[str]) -> str:
        said = found.group()
        return said if said in MEMBERS else full_name(self.terms.name(said))

    def q(self, said: Any, where: str) -> Any:
        read_q(_text(said, where), self.terms)
        return said

    def scope_q(self, said: Any, where: str) -> Any:
        read_scope_q(_text(said, where))
        return said

    def geo_q(self, said: Any, where: str) -> Any:
        if not isinstance(said, dict) or not {"georel", "geometry", "coordinates"} <= said.keys():
            raise BadRequestData(f"{where}: needs georel, geometry and coordinates.")
        kept = {name: said[name] for name in ("georel", "geometry", "coordinates")}
        _text(kept["georel"], f"{where}.georel")
        _text(kept["geometry"], f"{where}.geometry")
        place = _text(said.get("geoproperty", _LOCATION), f"{where}.geoproperty")
        read_geo(kept["georel"], kept["geometry"], kept["coordinates"], place, self.terms)
        return {**kept, "geoproperty": self.iri(place, where)} if "geoproperty" in said else kept

    def triggers(self, said: Any, where: str) -> Any:
        return [_one_of(one, TRIGGERS, where) for one in _listed(said, where)]

    def datasets(self, said: Any, where: str) -> Any:
        texts = said if isinstance(said, list) else [said]
        return [one if one == "@none" else checked_id(one, where) for one in _listed(texts, where)]

    def languages(self, said: Any, where: str) -> Any:
        read_languages(_text(said, where))
        return said

    def time(self, said: Any, where: str) -> Any:
        try:
            from_wire_time(_text(said, where))
        except BadRequestData as error:
            raise BadRequestData(f"{where}: {error.message}") from error
        return said

    def context_url(self, said: Any, where: str) -> Any:
        if not _CONTEXT_URL.fullmatch(_text(said, where)):
            raise BadRequestData(f"{where}: must be the URL of an @context.")
        return said

    def notification(self, said: Any, where: str) -> Any:
        return _object(self, said, where, _NOTIFICATION, ("endpoint",))

    def endpoint(self, said: Any, where: str) -> Any:
        read = _object(self, said, where, _ENDPOINT, ("uri",))
        for pair in read.get("receiverInfo", ()):
            check_header(pair["key"], pair["value"])
        _mqtt(read)
        return read

    def uri(self, said: Any, where: str) -> Any:
        if self.checks is not None:
            try:
                self.checks.check(_text(said, where))
            except BadRequestData as error:
                raise BadRequestData(f"{where}: {error.message}") from error
        return checked_id(said, where)

    def pairs(self, said: Any, where: str) -> Any:
        for one in _listed(said, where):
            if not isinstance(one, dict) or not all(isinstance(one.get(name), str) for name in ("key", "value")):
                raise BadRequestData(f"{where}: must hold objects with the texts key and value.")
        return [{"key": one["key"], "value": one["value"]} for one in said]


Read = Callable[[_Reader, Any, str], Any]


def _object(reader: _Reader, said: Any, where: str, readers: Mapping[str, Read], needed: tuple[str, ...]) -> Body:
    if not isinstance(said, dict):
        raise BadRequestData(f"{where}: must be a JSON object.")
    for name in needed:
        if said.get(name) is None:
            raise BadRequestData(f"{where}.{name}: is required.")
    return {
        name: read(reader, said[name], f"{where}.{name}")
        for name, read in readers.items()
        if said.get(name) is not None
    }


def _listed(said: Any, where: str) -> list[Any]:
    if not isinstance(said, list) or not 0 < len(said) <= LIST_MAX:
        raise BadRequestData(f"{where}: must be a list of 1 to {LIST_MAX}.")
    return said


def _text(said: Any, where: str) -> str:
    if not isinstance(said, str) or len(said) > TEXT_LETTERS_MAX:
        raise BadRequestData(f"{where}: must be text of at most {TEXT_LETTERS_MAX} letters.")
    return said


def _any_text(_: _Reader, said: Any, where: str) -> Any:
    return _text(said, where)


def _truth(_: _Reader, said: Any, where: str) -> Any:
    if not isinstance(said, bool):
        raise BadRequestData(f"{where}: must be true or false.")
    return said


def _one_of(said: Any, allowed: tuple[str, ...], where: str) -> str:
    if said not in allowed:
        raise BadRequestData(f"{where}: must be one of {', '.join(allowed)}.")
    return cast("str", said)


def _number(said: Any, where: str, least: float, most: float = SECONDS_MAX) -> Any:
    if isinstance(said, bool) or not isinstance(said, int | float) or not math.isfinite(said):
        raise BadRequestData(f"{where}: must be a number.")
    if not least <= said <= most:
        raise BadRequestData(f"{where}: must lie between {least:g} and {most:g}.")
    return said


def _seconds(_: _Reader, said: Any, where: str) -> Any:
    return _number(said, where, 0.001)


def _milliseconds(_: _Reader, said: Any, where: str) -> Any:
    return _number(said, where, 1, SECONDS_MAX * 1000)


def _join(_: _Reader, said: Any, where: str) -> Any:
    return _one_of(said, ("flat", "inline", "@none"), where)


def _join_level(_: _Reader, said: Any, where: str) -> Any:
    if not isinstance(said, int):
        raise BadRequestData(f"{where}: must be a whole number.")
    return _number(said, where, 1, LEVEL_MAX)


def _format(_: _Reader, said: Any, where: str) -> Any:
    return _one_of(said, FORMATS, where)


def _accept(_: _Reader, said: Any, where: str) -> Any:
    return _one_of(said, (JSON, LD_JSON, GEO_JSON), where)


_ENDPOINT: Mapping[str, Read] = {
    "uri": _Reader.uri,
    "accept": _accept,
    "receiverInfo": _Reader.pairs,
    "notifierInfo": _Reader.pairs,
    "timeout": _milliseconds,
    "cooldown": _milliseconds,
}
_NOTIFICATION: Mapping[str, Read] = {
    "attributes": _Reader.names,
    "pick": _Reader.members,
    "omit": _Reader.members,
    "format": _format,
    "showChanges": _truth,
    "sysAttrs": _truth,
    "join": _join,
    "joinLevel": _join_level,
    "endpoint": _Reader.endpoint,
}
_READERS: Mapping[str, Read] = {
    "subscriptionName": _any_text,
    "description": _any_text,
    "entities": _Reader.entities,
    "watchedAttributes": _Reader.names,
    "notificationTrigger": _Reader.triggers,
    "timeInterval": _seconds,
    "q": _Reader.q,
    "geoQ": _Reader.geo_q,
    "csf": _Reader.q,
    "scopeQ": _Reader.scope_q,
    "lang": _Reader.languages,
    "datasetId": _Reader.datasets,
    "isActive": _truth,
    "expiresAt": _Reader.time,
    "throttling": _seconds,
    "jsonldContext": _Reader.context_url,
    "notification": _Reader.notification,
}

# to the wire


def shown_body(body: Body, terms: Terms) -> Body:
    """Return the members of a subscription as the wire wants them, in the asker's context."""
    shown = dict(body)
    shown["notificationTrigger"] = body.get("notificationTrigger", DEFAULT_TRIGGERS)
    if "entities" in body:
        shown["entities"] = [{**one, "type": _TYPE.sub(_shown_type(terms), one["type"])} for one in body["entities"]]
    if "watchedAttributes" in body:
        shown["watchedAttributes"] = [terms.term(inner_name(iri)) for iri in body["watchedAttributes"]]
    if "geoproperty" in body.get("geoQ", ()):
        shown["geoQ"] = {**body["geoQ"], "geoproperty": terms.term(inner_name(body["geoQ"]["geoproperty"]))}
    notification = dict(body["notification"])
    if "attributes" in notification:
        notification["attributes"] = [terms.term(inner_name(iri)) for iri in notification["attributes"]]
    for name in ("pick", "omit"):
        if name in notification:
            notification[name] = [_MEMBER.sub(_shown_member(terms), text) for text in notification[name]]
    shown["notification"] = notification
    return shown


def _shown_type(terms: Terms) -> Callable[[re.Match[str]], str]:
    return lambda found: found.group() if found.group() == "*" else terms.term(inner_name(unquote(found.group())))


def _shown_member(terms: Terms) -> Callable[[re.Match[str]], str]:
    return lambda found: found.group() if found.group() in MEMBERS else terms.term(inner_name(found.group()))


# for matching


def compiled(
    subscription_id: str, kept: Body, created_us: int, *, terms: Terms, said_in: Terms, plain: Terms
) -> Subscription:
    """Compile what a record keeps.

    `terms`: the context of its notifications; `said_in`: that of its q; `plain`: any in which an IRI means itself.
    """
    body = kept["body"]
    notification = body["notification"]
    geo = body.get("geoQ")
    until = body.get("expiresAt")
    interval = body.get("timeInterval")
    return Subscription(
        id=subscription_id,
        view=view_of(act_of(kept), terms, _projection(body)),
        query=Query(
            any_of=read_selectors(body["entities"], plain) if "entities" in body else (),
            q=_decoded(read_q(body["q"], said_in)) if "q" in body else None,
            scopes=read_scope_q(body["scopeQ"]) if "scopeQ" in body else None,
            geo=None
            if geo is None
            else read_geo(geo["georel"], geo["geometry"], geo["coordinates"], geo.get("geoproperty", _LOCATION), plain),
        ),
        watched=frozenset(map(inner_name, body.get("watchedAttributes", ()))),
        triggers=frozenset(body.get("notificationTrigger", DEFAULT_TRIGGERS)),
        active=body.get("isActive", True),
        until_us=None if until is None else from_wire_time(until),
        interval_us=None if interval is None else int(interval * 1_000_000),
        throttling_us=int(body.get("throttling", 0) * 1_000_000),
        endpoint=_endpoint(notification["endpoint"]),
        join=_joined(notification),
        show_changes=notification.get("showChanges", False),
        link=body.get("jsonldContext", kept["link"]),
        created_us=created_us,
    )


def act_of(kept: Body) -> Act:
    """Return who subscribed, as he acts now."""
    who = kept["by"]
    return Act(Principal(who["id"], who["role"], tuple(who["scopes"])), kept["purpose"], kept["tenant"])


def kept_act(act: Act) -> Body:
    """Return what a record keeps of who subscribes: no name."""
    by = {"id": act.who.id, "role": act.who.role, "scopes": list(act.who.scopes)}
    return {"by": by, "purpose": act.purpose, "tenant": act.tenant}


def _projection(body: Body) -> Projection:
    notification = body["notification"]
    form = notification.get("format", "normalized")
    endpoint = notification["endpoint"]
    read = Projection(
        simplified=form in ("keyValues", "simplified"),
        concise=form == "concise",
        sys_attrs=notification.get("sysAttrs", False),
        languages=read_languages(body["lang"]) if "lang" in body else None,
        datasets=frozenset(body.get("datasetId", ())),
        place=_LOCATION_NAME if endpoint.get("accept") == GEO_JSON else None,
    )
    linked: tuple[tuple[str, Projection], ...] = ()
    for name in ("pick", "omit"):
        if name in notification:
            said = read_members(",".join(notification[name]), name, inner_name)
            linked += said.linked
            read = replace(read, pick=read.pick | said.pick, omit=read.omit | said.omit)
    attributes = frozenset(map(inner_name, notification.get("attributes", ())))
    if attributes and (read.pick or read.omit):
        raise BadRequestData("attributes: cannot stand beside pick or omit.")
    if attributes:
        read = replace(read, pick=attributes | {"id", "type", "scope"})
    return replace(read, linked=linked)


def _joined(notification: Body) -> Join | None:
    how = notification.get("join", "@none")
    return None if how == "@none" else Join(how == "inline", notification.get("joinLevel", 1))


def _endpoint(said: Body) -> Endpoint:
    version, qos = _mqtt(said)
    notifier = {pair["key"].lower(): pair["value"] for pair in said.get("notifierInfo", ())}
    timeout_ms = said.get("timeout")
    return Endpoint(
        uri=said["uri"],
        accept=said.get("accept", JSON),
        headers=tuple((pair["key"], pair["value"]) for pair in said.get("receiverInfo", ())),
        timeout_s=None if timeout_ms is None else timeout_ms / 1000,
        cooldown_s=said.get("cooldown", 0) / 1000,
        context_in_body="body=json" not in notifier.get("prefer", "").replace(" ", "").lower(),
        version=version,
        qos=qos,
    )


def _mqtt(said: Body) -> tuple[MqttVersion, int]:
    """Return version and quality of service of an MQTT endpoint. Raises: BadRequestData."""
    notifier = {pair["key"].lower(): pair["value"] for pair in said.get("notifierInfo", ())}
    version = _one_of(notifier.get("mqtt-version", "mqtt5.0"), tuple(_MQTT_VERSIONS), "notifierInfo: MQTT-Version")
    qos = _one_of(notifier.get("mqtt-qos", "0"), ("0", "1", "2"), "notifierInfo: MQTT-QoS")
    return _MQTT_VERSIONS[version], int(qos)


def _decoded(node: Node) -> Node:
    """Return a q with percent-encoded texts decoded: in a body no HTTP has done so before."""
    if isinstance(node, And | Or):
        return replace(node, parts=tuple(map(_decoded, node.parts)))
    if isinstance(node, Compare):
        return replace(node, values=tuple(map(_decoded_value, node.values)))
    return node


def _decoded_value(value: Value) -> Value:
    if value.shape != "text":
        return value
    return replace(value, plain=unquote(value.plain), to=None if value.to is None else _decoded_value(value.to))
