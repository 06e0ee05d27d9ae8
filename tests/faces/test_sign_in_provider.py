"""Signing in by the district's own provider: a provider that is not ours, in a process of its own, and a real browser."""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

ROOT = Path(__file__).resolve().parents[2]
OIDC = ROOT / "tests" / "oidc"
ROLES = """
[[role]]
group = "desk"
role = "clerk"
scopes = ["/cn/r99/r9901/r990101"]

[[role]]
group = "night"
role = "seat"
scopes = ["/cn/r99/r9901/r990101"]
"""


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


@pytest.fixture(scope="module")
def address(tmp_path_factory) -> Iterator[str]:
    """A node whose people sign in by the provider; its address."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        pytest.skip("no Node here: it runs the provider of these tests")
    if not (OIDC / "node_modules").is_dir():
        words = ["npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error"]
        subprocess.run(words, cwd=OIDC, check=True, timeout=300)
    subprocess.run([ROOT / "scripts" / "faces"], check=True, timeout=300)
    folder = tmp_path_factory.mktemp("provider")
    port = free_port()
    back = f"http://localhost:{port}/sign-in/provider/back"
    (folder / "roles.toml").write_text(ROLES)
    (folder / "secret").write_text("a secret & more: of 48 letters\n")
    with subprocess.Popen(
        ["node", OIDC / "provider.mjs", back], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as other:
        issuer = other.stdout.readline().strip()
        settings = {
            "trust.oidc_issuer": issuer,
            "trust.oidc_secret_file": "secret",
            "trust.oidc_roles": "roles.toml",
            "egress.allow": f'["{issuer.removeprefix("http://")}"]',
        }
        words = [sys.executable, "-m", "linli", "serve", "--data", "data", "--port", str(port)]
        for name, value in settings.items():
            words += ["--set", f"{name}={value}"]
        with subprocess.Popen(words, cwd=folder, stdout=subprocess.PIPE, text=True) as node:
            assert node.stdout.readline().startswith("ready ")
            yield f"http://localhost:{port}"
            node.terminate()
            node.wait(30)
        other.terminate()
        other.wait(30)


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """Open a browser of its own; the provider's pages are not ours to watch."""
    context = browser.new_context(locale="zh-CN")
    context.set_default_timeout(20_000)
    yield context.new_page()
    context.close()


def sign_in(page: Page, address: str, name: str, onward: str = "/account") -> None:
    page.goto(f"{address}/sign-in?next={onward}")
    page.get_by_role("link", name="用本区统一身份登录").click()
    page.locator("input[name=login]").fill(name)
    page.locator("input[name=password]").fill("any")
    page.locator("button[type=submit]").click()
    page.get_by_role("button", name="Continue").click()


@pytest.mark.browser
def test_somebody_of_the_desk_signs_in_as_a_clerk_and_comes_to_where_he_wanted(page: Page, address: str):
    sign_in(page, address, "li.desk")
    page.wait_for_url(f"{address}/account")
    expect(page.locator("main")).to_contain_text("窗口人员")
    expect(page.locator("main")).to_contain_text("li")
    expect(page.locator(".rows li").first).to_contain_text("统一身份")


@pytest.mark.browser
def test_the_first_group_of_the_file_decides_and_another_one_decides_next_time(page: Page, address: str):
    sign_in(page, address, "wang.night.desk")
    page.wait_for_url(f"{address}/account")
    expect(page.locator("main")).to_contain_text("窗口人员")
    page.context.clear_cookies()
    sign_in(page, address, "zhao.night")
    page.wait_for_url(f"{address}/account")
    expect(page.locator("main")).to_contain_text("坐席")


@pytest.mark.browser
def test_somebody_without_a_role_here_is_told_so_and_stays_outside(page: Page, address: str):
    sign_in(page, address, "chen.garden")
    expect(page.get_by_role("alert")).to_contain_text("none of your groups has a role here")
    page.goto(f"{address}/account")
    expect(page).to_have_url(f"{address}/sign-in?next=%2Faccount")


@pytest.mark.browser
def test_an_answer_in_a_browser_that_did_not_begin_the_trip_signs_nobody_in(page: Page, address: str):
    """A stranger who makes somebody open the end of his own trip would have him signed in as the stranger."""
    page.goto(f"{address}/sign-in")
    page.get_by_role("link", name="用本区统一身份登录").click()
    page.locator("input[name=login]").fill("li.desk")
    page.locator("input[name=password]").fill("any")
    page.locator("button[type=submit]").click()
    page.context.clear_cookies(name="linli_trip")
    page.get_by_role("button", name="Continue").click()
    expect(page.get_by_role("alert")).to_contain_text("begun elsewhere")
    page.goto(f"{address}/account")
    expect(page).to_have_url(f"{address}/sign-in?next=%2Faccount")


@pytest.mark.browser
def test_the_way_back_opens_once(page: Page, address: str):
    backs = []
    page.on("request", lambda one: backs.append(one.url) if "/sign-in/provider/back?" in one.url else None)
    sign_in(page, address, "li.desk")
    page.wait_for_url(f"{address}/account")
    page.context.clear_cookies(name="linli_login")
    page.goto(backs[-1])
    expect(page.get_by_role("alert")).to_be_visible()
    page.goto(f"{address}/account")
    expect(page).to_have_url(f"{address}/sign-in?next=%2Faccount")
