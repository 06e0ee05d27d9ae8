"""The resident's page says only what is true: undo undoes, offline never says sent, and who comes is told with the reason."""

import re

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.browser

SENT_WORDS = re.compile("已送出|已发出|已收到|Sent|Heard")


@pytest.fixture
def resident(node):
    """A made-up resident with no open call, before and after."""
    person = node.person("resident", 1)
    node.cancel_all(person["id"])
    yield person
    node.cancel_all(person["id"])


def signed_in(open_page, sign_in, person, **how):
    page = open_page("/#who", **how)
    sign_in(page, person)
    expect(page.locator("a.tile").first).to_be_visible()
    return page


def test_a_press_that_is_taken_back_within_five_seconds_was_never_sent(open_page, node, sign_in, resident):
    page = signed_in(open_page, sign_in, resident)
    before = len(node.calls(resident["id"]))
    asked = []
    page.on("request", lambda request: asked.append(request.method) if request.url.endswith("/api/calls") else None)
    page.locator("button.call").click()
    expect(page.locator(".ring .state")).to_contain_text("还没有送出")
    page.locator("button.undo").click()
    expect(page.locator("button.call")).to_be_visible()
    assert "POST" not in asked
    assert len(node.calls(resident["id"])) == before


def test_leaving_the_ring_by_the_back_key_is_an_undo(open_page, node, sign_in, resident):
    page = signed_in(open_page, sign_in, resident)
    before = len(node.calls(resident["id"]))
    page.locator("a.tile").first.click()
    page.locator("button.big").click()
    expect(page.locator("button.undo")).to_be_visible()
    page.go_back()
    expect(page.locator("button.call")).to_be_visible()
    assert page.evaluate("localStorage.getItem('linli.outbox')") == "[]"
    assert len(node.calls(resident["id"])) == before


def test_after_the_press_the_page_says_who_comes_from_where_and_why(open_page, sign_in, resident):
    page = signed_in(open_page, sign_in, resident)
    page.locator("button.call").click()
    page.locator("button.now").click()
    expect(page.locator("section.life h1")).to_be_visible()
    expect(page.locator(".card.who .name")).to_be_visible(timeout=90_000)
    expect(page.locator(".card.who .why")).to_contain_text("为什么是这位")
    expect(page.locator(".next")).to_be_visible()
    page.get_by_text("不用来了").click()
    page.get_by_text("对，取消").click()
    expect(page.locator("section.life h1")).to_contain_text("已取消")


def test_offline_the_page_never_says_sent_and_the_press_goes_out_once_when_the_network_is_back(
    open_page, node, sign_in, resident
):
    page = signed_in(open_page, sign_in, resident)
    before = len(node.calls(resident["id"]))
    page.context.set_offline(True)
    expect(page.locator(".banner")).to_be_visible()
    expect(page.locator(".banner a[href^='tel:']")).to_be_visible()
    page.locator("button.call").click()
    page.locator("button.now").click()
    box = page.locator(".box.queued")
    expect(box).to_contain_text("还没有送出")
    expect(box.locator("a[href^='tel:']")).to_be_visible()
    assert not SENT_WORDS.search(page.locator("main").inner_text())
    assert len(node.calls(resident["id"])) == before

    page.context.set_offline(False)
    expect(page.locator("section.life h1")).to_be_visible()
    assert len(node.calls(resident["id"])) == before + 1
    # Only the network's own absence was reported while it was absent.
    complaints = open_page.watch.complaints
    complaints[:] = [said for said in complaints if "ERR_INTERNET_DISCONNECTED" not in said]


def test_an_answer_that_got_lost_on_the_way_does_not_make_a_second_call(open_page, node, sign_in, resident):
    page = signed_in(open_page, sign_in, resident)
    before = len(node.calls(resident["id"]))
    lost = []

    def lose_the_first_answer(route):
        if route.request.method == "POST" and not lost:
            lost.append(route.fetch().status)
            route.abort()
        else:
            route.continue_()

    page.route("**/api/calls", lose_the_first_answer)
    page.locator("button.call").click()
    page.locator("button.now").click()
    expect(page.locator("section.life h1")).to_be_visible()
    assert lost == [201]
    assert len(node.calls(resident["id"])) == before + 1
    complaints = open_page.watch.complaints
    complaints[:] = [said for said in complaints if "ERR_FAILED" not in said]


