"""The health page: the same figures for programs and for people, in both languages, with every limit and its words."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from linli.app import BrokerPlan, build_broker
from linli.base import Settings, WallClock, read_json, texts
from linli.client import AsyncNgsiLdClient, DirectTransport

SUBSCRIPTION = {
    "entities": [{"type": "Lamp"}],
    "notification": {"endpoint": {"uri": "https://127.0.0.1:1/notify"}},
}


def seen(folder: Path, accept: str, query: str = "", trouble: str | None = None):
    """Return (status, headers, body) of /health of a broker that has one subscription and one entity."""

    async def story():
        settings = Settings({"egress.allow": ["127.0.0.1"], "caps.depth": 40})
        node = await build_broker(BrokerPlan(folder, settings, WallClock(), sign_in="open"))
        await node.start()
        try:
            client = AsyncNgsiLdClient(app=node.web)
            await client.subscribe(SUBSCRIPTION)
            await client.of_tenant("north").create({"id": "urn:ngsi-ld:Lamp:1", "type": "Lamp"})
            await node.broker.settled()
            if trouble:
                node.doors.health.trouble = lambda: trouble
            answer = await DirectTransport(node.web).ask("GET", "/health" + query, {"accept": accept}, b"")
        finally:
            await node.stop()
        return answer.status, answer.headers, answer.body

    return asyncio.run(story())


def test_a_program_reads_figures_and_limits(tmp_path: Path) -> None:
    status, headers, body = seen(tmp_path, "*/*")
    state = read_json(body)
    assert (status, headers["content-type"]) == (200, "application/json")
    assert (state["status"], state["store"], state["log"], state["tenants"]) == ("ok", None, 1, 2)
    assert state["notifications"] == {"leads": True, "subscriptions": 1, "failing": 0, "waiting": 0, "behind": 0}
    assert state["limits"]["caps.depth"] == 40
    caps = {one.name for one in Settings.declared() if one.name.startswith("caps.")}
    assert caps < state["limits"].keys()


def test_a_disk_that_refuses_is_503(tmp_path: Path) -> None:
    status, _, body = seen(tmp_path, "application/json", trouble="no space")
    assert status == 503
    assert (read_json(body)["status"], read_json(body)["store"]) == ("trouble", "no space")


@pytest.mark.parametrize("language", ["zh", "en"])
def test_a_browser_reads_the_same_as_a_page(language: str, tmp_path: Path) -> None:
    status, headers, body = seen(tmp_path, "text/html,*/*;q=0.8", f"?lang={language}", trouble="<no space>")
    page, words = body.decode(), texts(language)
    assert status == 503
    assert headers["content-type"].startswith("text/html")
    assert headers["content-security-policy"].startswith("default-src 'none'")
    assert words["health.title"] in page
    assert "&lt;no space&gt;" in page
    assert words["health.limit.caps.depth"] in page
    assert "<code>caps.depth</code></td><td>40</td>" in page


def test_every_limit_has_its_words(tmp_path: Path) -> None:
    limits = read_json(seen(tmp_path, "*/*")[2])["limits"]
    assert [name for name in limits if f"health.limit.{name}" not in texts("en")] == []
