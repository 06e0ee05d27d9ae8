"""What stands in the documents: links lead somewhere, references are fresh, figures were measured."""

import re
import subprocess
import sys
import tomllib

import orjson

LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
WISH = re.compile(r"^\| .+ \| `(\w+)` \| \[.+\]\((tests/\S+)\) \|$", re.MULTILINE)
SENTENCE_FIGURE = re.compile(r"(?<![\w.])(\d+(?:\.\d+)?) ?(ms|MB|%|per second|a second)(?!\w)")


def test_every_link_of_every_page_leads_somewhere(files, root):
    dead = [
        f"{page.relative_to(root)}: {target}"
        for page in files
        if page.suffix == ".md"
        for target in LINK.findall(page.read_text("utf-8"))
        if "://" not in target and not target.startswith("#") and not (page.parent / target.split("#")[0]).exists()
    ]
    assert dead == []


def test_the_reference_says_what_the_program_says(root):
    """Settings, errors, routes, packs and types are made from the code, so a page that names fewer is stale."""
    compared = subprocess.run(
        [sys.executable, "scripts/_reference.py", "--check"], cwd=root, capture_output=True, text=True, check=False
    )
    assert compared.returncode == 0, compared.stdout + compared.stderr


def test_every_wish_in_the_readme_names_a_room_and_a_test_that_are_there(root, rooms):
    wishes = WISH.findall((root / "README.md").read_text("utf-8"))
    assert len(wishes) >= 5
    assert [room for room, _ in wishes if room not in rooms] == []
    assert [test for _, test in wishes if not (root / test).is_file()] == []


def test_every_figure_in_the_readme_was_measured(root):
    """The table is written from bench/results.json (compared above); elsewhere no figure of speed may stand."""
    readme = (root / "README.md").read_text("utf-8")
    prose = re.sub(r"<!-- figures.*?<!-- end of figures -->", "", readme, flags=re.DOTALL)
    assert SENTENCE_FIGURE.findall(prose) == []


def test_every_figure_that_is_shown_was_measured_and_right(root):
    asked = tomllib.loads((root / "docs/figures.toml").read_text("utf-8"))["figure"]
    assert len(asked) >= 3
    benches = orjson.loads((root / "bench/results.json").read_bytes())["benches"]
    lines = {(line["bench"], line["case"]): line for bench in benches.values() for line in bench["results"]}
    right = {key for key, line in lines.items() if line["ok"]}
    assert [figure["text"] for figure in asked if (figure["name"], figure["case"]) not in right] == []


def test_every_decision_and_every_change_is_listed(root):
    for folder in ("docs/decisions", "changes"):
        listed = (root / folder / "README.md").read_text("utf-8")
        notes = [note.name for note in (root / folder).glob("[0-9]*.md")]
        assert notes
        assert [name for name in notes if f"({name})" not in listed] == []


def test_no_picture_is_missing_or_too_heavy(root):
    shown = re.findall(r"!\[[^\]]*\]\((\S+)\)", (root / "README.md").read_text("utf-8"))
    assert shown
    for picture in shown:
        assert (root / picture).stat().st_size < 400_000, picture
