"""Whether a form can be read in elder mode: letters of 28 px on a telephone 360 px wide, measured by their widths.

A Chinese letter is as wide as it is high, a Latin one about half; lines are not broken inside words, so a line of English
is counted with a word less than it could hold.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator

from ._form import CallForm, FieldForm

LETTER_PX = 28
SMALL_PX = 20
SCREEN_PX = 328
CHOICES_MAX = 8


def unreadable(calls: tuple[CallForm, ...], fields: tuple[FieldForm, ...]) -> Iterator[str]:
    """Yield the texts that do not fit where people with weak eyes read them."""
    for call in calls:
        yield from _too_long(f"call {call.key}: title", call.title.words(), LETTER_PX, 2)
        yield from _too_long(f"call {call.key}: summary", call.summary.words(), SMALL_PX, 2)
    for field in fields:
        yield from _too_long(f"field {field.name}: title", field.title.words(), LETTER_PX, 2)
        if len(field.choices) > CHOICES_MAX:
            yield f"field {field.name}: {len(field.choices)} choices, {CHOICES_MAX} fit on the screen"
        for choice in field.choices:
            words = {"zh": choice.zh, "en": choice.en}
            yield from _too_long(f"field {field.name}: choice {choice.key}", words, LETTER_PX, 1)


def _too_long(place: str, words: dict[str, str], letter_px: int, lines: int) -> Iterator[str]:
    for language, text in words.items():
        if _width_px(text, letter_px) > SCREEN_PX * lines:
            yield f"{place}.{language} does not fit into {lines} line{'s' if lines > 1 else ''}"


def _width_px(text: str, letter_px: int) -> float:
    wide = sum(unicodedata.east_asian_width(letter) in "WF" for letter in text)
    return letter_px * (wide + 0.55 * (len(text) - wide))
