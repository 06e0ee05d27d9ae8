"""`linli db`: upgrade, check, back up, restore."""

from __future__ import annotations

import argparse

from linli.app import store_url
from linli.store import check_store, copy_store, restore_store, upgrade_store

from ._start import load_settings
from ._words import made_folder


def upgrade(options: argparse.Namespace) -> int:
    """Bring the database to the schema of this program; a node does so itself when it starts."""
    before, now = upgrade_store(_url(options))
    print(f"The database has schema {now}." if before == now else f"The database went from schema {before} to {now}.")
    return 0


def backup(options: argparse.Namespace) -> int:
    """Copy the database to a file, also while a node runs on it."""
    copy_store(_url(options), options.file)
    print(f"The database was copied to {options.file}. Keep {options.data / 'node.secret'} too, in another place.")
    return 0


def restore(options: argparse.Namespace) -> int:
    """Put a backup in the place of the database; the old one is kept beside it."""
    made_folder(options.data)
    state = restore_store(options.file, _url(options), replace=True)
    print(f"{options.file} is now the database: {state.entities} entities, log position {state.head}.")
    return 0


def check(options: argparse.Namespace) -> int:
    """Read the whole database and say whether it is sound."""
    state = check_store(_url(options))
    print(f"The database is sound: {state.entities} entities, log position {state.head}.")
    return 0


def _url(options: argparse.Namespace) -> str:
    return store_url(load_settings(options), options.data)
