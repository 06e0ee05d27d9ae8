"""The platform's own API below /api: each route asks dispatch, travel or broker one question and answers in JSON.

No rule of the domain stands here: who may is trust's, what happens next is dispatch's.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from linli.base.errors import BadPack, BadRequestData, InvalidRequest, NotAllowed, ResourceNotFound
from linli.packs import hear
from linli.trust import AT_HOME, Act

from ._answers import answer, body_of
from ._asking import headers_of, signed_in, signed_out
from ._doors import Doors
from ._front import FrontDesk
from ._live import Wish
from ._people import demo_only, principal_of
from ._sign_in import browser_of

LIMIT_MAX = 1000
TEXT_MAX = 1000
Handler = Callable[[Request], Awaitable[Response]]


class Api:
    """The routes of one node."""

    def __init__(self, doors: Doors) -> None:
        """Serve through these doors."""
        self._doors = doors
        self._desk = FrontDesk(doors)

    def routes(self) -> list[Route]:
        """Return the Starlette routes."""
        call_steps = (
            "cancel",
            "confirm",
            "rate",
            "reopen",
            "take",
            "depart",
            "arrive",
            "finish",
            "acknowledge",
            "offer",
        )
        return [
            Route("/api/node", self.node, methods=["GET"]),
            Route("/api/me", self.me, methods=["GET"]),
            Route("/api/people", self.people, methods=["GET"]),
            Route("/api/sign-in", self.sign_in, methods=["POST"]),
            Route("/api/sign-out", self.sign_out, methods=["POST"]),
            Route("/api/kinds", self.kinds, methods=["GET"]),
            Route("/api/packs", self.packs, methods=["GET"]),
            Route("/api/packs/reload", self.reload_packs, methods=["POST"]),
            Route("/api/packs/heard", self.heard, methods=["POST"]),
            Route("/api/calls", self.calls, methods=["GET"]),
            Route("/api/calls", self.place_call, methods=["POST"]),
            Route("/api/calls/{id}", self.call, methods=["GET"]),
            Route("/api/calls/{id}/candidates", self.candidates, methods=["GET"]),
            *(Route(f"/api/calls/{{id}}/{step}", self._call_step(step), methods=["POST"]) for step in call_steps),
            Route("/api/calls/{id}/false-alarm", self._call_step("falseAlarm"), methods=["POST"]),
            Route("/api/offers/{id}/accept", self.accept, methods=["POST"]),
            Route("/api/offers/{id}/decline", self.decline, methods=["POST"]),
            Route("/api/helpers/{id}", self.helper, methods=["GET"]),
            Route("/api/helpers/{id}/position", self.position, methods=["POST"]),
            Route("/api/helpers/{id}/duty", self.duty, methods=["POST"]),
            Route("/api/live", self.live, methods=["GET"]),
        ]

    def _act(self, request: Request) -> Act:
        return self._doors.asking.act(request.scope)

    def _act_on_call(self, request: Request) -> Act:
        return self._doors.asking.act_on_call(request.scope, headers_of(request.scope), request.path_params["id"])

    # who am I, where am I

    async def node(self, request: Request) -> Response:
        """Say what node this is."""
        return answer(await self._desk.node(request))

    async def me(self, request: Request) -> Response:
        """Say who asks."""
        return answer(await self._desk.me(request))

    async def people(self, _: Request) -> Response:
        """List the made-up persons of the demo."""
        demo_only(self._doors.asking.sign_in)
        return answer(
            {
                "people": [
                    {
                        "id": person.id,
                        "role": person.role,
                        "name": person.name,
                        "area": await self._doors.area(person.area),
                        "text": person.text,
                    }
                    for person in self._doors.people
                ]
            }
        )

    async def sign_in(self, request: Request) -> Response:
        """Sign in as a made-up person."""
        demo_only(self._doors.asking.sign_in)
        body = await body_of(request)
        who = await principal_of(self._doors.broker, _text(body, "person", 200), self._doors.people)
        logins = self._doors.asking.identity.logins
        token = await logins.open(who, "demo", AT_HOME, strong=True, on=browser_of(request))
        return signed_in(
            request, answer({"token": token, "id": who.id, "role": who.role, "name": who.name}), token, AT_HOME
        )

    async def sign_out(self, request: Request) -> Response:
        """Sign out at once."""
        login = self._doors.asking.login(request.scope, headers_of(request.scope))
        if login:
            await self._doors.asking.identity.logins.close(login.id)
        return signed_out(request, Response(status_code=204))

    # calls

    async def kinds(self, request: Request) -> Response:
        """List the kinds of service that somebody can ask for."""
        return answer({"kinds": await self._desk.kinds(request), "waiting": self._desk.waiting()})

    async def packs(self, request: Request) -> Response:
        """List the packs with their quality, and what was wrong when they were read last."""
        self._act(request)
        catalogue = self._doors.catalogue
        return answer({"packs": self._desk.packs(), "trouble": catalogue.trouble if catalogue else ""})

    async def reload_packs(self, request: Request) -> Response:
        """Read all packs anew; if one is wrong, all stays as it was."""
        if self._act(request).who.role not in ("administrator", "operator"):
            raise NotAllowed("Only the administrator of a node reads its packs anew.")
        if self._doors.catalogue is None:
            raise ResourceNotFound("This node has no packs.")
        try:
            changed = await self._doors.catalogue.reload()
        except BadPack as error:
            raise BadRequestData(error.message) from error
        return answer({"changed": changed})

    async def heard(self, request: Request) -> Response:
        """Say which kind of call is meant by what somebody said: {text, language} -> {call, urgency, answer}."""
        body = await body_of(request)
        language = "en" if _text(body, "language", 2, needed=False) == "en" else "zh"
        found = hear(self._doors.packs, _text(body, "text", TEXT_MAX), language)
        return answer({"call": found.call or None, "urgency": found.urgency, "answer": found.answer})

    async def place_call(self, request: Request) -> Response:
        """Take a press: 201 with the new call, 200 with the one it belongs to."""
        body = await body_of(request)
        placed = await self._desk.place(request, body, request.headers.get("idempotency-key", ""))
        return answer(placed, 201 if request.scope["linli.new"] else 200)

    async def calls(self, request: Request) -> Response:
        """List the calls that the asker may see, newest first."""
        limit = _whole(request, "limit", 50, LIMIT_MAX)
        offset = _whole(request, "offset", 0, 1_000_000)
        state = request.query_params.get("state", "open")
        return answer(
            await self._doors.dispatch.calls_view(self._act(request), state=state, limit=limit, offset=offset)
        )

    async def call(self, request: Request) -> Response:
        """Show one call as the asker may see it."""
        return answer(await self._desk.call(request, request.path_params["id"]))

    async def candidates(self, request: Request) -> Response:
        """Show a worker who could go, and why others could not."""
        return answer(await self._doors.dispatch.candidates(self._act(request), request.path_params["id"]))

    def _call_step(self, step: str) -> Handler:
        async def take_step(request: Request) -> Response:
            act = self._act_on_call(request)
            body = await body_of(request, optional=True)
            call_id = request.path_params["id"]
            await self._doors.dispatch.take_step(act, call_id, step, body)
            return answer(await self._doors.dispatch.call_view(act, call_id))

        return take_step

    # offers and helpers

    async def accept(self, request: Request) -> Response:
        """Accept an offer: the call is the asker's, or 409 OfferGone."""
        act = self._act(request)
        call_id = await self._doors.dispatch.accept(act, request.path_params["id"])
        return answer({"call": await self._doors.dispatch.call_view(act, call_id)})

    async def decline(self, request: Request) -> Response:
        """Decline an offer; it goes on to the next at once."""
        body = await body_of(request, optional=True)
        await self._doors.dispatch.decline(
            self._act(request), request.path_params["id"], _text(body, "reason", 500, needed=False)
        )
        return answer({})

    async def helper(self, request: Request) -> Response:
        """Show a helper what concerns him: duty, shift, open offer, call."""
        act = self._act(request)
        return answer(await self._doors.dispatch.helper_view(act, self._helper_id(request, act)))

    async def position(self, request: Request) -> Response:
        """Take a helper's position."""
        act = self._act(request)
        body = await body_of(request)
        await self._doors.dispatch.move_helper(act, self._helper_id(request, act), body.get("lon"), body.get("lat"))
        return Response(status_code=204)

    async def duty(self, request: Request) -> Response:
        """Put a helper on or off duty."""
        act = self._act(request)
        helper_id = self._helper_id(request, act)
        body = await body_of(request)
        await self._doors.dispatch.set_duty(act, helper_id, _text(body, "state", 20))
        return answer(await self._doors.dispatch.helper_view(act, helper_id))

    @staticmethod
    def _helper_id(request: Request, act: Act) -> str:
        helper_id = str(request.path_params["id"])
        if helper_id != "me":
            return helper_id
        if act.who.role != "helper":
            raise NotAllowed("Only a signed-in helper has a page here.")
        return act.who.id

    # live

    async def live(self, request: Request) -> Response:
        """Stream what changes, masked for the asker."""
        query = request.query_params
        call_id = query.get("call", "")
        headers = headers_of(request.scope)
        asking = self._doors.asking
        act = asking.act_on_call(request.scope, headers, call_id) if call_id else asking.act(request.scope, headers)
        if act.who.role == "caller" and not call_id:
            raise NotAllowed("Without sign-in only one call can be watched: add ?call=ID and its watch word.")
        types = frozenset(filter(None, query.get("types", "").split(",")))
        wish = Wish(types, call_id if act.who.role == "caller" else "", query.get("scope", ""))
        return self._doors.live.stream(
            act, wish, request.headers.get("last-event-id"), asking.still(request.scope, headers)
        )


def _text(body: dict[str, Any], name: str, length_max: int, *, needed: bool = True) -> str:
    value = body.get(name)
    if value is None and not needed:
        return ""
    if not isinstance(value, str) or not value.strip():
        raise BadRequestData(f"{name}: a text is needed.")
    if len(value) > length_max:
        raise BadRequestData(f"{name}: at most {length_max} characters.")
    return value


def _whole(request: Request, name: str, default: int, at_most: int) -> int:
    text = request.query_params.get(name)
    if text is None:
        return default
    if not text.isdecimal() or int(text) > at_most:
        raise InvalidRequest(f"{name}: a whole number from 0 to {at_most}.")
    return int(text)
