"""Reads what came over the wire into the inner form; what is not allowed is named.

A fragment is what a request says about one entity: types, scopes, and attributes as lists of instances under their
names. How far the NGSI-LD null may reach depends on the operation (`Nulls`).
"""

from __future__ import annotations

from typing import Any, NamedTuple

from linli.base.errors import BadRequestData, InvalidRequest

from ._caps import CAPS, Caps
from ._instances import MEMBERS, REFUSED, bare_instances, expiry_of, instance_of, instances_of, types_of
from ._plain import Instance
from ._spelling import NULL, checked_id, checked_name, read_scopes
from ._terms import Terms
from ._values import How, Nulls

_ENTITY_MEMBERS = frozenset(
    {"id", "@id", "type", "@type", "scope", "@context", "createdAt", "modifiedAt", "deletedAt", "expiresAt"}
)
_NOT_ATTRIBUTES = frozenset({"datasetId", "instanceId", "observedAt", "unitCode", "value", "object", "languageMap"})
_RESERVED = _NOT_ATTRIBUTES | REFUSED | _ENTITY_MEMBERS | MEMBERS.keys()
_ETSI = "https://uri.etsi.org/ngsi-ld/"
_PLACES = frozenset({_ETSI + "location", _ETSI + "observationSpace", _ETSI + "operationSpace"})


class Fragment(NamedTuple):
    """What a request says about one entity.

    `scopes`: None = nothing is said, [] = it shall have none. `expires_us`: None = nothing, 0 = it shall not expire.
    """

    id: str
    types: list[str]
    scopes: list[str] | None
    attrs: dict[str, list[Instance]]
    expires_us: int | None = None

    @property
    def empty(self) -> bool:
        """Whether nothing at all is said."""
        return not self.attrs and not self.types and self.scopes is None and self.expires_us is None


def read_fragment(
    body: Any,
    terms: Terms,
    *,
    whole: bool,
    nulls: Nulls = "none",
    simplified: bool = False,
    typed: bool = True,
    caps: Caps = CAPS,
) -> Fragment:
    """Return what an entity (`whole`) or a part of one says. `typed`: a whole one needs a type.

    `simplified`: attributes are bare values; which kind they are the stored ones decide: {"bare": value}.
    Raises: BadRequestData: with the place of what is wrong.
    """
    if not isinstance(body, dict):
        raise InvalidRequest("An entity must be a JSON object.")
    body = terms.plain(body)
    if len(body) > caps.attributes:
        raise BadRequestData(f"An entity may have at most {caps.attributes} attributes.")
    entity_id = body.get("id", body.get("@id"))
    types = types_of(body.get("type", body.get("@type")), terms)
    if whole or entity_id is not None:
        entity_id = checked_id(entity_id)
    if whole and typed and not types:
        raise BadRequestData("type: is required.")
    attrs: dict[str, list[Instance]] = {}
    how, read, known = How(terms, nulls, caps), bare_instances if simplified else instances_of, terms.attributes
    for said, value in body.items():
        name = known.get(said)
        if name is None:
            if said in _ENTITY_MEMBERS:
                continue
            name = attribute_name(said, terms)
        if name in attrs:
            raise BadRequestData(f"{said}: stands twice under different spellings.")
        instances = attrs[name] = read(said, value, how)
        if name in _PLACES:
            _check_place(said, instances)
    scopes = _scopes(body["scope"], nulls) if "scope" in body else None
    expires_us = expiry_of("expiresAt", body["expiresAt"], nulls) if "expiresAt" in body else None
    return Fragment(entity_id or "", types, scopes, attrs, expires_us)


def read_attribute(said_name: str, body: Any, terms: Terms, *, nulls: Nulls, caps: Caps = CAPS) -> tuple[str, Instance]:
    """Return the name and the one instance that a request to a single attribute says.

    Raises: BadRequestData: with the place of what is wrong.
    """
    name = attribute_name(said_name, terms)
    if not isinstance(body, dict):
        raise InvalidRequest("The body must be an attribute: a JSON object.")
    said = {key: value for key, value in body.items() if key != "@context"}
    if not said:
        raise BadRequestData("The body says nothing about the attribute.")
    instance = instance_of(said_name, said, How(terms, nulls, caps))
    if name in _PLACES:
        _check_place(said_name, [instance])
    return name, instance


def attribute_name(said: str, terms: Terms) -> str:
    """Return the name in documents of an attribute. Raises: BadRequestData: it cannot be the name of one."""
    name = terms.attributes.get(said)
    if name is None:
        if said in _RESERVED:
            raise BadRequestData(f"{said}: cannot stand as an attribute here.")
        name = terms.known(said) or terms.name(checked_name(said))
        terms.keep_attribute(said, name)
    return name


def _scopes(said: Any, nulls: Nulls) -> list[str]:
    return [] if said == NULL and nulls != "none" else read_scopes(said)


def _check_place(path: str, instances: list[Instance]) -> None:
    for one in instances:
        if one.get("type", "GeoProperty") != "GeoProperty" and "null" not in one:
            raise BadRequestData(f"{path}: must be a GeoProperty.")
