"""A running demo and a real browser: the faces are tested as people meet them, every page watched for faults."""

import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

ROOT = Path(__file__).resolve().parents[2]
READY_WITHIN_S = 180
WATCH_CSP = """document.addEventListener('securitypolicyviolation',
  (event) => console.error('CSP', event.violatedDirective, event.blockedURI, event.sourceFile));"""


@pytest.fixture(scope="session")
def base_url(tmp_path_factory) -> Iterator[str]:
    """A demo on a made-up city, in real time, where nobody calls but the tests."""
    subprocess.run([ROOT / "scripts" / "faces"], check=True, timeout=300)
    folder = tmp_path_factory.mktemp("demo")
    options = [
        "--quiet",
        "--port",
        "0",
        "--residents",
        "400",
        "--helpers",
        "60",
        "--speed",
        "1",
        "--data",
        folder / "data",
    ]
    with subprocess.Popen(
        [sys.executable, "-m", "linli", "demo", *map(str, options)],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=folder,
    ) as demo:  # fmt: skip
        guard = threading.Timer(READY_WITHIN_S, demo.kill)
        guard.start()
        said = []
        for line in demo.stdout:
            said.append(line)
            if line.startswith("ready "):
                break
        guard.cancel()
        assert "".join(said[-1:]).startswith("ready "), "the demo did not start:\n" + "".join(said)
        rest = threading.Thread(target=demo.stdout.read, daemon=True)
        rest.start()
        yield said[-1].split()[1]
        demo.terminate()
        demo.wait(30)
        rest.join(10)


@pytest.fixture(scope="session")
def open_url(tmp_path_factory) -> Iterator[str]:
    """A node on which nobody signs in."""
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


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Debian's Chromium, headless; software WebGL draws the maps."""
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("no Chromium here: apt-get install chromium fonts-noto-cjk")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield browser
        browser.close()


@dataclass
class Watch:
    """What a page did that no page may do."""

    complaints: list[str] = field(default_factory=list)

    def over(self, page: Page, base_url: str) -> None:
        page.on("console", self._heard)
        page.on("pageerror", lambda error: self.complaints.append(f"uncaught: {error}"))
        page.on("request", lambda request: self._asked(request.url, base_url))

    def _heard(self, message: Any) -> None:
        if message.type == "error":
            self.complaints.append(f"console: {message.text}")

    def _asked(self, url: str, base_url: str) -> None:
        if not url.startswith((base_url, "data:", "blob:")):
            self.complaints.append(f"foreign request: {url}")


@dataclass
class Opening:
    """Opens pages; when the test ends every one of them must have been without fault."""

    browser: Browser
    base_url: str
    contexts: list[BrowserContext] = field(default_factory=list)
    watch: Watch = field(default_factory=Watch)

    def __call__(
        self, path: str = "/", *, width: int = 390, height: int = 844, language: str = "zh-CN", **more: Any
    ) -> Page:
        context = self.browser.new_context(
            viewport={"width": width, "height": height}, locale=language, base_url=self.base_url, **more
        )
        context.add_init_script(WATCH_CSP)
        context.set_default_timeout(20_000)
        self.contexts.append(context)
        page = context.new_page()
        self.watch.over(page, self.base_url)
        page.goto(path)
        return page


@pytest.fixture
def open_page(browser: Browser, base_url: str) -> Iterator[Opening]:
    """Open pages that are watched: no console error, no CSP report, no request to a foreign host."""
    opening = Opening(browser, base_url)
    yield opening
    for context in opening.contexts:
        context.close()
    assert opening.watch.complaints == []


@pytest.fixture(scope="session")
def node(base_url: str) -> Iterator["NodeApi"]:
    """The same node by its API, for what a test needs to arrange."""
    with httpx.Client(base_url=base_url, timeout=20) as http:
        yield NodeApi(http)


class NodeApi:
    """A few calls of the API; each person is signed in once."""

    def __init__(self, http: httpx.Client) -> None:
        self._http = http
        self._tokens: dict[str, str] = {}
        self.people = self._http.get("/api/people").json()["people"]

    def person(self, role: str, at: int = 0) -> dict[str, Any]:
        return [one for one in self.people if one["role"] == role][at]

    def worker(self, resident: dict[str, Any]) -> dict[str, Any]:
        """Return the community worker of a resident's community."""
        workers = [one for one in self.people if one["role"] == "community_worker"]
        return next(one for one in workers if one["area"]["id"] == resident["area"]["id"])

    def offer_by_hand(self, resident: dict[str, Any], call_id: str, helper_id: str) -> None:
        """Let the community worker offer a call to a helper who is steered by hand."""
        body = {"helper": helper_id, "reason": "a test"}
        self.ask("POST", f"/api/calls/{call_id}/offer", self.worker(resident)["id"], body)

    def ask(self, method: str, path: str, person: str, body: Any = None, **headers: str) -> Any:
        if person not in self._tokens:
            self._tokens[person] = self._http.post("/api/sign-in", json={"person": person}).json()["token"]
        headers["authorization"] = f"Bearer {self._tokens[person]}"
        answer = self._http.request(method, path, json=body, headers=headers)
        assert answer.is_success, answer.text
        return answer.json() if answer.content else None

    def home(self, person: str) -> dict[str, float]:
        return self.ask("GET", "/api/me", person)["home"]

    def press(self, person: str, kind: str, text: str | None = None) -> str:
        """Place a call at the person's home and return its id."""
        body = {"kind": kind, "mouth": "app", "text": text, **self.home(person)}
        return self.ask("POST", "/api/calls", person, body)["id"]

    def calls(self, person: str, state: str = "all") -> list[dict[str, Any]]:
        return self.ask("GET", f"/api/calls?state={state}&limit=100", person)["calls"]

    def cancel_all(self, person: str) -> None:
        """End what a test left open, so that the next one begins with an empty page."""
        for call in self.calls(person, "open"):
            if "cancel" in call["can"]:
                self.ask("POST", f"/api/calls/{call['id']}/cancel", person, {})


@pytest.fixture
def sign_in() -> Callable[[Page, dict[str, Any]], None]:
    """Sign in on a face by one click on the person's name."""

    def sign_in(page: Page, person: dict[str, Any]) -> None:
        page.locator("button.person", has_text=person["name"]).first.click()

    return sign_in
