"""ETSI GS CIM 009 V1.9.1, clause 6.3 (common behaviour of the HTTP binding): media types, contexts, errors, tenants."""

from __future__ import annotations

from pathlib import Path

import pytest
from ngsild_door import CONTEXT_REL, CORE, ERRORS, STAFF, Door, area, car

from linli.vocab import CONTEXT_URL

LD = "application/ld+json"
ONE = "urn:ngsi-ld:Vehicle:1"


def a_door() -> Door:
    door = Door()
    door.make(car())
    return door


@pytest.mark.parametrize(
    ("accept", "media"),
    [
        (None, "application/json"),
        ("*/*", "application/json"),
        ("application/*", "application/json"),
        ("application/json", "application/json"),
        (LD, LD),
        (f"{LD}, application/json", "application/json"),
        (f"{LD};q=0.9, application/json;q=0.8", LD),
        (f"{LD}, */*;q=0.1", LD),
        ("application/json;q=0, */*", LD),
        ("text/html, application/json;q=0.5", "application/json"),
    ],
)
def test_6_3_4_the_answer_has_the_form_that_is_wanted_most(accept: str | None, media: str) -> None:
    reply = a_door().get(ONE, headers={"accept": accept or ""})
    assert (reply.status, reply.header("content-type")) == (200, media)


@pytest.mark.parametrize("accept", ["text/html", "application/json;q=0", "*/*;q=0"])
def test_6_3_4_no_form_that_is_wanted_is_406(accept: str) -> None:
    assert a_door().get(ONE, headers={"accept": accept}).status == 406


def test_6_3_5_json_names_its_context_in_a_link_and_ld_json_in_the_body() -> None:
    door = a_door()
    plain, linked = door.get(ONE), door.get(ONE, headers={"accept": LD})
    assert plain.all("link") == [f"<{CONTEXT_URL}>; {CONTEXT_REL}"]
    assert "@context" not in plain.json
    assert linked.all("link") == []
    assert linked.json["@context"] == CONTEXT_URL
    assert {key: said for key, said in linked.json.items() if key != "@context"} == plain.json
    many = door.find(type="Vehicle", headers={"accept": LD})
    assert many.json[0]["@context"] == CONTEXT_URL


def test_6_3_5_names_are_compacted_with_the_context_of_the_one_who_asks(tmp_path: Path) -> None:
    file = tmp_path / "cars.jsonld"
    file.write_text('{"@context": {"tempo": "https://example.org/speed", "ex": "https://example.org/"}}')
    door = Door(contexts={"https://example.org/cars.jsonld": file})
    link = {"link": f"<https://example.org/cars.jsonld>; {CONTEXT_REL}"}
    door.make({"id": ONE, "type": "Vehicle", "tempo": 5, "ex:wheels": 4}, **link)
    assert door.get(ONE, headers=link, options="keyValues").json == {
        "id": ONE,
        "type": "Vehicle",
        "tempo": 5,
        "ex:wheels": 4,
    }
    assert door.get(ONE, headers=link).all("link") == [f"<https://example.org/cars.jsonld>; {CONTEXT_REL}"]
    bare = door.get(ONE, options="keyValues").json
    assert bare["https://example.org/speed"] == 5
    assert door.found(type="Vehicle", q="https://example.org/speed==5".replace(".", "%2E")) == [ONE]
    assert door.found(type="Vehicle", q="tempo==5", headers=link) == [ONE]
    assert door.found(type="Vehicle", q="tempo==5") == []


def test_6_3_5_ld_json_brings_its_context_along() -> None:
    door = Door()
    body = {**car(), "@context": [{"colour": "https://example.org/colour"}, CORE]}
    assert door.ask("POST", "/entities", body, headers={"content-type": LD}).status == 201
    assert "https://example.org/colour" in door.get(ONE).json
    batch = [{**car(2), "@context": {"colour": "https://example.org/2"}}, {**car(3), "@context": CORE}]
    assert door.ask("POST", "/entityOperations/upsert", batch, headers={"content-type": LD}).status == 201
    assert "https://example.org/2" in door.get("urn:ngsi-ld:Vehicle:2").json
    assert "colour" in door.get("urn:ngsi-ld:Vehicle:3").json


def test_6_3_5_a_context_stands_in_one_place_only() -> None:
    door = Door()
    ld = {"content-type": LD}
    link = {"link": f"<{CORE}>; {CONTEXT_REL}"}
    inside = {**car(), "@context": CORE}
    assert door.ask("POST", "/entities", inside).error == "BadRequestData"
    assert door.ask("POST", "/entities", car(), headers=ld).error == "BadRequestData"
    assert door.ask("POST", "/entities", inside, headers=ld | link).error == "BadRequestData"
    assert (
        door.find(type="Vehicle", headers={"link": f"<{CORE}>; {CONTEXT_REL}, <{CORE}>; {CONTEXT_REL}"}).status == 400
    )
    assert door.find(type="Vehicle", headers={"link": '<https://example.org/>; rel="next"'}).status == 200


