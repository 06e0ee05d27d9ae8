"""The demo is an ordinary client: with its folder deleted, every story is told as before."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
STORIES_S_MAX = 600


@pytest.fixture(scope="module")
def without_demo(tmp_path_factory) -> Path:
    """A copy of everything that is in git or would come into it, but for the demo."""
    copy = tmp_path_factory.mktemp("linli")
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, check=True, capture_output=True, text=True,
    )  # fmt: skip
    for name in set(listed.stdout.split("\0")) - {""}:
        if (ROOT / name).is_file():
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, copy / name)
    shutil.rmtree(copy / "src/linli/demo")
    return copy


def _python(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run Python on the copy alone, and hear everything it says."""
    return subprocess.run(
        [sys.executable, *words],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(folder / "src")},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=STORIES_S_MAX,
        check=False,
    )


@pytest.mark.slow
def test_every_story_is_told_with_the_demo_deleted(without_demo: Path) -> None:
    where = _python(without_demo, "-c", "import linli; print(linli.__file__)")
    assert where.stdout.startswith(str(without_demo))
    told = _python(without_demo, "-m", "pytest", "tests/stories", "-m", "not proof", "-p", "no:cacheprovider")
    assert told.returncode == 0, told.stdout[-4000:]
    passed = re.search(r"^(\d+) passed in ", told.stdout, re.MULTILINE)
    assert passed, told.stdout[-1000:]
    assert int(passed[1]) >= _stories()


@pytest.mark.slow
def test_without_the_demo_the_command_says_so(without_demo: Path) -> None:
    ended = _python(without_demo, "-m", "linli", "demo")
    assert (ended.returncode, ended.stdout) == (
        2,
        "linli: This linli was installed without the demo; run a node with `linli serve`.\n",
    )


def _stories() -> int:
    return sum(path.read_text("utf-8").count("\ndef test_") for path in (ROOT / "tests/stories").glob("test_*.py"))
