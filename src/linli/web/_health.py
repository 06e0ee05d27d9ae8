"""How a node is: JSON for programs, and the same as a page for people."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Route

from linli import __version__
from linli.base import texts
from linli.broker import Broker

from ._answers import answer
from ._pages import PAGE_HEADERS, language_of

_STYLE = Path(__file__).parent / "templates" / "health.css"


@dataclass(slots=True)
class Health:
    """What is asked for it. `limits`: settings that bound something; `more`: figures of the rooms above the broker.
    `open`: nobody signs in here, which the page says."""

    broker: Broker
    trouble: Callable[[], str | None]
    limits: Mapping[str, object]
    more: Callable[[], Awaitable[Mapping[str, object]]] | None = None
    open: bool = False

    def routes(self) -> list[Route]:
        """Return the routes of the health page."""
        return [
            Route("/health", self.show, methods=["GET"]),
            Route("/health.css", self.style, methods=["GET"]),
        ]

    async def show(self, request: Request) -> Response:
        """Say whether the disk takes what is written, how far the engines are behind the log, and what the limits are."""
        state = await self.state()
        status = 503 if state["store"] else 200
        if "text/html" not in request.headers.get("accept", ""):
            return answer(state, status)
        language = language_of(request)
        return Response(_page(state, language, is_open=self.open), status, PAGE_HEADERS, media_type="text/html")

    async def style(self, _: Request) -> Response:
        """Give the health page its style."""
        return FileResponse(_STYLE, media_type="text/css", headers={"cache-control": "max-age=3600"})

    async def state(self) -> dict[str, Any]:
        """Return what the page says."""
        trouble = self.trouble()
        figures = asdict(await self.broker.figures())
        return {
            "status": "trouble" if trouble else "ok",
            "version": __version__,
            "store": trouble,
            "log": figures.pop("log"),
            "tenants": figures.pop("tenants"),
            **(await self.more() if self.more else {}),
            "notifications": figures,
            "limits": dict(self.limits),
        }


def _page(state: Mapping[str, Any], language: str, *, is_open: bool) -> str:
    words = texts(language)
    environment = Environment(
        loader=PackageLoader("linli.web", "templates"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    figures = {**{name: state[name] for name in ("log", "tenants")}, **state["notifications"]}
    figures |= {name: state[name] for name in ("dispatchBehind",) if name in state}
    return environment.get_template("health.html").render(
        state=state,
        open=is_open,
        figures={f"health.figure.{name}": value for name, value in figures.items()},
        t=lambda key: words[key],
        limit_word=lambda name: words.get(f"health.limit.{name}", name),
        lang=language,
        other="en" if language == "zh" else "zh",
    )
