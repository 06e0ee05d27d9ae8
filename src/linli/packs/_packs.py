"""All packs of a node: which are switched on, which kinds they make, here and in each area, now and as they were."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import entry_points
from importlib.util import find_spec
from pathlib import Path
from types import MappingProxyType
from typing import Any

import msgspec
import structlog

from linli.base import WorkTime
from linli.base.errors import BadPack
from linli.dispatch import Kind
from linli.vocab import Vocab, vocabulary

from ._files import Folder, read_folder, read_toml
from ._form import BadForm, CallForm, PackForm, read_form
from ._kept import Kept
from ._kinds import make_kind
from ._overrides import Overrides
from ._quality import Proofs, call_lacks, gold_lacks, pack_lacks, waits_for
from ._replies import ReplyForm
from ._rules import Known, figure_faults
from ._scenario import ScenariosForm

HERE = Path(__file__).parent
BUILTIN = HERE / "builtin"
URGENT = HERE / "urgent.toml"
GROUP = "linli.packs"

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Pack:
    """A pack that loaded. `quality` is computed, of the pack and of each call (`tiers`).

    `missing`: what it lacks for the next tier. `waiting`: call -> the engine it waits for.
    """

    key: str
    version: str
    title: dict[str, str]
    summary: dict[str, str]
    quality: str
    missing: tuple[str, ...]
    tiers: Mapping[str, str]
    kinds: Mapping[str, Kind]
    waiting: Mapping[str, str]
    scenarios: tuple[ScenariosForm, ...]
    replies: tuple[ReplyForm, ...]
    samples: tuple[Mapping[str, Any], ...]
    form: PackForm
    folder: Folder = field(repr=False)


@dataclass(frozen=True, slots=True)
class Sources:
    """Where packs come from, to be read again.

    `folders`: folders of packs beside the built-in ones; `one_by_one`: packs, each of which stands in for one of its key.
    """

    folders: tuple[Path, ...] = ()
    off: frozenset[str] = frozenset()
    builtin: bool = True
    overrides: Path | None = None
    work: WorkTime = field(default_factory=WorkTime)
    installed: bool = True
    one_by_one: tuple[Path, ...] = ()

    def pack_folders(self) -> list[Path]:
        """Return all folders of packs. Raises: BadPack: a folder is missing, or a name in `off` is no pack."""
        places = [*([BUILTIN] if self.builtin else []), *self.folders]
        found = [folder for place in places for folder in _pack_folders(place)]
        found += _installed() if self.installed else []
        unknown = sorted(self.off - {folder.name for folder in found})
        if unknown:
            raise BadPack(f"packs.off: there is no pack {', '.join(unknown)}.")
        named = {folder.name: folder for folder in self.one_by_one}
        kept = [folder for folder in found if folder.name not in self.off and folder.name not in named]
        return kept + list(named.values())

    def signature(self) -> int:
        """Return a number that changes when a file of a pack changes."""
        files = [file for folder in self.pack_folders() for file in sorted(folder.rglob("*")) if file.is_file()]
        files += [self.overrides] if self.overrides else []
        return hash(tuple((str(file), file.stat().st_mtime_ns, file.stat().st_size) for file in files))


class Packs:
    """All packs that are switched on: what dispatch asks for as `Kinds`, and what the pages show."""

    packs: Mapping[str, Pack]
    #: kind of call -> the kind, of all calls that dispatch carries out, as they are where no area says otherwise
    kinds: Mapping[str, Kind]
    #: call key -> the engine it waits for, which this release does not have
    waiting: Mapping[str, str]
    skills: Mapping[str, dict[str, str]]
    urgent_words: Mapping[str, int]

    def __init__(
        self,
        packs: Sequence[Pack],
        urgent_words: Mapping[str, int],
        vocab: Vocab | None = None,
        *,
        sources: Sources | None = None,
        overrides: Overrides | None = None,
    ) -> None:
        """Join packs. Raises: BadPack: two packs claim the same key, menu digit or skill; an area says what cannot be."""
        self.sources = sources or Sources()
        self.kept: Kept | None = None
        self._exact: dict[tuple[str, str], Kind] = {}
        self._vocab = vocab or vocabulary()
        self._put(packs, urgent_words, overrides or Overrides())

    @classmethod
    def load(
        cls,
        folders: Sequence[Path] = (),
        *,
        off: Collection[str] = (),
        builtin: bool = True,
        overrides: Path | None = None,
        work: WorkTime | None = None,
        one_by_one: Sequence[Path] = (),
    ) -> Packs:
        """Read the built-in packs, the installed ones and those in `folders`, one folder a pack, but none that is `off`.

        Raises: BadPack: a pack is wrong, with every fault and its place; or `off` names no pack.
        """
        own = tuple(one_by_one)
        work = work or WorkTime()
        sources = Sources(tuple(folders), frozenset(off), builtin, overrides, work, installed=builtin, one_by_one=own)
        return cls.read(sources)

    @classmethod
    def read(cls, sources: Sources) -> Packs:
        """Read all packs of `sources`. Raises: BadPack."""
        packs = [load_pack(folder, work=sources.work) for folder in sources.pack_folders()]
        overrides = Overrides.read(sources.overrides) if sources.overrides else Overrides()
        return cls(packs, read_urgent_words(), sources=sources, overrides=overrides)

    def take(self, newer: Packs) -> list[str]:
        """Go on with other packs from here on, and return the keys of kinds that are new, gone or otherwise.

        A running call goes on with the version it began with.
        """
        versions = {key: kind.pack_version for key, kind in self.kinds.items()}
        later = {key: kind.pack_version for key, kind in newer.kinds.items()}
        before = dict(self._exact)
        self._put(tuple(newer.packs.values()), newer.urgent_words, newer._overrides)
        self._exact = before | self._exact
        self.keep()
        return sorted(key for key in versions.keys() | later.keys() if versions.get(key) != later.get(key))

    def keep_in(self, kept: Kept) -> None:
        """Write down every exact version from here on, so that it is found again by a later process."""
        self.kept = kept
        self.keep()

    def keep(self) -> None:
        """Write down all versions that are offered now."""
        if self.kept is not None:
            self.kept.keep(self._exact.values())

    def exact(self) -> tuple[Kind, ...]:
        """Return every exact version that is known in this process."""
        return tuple(self._exact.values())

    def kind(self, key: str, *, version: str = "", scopes: Sequence[str] = ()) -> Kind | None:
        """Return a kind as it was in an exact version, or as it is where `scopes` are; None: it is not offered there."""
        if version:
            found = self._exact.get((key, version))
            if found is None and self.kept is not None and (found := self.kept.find(key, version)):
                self._exact[key, version] = found
            if found is not None:
                return found
        return self._kind_at(key, scopes) if self._overrides.areas and scopes else self.kinds.get(key)

    def way_out(self, key: str) -> str:
        """Say what somebody can do who asked for a kind that is not offered."""
        engine = self.waiting.get(key)
        if engine is None:
            return "GET /api/kinds lists what is."
        return f"it waits for the engine {engine}, which this release does not have. Ask the seat on duty instead."

    def _kind_at(self, key: str, scopes: Sequence[str]) -> Kind | None:
        kind = self.kinds.get(key)
        if kind is None:
            return None
        off, figures = self._overrides.at(key, kind.pack, scopes)
        if off:
            return None
        wanted = tuple(sorted(figures.items()))
        return self._variants[key, wanted] if wanted else kind

    def _put(self, packs: Sequence[Pack], urgent_words: Mapping[str, int], overrides: Overrides) -> None:
        _clashes(packs)
        self.packs = MappingProxyType({pack.key: pack for pack in packs})
        self.urgent_words = MappingProxyType(dict(urgent_words))
        self.kinds = MappingProxyType(_merged(pack.kinds for pack in packs))
        self.waiting = MappingProxyType(_merged(pack.waiting for pack in packs))
        own = {skill.key: skill.title.words() for pack in packs for skill in pack.form.skill}
        listed = {key: dict(words) for key, words in self._vocab.lists["skill"].codes.items()}
        self.skills = MappingProxyType({**listed, **own})
        self._overrides = overrides
        self._variants = self._made_otherwise(overrides)
        self._exact = {(kind.key, kind.pack_version): kind for kind in (*self.kinds.values(), *self._variants.values())}

    def _made_otherwise(self, overrides: Overrides) -> dict[tuple[str, Any], Kind]:
        """Return the kinds with other figures. Raises: BadPack: what an area says is wrong, with every place."""
        calls = {call.key: pack.key for pack in self.packs.values() for call in pack.form.call}
        faults = overrides.faults(calls, self.packs.keys())
        made: dict[tuple[str, Any], Kind] = {}
        for area in [] if faults else overrides.areas:
            for key in sorted({name.rpartition(".")[0] for name in area.figures} & self.kinds.keys()):
                pack = self.packs[calls[key]]
                figures = overrides.at(key, pack.key, [area.scope])[1]
                call, wrong = _otherwise(pack, key, figures)
                faults += [f"area ({area.scope}).figures: {key}.{where}: {what}" for where, what in wrong]
                if not wrong:
                    known = Known(pack.form, self._vocab)
                    made[key, tuple(sorted(figures.items()))] = make_kind(pack.folder, call, known, self.sources.work)
        if faults:
            raise BadPack("\n".join(f"packs.overrides: {fault}" for fault in faults))
        return made


def load_pack(path: Path, vocab: Vocab | None = None, *, work: WorkTime | None = None) -> Pack:
    """Return the pack in a folder. Raises: BadPack: it is wrong; the message lists every fault with its place."""
    vocab = vocab or vocabulary()
    folder = read_folder(path, vocab)
    form, known = folder.form, Known(folder.form, vocab)
    if (path / "hooks.py").exists():
        _log.warning("packs.hooks.ignored", pack=form.key)
    waiting = {call.key: engine for call in form.call if (engine := waits_for(form, call))}
    proofs = _proofs(folder)
    lacking = {call.key: tuple(call_lacks(form, call, proofs)) for call in form.call}
    short = [lack for key, lacks in lacking.items() if key not in waiting for lack in lacks]
    short += pack_lacks(form, proofs)
    if len(waiting) == len(form.call):
        short.append("no call can run yet: all wait for their engine")
    return Pack(
        key=form.key,
        version=form.version,
        title=folder.words("title", form.title),
        summary=folder.words("summary", form.summary),
        quality="bronze" if short else "silver",
        missing=tuple(short or gold_lacks(proofs)),
        tiers={key: "bronze" if lacks else "silver" for key, lacks in lacking.items()},
        kinds={
            call.key: make_kind(folder, call, known, work or WorkTime())
            for call in form.call
            if call.key not in waiting
        },
        waiting=waiting,
        scenarios=tuple(folder.scenarios),
        replies=folder.replies,
        samples=tuple(folder.samples),
        form=form,
        folder=folder,
    )


def read_urgent_words() -> dict[str, int]:
    """Return the words that make any call urgent. Raises: BadPack: the built-in list is wrong."""
    tree = read_toml(URGENT, URGENT.name)
    try:
        words = read_form(tree.get("words"), dict[str, int])
    except BadForm as error:
        raise BadPack(f"{URGENT.name}: words: {error}") from None
    for word, level in words.items():
        if level not in (2, 3) or not word.strip() or word != word.lower():
            raise BadPack(f"{URGENT.name}: {word!r}: small letters, and 2 (urgent) or 3 (life).")
    return words


def _proofs(folder: Folder) -> Proofs:
    proved: dict[str, set[str]] = {}
    for one in folder.scenarios:
        proved.setdefault(one.call, set()).update(story.proves for story in one.scenario)
    return Proofs(
        proved=proved,
        frames=folder.frames,
        replied={(reply.call, reply.language) for reply in folder.replies if reply.answer},
        samples=len(folder.samples),
        languages=folder.whole_languages(),
        hooks=(folder.path / "hooks.py").exists(),
    )


def _otherwise(pack: Pack, key: str, figures: Mapping[str, Any]) -> tuple[CallForm, list[tuple[str, str]]]:
    """Return a call with other figures, and what is wrong with it then."""
    call = next(call for call in pack.form.call if call.key == key)
    try:
        changed = read_form(msgspec.to_builtins(call) | dict(figures), CallForm)
    except BadForm as error:
        where, _, what = str(error).partition(": ")
        return call, [(where, what)]
    return changed, list(figure_faults(changed, pack.form))


def _pack_folders(place: Path) -> list[Path]:
    if not place.is_dir():
        raise BadPack(f"packs.dir: there is no folder {place.name}.")
    return sorted(path.parent for path in place.glob("*/pack.toml"))


def _installed() -> list[Path]:
    """Return the folders of packs that other distributions bring, by entry points; nothing of theirs is run."""
    found = []
    for point in entry_points(group=GROUP):
        spec = find_spec(point.module.partition(".")[0])
        places = spec.submodule_search_locations if spec else None
        folder = Path(next(iter(places)), *point.module.split(".")[1:]) if places else None
        if folder is None or not (folder / "pack.toml").is_file():
            raise BadPack(f"The entry point {point.name} of {GROUP} leads to no folder with a pack.toml.")
        found.append(folder)
    return sorted(found)


def _merged(parts: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    return {key: value for part in parts for key, value in part.items()}


def _clashes(packs: Sequence[Pack]) -> None:
    """Hold packs apart. Raises: BadPack: naming both packs and what they both claim."""
    seen: dict[tuple[str, str], str] = {}
    titles: dict[str, tuple[str, dict[str, str]]] = {}
    for pack in packs:
        shorts = [("short", call.short) for call in pack.form.call if call.short]
        calls = [("call", key) for key in (*pack.kinds, *pack.waiting)]
        for what, value in [("key", pack.key), *calls, *shorts]:
            if (what, value) in seen:
                raise BadPack(f"{pack.key}/pack.toml: {what} {value}: already taken by {seen[what, value]}.")
            seen[what, value] = pack.key
        for skill in pack.form.skill:
            first, title = titles.setdefault(skill.key, (pack.key, skill.title.words()))
            if title != skill.title.words():
                raise BadPack(f"{pack.key}/pack.toml: skill {skill.key}: {first} gives it another title.")
