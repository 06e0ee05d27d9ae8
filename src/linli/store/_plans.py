"""Remembers how a question of the same form was asked lately: then nothing is counted and no SQL is put together.

Questions are of one form when they differ only in where they look, not in how large a box they look. What is remembered
may have become a longer way, never a wrong one, and is thought over again after some questions: after twice as many
each time that the same way was found again, up to a bound.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from math import frexp
from typing import Any, NamedTuple

from ._change import Box, Find
from ._finding import Finder, Query, Values

_FORMS_MAX = 1024
_TRUSTED, _TRUSTED_MAX = 16, 1024

_NOWHERE: Box = (0.0, 0.0, 0.0, 0.0)

#: runs a query and returns its one value
Ask = Callable[[str, Values], Awaitable[Any]]


class _Slot(NamedTuple):
    """The place of a value that is of one question only: the four of its box, the four of its ellipse, after, limit."""

    at: int


_BOX: Any = tuple(_Slot(at) for at in range(4))
_ELLIPSE: Any = tuple(_Slot(at) for at in range(4, 8))
_AFTER: Any = _Slot(8)
_LIMIT: Any = _Slot(9)


@dataclass(slots=True)
class _Plan:
    """A query with slots, how many questions may be asked so, and how many more."""

    sql: str
    values: Values
    trusted: int
    left: int


class Plans:
    """Belongs to one store."""

    def __init__(self, finder: Finder) -> None:
        """Think by `finder`."""
        self._finder = finder
        self._plans: dict[tuple[str, Find, tuple[int, int] | None, bool], _Plan] = {}

    async def page(self, tenant: str, find: Find, after: int, limit: int, ask: Ask) -> Query:
        """Return the query for one page; `ask` runs what must be counted first."""
        box, ellipse = find.box, find.ellipse
        anywhere = find if box is None else find._replace(box=None, ellipse=None)
        form = (tenant, anywhere, _size(box), ellipse is None)
        said = (*(box or _NOWHERE), *(ellipse or _NOWHERE), after, limit)
        plan = self._plans.get(form)
        if plan is None or not plan.left:
            plan = self._plans[form] = await self._thought(tenant, find, said, ask, plan)
            if len(self._plans) > _FORMS_MAX:
                self._plans.clear()
        plan.left -= 1
        return plan.sql, _filled(plan.values, said)

    async def _thought(self, tenant: str, find: Find, said: Values, ask: Ask, before: _Plan | None) -> _Plan:
        if find.box is not None:
            find = find._replace(box=_BOX, ellipse=find.ellipse and _ELLIPSE)
        planning = self._finder.planning(tenant, find, _AFTER)
        try:
            sql, values = next(planning)
            while True:
                sql, values = planning.send(await ask(sql, _filled(values, said)))
        except StopIteration as done:
            sql, values = done.value.select(_LIMIT)
            again = before is not None and before.sql == sql
            trusted = min(2 * before.trusted, _TRUSTED_MAX) if before and again else _TRUSTED
            return _Plan(sql, values, trusted, trusted)


def _size(box: Box | None) -> tuple[int, int] | None:
    """Return how wide and how high a box is, in powers of two of a degree."""
    if box is None:
        return None
    west, south, east, north = box
    return frexp(max(east - west, 1e-9))[1], frexp(max(north - south, 1e-9))[1]


def _filled(values: Values, said: Values) -> Values:
    return tuple([said[value.at] if type(value) is _Slot else value for value in values])
