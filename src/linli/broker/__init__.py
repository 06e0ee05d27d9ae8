"""broker: NGSI-LD over a store, under trust: every entity of the platform is read and written here.

A wire entity is expanded by the requester's @context into one document (names as IRIs, ours bare), checked by the
vocabulary when its type is ours, allowed by trust, and committed with its log rows and history; a read takes the way
back: candidates from the store, judged one by one, cut down to what the asker may see, compacted with his @context.
Engines of this process read and write the same entities as `Plain` and `Draft`, and follow `Broker.log`.
broker knows nothing of calls, cases or packs, delivers nothing inside a request and never fetches a @context.
"""

from ._batches import BATCH_MAX, Batch
from ._broker import Broker
from ._contexts import ContextKind, Contexts, Fetching, Held, Use
from ._form import checked_id, checked_name
from ._ground import TENANT
from ._log import Log
from ._plain import Draft, Plain
from ._query import Node, Query, read_near, read_q, read_scope_q, read_types
from ._reading import Page
from ._render import Projection
from ._terms import Terms

__all__ = [
    "BATCH_MAX",
    "TENANT",
    "Batch",
    "Broker",
    "ContextKind",
    "Contexts",
    "Draft",
    "Fetching",
    "Held",
    "Log",
    "Node",
    "Page",
    "Plain",
    "Projection",
    "Query",
    "Terms",
    "Use",
    "checked_id",
    "checked_name",
    "read_near",
    "read_q",
    "read_scope_q",
    "read_types",
]
