"""The words for people: every reason that can stand beside a match or a shortage is said, in both languages."""

from __future__ import annotations

from typing import Any

import pytest

from linli.base import texts
from linli.dispatch import _wording
from linli.dispatch._entities import OVER, TAKEN, WAITING

CARER = {"carer": {"zh": "居家照护员", "en": "carer"}}
EAST = {"zh": "例东社区", "en": "Example East"}


def a_reason(**more: Any) -> dict[str, Any]:
    home = {"onShift": 0, "idle": 0, "could": 0}
    return {"skill": ["carer"], "travel": 372, "mode": "ebike", "border": True, "rank": 1, "home": home, **more}


def test_a_match_across_a_border_says_from_where_how_long_and_why_nobody_at_home() -> None:
    said = _wording.why(a_reason(), CARER, EAST)
    assert said == {
        "zh": "离您最近、有空的居家照护员,从例东社区骑车 6 分钟到;您的社区此刻没有这样的人值班。",
        "en": "The nearest free helper (carer), 6 min by e-bike from Example East. "
        "In your community nobody of this kind is on duty now.",
    }


@pytest.mark.parametrize(
    ("home", "rank", "zh"),
    [
        ({"onShift": 2, "idle": 0, "could": 0}, 1, "您社区值班的人此刻都在忙。"),
        ({"onShift": 2, "idle": 1, "could": 0}, 1, "您社区里有空的人这次来不了。"),
        ({"onShift": 2, "idle": 1, "could": 1}, 1, "比您社区里有空的人到得更快。"),
        ({"onShift": 2, "idle": 1, "could": 1}, 3, "您社区里有空的人同时去了别的呼叫。"),
    ],
)
def test_nobody_is_told_something_about_his_community_that_is_not_so(home: dict[str, int], rank: int, zh: str) -> None:
    said = _wording.why(a_reason(home=home, rank=rank), CARER, EAST)
    assert said is not None
    assert said["zh"].endswith(zh)


def test_a_match_at_home_needs_no_excuse() -> None:
    said = _wording.why(a_reason(border=False), CARER, EAST)
    assert said == {
        "zh": "离您最近、有空的居家照护员,就在您的社区,骑车 6 分钟到。",
        "en": "The nearest free helper (carer), in your own community, 6 min by e-bike.",
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
    ("name", "role", "said"),
    [
        ("例小梅", "nurse", "例护士"),
        ("例大山", "repair", "例师傅"),
        ("Rowan Example", "carer", "Rowan"),
        ("", "seat", "值班员"),
    ],
)
def test_a_helper_is_named_by_surname_and_form_of_address(name: str, role: str, said: str) -> None:
    assert _wording.address(name, role) == said
