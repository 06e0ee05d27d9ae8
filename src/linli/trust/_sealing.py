"""Seals and opens what is personal in documents, facts and records.

In a document the values of all personal attributes give way to null, and one text `sealed` holds them together:
`~suite|key|nonce, ciphertext and tag in base64`. It opens only in the same entity and over the same names, so that no value
can be moved to another entity or attribute, nor one be left out; and a document costs one key operation however much of it
is personal. A fact is sealed as a whole, with its number, under its entity, attribute and dataset; a record under its kind
and id. The key is named in the text, so that whatever is kept opens by itself. What was sealed with a key that is
destroyed is gone.
"""

from __future__ import annotations

from binascii import Error as NotBase64
from binascii import a2b_base64, b2a_base64
from collections.abc import Mapping
from math import isfinite
from typing import Any

import orjson

from linli.base.errors import StoreFailed
from linli.store import Fact

from ._classes import Classes, TypeClass
from ._keys import Key, Keys
from ._suites import Broken

#: with this begins what is sealed; a document without it holds nothing sealed
MARK = b"~"
_MARK = "~"
_DOC = "doc"
_SEALED = b'"sealed":"~'
#: stands between the attributes of a document; no JSON that we write holds one
_BETWEEN = b"\n"
#: ends the number in front of a fact
_END = b"|"

Doc = dict[str, Any]


class Sealing:
    """Seals by the classes of a vocabulary, with the keys of a node."""

    def __init__(self, keys: Keys, classes: Classes) -> None:
        """Seal with these keys what these classes call personal."""
        self._keys = keys
        self.classes = classes

    def doc(self, key: Key, of: TypeClass, doc: Doc) -> bytes | None:
        """Return a document with what is personal sealed; None when nothing is."""
        is_personal, attrs = self.classes.is_personal, doc["attrs"]
        names = [name for name in attrs if is_personal(of, name)]
        if not names:
            return None
        plain = _BETWEEN.join([orjson.dumps(attrs[name]) for name in names])
        sealed = _seal(key, _of_doc(doc["id"], names), plain)
        return orjson.dumps({**doc, "attrs": {**attrs, **dict.fromkeys(names)}, "sealed": sealed})

    def opened_doc(self, entity_id: str, said: bytes) -> bytes:
        """Return a document with everything opened. Raises: StoreFailed: it was changed, or its key is unknown."""
        doc = orjson.loads(said)
        sealed = doc.pop("sealed", None) if type(doc) is dict else None
        if type(sealed) is not str:
            return said
        attrs = doc["attrs"]
        names = _sealed_names(attrs)
        plain = self._open(sealed, _of_doc(entity_id, names))
        if plain is None:
            doc["attrs"] = {name: value for name, value in attrs.items() if value is not None}
        else:
            attrs.update(zip(names, map(orjson.Fragment, plain.split(_BETWEEN)), strict=True))
        return orjson.dumps(doc)

    def fact(self, key: Key, entity_id: str, fact: Fact) -> Fact:
        """Return a fact sealed: neither its value nor its number can be read.

        A number that is not finite stays, for the store below to refuse.
        """
        if fact.doc is None or (fact.number is not None and not isfinite(fact.number)):
            return fact
        number = b"" if fact.number is None else repr(float(fact.number)).encode()
        sealed = _seal(key, _of_fact(entity_id, fact), number + _END + fact.doc)
        return fact._replace(doc=sealed.encode(), number=None)

    def opened_fact(self, entity_id: str, fact: Fact) -> Fact:
        """Return a fact as it was given; one whose key is destroyed says that the value was taken away.

        Raises: StoreFailed.
        """
        if fact.doc is None or not fact.doc.startswith(MARK):
            return fact
        plain = self._open(fact.doc.decode(), _of_fact(entity_id, fact))
        if plain is None:
            return fact._replace(doc=None)
        number, _, doc = plain.partition(_END)
        return fact._replace(doc=doc, number=float(number) if number else None)

    def record(self, key: Key, kind: str, record_id: str, doc: bytes) -> bytes:
        """Return the document of a record sealed as a whole."""
        return _seal(key, _of_record(kind, record_id), doc).encode()

    def opened_record(self, kind: str, record_id: str, doc: bytes) -> bytes | None:
        """Return the document of a record; None when its key is destroyed. Raises: StoreFailed."""
        return self._open(doc.decode(), _of_record(kind, record_id)) if doc.startswith(MARK) else doc

    def _open(self, sealed: str, bound: tuple[str, ...]) -> bytes | None:
        word, kid, value = (*sealed.split("|", 2), "", "")[:3]
        key = self._keys.by_number(kid)
        if key is None:
            return None
        try:
            return key.sealer.open(a2b_base64(value, strict_mode=True), _joined(word, bound))
        except (Broken, NotBase64, ValueError) as error:
            where = " ".join(bound[1:2] if bound[0] == _DOC else bound[1:])
            raise StoreFailed(f"{where}: what is sealed there was changed, or moved from elsewhere.") from error


def kid_at_end(doc: bytes) -> str:
    """Return what is, most likely, the number of the key of a document, without reading it."""
    return kid_of(doc[doc.rfind(_SEALED) :].decode(errors="replace"))


def seal_of(doc: bytes) -> tuple[str, list[str]]:
    """Return the number of the key with which a document is sealed, and which attributes are; "" and none when none is."""
    tree = orjson.loads(doc)
    sealed = tree.get("sealed", "")
    return kid_of(sealed), _sealed_names(tree["attrs"]) if sealed else []


def kid_of(sealed: str) -> str:
    """Return the number of the key with which a text was sealed."""
    return (*sealed.split("|", 2), "")[1]


def _seal(key: Key, bound: tuple[str, ...], plain: bytes) -> str:
    word = _MARK + key.suite.word
    value = b2a_base64(key.sealer.seal(plain, _joined(word, bound)), newline=False).decode()
    return f"{word}|{key.kid}|{value}"


def _joined(word: str, bound: tuple[str, ...]) -> bytes:
    return "\0".join((word, *bound)).encode()


def _sealed_names(attrs: Mapping[str, Any]) -> list[str]:
    return [name for name, value in attrs.items() if value is None]


def _of_doc(entity_id: str, names: list[str]) -> tuple[str, ...]:
    return _DOC, entity_id, *names


def _of_fact(entity_id: str, fact: Fact) -> tuple[str, ...]:
    return "fact", entity_id, fact.attr, fact.dataset_id


def _of_record(kind: str, record_id: str) -> tuple[str, ...]:
    return "record", kind, record_id
