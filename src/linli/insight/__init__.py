"""insight: what the district's data say about its places: the circle of every building, and where services are missing.

Buildings, places and closures come from the log into a table of travel times; what came out otherwise is written as
Circle entities. Planning asks the same table: who is not covered, and where the next place helps most.
It returns counts and cells of at least ten people, never a person.
"""

from ._cells import Cell, cells_of, merged
from ._circles import Circles
from ._insight import Insight
from ._picture import plan_geojson, plan_svg
from ._planning import Plan, Plans, Wish, worked_out
from ._spots import CIRCLE_MIN, Spot
from ._table import Reached

__all__ = [
    "CIRCLE_MIN",
    "Cell",
    "Circles",
    "Insight",
    "Plan",
    "Plans",
    "Reached",
    "Spot",
    "Wish",
    "cells_of",
    "merged",
    "plan_geojson",
    "plan_svg",
    "worked_out",
]
