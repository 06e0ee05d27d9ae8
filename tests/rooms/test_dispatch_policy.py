"""Who is asked first: the policies as pure functions of who waits and who is idle."""

from __future__ import annotations

import numpy as np

from linli.dispatch._policy import Field, Tuning, closest_pairs, nearest, open_borders, own_community

TUNING = Tuning(wait_weight=0.5, urgent_s=1800, border_s=240)


def a_field(seconds, *, home=None, urgency=None, waited_s=None, left_s=None, received_us=None) -> Field:
    times = np.array(seconds, float)
    calls = len(times)
    return Field(
        times,
        np.zeros(times.shape, bool) if home is None else np.array(home, bool),
        np.array(waited_s or [0.0] * calls),
        np.array(left_s or [3600.0] * calls),
        np.array(urgency or [1] * calls),
        np.array(received_us or list(range(calls))),
    )


def test_a_near_tie_stays_in_the_own_community() -> None:
    assert open_borders(a_field([[300, 400]], home=[[False, True]]), TUNING) == [(0, 1)]


def test_whoever_is_clearly_nearer_crosses_the_border() -> None:
    assert open_borders(a_field([[300, 600]], home=[[False, True]]), TUNING) == [(0, 0)]


def test_an_urgent_call_comes_before_a_nearer_routine_one() -> None:
    assert open_borders(a_field([[60], [900]], urgency=[1, 2]), TUNING) == [(1, 0)]


def test_a_life_call_comes_before_an_urgent_one() -> None:
    assert open_borders(a_field([[60], [900]], urgency=[2, 3]), TUNING) == [(1, 0)]


def test_waiting_makes_a_call_cheaper() -> None:
    assert open_borders(a_field([[60], [600]], waited_s=[0, 1800]), TUNING) == [(1, 0)]


def test_nobody_is_spent_on_a_call_that_he_reaches_too_late_while_another_can_be_met() -> None:
    assert open_borders(a_field([[600], [1800]], left_s=[300, 3600]), TUNING) == [(1, 0)]


def test_too_late_is_still_better_than_never() -> None:
    assert open_borders(a_field([[600]], left_s=[300]), TUNING) == [(0, 0)]


def test_the_closed_control_leaves_a_call_alone_rather_than_cross() -> None:
    assert own_community(a_field([[60, 900], [60, 70]], home=[[False, True], [False, False]]), TUNING) == [(0, 1)]


def test_the_nearest_control_serves_in_order_of_arrival() -> None:
    assert nearest(a_field([[900], [60]], received_us=[1, 2]), TUNING) == [(0, 0)]


def test_pairs_are_closest_first_and_nobody_has_two() -> None:
    cost = np.array([[3.0, 1.0, np.inf], [2.0, 1.5, 9.0], [np.inf, np.inf, np.inf]])
    assert closest_pairs(cost) == [(0, 1), (1, 0)]
