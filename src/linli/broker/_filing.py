"""In which form the store files entities: a number that changes whenever other attributes get keys.

What an older program wrote lacks the keys that were named since, and would not be found by them. So whoever opens a database
compares this number with the one that is noted there.
"""

from __future__ import annotations

import hashlib

import orjson

from linli.vocab import Vocab

from ._keys import Keys
from ._names import Names

_BITS = 62


def filing_form(vocab: Vocab) -> int:
    """Return the number of the form in which this program files entities; never 0."""
    keys = Keys(vocab, Names(vocab))
    said = {name: sorted(short for _, short in keys.of_type(name)) for name in vocab.types}
    digest = hashlib.sha256(orjson.dumps(said, option=orjson.OPT_SORT_KEYS)).digest()
    return int.from_bytes(digest[:8], "big") >> (64 - _BITS) | 1
