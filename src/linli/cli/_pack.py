"""`linli pack`: for those who write services: new, check, stories, test, reply, simulate, doc."""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Iterator
from pathlib import Path

from linli.base.errors import BadPack, StartError
from linli.packs import (
    BUILTIN,
    Pack,
    Packs,
    hear,
    load_pack,
    new_pack,
    page_of,
    play,
    simulate,
    simulated_table,
    story_files,
    with_answers,
)

from ._words import whole


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the words of `linli pack` to the command line."""
    pack = commands.add_parser("pack", help="services as data: start, check, try and describe a pack")
    kinds = pack.add_subparsers(dest="what", required=True)
    new = kinds.add_parser("new", help="write a small pack that passes, to be changed")
    new.add_argument("folder", type=Path, help="folder to make; its name is the key of the pack")
    new.set_defaults(run=_new)
    for name, run, text in (
        ("check", _check, "say what is wrong with packs, or their quality and what they lack for the next tier"),
        ("stories", _stories, "write the six stories of each call that has none, from the pack's own figures"),
        ("test", _test, "play the stories and the golden replies of packs on the real engine"),
        ("simulate", _simulate, "run a small day of each kind of call and say what became of the calls"),
        ("doc", _doc, "print the page of a pack, made from the pack"),
    ):
        one = kinds.add_parser(name, help=text)
        one.add_argument("folder", type=Path, nargs="*", help="folders of packs; default: all built-in ones")
        one.set_defaults(run=run)
        if name == "test":
            one.add_argument(
                "--golden", action="store_true", help="write the answers given now into tests/replies.toml"
            )
        if name in ("simulate", "doc"):
            one.add_argument("--seed", type=int, default=1, help="seed of the simulation")
            one.add_argument("--calls", type=whole(least=2), default=12, help="calls of each kind")
        if name == "doc":
            one.add_argument("--simulate", action="store_true", help="with the table of a simulation")
    reply = kinds.add_parser("reply", help="say what linli understands and answers")
    reply.add_argument("text")
    reply.add_argument("--language", choices=("zh", "en"), default="zh")
    reply.add_argument(
        "--with", dest="folder", type=Path, action="append", default=[], help="a pack beside the built-in"
    )
    reply.set_defaults(run=_reply)


def _new(options: argparse.Namespace) -> int:
    new_pack(options.folder)
    load_pack(options.folder)
    print(f"{options.folder / 'pack.toml'}: written. Change it, then: linli pack check {options.folder}")
    return 0


def _check(options: argparse.Namespace) -> int:
    faults = 0
    for folder in _folders(options):
        try:
            pack = load_pack(folder)
        except BadPack as error:
            faults += 1
            print(error.message)
            continue
        running = f"{len(pack.kinds)} run" + (f", {len(pack.waiting)} wait for their engine" if pack.waiting else "")
        print(f"{pack.key} {pack.version}: {pack.quality}. {len(pack.form.call)} calls: {running}.")
        for call, tier in pack.tiers.items():
            waits = f", waits for {pack.waiting[call]}" if call in pack.waiting else ""
            print(f"  {call}: {tier}{waits}")
        print(f"  for {'silver' if pack.quality == 'bronze' else 'gold'} it lacks:")
        print("\n".join(f"    {lack}" for lack in pack.missing))
    return 1 if faults else 0


def _stories(options: argparse.Namespace) -> int:
    for _, pack in _loaded(options):
        for name, text in story_files(pack).items():
            file = pack.folder.path / name
            file.parent.mkdir(exist_ok=True)
            file.write_text(text, "utf-8")
            print(f"{file}: written. Read it: does it say what you promise?")
    return 0


def _test(options: argparse.Namespace) -> int:
    failed = played = 0
    for packs, pack in _loaded(options):
        if options.golden:
            file = pack.folder.path / "tests" / "replies.toml"
            file.write_text(with_answers(packs, pack), "utf-8")
            print(f"{file}: written. Read it: is it true?")
            continue
        for what, faults in _tried(packs, pack):
            played += 1
            failed += bool(faults)
            print("\n".join(f"{what}: {fault}" for fault in faults) if faults else f"{what}: good")
    print(f"{played} tried, {failed} failed.")
    return 1 if failed else 0


def _tried(packs: Packs, pack: Pack) -> Iterator[tuple[str, list[str]]]:
    for file in pack.scenarios:
        for story in file.scenario:
            faults = asyncio.run(play(packs, pack, file.call, story)) if file.call in pack.kinds else []
            yield f"{file.call} {story.proves} “{story.title.en}”", faults
    for reply in pack.replies:
        heard = hear(packs, reply.say, reply.language)
        pairs = (
            ("call", reply.call, heard.call),
            ("urgency", reply.urgency, heard.urgency),
            ("answer", reply.answer, heard.answer),
        )
        yield f"“{reply.say}”", [f"{name}: {now!r}, not {wanted!r}." for name, wanted, now in pairs if now != wanted]


def _simulate(options: argparse.Namespace) -> int:
    for packs, pack in _loaded(options):
        found = asyncio.run(simulate(packs, pack, calls=options.calls, seed=options.seed))
        print(f"{pack.key} {pack.version}, seed {options.seed}")
        print("\n".join(simulated_table(found)))
        for key, (kept, counted, least) in found.kpis.items():
            share = f"{kept / counted:.1%}" if counted >= least else "too few calls"
            print(f"{key}: {kept} of {counted}, {share}")
    return 0


def _doc(options: argparse.Namespace) -> int:
    for packs, pack in _loaded(options):
        found = None
        if options.simulate:
            found = asyncio.run(simulate(packs, pack, calls=options.calls, seed=options.seed))
        print(page_of(pack, found), end="")
    return 0


def _reply(options: argparse.Namespace) -> int:
    packs = _joined(options.folder)
    heard = hear(packs, options.text, options.language)
    print(f"{heard.call or 'not understood'}, urgency {heard.urgency}: {heard.answer}")
    return 0


def _folders(options: argparse.Namespace) -> list[Path]:
    folders = options.folder or sorted(path.parent for path in BUILTIN.glob("*/pack.toml"))
    for folder in folders:
        if not folder.is_dir():
            raise StartError(f"{folder}: is no folder. Start one with `linli pack new {folder}`.")
    return list(folders)


def _loaded(options: argparse.Namespace) -> Iterator[tuple[Packs, Pack]]:
    """Yield each pack with all packs among which it stands: sentences are understood beside those of the others."""
    folders = _folders(options)
    packs = _joined(folders)
    for folder in folders:
        yield packs, packs.packs[folder.resolve().name]


def _joined(folders: list[Path]) -> Packs:
    own = [folder.resolve() for folder in folders]
    try:
        return Packs.load(one_by_one=own)
    except BadPack as error:
        alone = Packs.load(builtin=False, one_by_one=own)  # wrong itself: it says so here
        print(f"The others are left out, one is wrong: {error.message.splitlines()[0]}")
        return alone
