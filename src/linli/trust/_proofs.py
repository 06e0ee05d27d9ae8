"""Proof for somebody who was looked at: one row of the audit, and that it stands under a root that the node signed.

The proof is a small JSON document. Whoever has it can check it without the node, and it shows no other row: of the row
before and of the rest of the tree it holds hashes only.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import orjson

from linli.base import read_json
from linli.base.errors import BadRequestData, LinliError, ResourceNotFound
from linli.store import AuditRow, LogRow, Record

from ._audit import AuditEntry, read_row
from ._chain import Algorithm, chain_of, rows_of
from ._checkpoints import (
    BLOCKS,
    CHECKPOINT,
    TREE,
    TREE_ID,
    Checkpoint,
    block_id,
    checkpoint_id,
    read_block,
    read_checkpoint,
)
from ._tree import BLOCK, Subtree, path_of, root_by, subtree_root

FORM = "linli audit proof 1"


class Rows(Protocol):
    """Where the audit is read: a store, or a database as it stands at one moment."""

    async def audit_since(self, tenant: str, seq: int, *, limit: int) -> list[AuditRow]:
        """Return the audit rows after a position, oldest first."""
        ...

    async def log_since(self, tenant: str, seq: int, *, limit: int) -> list[LogRow]:
        """Return the rows of the log after a position, oldest first."""
        ...

    async def record(self, tenant: str, kind: str, record_id: str) -> Record | None:
        """Return a record."""
        ...


@dataclass(frozen=True, slots=True)
class Proven:
    """What a proof shows: what the row says, and the checkpoint under which it stands."""

    row: AuditEntry
    seq: int
    checkpoint: Checkpoint


async def prove(store: Rows, tenant: str, seq: int) -> bytes:
    """Return the proof that the row at a position of the log is part of the audit.

    Raises: ResourceNotFound: there is no such row, or no checkpoint covers it yet.
    """
    checkpoint = await _last_checkpoint(store, tenant)
    if checkpoint is None or checkpoint.seq < seq:
        raise ResourceNotFound("No checkpoint covers this row yet; one is made every minute.")
    start, rows = await _block_with(store, tenant, checkpoint, seq)
    at = next((at for at, row in enumerate(rows) if row.seq == seq), None)
    if at is None:
        raise ResourceNotFound("The audit has no such row.")
    here, index = rows[at], start + at
    before = rows[at - 1].hash if at else await _hash_before(store, tenant, checkpoint.algorithm, index)
    said = {
        "form": FORM,
        "row": here.row.decode(),
        "seq": seq,
        "hash": _text(here.hash),
        "before": _text(before),
        "log": _text(await _digest(store, tenant, here)),
        "index": index,
        "path": [_text(root) for root in await _path(store, tenant, checkpoint, index)],
        "checkpoint": orjson.Fragment(checkpoint.line()),
    }
    return orjson.dumps(said, option=orjson.OPT_INDENT_2)


def check_proof(proof: bytes, keys: frozenset[bytes] = frozenset()) -> Proven:
    """Return what a proof shows, after checking it; `keys`: one of these must have signed it, where any are known.

    Raises: BadRequestData: it is no proof, or it does not hold; with the reason.
    """
    said, checkpoint = _read(proof)
    if not checkpoint.is_signed:
        raise BadRequestData("The checkpoint is not signed by the node that it names.")
    if keys and checkpoint.key not in keys:
        raise BadRequestData("The checkpoint is signed by another node than the one you named.")
    chain = chain_of(said.linked)
    if chain is None or chain.bind(said.before, said.digest, said.row) != said.linked:
        raise BadRequestData("The row is not the one that was written: it or what stands around it was changed.")
    if root_by(checkpoint.algorithm, said.linked, said.index, checkpoint.size, said.path) != checkpoint.root:
        raise BadRequestData("The row does not stand under the root that was signed.")
    entry = read_row(said.row)
    if entry is None:
        raise BadRequestData("The row is none of the audit.")
    return Proven(entry, said.seq, checkpoint)


@dataclass(frozen=True, slots=True)
class _Said:
    row: bytes
    seq: int
    linked: bytes
    before: bytes
    digest: bytes
    index: int
    path: tuple[bytes, ...]


def _read(proof: bytes) -> tuple[_Said, Checkpoint]:
    try:
        said: Any = read_json(proof)
        checkpoint = read_checkpoint(orjson.dumps(said["checkpoint"])) if said["form"] == FORM else None
        read = _Said(
            row=said["row"].encode(),
            seq=int(said["seq"]),
            linked=_bytes(said["hash"]),
            before=_bytes(said["before"]),
            digest=_bytes(said["log"]),
            index=int(said["index"]),
            path=tuple(map(_bytes, said["path"])),
        )
    except (LinliError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise BadRequestData("This is no proof of linli.") from error
    if checkpoint is None:
        raise BadRequestData("This is no proof of linli.")
    return read, checkpoint


async def _last_checkpoint(store: Rows, tenant: str) -> Checkpoint | None:
    tree = await store.record(tenant, TREE, TREE_ID)
    if tree is None:
        return None
    said = orjson.loads(tree.doc)
    record = await store.record(tenant, CHECKPOINT, checkpoint_id(said["hash"], said["size"]))
    return None if record is None else read_checkpoint(record.doc)


async def _block_with(store: Rows, tenant: str, checkpoint: Checkpoint, seq: int) -> tuple[int, list[AuditRow]]:
    """Return the rows of the block that holds a position, after the number of the first: found by halving."""
    low, high = 0, checkpoint.size // BLOCK  # the first block whose last row is not before `seq`
    while low < high:
        middle = (low + high) // 2
        if await _last_of(store, tenant, checkpoint.algorithm, middle) < seq:
            low = middle + 1
        else:
            high = middle
    start = low * BLOCK
    after = await _last_of(store, tenant, checkpoint.algorithm, low - 1)
    return start, await store.audit_since(tenant, after, limit=min(BLOCK, checkpoint.size - start))


async def _last_of(store: Rows, tenant: str, algorithm: Algorithm, block: int) -> int:
    """Return the position of the last row of a full block; 0 before the first."""
    if block < 0:
        return 0
    subtree = Subtree(block * BLOCK, (block + 1) * BLOCK)
    record = await store.record(tenant, BLOCKS, block_id(algorithm, subtree))
    if record is None:
        raise ResourceNotFound("The audit cannot be proven: hashes of its blocks are missing.")
    return read_block(record.doc)[1]


async def _rows(store: Rows, tenant: str, algorithm: Algorithm, subtree: Subtree) -> list[AuditRow]:
    """Return the rows of a subtree that lies within one block."""
    block = subtree.start // BLOCK
    after = await _last_of(store, tenant, algorithm, block - 1)
    rows = await store.audit_since(tenant, after, limit=subtree.stop - block * BLOCK)
    return rows[subtree.start - block * BLOCK :]


async def _hash_before(store: Rows, tenant: str, algorithm: Algorithm, index: int) -> bytes:
    """Return the hash before the first row of a block; nothing before the very first row."""
    return (await _rows(store, tenant, algorithm, Subtree(index - 1, index)))[0].hash if index else b""


async def _digest(store: Rows, tenant: str, row: AuditRow) -> bytes:
    """Return the hash of the rows of the log for which a row stands."""
    chain = chain_of(row.hash)
    if chain is None:
        raise ResourceNotFound("This row was written before the audit was chained; it cannot be proven.")
    log = await store.log_since(tenant, row.seq - rows_of(row.row), limit=rows_of(row.row))
    return chain.digest([one.as_written() for one in log])


async def _path(store: Rows, tenant: str, checkpoint: Checkpoint, index: int) -> Sequence[bytes]:
    algorithm = checkpoint.algorithm

    async def kept(subtree: Subtree) -> bytes | None:
        record = await store.record(tenant, BLOCKS, block_id(algorithm, subtree))
        return None if record is None else read_block(record.doc)[0]

    async def leaves(subtree: Subtree) -> list[bytes]:
        return [row.hash for row in await _rows(store, tenant, algorithm, subtree)]

    return [await subtree_root(algorithm, one, kept, leaves) for one in path_of(index, checkpoint.size)]


def _text(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


def _bytes(text: str) -> bytes:
    return base64.b64decode(text, validate=True)
