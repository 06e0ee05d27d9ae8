"""Hostile test 21: a guard sees today at his own gate. Yesterday, the next gate, and how many passed there: nothing."""

from __future__ import annotations

from typing import Any

import pytest
from ngsild_door import ADMIN, Door
from test_16_mass_assignment import a_word, body, related
from two_cities import DAY_US, EAST, WEST, urn

from linli.base import MINUTE_US, to_wire_time
from linli.trust import Principal

ACCESS = {"linli-purpose": "access"}
MINE, NEXT = urn("Gate", "mine"), urn("Gate", "next")
GUARD = Principal("guard:1", "guard", (WEST,), gates=(MINE,))
#: 2026-11-23 10:15:07 in Jinan; the day began at 16:00 UTC of the day before
NOW_US = 1_795_400_107_000_000
MIDNIGHT_US = 1_795_363_200_000_000


def record(name: str, at_us: int, gate: str = MINE, scope: str = WEST) -> dict[str, Any]:
    at = to_wire_time(at_us)
    return body(
        "EntryExitRecord", name, scope, gate=gate, at=at, receivedAt=at, plate="鲁A00001", subject=urn("Resident", name)
    )


def a_pass(name: str, from_us: int, to_us: int, gate: str = MINE) -> dict[str, Any]:
    return body(
        "Pass", name, gates=[gate], **{"from": to_wire_time(from_us), "to": to_wire_time(to_us)}, holderName="例某"
    )


def a_gate(**more: Any) -> Door:
    """Return a door of the past two days: five passages at his gate, one of them of today, and two at the next one."""
    door = Door(**more)
    for one in (
        record("today", NOW_US - 60 * MINUTE_US),
        record("first", MIDNIGHT_US),
        record("late", MIDNIGHT_US - 1),
        record("yesterday", NOW_US - DAY_US),
        record("older", NOW_US - 2 * DAY_US),
        record("next", NOW_US, NEXT),
        record("elsewhere", NOW_US, urn("Gate", "east"), EAST),
        a_pass("good", NOW_US - DAY_US, NOW_US + DAY_US),
        a_pass("over", NOW_US - 2 * DAY_US, MIDNIGHT_US - 1),
        a_pass("coming", MIDNIGHT_US + DAY_US, MIDNIGHT_US + 2 * DAY_US),
        a_pass("other", NOW_US - DAY_US, NOW_US + DAY_US, NEXT),
    ):
        door.make(one, **ACCESS)
    door.who = GUARD
    return door


def seen(door: Door, entity_type: str, **query: str) -> set[str]:
    reply = door.find(type=entity_type, headers=ACCESS, options="keyValues", **query)
    assert reply.status == 200, reply.body
    return {one["id"].rpartition(":")[2] for one in reply.json}


def test_a_guard_sees_today_at_his_own_gate() -> None:
    door = a_gate()
    assert seen(door, "EntryExitRecord") == {"today", "first"}
    assert seen(door, "Pass") == {"good"}
    one = door.get(urn("EntryExitRecord", "today"), headers=ACCESS).json
    assert one["plate"]["value"] == "鲁A00001"
    assert "subject" not in one, "who somebody is stays sealed from a list of passages"


HIDDEN = ("late", "yesterday", "older", "next", "elsewhere")


@pytest.mark.parametrize("name", HIDDEN)
@pytest.mark.parametrize("prefix", ["/entities/", "/temporal/entities/"])
def test_a_record_of_another_day_or_gate_is_not_there(name: str, prefix: str) -> None:
    door = a_gate()
    for method, said in (("GET", None), ("DELETE", None)):
        theirs = door.ask(method, prefix + urn("EntryExitRecord", name), said, headers=ACCESS)
        nobodys = door.ask(method, prefix + urn("EntryExitRecord", name + "0"), said, headers=ACCESS)
        assert (theirs.status, theirs.body) == (nobodys.status, nobodys.body)
        assert theirs.status == 404


