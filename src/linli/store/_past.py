"""Builds the questions about history."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from ._change import By, Numbers
from ._queries import queries

_SQL = queries("read")
_TIME: dict[By, str] = {
    "observed": "observed_us",
    "written": "at_us",
    "unobserved": "CASE WHEN observed_us IS NULL THEN at_us END",
}
_FIRST_US, _LAST_US = -(2**63), 2**63 - 1

_DATED = np.dtype([("dataset", object), ("time", np.int64), ("number", np.float64)])

Query = tuple[str, tuple[Any, ...]]


def past_query(
    tenant: str,
    entity_id: str,
    attr: str | None,
    *,
    since_us: int | None,
    until_us: int | None,
    by: By,
    newest_first: bool,
    limit: int,
) -> Query:
    """Return the query for facts in the order of time; attr None = all."""
    way = "DESC" if newest_first else "ASC"
    sql = _SQL["past"].format(time=_TIME[by], way=way, attr="" if attr is None else _SQL["past_attr"])
    named = () if attr is None else (attr,)
    return sql, (tenant, entity_id, *named, *_between(since_us, until_us), limit)


def numbers_query(sql: str, *which: str, since_us: int | None, until_us: int | None, by: By) -> Query:
    """Return the query for times and numbers; `which`: tenant, entity, attribute."""
    return sql.format(time=_TIME[by]), (*which, *_between(since_us, until_us))


def as_arrays(rows: list[tuple[str, int, float]]) -> dict[str, Numbers]:
    """Return rows of (dataset, time, number) as two arrays in the order of time."""
    table = np.fromiter(rows, _DATED, len(rows))
    datasets = set(table["dataset"].tolist())
    parts = {one: table if len(datasets) == 1 else table[table["dataset"] == one] for one in sorted(datasets)}
    return {one: _in_order(part["time"], part["number"]) for one, part in parts.items()}


def arrays_of_bytes(rows: list[tuple[str, bytes, bytes]]) -> dict[str, Numbers]:
    """Return the same of rows that hold all times and all numbers, eight bytes each, as the network orders them."""
    return {
        dataset_id: _in_order(
            np.frombuffer(times, ">i8").astype(np.int64), np.frombuffer(numbers, ">f8").astype(np.float64)
        )
        for dataset_id, times, numbers in sorted(rows)
    }


def _in_order(times: npt.NDArray[np.int64], numbers: npt.NDArray[np.float64]) -> Numbers:
    order = np.lexsort((numbers, times))
    return times[order], numbers[order]


def _between(since_us: int | None, until_us: int | None) -> tuple[int, int]:
    return _FIRST_US if since_us is None else since_us, _LAST_US if until_us is None else until_us
