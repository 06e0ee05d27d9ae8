"""`linli db`: upgrade, check, back up, restore, seal, rotate."""

from __future__ import annotations

import argparse
import asyncio

from linli.app import exchange_master_key, inspect_at_rest, refile_at_rest, rotate_keys, seal_at_rest, store_url
from linli.store import check_store, compact_store, copy_store, restore_store, upgrade_store

from ._start import load_settings
from ._words import made_folder

_KEYS = """\
The keys are not in it: without node.kek and keys.db of {data} nothing personal in it can be read. Keep node.kek in
another place than the copies of the database. keys.db stays where it is: a copy of it kept for long would bring back
what people had erased; the node keeps its own copies beside it (keys.db.copy-...) and deletes them after seven days.
Keep node.secret as well."""


def upgrade(options: argparse.Namespace) -> int:
    """Bring the database to the schema of this program, and file what is in it as this program looks for it; a node does
    so itself when it starts."""
    before, now = upgrade_store(_url(options))
    print(f"The database has schema {now}." if before == now else f"The database went from schema {before} to {now}.")
    asyncio.run(refile_at_rest(options.data, load_settings(options), print))
    return 0


def backup(options: argparse.Namespace) -> int:
    """Copy the database to a file, also while a node runs on it."""
    copy_store(_url(options), options.file)
    print(f"The database was copied to {options.file}.")
    print(_KEYS.format(data=options.data))
    return 0


def restore(options: argparse.Namespace) -> int:
    """Put a backup in the place of the database; the old one is kept beside it."""
    made_folder(options.data)
    state = restore_store(options.file, _url(options), replace=True)
    print(f"{options.file} is now the database: {state.entities} entities, log position {state.head}.")
    return 0


def check(options: argparse.Namespace) -> int:
    """Read the whole database and say whether it is sound, and everything personal in it sealed."""
    state = check_store(_url(options))
    print(f"The database is sound: {state.entities} entities, log position {state.head}.")
    sealed, lines = asyncio.run(inspect_at_rest(options.data, load_settings(options)))
    print("\n".join(lines))
    return 0 if sealed else 1


def seal(options: argparse.Namespace) -> int:
    """Seal what stands in clear, or under keys that are no longer in use; no node may run."""
    print("\n".join(asyncio.run(seal_at_rest(options.data, load_settings(options)))) or "There was nothing to seal.")
    compact_store(_url(options))
    print("The database was written anew: what stood in clear is gone from its file. Older backups still hold it.")
    return 0


def rotate(options: argparse.Namespace) -> int:
    """Seal with new keys from now on, or wrap the keys that there are by a new master key."""
    if options.kek:
        keys = asyncio.run(exchange_master_key(options.data, load_settings(options)))
        print(
            f"A new master key wraps {keys} keys; nothing was sealed anew. Keep a copy of the file now, and destroy those "
            "of the old one: it opens nothing any more but older copies of keys.db."
        )
        return 0
    tenants = asyncio.run(rotate_keys(options.data, load_settings(options)))
    print(
        f"New keys in {tenants} tenants. A running node seals anew what is there within an hour and then deletes the old "
        "keys; without one, linli db seal does it at once. Backups from before cannot be read after that."
    )
    return 0


def _url(options: argparse.Namespace) -> str:
    return store_url(load_settings(options), options.data)
