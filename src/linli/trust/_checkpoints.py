"""Checkpoints: what the audit was at a moment, signed by the node, and kept outside of its database too.

A chain in one database stops nobody who can rewrite the whole table. So once a minute, or after a thousand rows, the node
signs the root over all rows so far; the line goes into the database and into a witness file, best on another machine's
disk. Whoever rewrites a row, or cuts off the tail, would have to rewrite the witness too.
"""

from __future__ import annotations

import asyncio
import base64
import os
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import orjson
import structlog

from linli.base import Clock, read_json, setting
from linli.base.errors import LinliError
from linli.store import AuditRow, Change, PutRecord, Store

from ._chain import HASHES, Algorithm
from ._node_key import NodeSecret, is_signed
from ._tree import Subtree, Tree

WITNESS = setting(
    "trust.witness",
    "",
    "File or folder, best on another machine's disk, to which the signed checkpoints of the audit are appended; empty: none.",
)

#: kinds of record: signed checkpoints by their size, the tree as it stands, the roots of its full blocks
CHECKPOINT, TREE, BLOCKS = "audit-checkpoint", "audit-tree", "audit-block"
TREE_ID = "tree"
#: a checkpoint is made after so many rows, or so long after the last one
ROWS_MAX = 1000
EVERY_S = 60.0

_MARK = b"linli checkpoint\n"
_log = structlog.get_logger("linli.trust")


class Checkpoint(NamedTuple):
    """What a node signed: that its first `size` rows of the audit, up to the position `seq`, have this root."""

    at_us: int
    node: str
    tenant: str
    size: int
    seq: int
    algorithm: Algorithm
    root: bytes
    key: bytes
    signature: bytes = b""

    def said(self) -> bytes:
        """Return what is signed."""
        return _MARK + orjson.dumps(self._members(), option=orjson.OPT_SORT_KEYS)

    def line(self) -> bytes:
        """Return the checkpoint as one line of JSON."""
        return orjson.dumps({**self._members(), "signature": _text(self.signature)}, option=orjson.OPT_SORT_KEYS)

    @property
    def is_signed(self) -> bool:
        """Whether the node whose key it names signed it."""
        return is_signed(self.key, self.said(), self.signature)

    def _members(self) -> dict[str, Any]:
        return {
            "at": self.at_us,
            "hash": self.algorithm,
            "key": _text(self.key),
            "node": self.node,
            "root": _text(self.root),
            "seq": self.seq,
            "size": self.size,
            "tenant": self.tenant,
        }


def read_checkpoint(line: bytes) -> Checkpoint | None:
    """Return what a line says; None where it is no checkpoint. The signature is not checked."""
    try:
        said = read_json(line)
        algorithm: Algorithm = said["hash"]
        return (
            Checkpoint(
                int(said["at"]),
                str(said["node"]),
                str(said["tenant"]),
                int(said["size"]),
                int(said["seq"]),
                algorithm,
                _bytes(said["root"]),
                _bytes(said["key"]),
                _bytes(said["signature"]),
            )
            if algorithm in HASHES
            else None
        )
    except (LinliError, KeyError, TypeError, ValueError):
        return None


class Witness:
    """A file outside of the database, to which checkpoints are only ever appended."""

    def __init__(self, file: Path) -> None:
        """Write to this file, which need not be there yet."""
        self.file = file

    def append(self, lines: Iterable[bytes]) -> None:
        """Add lines and sync. Raises: OSError."""
        self.file.parent.mkdir(parents=True, exist_ok=True)
        with self.file.open("ab+") as file:
            if file.tell():
                file.seek(-1, os.SEEK_END)
                if file.read(1) != b"\n":  # the machine went down in the middle of a line
                    file.write(b"\n")
            file.write(b"".join(line + b"\n" for line in lines))
            file.flush()
            os.fsync(file.fileno())

    def read(self) -> tuple[list[Checkpoint], int]:
        """Return all checkpoints in their order, and how many lines are none. Raises: OSError."""
        lines = [line for line in self.file.read_bytes().split(b"\n") if line]
        found = [one for one in map(read_checkpoint, lines) if one is not None]
        return found, len(lines) - len(found)


def witness_at(place: str, node: str) -> Witness | None:
    """Return the witness that the setting names: the file, or in a folder the file of this node."""
    if not place:
        return None
    path = Path(place)
    return Witness(path / f"linli-{node}.witness" if path.is_dir() or place.endswith("/") else path)


@dataclass(slots=True)
class _Standing:
    """How far a tenant's rows are in the tree."""

    tree: Tree
    seq: int
    #: the version of the record of the tree, so that two who write it at once are found out
    version: int


