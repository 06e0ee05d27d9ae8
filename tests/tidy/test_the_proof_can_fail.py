"""The table of `make proof` has a line for each hostile test, and each line can say MISSED."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

#: 13, 29 and up belong to rooms that are not open yet
NUMBERS = {*range(1, 13), *range(14, 29)}
ABOUT = '"""Hostile test 21: a guard sees today. More of it."""\n'
PASSES, FAILS = "def test_one():\n    pass\n", "def test_two():\n    assert False\n"
SKIPS = "import pytest\n@pytest.mark.skip\ndef test_three():\n    pass\n"
BREAKS = "import pytest\n@pytest.fixture\ndef broken():\n    raise ValueError\ndef test_four(broken):\n    pass\n"


def test_every_hostile_test_that_is_asked_for_stands(root: Path) -> None:
    files = [re.match(r"test_(\d\d)_", one.name) for one in (root / "tests/hostile").glob("test_*.py")]
    assert {int(found[1]) for found in files if found} >= NUMBERS


def test_the_proof_selects_them(root: Path) -> None:
    assert '-m "proof or hostile"' in (root / "scripts/proof").read_text("utf-8")


@pytest.mark.parametrize(
    ("tests", "code", "line"),
    [
        ((PASSES,), 0, "kept    hostile 21: a guard sees today  wanted 1 tests     measured 1 passed"),
        ((PASSES, FAILS), 1, "MISSED  hostile 21: a guard sees today  wanted 2 tests     measured 1 passed"),
        ((PASSES, SKIPS), 1, "MISSED  hostile 21: a guard sees today  wanted 2 tests     measured 1 passed"),
        ((PASSES, BREAKS), 1, "MISSED  hostile 21: a guard sees today  wanted 2 tests     measured 1 passed"),
    ],
)
def test_a_line_is_missed_when_a_test_of_it_fails_or_is_left_out(
    root: Path, tmp_path: Path, tests: tuple[str, ...], code: int, line: str
) -> None:
    shutil.copy(root / "tests/conftest.py", tmp_path / "conftest.py")
    (tmp_path / "pytest.ini").write_text("[pytest]\nmarkers =\n    hostile\n    shared\n    browser\n")
    for number, text in enumerate(tests):
        (tmp_path / f"test_21_part{number}.py").write_text(ABOUT + text)
    said = subprocess.run(
        [sys.executable, "-m", "pytest", "-m", "proof or hostile", "-p", "no:cacheprovider", str(tmp_path)],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert line in said.stdout
    assert said.returncode == code
