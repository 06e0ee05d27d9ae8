"""The worker process for large matrices: a search holds the interpreter, and the server must go on answering.

The parent starts the worker when it is first needed and sends it the graphs, then one question after the other through
its standard input; the worker ends when that closes, so also when the parent is killed. A frame is a length of 8 bytes
and as many bytes of content; a question is an `.npz` of arrays, an answer a `.npy`.
"""

from __future__ import annotations

import asyncio
import contextlib
import io
import struct
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Mapping
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from linli.base.errors import Busy

from ._matrix import matrix_minutes
from ._profiles import MODES, Mode
from ._roads import GRAPH_ARRAYS, Graph

WAITING_MAX = 8
ANSWER_S_MAX = 60.0
_LENGTH = struct.Struct("<Q")
_START = "from linli.travel._worker import serve; serve()"


class MatrixWorker:
    """One worker process, started when it is needed, again when it died."""

    def __init__(self, graphs: Mapping[Mode, Graph]) -> None:
        """Remember the graphs; nothing is started yet."""
        self._graphs = graphs
        self._process: Process | None = None
        self._turn = asyncio.Lock()
        self._waiting = 0

    async def matrix(
        self, src: NDArray[np.int64], dst: NDArray[np.int64], limit_min: float, mode: Mode
    ) -> NDArray[np.float32]:
        """Return `matrix_minutes` as the worker found it.

        Raises: Busy: too many wait already, or the worker gave no answer in time.
        """
        if self._waiting >= WAITING_MAX:
            raise Busy("Too many travel tables are being reckoned at this moment. Try again in a second.")
        question = _packed(src=src, dst=dst, limit_min=np.float64(limit_min), mode=np.int64(MODES.index(mode)))
        self._waiting += 1
        try:
            async with self._turn:
                return await self._ask(question)
        finally:
            self._waiting -= 1

    async def close(self) -> None:
        """End the worker."""
        process, self._process = self._process, None
        if process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
        # A pipe that is only dropped would warn when it is collected after its loop.
        getattr(process, "_transport").close()  # noqa: B009 - asyncio offers no public name for it

    async def _ask(self, question: bytes) -> NDArray[np.float32]:
        answered = False
        try:
            async with asyncio.timeout(ANSWER_S_MAX):
                process = await self._started()
                answer = await _exchange(process, question)
            answered = True
        except (TimeoutError, OSError, EOFError) as error:
            raise Busy("The travel table could not be reckoned. Try again in a second.", why=repr(error)) from error
        finally:
            if not answered:  # a question given up half-way would leave its answer for the next one
                await self.close()
        found: NDArray[np.float32] = np.load(io.BytesIO(answer), allow_pickle=False)
        return found

    async def _started(self) -> Process:
        if self._process is not None and self._process.returncode is None:
            return self._process
        graphs = await asyncio.to_thread(_packed_graphs, self._graphs)
        self._process = await asyncio.create_subprocess_exec(sys.executable, "-c", _START, stdin=PIPE, stdout=PIPE)
        await _exchange(self._process, graphs)
        return self._process


def serve() -> None:
    """Answer questions on standard input until it closes; runs in the worker process."""
    source, sink = sys.stdin.buffer, sys.stdout.buffer
    graphs = _graphs_of(_read(source))
    _write(sink, b"")
    while frame := _read(source):
        with np.load(io.BytesIO(frame), allow_pickle=False) as asked:
            graph = graphs[MODES[int(asked["mode"])]]
            found = matrix_minutes(graph, asked["src"], asked["dst"], float(asked["limit_min"]))
        answer = io.BytesIO()
        np.save(answer, found, allow_pickle=False)
        _write(sink, answer.getvalue())


async def _exchange(process: Process, frame: bytes) -> bytes:
    into, out = process.stdin, process.stdout
    if into is None or out is None:
        raise EOFError
    into.writelines((_LENGTH.pack(len(frame)), frame))
    await into.drain()
    (length,) = _LENGTH.unpack(await out.readexactly(_LENGTH.size))
    return await out.readexactly(length)


def _read(source: BinaryIO) -> bytes:
    head = source.read(_LENGTH.size)
    if len(head) < _LENGTH.size:
        return b""
    return source.read(_LENGTH.unpack(head)[0])


def _write(sink: BinaryIO, frame: bytes) -> None:
    sink.write(_LENGTH.pack(len(frame)) + frame)
    sink.flush()


def _packed(**arrays: Any) -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=False, **arrays)
    return buffer.getvalue()


def _packed_graphs(graphs: Mapping[Mode, Graph]) -> bytes:
    return _packed(
        **{f"{mode}_{name}": getattr(graph, name) for mode, graph in graphs.items() for name in GRAPH_ARRAYS}
    )


def _graphs_of(frame: bytes) -> dict[Mode, Graph]:
    with np.load(io.BytesIO(frame), allow_pickle=False) as arrays:
        return {mode: Graph(**{name: arrays[f"{mode}_{name}"] for name in GRAPH_ARRAYS}) for mode in MODES}
