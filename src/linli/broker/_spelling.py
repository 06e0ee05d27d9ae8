"""How ids, names and scopes are spelled, so that people see them, queries can say them, and none looks like another."""

from __future__ import annotations

import re
import unicodedata
from typing import Any

from linli.base.errors import BadRequestData

NULL = "urn:ngsi-ld:null"
ID_LETTERS_MAX = 2048
NAME_LETTERS_MAX = 512

#: letters that nobody sees although Unicode calls them letters or marks
_UNSEEN = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u3164\uffa0\u2800") | {
    chr(first + n) for first, count in ((0xFE00, 16), (0xE0100, 240)) for n in range(count)
}
NOT_IN_URI = frozenset(' <>"{}|\\^`')
_NOT_IN_NAME = frozenset(" <>\"'=;(){}[]|\\^`,&")
#: a URI of ASCII letters alone, as nearly all are: what `checked_id` would find right after a longer look
_PLAIN_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*:[!#-;=?-\[\]_a-z~]+")


def is_plain_uri(said: Any) -> bool:
    """Tell at one look that something is such a URI; what is not may still be one."""
    return type(said) is str and len(said) <= ID_LETTERS_MAX and said != NULL and _PLAIN_URI.fullmatch(said) is not None


def checked_id(said: Any, where: str = "id") -> str:
    """Return an id that is a URI without anything invisible in it.

    Raises: BadRequestData.
    """
    if is_plain_uri(said):
        plain: str = said
        return plain
    if not isinstance(said, str) or not 3 <= len(said) <= ID_LETTERS_MAX:
        raise BadRequestData(f"{where}: must be a URI of at most {ID_LETTERS_MAX} letters.")
    if said == NULL:
        raise BadRequestData(f"{where}: the NGSI-LD null has no meaning here.")
    scheme, colon, rest = said.partition(":")
    if not colon or not rest or not scheme.isascii() or not scheme[:1].isalpha():
        raise BadRequestData(f"{where}: must be a URI, like urn:ngsi-ld:Gate:370102001001:1.")
    if not scheme.replace("+", "").replace("-", "").replace(".", "").isalnum() or not visible(said, NOT_IN_URI):
        raise BadRequestData(f"{where}: holds letters that a URI cannot hold, or that nobody can see.")
    return said


def checked_name(said: str) -> str:
    """Return an attribute or type name that can be said in queries and seen by people.

    Raises: BadRequestData.
    """
    if not 0 < len(said) <= NAME_LETTERS_MAX or not visible(said, _NOT_IN_NAME) or said[0] in "@%.-0123456789":
        raise BadRequestData("A name must begin with a letter and hold letters, digits and _, or be an IRI.")
    return said


def read_scopes(said: Any) -> list[str]:
    """Return the scopes of an entity: /cn/r37/r3701, each level a letter first.

    Raises: BadRequestData.
    """
    scopes = said if isinstance(said, list) else [said]
    if not scopes or len(scopes) > 20:
        raise BadRequestData("scope: 1 to 20 scopes are needed.")
    for scope in scopes:
        if not isinstance(scope, str) or not _is_scope(scope):
            raise BadRequestData(
                "scope: write it like /cn/r37/r3701: each level a letter first, then letters, digits, _."
            )
    return list(dict.fromkeys(scope if scope.startswith("/") else "/" + scope for scope in scopes))


def is_scope_level(level: str) -> bool:
    """Tell whether one level of a scope is well formed: a letter first, then letters, digits, underscores."""
    return bool(level) and level[0].isalpha() and level.replace("_", "a").isalnum() and visible(level, frozenset())


def visible(text: str, refused: frozenset[str]) -> bool:
    if text.isascii():
        return text.isprintable() and refused.isdisjoint(text)
    seen = frozenset(text)
    return (
        text.isprintable()
        and refused.isdisjoint(seen)
        and _UNSEEN.isdisjoint(seen)
        and unicodedata.is_normalized("NFC", text)
    )


def _is_scope(scope: str) -> bool:
    return len(scope) <= 1000 and all(map(is_scope_level, scope.removeprefix("/").split("/")))
