"""`linli person`: a copy of all that is kept of somebody, his erasure, and what the law holds; no node may run meanwhile."""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

from linli.app import asked_at_rest
from linli.base import to_wire_time, write_json
from linli.broker import Broker
from linli.trust import Act, Principal

from ._start import load_settings
from ._words import node_words

T = TypeVar("T")

#: whoever can open the database on the command line may do everything with it; the audit says that it was so
KEEPER = Principal("operator", "operator", ("/",), name="linli person")


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `linli person` to the command line."""
    person = commands.add_parser("person", help="a copy of all that is kept of somebody, his erasure, or a hold on it")
    kinds = person.add_subparsers(dest="what", required=True)
    for name, run, text in (
        ("export", export, "write all that is kept of a person as JSON-LD"),
        ("erase", erase, "erase a person at once, and write the signed receipt"),
    ):
        kind = kinds.add_parser(name, help=text)
        kind.add_argument("id", help="id of the person, like urn:ngsi-ld:Resident:370102001001:01JX...")
        kind.add_argument("--reason", required=True, help="number of the paper on which it was asked for")
        kind.add_argument("--out", type=Path, help="file to write; default: standard output")
        node_words(kind)
        kind.set_defaults(run=run)
    for name, run, text in (
        ("hold", hold, "keep a person with all that is about him, or one entity, until a day, whatever else is due"),
        ("release", release, "end a hold before its time"),
    ):
        kind = kinds.add_parser(name, help=text)
        kind.add_argument("id", help="id of the person or the entity")
        kind.add_argument("--reason", required=True, help="number of the paper on which it was ordered")
        if name == "hold":
            kind.add_argument("--until", required=True, help="last day on which it is kept, like 2027-12-31")
        node_words(kind)
        kind.set_defaults(run=run)


def export(options: argparse.Namespace) -> int:
    """Write all that is kept of a person as JSON-LD."""
    return _write(options, lambda broker, act: broker.export(act, options.id))


def erase(options: argparse.Namespace) -> int:
    """Erase a person at once, and write the signed receipt."""
    return _write(options, lambda broker, act: broker.erase(act, options.id))


def hold(options: argparse.Namespace) -> int:
    """Keep what must not go, until a day."""
    held = _asked(options, lambda broker, act: broker.hold(act, options.id, options.until))
    print(f"{options.id} is kept until {to_wire_time(held.until_us)}; neither its days nor an erasure take it away.")
    return 0


def release(options: argparse.Namespace) -> int:
    """End a hold before its time."""
    _asked(options, lambda broker, act: broker.release(act, options.id))
    print(f"{options.id} is held no more; what only the hold kept goes when the node runs.")
    return 0


def _asked(options: argparse.Namespace, ask: Callable[[Broker, Act], Awaitable[T]]) -> T:
    settings, act = load_settings(options), Act(KEEPER, "registry", reason=options.reason, strong=True)
    return asyncio.run(asked_at_rest(options.data, settings, lambda broker: ask(broker, act)))


def _write(options: argparse.Namespace, ask: Callable[[Broker, Act], Awaitable[dict[str, Any]]]) -> int:
    said = _asked(options, ask)
    written = write_json(said, pretty=True)
    if options.out is None:
        sys.stdout.write(written.decode() + "\n")
    else:
        options.out.write_bytes(written)
        print(f"Written to {options.out}.")
    return 0
