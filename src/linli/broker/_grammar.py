"""Reads the texts of a query into its tree: type selection, q, scopeQ, and selectors of entities.

The grammars share one shape: terms joined by `;` (and) and by `|` or `,` (or, weaker), with parentheses.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any
from urllib.parse import unquote

import orjson

from linli.base import from_wire_time
from linli.base.errors import BadRequestData

from ._caps import Caps
from ._patterns import read_pattern
from ._query import TIMES, And, Compare, Exists, Node, Op, Or, Path, Query, ScopeIs, TypeIs, Value
from ._spelling import checked_id, checked_name, is_scope_level
from ._terms import Terms, coded_names

DEPTH_MAX = 32
SELECTORS_MAX = 100

#: how many texts are kept as trees
_KEPT = 512

_CAPS = Caps()
_EQUAL = frozenset({"==", "!="})
_TIME_MEMBERS = TIMES | {"observedAt"}
_PATTERN = frozenset({"~=", "!~="})
_OP = re.compile(r"==|!=|>=|<=|!~=|~=|>|<")
_PATH = re.compile(r"[^\s=!<>~;|()\[\]{}\",]+")
_HINT = re.compile(r"([^\s=!<>~;|()\[\]{}\"]+):(?!//)")
_KEYS = re.compile(r"\[([^\[\]\"]{1,512})\]")
_TEXT = re.compile(r'"((?:[^"\\]|\\.)*)"')
_BARE = re.compile(r"[^;|()\",]+")
_TYPE = re.compile(r"[^\s;|(),]+")
_SCOPE = re.compile(r"[^\s;|(),]+")
_NUMBER = re.compile(r"[+-]?\d+(\.\d+)?([eE][+-]?\d+)?")
_DATE = re.compile(r"\d{4}-\d\d-\d\d")
_HOUR = re.compile(r"([01]\d|2[0-3]):([0-5]\d):([0-5]\d)(?:\.(\d{1,6}))?Z?")
_TERM = re.compile(r"[^\W\d]\w*")


@lru_cache(_KEPT)
def read_q(text: str, terms: Terms, *, expanding: frozenset[str] = frozenset(), caps: Caps = _CAPS) -> Node:
    """Read a q. `expanding`: attributes (names in documents) whose texts are terms, to be expanded as VocabProperties
    are; those that hold codes of our vocabulary need not be named, for their codes are said as they stand.

    Raises: BadRequestData: with what is wrong with it.
    """
    return _Reader(text, "q", lambda reader: reader.comparison(terms, expanding), "|", caps).read()


@lru_cache(_KEPT)
def read_types(text: str, terms: Terms, *, caps: Caps = _CAPS) -> Node:
    """Read a type selection: Gate,Building or (A|B);C. Raises: BadRequestData."""
    return _Reader(text, "type", lambda reader: reader.type_name(terms), "|,", caps).read()


@lru_cache(_KEPT)
def read_scope_q(text: str, *, caps: Caps = _CAPS) -> Node:
    """Read a scopeQ: /cn/r37/#. Raises: BadRequestData."""
    return _Reader(text.replace(" ", "+"), "scopeQ", lambda reader: reader.scope(), "|,", caps).read()


def read_selectors(said: Any, terms: Terms, where: str = "entities", *, caps: Caps = _CAPS) -> tuple[Query, ...]:
    """Read a list of selectors: each a type selection with an id, ids or an idPattern. Raises: BadRequestData."""
    if not isinstance(said, list) or not 0 < len(said) <= SELECTORS_MAX:
        raise BadRequestData(f"{where}: must be a list of 1 to {SELECTORS_MAX} objects, each with a type.")
    return tuple(_read_selector(one, terms, f"{where}[{at}]", caps) for at, one in enumerate(said))


def _read_selector(said: Any, terms: Terms, where: str, caps: Caps) -> Query:
    if not isinstance(said, dict) or not isinstance(said.get("type"), str):
        raise BadRequestData(f"{where}: must be an object with a type.")
    unknown = said.keys() - {"type", "id", "idPattern"}
    if unknown:
        raise BadRequestData(f"{where}.{min(unknown)[:100]}: cannot stand here.")
    ids = said.get("id", [])
    pattern = said.get("idPattern")
    if pattern is not None and not isinstance(pattern, str):
        raise BadRequestData(f"{where}.idPattern: must be text.")
    return Query(
        types=read_types(said["type"], terms, caps=caps),
        ids=tuple(checked_id(one, f"{where}.id") for one in (ids if isinstance(ids, list) else [ids])),
        pattern=None if pattern is None else read_pattern(pattern, f"{where}.idPattern", caps.pattern_letters),
    )


def read_path(text: str, where: str, terms: Terms) -> Path:
    """Read one path as it may stand in q. Raises: BadRequestData."""
    return _Reader(text, where, lambda _: TypeIs("*"), "", _CAPS).whole_path(terms)


