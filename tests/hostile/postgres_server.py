"""A PostgreSQL of our own for the tests: in a folder, on a socket in that folder, gone at the end."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

START_S = 30


@dataclass
class Server:
    """One cluster. `url`: its address, to which a schema may be added."""

    folder: Path
    url: str
    running: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, and wait until it answers."""
        with (self.folder / "postgres.log").open("ab") as log:
            command = [*_as_owner(), _bin() / "postgres", "-D", self.folder / "data"]
            self.running = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        until = time.monotonic() + START_S
        while subprocess.run([_bin() / "pg_isready", "-q", "-h", self.folder], check=False).returncode:
            if time.monotonic() > until or self.running.poll() is not None:
                raise RuntimeError((self.folder / "postgres.log").read_text())
            time.sleep(0.05)

    def stop(self, how: str = "fast") -> None:
        """Stop it: fast = in order, immediate = as a crash does."""
        subprocess.run(
            [*_as_owner(), _bin() / "pg_ctl", "stop", "-s", "-w", "-m", how, "-D", self.folder / "data"],
            check=True,
            stdin=subprocess.DEVNULL,
        )
        if self.running is not None:
            self.running.wait()
            self.running = None


@contextmanager
def a_server(parent: Path) -> Iterator[Server]:
    """Make a cluster that syncs as a real one does, run it, and take it away."""
    folder = Path(f"/tmp/linli-pg-{os.getpid()}-{parent.name}")  # the path of a socket must be short
    folder.mkdir(mode=0o700)
    try:
        if os.geteuid() == 0:
            shutil.chown(folder, "postgres", "postgres")
        made = [_bin() / "initdb", "-D", folder / "data", "-U", "linli", "-A", "trust", "-E", "UTF8", "--no-sync"]
        subprocess.run([*_as_owner(), *made, "--locale=C.UTF-8"], check=True, stdout=subprocess.DEVNULL)
        with (folder / "data" / "postgresql.conf").open("a") as settings:
            settings.write(
                f"listen_addresses = ''\nunix_socket_directories = '{folder}'\nfsync = on\nshared_buffers = 32MB\n"
                "max_connections = 60\nautovacuum_naptime = 10s\n"
            )
        server = Server(folder, f"postgresql://linli@/postgres?host={folder}")
        server.start()
        try:
            yield server
        finally:
            if server.running is not None:
                server.stop("immediate")
    finally:
        shutil.rmtree(folder)


@cache
def _bin() -> Path:
    """Return the programs of the newest version that is installed; scripts/system asks for one."""
    return max(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))


def _as_owner() -> list[str]:
    """Return how to run a program as another than root, as whom PostgreSQL refuses to run."""
    return ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
