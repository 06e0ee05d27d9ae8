"""The NGSI-LD client: what it sends for each operation, what it makes of answers, and that both faces are one."""

from __future__ import annotations

import asyncio
import inspect
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from linli.base import read_json, write_json
from linli.client import (
    AlreadyThere,
    Answer,
    AsyncNgsiLdClient,
    ClientProblem,
    Near,
    NgsiLdClient,
    NodeUnreachable,
    NotFound,
    Query,
    Refused,
    TemporalQuery,
)

ROOT = Path(__file__).resolve().parents[2]
LAMP = {"id": "urn:ngsi-ld:Lamp:1", "type": "Lamp", "on": {"type": "Property", "value": True}}
CONTEXT = "https://example.org/lamps.jsonld"


class Line:
    """A transport that keeps what was sent and answers from a list; without an event loop."""

    def __init__(self, *answers: Answer | Exception) -> None:
        self.answers = list(answers) or [Answer(204, {}, b"")]
        self.sent: list[tuple[str, str, dict[str, str], Any]] = []

    def ask(self, method, target, headers, body):
        self.sent.append((method, target, dict(headers), read_json(body) if body else None))
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer

    def close(self):
        self.sent.append(("close", "", {}, None))


def said(status: int, value: object, **headers: str) -> Answer:
    return Answer(status, headers, write_json(value))


def client(*answers: Answer | Exception, **options: Any) -> tuple[NgsiLdClient, Line]:
    line = Line(*answers)
    return NgsiLdClient(transport=line, pause=lambda _: None, **options), line


LAMPS = "/ngsi-ld/v1/entities/urn:ngsi-ld:Lamp:1"
NEAR = Query(type="Lamp", q="on==true", near=Near(117.0, 36.5, max_m=500), attrs=["on", "at"])
EVOLUTION = "/ngsi-ld/v1/temporal/entities/urn:ngsi-ld:Lamp:1"
DAY = TemporalQuery(after="2026-01-01T00:00:00Z", before="2026-01-02T00:00:00Z", last=5)


@pytest.mark.parametrize(
    ("asked", "method", "target"),
    [
        (lambda c: c.replace(LAMP), "PUT", LAMPS),
        (lambda c: c.merge(LAMP["id"], {}, observed_at="2026-01-01T00:00:00Z"), "PATCH", LAMPS + "?observedAt=2026-01-01T00%3A00%3A00Z"),
        (lambda c: c.delete(LAMP["id"]), "DELETE", LAMPS),
        (lambda c: c.purge(Query(type="Lamp"), drop=["on"]), "DELETE", "/ngsi-ld/v1/entities?type=Lamp&drop=on"),
        (lambda c: c.append(LAMP["id"], {}, overwrite=False), "POST", LAMPS + "/attrs?options=noOverwrite"),
        (lambda c: c.update(LAMP["id"], {}), "PATCH", LAMPS + "/attrs"),
        (lambda c: c.change(LAMP["id"], "https://a.org/on", {}), "PATCH", LAMPS + "/attrs/https:%2F%2Fa.org%2Fon"),
        (lambda c: c.replace_attribute(LAMP["id"], "on", {}), "PUT", LAMPS + "/attrs/on"),
        (lambda c: c.delete_attribute(LAMP["id"], "on", every=True), "DELETE", LAMPS + "/attrs/on?deleteAll=true"),
        (lambda c: c.delete_attribute(LAMP["id"], "on", dataset_id="urn:x:1"), "DELETE", LAMPS + "/attrs/on?datasetId=urn%3Ax%3A1"),
        (lambda c: c.change_subscription("urn:s", {}), "PATCH", "/ngsi-ld/v1/subscriptions/urn:s"),
        (lambda c: c.unsubscribe("urn:s"), "DELETE", "/ngsi-ld/v1/subscriptions/urn:s"),
        (lambda c: c.change_registration("urn:r", {}), "PATCH", "/ngsi-ld/v1/csourceRegistrations/urn:r"),
        (lambda c: c.unregister("urn:r"), "DELETE", "/ngsi-ld/v1/csourceRegistrations/urn:r"),
        (lambda c: c.change_source_subscription("urn:s", {}), "PATCH", "/ngsi-ld/v1/csourceSubscriptions/urn:s"),
        (lambda c: c.unsubscribe_sources("urn:s"), "DELETE", "/ngsi-ld/v1/csourceSubscriptions/urn:s"),
        (lambda c: c.keep_map("urn:m", "2026-01-01T00:00:00Z"), "PATCH", "/ngsi-ld/v1/entityMaps/urn:m"),
        (lambda c: c.forget_map("urn:m"), "DELETE", "/ngsi-ld/v1/entityMaps/urn:m"),
        (lambda c: c.add_history(LAMP["id"], {}), "POST", EVOLUTION + "/attrs"),
        (lambda c: c.change_instance(LAMP["id"], "on", "urn:i", {}), "PATCH", EVOLUTION + "/attrs/on/urn:i"),
        (lambda c: c.delete_instance(LAMP["id"], "on", "urn:i"), "DELETE", EVOLUTION + "/attrs/on/urn:i"),
        (lambda c: c.delete_history(LAMP["id"]), "DELETE", EVOLUTION),
        (lambda c: c.delete_history(LAMP["id"], "on"), "DELETE", EVOLUTION + "/attrs/on"),
        (lambda c: c.delete_context("c1", reload=True), "DELETE", "/ngsi-ld/v1/jsonldContexts/c1?reload=true"),
        (lambda c: c.update_batch([LAMP], overwrite=False), "POST", "/ngsi-ld/v1/entityOperations/update?options=noOverwrite"),
        (lambda c: c.merge_batch([LAMP]), "POST", "/ngsi-ld/v1/entityOperations/merge"),
        (lambda c: c.delete_batch([LAMP["id"]]), "POST", "/ngsi-ld/v1/entityOperations/delete"),
        (lambda c: c.upsert_batch([LAMP], update=True), "POST", "/ngsi-ld/v1/entityOperations/upsert?options=update"),
    ],
)  # fmt: skip
def test_a_write_is_one_request(asked, method, target):
    asker, line = client()
    asked(asker)
    assert [(one[0], one[1]) for one in line.sent] == [(method, target)]
    assert ("content-type" in line.sent[0][2]) == (method != "DELETE")


