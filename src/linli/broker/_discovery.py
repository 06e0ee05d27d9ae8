"""What there is: the types and attributes of the entities that the asker may see (5.7.5 to 5.7.10)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from linli.base.errors import ResourceNotFound
from linli.trust import Act

from ._names import full_name
from ._plain import Doc
from ._query import Query
from ._reading import ReadingDoor
from ._terms import Terms

#: how many askers' surveys are kept until something changes
_KEPT = 16

#: how an attribute stands in its entities: the number of its instances by attribute type
Kinds = Counter[str]


@dataclass(slots=True)
class _OfType:
    entities: int = 0
    attrs: dict[str, Kinds] = field(default_factory=dict)


@dataclass(slots=True)
class _Survey:
    """Everything that one asker can find out, at one position of the log."""

    head: int
    types: dict[str, _OfType] = field(default_factory=dict)
    attrs: dict[str, Kinds] = field(default_factory=dict)

    def add(self, doc: Doc) -> None:
        """Count one entity."""
        kinds = {name: Counter(one["type"] for one in instances) for name, instances in doc["attrs"].items()}
        for name, counted in kinds.items():
            self.attrs.setdefault(name, Counter()).update(counted)
        for entity_type in doc["type"]:
            there = self.types.setdefault(entity_type, _OfType())
            there.entities += 1
            for name, counted in kinds.items():
                there.attrs.setdefault(name, Counter()).update(counted)

    def types_with(self, attr: str) -> list[str]:
        """Return the types of the entities that have an attribute."""
        return [name for name, there in self.types.items() if attr in there.attrs]


class DiscoveryDoor(ReadingDoor):
    """Tells which types and attributes there are."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Stand on the same ground."""
        super().__init__(*args, **kwargs)
        self._surveys: dict[Act, _Survey] = {}

    async def types(self, act: Act, terms: Terms) -> list[str]:
        """Return the types that exist and of which `act` may see any, in the requester's words, sorted."""
        if self._allow.always(act, "list") is None:
            return sorted(map(terms.term, (await self._survey(act)).types))
        return sorted(terms.term(self._names.inner(name)) for name in await self._store.types(act.tenant))

    async def attributes(self, act: Act, terms: Terms) -> list[str]:
        """Return the attributes that exist and that `act` may see, in the requester's words, sorted."""
        return sorted(map(terms.term, (await self._survey(act)).attrs))

    async def types_in_detail(self, act: Act, terms: Terms) -> list[dict[str, Any]]:
        """Return each type with the names of its attributes."""
        survey = await self._survey(act)
        return [
            {
                "id": full_name(name),
                "type": "EntityType",
                "typeName": terms.term(name),
                "attributeNames": _terms(there.attrs, terms),
            }
            for name, there in sorted(survey.types.items())
        ]

    async def attributes_in_detail(self, act: Act, terms: Terms) -> list[dict[str, Any]]:
        """Return each attribute with the types that have it."""
        survey = await self._survey(act)
        return [
            {
                "id": full_name(name),
                "type": "Attribute",
                "attributeName": terms.term(name),
                "typeNames": _terms(survey.types_with(name), terms),
            }
            for name in sorted(survey.attrs)
        ]

    async def type_in_detail(self, act: Act, inner_type: str, terms: Terms) -> dict[str, Any]:
        """Return one type with its number of entities and its attributes. Raises: ResourceNotFound."""
        there = (await self._survey(act)).types.get(inner_type)
        if there is None:
            raise ResourceNotFound("No entity here is of this type.")
        return {
            "id": full_name(inner_type),
            "type": "EntityTypeInfo",
            "typeName": terms.term(inner_type),
            "entityCount": there.entities,
            "attributeDetails": [
                {
                    "id": full_name(name),
                    "type": "Attribute",
                    "attributeName": terms.term(name),
                    "attributeTypes": sorted(kinds),
                }
                for name, kinds in sorted(there.attrs.items())
            ],
        }

    async def attribute_in_detail(self, act: Act, name: str, terms: Terms) -> dict[str, Any]:
        """Return one attribute with the number and kinds of its instances. Raises: ResourceNotFound."""
        survey = await self._survey(act)
        kinds = survey.attrs.get(name)
        if kinds is None:
            raise ResourceNotFound("No entity here has this attribute.")
        return {
            "id": full_name(name),
            "type": "Attribute",
            "attributeName": terms.term(name),
            "attributeCount": kinds.total(),
            "attributeTypes": sorted(kinds),
            "typeNames": _terms(survey.types_with(name), terms),
        }

    async def _survey(self, act: Act) -> _Survey:
        """Return what there is for `act`; as long as nothing is written or expires, it is looked at once."""
        head = await self._store.head(act.tenant)
        kept = self._surveys.get(act)
        if kept is not None and kept.head == head:
            return kept
        survey = _Survey(head)
        expires = False
        async for page in self._narrowed(act, Query()):
            for hit in (self._hit(act, stored, "list") for stored in page):
                if hit is not None:
                    survey.add(self._seen(act, hit).shown)
                    expires = expires or hit.expires
        if not expires:
            if len(self._surveys) >= _KEPT:
                self._surveys.clear()
            self._surveys[act] = survey
        return survey


def _terms(names: Iterable[str], terms: Terms) -> list[str]:
    return sorted(map(terms.term, names))
