"""demo: a made-up district on a real or made-up street network, and its simulated people.

A scenario and a seed decide everything; the district goes in as entities by the public NGSI-LD door, then simulated
residents press and simulated helpers come, each through the same doors as anybody else. It imports no room that
decides or stores, and the platform works the same with this folder deleted.
"""

from ._district import District, Offered
from ._scenario import Scenario
from ._streets import made_up_network

__all__ = ["District", "Offered", "Scenario", "made_up_network"]
