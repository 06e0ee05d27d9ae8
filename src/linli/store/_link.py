"""Connections to PostgreSQL: how they are opened, what may go wrong on them, and the schema that they find."""

from __future__ import annotations

import functools
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import structlog

from linli.base.errors import StartError, StoreFailed, StoreTooNew

from ._address import PostgresAddress
from ._files import SCHEMA, FileState
from ._queries import migrations, sql_text

if TYPE_CHECKING:
    import asyncpg

CONNECT_S = 10.0
#: the longest that one statement may take, or wait for the lock of the one who writes
STATEMENT_S = 60.0
#: the longest that one table may take to be written anew
_REWRITTEN_S = 24 * 3600.0
#: queries that a connection keeps prepared
_PREPARED = 512

_log = structlog.get_logger("linli.store")


@functools.cache
def driver() -> Any:
    """Return the driver.

    Raises: StartError: it is not installed.
    """
    try:
        import asyncpg
    except ImportError as error:
        raise StartError(
            "store.url names PostgreSQL, but its driver is not installed: pip install 'linli[postgres]'."
        ) from error
    return asyncpg


@functools.cache
def faults() -> tuple[type[Exception], ...]:
    """Return what a connection may raise that is not a fault of ours."""
    return driver().PostgresError, driver().InterfaceError, OSError, TimeoutError


def options(address: PostgresAddress, sync: str = "full") -> dict[str, Any]:
    """Return how a connection is opened; `sync` as in store.sync."""
    return {
        "dsn": address.dsn,
        "timeout": CONNECT_S,
        "command_timeout": STATEMENT_S,
        "statement_cache_size": _PREPARED,
        "connection_class": _plain_connection(),
        "server_settings": {
            "application_name": "linli",
            "search_path": f'"{address.schema}", public',
            "synchronous_commit": "on" if sync == "full" else "off",
            # Our statements are short: compiling one would cost more than it takes.
            "jit": "off",
        },
    }


async def connect(address: PostgresAddress, sync: str = "full") -> asyncpg.Connection:
    """Open one connection. Raises: one of `faults()`."""
    connection: asyncpg.Connection = await driver().connect(**options(address, sync))
    return connection


async def bring_up(
    address: PostgresAddress, steps: Iterable[tuple[int, str]] | None = None, *, make: bool = True
) -> tuple[int, int]:
    """Bring a schema to the form of this program, whoever else tries the same; return (form before, form now).

    A schema that is not there is made at once (form before: 0), an older one taken through each later step.
    Raises: StartError: no connection; the schema holds something else; it is not there and `make` is off. StoreTooNew.
    """
    try:
        connection = await connect(address)
        try:
            return await _bring_up(connection, address, migrations("postgres") if steps is None else steps, make=make)
        finally:
            await connection.close()
    except faults() as error:
        raise StartError(f"store.url: PostgreSQL cannot be used: {error or type(error).__name__}.") from error


async def look_at(address: PostgresAddress) -> FileState:
    """Return what a schema holds.

    Raises: StartError: no connection, or nothing of ours there. StoreTooNew.
    """
    try:
        connection = await connect(address)
        try:
            schema, lowest, head = await _numbers(connection, address)
            entities: int = await connection.fetchval("SELECT count(*) FROM entity")
        finally:
            await connection.close()
    except faults() as error:
        raise StartError(f"store.url: PostgreSQL cannot be used: {error or type(error).__name__}.") from error
    return FileState(schema, lowest, entities, head)


async def compact(address: PostgresAddress) -> None:
    """Write all tables of a schema anew, so that nothing of what was deleted or written over is left in their files.

    Raises: StartError: no connection, or nothing of ours there. StoreTooNew. StoreFailed.
    """
    await look_at(address)
    try:
        connection = await connect(address)
        try:
            tables = await connection.fetch("SELECT tablename FROM pg_tables WHERE schemaname = $1", address.schema)
            for (table,) in tables:
                await connection.execute(f'VACUUM FULL "{address.schema}"."{table}"', timeout=_REWRITTEN_S)
            await connection.execute("CHECKPOINT")
        finally:
            await connection.close()
    except faults() as error:
        raise StoreFailed(f"The schema {address.schema} cannot be written anew: {error}.") from error


async def _bring_up(
    connection: asyncpg.Connection, address: PostgresAddress, steps: Iterable[tuple[int, str]], *, make: bool
) -> tuple[int, int]:
    async with connection.transaction():
        await connection.execute("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", address.channel)
        if make and await connection.fetchval("SELECT to_regclass($1) IS NULL", f"{address.schema}.about"):
            await connection.execute(f'CREATE SCHEMA IF NOT EXISTS "{address.schema}"')
            await _add_postgis(connection)
            await connection.execute(sql_text("postgres/schema.sql"))
            return 0, SCHEMA
        stands, _lowest, _head = await _numbers(connection, address)
        now = stands
        for number, text in steps:
            if number > stands:
                await connection.execute(text)
                _log.info("store.schema.upgraded", schema=address.schema, number=number)
                now = number
    return stands, now


async def _add_postgis(connection: asyncpg.Connection) -> None:
    """Switch PostGIS on where it is installed and we may; without it boxes of PostgreSQL do the same."""
    try:
        async with connection.transaction():
            await connection.execute("CREATE EXTENSION IF NOT EXISTS postgis SCHEMA public")
    except driver().PostgresError as error:
        _log.info("store.postgis.absent", reason=str(error))


async def _numbers(connection: asyncpg.Connection, address: PostgresAddress) -> tuple[int, int, int]:
    """Return form, lowest compatible form and head, or raise for what this program must not open."""
    try:
        async with connection.transaction():
            found = await connection.fetchrow(
                f'SELECT schema, lowest, last_seq FROM "{address.schema}".about'  # noqa: S608 - a name that was checked
            )
    except (driver().UndefinedTableError, driver().UndefinedColumnError) as error:
        raise StartError(f"store.url: the schema {address.schema} holds no database of linli.") from error
    schema, lowest, head = found or (0, 0, 0)
    if lowest > SCHEMA:
        raise StoreTooNew(
            f"The schema {address.schema} was written by a newer linli (schema {schema}, this program knows {SCHEMA}); "
            "update the program."
        )
    return schema, lowest, head


@functools.cache
def _plain_connection() -> type[Any]:
    """Return a connection that is not swept after each use: our reads leave nothing behind on it."""

    class Plain(driver().Connection):  # type: ignore[misc]  # known only when the driver is there
        def get_reset_query(self) -> str:
            return ""

    return Plain
