"""Small filters of a pack: `ack_s<=60&state==done` over a call's figures, `dailyCheck==true` over an entity's values."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

_PART = re.compile(r"([a-zA-Z][A-Za-z0-9_]*)(<=|>=|==|!=|<|>)([^\s&;<>=!]+)", re.ASCII)
_COMPARE: Mapping[str, Callable[[Any, Any], bool]] = {
    "<=": operator.le,
    ">=": operator.ge,
    "<": operator.lt,
    ">": operator.gt,
    "==": operator.eq,
    "!=": operator.ne,
}


Value: TypeAlias = str | float | bool


@dataclass(frozen=True, slots=True)
class Filter:
    """Comparisons that all must hold; none at all (`all`) holds always."""

    parts: tuple[tuple[str, str, Value], ...]

    @classmethod
    def read(cls, text: str) -> Filter | None:
        """Read `all`, or comparisons joined by & or ;. None: it is no filter."""
        if text in ("", "all"):
            return cls(())
        found = [_PART.fullmatch(part) for part in re.split("[&;]", text)]
        if any(part is None for part in found):
            return None
        return cls(tuple((part[1], part[2], _value(part[3])) for part in found if part))

    @property
    def names(self) -> tuple[str, ...]:
        """What is compared."""
        return tuple(name for name, _, _ in self.parts)

    def holds(self, values: Mapping[str, Any]) -> bool:
        """Tell whether all comparisons hold: of a list one value is enough, and for `!=` none may be equal.

        With a value that is missing, or of another kind, only `!=` holds.
        """
        return all(_holds(values.get(name), op, wanted) for name, op, wanted in self.parts)


def _holds(found: Any, op: str, wanted: Value) -> bool:
    if isinstance(found, list):
        some = any(_holds(one, "==" if op == "!=" else op, wanted) for one in found)
        return some != (op == "!=")
    alike = type(found) is type(wanted) or (_is_number(found) and _is_number(wanted))
    return bool(_COMPARE[op](found, wanted)) if alike else op == "!="


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _value(text: str) -> Value:
    if text in ("true", "false"):
        return text == "true"
    try:
        return float(text)
    except ValueError:
        return text
