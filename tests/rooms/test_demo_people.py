"""The simulated people against a tiny node: a call's whole life, missed calls, lost races, restarts, the summary."""

from __future__ import annotations

import asyncio
from collections import Counter
from itertools import pairwise

import pytest
from demo_tiny_node import TinyNode
from hypothesis import given
from hypothesis import strategies as st

from linli.base import MINUTE_US, SECOND_US, Point, distance_m, write_json
from linli.base.errors import BadSetting
from linli.client import Client, ClientProblem
from linli.demo import District, Scenario, aggregate, load, made_up_network, run_headless, without_wall
from linli.demo._agenda import Agenda
from linli.demo._presses import course
from linli.demo._seat import Seat
from linli.demo._summary import percentile
from linli.demo._trip import Trip

START_US = 1_772_409_600_000_000
NETWORK = made_up_network(1)
SKILLS = {
    "elder.care_visit": "carer",
    "shop.hour": "courier",
    "home.book": "housekeeper",
    "shop.medicine": "pharmacist",
}


def a_district(*, calls=30, hours=1.0, helpers=40, seed=5) -> District:
    scenario = Scenario.load("normal").changed(calls=calls, hours=hours, helpers=helpers)
    return District(scenario, NETWORK, seed=seed, residents=400)


def a_node(**wishes) -> TinyNode:
    return TinyNode(START_US, skills=SKILLS, **wishes)


async def loaded(node: TinyNode, district: District) -> int:
    return (await load(Client(app=node), district, START_US)).start_us


def run(node: TinyNode, district: District, progress=None):
    async def story():
        start_us = await loaded(node, district)
        return await run_headless(Client(app=node), district, node, start_us=start_us, progress=progress)

    return asyncio.run(story())


def test_everybody_is_served_when_there_are_helpers_enough():
    node, district = a_node(), a_district()
    found = run(node, district)
    assert found["calls"] == found["pressed"] == 30
    assert found["servedWithin60"] == {"n": 30, "of": 30, "share": 1.0}
    assert found["unserved"] == {"n": 0, "reasons": {}}
    assert found["lost"] == found["open"] == 0
    assert {call["state"] for call in node.calls.values()} == {"confirmed"}


def test_the_doors_that_were_used_stand_in_the_summary():
    node, district = a_node(), a_district()
    requests = run(node, district)["requests"]
    for route in (
        "POST /api/calls",
        "POST /api/offers/{id}/accept",
        "POST /api/calls/{id}/depart",
        "POST /api/calls/{id}/arrive",
        "POST /api/calls/{id}/finish",
        "POST /api/calls/{id}/confirm",
    ):
        assert requests[route] == 30
    assert requests["POST /api/helpers/{id}/position"] == 60
    rated = sum(course(district.scenario, 5, index).stars is not None for index in range(30))
    assert requests["POST /api/calls/{id}/rate"] == rated > 0


def test_a_visit_takes_the_time_of_the_way_and_of_the_service():
    node, district = a_node(way_seconds=600.0), a_district(calls=1)
    run(node, district)
    (call,) = node.calls.values()
    plan = course(district.scenario, 5, 0)
    on_the_way_us = call["on_site"] - call["received"]
    assert 600 * SECOND_US + plan.leave_us < on_the_way_us <= 600 * SECOND_US + plan.leave_us + 10 * SECOND_US
    assert call["state_at"] - call["on_site"] == plan.service_us


def test_a_call_that_nobody_reaches_within_the_hour_is_dropped_and_its_helper_is_free_again():
    node, district = a_node(way_seconds=7200.0), a_district(calls=4, helpers=40)
    found = run(node, district)
    assert {call["state"] for call in node.calls.values()} == {"cancelled"}
    assert found["unserved"] == {"n": 4, "reasons": {"onTheWayTooLate": 4}}
    assert found["waitP50Min"] == "notReached"
    assert found["requests"]["POST /api/calls/{id}/cancel"] == 4
    stopped = Counter(step for _, _, step in node.trail if step == "position")
    assert stopped["position"] == 4  # half way was not reached; each stood still where he was when he was told


def test_a_call_without_any_helper_is_dropped_with_its_reason():
    found = run(a_node(), a_district(calls=5, helpers=0))
    assert found["unserved"] == {"n": 5, "reasons": {"idleBeforeDeadline": 5}}
    assert found["servedWithin60"]["share"] == 0.0
    assert found["kmPerCall"] is None


def test_a_helper_serves_one_call_after_the_other():
    node, district = a_node(), a_district(calls=40, helpers=8, hours=0.5)
    found = run(node, district)
    assert found["calls"] == 40
    assert 0 < found["served"]["n"] < 40
    assert found["open"] == 0


@pytest.mark.parametrize("step", ["depart", "arrive", "finish", "confirm", "cancel"])
def test_whoever_comes_too_late_with_a_step_looks_again_and_goes_on(step):
    node, district = a_node(way_seconds=7200.0 if step == "cancel" else 300.0), a_district(calls=3)
    node.refuse = {step: 1}
    found = run(node, district)
    assert found["calls"] == 3


def test_two_runs_with_one_seed_are_the_same_but_for_wall_time_and_another_seed_differs():
    one, two = run(a_node(), a_district()), run(a_node(), a_district())
    assert one["run_wall_ms"] > 0
    assert without_wall(one) == without_wall(two)
    assert "run_wall_ms" not in without_wall(one)
    assert without_wall(run(a_node(), a_district(seed=6))) != without_wall(one)


class Killed(Exception):
    pass


