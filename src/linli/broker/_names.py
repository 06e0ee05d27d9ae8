"""Names as they stand in stored documents and in the log.

A stored document holds full IRIs, except that a name of our own (https://w3id.org/linli#state) stands bare (state):
a bare name has no colon, an IRI always has one, so either form leads back to the other whatever the vocabulary says.
Engines, the log and the store's keys use the *short* name: the vocabulary's term, or the IRI of what is not ours.
"""

from __future__ import annotations

from collections.abc import Iterable

from linli.base.errors import BadRequestData
from linli.vocab import Attribute, EntityType, Vocab

OURS = "https://w3id.org/linli#"
DEFAULT = "https://uri.etsi.org/ngsi-ld/default-context/"
EXTRA = DEFAULT + "x_"
_FOREIGN_MAX = 4096
_LISTED_MAX = 8192


def inner_name(iri: str) -> str:
    """Return how an expanded name stands in a document: https://w3id.org/linli#state -> state."""
    if iri.startswith(OURS) and ":" not in iri[len(OURS) :] and len(iri) > len(OURS):
        return iri[len(OURS) :]
    return iri


def full_name(inner: str) -> str:
    """Return the IRI of a name that stands in a document."""
    return inner if ":" in inner else OURS + inner


class Names:
    """The vocabulary's short names against the names in documents."""

    def __init__(self, vocab: Vocab) -> None:
        """Take all names of the vocabulary."""
        self._types = {inner_name(one.iri): one for one in vocab.types.values()}
        self.own_types = tuple(vocab.types.values())
        #: name in documents -> short name, of all that is ours
        self.known: dict[str, str] = {}
        for entity in vocab.types.values():
            self.known[inner_name(entity.iri)] = entity.name
            for attribute in entity.attributes.values():
                self.known[inner_name(attribute.iri)] = attribute.name
        #: the same of names that are not ours, as far as they were met lately
        self._foreign: dict[str, str] = {}
        #: short names of lists of names: entities of one kind say the same ones again and again
        self._shorts: dict[tuple[str, ...], tuple[str, ...]] = {}
        self._listed = 0
        self._inner = {short: inner for inner, short in self.known.items()}

    def short(self, inner: str) -> str:
        """Return the short name of a name in a document; the IRI when it is not ours."""
        found = self.known.get(inner) or self._foreign.get(inner)
        if found is None:
            found = inner[len(DEFAULT) :] if inner.startswith(EXTRA) else full_name(inner)
            if len(self._foreign) >= _FOREIGN_MAX:
                self._foreign.clear()
            self._foreign[inner] = found
        return found

    def shorts(self, inners: Iterable[str]) -> tuple[str, ...]:
        """Return the short names of some names in documents, in their order."""
        said = tuple(inners)
        found = self._shorts.get(said)
        if found is None:
            found = tuple(map(self.short, said))
            self._listed += len(said) + 1
            if self._listed > _LISTED_MAX:
                self._shorts.clear()
                self._listed = len(said) + 1
            self._shorts[said] = found
        return found

    def inner(self, short: str) -> str:
        """Return the name in documents of a short name; IRIs stay as they are.

        Raises: BadRequestData: neither the vocabulary's, nor an own addition x_…, nor an IRI.
        """
        found = self._inner.get(short)
        if found is not None:
            return found
        if short.startswith("x_"):
            return DEFAULT + short
        if ":" in short:
            return inner_name(short)
        raise BadRequestData(f"{short[:100]}: the vocabulary has no such name.")

    def own_type(self, inner: str) -> EntityType | None:
        """Return the type of ours with this name in documents."""
        return self._types.get(inner)

    def type_of(self, inner_types: list[str]) -> EntityType | None:
        """Return the first type that is ours, or None: then nothing is checked and nothing is known of its privacy."""
        for inner in inner_types:
            found = self._types.get(inner)
            if found is not None:
                return found
        return None

    def attribute(self, entity_type: EntityType | None, inner: str) -> Attribute | None:
        """Return what the vocabulary says of an attribute of a type of ours; None when it says nothing."""
        return None if entity_type is None else entity_type.attributes.get(self.known.get(inner, ""))
