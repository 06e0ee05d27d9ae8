"""trust: who may see and do what, deny by default, and who is signed in.

Every door makes an `Act` (who, for what purpose) and asks `Policies.allows(act, verb, thing) -> Decision`. The rules are
Cedar files in `policies/`, and what none of them permits is denied; the Decision names the rules that decided, says for
each class of privacy how attributes may be shown, and carries the audit rows for the Change. For lists the same rules
are worked out beforehand into a `Filter`. trust never decides about an entity by its personal values.
"""

from ._allow import Explanation, Filter, Policies, Reach, Rule
from ._asked import FOREVER_US, FULL, MASKED, PUBLIC, Act, Decision, Level, Principal, Shown, Thing, Verb
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
    "FOREVER_US",
    "FULL",
    "HASH",
    "IN_HOUSEHOLD",
    "KEK_FILE",
    "MASKED",
    "PUBLIC",
    "SHORTER",
    "SUITE",
    "UNDER_14",
    "WITNESS",
    "Act",
    "AuditEntry",
    "Checkpoint",
    "ConsentSaid",
    "Consents",
    "Decision",
    "Delegations",
    "Destroyed",
    "Explanation",
    "Fault",
    "Filter",
    "HashChain",
    "Identity",
    "Keys",
    "Level",
    "Life",
    "Login",
    "Mandate",
    "Minors",
    "NodeSecret",
    "Notary",
    "Order",
    "Orders",
    "Policies",
    "Principal",
    "Proven",
    "Reach",
    "Retention",
    "Rule",
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
