"""travel: how long it takes from here to there on a real street network, by which way, and what lies within reach.

A map file is read once, cut at junctions and kept as arrays; a place is joined to its nearest street; one search with
a limit answers who can come in time. Streets may be closed for a while, at once and for every question.
It knows nothing of people, calls or communities, and never goes online."""

from ._closures import Closure
from ._network import OSM_LICENCE, SNAP_M_MAX, Box, Direction, Network
from ._places import Places
from ._profiles import MODES, Mode, Profile, default_profiles
from ._route import Route
from ._snap import Snap
from ._ways import Street

__all__ = [
    "MODES",
    "OSM_LICENCE",
    "SNAP_M_MAX",
    "Box",
    "Closure",
    "Direction",
    "Mode",
    "Network",
    "Places",
    "Profile",
    "Route",
    "Snap",
    "Street",
    "default_profiles",
]
