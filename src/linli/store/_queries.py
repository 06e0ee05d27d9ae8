"""Reads the SQL files: each query stands under a line `-- name`, a line with more than one word is a comment."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache, lru_cache
from importlib import resources
from itertools import count

_NAME = re.compile(r"^-- ([a-z_]+)$", re.MULTILINE)


@cache
def queries(file: str, engine: str = "") -> Mapping[str, str]:
    """Return the queries of `sql/<file>.sql` by name, without the semicolon at the end.

    `engine`: whose own words take the place of those that all engines share; where it has none, there is no query.
    """
    own = queries_in(f"{engine}/{file}.sql") if engine else {}
    return {name: sql for name, sql in {**queries_in(f"{file}.sql"), **own}.items() if sql}


def queries_in(path: str) -> Mapping[str, str]:
    """Return the queries of one file below `sql/`."""
    parts = _NAME.split(sql_text(path))
    return {name: text.strip().rstrip(";") for name, text in zip(parts[1::2], parts[2::2], strict=True)}


@lru_cache(4096)
def numbered(sql: str) -> str:
    """Return a query with its places for values, "?" or "?1", written as PostgreSQL wants them: $1, $2."""
    places = count(1)
    return re.sub(r"\?(\d*)", lambda place: f"${place[1] or next(places)}", sql)


def sql_text(path: str) -> str:
    """Return the text of a file below `sql/`."""
    return resources.files(__package__).joinpath("sql", *path.split("/")).read_text("utf-8")


def migrations(engine: str = "") -> list[tuple[int, str]]:
    """Return (schema number reached, SQL) of each migration, in order."""
    folder = "/".join(filter(None, ("migrations", engine)))
    files = resources.files(__package__).joinpath("sql", *folder.split("/")).iterdir()
    names = sorted(file.name for file in files if file.name.endswith(".sql"))
    return [(int(name[:4]), sql_text(f"{folder}/{name}")) for name in names]
