"""store: entities, their history, records, the change log, timers and cursors of one node; alone knows SQL.

A Change goes in through `commit`, the only write: it waits in a bounded queue (full: Busy). One writer takes all that
arrived while the last commit ran, plays each Change in a ledger (where it may be refused, at no cost to the others),
writes what the ledger gathered table by table in one transaction, syncs, and only then answers all who waited. Reads see
what was committed: who sees a log row sees at least that version of the entity. `wait_log` wakes the readers after each
commit; what a reader has done it says in its next Change (`cursor`), so a crash repeats and loses nothing.

`open_store` opens what an address names. SqliteStore keeps one file, which one process may have open (StartError else);
its reads never suspend, and of types that are often searched by place it keeps charts in memory. PostgresStore keeps one schema, which several processes may share: one of them appends at a time,
the others hear of it by NOTIFY, and `lead` says who does what only one may do. MemoryStore is the same promise as plain
dicts, the model that the engines are held to. An older store is brought up to date when it is opened. `check_store`,
`copy_store`, `restore_store` and `upgrade_store` look after stores that nobody has open. A KeyBook is a file apart, which keeps
wrapped keys for trust and stands in no backup.

History is asked by `past`, `numbers` and `as_of`. The first value of an attribute comes there only when it is overwritten:
while it stands, the entity itself is its history.

What the store never does: decide who may, look inside a document (but for the `looks` of a Find), deliver, read a clock.
"""

from ._change import (
    AddPast,
    AuditRow,
    Box,
    By,
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
    PastChange,
    Put,
    PutRecord,
    Record,
    Rewrite,
    RewritePast,
    RewriteRecord,
    Rewriting,
    Store,
    Stored,
    Timer,
)
from ._files import FileState, check_file, copy_file, restore_file, upgrade_file
from ._keybook import KeyBook, KeyRow
from ._memory import MemoryStore
from ._opening import check_store, compact_store, copy_store, open_store, restore_store, upgrade_store
from ._postgres import PostgresStore
from ._shelf import Shelf
from ._snapshot import Snapshot, snapshot
from ._sqlite import SqliteStore

__all__ = [
    "AddPast",
    "AuditRow",
    "Box",
    "By",
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
    "KeyBook",
    "KeyRow",
    "LogRow",
    "Look",
    "MemoryStore",
    "Numbers",
    "Past",
    "PastChange",
    "PostgresStore",
    "Put",
    "PutRecord",
    "Record",
    "Rewrite",
    "RewritePast",
    "RewriteRecord",
    "Rewriting",
    "Shelf",
    "Snapshot",
    "SqliteStore",
    "Store",
    "Stored",
    "Timer",
    "check_file",
    "check_store",
    "compact_store",
    "copy_file",
    "copy_store",
    "open_store",
    "restore_file",
    "restore_store",
    "snapshot",
    "upgrade_file",
    "upgrade_store",
]
