"""A stranger writes a thirteenth pack with nothing but the page about it, from the file to a call that is closed."""

import asyncio
import re
from pathlib import Path

import pytest

from linli.base.errors import StartError
from linli.cli import main
from linli.packs import Packs, load_pack, new_pack, page_of
from linli.packs._stage import START_US, MadeUp, Stage

PAGE = Path(__file__).parents[2] / "docs" / "howto" / "write-a-pack.md"
MINUTE_US = 60_000_000


@pytest.fixture
def cafe(tmp_path: Path) -> Path:
    (text,) = re.findall(r"```toml\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    assert len(text.splitlines()) < 30
    folder = tmp_path / "my-packs" / "repair_cafe"
    folder.mkdir(parents=True)
    (folder / "pack.toml").write_text(text, "utf-8")
    return folder


def test_the_commands_of_the_page_lead_to_a_pack_that_is_tried(cafe: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for words in (["check"], ["stories"], ["test", "--golden"], ["test"]):
        assert main(["pack", *words, str(cafe)]) == 0
    told = capsys.readouterr().out
    assert "repair_cafe 1.0.0: bronze. 1 calls: 1 run." in told
    assert "10 tried, 0 failed." in told
    assert load_pack(cafe).missing == ("samples: no sample entities",)


def test_a_story_that_is_not_true_fails_the_command(cafe: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["pack", "stories", str(cafe)]) == 0
    story = cafe / "tests" / "fix_thing.toml"
    story.write_text(story.read_text("utf-8").replace('at_s = 120, state = "offered"', 'at_s = 60, state = "offered"'))
    assert main(["pack", "test", str(cafe)]) == 1
    assert "near is asked, not far." in capsys.readouterr().out


def test_a_call_of_the_new_pack_is_answered_beside_the_built_in_ones(cafe: Path) -> None:
    packs = Packs.load([cafe.parent])

    async def story() -> None:
        stage = await Stage.set_up(packs, [MadeUp("handy", 5, ("tinkerer",)), MadeUp("carer", 1, ("carer",))])
        call_id = await stage.press("fix.thing")
        assert await stage.answer(call_id, "handy", "accept")
        await stage.go_to(START_US + MINUTE_US)
        assert (await stage.call(call_id))["state"] == "accepted"

    asyncio.run(story())


def test_a_simulation_and_the_page_of_the_pack_are_printed(cafe: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["pack", "simulate", str(cafe), "--calls", "3"]) == 0
    assert "| `fix.thing` | 3 | 3 |" in capsys.readouterr().out
    assert main(["pack", "doc", str(cafe)]) == 0
    assert capsys.readouterr().out == page_of(load_pack(cafe))


def test_a_new_pack_passes_and_is_not_written_over(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["pack", "new", str(tmp_path / "garden")]) == 0
    assert main(["pack", "check", str(tmp_path / "garden")]) == 0
    assert main(["pack", "new", str(tmp_path / "garden")]) == 2
    assert "is there already" in capsys.readouterr().err
    (tmp_path / "garden" / "pack.toml").write_text("schema = 2\n", "utf-8")
    assert main(["pack", "check", str(tmp_path / "garden")]) == 1
    assert "garden/pack.toml:1: schema: invalid enum value 2." in capsys.readouterr().out


def test_what_somebody_says_is_answered(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["pack", "reply", "我摔倒了起不来"]) == 0
    assert capsys.readouterr().out.startswith("elder.sos, urgency 3: 收到：紧急呼救")


def test_the_key_of_a_new_pack_is_checked(tmp_path: Path) -> None:
    with pytest.raises(StartError, match="small letters"):
        new_pack(tmp_path / "My Pack")
