"""Reads the SQL files: each query stands under a line `-- name`, a line with more than one word is a comment."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from importlib import resources

_NAME = re.compile(r"^-- ([a-z_]+)$", re.MULTILINE)


@cache
def queries(file: str) -> Mapping[str, str]:
    """Return the queries of `sql/<file>.sql` by name, without the semicolon at the end."""
    parts = _NAME.split(sql_text(f"{file}.sql"))
    return {name: text.strip().rstrip(";") for name, text in zip(parts[1::2], parts[2::2], strict=True)}


def sql_text(path: str) -> str:
    """Return the text of a file below `sql/`."""
    return resources.files(__package__).joinpath("sql", *path.split("/")).read_text("utf-8")


def migrations() -> list[tuple[int, str]]:
    """Return (schema number reached, SQL) of each migration, in order."""
    files = resources.files(__package__).joinpath("sql", "migrations").iterdir()
    names = sorted(file.name for file in files if file.name.endswith(".sql"))
    return [(int(name[:4]), sql_text(f"migrations/{name}")) for name in names]
