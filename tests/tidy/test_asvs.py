"""The table of OWASP ASVS: every requirement stands there once, names what there is, and its sums are right."""

from __future__ import annotations

import ast
import re
from collections import Counter
from dataclasses import dataclass

import pytest

from linli.trust import AT_HOME, AT_WORK, IN_HOUSEHOLD, Term
from linli.trust._codes import LIFE_US, LIMITS, TRIES_MAX
from linli.trust._delays import WAIT_S_MAX
from linli.trust._logins import AT_GATE, IN_APP, OF_ACCOUNT_MAX

PAGE = "docs/reference/asvs.md"
#: section:levels of its requirements in their order, of ASVS 5.0.0
LEVELS = """
1.1:22 1.2:1111122223 1.3:112222222223 1.4:222 1.5:123 2.1:122 2.2:112 2.3:12223 2.4:23 3.1:3 3.2:113
3.3:12223 3.4:11222233 3.5:11122333 3.6:3 3.7:22333 4.1:12233 4.2:23333 4.3:22 4.4:1222 5.1:2 5.2:112333
5.3:113 5.4:222 6.1:122 6.2:111111112222 6.3:11223333 6.4:112233 6.5:22222333 6.6:2223 6.7:33 6.8:2222
7.1:222 7.2:1111 7.3:22 7.4:11222 7.5:223 7.6:22 8.1:1233 8.2:1123 8.3:133 8.4:23 9.1:111 9.2:1222 10.1:22
10.2:223 10.3:22223 10.4:1111122222233333 10.5:22222 10.6:22 10.7:222 11.1:2233 11.2:22233 11.3:11233
11.4:1222 11.5:23 11.6:23 11.7:33 12.1:12233 12.2:11 12.3:22223 13.1:2333 13.2:222223 13.3:2233 13.4:1222233
14.1:22 14.2:12223333 14.3:122 15.1:12233 15.2:12233 15.3:1222222 15.4:3333 16.1:2 16.2:22222 16.3:2222
16.4:222 16.5:2223 17.1:23 17.2:22223333 17.3:22
"""
ALSO_LEVEL_3 = frozenset({"8", "14", "16"})
ROW = re.compile(r"^\| (\d+\.\d+\.\d+) \| (\d) \| ([^|]+) \| ([^|]+) \| ([^|]+) \|$", re.MULTILINE)
SUMS = re.compile(r"^\| (\d+) \| (\d+) \| (\d+) \| (\d+) \| (\d+) \|$", re.MULTILINE)
TEST = re.compile(r"`(tests/[a-z0-9_/]+\.py)::(test_[a-z0-9_]+)`")
LINK = re.compile(r"\[[^\]]+\]\(([^)#]+)#([^)]+)\)")
STATES = ("tested", "written", "not here", "**open**")
HOUR_US = 3_600_000_000


@dataclass(frozen=True)
class Row:
    number: str
    level: int
    about: str
    state: str
    by: str


def wanted() -> dict[str, int]:
    """Return every number that must stand in the table, with its level."""
    found = {}
    for section in LEVELS.split():
        name, levels = section.split(":")
        for at, level in enumerate(levels, 1):
            if level in "12" or name.split(".")[0] in ALSO_LEVEL_3:
                found[f"{name}.{at}"] = int(level)
    return found


@pytest.fixture(scope="module")
def rows(root) -> list[Row]:
    text = (root / PAGE).read_text("utf-8")
    return [Row(number, int(level), about, state, by) for number, level, about, state, by in ROW.findall(text)]


def test_the_list_of_numbers_is_that_of_the_standard():
    levels = Counter("".join(section.split(":")[1] for section in LEVELS.split()))
    assert levels == {"1": 70, "2": 183, "3": 92}


def test_every_requirement_stands_in_the_table_once_with_its_level(rows):
    assert Counter(row.number for row in rows).most_common(1)[0][1] == 1
    assert {row.number: row.level for row in rows} == wanted()


def test_every_row_has_a_state_and_few_words_of_ours(rows):
    assert [row.number for row in rows if row.state not in STATES] == []
    assert [row.number for row in rows if not 1 <= len(row.about.split()) <= 7] == []


def test_every_test_that_is_named_is_there(rows, root):
    there: dict[str, set[str]] = {}
    for row in rows:
        named = TEST.findall(row.by)
        assert bool(named) == (row.state == "tested"), row.number
        assert ", ".join(f"`{file}::{test}`" for file, test in named) == (row.by if named else ""), row.number
        for file, test in named:
            if file not in there:
                tree = ast.parse((root / file).read_text("utf-8"))
                kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
                there[file] = {node.name for node in ast.walk(tree) if isinstance(node, kinds)}
            assert test in there[file], f"{row.number}: {file}::{test}"


def test_every_page_that_is_named_has_that_heading(rows, root):
    for row in rows:
        links = LINK.findall(row.by)
        assert bool(links) == (row.state == "written"), row.number
        for page, anchor in links:
            text = ((root / PAGE).parent / page).read_text("utf-8")
            headings = [
                re.sub(r"[^\w -]", "", one).strip().lower() for one in re.findall(r"^#+ (.+)$", text, re.MULTILINE)
            ]
            assert anchor in [one.replace(" ", "-") for one in headings], f"{row.number}: {page}#{anchor}"


def test_the_sums_at_the_head_are_right(rows, root):
    (said,) = SUMS.findall((root / PAGE).read_text("utf-8"))
    counted = Counter(row.state for row in rows)
    assert [int(one) for one in said] == [len(rows), *(counted[state] for state in STATES)]


def test_the_page_of_what_protects_a_node_says_the_programs_own_numbers(root):
    page = (root / "docs/explanation/what-protects-a-node.md").read_text("utf-8")
    minute, hour, day = (most for most, _ in LIMITS)
    for sentence in (
        f"good for {LIFE_US // 60_000_000} minutes",
        f"dies after {TRIES_MAX} wrong tries",
        f"{minute} code a minute, {hour} an hour, {day} a day",
        f"at most {WAIT_S_MAX} seconds",
        f"at most {OF_ACCOUNT_MAX} sign-ins",
        f"| at work | {_unused(AT_WORK)} | {_whole(AT_WORK)} |",
        f"| a resident's own phone | {_unused(AT_HOME)} | {_whole(AT_HOME)} |",
        f"| a device of a household | {_unused(IN_HOUSEHOLD)} | {_whole(IN_HOUSEHOLD)} |",
        f"| an app that acts for somebody | {_unused(IN_APP)} | {_whole(IN_APP)} |",
        f"| a tablet at a gate | {_unused(AT_GATE)} | {_whole(AT_GATE)} |",
    ):
        assert sentence in " ".join(page.split("\n")) or sentence in page, sentence


def _unused(term: Term) -> str:
    return _said(term.unused_us) if term.unused_us else "no limit"


def _whole(term: Term) -> str:
    return _said(term.whole_us)


def _said(length_us: int) -> str:
    hours = length_us // HOUR_US
    return f"{hours} hours" if hours < 24 else f"{hours // 24} days"
