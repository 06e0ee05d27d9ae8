"""The key book: a small file beside the database that keeps wrapped keys by tenant and subject.

It knows nothing of what the keys open: they come wrapped and go wrapped. It is never part of a backup of the database.
What is destroyed is overwritten here and in the book's own copies, and only the key's number is remembered.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, NamedTuple, Self

import apsw
import orjson

from linli.base import SECOND_US
from linli.base.errors import StartError, StoreFailed

from ._queries import queries

_SQL = queries("keybook")
_APPLICATION_ID = 0x6C696E6B
_SYNC = {"full": 2, "normal": 1, "off": 0}
_PRAGMAS = """
PRAGMA busy_timeout=10000;
PRAGMA secure_delete=ON;
PRAGMA journal_mode=WAL;
PRAGMA synchronous={sync};
"""
#: how often the book is copied, and how long a copy is kept
COPY_EACH_US = 24 * 3600 * SECOND_US
COPY_KEPT_US = 7 * COPY_EACH_US
_OTHERS_TOO = "Another process wrote a key at the same moment; try again."


class KeyRow(NamedTuple):
    """One key as it is kept: whose, made for which suite, wrapped by the key `under`. `current`: new values get it."""

    kid: str
    tenant: str
    subject: str
    suite: str
    under: str
    wrapped: bytes
    made_us: int
    current: bool = True


class KeyBook:
    """Wrapped keys in a file, which several processes may have open. Made by `open`.

    Writing may be done from any thread, one at a time; reading from one thread.
    """

    def __init__(self, path: Path, writing: apsw.Connection, reader: apsw.Connection) -> None:
        """Take what `open` prepared."""
        self._path = path
        self._writing = writing
        self._reader = reader
        self._lock = threading.Lock()
        self._closed = False
        self._turn = 0

    @classmethod
    def open(cls, path: Path, *, sync: str = "full") -> Self:
        """Open the book, or begin one that only its owner may read.

        Raises: StartError: it cannot be read or written, or is something else.
        """
        try:
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
            writing = apsw.Connection(str(path))
            _run(writing, _PRAGMAS.format(sync=_SYNC[sync]))
            if writing.pragma("application_id") not in (0, _APPLICATION_ID):
                raise StartError(f"{path}: is a database, but not a key book of linli.")
            with writing:
                _run(writing, f"PRAGMA application_id={_APPLICATION_ID}")
                _run(writing, _SQL["schema"])
            reader = _read_only(path)
        except (OSError, apsw.Error) as error:
            raise StartError(f"{path}: cannot be used as a key book: {error}.") from error
        return cls(path, writing, reader)

    def key(self, kid: str) -> KeyRow | None:
        """Return a key by its number."""
        return self._one(_SQL["key"], (kid,))

    def some(self, kids: Iterable[str]) -> list[KeyRow]:
        """Return those of these keys that there are, by one look into the book."""
        return [KeyRow(*row) for row in self._read(_SQL["keys_of"], (orjson.dumps(list(kids)).decode(),))]

    def in_use(self, tenant: str, subject: str) -> KeyRow | None:
        """Return the key with which new values of a subject are sealed."""
        return self._one(_SQL["in_use"], (tenant, subject))

    def all(self) -> list[KeyRow]:
        """Return every key."""
        return [KeyRow(*row) for row in self._read(_SQL["keys"], ())]

    def gone_us(self, kid: str) -> int | None:
        """Return when a key was destroyed; None when it never was."""
        return next((row[0] for row in self._read(_SQL["gone"], (kid,))), None)

    def turned(self) -> bool:
        """Tell whether any key was destroyed or replaced since this was last asked, by whichever process."""
        turn = int(self._read(_SQL["turn"], ())[0][0])
        turned, self._turn = turn != self._turn, turn
        return turned

    def version(self) -> int:
        """Return a number that stays the same for as long as nobody else writes in the book."""
        return int(self._reader.pragma("data_version"))

    def add(self, rows: Sequence[KeyRow]) -> None:
        """Take keys into use, durably. Where a subject has one of the same suite already, that one stays.

        Raises: StoreFailed.
        """
        with self._transaction() as connection:
            connection.executemany(_SQL["key_retire_other"], [(row.tenant, row.subject, row.suite) for row in rows])
            connection.executemany(_SQL["key_insert"], [row[:7] for row in rows])

    def rewrap(self, rows: Sequence[tuple[KeyRow, KeyRow]]) -> None:
        """Write keys as they are wrapped by another key in the place of how they were wrapped: all or none, durably.

        Raises: StoreFailed: also when one of them is not as it was, or something else is still wrapped by what wrapped them.
        """
        with self._transaction() as connection:
            for before, after in rows:
                connection.execute(_SQL["key_rewrap"], (after.under, after.wrapped, before.kid, before.wrapped))
                if not connection.changes():
                    raise StoreFailed(_OTHERS_TOO)
            for under in {before.under for before, _ in rows}:
                if connection.execute(_SQL["key_under"], (under,)).fetchall():
                    raise StoreFailed(_OTHERS_TOO)
        self._empty_wal()

    def retire(self, tenant: str) -> None:
        """Have every subject of a tenant, and the tenant itself, get another key the next time. Raises: StoreFailed."""
        with self._transaction() as connection:
            connection.execute(_SQL["keys_retire"], (tenant,))
            connection.execute(_SQL["turn_on"])

    def drop(self, kids: Iterable[str]) -> None:
        """Take away keys that nothing is sealed with any more. Raises: StoreFailed."""
        with self._transaction() as connection:
            connection.executemany(_SQL["key_drop"], [(kid,) for kid in kids])
            connection.execute(_SQL["turn_on"])
        self._empty_wal()

    def destroy(self, tenant: str, subject: str, at_us: int) -> int:
        """Destroy the keys of a subject here and in every copy of the book; return how many there were here.

        Raises: StoreFailed: they may still be there.
        """
        with self._transaction() as connection:
            connection.execute(_SQL["gone_insert"], (at_us, tenant, subject))
            connection.execute(_SQL["keys_of_subject_delete"], (tenant, subject))
            destroyed = connection.changes()
            connection.execute(_SQL["turn_on"])
        self._empty_wal()
        for copy in self.copies():
            _destroy_in(copy, tenant, subject)
        return destroyed

    def copies(self) -> list[Path]:
        """Return the book's own copies, oldest first."""
        return sorted(self._path.parent.glob(f"{self._path.name}.copy-*[0-9]"))

    def tend_copies(self, now_us: int) -> None:
        """Make a copy when the newest is a day old, and delete those that are older than seven days.

        A copy has its name before anybody may destroy a key: what is destroyed is destroyed in every copy. Once the book
        is closed, nothing happens.
        Raises: StoreFailed: the disk refuses.
        """
        try:
            with self._lock:
                if self._closed:
                    return
                self._writing.execute("BEGIN IMMEDIATE")  # other processes wait as well before they destroy
                try:
                    self._tend_copies(now_us)
                finally:
                    self._writing.execute("ROLLBACK")
        except (OSError, apsw.Error) as error:
            raise StoreFailed("The key book cannot be copied.", reason=str(error)) from error

    def renew_copies(self, now_us: int) -> None:
        """Make one copy of the book as it is now in the place of all others. Raises: StoreFailed: the disk refuses."""
        try:
            for copy in self.copies():
                copy.unlink(missing_ok=True)
        except OSError as error:
            raise StoreFailed("The key book cannot be copied.", reason=str(error)) from error
        self.tend_copies(now_us)

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._closed = True
            self._reader.close()
            self._writing.close()

    def _tend_copies(self, now_us: int) -> None:
        for copy in self.copies():
            if not now_us - COPY_KEPT_US < _made_us(copy) <= now_us:
                copy.unlink(missing_ok=True)
        kept = self.copies()
        if not kept or now_us - _made_us(kept[-1]) >= COPY_EACH_US:
            self._copy(self._path.with_name(f"{self._path.name}.copy-{now_us:020d}"))

    def _copy(self, target: Path) -> None:
        part = target.with_name(target.name + ".part")
        os.close(os.open(part, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600))
        # a connection of its own: the book's reader is for one thread, and copying is done in another
        with closing(_read_only(self._path)) as book, closing(apsw.Connection(str(part))) as copy:
            with copy.backup("main", book, "main") as backup:
                backup.step()
            _run(copy, "PRAGMA journal_mode=DELETE")
        part.rename(target)

    def _empty_wal(self) -> None:
        """Have nothing of what was deleted stand in the WAL: its pages were overwritten in the book itself."""
        try:
            with self._lock:
                self._writing.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
        except apsw.Error as error:
            raise StoreFailed("A deleted key may still stand in the key book's WAL.", reason=str(error)) from error

    @contextmanager
    def _transaction(self) -> Iterator[apsw.Connection]:
        """Write in one transaction, or not at all. Raises: StoreFailed."""
        try:
            with self._lock, self._writing:
                yield self._writing
        except apsw.Error as error:
            raise StoreFailed("The key book cannot be written.", reason=str(error)) from error

    def _one(self, sql: str, values: tuple[str, ...]) -> KeyRow | None:
        return next((KeyRow(*row) for row in self._read(sql, values)), None)

    def _read(self, sql: str, values: tuple[str, ...]) -> list[tuple[Any, ...]]:
        try:
            return self._reader.execute(sql, values).fetchall()
        except apsw.Error as error:
            raise StoreFailed("The key book cannot be read.", reason=str(error)) from error


def _destroy_in(copy: Path, tenant: str, subject: str) -> None:
    try:
        with closing(apsw.Connection(str(copy))) as connection:
            _run(connection, "PRAGMA secure_delete=ON")
            connection.execute(_SQL["keys_of_subject_delete"], (tenant, subject))
    except apsw.Error as error:
        raise StoreFailed(f"{copy.name}: a destroyed key may still stand in this copy.", reason=str(error)) from error


def _read_only(path: Path) -> apsw.Connection:
    reader = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
    _run(reader, "PRAGMA busy_timeout=10000")
    return reader


def _made_us(copy: Path) -> int:
    return int(copy.name.rpartition("-")[2])


def _run(connection: apsw.Connection, statements: str) -> None:
    connection.execute(statements).fetchall()
