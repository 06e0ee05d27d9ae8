"""p_choice: each purpose is refused by itself; nothing else is closed because of it. Sensitive data ask apart."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from linli.trust import Consents, ConsentSaid
from linli.vocab import vocabulary

BASIS = vocabulary().lists["purpose"].basis
CLASSES = ("none", "personal", "sensitive")
WHO = "urn:ngsi-ld:Resident:1:1"


def all_given() -> Consents:
    consents = Consents(BASIS)
    for purpose in BASIS:
        for separate in (True, False):
            consents.take("default", ConsentSaid(f"{purpose}{separate}", WHO, purpose, 1, separate=separate))
    return consents


@pytest.mark.parametrize("refused", sorted(BASIS))
def test_one_refusal_closes_its_own_purpose_and_no_other(refused: str) -> None:
    consents = all_given()
    consents.take("default", ConsentSaid("no", WHO, refused, 1, withdrawn_us=2))
    for purpose, basis in BASIS.items():
        for pii in CLASSES:
            closed = purpose == refused and consents.needs(purpose, pii)
            assert consents.allows("default", WHO, purpose, pii) is not closed
            if basis in ("duty", "emergency"):
                assert consents.allows("default", WHO, purpose, pii)
    assert consents.allows("default", "somebody else", refused, "sensitive", by_asking=True)


def test_a_consent_to_the_rest_opens_nothing_sensitive() -> None:
    consents = Consents(BASIS)
    consents.take("default", ConsentSaid("1", WHO, "psych", 1))
    assert consents.allows("default", WHO, "psych", "personal")
    assert not consents.allows("default", WHO, "psych", "sensitive")
    consents.take("default", ConsentSaid("2", WHO, "psych", 2, withdrawn_us=3, separate=True))
    assert consents.allows("default", WHO, "psych", "personal")


_SAID = st.builds(
    ConsentSaid,
    st.integers(0, 10**6).map(str),
    st.just(WHO),
    st.sampled_from(["care", "psych"]),
    st.integers(0, 50),
    st.none() | st.integers(0, 50),
    st.booleans(),
)


@given(st.lists(_SAID, max_size=12, unique_by=lambda one: one.consent_id), st.randoms(use_true_random=False))
def test_the_order_in_which_consents_become_known_changes_nothing(said: list[ConsentSaid], order: object) -> None:
    shuffled = list(said)
    order.shuffle(shuffled)  # type: ignore[attr-defined]
    first, second = Consents(BASIS), Consents(BASIS)
    for one in said:
        first.take("default", one)
    for one in shuffled:
        second.take("default", one)
    for purpose in ("care", "psych"):
        for pii in CLASSES:
            allowed = first.allows("default", WHO, purpose, pii)
            assert allowed is second.allows("default", WHO, purpose, pii)
