"""The keys under which personal values are sealed: a master key, under it a key a tenant, under that a key a subject.

The master key stands in a file of its own (node.kek, mode 0600) or wherever `trust.kek_file` says; it can be exchanged for
another while nodes run, for whoever meets a row under one that he does not know reads the file again. All others stand in the
key book, keys.db in the data folder, each wrapped by the one above: destroy the book's row of a subject, and nobody ever
opens again what was sealed with it, in no backup either, for the book is in none. The key of the blind index stands there
too, wrapped by the master key, never in the database.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from linli.base import SECOND_US, Clock, Settings, WallClock, setting
from linli.base.errors import StartError, StoreFailed
from linli.store import KeyBook, KeyRow

from ._blind import Kind, normal
from ._master import WORD, Master, MasterFile
from ._suites import SUITES, Broken, Sealer, Suite

SUITE = setting(
    "trust.suite",
    "aes-256-gcm",
    "How personal values are sealed from now on; what was sealed otherwise is still read.",
    tuple(SUITES),
)
KEK_FILE = setting(
    "trust.kek_file", "", "File of the master key (64 hex digits, mode 0600); empty means node.kek in --data."
)

BOOK = "keys.db"
MASTER = "node.kek"
#: whose key it is: the tenant's own, that of records which are about nobody in particular, that of the blind index
_TENANT, RECORDS = "", "urn:linli:records"
_EVERYWHERE, _INDEX = "", "index"
_KID_BYTES = 9
_INDEX_BYTES = 32
_BLIND_BYTES = 8
_KEPT_MAX = 20_000
_LOOK_EACH_US = SECOND_US // 10


@dataclass(frozen=True, slots=True)
class Key:
    """A key at work; `kid` is its number, which stands beside all that is sealed with it."""

    kid: str
    suite: Suite
    sealer: Sealer


@dataclass(frozen=True, slots=True)
class Destroyed:
    """The part of a receipt that says that the keys of a subject are gone."""

    tenant: str
    subject: str
    keys: int
    at_us: int


class Keys:
    """The keys of one node. Used from one event loop."""

    def __init__(
        self, book: KeyBook, master: bytes | MasterFile, *, suite: str = "aes-256-gcm", wall: Clock | None = None
    ) -> None:
        """Open the book with the master key, or with the file that keeps it; `suite`: for new keys.

        Raises: StartError: this master key does not open the book.
        """
        self._book = book
        self._suite = SUITES[suite]
        self._wall = wall or WallClock()
        self._file = master if isinstance(master, MasterFile) else None
        self._masters = {} if isinstance(master, MasterFile) else {(one := Master.of(master)).kid: one}
        self._in_use: dict[tuple[str, str], Key] = {}
        self._by_kid: dict[str, Key | None] = {}
        self._looked_us, self._version = 0, -1
        self._wanted: dict[tuple[str, str], None] = {}
        self._line = asyncio.Lock()
        self._index, self._hash = self._load_index()

    @classmethod
    def open(cls, folder: Path, settings: Settings, *, sync: str = "full", wall: Clock | None = None) -> Self:
        """Open the keys of the node whose data lie in `folder`; make them on first use.

        Raises: StartError: a file is damaged, cannot be read, or does not belong to the other.
        """
        folder.mkdir(parents=True, exist_ok=True)
        file = Path(settings[KEK_FILE]) if settings[KEK_FILE] else folder / MASTER
        if not file.exists() and (folder / BOOK).exists():
            raise StartError(f"{file}: is missing, and {folder / BOOK} cannot be opened without it. Put back its copy.")
        return cls(KeyBook.open(folder / BOOK, sync=sync), MasterFile(file), suite=settings[SUITE], wall=wall)

    def subject_key(self, tenant: str, subject: str) -> Key:
        """Return the key with which new values of a subject are sealed, made on first use. Raises: StoreFailed."""
        key = self._known(tenant, subject)
        if key is None:
            self._book.add([self._new(tenant, subject)])
            key = self._known(tenant, subject)
        if key is None:
            raise StoreFailed("The key book did not keep a key that was made.")
        return key

    async def ready(self, tenant: str, subjects: Iterable[str]) -> None:
        """Have a key for each of these subjects; those who wait at the same time share one sync. Raises: StoreFailed."""
        missing = [(tenant, subject) for subject in subjects if self._known(tenant, subject) is None]
        if not missing:
            return
        self._wanted.update(dict.fromkeys(missing))
        async with self._line:
            wanted = [pair for pair in (*self._wanted, *missing) if self._known(*pair) is None]
            self._wanted.clear()
            if wanted:
                rows = [self._new(*pair) for pair in dict.fromkeys(wanted)]
                await asyncio.to_thread(self._book.add, rows)

    def by_number(self, kid: str) -> Key | None:
        """Return a key that once sealed something; None when it was destroyed.

        Raises: StoreFailed: the book knows nothing of it: it is not the book of this database.
        """
        if kid not in self._by_kid:
            row = self.row(kid)
            self._keep_number(kid, None if row is None else self._unwrapped(row))
        return self._by_kid[kid]

    def load(self, kids: Iterable[str]) -> None:
        """Have these keys at hand, by one look into the book; what it lacks `by_number` will say."""
        missing = [kid for kid in kids if kid not in self._by_kid]
        for row in self._book.some(missing) if missing else ():
            self._keep_number(row.kid, self._unwrapped(row))

    def refresh(self) -> bool:
        """Forget all that is known of keys if some were destroyed or replaced, by whichever process; tell whether so.

        The book is looked at ten times a second at most.
        """
        now_us = self._wall.now_us()
        if self._looked_us <= now_us < self._looked_us + _LOOK_EACH_US:
            return False
        self._looked_us = now_us
        version = self._book.version()
        if version == self._version:
            return False
        self._version = version
        if not self._book.turned():
            return False
        self._in_use.clear()
        self._by_kid.clear()
        return True

    async def destroy(self, tenant: str, subject: str) -> Destroyed:
        """Destroy the keys of a subject: what was sealed with them is lost for ever. Raises: StoreFailed."""
        at_us = self._wall.now_us()
        keys = await asyncio.to_thread(self._book.destroy, tenant, subject, at_us)
        self._forget()
        return Destroyed(tenant, subject, keys, at_us)

    async def rotate(self, tenant: str) -> None:
        """Seal with new keys from now on; the old ones open what they sealed until all of it is sealed anew."""
        await asyncio.to_thread(self._book.retire, tenant)
        self._forget()

    async def exchange_master(self) -> int:
        """Wrap all that the master key wraps by a new one, and let it take the old one's place; return how many keys.

        When it is cut short, the next call goes on where it stopped. The book's own copies are made anew: the old ones could
        be opened by the old master key only.
        Raises: StoreFailed, StartError: nothing is lost, and the old master key still opens what it opened.
        """
        assert self._file is not None  # noqa: S101 - only tests hold a master key without a file
        master = self._file.begin()
        rows = [row for row in self._book.all() if row.under.startswith(WORD) and row.under != master.kid]
        self._book.rewrap([(row, self._rewrapped(row, master)) for row in rows])
        await asyncio.to_thread(self._book.renew_copies, self._wall.now_us())
        self._file.end()
        self._masters = {master.kid: master}
        return len(rows)

    def tenants(self) -> list[str]:
        """Return the tenants that have keys."""
        return sorted({row.tenant for row in self._book.all() if row.tenant != _EVERYWHERE})

    def retired(self, tenant: str) -> frozenset[str]:
        """Return the numbers of the keys of a tenant that seal nothing new."""
        return frozenset(row.kid for row in self._book.all() if row.tenant == tenant and not row.current)

    async def drop(self, kids: Iterable[str]) -> None:
        """Take away keys with which nothing is sealed any more."""
        await asyncio.to_thread(self._book.drop, list(kids))
        self._forget()

    def row(self, kid: str) -> KeyRow | None:
        """Return what the book says of a key; None when it was destroyed.

        Raises: StoreFailed: the book knows nothing of it: it is not the book of this database.
        """
        row = self._book.key(kid)
        if row is None and self._book.gone_us(kid) is None:
            raise StoreFailed(f"{BOOK} lacks the key {kid}: it is older than the database, or that of another.")
        return row

    def blind(self, tenant: str, kind: Kind, value: str) -> str:
        """Return what stands for a value where it must be found but not read: 64 bits, as 16 hexadecimal digits.

        Equal values of a kind give the same within a tenant, however a telephone or identity number is spelled.
        """
        said = f"{tenant}\0{kind}\0{normal(kind, value)}".encode()
        return self._hash(self._index, said)[:_BLIND_BYTES].hex()

    async def tend_copies(self) -> None:
        """Keep one copy of the book a day, none for longer than seven days. Raises: StoreFailed."""
        await asyncio.to_thread(self._book.tend_copies, self._wall.now_us())

    def close(self) -> None:
        """Close the book."""
        self._book.close()

    def _known(self, tenant: str, subject: str) -> Key | None:
        """Return the key in use, if there is one of the suite that is asked for."""
        key = self._in_use.get((tenant, subject))
        if key is None:
            row = self._book.in_use(tenant, subject)
            if row is None or row.suite != self._suite.name:
                return None
            key = self._unwrapped(row)
            if len(self._in_use) >= _KEPT_MAX:
                self._in_use.clear()
            self._in_use[tenant, subject] = key
            self._keep_number(key.kid, key)
        return key

    def _keep_number(self, kid: str, key: Key | None) -> None:
        if len(self._by_kid) >= _KEPT_MAX:
            self._by_kid.clear()
        self._by_kid[kid] = key

    def _forget(self) -> None:
        """Forget what is known of keys, and have `refresh` say so the next time."""
        self._in_use.clear()
        self._by_kid.clear()
        self._looked_us = 0

    def _new(self, tenant: str, subject: str) -> KeyRow:
        """Return a new key of a subject, or of a tenant itself, wrapped."""
        suite = self._suite
        kid, raw = secrets.token_urlsafe(_KID_BYTES), secrets.token_bytes(suite.key_bytes)
        upper = self._master() if subject == _TENANT else self.subject_key(tenant, _TENANT)
        row = KeyRow(kid, tenant, subject, suite.name, upper.kid, b"", self._wall.now_us())
        sealer = upper.sealers[suite.name] if isinstance(upper, Master) else upper.sealer
        return row._replace(wrapped=sealer.seal(raw, _bound(row)))

    def _rewrapped(self, row: KeyRow, master: Master) -> KeyRow:
        """Return a row that the master key wraps as another one wraps it."""
        raw, sealer = self._raw(row), master.sealers[row.suite]
        anew = row._replace(under=master.kid, wrapped=sealer.seal(raw, _bound(row)))
        if sealer.open(anew.wrapped, _bound(anew)) != raw:
            raise StoreFailed("A key that was wrapped anew does not open.")
        return anew

    def _master(self, kid: str = "") -> Master:
        """Return a master key by its name, else the one that wraps what is new: the same as wraps the blind index.

        Raises: StoreFailed: its file is not the one of this book, or not any more.
        """
        if not kid and (row := self._book.in_use(_EVERYWHERE, _INDEX)) is not None:
            kid = row.under
        if self._file is not None and (not self._masters or (kid and kid not in self._masters)):
            self._masters = {one.kid: one for one in self._file.masters()}
        master = self._masters.get(kid) if kid else next(iter(self._masters.values()))
        if master is None:
            raise StoreFailed(f"A key in {BOOK} is not opened by this node's master key ({MASTER}): one was exchanged.")
        return master

    def _unwrapped(self, row: KeyRow) -> Key:
        suite = SUITES[row.suite]
        return Key(row.kid, suite, suite.sealer(self._raw(row)))

    def _raw(self, row: KeyRow) -> bytes:
        """Return a key in clear. Raises: StoreFailed: the one above it does not open it."""
        if row.under.startswith(WORD):
            upper: Sealer | None = self._master(row.under).sealers[row.suite]
        else:
            above = self.by_number(row.under)
            upper = above.sealer if above else None
        try:
            if upper is not None:
                return upper.open(row.wrapped, _bound(row))
        except Broken:
            pass
        raise StoreFailed(f"A key in {BOOK} is not opened by this node's master key ({MASTER}): one was exchanged.")

    def _load_index(self) -> tuple[bytes, Callable[[bytes, bytes], bytes]]:
        """Return the key of the blind index, made on first use, with its hash. It is never exchanged."""
        try:
            row = self._book.in_use(_EVERYWHERE, _INDEX)
            if row is None:
                self._book.add([self._new_index()])
                row = self._book.in_use(_EVERYWHERE, _INDEX)
            if row is not None:
                return self._raw(row), SUITES[row.suite].index
        except StoreFailed as error:
            raise StartError(error.message) from error
        raise StartError(f"{BOOK}: did not keep the key of the blind index.")

    def _new_index(self) -> KeyRow:
        suite = self._suite.name
        kid, raw = secrets.token_urlsafe(_KID_BYTES), secrets.token_bytes(_INDEX_BYTES)
        master = self._master()
        row = KeyRow(kid, _EVERYWHERE, _INDEX, suite, master.kid, b"", self._wall.now_us())
        return row._replace(wrapped=master.sealers[suite].seal(raw, _bound(row)))


def _bound(row: KeyRow) -> bytes:
    return "\0".join(row[:4]).encode()
