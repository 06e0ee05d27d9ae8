"""broker: NGSI-LD over a store, under trust: every entity of the platform is read and written here.

A wire entity is expanded by the requester's @context into one document (names as IRIs, ours bare), checked by the
vocabulary when its type is ours, allowed by trust, and committed with its log rows and history; a read takes the way
back: candidates from the store, judged one by one, cut down to what the asker may see, compacted with his @context.
Engines of this process read and write the same entities as `Plain` and `Draft`, and follow `Broker.log`.
A @context is compiled once; one that is not here is fetched in the background only, from hosts that were allowed.
Subscribers are told of what was written by a reader of the log, through `egress`, in order and at least once.
Registrations say which other brokers hold what; they are kept, found and told of, and nothing is forwarded yet.
broker knows nothing of calls, cases or packs, and delivers nothing inside a request.
"""

from ._auditing import Look, Looks
from ._batches import Batch, Deed
from ._broker import Broker
from ._caps import Caps
from ._contexts import ContextKind, Contexts, Fetching, Held, Use
from ._filing import filing_form
from ._forgetting import WAIT_H, Erasing, Wish
from ._form import attribute_name
from ._geo import Geo, metres_outside, read_geo, read_place
from ._grammar import read_q, read_scope_q, read_selectors, read_types
from ._ground import TENANT
from ._held import Hold
from ._joining import LEVEL_MAX, Join
from ._keys import found_by
from ._language import read_languages
from ._log import Log
from ._maps import EntityMap, Mapped, MapWish, read_keep_us, read_map_id
from ._movements import Movement
from ._names import full_name
from ._order import Order, read_order
from ._patterns import read_pattern
from ._plain import Draft, Plain
from ._projection import MEMBERS, Projection, read_members
from ._query import Node, Query
from ._reading import Page
from ._source_query import read_source_query
from ._spelling import checked_id, checked_name
from ._telling import KEEP_S
from ._temporal import Evolutions, Paging
from ._temporal_query import Form as TemporalForm
from ._temporal_query import Span, read_span
from ._terms import Terms
from ._via import came_by

__all__ = [
    "KEEP_S",
    "LEVEL_MAX",
    "MEMBERS",
    "TENANT",
    "WAIT_H",
    "Batch",
    "Broker",
    "Caps",
    "ContextKind",
    "Contexts",
    "Deed",
    "Draft",
    "EntityMap",
    "Erasing",
    "Evolutions",
    "Fetching",
    "Geo",
    "Held",
    "Hold",
    "Join",
    "Log",
    "Look",
    "Looks",
    "MapWish",
    "Mapped",
    "Movement",
    "Node",
    "Order",
    "Page",
    "Paging",
    "Plain",
    "Projection",
    "Query",
    "Span",
    "TemporalForm",
    "Terms",
    "Use",
    "Wish",
    "attribute_name",
    "came_by",
    "checked_id",
    "checked_name",
    "filing_form",
    "found_by",
    "full_name",
    "metres_outside",
    "read_geo",
    "read_keep_us",
    "read_languages",
    "read_map_id",
    "read_members",
    "read_order",
    "read_pattern",
    "read_place",
    "read_q",
    "read_scope_q",
    "read_selectors",
    "read_source_query",
    "read_span",
    "read_types",
]
