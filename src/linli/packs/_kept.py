"""The exact versions of kinds that running calls began with, kept as files beside the database until nobody needs them."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import replace
from pathlib import Path

import msgspec

from linli.base import Deadline, WorkTime
from linli.dispatch import Kind


class _Sheet(msgspec.Struct):
    """One kept kind; its deadline is counted with the calendar of the day on which it is read."""

    kind: Kind
    done_within: str


class Kept:
    """A folder with one small file for each exact version of a kind that was ever offered here."""

    def __init__(self, folder: Path, work: WorkTime) -> None:
        """Keep in `folder`, which is made when the first kind is kept."""
        self._folder = folder
        self._work = work

    def keep(self, kinds: Iterable[Kind]) -> None:
        """Write down those that are not there yet; a file is whole or not there."""
        self._folder.mkdir(parents=True, exist_ok=True)
        for kind in kinds:
            file = self._file(kind.key, kind.pack_version)
            if not file.exists():
                limit = kind.done.limit if kind.done else ""
                half = file.with_suffix(".half")
                half.write_bytes(msgspec.json.encode(_Sheet(replace(kind, done=None), limit)))
                half.replace(file)

    def find(self, key: str, version: str) -> Kind | None:
        """Return a kind as it was in an exact version, None when it is not kept or its file is broken."""
        try:
            sheet = msgspec.json.decode(self._file(key, version).read_bytes(), type=_Sheet)
        except (OSError, msgspec.DecodeError):
            return None
        return replace(sheet.kind, done=Deadline(sheet.done_within, self._work) if sheet.done_within else None)

    def forget_others(self, used: Collection[tuple[str, str]]) -> int:
        """Delete all versions but those `used` (kind, exact version); return how many were deleted."""
        wanted = {self._file(*one).name for one in used}
        gone = [file for file in self._folder.glob("*.json") if file.name not in wanted]
        for file in gone:
            file.unlink(missing_ok=True)
        return len(gone)

    def _file(self, key: str, version: str) -> Path:
        name = "".join(letter if letter.isalnum() or letter in "._+-" else "_" for letter in f"{key}@{version}")
        return self._folder / f"{name.replace('/', '_')}.json"
