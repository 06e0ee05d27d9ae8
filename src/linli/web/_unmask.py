"""Seeing in clear, for a reason, one thing that pages show masked: `POST /api/unmask`.

It is written down before it is answered. Of the asker's own words only a keyed hash is kept: it proves later what was said,
and holds nothing that somebody would have to be forgotten from.
"""

from __future__ import annotations

from dataclasses import replace

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from linli.base import LANGUAGES
from linli.base.errors import BadRequestData, SignInNeeded
from linli.vocab import vocabulary

from ._answers import answer, body_of
from ._doors import Doors

#: for how long a page shows what was seen in clear
SHOWN_S = 60
ATTRS_MAX = 10
WORDS_MAX = 200
#: the code that says nothing without words
OTHER = "other"


class Unmask:
    """The route, and the reasons among which is chosen."""

    def __init__(self, doors: Doors) -> None:
        """Work through these doors."""
        self._doors = doors
        self._reasons = vocabulary().lists["unmask_reason"].codes

    def routes(self) -> list[Route]:
        """Return the Starlette routes."""
        return [
            Route("/api/unmask", self.reasons, methods=["GET"]),
            Route("/api/unmask", self.unmask, methods=["POST"]),
        ]

    async def reasons(self, _: Request) -> Response:
        """List the reasons for which something may be seen in clear."""
        listed = [
            {"code": code, "title": {one: said[one] for one in LANGUAGES}} for code, said in self._reasons.items()
        ]
        return answer({"reasons": listed, "shownS": SHOWN_S})

    async def unmask(self, request: Request) -> Response:
        """Show attributes of one entity in clear, for a reason: `{entity, attrs, reason, words?, purpose?}`."""
        body = await body_of(request)
        act = self._doors.asking.act(request.scope)
        if act.who.role == "caller":
            raise SignInNeeded("Sign in to see this in clear.")
        entity_id, names = body.get("entity"), body.get("attrs")
        if not isinstance(entity_id, str) or not entity_id:
            raise BadRequestData("entity: the id of what you want to see.")
        if not isinstance(names, list) or not 0 < len(names) <= ATTRS_MAX or not all(isinstance(n, str) for n in names):
            raise BadRequestData(f"attrs: a list of one to {ATTRS_MAX} names of attributes.")
        purpose = body.get("purpose", act.purpose)
        if purpose is not None and not isinstance(purpose, str):
            raise BadRequestData("purpose: a code of the list of purposes.")
        act = replace(act, purpose=purpose, reason=self._reason(body))
        self._doors.unmasks.take(f"{act.tenant} {act.who.id}")
        shown = await self._doors.broker.unmask(act, entity_id, names)
        return answer({"entity": shown.entity_id, "type": shown.type, "values": shown.values, "shownS": SHOWN_S})

    def _reason(self, body: dict[str, object]) -> str:
        """Return the reason as the audit keeps it: its code, and after it the hash of what was said to it."""
        code, words = body.get("reason"), body.get("words") or ""
        if not isinstance(code, str) or code not in self._reasons:
            raise BadRequestData(f"reason: one of {', '.join(self._reasons)}.")
        if not isinstance(words, str) or len(words) > WORDS_MAX or (code == OTHER and not words.strip()):
            raise BadRequestData(f"words: at most {WORDS_MAX} characters, and needed where the reason is {OTHER}.")
        return f"{code}/{self._doors.asking.secret.blind(words.strip())}" if words.strip() else code
