"""On which line of a TOML file a place like `call[2].arrive_within_min` stands; the reader of the library forgets it."""

from __future__ import annotations

import re
import tomllib

_HEADER = re.compile(r"\s*(\[\[?)\s*([^\[\]]+?)\s*\]\]?\s*(?:#.*)?")
_KEY = re.compile(r"""\s*((?:[A-Za-z0-9_-]+|"[^"]*"|'[^']*')(?:\s*\.\s*(?:[A-Za-z0-9_-]+|"[^"]*"|'[^']*'))*)\s*=\s*""")
_SKIP = re.compile(r"(?:[\s,]|#[^\n]*)+")
_TEXTS = re.compile(r'"""(?:[^\\]|\\.)*?"""|\'\'\'.*?\'\'\'|"(?:[^"\\\n]|\\.)*"|\'[^\'\n]*\'', re.DOTALL)
_PLAIN = re.compile(r"[^\s,\]\}#]+(?: \d[\d:.]*)?")


class Lines:
    """The lines of the places of one TOML file that was read without fault."""

    def __init__(self, text: str) -> None:
        """Walk through `text`, noting where each key and each element of a list begins."""
        self._text = text
        self._at: dict[str, int] = {}
        self._walk()

    def line(self, place: str) -> int:
        """Return the line (from 1) of a place, or of the nearest that holds it; 1 for the file itself."""
        while place and place not in self._at:
            place = place[: max(place.rfind("."), place.rfind("["), 0)]
        return self._text.count("\n", 0, self._at[place]) + 1 if place else 1

    def _walk(self) -> None:
        position, table, counts = 0, "", dict[str, int]()
        while position < len(self._text):
            if skipped := _SKIP.match(self._text, position):
                position = skipped.end()
            elif header := _HEADER.match(self._text, position):
                table = _joined("", header[2])
                self._at.setdefault(table, position)
                if header[1] == "[[":
                    counts[table] = number = counts.get(table, -1) + 1
                    table = f"{table}[{number}]"
                self._at.setdefault(table, position)
                position = header.end()
            else:
                position = self._pair(position, table)

    def _pair(self, position: int, table: str) -> int:
        found = _KEY.match(self._text, position)
        if found is None:  # not reached for text that tomllib took
            return len(self._text)
        place = _joined(table, found[1])
        self._at.setdefault(place, position)
        return self._value(found.end(), place)

    def _value(self, position: int, place: str) -> int:
        first = self._text[position]
        if first == "[":
            return self._list(position + 1, place)
        if first == "{":
            return self._table(position + 1, place)
        found = _TEXTS.match(self._text, position) or _PLAIN.match(self._text, position)
        return found.end() if found else len(self._text)

    def _list(self, position: int, place: str) -> int:
        number = 0
        while (position := self._skipped(position)) < len(self._text) and self._text[position] != "]":
            self._at.setdefault(f"{place}[{number}]", position)
            position = self._value(position, f"{place}[{number}]")
            number += 1
        return position + 1

    def _table(self, position: int, place: str) -> int:
        while (position := self._skipped(position)) < len(self._text) and self._text[position] != "}":
            position = self._pair(position, place)
        return position + 1

    def _skipped(self, position: int) -> int:
        found = _SKIP.match(self._text, position)
        return found.end() if found else position


def _joined(table: str, key: str) -> str:
    names = tomllib.loads(f"{key} = 0")
    parts = []
    here: object = names
    while isinstance(here, dict):
        (name, here), *_ = here.items()
        parts.append(name)
    return ".".join([table, *parts] if table else parts)
