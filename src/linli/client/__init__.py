"""client: a small typed Python client of the platform's own API and of any NGSI-LD broker.

A question travels as one HTTP request, either over the network or, in the same process, straight into the ASGI
callable; the answer comes back as plain JSON values, or as `ClientProblem` with the node's own words. It counts its
requests by route. It never decides anything, keeps no state of the node, and repeats only what is safe to repeat.
"""

from ._client import BATCH_MAX, Client, Placed
from ._live import LiveEvent
from ._ngsild import AsyncNgsiLdClient
from ._ngsild_forms import BatchOutcome, Left, Near, Query, Refused, TemporalQuery
from ._ngsild_sync import NgsiLdClient
from ._transport import Answer, DirectTransport, HttpTransport, SyncHttpTransport, SyncTransport, Transport
from ._trouble import AlreadyThere, ClientProblem, NodeUnreachable, NotFound

__all__ = [
    "BATCH_MAX",
    "AlreadyThere",
    "Answer",
    "AsyncNgsiLdClient",
    "BatchOutcome",
    "Client",
    "ClientProblem",
    "DirectTransport",
    "HttpTransport",
    "Left",
    "LiveEvent",
    "Near",
    "NgsiLdClient",
    "NodeUnreachable",
    "NotFound",
    "Placed",
    "Query",
    "Refused",
    "SyncHttpTransport",
    "SyncTransport",
    "TemporalQuery",
    "Transport",
]
