"""Give a copy of the NGSI-LD suite other words: every type and attribute name becomes a random one, everywhere alike.

What is renamed is found in the suite itself: the terms of its contexts, the types and attributes of its payloads, and
those written inside its tests. Names that the standard itself defines stay what they are; so do the names of keywords,
variables, tests and files. If a broker passes the renamed copy as it passes the suite, no word of the suite helped it.
"""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

#: words of HTTP and of the API's own documents (subscriptions, registrations, batches), not all in the core context
API_WORDS = frozenset(
    re.findall(
        r"\w+",
        """
        Query alternates attributeCount attributeDetails attributeList attributeNames attributes body config data
        default description details entities entity error errors expectation geo headers id json local message metadata
        method none operations params path payload query raw rel request response status success title type types url
        uri value version
        """,
    )
)
ATTRIBUTE_MEMBERS = frozenset(
    ["value", "object", "languageMap", "json", "vocab", "valueList", "objectList", "previousValue", "previousObject"]
)
TEXTS = {".json", ".jsonld", ".geojson"}
ROBOT = {".robot", ".resource"}

_WORD = re.compile(r"[A-Za-z][A-Za-z0-9_]{2,}")
_IN_TESTS = (
    re.compile(r"[\"'](\w+)[\"']\s*:\s*\{\s*[\"']type[\"']\s*:\s*[\"'](?:\w+Property|Property|Relationship)"),
    re.compile(r"[\"']type[\"']\s*:\s*[\"'](\w+)[\"']"),
)
_FILE = re.compile(r"[\w./@{}$ -]*\.(?:jsonld|json|geojson|py|resource|robot|conf|md)\b")
_VARIABLE = re.compile(r"[$@&%]\{")
_QUOTED = re.compile(r"'[^']*'|\"[^\"]*\"")
_NAMED = re.compile(r"[A-Za-z_]\w*=(?!=)")
_CELL = re.compile(r"(\s{2,}|\t+)")
#: keywords whose `word=value` are members of a dictionary, not names of arguments
_DICTIONARY = frozenset({"create dictionary", "set to dictionary"})


def rename(suite: Path, contexts: Iterable[Path], core: Mapping[str, Any], seed: int) -> dict[str, str]:
    """Rename in a copy of the suite and in its context documents, in place; return old name -> new name.

    `core`: the core context, whose terms are kept.
    """
    names = sorted(_names_of(suite, contexts) - _kept(core))
    words = _random_words(names, seed)
    substituted = _substitution(words)
    for file in _files(suite / "data", TEXTS):
        _rewrite(file, substituted)
    for file in (*_files(suite / "resources", TEXTS), *contexts):
        _rewrite(file, substituted)
    tests = [*_files(suite / "TP", ROBOT), *_files(suite / "resources", ROBOT)]
    keywords = {name for file in tests for name in _keywords_of(file)}
    for file in tests:
        _rewrite(file, lambda text: _robot(text, keywords, substituted))
    return words


def _files(folder: Path, endings: set[str]) -> list[Path]:
    return sorted(file for file in folder.rglob("*") if file.suffix in endings and file.is_file())


def _rewrite(file: Path, change: Callable[[str], str]) -> None:
    before = file.read_text("utf-8")
    after = change(before)
    if after != before:
        file.write_text(after, "utf-8")


# which names


def _names_of(suite: Path, contexts: Iterable[Path]) -> set[str]:
    found: set[str] = set()
    for file in (*_files(suite / "data", TEXTS), *contexts):
        try:
            said = json.loads(file.read_text("utf-8"))
        except ValueError:
            continue  # some payloads are broken on purpose
        _gather(said, found)
    for file in (*_files(suite / "TP", ROBOT), *_files(suite / "resources", ROBOT)):
        text = file.read_text("utf-8")
        for form in _IN_TESTS:
            found.update(form.findall(text))
    ends = {name.rpartition("#")[2].rpartition("/")[2] for name in found}
    return {name for name in ends if _WORD.fullmatch(name)}


