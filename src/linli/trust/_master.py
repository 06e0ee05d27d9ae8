"""The master key, which wraps the keys of tenants, and the file that keeps it; how it is exchanged for another.

A new master key is written beside the old one (node.kek.next), then all that the old one wraps is wrapped anew in one
transaction of the key book, then the new file takes the place of the old. Whoever is killed in between loses nothing: each
row of the book says by which master key it is opened, and both files are there until all rows are opened by the new one.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from linli.base.errors import StartError

from ._node_key import derived_key, secret_of
from ._suites import SUITES, Sealer

WORD = "kek:"
_DAMAGED = ": without it nothing personal in the database can ever be read again."


@dataclass(frozen=True, slots=True)
class Master:
    """A master key at work. `kid`: its name in the rows that it wraps; `sealers`: by suite."""

    kid: str
    sealers: Mapping[str, Sealer]

    @classmethod
    def of(cls, secret: bytes) -> Self:
        """Make it of the 32 bytes that a file keeps."""
        sealers = {
            one.name: one.sealer(derived_key(secret, one.name.encode())[: one.key_bytes]) for one in SUITES.values()
        }
        return cls(WORD + derived_key(secret, b"fingerprint")[:8].hex(), sealers)


class MasterFile:
    """Where the master key stands, and beside it the next one while it is exchanged."""

    def __init__(self, path: Path) -> None:
        """Keep it in this file."""
        self.path = path
        self._next = path.with_name(path.name + ".next")

    def masters(self) -> list[Master]:
        """Return the master key, made on first use, and the next one if it is being exchanged.

        Raises: StartError: a file is damaged or cannot be read.
        """
        files = [self.path, self._next] if self._next.exists() else [self.path]
        return [Master.of(secret_of(file, _DAMAGED)) for file in files]

    def begin(self) -> Master:
        """Return the next master key, on disk before anything is wrapped by it; that of an exchange that was cut short,
        if there is one. Raises: StartError."""
        master = Master.of(secret_of(self._next, _DAMAGED))
        self._settle()
        return master

    def end(self) -> None:
        """Let the next master key take the place of the old, which is gone after that. Raises: StartError."""
        try:
            self._next.replace(self.path)
        except OSError as error:
            raise StartError(f"{self._next}: cannot take the place of {self.path} ({error.strerror}).") from error
        self._settle()

    def _settle(self) -> None:
        """Have the names in the folder outlive a power cut."""
        folder = os.open(self.path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
