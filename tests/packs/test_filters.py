"""What the small filters of a pack say of one value, of many, and of none."""

import pytest

from linli.packs._filter import Filter


@pytest.mark.parametrize(
    ("said", "services", "holds"),
    [
        ("services==home.plan", ["elder.meal", "home.plan"], True),
        ("services==home.plan", ["elder.meal"], False),
        ("services==home.plan", [], False),
        ("services!=home.plan", ["elder.meal", "home.plan"], False),
        ("services!=home.plan", ["elder.meal"], True),
        ("services!=home.plan", None, True),
        ("services==home.plan", "home.plan", True),
        ("services>=2", [1, 3], True),
        ("services>=2", [1, "3"], False),
    ],
)
def test_of_many_values_one_is_enough_and_to_differ_all_must(said: str, services: object, holds: bool) -> None:
    wanted = Filter.read(said)
    assert wanted is not None
    assert wanted.holds({"services": services}) is holds


def test_whatever_is_no_comparison_is_no_filter() -> None:
    assert Filter.read("services") is None
    assert Filter.read("services=home.plan") is None
    assert Filter.read("all") == Filter(())
