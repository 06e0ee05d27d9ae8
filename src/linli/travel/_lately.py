"""What was asked lately: travel times around a junction, kept up to a number of bytes."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable

import numpy as np
from numpy.typing import NDArray

BYTES_MAX = 16 << 20


class Lately:
    """The vectors used last; the one not used for longest goes first."""

    def __init__(self, bytes_max: int = BYTES_MAX) -> None:
        """Hold at most `bytes_max`."""
        self._bytes_max = bytes_max
        self._bytes = 0
        self._kept: OrderedDict[Hashable, NDArray[np.float32]] = OrderedDict()

    def get(self, key: Hashable) -> NDArray[np.float32] | None:
        """Return what is kept under `key`, or None."""
        found = self._kept.get(key)
        if found is not None:
            self._kept.move_to_end(key)
        return found

    def keep(self, key: Hashable, vector: NDArray[np.float32]) -> None:
        """Keep a vector; one that alone is larger than all may be is not kept."""
        if vector.nbytes > self._bytes_max or key in self._kept:
            return
        self._kept[key] = vector
        self._bytes += vector.nbytes
        while self._bytes > self._bytes_max:
            self._bytes -= self._kept.popitem(last=False)[1].nbytes
