"""The table of write rules, row by row: which instances, types and scopes stand there afterwards."""

from __future__ import annotations

from typing import Any

import pytest

from linli.broker._form import Fragment
from linli.broker._writing import Outcome, appended, created, replaced, updated

T0, T1 = 1_000, 2_000
NULL = {"type": "Property", "null": True}


def one(value: Any, dataset: str | None = None, **more: Any) -> dict[str, Any]:
    return {"type": "Property", "value": value, **({"datasetId": dataset} if dataset else {}), **more}


def stored() -> dict[str, Any]:
    return {
        "id": "urn:x:1",
        "type": ["A"],
        "scope": ["/a"],
        "attrs": {
            "p": [one(1, unitCode="KMH", subs={"s": [one("sub")]})],
            "many": [one("d"), one("x", "urn:d:x", createdAt=1_500), one("y", "urn:d:y")],
            "other": [one("o")],
        },
    }


def said(attrs: dict[str, Any], types: list[str] | None = None, scopes: list[str] | None = None) -> Fragment:
    return Fragment("urn:x:1", types or [], scopes, attrs)


def values(outcome: Outcome) -> dict[str, Any]:
    return {
        name: {inst.get("datasetId", ""): inst["value"] for inst in instances}
        for name, instances in outcome.doc["attrs"].items()
    }


KEPT = {"p": {"": 1}, "many": {"": "d", "urn:d:x": "x", "urn:d:y": "y"}, "other": {"": "o"}}
APPEND, UPDATE, REPLACE, NO_OVERWRITE = "append", "update", "replace", "noOverwrite"


def apply(rule: str, fragment: Fragment) -> Outcome:
    if rule == UPDATE:
        return updated(stored(), fragment, T1)
    if rule == REPLACE:
        return replaced(stored(), fragment, T1)
    return appended(stored(), fragment, T1, overwrite=rule == APPEND)


@pytest.mark.parametrize(
    ("rule", "attrs", "after", "changed", "left"),
    [
        (APPEND, {"p": [one(2)]}, {**KEPT, "p": {"": 2}}, ["p"], []),
        (APPEND, {"new": [one(2)]}, {**KEPT, "new": {"": 2}}, ["new"], []),
        (APPEND, {"p": [one(2, "urn:d:1")]}, {**KEPT, "p": {"": 1, "urn:d:1": 2}}, ["p"], []),
        (
            APPEND,
            {"many": [one("X", "urn:d:x")]},
            {**KEPT, "many": {"": "d", "urn:d:x": "X", "urn:d:y": "y"}},
            ["many"],
            [],
        ),
        (NO_OVERWRITE, {"p": [one(2)]}, KEPT, [], ["p"]),
        (NO_OVERWRITE, {"p": [one(2)], "new": [one(3)]}, {**KEPT, "new": {"": 3}}, ["new"], ["p"]),
        (NO_OVERWRITE, {"p": [one(2), one(3, "urn:d:1")]}, {**KEPT, "p": {"": 1, "urn:d:1": 3}}, ["p"], ["p"]),
        (UPDATE, {"p": [one(2)]}, {**KEPT, "p": {"": 2}}, ["p"], []),
        (UPDATE, {"new": [one(2)]}, {**KEPT, "new": {"": 2}}, ["new"], []),
        (UPDATE, {"p": [one(2, "urn:d:1")]}, {**KEPT, "p": {"": 1, "urn:d:1": 2}}, ["p"], []),
        (UPDATE, {"p": [NULL]}, {name: inst for name, inst in KEPT.items() if name != "p"}, ["p"], []),
        (UPDATE, {"new": [NULL]}, KEPT, [], []),
        (
            UPDATE,
            {"many": [{**NULL, "datasetId": "urn:d:x"}]},
            {**KEPT, "many": {"": "d", "urn:d:y": "y"}},
            ["many"],
            [],
        ),
        (UPDATE, {"many": [NULL]}, {**KEPT, "many": {"urn:d:x": "x", "urn:d:y": "y"}}, ["many"], []),
        (
            UPDATE,
            {"many": [{**NULL, "datasetId": "urn:d:x"}, one("D")]},
            {**KEPT, "many": {"": "D", "urn:d:y": "y"}},
            ["many"],
            [],
        ),
        (REPLACE, {"p": [one(2)]}, {"p": {"": 2}}, ["p", "many", "other"], []),
        (REPLACE, {"many": [one("X", "urn:d:x")]}, {"many": {"urn:d:x": "X"}}, ["many", "p", "other"], []),
    ],
)
def test_instances_stand_as_the_table_says(
    rule: str, attrs: dict[str, Any], after: dict[str, Any], changed: list[str], left: list[str]
) -> None:
    outcome = apply(rule, said(attrs, ["A"]))
    assert values(outcome) == after
    assert outcome.changed == changed
    assert [name for name, _ in outcome.left] == left