def test_a_run_that_was_killed_half_way_goes_on_where_it_was_and_nothing_is_lost_or_served_twice():
    node, district = a_node(), a_district()

    def stop_at_half(pressed, of):
        if pressed >= of // 2:
            raise Killed

    with pytest.raises(Killed):
        run(node, district, stop_at_half)
    half = {call["id"] for call in node.calls.values()}
    found = run(node, district)
    assert len(half) == 15
    assert found["calls"] == 30
    assert found["lost"] == found["open"] == 0
    assert {call["state"] for call in node.calls.values()} == {"confirmed"}
    assert Counter(o["call"] for o in node.offers.values() if o["answer"] == "accepted").most_common(1)[0][1] == 1


def test_the_district_goes_in_by_batches_with_their_purpose_and_only_once():
    node, district = a_node(), a_district()

    async def story():
        told: list[int] = []
        first = await load(Client(app=node), district, START_US, told.append)
        batches = list(node.trail)
        again = await load(Client(app=node), district, START_US + MINUTE_US)
        return first, again, told, batches

    first, again, told, batches = asyncio.run(story())
    assert first.fresh
    assert first.entities == told[-1] == len(node.entities)
    assert {purpose for _, purpose, _ in batches} == {"registry", "care", "staff", "service", "audit", "operation"}
    assert node.entities == {one["id"]: one for one in district.entities(START_US)}
    assert batches[-1] == (1, "operation", "Area")
    assert not again.fresh
    assert again.start_us == START_US
    assert node.trail == batches


def test_another_district_in_the_same_place_is_refused_with_the_way_out():
    node = a_node()
    asyncio.run(loaded(node, a_district()))
    with pytest.raises(BadSetting, match="--fresh"):
        asyncio.run(loaded(node, a_district(seed=6)))


def test_too_few_residents_are_refused_before_anything_is_sent():
    node = a_node()
    district = District(Scenario.load("normal"), NETWORK, seed=1, residents=10)
    with pytest.raises(BadSetting, match="at least 400"):
        asyncio.run(loaded(node, district))
    assert node.trail == []


def test_whose_sign_in_is_over_signs_in_again_and_asks_again():
    answers = [(200, {"token": "a"}), (401, {}), (200, {"token": "b"}), (200, {"id": "me"})]

    async def app(scope, receive, send):
        status, _ = answers[0]
        body = write_json(answers.pop(0)[1])
        await send({"type": "http.response.start", "status": status, "headers": []})
        await send({"type": "http.response.body", "body": body})

    seat = Seat(Client(app=app), "somebody")
    assert asyncio.run(seat.ask(lambda client: client.me())) == {"id": "me"}


def test_a_refusal_that_is_not_a_race_is_not_swallowed():
    async def app(scope, receive, send):
        await send({"type": "http.response.start", "status": 403, "headers": []})
        await send({"type": "http.response.body", "body": b"{}"})

    with pytest.raises(ClientProblem, match="403"):
        asyncio.run(Seat(Client(app=app), "somebody").try_to(lambda client: client.me()))


def test_the_agenda_goes_by_time_then_name_then_turn():
    agenda, taken = Agenda(), []

    async def nothing() -> None:
        return

    for at_us, name in ((5, "b"), (5, "a"), (1, "z"), (5, "a")):
        agenda.put(at_us, name, nothing)
    while agenda.next_us() is not None:
        due = agenda.take()
        taken.append((due.at_us, due.name, due.turn))
    assert taken == [(1, "z", 3), (5, "a", 2), (5, "a", 4), (5, "b", 1)]


places = st.builds(Point, st.floats(116.9, 117.1), st.floats(36.6, 36.7))


@given(line=st.lists(places, min_size=1, max_size=8), seconds=st.floats(0, 5000), part=st.floats(0, 1))
def test_somebody_on_his_way_is_on_his_way(line, seconds, part):
    trip = Trip(START_US, line, seconds)
    now = START_US + round(seconds * part * 1e6)
    here = trip.at(now)
    length = sum(distance_m(a, b) for a, b in pairwise(line))
    assert distance_m(line[0], here) <= length + 1
    assert distance_m(here, line[-1]) <= length + 1
    assert distance_m(trip.at(trip.ends_us), line[-1]) < 0.1
    assert distance_m(trip.at(START_US - 1), line[0]) < 0.1 or seconds < 1


def test_where_the_map_knows_no_way_the_trip_is_straight_and_longer():
    a, b = Point(117.0, 36.6), Point(117.02, 36.6)
    trip = Trip.along(START_US, {"path": None, "seconds": None}, a, b, 15.0)
    assert trip.seconds == pytest.approx(distance_m(a, b) * 1.3 / (15 / 3.6))


@pytest.mark.parametrize(
    ("waits", "share", "expected"),
    [
        ([], 0.5, None),
        ([3.0], 0.95, 3.0),
        ([1.0, 2.0, 3.0, 4.0], 0.5, 2.0),
        ([1.0, 2.0, float("inf"), float("inf")], 0.5, 2.0),
        ([1.0, float("inf"), float("inf")], 0.5, "notReached"),
    ],
)
def test_a_wait_without_end_stands_above_all_others(waits, share, expected):
    assert percentile(waits, share) == expected


def test_several_runs_are_told_by_mean_smallest_and_largest():
    one, two = run(a_node(), a_district(calls=6)), run(a_node(way_seconds=7200.0), a_district(calls=6))
    over = aggregate([one, two])["over"]
    assert over["servedWithin60"] == {"n": 2, "mean": 0.5, "min": 0.0, "max": 1.0}
    assert over["waitP50Min"]["notReached"] == 1
    assert over["waitP50Min"]["n"] == 1
