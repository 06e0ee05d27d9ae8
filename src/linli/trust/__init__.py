"""trust: who may see and do what, deny by default, and who is signed in.

Every door makes an `Act` (who, for what purpose) and asks `allows(act, verb, thing) -> Decision`; the Decision names
the rule that decided, says how personal attributes may be shown, and carries the audit rows for the Change. In this
release the answer comes from a small table; a later one asks policies behind the same question. trust never reads an
entity by itself and never writes.
"""

from ._allow import AllowTable
from ._asked import Act, Decision, Principal, Shown, Thing, Verb
from ._audit import AuditEntry, audit_row, read_row, trace_of
from ._chain import HASH, HashChain
from ._checkpoints import WITNESS, Checkpoint, Notary, Witness, witness_at
from ._consent import Consents, ConsentSaid
from ._delegation import Delegations, Mandate
from ._identity import Identity
from ._keys import KEK_FILE, SUITE, Destroyed, Keys
from ._logins import AT_HOME, AT_WORK, IN_HOUSEHOLD, Login, Term
from ._minors import UNDER_14, Minors, age_band, begin_us, birthday, day_of, next_band_day
from ._node_key import NodeSecret, is_signed
from ._orders import EPIDEMIC, Order, Orders
from ._proofs import Proven, check_proof, prove
from ._receipts import erasure_receipt, is_receipt
from ._retention import SHORTER, Life, Retention, Said, Steady, end_us
from ._sealed import Sealed
from ._verifying import Fault, Trail, Verdict, verify

__all__ = [
    "AT_HOME",
    "AT_WORK",
    "EPIDEMIC",
    "HASH",
    "IN_HOUSEHOLD",
    "KEK_FILE",
    "SHORTER",
    "SUITE",
    "UNDER_14",
    "WITNESS",
    "Act",
    "AllowTable",
    "AuditEntry",
    "Checkpoint",
    "ConsentSaid",
    "Consents",
    "Decision",
    "Delegations",
    "Destroyed",
    "Fault",
    "HashChain",
    "Identity",
    "Keys",
    "Life",
    "Login",
    "Mandate",
    "Minors",
    "NodeSecret",
    "Notary",
    "Order",
    "Orders",
    "Principal",
    "Proven",
    "Retention",
    "Said",
    "Sealed",
    "Shown",
    "Steady",
    "Term",
    "Thing",
    "Trail",
    "Verb",
    "Verdict",
    "Witness",
    "age_band",
    "audit_row",
    "begin_us",
    "birthday",
    "check_proof",
    "day_of",
    "end_us",
    "erasure_receipt",
    "is_receipt",
    "is_signed",
    "next_band_day",
    "prove",
    "read_row",
    "trace_of",
    "verify",
    "witness_at",
]
