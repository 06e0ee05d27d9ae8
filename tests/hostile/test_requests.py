"""Requests that say something twice, lead elsewhere, or would change something by a mere look."""

from __future__ import annotations

import asyncio
import ssl
from pathlib import Path

import httpx
import pytest
from real_node import RealNode
from test_headers import a_node, ask, declared
from test_tls import made_certificate

from linli.base import read_json
from linli.web._sign_in import onward_in


def test_a_parameter_that_stands_twice_is_refused(tmp_path: Path) -> None:
    async def story() -> None:
        async with a_node(tmp_path, sign_in="open") as node:
            for query in ("type=A&type=B", "type=A&%74ype=B", "limit=1&limit=1000", "q=a&type=A&q=b"):
                reply = await ask(node.web, "GET", f"/ngsi-ld/v1/entities?{query}")
                assert reply.status == 400
                assert "stands twice" in read_json(reply.body)["detail"]

    asyncio.run(story())


@pytest.mark.parametrize(
    "place",
    [
        "https://elsewhere.example/", "//elsewhere.example/", "/\\elsewhere.example", "\\\\elsewhere.example", "http:/x",
        "javascript:alert(1)", "data:text/html,x", " /account", "/account\r\nset-cookie: a=b", "/\t/elsewhere.example",
    ],
)  # fmt: skip
def test_after_signing_in_nobody_is_led_out_of_this_node(place: str) -> None:
    assert onward_in(place) == ""


def test_after_signing_in_one_comes_to_where_one_wanted() -> None:
    assert onward_in("/account?lang=en") == "/account?lang=en"


def test_to_look_at_something_changes_nothing(tmp_path: Path) -> None:
    """Else a picture in a foreign page could press a button here: no GET of any route leaves a row in the log."""

    async def story() -> None:
        async with a_node(tmp_path, sign_in="open") as node:
            before = await node.broker.log.head()
            for method, path in sorted(set(declared(node))):
                if method == "GET" and path != "/api/live":
                    await ask(node.web, "GET", path, headers={"accept": "text/html"})
            await node.settle()
            assert await node.broker.log.head() == before

    asyncio.run(story())


def test_a_foreign_page_begins_no_sign_in_behind_ones_back(tmp_path: Path) -> None:
    """It may lead to the ways in, where somebody presses the button himself."""
    provider = {"trust.oidc_issuer": "https://127.0.0.1:1", "egress.allow": ["127.0.0.1"]}

    async def story() -> None:
        async with a_node(tmp_path, **provider) as node:
            begun = {
                site: await ask(node.web, "GET", "/sign-in/provider", headers={"sec-fetch-site": site})
                for site in ("cross-site", "same-origin")
            }
            assert (begun["cross-site"].status, begun["cross-site"].all("location")) == (303, ["/sign-in"])
            # Nobody answers there, so that the trip ends before it begins; but it was tried.
            assert begun["same-origin"].status >= 500

    asyncio.run(story())


@pytest.mark.parametrize(
    "suites", ["AES128-SHA:AES256-SHA", "AES128-GCM-SHA256", "ECDHE-ECDSA-AES128-SHA256", "ECDHE-ECDSA-AES256-SHA"]
)
def test_a_suite_without_forward_secrecy_or_with_a_weak_mode_is_not_spoken(tmp_path: Path, suites: str) -> None:
    async def story() -> None:
        certificate, key = made_certificate(tmp_path)
        node = RealNode(tmp_path / "node", "--set", f"web.tls_cert={certificate}", "--set", f"web.tls_key={key}")
        await node.start()
        try:
            url = httpx.URL(node.url)
            context = ssl.create_default_context(cafile=str(certificate))
            context.maximum_version = ssl.TLSVersion.TLSv1_2
            _, writer = await asyncio.open_connection(url.host, url.port, ssl=context)
            writer.close()
            context.set_ciphers(f"{suites}:@SECLEVEL=0")
            with pytest.raises((ssl.SSLError, ConnectionError)):
                await asyncio.open_connection(url.host, url.port, ssl=context)
        finally:
            await node.stop()

    asyncio.run(story())
