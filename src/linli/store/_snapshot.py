"""A database as it stands at one moment, for those who look through all of it; a node may go on running on it."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import apsw

from linli.base.errors import OperationNotSupported, StartError, StoreFailed

from ._address import PostgresAddress, read_address
from ._change import Numbers
from ._files import SCHEMA, FileState, look_at_file, open_reader
from ._finding import Finder
from ._link import connect, faults, look_at
from ._past import arrays_of_bytes, as_arrays
from ._postgres import FINDER as POSTGRES_FINDER
from ._queries import numbered, queries
from ._reads import SqlReads
from ._sqlite import FINDER as SQLITE_FINDER
from ._tasks import Claim

if TYPE_CHECKING:
    import asyncpg


class Snapshot(SqlReads):
    """What a store reads, and beyond that rows just as they stand in their tables."""

    def __init__(
        self, sql: Mapping[str, str], finder: Finder, arrays: Callable[[list[Any]], dict[str, Numbers]]
    ) -> None:
        """Read by the queries of an engine."""
        super().__init__(sql, finder, arrays)
        self._log = sql["log_since"]
        self._traces = sql["traces"]

    async def log_lines(self, tenant: str, seq: int, *, limit: int = 1000) -> list[tuple[Any, ...]]:
        """Return the rows of the log after `seq` with the texts that stand in the table, attrs among them."""
        return [tuple(row) for row in await self._read(self._log, (tenant, seq, limit))]

    async def traces(self, tenant: str, after: tuple[str, int], *, limit: int = 1000) -> list[tuple[str, int]]:
        """Return (trace, seq) of the index of audit rows, in its order, after one of them."""
        return [(trace, seq) for trace, seq in await self._read(self._traces, (tenant, *after, limit))]

    @abstractmethod
    async def _read(self, sql: str, values: tuple[Any, ...]) -> list[Any]:
        """Run a query and return its rows. Raises: StoreFailed."""

    async def _submit(self, claim: Claim) -> int:
        raise OperationNotSupported(f"A snapshot cannot claim timers of {claim.tenant}.")


@asynccontextmanager
async def snapshot(url: str) -> AsyncIterator[Snapshot]:
    """Give the database that `url` names, as it stands now, until the block ends.

    Raises: BadSetting. StartError: missing, not ours, or of an older schema. StoreTooNew.
    """
    where = read_address(url)
    if isinstance(where, PostgresAddress):
        _check_schema(await look_at(where))
        connection = await connect(where)
        try:
            async with connection.transaction(isolation="repeatable_read", readonly=True):
                yield _PostgresSnapshot(connection)
        finally:
            await connection.close()
        return
    _check_schema(look_at_file(where))
    reader = open_reader(where, None)
    try:
        reader.execute("BEGIN")
        yield _SqliteSnapshot(reader, where)
    finally:
        reader.close()


def _check_schema(state: FileState) -> None:
    if state.schema < SCHEMA:
        raise StartError(
            f"The database has schema {state.schema}, and this program looks at {SCHEMA}: linli db upgrade."
        )


class _SqliteSnapshot(Snapshot):
    def __init__(self, reader: apsw.Connection, path: Path) -> None:
        super().__init__(queries("read"), SQLITE_FINDER, as_arrays)
        self._reader = reader
        self._path = path

    async def _read(self, sql: str, values: tuple[Any, ...]) -> list[Any]:
        try:
            return self._reader.execute(sql, values).fetchall()
        except apsw.Error as error:
            raise StoreFailed(f"{self._path}: cannot be read: {error}.") from error


class _PostgresSnapshot(Snapshot):
    def __init__(self, connection: asyncpg.Connection) -> None:
        super().__init__(queries("read", "postgres"), POSTGRES_FINDER, arrays_of_bytes)
        self._connection = connection

    async def _read(self, sql: str, values: tuple[Any, ...]) -> list[Any]:
        try:
            rows: list[Any] = await self._connection.fetch(numbered(sql), *values)
        except faults() as error:
            raise StoreFailed("The database cannot be read.", reason=str(error)) from error
        return rows
