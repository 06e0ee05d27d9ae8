"""Who looked at my data: everybody sees the rows of the audit that are about him, and takes a proof of each home.

Of who looked the page says the role, not the name: whoever needs the name asks the privacy officer, with the proof.
"""

from __future__ import annotations

import base64
from datetime import datetime
from typing import Any
from urllib.parse import quote
from zoneinfo import ZoneInfo

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from linli.base import LANGUAGES, SECOND_US, to_wire_time
from linli.base.errors import BadRequestData, SignInNeeded
from linli.broker import Look
from linli.trust import Act
from linli.vocab import vocabulary

from ._answers import answer
from ._doors import Doors
from ._front import FrontDesk
from ._pages import STATIC, Assets, Pages, language_of

PAGE = 50
SEQ_MAX = 2**53
#: what is done with somebody's data, and has words of its own on the page
ACTIONS = frozenset(
    [
        *("read", "list", "live", "notify", "unmask", "export", "erase"),
        *("hold", "released", "ended"),
        *("movement", "asked", "approved", "over"),
    ]
)


class Looked:
    """The page, and the same as JSON."""

    def __init__(self, doors: Doors) -> None:
        """Read through these doors."""
        self._doors = doors
        self._vocab = vocabulary()
        self._pages = Pages(FrontDesk(doors), Assets(STATIC))

    def routes(self) -> list[Route]:
        """Return the Starlette routes."""
        return [
            Route("/looked", self.page, methods=["GET"]),
            Route("/api/looked", self.listed, methods=["GET"]),
            Route("/api/looked/{seq}/proof", self.proof, methods=["GET"]),
        ]

    async def listed(self, request: Request) -> Response:
        """List who looked at the asker's data, newest first."""
        looks = await self._found(request)
        return answer(
            {
                "looks": [_as_json(one) for one in looks],
                "before": looks[-1].seq if len(looks) == PAGE else None,
                "key": self._key(),
            }
        )

    async def proof(self, request: Request) -> Response:
        """Give the proof of one look, for `linli audit check`."""
        text = request.path_params["seq"]
        proof = await self._doors.broker.proof_of_look(self._act(request), _position(text))
        name = f'attachment; filename="linli-proof-{text}.json"'
        headers = {"content-disposition": name, "cache-control": "no-store"}
        return Response(proof, headers=headers, media_type="application/json")

    async def page(self, request: Request) -> Response:
        """Show it in plain words."""
        try:
            looks = await self._found(request)
        except SignInNeeded:
            return RedirectResponse(f"/sign-in?next={quote('/looked')}", status_code=303)
        language = language_of(request)
        zone = ZoneInfo(self._doors.zone)
        lines = [(one, self._worded(one, language), _moment(one.at_us, zone)) for one in looks]
        before = looks[-1].seq if len(looks) == PAGE else None
        facts = {"lines": lines, "before": before, "key": self._key(), "wire": to_wire_time}
        return await self._pages.page(request, "resident", "looked.html", facts)

    def _key(self) -> str:
        """Return the public key by which proofs are checked."""
        return base64.b64encode(self._doors.asking.secret.public_key).decode()

    def _act(self, request: Request) -> Act:
        """Return who asks. Raises: SignInNeeded: nobody is signed in."""
        act = self._doors.asking.act(request.scope)
        if act.who.role == "caller":
            raise SignInNeeded("Sign in to see who looked at your data.")
        return act

    async def _found(self, request: Request) -> list[Look]:
        said = request.query_params.get("before")
        before = None if said is None else _position(said)
        return await self._doors.broker.who_looked(self._act(request), before=before, limit=PAGE)

    def _worded(self, look: Look, language: str) -> dict[str, str]:
        """Return role, purpose and types in the words of the vocabulary; a code that it does not know stands as it is."""
        lists = self._vocab.lists
        types = [self._vocab.types.get(name) for name in look.types]
        comma = "、" if language == LANGUAGES[0] else ", "
        return {
            "role": lists["role"].codes.get(look.role, {}).get(language, look.role),
            "purpose": lists["purpose"].codes.get(look.purpose, {}).get(language, look.purpose),
            "types": comma.join(one.title[language] for one in types if one is not None),
            "action": _word_of(look.action),
        }


def _word_of(action: str) -> str:
    """Return under which words an action stands on the page: "hold.ended" under "ended"."""
    room, _, step = action.rpartition(".")
    return step if step in ACTIONS and room in ("", "hold", "movement") else "other"


def _as_json(look: Look) -> dict[str, Any]:
    return {
        "seq": look.seq,
        "at": to_wire_time(look.at_us),
        "action": look.action,
        "role": look.role,
        "byYourself": look.own,
        "purpose": look.purpose or None,
        "types": list(look.types),
        "classes": list(look.classes),
        "allowed": look.allowed,
        "others": look.others,
        "proof": f"/api/looked/{look.seq}/proof",
    }


def _moment(at_us: int, zone: ZoneInfo) -> str:
    return datetime.fromtimestamp(at_us / SECOND_US, zone).strftime("%Y-%m-%d %H:%M")


def _position(text: str) -> int:
    if not text.isdecimal() or int(text) > SEQ_MAX:
        raise BadRequestData("The position of a row is a whole number.")
    return int(text)
