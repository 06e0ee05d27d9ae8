"""Every page of a node without sign-in, in a real browser: it says so, and under its policy nothing is reported."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from conftest import Opening
from playwright.sync_api import Browser
from test_headers import a_node, ask, declared

from linli.base import texts

ROOT = Path(__file__).resolve().parents[2]
#: every route without a blank in its path that shows a page where nobody signs in
PAGES = (
    "/", "/worker", "/helper", "/city", "/style", "/health",
    "/sign-in", "/sign-in/card", "/sign-in/help", "/sign-in/invitation",
    "/account", "/account/invite", "/account/card", "/device", "/looked", "/movements",
)  # fmt: skip


def test_no_page_is_forgotten_here(tmp_path: Path) -> None:
    async def found() -> set[str]:
        async with a_node(tmp_path, sign_in="open") as node:
            paths = {path for method, path in declared(node) if method == "GET" and path != "/api/live"}
            replies = {path: await ask(node.web, "GET", path, headers={"accept": "text/html"}) for path in paths}
        shown = {path: "".join(reply.all("content-type")) for path, reply in replies.items() if reply.status == 200}
        return {path for path, kind in shown.items() if kind.startswith("text/html")}

    # In a thread of its own: a browser that another test drove keeps a loop open in this one.
    with ThreadPoolExecutor(1) as apart:
        assert apart.submit(asyncio.run, found()).result() == set(PAGES)


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


@pytest.mark.browser
@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize("path", PAGES)
def test_every_page_of_an_open_node_says_that_nobody_signs_in(
    open_url: str, browser: Browser, path: str, language: str
) -> None:
    page = browser.new_page(viewport={"width": 390, "height": 844})
    try:
        page.goto(f"{open_url}{path}?lang={language}", wait_until="load")
        bar = page.locator(".open-bar")
        assert bar.inner_text().strip() == texts(language)["face.shared.open"]
        assert bar.is_visible()
        assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    finally:
        page.close()
