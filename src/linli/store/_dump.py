"""Copies of a schema of PostgreSQL, by the tools that come with it: pg_dump and pg_restore."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from linli.base.errors import AlreadyExists, StartError, StoreFailed

from ._address import PostgresAddress
from ._files import FileState
from ._link import connect, faults, look_at

_COPY_S = 24 * 3600


def dump(address: PostgresAddress, target: Path) -> None:
    """Copy the schema, which may be in use, to a file that appears whole or not at all.

    Raises: AlreadyExists: `target` is there. StoreFailed: pg_dump is missing, or cannot read or write.
    """
    if target.exists():
        raise AlreadyExists(f"{target}: this file is there already; name a new one.")
    part = target.with_name(target.name + ".part")
    try:
        _run(address, "pg_dump", "--format=custom", f"--schema={address.schema}", f"--file={part}")
        part.rename(target)
    except OSError as error:
        raise StoreFailed(f"{target}: the copy cannot be put in place: {error}.") from error
    finally:
        with suppress(OSError):
            part.unlink()


def load(address: PostgresAddress, source: Path, *, replace: bool = False) -> FileState:
    """Put a copy in the place of the schema, which nobody may have open; return what it holds.

    With `replace`, what stands there is kept beside it under a name that ends in `_before`.
    Raises: StartError: the copy is missing or damaged. AlreadyExists: the schema is there. StoreFailed: pg_restore is
    missing or fails; what stood there still stands.
    """
    if not source.is_file():
        raise StartError(f"{source}: there is no such file.")
    _run(address, "pg_restore", "--list", str(source), connects=False)
    aside = asyncio.run(_put_aside(address, replace=replace))
    try:
        _run(address, "pg_restore", "--single-transaction", "--no-owner", "--exit-on-error", str(source))
        return asyncio.run(look_at(address))
    except (StoreFailed, StartError):
        asyncio.run(_put_back(address, aside=aside))
        raise


async def _put_aside(address: PostgresAddress, *, replace: bool) -> bool:
    """Rename the schema that stands there; return whether there was one."""
    schema = address.schema
    try:
        connection = await connect(address)
        try:
            there = await connection.fetchval("SELECT to_regnamespace($1) IS NOT NULL", schema)
            if there and not replace:
                raise AlreadyExists(f"The schema {schema} is there already.")
            if there:
                async with connection.transaction():
                    await connection.execute(f'DROP SCHEMA IF EXISTS "{schema}_before" CASCADE')
                    await connection.execute(f'ALTER SCHEMA "{schema}" RENAME TO "{schema}_before"')
            return bool(there)
        finally:
            await connection.close()
    except faults() as error:
        raise StoreFailed(f"The schema {schema} cannot be put aside: {error}.") from error


async def _put_back(address: PostgresAddress, *, aside: bool) -> None:
    """Undo what `_put_aside` did after a copy that failed."""
    if aside:
        connection = await connect(address)
        try:
            await connection.execute(f'DROP SCHEMA IF EXISTS "{address.schema}" CASCADE')
            await connection.execute(f'ALTER SCHEMA "{address.schema}_before" RENAME TO "{address.schema}"')
        finally:
            await connection.close()


def _run(address: PostgresAddress, tool: str, *arguments: str, connects: bool = True) -> None:
    """Run a tool; a password goes by the environment, where other users cannot see it."""
    program = shutil.which(tool)
    if program is None:
        raise StoreFailed(f"{tool} is not installed: it comes with the client tools of PostgreSQL.")
    parts = urlsplit(address.dsn)
    user, _, place = parts.netloc.rpartition("@")
    name, _, _password = user.partition(":")
    bare = urlunsplit(parts._replace(netloc=f"{name}@{place}" if user else place))
    secret = {"PGPASSWORD": parts.password} if parts.password else {}
    command = [program, *arguments, *([f"--dbname={bare}"] if connects else [])]
    done = subprocess.run(  # noqa: S603 - a tool of PostgreSQL, with arguments of ours
        command, env={**os.environ, **secret}, capture_output=True, text=True, check=False, timeout=_COPY_S
    )
    if done.returncode:
        raise StoreFailed(f"{tool}: {done.stderr.strip().splitlines()[-1] if done.stderr.strip() else 'failed'}")
