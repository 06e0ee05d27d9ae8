"""Writes documents for the wire: normalized or simplified, compacted with the requester's @context.

Every rule of form stands here once; what may be shown was decided before (see `_sight`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from linli.base import to_wire_time
from linli.base.errors import BadRequestData, ResourceNotFound

from ._plain import VALUE_MEMBER, Doc, Instance
from ._terms import Terms


@dataclass(frozen=True, slots=True)
class Projection:
    """Which members an answer has and in which form. Attributes by the names in documents; `id`, `type` as such.

    `attrs`: only these, and only entities that have one of them. `pick`: only these members. `omit`: all but these.
    """

    simplified: bool = False
    sys_attrs: bool = False
    attrs: frozenset[str] = frozenset()
    pick: frozenset[str] = frozenset()
    omit: frozenset[str] = frozenset()

    @property
    def whole(self) -> bool:
        """Whether all members are wanted: then the answer's bytes can be kept."""
        return not (self.attrs or self.pick or self.omit)

    def asked(self) -> frozenset[str] | None:
        """Return the attributes that were asked for by name; None when all were."""
        return self.pick or self.attrs or None

    def fits(self, doc: Doc) -> bool:
        """Tell whether anything is left of an entity."""
        if self.attrs:
            return not self.attrs.isdisjoint(doc["attrs"])
        if self.pick:
            return bool(self.pick & {"id", "type", "scope"}) or not self.pick.isdisjoint(doc["attrs"])
        return True


def checked(projection: Projection) -> Projection:
    """Return a projection that makes sense. Raises: BadRequestData: pick, omit and attrs contradict each other."""
    if projection.attrs and (projection.pick or projection.omit):
        raise BadRequestData("attrs: cannot stand beside pick or omit.")
    if projection.pick & projection.omit:
        raise BadRequestData("pick, omit: one member cannot be in both.")
    return projection


def rendered(doc: Doc, created_us: int, modified_us: int, terms: Terms, projection: Projection) -> dict[str, Any]:
    """Return an entity as the wire wants it.

    Raises: ResourceNotFound: nothing of what was asked for is there.
    """
    if not projection.fits(doc):
        raise ResourceNotFound("The entity has none of the attributes that were asked for.")
    types = [terms.term(name) for name in doc["type"]]
    entity: dict[str, Any] = {"id": doc["id"], "type": types[0] if len(types) == 1 else types}
    if doc["scope"]:
        entity["scope"] = doc["scope"][0] if len(doc["scope"]) == 1 else doc["scope"]
    if projection.pick or projection.omit:
        entity = {key: value for key, value in entity.items() if _wanted(key, projection)}
    if projection.sys_attrs:
        entity["createdAt"], entity["modifiedAt"] = to_wire_time(created_us), to_wire_time(modified_us)
    write = _simplified if projection.simplified else _normalized
    since = created_us if projection.sys_attrs else None
    for name, instances in doc["attrs"].items():
        if _wanted(name, projection) and (not projection.attrs or name in projection.attrs):
            entity[terms.term(name)] = write(instances, terms, since)
    return entity


def _wanted(name: str, projection: Projection) -> bool:
    return name in projection.pick if projection.pick else name not in projection.omit


def _normalized(instances: list[Instance], terms: Terms, since: int | None) -> Any:
    written = [_instance(one, terms, since) for one in instances]
    return written[0] if len(written) == 1 else written


def _instance(instance: Instance, terms: Terms, since: int | None) -> dict[str, Any]:
    kind = instance["type"]
    written = {key: value for key, value in instance.items() if key not in ("createdAt", "modifiedAt", "subs")}
    if kind == "VocabProperty":
        written["vocab"] = _vocab(instance["vocab"], terms)
    elif kind == "ListRelationship":
        written["objectList"] = [{"object": uri} for uri in instance["objectList"]]
    if "objectType" in written:
        types = [terms.term(name) for name in written["objectType"]]
        written["objectType"] = types[0] if len(types) == 1 else types
    if since is not None:
        created_us: int = instance.get("createdAt", since)
        written["createdAt"] = to_wire_time(created_us)
        written["modifiedAt"] = to_wire_time(instance.get("modifiedAt", created_us))
    for name, subs in instance.get("subs", {}).items():
        written[terms.term(name)] = _normalized(subs, terms, since)
    return written


def _simplified(instances: list[Instance], terms: Terms, _: int | None) -> Any:
    if len(instances) == 1 and "datasetId" not in instances[0]:
        return _bare(instances[0], terms)
    return {"dataset": {one.get("datasetId", "@none"): _bare(one, terms) for one in instances}}


def _bare(instance: Instance, terms: Terms) -> Any:
    kind = instance["type"]
    value = instance[VALUE_MEMBER[kind]]
    if kind == "VocabProperty":
        return {"vocab": _vocab(value, terms)}
    if kind in ("LanguageProperty", "JsonProperty"):
        return {VALUE_MEMBER[kind]: value}
    if isinstance(value, dict) and value.get("@type") in ("DateTime", "Date", "Time"):
        return value["@value"]
    return value


def _vocab(value: Any, terms: Terms) -> Any:
    if isinstance(value, list):
        return [terms.vocab_term(one) for one in value]
    return terms.vocab_term(value)
