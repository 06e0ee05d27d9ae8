"""People, tablets and programs are let in by whoever may, each only as far as that one may reach himself."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from joserfc import jws
from joserfc.jwk import ECKey
from town import EAST, LAT, LON, WEST, Town, a_town, area_id, link, point, prop, scope_of, word

from linli.base import write_json

ELDER, CHILD = (f"urn:ngsi-ld:Resident:990101000000:0000000000000000000000{who}" for who in ("ELDR", "CHLD"))
GATE = "urn:ngsi-ld:Gate:990101000000:0000000000000000000000GATE"
ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


def told(folder: Path, story: Callable[[Town], Awaitable[None]]) -> None:
    async def run() -> None:
        async with a_town(folder) as town:
            await load(
                town, a_resident(ELDER, "老王", "a80up"), a_resident(CHILD, "王小", "a18to59"), a_gate(), a_delegation()
            )
            await story(town)

    asyncio.run(run())


async def load(town: Town, *entities: dict[str, Any]) -> None:
    await town.admin.upsert_batch(list(entities), purpose="service")
    await town.settle()


def a_resident(resident_id: str, name: str, age: str) -> dict[str, Any]:
    return {
        "id": resident_id,
        "type": "Resident",
        "scope": scope_of(WEST),
        "fullName": prop(name),
        "ageBand": word(age),
        "homeArea": link(area_id(WEST)),
    }


def a_gate() -> dict[str, Any]:
    return {
        "id": GATE,
        "type": "Gate",
        "scope": scope_of(WEST),
        "name": {"type": "LanguageProperty", "languageMap": {"zh": "西门", "en": "West gate"}},
        "kind": word("pedestrian"),
        "partOf": link(area_id(WEST)),
        "location": point(LON, LAT),
        "passDirection": word("both"),
        "mode": word("card"),
        "methods": word(["card"]),
    }


def a_delegation() -> dict[str, Any]:
    return {
        "id": "urn:ngsi-ld:Delegation:990101000000:0000000000000000000000DLGN",
        "type": "Delegation",
        "scope": scope_of(WEST),
        "principal": link(CHILD),
        "forWhom": link(ELDER),
        "kind": word("family"),
        "purposes": word(["service", "care"]),
        "since": prop("2026-01-01"),
        "until": prop("2026-12-31"),
    }


async def browser(town: Town, person: str = "") -> httpx.AsyncClient:
    """Return a browser, signed in as a made-up person by a cookie."""
    http = httpx.AsyncClient(transport=httpx.ASGITransport(town.node.web), base_url="http://localhost")
    if person:
        assert (await http.post("/sign-in/demo", data={"person": person})).status_code == 303
    return http


async def me(http: httpx.AsyncClient, token: str = "") -> dict[str, Any]:
    return (await http.get("/api/me", headers={"authorization": f"Bearer {token}"} if token else {})).json()


def test_a_clerk_lets_a_tablet_in_at_a_gate_of_his_and_nowhere_else(tmp_path: Path) -> None:
    async def story(town: Town) -> None:
        tablet = await browser(town)
        asked = (await tablet.post("/oauth/device", data={"client_id": "gate-tablet"})).json()
        allow = {"code": asked["user_code"], "gate": GATE, "say": "yes"}
        east = await browser(town, f"clerk:{area_id(EAST)}")
        assert (await east.post("/device", data=allow)).status_code == 403
        resident = await browser(town, ELDER)
        assert (await resident.post("/device", data=allow)).status_code == 403
        clerk = await browser(town, f"clerk:{area_id(WEST)}")
        shown = await clerk.get("/device", params={"code": asked["user_code"]})
        assert "西门" in shown.text
        assert "设备已批准" in (await clerk.post("/device", data=allow)).text
        grant = {
            "grant_type": "urn:ietf:params:oauth:grant-type:device_code",
            "client_id": "gate-tablet",
            "device_code": asked["device_code"],
        }
        tokens = (await tablet.post("/oauth/token", data=grant)).json()
        assert (await me(tablet, tokens["access_token"]))["role"] == "guard"
        again = {"grant_type": "refresh_token", "client_id": "gate-tablet", "refresh_token": tokens["refresh_token"]}
        fresh = (await tablet.post("/oauth/token", data=again)).json()
        assert (await me(tablet, fresh["access_token"]))["role"] == "guard"
        assert (await tablet.post("/oauth/token", data=again)).json()["error"] == "invalid_grant"
        assert (
            await tablet.get("/api/me", headers={"authorization": f"Bearer {fresh['access_token']}"})
        ).status_code == 401

    told(tmp_path, story)


def test_a_worker_gives_a_card_to_a_household_of_his_community_and_withdraws_it(tmp_path: Path) -> None:
    async def story(town: Town) -> None:
        stranger = await browser(town, f"worker:{area_id(EAST)}")
        assert (await stranger.post("/account/card", data={"person": ELDER})).status_code == 403
        worker = await browser(town, f"worker:{area_id(WEST)}")
        page = (await worker.post("/account/card", data={"person": ELDER})).text
        number = page.split('id="card-number">')[1].split("<")[0]
        digits = page.split('id="card-digits">')[1].split("<")[0]
        home = await browser(town)
        assert (await home.post("/sign-in/card", data={"number": number, "digits": digits})).status_code == 303
        assert (await me(home))["id"] == ELDER
        assert (await stranger.post("/account/card/withdraw", data={"number": number})).status_code == 403
        assert (await worker.post("/account/card/withdraw", data={"number": number})).status_code == 303
        again = await home.post("/sign-in/card", data={"number": number, "digits": digits})
        assert again.status_code == 401

    told(tmp_path, story)


def test_family_acts_for_an_elder_while_the_register_says_so(tmp_path: Path) -> None:
    async def story(town: Town) -> None:
        family = await browser(town, f"guardian:{CHILD}")
        elder = f"/ngsi-ld/v1/entities/{ELDER}"
        purpose = {"linli-purpose": "care"}
        assert (await family.get(elder, headers=purpose)).status_code == 404
        assert "老王" in (await family.get("/account")).text
        assert (await family.post("/account/for", data={"person": ELDER})).status_code == 303
        assert (await family.get(elder, headers=purpose)).status_code == 200
        assert (await family.post("/account/for", data={"person": area_id(WEST)})).status_code == 403
        ended = {"type": "Delegation", "revokedAt": prop("2026-03-02T00:00:00Z")}
        await load(town, a_delegation() | ended)
        assert (await family.get(elder, headers=purpose)).status_code == 404
        stranger = await browser(town, ELDER)
        assert (await stranger.post("/account/for", data={"person": CHILD})).status_code == 403

    told(tmp_path, story)


def test_a_vendor_s_service_writes_what_was_named_for_it_where_it_was_named(tmp_path: Path) -> None:
    async def story(town: Town) -> None:
        key = ECKey.generate_key("P-256", {"kid": "one"})
        said = {
            "id": "meter-hub",
            "role": "device",
            "title": "Meters",
            "scopes": [scope_of(WEST)],
            "attrs": ["measuredAt"],
            "keys": {"keys": [key.as_dict(private=False)]},
        }
        clerk = await browser(town, f"clerk:{area_id(WEST)}")
        assert (await clerk.post("/api/clients", json={**said, "role": "vendor"})).status_code == 403
        administrator = await browser(town, f"administrator:{area_id('990101')}")
        made = await administrator.post("/api/clients", json=said)
        assert made.status_code == 201, made.text
        assert [one["id"] for one in (await administrator.get("/api/clients")).json()["clients"]] == ["meter-hub"]
        hub = await browser(town)
        token = await a_token(hub, key)
        assert (await me(hub, token))["role"] == "device"
        assert (await hub.get("/api/clients", headers={"authorization": f"Bearer {token}"})).json() == {"clients": []}
        assert (await administrator.delete("/api/clients/meter-hub")).status_code == 204
        refused = await hub.post("/oauth/token", data={"grant_type": "client_credentials", "client_id": "meter-hub"})
        assert (refused.status_code, refused.json()["error"]) == (401, "invalid_client")

    told(tmp_path, story)


async def a_token(hub: httpx.AsyncClient, key: ECKey) -> str:
    now_s = int(time.time())
    claims = {"iss": "meter-hub", "sub": "meter-hub", "aud": "http://localhost", "exp": now_s + 60, "jti": "j" * 12}
    shown = jws.serialize_compact({"alg": "ES256", "kid": "one"}, write_json(claims), key)
    form = {"grant_type": "client_credentials", "client_assertion_type": ASSERTION, "client_assertion": shown}
    answer = await hub.post("/oauth/token", data=form)
    assert answer.status_code == 200, answer.text
    return answer.json()["access_token"]


def test_an_app_is_let_in_on_a_page_that_may_lead_to_it_and_to_nobody_else(tmp_path: Path) -> None:
    async def story(town: Town) -> None:
        administrator = await browser(town, f"administrator:{area_id('990101')}")
        app = {"id": "note-app", "role": "app", "title": "Notes & more", "redirects": ["https://app.example/back"]}
        made = await administrator.post("/api/clients", json=app)
        assert made.status_code == 201, made.text
        asked = {
            "response_type": "code",
            "client_id": "note-app",
            "redirect_uri": "https://app.example/back",
            "code_challenge": "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM",
            "code_challenge_method": "S256",
            "state": "s",
        }
        person = await browser(town)
        sent = await person.get("/oauth/authorize", params=asked)
        assert sent.headers["location"].startswith("/sign-in?next=%2Foauth%2Fauthorize")
        person = await browser(town, ELDER)
        page = await person.get("/oauth/authorize", params=asked)
        assert "Notes &amp; more" in page.text
        assert "form-action 'self' https://app.example;" in page.headers["content-security-policy"] + ";"
        no = await person.post("/oauth/authorize", data={**asked, "say": "no"})
        assert "error=access_denied" in no.headers["location"]
        yes = await person.post("/oauth/authorize", data={**asked, "say": "yes"})
        assert yes.headers["location"].startswith("https://app.example/back?code=")
        again = await person.get("/oauth/authorize", params=asked)
        assert again.status_code == 200, "whoever said yes once is asked again the next time"
        assert "Notes &amp; more" in again.text
        elsewhere = await person.get("/oauth/authorize", params={**asked, "redirect_uri": "https://evil.example"})
        assert elsewhere.status_code == 400

    told(tmp_path, story)


def test_a_live_page_ends_when_its_reader_signs_out(tmp_path: Path) -> None:
    async def story(town: Town) -> None:
        worker = await browser(town, f"worker:{area_id(WEST)}")
        login = (await town.node.store.records("default", "login"))[-1].record_id
        still = town.node.doors.asking.still(
            {"scheme": "http"}, {b"cookie": f"linli_login={worker.cookies['linli_login']}".encode()}
        )
        assert await still()
        await worker.post("/sign-out")
        assert not await still()
        assert await town.node.store.record("default", "login", login) is None

    told(tmp_path, story)


@pytest.mark.parametrize("path", ["/account", "/account/invite", "/account/card", "/device"])
def test_whoever_is_not_signed_in_is_sent_to_the_ways_in_and_back(tmp_path: Path, path: str) -> None:
    async def story(town: Town) -> None:
        nobody = await browser(town)
        sent = await nobody.get(path)
        assert (sent.status_code, sent.headers["location"]) == (303, "/sign-in?next=" + path.replace("/", "%2F"))

    told(tmp_path, story)
