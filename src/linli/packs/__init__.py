"""packs: reads and checks service packs, the data that says which services there are and how fast they must come.

A pack is a folder with `pack.toml`; its form is checked key by key, then its rules, then its scenarios, and a wrong pack
is refused whole with every fault and its place. What is right becomes the kinds, skills and urgent words that dispatch
asks for, and stands as ServiceKind entities for everybody to read (`publish`). packs never runs code from a pack, never
decides about a call, and never touches the store.
"""

from ._packs import BUILTIN, Pack, Packs, load_pack, read_urgent_words
from ._publish import publish
from ._stage import play

__all__ = ["BUILTIN", "Pack", "Packs", "load_pack", "play", "publish", "read_urgent_words"]
