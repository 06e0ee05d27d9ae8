"""A process that writes until it is killed, or so many Changes: prints the number of each once it was answered.

A Change that was refused is printed as a negative number; refusals end nothing.
"""

import asyncio
import itertools
import os
import sys
from pathlib import Path

import structlog

from linli.base.errors import StoreFailed
from linli.store import Change, Fact, Put, SqliteStore, Store, open_store

SIDE_BY_SIDE = 16


async def opened(url: str) -> Store:
    if url.startswith("sqlite:///"):
        return SqliteStore.open(Path(url.removeprefix("sqlite:///")), checkpoint_pages=50, unfiled_max=20)
    return await open_store(url)


async def main(url: str, start: int, number: int | None) -> None:
    store = await opened(url)
    waiting = itertools.count(start) if number is None else iter(range(start, start + number))

    async def press_on() -> None:
        for one in waiting:
            put = Put(f"urn:x:{one}", ("Call",), ("/cn",), b"%d" % one, facts=(Fact("n", "", b"%d" % one),))
            try:
                await store.commit(Change("default", "", "", one, puts=(put,), cursor=("reader", one), audit=(b"x",)))
            except StoreFailed:
                os.write(1, b"-%d\n" % one)
            else:
                os.write(1, b"%d\n" % one)

    await asyncio.gather(*(press_on() for _ in range(SIDE_BY_SIDE)))
    await store.close()


structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))  # stdout is for the numbers
asyncio.run(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]) if len(sys.argv) > 3 else None))
