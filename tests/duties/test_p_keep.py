"""p_keep: every attribute that has days is due exactly when they are over, and never while they have not begun."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import pytest

from linli.base import to_wire_time
from linli.trust import ENDS_WITH, Life, Retention, Said, Steady
from linli.trust._retention import CLOSED, ENDS
from linli.vocab import vocabulary

VOCAB = vocabulary()
ZONE = ZoneInfo("Asia/Shanghai")
DAY_US = 86_400 * 1_000_000
MADE_US, OVER_US = 1_700_000_000_000_000, 1_710_000_000_000_000
END = {"closed": "closedAt", "ended": "endedAt", "expired": "to", "withdrawn": "withdrawnAt"}
LIMITED = [
    (entity.name, one.name)
    for entity in VOCAB.types.values()
    for one in entity.attributes.values()
    if one.keep_days >= 0
]


@pytest.mark.parametrize(("type_name", "name"), LIMITED)
def test_it_is_due_when_its_days_are_over(type_name: str, name: str) -> None:
    retention, entity = Retention(VOCAB, ZONE), VOCAB.types[type_name]
    attribute = entity.attributes[name]
    begun_us = {"created": MADE_US, "observed": MADE_US + 5}.get(attribute.keep_from, OVER_US)
    end = END.get(attribute.keep_from)
    life = Life(MADE_US, said={end: Said(to_wire_time(OVER_US), MADE_US)} if end else {})
    due_us = retention.due_us(entity, attribute, life, written_us=MADE_US, observed_us=MADE_US + 5)
    assert due_us == begun_us + attribute.keep_days * DAY_US
    if end:
        assert retention.due_us(entity, attribute, Life(MADE_US), written_us=MADE_US) is None, "it goes on still"
    held = Life(MADE_US, said=life.said, held_until_us=1 << 60)
    assert retention.due_us(entity, attribute, held, written_us=MADE_US, observed_us=MADE_US + 5) == 1 << 60


def test_there_is_something_to_hold_to() -> None:
    assert len(LIMITED) > 200


def test_a_day_is_over_when_it_is_over_here() -> None:
    label = VOCAB.types["Label"]
    life = Life(MADE_US, said={"until": Said("2026-03-02", MADE_US)})
    due_us = Retention(VOCAB, ZONE).due_us(label, label.attributes["basis"], life, written_us=MADE_US)
    assert due_us is not None
    assert to_wire_time(due_us) == "2026-03-02T16:00:00Z"


def test_a_clock_that_leaps_is_not_believed_at_once() -> None:
    steady, hour_us = Steady(MADE_US), DAY_US // 24
    assert steady.look(MADE_US + hour_us) == MADE_US + hour_us
    leaped_us = MADE_US + hour_us + DAY_US
    assert steady.look(leaped_us) == MADE_US + hour_us
    assert steady.look(leaped_us + hour_us) == MADE_US + 2 * hour_us
    assert steady.look(MADE_US + hour_us) == MADE_US + hour_us, "it was put right"
    assert steady.look(MADE_US) == MADE_US, "an hour back"
    assert steady.look(MADE_US + hour_us) == MADE_US + hour_us


#: what a home or a meter is does not hang on who lives there: it is a place, and stays as long as it stands
PLACES = {"Dwelling", "Meter"}


def can_end(type_name: str, keep_from: str) -> bool:
    """Tell whether anything a type can say, or the stay of a person, ever ends its days' waiting."""
    entity = VOCAB.types[type_name]
    if keep_from not in ENDS:
        return True
    if any(name in entity.attributes for name in ENDS[keep_from]):
        return True
    state = entity.attributes.get("state")
    closes = state is not None and state.list_name and not CLOSED.isdisjoint(VOCAB.lists[state.list_name].codes)
    return bool(keep_from == "closed" and closes) or (keep_from == "ended" and type_name in ENDS_WITH)


@pytest.mark.parametrize("type_name", VOCAB.types)
def test_everything_personal_falls_due_one_day(type_name: str) -> None:
    for one in VOCAB.types[type_name].attributes.values():
        if one.pii == "none":
            continue
        assert one.keep_days >= 0 or type_name in PLACES, f"{one.name} is kept for ever"
        assert can_end(type_name, one.keep_from), f"{one.name}: nothing says when it is {one.keep_from}"


def test_what_ends_with_a_stay_leads_to_a_person_and_can_say_so() -> None:
    for type_name, name in ENDS_WITH.items():
        entity = VOCAB.types[type_name]
        assert not name or (entity.attributes[name].target == ("Resident",) and entity.attributes[name].indexed)
        longest = max(one.keep_days for one in entity.attributes.values() if one.keep_from == "ended")
        assert "endedAt" in entity.attributes or type_name == "Resident" or longest == 0
