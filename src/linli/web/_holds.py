"""What is held by law: the privacy officer places a hold, sees which ones stand, and ends one. Everybody sees his own under
"my data"."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from linli.base import to_wire_time
from linli.base.errors import BadRequestData, NotAllowed, SignInNeeded
from linli.broker import Hold
from linli.trust import Act

from ._answers import answer, body_of
from ._doors import Doors

NUMBER_MAX = 80


class Holds:
    """The routes."""

    def __init__(self, doors: Doors) -> None:
        """Work through these doors."""
        self._doors = doors

    def routes(self) -> list[Route]:
        """Return the Starlette routes."""
        return [
            Route("/api/holds", self.listed, methods=["GET"]),
            Route("/api/holds", self.hold, methods=["POST"]),
            Route("/api/holds/release", self.release, methods=["POST"]),
        ]

    async def listed(self, request: Request) -> Response:
        """List the holds that stand in the asker's units."""
        found = await self._doors.broker.holds(replace(self._act(request), reason="list"))
        return answer({"holds": [_told(one) for one in found]})

    async def hold(self, request: Request) -> Response:
        """Hold a person with all that is about him, or one entity, until a day: `{entity, until, reason}`."""
        body = await body_of(request)
        until = body.get("until")
        if not isinstance(until, str):
            raise BadRequestData("until: a day like 2027-12-31; a hold without an end there is not.")
        act, entity_id = self._asked(request, body)
        return answer(_told(await self._doors.broker.hold(act, entity_id, until)), 201)

    async def release(self, request: Request) -> Response:
        """End a hold before its time: `{entity, reason}`."""
        await self._doors.broker.release(*self._asked(request, await body_of(request)))
        return Response(status_code=204)

    def _asked(self, request: Request, body: dict[str, Any]) -> tuple[Act, str]:
        entity_id, reason = body.get("entity"), body.get("reason")
        if not isinstance(entity_id, str) or not entity_id:
            raise BadRequestData("entity: the id of the person or the entity.")
        if not isinstance(reason, str) or not 0 < len(reason.strip()) <= NUMBER_MAX:
            raise BadRequestData(f"reason: the number of the paper on which it was ordered, at most {NUMBER_MAX} long.")
        return replace(self._act(request), reason=reason.strip()), entity_id

    def _act(self, request: Request) -> Act:
        """Return who asks. Raises: SignInNeeded. NotAllowed: by a second factor only."""
        act = self._doors.asking.act(request.scope)
        if act.who.role == "caller":
            raise SignInNeeded("Sign in to hold something.")
        if not act.strong and act.who.role != "operator":
            raise NotAllowed("Sign in with a passkey or a second factor for this.")
        return act


def _told(hold: Hold) -> dict[str, Any]:
    return {
        "entity": hold.entity_id,
        "type": hold.type,
        "reason": hold.reason,
        "since": to_wire_time(hold.since_us),
        "until": to_wire_time(hold.until_us),
    }
