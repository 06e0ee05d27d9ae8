"""The client: what it sends, what it makes of answers, what it repeats and what it never repeats."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
import uvicorn

from linli.base import read_json, write_json
from linli.client import Client, ClientProblem, LiveEvent, NodeUnreachable

PLACED = {"id": "urn:ngsi-ld:ServiceCall:990101000000:X", "number": "AAA-BBB", "state": "received", "watch": "w"}


class Script:
    """A tiny node: answers each request by a function of (method, path, query, headers, body), and keeps what it saw."""

    def __init__(self, answer: Callable[..., tuple[int, Any]]) -> None:
        self.answer = answer
        self.seen: list[tuple[str, str, str, dict[str, str], bytes]] = []
        self.disconnected = False

    async def __call__(self, scope, receive, send):
        body = b""
        while True:
            message = await receive()
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        request = (scope["method"], scope["path"], scope["query_string"].decode(), headers, body)
        self.seen.append(request)
        status, content = self.answer(*request)
        await send({"type": "http.response.start", "status": status, "headers": []})
        if isinstance(content, list) and content and isinstance(content[0], bytes):
            for chunk in content:
                await send({"type": "http.response.body", "body": chunk, "more_body": True})
            assert (await receive())["type"] == "http.disconnect"
            self.disconnected = True
            return
        content = content if isinstance(content, bytes) else write_json(content)
        await send({"type": "http.response.body", "body": content})


@contextlib.asynccontextmanager
async def over_http(app) -> AsyncIterator[str]:
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, lifespan="off", log_config=None, ws="none"))
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    while not server.started:  # noqa: ASYNC110 - uvicorn tells that it is ready by a flag only
        await asyncio.sleep(0.01)
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        await serving
        listener.close()


def test_a_press_says_what_it_was_told_and_reads_the_answer():
    node = Script(lambda *_: (201, PLACED))

    async def story():
        client = Client(app=node).calling_as("browser-7")
        return await client.place_call("shop.hour", 117.02, 36.66, mouth="key", text="很急", key="k1")

    placed = asyncio.run(story())
    assert placed.new
    assert placed.watch == "w"
    method, path, _, headers, body = node.seen[0]
    assert (method, path) == ("POST", "/api/calls")
    assert headers["idempotency-key"] == "k1"
    assert headers["linli-caller"] == "browser-7"
    assert headers["content-type"] == "application/json"
    assert read_json(body) == {"kind": "shop.hour", "lon": 117.02, "lat": 36.66, "mouth": "key", "text": "很急"}


def test_over_http_and_in_process_the_same_request_arrives():
    node = Script(lambda *_: (200, {"ok": True}))

    async def story():
        direct = Client(app=node)
        await direct.cancel("urn:ngsi-ld:ServiceCall:9:A B", "例")
        async with over_http(node) as base_url:
            line = Client(base_url)
            await line.cancel("urn:ngsi-ld:ServiceCall:9:A B", "例")
            await line.close()

    asyncio.run(story())
    direct, line = node.seen
    assert direct[:3] == line[:3] == ("POST", "/api/calls/urn:ngsi-ld:ServiceCall:9:A B/cancel", "")
    assert direct[4] == line[4]
    assert direct[3]["content-type"] == line[3]["content-type"]


def test_a_sign_in_makes_another_asker_and_leaves_the_first_as_it_was():
    node = Script(lambda method, *_: (200, {"token": "t-1"} if method == "POST" else {}))

    async def story():
        stranger = Client(app=node)
        helper = await stranger.sign_in("urn:ngsi-ld:Helper:9:H")
        await helper.helper_me()
        await stranger.me()
        return stranger.requests

    requests = asyncio.run(story())
    assert node.seen[1][3]["authorization"] == "Bearer t-1"
    assert "authorization" not in node.seen[2][3]
    assert requests == {"POST /api/sign-in": 1, "GET /api/helpers/me": 1, "GET /api/me": 1}


def test_requests_are_counted_by_route_and_not_by_id():
    node = Script(lambda *_: (200, {"call": {}}))

    async def story():
        client = Client(app=node)
        await client.accept("urn:ngsi-ld:Offer:9:1")
        await client.accept("urn:ngsi-ld:Offer:9:2")
        return client.requests

    assert asyncio.run(story()) == {"POST /api/offers/{id}/accept": 2}


def test_a_refusal_keeps_the_nodes_own_words():
    problem = {"type": "https://w3id.org/linli/errors/OfferGone", "title": "T", "detail": "Too late.", "status": 409}
    client = Client(app=Script(lambda *_: (409, problem)))
    with pytest.raises(ClientProblem) as caught:
        asyncio.run(client.accept("urn:ngsi-ld:Offer:9:1"))
    assert (caught.value.status, caught.value.code, caught.value.detail) == (409, "OfferGone", "Too late.")


@pytest.mark.parametrize("body", [b"<html>", b"", b"[1]", b"\xff\xfe"])
def test_a_refusal_that_is_no_problem_document_is_still_a_problem(body):
    client = Client(app=Script(lambda *_: (502, body)))
    with pytest.raises(ClientProblem) as caught:
        asyncio.run(client.accept("urn:ngsi-ld:Offer:9:1"))
    assert caught.value.status == 502


def _patient(node) -> tuple[Client, list[float]]:
    waits: list[float] = []

    async def pause(seconds: float) -> None:
        waits.append(seconds)

    return Client(app=node, pause=pause), waits


def test_a_press_with_a_key_is_repeated_while_the_node_is_busy():
    answers = [(503, {}), (503, {}), (200, PLACED)]
    client, waits = _patient(Script(lambda *_: answers.pop(0)))
    placed = asyncio.run(client.place_call("shop.hour", 1, 2, key="k"))
    assert not placed.new
    assert waits == [0.2, 0.5]
    assert client.requests["POST /api/calls"] == 3


def test_a_press_without_a_key_is_never_repeated():
    client, waits = _patient(Script(lambda *_: (503, {})))
    with pytest.raises(ClientProblem):
        asyncio.run(client.place_call("shop.hour", 1, 2))
    assert waits == []
    assert client.requests["POST /api/calls"] == 1


def test_every_repetition_has_an_end():
    client, waits = _patient(Script(lambda *_: (503, {})))
    with pytest.raises(ClientProblem):
        asyncio.run(client.node())
    assert len(waits) == 4
    assert client.requests["GET /api/node"] == 5


def test_a_node_that_is_not_there_is_said_to_be_unreachable():
    waits: list[float] = []

    async def story():
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))  # bound but not listening: every connection is refused
            client = Client(f"http://127.0.0.1:{taken.getsockname()[1]}", pause=pause)
            try:
                await client.node()
            finally:
                await client.close()

    async def pause(seconds: float) -> None:
        waits.append(seconds)

    with pytest.raises(NodeUnreachable):
        asyncio.run(story())
    assert len(waits) == 4


STREAM = [
    b"retry: 2000\n: hello\n\n",
    b'id: 7\nevent: change\ndata: {"seq":7,"id":"a","ty',
    b'pe":"Offer"}\n\nid: 8\nevent: reset\ndata: {}\n\n: beat\n\n',
    b"id: 9\nevent: change\ndata: not json\n\nid: x\ndata: {}\n\n",
    b'id: 10\r\nevent: change\r\ndata: {"seq":10}\r\n\r\n',
]
EVENTS = [
    LiveEvent(7, "change", {"seq": 7, "id": "a", "type": "Offer"}),
    LiveEvent(8, "reset", {}),
    LiveEvent(10, "change", {"seq": 10}),
]


async def _three_events(client: Client) -> list[LiveEvent]:
    events = []
    stream = client.live(types=["Offer", "ServiceCall"], after=6)
    async with contextlib.aclosing(stream):
        async for event in stream:
            events.append(event)
            if len(events) == 3:
                break
    return events


def test_live_events_come_whole_however_the_bytes_are_cut():
    node = Script(lambda *_: (200, STREAM))
    assert asyncio.run(_three_events(Client(app=node))) == EVENTS
    assert node.seen[0][2] == "types=Offer%2CServiceCall"
    assert node.seen[0][3]["last-event-id"] == "6"


def test_live_over_http_is_the_same_and_leaving_it_tells_the_node():
    node = Script(lambda *_: (200, STREAM))

    async def story():
        async with over_http(node) as base_url:
            client = Client(base_url)
            events = await _three_events(client)
            await client.close()
            return events

    assert asyncio.run(story()) == EVENTS
    assert node.disconnected


def test_a_live_stream_that_is_refused_says_why():
    node = Script(lambda *_: (403, {"type": "x/NotAllowed", "detail": "Sign in."}))
    with pytest.raises(ClientProblem, match="NotAllowed"):
        asyncio.run(_three_events(Client(app=node)))


def test_a_batch_that_was_taken_in_part_is_an_error():
    node = Script(lambda *_: (207, {"success": [], "errors": [{"entityId": "a", "error": {"title": "no"}}]}))
    with pytest.raises(ClientProblem, match="1 refused"):
        asyncio.run(Client(app=node).upsert_batch([{"id": "a"}], purpose="registry"))
    assert node.seen[0][3]["linli-purpose"] == "registry"
