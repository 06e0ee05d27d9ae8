"""The HTTP forms of NGSI-LD that know no entity: media types, Link headers, parameters, paging, problem details."""

from __future__ import annotations

import re
import zlib
from collections.abc import Awaitable, Callable, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any
from urllib.parse import unquote, unquote_to_bytes, urlencode

from linli.base import write_json
from linli.base.errors import (
    BadRequestData,
    InvalidRequest,
    LinliError,
    OperationNotSupported,
    TooLarge,
    UnsupportedMediaType,
)
from linli.broker import TENANT

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

ROOT = "/ngsi-ld/v1"
JSON, LD_JSON, GEO_JSON = "application/json", "application/ld+json", "application/geo+json"
FORMS, FORMS_WITH_GEO = (JSON, LD_JSON), (JSON, LD_JSON, GEO_JSON)
MERGE_JSON = "application/merge-patch+json"
_BELOW = ROOT + "/"
PARAMETERS_MAX = 64

#: letters of a query that stand in a Link as they are
_IN_LINK = ":/*"
_CONTEXT_REL = "http://www.w3.org/ns/json-ld#context"
_LINK = re.compile(r'<([^<>]*)>((?:\s*;\s*[^;,"]+(?:"[^"]*")?)*)')
_COORDINATES = b"&coordinates="
_UNREADABLE = "The query parameters cannot be read."
_REL = re.compile(r'\brel\s*=\s*"?' + re.escape(_CONTEXT_REL) + r'"?\s*(?:;|$)')
_VERSION = re.compile(r"(?:^|[,;]\s*)ngsi-ld\s*=\s*\"?(\d+\.\d+(?:\.\d+)?)\"?", re.IGNORECASE)


@dataclass(slots=True)
class Asked:
    """One request, read as far as every handler needs it."""

    method: str
    scope: Scope
    headers: Mapping[bytes, bytes]
    segments: list[str]
    parameters: Mapping[str, str]
    media: str
    receive: Receive
    tenant_known: bool = True

    @property
    def tenant(self) -> str:
        """The tenant that the request names."""
        said = self.headers.get(b"ngsild-tenant")
        return (said.decode("latin-1").strip() if said else "") or TENANT

    @property
    def base(self) -> str:
        """The scheme and host under which this node was called."""
        host = self.headers.get(b"host", b"localhost").decode("latin-1")
        return f"{self.scope.get('scheme', 'http')}://{host}"

    @property
    def ld_json(self) -> bool:
        """Whether the answer shall be application/ld+json."""
        return self.media == LD_JSON

    @property
    def geo_json(self) -> bool:
        """Whether the answer shall be application/geo+json; only routes that offer it are asked so."""
        return self.media == GEO_JSON

    @property
    def sends_ld_json(self) -> bool:
        """Whether the body is application/ld+json."""
        return media_of(self.headers) == LD_JSON


@dataclass(slots=True)
class Answer:
    """What goes back. A 204 has neither body nor length."""

    status: int
    body: bytes = b""
    headers: list[tuple[bytes, bytes]] = field(default_factory=list)
    media: bytes = b"application/json"


class WrongForm(Exception):
    """The request's HTTP form itself is wrong (405, 406, 411): there is no NGSI-LD error for it, and no body."""

    def __init__(self, status: int, title: str, headers: Sequence[tuple[bytes, bytes]] = ()) -> None:
        """Say what is wrong."""
        super().__init__(title)
        self.answer = Answer(status, b"", list(headers))


def problem(error: LinliError) -> Answer:
    """Return an error as problem details, the one shape of every route; as plain JSON, which 5.5.3 wants here."""
    headers = [(b"retry-after", b"1")] if error.status == 503 else []
    return Answer(error.status, write_json(error.problem()), headers)


def segments_of(path: str, raw: bytes) -> list[str]:
    """Return the parts of a path below the root, decoded one by one; one trailing slash means nothing.

    `raw`: the path as it was sent, for in `path` a slash in a name can no longer be told from one between names.
    """
    encoded = b"%" in raw
    if encoded:
        path = raw.partition(b"?")[0].decode("latin-1")
    if not path.startswith(_BELOW):
        return []
    segments = path[len(_BELOW) :].split("/")
    if len(segments) > 1 and segments[-1] == "":
        segments.pop()
    return [unquote(segment) for segment in segments] if encoded else segments


class Parameters(dict[str, str]):
    """Query parameters. `rest`: the same without coordinates, which stand in one question only, while the rest stands in
    many; what follows from a rest is kept under `worked_out`, for who asked last."""

    __slots__ = ("rest", "worked_out")

    def __init__(self, said: Mapping[str, str], rest: Parameters | None = None) -> None:
        """Take what was said."""
        super().__init__(said)
        self.rest = rest
        self.worked_out: tuple[Any, ...] | None = None