def test_6_3_5_a_context_that_is_not_known_is_504_and_never_fetched() -> None:
    link = {"link": f"<http://127.0.0.1:1/context.jsonld>; {CONTEXT_REL}"}
    reply = a_door().get(ONE, headers=link)
    assert (reply.status, reply.error) == (504, "LdContextNotAvailable")


def test_6_3_2_errors_are_problem_details_of_the_standard_s_types() -> None:
    reply = a_door().get("urn:ngsi-ld:Vehicle:404")
    assert reply.json["type"] == ERRORS + "ResourceNotFound"
    assert reply.error == "ResourceNotFound"


@pytest.mark.parametrize("raw", [b"{", b"\xff", b"[1,", b'{"a": NaN}', b" "])
def test_6_3_2_a_body_that_is_not_json_is_invalid_request(raw: bytes) -> None:
    reply = Door().ask("POST", "/entities", raw=raw)
    assert (reply.status, reply.error) == (400, "InvalidRequest")


def test_6_3_2_an_empty_body_is_invalid_request() -> None:
    headers = {"content-type": "application/json", "content-length": "0"}
    assert Door().ask("POST", "/entities", raw=b"", headers=headers).error == "InvalidRequest"


@pytest.mark.parametrize(
    ("query", "error"),
    [
        ({"colour": "red"}, "InvalidRequest"),
        ({"options": "shiny"}, "InvalidRequest"),
        ({"format": "xml"}, "InvalidRequest"),
        ({"count": "maybe"}, "InvalidRequest"),
        ({"entityMap": "maybe"}, "InvalidRequest"),
    ],
    ids=repr,
)
def test_6_3_2_parameters_are_known_or_refused(query: dict[str, str], error: str) -> None:
    assert a_door().find(type="Vehicle", **query).error == error


@pytest.mark.parametrize(
    ("method", "path", "status", "allow"),
    [
        ("PUT", "/entities", 405, "DELETE, GET, POST"),
        ("GET", f"/entities/{ONE}/attrs", 405, "PATCH, POST"),
        ("GET", "/entityOperations/upsert", 405, "POST"),
        ("GET", "/snapshots", 422, None),
        ("DELETE", f"/entities/{ONE}/attrs/", 405, "PATCH, POST"),
        ("OPTIONS", f"/entities/{ONE}", 204, "DELETE, GET, PATCH, PUT"),
        ("GET", "/nothing", 404, None),
        ("GET", "/", 404, None),
    ],
)
def test_6_3_2_paths_and_methods_are_known_or_refused(method: str, path: str, status: int, allow: str | None) -> None:
    reply = a_door().ask(method, path, {} if method != "GET" else None)
    assert (reply.status, reply.header("allow")) == (status, allow)


def test_6_3_2_a_trailing_slash_means_nothing() -> None:
    door = a_door()
    assert door.find(type="Vehicle").json == door.ask("GET", "/entities/", type="Vehicle").json
    assert door.ask("GET", f"/entities/{ONE}/").status == 200
    assert door.ask("GET", "/entities//").error == "BadRequestData"


def test_6_3_2_a_body_needs_its_length_before_anything_else() -> None:
    headers = {"content-length": "", "ngsild-tenant": "nobody", "content-type": "text/plain"}
    assert Door().ask("POST", "/entities", car(), headers=headers).status == 411


@pytest.mark.parametrize("media", ["text/plain", "application/xml", "application/geo+json"])
def test_6_3_3_a_body_that_is_not_json_by_its_type_is_415(media: str) -> None:
    assert Door().ask("POST", "/entities", car(), headers={"content-type": media}).status == 415


@pytest.mark.parametrize("media", ["application/json; charset=utf-8", ""])
def test_6_3_3_parameters_of_the_media_type_are_fine_and_without_one_it_is_json(media: str) -> None:
    assert Door().ask("POST", "/entities", car(), headers={"content-type": media}).status == 201


def test_6_3_14_the_tenant_is_echoed_and_another_one_does_not_exist() -> None:
    door = a_door()
    assert door.get(ONE, headers={"ngsild-tenant": "default"}).header("ngsild-tenant") == "default"
    other = door.get(ONE, headers={"ngsild-tenant": "elsewhere"})
    assert (other.status, other.error, other.header("ngsild-tenant")) == (404, "NonexistentTenant", "elsewhere")
    assert door.get(ONE).header("ngsild-tenant") is None


def test_the_core_may_be_the_default_context() -> None:
    door = Door(default_context="core")
    door.make(area())  # without our context, a type like any other: neither checked nor given a scope
    assert door.get(area()["id"]).json == area()


def test_a_purpose_that_is_known_already_is_not_taken_from_the_header() -> None:
    door = Door(purpose="staff")
    assert door.find(type="Helper", headers={"linli-purpose": "fun"}).status == 200
    assert door.find(type="Helper", headers=STAFF).status == 200
