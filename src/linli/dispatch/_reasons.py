"""Why this helper, and why nobody: the reasons that stand beside every match and every shortage, as counts.

The steps of the cascade come in one fixed order, so that counts compare over days. No reason names another resident
or a place; helpers stand in it by id, and only workers are shown those.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from linli.base import SECOND_US, to_wire_time

from ._asks import Kind
from ._entities import Call
from ._roster import MODES, Flags, Roster, Slots

NEXT_BEST = 3


@dataclass(frozen=True, slots=True)
class Sight:
    """One call seen against all slots of the roster. Shapes (n,): every flag says yes for a possible helper.

    `seconds` is inf out of reach; for helpers who are busy it may be as old as the call.
    """

    registered: Flags
    skill: Flags
    certificate: Flags
    on_shift: Flags
    in_reach: Flags
    unasked: Flags
    own: Flags
    idle: Flags
    seconds: NDArray[np.float32]

    def steps(self) -> list[tuple[str, Flags]]:
        """Return the steps of the cascade in their fixed order."""
        return [
            ("registered", self.registered),
            ("skill", self.skill),
            ("certificateValid", self.certificate),
            ("onShift", self.on_shift),
            ("inReach", self.in_reach),
            ("ownCommunity", self.own),
            ("notAsked", self.unasked),
            ("idle", self.idle),
        ]


def excluded(sight: Sight) -> dict[str, int]:
    """Return how many registered helpers were left out, each counted at the first step that he fails."""
    names = {
        "skill": "skill",
        "certificateValid": "skill",
        "onShift": "shift",
        "inReach": "outOfReach",
        "ownCommunity": "border",
        "notAsked": "declined",
        "idle": "busy",
    }
    counts = dict.fromkeys(("skill", "shift", "busy", "outOfReach", "declined"), 0)
    left = sight.registered
    for step, flags in sight.steps()[1:]:
        out = int(np.count_nonzero(left & ~flags))
        if out or names[step] in counts:
            counts[names[step]] = counts.get(names[step], 0) + out
        left = left & flags
    return counts


def candidates(sight: Sight) -> Flags:
    """Return who could be asked now."""
    flags = sight.registered
    for _, step in sight.steps()[1:]:
        flags = flags & step
    return flags


def nearest_first(sight: Sight, roster: Roster) -> Slots:
    """Return the slots of all who could be asked now, the nearest first, ties by id."""
    order = roster.order()
    possible = order[candidates(sight)[order]]
    return possible[np.argsort(sight.seconds[possible], kind="stable")]


def why(call: Call, kind: Kind, sight: Sight, slot: int, *, roster: Roster, now_us: int) -> dict[str, Any]:
    """Return the reason for asking the helper in `slot`."""
    ranked = nearest_first(sight, roster)
    places = np.flatnonzero(ranked == slot)
    at_home = roster.covers(call.home) & sight.skill & sight.certificate
    return {
        "skill": list(kind.skills),
        "travel": round(float(sight.seconds[slot])),
        "mode": MODES[int(roster.mode[slot])],
        "waited": max(0, (now_us - call.received_us) // SECOND_US),
        "border": not bool(roster.covers(call.home)[slot]),
        "homeCommunity": call.home,
        "rank": int(places[0]) + 1 if len(places) else 0,
        "of": len(ranked),
        "nextBest": [
            {"helper": roster.ids[one], "travel": round(float(sight.seconds[one]))}
            for one in ranked[: NEXT_BEST + 1].tolist()
            if one != slot
        ][:NEXT_BEST],
        "excluded": excluded(sight),
        "home": {
            "onShift": int(np.count_nonzero(at_home & sight.on_shift)),
            "idle": int(np.count_nonzero(at_home & sight.on_shift & sight.idle)),
            "could": int(np.count_nonzero(roster.covers(call.home)[ranked])),
        },
    }


def shortage(kind: Kind, sight: Sight, free_us: dict[int, int], now_us: int) -> dict[str, Any]:
    """Return why nobody can be asked, and what would help.

    `free_us`: for busy slots, when they are expected to be free. `bindingStep` is the first step that nobody passes.
    """
    left = sight.registered
    counts: list[tuple[str, int]] = [("registered", int(np.count_nonzero(left)))]
    for step, flags in sight.steps()[1:]:
        left = left & flags
        counts.append((step, int(np.count_nonzero(left))))
    binding = next((step for step, count in counts if count == 0), "matched")
    found: dict[str, Any] = {
        "asked": {"skills": list(kind.skills), "withinMin": kind.arrive_within_min},
        "at": to_wire_time(now_us // SECOND_US * SECOND_US),
        "step": counts,
        "bindingStep": binding,
        "wouldHelp": _would_help(sight),
    }
    earliest = _earliest_us(sight, free_us, now_us)
    if earliest is not None:
        found["earliest"] = to_wire_time(earliest // SECOND_US * SECOND_US)
    return found


def hopeless(found: dict[str, Any]) -> bool:
    """Tell whether nobody at all can become free for it: waiting alone will not help, a person must be told now."""
    return found["bindingStep"] not in ("idle", "notAsked", "matched")


def _would_help(sight: Sight) -> list[dict[str, Any]]:
    """Run the cascade again with one step relaxed, each in turn."""
    steps = sight.steps()[1:]
    gains = []
    for relaxed, _ in steps:
        flags = sight.registered
        for step, one in steps:
            if step != relaxed:
                flags = flags & one
        if count := int(np.count_nonzero(flags)):
            gains.append({"relax": relaxed, "more": count})
    return gains


def _earliest_us(sight: Sight, free_us: dict[int, int], now_us: int) -> int | None:
    """Return when somebody who is busy now could be there at the earliest."""
    could = sight.registered & sight.skill & sight.certificate & sight.on_shift & sight.in_reach & sight.own
    arrivals = [
        max(free, now_us) + int(sight.seconds[slot]) * SECOND_US for slot, free in free_us.items() if could[slot]
    ]
    return min(arrivals, default=None)
