"""What a query asks, as a tree: type selection, q, scopeQ and georel read from their texts, names already expanded.

All three grammars share one shape: terms joined by `;` (and) and by `|` or `,` (or, weaker), with parentheses.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import unquote

import orjson

from linli.base import Point, checked_point, from_wire_time
from linli.base.errors import BadRequestData, OperationNotSupported

from ._form import checked_name, is_scope_level
from ._terms import Terms

TEXT_LETTERS_MAX = 4096
TERMS_MAX = 64
DEPTH_MAX = 32

Op = Literal["==", "!=", ">", ">=", "<", "<="]
Shape = Literal["text", "number", "truth", "time"]


@dataclass(frozen=True, slots=True)
class Value:
    """A value said in q. `plain` is str, float or bool; a time is microseconds. `to`: the end of a range."""

    shape: Shape
    plain: Any
    to: Value | None = None


@dataclass(frozen=True, slots=True)
class Path:
    """Where a value stands: an attribute, then sub-attributes (`subs`: as said and as a name), then keys inside."""

    name: str
    said: str
    subs: tuple[tuple[str, str], ...] = ()
    keys: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Exists:
    """The path leads to something, or with `absent` to nothing."""

    path: Path
    absent: bool = False


@dataclass(frozen=True, slots=True)
class Compare:
    """A value at the path compares so with any of the values."""

    path: Path
    op: Op
    values: tuple[Value, ...]


@dataclass(frozen=True, slots=True)
class TypeIs:
    """The entity has this type; "*" is any."""

    name: str


@dataclass(frozen=True, slots=True)
class ScopeIs:
    """A scope of the entity fits these levels; "+" is any one level, a last "#" is this scope and all below."""

    levels: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class And:
    """All parts hold."""

    parts: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Or:
    """Any part holds."""

    parts: tuple[Node, ...]


Node = Exists | Compare | TypeIs | ScopeIs | And | Or


@dataclass(frozen=True, slots=True)
class Near:
    """A place of the entity lies within `max_m` of `center`, or at least `min_m` away; metres."""

    name: str
    center: Point
    max_m: float | None = None
    min_m: float | None = None


@dataclass(frozen=True, slots=True)
class Query:
    """Everything that decides whether an entity is wanted. All given parts must hold."""

    types: Node | None = None
    ids: tuple[str, ...] = ()
    q: Node | None = None
    scopes: Node | None = None
    near: Near | None = None

    def asks_attributes(self) -> bool:
        """Tell whether q asks for an attribute that is not only the store's own time."""
        return bool(_said(self.q) - {"createdAt", "modifiedAt"})

    def names(self) -> frozenset[str]:
        """Return the attributes on which the answer depends."""
        near = {self.near.name} if self.near else set()
        return frozenset(near | _names(self.q))


def read_q(text: str, terms: Terms) -> Node:
    """Read a q. Raises: BadRequestData: with what is wrong with it."""
    return _Reader(text, "q", lambda reader: reader.comparison(terms), "|").read()


def read_types(text: str, terms: Terms) -> Node:
    """Read a type selection: Gate,Building or (A|B);C. Raises: BadRequestData."""
    return _Reader(text, "type", lambda reader: reader.type_name(terms), "|,").read()


def read_scope_q(text: str) -> Node:
    """Read a scopeQ: /cn/r37/#. Raises: BadRequestData."""
    return _Reader(text.replace(" ", "+"), "scopeQ", lambda reader: reader.scope(), "|,").read()


def read_near(georel: str, geometry: str, coordinates: str, geoproperty: str, terms: Terms) -> Near:
    """Read a geo query. Raises: BadRequestData. OperationNotSupported: a relation other than near."""
    relation, _, limit = georel.partition(";")
    if relation in ("within", "contains", "intersects", "equals", "disjoint", "overlaps"):
        raise OperationNotSupported(f"georel={relation} is not offered yet; near is.")
    found = re.fullmatch(r"(maxDistance|minDistance)==(\d+(?:\.\d+)?(?:[eE]\+?\d+)?)", limit)
    if relation != "near" or found is None:
        raise BadRequestData("georel: write near;maxDistance==metres or near;minDistance==metres.")
    metres = float(found.group(2))
    if not math.isfinite(metres) or metres <= 0:
        raise BadRequestData("georel: the distance must be a finite number of metres above 0.")
    if geometry != "Point":
        raise BadRequestData("geometry: near needs a Point.")
    try:
        said = orjson.loads(coordinates)
    except orjson.JSONDecodeError as error:
        raise BadRequestData("coordinates: must be [lon, lat].") from error
    if not isinstance(said, list) or len(said) not in (2, 3):
        raise BadRequestData("coordinates: must be [lon, lat].")
    center = checked_point(said[0], said[1])
    name = terms.name(checked_name(geoproperty))
    return Near(name, center, metres, None) if found.group(1) == "maxDistance" else Near(name, center, None, metres)


def _said(node: Node | None) -> set[str]:
    if isinstance(node, And | Or):
        return {name for part in node.parts for name in _said(part)}
    return {node.path.said} if isinstance(node, Exists | Compare) else set()


def _names(node: Node | None) -> set[str]:
    if isinstance(node, And | Or):
        return {name for part in node.parts for name in _names(part)}
    return {node.path.name} if isinstance(node, Exists | Compare) else set()


