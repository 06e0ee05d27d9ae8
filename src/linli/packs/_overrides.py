"""What is otherwise in one area: calls that are off there, and other figures; a file that `packs.overrides` names.

    schema = 1
    [[area]]
    scope = "/cn/r37/r3701/r370102"
    off = ["elder.meal", "shopping"]
    [area.figures]
    "elder.sos.arrive_within_min" = 10
    "gov.case.done_within" = "5 wd"

The finest area that says something of a call counts. Nothing but figures can be otherwise: what a call is, who may ask and
what is kept of it is the same everywhere.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import msgspec

from linli.base import within_scope
from linli.base.errors import BadPack

from ._files import read_toml
from ._form import BadForm, Form, read_form

#: the figures of a call that an area may have otherwise
FIGURES = ("answer_within_min", "arrive_within_min", "done_within", "service_min", "reserve")


class AreaForm(Form):
    """One area."""

    scope: str
    off: tuple[str, ...] = ()
    figures: dict[str, float | str] = msgspec.field(default_factory=dict)


class OverridesForm(Form):
    """The whole file."""

    schema: Literal[1]
    area: tuple[AreaForm, ...] = ()


@dataclass(frozen=True, slots=True)
class Overrides:
    """All areas in which something is otherwise, the finest first."""

    areas: tuple[AreaForm, ...] = ()

    @classmethod
    def read(cls, path: Path) -> Overrides:
        """Read a file. Raises: BadPack: with the place in it."""
        try:
            form = read_form(read_toml(path, path.name), OverridesForm)
        except BadForm as error:
            raise BadPack(f"{path.name}: {error}") from None
        return cls(tuple(sorted(form.area, key=lambda area: -area.scope.count("/"))))

    def faults(self, calls: Mapping[str, str], packs: Collection[str]) -> list[str]:
        """Return what is wrong: names that no pack has, and figures that cannot be otherwise. `calls`: call -> pack."""
        faults = []
        for at, area in enumerate(self.areas):
            place = f"area[{at}] ({area.scope})"
            faults += [f"{place}.off: there is no {name}." for name in area.off if name not in {*calls, *packs}]
            for name in area.figures:
                call, _, figure = name.rpartition(".")
                if call not in calls:
                    faults.append(f"{place}.figures: {name}: there is no call {call or name}.")
                elif figure not in FIGURES:
                    faults.append(f"{place}.figures: {name}: only {', '.join(FIGURES)} can be otherwise.")
        return faults

    def at(self, call: str, pack: str, scopes: Sequence[str]) -> tuple[bool, dict[str, float | str]]:
        """Return whether a call is off in any of the areas that hold `scopes`, and its figures there."""
        figures: dict[str, float | str] = {}
        off = False
        for area in self.areas:
            if not any(within_scope(scope, area.scope) for scope in scopes):
                continue
            off = off or call in area.off or pack in area.off
            for name, figure in area.figures.items():
                if name.rpartition(".")[0] == call:
                    figures.setdefault(name.rpartition(".")[2], figure)
        return off, figures
