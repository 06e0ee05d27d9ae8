"""The common life of a call, as far as packs and their scenarios speak of it (in snake_case, as packs are written)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

WAITING = frozenset({"received", "triaged", "offered", "no_provider"})
BEFORE_SITE = WAITING | {"accepted", "en_route"}
BEFORE_DONE = BEFORE_SITE | {"on_site"}
STATES = BEFORE_DONE | {
    "done", "confirmed", "closed", "unreachable", "escalated", "handed_over", "false_alarm", "cancelled", "reopened",
    "on_hold",
}  # fmt: skip

#: What a pack's role may be allowed to do.
TRANSITIONS = frozenset(
    {"accept", "decline", "depart", "arrive", "finish", "confirm", "rate", "reopen", "cancel", "hold", "false_alarm",
     "acknowledge", "offer"}
)  # fmt: skip


#: What the figures of a pack (kpi) may count of a call; seconds are counted from its receipt, -1 = never came to it.
MEASURES = frozenset(
    {"ack_s", "accept_s", "arrive_s", "done_s", "confirm_s", "state", "urgency", "level", "offers", "declines",
     "presses", "reopened", "rating", "by_timeout", "crossing", "mouth", "late"}
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Turn:
    """What a step of a scenario does: in which states it may happen, and in which the call may stand after it."""

    before: frozenset[str]
    after: frozenset[str]
    by: bool = False


_SEARCHING = frozenset({"triaged", "offered", "no_provider"})
#: with `confirm = "none"` nobody is asked
_FINISHED = frozenset({"done", "confirmed"})

#: `press` is the only step that may come first. `by`: the step names the helper who acts or is asked.
TURNS: Mapping[str, Turn] = {
    "press": Turn(frozenset(), frozenset({"received"}) | _SEARCHING),
    "offer": Turn(frozenset({"received"}) | _SEARCHING, frozenset({"offered"}), by=True),
    "accept": Turn(frozenset({"offered"}), frozenset({"accepted"}), by=True),
    "decline": Turn(frozenset({"offered"}), _SEARCHING, by=True),
    "timeout": Turn(frozenset({"offered"}), _SEARCHING, by=True),
    "rung": Turn(WAITING, WAITING),
    "depart": Turn(frozenset({"accepted"}), frozenset({"en_route"}), by=True),
    "arrive": Turn(frozenset({"accepted", "en_route"}), frozenset({"on_site"}), by=True),
    "finish": Turn(frozenset({"on_site"}), _FINISHED, by=True),
    "confirm": Turn(frozenset({"done"}), frozenset({"confirmed"})),
    "confirm_timeout": Turn(frozenset({"done"}), frozenset({"confirmed"})),
    "close": Turn(frozenset({"confirmed"}), frozenset({"closed"})),
    "cancel": Turn(BEFORE_SITE, frozenset({"cancelled"})),
    "reopen": Turn(frozenset({"done", "confirmed", "closed"}), _SEARCHING),
    "false_alarm": Turn(BEFORE_DONE, frozenset({"false_alarm"})),
}

_OPEN_DUTY = frozenset({"triaged"})

#: The turns of what the desk does: nobody is looked for, and nobody travels.
DESK_TURNS: Mapping[str, Turn] = {
    "press": Turn(frozenset(), _OPEN_DUTY),
    "rung": Turn(_OPEN_DUTY, _OPEN_DUTY),
    "take": Turn(_OPEN_DUTY, frozenset({"accepted"})),
    "finish": Turn(frozenset({"accepted"}), _FINISHED),
    **{name: TURNS[name] for name in ("confirm", "confirm_timeout", "close")},
    "cancel": Turn(_OPEN_DUTY | {"accepted"}, frozenset({"cancelled"})),
    "reopen": Turn(TURNS["reopen"].before, _OPEN_DUTY),
    "false_alarm": Turn(_OPEN_DUTY | {"accepted"}, frozenset({"false_alarm"})),
}
