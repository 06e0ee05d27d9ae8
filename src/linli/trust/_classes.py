"""Which attributes of which type are personal, as the store meets them, and whose they are.

In a document a name of ours stands bare and any other as an IRI; in keys and in `types` stand the vocabulary's own words.
What is not ours is nobody's business here: it is kept as it came. An own addition x_... of a type of ours says nothing of
itself, so it counts as sensitive; so does whatever else the type does not know.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from linli.vocab import Attribute, EntityType, Vocab

from ._blind import Kind

_OURS = "https://w3id.org/linli#"
#: how an own addition begins in a document
EXTRA = "https://uri.etsi.org/ngsi-ld/default-context/x_"
#: what is added to the name of a key under which the last four digits stand
TAIL = ".tail"
_KINDS: Mapping[str, Kind] = {"phone": "phone", "idno": "id"}


@dataclass(frozen=True, slots=True)
class TypeClass:
    """What is personal in entities of one type. Names as in documents; of `kinds` as in keys.

    `subject`: relationships to the person whom it is about.
    """

    personal: frozenset[str]
    known: frozenset[str]
    kinds: Mapping[str, Kind]
    subject: tuple[str, ...]


class Classes:
    """The privacy classes of a vocabulary, compiled."""

    def __init__(self, vocab: Vocab) -> None:
        """Read classes and subjects out of the vocabulary."""
        self._by_short = {one.name: _class_of(one) for one in vocab.types.values()}
        self._by_inner = {inner(one.iri): self._by_short[one.name] for one in vocab.types.values()}
        #: names that are personal in any type
        self.ever: frozenset[str] = frozenset().union(*(one.personal for one in self._by_short.values()))

    def of_types(self, short_types: Iterable[str]) -> TypeClass | None:
        """Return the class of the first type that is ours; None when none is."""
        return next((found for one in short_types if (found := self._by_short.get(one)) is not None), None)

    def of_doc(self, doc: Mapping[str, Any]) -> TypeClass | None:
        """Return the same of a document."""
        return next((found for one in doc["type"] if (found := self._by_inner.get(one)) is not None), None)

    def is_personal(self, of: TypeClass, name: str) -> bool:
        """Tell whether an attribute of an entity is personal."""
        return name in of.personal or name not in of.known

    def may_be_personal(self, name: str, short_types: Iterable[str] = ()) -> bool:
        """Tell whether an attribute may be personal in entities of any type, or of those of these types that are ours."""
        if name in self.ever or name.startswith(EXTRA):
            return True
        of = self.of_types(short_types)
        return of is not None and self.is_personal(of, name)

    def subject_of(self, doc: Mapping[str, Any]) -> str:
        """Return the id of whom an entity is about: the first that its type names, else the entity itself."""
        found = self.of_doc(doc)
        for name in found.subject if found else ():
            for instance in doc["attrs"].get(name, ()):
                target = instance.get("object")
                first = target[0] if isinstance(target, list) and target else target
                if isinstance(first, str) and first:
                    return first
        entity_id: str = doc["id"]
        return entity_id

    def key_kinds(self, short_types: Iterable[str], key: str) -> frozenset[Kind | None]:
        """Return what stands under a key in entities of any of these types (none = of all); None: the value itself."""
        types = tuple(short_types) or (*self._by_short, "")
        return frozenset(found.kinds.get(key) if (found := self._by_short.get(one)) else None for one in types)


def inner(iri: str) -> str:
    """Return how an IRI stands in documents."""
    return iri.removeprefix(_OURS)


def _class_of(entity: EntityType) -> TypeClass:
    attributes = entity.attributes.values()
    personal = [one for one in attributes if one.pii != "none"]
    return TypeClass(
        frozenset(inner(one.iri) for one in personal),
        frozenset(inner(one.iri) for one in attributes),
        {one.name: _kind_of(one) for one in personal},
        tuple(inner(entity.attributes[name].iri) for name in entity.subject),
    )


def _kind_of(one: Attribute) -> Kind:
    return _KINDS.get(one.mask) or ("phone" if one.form == "phone" else "ref")