@pytest.mark.parametrize(
    "query",
    [
        {"count": "true", "limit": "0"},
        {"count": "true"},
        {"q": f'gate=="{NEXT}"', "count": "true"},
        {"q": f"at<{to_wire_time(MIDNIGHT_US)}", "count": "true"},
        {"q": f'gate=="{MINE}";at<"{to_wire_time(MIDNIGHT_US)}"', "count": "true"},
        {"orderBy": "at", "count": "true"},
        {"idPattern": ".*yesterday", "count": "true"},
        {"id": ",".join(urn("EntryExitRecord", name) for name in HIDDEN), "count": "true"},
        {"scopeQ": f"{EAST}/#", "count": "true"},
    ],
)
def test_no_count_tells_how_many_passed_on_another_day_or_at_another_gate(query: dict[str, str]) -> None:
    def counted(door: Door) -> tuple[int, str | None, bytes]:
        reply = door.find(type="EntryExitRecord", headers=ACCESS, **query)
        return reply.status, reply.header("ngsild-results-count"), reply.body

    more, fewer = a_gate(), Door()
    for one in (record("today", NOW_US - 60 * MINUTE_US), record("first", MIDNIGHT_US)):
        fewer.make(one, **ACCESS)
    fewer.who = GUARD
    assert counted(more) == counted(fewer)


def test_the_past_and_its_sums_hold_today_only() -> None:
    door = a_gate()
    span = {"timerel": "after", "timeAt": "2020-01-01T00:00:00Z", "timeproperty": "modifiedAt"}
    told = door.ask("GET", "/temporal/entities", headers=ACCESS, type="EntryExitRecord", attrs="deviceSeq", **span)
    assert {one["id"].rpartition(":")[2] for one in told.json} == {"today", "first"}
    sums = {"options": "aggregatedValues", "aggrMethods": "totalCount", "aggrPeriodDuration": "P1D"}
    told = door.ask(
        "GET", "/temporal/entities", headers=ACCESS, type="EntryExitRecord", attrs="deviceSeq", **span, **sums
    )
    assert {one["id"].rpartition(":")[2] for one in told.json} == {"today", "first"}
    details = door.ask("GET", "/types/EntryExitRecord", headers=ACCESS).json
    assert details["entityCount"] == 2
    maps = door.ask("GET", "/entityMaps", headers=ACCESS, type="EntryExitRecord")
    assert maps.error == "NotAllowed"


def test_what_he_saw_today_he_no_longer_sees_tomorrow() -> None:
    door = a_gate()
    assert seen(door, "EntryExitRecord") == {"today", "first"}
    door.clock.advance_to(MIDNIGHT_US + DAY_US - 1)
    assert seen(door, "EntryExitRecord") == {"today", "first"}
    door.clock.advance_to(MIDNIGHT_US + DAY_US)
    assert seen(door, "EntryExitRecord") == set()
    assert door.get(urn("EntryExitRecord", "today"), headers=ACCESS).status == 404
    assert seen(door, "Pass") == {"good", "coming"}


@pytest.mark.parametrize("gates", [(), (NEXT,), ("",)])
def test_a_guard_of_no_gate_or_another_sees_nothing_of_this_one(gates: tuple[str, ...]) -> None:
    door = a_gate()
    door.who = Principal("guard:2", "guard", (WEST,), gates=gates)
    assert seen(door, "EntryExitRecord") == ({"next"} if gates == (NEXT,) else set())


def test_he_records_at_his_own_gate_and_changes_no_record() -> None:
    door = a_gate()
    assert door.ask("POST", "/entities", record("new", NOW_US), headers=ACCESS).status == 201
    for wrong in (record("a", NOW_US, NEXT), record("b", NOW_US - DAY_US), record("c", NOW_US + DAY_US)):
        assert door.ask("POST", "/entities", wrong, headers=ACCESS).error == "NotAllowed", wrong["id"]
    path = f"/entities/{urn('EntryExitRecord', 'today')}"
    assert door.ask("PATCH", path, {"plate": a_word("鲁A00002")}, headers=ACCESS).error == "NotAllowed"
    assert door.ask("PATCH", path, {"gate": related(NEXT)}, headers=ACCESS).error == "NotAllowed"
    assert door.ask("DELETE", path, headers=ACCESS).error == "NotAllowed"
    door.who = ADMIN
    assert seen(door, "EntryExitRecord", limit="50") == {"new", "today", "first", *HIDDEN}
