"""Checks of values, compiled once: one small function an attribute that takes the value.

A checker returns None or what is wrong (`Wrong`): the rule that was broken and what it allows.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from datetime import date, datetime
from typing import Any

from ._faults import Wrong
from ._forms import FORMS
from ._geometry import geometry
from ._model import Attribute
from ._never import is_picture, never_in_json, never_in_string

Checker = Callable[[Any], Wrong | None]

STRING_LETTERS_MAX = 1_000
TEXT_LETTERS_MAX = 20_000
MANY_MAX = 10_000
_DATETIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?Z", re.ASCII)
_DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_DURATION = re.compile(r"P(?=.)(\d+Y)?(\d+M)?(\d+W)?(\d+D)?(T(?=.)(\d+H)?(\d+M)?(\d+(\.\d+)?S)?)?", re.ASCII)
URI = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*:[\x21\x23-\x3b\x3d\x3f-\x5b\x5d\x5f\x61-\x7a\x7e]+")
_CODE = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,63}", re.ASCII)
_LANGUAGE = re.compile(r"[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*|@none", re.ASCII)
_TIME, _TIME_CALENDAR = Wrong("time"), Wrong("time_calendar")
_DAY, _DAY_CALENDAR = Wrong("day"), Wrong("day_calendar")


def value_checker(one: Attribute, *, strict: bool = False) -> Checker:
    """Return the checker of an attribute's value, which stands in the member of its kind.

    `strict`: free text and forms, too, are searched for card numbers. A node never does that: whoever cries for help
    is not turned away for a number in his words.
    """
    single = _single(one, strict=strict)
    return _many_of(one, single) if one.many else single


def _single(one: Attribute, *, strict: bool) -> Checker:
    if one.kind == "Property":
        if one.choices:
            return _code(one)
        if one.value == "text":
            return _text(strict=strict)
        return _structure(one, (dict,), strict=strict) if one.value == "object" else _plain(one)
    if one.kind == "JsonProperty":
        return _structure(one, (dict, list), strict=strict)
    return _BY_KIND[one.kind](one)


def _many_of(one: Attribute, single: Checker) -> Checker:
    """Return the checker of a list: one value alone stands for a list of one."""
    needed, too_many = one.required, Wrong("many_max", {"most": MANY_MAX})

    def checker(said: Any) -> Wrong | None:
        if type(said) is not list:
            return single(said)
        if len(said) > MANY_MAX:
            return too_many
        if needed and not said:
            return Wrong("one_needed")
        return _first_wrong(said, single)

    return checker


def _first_wrong(said: list[Any], single: Checker) -> Wrong | None:
    for at, value in enumerate(said):
        if (wrong := single(value)) is not None:
            return wrong._replace(at=f"[{at}]{wrong.at}")
    return None


def _plain(one: Attribute) -> Checker:
    return _BY_VALUE.get(one.value, _string)(one)


def _number(one: Attribute) -> Checker:
    whole, low, high = one.value == "integer", one.min, one.max
    wrong = Wrong("number", {"word": {"zh": _number_zh(one), "en": _number_en(one)}})
    kinds: tuple[type, ...] = (int,) if whole else (int, float)
    least, most = (-math.inf if low is None else low), (math.inf if high is None else high)

    def checker(said: Any) -> Wrong | None:
        if type(said) not in kinds or not least <= said <= most or said in (math.inf, -math.inf):
            return wrong
        return None

    return checker


def _number_en(one: Attribute) -> str:
    word = "a whole number" if one.value == "integer" else "a number"
    if one.min is not None and one.max is not None:
        return f"{word} from {one.min:g} to {one.max:g}"
    if one.min is not None:
        return f"{word} of at least {one.min:g}"
    return word if one.max is None else f"{word} of at most {one.max:g}"


def _number_zh(one: Attribute) -> str:
    word = "整数" if one.value == "integer" else "数"
    if one.min is not None and one.max is not None:
        return f" {one.min:g} 到 {one.max:g} 的{word}"
    if one.min is not None:
        return f"不小于 {one.min:g} 的{word}"
    return word if one.max is None else f"不大于 {one.max:g} 的{word}"


def _string(one: Attribute) -> Checker:
    too_long = Wrong("text", {"most": STRING_LETTERS_MAX})
    if one.form is None:
        cards = one.pii != "none"

        def plain(said: Any) -> Wrong | None:
            if type(said) is not str or not 0 < len(said) <= STRING_LETTERS_MAX:
                return too_long
            return never_in_string(said, cards=cards)

        return plain
    form, misformed = FORMS[one.form], Wrong(one.form)

    def formed(said: Any) -> Wrong | None:
        if type(said) is not str or not 0 < len(said) <= STRING_LETTERS_MAX:
            return too_long
        return None if form(said) else misformed

    return formed


def _text(*, strict: bool) -> Checker:
    too_long = Wrong("text", {"most": TEXT_LETTERS_MAX})

    def checker(said: Any) -> Wrong | None:
        if type(said) is not str or not 0 < len(said) <= TEXT_LETTERS_MAX:
            return too_long
        if strict:
            return never_in_string(said)
        return Wrong("never_picture") if is_picture(said) else None

    return checker


def _matching(form: re.Pattern[str], rule: str) -> Checker:
    wrong = Wrong(rule)
    return lambda said: None if type(said) is str and form.fullmatch(said) else wrong


def _uri(said: Any) -> Wrong | None:
    if type(said) is str and URI.fullmatch(said):
        return never_in_string(said, cards=False)
    return Wrong("uri")


def datetime_wrong(said: Any) -> Wrong | None:
    """Return what is wrong with a time, which may be wrapped as {"@type": "DateTime", "@value"}."""
    if type(said) is dict and said.get("@type") == "DateTime":
        said = said.get("@value")
    if type(said) is str and _DATETIME.fullmatch(said):
        try:
            datetime.fromisoformat(said)
        except ValueError:
            return _TIME_CALENDAR
        return None
    return _TIME


def _date(said: Any) -> Wrong | None:
    if type(said) is dict and said.get("@type") == "Date":
        said = said.get("@value")
    if type(said) is str and _DATE.fullmatch(said):
        try:
            date.fromisoformat(said)
        except ValueError:
            return _DAY_CALENDAR
        return None
    return _DAY


def _code(one: Attribute) -> Checker:
    allowed = frozenset(one.choices)
    if one.list_open:
        not_code = Wrong("code_open")
        return lambda said: None if type(said) is str and (said in allowed or _CODE.fullmatch(said)) else not_code
    wrong = Wrong("code", {"codes": ", ".join(one.choices)})
    return lambda said: None if type(said) is str and said in allowed else wrong


def _relationship(one: Attribute) -> Checker:
    own = tuple(f"urn:ngsi-ld:{target}:" for target in one.target)
    targets = {"zh": " 或 ".join(one.target), "en": " or ".join(one.target)}
    wrong = Wrong("target", {"targets": targets, "like": f"{own[0]}…"}) if own else Wrong("uri")

    def checker(said: Any) -> Wrong | None:
        if type(said) is not str or not URI.fullmatch(said):
            return wrong
        if own and said.startswith("urn:ngsi-ld:") and not said.startswith(own):
            return wrong
        return None

    return checker


def _language_map(said: Any) -> Wrong | None:
    if type(said) is not dict or "zh" not in said:
        return Wrong("language_map")
    for language, text in said.items():
        if not _LANGUAGE.fullmatch(language):
            return Wrong("language_tag")
        texts = text if type(text) is list else [text]
        if not texts or not all(type(t) is str and 0 < len(t) <= TEXT_LETTERS_MAX for t in texts):
            return Wrong("text", {"most": TEXT_LETTERS_MAX}, f".{language}")
        if any(map(is_picture, texts)):
            return Wrong("never_picture", at=f".{language}")
    return None


def _structure(one: Attribute, kinds: tuple[type, ...], *, strict: bool) -> Checker:
    cards, misshapen = strict and one.pii != "none", Wrong("json" if list in kinds else "object")
    return lambda said: never_in_json(said, cards=cards) if isinstance(said, kinds) else misshapen


def _list(one: Attribute) -> Checker:
    single = _plain(one)
    return lambda said: _first_wrong(said, single) if type(said) is list else Wrong("list")


_BY_KIND: Mapping[str, Callable[[Attribute], Checker]] = {
    "Relationship": _relationship,
    "GeoProperty": geometry,
    "LanguageProperty": lambda _: _language_map,
    "VocabProperty": _code,
    "ListProperty": _list,
}
_BY_VALUE: Mapping[str, Callable[[Attribute], Checker]] = {
    "integer": _number,
    "number": _number,
    "boolean": lambda _: lambda said: None if type(said) is bool else Wrong("boolean"),
    "date": lambda _: _date,
    "datetime": lambda _: datetime_wrong,
    "duration": lambda _: _matching(_DURATION, "duration"),
    "uri": lambda _: _uri,
    "text": lambda _: _text(strict=False),
    "object": lambda one: _structure(one, (dict,), strict=False),
}