def parameters_of(raw: bytes, known: frozenset[str], unbuilt: frozenset[str], bytes_max: int) -> Parameters:
    """Return the query parameters.

    Raises: InvalidRequest: unknown, twice, or not readable. OperationNotSupported: of the standard, but not offered.
    """
    if len(raw) > bytes_max:
        raise TooLarge(f"The query may hold at most {bytes_max} bytes.")
    at = raw.find(_COORDINATES)
    if at < 0 or "coordinates" not in known:
        return _parameters(raw, known, unbuilt)
    end = raw.find(b"&", at + 1)
    rest = _parameters(raw[:at] if end < 0 else raw[:at] + raw[end:], known, unbuilt)
    if "coordinates" in rest:
        raise InvalidRequest("coordinates: stands twice.")
    said = Parameters(rest, rest)
    try:
        said["coordinates"] = _plain((raw[at:] if end < 0 else raw[at:end])[len(_COORDINATES) :].decode("ascii"))
    except UnicodeDecodeError as error:
        raise InvalidRequest(_UNREADABLE) from error
    return said


@lru_cache(maxsize=1024)
def _parameters(raw: bytes, known: frozenset[str], unbuilt: frozenset[str]) -> Parameters:
    try:
        pairs = _pairs(raw.decode("ascii"))
    except (UnicodeDecodeError, ValueError) as error:
        raise InvalidRequest(_UNREADABLE) from error
    said: dict[str, str] = {}
    for name, value in pairs:
        if name in unbuilt:
            raise OperationNotSupported(f"{name}: is not offered yet.")
        if name not in known:
            raise InvalidRequest(f"{name[:100]}: there is no such query parameter here.")
        if name in said:
            raise InvalidRequest(f"{name}: stands twice.")
        said[name] = value
    return Parameters(said)


def _pairs(text: str) -> list[tuple[str, str]]:
    """Return name and value of each parameter, decoded. Raises: UnicodeDecodeError. ValueError: too many."""
    parts = [part.partition("=") for part in text.split("&") if part]
    if len(parts) > PARAMETERS_MAX:
        raise ValueError(f"more than {PARAMETERS_MAX} parameters")
    return [(_decoded(name), _decoded(value)) for name, _, value in parts]


def _plain(text: str) -> str:
    """Return what a part of a query says. Raises: UnicodeDecodeError."""
    return unquote_to_bytes(text.replace("+", " ")).decode() if "%" in text or "+" in text else text


_decoded = lru_cache(maxsize=1024)(_plain)


def number_of(said: Mapping[str, str], name: str, default: int, most: int) -> int:
    """Return a whole number from 0 to `most`. Raises: BadRequestData."""
    text = said.get(name)
    if text is None:
        return default
    if not text.isascii() or not text.isdecimal() or len(text) > 12 or int(text) > most:
        raise BadRequestData(f"{name}: must be a whole number from 0 to {most}.")
    return int(text)


def truth_of(said: Mapping[str, str], name: str) -> bool:
    """Return whether a parameter says true. Raises: InvalidRequest."""
    text = said.get(name, "false").lower()
    if text not in ("true", "false"):
        raise InvalidRequest(f"{name}: must be true or false.")
    return text == "true"


def options_of(said: Mapping[str, str], allowed: frozenset[str], unbuilt: frozenset[str] = frozenset()) -> set[str]:
    """Return what stands under options and format.

    Raises: InvalidRequest: unknown values. OperationNotSupported: of the standard, but not offered.
    """
    options = {one for name in ("options", "format") for one in said.get(name, "").split(",") if one}
    if options & unbuilt:
        raise OperationNotSupported(f"options={min(options & unbuilt)} is not offered yet.")
    if options - allowed:
        raise InvalidRequest(f"options, format: there is no {min(options - allowed)[:100]} here.")
    return options


def media_of(headers: Mapping[bytes, bytes]) -> str:
    """Return the media type of the body, without its parameters."""
    return _media(headers.get(b"content-type", b""))


@lru_cache(maxsize=256)
def _media(said: bytes) -> str:
    return said.decode("latin-1").partition(";")[0].strip().lower()


def check_media(asked: Asked) -> None:
    """Refuse a body that is said to be no JSON. Raises: UnsupportedMediaType."""
    media = media_of(asked.headers)
    if media not in ("", JSON, LD_JSON) and not (media == MERGE_JSON and asked.method == "PATCH"):
        raise UnsupportedMediaType


