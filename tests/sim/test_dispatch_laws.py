"""The laws of the machine, held against random days: whatever people do in whatever order, these never break."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from linli.base import MINUTE_US, Point
from linli.dispatch import POLICIES, Kind, Machine, Rung, Tuning
from linli.dispatch._entities import FOREVER_US, TAKEN, WAITING, Call, Helper, Shift
from linli.dispatch._machine import EndOffer, Explain, MakeOffer, Saw, TimerFired
from linli.dispatch._rehearsal import Load, LoadKinds, PureCity, rehearse
from linli.dispatch._straight import StraightReach

KINDS = LoadKinds(
    kinds={
        "care": Kind("care", "x", "1", {"zh": "照护", "en": "care"}, 1, ("care",)),
        "life": Kind(
            "life", "x", "1", {"zh": "呼救", "en": "SOS"}, 3, ("aid",), 15.0, 1.0, ladder=(Rung(0, "seat", (), 60),)
        ),
        "both": Kind("both", "x", "1", {"zh": "两样", "en": "both"}, 0, ("care", "aid"), 240.0),
    },
    skills={},
    urgent_words={"urgent": 2},
)
AREAS = ("a0", "a1", "a2")


def machine(policy: str = "open") -> Machine:
    return Machine(KINDS, StraightReach(), policy=policy)


def place(n: int) -> Point:
    return Point(117.0 + 0.01 * n, 36.0)


class AnyDay(RuleBasedStateMachine):
    """People press, accept, decline, cancel, arrive, finish, move, go on and off duty; the process restarts."""

    @initialize(policy=st.sampled_from(sorted(POLICIES)))
    def begin(self, policy: str) -> None:
        self.policy = policy
        self.city = PureCity(machine(policy))
        self.shifts: list[Shift] = []
        self.accepted: dict[str, str] = {}
        self.count = 0

    @rule(
        where=st.integers(0, 12),
        skills=st.sampled_from([("care",), ("aid",), ("care", "aid")]),
        hours=st.floats(0.2, 9),
    )
    def a_helper_comes(self, where: int, skills: tuple[str, ...], hours: float) -> None:
        self.count += 1
        helper_id, area = f"h{self.count:03}", AREAS[where % 3]
        held = dict.fromkeys(skills, FOREVER_US)
        helper = Helper(helper_id, 1, "ready", place(where), "ebike", held, 0.0, area, self.city.now_us)
        end = self.city.now_us + round(hours * 60) * MINUTE_US
        shift = Shift(f"shift{self.count}", 1, helper_id, (area,), self.city.now_us, end)
        self.shifts.append(shift)
        self.city.put(helper, shift)

    @rule(
        where=st.integers(0, 12),
        kind=st.sampled_from(["care", "life", "both", "gone"]),
        text=st.sampled_from(["", "urgent"]),
    )
    def a_press(self, where: int, kind: str, text: str) -> None:
        self.count += 1
        call = Call(
            id=f"c{self.count:03}",
            version=1,
            kind=kind,
            state="received",
            urgency=0,
            received_us=self.city.now_us,
            due_us=FOREVER_US,
            place=place(where),
            home=AREAS[where % 3],
            scopes=(),
            text=text,
        )
        self.city.put(call)

    def _some(self, ids: list[str], pick: int) -> str | None:
        return sorted(ids)[pick % len(ids)] if ids else None

    def _open(self) -> list[str]:
        return [one.id for one in self.city.offers.values() if one.answer == "open"]

    @rule(pick=st.integers(0, 50), answer=st.sampled_from(["accepted", "accepted", "declined"]))
    def an_answer(self, pick: int, answer: str) -> None:
        offer_id = self._some(self._open(), pick)
        if offer_id and self.city.answer(offer_id, answer) and answer == "accepted":
            offer = self.city.offers[offer_id]
            self.accepted[offer.call] = offer.helper

    @rule(pick=st.integers(0, 50))
    def an_answer_that_comes_too_late_is_refused(self, pick: int) -> None:
        offer_id = self._some([one.id for one in self.city.offers.values() if one.answer != "open"], pick)
        assert offer_id is None or not self.city.answer(offer_id, "accepted")

    @rule(pick=st.integers(0, 50))
    def a_cancel(self, pick: int) -> None:
        call_id = self._some([c.id for c in self.city.calls.values() if c.state in WAITING | {"accepted"}], pick)
        if call_id:
            self.accepted.pop(call_id, None)
            self.city.end(call_id, "cancelled")

    @rule(pick=st.integers(0, 50))
    def an_arrival(self, pick: int) -> None:
        call_id = self._some([c.id for c in self.city.calls.values() if c.state == "accepted"], pick)
        if call_id:
            self.city.changed(call_id, state="onSite", on_site_us=self.city.now_us)

    @rule(pick=st.integers(0, 50))
    def an_end_of_work(self, pick: int) -> None:
        call_id = self._some([c.id for c in self.city.calls.values() if c.state == "onSite"], pick)
        if call_id:
            self.accepted.pop(call_id)
            self.city.end(call_id, "done")

    @rule(pick=st.integers(0, 50))
    def a_reopening(self, pick: int) -> None:
        call_id = self._some([c.id for c in self.city.calls.values() if c.state == "done"], pick)
        if call_id:
            call = self.city.calls[call_id]
            again = {"reopened": call.reopened + 1, "level": 0, "offers": (), "accepted_us": 0, "on_site_us": 0}
            self.city.changed(call_id, state="reopened", assigned="", done_us=0, timeline=(), **again)

    @rule(pick=st.integers(0, 50), duty=st.sampled_from(["off", "rest", "ready", "ready"]))
    def a_change_of_duty(self, pick: int, duty: str) -> None:
        helper_id = self._some(list(self.city.helpers), pick)
        if helper_id:
            self.city.changed(helper_id, duty=duty)

    @rule(pick=st.integers(0, 50), where=st.integers(0, 12))
    def a_move(self, pick: int, where: int) -> None:
        helper_id = self._some(list(self.city.helpers), pick)
        if helper_id:
            self.city.changed(helper_id, place=place(where))

    @rule(minutes=st.sampled_from([0.1, 0.5, 1, 2, 5, 15, 61, 300]))
    def time_passes(self, minutes: float) -> None:
        self.city.advance_to(self.city.now_us + round(minutes * MINUTE_US))

    @precondition(lambda self: self.count)
    @rule()
    def the_process_is_killed_and_starts_again(self) -> None:
        fresh = machine(self.policy)
        calls = [one for one in self.city.calls.values() if one.state in WAITING | TAKEN]
        asked = [one for one in self.city.offers.values() if one.answer == "open" or self.city.calls[one.call] in calls]
        fresh.take(self.city.now_us, *self.shifts, *self.city.helpers.values(), *calls, *asked)
        self.city.machine = fresh
        self.city.step()

    @invariant()
    def no_helper_has_two_calls_or_offers(self) -> None:
        held = Counter(one.helper for one in self.city.offers.values() if one.answer == "open")
        held.update(one.assigned for one in self.city.calls.values() if one.state in TAKEN)
        assert all(count == 1 for count in held.values())

    @invariant()
    def every_open_call_has_somebody_or_a_reason_and_a_timer(self) -> None:
        for call in self.city.calls.values():
            if call.state in WAITING:
                asked = [one for one in call.offers if self.city.offers[one].answer == "open"]
                armed = [name for (entity_id, name) in self.city.timers if entity_id == call.id]
                assert len(asked) == 1 or (call.state == "noProvider" and call.shortage and "step" in call.shortage)
                assert any(name.startswith("rung-") for name in armed)

    @invariant()
    def no_accepted_call_is_lost(self) -> None:
        for call_id, helper_id in self.accepted.items():
            call = self.city.calls[call_id]
            assert call.state in TAKEN
            assert call.assigned == helper_id

    @invariant()
    def nobody_is_asked_who_may_not_be(self) -> None:
        for action in self.city.actions:
            if isinstance(action, MakeOffer):
                helper = self.city.helpers[action.helper_id]
                assert set(KINDS.kinds[action.call.kind].skills) <= set(helper.skills)
                assert self.policy != "closed" or helper.area == action.call.home


AnyDay.TestCase.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
TestAnyDay = AnyDay.TestCase


def test_the_same_events_again_give_the_same_actions_and_seen_twice_give_none() -> None:
    helper = Helper("h", 1, "ready", place(1), "ebike", {"care": FOREVER_US}, 0.0, "a0", 0)
    shift = Shift("s", 1, "h", ("a0",), 0, FOREVER_US)
    call = Call("c", 1, "care", "received", 1, 0, FOREVER_US, place(0), "a0", ())
    events = [Saw(helper), Saw(shift), Saw(call)]
    first, second = machine(), machine()
    decided = first.step(0, *events)
    assert decided == second.step(0, *events)
    assert first.step(0, *events) == decided, "what was not committed is decided again"
    city = PureCity(machine())
    city.put(helper, shift, call)
    before = len(city.actions)
    city.step(Saw(helper), Saw(shift), Saw(city.calls["c"]), *(Saw(one) for one in city.offers.values()))
    assert len(city.actions) == before


def test_an_older_version_seen_late_changes_nothing() -> None:
    city = PureCity(machine())
    call = Call("c", 1, "care", "received", 1, 0, FOREVER_US, place(0), "a0", ())
    city.put(call)
    assert city.calls["c"].state == "noProvider"
    assert city.machine.step(0, Saw(call)) == []


def test_a_timer_that_fires_twice_escalates_once() -> None:
    city = PureCity(machine())
    city.put(Call("c", 1, "care", "received", 1, 0, FOREVER_US, place(0), "a0", ()))
    city.advance_to(MINUTE_US)
    level = city.calls["c"].level
    city.step(TimerFired("rung-1", city.calls["c"]))
    assert city.calls["c"].level == level == 1


def test_nobody_is_spent_on_a_call_he_reaches_too_late_while_another_can_still_be_met() -> None:
    city = PureCity(machine())
    held = {"care": FOREVER_US}
    city.put(Helper("h", 1, "off", place(0), "ebike", held, 0.0, "a0", 0), Shift("s", 1, "h", ("a0",), 0, FOREVER_US))
    city.put(Call("old", 1, "care", "received", 1, 0, FOREVER_US, place(3), "a0", ()))
    city.advance_to(55 * MINUTE_US)
    city.put(Call("new", 1, "care", "received", 1, city.now_us, FOREVER_US, place(9), "a0", ()))
    city.changed("h", duty="ready")
    assert [(one.call, one.answer) for one in city.offers.values()] == [("new", "open")]


def test_a_certificate_that_ran_out_is_no_skill_and_the_shortage_says_so() -> None:
    city = PureCity(machine())
    helper = Helper("h", 1, "ready", place(0), "ebike", {"care": MINUTE_US}, 0.0, "a0", 0)
    city.put(helper, Shift("s", 1, "h", ("a0",), 0, FOREVER_US))
    city.advance_to(2 * MINUTE_US)
    city.put(Call("c", 1, "care", "received", 1, city.now_us, FOREVER_US, place(0), "a0", ()))
    assert city.calls["c"].shortage["bindingStep"] == "certificateValid"


def test_a_shift_that_begins_brings_its_helper_to_whoever_waits() -> None:
    city = PureCity(machine())
    helper = Helper("h", 1, "ready", place(0), "ebike", {"care": FOREVER_US}, 0.0, "a0", 0)
    city.put(helper, Shift("s", 1, "h", ("a0",), 20 * MINUTE_US, 30 * MINUTE_US))
    city.put(Call("c", 1, "care", "received", 1, 0, FOREVER_US, place(0), "a0", ()))
    assert city.calls["c"].shortage["bindingStep"] == "onShift"
    city.advance_to(21 * MINUTE_US)
    assert city.calls["c"].state == "offered"


def test_a_helper_deleted_or_silent_for_long_is_nobodys_candidate() -> None:
    city = PureCity(machine())
    helper = Helper("h", 1, "ready", place(0), "ebike", {"care": FOREVER_US}, 0.0, "a0", 0)
    city.put(helper, Shift("s", 1, "h", ("a0",), 0, FOREVER_US))
    city.advance_to(13 * 60 * MINUTE_US)
    city.put(Call("c", 1, "care", "received", 1, city.now_us, FOREVER_US, place(0), "a0", ()))
    assert city.calls["c"].state == "noProvider"
    city.put(replace(helper, version=2, seen_us=city.now_us))
    assert city.calls["c"].state == "offered"


def test_a_thousand_helpers_fit_and_the_smallest_id_wins_a_tie() -> None:
    city = PureCity(machine())
    for n in reversed(range(300)):
        helper = Helper(f"h{n:03}", 1, "ready", place(1), "ebike", {"care": FOREVER_US}, 0.0, "a0", 0)
        city.put(helper, Shift(f"s{n}", 1, helper.id, ("a0",), 0, FOREVER_US))
    city.put(Call("c", 1, "care", "received", 1, 0, FOREVER_US, place(0), "a0", ()))
    assert [one.helper for one in city.offers.values()] == ["h000"]


def test_more_that_wait_than_one_step_may_search_are_all_decided_in_the_end() -> None:
    pure = machine()
    held = {"care": FOREVER_US}
    for n in range(60):
        helper = Helper(f"h{n:03}", 1, "ready", place(n % 12), "ebike", held, 0.0, "a0", 0)
        pure.take(0, helper, Shift(f"s{n}", 1, helper.id, ("a0",), 0, FOREVER_US))
    for n in range(60):
        pure.take(0, Call(f"c{n:03}", 1, "care", "received", 1, 0, FOREVER_US, place(n % 12), "a0", ()))
    first = pure.step(0)
    assert sum(isinstance(one, MakeOffer) for one in first) == pure.tuning.searches_max
    assert pure.behind
    assert not any(isinstance(one, Explain | EndOffer) for one in first)


@pytest.mark.parametrize("policy", sorted(POLICIES))
def test_a_seeded_day_ends_with_nothing_lost_and_gives_the_same_figures_twice(policy: str) -> None:
    places = np.array([[117.0 + 0.005 * x, 36.6 + 0.005 * y] for x in range(24) for y in range(24)])
    load = Load(helpers=24, calls=120, hours=2)
    first = rehearse(load, StraightReach(), places, policy=policy, seed=3)
    assert first == rehearse(load, StraightReach(), places, policy=policy, seed=3)
    assert 0 < first["within60"] <= 1
    if policy == "closed":
        assert first["crossing"] == 0


def test_one_step_decides_at_most_as_much_as_one_commit_should_hold_and_the_rest_follows() -> None:
    pure = Machine(KINDS, StraightReach(), tuning=Tuning(decisions_max=10, searches_max=100))
    for n in range(40):
        helper = Helper(f"h{n:03}", 1, "ready", place(n % 12), "ebike", {"care": FOREVER_US}, 0.0, "a0", 0)
        pure.take(0, helper, Shift(f"s{n}", 1, helper.id, ("a0",), 0, FOREVER_US))
    city = PureCity(pure)
    city.helpers = dict(pure.roster.helpers)
    calls = [Call(f"c{n:03}", 1, "care", "received", 1, 0, FOREVER_US, place(0), "a0", ()) for n in range(50)]
    city.calls = {one.id: one for one in calls}
    first = pure.step(0, *(Saw(one) for one in calls))
    assert sum(isinstance(one, MakeOffer | Explain) for one in first) == 10
    assert pure.behind
    city.put(*calls)
    assert sum(one.answer == "open" for one in city.offers.values()) == 40
    assert sum(one.state == "noProvider" for one in city.calls.values()) == 10
