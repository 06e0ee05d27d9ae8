"""Words for people, from texts/{zh,en}.toml; a test holds both files to the same keys."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib import resources
from typing import Any

LANGUAGES = ("zh", "en")


@cache
def texts(language: str) -> dict[str, str]:
    """Return all texts of a language, flat: "call.state.received" -> words."""
    name = language if language in LANGUAGES else LANGUAGES[0]
    source = resources.files(__package__).joinpath(f"texts/{name}.toml").read_text("utf-8")
    flat: dict[str, str] = {}
    _flatten(tomllib.loads(source), "", flat)
    return flat


def say(key: str, language: str, **facts: object) -> str:
    """Return the words of `key` with `facts` filled in; an unknown key is a defect and raises KeyError."""
    return texts(language)[key].format(**facts)


def both(key: str, **facts: Any) -> dict[str, str]:
    """Return {"zh": ..., "en": ...}; a fact that is itself such a pair is filled in by language."""
    return {
        language: say(key, language, **{n: f[language] if isinstance(f, dict) else f for n, f in facts.items()})
        for language in LANGUAGES
    }


def _flatten(tree: dict[str, Any], prefix: str, flat: dict[str, str]) -> None:
    for name, value in tree.items():
        if isinstance(value, dict):
            _flatten(value, f"{prefix}{name}.", flat)
        else:
            flat[prefix + name] = value
