"""store: entities, their history, the change log, due timers and readers' cursors of one node; alone knows SQL.

A Change goes in through `commit`, the only write: it waits in a bounded queue, one writer thread puts everything that
arrived while the last commit ran into one transaction (each Change behind its own savepoint), syncs, and only then
answers. Reads see what was committed. What the store never does: decide who may, look inside a document, deliver.
"""

from ._change import (
    Box,
    Chain,
    Change,
    Committed,
    Delete,
    Fact,
    Find,
    LogRow,
    Put,
    Store,
    Stored,
    Timer,
)

__all__ = [
    "Box",
    "Chain",
    "Change",
    "Committed",
    "Delete",
    "Fact",
    "Find",
    "LogRow",
    "Put",
    "Store",
    "Stored",
    "Timer",
]
