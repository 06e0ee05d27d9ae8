"""Writing for the wire: one attribute of one entity."""

from __future__ import annotations

from typing import Any

from linli.base.errors import BadRequestData, ResourceNotFound
from linli.trust import Act

from ._changing import ChangingDoor, merge_how
from ._form import attribute_name, read_attribute
from ._plain import VALUE_MEMBER, Doc
from ._projection import Projection
from ._query import Node
from ._spelling import checked_id
from ._terms import Terms
from ._writing import (
    Outcome,
    attribute_patched,
    attribute_removed,
    attribute_replaced,
    attribute_valued,
    scope_removed,
)


class AttributeDoor(ChangingDoor):
    """Writes one attribute."""

    async def patch_attr(
        self, act: Act, entity_id: str, attr: str, body: Any, *, terms: Terms, types: Node | None = None
    ) -> None:
        """PATCH attrs/{attr}: write over members of the instance that the body's datasetId names."""
        name, said = read_attribute(attr, body, terms, nulls="member", caps=self.caps)
        how = merge_how(terms, caps=self.caps)

        def rule(doc: Doc) -> Outcome:
            return attribute_patched(doc, name, said, self._clock.now_us(), how)

        await self._rewrite(act, entity_id, rule, types)

    async def put_attr(
        self, act: Act, entity_id: str, attr: str, body: Any, *, terms: Terms, types: Node | None = None
    ) -> None:
        """PUT attrs/{attr}: write an instance in place of the one with its datasetId."""
        name, said = read_attribute(attr, body, terms, nulls="none", caps=self.caps)
        await self._rewrite(
            act, entity_id, lambda doc: attribute_replaced(doc, name, said, self._clock.now_us()), types
        )

    async def put_value(
        self,
        act: Act,
        entity_id: str,
        attr: str,
        value: Any,
        terms: Terms,
        *,
        dataset_id: str | None = None,
        observed_at: str | None = None,
        language: str | None = None,
    ) -> None:
        """PUT attrs/{attr}/value: give one instance another value of its type."""
        name, how = attribute_name(attr, terms), merge_how(terms, observed_at, language, self.caps)
        dataset = _dataset(dataset_id)

        def rule(doc: Doc) -> Outcome:
            return attribute_valued(doc, name, value, self._clock.now_us(), how=how, dataset_id=dataset)

        await self._rewrite(act, entity_id, rule, None)

    async def value(self, act: Act, entity_id: str, attr: str, terms: Terms, *, dataset_id: str | None = None) -> Any:
        """Return the bare value of one instance of an attribute.

        Raises: ResourceNotFound: there is no such instance that `act` may see.
        """
        name, dataset = attribute_name(attr, terms), _dataset(dataset_id)
        entity = await self.get(act, entity_id, terms=terms, projection=Projection(pick=frozenset({name})))
        said = entity[terms.term(name)]
        for instance in said if isinstance(said, list) else [said]:
            if instance.get("datasetId") == dataset:
                return instance[VALUE_MEMBER[instance["type"]]]
        raise ResourceNotFound("The entity has no such attribute, or none with this datasetId.")

    async def delete_attr(
        self,
        act: Act,
        entity_id: str,
        attr: str,
        terms: Terms,
        *,
        dataset_id: str | None = None,
        every: bool = False,
        types: Node | None = None,
    ) -> None:
        """DELETE attrs/{attr}: take one instance away, or `every` one; `scope` is an attribute here."""
        if every and dataset_id is not None:
            raise BadRequestData("deleteAll, datasetId: one of them says too much.")
        if attr == "scope":
            await self._rewrite(act, entity_id, scope_removed, types)
            return
        name, dataset = attribute_name(attr, terms), _dataset(dataset_id)
        await self._rewrite(act, entity_id, lambda doc: attribute_removed(doc, name, dataset, every=every), types)


def _dataset(said: str | None) -> str | None:
    """Return a datasetId as instances have it: None is the default one."""
    return None if said in (None, "@none") else checked_id(said, "datasetId")
