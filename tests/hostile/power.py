"""A file layer for SQLite that remembers what was written and what was synced, and can cut the power or break the disk.

It works on real files; beside them it keeps a journal of every write, truncation, sync and deletion, into which a test
puts a mark for each acknowledged Change. `Power.cut(at)` builds the files as a disk may hold them after the power went
away at that point: everything synced stands, of everything later any part may stand, whole or torn.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import apsw

_names = itertools.count()


class Event(NamedTuple):
    what: str
    name: str
    at: int = 0
    content: bytes = b""


class Power(apsw.VFS):
    """The layer; `fails(what, number)` tells whether the n-th of its kind since `arm` shall fail.

    Kinds: sync; write = to the WAL or another journal; move = to the database itself.
    """

    def __init__(self) -> None:
        self.name = f"power{next(_names)}"
        self.journal: list[Event] = []
        #: how many bytes files may still grow by, all together; None = as they like
        self.room: int | None = None
        self._fails: Callable[[str, int], bool] | None = None
        self._counts = {"sync": 0, "write": 0, "move": 0}
        super().__init__(self.name, "")

    def xOpen(self, name: Any, flags: list[int]) -> apsw.VFSFile:
        return _File(self, name, flags)

    def xDelete(self, name: str, sync_folder: bool) -> None:
        super().xDelete(name, sync_folder)
        self.journal.append(Event("delete", Path(name).name))

    def mark(self, number: int) -> None:
        """Note that Change `number` was acknowledged."""
        self.journal.append(Event("acknowledged", "", number))

    def arm(self, fails: Callable[[str, int], bool] | None) -> None:
        self._fails = fails
        self._counts = {"sync": 0, "write": 0, "move": 0}

    def may_fail(self, what: str) -> None:
        self._counts[what] += 1
        if self._fails and self._fails(what, self._counts[what]):
            raise apsw.IOError("the disk is broken for a test")

    def may_grow(self, file: apsw.VFSFile, end: int) -> None:
        """Refuse a write that needs more room than there is."""
        growth = end - file.xFileSize()
        if self.room is not None and growth > 0:
            if growth > self.room:
                raise apsw.FullError("the disk is full for a test")
            self.room -= growth

    def cut(self, at: int, folder: Path, rng: random.Random | None) -> list[int]:
        """Write the files as they may stand after `at` events; return the numbers acknowledged by then.

        Without `rng` nothing unsynced survives; with it, each unsynced write survives whole, torn or not at all.
        """
        folder.mkdir()
        synced: dict[str, bytearray] = {}
        later: dict[str, list[Event]] = {}
        acknowledged: list[int] = []
        for event in self.journal[:at]:
            if event.what == "acknowledged":
                acknowledged.append(event.at)
            elif event.what == "delete":
                synced.pop(event.name, None)
                later.pop(event.name, None)
            elif event.what == "sync":
                content = synced.setdefault(event.name, bytearray())
                for done in later.pop(event.name, []):
                    _apply(content, done)
            else:
                later.setdefault(event.name, []).append(event)
        if rng is not None:
            for name, events in later.items():
                content = synced.setdefault(name, bytearray())
                for event in events:
                    _apply(content, event, rng.choice([0.0, 0.5, 1.0]))
        for name, content in synced.items():
            (folder / name).write_bytes(content)
        return acknowledged


class _File(apsw.VFSFile):
    def __init__(self, power: Power, name: Any, flags: list[int]) -> None:
        super().__init__("", name, flags)
        self._power = power
        path = name.filename() if isinstance(name, apsw.URIFilename) else name
        self._name = Path(path).name if path else "temporary"

    def xWrite(self, content: bytes, offset: int) -> None:
        self._power.may_fail("move" if self._name.endswith(".db") else "write")
        self._power.may_grow(self, offset + len(content))
        super().xWrite(content, offset)
        self._power.journal.append(Event("write", self._name, offset, bytes(content)))

    def xTruncate(self, size: int) -> None:
        super().xTruncate(size)
        self._power.journal.append(Event("truncate", self._name, size))

    def xSync(self, flags: int) -> None:
        self._power.may_fail("sync")
        super().xSync(flags)
        self._power.journal.append(Event("sync", self._name))


def _apply(content: bytearray, event: Event, part: float = 1.0) -> None:
    if event.what == "truncate":
        if part == 1.0:
            del content[event.at :]
        return
    piece = event.content[: int(len(event.content) * part)]
    if piece:
        content.extend(bytes(max(0, event.at - len(content))))
        content[event.at : event.at + len(piece)] = piece
