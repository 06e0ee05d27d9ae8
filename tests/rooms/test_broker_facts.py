"""What history is told of a write: nothing while a first value stands, both when it goes."""

from __future__ import annotations

from typing import Any

import pytest

from linli.broker._facts import facts_of, first_facts


def one(value: Any, dataset: str | None = None, **more: Any) -> dict[str, Any]:
    return {"type": "Property", "value": value, **({"datasetId": dataset} if dataset else {}), **more}


FIRST, SECOND = one(1), one(2, modifiedAt=7)
ADDED, OTHER = one(3, createdAt=5), one(4, "urn:d:1")


def told(before: dict[str, Any], after: dict[str, Any], *changed: str) -> list[tuple[str, str, bool, bool]]:
    facts = facts_of(before, after, changed or tuple({**before, **after}))
    return [(fact.attr, fact.dataset_id, fact.doc is None, fact.first) for fact in facts]


@pytest.mark.parametrize(
    ("before", "after", "facts"),
    [
        ({}, {"p": [FIRST]}, []),
        ({"p": [FIRST]}, {"p": [SECOND]}, [("p", "", False, True), ("p", "", False, False)]),
        ({"p": [SECOND]}, {"p": [one(3, modifiedAt=9)]}, [("p", "", False, False)]),
        ({}, {"p": [ADDED]}, [("p", "", False, False)]),
        ({"p": [FIRST]}, {}, [("p", "", False, True), ("p", "", True, False)]),
        ({"p": [SECOND]}, {}, [("p", "", True, False)]),
        (
            {"p": [FIRST, OTHER]},
            {"p": [SECOND, OTHER]},
            [("p", "", False, True), ("p", "", False, False)],
        ),
        ({"p": [FIRST, OTHER]}, {"p": [FIRST]}, [("p", "urn:d:1", False, True), ("p", "urn:d:1", True, False)]),
        ({"p": [FIRST]}, {"p": [FIRST, ADDED | {"datasetId": "urn:d:2"}]}, [("p", "urn:d:2", False, False)]),
    ],
    ids=repr,
)
def test_a_first_value_is_told_when_it_goes(before: Any, after: Any, facts: Any) -> None:
    assert told(before, after) == facts


def test_what_did_not_change_is_not_told() -> None:
    assert told({"p": [FIRST], "q": [FIRST]}, {"p": [SECOND], "q": [FIRST]}, "p") == [
        ("p", "", False, True),
        ("p", "", False, False),
    ]


@pytest.mark.parametrize(
    ("instance", "observed_us", "number"),
    [
        (one(1, modifiedAt=1), None, 1.0),
        (one(1.5, modifiedAt=1, observedAt="1970-01-01T00:00:02Z"), 2_000_000, 1.5),
        (one(True, modifiedAt=1), None, None),
        (one("7", modifiedAt=1), None, None),
        ({"type": "Relationship", "object": "urn:x:1", "modifiedAt": 1}, None, None),
    ],
    ids=repr,
)
def test_a_fact_says_its_time_and_its_number(instance: Any, observed_us: int | None, number: float | None) -> None:
    (fact,) = facts_of({}, {"p": [instance]}, ["p"])
    assert (fact.observed_us, fact.number) == (observed_us, number)


def test_first_facts_are_those_without_stamps() -> None:
    facts = first_facts({"p": [FIRST, OTHER], "q": [SECOND], "r": [ADDED]})
    assert [(fact.attr, fact.dataset_id, fact.first) for fact in facts] == [("p", "", True), ("p", "urn:d:1", True)]
