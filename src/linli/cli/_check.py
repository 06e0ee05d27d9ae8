"""`linli check`: tells a vendor, entity by entity, what is wrong and how to mend it, and writes a report to show."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path

from linli.base import LANGUAGES, WallClock, to_wire_time, write_json
from linli.base.errors import StartError
from linli.vocab import Judge, vocabulary

from ._boundary import read_boundary
from ._entities import ENTITIES_MAX, Found, from_file, from_url, is_url, shown
from ._report import Report
from ._trip import Trip
from ._words import writable_file


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the words of `linli check` to the command line."""
    check = commands.add_parser("check", help="check entities against the standard: what is wrong, how to mend it")
    check.add_argument("source", metavar="FILE|URL", help="JSON, JSON-LD, one entity a line, CSV; or a broker")
    check.add_argument("--type", metavar="TYPE", help="only entities of this type are right (URL: are asked for)")
    check.add_argument("--area", type=Path, metavar="FILE", help="GeoJSON: every place must lie inside its areas")
    check.add_argument("--through", metavar="URL", help="send one entity of each type through this broker and back")
    check.add_argument("--html", type=Path, metavar="OUT", help="write the report as a page that can be shown")
    check.add_argument("--json", type=Path, metavar="OUT", help="write the report as JSON")
    check.add_argument("--lang", choices=LANGUAGES, help="one language; default both")
    check.add_argument(
        "--header", action="append", default=[], metavar="NAME:VALUE", help="sent with each request to a URL"
    )
    check.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Judge every entity and tell; the exit code is 0 when level 1 is reached and the round trip went well, else 1."""
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
    headers, at_us = _headers(options), WallClock().now_us()
    trip = None if options.through is None else Trip(options.through, headers, judge, at_us)
    report = Report(shown(options.source), judge, trip)
    take_all(_entities(options, headers), report, wanted=options.type)
    print("\n".join(report.lines(languages)))
    at = to_wire_time(at_us)
    if options.html is not None:
        options.html.write_text(report.page(at, languages), "utf-8")
    if options.json is not None:
        options.json.write_bytes(write_json(report.document(at), pretty=True) + b"\n")
    return 0 if report.level and (trip is None or trip.passed) else 1


def take_all(entities: Iterator[Found], report: Report, *, wanted: str | None = None) -> None:
    """Judge `entities` for a report, and send the first right one of each type round; `wanted`: they must be of this type."""
    for found in islice(entities, ENTITIES_MAX):
        verdict = report.judge.verdict(None if found.broken else found.entity, wanted=wanted)
        report.take(found, verdict)
        if report.trip is not None and verdict.passed and verdict.type is not None:
            report.trip.take(found.entity, verdict.type)
    report.cut = next(entities, None) is not None
    if report.trip is not None:
        report.trip.close()


def _entities(options: argparse.Namespace, headers: Mapping[str, str]) -> Iterator[Found]:
    if is_url(options.source):
        return from_url(options.source, headers, options.type)
    return from_file(Path(options.source), options.type)


def _headers(options: argparse.Namespace) -> dict[str, str]:
    """Return what is sent with each request. Raises: StartError: nobody is asked, or a header cannot be read."""
    if options.through is not None and not is_url(options.through):
        raise StartError("--through: must be the URL of a broker, like http://127.0.0.1:8800.")
    if options.header and options.through is None and not is_url(options.source):
        raise StartError("--header: only a URL is asked with headers.")
    headers: dict[str, str] = {}
    for said in options.header:
        name, colon, value = said.partition(":")
        if not colon or not name.strip() or not said.isprintable():
            raise StartError("--header: written NAME:VALUE, like 'NGSILD-Tenant: east'.")
        headers[name.strip().lower()] = value.strip()
    return headers
