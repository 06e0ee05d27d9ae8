"""trust: who may see and do what, deny by default, and who is signed in.

Every door makes an `Act` (who, for what purpose) and asks `allows(act, verb, thing) -> Decision`; the Decision names
the rule that decided, says how personal attributes may be shown, and carries the audit rows for the Change. In this
release the answer comes from a small table; a later one asks policies behind the same question. trust never reads an
entity by itself and never writes.
"""

from ._allow import AllowTable
from ._asked import Act, Decision, Principal, Shown, Thing, Verb
from ._audit import Seen, audit_row, read_row, trace_of
from ._chain import HashChain
from ._node_key import NodeSecret, is_signed
from ._sessions import Sessions

__all__ = [
    "Act",
    "AllowTable",
    "Decision",
    "HashChain",
    "NodeSecret",
    "Principal",
    "Seen",
    "Sessions",
    "Shown",
    "Thing",
    "Verb",
    "audit_row",
    "is_signed",
    "read_row",
    "trace_of",
]
