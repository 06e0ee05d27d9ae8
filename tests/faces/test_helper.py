"""The helper's page: an offer with its reason and its time, then one big next step; gone is said clearly."""

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.browser


@pytest.fixture
def offered(node, open_page, sign_in):
    """Return (page, resident, offer()) of a helper steered by hand; `offer()` sends him a call by a worker's hand."""
    helper, resident = node.person("helper", 1), node.person("resident", 0)
    node.cancel_all(resident["id"])
    node.ask("POST", f"/api/helpers/{helper['id']}/duty", helper["id"], {"state": "ready"})
    page = open_page("/helper")
    sign_in(page, helper)
    expect(page.locator(".segments")).to_be_visible()

    def offer(text=None):
        call_id = node.press(resident["id"], "shop.hour", text)
        node.offer_by_hand(resident, call_id, helper["id"])
        expect(page.locator(".offer")).to_be_visible()
        return call_id

    yield page, resident, offer
    node.cancel_all(resident["id"])


def test_an_offer_is_accepted_and_served_by_one_big_button_at_a_time(offered, node):
    page, resident, offer = offered
    call_id = offer("三楼 <b>没有电梯</b>")
    expect(page.locator(".countdown")).to_contain_text(":")
    for button in page.locator(".offer button").all():
        assert button.bounding_box()["height"] >= 60
    page.get_by_role("button", name="接单", exact=True).click()
    expect(page.locator("blockquote")).to_have_text("三楼 <b>没有电梯</b>")
    page.get_by_role("button", name="我出发了").click()
    start = node.ask("GET", "/api/helpers/me", node.person("helper", 1)["id"])["position"]
    with page.expect_response("**/position"):
        page.get_by_role("button", name="演示").click()
    expect(page.get_by_role("button", name="我到了")).to_be_visible()
    assert node.ask("GET", "/api/helpers/me", node.person("helper", 1)["id"])["position"] != start
    page.get_by_role("button", name="我到了").click()
    page.get_by_role("button", name="做完了").click()
    expect(page.locator(".note.good")).to_be_visible()
    assert next(call for call in node.calls(resident["id"]) if call["id"] == call_id)["state"] == "done"


def test_an_offer_that_went_away_is_said_clearly_and_stays_said(offered, node):
    page, resident, offer = offered
    call_id = offer()
    node.ask("POST", f"/api/calls/{call_id}/cancel", resident["id"], {})
    expect(page.locator(".note.bad")).to_contain_text("不在了")
    expect(page.locator(".offer")).to_have_count(0)
    page.get_by_role("button", name="知道了").click()
    expect(page.locator(".note.bad")).to_have_count(0)


def test_a_declined_offer_leaves_the_page_without_a_fault(offered, node):
    page, _, offer = offered
    offer()
    page.get_by_role("button", name="不接").click()
    expect(page.locator(".offer")).to_have_count(0)
    expect(page.locator(".note.bad")).to_have_count(0)


def test_duty_is_switched_and_shown(offered):
    page, _, _ = offered
    page.get_by_role("button", name="休息").click()
    expect(page.get_by_role("button", name="休息")).to_have_attribute("aria-pressed", "true")
    page.get_by_role("button", name="可以接单").click()
    expect(page.get_by_role("button", name="可以接单")).to_have_attribute("aria-pressed", "true")