@pytest.mark.parametrize(
    ("asked", "target"),
    [
        (lambda c: c.read(LAMP["id"], form="concise"), LAMPS + "?format=concise"),
        (lambda c: c.type("Lamp"), "/ngsi-ld/v1/types/Lamp"),
        (lambda c: c.attribute("on"), "/ngsi-ld/v1/attributes/on"),
        (lambda c: c.subscription("urn:s"), "/ngsi-ld/v1/subscriptions/urn:s"),
        (lambda c: c.context("c1"), "/ngsi-ld/v1/jsonldContexts/c1"),
        (lambda c: c.registration("urn:r"), "/ngsi-ld/v1/csourceRegistrations/urn:r"),
        (lambda c: c.source_subscription("urn:s"), "/ngsi-ld/v1/csourceSubscriptions/urn:s"),
        (lambda c: c.entity_map("urn:m"), "/ngsi-ld/v1/entityMaps/urn:m"),
        (
            lambda c: c.map_entities(Query(type="Lamp"), keep="PT1H"),
            "/ngsi-ld/v1/entityMaps?type=Lamp&entityMapLifetime=PT1H",
        ),
        (
            lambda c: c.history(LAMP["id"], DAY, form="temporalValues"),
            EVOLUTION
            + "?lastN=5&timerel=between&timeAt=2026-01-01T00%3A00%3A00Z&endTimeAt=2026-01-02T00%3A00%3A00Z&format=temporalValues",
        ),
    ],
)
def test_a_read_is_one_request(asked, target):
    asker, line = client(said(200, {"id": "x"}))
    assert asked(asker) == {"id": "x"}
    assert [one[1] for one in line.sent] == [target]
    assert "content-type" not in line.sent[0][2]


def test_a_query_follows_the_pages_to_the_end():
    asker, line = client(said(200, [{"id": "1"}, {"id": "2"}]), said(200, [{"id": "3"}]))
    assert [one["id"] for one in asker.query(NEAR, page=2)] == ["1", "2", "3"]
    first, second = (one[1] for one in line.sent)
    assert "attrs=on%2Cat" in first
    for part in ("georel=near%3BmaxDistance%3D%3D500", "geometry=Point", "coordinates=%5B117.0%2C36.5%5D"):
        assert part in first
    assert first.endswith("limit=2&offset=0")
    assert second.endswith("limit=2&offset=2")


def test_pages_by_a_map_all_name_it():
    asker, line = client(said(200, [{"id": "1"}]), said(200, []))
    assert [one["id"] for one in asker.query(NEAR, page=1, by_map="urn:m")] == ["1"]
    assert [one[2]["ngsild-entitymap"] for one in line.sent] == ["urn:m", "urn:m"]


