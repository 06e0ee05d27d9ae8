"""ETSI GS CIM 009 V1.9.1, clause 5.13: contexts that a broker hosts, keeps copies of, and makes for subscriptions."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

import pytest
from ngsild_door import CORE, HOME, Door, Reply, car

from linli.base import Ids, write_json
from linli.base.errors import Unreachable
from linli.broker import Broker, Fetching
from linli.trust import Act, Policies, Principal
from linli.vocab import vocabulary
from linli.web._ngsild import NgsiLd

ROOT = "/ngsi-ld/v1"
LD = {"content-type": "application/ld+json"}
NORTH, SOUTH = {"ngsild-tenant": "north"}, {"ngsild-tenant": "south"}
SPEED = {"@context": {"speed": "https://example.org/speed"}}
HOST = "contexts.example"
URL = f"https://{HOST}/speed.jsonld"


class Got(NamedTuple):
    status: int
    body: bytes


class Elsewhere:
    """Serves documents by URL as the net would; None is a host that does not answer."""

    def __init__(self, pages: Mapping[str, Any]) -> None:
        self.pages = dict(pages)
        self.asked: list[str] = []
        self.held = asyncio.Event()
        self.held.set()

    async def get(self, url: str, bytes_max: int) -> Got:
        self.asked.append(url)
        await self.held.wait()
        page = self.pages.get(url, 404)
        if page is None:
            raise Unreachable
        if isinstance(page, int):
            return Got(page, b"")
        body = page if isinstance(page, bytes) else write_json(page)
        if len(body) > bytes_max:
            raise Unreachable("The document is too long.")
        return Got(200, body)


def a_door(pages: Mapping[str, Any] | None = None, **options: Any) -> tuple[Door, Elsewhere]:
    elsewhere = Elsewhere(pages or {})
    fetching = Fetching(elsewhere, frozenset({HOST}), wait_s=5.0)
    return Door(**{"default_context": "core", "fetching": fetching, **options}), elsewhere


def host(door: Door, document: Any = SPEED, headers: dict[str, str] | None = None) -> str:
    """Host a context; return its path below the root."""
    reply = door.ask("POST", "/jsonldContexts", document, headers=headers)
    assert (reply.status, reply.body) == (201, b"")
    location = reply.header("location")
    assert location
    return location.removeprefix("/ngsi-ld/v1")


def at(url: str) -> str:
    return "/jsonldContexts/" + quote(url, safe="")


def use(door: Door, context: Any, name: int = 1, headers: dict[str, str] | None = None) -> Reply:
    return door.ask("POST", "/entities", {**car(name), "@context": context}, headers={**LD, **(headers or {})})


def details(door: Door, path: str) -> Any:
    reply = door.ask("GET", path, details="true")
    assert reply.status == 200, reply.body
    return reply.json


def test_5_13_2_a_hosted_context_is_served_as_it_came() -> None:
    door, _ = a_door()
    path = host(door)
    reply = door.ask("GET", path)
    assert (reply.status, reply.header("content-type"), reply.json) == (200, "application/json", SPEED)
    reply = door.ask("GET", path, headers={"accept": "application/ld+json"})
    assert (reply.header("content-type"), reply.json) == ("application/ld+json", SPEED)


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (b'{"speed": "https://example.org/speed"}', "InvalidRequest"),
        (b"[]", "InvalidRequest"),
        (b'{"@context": ', "InvalidRequest"),
        (b'{"@context": 7}', "BadRequestData"),
        (b'{"@context": null}', "BadRequestData"),
        (b'{"@context": ["https://example.org/c.jsonld", false]}', "BadRequestData"),
        (b'{"@context": {"speed": {"@id": "https://example.org/s", "@context": {}}}}', "BadRequestData"),
        (b'{"@context": {"a": "b:c", "b": "a:c"}}', "BadRequestData"),
    ],
)
def test_5_13_2_what_is_no_context_is_not_hosted(body: bytes, error: str) -> None:
    door, _ = a_door()
    assert door.ask("POST", "/jsonldContexts", raw=body).error == error
    assert door.ask("GET", "/jsonldContexts", kind="Hosted").json == []


def test_5_13_2_a_context_may_name_others_that_are_not_there_yet() -> None:
    door, elsewhere = a_door()
    path = host(door, {"@context": [URL, {"colour": "https://example.org/colour"}]})
    assert elsewhere.asked == []
    assert use(door, ROOT + path).error == "LdContextNotAvailable"


@pytest.mark.parametrize("base", ["/ngsi-ld/v1", "http://localhost:1026/ngsi-ld/v1", "https://city.example/ngsi-ld/v1"])
def test_5_13_2_a_hosted_context_is_used_by_its_url_under_whatever_name_we_are_called(base: str) -> None:
    door, elsewhere = a_door()
    path = host(door)
    assert use(door, [base + path]).status == 201
    assert "https://example.org/speed" in door.get("urn:ngsi-ld:Vehicle:1").json
    assert elsewhere.asked == []


def test_5_13_3_the_list_names_urls_or_with_details_all_that_is_known() -> None:
    door, _ = a_door()
    path = host(door)
    host_header = {"host": "city.example:8800"}
    url = f"http://city.example:8800/ngsi-ld/v1{path}"
    assert door.ask("GET", "/jsonldContexts", headers=host_header).json == [CORE, url]
    assert door.ask("GET", "/jsonldContexts", headers=host_header, kind="Hosted").json == [url]
    assert door.ask("GET", "/jsonldContexts", kind="Cached").json == [CORE]
    assert door.ask("GET", "/jsonldContexts", kind="ImplicitlyCreated").json == []
    (one,) = door.ask("GET", "/jsonldContexts", headers=host_header, kind="Hosted", details="true").json
    assert one == {
        "URL": url,
        "localId": path.rsplit("/", 1)[1],
        "kind": "Hosted",
        "createdAt": "2026-11-23T02:15:07Z",
        "numberOfHits": 0,
    }


@pytest.mark.parametrize("query", [{"kind": "Other"}, {"details": "perhaps"}, {"kind": "hosted"}])
def test_5_13_3_unknown_kinds_and_details_are_refused(query: dict[str, str]) -> None:
    door, _ = a_door()
    assert door.ask("GET", "/jsonldContexts", **query).error == "BadRequestData"


def test_5_13_3_uses_are_counted_and_the_last_one_is_dated() -> None:
    door, _ = a_door()
    path = host(door)
    use(door, [ROOT + path])
    door.clock.advance_to(door.clock.now_us() + 1_000_000)
    use(door, ROOT + path, 2)
    door.ask("GET", path)
    known = details(door, path)
    assert (known["numberOfHits"], known["lastUsage"]) == (2, "2026-11-23T02:15:08Z")


def test_5_13_4_what_is_not_there_is_404() -> None:
    door, _ = a_door()
    for path in (
        "/jsonldContexts/nothing",
        at(URL),
        at("https://uri.etsi.org/ngsi-ld/v1/ngsi-ld-core-context-v1.6.jsonld"),
    ):
        assert door.ask("GET", path).error == "ResourceNotFound"
        assert door.ask("DELETE", path).error == "ResourceNotFound"


def test_5_13_4_an_older_core_context_is_served_once_it_was_used() -> None:
    door, _ = a_door()
    url = CORE.replace("v1.9", "v1.6")
    assert use(door, url).status == 201
    context = door.ask("GET", at(url)).json["@context"]
    assert context["languageMap"] == {"@id": "ngsi-ld:hasLanguageMap", "@container": "@language"}
    assert "jsonldContext" not in context
    assert details(door, at(url))["kind"] == "Cached"


def test_5_13_4_contexts_given_as_files_stand_there_after_their_first_use(tmp_path: Path) -> None:
    file = tmp_path / "speed.jsonld"
    file.write_bytes(write_json(SPEED))
    door, elsewhere = a_door(contexts={URL: file})
    assert door.ask("GET", at(URL)).error == "ResourceNotFound"
    assert use(door, URL).status == 201
    assert details(door, at(URL))["kind"] == "Cached"
    assert door.ask("GET", at(URL)).json == SPEED
    assert door.ask("DELETE", at(URL)).status == 204
    assert door.ask("GET", at(URL)).error == "ResourceNotFound"
    assert use(door, URL, 2).status == 201
    assert elsewhere.asked == []


def test_5_13_4_each_tenant_has_its_own() -> None:
    door, _ = a_door()
    path = host(door, headers=NORTH)
    assert door.ask("GET", path, headers=NORTH).json == SPEED
    for headers in (SOUTH, {}):
        assert door.ask("GET", path, headers=headers).error == "ResourceNotFound"
        assert path not in door.ask("GET", "/jsonldContexts", headers=headers).body.decode()
        assert door.ask("DELETE", path, headers=headers).error == "ResourceNotFound"
        assert use(door, ROOT + path, headers=headers).error == "LdContextNotAvailable"
    assert use(door, ROOT + path, headers=NORTH).status == 201


def test_5_13_5_a_deleted_context_cannot_be_used_any_more() -> None:
    door, _ = a_door()
    path = host(door)
    assert use(door, ROOT + path).status == 201
    reply = door.ask("DELETE", path)
    assert (reply.status, reply.body) == (204, b"")
    assert use(door, ROOT + path, 2).error == "LdContextNotAvailable"


@pytest.mark.parametrize(
    ("reload", "error"), [("true", "BadRequestData"), ("false", "ResourceNotFound"), ("perhaps", "BadRequestData")]
)
def test_5_13_5_reload_and_an_unknown_id(reload: str, error: str) -> None:
    door, _ = a_door()
    assert door.ask("DELETE", "/jsonldContexts/nothing", reload=reload).error == error


def test_5_13_5_what_is_hosted_here_cannot_be_loaded_anew() -> None:
    door, _ = a_door()
    path = host(door)
    assert door.ask("DELETE", path, reload="true").error == "BadRequestData"
    assert door.ask("GET", path).status == 200


def test_5_13_5_the_core_stays() -> None:
    door, _ = a_door()
    assert door.ask("DELETE", at(CORE)).error == "BadRequestData"
    assert door.ask("DELETE", at(CORE), reload="true").status == 204
    assert details(door, at(CORE))["kind"] == "Cached"


def test_5_13_1_what_was_fetched_is_kept_as_a_copy_and_not_asked_for_again() -> None:
    door, elsewhere = a_door({URL: SPEED})
    assert use(door, URL).status == 201
    assert use(door, [URL], 2).status == 201
    assert "https://example.org/speed" in door.get("urn:ngsi-ld:Vehicle:1").json
    assert elsewhere.asked == [URL]
    known = details(door, at(URL))
    assert (known["URL"], known["localId"], known["kind"], known["numberOfHits"]) == (URL, URL, "Cached", 2)
    assert door.ask("GET", at(URL)).json == SPEED


def test_5_13_1_a_copy_outlives_the_process() -> None:
    door, elsewhere = a_door({URL: SPEED})
    use(door, URL)
    elsewhere.pages.clear()
    door.broker = Broker(
        door.store,
        vocabulary(),
        Policies(door.clock),
        door.clock,
        ids=Ids("370102"),
        home_scope=HOME,
        default_context="core",
    )
    door.app = NgsiLd(door.broker, lambda _: Act(door.who))
    assert use(door, URL, 2).status == 201


def test_5_13_1_contexts_that_others_name_are_fetched_too_even_by_a_relative_url() -> None:
    pages = {URL: {"@context": ["more/colour.jsonld", CORE]}, f"https://{HOST}/more/colour.jsonld": SPEED}
    door, elsewhere = a_door(pages)
    assert use(door, URL).status == 201
    assert elsewhere.asked == list(pages)
    assert "https://example.org/speed" in door.get("urn:ngsi-ld:Vehicle:1").json


@pytest.mark.parametrize(
    ("page", "error"),
    [
        (None, "LdContextNotAvailable"),
        (404, "LdContextNotAvailable"),
        (b"{", "BadRequestData"),
        (b"<html>", "BadRequestData"),
        ({"speed": "https://example.org/speed"}, "BadRequestData"),
        ({"@context": 7}, "BadRequestData"),
        ({"@context": {"speed": {"@id": "https://example.org/s", "@context": {}}}}, "BadRequestData"),
        (b'{"@context": {"a": "' + b"x" * (1 << 20) + b'"}}', "LdContextNotAvailable"),
    ],
)
def test_5_13_1_what_cannot_be_fetched_or_is_no_context(page: Any, error: str) -> None:
    door, _ = a_door({URL: page})
    reply = use(door, URL)
    assert (reply.error, reply.status) == (error, 504 if error == "LdContextNotAvailable" else 400)
    assert door.ask("GET", at(URL)).error == "ResourceNotFound"


def test_5_13_1_a_host_that_nobody_allowed_is_never_asked() -> None:
    door, elsewhere = a_door({"https://elsewhere.example/c.jsonld": SPEED})
    for url in (
        "https://elsewhere.example/c.jsonld",
        "http://127.0.0.1/c.jsonld",
        "file:///etc/passwd",
        "ftp://x/c",
        "https://[",
    ):
        assert use(door, url).error == "LdContextNotAvailable"
    assert elsewhere.asked == []


def test_5_13_1_nobody_waits_longer_than_he_may_and_the_next_one_finds_it() -> None:
    door, elsewhere = a_door({URL: SPEED})
    door, _ = a_door(fetching=Fetching(elsewhere, frozenset({HOST}), wait_s=0.0))

    async def told() -> None:
        elsewhere.held.clear()
        body = write_json({**car(), "@context": URL})
        headers = {**LD, "content-length": str(len(body))}
        assert (await door._ask("POST", "/entities", body, headers, {})).error == "LdContextNotAvailable"
        elsewhere.held.set()
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            await task
        assert (await door._ask("POST", "/entities", body, headers, {})).status == 201

    asyncio.run(told())
    assert elsewhere.asked == [URL]


def test_5_13_5_a_copy_is_loaded_anew_and_the_new_one_counts() -> None:
    door, elsewhere = a_door({URL: SPEED})
    use(door, URL)
    elsewhere.pages[URL] = {"@context": {"speed": "https://example.org/faster"}}
    assert door.ask("DELETE", at(URL), reload="true").status == 204
    assert use(door, URL, 2).status == 201
    assert "https://example.org/faster" in door.get("urn:ngsi-ld:Vehicle:2").json


@pytest.mark.parametrize("page", [None, 500, b"{", {"speed": 7}, {"@context": 7}])
def test_5_13_5_a_failed_reload_leaves_the_copy_that_was_there(page: Any) -> None:
    door, elsewhere = a_door({URL: SPEED})
    use(door, URL)
    elsewhere.pages[URL] = page
    reply = door.ask("DELETE", at(URL), reload="true")
    assert (reply.status, reply.error) == (504, "LdContextNotAvailable")
    assert door.ask("GET", at(URL)).json == SPEED
    assert use(door, URL, 2).status == 201
    assert door.ask("DELETE", at(URL)).status == 204
    assert door.ask("GET", at(URL)).error == "ResourceNotFound"


def test_5_13_1_a_subscription_said_in_several_contexts_has_one_made_for_it() -> None:
    door, _ = a_door()
    said = [{"Car": "https://example.org/Car"}, CORE]
    for name in (1, 2):
        body = {
            "id": f"urn:ngsi-ld:Subscription:{name}",
            "type": "Subscription",
            "entities": [{"type": "Car"}],
            "notification": {"endpoint": {"uri": "https://receiver.example/n"}},
            "@context": said,
        }
        assert door.ask("POST", "/subscriptions", body, headers=LD).status == 201
    (url,) = door.ask("GET", "/jsonldContexts", kind="ImplicitlyCreated").json
    assert door.ask("GET", "/subscriptions/urn:ngsi-ld:Subscription:1").json["jsonldContext"] == url
    path = url.removeprefix("http://localhost/ngsi-ld/v1")
    assert door.ask("GET", path).json == {"@context": said}
    assert use(door, url).status == 201
    assert door.ask("DELETE", path, reload="true").error == "BadRequestData"
    assert door.ask("DELETE", path).status == 204


def test_only_who_may_change_everything_may_host_but_anybody_who_knows_its_id_may_read() -> None:
    door, _ = a_door()
    path = host(door)
    door.who = Principal("somebody", "resident", ("/cn/r37",))
    assert door.ask("GET", path).json == SPEED
    for method, where, body in (
        ("POST", "/jsonldContexts", SPEED),
        ("GET", "/jsonldContexts", None),
        ("DELETE", path, None),
    ):
        assert door.ask(method, where, body).error == "NotAllowed"
