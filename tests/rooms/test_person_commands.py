"""`linli person hold` and `release`: what a court needs is kept on a node that does not run, and erased after it."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from broker_desk import ENGINE, WEST, urn

from linli.app import asked_at_rest
from linli.base import Settings
from linli.broker import Broker, Draft
from linli.cli import main

PERSON = urn("Resident", 1)


def a_resident(folder: Path) -> None:
    async def write(broker: Broker) -> None:
        said = {"fullName": "王示例", "ageBand": "a60to79", "homeArea": "urn:ngsi-ld:Area:370102001001"}
        await broker.write(ENGINE, [Draft(PERSON, "Resident", said, (WEST,), 0)])

    asyncio.run(asked_at_rest(folder, Settings({}), write))


def said(capsys: pytest.CaptureFixture[str], folder: Path, *words: str) -> tuple[int, str]:
    code = main(["person", *words, "--data", str(folder)])
    told = capsys.readouterr()
    return code, told.out + told.err


def test_a_person_who_is_held_is_not_erased_before_he_is_released(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    a_resident(tmp_path)
    until = (datetime.now(UTC) + timedelta(days=30)).date().isoformat()
    erase = ("erase", PERSON, "--reason", "A-1", "--out", str(tmp_path / "receipt.json"))
    code, told = said(capsys, tmp_path, "hold", PERSON, "--until", until, "--reason", "court/2026-17")
    assert (code, told.startswith(f"{PERSON} is kept until")) == (0, True)
    code, told = said(capsys, tmp_path, *erase)
    assert (code, "kept until" in told) == (2, True)
    assert said(capsys, tmp_path, "release", PERSON, "--reason", "court/2026-21")[0] == 0
    assert said(capsys, tmp_path, *erase)[0] == 0
    assert (tmp_path / "receipt.json").exists()


def test_a_hold_without_an_end_or_a_number_is_refused_in_a_line(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    a_resident(tmp_path)
    hold = ("hold", PERSON, "--until")
    assert said(capsys, tmp_path, *hold, "2001-01-01", "--reason", "court/1")[0] == 2
    assert said(capsys, tmp_path, *hold, "2027-01-01", "--reason", "so that he stays")[0] == 2
    assert said(capsys, tmp_path, "hold", urn("Resident", 2), "--until", "2027-01-01", "--reason", "court/1")[0] == 2
    assert said(capsys, tmp_path, "release", PERSON, "--reason", "court/1")[0] == 2
