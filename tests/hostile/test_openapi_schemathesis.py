"""A stranger's test program reads the OpenAPI document and tries everything: no server error, no undocumented answer."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

import pytest
from real_node import RealNode

from linli.client import AsyncNgsiLdClient

EXAMPLES = int(os.environ.get("LINLI_OPENAPI_EXAMPLES", "8"))
WAIT_S_MAX = 600
LAMP = "urn:ngsi-ld:Lamp:1"
#: 504 is what the standard says to an @context that cannot be had, and the document says so
ALLOWED = """
[checks.not_a_server_error]
expected-statuses = ["2xx", "3xx", "4xx", "504"]
"""
#: the same once more, about what is there
KNOWN = f"""
[parameters]
entityId = "{LAMP}"
attributeName = "count"
type = "Lamp"
attribute = "count"
"""
CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"


async def tried(folder: Path, url: str, settings: str, *more: str) -> str:
    """Run the program against a node; return what it said where anything was wrong, else nothing."""
    config = folder / "schemathesis.toml"
    config.write_text(settings, "utf-8")
    program = await asyncio.create_subprocess_exec(
        Path(sys.executable).parent / "schemathesis", "--config-file", str(config), "run", f"{url}/openapi.json",
        "--checks", CHECKS, "--phases", "examples,coverage,fuzzing", "--max-examples", str(EXAMPLES), "--seed", "1",
        "--generation-database", "none", "--no-color", *more,
        cwd=folder, stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    said, _ = await asyncio.wait_for(program.communicate(), WAIT_S_MAX)
    return "" if program.returncode == 0 else said.decode()


@pytest.mark.slow
def test_no_request_that_the_document_allows_breaks_the_broker(tmp_path: Path) -> None:
    async def story() -> tuple[str, str, int]:
        node = RealNode(tmp_path / "node", "--only", "broker", "--open")
        await node.start()
        try:
            free = await tried(tmp_path, node.url, ALLOWED)
            async with AsyncNgsiLdClient(node.url) as client:
                count = {"type": "Property", "value": 1, "observedAt": "2026-01-01T00:00:00Z"}
                await client.upsert_batch([{"id": LAMP, "type": "Lamp", "count": count}])
            known = await tried(tmp_path, node.url, ALLOWED + KNOWN, "--exclude-method", "DELETE")
        finally:
            code = await node.stop()
        return free, known, code

    free, known, code = asyncio.run(story())
    assert free == ""
    assert known == ""
    assert code == 0
