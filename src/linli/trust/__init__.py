"""trust: who may see and do what, deny by default, and who is signed in.

Every door makes an `Act` (who, for what purpose) and asks `Policies.allows(act, verb, thing) -> Decision`. The rules are
Cedar files in `policies/`, and what none of them permits is denied; the Decision names the rules that decided, says for
each class of privacy how attributes may be shown, and carries the audit rows for the Change. For lists the same rules
are worked out beforehand into a `Filter`. trust never decides about an entity by its personal values.

Who is signed in stands in `Identity`: accounts, invitations, passkeys, codes, cards, the district's own provider, tokens for
programs. A proof (a signed challenge, a code, a link) is used up in the transaction that opens the sign-in, so it is good
once; a sign-in is found under the hash of its token, answered from memory, and read anew each second.
"""

from ._accounts import OWN, STAFF, Account
from ._allow import Explanation, Filter, Policies, Reach, Rule
from ._asked import FOREVER_US, FULL, MASKED, PUBLIC, Act, Decision, Level, Principal, Shown, Thing, Verb
from ._audit import AuditEntry, audit_row, read_row, trace_of
from ._blind import normal
from ._cards import Printed
from ._cards import spelt as card_number
from ._chain import HASH, HashChain
from ._checkpoints import WITNESS, Checkpoint, Notary, Witness, witness_at
from ._client_keys import client_keys, made_client_key
from ._clients import ClientApp
from ._codes import Codes, People, Right, Somebody
from ._consent import Consents, ConsentSaid
from ._delegation import Delegations, Mandate
from ._identity import CARD, Identity
from ._inspecting import Inspection, told
from ._invitations import Invitation
from ._keys import KEK_FILE, SUITE, Destroyed, Keys
from ._logins import AT_HOME, AT_WORK, IN_HOUSEHOLD, Login, Term
from ._messages import Messages, messages_of
from ._minors import UNDER_14, Minors, age_band, begin_us, birthday, day_of, next_band_day
from ._node_key import NodeSecret, is_signed
from ._oidc import OtherProvider
from ._orders import EPIDEMIC, Order, Orders
from ._passkeys import Site
from ._proofs import Proven, check_proof, prove
from ._provider import GrantRefused, Wanted
from ._receipts import erasure_receipt, is_receipt
from ._refiling import Refiling
from ._refusals import Refusals
from ._resealing import Resealing
from ._retention import ENDS_WITH, SHORTER, Life, Retention, Said, Steady, end_us
from ._sealed import Sealed
from ._verifying import Fault, Trail, Verdict, verify

__all__ = [
    "AT_HOME",
    "AT_WORK",
    "CARD",
    "ENDS_WITH",
    "EPIDEMIC",
    "FOREVER_US",
    "FULL",
    "HASH",
    "IN_HOUSEHOLD",
    "KEK_FILE",
    "MASKED",
    "OWN",
    "PUBLIC",
    "SHORTER",
    "STAFF",
    "SUITE",
    "UNDER_14",
    "WITNESS",
    "Account",
    "Act",
    "AuditEntry",
    "Checkpoint",
    "ClientApp",
    "Codes",
    "ConsentSaid",
    "Consents",
    "Decision",
    "Delegations",
    "Destroyed",
    "Explanation",
    "Fault",
    "Filter",
    "GrantRefused",
    "HashChain",
    "Identity",
    "Inspection",
    "Invitation",
    "Keys",
    "Level",
    "Life",
    "Login",
    "Mandate",
    "Messages",
    "Minors",
    "NodeSecret",
    "Notary",
    "Order",
    "Orders",
    "OtherProvider",
    "People",
    "Policies",
    "Principal",
    "Printed",
    "Proven",
    "Reach",
    "Refiling",
    "Refusals",
    "Resealing",
    "Retention",
    "Right",
    "Rule",
    "Said",
    "Sealed",
    "Shown",
    "Site",
    "Somebody",
    "Steady",
    "Term",
    "Thing",
    "Trail",
    "Verb",
    "Verdict",
    "Wanted",
    "Witness",
    "age_band",
    "audit_row",
    "begin_us",
    "birthday",
    "card_number",
    "check_proof",
    "client_keys",
    "day_of",
    "end_us",
    "erasure_receipt",
    "is_receipt",
    "is_signed",
    "made_client_key",
    "messages_of",
    "next_band_day",
    "normal",
    "prove",
    "read_row",
    "told",
    "trace_of",
    "verify",
    "witness_at",
]
