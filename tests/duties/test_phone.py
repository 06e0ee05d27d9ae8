"""phone: telephones have one spelling with the country's number; short numbers are none, and stay as they are."""

from __future__ import annotations

import pytest

from linli.trust import normal
from linli.vocab._forms import phone

SHORT = ("110", "119", "120", "12345", "12349", "12356")


@pytest.mark.parametrize("said", ["13812341234", "138 1234 1234", "+86 138-1234-1234", "0086 13812341234"])
def test_one_telephone_has_one_spelling(said: str) -> None:
    assert normal("phone", said) == "+8613812341234"


@pytest.mark.parametrize("said", SHORT)
def test_a_short_number_never_gets_a_country(said: str) -> None:
    assert normal("phone", said) == said


@pytest.mark.parametrize("said", ["", "12", "abc", "+86 1", "13812341234 or so"])
def test_what_is_no_telephone_is_refused(said: str) -> None:
    assert not phone(said)
