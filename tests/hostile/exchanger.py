"""Exchanges the master key of a folder again and again until it is killed; says so after each time."""

import asyncio
import sys
from pathlib import Path

from linli.base import Settings
from linli.trust import Keys


async def exchange_for_ever(folder: Path) -> None:
    keys = Keys.open(folder, Settings())
    while True:
        await keys.exchange_master()
        sys.stdout.write("exchanged\n")
        sys.stdout.flush()


asyncio.run(exchange_for_ever(Path(sys.argv[1])))
