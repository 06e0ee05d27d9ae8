"""The scenarios of every pack, played against the real engine: dispatch over a broker over a store in memory."""

import asyncio
from pathlib import Path

import msgspec
import pytest

from linli.packs import Packs, play
from linli.packs._scenario import ScenarioForm

PACKS = Packs.load()
STORIES = [
    pytest.param(pack.key, one.call, story, id=f"{one.call}-{story.proves}-{at}")
    for pack in PACKS.packs.values()
    for one in pack.scenarios
    for at, story in enumerate(one.scenario)
]


@pytest.mark.parametrize(("pack", "call", "story"), STORIES)
def test_a_scenario_goes_as_the_pack_says(pack: str, call: str, story: ScenarioForm) -> None:
    assert asyncio.run(play(PACKS, PACKS.packs[pack], call, story)) == []


def test_a_scenario_that_says_otherwise_is_told_with_its_step() -> None:
    pack = PACKS.packs["shopping"]
    story = next(one for file in pack.scenarios if file.call == "shop.hour" for one in file.scenario)
    steps = list(story.step)
    steps[1] = msgspec.structs.replace(steps[1], state="offered")
    wrong = msgspec.structs.replace(story, step=tuple(steps))
    told = asyncio.run(play(PACKS, pack, "shop.hour", wrong))
    assert told == [f"step 1 (accept at {steps[1].at_s} s): the call is accepted, not offered."]


def test_a_figure_that_an_area_has_otherwise_changes_what_happens(tmp_path: Path) -> None:
    pack = PACKS.packs["shopping"]
    files = [file for file in pack.scenarios if file.call == "shop.hour"]
    story = next(one for file in files for one in file.scenario if one.proves == "no_answer")
    otherwise = 'schema = 1\n[[area]]\nscope = "/cn/r99"\nfigures = {"shop.hour.answer_within_min" = 10}\n'
    (tmp_path / "areas.toml").write_text(otherwise, "utf-8")
    slower = Packs.load(overrides=tmp_path / "areas.toml")
    assert asyncio.run(play(slower, pack, "shop.hour", story)) == [
        "step 1 (timeout at 120 s): near is asked, not far.",
    ]
