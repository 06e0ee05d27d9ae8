"""The database file: who may open it, its schema, copies of it."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import apsw
import structlog

from linli.base.errors import AlreadyExists, StartError, StoreFailed, StoreTooNew

from ._queries import migrations, sql_text

SCHEMA = 4
_log = structlog.get_logger("linli.store")
_APPLICATION_ID = 0x6C696E6C
_SYNC = {"full": 2, "normal": 1, "off": 0}
_PRAGMAS = """
PRAGMA busy_timeout=10000;
PRAGMA foreign_keys=ON;
PRAGMA cache_size=-16000;
"""
_WRITER_PRAGMAS = """
PRAGMA journal_mode=WAL;
PRAGMA synchronous={sync};
PRAGMA wal_autocheckpoint=0;
PRAGMA journal_size_limit=67108864;
PRAGMA secure_delete=ON;
"""


@dataclass(frozen=True, slots=True)
class FileState:
    """What a database file holds. `schema`: its form; `lowest`: the oldest program form that may open it."""

    schema: int
    lowest: int
    entities: int
    head: int


def lock_file(path: Path) -> int:
    """Take the only right to write this database until the returned descriptor is closed.

    Raises: StartError: another process has it, or the folder cannot be written.
    """
    lock = path.with_name(path.name + ".lock")
    try:
        descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise StartError(f"{lock}: cannot be written: {error.strerror}. Choose another folder by --data.") from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(descriptor)
        raise StartError(
            f"{path}: another linli has this database open; end it first, or use another --data."
        ) from error
    return descriptor


def open_writer(path: Path, sync: str, vfs: str | None) -> apsw.Connection:
    """Open the connection that writes; make the schema in a new file, migrate an old one.

    Raises: StartError: not a database of ours. StoreTooNew: written by a newer program.
    """
    try:
        connection = apsw.Connection(str(path), vfs=vfs)
        _run(connection, _PRAGMAS)
        if not _is_empty(connection):
            _numbers(connection, path)
        _run(connection, _WRITER_PRAGMAS.format(sync=_SYNC[sync]))
        bring_up(connection, path, migrations())
    except apsw.Error as error:
        raise StartError(f"{path}: cannot be opened as a database: {error}.") from error
    return connection


def open_reader(path: Path, vfs: str | None) -> apsw.Connection:
    """Open a connection that only reads; the writer's must be open already."""
    connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY, vfs=vfs)
    # Else a statement with LIMIT ? is compiled anew each time it is run, for the planner looks at the number.
    connection.config(apsw.SQLITE_DBCONFIG_ENABLE_QPSG, 1)
    _run(connection, _PRAGMAS)
    return connection


def bring_up(connection: apsw.Connection, path: Path, steps: Iterable[tuple[int, str]]) -> None:
    """Bring a file to the schema of this program: a new file at once, an old one step by step.

    Raises: StartError: not ours. StoreTooNew: its lowest compatible schema lies above ours.
    """
    if _is_empty(connection):
        with connection:
            _run(connection, f"PRAGMA application_id={_APPLICATION_ID}")
            _run(connection, sql_text("schema.sql"))
        return
    stands, _lowest, _head = _numbers(connection, path)
    for number, text in steps:
        if number > stands:
            with connection:
                _run(connection, text)
            _log.info("store.file.upgraded", path=str(path), schema=number)


def upgrade_file(path: Path) -> tuple[int, int]:
    """Bring a file that nobody has open to the schema of this program; return (its schema before, its schema now).

    Opening a store does the same; this is for those who want to see it done, and done beforehand.
    Raises: StartError: missing, in use or not ours. StoreTooNew.
    """
    before = _look_at(path, whole=False).schema
    lock = lock_file(path)
    try:
        open_writer(path, "full", None).close()
    finally:
        os.close(lock)
    return before, _look_at(path, whole=False).schema


def compact_file(path: Path) -> None:
    """Write a file that nobody has open anew, so that nothing of what was deleted or written over is left in it.

    Raises: StartError: missing, in use or not ours. StoreTooNew. StoreFailed: the disk refuses; all still stands.
    """
    _look_at(path, whole=False)
    lock = lock_file(path)
    try:
        connection = open_writer(path, "full", None)
        try:
            _run(connection, "VACUUM")
            connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
        except apsw.Error as error:
            raise StoreFailed(f"{path}: cannot be written anew: {error}.") from error
        finally:
            connection.close()
    finally:
        os.close(lock)


def check_file(path: Path) -> FileState:
    """Return what a database file holds after checking every page of it; a node may be running on it.

    Raises: StartError: missing, damaged or not ours. StoreTooNew: written by a newer program.
    """
    return _look_at(path, whole=True)


