"""The pages: resident, helper, worker, city, style; made on the server, enlivened by the bundled modules of faces/.

The resident's call works without any script: a form posts to /call and a plain page shows how it goes on. Every page
carries the strict content security policy, so nothing foreign is loaded and nothing inline is run.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import parse_qsl, quote
from zoneinfo import ZoneInfo

import orjson
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import FileResponse, RedirectResponse, Response
from starlette.routing import Route

from linli.base import BODY_BYTES_MAX, LANGUAGES, texts
from linli.base.errors import InvalidRequest, LinliError, ResourceNotFound, TooLarge

from ._cookies import cookie_of, give_cookie

STATIC = Path(__file__).parent / "static"
FACES = ("resident", "helper", "worker", "city", "style")
CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; font-src 'self'; "
    "worker-src 'self' blob:; connect-src 'self'; manifest-src 'self'; object-src 'none'; base-uri 'none'; "
    "frame-ancestors 'none'; form-action 'self'"
)
PAGE_HEADERS = {
    "content-security-policy": CSP,
    "cache-control": "no-store",
    "cross-origin-opener-policy": "same-origin",
    "permissions-policy": "geolocation=(self), camera=(), microphone=()",
}
LANGUAGE_COOKIE = "linli_lang"
ELDER_COOKIE = "linli_elder"
WATCH_COOKIE = "linli_watch"
YEAR_S = 31_536_000
ZONE = "Asia/Shanghai"
FORM_FIELDS_MAX = 20
MEDIA = {
    ".js": "text/javascript",
    ".mjs": "text/javascript",
    ".css": "text/css",
    ".svg": "image/svg+xml; charset=utf-8",
}
ENCODINGS = (("br", ".br"), ("gzip", ".gz"))


class Front(Protocol):
    """What the pages ask the node for; each answer is the body of the API route of the same name."""

    async def node(self, request: Request) -> Mapping[str, Any]:
        """Return what GET /api/node says."""

    async def kinds(self, request: Request) -> list[dict[str, Any]]:
        """Return the kinds of GET /api/kinds."""

    async def me(self, request: Request) -> Mapping[str, Any]:
        """Return what GET /api/me says."""

    async def place(self, request: Request, body: Mapping[str, Any], key: str) -> Mapping[str, Any]:
        """Take a press like POST /api/calls with this Idempotency-Key: {id, number, state, watch}.

        A body without lon and lat means the home of the signed-in resident.
        Raises: LinliError.
        """

    async def call(self, request: Request, call_id: str, watch: str) -> Mapping[str, Any]:
        """Return GET /api/calls/{id} as the holder of the watch word sees it.

        Raises: LinliError.
        """


class Assets:
    """The built front-end files: names with a content hash, read anew when they were built anew."""

    def __init__(self, folder: Path) -> None:
        """Take the folder that `scripts/faces` fills."""
        self._folder = folder
        self._stamp = -1
        self._names: dict[str, str] = {}

    def names(self) -> dict[str, str]:
        """Return plain name -> name with hash; empty when the faces were never built."""
        manifest = self._folder / "manifest.json"
        try:
            stamp = manifest.stat().st_mtime_ns
        except FileNotFoundError:
            return {}
        if stamp != self._stamp:
            self._names = orjson.loads(manifest.read_bytes())
            self._stamp = stamp
        return self._names

    def url(self, name: str) -> str:
        """Return the address of a built file."""
        return f"/static/{self.names().get(name, name)}"

    async def serve(self, request: Request) -> Response:
        """Answer a built file, compressed beforehand where the reader takes that; it never changes under its name.

        Raises: ResourceNotFound: no such file, or one that was not built here.
        """
        name = str(request.path_params["name"])
        if name not in self.names().values():
            raise ResourceNotFound("There is no such file. Were the faces built? Run scripts/faces.")
        headers = {
            "cache-control": f"public, max-age={YEAR_S}, immutable",
            "vary": "accept-encoding",
            # A worker of a page is ruled by what its own script came with.
            "content-security-policy": CSP,
        }
        path = self._folder / name
        media_type = MEDIA[path.suffix]
        accepted = {part.split(";")[0].strip() for part in request.headers.get("accept-encoding", "").split(",")}
        for encoding, ending in ENCODINGS:
            packed = path.with_name(name + ending)
            if encoding in accepted and packed.is_file():
                return FileResponse(packed, headers={**headers, "content-encoding": encoding}, media_type=media_type)
        return FileResponse(path, headers=headers, media_type=media_type)


def page_routes(front: Front, *, static: Path = STATIC) -> list[Route]:
    """Return the routes of the pages and of their built files."""
    pages = Pages(front, Assets(static))
    return [
        Route("/", pages.resident, methods=["GET"]),
        Route("/call", pages.place, methods=["POST"]),
        Route("/call/{id}", pages.watch, methods=["GET"]),
        *(Route(f"/{face}", pages.face(face), methods=["GET"]) for face in FACES[1:]),
        Route("/static/{name}", pages.assets.serve, methods=["GET"]),
    ]


class Pages:
    """Renders the pages in the reader's language."""

    def __init__(self, front: Front, assets: Assets) -> None:
        """Render with what `front` answers."""
        self._front = front
        self.assets = assets
        self._env = Environment(
            loader=PackageLoader("linli.web", "templates"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )

    def face(self, name: str) -> Any:
        """Return the endpoint of a face that lives by its script."""

        async def endpoint(request: Request) -> Response:
            return await self.page(request, name, f"{name}.html", {})

        return endpoint

    async def resident(self, request: Request) -> Response:
        """Show the resident's home; the call form stands in it without any script."""
        return await self.page(request, "resident", "resident.html", await self._home(request, fault=None))

    async def place(self, request: Request) -> Response:
        """Take the posted form of a browser without script, and go to the page of the call."""
        form = await form_of(request)
        body: dict[str, Any] = {"kind": form.get("kind", ""), "mouth": "key", "text": form.get("text") or None}
        try:
            for axis in ("lon", "lat"):
                if form.get(axis):
                    body[axis] = _number(axis, form[axis])
            placed = await self._front.place(request, body, form.get("key", ""))
        except LinliError as error:
            facts = await self._home(request, fault=error.message)
            return await self.page(request, "resident", "resident.html", facts, status=error.status)
        response = RedirectResponse(f"/call/{quote(str(placed['id']), safe=':')}", status_code=303)
        give_cookie(request, response, WATCH_COOKIE, str(placed["watch"]), same_site="strict")
        return response

    async def watch(self, request: Request) -> Response:
        """Show how a call stands, to a browser without script; it loads itself again."""
        call_id = str(request.path_params["id"])
        call = await self._front.call(request, call_id, cookie_of(request, WATCH_COOKIE))
        return await self.page(request, "resident", "call.html", {"call": call})

    async def _home(self, request: Request, *, fault: str | None) -> dict[str, Any]:
        kinds, me = await self._front.kinds(request), await self._front.me(request)
        # The key lets a form that is sent twice count as one press.
        return {"kinds": kinds, "me": me, "fault": fault, "form_key": secrets.token_hex(16)}

    async def page(
        self, request: Request, face: str, template: str, facts: dict[str, Any], status: int = 200
    ) -> Response:
        """Return a page of a face in the reader's language."""
        language = language_of(request)
        elder = (request.query_params.get("elder") or cookie_of(request, ELDER_COOKIE)) == "1"
        words = texts(language)
        node = await self._front.node(request)
        html = self._env.get_template(template).render(
            **facts,
            face=face,
            lang=language,
            other="en" if language == "zh" else "zh",
            elder=elder,
            node=node,
            t=lambda key, **given: words[f"face.{key}"].format(**given),
            state_word=lambda state: words[f"state.{state}"],
            clock_time=lambda wire: _clock_time(wire, node.get("zone", ZONE)),
            clock_day=lambda wire: _clock_time(wire, node.get("zone", ZONE), "%Y-%m-%d %H:%M"),
            built=bool(self.assets.names()),
            asset=self.assets.url,
            words_json=_script_json(_words_for(face, words)),
        )
        response = Response(html, status, PAGE_HEADERS, media_type="text/html")
        response.headers["content-language"] = language
        for name, cookie in (("lang", LANGUAGE_COOKIE), ("elder", ELDER_COOKIE)):
            if name in request.query_params:
                value = language if name == "lang" else str(int(elder))
                give_cookie(request, response, cookie, value, age_s=YEAR_S)
        return response


def language_of(request: Request) -> str:
    """Return zh or en: what the address says, else what was chosen before, else what the browser prefers, else zh."""
    for said in (request.query_params.get("lang"), cookie_of(request, LANGUAGE_COOKIE)):
        if said in LANGUAGES:
            return str(said)
    weighed: list[tuple[float, int, str]] = []
    for part in request.headers.get("accept-language", "").split(","):
        tag, _, weight = part.strip().partition(";q=")
        name = tag[:2].lower()
        if name in LANGUAGES:
            weighed.append((-_weight(weight), len(weighed), name))
    return min(weighed)[2] if weighed else LANGUAGES[0]


def _clock_time(wire: str, zone: str, form: str = "%H:%M") -> str:
    """Return a wire time in the city's zone: hours and minutes, or in another form."""
    return datetime.fromisoformat(wire).astimezone(ZoneInfo(zone)).strftime(form)


def _weight(text: str) -> float:
    try:
        return float(text) if text else 1.0
    except ValueError:
        return 0.0


def _words_for(face: str, words: Mapping[str, str]) -> dict[str, str]:
    """Return the texts that a face's modules use: those of its own section, the shared ones, the states."""
    wanted = ("face.",) if face == "style" else ("face.shared.", f"face.{face}.")
    own = {key.removeprefix("face."): text for key, text in words.items() if key.startswith(wanted)}
    return own | {key: text for key, text in words.items() if key.startswith("state.")}


def _script_json(value: object) -> Markup:
    """Return JSON that may stand inside a script element: `<` cannot end the element early."""
    return Markup(orjson.dumps(value).decode().replace("<", "\\u003c"))  # noqa: S704 - escaped in the line itself


async def form_of(request: Request) -> dict[str, str]:
    """Return the fields of a posted form.

    Raises: InvalidRequest, TooLarge.
    """
    if request.headers.get("content-type", "").split(";")[0].strip() != "application/x-www-form-urlencoded":
        raise InvalidRequest("The form must be sent as application/x-www-form-urlencoded.")
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > BODY_BYTES_MAX:
            raise TooLarge(f"The body may hold at most {BODY_BYTES_MAX} bytes.")
    try:
        return dict(parse_qsl(body.decode(), max_num_fields=FORM_FIELDS_MAX, strict_parsing=False))
    except ValueError as error:
        raise InvalidRequest("The form cannot be read.") from error


def _number(name: str, text: str) -> float:
    try:
        return float(text)
    except ValueError as error:
        raise InvalidRequest(f"{name}: a number of degrees is needed.") from error
