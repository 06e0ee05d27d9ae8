"""Entities to be checked: out of a file (JSON, JSON-LD, one a line, a table), or out of a running broker, page by page."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit, urlunsplit

from linli.base import read_json
from linli.base.errors import LinliError, StartError
from linli.client import ClientProblem, NodeUnreachable, SyncHttpTransport
from linli.vocab import vocabulary

from ._table import rows

FILE_BYTES_MAX = 1 << 30
ANSWER_BYTES_MAX = 64 << 20
ENTITIES_MAX = 1_000_000
PAGE = 100
ROOT = "/ngsi-ld/v1"
_ACCEPT = {"accept": "application/ld+json, application/json;q=0.5"}
_BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class Found:
    """One entity, and where it stood: its number in a list or its line. A line that is no JSON has `broken`."""

    place: int
    by_line: bool
    entity: Any
    broken: bool = False


def is_url(source: str) -> bool:
    """Tell whether the entities are fetched and not read from a file."""
    return source.startswith(("http://", "https://"))


def shown(source: str) -> str:
    """Return the source as a report may show it: a URL without user, password and query."""
    if not is_url(source):
        return Path(source).name
    parts = urlsplit(source)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


def from_file(file: Path, type_name: str | None = None) -> Iterator[Found]:
    """Yield the entities of a file: one JSON object, a list of them, one a line, or a table whose name ends in .csv.

    `type_name`: of all rows of a table without a column for it.
    Raises: StartError: the file is not there, not UTF-8, not JSON, or holds something else than entities.
    """
    try:
        content = file.read_bytes()
    except OSError as error:
        raise StartError(f"{file}: cannot be read ({error.strerror}).") from error
    content = content.removeprefix(_BOM)
    if file.suffix.lower() != ".csv":
        yield from _entities(content, str(file))
        return
    for place, entity in rows(_text(content, str(file)), str(file), type_name):
        yield Found(place, by_line=True, entity=entity, broken=entity is None)


def from_url(url: str, headers: Mapping[str, str], type_name: str | None) -> Iterator[Found]:
    """Yield the entities of a broker, of one type or of all types of the standard, or those of one document.

    Raises: StartError: nobody answers, or the answer is no.
    """
    parts = urlsplit(url)
    path = parts.path.rstrip("/")
    line = SyncHttpTransport(f"{parts.scheme}://{parts.netloc}{path.removesuffix(ROOT)}")
    told = {**_ACCEPT, **headers}
    try:
        if path in ("", ROOT) or path.endswith(ROOT):
            yield from _of_broker(line, told, type_name)
        else:
            line.close()
            line = SyncHttpTransport(f"{parts.scheme}://{parts.netloc}")
            target = urlunsplit(("", "", parts.path, parts.query, ""))
            yield from _entities(_asked(line, target, told), shown(url))
    except (NodeUnreachable, ClientProblem) as error:
        raise StartError(f"{shown(url)}: {error}.") from error
    finally:
        line.close()


def _of_broker(line: SyncHttpTransport, headers: Mapping[str, str], type_name: str | None) -> Iterator[Found]:
    place = 0
    for name in _types(line, headers) if type_name is None else [vocabulary().types[type_name].iri]:
        offset = 0
        while True:
            query = urlencode({"type": name, "limit": PAGE, "offset": offset})
            page = _read(_asked(line, f"{ROOT}/entities?{query}", headers))
            if not isinstance(page, list):
                raise StartError("The broker answered a query with something else than a list.")
            for entity in page:
                place += 1
                yield Found(place, by_line=False, entity=entity)
            if len(page) < PAGE:
                break
            offset += PAGE


def _types(line: SyncHttpTransport, headers: Mapping[str, str]) -> list[str]:
    """Return the names of those types in a broker that are, or look like, types of the standard."""
    listed = _read(_asked(line, f"{ROOT}/types", headers))
    names = listed.get("typeList") if isinstance(listed, dict) else None
    names = [names] if isinstance(names, str) else names
    if not isinstance(names, list):
        raise StartError("The broker does not list its types; name one with --type.")
    vocab = vocabulary()
    return [name for name in names if isinstance(name, str) and (name in vocab.by_iri or name in vocab.types)]


def _asked(line: SyncHttpTransport, target: str, headers: Mapping[str, str]) -> bytes:
    answer = line.ask("GET", target, headers, b"")
    if answer.status >= 300:
        raise ClientProblem.of(answer.status, answer.body)
    return answer.body


def _read(body: bytes) -> Any:
    try:
        return read_json(body, bytes_max=ANSWER_BYTES_MAX)
    except LinliError as error:
        raise StartError(f"The broker's answer cannot be read: {error.message}") from error


def _text(content: bytes, name: str) -> str:
    """Return the text of a file. Raises: StartError: it is not UTF-8, or empty."""
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise StartError(f"{name}: is not UTF-8; save it as UTF-8.") from error
    if not text.strip():
        raise StartError(f"{name}: is empty.")
    return text


def _entities(content: bytes, name: str) -> Iterator[Found]:
    _text(content, name)
    try:
        said = read_json(content, bytes_max=FILE_BYTES_MAX)
    except LinliError as error:
        lines = content.splitlines()
        if len(lines) < 2 or not _is_json(lines[0]):
            raise StartError(f"{name}: {error.message}") from error
        yield from _of_lines(lines)
        return
    if isinstance(said, dict) and said.get("type") in ("Feature", "FeatureCollection"):
        raise StartError(f"{name}: is GeoJSON; entities are needed as application/json or application/ld+json.")
    if not isinstance(said, dict | list):
        raise StartError(f"{name}: holds neither an entity nor a list of entities.")
    for place, entity in enumerate(said if isinstance(said, list) else [said], 1):
        yield Found(place, by_line=False, entity=entity)


def _of_lines(lines: list[bytes]) -> Iterator[Found]:
    for place, line in enumerate(lines, 1):
        if line.strip():
            try:
                yield Found(place, by_line=True, entity=read_json(line))
            except LinliError:
                yield Found(place, by_line=True, entity=None, broken=True)


def _is_json(line: bytes) -> bool:
    try:
        return isinstance(read_json(line), dict)
    except LinliError:
        return False
