"""A node without sign-in says so on every page, in both languages, and the bar covers nothing."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from linli.base import texts

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.browser

PAGES = ("/", "/worker", "/helper", "/city", "/style", "/health")


@pytest.fixture(scope="module")
def open_url(tmp_path_factory) -> Iterator[str]:
    subprocess.run([ROOT / "scripts" / "faces"], check=True, timeout=300)
    folder = tmp_path_factory.mktemp("open")
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
