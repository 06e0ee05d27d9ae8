"""Checks of entities against the vocabulary, compiled once: one small function an attribute.

A checker takes the value and returns None or what is wrong with it, in words that say what is allowed.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping
from datetime import date, datetime
from typing import Any

from ._model import MEMBER, Attribute, EntityType, Fault

Checker = Callable[[Any], str | None]

STRING_LETTERS_MAX = 1_000
TEXT_LETTERS_MAX = 20_000
MANY_MAX = 10_000
_DATETIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?Z", re.ASCII)
_DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_DURATION = re.compile(r"P(?=.)(\d+Y)?(\d+M)?(\d+W)?(\d+D)?(T(?=.)(\d+H)?(\d+M)?(\d+(\.\d+)?S)?)?", re.ASCII)
_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*:[\x21\x23-\x3b\x3d\x3f-\x5b\x5d\x5f\x61-\x7a\x7e]+")
_CODE = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,63}", re.ASCII)
_EXTRA = re.compile(r"x_[A-Za-z0-9]+(_[A-Za-z0-9]+)*", re.ASCII)
_LANGUAGE = re.compile(r"[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*|@none", re.ASCII)


class TypeChecker:
    """Checks the entities of one type."""

    def __init__(self, entity: EntityType, instead: Mapping[str, str]) -> None:
        """Compile a checker for each attribute of `entity`; `instead` names ours for names that are not to be used."""
        self._type = entity
        self._instead = instead
        self._required = tuple(one.name for one in entity.attributes.values() if one.required)
        self._attributes = {one.name: _instance_checker(one) for one in entity.attributes.values()}

    def faults(self, attrs: Mapping[str, Any], *, whole: bool) -> list[Fault]:
        """Return what is wrong with `attrs`; `whole`: the required ones must all be there."""
        faults: list[Fault] = []
        for name, said in attrs.items():
            checker = self._attributes.get(name)
            if checker is None:
                checker = self._stranger(name)
            if type(said) is list:
                faults.extend(_instances(name, said, checker))
            elif (wrong := checker(said)) is not None:
                faults.append(Fault(name, wrong))
        if whole:
            faults.extend(Fault(name, "is required.") for name in self._required if name not in attrs)
        return faults

    def _stranger(self, name: str) -> Checker:
        if _EXTRA.fullmatch(name):
            return _extra
        ours = self._instead.get(name)
        hint = f"say {ours}." if ours in self._type.attributes else "own additions are named x_<tenant>_<name>."
        message = f"{self._type.name} has no such attribute; {hint}"
        return lambda _: message


def _instances(name: str, said: list[Any], checker: Checker) -> Iterator[Fault]:
    if not said:
        yield Fault(name, "has no instance.")
    seen: set[object] = set()
    for at, one in enumerate(said):
        if (wrong := checker(one)) is not None:
            yield Fault(f"{name}[{at}]", wrong)
        elif (dataset := one.get("datasetId")) in seen:
            yield Fault(f"{name}[{at}]", "two instances with the same datasetId.")
        else:
            seen.add(dataset)


def _extra(said: Any) -> str | None:
    if not isinstance(said, dict) or MEMBER.get(said.get("type", "")) not in said:
        return "must be a normalized attribute: type and its value."
    return None


def _instance_checker(one: Attribute) -> Checker:
    member, kind, unit = MEMBER[one.kind], one.kind, one.unit
    value = many_of(one, _value_checker(one)) if one.many else _value_checker(one)

    def checker(said: Any) -> str | None:
        if type(said) is not dict:
            return "must be a normalized attribute: an object with its type."
        if said.get("type") != kind:
            return f"must be a {kind}."
        if member not in said:
            return f"needs the member {member}."
        if (observed := said.get("observedAt")) is not None and (wrong := _datetime(observed)) is not None:
            return f"observedAt: {wrong}"
        if (given := said.get("unitCode")) is not None and given != unit:
            return f"unitCode must be {unit}." if unit else "takes no unitCode."
        return value(said[member])

    return checker


def many_of(one: Attribute, single: Checker) -> Checker:
    """Return the checker of a list: one value alone stands for a list of one."""

    def checker(said: Any) -> str | None:
        if type(said) is not list:
            return single(said)
        if len(said) > MANY_MAX:
            return f"at most {MANY_MAX} values."
        if one.required and not said:
            return "at least one value is needed."
        for at, value in enumerate(said):
            if (wrong := single(value)) is not None:
                return f"[{at}] {wrong}"
        return None

    return checker


def _value_checker(one: Attribute) -> Checker:
    if one.kind == "Property":
        return _code(one) if one.choices else _plain(one)
    return _BY_KIND[one.kind](one)


def _plain(one: Attribute) -> Checker:
    return _BY_VALUE.get(one.value, _string)(one)


def _number(one: Attribute) -> Checker:
    whole, low, high = one.value == "integer", one.min, one.max
    word = "a whole number" if whole else "a number"
    if low is not None and high is not None:
        word += f" from {low:g} to {high:g}"
    elif low is not None:
        word += f" of at least {low:g}"
    elif high is not None:
        word += f" of at most {high:g}"
    message = f"must be {word}."
    kinds: tuple[type, ...] = (int,) if whole else (int, float)
    least, most = (-math.inf if low is None else low), (math.inf if high is None else high)

    def checker(said: Any) -> str | None:
        if type(said) not in kinds or not least <= said <= most or said in (math.inf, -math.inf):
            return message
        return None

    return checker


def _string(one: Attribute) -> Checker:
    letters_max = TEXT_LETTERS_MAX if one.value == "text" else STRING_LETTERS_MAX
    message = f"must be text of 1 to {letters_max} letters."
    return lambda said: None if type(said) is str and 0 < len(said) <= letters_max else message


def _matching(form: re.Pattern[str], message: str) -> Checker:
    return lambda said: None if type(said) is str and form.fullmatch(said) else message


def _datetime(said: Any) -> str | None:
    if type(said) is dict and said.get("@type") == "DateTime":
        said = said.get("@value")
    if type(said) is str and _DATETIME.fullmatch(said):
        try:
            datetime.fromisoformat(said)
        except ValueError:
            return "is not a time of the calendar."
        return None
    return "must be a time in UTC, like 2026-11-23T02:15:07Z."


def _date(said: Any) -> str | None:
    if type(said) is dict and said.get("@type") == "Date":
        said = said.get("@value")
    if type(said) is str and _DATE.fullmatch(said):
        try:
            date.fromisoformat(said)
        except ValueError:
            return "is not a day of the calendar."
        return None
    return "must be a day, like 2026-11-23."


def _code(one: Attribute) -> Checker:
    allowed = frozenset(one.choices)
    if one.list_open:
        message = "must be a code: letters, digits and _, a letter first."
        return lambda said: None if type(said) is str and (said in allowed or _CODE.fullmatch(said)) else message
    message = f"must be one of {', '.join(one.choices)}."
    return lambda said: None if type(said) is str and said in allowed else message


def _relationship(one: Attribute) -> Checker:
    own = tuple(f"urn:ngsi-ld:{target}:" for target in one.target)
    message = f"must be the id of {' or '.join(one.target)}, like {own[0]}…" if own else "must be a URI."

    def checker(said: Any) -> str | None:
        if type(said) is not str or not _URI.fullmatch(said):
            return message
        if own and said.startswith("urn:ngsi-ld:") and not said.startswith(own):
            return message
        return None

    return checker


def _language_map(said: Any) -> str | None:
    if type(said) is not dict or "zh" not in said:
        return "must be texts by language, zh among them."
    for language, text in said.items():
        if not _LANGUAGE.fullmatch(language):
            return "its keys must be language tags (BCP 47)."
        texts = text if type(text) is list else [text]
        if not texts or not all(type(t) is str and 0 < len(t) <= TEXT_LETTERS_MAX for t in texts):
            return f"{language}: must be text of 1 to {TEXT_LETTERS_MAX} letters."
    return None


def _json(said: Any) -> str | None:
    return None if isinstance(said, dict | list) else "must be an object or a list."


def _list(one: Attribute) -> Checker:
    single = _plain(one)

    def checker(said: Any) -> str | None:
        if type(said) is not list:
            return "must be a list."
        for at, value in enumerate(said):
            if (wrong := single(value)) is not None:
                return f"[{at}] {wrong}"
        return None

    return checker


_GEO_DEPTH = {"Point": 0, "MultiPoint": 1, "LineString": 1, "MultiLineString": 2, "Polygon": 2, "MultiPolygon": 3}


def _geometry(one: Attribute) -> Checker:
    depths = {shape: _GEO_DEPTH[shape] for shape in (one.shapes or _GEO_DEPTH)}
    message = f"must be a GeoJSON {' or '.join(depths)}."

    def checker(said: Any) -> str | None:
        if type(said) is not dict or (depth := depths.get(said.get("type", ""))) is None:
            return message
        coordinates = said.get("coordinates")
        if depth == 0:
            return None if _position(coordinates) else "coordinates must be [lon, lat] in degrees (WGS-84)."
        if not _positions(coordinates, depth, said["type"]):
            return "coordinates must be lists of [lon, lat] in degrees (WGS-84); rings are closed, lines have 2 points."
        return None

    return checker


def _position(said: Any) -> bool:
    if type(said) is not list or not 2 <= len(said) <= 3:
        return False
    lon, lat = said[0], said[1]
    return (
        type(lon) in (float, int)
        and type(lat) in (float, int)
        and -180.0 <= lon <= 180.0
        and -90.0 <= lat <= 90.0
        and (len(said) == 2 or type(said[2]) in (float, int))
    )


def _positions(said: Any, depth: int, shape: str) -> bool:
    if type(said) is not list or not said:
        return False
    if depth > 1:
        return all(_positions(part, depth - 1, shape) for part in said)
    if not all(map(_position, said)):
        return False
    if shape.endswith("Polygon"):
        return len(said) >= 4 and said[0] == said[-1]
    return len(said) >= 2 or shape == "MultiPoint"


_BY_KIND: Mapping[str, Callable[[Attribute], Checker]] = {
    "Relationship": _relationship,
    "GeoProperty": _geometry,
    "LanguageProperty": lambda _: _language_map,
    "VocabProperty": _code,
    "JsonProperty": lambda _: _json,
    "ListProperty": _list,
}
_BY_VALUE: Mapping[str, Callable[[Attribute], Checker]] = {
    "integer": _number,
    "number": _number,
    "boolean": lambda _: lambda said: None if type(said) is bool else "must be true or false.",
    "date": lambda _: _date,
    "datetime": lambda _: _datetime,
    "duration": lambda _: _matching(_DURATION, "must be an ISO 8601 duration, like P1D or PT30M."),
    "uri": lambda _: _matching(_URI, "must be a URI."),
    "object": lambda _: lambda said: None if isinstance(said, dict) else "must be an object.",
}
