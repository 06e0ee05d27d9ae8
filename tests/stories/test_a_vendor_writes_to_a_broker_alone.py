"""The administrator of a broker without pages lets a device in by command, with its area, attributes, key and end."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from secrets import token_urlsafe
from typing import Any

import httpx
import pytest
from joserfc import jws
from joserfc.jwk import ECKey, OKPKey

from linli.app import BrokerNode, BrokerPlan, build_broker
from linli.base import SECOND_US, Settings, SteppedClock, WallClock, write_json
from linli.cli import main
from linli.vocab import CONTEXT_URL

ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
LINK = f'<{CONTEXT_URL}>; rel="http://www.w3.org/ns/json-ld#context"; type="application/ld+json"'
HERE, ELSEWHERE = "/cn/r99/r9901", "/cn/r11"
DAY_US = 24 * 3600 * SECOND_US
MOMENTS = {
    name: {"type": "Property", "value": "2026-11-23T08:00:00Z"} for name in ("dateObservedFrom", "dateObservedTo")
}
PLACE = {"type": "GeoProperty", "value": {"type": "Point", "coordinates": [117.0, 36.0]}}
NOISE = {
    "id": "urn:ngsi-ld:NoiseLevelObserved:1",
    "type": "NoiseLevelObserved",
    "scope": HERE,
    "location": PLACE,
    "LAeq": {"type": "Property", "value": 52.5},
    **MOMENTS,
}
NAMES = ("LAeq", "location", "dateObservedFrom", "dateObservedTo")


def linli(folder: Path, *words: str) -> int:
    return main(["clients", *words, "--data", str(folder)])


def let_in(folder: Path, *key: str, name: str = "noise-hub") -> int:
    attrs = [word for one in NAMES for word in ("--attr", one)]
    return linli(folder, "add", name, "--title", "Noise", "--area", HERE, *attrs, "--days", "30", *key)


def told(folder: Path, story: Callable[[httpx.AsyncClient], Awaitable[None]], *, days_later: int = 0) -> None:
    """Tell a story to the broker that runs on this folder."""

    async def run() -> None:
        clock = SteppedClock(WallClock().now_us() + days_later * DAY_US)
        node: BrokerNode = await build_broker(BrokerPlan(folder, Settings(), clock, sign_in="accounts"))
        await node.start()
        async with httpx.AsyncClient(transport=httpx.ASGITransport(node.web), base_url="http://localhost") as http:
            http.clock = clock  # type: ignore[attr-defined]
            await story(http)
        await node.stop()

    asyncio.run(run())


async def asked(http: httpx.AsyncClient, key: ECKey | OKPKey, name: str = "noise-hub") -> httpx.Response:
    """Ask for a token with what a client signs."""
    now_s = http.clock.now_us() // SECOND_US  # type: ignore[attr-defined]
    claims = {"iss": name, "sub": name, "aud": "http://localhost", "exp": now_s + 60, "jti": token_urlsafe(12)}
    algorithm = "ES256" if isinstance(key, ECKey) else "Ed25519"
    header = {"alg": algorithm, "kid": key.thumbprint()}
    shown = jws.serialize_compact(header, write_json(claims), key, algorithms=[algorithm])
    form = {"grant_type": "client_credentials", "client_assertion_type": ASSERTION, "client_assertion": shown}
    return await http.post("/oauth/token", data=form)


async def put(http: httpx.AsyncClient, token: str, **changes: Any) -> int:
    headers = {
        "authorization": f"Bearer {token}",
        "content-type": "application/json",
        "linli-purpose": "case",
        "link": LINK,
    }
    answer = await http.post("/ngsi-ld/v1/entities", content=write_json({**NOISE, **changes}), headers=headers)
    return answer.status_code


def test_a_device_writes_what_and_where_it_was_let_and_nothing_else(tmp_path: Path, capsys) -> None:
    assert let_in(tmp_path, "--new-key", str(tmp_path / "hub.pem")) == 0
    assert "noise-hub may write LAeq, location" in capsys.readouterr().out
    assert (tmp_path / "hub.pem").stat().st_mode & 0o077 == 0
    key = ECKey.import_key((tmp_path / "hub.pem").read_text())

    async def story(http: httpx.AsyncClient) -> None:
        assert await put(http, "made up") in (401, 403)
        token = (await asked(http, key)).json()["access_token"]
        assert await put(http, token, scope=ELSEWHERE) == 403
        assert await put(http, token, LAmax={"type": "Property", "value": 60}) == 403
        assert await put(http, token) == 201

    told(tmp_path, story)


def test_what_is_revoked_or_at_its_end_is_let_in_no_more(tmp_path: Path, capsys) -> None:
    key = ECKey.generate_key("P-256")
    (tmp_path / "key.pem").write_bytes(key.as_pem(private=False))
    for name in ("noise-hub", "other-hub"):
        assert let_in(tmp_path, "--key", str(tmp_path / "key.pem"), name=name) == 0

    async def in_time(http: httpx.AsyncClient) -> None:
        assert (await asked(http, key)).status_code == 200

    async def too_late(http: httpx.AsyncClient) -> None:
        assert (await asked(http, key)).json()["error"] == "invalid_client"

    told(tmp_path, in_time, days_later=29)
    told(tmp_path, too_late, days_later=31)
    assert linli(tmp_path, "revoke", "other-hub") == 0

    async def revoked(http: httpx.AsyncClient) -> None:
        assert (await asked(http, key, "other-hub")).json()["error"] == "invalid_client"

    told(tmp_path, revoked)
    capsys.readouterr()
    assert linli(tmp_path, "list") == 0
    listed = capsys.readouterr().out
    assert ("noise-hub  device  until " in listed, "other-hub" in listed) == (True, False)


def test_a_key_is_exchanged_with_both_at_work_in_between(tmp_path: Path, capsys) -> None:
    old, new = ECKey.generate_key("P-256"), OKPKey.generate_key("Ed25519")
    (tmp_path / "old").write_bytes(write_json(old.as_dict(private=False)))
    (tmp_path / "new").write_bytes(new.as_pem(private=False))
    assert let_in(tmp_path, "--key", str(tmp_path / "old")) == 0
    for keys, good, bad in ((("old", "new"), (old, new), ()), (("new",), (new,), (old,))):
        words = [word for one in keys for word in ("--key", str(tmp_path / one))]
        assert linli(tmp_path, "keys", "noise-hub", *words) == 0

        async def story(http: httpx.AsyncClient, good: Any = good, bad: Any = bad) -> None:
            for expected, some in ((200, good), (401, bad)):
                for key in some:
                    assert (await asked(http, key)).status_code == expected
                    http.clock.advance_to(http.clock.now_us() + SECOND_US)  # type: ignore[attr-defined]

        told(tmp_path, story)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ((), "public keys for signing"),
        (("--key", "nowhere.pem"), "cannot be read"),
        (("--key", "private.jwk"), "private key"),
        (("--key", "note.txt"), "no public key"),
        (("--new-key", "note.txt"), "is there already"),
    ],
)
def test_what_is_no_key_is_refused_with_the_way_out(tmp_path: Path, capsys, words, says) -> None:
    (tmp_path / "private.jwk").write_bytes(write_json(ECKey.generate_key("P-256").as_dict(private=True)))
    (tmp_path / "note.txt").write_text("-----BEGIN NOTE-----")
    placed = [str(tmp_path / word) if "." in word else word for word in words]
    assert let_in(tmp_path, *placed) != 0
    assert says in capsys.readouterr().err
    assert linli(tmp_path, "list") == 0
    assert "Nobody is let in" in capsys.readouterr().out
