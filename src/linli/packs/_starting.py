"""Starts a pack, and writes the answers of the golden replies that its author then reads."""

from __future__ import annotations

import re
from pathlib import Path

from linli.base import write_json
from linli.base.errors import StartError

from ._hearing import hear
from ._packs import HERE, Pack, Packs

TEMPLATE = HERE / "template.toml"
_KEY = re.compile(r"[a-z][a-z0-9_]{0,31}", re.ASCII)


def new_pack(folder: Path) -> None:
    """Write a small pack into a new folder. Raises: StartError: the folder is there, or its name cannot be a key."""
    if not _KEY.fullmatch(folder.name):
        raise StartError(f"{folder.name}: the key of a pack is small letters, digits and _, and begins with a letter.")
    if folder.exists():
        raise StartError(f"{folder}: is there already; nothing was written.")
    folder.mkdir(parents=True)
    area = folder.name.replace("_", "")[:16]
    (folder / "pack.toml").write_text(TEMPLATE.read_text("utf-8").format(key=folder.name, area=area), "utf-8")


def with_answers(packs: Packs, pack: Pack) -> str:
    """Return the pack's golden replies with what linli understands and answers now; from its sentences if it has none."""
    asked: list[tuple[str, str]] = [(reply.say, reply.language) for reply in pack.replies]
    if not asked:
        asked = [
            (sentences[0], language)
            for call in pack.form.call
            if call.say
            for language, sentences in (("zh", call.say.zh), ("en", call.say.en))
        ]
    lines = ["# What linli answers to what people say; `linli pack test` holds it to this.", "schema = 1"]
    for text, language in asked:
        heard = hear(packs, text, language)
        lines += [
            "",
            "[[reply]]",
            f"say = {_quoted(text)}",
            f'language = "{language}"',
            f'call = "{heard.call}"',
            f"urgency = {heard.urgency}",
            f"answer = {_quoted(heard.answer)}",
        ]
    return "\n".join(lines) + "\n"


def _quoted(text: str) -> str:
    return write_json(text).decode()
