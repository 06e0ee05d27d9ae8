"""store: entities, their history, the change log, due timers and readers' cursors of one node; alone knows SQL.

A Change goes in through `commit`, the only write: it waits in a bounded queue, one writer thread puts everything that
arrived while the last commit ran into one transaction (each Change behind its own savepoint), syncs, and only then
answers. Reads see what was committed. What the store never does: decide who may, look inside a document, deliver.
"""

from ._change import (
    AuditRow,
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
from ._files import FileState, check_file, copy_file, restore_file
from ._memory import MemoryStore
from ._sqlite import SqliteStore

__all__ = [
    "AuditRow",
    "Box",
    "Chain",
    "Change",
    "Committed",
    "Delete",
    "Fact",
    "FileState",
    "Find",
    "LogRow",
    "MemoryStore",
    "Put",
    "SqliteStore",
    "Store",
    "Stored",
    "Timer",
    "check_file",
    "copy_file",
    "restore_file",
]
