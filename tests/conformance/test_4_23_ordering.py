"""ETSI GS CIM 009 V1.9.1, clause 4.23: ordering, by URL and by a POSTed query."""

from __future__ import annotations

from typing import Any

import pytest
from ngsild_door import Door


def prop(value: Any, **more: Any) -> dict[str, Any]:
    return {"type": "Property", "value": value, **more}


@pytest.fixture(scope="module")
def shelf() -> Door:
    door = Door(default_context="core")
    books = [
        ("1", {"title": prop("b", page=prop(3)), "price": prop(10), "size": prop({"h": 3}), "spot": 2.0}),
        ("2", {"title": prop("A", page=prop(1)), "price": prop("free"), "size": prop({"h": 1}), "spot": 1.0}),
        ("3", {"title": prop("á", page=prop(2)), "size": prop({"h": 2}), "spot": 3.0}),
        ("4", {"title": prop("Ä", page=prop(2)), "price": prop(2)}),
    ]
    for name, attrs in books:
        spot = attrs.pop("spot", None)
        place = {"type": "GeoProperty", "value": {"type": "Point", "coordinates": [spot, 50.0]}}
        door.make({"id": f"urn:x:book:{name}", "type": "Book", **attrs, **({"location": place} if spot else {})})
        door.clock.advance_to(door.clock.now_us() + 1_000_000)
    return door


def order(door: Door, by: str, **query: str) -> str:
    return "".join(one[-1] for one in door.found(type="Book", orderBy=by, **query))


@pytest.mark.parametrize(
    ("by", "found"),
    [
        ("id;desc", "4321"),
        ("createdAt;desc", "4321"),
        ("title", "2143"),
        ("title;desc", "3412"),
        ("title.page", "2341"),
        ("title.page,title", "2431"),
        ("title.createdAt;desc", "4321"),
        ("size[h]", "2314"),
        ("size[h];desc", "1324"),
        ("price", "4123"),
        ("price;desc", "2143"),
        ("type;asc,id;desc", "4321"),
        ("nothing", "1234"),
    ],
)
def test_4_23_entities_stand_in_the_order_that_was_asked_for(shelf: Door, by: str, found: str) -> None:
    assert order(shelf, by) == found


def test_4_23_distance_orders_from_a_place(shelf: Door) -> None:
    assert order(shelf, "location;dist-asc", orderFrom="[0.5,50]") == "2134"
    assert order(shelf, "location;dist-desc", orderFrom="[0.5,50]") == "3124"
    assert order(shelf, "location;dist-asc", orderFrom="[[3,49],[3,51]]") == "3124"


def test_4_23_a_collation_orders_texts_as_people_do(shelf: Door) -> None:
    assert order(shelf, "title", collation="und") == "2341"
    assert order(shelf, "title", collation="de-u-co-phonebk") == "2341"


@pytest.mark.parametrize(
    "query",
    [
        {"orderBy": "title;sideways"},
        {"orderBy": "title;"},
        {"orderBy": ""},
        {"orderBy": "location;dist-asc"},
        {"orderBy": "location;dist-asc", "orderFrom": "8,40"},
        {"orderBy": "location;dist-asc", "orderFrom": '"x"'},
        {"orderBy": "title", "collation": "!!"},
        {"orderBy": "title", "collation": "tlh"},
        {"orderBy": ",".join(["title"] * 9)},
        {"orderBy": "author{name}"},
        {"collation": "und"},
    ],
    ids=repr,
)
def test_4_23_an_order_that_cannot_be_kept_is_refused(shelf: Door, query: dict[str, str]) -> None:
    assert shelf.find(type="Book", **query).error == "BadRequestData"


def test_4_23_pages_and_counts_keep_the_order(shelf: Door) -> None:
    pages = [shelf.find(type="Book", orderBy="title", limit="2", offset=str(n), count="true") for n in (0, 2)]
    assert [one["id"][-1] for page in pages for one in page.json] == ["2", "1", "4", "3"]
    assert {page.header("ngsild-results-count") for page in pages} == {"4"}
    assert ["next" in " ".join(page.all("link")) for page in pages] == [True, False]


def test_4_23_nobody_looks_too_far_into_an_order(shelf: Door) -> None:
    assert shelf.find(type="Book", orderBy="title", offset="10000").error == "TooManyResults"
