"""Turns a Find into SQL that begins at the narrowest way in.

The ways in, best first: ids, keys, box, scopes, types. When several are given, a bounded count tells how many rows each
would yield; the first with at most `_NARROW` is taken at once, else the smallest. When all are broader than `_PROBED`
(or there is but one), one that yields rows in their order is walked, so that a page ends as soon as it is full. The
other parts are checked on each row. The order of the join is forced (CROSS JOIN, row IN, unary +): the planner left alone drives a box query from
the type index, forty times slower.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, replace
from typing import Any, cast

import orjson

from ._change import Box, Find, Look
from ._checks import scope_key
from ._queries import queries

_SQL = queries("read")
_NARROW = 500
_PROBED = 20_000

Values = tuple[Any, ...]
Query = tuple[str, Values]
#: Runs a counting query and returns its number.
Probe = Callable[[str, Values], int]


@dataclass(frozen=True, slots=True)
class _Way:
    """One way in: a query of rows; the same as a check on a row `e`; and, where it has one, a walk in order of row.

    `number`: a quicker way to know how many rows it yields than to count them.
    """

    rows: str
    rows_values: Values
    check: str
    check_values: Values
    walk: str = ""
    walk_values: Values = ()
    number: str = ""
    is_of_tenant: bool = True
    needs_entity: bool = False

    def as_rows(self) -> _Way:
        """Return the same way, checked by gathering all its rows once: quicker when very many are to be checked."""
        if self.is_of_tenant and not self.needs_entity:
            return self
        check = _SQL["is_of_rows"].format(rows=self.rows)
        return replace(self, check=check, check_values=self.rows_values, needs_entity=False)


@dataclass(frozen=True, slots=True)
class Plan:
    """The body of a query, from FROM on, and its values; `order` is the column that already runs in order of row."""

    body: str
    values: Values
    order: str = "e.row"

    def select(self, limit: int) -> Query:
        """Return the query for one page of entities."""
        return f"SELECT {_SQL['columns']} {self.body} ORDER BY {self.order} LIMIT ?", (*self.values, limit)

    def count(self) -> Query:
        """Return the query for their number."""
        return f"SELECT count(*) {self.body}", self.values


#: Asks counting queries, is sent their numbers, and returns the plan.
Planning = Generator[Query, int, Plan]


class Finder:
    """Plans for one engine. `sql`: its queries; `listed`: how it takes a list of texts as one value."""

    def __init__(self, sql: Mapping[str, str], listed: Callable[[tuple[str, ...]], Any]) -> None:
        """Plan with the fragments of an engine."""
        self._sql = sql
        self._list = listed

    def plan(self, tenant: str, find: Find, after: int, probe: Probe) -> Plan:
        """Return how to find one page."""
        return _answered(self.planning(tenant, find, after), probe)

    def planning(self, tenant: str, find: Find, after: int) -> Planning:
        """Plan how to find one page."""
        plan = yield from self._planning(tenant, find, after)
        return self._with_looks(plan, find)

    def among(self, tenant: str, find: Find) -> Query:
        """Return how to find what is wanted, but for its place, among rows; these come first of the values, as a list."""
        ways = self._page_ways(tenant, find._replace(box=None, ellipse=None))
        plan = self._with_looks(self._with_checks(self._sql["from_listed"], (tenant,), ways), find)
        return f"SELECT {self._sql['columns']} {plan.body} ORDER BY {plan.order}", plan.values

    def _planning(self, tenant: str, find: Find, after: int) -> Planning:
        ways = self._page_ways(tenant, find)
        if find.ids or not ways:
            return self._plan_without_way(tenant, find, after, ways)
        way, number = yield from self._narrowest(ways)
        if number >= _PROBED:
            way = next((w for w in ways if w.walk), way)
            if way.walk:
                return self._with_checks(way.walk, (*way.walk_values, after), ways, way, order="d.row")
        return self._with_checks(
            self._sql["from_rows"].format(rows=way.rows), (*way.rows_values, after, tenant), ways, way
        )

    def planning_count(self, tenant: str, find: Find) -> Planning:
        """Plan how to count all; the entities themselves are read only where a check needs them."""
        ways = self._ways(tenant, find._replace(ellipse=None))
        if find.ids or not ways:
            return self._plan_without_way(tenant, find, 0, ways)
        way, number = yield from self._narrowest(ways)
        if number >= _PROBED:
            way = next((w for w in ways if w.walk), way)
            ways = [other if other is way else other.as_rows() for other in ways]
        if way.is_of_tenant and not any(other.needs_entity for other in ways if other is not way):
            rows = way.rows if way.walk else self._sql["rows_once"].format(rows=way.rows)
            return self._with_checks(self._sql["from_rows_alone"].format(rows=rows), way.rows_values, ways, way)
        return self._with_checks(self._sql["from_rows"].format(rows=way.rows), (*way.rows_values, 0, tenant), ways, way)

    def _plan_without_way(self, tenant: str, find: Find, after: int, ways: list[_Way]) -> Plan:
        if find.ids:
            return self._with_checks(self._sql["from_ids"], (tenant, self._list(find.ids), after), ways)
        return Plan(self._sql["from_all"], (after, tenant))

    def _narrowest(self, ways: list[_Way]) -> Generator[Query, int, tuple[_Way, int]]:
        """Return the narrowest way and about how many rows it yields; a single way is not probed."""
        best, least = ways[0], _PROBED + 1
        if len(ways) == 1:
            return best, least
        for way in ways:
            number = min((yield self._probe(way, least)), _PROBED)
            if number < least:
                best, least = way, number
            if number <= _NARROW:
                break
        return best, least

    def _probe(self, way: _Way, enough: int) -> Query:
        """Return the query that counts what a way yields, or says that it is `enough` not to take it."""
        if way.number:
            return way.number, way.rows_values
        return self._sql["probe"].format(rows=way.rows), (*way.rows_values, min(enough, _PROBED))

    def _with_checks(
        self, body: str, values: Values, ways: list[_Way], way: _Way | None = None, order: str = "e.row"
    ) -> Plan:
        """Add the checks of all ways but the one taken."""
        rest = [other for other in ways if other is not way]
        checks = "".join(f" AND {other.check}" for other in rest)
        return Plan(body + checks, (*values, *(value for other in rest for value in other.check_values)), order)

    def _with_looks(self, plan: Plan, find: Find) -> Plan:
        looks = [self._look(look) for look in find.looks] if "look" in self._sql else []
        checks = "".join(f" AND {check}" for check, _ in looks)
        return replace(
            plan, body=plan.body + checks, values=(*plan.values, *(one for _, look in looks for one in look))
        )

    def _look(self, look: Look) -> Query:
        """Return the check of a look into the document, for an engine that has one."""
        path = "$" + "".join(f'."{key}"' for key in look.path)
        inside = f'{path}[0]."{look.member}"'
        plain: str = self._sql["look_number"]
        values: Values = (inside, look.low, look.high)
        if look.texts:
            plain, values = f"{plain} OR {self._sql['look_text']}", (*values, inside, self._list(look.texts))
        return self._sql["look"].format(plain=plain), (*values, inside, path)

    def _page_ways(self, tenant: str, find: Find) -> list[_Way]:
        """Return the ways in to a page: its entities are read anyhow, so a single type is checked on them."""
        ways = self._ways(tenant, find)
        if len(find.types) == 1 and "is_of_type" in self._sql:
            name = orjson.dumps(find.types[0]).decode()
            ways[-1] = replace(ways[-1], check=self._sql["is_of_type"], check_values=(name,), needs_entity=True)
        return ways

    def _ways(self, tenant: str, find: Find) -> list[_Way]:
        ways = [self._key_way(tenant, name, values) for name, values in find.keys]
        if find.box is not None:
            ways.append(self._box_way(find.box, find.ellipse))
        if find.scopes:
            ways.append(self._scope_way(tenant, find.scopes))
        if find.types:
            ways.append(self._type_way(tenant, find.types))
        return ways

    def _key_way(self, tenant: str, name: str, wanted: tuple[str, ...]) -> _Way:
        values = (tenant, name, self._list(wanted))
        walk = (self._sql["from_key"], (tenant, name, wanted[0])) if len(wanted) == 1 else ("", ())
        return _Way(self._sql["rows_of_key"], values, self._sql["is_of_key"], values, *walk)

    def _type_way(self, tenant: str, wanted: tuple[str, ...]) -> _Way:
        values = (tenant, self._list(wanted))
        walk, walk_values = (self._sql["from_type"], (tenant, wanted[0])) if len(wanted) == 1 else ("", ())
        number = self._sql["number_of_types"]
        return _Way(self._sql["rows_of_types"], values, self._sql["is_of_types"], values, walk, walk_values, number)

    def _box_way(self, box: Box, ellipse: Box | None) -> _Way:
        west, south, east, north = box
        values: Values = (east, west, north, south)
        rows, rows_values = self._sql["rows_in_box"], values
        if ellipse is not None and "in_ellipse" in self._sql:
            lon, lat, wide, high = ellipse
            rows, rows_values = f"{rows} {self._sql['in_ellipse']}", (*values, lon, lon, wide, lat, lat, high)
        return _Way(rows, rows_values, self._sql["is_in_box"], values, is_of_tenant=False)

    def _scope_way(self, tenant: str, wanted: tuple[tuple[str, bool], ...]) -> _Way:
        rows, checks = [], []
        rows_values: list[Any] = []
        check_values: list[Any] = []
        for scope, below in wanted:
            ends = _range(scope) if below else (scope_key(scope),)
            rows.append(self._sql["rows_below_scope" if below else "rows_at_scope"])
            checks.append(self._sql["scope_is_below" if below else "scope_is"])
            rows_values += (tenant, *ends)
            check_values += ends
        check = self._sql["is_in_scopes"].format(scopes=" OR ".join(checks))
        exact = len(wanted) == 1 and not wanted[0][1]
        walk = (self._sql["from_scope"], (tenant, scope_key(wanted[0][0]))) if exact else ("", ())
        return _Way(
            " UNION ALL ".join(rows),
            tuple(rows_values),
            check,
            tuple(check_values),
            walk[0],
            walk[1],
            needs_entity=True,
        )


def _answered(planning: Planning, probe: Probe) -> Plan:
    """Run the counting queries that planning asks for, and return the plan."""
    try:
        query = next(planning)
        while True:
            query = planning.send(probe(*query))
    except StopIteration as done:
        return cast("Plan", done.value)


def _range(scope: str) -> tuple[str, str]:
    """Return the half-open range of scope keys at and below `scope`: "0" is the character after "/"."""
    key = scope_key(scope)
    return key, key[:-1] + "0"
