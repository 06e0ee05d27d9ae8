"""My data, in a real browser and without any script: switches, a copy, being erased and thinking again; and who I am here."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import orjson
import pytest
from playwright.sync_api import Page, expect

pytestmark = pytest.mark.browser


@pytest.fixture
def my_data(open_page: Callable[..., Page], node: Any) -> Callable[..., tuple[Page, dict[str, Any]]]:
    """Open the page as a made-up resident of the demo, who is signed in by a form."""

    def opened(at: int = 2, **more: Any) -> tuple[Page, dict[str, Any]]:
        person = node.person("resident", at)
        page = open_page("/sign-in", java_script_enabled=False, **more)
        page.locator(f'button[name=person][value="{person["id"]}"]').click()
        page.goto("/my-data")
        return page, person

    return opened


@pytest.mark.parametrize(
    ("language", "given", "withdrawn"), [("zh-CN", "同意", "撤回"), ("en", "agreed", "taken back")]
)
def test_a_switch_says_yes_and_takes_it_back(my_data, language: str, given: str, withdrawn: str) -> None:
    page, _ = my_data(language=language)
    row = page.locator("li", has=page.locator('input[name=purpose][value="psych"]'))
    switch = row.locator("button[name=agree]")
    expect(switch).to_have_attribute("value", "1")
    switch.click()
    assert given in row.locator(".chip").inner_text().lower()
    expect(switch).to_have_attribute("value", "0")
    switch.click()
    assert withdrawn in row.locator(".chip").inner_text().lower()
    expect(switch).to_have_attribute("value", "1")


def test_the_copy_holds_him_and_his_past(my_data) -> None:
    page, person = my_data()
    with page.expect_download() as coming:
        page.locator("a[download]").click()
    copy = orjson.loads(coming.value.path().read_bytes())
    assert person["id"] in {one["id"] for one in copy["entities"]}
    assert len(copy["history"]) == len(copy["entities"])


def test_he_asks_to_be_erased_and_thinks_again(my_data) -> None:
    page, _ = my_data()
    page.locator("input[name=sure]").check()
    page.locator("form[action='/my-data/erase'] button").click()
    expect(page.locator("#going")).to_be_visible()
    expect(page.locator("form[action='/my-data/erase']")).to_have_count(0)
    page.locator("form[action='/my-data/stay'] button").click()
    expect(page.locator("#going")).to_have_count(0)
    expect(page.locator("form[action='/my-data/erase']")).to_be_visible()


def test_the_made_up_people_have_agreed_to_some_and_not_to_other_things(my_data) -> None:
    page, _ = my_data(0)
    answers = page.locator("#consents ~ ul .chip").all_inner_texts()
    assert len(answers) >= 5
    assert len({one[:4] for one in answers}) > 1


@pytest.mark.parametrize("width", [320, 390, 1366])
def test_nothing_sticks_out_at_any_width(open_page, node, width: int) -> None:
    page = open_page("/sign-in", width=width)
    person = node.person("resident", 2)
    page.locator(f'button[name=person][value="{person["id"]}"]').click()
    page.goto("/my-data")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_the_account_says_who_somebody_is_and_on_which_browser(open_page, node) -> None:
    page = open_page("/sign-in", language="en")
    clerk = node.person("clerk")
    page.locator(f'button[name=person][value="{clerk["id"]}"]').click()
    page.goto("/account")
    expect(page.locator("main b").first).to_have_text(clerk["name"])
    expect(page.locator("#places ~ ul b").first).to_contain_text("Chrom")
