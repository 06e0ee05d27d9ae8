"""Settings: every one is declared here or by a room with `setting(...)`; `--set` > environment > linli.toml > default."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .errors import BadSetting


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting: its dotted name, default (whose type is the setting's type), and what it means in one sentence."""

    name: str
    default: Any
    text: str
    choices: tuple[str, ...] = ()

    @property
    def environment(self) -> str:
        """The environment variable that sets it: LINLI_SECTION__NAME."""
        return "LINLI_" + self.name.replace(".", "__").upper()


_DECLARED: dict[str, Setting] = {}


def setting(name: str, default: Any, text: str, choices: Sequence[str] = ()) -> str:
    """Declare a setting and return its name; each room declares its own at import."""
    _DECLARED[name] = Setting(name, default, text, tuple(choices))
    return name


class Settings:
    """The settings of one process, each with the place it came from."""

    def __init__(self, values: Mapping[str, Any] | None = None) -> None:
        """Take plain values for tests; `load` reads the real sources."""
        self._values: dict[str, Any] = {}
        self._sources: dict[str, str] = {}
        for name, value in (values or {}).items():
            self._put(name, value, "given")

    @classmethod
    def load(
        cls, file: Path | None, assignments: Sequence[str], environment: Mapping[str, str] = os.environ
    ) -> Settings:
        """Read the TOML file, the environment and `--set name=value`, the later winning.

        Raises: BadSetting: unknown name, wrong type, unreadable file.
        """
        settings = cls()
        if file is not None:
            settings._read_file(file)
        for declared in _DECLARED.values():
            if declared.environment in environment:
                settings._put(declared.name, environment[declared.environment], declared.environment)
        for assignment in assignments:
            name, equals, value = assignment.partition("=")
            if not equals:
                raise BadSetting(f"--set {assignment}: write it as --set name=value.")
            settings._put(name.strip(), value, "--set")
        return settings

    def __getitem__(self, name: str) -> Any:
        """Return the value of a declared setting."""
        return self._values[name] if name in self._values else _DECLARED[name].default

    def source(self, name: str) -> str:
        """Return where the value came from: default, the file, an environment variable, --set."""
        return self._sources.get(name, "default")

    @staticmethod
    def declared() -> list[Setting]:
        """Return all declared settings by name."""
        return [_DECLARED[name] for name in sorted(_DECLARED)]

    def _read_file(self, file: Path) -> None:
        try:
            tree = tomllib.loads(file.read_text("utf-8"))
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            raise BadSetting(f"{file}: cannot be read: {error}") from error
        for section, values in tree.items():
            if not isinstance(values, dict):
                raise BadSetting(f"{file}: {section} must stand in a section, like [store].")
            for name, value in values.items():
                self._put(f"{section}.{name}", value, str(file))

    def _put(self, name: str, value: Any, source: str) -> None:
        declared = _DECLARED.get(name)
        if declared is None:
            raise BadSetting(f"{source}: there is no setting {name}; `linli settings` lists them all.")
        self._values[name] = _converted(declared, value, source)
        self._sources[name] = source


def _converted(declared: Setting, value: Any, source: str) -> Any:
    wanted = type(declared.default)
    try:
        if isinstance(value, str) and wanted is not str:
            value = tomllib.loads(f"x = {value}")["x"]
        if wanted is float and isinstance(value, int) and not isinstance(value, bool):
            value = float(value)
    except tomllib.TOMLDecodeError as error:
        raise BadSetting(f"{source}: {declared.name} must be a {wanted.__name__}.") from error
    if type(value) is not wanted:
        raise BadSetting(f"{source}: {declared.name} must be a {wanted.__name__}, not {value!r}.")
    if wanted is list and not all(isinstance(one, str) for one in value):
        raise BadSetting(f'{source}: {declared.name} must be a list of texts, like ["one", "two"].')
    if declared.choices and value not in declared.choices:
        raise BadSetting(f"{source}: {declared.name} must be one of {', '.join(declared.choices)}.")
    return value
