"""`linli audit`: verify the audit, prove one row of it, check such a proof."""

from __future__ import annotations

import argparse
import asyncio
import base64
from pathlib import Path

from linli.app import NODE_CODE, store_url
from linli.base import Settings, to_wire_time
from linli.base.errors import BadSetting, StartError
from linli.store import snapshot
from linli.trust import WITNESS, Checkpoint, NodeSecret, Verdict, Witness, check_proof, prove, verify, witness_at

from ._start import load_settings
from ._words import node_words, whole

_KEY_BYTES = 32


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the words of this command."""
    audit = commands.add_parser("audit", help="verify who did what, prove one row of it, check such a proof")
    kinds = audit.add_subparsers(dest="what", required=True)

    verifying = kinds.add_parser("verify", help="find the first row of the audit or the log that was tampered with")
    node_words(verifying)
    _key_words(verifying)
    verifying.add_argument("--from", dest="since", type=whole(least=1), default=0, help="from this log position on")
    verifying.add_argument("--to", dest="until", type=whole(least=1), help="up to this log position")
    verifying.add_argument(
        "--witness", type=Path, help="file of signed checkpoints; default: the one that the node itself appends to"
    )
    verifying.add_argument("--tenant", help="only this tenant; default: all")
    verifying.set_defaults(run=_verify)

    proving = kinds.add_parser("prove", help="write the proof that a row is part of the audit")
    node_words(proving)
    proving.add_argument("seq", type=whole(least=1), help="position of the row in the log")
    proving.add_argument("--tenant", default="default", help="tenant; default: default")
    proving.set_defaults(run=_prove)

    checking = kinds.add_parser("check", help="check a proof; no node and no database is needed")
    checking.add_argument("file", type=Path)
    _key_words(checking)
    checking.set_defaults(run=_check)

    key = kinds.add_parser("key", help="print the public key by which others check what this node signed")
    node_words(key)
    key.set_defaults(run=_print_key)


def _key_words(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--key", action="append", default=[], help="a public key that may have signed too")


def _verify(options: argparse.Namespace) -> int:
    settings = load_settings(options)
    witness = _witness(options, settings)
    lines, unreadable = _lines(witness) if witness else (None, 0)
    keys = _keys(options)
    verdicts = asyncio.run(_verdicts(options, settings, keys, lines))
    for verdict in verdicts:
        _print_verdict(verdict, options)
    if unreadable:
        print(f"Witness: {unreadable} lines cannot be read; all others were used.")
    if lines is None:
        print(
            "Without a witness it cannot be excluded that rows were rewritten to the end, or that the tail was cut off "
            "together with its checkpoints: keep one outside (setting trust.witness) and name it by --witness."
        )
    return 1 if any(one.fault for one in verdicts) else 0


async def _verdicts(
    options: argparse.Namespace, settings: Settings, keys: frozenset[bytes], lines: list[Checkpoint] | None
) -> list[Verdict]:
    async with snapshot(store_url(settings, options.data)) as trail:
        known = {*await trail.tenants(), *(one.tenant for one in lines or ())}
        wanted = sorted(known) if options.tenant is None else [options.tenant]
        return [await verify(trail, tenant, keys, lines, since=options.since, until=options.until) for tenant in wanted]


def _print_verdict(verdict: Verdict, options: argparse.Namespace) -> None:
    name = f"Tenant {verdict.tenant}"
    if verdict.fault is not None:
        at = f" at log position {verdict.fault.seq}" if verdict.fault.seq else ""
        print(f"{name}: WRONG{at}: {verdict.fault.text}.")
        return
    print(
        f"{name}: {verdict.rows} rows of the audit stand for {verdict.log_rows} rows of the log, and all of them hold."
    )
    if verdict.unchained:
        print(
            f"{name}: {verdict.unchained} further rows are from before the audit was chained; nothing is said of them."
        )
    if options.since or options.until:
        print(f"{name}: only a part was looked at; roots that were signed stand over all rows and were not compared.")
    elif verdict.witnessed is not None:
        print(f"{name}: the witness vouches for it up to log position {verdict.witnessed} of {verdict.last}.")


def _prove(options: argparse.Namespace) -> int:
    settings = load_settings(options)

    async def proof() -> bytes:
        async with snapshot(store_url(settings, options.data)) as rows:
            return await prove(rows, options.tenant, options.seq)

    print(asyncio.run(proof()).decode())
    return 0


def _check(options: argparse.Namespace) -> int:
    try:
        proof = options.file.read_bytes()
    except OSError as error:
        raise BadSetting(f"{options.file}: cannot be read ({error.strerror}).") from error
    keys = frozenset(map(_key, options.key))
    proven = check_proof(proof, keys)
    row, checkpoint = proven.row, proven.checkpoint
    print(f"The proof holds: {to_wire_time(row.at_us)}, {row.role} {row.action}, for {row.purpose or 'no purpose'}.")
    print(
        f"It is row {proven.seq} of the log of node {checkpoint.node}, under the root over {checkpoint.size} rows that was "
        f"signed at {to_wire_time(checkpoint.at_us)} by the key {base64.b64encode(checkpoint.key).decode()}."
    )
    if not keys:
        print(
            "Whether this key is the node's, this program cannot know: compare it with the one that the node makes public."
        )
    return 0


def _print_key(options: argparse.Namespace) -> int:
    print(base64.b64encode(_own_key(options)).decode())
    return 0


def _witness(options: argparse.Namespace, settings: Settings) -> Witness | None:
    """Return the witness that is named, else the node's own where there is one."""
    if options.witness is not None:
        return Witness(options.witness)
    return witness_at(settings[WITNESS], settings[NODE_CODE])


def _lines(witness: Witness) -> tuple[list[Checkpoint], int]:
    try:
        return witness.read()
    except OSError as error:
        raise StartError(f"{witness.file}: the witness cannot be read ({error.strerror}).") from error


def _keys(options: argparse.Namespace) -> frozenset[bytes]:
    """Return the public keys by which this node may have signed."""
    named = frozenset(map(_key, options.key))
    return named if named and not _secret_file(options).exists() else named | {_own_key(options)}


def _own_key(options: argparse.Namespace) -> bytes:
    """Return the public key of the node. Raises: StartError: its secret is not here."""
    file = _secret_file(options)
    if not file.exists():
        raise StartError(f"{file}: is not there; name the node's public key by --key, or its folder by --data.")
    return NodeSecret(file).public_key


def _secret_file(options: argparse.Namespace) -> Path:
    folder: Path = options.data
    return folder / "node.secret"


def _key(text: str) -> bytes:
    try:
        key = base64.b64decode(text, validate=True)
    except ValueError:
        key = b""
    if len(key) != _KEY_BYTES:
        raise BadSetting(f"--key {text}: is not the public key of a node; `linli audit key` prints it.")
    return key
