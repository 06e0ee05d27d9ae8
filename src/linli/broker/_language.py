"""Which text of a LanguageProperty somebody wants: ranges of languages with weights, matched by RFC 4647."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from linli.base.errors import BadRequestData

_RANGE = re.compile(r"\s*(\*|[A-Za-z]{1,8}(?:-[A-Za-z0-9]{1,8})*)\s*(?:;\s*q=(0(?:\.\d{0,3})?|1(?:\.0{0,3})?)\s*)?")
RANGES_MAX = 20

#: ranges, the dearest first
Languages = tuple[str, ...]


def read_languages(said: str) -> Languages:
    """Read a list like fr-CH,fr;q=0.9,*;q=0.5. Raises: BadRequestData."""
    parts = said.split(",")
    if len(parts) > RANGES_MAX:
        raise BadRequestData(f"lang: at most {RANGES_MAX} languages.")
    weighted: list[tuple[float, str]] = []
    for part in parts:
        found = _RANGE.fullmatch(part)
        if found is None:
            raise BadRequestData("lang: write languages like zh or zh-CN,en;q=0.5.")
        weighted.append((float(found.group(2) or 1), found.group(1).lower()))
    weighted.sort(key=lambda pair: -pair[0])
    return tuple(language for weight, language in weighted if weight > 0)


def text_in(texts: Mapping[str, Any], languages: Languages) -> tuple[str, Any]:
    """Return the tag and the text that fit best; where none fits, the one without a language, else the first."""
    for language in languages:
        tag = _found(texts, language)
        if tag is not None:
            return tag, texts[tag]
    tag = "@none" if "@none" in texts else next(iter(texts))
    return tag, texts[tag]


def _found(texts: Mapping[str, Any], language: str) -> str | None:
    """Return the tag for one range: itself, else one that says more, else one that says less (zh for zh-CN)."""
    if language == "*":
        return next((tag for tag in texts if tag != "@none"), None)
    tags = {tag.lower(): tag for tag in texts}
    while language:
        exact = tags.get(language)
        if exact is not None:
            return exact
        longer = next((tag for low, tag in tags.items() if low.startswith(language + "-")), None)
        if longer is not None:
            return longer
        language = language.rpartition("-")[0]
    return None
