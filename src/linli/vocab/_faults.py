"""What can be wrong with an entity, in both languages: the words stand in faults.toml, one entry a rule."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from typing import NamedTuple

Facts = Mapping[str, object]
_NO_FACTS: Facts = {}


class Wrong(NamedTuple):
    """What a check found: the rule that was broken, what the rule allows, and where inside the value (`.zh`, `[3]`).

    A fact may be a pair {"zh", "en"}; it is then told in the language that is asked for. Never the value itself.
    """

    rule: str
    facts: Facts = _NO_FACTS
    at: str = ""


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with an entity: where, and which rule says so. Never holds the value itself."""

    path: str
    rule: str
    facts: Facts = field(default_factory=dict)

    @property
    def message(self) -> str:
        """Say in English what is allowed."""
        return self.said("en")

    def said(self, language: str) -> str:
        """Say in zh or en what is allowed."""
        return told(self.rule, language, self.facts)


def told(rule: str, language: str, facts: Facts = _NO_FACTS) -> str:
    """Return the words of a rule. Raises: KeyError: there is no such rule, which is a defect."""
    said = {name: fact[language] if isinstance(fact, dict) else fact for name, fact in facts.items()}
    return fault_words()[rule][language].format(**said)


@cache
def fault_words() -> Mapping[str, Mapping[str, str]]:
    """Return the words of all rules: rule -> {"zh", "en"}."""
    return tomllib.loads(resources.files(__package__).joinpath("faults.toml").read_text("utf-8"))
