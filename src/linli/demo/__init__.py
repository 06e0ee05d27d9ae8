"""demo: a made-up district on a real or made-up street network, and its simulated people.

A scenario and a seed decide everything; the district goes in as entities by the public NGSI-LD door, then simulated
residents press and simulated helpers come, each through the same doors as anybody else. It imports no room that
decides or stores, and the platform works the same with this folder deleted.
"""

from ._district import District, Offered
from ._headless import Pacer, run_headless
from ._live import run_live
from ._loading import Loaded, load
from ._scenario import Scenario
from ._streets import made_up_network
from ._summary import aggregate, without_wall
from ._territory import HOME_SCOPE

__all__ = [
    "HOME_SCOPE",
    "District",
    "Loaded",
    "Offered",
    "Pacer",
    "Scenario",
    "aggregate",
    "load",
    "made_up_network",
    "run_headless",
    "run_live",
    "without_wall",
]
