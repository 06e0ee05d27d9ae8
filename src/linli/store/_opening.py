"""One address, one engine: opens, checks, copies and upgrades whatever store.url names."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Literal

from ._address import PostgresAddress, read_address
from ._change import Chain, Store
from ._dump import dump, load
from ._files import FileState, check_file, compact_file, copy_file, restore_file, upgrade_file
from ._link import bring_up, compact, look_at
from ._postgres import PostgresStore
from ._sqlite import SqliteStore


async def open_store(
    url: str,
    *,
    sync: Literal["full", "normal", "off"] = "full",
    chain: Chain | None = None,
    pending_max: int = 10_000,
    bytes_cache_mb: int = 64,
    charts_mb: int = 128,
    readers: int = 8,
) -> Store:
    """Open the store that `url` names, make it where there is none, and bring an older one up to date.

    `url`: `sqlite:///FILE`, or an address of PostgreSQL, whose `schema=` names the schema (else `linli`). `readers`:
    connections for reading to PostgreSQL; `charts_mb`: memory for finding by place, of SQLite only.
    Raises: BadSetting: another form of address. StartError: it cannot be opened. StoreTooNew.
    """
    where = read_address(url)
    if isinstance(where, PostgresAddress):
        return await PostgresStore.open(
            where, sync=sync, chain=chain, pending_max=pending_max, bytes_cache_mb=bytes_cache_mb, readers=readers
        )
    return SqliteStore.open(
        where,
        sync=sync,
        chain=chain,
        pending_max=pending_max,
        bytes_cache_mb=bytes_cache_mb,
        charts_mb=charts_mb,
    )


def check_store(url: str) -> FileState:
    """Return what a store holds; of a file, after checking every page. A node may be running on it.

    Raises: BadSetting. StartError: missing, damaged or not ours. StoreTooNew.
    """
    where = read_address(url)
    return asyncio.run(look_at(where)) if isinstance(where, PostgresAddress) else check_file(where)


def upgrade_store(url: str) -> tuple[int, int]:
    """Bring a store to the schema of this program; return (its schema before, its schema now).

    Raises: BadSetting. StartError: missing, a file in use, or not ours. StoreTooNew.
    """
    where = read_address(url)
    if isinstance(where, PostgresAddress):
        return asyncio.run(bring_up(where, make=False))
    return upgrade_file(where)


def compact_store(url: str) -> None:
    """Write a store that nobody has open anew, so that nothing of what was deleted or written over is left in it.

    Raises: BadSetting. StartError: nothing of ours, or a file in use. StoreTooNew. StoreFailed.
    """
    where = read_address(url)
    if isinstance(where, PostgresAddress):
        asyncio.run(compact(where))
    else:
        compact_file(where)


def copy_store(url: str, target: Path) -> None:
    """Copy a store that may be in use to a new file; PostgreSQL by pg_dump.

    Raises: BadSetting. StartError: nothing of ours to copy. AlreadyExists: `target` is there. StoreFailed.
    """
    where = read_address(url)
    if isinstance(where, PostgresAddress):
        asyncio.run(look_at(where))
        dump(where, target)
    else:
        copy_file(where, target)


def restore_store(source: Path, url: str, *, replace: bool = False) -> FileState:
    """Put a copy in the place of a store that nobody has open; return what it holds.

    With `replace`, what stands there is kept beside it under a name that ends in `before`.
    Raises: BadSetting. StartError: the copy is damaged, or a file is in use. AlreadyExists. StoreFailed. StoreTooNew.
    """
    where = read_address(url)
    if isinstance(where, PostgresAddress):
        return load(where, source, replace=replace)
    return restore_file(source, where, replace=replace)
