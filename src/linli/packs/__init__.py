"""packs: reads and checks service packs, the data that says which services there are and how fast they must come.

A pack is a folder with `pack.toml`; its form is checked key by key, then its rules, then what stands beside it, and a
wrong pack is refused whole with every fault, its line and its place. What is right becomes the kinds, skills and urgent
words that dispatch asks for, with other figures where an area has some, and stands as ServiceKind entities for everybody
to read (`publish`). A call keeps the exact version it began with. What recurs is placed by `Planner` when it falls due.
A pack is tried on the real engine in memory (`play`, `simulate`), understood (`hear`) and described (`page_of`).
packs never runs code from a pack, never decides about a call, and never writes but through dispatch and broker.
"""

from ._catalogue import Catalogue
from ._hearing import Heard, hear
from ._kept import Kept
from ._packs import BUILTIN, Pack, Packs, Sources, load_pack, read_urgent_words
from ._page import page_of, simulated_table
from ._planner import Planner
from ._publish import publish
from ._simulate import simulate
from ._stage import play
from ._starting import new_pack, with_answers
from ._stories import story_files

__all__ = [
    "BUILTIN",
    "Catalogue",
    "Heard",
    "Kept",
    "Pack",
    "Packs",
    "Planner",
    "Sources",
    "hear",
    "load_pack",
    "new_pack",
    "page_of",
    "play",
    "publish",
    "read_urgent_words",
    "simulate",
    "simulated_table",
    "story_files",
    "with_answers",
]
