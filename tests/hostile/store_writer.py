"""A process that writes until it is killed: prints the number of each Change once it was answered."""

import asyncio
import os
import sys
from pathlib import Path

import structlog

from linli.store import Change, Fact, Put, SqliteStore, Store, open_store

SIDE_BY_SIDE = 16


async def opened(url: str) -> Store:
    if url.startswith("sqlite:///"):
        return SqliteStore.open(Path(url.removeprefix("sqlite:///")), checkpoint_pages=50, unfiled_max=20)
    return await open_store(url)


async def main(url: str, start: int) -> None:
    store = await opened(url)

    async def press_on(first: int) -> None:
        number = first
        while True:
            put = Put(f"urn:x:{number}", ("Call",), ("/cn",), b"%d" % number, facts=(Fact("n", "", b"%d" % number),))
            await store.commit(Change("default", "", "", number, puts=(put,), cursor=("reader", number), audit=(b"x",)))
            os.write(1, b"%d\n" % number)
            number += SIDE_BY_SIDE

    await asyncio.gather(*(press_on(start + n) for n in range(SIDE_BY_SIDE)))


structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))  # stdout is for the numbers
asyncio.run(main(sys.argv[1], int(sys.argv[2])))