@pytest.mark.parametrize(
    ("rule", "types", "after"),
    [
        (APPEND, ["B"], ["A", "B"]),
        (APPEND, ["A"], ["A"]),
        (APPEND, [], ["A"]),
        (NO_OVERWRITE, ["B"], ["A", "B"]),
        (UPDATE, ["B"], ["A", "B"]),
        (REPLACE, ["B"], ["B"]),
    ],
)
def test_types_are_united_but_by_replace(rule: str, types: list[str], after: list[str]) -> None:
    assert apply(rule, said({"p": [one(2)]}, types)).doc["type"] == after


@pytest.mark.parametrize(
    ("rule", "before", "scopes", "after", "left"),
    [
        (APPEND, ["/a"], ["/b"], ["/b"], []),
        (APPEND, ["/a"], None, ["/a"], []),
        (NO_OVERWRITE, ["/a"], ["/b"], ["/a", "/b"], []),
        (UPDATE, ["/a"], ["/b"], ["/b"], []),
        (UPDATE, [], ["/b"], [], ["scope"]),
        (UPDATE, ["/a"], None, ["/a"], []),
        (REPLACE, ["/a"], ["/b"], ["/b"], []),
        (REPLACE, ["/a"], None, ["/a"], []),
    ],
)
def test_scopes_stand_as_the_table_says(
    rule: str, before: list[str], scopes: list[str] | None, after: list[str], left: list[str]
) -> None:
    doc = {**stored(), "scope": before}
    fragment = said({"new": [one(2)]}, ["A"], scopes)
    if rule == UPDATE:
        outcome = updated(doc, fragment, T1)
    elif rule == REPLACE:
        outcome = replaced(doc, fragment, T1)
    else:
        outcome = appended(doc, fragment, T1, overwrite=rule == APPEND)
    assert outcome.doc["scope"] == after
    assert [name for name, _ in outcome.left] == left


@pytest.mark.parametrize("rule", [APPEND, UPDATE, REPLACE])
def test_sub_attributes_and_units_go_with_what_is_replaced(rule: str) -> None:
    instance = apply(rule, said({"p": [one(2)]}, ["A"])).doc["attrs"]["p"][0]
    assert "subs" not in instance
    assert "unitCode" not in instance


@pytest.mark.parametrize("rule", [APPEND, UPDATE, REPLACE])
def test_an_instance_keeps_when_it_was_made_and_learns_when_it_was_changed(rule: str) -> None:
    attrs = apply(rule, said({"p": [one(2)], "many": [one("X", "urn:d:x")], "new": [one(1)]}, ["A"])).doc["attrs"]
    assert attrs["p"][0].get("createdAt") is None  # made with the entity
    assert attrs["p"][0]["modifiedAt"] == T1
    changed = next(inst for inst in attrs["many"] if inst.get("datasetId") == "urn:d:x")
    assert (changed["createdAt"], changed["modifiedAt"]) == (1_500, T1)
    assert attrs["new"][0]["createdAt"] == T1


@pytest.mark.parametrize("rule", [APPEND, NO_OVERWRITE, UPDATE, REPLACE])
def test_the_document_before_stays_as_it_was(rule: str) -> None:
    before, again = stored(), stored()
    fragment = said({"p": [one(2)], "many": [one("X", "urn:d:x")]}, ["B"], ["/b"])
    if rule == UPDATE:
        updated(before, fragment, T1)
    elif rule == REPLACE:
        replaced(before, fragment, T1)
    else:
        appended(before, fragment, T1, overwrite=rule == APPEND)
    assert before == again


def test_create_takes_what_was_said() -> None:
    outcome = created(said({"p": [one(1)]}, ["A", "B"], ["/a"]))
    assert outcome.doc == {"id": "urn:x:1", "type": ["A", "B"], "scope": ["/a"], "attrs": {"p": [one(1)]}}
    assert outcome.changed == ["p"]
