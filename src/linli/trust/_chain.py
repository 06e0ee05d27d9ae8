"""The chain of the audit: each row is bound to the one before and to the rows of the log that it stands for.

    hash = tag || H( hash before || H(rows of the log) || row )

A Change leaves one summary row, which stands for all its rows of the log; a row that was given (a read, a denial) stands
for its own. So all rows of the log are covered, each exactly once: whoever edits, cuts out or slips in one breaks the
chain from there on. The tag says which function H is, so the setting may change and old rows are still checked.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, Literal

import orjson
from cryptography.hazmat.primitives.hashes import SM3, Hash

from linli.base import setting

from ._audit import read_row

HASH = setting(
    "trust.hash",
    "sha-256",
    "Hash function of the audit chain and of its checkpoints: sha-256, or sm3 (GB/T 32905).",
    ("sha-256", "sm3"),
)

Algorithm = Literal["sha-256", "sm3"]
#: the rows of the log as they stand in the database: seq, at_us, tenant, tx, kind, entity_id, type, scope, version,
#: attrs (a list as JSON text), actor, purpose
LogRows = Sequence[Sequence[Any]]

_BYTES = 32
_START = bytes(_BYTES + 1)
_TAGS: dict[Algorithm, bytes] = {"sha-256": b"\x01", "sm3": b"\x02"}


def _sha_256(text: bytes) -> bytes:
    return hashlib.sha256(text).digest()


def _sm3(text: bytes) -> bytes:
    sm3 = Hash(SM3())
    sm3.update(text)
    return sm3.finalize()


HASHES: dict[Algorithm, Callable[[bytes], bytes]] = {"sha-256": _sha_256, "sm3": _sm3}


class HashChain:
    """Links the rows of the audit; what a store asks for as its Chain."""

    def __init__(self, algorithm: Algorithm = "sha-256") -> None:
        """Link new rows by this hash function."""
        self._hash = HASHES[algorithm]
        self._tag = _TAGS[algorithm]

    def link(self, prev: bytes, log: LogRows, row: bytes) -> bytes:
        """Return the hash that binds `row` to the one before (b"" for none) and to the rows of the log it stands for."""
        return self.bind(prev, self.digest(log), row)

    def bind(self, prev: bytes, digest: bytes, row: bytes) -> bytes:
        """Return the hash of a row of whose log only the digest is known."""
        return self._tag + self._hash((prev or _START) + digest + row)

    def digest(self, log: LogRows) -> bytes:
        """Return the hash of rows of the log."""
        return self._hash(orjson.dumps(log))

    def summary(self, policy: str, rows: int) -> bytes:
        """Return the row that stands for `rows` rows of the log which one Change wrote, by a rule's leave."""
        return _summary(policy, rows)

    def about(self, row: bytes) -> tuple[str, ...]:
        """Return the traces under which a row must be found."""
        if row.startswith(_SUMMARY):
            return ()
        seen = read_row(row)
        return seen.traces if seen else ()


_SUMMARY = b'{"action":"change",'


@lru_cache(4096)
def _summary(policy: str, rows: int) -> bytes:
    said = {"action": "change", "policy": policy, "rows": rows} if policy else {"action": "change", "rows": rows}
    return orjson.dumps(said)


def rows_of(row: bytes) -> int:
    """Return for how many rows of the log a row of the audit stands: a summary says it, any other for its own."""
    if not row.startswith(_SUMMARY):
        return 1
    return int(orjson.loads(row)["rows"])


def chain_of(linked: bytes) -> HashChain | None:
    """Return the chain by whose function a hash was made; None where it is none of ours."""
    for algorithm, tag in _TAGS.items():
        if linked[:1] == tag and len(linked) == _BYTES + 1:
            return HashChain(algorithm)
    return None