class Notary:
    """Follows the audit and signs checkpoints: a reader of the log with a durable cursor, in one process of a node."""

    def __init__(
        self,
        store: Store,
        secret: NodeSecret,
        wall: Clock,
        *,
        node: str,
        algorithm: Algorithm = "sha-256",
        witness: Witness | None = None,
    ) -> None:
        """Sign in the name of `node`."""
        self._store = store
        self._secret = secret
        self._wall = wall
        self._node = node
        self._algorithm = algorithm
        self._witness = witness
        self._running: asyncio.Task[None] | None = None
        self._standing: dict[str, _Standing] = {}

    async def start(self) -> None:
        """Begin to follow."""
        self._running = asyncio.get_running_loop().create_task(self._run())

    async def stop(self) -> None:
        """Sign what there is and end."""
        if self._running is None:
            return
        self._running.cancel()
        with suppress(asyncio.CancelledError):
            await self._running
        self._running = None
        await self._attest_all()

    async def attest(self, tenant: str) -> Checkpoint | None:
        """Sign all rows of a tenant that came since the last checkpoint; None where there is none."""
        signed = None
        standing = await self._load(tenant)
        while rows := await self._store.audit_since(tenant, standing.seq, limit=ROWS_MAX):
            signed = await self._sign(tenant, standing, rows)
        await self._tell_witness(tenant)
        return signed

    async def _run(self) -> None:
        while True:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._many_rows(), EVERY_S)
            await self._attest_all()

    async def _many_rows(self) -> None:
        """Return when in any tenant so many rows wait that they are signed at once."""
        waiting = [
            asyncio.ensure_future(self._store.wait_log(tenant, (await self._load(tenant)).seq + ROWS_MAX))
            for tenant in await self._store.tenants() or [""]
        ]
        try:
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for one in waiting:
                one.cancel()
            await asyncio.gather(*waiting, return_exceptions=True)

    async def _attest_all(self) -> None:
        try:
            if await self._store.lead("audit"):
                for tenant in await self._store.tenants():
                    await self.attest(tenant)
            else:
                self._standing.clear()
        except LinliError as error:
            self._standing.clear()
            _log.error("trust.checkpoint.failed", reason=error.message)

    async def _load(self, tenant: str) -> _Standing:
        """Return where the tree stands; one of another hash function is begun anew, from the first row."""
        if tenant not in self._standing:
            record = await self._store.record(tenant, TREE, TREE_ID)
            self._standing[tenant] = _Standing(Tree(self._algorithm), 0, 0)
            if record is not None:
                said = orjson.loads(record.doc)
                self._standing[tenant].version = record.version
                if said["hash"] == self._algorithm:
                    tree = Tree(self._algorithm, said["size"], [_bytes(peak) for peak in said["peaks"]])
                    self._standing[tenant] = _Standing(tree, said["seq"], record.version)
        return self._standing[tenant]

    async def _sign(self, tenant: str, standing: _Standing, rows: list[AuditRow]) -> Checkpoint:
        """Take rows into the tree, and commit it with its checkpoint and what of it became full."""
        tree = standing.tree
        seqs: dict[int, int] = {}
        for row in rows:
            tree.append(row.hash)
            seqs[tree.size] = row.seq
        standing.seq = rows[-1].seq
        checkpoint = self._signed(tenant, tree, standing.seq)
        records = [
            PutRecord(CHECKPOINT, checkpoint_id(tree.algorithm, tree.size), checkpoint.line(), quiet=True),
            PutRecord(TREE, TREE_ID, _drawn(tree, standing.seq), standing.version, quiet=True),
        ]
        records += [_block(tree.algorithm, subtree, root, seqs[subtree.stop]) for subtree, root in tree.finished]
        tree.finished.clear()
        change = Change(tenant, "engine:notary", "", self._wall.now_us(), records=tuple(records))
        await self._store.commit(change)
        standing.version += 1
        return checkpoint

    def _signed(self, tenant: str, tree: Tree, seq: int) -> Checkpoint:
        now_us, key = self._wall.now_us(), self._secret.public_key
        one = Checkpoint(now_us, self._node, tenant, tree.size, seq, tree.algorithm, tree.root, key)
        return one._replace(signature=self._secret.sign(one.said()))

    async def _tell_witness(self, tenant: str) -> None:
        """Append to the witness what it does not have yet; a disk that is away gets all of it when it is back."""
        if self._witness is None:
            return
        reader = f"audit-witness {self._witness.file}"
        after = await self._store.cursor(tenant, reader)
        while records := await self._store.records(tenant, CHECKPOINT, after=after):
            try:
                await asyncio.to_thread(self._witness.append, [one.doc for one in records])
            except OSError as error:
                _log.error("trust.witness.failed", file=str(self._witness.file), reason=error.strerror)
                return
            after = records[-1].row
            await self._store.commit(Change(tenant, "engine:notary", "", self._wall.now_us(), cursor=(reader, after)))


def checkpoint_id(algorithm: Algorithm, size: int) -> str:
    """Return under which id a checkpoint is kept."""
    return f"{algorithm} {size}"


def block_id(algorithm: Algorithm, subtree: Subtree) -> str:
    """Return under which id the root of a full block is kept."""
    return f"{algorithm} {subtree.start} {subtree.stop}"


def read_block(doc: bytes) -> tuple[bytes, int]:
    """Return the root of a block, and the position of its last row in the log."""
    said = orjson.loads(doc)
    return _bytes(said["root"]), said["last"]


def _block(algorithm: Algorithm, subtree: Subtree, root: bytes, last: int) -> PutRecord:
    doc = orjson.dumps({"root": _text(root), "last": last})
    return PutRecord(BLOCKS, block_id(algorithm, subtree), doc, quiet=True)


def _drawn(tree: Tree, seq: int) -> bytes:
    peaks = [_text(peak) for peak in tree.peaks]
    return orjson.dumps({"hash": tree.algorithm, "size": tree.size, "seq": seq, "peaks": peaks})


def _text(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


def _bytes(text: str) -> bytes:
    return base64.b64decode(text, validate=True)
