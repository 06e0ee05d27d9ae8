"""Large type is a promise of figures: every word and every target on every elder screen is measured, not looked at."""

import pytest
from playwright.sync_api import Page, expect

pytestmark = pytest.mark.browser

# axe and its like do not see size; this does (faces.md, section 1).
MEASURE = """() => {
  const px = (e) => parseFloat(getComputedStyle(e).fontSize);
  const seen = (e) => e.checkVisibility({ checkOpacity: true, checkVisibilityCSS: true }) && !e.closest('.skip');
  const words = [...document.querySelectorAll('body *')].filter((e) => seen(e)
    && [...e.childNodes].some((n) => n.nodeType === 3 && n.data.trim()));
  const small = words.filter((e) => px(e) < (e.closest('button,.tile,.call') ? 30 : 18)).map((e) => `${e.textContent.trim()} ${px(e)}`);
  const tight = [...document.querySelectorAll('a,button,input,select,summary,textarea,[role=button]')].filter(seen)
    .filter((e) => { const r = e.getBoundingClientRect(); return r.width < 60 || r.height < 60; }).map((e) => e.outerHTML.slice(0, 120));
  const lines = words.filter((e) => !(parseFloat(getComputedStyle(e).lineHeight) / px(e) >= 1.3)).map((e) => e.textContent.trim());
  return { small, tight, lines, wide: document.documentElement.scrollWidth > document.documentElement.clientWidth };
}"""
FINE = {"small": [], "tight": [], "lines": [], "wide": False}


def measured(page: Page) -> dict:
    return page.evaluate(MEASURE)


@pytest.mark.parametrize("language", ["zh-CN", "en"])
@pytest.mark.parametrize("width", [320, 390, 768])
def test_every_elder_screen_has_large_words_and_large_targets(open_page, node, sign_in, width, language):
    person = node.person("resident", 0)
    node.cancel_all(person["id"])
    page = open_page("/?elder=1", width=width, height=844, language=language)
    expect(page.locator("button.call")).to_be_visible()
    assert measured(page) == FINE, "home, before sign-in"

    page.locator(".whoami").click()
    expect(page.locator("button.person").first).to_be_visible()
    assert measured(page) == FINE, "who are you?"

    sign_in(page, person)
    expect(page.locator("a.tile").first).to_be_visible()
    assert measured(page) == FINE, "home, signed in"

    page.locator("a.tile").first.click()
    expect(page.locator("textarea")).to_be_visible()
    assert measured(page) == FINE, "asking for a service"

    page.locator("button.big").click()
    expect(page.locator("button.undo")).to_be_visible()
    assert measured(page) == FINE, "undo ring"

    page.locator("button.now").click()
    expect(page.locator("section.life h1")).to_be_visible()
    expect(page.locator("ol.track li").first).to_be_visible()
    assert measured(page) == FINE, "a call's life"

    page.locator(".life .quiet").first.click()
    assert measured(page) == FINE, "really cancel?"
    node.cancel_all(person["id"])


@pytest.mark.parametrize("elder", ["0", "1"])
@pytest.mark.parametrize("language", ["zh-CN", "en"])
def test_the_call_button_and_the_number_are_in_the_first_screenful_of_a_small_phone(open_page, language, elder):
    page = open_page(f"/?elder={elder}", width=320, height=568, language=language)
    # The server's own form gives way to the live page; the live one is measured.
    page.locator("a.tile").first.wait_for()
    button = page.locator("button.call").bounding_box()
    number = page.locator(".phone a").bounding_box()
    assert button["height"] >= 160
    assert button["y"] + button["height"] <= number["y"]
    assert number["y"] + number["height"] <= 568


def test_without_script_the_elder_page_keeps_its_figures(open_page):
    page = open_page("/?elder=1", width=320, java_script_enabled=False)
    assert page.evaluate(MEASURE) == FINE
