"""Reads pack folders, refuses wrong ones whole, and turns the rest into the kinds that dispatch knows."""

from __future__ import annotations

import tomllib
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import structlog

from linli.base.errors import BadPack
from linli.dispatch import Kind, Rung
from linli.vocab import Vocab, vocabulary

from ._form import BadForm, CallForm, PackForm, read_form
from ._quality import missing_for_silver
from ._rules import Known, faults_of
from ._scenario import ScenariosForm, scenario_faults

HERE = Path(__file__).parent
BUILTIN = HERE / "builtin"
URGENT = HERE / "urgent.toml"
PACK_BYTES_MAX = 1 << 20
FAULTS_SHOWN_MAX = 50

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Pack:
    """A pack that loaded. `quality` is computed: bronze or silver; `missing` says what it lacks for the next tier."""

    key: str
    version: str
    title: dict[str, str]
    summary: dict[str, str]
    quality: str
    missing: tuple[str, ...]
    kinds: Mapping[str, Kind]
    waiting: Mapping[str, str]
    scenarios: tuple[ScenariosForm, ...]
    form: PackForm


class Packs:
    """All packs that are switched on: what dispatch asks for as `Kinds`, and what the pages show."""

    def __init__(self, packs: Sequence[Pack], urgent_words: Mapping[str, int], vocab: Vocab | None = None) -> None:
        """Join packs. Raises: BadPack: two packs claim the same key, menu digit or skill."""
        self.packs: Mapping[str, Pack] = MappingProxyType({pack.key: pack for pack in packs})
        self.urgent_words: Mapping[str, int] = MappingProxyType(dict(urgent_words))
        _clashes(packs)
        #: kind of call -> the kind, of all calls that dispatch carries out
        self.kinds: Mapping[str, Kind] = MappingProxyType(_merged(pack.kinds for pack in packs))
        #: call key -> the engine it waits for, which this release does not have
        self.waiting: Mapping[str, str] = MappingProxyType(_merged(pack.waiting for pack in packs))
        own = {skill.key: skill.title.words() for pack in packs for skill in pack.form.skill}
        listed = (vocab or vocabulary()).lists["skill"].codes
        self.skills: Mapping[str, dict[str, str]] = MappingProxyType({**{k: dict(t) for k, t in listed.items()}, **own})

    @classmethod
    def load(cls, folders: Sequence[Path] = (), *, off: Collection[str] = (), builtin: bool = True) -> Packs:
        """Read the built-in packs and those in `folders`, one folder a pack, but none whose key is in `off`.

        Raises: BadPack: a pack is wrong, with every fault and its place; or `off` names no pack.
        """
        places = [BUILTIN, *folders] if builtin else list(folders)
        found = [folder for place in places for folder in _pack_folders(place)]
        unknown = sorted(set(off) - {folder.name for folder in found})
        if unknown:
            raise BadPack(f"packs.off: there is no pack {', '.join(unknown)}.")
        return cls([load_pack(folder) for folder in found if folder.name not in off], read_urgent_words())


def load_pack(folder: Path, vocab: Vocab | None = None) -> Pack:
    """Return the pack in `folder`. Raises: BadPack: it is wrong; the message lists every fault with its place."""
    vocab = vocab or vocabulary()
    place = f"{folder.name}/pack.toml"
    try:
        form = read_form(_toml(folder / "pack.toml", place), PackForm)
    except BadForm as error:
        raise BadPack(f"{place}: {error}") from None
    faults = [f"{place}: {where}: {what}" for where, what in faults_of(form, folder.name, vocab)]
    scenarios = tuple(_scenarios(folder, form, faults))
    if faults:
        more = len(faults) - FAULTS_SHOWN_MAX
        raise BadPack("\n".join(faults[:FAULTS_SHOWN_MAX]) + (f"\n… and {more} more." if more > 0 else ""))
    return _pack(folder, form, scenarios, Known(form, vocab))


def read_urgent_words() -> dict[str, int]:
    """Return the words that make any call urgent. Raises: BadPack: the built-in list is wrong."""
    tree = _toml(URGENT, URGENT.name)
    try:
        words = read_form(tree.get("words"), dict[str, int])
    except BadForm as error:
        raise BadPack(f"{URGENT.name}: words: {error}") from None
    for word, level in words.items():
        if level not in (2, 3) or not word.strip() or word != word.lower():
            raise BadPack(f"{URGENT.name}: {word!r}: small letters, and 2 (urgent) or 3 (life).")
    return words


