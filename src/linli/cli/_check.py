"""`linli check`: tells a vendor, entity by entity, what is wrong and how to mend it, and writes a report to show."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from linli.base import LANGUAGES, WallClock, to_wire_time, write_json
from linli.base.errors import StartError
from linli.vocab import Judge, vocabulary

from ._boundary import read_boundary
from ._entities import ENTITIES_MAX, Found, from_file, from_url, is_url, shown
from ._report import Report
from ._words import writable_file


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the words of `linli check` to the command line."""
    check = commands.add_parser("check", help="check entities against the standard: what is wrong, how to mend it")
    check.add_argument("source", metavar="FILE|URL", help="JSON, JSON-LD, one entity a line, CSV; or a broker")
    check.add_argument("--type", metavar="TYPE", help="only entities of this type are right (URL: are asked for)")
    check.add_argument("--area", type=Path, metavar="FILE", help="GeoJSON: every place must lie inside its areas")
    check.add_argument("--html", type=Path, metavar="OUT", help="write the report as a page that can be shown")
    check.add_argument("--json", type=Path, metavar="OUT", help="write the report as JSON")
    check.add_argument("--lang", choices=LANGUAGES, help="one language; default both")
    check.add_argument(
        "--header", action="append", default=[], metavar="NAME:VALUE", help="URL: sent with each request"
    )
    check.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Judge every entity and tell; the exit code is 0 when level 1 is reached, else 1."""
    if options.type is not None and options.type not in vocabulary().types:
        raise StartError(f"--type {options.type}: is no type of the standard; `linli vocab list` names them.")
    for file in (options.html, options.json):
        if file is not None:
            writable_file(file)
    languages = LANGUAGES if options.lang is None else (options.lang,)
    judge = Judge(
        vocabulary(),
        plain_is_ours=not is_url(options.source),
        metres_outside=None if options.area is None else read_boundary(options.area),
    )
    report = judged(_entities(options), shown(options.source), judge, wanted=options.type)
    print("\n".join(report.lines(languages)))
    at = to_wire_time(WallClock().now_us())
    if options.html is not None:
        options.html.write_text(report.page(at, languages), "utf-8")
    if options.json is not None:
        options.json.write_bytes(write_json(report.document(at), pretty=True) + b"\n")
    return 0 if report.level else 1


def judged(entities: Iterator[Found], source: str, judge: Judge, *, wanted: str | None = None) -> Report:
    """Return the report on `entities`; `wanted`: they must be of this type."""
    report = Report(source, judge)
    for found in islice(entities, ENTITIES_MAX):
        report.take(found, report.judge.verdict(None if found.broken else found.entity, wanted=wanted))
    report.cut = next(entities, None) is not None
    return report


def _entities(options: argparse.Namespace) -> Iterator[Found]:
    if not is_url(options.source):
        if options.header:
            raise StartError("--header: only a URL is asked with headers.")
        return from_file(Path(options.source), options.type)
    headers: dict[str, str] = {}
    for said in options.header:
        name, colon, value = said.partition(":")
        if not colon or not name.strip() or not said.isprintable():
            raise StartError("--header: written NAME:VALUE, like 'NGSILD-Tenant: east'.")
        headers[name.strip().lower()] = value.strip()
    return from_url(options.source, headers, options.type)
