"""The words of the command line, and which command does what."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TypeAlias

from linli import __version__
from linli.base.errors import StartError

from . import _audit, _check, _circle, _clients, _db, _doctor, _init, _pack, _person, _serve, _trust, _vocab
from ._words import PORT_MAX, above_zero, node_words, whole

Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"  # noqa: SLF001 - argparse has no other name for what add_subparsers returns


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(prog="linli", description="邻里 linli: the platform of a city's communities.")
    top.add_argument("--version", action="version", version=__version__)
    commands = top.add_subparsers(dest="command", required=True)

    _serve_words(commands)
    _demo_words(commands)

    circle = commands.add_parser("circle", help="who and what is within reach of a place")
    node_words(circle)
    circle.add_argument("lon", type=float)
    circle.add_argument("lat", type=float)
    circle.add_argument("--minutes", type=above_zero, default=60.0)
    circle.add_argument("--mode", choices=("walk", "ebike", "drive"), default="walk")
    circle.add_argument("--city", type=Path, help="street map, an .osm.pbf file")
    circle.add_argument("--geojson", action="store_true", help="print the outline as GeoJSON")
    circle.set_defaults(run=_circle.run)

    init = commands.add_parser("init", help="make the link for the first administrator")
    node_words(init)
    init.add_argument("--label", default="administrator", help="name of the account, like a post")
    init.add_argument("--again", action="store_true", help="although there is an administrator already")
    init.set_defaults(run=_init.run)

    doctor = commands.add_parser("doctor", help="say what is wrong with this machine, and the way out")
    node_words(doctor)
    doctor.set_defaults(run=_doctor.run)

    settings = commands.add_parser("settings", help="list all settings with their values and sources")
    node_words(settings)
    settings.set_defaults(run=_doctor.settings)

    _db_words(commands)
    _audit.add(commands)
    _check.add(commands)
    _clients.add(commands)
    _pack.add(commands)
    _person.add(commands)
    _trust.add(commands)
    _vocab.add(commands)
    return top


def _serve_words(commands: Commands) -> None:
    serve = commands.add_parser("serve", help="run a node")
    node_words(serve)
    serve.add_argument("--city", type=Path, help="street map, an .osm.pbf file")
    serve.add_argument("--port", type=whole(least=0, most=PORT_MAX), help="port; default 8800")
    serve.add_argument("--open", action="store_true", help="no sign-in: everybody is the operator, loopback only")
    serve.add_argument("--only", choices=("broker",), help="run a part alone: the NGSI-LD broker without the platform")
    serve.add_argument("--context-map", type=Path, help="with --only broker: JSON file, @context URL to file")
    serve.add_argument(
        "--workers",
        type=whole(least=1, most=64),
        default=1,
        help="with --only broker on PostgreSQL: how many processes",
    )
    serve.add_argument("--socket", type=whole(least=0), help=argparse.SUPPRESS)  # what a worker is handed by its crew
    serve.set_defaults(run=_serve.run)


def _demo_words(commands: Commands) -> None:
    demo = commands.add_parser("demo", help="run a node with a made-up district and simulated people")
    node_words(demo)
    demo.set_defaults(data=None)
    demo.add_argument("--city", type=Path, help="street map, an .osm.pbf file; default: a made-up city")
    demo.add_argument("--port", type=whole(least=0, most=PORT_MAX), help="port; default 8800")
    demo.add_argument("--seed", type=int, default=1, help="seed of everything made up")
    demo.add_argument("--speed", type=above_zero, default=10.0, help="city seconds in one real second")
    demo.add_argument(
        "--residents", type=whole(least=1), help="how many residents to make up; default 20,000, headless 2,000"
    )
    demo.add_argument("--helpers", type=whole(least=0), help="how many helpers; default: as the load says")
    demo.add_argument("--load", default="normal", help="normal, peak or a scenario FILE.toml")
    demo.add_argument("--fresh", action="store_true", help="throw away the demo's data and begin anew")
    demo.add_argument("--quiet", action="store_true", help="no simulated calls: only people who sign in call")
    demo.add_argument(
        "--calls", type=whole(least=0), help="headless: run this many calls to their end, then print a summary"
    )
    demo.add_argument(
        "--hours", type=above_zero, help="headless: over how many hours the calls come; default: as the load says"
    )
    demo.add_argument("--seeds", help="headless: several seeds, like 101-110")
    demo.add_argument("--policy", choices=("open", "closed", "nearest"), help="how calls and helpers are joined")
    demo.add_argument("--json", action="store_true", help="headless: print the summary as JSON")
    demo.add_argument("--out", type=Path, help="headless: write the summary to this file as well")
    demo.set_defaults(run=_run_demo)


def _db_words(commands: Commands) -> None:
    database = commands.add_parser("db", help="upgrade, check, back up, restore or seal the database")
    kinds = database.add_subparsers(dest="what", required=True)
    for name, text in (
        ("upgrade", "bring the database to the schema of this program; a node does so itself when it starts"),
        ("backup", "copy the database of --data to FILE, also while a node runs"),
        ("restore", "put FILE in the place of the database of --data; no node may run"),
        ("check", "read the whole database and say whether it is sound and everything personal in it is sealed"),
        ("seal", "seal what an older database holds in clear, or what is sealed with old keys; no node may run"),
        (
            "rotate",
            "seal with new keys from now on; a node that runs seals the rest anew; --kek: exchange the master key",
        ),
    ):
        kind = kinds.add_parser(name, help=text)
        node_words(kind)
        if name in ("backup", "restore"):
            kind.add_argument("file", type=Path)
        if name == "rotate":
            kind.add_argument("--kek", action="store_true", help="exchange the master key alone")
        kind.set_defaults(run=getattr(_db, name))


def _run_demo(options: argparse.Namespace) -> int:
    """Run the demo where there is one: every other command works without that room."""
    try:
        from . import _demo
    except ModuleNotFoundError as error:
        if error.name != "linli.demo":
            raise
        raise StartError("This linli was installed without the demo; run a node with `linli serve`.") from error
    return _demo.run(options)