def _pack(folder: Path, form: PackForm, scenarios: tuple[ScenariosForm, ...], known: Known) -> Pack:
    hooks = (folder / "hooks.py").exists()
    if hooks:
        _log.warning("packs.hooks.ignored", pack=form.key)
    proved = {one.call: {story.proves for story in one.scenario} for one in scenarios}
    frames = {path.stem for path in (folder / "tests" / "frames").glob("*")}
    missing = tuple(missing_for_silver(form, proved, frames, hooks=hooks))
    engines = {call.key: call.engine or form.engine for call in form.call}
    return Pack(
        key=form.key,
        version=form.version,
        title=form.title.words(),
        summary=form.summary.words(),
        quality="bronze" if missing else "silver",
        missing=missing,
        kinds={call.key: _kind(form, call, known) for call in form.call if engines[call.key] == "dispatch"},
        waiting={key: engine for key, engine in engines.items() if engine != "dispatch"},
        scenarios=scenarios,
        form=form,
    )


def _kind(pack: PackForm, call: CallForm, known: Known) -> Kind:
    return Kind(
        key=call.key,
        pack=pack.key,
        pack_version=pack.version,
        title=call.title.words(),
        urgency=call.urgency,
        skills=call.skills,
        arrive_within_min=call.arrive_within_min or 60.0,
        answer_within_min=call.answer_within_min,
        service_min=call.service_min,
        ladder=tuple(
            Rung(step.after_s, known.base(step.to), step.via, step.repeat_s, step.until)
            for step in known.ladders[call.ladder].step
        ),
        channels=call.channels,
        callers=tuple(dict.fromkeys(known.base(one) for one in call.callers)),
        evidence=call.evidence,
        confirm=call.confirm,
        rate=call.rate,
        words=call.words,
        summary=call.summary.words(),
        icon=call.icon,
        short=call.short,
    )


def _scenarios(folder: Path, form: PackForm, faults: list[str]) -> Iterator[ScenariosForm]:
    calls = {call.key: call for call in form.call}
    targets = {ladder.key: frozenset(step.to for step in ladder.step) for ladder in form.ladder}
    for path in sorted((folder / "tests").glob("*.toml")):
        place = f"{folder.name}/tests/{path.name}"
        try:
            one = read_form(_toml(path, place), ScenariosForm)
        except BadForm as error:
            faults.append(f"{place}: {error}")
            continue
        call = calls.get(one.call)
        told = targets.get(call.ladder, frozenset()) if call else frozenset()
        faults += [f"{place}: {fault}" for fault in scenario_faults(one, frozenset(calls), told)]
        yield one


def _pack_folders(place: Path) -> list[Path]:
    if not place.is_dir():
        raise BadPack(f"packs.dir: there is no folder {place.name}.")
    return sorted(path.parent for path in place.glob("*/pack.toml"))


def _toml(path: Path, place: str) -> dict[str, Any]:
    try:
        if path.stat().st_size > PACK_BYTES_MAX:
            raise BadPack(f"{place}: a file of a pack holds at most {PACK_BYTES_MAX} bytes.")
        return tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise BadPack(f"{place}: cannot be read: {error.strerror}.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BadPack(f"{place}: is not TOML: {error}.") from error


def _merged(parts: Any) -> dict[str, Any]:
    return {key: value for part in parts for key, value in part.items()}


def _clashes(packs: Sequence[Pack]) -> None:
    """Hold packs apart. Raises: BadPack: naming both packs and what they both claim."""
    seen: dict[tuple[str, str], str] = {}
    titles: dict[str, tuple[str, dict[str, str]]] = {}
    for pack in packs:
        shorts = [("short", kind.short) for kind in pack.kinds.values() if kind.short]
        calls = [("call", key) for key in (*pack.kinds, *pack.waiting)]
        for what, value in [("key", pack.key), *calls, *shorts]:
            if (what, value) in seen:
                raise BadPack(f"{pack.key}/pack.toml: {what} {value}: already taken by {seen[what, value]}.")
            seen[what, value] = pack.key
        for skill in pack.form.skill:
            first, title = titles.setdefault(skill.key, (pack.key, skill.title.words()))
            if title != skill.title.words():
                raise BadPack(f"{pack.key}/pack.toml: skill {skill.key}: {first} gives it another title.")
