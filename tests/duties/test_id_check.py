"""id_check: a citizen's number has its province, a date that there was, and its check digit; nothing else is taken for one."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from linli.trust import normal
from linli.vocab._forms import citizen_id

WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
RIGHT = "11010519491231002X"


def checked(body: str) -> str:
    """Return seventeen digits with the eighteenth, by the weights of the standard."""
    return body + "10X98765432"[sum(int(digit) * weight for digit, weight in zip(body, WEIGHTS, strict=True)) % 11]


def test_the_example_of_the_standard_holds_and_its_neighbours_do_not() -> None:
    assert citizen_id(RIGHT)
    assert checked(RIGHT[:17]) == RIGHT
    for wrong in ("110105194912310021", RIGHT[:17], RIGHT + "0", "99" + RIGHT[2:], "1" * 18, "", "X" * 18, " " + RIGHT):
        assert not citizen_id(wrong), wrong
    assert not citizen_id(checked("11010519490230002")), "there was no 30th of February"


@given(st.dates(), st.integers(0, 9999), st.integers(0, 17), st.integers(1, 9))
def test_one_wrong_digit_is_always_found(day, rest: int, at: int, by: int) -> None:
    number = checked(f"110105{day:%Y%m%d}{rest % 1000:03}") if day.year >= 1000 else RIGHT
    assert citizen_id(number)
    if number[at].isdecimal():
        other = number[:at] + str((int(number[at]) + by) % 10) + number[at + 1 :]
        assert not citizen_id(other)


def test_a_small_x_finds_what_a_large_one_does() -> None:
    assert normal("id", RIGHT.lower()) == RIGHT
