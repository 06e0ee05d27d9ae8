"""The entities read last, kept by the size of their documents."""

from __future__ import annotations

from collections import OrderedDict

from ._change import Stored

_OVERHEAD_BYTES = 700  # measured: an OrderedDict entry, its key and a Stored without its document

Key = tuple[str, str]


class Shelf:
    """An LRU of Stored up to `bytes_max`; only what was read stands here, and only what was committed."""

    def __init__(self, bytes_max: int) -> None:
        """Begin empty; `bytes_max` = 0 keeps nothing."""
        self._bytes_max = bytes_max
        self._bytes = 0
        self._kept: OrderedDict[Key, Stored] = OrderedDict()

    def __len__(self) -> int:
        return len(self._kept)

    @property
    def bytes(self) -> int:
        """About how much memory is in use."""
        return self._bytes

    def get(self, key: Key) -> Stored | None:
        """Return what is kept under `key`, and remember that it was used."""
        found = self._kept.get(key)
        if found is not None:
            self._kept.move_to_end(key)
        return found

    def put(self, key: Key, stored: Stored) -> None:
        """Keep `stored`, and let go of what was used longest ago."""
        self.drop(key)
        self._kept[key] = stored
        self._bytes += _weight(stored)
        self._trim()

    def refresh(self, key: Key, stored: Stored | None) -> None:
        """Replace what is kept by what now stands (None: nothing); what nobody read is not taken up."""
        old = self._kept.get(key)
        if old is None:
            return
        if stored is None:
            self.drop(key)
        else:
            self._kept[key] = stored
            self._bytes += len(stored.doc) - len(old.doc)
            self._trim()

    def clear(self) -> None:
        """Forget everything."""
        self._kept.clear()
        self._bytes = 0

    def drop(self, key: Key) -> None:
        """Forget `key`."""
        old = self._kept.pop(key, None)
        if old is not None:
            self._bytes -= _weight(old)

    def _trim(self) -> None:
        while self._bytes > self._bytes_max:
            self._bytes -= _weight(self._kept.popitem(last=False)[1])


def _weight(stored: Stored) -> int:
    return len(stored.doc) + _OVERHEAD_BYTES