def copy_file(source: Path, target: Path) -> None:
    """Copy a database that may be in use; `target` appears whole or not at all.

    Raises: StartError: `source` is missing, damaged or not ours. StoreTooNew. AlreadyExists: `target` is there.
    StoreFailed: it cannot be written.
    """
    _look_at(source, whole=False)
    if target.exists():
        raise AlreadyExists(f"{target}: this file is there already; name a new one.")
    _put_in_place(_copied_beside(source, target), target)


def restore_file(source: Path, target: Path, *, replace: bool = False) -> FileState:
    """Put a backup in the place of a database that nobody has open; return what it holds.

    With `replace`, a database that stands there is kept beside it under a name that ends in `.before`.
    Raises: StartError: the backup is damaged, or the database is in use. StoreTooNew. AlreadyExists: `target` is there.
    StoreFailed: it cannot be written; what stood there still stands.
    """
    state = check_file(source)
    lock = lock_file(target)
    try:
        if target.exists() and not replace:
            raise AlreadyExists(f"{target}: there is a database already.")
        part = _copied_beside(source, target)
        if target.exists():
            _put_aside(target)
        _put_in_place(part, target)
    finally:
        os.close(lock)
    return state


def look_at_file(path: Path) -> FileState:
    """Return what a database file says of itself. Raises: as check_file."""
    return _look_at(path, whole=False)


def _look_at(path: Path, *, whole: bool) -> FileState:
    if not path.is_file():
        raise StartError(f"{path}: there is no such file.")
    try:
        connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
        try:
            _run(connection, _PRAGMAS)
            schema, lowest, head = _numbers(connection, path)
            entities = connection.execute("SELECT count(*) FROM entity").get
            found = connection.execute("PRAGMA integrity_check(5)").fetchall() if whole else []
        finally:
            connection.close()
    except apsw.Error as error:
        raise StartError(f"{path}: is damaged or not a database: {error}.") from error
    if found not in ([], [("ok",)]):
        raise StartError(f"{path}: is damaged: {'; '.join(str(line) for (line,) in found)}.")
    return FileState(schema, lowest, entities, head)


def _copied_beside(source: Path, target: Path) -> Path:
    """Copy a database to a file beside `target`, synced, and return that file."""
    part = target.with_name(target.name + ".part")
    try:
        _remove(part)
        _copy_pages(source, part)
    except (apsw.Error, OSError) as error:
        with suppress(OSError):
            _remove(part)
        raise StoreFailed(f"{target}: the copy cannot be written: {error}.") from error
    return part


def _put_in_place(part: Path, target: Path) -> None:
    try:
        part.rename(target)
        _sync(target.parent)
    except OSError as error:
        raise StoreFailed(f"{target}: the copy cannot be put in place: {error}.") from error


def _copy_pages(source: Path, part: Path) -> None:
    read = apsw.Connection(str(source), flags=apsw.SQLITE_OPEN_READONLY)
    write = apsw.Connection(str(part))
    try:
        _run(read, _PRAGMAS)
        # One step is one read transaction: a consistent copy, while the writer goes on in its own file.
        with write.backup("main", read, "main") as backup:
            backup.step()
        _run(write, "PRAGMA journal_mode=DELETE")
    finally:
        write.close()
        read.close()
    _sync(part)


def _put_aside(target: Path) -> None:
    """Rename a database and its WAL together, so that it can still be opened under its new name."""
    aside = target.with_name(target.name + ".before")
    for ending in ("-wal", "-shm", ""):
        _remove(aside.with_name(aside.name + ending))
    _remove(target.with_name(target.name + "-shm"))
    for ending in ("-wal", ""):
        old = target.with_name(target.name + ending)
        if old.exists():
            old.rename(aside.with_name(aside.name + ending))


def _run(connection: apsw.Connection, statements: str) -> None:
    """Run all statements: apsw stops after one that answers with a row until that row is fetched."""
    connection.execute(statements).fetchall()


def _is_empty(connection: apsw.Connection) -> bool:
    return not list(connection.execute("SELECT 1 FROM sqlite_schema LIMIT 1"))


def _numbers(connection: apsw.Connection, path: Path) -> tuple[int, int, int]:
    """Return schema, lowest compatible schema and head, or raise for what this program must not open."""
    if connection.pragma("application_id") != _APPLICATION_ID:
        raise StartError(f"{path}: is a database, but not one of linli.")
    schema, lowest, head = next(iter(connection.execute("SELECT schema, lowest, last_seq FROM about")))
    if lowest > SCHEMA:
        raise StoreTooNew(
            f"{path}: was written by a newer linli (schema {schema}, this program knows {SCHEMA}); update the program."
        )
    return schema, lowest, head


def _remove(path: Path) -> None:
    with suppress(FileNotFoundError):
        path.unlink()


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
