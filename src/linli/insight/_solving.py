"""A process of its own for each plan that is solved: the solver holds the interpreter, and it can be ended at any moment.

The problem goes in as an `.npz` on standard input, the answer comes out as JSON on standard output.
"""

from __future__ import annotations

import asyncio
import contextlib
import io
import sys
from asyncio.subprocess import PIPE
from dataclasses import asdict
from typing import Any

import numpy as np

from linli.base import read_json, write_json
from linli.base.errors import Busy

from ._coverage import AIMS, Placed, Problem, place

SPARE_S = 30.0  # to start, to build the model, and to say the answer
_START = "from linli.insight._solving import serve; serve()"


async def solved(problem: Problem, time_s: float) -> Placed:
    """Return `place` as a process of its own found it. Raises: Busy: it gave no answer."""
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", _START, stdin=PIPE, stdout=PIPE)
    try:
        async with asyncio.timeout(time_s + SPARE_S):
            answer, _ = await process.communicate(_packed(problem, time_s))
    except TimeoutError:
        answer = b""
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
    if not answer:
        raise Busy("The plan could not be solved in its time. Ask for fewer sites or cells.")
    found: dict[str, Any] = read_json(answer)
    return Placed(**{**found, "sites": tuple(found["sites"])})


def serve() -> None:
    """Solve the problem on standard input; runs in a process of its own."""
    with np.load(io.BytesIO(sys.stdin.buffer.read()), allow_pickle=False) as asked:
        problem = Problem(
            asked["people"],
            asked["seconds"],
            float(asked["limit_s"]),
            int(asked["count"]),
            asked["there"],
            AIMS[int(asked["aim"])],
        )
        found = place(problem, time_s=float(asked["time_s"]))
    sys.stdout.buffer.write(write_json(asdict(found)))


def _packed(problem: Problem, time_s: float) -> bytes:
    buffer = io.BytesIO()
    arrays: dict[str, Any] = {
        "people": problem.people,
        "seconds": problem.seconds,
        "there": problem.there,
        "limit_s": np.float64(problem.limit_s),
        "count": np.int64(problem.count),
        "aim": np.int64(AIMS.index(problem.aim)),
        "time_s": np.float64(time_s),
    }
    np.savez(buffer, allow_pickle=False, **arrays)
    return buffer.getvalue()