_OP = re.compile(r"==|!=|>=|<=|!~=|~=|>|<")
_PATH = re.compile(r"[^\s=!<>~;|()\[\]{}\",]+")
_KEYS = re.compile(r"\[([^\[\]\"]{1,512})\]")
_TEXT = re.compile(r'"([^"]*)"')
_BARE = re.compile(r"[^;|()\",]+")
_TYPE = re.compile(r"[^\s;|(),]+")
_SCOPE = re.compile(r"[^\s;|(),]+")
_NUMBER = re.compile(r"[+-]?\d+(\.\d+)?([eE][+-]?\d+)?")
_DATE = re.compile(r"\d{4}-\d\d-\d\d")


class _Reader:
    """Walks through one text; knows how far it has come."""

    def __init__(self, text: str, what: str, leaf: Callable[[_Reader], Node], or_signs: str) -> None:
        if len(text) > TEXT_LETTERS_MAX:
            raise BadRequestData(f"{what}: at most {TEXT_LETTERS_MAX} letters.")
        self._text = text
        self._what = what
        self._leaf = leaf
        self._or_signs = or_signs
        self._at = 0
        self._leaves = 0

    def read(self) -> Node:
        """Return the whole text as a tree."""
        node = self._any(0)
        if self._at < len(self._text):
            raise self._wrong()
        return node

    def comparison(self, terms: Terms) -> Node:
        """Read one term of q: path, !path, or path op values."""
        absent = self._take("!")
        path = self._path(terms)
        found = None if absent else _OP.match(self._text, self._at)
        if found is None:
            return Exists(path, absent)
        self._at = found.end()
        op: Any = found.group()
        if op in ("~=", "!~="):
            raise OperationNotSupported("q: patterns (~=) are not offered yet.")
        values = [self._value()]
        while self._take(","):
            values.append(self._value())
        if op not in ("==", "!=") and (len(values) > 1 or values[0].to is not None):
            raise BadRequestData("q: lists and ranges stand with == and != only.")
        if op not in ("==", "!=") and values[0].shape == "truth":
            raise BadRequestData("q: true and false can only be equal or not.")
        return Compare(path, op, tuple(values))

    def type_name(self, terms: Terms) -> Node:
        """Read one type."""
        said = self._match(_TYPE)
        return TypeIs("*") if said == "*" else TypeIs(terms.name(checked_name(unquote(said))))

    def scope(self) -> Node:
        """Read one scope with its wildcards."""
        levels = tuple(self._match(_SCOPE).removeprefix("/").split("/"))
        for at, level in enumerate(levels):
            last = at == len(levels) - 1
            if level != "+" and not (level == "#" and last) and not is_scope_level(level):
                raise self._wrong()
        return ScopeIs(levels)

    def _any(self, depth: int) -> Node:
        parts = [self._all(depth)]
        while self._text[self._at : self._at + 1] in tuple(self._or_signs):
            self._at += 1
            parts.append(self._all(depth))
        return parts[0] if len(parts) == 1 else Or(tuple(parts))

    def _all(self, depth: int) -> Node:
        parts = [self._one(depth)]
        while self._take(";"):
            parts.append(self._one(depth))
        return parts[0] if len(parts) == 1 else And(tuple(parts))

    def _one(self, depth: int) -> Node:
        if depth > DEPTH_MAX:
            raise BadRequestData(f"{self._what}: at most {DEPTH_MAX} parentheses within each other.")
        if self._take("("):
            node = self._any(depth + 1)
            if not self._take(")"):
                raise self._wrong()
            return node
        self._leaves += 1
        if self._leaves > TERMS_MAX:
            raise BadRequestData(f"{self._what}: at most {TERMS_MAX} terms.")
        return self._leaf(self)

    def _path(self, terms: Terms) -> Path:
        first, *rest = (unquote(part) for part in self._match(_PATH).split("."))
        subs = tuple((part, terms.name(checked_name(part))) for part in rest)
        keys: tuple[str, ...] = ()
        inside = _KEYS.match(self._text, self._at)
        if inside is not None:
            self._at = inside.end()
            keys = tuple(inside.group(1).split("."))
        if self._text[self._at : self._at + 1] == "{":
            raise OperationNotSupported("q: paths through relationships are not offered yet.")
        return Path(terms.name(checked_name(first)), first, subs, keys)

    def _value(self) -> Value:
        quoted = _TEXT.match(self._text, self._at)
        if quoted is not None:
            self._at = quoted.end()
            return Value("text", quoted.group(1))
        said = self._match(_BARE)
        low, dots, high = said.partition("..")
        if not dots:
            return self._plain(said)
        start, end = self._plain(low), self._plain(high)
        if start.shape != end.shape or start.shape == "truth":
            raise BadRequestData("q: a range needs two values of one kind.")
        return Value(start.shape, start.plain, end)

    def _plain(self, said: str) -> Value:
        if said in ("true", "false"):
            return Value("truth", said == "true")
        if _NUMBER.fullmatch(said):
            return Value("number", float(said))
        if _DATE.match(said):
            return _time_value(said)
        if ":" in said and not said[0].isdigit():
            return Value("text", said)
        raise BadRequestData('q: a value is a number, true, false, a time, a URI, or text in quotes like "red".')

    def _match(self, pattern: re.Pattern[str]) -> str:
        found = pattern.match(self._text, self._at)
        if found is None:
            raise self._wrong()
        self._at = found.end()
        return found.group()

    def _take(self, sign: str) -> bool:
        if self._text.startswith(sign, self._at):
            self._at += len(sign)
            return True
        return False

    def _wrong(self) -> BadRequestData:
        return BadRequestData(f"{self._what}: cannot be read at letter {self._at + 1}.")


def _time_value(said: str) -> Value:
    if _DATE.fullmatch(said):
        return Value("text", said)
    try:
        return Value("time", from_wire_time(said))
    except BadRequestData as error:
        raise BadRequestData(f"q: {error.message}") from error