class _Reader:
    """Walks through one text; knows how far it has come."""

    def __init__(self, text: str, what: str, leaf: Callable[[_Reader], Node], or_signs: str, caps: Caps) -> None:
        if len(text.encode()) > caps.q_bytes:
            raise BadRequestData(f"{what}: at most {caps.q_bytes} bytes.")
        self._caps = caps
        self._text = text
        self._what = what
        self._leaf = leaf
        self._or_signs = tuple(or_signs)
        self._at = 0
        self._leaves = 0

    def read(self) -> Node:
        """Return the whole text as a tree."""
        node = self._any(0)
        self._end()
        return node

    def whole_path(self, terms: Terms) -> Path:
        """Return the whole text as a path."""
        path = self._path(terms, 0)
        self._end()
        return path

    def comparison(self, terms: Terms, expanding: frozenset[str]) -> Node:
        """Read one term of q: path, !path, or path op values."""
        absent = self._take("!")
        path = self._path(terms, 0)
        found = None if absent else _OP.match(self._text, self._at)
        if found is None:
            return Exists(path, absent)
        self._at = found.end()
        op: Op = found.group()  # type: ignore[assignment]
        if op in _PATTERN:
            return Compare(path, op, (self._pattern_value(),))
        values = [self._value()]
        while self._take(","):
            values.append(self._value())
        if op not in _EQUAL and (len(values) > 1 or values[0].to is not None):
            raise BadRequestData("q: lists and ranges stand with == and != only.")
        if op not in _EQUAL and values[0].shape == "truth":
            raise BadRequestData("q: true and false can only be equal or not.")
        if path.name in expanding or path.name in coded_names():
            values = [Value("text", terms.iri(one.plain)) if one.shape == "text" else one for one in values]
        if _ends_in_time(path):
            values = [_time_value(one.plain) if one.shape == "text" and one.to is None else one for one in values]
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

    def _end(self) -> None:
        if self._at < len(self._text):
            raise self._wrong()

    def _any(self, depth: int) -> Node:
        parts = [self._all(depth)]
        while self._text.startswith(self._or_signs, self._at):
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
        if self._leaves > self._caps.q_terms:
            raise BadRequestData(f"{self._what}: at most {self._caps.q_terms} terms.")
        return self._leaf(self)

    def _path(self, terms: Terms, depth: int) -> Path:
        first, *rest = (unquote(part) for part in self._match(_PATH).split("."))
        name = terms.name(checked_name(first))
        subs = tuple((part, terms.name(checked_name(part))) for part in rest)
        inside = _KEYS.match(self._text, self._at)
        if inside is not None:
            self._at = inside.end()
            return Path(name, first, subs, tuple(inside.group(1).split(".")))
        if not self._take("{"):
            return Path(name, first, subs)
        if depth >= DEPTH_MAX:
            raise BadRequestData(f"{self._what}: at most {DEPTH_MAX} relationships in a path.")
        types: frozenset[str] = frozenset()
        hint = _HINT.match(self._text, self._at)
        if hint is not None:
            self._at = hint.end()
            types = frozenset(terms.name(checked_name(unquote(one))) for one in hint.group(1).split(","))
        beyond = self._path(terms, depth + 1)
        if not self._take("}"):
            raise self._wrong()
        return Path(name, first, subs, (), beyond, types)

    def _value(self) -> Value:
        start = self._plain(_TEXT.match(self._text, self._at))
        if not self._take(".."):
            return start
        end = self._plain(_TEXT.match(self._text, self._at))
        if start.shape != end.shape or start.shape == "truth":
            raise BadRequestData("q: a range needs two values of one kind.")
        return Value(start.shape, start.plain, end)

    def _plain(self, quoted: re.Match[str] | None) -> Value:
        """Read one value, which ends before .. too."""
        if quoted is not None:
            self._at = quoted.end()
            try:
                return Value("text", orjson.loads(quoted.group()))
            except orjson.JSONDecodeError as error:
                raise BadRequestData("q: a text in quotes is written as in JSON.") from error
        whole = self._match(_BARE)
        said = whole.partition("..")[0]
        self._at -= len(whole) - len(said)
        return _read_bare(said)

    def _pattern_value(self) -> Value:
        quoted = _TEXT.match(self._text, self._at)
        if quoted is None:
            said = self._match(_BARE)
        else:
            self._at = quoted.end()
            said = quoted.group(1).replace('\\"', '"')
        return Value("pattern", read_pattern(said, "q", self._caps.pattern_letters))

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


def _read_bare(said: str) -> Value:
    """Return a value that stands without quotes."""
    if said in ("true", "false"):
        return Value("truth", said == "true")
    if _NUMBER.fullmatch(said):
        return Value("number", float(said))
    if _DATE.match(said):
        return Value("text", said) if _DATE.fullmatch(said) else _time_value(said)
    hour_us = hour_of(said)
    if hour_us is not None:
        return Value("hour", hour_us)
    if _TERM.fullmatch(said) or (":" in said and not said[0].isdigit()):
        return Value("text", said)
    raise BadRequestData('q: a value is a number, true, false, a time, a URI, or text in quotes like "red".')


def _ends_in_time(path: Path) -> bool:
    """Tell whether only a time can stand at a path: then it may be said in quotes as well."""
    if path.beyond is not None or path.keys:
        return False
    return path.subs[-1][0] in _TIME_MEMBERS if path.subs else path.said in TIMES


def _time_value(said: str) -> Value:
    try:
        return Value("time", from_wire_time(said))
    except BadRequestData as error:
        raise BadRequestData(f"q: {error.message}") from error


def hour_of(said: str) -> int | None:
    """Return a time of day in microseconds since midnight; None when the text is none."""
    found = _HOUR.fullmatch(said)
    if found is None:
        return None
    hours, minutes, seconds, part = found.groups()
    whole_s = (int(hours) * 60 + int(minutes)) * 60 + int(seconds)
    return whole_s * 1_000_000 + int((part or "0").ljust(6, "0"))
