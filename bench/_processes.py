"""What a running process and its children cost, read from /proc: memory and CPU time."""

from __future__ import annotations

import os
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")


def tree(pid: int) -> list[int]:
    """Return the process and all that it started, directly or not."""
    found = [pid]
    for process in found:
        for task in Path(f"/proc/{process}/task").glob("*/children"):
            found.extend(int(child) for child in task.read_text().split())
    return found


def pss_mb(pid: int) -> float:
    """Return the memory of the tree, shared pages counted by share (PSS).

    Units: megabytes of 1,000,000 bytes.
    """
    kib = 0
    for process in tree(pid):
        for line in Path(f"/proc/{process}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                kib += int(line.split()[1])
    return kib * 1024 / 1e6


def cpu_s(pid: int) -> float:
    """Return user and system time of the tree so far.

    Units: seconds, as fine as the kernel counts (0.01 s).
    """
    ticks = 0
    for process in tree(pid):
        fields = Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / _TICKS
