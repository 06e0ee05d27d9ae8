"""egress: the only code that opens an outgoing connection for the rooms above; it carries the guard.

A request travels so: the URL is held against the rules (`check`: scheme, port, spelling of the host, no user in http),
the host is resolved once, every address it has must be a public one, the connection goes to exactly such an address with
the name only in SNI and Host, and the answer comes back cut to its cap within the time allowed. Connections are kept and
used again, a bounded number to each target. A host that the operator lists in `egress.allow` is exempt from the rules
about scheme, port and address, from nothing else. Mail goes to the one relay that the operator names.
egress never follows a redirect, never asks the environment for a proxy, keeps no cookie, unpacks nothing, and never tells
a caller to which address a name led.
"""

from ._egress import ALLOW, CA_FILE, CONNECT_S, SCHEMES, TOTAL_S, Egress
from ._http import Request, Response, check_header
from ._mail import Mail, relay_of
from ._mqtt import MqttVersion
from ._targets import Target

__all__ = [
    "ALLOW",
    "CA_FILE",
    "CONNECT_S",
    "SCHEMES",
    "TOTAL_S",
    "Egress",
    "Mail",
    "MqttVersion",
    "Request",
    "Response",
    "Target",
    "check_header",
    "relay_of",
]
