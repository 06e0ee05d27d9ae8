"""Where somebody passed, by two persons: a page and an API on which one asks, another approves, and the first then looks."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any
from urllib.parse import quote
from zoneinfo import ZoneInfo

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from linli.base import SECOND_US, call_number, to_wire_time
from linli.base.errors import BadRequestData, LinliError, SignInNeeded
from linli.broker import Movement
from linli.trust import Act
from linli.vocab import vocabulary

from ._answers import answer, body_of
from ._doors import Doors
from ._front import FrontDesk
from ._pages import STATIC, Assets, Pages, form_of, language_of

PAGE = "/movements"
TEXT_MAX = 200


class Movements:
    """The page, and the same as JSON."""

    def __init__(self, doors: Doors) -> None:
        """Work through these doors."""
        self._doors = doors
        self._pages = Pages(FrontDesk(doors), Assets(STATIC))

    def routes(self) -> list[Route]:
        """Return the Starlette routes."""
        return [
            Route(PAGE, self.page, methods=["GET"]),
            Route(PAGE, self.step, methods=["POST"]),
            Route("/api/movements", self.listed, methods=["GET"]),
            Route("/api/movements", self.ask, methods=["POST"]),
            Route("/api/movements/{id}", self.found, methods=["GET"]),
            Route("/api/movements/{id}/approve", self.approve, methods=["POST"]),
        ]

    async def listed(self, request: Request) -> Response:
        """List the queries that stand in the asker's units; what they found is not in it."""
        act = self._act(request)
        return answer({"queries": [_told(one, act) for one in await self._doors.broker.movements(act)]})

    async def ask(self, request: Request) -> Response:
        """Ask where a person passed, under the number of an order: `{person, from, to, reason}`."""
        act = self._act(request)
        return answer(_told(await self._asked(act, await body_of(request)), act), 201)

    async def approve(self, request: Request) -> Response:
        """Approve what another asked: he may look for a day."""
        act = self._act(request)
        return answer(_told(await self._doors.broker.approve_movement(act, str(request.path_params["id"])), act))

    async def found(self, request: Request) -> Response:
        """Show who asked, after another has approved it, at which gates the person passed; each look is written down."""
        act = self._act(request)
        query, passages = await self._doors.broker.movement(act, str(request.path_params["id"]))
        return answer({**_told(query, act), "passages": passages})

    async def page(self, request: Request) -> Response:
        """Show the queries that stand, and the form to ask."""
        try:
            return await self._show(request)
        except SignInNeeded:
            return RedirectResponse(f"/sign-in?next={quote(PAGE)}", status_code=303)

    async def step(self, request: Request) -> Response:
        """By a form of the page: ask, approve, or look."""
        form = dict(await form_of(request))
        try:
            act = self._act(request)
            if query_id := form.get("look"):
                _, passages = await self._doors.broker.movement(act, query_id)
                return await self._show(request, passages=(query_id, passages))
            if query_id := form.get("approve"):
                await self._doors.broker.approve_movement(act, query_id)
            else:
                moments = {name: self._wire(form.get(name, "")) for name in ("from", "to")}
                await self._asked(act, {**form, **moments})
        except SignInNeeded:
            return RedirectResponse(f"/sign-in?next={quote(PAGE)}", status_code=303)
        except LinliError as error:
            return await self._show(request, fault=error)
        return RedirectResponse(PAGE, status_code=303)

    def _wire(self, said: str) -> str:
        """Return a moment of a form, which is said in the time of the people here, as it goes on the wire."""
        try:
            local = datetime.fromisoformat(said).replace(tzinfo=ZoneInfo(self._doors.zone))
        except ValueError:
            return ""
        return to_wire_time(int(local.timestamp()) * SECOND_US)

    async def _asked(self, act: Act, said: dict[str, Any]) -> Movement:
        texts = {}
        for name in ("person", "from", "to", "reason"):
            value = said.get(name)
            if not isinstance(value, str) or not 0 < len(value.strip()) <= TEXT_MAX:
                raise BadRequestData(f"{name}: is needed, as a text of at most {TEXT_MAX} characters.")
            texts[name] = value.strip()
        act = replace(act, reason=texts["reason"])
        return await self._doors.broker.ask_movement(act, texts["person"], texts["from"], texts["to"])

    def _act(self, request: Request) -> Act:
        """Return who asks. Raises: SignInNeeded."""
        act = self._doors.asking.act(request.scope)
        if act.who.role == "caller":
            raise SignInNeeded("Sign in for this.")
        return replace(act, purpose="access")

    async def _show(
        self,
        request: Request,
        fault: LinliError | None = None,
        passages: tuple[str, list[dict[str, Any]]] | None = None,
    ) -> Response:
        act, language = self._act(request), language_of(request)
        queries = [_told(one, act) for one in await self._doors.broker.movements(act)]
        lists = vocabulary().lists
        looked = None
        if passages is not None:
            words = [{**one, "gate": await self._gate(str(one["gate"]), language)} for one in passages[1]]
            for one in words:
                one["passDirection"] = lists["passage"].codes[one["passDirection"]][language]
                one["result"] = lists["pass_result"].codes[one["result"]][language]
            looked = {"id": passages[0], "passages": words}
        facts = {"queries": queries, "looked": looked, "fault": fault.message if fault else None}
        return await self._pages.page(
            request, "sign-in", "movements.html", facts, status=fault.status if fault else 200
        )

    async def _gate(self, gate_id: str, language: str) -> str:
        gate = await self._doors.looked_up(gate_id)
        return str(gate.values.get("name", {}).get(language, "")) if gate else call_number(gate_id)


def _told(query: Movement, act: Act) -> dict[str, Any]:
    return {
        "id": query.id,
        "person": query.person,
        "from": to_wire_time(query.from_us),
        "to": to_wire_time(query.to_us),
        "reason": query.number,
        "role": query.role,
        "own": query.asker == act.who.id,
        "approved": bool(query.approver),
        "until": to_wire_time(query.until_us),
    }
