"""Reads what stands in a pack's folder: the file itself, scenarios, golden replies, frames, samples, further languages.

Every fault is kept with its file, its line and its place, so that all of them can be told at once.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from linli.base import read_json
from linli.base.errors import BadPack, LinliError
from linli.vocab import Judge, Vocab

from ._form import BadForm, Both, Form, PackForm, read_form
from ._lines import Lines
from ._replies import RepliesForm, ReplyForm, reply_faults
from ._rules import faults_of, texts_of
from ._scenario import ScenariosForm, scenario_faults

FILE_BYTES_MAX = 1 << 20
FAULTS_SHOWN_MAX = 50
REPLIES = "replies.toml"

F = TypeVar("F")


class LanguageForm(Form):
    """A further language, `texts/<language>.toml`: place of a text in the pack -> the text."""

    schema: int
    texts: dict[str, str]


@dataclass(slots=True)
class Folder:
    """What was read of one pack. `texts`: language -> place of a text -> the text."""

    path: Path
    form: PackForm
    scenarios: list[ScenariosForm] = field(default_factory=list)
    replies: tuple[ReplyForm, ...] = ()
    frames: frozenset[str] = frozenset()
    samples: list[Mapping[str, Any]] = field(default_factory=list)
    texts: dict[str, dict[str, str]] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)

    def words(self, place: str, both: Both) -> dict[str, str]:
        """Return a text in all its languages."""
        more = {language: said[place] for language, said in self.texts.items() if place in said}
        return {**both.words(), **more}

    def whole_languages(self) -> list[str]:
        """Return the further languages in which no text is missing."""
        wanted = set(texts_of(self.form))
        return [language for language, said in self.texts.items() if wanted <= set(said)]


def read_folder(path: Path, vocab: Vocab) -> Folder:
    """Return the pack in a folder. Raises: BadPack: every fault with its file, line and place."""
    text = _text(path / "pack.toml", f"{path.name}/pack.toml")
    form = _formed(text, f"{path.name}/pack.toml", PackForm)
    folder = Folder(path, form)
    _note(folder, "pack.toml", text, faults_of(form, path.name, vocab))
    for read in (_scenarios, _replies, _samples, _languages):
        read(folder, vocab)
    folder.frames = frozenset(_frames(folder))
    if folder.faults:
        more = len(folder.faults) - FAULTS_SHOWN_MAX
        shown = folder.faults[:FAULTS_SHOWN_MAX]
        raise BadPack("\n".join(shown) + (f"\n… and {more} more." if more > 0 else ""))
    return folder


def read_toml(path: Path, place: str) -> dict[str, Any]:
    """Return the content of a TOML file. Raises: BadPack."""
    return _parsed(_text(path, place), place)


def _text(path: Path, place: str) -> str:
    try:
        if path.stat().st_size > FILE_BYTES_MAX:
            raise BadPack(f"{place}: a file of a pack holds at most {FILE_BYTES_MAX} bytes.")
        return path.read_text("utf-8")
    except OSError as error:
        raise BadPack(f"{place}: cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise BadPack(f"{place}: is not UTF-8: {error.reason}.") from error


def _parsed(text: str, place: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise BadPack(f"{place}: is not TOML: {error}.") from error


def _formed(text: str, place: str, form: type[F]) -> F:
    tree = _parsed(text, place)
    try:
        return read_form(tree, form)
    except BadForm as error:
        where = str(error).partition(": ")[0]
        raise BadPack(f"{place}:{Lines(text).line(where)}: {error}") from None


def _note(folder: Folder, file: str, text: str, faults: Iterator[tuple[str, str]] | list[tuple[str, str]]) -> None:
    lines: Lines | None = None
    for where, what in faults:
        lines = lines or Lines(text)
        folder.faults.append(f"{folder.path.name}/{file}:{lines.line(where)}: {where}: {what}")


def _each(folder: Folder, pattern: str, form: type[F]) -> Iterator[tuple[str, str, F]]:
    """Yield name, text and content of the files that fit, noting those that have not their form."""
    for path in sorted(folder.path.glob(pattern)):
        name = path.relative_to(folder.path).as_posix()
        if path.name == REPLIES and not pattern.endswith(REPLIES):
            continue
        try:
            text = _text(path, f"{folder.path.name}/{name}")
            yield name, text, _formed(text, f"{folder.path.name}/{name}", form)
        except BadPack as error:
            folder.faults.append(error.message)


def _scenarios(folder: Folder, _: Vocab) -> None:
    calls = {call.key: call for call in folder.form.call}
    targets = {ladder.key: frozenset(step.to for step in ladder.step) for ladder in folder.form.ladder}
    for name, text, one in _each(folder, "tests/*.toml", ScenariosForm):
        call = calls.get(one.call)
        told = targets.get(call.ladder, frozenset()) if call else frozenset()
        _note(folder, name, text, scenario_faults(one, frozenset(calls), told, desk=bool(call and call.by == "desk")))
        folder.scenarios.append(one)


def _replies(folder: Folder, _: Vocab) -> None:
    for name, text, one in _each(folder, f"tests/{REPLIES}", RepliesForm):
        _note(folder, name, text, reply_faults(one, frozenset(call.key for call in folder.form.call)))
        folder.replies = one.reply


def _frames(folder: Folder) -> Iterator[str]:
    for path in sorted(folder.path.glob("tests/frames/*.json")):
        place = f"{folder.path.name}/tests/frames/{path.name}"
        if _json(folder, path, place) is not None:
            yield path.stem


def _samples(folder: Folder, vocab: Vocab) -> None:
    judge = Judge(vocab)
    for path in sorted(folder.path.glob("samples/*.json")):
        place = f"{folder.path.name}/samples/{path.name}"
        said = _json(folder, path, place)
        for at, entity in enumerate(said if isinstance(said, list) else []):
            verdict = judge.verdict(entity)
            if verdict.passed:
                folder.samples.append(entity)
            found = [f"{fault.path or 'the entity'}: {fault.message}" for fault in verdict.faults]
            folder.faults += [f"{place}: [{at}].{one}" for one in found]
        if said is not None and not isinstance(said, list):
            folder.faults.append(f"{place}: a list of entities.")


def _languages(folder: Folder, _: Vocab) -> None:
    known = texts_of(folder.form)
    for name, text, one in _each(folder, "texts/*.toml", LanguageForm):
        language = Path(name).stem
        faults = [(f"texts.{place}", "is no text of this pack.") for place in one.texts if place not in known]
        if language in ("zh", "en"):
            faults.append(("texts", "zh and en stand in pack.toml."))
        _note(folder, name, text, faults)
        folder.texts[language] = one.texts


def _json(folder: Folder, path: Path, place: str) -> Any:
    try:
        return read_json(path.read_bytes(), bytes_max=FILE_BYTES_MAX)
    except (OSError, LinliError) as error:
        folder.faults.append(f"{place}: is not JSON ({error}).")
        return None
