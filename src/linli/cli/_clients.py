"""`linli clients`: devices and vendors' services that may write here, each with its area, attributes, key and end.

For a node whose administrator has no pages, as a broker alone, and for whoever sets one up by script.
"""

from __future__ import annotations

import argparse
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from linli.app import identity_at_rest
from linli.base import to_wire_time
from linli.base.errors import BadSetting
from linli.trust import ClientApp, Identity, client_keys, made_client_key

from ._serve import run_loop
from ._start import load_settings
from ._words import made_folder, node_words, whole

DAYS_MAX = 1100
_BY = "engine:clients"


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `linli clients` to the command line."""
    clients = commands.add_parser("clients", help="devices and vendors' services that may write here")
    kinds = clients.add_subparsers(dest="what", required=True)
    new = kinds.add_parser("add", help="let a device or a vendor's service in")
    new.add_argument("id", help="3 to 64 small letters, digits, dots, - or _")
    new.add_argument("--role", choices=("device", "vendor"), default="device")
    new.add_argument("--title", required=True, help="what people read, like the name of the product")
    new.add_argument("--area", action="append", required=True, help="scope in which it writes; may stand twice")
    new.add_argument("--attr", action="append", required=True, help="attribute that it may write; may stand twice")
    new.add_argument(
        "--days", type=whole(least=1, most=DAYS_MAX), default=365, help=f"until when; default 365, most {DAYS_MAX}"
    )
    new.set_defaults(run=_add)
    keys = kinds.add_parser("keys", help="give a client other keys; two at a time let it change one for the other")
    keys.add_argument("id")
    keys.set_defaults(run=_keys)
    for one in (new, keys):
        one.add_argument("--key", type=Path, action="append", default=[], help="file with its public key: PEM or JWK")
    new.add_argument("--new-key", type=Path, help="make a key, and write the private part to this file")
    listed = kinds.add_parser("list", help="who is let in, where, for what, until when")
    listed.set_defaults(run=_list)
    revoke = kinds.add_parser("revoke", help="let a client in no more")
    revoke.add_argument("id")
    revoke.set_defaults(run=_revoke)
    for one in (new, keys, listed, revoke):
        node_words(one)


def _add(options: argparse.Namespace) -> int:
    made = [made_client_key(options.new_key)] if options.new_key else []
    keys = _together([*(_read(file) for file in options.key), *made])
    client = ClientApp(options.id, options.role, options.title, tuple(options.area), tuple(options.attr), made_by=_BY)

    async def register(identity: Identity) -> None:
        registered = await identity.clients.register(client, keys, days=options.days)
        print(
            f"{client.id} may write {', '.join(client.attrs)} in {', '.join(client.scopes)} until {_until(registered)}."
        )

    return _at_rest(options, register)


def _keys(options: argparse.Namespace) -> int:
    keys = _together([_read(file) for file in options.key])

    async def change(identity: Identity) -> None:
        await identity.clients.change_keys(options.id, keys)
        print(f"{options.id} proves itself by {len(keys['keys'])} keys from now on.")

    return _at_rest(options, change)


def _list(options: argparse.Namespace) -> int:
    async def show(identity: Identity) -> None:
        clients = await identity.clients.all()
        for one in clients:
            print(f"{one.id}  {one.role}  until {_until(one)}  {one.title}")
            print(f"    in {', '.join(one.scopes) or '-'}; writes {', '.join(one.attrs) or '-'}")
        if not clients:
            print("Nobody is let in here as a device or a vendor.")

    return _at_rest(options, show)


def _revoke(options: argparse.Namespace) -> int:
    async def drop(identity: Identity) -> None:
        await identity.clients.drop(options.id, _BY)
        print(f"{options.id} is let in no more.")

    return _at_rest(options, drop)


def _at_rest(options: argparse.Namespace, ask: Callable[[Identity], Awaitable[None]]) -> int:
    settings = load_settings(options)

    async def run() -> int:
        await identity_at_rest(made_folder(options.data), settings, ask)
        return 0

    return run_loop(run())


def _read(file: Path) -> dict[str, Any]:
    try:
        return client_keys(file.read_bytes())
    except OSError as error:
        raise BadSetting(f"--key {file}: cannot be read ({error.strerror}).") from error


def _together(sets: list[dict[str, Any]]) -> dict[str, Any]:
    return {"keys": [key for one in sets for key in one["keys"]]}


def _until(client: ClientApp) -> str:
    return to_wire_time(client.until_us)[:10] if client.until_us else "it is revoked"