def test_a_count_asks_for_no_entity():
    asker, line = client(said(200, [], **{"ngsild-results-count": "1234"}))
    assert asker.count(Query(type="Lamp")) == 1234
    assert line.sent[0][1] == "/ngsi-ld/v1/entities?type=Lamp&limit=0&count=true"


def test_tenant_token_and_context_go_with_every_request():
    asker, line = client(said(200, []), tenant="north", token="t-1", context=CONTEXT)
    asker.types()
    asker.of_tenant("south").with_context(None).types()
    north, south = (one[2] for one in line.sent)
    assert north["ngsild-tenant"] == "north"
    assert north["link"].startswith(f"<{CONTEXT}>; rel=")
    assert south["ngsild-tenant"] == "south"
    assert "link" not in south
    assert north["authorization"] == south["authorization"] == "Bearer t-1"


def test_a_body_with_its_own_context_is_ld_json_and_has_no_link():
    asker, line = client(Answer(201, {"location": LAMPS}, b""), context=CONTEXT)
    assert asker.create({**LAMP, "@context": CONTEXT}) == LAMP["id"]
    assert asker.create(LAMP) == LAMP["id"]
    own, linked = (one[2] for one in line.sent)
    assert own["content-type"] == "application/ld+json"
    assert "link" not in own
    assert linked["content-type"] == "application/json"
    assert "link" in linked


def test_a_batch_says_who_was_taken_created_and_refused():
    asker, _ = client(said(201, ["a"]))
    outcome = asker.upsert_batch([{"id": "a"}, {"id": "b"}, {"id": "a"}])
    assert (outcome.taken, outcome.created, outcome.refused) == (["a", "b"], ["a"], [])
    error = {"type": "https://uri.etsi.org/ngsi-ld/errors/AlreadyExists", "title": "T", "detail": "D", "status": 409}
    asker, _ = client(said(207, {"success": ["b"], "errors": [{"entityId": "a", "error": error}]}))
    outcome = asker.create_batch([{"id": "a"}, {"id": "b"}])
    assert (outcome.taken, outcome.refused) == (["b"], [Refused("a", 409, "AlreadyExists", "D")])


def test_what_an_append_left_is_said():
    asker, _ = client(said(207, {"updated": [], "notUpdated": [{"attributeName": "on", "reason": "There."}]}))
    (left,) = asker.append(LAMP["id"], {}, overwrite=False)
    assert (left.name, left.reason) == ("on", "There.")


@pytest.mark.parametrize(("status", "kind"), [(404, NotFound), (409, AlreadyThere), (400, ClientProblem)])
def test_a_no_is_an_exception_of_its_own(status, kind):
    asker, line = client(said(status, {"type": "https://e.org/Some", "title": "T", "detail": "D", "status": status}))
    with pytest.raises(ClientProblem) as caught:
        asker.read(LAMP["id"])
    assert type(caught.value) is kind
    assert (caught.value.status, caught.value.code, caught.value.detail) == (status, "Some", "D")
    assert len(line.sent) == 1


def test_what_only_reads_is_repeated_and_a_write_never():
    busy = said(503, {"type": "https://e.org/Busy"})
    asker, line = client(busy, NodeUnreachable("gone"), said(200, []))
    assert asker.types() == []
    assert len(line.sent) == 3
    asker, line = client(busy, said(201, {}))
    with pytest.raises(ClientProblem):
        asker.create(LAMP)
    assert len(line.sent) == 1


@pytest.mark.parametrize("limits", [{}, {"max_m": 1, "min_m": 1}])
def test_near_wants_exactly_one_limit(limits):
    with pytest.raises(ValueError, match="max_m or min_m"):
        Near(0, 0, **limits)


def test_both_faces_have_the_same_methods_with_the_same_words():
    for name, method in inspect.getmembers(NgsiLdClient, inspect.isfunction):
        if name.startswith("_"):
            continue
        assert (
            inspect.signature(method).parameters.keys()
            == inspect.signature(getattr(AsyncNgsiLdClient, name)).parameters.keys()
        )


def test_the_face_without_event_loop_is_made_from_the_other():
    made = subprocess.run([sys.executable, "scripts/_sync_client.py", "--check"], cwd=ROOT, check=False)
    assert made.returncode == 0, "run scripts/_sync_client.py"


def test_the_face_with_event_loop_speaks_to_an_application_of_this_process():
    async def app(scope, receive, send):
        assert (await receive())["body"] == b""
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": write_json([{"id": scope["path"]}])})

    async def story():
        async with AsyncNgsiLdClient(app=app) as asker:
            return [one["id"] async for one in asker.query(Query(type="Lamp"))]

    assert asyncio.run(story()) == ["/ngsi-ld/v1/entities"]
