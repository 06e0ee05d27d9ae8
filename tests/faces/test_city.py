"""The city's page: the map draws from our own streets alone, and shows no person."""

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.browser

DRAWN = """(layers) => {
  const map = document.querySelector('.stage .map').map;
  return map && map.loaded() ? map.queryRenderedFeatures({ layers }).length : 0;
}"""
COLOURS = """() => {
  const source = document.querySelector('.stage canvas');
  const copy = document.createElement('canvas');
  copy.width = 400; copy.height = 300;
  const pen = copy.getContext('2d');
  pen.drawImage(source, 0, 0, 400, 300);
  const bytes = new Uint32Array(pen.getImageData(0, 0, 400, 300).data.buffer);
  return new Set(bytes).size;
}"""


@pytest.fixture
def city(node, open_page, sign_in):
    """The map of the whole district with one open call."""
    resident = node.person("resident", 0)
    node.cancel_all(resident["id"])
    node.press(resident["id"], "shop.hour")
    page = open_page("/city?keep", width=1024, height=768)
    sign_in(page, node.person("city_official"))
    expect(page.locator(".calls button").first).to_be_visible()
    yield page
    node.cancel_all(resident["id"])


def eventually(page, script, argument, wanted):
    """Ask the page until it says what is wanted; drawing takes as long as the machine needs."""
    for _ in range(120):
        found = page.evaluate(script, argument)
        if wanted(found):
            return found
        page.wait_for_timeout(250)
    raise AssertionError(f"not seen within 30 s; last: {found}")


def test_the_map_draws_streets_communities_helpers_and_calls(city):
    for layers in (["streets", "middle", "main"], ["communities"], ["helpers"], ["calls"]):
        assert eventually(city, DRAWN, layers, bool) > 0
    assert eventually(city, COLOURS, None, lambda n: n > 40) > 40
    expect(city.locator(".legend")).to_be_visible()
    expect(city.locator(".now .chip")).to_contain_text("现在")


def test_a_chosen_call_shows_the_circle_that_can_be_reached(city):
    city.locator(".calls button").first.click()
    expect(city.locator(".circle")).to_contain_text("60分钟")
    assert eventually(city, DRAWN, ["circle"], bool) > 0
    city.locator("select[name=minutes]").select_option("15")
    city.locator("select[name=mode]").select_option("ebike")
    expect(city.locator(".circle")).to_contain_text("15分钟")


def test_no_helper_has_a_name_on_the_city_page(city, node):
    eventually(city, DRAWN, ["helpers"], bool)
    properties = city.evaluate(
        "() => document.querySelector('.stage .map').map.queryRenderedFeatures({layers: ['helpers']}).map((f) => Object.keys(f.properties))"
    )
    assert all(names == ["duty"] for names in properties)
    shown = city.locator("body").inner_text()
    assert not [one["name"] for one in node.people if one["role"] == "helper" and one["name"] in shown]
