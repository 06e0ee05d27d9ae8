"""store: entities, their history, the change log, due timers and readers' cursors of one node; alone knows SQL.

A Change goes in through `commit`, the only write: it waits in a bounded queue (full: Busy), one writer thread puts
everything that arrived while the last commit ran into one transaction (each Change behind its own savepoint, so only the
guilty one is refused), syncs, and only then answers, all who waited by one call into the event loop. Reads never suspend
and see what was committed: who sees a log row sees at least that version of the entity. `wait_log` wakes the readers
after each commit; what a reader has done it says in its next Change (`cursor`), so a crash repeats and loses nothing.

SqliteStore keeps one file, which one process may have open (StartError else); `sync="off"` suits headless runs. `find`
begins at the narrowest of ids, keys, box, scopes and types. MemoryStore is the same promise as plain dicts, the model
that engines are held to. `check_file` and `restore_file` look after files that nobody has open.

What the store never does: decide who may, look inside a document, deliver, read a clock.
"""

from ._change import (
    AddPast,
    AuditRow,
    Box,
    Chain,
    Change,
    Committed,
    Delete,
    DropPast,
    DropRecord,
    EditPast,
    Fact,
    Find,
    LogRow,
    Look,
    Numbers,
    Past,
    Put,
    PutRecord,
    Record,
    Store,
    Stored,
    Timer,
)
from ._files import FileState, check_file, copy_file, restore_file, upgrade_file
from ._memory import MemoryStore
from ._opening import check_store, copy_store, open_store, restore_store, upgrade_store
from ._postgres import PostgresStore
from ._sqlite import SqliteStore

__all__ = [
    "AddPast",
    "AuditRow",
    "Box",
    "Chain",
    "Change",
    "Committed",
    "Delete",
    "DropPast",
    "DropRecord",
    "EditPast",
    "Fact",
    "FileState",
    "Find",
    "LogRow",
    "Look",
    "MemoryStore",
    "Numbers",
    "Past",
    "PostgresStore",
    "Put",
    "PutRecord",
    "Record",
    "SqliteStore",
    "Store",
    "Stored",
    "Timer",
    "check_file",
    "check_store",
    "copy_file",
    "copy_store",
    "open_store",
    "restore_file",
    "restore_store",
    "upgrade_file",
    "upgrade_store",
]
