"""insight: what the district's data say about its places: the circle of every building, and where services are missing.

Buildings, places and closures come from the log into a table of travel times; what came out otherwise is written as
Circle entities. Planning asks the same table: who is not covered, and where the next place helps most.
It returns counts and cells of at least ten people, never a person.
"""

from ._circles import Circles
from ._spots import Spot
from ._table import Reached

__all__ = [
    "Circles",
    "Reached",
    "Spot",
]
