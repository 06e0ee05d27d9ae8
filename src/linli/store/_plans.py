"""Remembers how a question of the same form was asked lately: then nothing is counted and no SQL is put together.

Questions are of one form when they differ only in where they look, not in how large a box they look. What is remembered
may have become a longer way, never a wrong one, and is thought over again after some questions.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from math import frexp
from typing import Any, NamedTuple

from ._change import Box, Find
from ._finding import Finder, Query, Values

_FORMS_MAX = 1024
_TRUSTED = 16

_NOWHERE: Box = (0.0, 0.0, 0.0, 0.0)

#: runs a query and returns its one value
Ask = Callable[[str, Values], Awaitable[Any]]


class _Slot(NamedTuple):
    """The place of a value that is of one question only: west, south, east, north, after, limit."""

    at: int


_BOX: Any = tuple(_Slot(at) for at in range(4))
_AFTER: Any = _Slot(4)
_LIMIT: Any = _Slot(5)


@dataclass(slots=True)
class _Plan:
    """A query with slots, and how many more questions may be asked so."""

    sql: str
    values: Values
    left: int


class Plans:
    """Belongs to one store."""

    def __init__(self, finder: Finder) -> None:
        """Think by `finder`."""
        self._finder = finder
        self._plans: dict[tuple[str, Find, tuple[int, int] | None], _Plan] = {}

    async def page(self, tenant: str, find: Find, after: int, limit: int, ask: Ask) -> Query:
        """Return the query for one page; `ask` runs what must be counted first."""
        form = (tenant, find if find.box is None else find._replace(box=None), _size(find.box))
        said = (*(find.box or _NOWHERE), after, limit)
        plan = self._plans.get(form)
        if plan is None or not plan.left:
            plan = self._plans[form] = await self._thought(tenant, find, said, ask)
            if len(self._plans) > _FORMS_MAX:
                self._plans.clear()
        plan.left -= 1
        return plan.sql, _filled(plan.values, said)

    async def _thought(self, tenant: str, find: Find, said: Values, ask: Ask) -> _Plan:
        planning = self._finder.planning(tenant, find if find.box is None else find._replace(box=_BOX), _AFTER)
        try:
            sql, values = next(planning)
            while True:
                sql, values = planning.send(await ask(sql, _filled(values, said)))
        except StopIteration as done:
            sql, values = done.value.select(_LIMIT)
            return _Plan(sql, values, _TRUSTED)


def _size(box: Box | None) -> tuple[int, int] | None:
    """Return how wide and how high a box is, in powers of two of a degree."""
    if box is None:
        return None
    west, south, east, north = box
    return frexp(max(east - west, 1e-9))[1], frexp(max(north - south, 1e-9))[1]


def _filled(values: Values, said: Values) -> Values:
    return tuple([said[value.at] if type(value) is _Slot else value for value in values])
