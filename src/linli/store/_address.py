"""Which engine a store.url names, and what it says of it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from linli.base.errors import BadSetting

_SCHEMA = re.compile(r"[a-z_][a-z0-9_]{0,50}")


@dataclass(frozen=True, slots=True)
class PostgresAddress:
    """A database of PostgreSQL and the schema in it that is ours. `dsn` may hold a password: it is never shown."""

    dsn: str
    schema: str

    @property
    def channel(self) -> str:
        """Return the name under which processes on this schema notify each other."""
        return f"linli_{self.schema}"


def read_address(url: str) -> Path | PostgresAddress:
    """Return the file, or the database and schema, that a store.url names.

    Raises: BadSetting: another form.
    """
    file = url.removeprefix("sqlite:///")
    if file != url:
        return Path(file) if file else _refused("the name of a file is missing")
    parts = urlsplit(url)
    if parts.scheme not in ("postgresql", "postgres"):
        return _refused("write it as sqlite:///FOLDER/linli.db or postgresql://USER@HOST/DATABASE")
    said = dict(parse_qsl(parts.query, keep_blank_values=True))
    schema = said.pop("schema", "linli")
    if not _SCHEMA.fullmatch(schema):
        return _refused(f"schema={schema} is not a name of small letters, digits and _")
    return PostgresAddress(urlunsplit(parts._replace(query=urlencode(said))), schema)


def _refused(why: str) -> Path:
    raise BadSetting(f"store.url: {why}.")
