"""The pages about the broker alone: their blocks, run as they stand, print what the pages say they print."""

from __future__ import annotations

import asyncio
import os
import re
import sys
from pathlib import Path

import pytest
from real_node import RealNode

PAGES = Path(__file__).resolve().parents[2]
BLOCK = re.compile(r"^```(bash|python)\n(.*?)^```\n(?:\n```text\n(.*?)^```\n)?", re.DOTALL | re.MULTILINE)
ADDRESS = "http://127.0.0.1:8800"


async def printed(language: str, text: str, folder: Path, url: str) -> str:
    """Return what a block prints, asked of the node at `url`."""
    script = folder / f"block.{language}"
    script.write_text(text.replace(ADDRESS, url), "utf-8")
    program = [sys.executable] if language == "python" else ["bash", "-eu", "-o", "pipefail"]
    ended = await asyncio.create_subprocess_exec(
        *program, script, cwd=folder, env={**os.environ, "no_proxy": "*"},
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    said, complaints = await asyncio.wait_for(ended.communicate(), 60)
    assert ended.returncode == 0, complaints.decode()
    return said.decode()


@pytest.mark.parametrize("page", ["README.md", "docs/howto/use-the-broker.md"])
def test_the_blocks_of_a_page_print_what_the_page_says(page: str, tmp_path: Path) -> None:
    blocks = BLOCK.findall((PAGES / page).read_text("utf-8"))
    assert {language for language, _, _ in blocks} == {"bash", "python"}

    async def story() -> list[str]:
        node = RealNode(tmp_path / "node", "--only", "broker", "--open")
        await node.start()
        try:
            return [await printed(language, text, tmp_path, node.url) for language, text, _ in blocks]
        finally:
            await node.stop()

    said = asyncio.run(story())
    assert [one.strip() for one in said] == [expected.strip() for _, _, expected in blocks]
