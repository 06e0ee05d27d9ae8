"""Under which keys and in which box the store finds an entity fast.

Keys are text; numbers and truth values have one spelling each. The box covers every geometry of the entity, so that a
search by any of its places may be narrowed by it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from linli.store import Box
from linli.vocab import Vocab

from ._names import Names
from ._plain import VALUE_MEMBER, Doc
from ._thing import RELATED

#: longer texts are not worth a key: nobody looks them up by equality
KEY_LETTERS_MAX = 256
_NUMBERS = frozenset((int, float))


def key_text(value: Any) -> str | None:
    """Return the one spelling of a value as a key; None when it can be none."""
    if isinstance(value, str):
        return value if len(value) <= KEY_LETTERS_MAX else None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return repr(float(value))
    return None


class Keys:
    """Knows which attributes of which type have keys: those that the vocabulary calls indexed, and relationships of trust."""

    def __init__(self, vocab: Vocab, names: Names) -> None:
        """Read the indexed attributes out of the vocabulary."""
        self._by_type = {
            entity.name: tuple(
                (names.inner(one.name), one.name)
                for one in entity.attributes.values()
                if one.indexed or one.name in RELATED
            )
            for entity in vocab.types.values()
        }
        self._by_inner = {names.inner(short): keyed for short, keyed in self._by_type.items()}

    def of_type(self, short_type: str) -> tuple[tuple[str, str], ...]:
        """Return the (name in documents, short name) of the attributes that have keys."""
        return self._by_type.get(short_type, ())

    def keys(self, doc: Doc) -> tuple[tuple[str, str], ...]:
        """Return the (short name, text) pairs of an entity."""
        attrs = doc["attrs"]
        pairs: dict[tuple[str, str], None] = {}
        for inner_type in doc["type"]:
            for inner, short in self._by_inner.get(inner_type, ()):
                for instance in attrs.get(inner, ()):
                    for text in _texts(instance[VALUE_MEMBER[instance["type"]]]):
                        pairs[short, text] = None
        return tuple(pairs)

    def box(self, doc: Doc) -> Box | None:
        """Return west, south, east, north of all the entity's places, in degrees."""
        places = [
            instance["value"]["coordinates"]
            for instances in doc["attrs"].values()
            for instance in instances
            if instance["type"] == "GeoProperty"
        ]
        if not places:
            return None
        if len(places) == 1 and type(places[0][0]) in _NUMBERS:
            lon, lat = places[0][:2]
            return lon, lat, lon, lat
        west, south, east, north = 180.0, 90.0, -180.0, -90.0
        for lon, lat in _positions(places):
            west, south, east, north = min(west, lon), min(south, lat), max(east, lon), max(north, lat)
        # What is wider than half the world may cross the date line, and then lies outside of its longitudes.
        return (-180.0, south, 180.0, north) if east - west > 180.0 else (west, south, east, north)


def found_by(vocab: Vocab) -> Callable[[Doc], tuple[tuple[tuple[str, str], ...], Box | None]]:
    """Return what says of a document under which keys and in which box it is found."""
    keys = Keys(vocab, Names(vocab))
    return lambda doc: (keys.keys(doc), keys.box(doc))


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        value = value.get("@value")
    for one in value if isinstance(value, list) else (value,):
        text = key_text(one)
        if text is not None:
            yield text


def _positions(coordinates: list[Any]) -> Iterator[tuple[float, float]]:
    if coordinates and isinstance(coordinates[0], int | float):
        yield coordinates[0], coordinates[1]
        return
    for part in coordinates:
        yield from _positions(part)
