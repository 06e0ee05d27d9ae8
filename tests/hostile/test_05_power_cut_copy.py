"""Hostile 05: the files of a running node as they lie on the disk at one moment, opened elsewhere."""

from __future__ import annotations

import asyncio
import os
import random
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path

from linli.store import Find, SqliteStore, check_file

WRITER = str(Path(__file__).with_name("store_writer.py"))
ROUNDS = int(os.environ.get("LINLI_KILLS", "10"))


class Running:
    """A writer, and all that it has answered so far."""

    def __init__(self, path: Path) -> None:
        command = [sys.executable, WRITER, f"sqlite:///{path}", "1"]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        self.told: list[int] = []
        self.more = threading.Condition()
        self.reading = threading.Thread(target=self._read)
        self.reading.start()

    def _read(self) -> None:
        assert self.process.stdout
        with self.process.stdout as lines:
            for line in lines:
                with self.more:
                    self.told.append(int(line))
                    self.more.notify()

    def wait_for(self, number: int) -> None:
        with self.more:
            assert self.more.wait_for(lambda: len(self.told) >= number, 60)

    def end(self) -> None:
        self.process.kill()
        self.process.wait()
        self.reading.join()


async def entities(path: Path) -> set[int]:
    store = SqliteStore.open(path)
    try:
        stands = await store.find("default", Find(), limit=10**7)
        assert len(await store.log_since("default", 0, limit=10**7)) == 2 * len(stands)
        return {int(stored.entity_id[6:]) for stored in stands}
    finally:
        await store.close()


def test_a_copy_taken_in_mid_writing_opens_and_holds_all_that_was_answered_before(tmp_path: Path) -> None:
    running = Running(tmp_path / "linli.db")
    rng = random.Random(5)
    try:
        for turn in range(ROUNDS):
            running.wait_for(len(running.told) + rng.randrange(1, 60))
            answered = list(running.told)
            running.process.send_signal(signal.SIGSTOP)
            copy = tmp_path / f"copy{turn}"
            copy.mkdir()
            for name in ("linli.db", "linli.db-wal"):
                shutil.copy(tmp_path / name, copy)
            running.process.send_signal(signal.SIGCONT)
            check_file(copy / "linli.db")
            assert set(answered) <= asyncio.run(entities(copy / "linli.db"))
            shutil.rmtree(copy)
    finally:
        running.end()
