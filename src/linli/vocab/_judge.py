"""Judges whole entities as a vendor has them: any representation, our context or the expanded names.

An entity travels from its @context (what do its names mean?) over id, type and scope to its attributes, which are
brought into the normalized form and held against the type. Nothing is fetched and nothing is corrected.
"""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from ._faults import Fault
from ._forms import citizen_id, scope
from ._load import SHARED_CORE
from ._model import MEMBER, Attribute, EntityType
from ._publish import CONTEXT_URL
from ._samples import sample_id, sample_instance
from ._values import URI
from ._vocab import Vocab

CORE = re.compile(r"https?://uri\.etsi\.org/ngsi-ld/v1/ngsi-ld-core-context[\w.\-]*\.jsonld")
DEFAULT = "https://uri.etsi.org/ngsi-ld/default-context/"
_OURS = re.compile(re.escape(CONTEXT_URL).replace("/v1/", r"/v1(?:\.\d+\.\d+)?/"))
_MEMBERS = frozenset(["id", "@id", "type", "@type", "scope", "@context", "createdAt", "modifiedAt", "deletedAt"])
_VALUE_MEMBERS = (*MEMBER.values(), "objectList")
_GEOMETRIES = ("Point", "MultiPoint", "LineString", "MultiLineString", "Polygon", "MultiPolygon")
_ID_PART = {"{node}": r"\d{12}", "{ulid}": r"[0-9A-Z]{26}", "{code}": r"[A-Za-z0-9_.\-]{1,100}"}
#: how far places lie from where they should when they were taken by the coordinates of GCJ-02, metres
_SHIFT_M = (100.0, 700.0)
_NUMBERS = re.compile(r"(?<![0-9A-Za-z])(?:1[3-9]\d{9}|\d{17}[\dXx])(?![0-9A-Za-z])", re.ASCII)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was found about one entity. `type` is None when it is no type of the standard: then it is not judged.

    `id` is "" when there is none; one that may hold somebody's number is not repeated.
    """

    id: str
    type: str | None
    faults: list[Fault] = field(default_factory=list)

    @property
    def passed(self) -> bool:
        """Tell whether the entity was judged and nothing is wrong."""
        return self.type is not None and not self.faults

    @property
    def foreign(self) -> bool:
        """Tell whether it is of a type that the standard does not know, and looks like none of ours."""
        return self.type is None and any(fault.rule == "type_unknown" for fault in self.faults)


class Judge:
    """Judges the entities of one file or one broker; remembers ids, which may stand there only once."""

    def __init__(
        self, vocab: Vocab, *, plain_is_ours: bool = True, metres_outside: Callable[[Any], float] | None = None
    ) -> None:
        """Judge by `vocab`. `plain_is_ours`: where nothing names a @context, ours is meant.

        `metres_outside`: how far a geometry lies outside of the boundary in which all places must lie.
        """
        self._vocab = vocab
        self._plain_is_ours = plain_is_ours
        self._metres_outside = metres_outside
        self._seen: set[str] = set()
        self._id_forms = {name: _id_form(entity) for name, entity in vocab.types.items()}

    def verdict(self, said: Any, *, wanted: str | None = None) -> Verdict:
        """Return what is wrong with an entity; `wanted`: it must be of this type.

        Faults of the whole have the path "".
        """
        if not isinstance(said, dict):
            return Verdict("", None, [Fault("", "entity")])
        names = _Names(self._vocab, said.get("@context"), plain_is_ours=self._plain_is_ours)
        faults = list(names.faults)
        entity = self._type(said, names, wanted, faults)
        entity_id = self._id(said, entity, faults)
        self._scope(said, faults)
        if entity is None:
            return Verdict(entity_id, None, faults)
        attrs = self._attributes(said, entity, names, faults)
        faults += self._vocab.check(entity.name, attrs, strict=True)
        if self._metres_outside is not None:
            at_fault = {re.split(r"[.\[]", fault.path, maxsplit=1)[0] for fault in faults}
            sound = {name: said for name, said in attrs.items() if name not in at_fault}
            faults += _outside(sound, self._metres_outside)
        return Verdict(entity_id, entity.name, faults)

    def attributes(self, said: Mapping[str, Any], type_name: str) -> dict[str, Any]:
        """Return the attributes of an entity of this type by our short names, normalized."""
        names = _Names(self._vocab, said.get("@context"), plain_is_ours=self._plain_is_ours)
        return self._attributes(said, self._vocab.types[type_name], names, [])

    def example(self, verdict: Verdict, fault: Fault) -> dict[str, Any] | None:
        """Return how the attribute at fault is written rightly; None when no attribute is meant."""
        if verdict.type is None:
            return None
        name = re.split(r"[.\[]", fault.path, maxsplit=1)[0]
        one = self._vocab.types[verdict.type].attributes.get(name)
        return None if one is None else {name: sample_instance(one, self._vocab.types)}

    def _type(
        self, said: Mapping[str, Any], names: _Names, wanted: str | None, faults: list[Fault]
    ) -> EntityType | None:
        types = said.get("type", said.get("@type"))
        types = types if isinstance(types, list) else [types]
        if not all(isinstance(one, str) and one for one in types) or not types:
            faults.append(Fault("type", "member_missing"))
            return None
        found = [entity for one in types if (entity := self._vocab.by_iri.get(names.iri(one))) is not None]
        if len(found) > 1:
            faults.append(Fault("type", "type_two"))
        if not found:
            faults.append(self._unknown_type(types[0], names))
            return None
        if wanted is not None and found[0].name != wanted:
            faults.append(Fault("type", "type_other", {"wanted": wanted}))
        return found[0]

    def _unknown_type(self, said: str, names: _Names) -> Fault:
        last = re.split(r"[/#:]", said)[-1]
        if last in self._vocab.types:
            return Fault("type", "context_core" if names.core_only else "context_unknown", {"url": CONTEXT_URL})
        near = difflib.get_close_matches(last, self._vocab.types, n=1, cutoff=0.75)
        return Fault("type", "type_near", {"near": near[0]}) if near else Fault("type", "type_unknown")

    def _id(self, said: Mapping[str, Any], entity: EntityType | None, faults: list[Fault]) -> str:
        entity_id = said.get("id", said.get("@id"))
        if entity_id is None:
            faults.append(Fault("id", "member_missing"))
            return ""
        like = sample_id(entity) if entity else "urn:ngsi-ld:Gate:370102001001:01JDSAMP1E0000000000000001"
        if not isinstance(entity_id, str) or not URI.fullmatch(entity_id):
            faults.append(Fault("id", "id_uri", {"like": like}))
            return ""
        if entity_id in self._seen:
            faults.append(Fault("id", "id_twice"))
        self._seen.add(entity_id)
        if _names_somebody(entity_id):
            faults.append(Fault("id", "id_personal"))
            return ""
        if entity is not None and not self._id_forms[entity.name].fullmatch(entity_id):
            faults.append(Fault("id", "id_form", {"form": entity.id_form, "like": like}))
        return entity_id

    def _scope(self, said: Mapping[str, Any], faults: list[Fault]) -> None:
        if "scope" not in said:
            return
        value = said["scope"]
        if isinstance(value, dict):
            value = value.get("value")
        scopes = value if isinstance(value, list) else [value]
        if not scopes or not all(isinstance(one, str) and scope(one) for one in scopes):
            faults.append(Fault("scope", "scope"))

    def _attributes(
        self, said: Mapping[str, Any], entity: EntityType, names: _Names, faults: list[Fault]
    ) -> dict[str, Any]:
        """Return the attributes by our short names, normalized."""
        attrs: dict[str, Any] = {}
        for name, value in said.items():
            if name in _MEMBERS:
                continue
            short, fault = names.short(name, entity)
            if fault is not None:
                faults.append(fault)
            elif short in attrs:
                faults.append(Fault(short, "name_twice"))
            else:
                attrs[short] = _normalized(value, entity.attributes.get(short))
        return attrs


def _outside(attrs: Mapping[str, Any], metres_outside: Callable[[Any], float]) -> Iterator[Fault]:
    """Yield the places that lie outside of the boundary."""
    for name, said in attrs.items():
        for instance in said if isinstance(said, list) else [said]:
            metres = metres_outside(instance["value"]) if instance["type"] == "GeoProperty" else 0.0
            if metres > 0.0:
                is_shift = _SHIFT_M[0] <= metres <= _SHIFT_M[1]
                yield Fault(name, "outside_shifted" if is_shift else "outside", {"metres": math.ceil(metres)})
                break


class _Names:
    """What the names of one entity mean under its @context."""

    def __init__(self, vocab: Vocab, context: Any, *, plain_is_ours: bool) -> None:
        self._vocab = vocab
        self._terms: dict[str, str] = {}
        self._ours = plain_is_ours if context is None else False
        self.core_only = context is None and not plain_is_ours
        unknown = False
        parts = context if isinstance(context, list) else [] if context is None else [context]
        for part in parts:
            if isinstance(part, dict):
                self._terms.update(_terms_of(part))
            elif isinstance(part, str) and _OURS.fullmatch(part):
                self._ours = True
            elif not (isinstance(part, str) and CORE.fullmatch(part)):
                unknown = True
        if parts:
            self.core_only = not self._ours and not unknown and not self._terms
        self.faults = [Fault("@context", "context_unknown", {"url": CONTEXT_URL})] if unknown and not self._ours else []

    def iri(self, name: str) -> str:
        """Return what a type or attribute name stands for."""
        known = SHARED_CORE.get(name) or self._terms.get(name) or (self._vocab.iri_of(name) if self._ours else None)
        if known is not None:
            return known
        prefix, colon, rest = name.partition(":")
        if colon and prefix in self._terms:
            return self._terms[prefix] + rest
        return name if colon else DEFAULT + name

    def short(self, name: str, entity: EntityType) -> tuple[str, Fault | None]:
        """Return our short name of an attribute, or what is wrong with its name."""
        iri = self.iri(name)
        term = self._vocab.term_of(iri)
        if term is not None:
            return term, None
        last = iri.removeprefix(DEFAULT)
        if last in entity.attributes and not self._ours:
            facts = {"term": last, "type": entity.name, "url": CONTEXT_URL}
            return last, Fault(last, "name_foreign", facts)
        for one in entity.attributes.values():
            if one.sdm_iri == iri:
                facts = {"term": one.name, "type": entity.name, "url": CONTEXT_URL}
                return one.name, Fault(one.name, "name_foreign", facts)
        return last, None


def _terms_of(context: Mapping[str, Any]) -> dict[str, str]:
    found = {}
    for term, meaning in context.items():
        iri = meaning.get("@id") if isinstance(meaning, dict) else meaning
        if isinstance(iri, str) and not term.startswith("@"):
            found[term] = iri
    return {term: _expanded(iri, found) for term, iri in found.items()}


def _expanded(iri: str, terms: Mapping[str, str]) -> str:
    prefix, colon, rest = iri.partition(":")
    return terms[prefix] + rest if colon and not rest.startswith("//") and prefix in terms else iri


def _normalized(said: Any, one: Attribute | None) -> Any:
    """Return an attribute in the normalized form, from the concise or the simplified one."""
    if isinstance(said, dict) and set(said) == {"dataset"} and isinstance(said["dataset"], dict):
        return [
            {**_instance(value, one), **({} if dataset == "@none" else {"datasetId": dataset})}
            for dataset, value in said["dataset"].items()
        ]
    if isinstance(said, list) and said and all(isinstance(part, dict) and _is_instance(part) for part in said):
        return [_instance(part, one) for part in said]
    return _instance(said, one)


def _instance(said: Any, one: Attribute | None) -> Any:
    kind = "Property" if one is None else one.kind
    if not isinstance(said, dict):
        return {"type": kind, MEMBER[kind]: said}
    if "coordinates" in said and said.get("type") in _GEOMETRIES:
        return {"type": "GeoProperty", "value": said}
    if not _is_instance(said):
        return {"type": kind, MEMBER[kind]: said}
    if "type" in said:
        return said
    member = next(member for member in _VALUE_MEMBERS if member in said)
    return {"type": kind if MEMBER[kind] == member else _KIND_OF[member], **said}


def _is_instance(said: Mapping[str, Any]) -> bool:
    """Tell whether an object is an attribute, normalized or concise, and not a bare value."""
    kind = said.get("type")
    return (isinstance(kind, str) and kind in _KINDS) or any(member in said for member in _VALUE_MEMBERS)


_KINDS = frozenset([*MEMBER, "ListRelationship"])
_KIND_OF = {**{member: kind for kind, member in reversed(list(MEMBER.items()))}, "objectList": "ListRelationship"}


def _names_somebody(entity_id: str) -> bool:
    """Tell whether a part of an id looks like a mobile telephone number or a citizen's number."""
    found = (match.group().upper() for match in _NUMBERS.finditer(entity_id))
    return any(len(one) == 11 or citizen_id(one) for one in found)


def _id_form(entity: EntityType) -> re.Pattern[str]:
    form = re.escape(entity.id_form)
    for part, pattern in _ID_PART.items():
        form = form.replace(re.escape(part), pattern)
    return re.compile(form, re.ASCII)
