"""`linli db`: back up, restore, check."""

from __future__ import annotations

import argparse

from linli.app import database_of
from linli.store import check_file, copy_file, restore_file

from ._start import load_settings
from ._words import made_folder


def backup(options: argparse.Namespace) -> int:
    """Copy the database to a file, also while a node runs on it."""
    settings = load_settings(options)
    copy_file(database_of(settings, options.data), options.file)
    print(f"The database was copied to {options.file}. Keep {options.data / 'node.secret'} too, in another place.")
    return 0


def restore(options: argparse.Namespace) -> int:
    """Put a backup in the place of the database; the old one is kept beside it."""
    settings = load_settings(options)
    restore_file(options.file, database_of(settings, made_folder(options.data)), replace=True)
    print(f"{options.file} is now the database of {options.data}.")
    return 0


def check(options: argparse.Namespace) -> int:
    """Read the whole database and say whether it is sound."""
    database = database_of(load_settings(options), options.data)
    state = check_file(database)
    print(f"{database} is sound: {state.entities} entities, log position {state.head}.")
    return 0
