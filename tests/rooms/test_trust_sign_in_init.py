"""`linli init`: one link for the first administrator, and no second one by mistake."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import pytest

from linli.app import BrokerPlan, build_broker
from linli.base import Settings, WallClock
from linli.cli import main

LINK = re.compile(r"^(\S+)/sign-in/invitation#(\S{40,})$", re.MULTILINE)


def init(folder: Path, capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str]:
    code = main(["init", "--data", str(folder), *words])
    said = capsys.readouterr()
    return code, said.out + said.err


async def accepted(folder: Path, secret: str) -> str:
    """Accept an invitation as the page does, and return the role that it gave."""
    node = await build_broker(BrokerPlan(folder, Settings(), WallClock(), sign_in="accounts"))
    try:
        identity = node.doors.asking.identity
        invitation = await identity.invitations.open(secret)
        await identity.records.write(*identity.invitations.accepted(secret, invitation, invitation.account))
        return invitation.account.role
    finally:
        await node.stop()


def test_the_first_link_makes_an_administrator_and_a_second_one_is_made_only_when_asked_for(tmp_path, capsys):
    code, said = init(tmp_path, capsys)
    assert code == 0
    found = LINK.search(said)
    assert found
    assert found[1] == "http://localhost:8800"
    assert asyncio.run(accepted(tmp_path, found[2])) == "administrator"
    code, said = init(tmp_path, capsys)
    assert code == 2
    assert "has an administrator already" in said
    code, said = init(tmp_path, capsys, "--again", "--set", "web.address=https://linli.example/")
    assert code == 0
    assert LINK.search(said)[1] == "https://linli.example"


def test_the_secret_of_the_link_stands_nowhere_in_the_folder(tmp_path, capsys):
    _, said = init(tmp_path, capsys)
    secret = LINK.search(said)[2].encode()
    assert [one.name for one in tmp_path.iterdir() if one.is_file() and secret in one.read_bytes()] == []


def test_a_node_that_runs_is_left_alone(tmp_path, capsys):
    async def story() -> int:
        node = await build_broker(BrokerPlan(tmp_path, Settings(), WallClock(), sign_in="accounts"))
        try:
            return await asyncio.to_thread(main, ["init", "--data", str(tmp_path)])
        finally:
            await node.stop()

    assert asyncio.run(story()) == 2
    assert "linli:" in capsys.readouterr().err
