"""Every page of a node, in a real browser: under its policy nothing is reported, nothing foreign asked for."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import Opening
from playwright.sync_api import Browser
from test_headers import a_node, ask, declared

ROOT = Path(__file__).resolve().parents[2]
#: every route without a blank in its path that shows a page where nobody signs in
PAGES = (
    "/", "/worker", "/helper", "/city", "/style", "/health",
    "/sign-in", "/sign-in/card", "/sign-in/help", "/sign-in/invitation",
    "/account", "/account/invite", "/account/card", "/device", "/looked",
)  # fmt: skip


def test_no_page_is_forgotten_here(tmp_path: Path) -> None:
    async def found() -> set[str]:
        async with a_node(tmp_path, sign_in="open") as node:
            paths = {path for method, path in declared(node) if method == "GET" and path != "/api/live"}
            replies = {path: await ask(node.web, "GET", path, headers={"accept": "text/html"}) for path in paths}
        shown = {path: "".join(reply.all("content-type")) for path, reply in replies.items() if reply.status == 200}
        return {path for path, kind in shown.items() if kind.startswith("text/html")}

    assert asyncio.run(found()) == set(PAGES)


@pytest.fixture(scope="module")
def open_url(tmp_path_factory) -> Iterator[str]:
    subprocess.run([ROOT / "scripts" / "faces"], check=True, timeout=300)
    folder = tmp_path_factory.mktemp("policy")
    with subprocess.Popen(
        [sys.executable, "-m", "linli", "serve", "--open", "--port", "0", "--data", str(folder)],
        stdout=subprocess.PIPE, text=True,
    ) as node:  # fmt: skip
        guard = threading.Timer(60, node.kill)
        guard.start()
        line = node.stdout.readline()
        guard.cancel()
        assert line.startswith("ready ")
        yield line.split()[1]
        node.terminate()
        node.wait(30)


@pytest.fixture
def opening(browser: Browser, open_url: str) -> Iterator[Opening]:
    opening = Opening(browser, open_url)
    yield opening
    for context in opening.contexts:
        context.close()


@pytest.mark.browser
@pytest.mark.parametrize("path", PAGES)
def test_no_page_breaks_its_own_policy(opening: Opening, path: str) -> None:
    page = opening(path)
    page.wait_for_load_state("load")
    assert "text/html" in page.request.get(path, headers={"accept": "text/html"}).headers["content-type"]
    assert opening.watch.complaints == []


@pytest.mark.browser
def test_what_a_page_must_not_do_is_stopped_and_reported(opening: Opening) -> None:
    """So that the silence of the others means something."""
    page = opening("/")
    page.evaluate(
        """() => {
          const script = document.createElement('script');
          script.textContent = 'window.injected = true';
          document.body.append(script);
        }"""
    )
    assert page.evaluate("window.injected") is None
    assert any("script-src" in complaint for complaint in opening.watch.complaints)
