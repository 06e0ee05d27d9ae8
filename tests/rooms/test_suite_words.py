"""Renaming a suite: its own type and attribute names change everywhere alike; the standard's, keywords and files do not."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CORE = {
    "@context": {
        "location": "https://e.org/location",
        "type": "@type",
        **{kind: f"https://e.org/{kind}" for kind in ("Property", "GeoProperty", "Relationship")},
    }
}
ENTITY = {
    "id": "urn:x:Kettle:1",
    "type": "Kettle",
    "warmth": {"type": "Property", "value": 1, "madeBy": {"type": "Relationship", "object": "urn:x:1"}},
    "location": {"type": "GeoProperty", "value": {}},
}
TESTS = """*** Settings ***
Documentation       Asks for the warmth of a Kettle
Resource            ${EXECDIR}/resources/warmth.resource

*** Test Cases ***
01 Query By warmth
    [Tags]    warmth
    ${found}=    Query Entities    type=Kettle    q=warmth>1;madeBy==urn:x:1    pick=id,warmth
    ...    file=data/warmth-of-a-kettle.json
    Should Be Equal    ${found.json()['warmth']['value']}    ${warmth}
    Make The warmth Known    warmth==1
    Set To Dictionary    ${body}    warmth=2
    GET    ${url}/types/https%3A%2F%2Fe.org%2FKettle

*** Keywords ***
Make The warmth Known
    [Arguments]    ${warmth}
    Log    ${warmth}
"""


@pytest.fixture
def renamed(tmp_path: Path):
    spec = importlib.util.spec_from_file_location("suite_words", ROOT / "scripts/_suite_words.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    for folder in ("data", "resources", "TP"):
        (tmp_path / folder).mkdir()
    (tmp_path / "data/kettle.json").write_text(json.dumps(ENTITY), "utf-8")
    (tmp_path / "data/broken.json").write_text('{"type": "Kettle", "warmth":', "utf-8")
    (tmp_path / "TP/01.robot").write_text(TESTS, "utf-8")
    context = tmp_path / "context.jsonld"
    context.write_text(json.dumps({"@context": {"warmth": "https://e.org/warmth", "ex": "https://e.org/"}}), "utf-8")
    return tmp_path, module.rename(tmp_path, [context], CORE, 7)


def test_the_names_are_those_of_the_suite_and_none_of_the_standard(renamed) -> None:
    _, words = renamed
    assert words.keys() == {"Kettle", "warmth", "madeBy"}
    assert len(set(words.values())) == 3
    assert words["Kettle"][0].isupper()
    assert words["warmth"].islower()


def test_payloads_and_contexts_change_alike(renamed) -> None:
    folder, words = renamed
    entity = json.loads((folder / "data/kettle.json").read_text())
    assert entity["type"] == words["Kettle"]
    assert set(entity) == {"id", "type", words["warmth"], "location"}
    assert words["madeBy"] in entity[words["warmth"]]
    assert (folder / "data/broken.json").read_text() == f'{{"type": "{words["Kettle"]}", "{words["warmth"]}":'
    terms = json.loads((folder / "context.jsonld").read_text())["@context"]
    assert terms == {words["warmth"]: f"https://e.org/{words['warmth']}", "ex": "https://e.org/"}


def test_in_tests_only_what_is_sent_and_expected_changes(renamed) -> None:
    folder, words = renamed
    kettle, warmth, made_by = words["Kettle"], words["warmth"], words["madeBy"]
    wanted = TESTS
    for before, after in (
        ("type=Kettle    q=warmth>1;madeBy==urn:x:1    pick=id,warmth", f"type={kettle}    q={warmth}>1;{made_by}==urn:x:1    pick=id,{warmth}"),
        ("['warmth']", f"['{warmth}']"),
        ("Known    warmth==1", f"Known    {warmth}==1"),
        ("${body}    warmth=2", f"${{body}}    {warmth}=2"),
        ("%2FKettle", f"%2F{kettle}"),
    ):  # fmt: skip
        assert before in wanted
        wanted = wanted.replace(before, after)
    assert (folder / "TP/01.robot").read_text() == wanted
