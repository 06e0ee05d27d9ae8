"""The Merkle tree of RFC 9162 over the hashes of the audit, kept as a compact range: a few hashes stand for all leaves.

    leaf  = H(0x00 || hash of the row)        node = H(0x01 || left || right)

A signed root says at once what all rows were; a path of hashes shows that one row is under it, without the others.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple

from ._chain import HASHES, Algorithm

#: rows whose subtree is kept as one hash: a proof reads so many rows at most, and for the rest the hashes of blocks
BLOCK = 256
_KEPT = (BLOCK, BLOCK * BLOCK)


class Subtree(NamedTuple):
    """The leaves from `start` up to, and without, `stop`."""

    start: int
    stop: int

    @property
    def is_full(self) -> bool:
        """Whether it is a whole power of two at a multiple of itself: then it never changes again."""
        size = self.stop - self.start
        return size & (size - 1) == 0 and self.start % size == 0


class Tree:
    """The root over all leaves so far. `peaks`: the roots of the full subtrees from left to right, largest first.

    `finished`: the subtrees that became full and are worth to be kept, with their roots; who keeps them clears it.
    """

    def __init__(self, algorithm: Algorithm = "sha-256", size: int = 0, peaks: Sequence[bytes] = ()) -> None:
        """Go on from a compact range."""
        self.algorithm = algorithm
        self.size = size
        self.peaks = list(peaks)
        self.finished: list[tuple[Subtree, bytes]] = []
        self._hash = HASHES[algorithm]

    def append(self, linked: bytes) -> None:
        """Take in the hash of the next row."""
        peak = self._hash(b"\0" + linked)
        leaves = 1
        while self.size & leaves:
            peak = self._hash(b"\1" + self.peaks.pop() + peak)
            leaves <<= 1
            if leaves in _KEPT:
                self.finished.append((Subtree(self.size + 1 - leaves, self.size + 1), peak))
        self.peaks.append(peak)
        self.size += 1

    @property
    def root(self) -> bytes:
        """The root over all leaves; of none, the hash of nothing."""
        return fold(self.algorithm, self.peaks)


def fold(algorithm: Algorithm, peaks: Sequence[bytes]) -> bytes:
    """Return the root over subtrees that stand side by side, largest first."""
    digest = HASHES[algorithm]
    if not peaks:
        return digest(b"")
    root = peaks[-1]
    for peak in reversed(peaks[:-1]):
        root = digest(b"\1" + peak + root)
    return root


def path_of(index: int, size: int) -> list[Subtree]:
    """Return the subtrees whose roots prove that the leaf `index` is among `size` leaves, from the leaf up."""
    path: list[Subtree] = []
    start, stop = 0, size
    while stop - start > 1:
        middle = start + _half(stop - start)
        if index < middle:
            path.append(Subtree(middle, stop))
            stop = middle
        else:
            path.append(Subtree(start, middle))
            start = middle
    return path[::-1]


def root_by(algorithm: Algorithm, linked: bytes, index: int, size: int, path: Sequence[bytes]) -> bytes | None:
    """Return the root that a path leads to from the hash of a row; None when it is no path of such a leaf."""
    digest = HASHES[algorithm]
    if not 0 <= index < size:
        return None
    sides = path_of(index, size)
    if len(sides) != len(path):
        return None
    root = digest(b"\0" + linked)
    for side, beside in zip(sides, path, strict=True):
        root = digest(b"\1" + (root + beside if side.start > index else beside + root))
    return root


async def subtree_root(
    algorithm: Algorithm,
    subtree: Subtree,
    kept: Callable[[Subtree], Awaitable[bytes | None]],
    leaves: Callable[[Subtree], Awaitable[Sequence[bytes]]],
) -> bytes:
    """Return the root of a subtree from what is `kept` of full ones; `leaves` gives the hashes of at most BLOCK rows."""
    size = subtree.stop - subtree.start
    if size >= BLOCK and subtree.is_full and (root := await kept(subtree)) is not None:
        return root
    if size <= BLOCK:
        tree = Tree(algorithm)
        for linked in await leaves(subtree):
            tree.append(linked)
        return tree.root
    middle = subtree.start + _half(size)
    left = await subtree_root(algorithm, Subtree(subtree.start, middle), kept, leaves)
    right = await subtree_root(algorithm, Subtree(middle, subtree.stop), kept, leaves)
    return HASHES[algorithm](b"\1" + left + right)


def _half(size: int) -> int:
    """Return the largest power of two below `size`."""
    return 1 << (size - 1).bit_length() - 1