def test_a_press_from_before_a_reload_is_asked_about_and_not_sent_silently(open_page, node, sign_in, resident):
    page = signed_in(open_page, sign_in, resident)
    before = len(node.calls(resident["id"]))
    page.locator("button.call").click()
    expect(page.locator("button.undo")).to_be_visible()
    page.reload()
    expect(page.locator(".box.ask")).to_contain_text("还没有送出")
    assert len(node.calls(resident["id"])) == before
    page.get_by_text("不用了").click()
    expect(page.locator(".box")).to_have_count(0)


def test_a_stranger_picks_the_place_on_the_map_and_watches_his_call_by_its_secret(open_page):
    page = open_page("/")
    page.locator("a.tile").first.click()
    page.locator("button.big").click()
    page.locator("button.now").click()
    expect(page.locator(".note.amber")).to_contain_text("还没有送出")
    expect(page.locator(".pick canvas")).to_be_visible()
    page.locator(".pick canvas").click()
    page.get_by_text("就是这里").click()
    expect(page.locator("section.life h1, .box.refused").first).to_be_visible()
    assert page.locator("section.life h1").count() == 1
    page.get_by_text("回首页").first.click()
    expect(page.locator("a.card.go")).to_have_count(1)
    page.locator("a.card.go").click()
    page.get_by_text("不用来了").click()
    page.get_by_text("对，取消").click()
    expect(page.locator("section.life h1")).to_contain_text("已取消")


def test_done_is_confirmed_rated_and_can_be_opened_again(open_page, node, sign_in, resident):
    helper = node.person("helper", 0)
    call_id = node.press(resident["id"], "shop.hour")
    served_by_hand(node, resident, helper["id"], call_id)
    page = open_page("/#who")
    sign_in(page, resident)
    expect(page.locator("a.tile").first).to_be_visible()
    page.goto(f"/#call={call_id}")
    page.get_by_role("button", name="解决了").click()
    page.locator(".stars button").nth(3).click()
    expect(page.locator(".rated")).to_contain_text("4")
    page.get_by_role("button", name="再次呼叫").click()
    expect(page.locator("section.life h1")).not_to_contain_text("已确认")


def served_by_hand(node, resident: dict, helper_id: str, call_id: str) -> None:
    """Let a helper who is steered by hand serve a call: the community worker offers it to him."""
    node.ask("POST", f"/api/helpers/{helper_id}/duty", helper_id, {"state": "ready"})
    node.offer_by_hand(resident, call_id, helper_id)
    offer = node.ask("GET", "/api/helpers/me", helper_id)["offer"]
    node.ask("POST", f"/api/offers/{offer['id']}/accept", helper_id, {})
    for step in ("depart", "arrive", "finish"):
        node.ask("POST", f"/api/calls/{call_id}/{step}", helper_id, {})


@pytest.mark.parametrize("language", ["zh-CN", "en"])
@pytest.mark.parametrize("path", ["/", "/#calls", "/#who", "/#where", "/style"])
def test_nothing_scrolls_sideways_on_the_smallest_phone(open_page, path, language):
    page = open_page(path, width=320, height=568, language=language)
    expect(page.locator("main *").first).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")


def test_without_script_the_call_is_a_plain_form_and_its_life_a_plain_page(open_page, node, resident, base_url):
    page = open_page("/", java_script_enabled=False)
    assert page.locator("form.press[method=post][action='/call'] button.call").count() == 1
    token = page.request.post("/api/sign-in", data={"person": resident["id"]})
    assert token.ok
    page.reload()
    page.locator("button.call").click()
    page.wait_for_url("**/call/*")
    assert page.locator("h1").inner_text()
    assert page.locator("ol.plainline li").count() >= 1
    assert page.locator(".phone a[href^='tel:']").count() == 1


def test_a_name_with_markup_stays_text(open_page, node, sign_in):
    trap = '<img src=x onerror="document.title=1">'
    person = node.person("resident", 2)
    node.ask(
        "PATCH", f"/ngsi-ld/v1/entities/{person['id']}/attrs", "operator",
        {"fullName": {"type": "Property", "value": trap}}, **{"linli-purpose": "registry"},
    )  # fmt: skip
    page = open_page("/#who")
    sign_in(page, person)
    expect(page.locator(".whoami")).to_contain_text(trap)
    assert page.locator("img").count() == 0
    assert page.title() != "1"
