"""The arithmetic of the benches: a wrong median would be quoted as a fact."""

import orjson
import pytest

from bench.__main__ import merged, names
from bench._stats import in_pairs, ratio_of, report, spread


def test_the_ratio_is_the_median_of_pairs_and_not_of_sums():
    ratio = ratio_of([(2.0, 1.0), (20.0, 10.0), (9.0, 3.0)])
    assert (ratio.ratio_median, ratio.ratio_min, ratio.ratio_max, ratio.sign) == (2.0, 2.0, 3.0, "3/3")


def test_pairs_take_turns_in_who_goes_first():
    order = []

    def costing(name):
        order.append(name)
        return 1.0

    in_pairs(lambda: costing("a"), lambda: costing("b"), pairs=4)
    assert "".join(order) == "abbaabba"


def test_pairs_on_the_other_side_of_one_are_counted():
    assert ratio_of([(1.0, 2.0), (1.0, 2.0), (3.0, 2.0)]).sign == "2/3"


def test_spread_says_how_often_and_both_ends():
    assert spread([3.0, 1.0, 2.0]) == {"n": 3, "p50": 2.0, "p95": pytest.approx(2.9), "min": 1.0, "max": 3.0}


def test_runs_of_a_case_are_joined_to_a_median_with_its_ends():
    runs = [{"bench": "b", "case": "c", "unit": "ms", "n": 9, "p95": p95, "ok": True} for p95 in (5.0, 1.0, 3.0)]
    assert merged(runs) == [
        {"bench": "b", "case": "c", "unit": "ms", "n": 9, "p95": {"median": 3.0, "min": 1.0, "max": 5.0}, "ok": True}
    ]


def test_one_wrong_run_makes_the_case_wrong():
    runs = [{"bench": "b", "case": "c", "unit": "ms", "ok": ok} for ok in (True, False)]
    assert merged(runs)[0]["ok"] is False


def test_a_line_of_figures_is_one_line_of_json(capsys):
    report("b", "c", "ms", ok=True, p95=1.5)
    assert orjson.loads(capsys.readouterr().out) == {"bench": "b", "case": "c", "unit": "ms", "p95": 1.5, "ok": True}


def test_files_of_the_frame_are_no_benches():
    assert not [name for name in names() if name.startswith("_")]