async def received(asked: Asked, bytes_max: int, ratio_max: int) -> bytes:
    """Return the body, unpacked when it comes as gzip.

    Raises: TooLarge: it says or shows that it is larger than `bytes_max`, packed or not. UnsupportedMediaType.
    """
    said = asked.headers.get(b"content-length", b"0")
    if not said.isdigit():
        raise InvalidRequest("Content-Length: must be a number.")
    if int(said[:20]) > bytes_max:
        raise TooLarge(f"The body may hold at most {bytes_max} bytes.")
    packing = asked.headers.get(b"content-encoding", b"identity").strip().lower()
    if packing not in (b"identity", b"gzip"):
        raise UnsupportedMediaType("Content-Encoding: send the body as it is, or as gzip.")
    chunks: list[bytes] = []
    size = 0
    while True:
        message = await asked.receive()
        if message["type"] != "http.request":
            raise InvalidRequest("The request ended before its body did.")
        chunk = message.get("body", b"")
        size += len(chunk)
        if size > bytes_max:
            raise TooLarge(f"The body may hold at most {bytes_max} bytes.")
        chunks.append(chunk)
        if not message.get("more_body"):
            break
    body = chunks[0] if len(chunks) == 1 else b"".join(chunks)
    return unpacked(body, bytes_max, ratio_max) if packing == b"gzip" else body


def unpacked(body: bytes, bytes_max: int, ratio_max: int) -> bytes:
    """Return what a gzip body holds; unpacking stops where it becomes too large.

    Raises: TooLarge: more than `bytes_max`, or more than `ratio_max` times as large. InvalidRequest: it is no gzip.
    """
    most = min(bytes_max, ratio_max * len(body))
    unpacker = zlib.decompressobj(zlib.MAX_WBITS | 16)
    try:
        plain = unpacker.decompress(body, most + 1)
    except zlib.error as error:
        raise InvalidRequest("The body is no gzip.") from error
    if len(plain) > most:
        raise TooLarge(f"The body may hold at most {bytes_max} bytes, and {ratio_max} times what was sent.")
    if not unpacker.eof or unpacker.unused_data:
        raise InvalidRequest("The body is no gzip.")
    return plain


@lru_cache(maxsize=256)
def wanted_media(accept: bytes, offered: tuple[str, ...] = FORMS) -> str:
    """Return the media type of the answer: that of the greatest weight; of equal ones the first that is offered.

    Raises: WrongForm: 406, none of them is wanted.
    """
    weights: dict[str, float] = {}
    for part in accept.decode("latin-1").lower().split(","):
        media, _, parameters = part.partition(";")
        weights[media.strip()] = _weight(parameters)
    best, best_weight = "", 0.0
    for media in offered:
        weight = next((weights[form] for form in (media, "application/*", "*/*") if form in weights), 0.0)
        if weight > best_weight:
            best, best_weight = media, weight
    if not best:
        raise WrongForm(406, "Accept application/json or application/ld+json.")
    return best


def preferred_version(headers: Mapping[bytes, bytes]) -> str | None:
    """Return the version of NGSI-LD that the answer shall keep to (Prefer: ngsi-ld=1.5); None when none is named."""
    said = _VERSION.search(headers.get(b"prefer", b"").decode("latin-1"))
    return said[1] if said else None


def context_links(headers: Mapping[bytes, bytes]) -> list[str]:
    """Return the URLs that a Link header names as @context."""
    header = headers.get(b"link")
    if header is None:
        return []
    return [url for url, rest in _LINK.findall(header.decode("latin-1")) if _REL.search(rest)]


@lru_cache(maxsize=256)
def context_link(url: str) -> tuple[bytes, bytes]:
    """Return the Link header that names the @context of a JSON answer."""
    return b"link", f'<{url}>; rel="{_CONTEXT_REL}"; type="{LD_JSON}"'.encode("ascii", "replace")


def page_links(
    asked: Asked, limit: int, offset: int, *, more: bool, documents: bool = False
) -> list[tuple[bytes, bytes]]:
    """Return the Link headers to the next and the previous page; none at the edges.

    `documents`: the page is one of subscriptions or registrations, which are JSON-LD documents of their own.
    """
    places = {}
    if more and limit:
        places["next"] = offset + limit
    if offset and limit:
        places["prev"] = max(0, offset - limit)
    links = []
    for rel, place in places.items():
        said = {name: value for name, value in asked.parameters.items() if name not in ("limit", "offset")}
        pairs = [*said.items(), ("limit", limit), ("offset", place)]
        query = urlencode(pairs if documents else sorted(pairs), safe=_IN_LINK)
        path = f"{ROOT}/{'/'.join(asked.segments)}?{query}"
        media = LD_JSON if documents else asked.media
        links.append((b"link", f'<{path}>; rel="{rel}"; type="{media}"'.encode()))
    return links


def _weight(parameters: str) -> float:
    for parameter in parameters.split(";"):
        name, _, value = parameter.partition("=")
        if name.strip() == "q":
            try:
                return max(0.0, min(1.0, float(value)))
            except ValueError:
                return 1.0  # what cannot be read decides nothing
    return 1.0
