"""trust: who may see and do what, deny by default, and who is signed in.

Every door makes an `Act` (who, for what purpose) and asks `allows(act, verb, thing) -> Decision`; the Decision names
the rule that decided, says how personal attributes may be shown, and carries the audit rows for the Change. In this
release the answer comes from a small table; a later one asks policies behind the same question. trust never reads an
entity by itself and never writes.
"""

from ._allow import AllowTable
from ._asked import Act, Decision, Principal, Shown, Thing, Verb
from ._sessions import NodeSecret, Sessions

__all__ = ["Act", "AllowTable", "Decision", "NodeSecret", "Principal", "Sessions", "Shown", "Thing", "Verb"]
