"""The table of write rules, row by row: which instances, types and scopes stand there afterwards."""

from __future__ import annotations

from typing import Any

import pytest

from linli.base.errors import BadRequestData, ResourceNotFound
from linli.broker._form import Fragment
from linli.broker._writing import (
    MergeHow,
    Outcome,
    appended,
    attribute_patched,
    attribute_removed,
    attribute_replaced,
    attribute_valued,
    created,
    merged,
    replaced,
    scope_removed,
    stripped,
    updated,
)

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


# merge, and the rules of one attribute

HOW = MergeHow(lambda kind, value: (kind, value), observed_at="2026-11-23T02:15:07Z")


def default(outcome: Outcome, name: str = "p") -> dict[str, Any]:
    return next(one for one in outcome.doc["attrs"][name] if "datasetId" not in one)


@pytest.mark.parametrize(
    ("part", "after"),
    [
        ({"value": 2}, one(2, unitCode="KMH", subs={"s": [one("sub")]})),
        ({"unitCode": None}, one(1, subs={"s": [one("sub")]})),
        ({"unitCode": "MTS"}, one(1, unitCode="MTS", subs={"s": [one("sub")]})),
        ({"subs": {"s": [{"value": "new"}]}}, one(1, unitCode="KMH", subs={"s": [one("new")]})),
        ({"subs": {"s": [NULL]}}, one(1, unitCode="KMH")),
        ({"subs": {"t": [one("t")]}}, one(1, unitCode="KMH", subs={"s": [one("sub")], "t": [one("t")]})),
        ({"bare": 9}, one(("Property", 9), unitCode="KMH", subs={"s": [one("sub")]})),
    ],
    ids=repr,
)
def test_a_merge_goes_member_by_member(part: dict[str, Any], after: dict[str, Any]) -> None:
    before = stored()
    outcome = merged(before, said({"p": [part]}), T1, HOW)
    assert default(outcome) == {**after, "modifiedAt": T1}
    assert outcome.changed == ["p"]
    assert before == stored()


@pytest.mark.parametrize(
    ("old", "new", "after"),
    [
        ({"a": 1}, {"b": 2}, {"a": 1, "b": 2}),
        ({"a": 1}, {"a": "urn:ngsi-ld:null"}, {}),
        ({"a": {"b": 1, "c": 2}}, {"a": {"b": "urn:ngsi-ld:null"}}, {"a": {"c": 2}}),
        ({"a": [1, 2]}, {"a": [3]}, {"a": [3]}),
        ({"a": 1}, 7, 7),
        (7, {"a": {"b": "urn:ngsi-ld:null", "c": 1}}, {"a": {"c": 1}}),
        ({"a": 1}, {"a": {"b": 1}}, {"a": {"b": 1}}),
    ],
    ids=repr,
)
def test_objects_are_merged_key_by_key(old: Any, new: Any, after: Any) -> None:
    doc = {**stored(), "attrs": {"p": [one(old)]}}
    assert default(merged(doc, said({"p": [{"value": new}]}), T1, HOW))["value"] == after


def test_a_merge_moves_the_time_of_observation_only_where_there_is_one() -> None:
    doc = {**stored(), "attrs": {"p": [one(1, observedAt="2020-01-01T00:00:00Z")], "q": [one(1)]}}
    outcome = merged(doc, said({"p": [{"value": 2}], "q": [{"value": 2}], "r": [one(1)]}), T1, HOW)
    assert default(outcome)["observedAt"] == "2026-11-23T02:15:07Z"
    assert "observedAt" not in default(outcome, "q")
    assert "observedAt" not in default(outcome, "r")
    own = merged(doc, said({"p": [{"value": 2, "observedAt": "2021-01-01T00:00:00Z"}]}), T1, HOW)
    assert default(own)["observedAt"] == "2021-01-01T00:00:00Z"


@pytest.mark.parametrize(
    "part",
    [{"type": "Relationship", "object": "urn:x:1"}, {"object": "urn:x:1"}, {"type": "GeoProperty", "value": {}}],
    ids=repr,
)
def test_a_merge_and_a_patch_keep_the_type(part: dict[str, Any]) -> None:
    with pytest.raises(BadRequestData):
        merged(stored(), said({"p": [part]}), T1, HOW)
    with pytest.raises(BadRequestData):
        attribute_patched(stored(), "p", part, T1, HOW)


def test_a_patch_replaces_values_whole_and_keeps_the_rest() -> None:
    doc = {**stored(), "attrs": {"p": [one({"a": 1}, unitCode="KMH", subs={"s": [one(1)], "t": [one(2)]})]}}
    outcome = attribute_patched(doc, "p", {"value": {"b": 2}, "subs": {"s": [NULL], "u": [{"value": 3}]}}, T1, HOW)
    assert default(outcome) == one({"b": 2}, unitCode="KMH", subs={"t": [one(2)], "u": [one(3)]}, modifiedAt=T1)


@pytest.mark.parametrize("dataset", [None, "urn:d:x"])
def test_one_instance_is_written_and_the_others_stay(dataset: str | None) -> None:
    fresh = one("new", dataset)
    for outcome in (
        attribute_replaced(stored(), "many", fresh, T1),
        attribute_patched(stored(), "many", fresh, T1, HOW),
        attribute_valued(stored(), "many", "new", T1, how=MergeHow(lambda _, value: value), dataset_id=dataset),
    ):
        after = values(outcome)["many"]
        assert after.pop(dataset or "") == "new"
        assert after == {key: said for key, said in KEPT["many"].items() if key != (dataset or "")}


def test_one_instance_or_all_are_removed() -> None:
    assert values(attribute_removed(stored(), "many", "urn:d:x", every=False))["many"] == {"": "d", "urn:d:y": "y"}
    assert "many" not in values(attribute_removed(stored(), "many", None, every=True))
    assert values(attribute_patched(stored(), "many", {**NULL, "datasetId": "urn:d:y"}, T1, HOW))["many"] == {
        "": "d",
        "urn:d:x": "x",
    }
    assert set(values(stripped(stored(), {"p", "nothing"}))) == {"many", "other"}
    assert scope_removed(stored()).doc["scope"] == []


def test_what_is_not_there_is_not_found() -> None:
    for attempt in (
        lambda: attribute_patched(stored(), "new", {"value": 1}, T1, HOW),
        lambda: attribute_replaced(stored(), "p", one(1, "urn:d:x"), T1),
        lambda: attribute_valued(stored(), "p", 1, T1, how=HOW, dataset_id="urn:d:x"),
        lambda: attribute_removed(stored(), "new", None, every=True),
        lambda: attribute_removed(stored(), "p", "urn:d:x", every=False),
        lambda: scope_removed({**stored(), "scope": []}),
    ):
        with pytest.raises(ResourceNotFound):
            attempt()
