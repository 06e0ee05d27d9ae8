"""Signing in, in a real browser: a passkey by a virtual authenticator, a code, a card, and every page at three widths."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Page, expect
from test_elder_sizes import FINE, MEASURE

from linli.base import LANGUAGES

ROOT = Path(__file__).resolve().parents[2]
LINK = re.compile(r"http://localhost:\d+/sign-in/invitation#\S+")
WIDTHS = [320, 390, 1366]


@pytest.fixture(scope="module")
def node(tmp_path_factory) -> Iterator[tuple[str, str, Path]]:
    """A node on which people have accounts: its address, the link of its first administrator, what it printed."""
    subprocess.run([ROOT / "scripts" / "faces"], check=True, timeout=300)
    folder = tmp_path_factory.mktemp("accounts")
    words = [sys.executable, "-m", "linli"]
    made = subprocess.run(
        [*words, "init", "--data", "data"], cwd=folder, capture_output=True, text=True, check=True, timeout=120
    )
    link = LINK.search(made.stdout)
    assert link, made.stdout
    said = folder / "said"
    with (
        said.open("w") as out,
        subprocess.Popen(
            [*words, "serve", "--data", "data", "--port", "0"],
            cwd=folder,
            stdout=subprocess.PIPE,
            stderr=out,
            text=True,
        ) as running,
    ):
        first = running.stdout.readline()
        assert first.startswith("ready "), first
        address = first.split()[1].replace("127.0.0.1", "localhost")
        yield address, re.sub(r"http://localhost:\d+", address, link[0]), said
        running.terminate()
        running.wait(30)


@pytest.fixture
def base_url(node) -> str:
    """Open pages of the node with accounts, not of the demo."""
    return node[0]


@pytest.fixture(scope="module")
def keys() -> dict[str, list[dict]]:
    """The passkeys that the virtual authenticator made, to be carried from one browser to the next."""
    return {"made": []}


def authenticator(page: Page, known: list[dict] = ()) -> tuple:
    """Give the browser of a page a built-in authenticator whose owner is present and recognised."""
    session = page.context.new_cdp_session(page)
    session.send("WebAuthn.enable")
    made = session.send(
        "WebAuthn.addVirtualAuthenticator",
        {
            "options": {
                "protocol": "ctap2",
                "transport": "internal",
                "hasResidentKey": True,
                "hasUserVerification": True,
                "isUserVerified": True,
                "automaticPresenceSimulation": True,
            }
        },
    )
    for one in known:
        session.send("WebAuthn.addCredential", {"authenticatorId": made["authenticatorId"], "credential": one})
    return session, made["authenticatorId"]


def credentials(held: tuple) -> list[dict]:
    session, mark = held
    return session.send("WebAuthn.getCredentials", {"authenticatorId": mark})["credentials"]


@pytest.mark.browser
def test_the_first_administrator_makes_a_passkey_by_the_link_and_comes_back_with_it(open_page, node, keys):
    page = open_page("/sign-in")
    held = authenticator(page)
    page.goto(node[1])
    expect(page.locator("[data-fact=role]")).to_have_text("管理员")
    page.get_by_role("button", name="创建通行密钥并登录").click()
    page.wait_for_url("**/account")
    expect(page.get_by_role("heading", name="我的账号")).to_be_visible()
    expect(page.locator(".rows li").first).to_contain_text("本机")
    keys["made"] = credentials(held)
    assert len(keys["made"]) == 1

    page.get_by_role("button", name="全部退出").click()
    page.wait_for_url("**/sign-in")
    page.get_by_role("button", name="用通行密钥登录").click()
    page.wait_for_url("**/account")
    keys["made"] = credentials(held)


@pytest.mark.browser
def test_the_link_of_the_first_administrator_works_once(open_page, node, keys):
    assert keys["made"]
    with httpx.Client(base_url=node[0]) as http:
        secret = node[1].partition("#")[2]
        assert http.post("/api/invitation", json={"invitation": secret}).status_code == 404


@pytest.mark.browser
def test_the_administrator_invites_a_clerk_and_the_clerk_s_link_shows_what_he_will_be(open_page, node, keys):
    page = open_page("/sign-in?next=/account/invite")
    held = authenticator(page, keys["made"])
    page.get_by_role("button", name="用通行密钥登录").click()
    expect(page.get_by_role("heading", name="邀请人员")).to_be_visible()
    keys["made"] = credentials(held)
    page.get_by_label("名称").fill("一号窗口")
    page.get_by_label("角色").select_option("clerk")
    page.get_by_role("button", name="生成邀请链接").click()
    link = page.locator("#link").inner_text()
    expect(page.locator(".rows li").first).to_contain_text("一号窗口")
    other = open_page("/sign-in")
    authenticator(other)
    other.goto(link)
    expect(other.locator("[data-fact=role]")).to_have_text("窗口人员")
    expect(other.locator("[data-fact=label]")).to_have_text("一号窗口")
    other.get_by_role("button", name="创建通行密钥并登录").click()
    other.wait_for_url("**/account")
    expect(other.locator("main")).to_contain_text("一号窗口")

    page.goto("/account/invite")
    clerk = page.locator(".rows li", has_text="一号窗口")
    clerk.get_by_role("button", name="停用").click()
    expect(page.locator(".rows li", has_text="一号窗口")).to_contain_text("已停用")
    other.goto("/account")
    other.wait_for_url("**/sign-in?next=%2Faccount")


@pytest.mark.browser
def test_without_a_fitting_passkey_the_page_says_so_and_nobody_is_signed_in(open_page):
    page = open_page("/sign-in")
    authenticator(page)
    page.get_by_role("button", name="用通行密钥登录").click()
    expect(page.get_by_role("alert")).to_contain_text("已取消", timeout=70_000)
    page.goto("/account")
    page.wait_for_url("**/sign-in?next=%2Faccount")


@pytest.mark.browser
@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("path", ["/sign-in", "/sign-in/card", "/sign-in/help", "/sign-in/invitation"])
def test_the_ways_in_fit_the_screen_and_their_targets_are_large(open_page, path, width, language):
    page = open_page(f"{path}?lang={language}", width=width)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    tight = page.evaluate(
        """[...document.querySelectorAll('main a, main button, main input:not([type=hidden]), main select')]
           .filter((one) => one.checkVisibility()).filter((one) => {
             const r = one.getBoundingClientRect();
             const inText = getComputedStyle(one).display === 'inline';
             return !inText && (r.height < 44 || r.width < 44);
           }).map((one) => one.outerHTML.slice(0, 80))"""
    )
    assert tight == []


@pytest.mark.browser
@pytest.mark.parametrize("width", [320, 390, 768])
@pytest.mark.parametrize("path", ["/sign-in", "/sign-in/card", "/sign-in/help"])
def test_in_large_type_every_word_and_every_target_of_the_ways_in_is_large(open_page, path, width):
    page = open_page(f"{path}?elder=1", width=width)
    assert page.evaluate(MEASURE) == FINE


@pytest.mark.browser
def test_the_code_is_asked_for_without_any_script_whether_the_number_is_known_or_not(open_page):
    page = open_page("/sign-in", java_script_enabled=False)
    page.get_by_label("手机号").fill("138 0000 1111")
    page.get_by_role("button", name="发送验证码").click()
    expect(page.get_by_role("heading", name="输入验证码")).to_be_visible()
    page.get_by_label("6 位验证码").fill("000000")
    page.get_by_role("button", name="登录", exact=True).click()
    expect(page.get_by_role("alert")).to_be_visible()
    expect(page.get_by_label("6 位验证码")).to_be_visible()
    # Chromium itself tells its console that the page of the wrong code came with a 401.
    assert [one for one in open_page.watch.complaints if "401" not in one] == []
    open_page.watch.complaints.clear()


@pytest.mark.browser
def test_a_call_is_one_press_away_from_every_way_in(open_page):
    for path in ("/sign-in", "/sign-in/card", "/sign-in/help"):
        page = open_page(path)
        page.locator("a[href='/']").first.click()
        expect(page.locator("button.call")).to_be_visible()
