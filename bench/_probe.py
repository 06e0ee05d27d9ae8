"""What the machine can do in this very minute: a figure without it cannot be set beside another."""

from __future__ import annotations

import os
import platform
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parents[1]


def fsync_ms(seconds: float = 0.5) -> tuple[float, float]:
    """Return the median and the 99th percentile of writing and syncing 4 KiB.

    Units: milliseconds.
    """
    took = []
    with tempfile.TemporaryFile(dir=ROOT) as file:
        end = time.perf_counter() + seconds
        while (begin := time.perf_counter()) < end or not took:
            file.write(b"x" * 4096)
            file.flush()
            os.fdatasync(file.fileno())
            took.append(time.perf_counter() - begin)
    p50, p99 = np.percentile(took, [50, 99]) * 1000
    return round(float(p50), 3), round(float(p99), 3)


def loop_ms(rounds: int = 200_000) -> float:
    """Return the CPU time of a fixed loop of plain Python; it shows how fast the processor runs at present.

    Units: milliseconds.
    """
    begin = time.thread_time()
    total = 0
    for number in range(rounds):
        total += number & 7
    return round((time.thread_time() - begin) * 1000, 3)


def environment() -> dict[str, Any]:
    """Return what belongs beside every figure; no name of a machine or a person."""
    p50, p99 = fsync_ms()
    return {
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "system": platform.system(),
        "load1": round(os.getloadavg()[0], 2),
        "loop_ms": loop_ms(),
        "fsync_p50_ms": p50,
        "fsync_p99_ms": p99,
        "commit": commit(),
    }


def commit() -> str:
    """Return the short hash of the commit that stands here, with + when files differ from it."""
    shown = subprocess.run(
        ["git", "describe", "--always", "--dirty=+", "--exclude=*"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    return shown.stdout.strip() or "unknown"


def saying(body: bytes) -> Any:
    """Return an application that always answers the same: the least that any ASGI application has to do."""
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]

    async def app(_: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    return app
