"""dispatch: a call comes in, and someone who can help is on the way.

A call is one commit; the driver reads the change log behind its durable cursor and steps a pure machine, which decides
who is asked, when the next one is asked and when a person must be told that nobody can come; each step is one commit
again. What a helper or a caller answers (accept, arrive, confirm, ...) is one commit inside the request. dispatch knows
kinds of service and travel times only through `Kinds` and `Reach`; it never reads a map, a pack or a wall clock.

Start reading at _machine.py (what is decided), then _driver.py (how it becomes a commit), _commands.py (what people do)
and _views.py (what they see).
"""

from ._asks import Asked, Kind, Kinds, Mode, Reach, Rung, Words
from ._dispatch import Dispatch
from ._machine import Machine
from ._policy import POLICIES, Tuning
from ._rehearsal import Load, rehearse
from ._request import CallRequest, Placed

__all__ = [
    "POLICIES",
    "Asked",
    "CallRequest",
    "Dispatch",
    "Kind",
    "Kinds",
    "Load",
    "Machine",
    "Mode",
    "Placed",
    "Reach",
    "Rung",
    "Tuning",
    "Words",
    "rehearse",
]
