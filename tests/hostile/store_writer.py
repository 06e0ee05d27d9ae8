"""A process that writes until it is killed: prints the number of each Change once it was answered."""

import asyncio
import os
import sys
from pathlib import Path

from linli.store import Change, Fact, Put, SqliteStore

SIDE_BY_SIDE = 16


async def main(path: Path, start: int) -> None:
    store = SqliteStore.open(path, checkpoint_pages=50)

    async def press_on(first: int) -> None:
        number = first
        while True:
            put = Put(f"urn:x:{number}", ("Call",), ("/cn",), b"%d" % number, facts=(Fact("n", "", b"%d" % number),))
            await store.commit(Change("default", "", "", number, puts=(put,), cursor=("reader", number), audit=(b"x",)))
            os.write(1, b"%d\n" % number)
            number += SIDE_BY_SIDE

    await asyncio.gather(*(press_on(start + n) for n in range(SIDE_BY_SIDE)))


asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2])))
