"""The words for people: every reason that can stand beside a match or a shortage is said, in both languages."""

from __future__ import annotations

from typing import Any

import pytest

from linli.base import from_wire_time, texts
from linli.dispatch import _wording
from linli.dispatch._entities import OVER, TAKEN, WAITING

CARER = {"carer": {"zh": "居家照护", "en": "home care"}}
EAST = {"zh": "例东社区", "en": "Example East"}
WEST = {"zh": "例西社区", "en": "Example West"}


def a_reason(**more: Any) -> dict[str, Any]:
    home = {"onShift": 0, "idle": 0, "could": 0}
    return {"skill": ["carer"], "travel": 372, "mode": "ebike", "border": True, "rank": 1, "home": home, **more}


def test_a_match_across_a_border_says_from_where_how_long_and_why_nobody_at_home() -> None:
    said = _wording.why(a_reason(), CARER, EAST, WEST)
    assert said == {
        "zh": "离得最近、有空的服务者（居家照护），从例东社区骑车约6分钟；例西社区此刻没有这样的人值班。",
        "en": "The nearest free helper (home care), about 6 min by e-bike from Example East. "
        "Nobody who can do it is on duty in Example West now.",
    }


@pytest.mark.parametrize(
    ("home", "rank", "zh"),
    [
        ({"onShift": 2, "idle": 0, "could": 0}, 1, "例西社区值班的人此刻都在忙。"),
        ({"onShift": 2, "idle": 1, "could": 0}, 1, "例西社区里有空的人这次来不了。"),
        ({"onShift": 2, "idle": 1, "could": 1}, 1, "比例西社区里有空的人到得更快。"),
        ({"onShift": 2, "idle": 1, "could": 1}, 3, "例西社区里有空的人同时去了别的呼叫。"),
    ],
)
def test_nobody_is_told_something_about_his_community_that_is_not_so(home: dict[str, int], rank: int, zh: str) -> None:
    said = _wording.why(a_reason(home=home, rank=rank), CARER, EAST, WEST)
    assert said is not None
    assert said["zh"].endswith(zh)


def test_a_match_at_home_needs_no_excuse() -> None:
    said = _wording.why(a_reason(border=False), CARER, EAST, WEST)
    assert said == {
        "zh": "离得最近、有空的服务者（居家照护），就在例西社区，骑车约6分钟。",
        "en": "The nearest free helper (home care), about 6 min by e-bike, in Example West itself.",
    }


def test_there_are_words_for_every_step_of_the_cascade_and_every_state() -> None:
    for language in ("zh", "en"):
        known = texts(language)
        for step in (
            "registered",
            "skill",
            "certificateValid",
            "onShift",
            "inReach",
            "ownCommunity",
            "notAsked",
            "idle",
        ):
            assert known[f"call.shortage.{step}"]
        for state in WAITING | TAKEN | OVER:
            assert known[f"call.what.{state}"]
        for state in (TAKEN | OVER | {"offered"}) - WAITING:
            assert known[f"call.next.{state}"]


@pytest.mark.parametrize(
    ("name", "role", "zh", "en"),
    [
        ("例小梅", "nurse", "例护士", "Nurse 0007"),
        ("例大山", "nosuchrole", "例师傅", "Helper 0007"),
        ("Rowan Example", "carer", "Rowan", "Rowan"),
        ("", "seat", "值班员", "Seat on duty"),
    ],
)
def test_a_helper_is_named_by_surname_and_form_of_address_or_by_trade_and_badge(
    name: str, role: str, zh: str, en: str
) -> None:
    assert _wording.called(name, role, "0007") == {"zh": zh, "en": en}


def test_an_estimate_that_has_passed_is_not_said_again() -> None:
    found = {"step": [["idle", 2]], "bindingStep": "idle", "earliest": "2026-01-01T08:10:00Z"}
    title = {"zh": "送餐", "en": "Meals"}
    before = _wording.shortage(found, title, from_wire_time("2026-01-01T08:00:00Z"))
    after = _wording.shortage(found, title, from_wire_time("2026-01-01T08:10:01Z"))
    assert before is not None
    assert after is not None
    assert "10" in before["en"]
    assert before["en"].startswith(after["en"])
    assert "10" not in after["zh"]
