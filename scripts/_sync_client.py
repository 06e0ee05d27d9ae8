"""Write the client that needs no event loop from the one that does: `_sync_client.py`, or `--check` to compare only."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

FOLDER = Path(__file__).resolve().parent.parent / "src/linli/client"
SOURCE, MADE = FOLDER / "_ngsild.py", FOLDER / "_ngsild_sync.py"
CHANGES = (
    (r"`_ngsild_sync\.py` is this file without `async`, written by", "Made from `_ngsild.py` by"),
    (r"async def __aenter__", "def __enter__"),
    (r"async def __aexit__", "def __exit__"),
    (r"async (def|for|with)", r"\1"),
    (r"await ", ""),
    (r"AsyncIterator", "Iterator"),
    (r"import asyncio\n", "import time\n"),
    (r"asyncio\.sleep", "time.sleep"),
    (r"Awaitable\[object\]", "object"),
    (r", Awaitable", ""),
    (r"AsyncNgsiLdClient", "NgsiLdClient"),
    (r"Answer, AsgiApp, DirectTransport, HttpTransport, Transport", "Answer, SyncHttpTransport, SyncTransport"),
    (r", or to an ASGI callable of this process\.", "."),
    (r"HttpTransport\(base_url\) if app is None else DirectTransport\(app\)", "SyncHttpTransport(base_url)"),
    (r" +app: AsgiApp \| None = None,\n", ""),
    (r"transport: Transport ", "transport: SyncTransport "),
)


def made() -> str:
    """Return the text of the file that is made."""
    text = SOURCE.read_text("utf-8")
    for pattern, new in CHANGES:
        text, count = re.subn(pattern, new, text)
        if not count:
            raise SystemExit(f"sync client: {pattern} stands nowhere in {SOURCE.name}")
    for words in (["check", "--select", "I,UP028", "--fix", "--unsafe-fixes", "--quiet"], ["format", "--quiet"]):
        ruff = [sys.executable, "-m", "ruff", *words, "--stdin-filename", str(MADE), "-"]
        text = subprocess.run(ruff, input=text, capture_output=True, text=True, check=True).stdout
    return text


if __name__ == "__main__":
    if sys.argv[1:] == ["--check"]:
        sys.exit(made() != MADE.read_text("utf-8"))
    MADE.write_text(made(), "utf-8")
