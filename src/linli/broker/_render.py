"""Writes documents for the wire: normalized, concise, simplified or GeoJSON, compacted with the requester's @context.

Every rule of form stands here once; what may be shown was decided before (see `_sight`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from linli.base import to_wire_time
from linli.base.errors import ResourceNotFound

from ._language import text_in
from ._plain import VALUE_MEMBER, Doc, Instance
from ._projection import Projection
from ._terms import Terms

#: entities at the end of relationships, as the wire wants them, by attribute and id
Children = Mapping[tuple[str, str], dict[str, Any]]

_ALONE: Children = {}
_TIMES = ("createdAt", "modifiedAt", "expiresAt")
_KEPT_APART = frozenset({*_TIMES, "subs"})
#: kinds of which an instance that says nothing but its value is shown as it stands in the document
_AS_IT_STANDS = frozenset({"Property", "GeoProperty", "Relationship", "JsonProperty", "ListProperty"})
_PLAIN_MEMBERS = 2


def rendered(
    doc: Doc,
    created_us: int,
    modified_us: int,
    terms: Terms,
    projection: Projection,
    *,
    children: Children = _ALONE,
) -> dict[str, Any]:
    """Return an entity as the wire wants it; `children` stand inside the relationships that lead to them.

    Raises: ResourceNotFound: nothing of what was asked for is there.
    """
    if not projection.fits(doc):
        raise ResourceNotFound("The entity has none of the members that were asked for.")
    entity, whole = _members(doc, terms), projection.whole
    if not whole:
        entity = {key: value for key, value in entity.items() if projection.shows(key)}
    if projection.sys_attrs:
        times = (created_us, modified_us, doc.get("expiresAt"))
        for name, at_us in zip(_TIMES, times, strict=True):
            if at_us is not None and name not in projection.omit:
                entity[name] = to_wire_time(at_us)
    writer = _Writer(terms, projection, created_us, children)
    if projection.plain and not children:
        for name, instances in doc["attrs"].items():
            first = instances[0]
            plain = len(instances) == 1 and len(first) == _PLAIN_MEMBERS and first["type"] in _AS_IT_STANDS
            entity[terms.term(name)] = first if plain else writer.attribute(name, instances)
        return entity
    for name, instances in doc["attrs"].items():
        shown = _of_datasets(instances, projection) if whole or projection.shows(name) else []
        if shown:
            entity[terms.term(name)] = writer.attribute(name, shown)
    return entity if projection.place is None else _feature(doc, entity, projection.place)


def _members(doc: Doc, terms: Terms) -> dict[str, Any]:
    members: dict[str, Any] = {"id": doc["id"], "type": one_or_all([terms.term(name) for name in doc["type"]])}
    if doc["scope"]:
        members["scope"] = one_or_all(doc["scope"])
    return members


def _of_datasets(instances: list[Instance], projection: Projection) -> list[Instance]:
    if not projection.datasets:
        return instances
    return [one for one in instances if one.get("datasetId", "@none") in projection.datasets]


def one_or_all(values: list[Any]) -> Any:
    """Return a single value without its list."""
    return values[0] if len(values) == 1 else values


def _feature(doc: Doc, entity: dict[str, Any], place: str) -> dict[str, Any]:
    """Return an entity as a GeoJSON Feature; its geometry is that of the default instance under `place`, or null."""
    geometry = next(
        (
            one["value"]
            for one in doc["attrs"].get(place, ())
            if one["type"] == "GeoProperty" and "datasetId" not in one
        ),
        None,
    )
    entity.pop("id", None)
    return {"id": doc["id"], "type": "Feature", "geometry": geometry, "properties": entity}


class _Writer:
    """Writes the attributes of one entity."""

    def __init__(self, terms: Terms, projection: Projection, created_us: int, children: Children) -> None:
        self._terms = terms
        self._languages = projection.languages
        self._concise = projection.concise
        self._since = created_us if projection.sys_attrs else None
        self._children = children
        self._simplified = projection.simplified
        self._normalized = not (self._simplified or self._concise or projection.sys_attrs or children)

    def attribute(self, name: str, instances: list[Instance]) -> Any:
        """Return all instances of an attribute."""
        first = instances[0]
        if self._normalized and len(instances) == 1 and len(first) == _PLAIN_MEMBERS and first["type"] in _AS_IT_STANDS:
            return first
        if not self._simplified:
            return one_or_all([self._instance(one, name) for one in instances])
        if len(instances) == 1 and "datasetId" not in instances[0]:
            return self._bare(instances[0], name)
        return {"dataset": {one.get("datasetId", "@none"): self._bare(one, name) for one in instances}}

    def _instance(self, instance: Instance, name: str) -> Any:
        kind = instance["type"]
        written = {key: value for key, value in instance.items() if key not in _KEPT_APART}
        if kind == "VocabProperty":
            written["vocab"] = self._vocab(instance["vocab"])
        elif kind == "ListRelationship":
            written["objectList"] = [{"object": uri} for uri in instance["objectList"]]
        elif kind == "LanguageProperty" and self._languages is not None:
            written["type"] = "Property"
            written["lang"], written["value"] = text_in(written.pop("languageMap"), self._languages)
        for types in ("objectType", "entityTypeSealed"):
            if types in written:
                written[types] = one_or_all([self._terms.term(one) for one in written[types]])
        if self._children and kind in ("Relationship", "ListRelationship"):
            self._add_children(written, name, instance)
        if self._since is not None:
            created_us: int = instance.get("createdAt", self._since)
            written["createdAt"] = to_wire_time(created_us)
            written["modifiedAt"] = to_wire_time(instance.get("modifiedAt", created_us))
            if "expiresAt" in instance:
                written["expiresAt"] = to_wire_time(instance["expiresAt"])
        for sub, subs in instance.get("subs", {}).items():
            written[self._terms.term(sub)] = one_or_all([self._instance(one, "") for one in subs])
        return _concise(written) if self._concise else written

    def _add_children(self, written: dict[str, Any], name: str, instance: Instance) -> None:
        value = instance[VALUE_MEMBER[instance["type"]]]
        if isinstance(value, str):
            if (name, value) in self._children:
                written["entity"] = self._children[name, value]
            return
        there = [self._children[name, uri] for uri in value if (name, uri) in self._children]
        if there:
            written["entityList"] = there

    def _bare(self, instance: Instance, name: str) -> Any:
        kind = instance["type"]
        value = instance[VALUE_MEMBER[kind]]
        if kind == "LanguageProperty" and self._languages is not None:
            return text_in(value, self._languages)[1]
        if kind in ("LanguageProperty", "JsonProperty", "VocabProperty"):
            return {VALUE_MEMBER[kind]: self._vocab(value) if kind == "VocabProperty" else value}
        if kind in ("Relationship", "ListRelationship"):
            below = [self._children.get((name, uri), uri) for uri in (value if isinstance(value, list) else [value])]
            return below if isinstance(value, list) else below[0]
        if isinstance(value, dict) and value.get("@type") in ("DateTime", "Date", "Time"):
            return value["@value"]
        return value

    def _vocab(self, value: Any) -> Any:
        if isinstance(value, list):
            return [self._terms.vocab_term(one) for one in value]
        return self._terms.vocab_term(value)


def _concise(written: dict[str, Any]) -> Any:
    """Return an instance without its type; a Property or GeoProperty of which only the value is left, as that value.

    A value that could be taken for an instance, or for a list of them, stays under its member.
    """
    kind = written.pop("type")
    if kind not in ("Property", "GeoProperty") or len(written) > 1:
        return written
    value = written["value"]
    if kind == "Property" and isinstance(value, dict | list):
        return written
    return value
