"""The README's first screen: its lines of shell, run as they stand, place a call and watch it find somebody."""

from __future__ import annotations

import asyncio
import os
import re
from pathlib import Path
from typing import Any

import orjson
import pytest
from real_node import RealNode
from town import WEST, a_community, a_helper, a_provider, a_shift, prop

from linli.base import MINUTE_US, WallClock, to_wire_time
from linli.client import Client

README = Path(__file__).resolve().parents[2] / "README.md"
PLACE = re.compile(r'"lon":([\d.]+),"lat":([\d.]+)')


def shell_lines() -> str:
    """Return the README's one block of sh."""
    (block,) = re.findall(r"^```sh\n(.*?)^```$", README.read_text("utf-8"), re.DOTALL | re.MULTILINE)
    return str(block)


def test_the_readme_places_a_call_with_a_dozen_lines() -> None:
    lines = [line for line in shell_lines().splitlines() if line.strip()]
    assert len(lines) <= 12


def test_the_readmes_lines_place_a_call_and_watch_it_find_somebody(tmp_path: Path) -> None:
    said = asyncio.run(_run_the_readme(tmp_path))
    answer, *states = said.splitlines()
    placed = orjson.loads(answer)
    assert set(placed) >= {"id", "number", "state", "watch"}
    assert len(states) == 5
    assert states[-1] == "offered"


@pytest.mark.parametrize("word", ["make demo", "make test", "apt-get install make git python3-venv"])
def test_the_readme_names_the_commands_that_are_there(word: str) -> None:
    assert word in README.read_text("utf-8")


async def _run_the_readme(folder: Path) -> str:
    node = RealNode(folder / "data")
    await node.start()
    try:
        await _load_one_helper(node.url)
        shell = await asyncio.create_subprocess_exec(
            "bash", "-eu", "-o", "pipefail", "-c", shell_lines(),
            env={**os.environ, "LINLI_NODE": node.url}, cwd=folder,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        said, complaints = await asyncio.wait_for(shell.communicate(), 60)
        assert shell.returncode == 0, complaints.decode()
        return said.decode()
    finally:
        await node.stop()


async def _load_one_helper(url: str) -> None:
    """Put a community around the README's place, with one helper on duty 300 m away."""
    found = PLACE.search(shell_lines())
    assert found
    lon, lat = float(found[1]), float(found[2])
    now_us = WallClock().now_us()
    on_duty = a_shift(1, WEST)
    on_duty["from"], on_duty["to"] = (prop(to_wire_time(now_us + hours * 60 * MINUTE_US)) for hours in (-1, 12))
    client = Client(url)
    admin = await client.sign_in("operator")
    people = [_community_around(lon, lat), a_provider(), a_helper(1, WEST, lon + 0.003, lat), on_duty]
    await admin.upsert_batch(people, purpose="staff")
    await client.close()


def _community_around(lon: float, lat: float) -> dict[str, Any]:
    area = a_community(WEST, "示例社区", "Example", lon, lon)
    west, east, south, north = lon - 0.02, lon + 0.02, lat - 0.02, lat + 0.02
    area["boundary"]["value"]["coordinates"] = [
        [[west, south], [east, south], [east, north], [west, north], [west, south]]
    ]
    return area
