"""client: a small typed Python client of the platform's own API and of its NGSI-LD door.

A question travels as one HTTP request, either over the network or, in the same process, straight into the ASGI
callable; the answer comes back as plain JSON values, or as `ClientProblem` with the node's own words. It counts its
requests by route. It never decides anything, keeps no state of the node, and repeats only what is safe to repeat.
"""

from ._client import BATCH_MAX, Client, Placed
from ._live import LiveEvent
from ._transport import Answer, DirectTransport, HttpTransport, Transport
from ._trouble import ClientProblem, NodeUnreachable

__all__ = [
    "BATCH_MAX",
    "Answer",
    "Client",
    "ClientProblem",
    "DirectTransport",
    "HttpTransport",
    "LiveEvent",
    "NodeUnreachable",
    "Placed",
    "Transport",
]
