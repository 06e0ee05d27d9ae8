"""Everybody sees who looked at his data, in plain words, and takes home a proof that holds without the node."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from town import EAST, LAT, LON, WEST, Town, a_helper, a_shift, a_town, area_id, link, point, prop, scope_of, word

from linli.base import read_json, write_json
from linli.cli import main
from linli.client import Answer, DirectTransport

HOME = (LON + 0.0103, LAT + 0.0203)
ELDER = "urn:ngsi-ld:Resident:990101001001:grandmother"


def told(story, folder: Path) -> None:
    async def run() -> None:
        async with a_town(folder) as town:
            await town.load(a_helper(1, WEST, LON + 0.012, LAT + 0.021), a_shift(1, WEST))
            await town.admin.upsert_batch([an_elder()], purpose="registry")
            await story(town)

    asyncio.run(run())


def an_elder() -> dict:
    """Return a resident who is plainly made up."""
    return {
        "id": ELDER,
        "type": "Resident",
        "scope": scope_of(WEST),
        "fullName": prop("王示例"),
        "ageBand": word("a80up"),
        "homeArea": link(area_id(WEST)),
        "location": point(*HOME),
    }


class Elder:
    """The elder's browser: it is signed in, and asks for pages."""

    def __init__(self, town: Town) -> None:
        self._line = DirectTransport(town.node.web)
        self._headers = {"content-type": "application/json"}

    async def sign_in(self) -> Elder:
        signed = await self._line.ask("POST", "/api/sign-in", self._headers, write_json({"person": ELDER}))
        self._headers["authorization"] = f"Bearer {read_json(signed.body)['token']}"
        return self

    async def ask(self, path: str, language: str = "en") -> Answer:
        return await self._line.ask("GET", path, {**self._headers, "accept-language": language}, b"")

    async def looks(self) -> list[dict[str, Any]]:
        """Return who looked."""
        answer = await self.ask("/api/looked")
        assert answer.status == 200, answer.body
        found: list[dict[str, Any]] = read_json(answer.body)["looks"]
        return found


async def helped(town: Town) -> None:
    """Let the elder call and the helper accept."""
    elder = await town.stranger.sign_in(ELDER)
    placed = await elder.place_call("elder.care_visit", *HOME, key="k", text="third floor")
    await town.settle()
    await elder.call(placed.id)
    helper = await town.helper(1)
    await helper.accept((await helper.helper_me())["offer"]["id"])


def test_a_resident_sees_who_was_shown_where_she_is_and_nobody_else(tmp_path: Path) -> None:
    async def story(town: Town) -> None:
        elder = await Elder(town).sign_in()
        assert await elder.looks() == []
        await helped(town)
        await (await town.worker(WEST)).calls()
        assert (await (await town.worker(EAST)).calls())["calls"] == []
        found = await elder.looks()
        assert [(one["role"], one["action"], one["types"]) for one in found] == [
            ("community_worker", "list", ["ServiceCall"]),
            ("helper", "read", ["ServiceCall"]),
        ]
        assert {tuple(one["classes"]) for one in found} == {("personal", "sensitive")}
        assert [one["byYourself"] for one in found] == [False, False]

    told(story, tmp_path)


def test_the_page_says_it_in_both_languages_and_names_nobody(tmp_path: Path) -> None:
    async def story(town: Town) -> None:
        elder = await Elder(town).sign_in()
        assert "还没有人看过您的个人信息" in (await elder.ask("/looked", "zh")).body.decode()
        await helped(town)
        zh, en = [(await elder.ask("/looked", language)).body.decode() for language in ("zh", "en")]
        for words in ("谁看过我的信息", "服务者看过您的信息", "敏感信息", "为了：生活服务"):
            assert words in zh
        for words in ("Who looked at my data", "Helper: looked at your data", "sensitive", "What for: Daily services"):
            assert words in en
        assert "示例001" not in zh + en

    told(story, tmp_path)


def test_a_proof_is_taken_home_and_holds_without_the_node(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    async def story(town: Town) -> None:
        elder = await Elder(town).sign_in()
        await helped(town)
        (look,) = await elder.looks()
        assert (await elder.ask(look["proof"])).status == 404
        await town.node.notary.attest("default")
        answer = await elder.ask(look["proof"])
        assert answer.status == 200
        assert answer.headers["content-disposition"] == f'attachment; filename="linli-proof-{look["seq"]}.json"'
        (tmp_path / "proof.json").write_bytes(answer.body)
        (tmp_path / "key").write_text(read_json((await elder.ask("/api/looked")).body)["key"])
        assert (await elder.ask("/api/looked/1/proof")).status == 404
        assert (await elder.ask("/api/looked/x/proof")).status == 400

    told(story, tmp_path)
    assert main(["audit", "check", str(tmp_path / "proof.json"), "--key", (tmp_path / "key").read_text()]) == 0
    assert "helper read, for service" in capsys.readouterr().out
    assert main(["audit", "verify", "--data", str(tmp_path)]) == 0
    assert "all of them hold" in capsys.readouterr().out


def test_without_signing_in_nobody_is_shown_anything(tmp_path: Path) -> None:
    async def story(town: Town) -> None:
        stranger = Elder(town)
        assert (await stranger.ask("/api/looked")).status == 401
        assert (await stranger.ask("/api/looked/5/proof")).status == 401
        page = await stranger.ask("/looked")
        assert (page.status, page.headers["location"]) == (303, "/sign-in?next=/looked")

    told(story, tmp_path)
