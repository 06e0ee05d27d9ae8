"""The client: one method a route of the platform's own API, and the NGSI-LD routes that a vendor needs."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, NamedTuple
from urllib.parse import quote, urlencode

from linli.base import read_json, write_json

from ._live import LiveEvent, events_of
from ._transport import Answer, AsgiApp, DirectTransport, HttpTransport, Transport
from ._trouble import ClientProblem, NodeUnreachable

RETRY_AFTER_S = (0.2, 0.5, 1.0, 2.0)
ANSWER_BYTES_MAX = 64 << 20
ENTITIES_PAGE = 1000
BATCH_MAX = 1000
_BUSY = 503

Json = dict[str, Any]
Pause = Callable[[float], Awaitable[object]]


@dataclass(frozen=True, slots=True)
class Placed:
    """The answer to a press. `new` is False when it joined a call that was already there; `watch` opens the call."""

    id: str
    number: str
    state: str
    watch: str
    new: bool


class _Request(NamedTuple):
    method: str
    target: str
    headers: Mapping[str, str]
    content: bytes


class Client:
    """One asker of one node. `sign_in`, `watching` and `calling_as` return further askers over the same line.

    `requests` counts what was asked, by route, over all askers of the line: "POST /api/offers/{id}/accept".
    Every method raises ClientProblem when the node says no and NodeUnreachable when it says nothing.
    """

    def __init__(
        self,
        base_url: str = "",
        *,
        app: AsgiApp | None = None,
        transport: Transport | None = None,
        pause: Pause = asyncio.sleep,
    ) -> None:
        """Talk to `base_url` over HTTP, or to an ASGI callable of this process, or through a transport of your own.

        `pause` waits between two tries of one request, in seconds.
        """
        if transport is None:
            transport = HttpTransport(base_url) if app is None else DirectTransport(app)
        self._transport = transport
        self._headers: dict[str, str] = {}
        self.requests: Counter[str] = Counter()
        self._pause = pause

    # askers

    async def sign_in(self, person: str) -> Client:
        """Sign in as a made-up person of the demo and return the client that acts as this person."""
        answer = await self._json("POST", "/api/sign-in", body={"person": person})
        return self._with({"authorization": f"Bearer {answer['token']}"})

    async def sign_out(self) -> None:
        """End this sign-in."""
        await self._ask("POST", "/api/sign-out")

    def watching(self, watch: str) -> Client:
        """Return a client that shows the watch word of a call with every request."""
        return self._with({"linli-watch": watch})

    def calling_as(self, mark: str) -> Client:
        """Return a client without account that can be told from others by `mark`, a random word of the browser."""
        return self._with({"linli-caller": mark})

    async def close(self) -> None:
        """Let go of the line."""
        await self._transport.close()

    async def me(self) -> Json:
        """Return who this client acts as."""
        return await self._json("GET", "/api/me")

    async def people(self) -> list[Json]:
        """Return the made-up people whom one can sign in as."""
        return _list((await self._json("GET", "/api/people"))["people"])

    # the node

    async def node(self) -> Json:
        """Return what node this is, its city time, its speed and its map."""
        return await self._json("GET", "/api/node")

    async def kinds(self) -> list[Json]:
        """Return the kinds of service that can be asked for."""
        return _list((await self._json("GET", "/api/kinds"))["kinds"])

    async def city(self) -> Json:
        """Return the picture of the city at this moment."""
        return await self._json("GET", "/api/city")

    # calls

    async def place_call(
        self,
        kind: str,
        lon: float,
        lat: float,
        *,
        mouth: str = "app",
        text: str | None = None,
        for_whom: str | None = None,
        said_at: str | None = None,
        key: str | None = None,
    ) -> Placed:
        """Press: place a call. With a `key` (Idempotency-Key) it may be sent again without a second call."""
        wish = {"kind": kind, "lon": lon, "lat": lat, "mouth": mouth, "text": text, "for": for_whom, "saidAt": said_at}
        body = {name: value for name, value in wish.items() if value is not None}
        headers = {} if key is None else {"idempotency-key": key}
        answer = await self._ask("POST", "/api/calls", body=body, headers=headers, repeatable=key is not None)
        placed = _object(answer)
        return Placed(placed["id"], placed["number"], placed["state"], placed["watch"], answer.status == 201)

    async def call(self, call_id: str) -> Json:
        """Return one call as this asker may see it."""
        return await self._json("GET", "/api/calls/{id}", call_id)

    async def calls(self, state: str = "open", *, limit: int = 50, offset: int = 0) -> Json:
        """Return {"calls", "total"}: the calls that this asker may see."""
        return await self._json("GET", "/api/calls", query={"state": state, "limit": limit, "offset": offset})

    async def cancel(self, call_id: str, reason: str | None = None) -> Json:
        """Cancel a call."""
        return await self._step(call_id, "cancel", {"reason": reason})

    async def confirm(self, call_id: str) -> Json:
        """Confirm that the call was served."""
        return await self._step(call_id, "confirm", {})

    async def rate(self, call_id: str, stars: int, text: str | None = None) -> Json:
        """Rate a served call with 1 to 5 stars."""
        return await self._step(call_id, "rate", {"stars": stars, "text": text})

    async def reopen(self, call_id: str, reason: str | None = None) -> Json:
        """Reopen a call that was not served as it should be."""
        return await self._step(call_id, "reopen", {"reason": reason})

    async def acknowledge(self, call_id: str) -> Json:
        """Say as a worker that one has seen the call."""
        return await self._step(call_id, "acknowledge", {})

    async def take(self, call_id: str) -> Json:
        """Take up as a worker what the desk does itself."""
        return await self._step(call_id, "take", {})

    async def offer(self, call_id: str, helper: str, reason: str) -> Json:
        """Offer a call to a helper by hand."""
        return await self._step(call_id, "offer", {"helper": helper, "reason": reason})

    async def candidates(self, call_id: str) -> Json:
        """Return who could go to a call, and why others could not."""
        return await self._json("GET", "/api/calls/{id}/candidates", call_id)

    async def path(self, call_id: str) -> Json:
        """Return {"path", "seconds"}: the helper's way to a call."""
        return await self._json("GET", "/api/path", query={"call": call_id})

    # a helper's work

    async def helper_me(self) -> Json:
        """Return what concerns the signed-in helper: duty, shift, open offer, call."""
        return await self._json("GET", "/api/helpers/me")

    async def accept(self, offer_id: str) -> Json:
        """Accept an offer and return the call. ClientProblem 409 OfferGone: too late."""
        answer = await self._json("POST", "/api/offers/{id}/accept", offer_id, body={})
        return _dict(answer["call"])

    async def decline(self, offer_id: str, reason: str | None = None) -> None:
        """Decline an offer."""
        await self._ask("POST", "/api/offers/{id}/decline", offer_id, body=_without_none({"reason": reason}))

    async def depart(self, call_id: str) -> Json:
        """Set out."""
        return await self._step(call_id, "depart", {})

    async def arrive(self, call_id: str, lon: float | None = None, lat: float | None = None) -> Json:
        """Be there."""
        return await self._step(call_id, "arrive", {"lon": lon, "lat": lat})

    async def finish(self, call_id: str, note: str | None = None) -> Json:
        """Be done."""
        return await self._step(call_id, "finish", {"note": note})

    async def move(self, helper_id: str, lon: float, lat: float) -> None:
        """Tell where the helper is."""
        await self._ask("POST", "/api/helpers/{id}/position", helper_id, body={"lon": lon, "lat": lat})

    async def duty(self, helper_id: str, state: str) -> Json:
        """Go on or off duty: ready, rest, off."""
        return _object(await self._ask("POST", "/api/helpers/{id}/duty", helper_id, body={"state": state}))

    # what changes

    async def live(
        self, *, types: Sequence[str] = (), call: str | None = None, after: int | None = None
    ) -> AsyncGenerator[LiveEvent, None]:
        """Yield what changes, for as long as the stream lasts. `after`: go on behind this log position."""
        self.requests["GET /api/live"] += 1
        query = _without_none({"types": ",".join(types) or None, "call": call})
        target = "/api/live" + (f"?{urlencode(query)}" if query else "")
        headers = dict(self._headers) | ({} if after is None else {"last-event-id": str(after)})
        async with aclosing(self._transport.stream(target, headers)) as chunks, aclosing(events_of(chunks)) as events:
            async for event in events:
                yield event

    # NGSI-LD

    async def upsert_batch(
        self, entities: Sequence[Mapping[str, Any]], *, purpose: str | None = None, update: bool = False
    ) -> None:
        """Create or replace up to 1,000 entities; `update`: what an entity has beside stays as it is.

        Raises: ClientProblem: also when the node took some of them and refused others (207).
        """
        route = "/ngsi-ld/v1/entityOperations/upsert"
        query = {"options": "update"} if update else None
        headers = _purpose(purpose)
        answer = await self._ask("POST", route, query=query, body=list(entities), headers=headers, repeatable=True)
        if answer.status == 207:
            refused = _dict(read_json(answer.body, bytes_max=ANSWER_BYTES_MAX)).get("errors") or [{}]
            raise ClientProblem(207, "PartlyRefused", f"{len(refused)} refused, the first: {str(refused[0])[:400]}")

    async def entity(self, entity_id: str, *, purpose: str | None = None) -> Json:
        """Return one entity with simplified values."""
        route = "/ngsi-ld/v1/entities/{id}"
        query = {"format": "simplified"}
        return _object(await self._ask("GET", route, entity_id, query=query, headers=_purpose(purpose)))

    async def entities(
        self,
        type_name: str,
        *,
        q: str | None = None,
        attrs: Sequence[str] = (),
        limit: int = ENTITIES_PAGE,
        offset: int = 0,
        purpose: str | None = None,
    ) -> list[Json]:
        """Return one page of the entities of a type that match `q`, with simplified values."""
        wish = {"type": type_name, "q": q, "attrs": ",".join(attrs) or None, "format": "simplified"}
        query = _without_none({**wish, "limit": limit, "offset": offset})
        answer = await self._ask("GET", "/ngsi-ld/v1/entities", query=query, headers=_purpose(purpose))
        return _list(read_json(answer.body, bytes_max=ANSWER_BYTES_MAX))

    # one request

    def _with(self, headers: Mapping[str, str]) -> Client:
        other = Client(transport=self._transport, pause=self._pause)
        other._headers = {**self._headers, **headers}
        other.requests = self.requests
        return other

    async def _step(self, call_id: str, step: str, body: Json) -> Json:
        return _object(await self._ask("POST", f"/api/calls/{{id}}/{step}", call_id, body=_without_none(body)))

    async def _json(self, method: str, route: str, entity_id: str = "", **asked: Any) -> Json:
        return _object(await self._ask(method, route, entity_id, **asked))

    async def _ask(
        self,
        method: str,
        route: str,
        entity_id: str = "",
        *,
        query: Mapping[str, Any] | None = None,
        body: object = None,
        headers: Mapping[str, str] | None = None,
        repeatable: bool = False,
    ) -> Answer:
        target = route.replace("{id}", quote(entity_id, safe=":")) + (f"?{urlencode(query)}" if query else "")
        sent = {**self._headers, **(headers or {})}
        if method != "GET":
            sent["content-type"] = "application/json"
        content = b"" if body is None else write_json(body)
        tries = len(RETRY_AFTER_S) + 1 if repeatable or method == "GET" else 1
        request = _Request(method, target, sent, content)
        answer = await self._tried(request, f"{method} {route}", tries)
        if answer.status >= 400:
            raise ClientProblem.of(answer.status, answer.body)
        return answer

    async def _tried(self, request: _Request, name: str, tries: int) -> Answer:
        """Ask up to `tries` times: again only when nothing came back or the node was busy."""
        for wait_s in RETRY_AFTER_S[: tries - 1]:
            self.requests[name] += 1
            try:
                answer = await self._transport.ask(*request)
            except NodeUnreachable:
                await self._pause(wait_s)
                continue
            if answer.status != _BUSY:
                return answer
            await self._pause(wait_s)
        self.requests[name] += 1
        return await self._transport.ask(*request)


def _purpose(purpose: str | None) -> dict[str, str]:
    return {} if purpose is None else {"linli-purpose": purpose}


def _without_none(values: Mapping[str, Any]) -> Json:
    return {name: value for name, value in values.items() if value is not None}


def _object(answer: Answer) -> Json:
    return _dict(read_json(answer.body, bytes_max=ANSWER_BYTES_MAX))


def _dict(value: Any) -> Json:
    if not isinstance(value, dict):
        raise ClientProblem(200, "Unreadable", "The node answered with something else than an object.")
    return value


def _list(value: Any) -> list[Json]:
    if not isinstance(value, list):
        raise ClientProblem(200, "Unreadable", "The node answered with something else than a list.")
    return value
