"""docs/reference/words.md says what the vocabulary says."""

import re
from pathlib import Path

from linli.vocab import vocabulary

PAGE = (Path(__file__).parents[2] / "docs/reference/words.md").read_text("utf-8")
IDEAS, *LISTS = PAGE.split("## ")[1:]


def _rows(section: str) -> list[list[str]]:
    lines = [line for line in section.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[1:]]


def test_every_list_on_the_page_is_that_of_the_vocabulary() -> None:
    assert len(LISTS) >= 10
    for section in LISTS:
        name = re.findall(r"^`(\w+)`$", section, re.MULTILINE)[0]
        codes = vocabulary().lists[name].codes
        assert [[f"`{key}`", words["zh"], words["en"]] for key, words in codes.items()] == _rows(section), name


def test_every_type_has_one_word_and_its_title_on_the_page() -> None:
    ideas = {code.strip("`"): zh for _, zh, _, code in _rows(IDEAS)}
    titles = {entity.name: entity.title["zh"] for entity in vocabulary().types.values()}
    short = {"ServiceCall": "呼叫"}  # in talk, a 服务呼叫 is a 呼叫
    assert {name: ideas.get(name) for name in titles} == {**titles, **short}


def test_the_levels_of_an_area_bear_the_words_of_the_page() -> None:
    ideas = {word: zh for word, zh, _, code in _rows(IDEAS) if code == "`areaLevel`"}
    assert ideas == {key: words["zh"] for key, words in vocabulary().lists["area_level"].codes.items()}


def test_no_idea_has_two_words_and_no_word_two_ideas() -> None:
    rows = _rows(IDEAS)
    for column in (0, 1):
        words = [row[column] for row in rows]
        assert len(set(words)) == len(words)


def test_the_platforms_words_stand_on_the_page() -> None:
    """The list that everybody agreed on."""
    ideas = {word: zh for word, zh, _, _ in _rows(IDEAS)}
    agreed = {
        "call": "呼叫",
        "kind": "服务事项",
        "helper": "服务者",
        "provider": "服务机构",
        "offer": "派单",
        "shift": "班次",
        "circle": "生活圈",
        "gate": "门岗",
        "community": "社区",
        "street": "街道",
        "case": "工单",
        "pack": "服务包",
    }
    assert {word: ideas.get(word) for word in agreed} == agreed
