"""`linli vocab`: what it prints and writes for those who implement the standard."""

from pathlib import Path
from typing import Any

import orjson
import pytest

from linli.cli import main
from linli.demo import District, Scenario, made_up_network
from linli.vocab import Judge, published, reference_pages, vocabulary


def test_every_type_is_listed_with_both_titles(capsys: Any) -> None:
    assert main(["vocab", "list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == sorted(vocabulary().types)
    assert "Gate                         门岗  Gate" in lines


def test_the_page_the_schema_the_sample_and_the_context_are_printed(capsys: Any) -> None:
    assert main(["vocab", "show", "Gate"]) == 0
    assert capsys.readouterr().out == reference_pages(vocabulary())["Gate.md"]
    printed = {
        ("schema", "Gate"): vocabulary().json_schema("Gate"),
        ("sample", "Gate"): vocabulary().sample("Gate"),
        ("sample", "Gate", "--whole"): vocabulary().sample("Gate", whole=True),
        ("context",): vocabulary().context(),
        ("context", "--for", "dataModel.Alert"): vocabulary().context("dataModel.Alert"),
    }
    for words, value in printed.items():
        assert main(["vocab", *words]) == 0
        assert orjson.loads(capsys.readouterr().out) == value


def test_pages_and_documents_are_written(tmp_path: Path) -> None:
    assert main(["vocab", "build", "--docs", str(tmp_path / "docs"), "--out", str(tmp_path / "out")]) == 0
    assert {file.name: file.read_text("utf-8") for file in (tmp_path / "docs").iterdir()} == reference_pages(
        vocabulary()
    )
    for name, content in published(vocabulary()).items():
        assert (tmp_path / "out" / name).read_bytes() == content


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["show", "Unicorn"], "Unicorn: is no type of the standard"),
        (["schema", "Unicorn"], "Unicorn: is no type of the standard"),
        (["sample", "Unicorn"], "Unicorn: is no type of the standard"),
        (["context", "--for", "dataModel.Unicorn"], "these are reused: dataModel.Alert"),
        (["build"], "Say where to"),
        (["build", "--out", "/proc/nothing"], "cannot be written"),
    ],
)
def test_words_that_cannot_be_followed_get_one_clear_line(words: list[str], message: str, capsys: Any) -> None:
    assert main(["vocab", *words]) == 2
    said = capsys.readouterr().err
    assert message in said
    assert said.count("\n") == 1


def test_the_made_up_district_follows_the_standard() -> None:
    district = District(Scenario.load("normal"), made_up_network(1), seed=3, residents=400)
    judge = Judge(vocabulary())
    verdicts = [judge.verdict(entity) for entity in district.entities(1_772_409_600_000_000)]
    assert len(verdicts) > 400
    assert [verdict for verdict in verdicts if not verdict.passed] == []