def _gather(said: Any, found: set[str]) -> None:
    if isinstance(said, list):
        for one in said:
            _gather(one, found)
        return
    if not isinstance(said, dict):
        return
    for member, value in said.items():
        if member in {"type", "@type"}:
            found.update(one for one in (value if isinstance(value, list) else [value]) if isinstance(one, str))
        instances = value if isinstance(value, list) else [value]
        if any(isinstance(one, dict) and ATTRIBUTE_MEMBERS & one.keys() for one in instances):
            found.add(member)
        if member == "@context" and isinstance(value, dict):
            found.update(
                term for term, iri in value.items() if not isinstance(iri, str) or not iri.endswith(("/", "#"))
            )
        _gather(value, found)


def _kept(core: Mapping[str, Any]) -> set[str]:
    """Return the words of the standard: terms of the core context, what they stand for, and the API's own members."""
    terms = core["@context"]
    iris = {one["@id"] if isinstance(one, dict) else one for one in terms.values() if not isinstance(one, bool)}
    ends = {re.split(r"[:/#]", iri)[-1] for iri in iris if isinstance(iri, str)}
    return set(terms) | ends | API_WORDS


def _random_words(names: Iterable[str], seed: int) -> dict[str, str]:
    chance = random.Random(seed)
    words: dict[str, str] = {}
    for name in names:
        word = "".join(chance.choice("bdfgklmnprstvz" if place % 2 else "aeiou") for place in range(9))
        while word in words.values():
            word += chance.choice("xyz")
        words[name] = word.capitalize() if name[0].isupper() else word
    return words


# where they stand


def _substitution(words: dict[str, str]) -> Callable[[str], str]:
    either = "|".join(sorted(map(re.escape, words), key=len, reverse=True))
    token = re.compile(rf"(?:(?<![\w$-])|(?<=%[0-9A-Fa-f]{{2}}))(?:{either})(?![\w-])")
    return lambda text: token.sub(lambda match: words[match.group()], text)


def _keywords_of(file: Path) -> set[str]:
    names: set[str] = set()
    inside = False
    for line in file.read_text("utf-8").splitlines():
        if line.startswith("***"):
            inside = "keyword" in line.lower()
        elif inside and line[:1].strip() and not line.startswith("#"):
            names.add(line.strip().lower())
    return names


def _robot(text: str, keywords: set[str], substituted: Callable[[str], str]) -> str:
    lines, tests, quiet, dictionary = [], False, False, False
    for line in text.splitlines(keepends=True):
        if line.startswith("***"):
            tests = "test case" in line.lower() or "keyword" in line.lower()
            lines.append(line)
            continue
        cells = _CELL.split(line)
        going_on = any(cell.strip() == "..." for cell in cells[:3])
        lowered = {cell.strip().lower() for cell in cells}
        if not going_on:
            quiet = bool(lowered & {"[documentation]", "documentation", "[tags]", "test tags", "resource", "library"})
            dictionary = bool(lowered & _DICTIONARY)
        if quiet or line.startswith("#"):
            lines.append(line)
            continue
        for place, cell in enumerate(cells):
            is_name = tests and place == 0
            if not is_name and cell.strip() and cell.strip().lower() not in keywords:
                cells[place] = _cell(cell, substituted, members=dictionary)
        lines.append("".join(cells))
    return "".join(lines)


def _cell(cell: str, substituted: Callable[[str], str], *, members: bool) -> str:
    """Rename in one cell: not the name of an argument, not a file's, not a variable's, but what is quoted inside one."""
    named = None if members else _NAMED.match(cell)
    begin = named.group() if named else ""
    rest = cell[len(begin) :]
    if _FILE.fullmatch(rest.strip()):
        return cell
    return begin + "".join(_parts(rest, substituted))


def _parts(text: str, substituted: Callable[[str], str]) -> Iterable[str]:
    while (opened := _VARIABLE.search(text)) is not None:
        end, depth = opened.end(), 1
        while end < len(text) and depth:
            depth += {"{": 1, "}": -1}.get(text[end], 0)
            end += 1
        yield substituted(text[: opened.start()])
        yield _QUOTED.sub(lambda match: substituted(match.group()), text[opened.start() : end])
        text = text[end:]
    yield substituted(text)
